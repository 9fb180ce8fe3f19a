//! `wharf search TERM`

use serde_json::json;

use super::output;
use super::question_args::SearchArgs;
use super::{Context, Error, Outcome, OutputFormat, repos};
use crate::engine::FoundRepository;
use crate::oci::{Reference, printable};

/// Finds repositories by words.
pub async fn run(args: &SearchArgs, context: &Context) -> Result<Outcome, Error> {
    let place = repos::place(&args.registry, &context.config)?;
    let words = args.words.join(" ");
    if words.trim().is_empty() {
        return Err(Error::usage("something to look for is needed"));
    }
    let found = context.engine.search(&place, &words, usize::from(args.limit)).await?;
    match context.output {
        OutputFormat::Json => output::json(&json!({ "repositories": found })),
        OutputFormat::Text => {
            if found.is_empty() {
                context.note("nothing was found");
            }
            output::text(&text(&found))
        }
    }
    .map(output::done)
}

/// Names alone, or with what is known of them where the registry knows anything.
fn text(found: &[FoundRepository]) -> String {
    let name = |f: &FoundRepository| {
        let familiar = f.name.parse::<Reference>().map(|reference| reference.familiar());
        printable(familiar.as_deref().unwrap_or(&f.name), 300)
    };
    if found.iter().all(|f| f.stars.is_none() && f.description.is_empty()) {
        return found.iter().map(|f| format!("{}\n", name(f))).collect();
    }
    let row = |f: &FoundRepository| {
        let stars = f.stars.map(|stars| stars.to_string()).unwrap_or_default();
        let official = if f.official { "official" } else { "" }.to_owned();
        vec![name(f), stars, official, printable(&f.description, 80)]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    output::table(&["name", "stars", "", "description"], &rows, &[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_a_name_to_copy_and_shows_no_escapes() {
        let found = |name: &str, description: &str, stars| FoundRepository {
            name: name.to_owned(),
            description: description.to_owned(),
            stars,
            official: stars == Some(20),
        };
        let hub = [
            found("docker.io/library/nginx", "Official \u{1b}[31mbuild\nof", Some(20)),
            found("docker.io/bitnami/nginx", "", Some(3)),
        ];
        let want = "name           stars            description\n\
                    nginx             20  official  Official [31mbuild of\nbitnami/nginx      3\n";
        assert_eq!(text(&hub), want);
        assert_eq!(text(&[found("h.io/a/b", "", None), found("store:c", "", None)]), "h.io/a/b\nstore:c\n");
    }
}

//! `wharf store`: wharf's own image store as a whole.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use super::output::{self, size};
use super::upkeep_args::{GarbageArgs, StoreArgs, StoreCommand};
use super::{Context, Error, Outcome, OutputFormat, interrupt};
use crate::engine::{Collection, Garbage, StoreUsage};
use crate::oci::printable;

/// Shows what the store holds, or collects its garbage.
pub async fn run(args: &StoreArgs, context: &Context) -> Result<Outcome, Error> {
    match &args.command {
        None => interrupt::ends(show(context)).await,
        // Not dropped in the middle: what is being removed is removed.
        Some(StoreCommand::Gc(args)) => collect(args, context).await,
    }
}

async fn show(context: &Context) -> Result<Outcome, Error> {
    let usage = context.engine.store_usage().await?;
    match context.output {
        OutputFormat::Json => output::json(&usage),
        OutputFormat::Text => output::text(&text(&usage)),
    }
    .map(output::done)
}

fn text(usage: &StoreUsage) -> String {
    let mut out = format!("directory   {}\n", printable(&usage.root.display().to_string(), 1000));
    out += &format!("on disk     {}\n", size(usage.bytes));
    if usage.unfinished > 0 {
        out += &format!("unfinished  {}\n", size(usage.unfinished));
    }
    if usage.repositories.is_empty() {
        return out;
    }
    let rows: Vec<Vec<String>> = usage
        .repositories
        .iter()
        .map(|r| {
            let name = printable(r.repository.as_str(), 300);
            vec![r.tags.to_string(), r.manifests.to_string(), size(r.bytes), format!("store:{name}")]
        })
        .collect();
    out.push('\n');
    out + &output::table(&["tags", "manifests", "size", "repository"], &rows, &[0, 1, 2])
}

async fn collect(args: &GarbageArgs, context: &Context) -> Result<Outcome, Error> {
    let how = Collection { age: age(&args.age)?, untagged: args.untagged, dry_run: args.dry_run };
    let garbage = context.engine.collect_garbage(how).await?;
    match context.output {
        OutputFormat::Json => {
            let Garbage { manifests, blobs, bytes, recent } = garbage;
            output::json(&json!({
                "dry_run": how.dry_run, "untagged": manifests, "blobs": blobs, "bytes": bytes, "recent": recent
            }))?;
        }
        OutputFormat::Text => {
            let verb = if how.dry_run { "would free" } else { "freed" };
            let untagged = match garbage.manifests {
                0 => String::new(),
                n => format!(", {n} manifests without a tag"),
            };
            output::text(&format!("{verb} {}: {} blobs{untagged}\n", size(garbage.bytes), garbage.blobs))?;
        }
    }
    if garbage.recent > 0 {
        let (bytes, age) = (size(garbage.recent), printable(&args.age, 40));
        context.note(&format!(
            "{bytes} that nothing needs was touched less than {age} ago and stays; see --age"
        ));
    }
    Ok(Outcome::Done)
}

/// An age as people write it: `24h`, `90m`, `0s`.
fn age(text: &str) -> Result<Duration, Error> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|age| Duration::try_from(age).ok());
    let shown = printable(text, 40);
    parsed.ok_or_else(|| Error::usage(format!("{shown:?} is no age; write it as in 24h, 90m or 0s")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_hours_minutes_and_seconds() {
        for (text, seconds) in [("24h", 86_400), ("90m", 5_400), ("0s", 0), ("1h30m", 5_400)] {
            assert_eq!(age(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "-1h", "soon", "5"] {
            assert_eq!(age(text).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}

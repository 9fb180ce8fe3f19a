//! `wharf tag SRC NEW…`

use super::error::Faults;
use super::upkeep_args::TagArgs;
use super::{Context, Error, Outcome, copy, interrupt, transfer};
use crate::config::Config;
use crate::engine::TagMove;
use crate::job::{JobSpec, Target};
use crate::oci::{ErrorClass, Location};

/// Gives an image new names where it is.
pub async fn run(args: &TagArgs, context: &Context) -> Result<Outcome, Error> {
    let specs = specs(args, &context.config)?;
    let mut moves = Vec::new();
    let look = async {
        for spec in &specs {
            moves.extend(context.engine.tag_moves(spec).await?);
        }
        Ok(Outcome::Done)
    };
    if interrupt::ends(look).await? == Outcome::Interrupted {
        return Ok(Outcome::Interrupted);
    }
    if !moves.is_empty() && !args.force {
        return Err(taken(&moves));
    }
    for moved in &moves {
        context.note(&format!("{}: {} → {}", moved.location, moved.old, moved.new));
    }
    transfer::run(specs, context).await
}

fn taken(moves: &[TagMove]) -> Error {
    let line = |m: &TagMove| format!("{} is another image: {}, not {}", m.location, m.old, m.new);
    let hint = "--force moves it; `wharf history` then remembers what it was".to_owned();
    Error::Taken { names: moves.iter().map(line).collect(), hint }
}

/// The jobs, or all that is wrong with the names.
pub(super) fn specs(args: &TagArgs, config: &Config) -> Result<Vec<JobSpec>, Error> {
    let mut faults = Faults::default();
    let source = faults.take(ErrorClass::Reference, args.source.parse::<Location>());
    let mut names = Vec::new();
    if let Some(source) = &source {
        for text in &args.new {
            let Some(new) = faults.take(ErrorClass::Reference, JobSpec::new_name(source, text)) else {
                continue;
            };
            copy::refuse_read_only(&Target::Image(new.clone()), config, &mut faults);
            names.push(new);
        }
    }
    faults.finish("`wharf tag --help` shows how names are written")?;
    let Some(source) = source else { return Err(Error::usage("no image")) };
    Ok(JobSpec::renames(&source, names))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Args, Command};
    use super::*;

    fn parse(line: &str) -> Result<Vec<String>, Error> {
        let args = Args::try_parse_from(format!("wharf tag {line}").split_whitespace()).unwrap();
        let Some(Command::Tag(args)) = args.command else { unreachable!() };
        Ok(specs(&args, &Config::default())?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_new_name_is_a_tag_or_a_whole_name_in_the_same_place() {
        for (line, want) in [
            ("h.io/a:1 stable 1.2 stable", vec!["h.io/a:1 → h.io/a:stable, h.io/a:1.2"]),
            ("h.io/a:1 x h.io/b/c:y h.io/d", vec!["h.io/a:1 → h.io/a:x", "h.io/a:1 → h.io/b/c:y, h.io/d"]),
            ("nginx:1 nginx:2", vec!["docker.io/library/nginx:1 → docker.io/library/nginx:2"]),
            ("store:a:1 2 store:b:1", vec!["store:a:1 → store:a:2", "store:a:1 → store:b:1"]),
            ("oci:d:1 2", vec!["oci:d:1 → oci:d:2"]),
            ("oci:d:h.io/a:1 2", vec!["oci:d:h.io/a:1 → oci:d:h.io/a:2"]),
            (
                "docker-daemon:a:1 2 docker-daemon:h.io/b:3",
                vec!["docker-daemon:a:1 → docker-daemon:a:2, docker-daemon:h.io/b:3"],
            ),
            ("docker-daemon://build/a 2", vec!["docker-daemon://build/a → docker-daemon://build/a:2"]),
        ] {
            assert_eq!(parse(line).unwrap(), want, "{line}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_copied_and_not_tagged() {
        let digest = crate::oci::Digest::of(b"x");
        for (line, want) in [
            ("h.io/a:1 g.io/a:1", "`wharf copy`"),
            ("h.io/a:1 store:a:1", "`wharf copy`"),
            ("docker-archive:a.tar x", "`wharf copy`"),
            ("docker-daemon:a:1 docker-daemon://build/a:1", "`wharf copy`"),
            (&format!("docker-daemon:{digest} x"), "docker-daemon:NAME:x"),
            (&format!("docker-daemon:a:1 docker-daemon:a@{digest}"), "no new name"),
            (&format!("h.io/a:1 h.io/a@{digest}"), "no new name"),
            ("h.io/a:1 h.io/UP:1", "lower case"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(want), "{line}: {error}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}

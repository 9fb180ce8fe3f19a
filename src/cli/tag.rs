//! `wharf tag SRC NEW…`

use super::error::Faults;
use super::upkeep_args::TagArgs;
use super::{Context, Error, Outcome, copy, interrupt, transfer};
use crate::config::Config;
use crate::engine::TagMove;
use crate::job::{JobSpec, Target};
use crate::oci::{ErrorClass, Location, Platforms, Reference, Tag, TagOrDigest};

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

/// A job for the names in the image's own repository, which moves nothing, and one for all others.
fn specs(args: &TagArgs, config: &Config) -> Result<Vec<JobSpec>, Error> {
    let mut faults = Faults::default();
    let source = faults.take(ErrorClass::Reference, args.source.parse::<Location>());
    let (mut own, mut others) = (Vec::new(), Vec::new());
    if let Some(source) = &source {
        for text in &args.new {
            let Some(new) = faults.take(ErrorClass::Reference, renamed(source, text)) else { continue };
            let is_own = repository(source) == repository(&new);
            let target = Target::Image(new);
            copy::refuse_read_only(&target, config, &mut faults);
            let list = if is_own { &mut own } else { &mut others };
            if !list.contains(&target) {
                list.push(target);
            }
        }
    }
    faults.finish("`wharf tag --help` shows how names are written")?;
    let Some(source) = source else { return Err(Error::usage("no image")) };
    let job = |destinations: Vec<Target>| JobSpec {
        destinations,
        platforms: Platforms::All,
        ..JobSpec::copy(source.clone(), source.clone())
    };
    Ok([own, others].into_iter().filter(|list| !list.is_empty()).map(job).collect())
}

/// Where names are within one place: everything of a location but tag and digest.
fn repository(location: &Location) -> String {
    match location {
        Location::Registry(reference) => reference.name(),
        Location::Store { repository, .. } => format!("store:{repository}"),
        other => other.to_string().split(':').take(2).collect::<Vec<_>>().join(":"),
    }
}

/// What `text` means as a new name of `source`. The error is for people.
fn renamed(source: &Location, text: &str) -> Result<Location, String> {
    if let Ok(tag) = text.parse::<Tag>() {
        return tagged(source, tag);
    }
    let new = text.parse::<Location>().map_err(|e| e.to_string())?;
    let same = match (source, &new) {
        (Location::Registry(a), Location::Registry(b)) => a.registry == b.registry,
        (Location::Store { .. }, Location::Store { .. }) => true,
        (Location::OciLayout { path: a, .. }, Location::OciLayout { path: b, .. }) => a == b,
        _ => false,
    };
    let by_digest = matches!(&new, Location::Registry(Reference { digest: Some(_), .. }))
        || matches!(&new, Location::Store { target: Some(TagOrDigest::Digest(_)), .. });
    match (same, by_digest) {
        (true, false) => Ok(new),
        (true, true) => Err(format!("{new}: a digest is no new name")),
        (false, _) => Err(format!("{new} is not where {source} is; `wharf copy` copies it there")),
    }
}

/// The image under another tag of its own place.
fn tagged(source: &Location, tag: Tag) -> Result<Location, String> {
    match source {
        Location::Registry(reference) => Ok(Location::Registry(reference.with_tag(tag))),
        Location::Store { repository, .. } => {
            Ok(Location::Store { repository: repository.clone(), target: Some(TagOrDigest::Tag(tag)) })
        }
        Location::OciLayout { path, reference } => {
            // An image that has a full name there keeps its repository.
            let full = reference.as_deref().filter(|name| name.contains(['/', ':']));
            let full = full.and_then(|name| name.parse::<Reference>().ok());
            let name = full.map_or_else(|| tag.to_string(), |full| full.with_tag(tag.clone()).to_string());
            Ok(Location::OciLayout { path: path.clone(), reference: Some(name) })
        }
        Location::OciArchive { .. } | Location::DockerArchive { .. } => {
            Err(format!("{source}: an archive is not changed where it is; `wharf copy` makes another"))
        }
        Location::DockerDaemon { .. } => Err(format!("{source}: names of an engine are not set yet")),
    }
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
            ("docker-daemon:a:1 x", "not set yet"),
            (&format!("h.io/a:1 h.io/a@{digest}"), "no new name"),
            ("h.io/a:1 h.io/UP:1", "lower case"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(want), "{line}: {error}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}

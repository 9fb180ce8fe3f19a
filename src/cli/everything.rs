//! `wharf copy --all-tags REPO REPO` and `wharf copy --all-repos REGISTRY PREFIX`: all that is there, a job for each tag.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::args::CopyArgs;
use super::copy::{platforms, refuse_read_only};
use super::error::Faults;
use super::{Context, Error, Outcome, batch_plan, interrupt, transfer};
use crate::config::{Config, Prefix};
use crate::engine::{self, Engine, Place};
use crate::job::{Extras, JobSpec, Target};
use crate::oci::{
    ErrorClass, Location, Platforms, Reference, Registry, Repository, Tag, TagOrDigest, printable,
};

/// Repositories whose tags are listed at the same time.
const AT_ONCE: usize = 8;

/// What is to be copied, before anything was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    source: From,
    /// What every job asks for besides.
    platforms: Platforms,
    extras: Extras,
}

/// Where from and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum From {
    /// One repository into others.
    Repository(Location, Vec<Location>),
    /// All repositories of a place, or those below a path of it, each to its own name below a prefix.
    Place(Prefix, Prefix),
}

/// A repository, and where its tags go.
struct Repo {
    source: Location,
    goal: Goal,
}

/// Where tags go.
enum Goal {
    /// Into these repositories.
    Into(Vec<Location>),
    /// To the repository's own name below a prefix.
    Below(Prefix),
}

impl Goal {
    fn of(&self, source: &Location, tag: &Tag) -> Vec<Location> {
        match self {
            Goal::Into(repositories) => repositories.iter().map(|to| tagged(to, tag)).collect(),
            // That the name fits was found out before.
            Goal::Below(prefix) => prefix.destination(&tagged(source, tag)).into_iter().collect(),
        }
    }
}

/// Copies all tags of a repository, or all repositories of a registry.
pub(super) async fn run(args: &CopyArgs, context: &Context) -> Result<Outcome, Error> {
    let wanted = wanted(args, &context.config)?;
    if args.dry_run {
        let plan = async {
            let specs = specs(&wanted, context).await?;
            batch_plan::run(&specs, context).await
        };
        return interrupt::ends(plan).await;
    }
    let specs = specs(&wanted, context).await?;
    transfer::run(specs, context).await
}

/// The registries that the names of `--all-repos` are of, for credentials.
pub(super) fn registries(texts: &[String], config: &Config) -> Vec<(Registry, Option<Repository>)> {
    let of = |text: &String| match config.prefix(text) {
        Ok(Prefix::Registry(registry, path)) => Some((registry, path)),
        _ => None,
    };
    texts.iter().filter_map(of).collect()
}

/// What the command line asks for, or all that is wrong with it.
fn wanted(args: &CopyArgs, config: &Config) -> Result<Wanted, Error> {
    let mut faults = Faults::default();
    let option = if args.all_repos { "--all-repos" } else { "--all-tags" };
    if !args.tag.is_empty() {
        faults.add(ErrorClass::Config, format!("--tag cannot stand beside {option}: tags keep their names"));
    }
    let platforms = Platforms::from_list(platforms(&args.platform, &mut faults));
    let extras = args.extras.read(&mut faults);
    let source = match args.all_repos {
        true => {
            let mut prefix = |text: &str| {
                faults.take(
                    ErrorClass::Reference,
                    config.prefix(text).map_err(|reason| format!("{option}: {reason}")),
                )
            };
            let from = prefix(&args.source);
            let to: Vec<_> = args.destinations.iter().map(|text| prefix(text)).collect();
            if to.len() > 1 {
                faults.add(
                    ErrorClass::Config,
                    format!("{option} has one destination, and {} were given", to.len()),
                );
            }
            if from.is_some() && Some(&from) == to.first() {
                faults.add(ErrorClass::Config, format!("{} is source and destination", args.source));
            }
            from.zip(to.into_iter().next().flatten()).map(|(from, to)| From::Place(from, to))
        }
        false => {
            let source = faults.take(ErrorClass::Reference, repository(&args.source, false));
            let mut destinations = Vec::new();
            for text in &args.destinations {
                let Some(to) = faults.take(ErrorClass::Reference, repository(text, true)) else { continue };
                refuse_read_only(&Target::Image(to.clone()), config, &mut faults);
                match destinations.contains(&to) {
                    _ if source.as_ref() == Some(&to) => {
                        faults.add(ErrorClass::Config, format!("{to} is source and destination"));
                    }
                    true => faults.add(ErrorClass::Config, format!("{to} is given twice")),
                    false => destinations.push(to),
                }
            }
            source.map(|source| From::Repository(source, destinations))
        }
    };
    faults.finish("`wharf copy --help` shows how names are written")?;
    let source = source.ok_or_else(|| Error::usage("no source"))?;
    Ok(Wanted { source, platforms, extras })
}

/// A place that holds tags, without one.
fn repository(text: &str, is_destination: bool) -> Result<Location, String> {
    let location: Location = text.parse().map_err(|e: crate::oci::LocationError| e.to_string())?;
    match &location {
        Location::Registry(Reference { tag: None, digest: None, .. })
        | Location::Store { target: None, .. } => Ok(location),
        Location::OciLayout { reference: None, .. } if is_destination => Ok(location),
        Location::Registry(_) | Location::Store { .. } | Location::OciLayout { .. } => {
            let noun = if is_destination { "destination" } else { "source" };
            Err(format!(
                "{}: with --all-tags the {noun} is a repository, without tag or digest",
                printable(text, 300)
            ))
        }
        _ => Err(format!(
            "{}: --all-tags is for repositories of registries and of store:",
            printable(text, 300)
        )),
    }
}

/// Lists what there is, and makes the jobs.
async fn specs(wanted: &Wanted, context: &Context) -> Result<Vec<JobSpec>, Error> {
    let repos = match &wanted.source {
        From::Repository(source, destinations) => {
            vec![Repo { source: source.clone(), goal: Goal::Into(destinations.clone()) }]
        }
        From::Place(from, to) => repos(from, to, context).await?,
    };
    let one = matches!(wanted.source, From::Repository(..));
    let engine = &context.engine;
    let lists: Vec<_> =
        repos.into_iter().map(|repo| async move { (tags(engine, &repo.source).await, repo) }).collect();
    let lists: Vec<_> = stream::iter(lists).buffered(AT_ONCE).collect().await;
    let (mut specs, mut beside, mut left) = (Vec::new(), Vec::new(), 0);
    for (tags, repo) in lists {
        let tags = match tags {
            // A catalog may name what was deleted.
            Err(error) if !one && error.class() == ErrorClass::NotFound => {
                context.note(&format!("{} is listed, and has no tags", repo.source));
                continue;
            }
            tags => tags?,
        };
        if tags.is_empty() {
            context.note(&format!("{} has no tags", repo.source));
        }
        for tag in &tags {
            let Some(spec) = spec(&repo, tag, wanted) else { continue };
            match (tag.speaks_of(), travels_as_tag(tag, wanted)) {
                (None, _) => specs.push(spec),
                (Some(_), true) => beside.push(spec),
                (Some(_), false) => left += 1,
            }
        }
    }
    if left > 0 && !wanted.extras.finds_referrers() {
        let (noun, verb) = if left == 1 { ("tag", "speaks") } else { ("tags", "speak") };
        context.note(&format!(
            "{left} {noun} sha256-…, which {verb} of other images: --digest-tags copies cosign's, --referrers what they list"
        ));
    }
    // What speaks of an image comes behind it.
    specs.append(&mut beside);
    Ok(specs)
}

/// Whether a tag `sha256-…` is copied as the tag it is. Where all of a repository travels unchanged its tags do; else
/// each job finds those of what it moves.
fn travels_as_tag(tag: &Tag, wanted: &Wanted) -> bool {
    let is_list = tag.speaks_of().is_some_and(|(_, suffix)| suffix.is_empty());
    // A list of referrers is merged with the one that is there, which a copy of the tag would undo.
    wanted.extras.digest_tags && is_unchanged(wanted) && !(is_list && wanted.extras.referrers)
}

fn is_unchanged(wanted: &Wanted) -> bool {
    wanted.platforms == Platforms::All && wanted.extras.format.is_none()
}

fn spec(repo: &Repo, tag: &Tag, wanted: &Wanted) -> Option<JobSpec> {
    let to = repo.goal.of(&repo.source, tag);
    let job = JobSpec::copy(tagged(&repo.source, tag), to.first()?.clone());
    let destinations = to.into_iter().map(Target::Image).collect();
    let digest_tags = wanted.extras.digest_tags && !is_unchanged(wanted);
    let extras = Extras { digest_tags, ..wanted.extras };
    Some(JobSpec { destinations, platforms: wanted.platforms.clone(), extras, ..job })
}

fn tagged(location: &Location, tag: &Tag) -> Location {
    match location {
        Location::Registry(reference) => Location::Registry(reference.with_tag(tag.clone())),
        Location::Store { repository, .. } => {
            Location::Store { repository: repository.clone(), target: Some(TagOrDigest::Tag(tag.clone())) }
        }
        Location::OciLayout { path, .. } => {
            Location::OciLayout { path: path.clone(), reference: Some(tag.to_string()) }
        }
        other => other.clone(),
    }
}

/// All repositories of a place below its path, with where they go.
async fn repos(from: &Prefix, to: &Prefix, context: &Context) -> Result<Vec<Repo>, Error> {
    let (place, path) = if let Prefix::Registry(registry, path) = from {
        (Place::Registry(registry.clone()), path)
    } else if let Prefix::Store(path) = from {
        (Place::Store, path)
    } else {
        return Err(Error::usage(format!(
            "{from}: --all-repos lists a registry's repositories, or those of store:"
        )));
    };
    let pages: Vec<Vec<String>> = context.engine.repositories(&place).try_collect().await?;
    let (mut repos, mut faults) = (Vec::new(), Faults::default());
    let is_below = |name: &Repository| {
        path.as_ref().is_none_or(|path| {
            name.as_str()
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    for name in pages.into_iter().flatten().filter_map(|name| name.parse::<Repository>().ok()) {
        if !is_below(&name) {
            continue;
        }
        let source = match &place {
            Place::Registry(registry) => Location::Registry(Reference {
                registry: registry.clone(),
                repository: name,
                tag: None,
                digest: None,
            }),
            _ => Location::Store { repository: name, target: None },
        };
        // Any tag tells whether the name fits below the prefix.
        let sample = tagged(&source, &Tag::latest());
        let Some(destination) = faults.take(ErrorClass::Reference, to.destination(&sample)) else { continue };
        if destination == sample {
            faults.add(ErrorClass::Config, format!("{source} is source and destination"));
        }
        refuse_read_only(&Target::Image(destination.clone()), &context.config, &mut faults);
        repos.push(Repo { source, goal: Goal::Below(to.clone()) });
        if !faults.is_empty() {
            // It is hardly ever one repository alone.
            break;
        }
    }
    faults.finish("nothing was moved")?;
    if repos.is_empty() {
        context.note(&format!("{from} has no repositories"));
    }
    Ok(repos)
}

/// All tags of a repository.
async fn tags(engine: &Engine, source: &Location) -> engine::Result<Vec<Tag>> {
    let (place, repository) = match source {
        Location::Registry(reference) => (Place::Registry(reference.registry.clone()), &reference.repository),
        Location::Store { repository, .. } => (Place::Store, repository),
        _ => return Ok(Vec::new()),
    };
    let pages: Vec<Vec<String>> = engine.tags(&place, repository).try_collect().await?;
    Ok(pages.into_iter().flatten().filter_map(|tag| tag.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Args, Command};
    use super::*;
    use crate::oci::{Digest, Format};

    fn parse(line: &str) -> Result<Wanted, Error> {
        let args = Args::try_parse_from(format!("wharf copy {line}").split_whitespace()).unwrap();
        let Some(Command::Copy(args)) = args.command else { unreachable!() };
        wanted(&args, &Config::default())
    }

    #[test]
    fn repositories_are_named_without_a_tag() {
        let found =
            parse("--all-tags nginx h.io/a store:b oci:dir --platform arm64 --format docker").unwrap();
        let From::Repository(source, to) = &found.source else { unreachable!() };
        assert_eq!((source.to_string().as_str(), to.len()), ("docker.io/library/nginx", 3));
        assert_eq!(found.extras.format, Some(Format::Docker));
        let repo = Repo { source: source.clone(), goal: Goal::Into(to.clone()) };
        let spec = spec(&repo, &"1.27".parse().unwrap(), &found).unwrap();
        assert_eq!(
            spec.to_string(),
            "docker.io/library/nginx:1.27 → h.io/a:1.27, store:b:1.27, oci:dir:1.27"
        );
        assert_eq!(spec.platforms, found.platforms);
        for (line, faults) in [
            ("--all-tags nginx:1 h.io/a:2", 2),
            ("--all-tags a.io/a a.io/a", 1),
            ("--all-tags a.io/a b.io/a b.io/a --tag x --format oni", 3),
            ("--all-tags oci:dir h.io/a", 1),
            ("--all-tags a.io/a docker-archive:x.tar", 1),
            ("--all-repos a.io a.io", 1),
            ("--all-repos harbour h.io i.io", 2),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(
                (error.to_string().lines().count(), error.exit_code()),
                (faults, 2),
                "{line}: {error}"
            );
        }
        let found = parse("--all-repos a.io/team h.io:5000/mirror").unwrap();
        assert!(matches!(found.source, From::Place(..)));
        let both = "wharf copy --all-tags --all-repos a b";
        assert!(Args::try_parse_from(both.split_whitespace()).is_err());
    }

    #[test]
    fn tags_of_digests_travel_as_tags_only_with_all_of_a_repository() {
        let hex = Digest::of(b"x").hex().to_owned();
        let (list, signature): (Tag, Tag) =
            (format!("sha256-{hex}").parse().unwrap(), format!("sha256-{hex}.sig").parse().unwrap());
        for (options, as_tags, each) in [
            ("", [false, false], false),
            ("--referrers", [false, false], false),
            ("--digest-tags", [true, true], false),
            ("--digest-tags --referrers", [false, true], false),
            ("--digest-tags --platform arm64", [false, false], true),
            ("--digest-tags --format oci", [false, false], true),
        ] {
            let found = parse(&format!("--all-tags a.io/a b.io/a {options}")).unwrap();
            assert_eq!(
                [travels_as_tag(&list, &found), travels_as_tag(&signature, &found)],
                as_tags,
                "{options}"
            );
            let From::Repository(source, to) = &found.source else { unreachable!() };
            let repo = Repo { source: source.clone(), goal: Goal::Into(to.clone()) };
            let spec = spec(&repo, &"1".parse().unwrap(), &found).unwrap();
            assert_eq!(spec.extras.digest_tags, each, "{options}");
        }
    }
}

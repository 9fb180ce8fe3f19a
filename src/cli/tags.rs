//! `wharf tags REPO`

use futures_util::stream::{self, StreamExt};

use super::question_args::TagsArgs;
use super::{Context, Error, Outcome, list};
use crate::engine::Place;
use crate::oci::{Location, Reference, Repository};

/// Lists a repository's tags, one a line, as they come.
pub async fn run(args: &TagsArgs, context: &Context) -> Result<Outcome, Error> {
    if let Some((host, repository)) = in_engine(&args.repository)? {
        let engine = context.engine.clone();
        let tags = async move { engine.daemon_tags(host.as_deref(), &repository).await };
        return list::print(stream::once(tags).boxed(), "tags", context).await;
    }
    let (place, repository) = place(&args.repository)?;
    let pages = context.engine.tags(&place, &repository);
    list::print(pages, "tags", context).await
}

/// A repository in an engine, and which engine's.
fn in_engine(text: &str) -> Result<Option<(Option<String>, Reference)>, Error> {
    let Location::DockerDaemon { host, image } = super::location(text)? else { return Ok(None) };
    let named = |what: &str| Error::usage(format!("{text}: a repository is needed, without {what}"));
    match image.parse::<Reference>() {
        Ok(Reference { tag: None, digest: None, registry, repository }) => {
            Ok(Some((host, Reference { registry, repository, tag: None, digest: None })))
        }
        Ok(Reference { tag: Some(_), .. }) => Err(named("a tag")),
        _ => Err(named("a digest")),
    }
}

fn place(text: &str) -> Result<(Place, Repository), Error> {
    let named = |what: &str| Error::usage(format!("{text}: a repository is needed, without {what}"));
    match super::location(text)? {
        Location::Registry(reference) => match (&reference.tag, &reference.digest) {
            (None, None) => Ok((Place::Registry(reference.registry), reference.repository)),
            (Some(_), None) => Err(named("a tag")),
            (_, Some(_)) => Err(named("a digest")),
        },
        Location::Store { repository, target: None } => Ok((Place::Store, repository)),
        Location::Store { target: Some(_), .. } => Err(named("a tag")),
        _ => Err(Error::usage(format!(
            "{text}: only repositories in registries, engines and the store have tags"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_from_images() {
        let (at, repository) = place("ghcr.io/o/r").unwrap();
        assert_eq!((at, repository.as_str()), (Place::Registry("ghcr.io".parse().unwrap()), "o/r"));
        assert_eq!(place("nginx").unwrap().1.as_str(), "library/nginx");
        assert_eq!(place("store:a/b").unwrap().0, Place::Store);
        let (host, name) = in_engine("docker-daemon://build/h.io:5000/a").unwrap().unwrap();
        assert_eq!((host.as_deref(), name.to_string().as_str()), (Some("build"), "h.io:5000/a"));
        assert!(in_engine("docker-daemon:a:1").is_err() && in_engine("nginx").unwrap().is_none());
        for text in ["nginx:1", "store:a:1", "oci:dir", "A", &format!("a@{}", crate::oci::Digest::of(b""))] {
            assert_eq!(place(text).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}

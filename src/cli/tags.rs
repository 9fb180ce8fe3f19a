//! `wharf tags REPO`

use super::args::TagsArgs;
use super::{Context, Error, Outcome, list};
use crate::engine::Place;
use crate::oci::{Location, Repository};

/// Lists a repository's tags, one a line, as they come.
pub async fn run(args: &TagsArgs, context: &Context) -> Result<Outcome, Error> {
    let (place, repository) = place(&args.repository)?;
    let pages = context.engine.tags(&place, &repository);
    list::print(pages, "tags", context).await
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
        _ => Err(Error::usage(format!("{text}: only repositories in registries and in the store have tags"))),
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
        for text in ["nginx:1", "store:a:1", "oci:dir", "A", &format!("a@{}", crate::oci::Digest::of(b""))] {
            assert_eq!(place(text).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}

//! Where images go: below a prefix, or to one full name.

use super::chosen::Name;
use crate::config::{Config, Prefix};
use crate::oci::{Location, Reference, Registry, Repository, Tag, TagOrDigest};

/// What DST means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Images go below it by their names.
    Below(Prefix),
    /// One image's full name.
    Image(Location),
}

impl Place {
    /// Reads DST. The error is a reason, for people.
    pub(super) fn of(text: &str, config: &Config) -> Result<Place, String> {
        let refused = match config.prefix(text) {
            Ok(Prefix::Layout(_) | Prefix::Engine(_)) => return Err(not_here(text)),
            Ok(prefix) => return Ok(Place::Below(prefix)),
            Err(reason) => reason,
        };
        // A bare word with a tag would be Docker Hub's: that is written in full.
        let has_host =
            text.split('/').next().is_some_and(|host| host.contains(['.', ':']) || host == "localhost");
        match text.parse::<Location>() {
            Ok(location @ Location::Registry(Reference { tag: Some(_), digest: None, .. })) if has_host => {
                Ok(Place::Image(location))
            }
            Ok(location @ Location::Store { target: Some(TagOrDigest::Tag(_)), .. }) => {
                Ok(Place::Image(location))
            }
            Ok(Location::OciLayout { .. } | Location::OciArchive { .. } | Location::DockerArchive { .. }) => {
                Err(not_here(text))
            }
            _ => Err(refused),
        }
    }

    pub(super) fn registry(&self) -> Option<&Registry> {
        match self {
            Place::Below(Prefix::Registry(registry, _)) => Some(registry),
            Place::Image(location) => location.as_registry().map(|reference| &reference.registry),
            Place::Below(Prefix::Store(_) | Prefix::Layout(_) | Prefix::Engine(_)) => None,
        }
    }
}

fn not_here(text: &str) -> String {
    format!(
        "{text}: import writes to registries and to store:; `wharf copy` writes to engines, layouts and archives"
    )
}

/// Names as locations: each repository once with its first tag, its further tags beside it.
pub(super) fn group(place: &Place, names: &[Name]) -> Result<Vec<(Location, Vec<Tag>)>, String> {
    let mut grouped: Vec<(Repository, Vec<Tag>)> = Vec::new();
    let Place::Below(prefix) = place else { return Ok(Vec::new()) };
    let (Prefix::Registry(_, below) | Prefix::Store(below)) = prefix else {
        return Err(not_here(&prefix.to_string()));
    };
    for name in names {
        let tag = name.tag.clone().unwrap_or_else(Tag::latest);
        let repository = match (below, &name.repository) {
            (None, None) => {
                return Err(format!(
                    "it has the tag {tag} and no name; DST has to be a repository, HOST/REPO, or give --rename"
                ));
            }
            (Some(below), None) => below.clone(),
            (None, Some(repository)) => repository.clone(),
            (Some(below), Some(repository)) => {
                let whole = format!("{below}/{repository}");
                whole.parse::<Repository>().map_err(|e| format!("it would become {whole}: {}", e.reason()))?
            }
        };
        match grouped.iter_mut().find(|(known, _)| *known == repository) {
            Some((_, tags)) if tags.contains(&tag) => {}
            Some((_, tags)) => tags.push(tag),
            None => grouped.push((repository, vec![tag])),
        }
    }
    let located = grouped.into_iter().map(|(repository, mut tags)| {
        let first = tags.remove(0);
        let location = match prefix {
            Prefix::Registry(registry, _) => {
                Location::Registry(Reference::tagged(registry.clone(), repository, first))
            }
            _ => Location::Store { repository, target: Some(TagOrDigest::Tag(first)) },
        };
        (location, tags)
    });
    Ok(located.collect())
}

/// Every name that a destination and its further tags are.
pub(super) fn each(destination: &Location, tags: &[Tag]) -> Vec<Location> {
    let more = tags.iter().filter_map(|tag| match destination {
        Location::Registry(reference) => Some(Location::Registry(reference.with_tag(tag.clone()))),
        Location::Store { repository, .. } => {
            let target = Some(TagOrDigest::Tag(tag.clone()));
            Some(Location::Store { repository: repository.clone(), target })
        }
        _ => None,
    });
    std::iter::once(destination.clone()).chain(more).collect()
}

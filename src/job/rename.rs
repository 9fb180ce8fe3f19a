//! New names for an image where it is: what people write, and the jobs that it comes to.

use super::{JobSpec, Target};
use crate::oci::{Location, Platforms, Reference, Tag, TagOrDigest};

impl JobSpec {
    /// What `text` means as a new name of `source`: another tag, or a whole name in the same place. The error is for
    /// people.
    pub fn new_name(source: &Location, text: &str) -> Result<Location, String> {
        if let Ok(tag) = text.parse::<Tag>() {
            return tagged(source, tag);
        }
        let new = text.parse::<Location>().map_err(|e| e.to_string())?;
        let same = match (source, &new) {
            (Location::Registry(a), Location::Registry(b)) => a.registry == b.registry,
            (Location::Store { .. }, Location::Store { .. }) => true,
            (Location::OciLayout { path: a, .. }, Location::OciLayout { path: b, .. }) => a == b,
            (Location::DockerDaemon { host: a, .. }, Location::DockerDaemon { host: b, .. }) => a == b,
            _ => false,
        };
        let by_digest = match &new {
            Location::Registry(reference) => reference.digest.is_some(),
            Location::Store { target, .. } => matches!(target, Some(TagOrDigest::Digest(_))),
            Location::DockerDaemon { image, .. } => image.contains('@') || image.starts_with("sha256:"),
            _ => false,
        };
        match (same, by_digest) {
            (true, false) => Ok(new),
            (true, true) => Err(format!("{new}: a digest is no new name")),
            (false, _) => Err(format!("{new} is not where {source} is; `wharf copy` copies it there")),
        }
    }

    /// The jobs that give an image new names: one for those in its own repository, which moves nothing, and one for
    /// all others.
    pub fn renames(source: &Location, names: impl IntoIterator<Item = Location>) -> Vec<JobSpec> {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for name in names {
            let list = if repository(source) == repository(&name) { &mut own } else { &mut others };
            let target = Target::Image(name);
            if !list.contains(&target) {
                list.push(target);
            }
        }
        let job = |destinations: Vec<Target>| JobSpec {
            destinations,
            platforms: Platforms::All,
            ..JobSpec::copy(source.clone(), source.clone())
        };
        [own, others].into_iter().filter(|list| !list.is_empty()).map(job).collect()
    }
}

/// Where names are within one place: everything of a location but tag and digest; an engine is one place.
fn repository(location: &Location) -> String {
    match location {
        Location::Registry(reference) => reference.name(),
        Location::Store { repository, .. } => format!("store:{repository}"),
        Location::DockerDaemon { host, .. } => format!("docker-daemon:{host:?}"),
        other => other.to_string().split(':').take(2).collect::<Vec<_>>().join(":"),
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
        Location::DockerDaemon { host, image } => {
            // An ID would read as a repository with an odd tag.
            let named = Some(image).filter(|image| !image.starts_with("sha256:"));
            let named = named.and_then(|image| image.parse::<Reference>().ok());
            let named = named.ok_or_else(|| {
                format!("{source}: an ID has no repository for the tag; write docker-daemon:NAME:{tag}")
            })?;
            Ok(Location::DockerDaemon { host: host.clone(), image: named.with_tag(tag).familiar() })
        }
        Location::OciArchive { .. } | Location::DockerArchive { .. } => {
            Err(format!("{source}: an archive is not changed where it is; `wharf copy` makes another"))
        }
    }
}

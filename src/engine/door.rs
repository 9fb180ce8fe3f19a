//! Doors: a location's name turned into the source or destination behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::planner::export_reference;
use super::{Error, Inner, Result};
use crate::job::Target;
use crate::oci::{Location, Reference, Registry, Repository, Tag, TagOrDigest};
use crate::transport::archive::{DockerArchive, Naming, OciArchiveWriter, OciLayout};
use crate::transport::{Destination, Source};

/// An opened source.
pub(super) struct SourceDoor {
    pub(super) source: Arc<dyn Source>,
    /// What to ask for.
    pub(super) at: TagOrDigest,
    /// The host whose limit counts; empty for files.
    pub(super) host: String,
    /// Where in that host; none for files.
    pub(super) repository: Option<Repository>,
    /// As a person writes it, without tag: for errors about blobs.
    pub(super) name: String,
}

/// An opened destination.
pub(super) struct DestinationDoor {
    pub(super) destination: Arc<dyn Destination>,
    /// The host whose limit counts and whose repositories share blobs; unique for files.
    pub(super) host: String,
    /// The registry, if it is one.
    pub(super) registry: Option<Registry>,
    /// Where in that host; none for files.
    pub(super) repository: Option<Repository>,
    /// Tags (or the one digest) to set.
    pub(super) at: Vec<TagOrDigest>,
    /// As a person writes it, with the first tag.
    pub(super) name: String,
    /// It takes one platform's manifest and no index.
    pub(super) single: bool,
}

impl Inner {
    /// Opens a source.
    pub(super) async fn open_source(&self, location: &Location) -> Result<SourceDoor> {
        let file = |source: Arc<dyn Source>, at| SourceDoor {
            source,
            at,
            host: String::new(),
            repository: None,
            name: location.to_string(),
        };
        match location {
            Location::Registry(reference) => Ok(SourceDoor {
                source: match self.client.mirrored(&reference.registry, &reference.repository) {
                    Some(mirrored) => Arc::new(mirrored),
                    None => Arc::new(self.client.repository(&reference.registry, &reference.repository)),
                },
                at: reference.target(),
                host: reference.registry.to_string(),
                repository: Some(reference.repository.clone()),
                name: reference.name(),
            }),
            Location::Store { repository, target } => {
                let at = target.clone().unwrap_or_else(|| TagOrDigest::Tag(Tag::latest()));
                Ok(file(Arc::new(self.store.repository(repository)), at))
            }
            Location::OciLayout { path, reference } => {
                let layout = OciLayout::open(path, reference.as_deref()).await?;
                let at = TagOrDigest::Digest(layout.chosen().digest.clone());
                Ok(file(Arc::new(layout), at))
            }
            Location::OciArchive { path, reference } => {
                let archive = self.open_archive(path).await?.image(reference.as_deref())?;
                let at = TagOrDigest::Digest(archive.chosen().digest.clone());
                Ok(file(Arc::new(archive), at))
            }
            Location::DockerArchive { path, reference } => {
                let reference = reference.as_ref().map(Reference::to_string);
                let archive = self.open_archive(path).await?.image(reference.as_deref())?;
                let at = TagOrDigest::Digest(archive.chosen().digest.clone());
                Ok(file(Arc::new(archive), at))
            }
            Location::DockerDaemon { host, image } => self.open_saved(location, host.as_deref(), image),
        }
    }

    /// Opens a destination that has a name of its own. `source` lends its tag where none is written.
    pub(super) fn open_destination(
        &self,
        location: &Location,
        source: &Location,
        tags: &[Tag],
        overwrite: bool,
    ) -> Result<DestinationDoor> {
        let more = |first: TagOrDigest| {
            let mut at = vec![first];
            for tag in tags {
                let tag = TagOrDigest::Tag(tag.clone());
                if !at.contains(&tag) {
                    at.push(tag);
                }
            }
            at
        };
        match location {
            Location::Registry(reference) => {
                let first = match (&reference.digest, &reference.tag) {
                    (Some(digest), _) => TagOrDigest::Digest(digest.clone()),
                    (None, Some(tag)) => TagOrDigest::Tag(tag.clone()),
                    (None, None) => TagOrDigest::Tag(tag_of(source)),
                };
                let at = more(first);
                Ok(DestinationDoor {
                    destination: Arc::new(self.client.repository(&reference.registry, &reference.repository)),
                    host: reference.registry.to_string(),
                    registry: Some(reference.registry.clone()),
                    repository: Some(reference.repository.clone()),
                    name: written(&reference.name(), &at[0]),
                    at,
                    single: false,
                })
            }
            Location::Store { repository, target } => {
                let at = more(target.clone().unwrap_or_else(|| TagOrDigest::Tag(tag_of(source))));
                Ok(DestinationDoor {
                    destination: Arc::new(self.store.repository(repository)),
                    host: "store:".to_owned(),
                    registry: None,
                    repository: Some(repository.clone()),
                    name: written(&format!("store:{repository}"), &at[0]),
                    at,
                    single: false,
                })
            }
            Location::OciLayout { path, reference } | Location::OciArchive { path, reference } => {
                let name = reference.clone().unwrap_or_else(|| tag_of(source).to_string());
                // A layout's names are tags or full names, whose tag counts.
                let full = name.parse::<Reference>().ok().and_then(|full| full.tag);
                let at = more(TagOrDigest::Tag(name.parse().ok().or(full).unwrap_or_else(|| tag_of(source))));
                let (transport, destination): (_, Arc<dyn Destination>) = match location {
                    Location::OciArchive { .. } => {
                        let naming = self.file_naming(location, path, overwrite);
                        ("oci-archive", Arc::new(OciArchiveWriter::create(naming, Some(&name))?))
                    }
                    _ => ("oci", Arc::new(OciLayout::create(path, Some(&name))?)),
                };
                Ok(DestinationDoor {
                    destination,
                    host: format!("{transport}:{}", path.display()),
                    registry: None,
                    repository: None,
                    name: format!("{transport}:{}:{name}", path.display()),
                    at,
                    single: false,
                })
            }
            Location::DockerArchive { path, reference } => {
                // What has no name that could be given to an image stays without one.
                let named = reference.clone().or_else(|| export_reference(source).ok());
                let (naming, at) = (self.file_naming(location, path, overwrite), path.display().to_string());
                self.docker_archive(naming, named.as_ref(), tags, location.to_string(), &at)
            }
            Location::DockerDaemon { host, image } => self.open_load((host.as_deref(), image), source, tags),
        }
    }

    /// How an archive with a name of its own is called; `-` is standard output.
    pub(super) fn file_naming(&self, location: &Location, path: &Path, overwrite: bool) -> Naming {
        match location.is_standard_stream() {
            true => Naming::Stream { spool: self.standard_output.clone() },
            false => Naming::Exact { path: path.to_owned(), overwrite },
        }
    }

    /// A docker-archive as a destination; `named` with its tag and `tags` are what `docker load` will call the image.
    pub(super) fn docker_archive(
        &self,
        naming: Naming,
        named: Option<&Reference>,
        tags: &[Tag],
        name: String,
        path: &str,
    ) -> Result<DestinationDoor> {
        let first = match named {
            // A digest-only reference has no name that `docker load` could give.
            Some(Reference { tag: None, digest: Some(digest), .. }) => TagOrDigest::Digest(digest.clone()),
            Some(Reference { tag: Some(tag), .. }) => TagOrDigest::Tag(tag.clone()),
            _ => TagOrDigest::Tag(Tag::latest()),
        };
        let at = std::iter::once(first).chain(tags.iter().cloned().map(TagOrDigest::Tag)).collect();
        Ok(DestinationDoor {
            destination: Arc::new(DockerArchive::create(naming, named.cloned())?),
            host: format!("file:{path}"),
            registry: None,
            repository: None,
            at,
            name,
            single: true,
        })
    }

    /// Nothing is changed while the engine is to change nothing.
    pub(super) fn may_change(&self, what: &dyn std::fmt::Display) -> Result<()> {
        match self.read_only.load(Ordering::Relaxed) {
            true => Err(Error::ReadOnly { what: what.to_string() }),
            false => Ok(()),
        }
    }

    /// Nothing is written to a destination that the configuration forbids.
    pub(super) fn refuse_forbidden(&self, target: &Target) -> Result<()> {
        match (self.forbids)(target) {
            Some(reason) => Err(Error::Refused { at: target.to_string(), reason }),
            None => Ok(()),
        }
    }
}

/// `name:tag` or `name@digest`.
pub(super) fn written(name: &str, at: &TagOrDigest) -> String {
    match at {
        TagOrDigest::Tag(tag) => format!("{name}:{tag}"),
        TagOrDigest::Digest(digest) => format!("{name}@{digest}"),
    }
}

/// The tag that a destination without one takes: the source's, else `latest`.
pub(super) fn tag_of(source: &Location) -> Tag {
    match source {
        Location::Registry(reference) => reference.tag.clone(),
        Location::Store { target: Some(TagOrDigest::Tag(tag)), .. } => Some(tag.clone()),
        Location::OciLayout { reference: Some(name), .. }
        | Location::OciArchive { reference: Some(name), .. } => {
            // `docker.io/library/nginx:1.27` or plain `1.27`
            name.rsplit(['/', ':']).next().and_then(|tag| tag.parse().ok())
        }
        Location::DockerArchive { reference: Some(reference), .. } => reference.tag.clone(),
        Location::DockerDaemon { image, .. } => image.parse::<Reference>().ok().and_then(|image| image.tag),
        _ => None,
    }
    .unwrap_or_else(Tag::latest)
}

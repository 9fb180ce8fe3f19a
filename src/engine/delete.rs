//! Deleting what somebody named: a tag alone where that can be, else a manifest with all its tags; in a registry, in
//! wharf's own store, in a layout; in an engine by [`super::names`].

use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, TryStreamExt};
use serde::Serialize;

use super::{Error, Inner, Place, Result};
use crate::job::Target;
use crate::oci::{Digest, Location, Reference, Repository, TagOrDigest};
use crate::transport::archive::OciLayout;
use crate::transport::registry::RepositoryClient;
use crate::transport::{self, Removed};

/// Tags that are looked up at the same time.
const AT_ONCE: usize = 16;

/// Something that is to be deleted, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deletion {
    /// As it was named.
    pub location: Location,
    /// What is there.
    pub digest: Digest,
    /// The manifest goes, with every tag of it; else the tag alone.
    pub by_digest: bool,
    /// The tags (a layout's names, an engine's whole names) that the manifest has, the named one too. Of a tag that goes alone they are found only
    /// where that was asked for.
    pub tags: Vec<String>,
}

/// What was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// What was asked for, and what was found.
    #[serde(flatten)]
    pub deletion: Deletion,
    /// What it gave back on this machine's disk.
    pub freed: Option<Freed>,
    /// What the other side did besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a deletion gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Freed {
    /// Blobs that are gone, manifests among them.
    pub blobs: u64,
    /// Bytes that became free on the disk.
    pub bytes: u64,
    /// Bytes that nothing needs any more and that a later collection takes.
    pub left: u64,
}

impl From<Removed> for Freed {
    fn from(removed: Removed) -> Freed {
        let Removed { blobs, bytes, left, .. } = removed;
        Freed { blobs, bytes, left }
    }
}

impl Inner {
    /// Finds what is to be deleted. `by_digest` where the manifest is to go although a tag was named; `ask_tags` to be
    /// told of its other tags in any case.
    pub(super) async fn find_deletion(
        self: &Arc<Inner>,
        location: &Location,
        by_digest: bool,
        ask_tags: bool,
    ) -> Result<Deletion> {
        self.refuse_forbidden(&Target::Image(location.clone()))?;
        deletable(location)?;
        if let Location::DockerDaemon { host, image } = location {
            return self.find_in_engine(location, (host.as_deref(), image), by_digest).await;
        }
        let found = self.resolve_location(location).await?;
        let missing = || transport::Error::NotFound { what: "image".to_owned(), at: location.to_string() };
        let digest = found.ok_or_else(missing)?.digest;
        let by_digest = by_digest || !names_a_tag(location);
        let mut tags = Vec::new();
        if by_digest || ask_tags {
            tags = self.names_of(location, &digest).await?;
        }
        Ok(Deletion { location: location.clone(), digest, by_digest, tags })
    }

    /// Every tag of a manifest: all tags of its repository are looked up.
    async fn names_of(self: &Arc<Inner>, location: &Location, digest: &Digest) -> Result<Vec<String>> {
        let (place, repository) = match location {
            Location::Registry(reference) => {
                (Place::Registry(reference.registry.clone()), &reference.repository)
            }
            Location::Store { repository, .. } => (Place::Store, repository),
            Location::OciLayout { path, .. } => return layout_names(path, digest).await,
            other => return Err(not_deletable(other)),
        };
        let pages = self.list_tags(&place, repository);
        let one = |tag: String| {
            let (place, repository) = (&place, repository);
            let looked = async move {
                let at: TagOrDigest = match tag.parse() {
                    Ok(tag) => TagOrDigest::Tag(tag),
                    Err(_) => return Ok(None),
                };
                let found = self.look_up(place, repository, &at).await?;
                Ok::<_, Error>(found.filter(|found| found == digest).map(|_| tag))
            };
            // Boxed, or whoever spawns this is told that it is not `Send`.
            looked.boxed()
        };
        let tags = pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten();
        let looked_up = tags.map_ok(one).try_buffered(AT_ONCE);
        let names = looked_up.try_filter_map(|name| std::future::ready(Ok(name)));
        names.try_collect().await
    }

    async fn look_up(&self, place: &Place, name: &Repository, at: &TagOrDigest) -> Result<Option<Digest>> {
        let found = match place {
            Place::Registry(registry) => self.client.repository(registry, name).head_manifest(at).await?,
            _ => self.store.repository(name).head_manifest(at).await?,
        };
        Ok(found.map(|found| found.digest))
    }

    /// Deletes. `None` where the registry deletes no tag alone: nothing has happened then.
    pub(super) async fn delete_image(&self, deletion: &Deletion) -> Result<Option<Deleted>> {
        let deleted = |freed: Option<Removed>, notes| {
            let freed = freed.map(Freed::from);
            Ok(Some(Deleted { deletion: deletion.clone(), freed, notes }))
        };
        let gone = || {
            let (what, at) = ("image".to_owned(), deletion.location.to_string());
            Error::from(transport::Error::NotFound { what, at })
        };
        self.refuse_forbidden(&Target::Image(deletion.location.clone()))?;
        let by_digest = || TagOrDigest::Digest(deletion.digest.clone());
        match &deletion.location {
            Location::Registry(reference) => {
                let repository = self.client.repository(&reference.registry, &reference.repository);
                let at = if deletion.by_digest { by_digest() } else { reference.target() };
                match repository.delete_manifest(&at).await {
                    Err(transport::Error::Unsupported { .. }) if !deletion.by_digest => return Ok(None),
                    other => other?,
                }
                deleted(None, after(&repository, reference, deletion).await)
            }
            Location::Store { repository, target } => {
                let tag = target.clone().filter(|_| !deletion.by_digest);
                let at = tag.unwrap_or_else(|| match deletion.by_digest {
                    true => by_digest(),
                    false => TagOrDigest::Tag(crate::oci::Tag::latest()),
                });
                let removed = self.store.remove_image(repository, &at).await?.ok_or_else(gone)?;
                deleted(Some(removed), Vec::new())
            }
            Location::OciLayout { path, reference } => {
                let name = reference.as_deref().filter(|_| !deletion.by_digest);
                let removed = OciLayout::remove(path, &deletion.digest, name).await?.ok_or_else(gone)?;
                deleted(Some(removed), Vec::new())
            }
            Location::DockerDaemon { host, image } => {
                self.delete_in_engine(deletion, (host.as_deref(), image)).await?;
                deleted(None, Vec::new())
            }
            other => Err(not_deletable(other)),
        }
    }
}

/// What the registry did, seen afterwards: some delete the manifest with a tag, some only promise.
async fn after(repository: &RepositoryClient, reference: &Reference, deletion: &Deletion) -> Vec<String> {
    let asked = TagOrDigest::Digest(deletion.digest.clone());
    let manifest = repository.head_manifest(&asked).await;
    let host = &reference.registry;
    let mut notes = Vec::new();
    match (deletion.by_digest, manifest) {
        (false, Ok(None)) => notes.push(format!(
            "{host} deleted the manifest {} with the tag, and with it every other tag of it",
            deletion.digest
        )),
        (true, Ok(Some(_))) => {
            notes.push(format!("{host} took the deletion, but {} can still be read", deletion.digest));
        }
        _ => {}
    }
    if !deletion.by_digest
        && let Ok(Some(found)) = repository.head_manifest(&reference.target()).await
    {
        let location = &deletion.location;
        notes.push(format!("{host} took the deletion, but {location} is still there, as {}", found.digest));
    }
    notes
}

async fn layout_names(path: &Path, digest: &Digest) -> Result<Vec<String>> {
    let images =
        OciLayout::images(path).await?.into_iter().filter(|image| image.descriptor.digest == *digest);
    Ok(images.filter_map(|image| image.names.into_iter().next()).collect())
}

/// Whether a tag (a layout's name) was written, or is meant where nothing was.
fn names_a_tag(location: &Location) -> bool {
    match location {
        Location::Registry(reference) => reference.digest.is_none(),
        Location::Store { target, .. } => !matches!(target, Some(TagOrDigest::Digest(_))),
        Location::OciLayout { reference, .. } => {
            reference.as_deref().is_some_and(|name| name.parse::<Digest>().is_err())
        }
        _ => false,
    }
}

fn deletable(location: &Location) -> Result<()> {
    match location {
        Location::Registry(_)
        | Location::Store { .. }
        | Location::OciLayout { .. }
        | Location::DockerDaemon { .. } => Ok(()),
        other => Err(not_deletable(other)),
    }
}

fn not_deletable(location: &Location) -> Error {
    Error::Request(format!("{location}: nothing is deleted from an archive; remove the file"))
}

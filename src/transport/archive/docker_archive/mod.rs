//! Archives that `docker load` takes: an OCI layout and Docker's own documents in one plain tar, so that old
//! Docker, new Docker, containerd, podman and skopeo all read it with the right names.
//!
//! The file is written in place. Offsets are known before the first byte comes, so blobs are written side by
//! side, each from where it stopped; only zstd layers, which Docker 20.10 cannot load, are compressed anew
//! through files of their own. Until it is whole the archive is called `NAME.partial`; a `NAME.sha256` lies
//! beside it in the end. What a killed writer left is gone on with: the headers in it say of which blobs it is, the
//! journal in its tail how far they are. Only layers that are compressed anew begin again.

mod image;
mod metadata;
mod put;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::blob_writer::Writer;
use super::blocking;
use super::naming::Naming;
use super::shared::Shared;
use crate::oci::{Descriptor, Digest, RawManifest, Reference, Repository, TagOrDigest};
use crate::transport::{Begin, Destination, Finished, Result};
use put::Images;

/// A docker-archive that is being written, seen from one image. Dropped unfinished, nothing of it is left.
#[derive(Clone)]
pub struct DockerArchive {
    archive: Arc<Shared<Images>>,
    /// The image's repository: a tag that is put becomes a name in it.
    reference: Option<Reference>,
}

impl DockerArchive {
    /// Begins an archive. `reference` is the image's name: a manifest put at a tag gets it with that tag (its own
    /// tag and digest do not matter), one put at a digest gets no name. Without it no image has a name.
    ///
    /// Nothing is written before [`Destination::prepare`]; a file that is in the way is an error at once.
    pub fn create(naming: Naming, reference: Option<Reference>) -> Result<DockerArchive> {
        naming.check()?;
        Ok(DockerArchive { archive: Arc::new(Shared::new(naming)), reference })
    }

    /// Why a blob cannot be in an archive that Docker loads, if that is so.
    pub fn refuses(blob: &Descriptor) -> Option<String> {
        image::check_blob(blob).err()
    }

    /// The same archive for another image. Layers that images share are written once. Any one of the handles
    /// finishes the archive for all.
    pub fn image(&self, reference: Option<Reference>) -> DockerArchive {
        DockerArchive { archive: self.archive.clone(), reference }
    }
}

impl Destination for DockerArchive {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>> {
        let found = self.archive.image_at(|image| match at {
            TagOrDigest::Digest(digest) => image.manifest.digest == *digest || image.original == *digest,
            TagOrDigest::Tag(tag) => {
                self.reference.as_ref().is_some_and(|r| image.names.contains(&r.with_tag(tag.clone())))
            }
        });
        Box::pin(async move { Ok(found) })
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> BoxFuture<'a, Result<bool>> {
        let there = self.archive.has(&blob.digest);
        Box::pin(async move { Ok(there) })
    }

    fn prepare<'a>(&'a self, blobs: &'a [Descriptor]) -> BoxFuture<'a, Result<()>> {
        let (archive, blobs) = (self.archive.clone(), blobs.to_vec());
        Box::pin(blocking(move || archive.prepare(&blobs)))
    }

    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        _known: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Begin>> {
        Box::pin(Writer::begin_blob(self.archive.clone(), blob))
    }

    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        at: &'a TagOrDigest,
    ) -> BoxFuture<'a, Result<Digest>> {
        let name = match (&self.reference, at) {
            (Some(reference), TagOrDigest::Tag(tag)) => Some(reference.with_tag(tag.clone())),
            _ => None,
        };
        let (archive, manifest) = (self.archive.clone(), manifest.clone());
        Box::pin(blocking(move || archive.put_manifest(&manifest, name)))
    }

    fn keep(&self) -> Option<String> {
        self.archive.keep()
    }

    fn is_stream(&self) -> bool {
        self.archive.is_stream()
    }

    fn finish(&self) -> BoxFuture<'_, Result<Finished>> {
        let archive = self.archive.clone();
        Box::pin(blocking(move || archive.finish()))
    }
}

//! OCI layouts in a tar, written: any image with all its platforms, indexes within indexes, attestations, artifacts.
//! Every manifest and blob is kept byte for byte, under the names that an OCI layout directory gives.
//!
//! The file is written in place and gone on with as a docker-archive is.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::blob_writer::Writer;
use super::blocking;
use super::documents::Documents;
use super::naming::Naming;
use super::oci_layout::index;
use super::oci_layout::names::Names;
use super::shared::Shared;
use super::tar_layout::blob_path;
use crate::oci::{Descriptor, Digest, RawManifest, Repository, TagOrDigest};
use crate::transport::{Begin, Destination, Error, Finished, Result};

/// A tar of an OCI layout that is being written. Dropped unfinished, nothing of it is left.
pub struct OciArchiveWriter {
    archive: Arc<Shared<Listing>>,
}

/// What such an archive lists.
#[derive(Default)]
struct Listing {
    names: Names,
    /// Each once.
    manifests: Vec<RawManifest>,
    /// The index's entries that have a name, in the order they got it.
    named: Vec<(Descriptor, String)>,
}

impl OciArchiveWriter {
    /// Begins an archive. `reference` is the name that the image gets; without it, the tag it is put at.
    ///
    /// Nothing is written before [`Destination::prepare`]; a file that is in the way is an error at once.
    pub fn create(naming: Naming, reference: Option<&str>) -> Result<OciArchiveWriter> {
        naming.check()?;
        let archive = Shared::<Listing>::new(naming);
        archive.state().documents.names = Names::new(reference);
        Ok(OciArchiveWriter { archive: Arc::new(archive) })
    }
}

impl Documents for Listing {
    const RECOMPRESSES: bool = false;

    fn check_blob(_: &Descriptor) -> std::result::Result<(), String> {
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.manifests.is_empty()
    }

    fn layers(&self) -> Vec<&Digest> {
        Vec::new()
    }

    fn entries(&self) -> Vec<(String, Vec<u8>)> {
        // Manifests are pushed side by side, and the same image is to give the same file.
        let mut manifests: Vec<&RawManifest> = self.manifests.iter().collect();
        manifests.sort_by(|a, b| a.digest.cmp(&b.digest));
        let mut entries: Vec<(String, Vec<u8>)> =
            manifests.iter().map(|raw| (blob_path(&raw.digest), raw.bytes.to_vec())).collect();
        let named = self.named.iter().map(|(entry, name)| (entry.clone(), Some(name.clone())));
        let listed = named.chain(self.names.unlisted());
        let list = listed.fold(None::<Vec<u8>>, |list, (entry, name)| {
            index::with_entry(list.as_deref(), &entry, name.as_deref()).or(list)
        });
        entries.push(("index.json".to_owned(), list.unwrap_or_default()));
        entries.push(("oci-layout".to_owned(), index::OCI_LAYOUT.to_vec()));
        entries
    }

    fn changed(&self) -> Option<Digest> {
        None
    }
}

impl Listing {
    fn put(&mut self, manifest: &RawManifest, at: &TagOrDigest, place: String) -> Result<Digest> {
        let name = if let TagOrDigest::Tag(tag) = at { Some(self.names.of(tag)) } else { None };
        let noted = self.names.note(manifest, name.as_deref());
        let entry = noted.map_err(|source| Error::Manifest { at: place, source })?;
        if let Some(name) = name {
            self.named.retain(|(_, other)| *other != name);
            self.named.push((entry, name));
        }
        if self.manifests.iter().all(|there| there.digest != manifest.digest) {
            self.manifests.push(manifest.clone());
        }
        Ok(manifest.digest.clone())
    }
}

impl Destination for OciArchiveWriter {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>> {
        let state = self.archive.state();
        let listing = &state.documents;
        let found = match at {
            TagOrDigest::Digest(digest) => {
                listing.manifests.iter().find(|raw| raw.digest == *digest).map(RawManifest::descriptor)
            }
            TagOrDigest::Tag(tag) => {
                let name = listing.names.of(tag);
                listing.named.iter().find(|(_, other)| *other == name).map(|(entry, _)| entry.clone())
            }
        };
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
        let put = self.archive.state().documents.put(manifest, at, self.archive.at());
        Box::pin(async move { put })
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

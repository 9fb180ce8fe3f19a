//! Reading images out of a tar: OCI archives, docker-archives that carry an OCI index (wharf's own, and `docker save`
//! since 25), and those that do not (`docker save` before, podman, skopeo), whose manifests are made here. Where
//! there are both an index and Docker's list the index wins: it has the digests that the image came with.
//!
//! The tar's headers are read once; after that every blob is read where it lies.

mod contents;
mod header;
mod saved;
#[cfg(test)]
pub(super) mod tape;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;

use super::oci_layout::index::{self, NoChoice};
use super::packed::{self, PackedLayers};
use super::spool::{Spool, Stop};
use super::{LayoutImage, blocking, pieces, referrer};
use crate::oci::{Descriptor, Digest, RawManifest, Tag, TagOrDigest, printable};
use crate::transport::{ByteStream, Error, Gzipped, Result, Source};
pub(super) use contents::Contents;
use contents::{Extent, Section};
use saved::Saved;

/// An image of a tar, that is read.
#[derive(Debug, Clone)]
pub struct TarArchive {
    tar: Arc<Tar>,
    chosen: Descriptor,
}

/// A tar with images in it. Clones are the same tar; what was staged for it stays on the disk while one of them lives.
#[derive(Debug, Clone)]
pub struct TarFile(Arc<Tar>);

/// The tar itself, whichever of its images was chosen.
#[derive(Debug)]
pub(super) struct Tar {
    contents: Contents,
    /// The index's entries, or what stands for them; the documents that had to be made for it.
    images: Saved,
    spool: Spool,
    /// It is a copy in the spool.
    is_staged: bool,
    packed: PackedLayers,
}

impl TarFile {
    /// An image of it. `reference` chooses as in [`super::OciLayout::open`].
    pub fn image(&self, reference: Option<&str>) -> Result<TarArchive> {
        Ok(TarArchive { chosen: self.0.choose(reference)?, tar: Arc::clone(&self.0) })
    }

    /// Every image of it, in its index's order.
    pub fn images(&self) -> Vec<LayoutImage> {
        self.0.images.entries.iter().cloned().map(LayoutImage::from).collect()
    }

    /// Whether it has Docker's list of images, so that `docker load` takes it.
    pub fn is_docker(&self) -> bool {
        self.0.contents.has(saved::LIST)
    }

    /// Whether it is a copy of what came as a stream or compressed.
    pub fn is_staged(&self) -> bool {
        self.0.is_staged
    }

    /// Bytes of the tar, unpacked.
    pub fn size(&self) -> u64 {
        self.0.contents.length()
    }

    /// A handle that does not keep it.
    pub fn downgrade(&self) -> WeakTarFile {
        WeakTarFile(Arc::downgrade(&self.0))
    }
}

/// See [`TarFile::downgrade`].
#[derive(Debug, Clone, Default)]
pub struct WeakTarFile(Weak<Tar>);

impl WeakTarFile {
    /// The tar, if somebody still keeps it.
    pub fn upgrade(&self) -> Option<TarFile> {
        self.0.upgrade().map(TarFile)
    }
}

impl From<Tar> for TarFile {
    fn from(tar: Tar) -> TarFile {
        TarFile(Arc::new(tar))
    }
}

impl TarArchive {
    /// Opens the tar at `path`; a compressed one is staged beside it. `reference` chooses an image as in
    /// [`super::OciLayout::open`].
    pub async fn open(path: &Path, reference: Option<&str>) -> Result<TarArchive> {
        let beside = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let spool = Spool::new(beside.unwrap_or(Path::new(".")));
        TarFile::open(path, &spool).await?.image(reference)
    }

    /// The image that was chosen: its digest is what to ask [`Source::manifest`] for.
    pub fn chosen(&self) -> &Descriptor {
        &self.chosen
    }

    /// The archive for people.
    pub(super) fn name(&self) -> String {
        self.tar.contents.at()
    }

    pub(super) fn spool(&self) -> &Spool {
        &self.tar.spool
    }

    /// Layers of any image of the tar that were gzipped.
    pub(super) fn packed(&self) -> &PackedLayers {
        &self.tar.packed
    }

    /// A blob's bytes, for who may block.
    pub(super) fn section(&self, blob: &Descriptor) -> Result<Section> {
        Ok(self.tar.contents.section(self.tar.blob(blob)?))
    }

    /// Whether a manifest is not in the archive, but was made here.
    pub(super) fn is_made(&self, manifest: &Digest) -> bool {
        self.tar.images.manifests.contains_key(manifest)
    }

    /// Whether an engine saved the image of this configuration: then its manifest is the archive's own, and no registry
    /// knows its digest.
    pub(super) fn is_saved(&self, config: &Digest) -> bool {
        self.tar.images.saved.contains(config)
    }
}

impl Tar {
    /// Reads which images are there. Compressed layers that no manifest names are read whole, until `stop` ends it.
    pub(super) fn new(contents: Contents, spool: &Spool, is_staged: bool, stop: &Stop) -> Result<Tar> {
        let seen = |bytes| {
            spool.note(bytes);
            stop.check()
        };
        let images = match contents.document("index.json")? {
            Some(bytes) => {
                let entries = index::entries(&bytes)
                    .map_err(|reason| contents.wrong(format!("index.json: {reason}")))?;
                Saved { entries, saved: saved::by_engines(&contents), ..Saved::default() }
            }
            None if contents.has(saved::LIST) => saved::read(&contents, &seen)?,
            None if contents.has("repositories") => {
                let reason = "this docker-archive has no manifest.json (docker save before 1.10): docker load and \
                              docker save it again";
                return Err(Error::Unsupported { at: contents.at(), reason: reason.to_owned() });
            }
            None => {
                let reason = "there is no image in it: it has neither index.json nor manifest.json";
                return Err(contents.wrong(reason.to_owned()));
            }
        };
        Ok(Tar { contents, images, spool: spool.clone(), is_staged, packed: PackedLayers::default() })
    }

    /// The image that a name means; see [`super::OciLayout::open`].
    fn choose(&self, reference: Option<&str>) -> Result<Descriptor> {
        let at = self.contents.at();
        index::select(&self.images.entries, reference).map_err(|no| match no {
            NoChoice::Unknown(there) => {
                let name = reference.map(|name| format!(" {}", printable(name, 200)));
                Error::NotFound { what: format!("image{} ({there})", name.unwrap_or_default()), at }
            }
            NoChoice::Ambiguous(there) => {
                Error::Unsupported { reason: format!("which image is meant? {there}; write {at}:NAME"), at }
            }
        })
    }

    fn manifest(&self, digest: &Digest, kind: &str) -> Result<RawManifest> {
        if let Some(made) = self.images.manifests.get(digest) {
            return Ok(made.clone());
        }
        let contents = &self.contents;
        let Some(bytes) = contents.document(&index::blob_path(digest))? else {
            return Err(Error::NotFound { what: format!("manifest {digest}"), at: contents.at() });
        };
        if !digest.matches(&bytes) {
            let at = format!("{} {digest}", contents.at());
            let (expected, found) = (digest.to_string(), Digest::of(&bytes).to_string());
            return Err(Error::Content { attempted: "read manifest", at, expected, found });
        }
        Ok(RawManifest::with_digest(bytes.into(), kind, digest.clone()))
    }

    /// Where a blob lies.
    fn blob(&self, blob: &Descriptor) -> Result<Extent> {
        let contents = &self.contents;
        let listed = self.images.blobs.get(&blob.digest).copied();
        let found =
            listed.map_or_else(|| contents.find(&index::blob_path(&blob.digest)), |at| Ok(Some(at)))?;
        let Some(extent) = found else {
            return Err(Error::NotFound { what: format!("blob {}", blob.digest), at: contents.at() });
        };
        if extent.size != blob.size {
            let at = format!("{} {}", contents.at(), blob.digest);
            let (expected, found) = (format!("{} bytes", blob.size), format!("{} bytes", extent.size));
            return Err(Error::Content { attempted: "read blob", at, expected, found });
        }
        Ok(extent)
    }
}

impl Source for TarArchive {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        Box::pin(async move {
            let (digest, kind) = index::look_up(&self.tar.images.entries, &self.chosen, at)
                .ok_or_else(|| Error::NotFound { what: format!("tag {at}"), at: self.tar.contents.at() })?;
            let tar = Arc::clone(&self.tar);
            blocking(move || tar.manifest(&digest, &kind)).await
        })
    }

    fn gzipped(&self) -> BoxFuture<'_, Result<Option<Gzipped>>> {
        Box::pin(packed::pack(self))
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(async move {
            let Extent { at, size } = self.tar.blob(blob)?;
            let from = from.min(size);
            let contents = &self.tar.contents;
            let (file, path) = (Arc::clone(contents.file()), contents.path().to_owned());
            Ok((from, pieces::read_range(file, path, at + from, at + size)))
        })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        let (tar, subject) = (Arc::clone(&self.tar), subject.clone());
        Box::pin(blocking(move || {
            referrer::listed(&tar.images.entries, &subject, |entry| {
                tar.manifest(&entry.digest, &entry.media_type)
            })
        }))
    }

    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        Box::pin(async { Ok(referrer::all_tags(&self.tar.images.entries)) })
    }
}

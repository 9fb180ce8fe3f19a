//! OCI layout directories (image specification, "OCI Image Layout"): read as a source, written as a destination.
//!
//! A layout that exists is added to: its other images stay, an image of the same name is replaced. Blobs and
//! documents appear whole or not at all.

mod delete;
mod destination;
mod directory;
pub(super) mod index;
pub(super) mod names;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{blocking, pieces, referrer};
use crate::oci::{Descriptor, Digest, RawManifest, Tag, TagOrDigest};
use crate::transport::{ByteStream, Error, Result, Source};
use directory::Directory;
use index::NoChoice;

pub use destination::OciLayoutWriter;

/// An OCI layout that is read: the directory, and the image in it that was chosen.
#[derive(Debug, Clone)]
pub struct OciLayout {
    directory: Directory,
    entries: Vec<Descriptor>,
    chosen: Descriptor,
}

/// An image of a layout, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutImage {
    /// Its names, the full one first; none if it has only its digest.
    pub names: Vec<String>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
}

impl From<Descriptor> for LayoutImage {
    fn from(descriptor: Descriptor) -> LayoutImage {
        LayoutImage { names: index::names(&descriptor).map(str::to_owned).collect(), descriptor }
    }
}

impl OciLayout {
    /// Opens the layout at `path`. `reference` chooses an image by name (`v1`, `docker.io/library/a:1`, `a:1`) or
    /// digest; without it there must be only one. The errors list what there is.
    pub async fn open(path: &Path, reference: Option<&str>) -> Result<OciLayout> {
        let (directory, reference) = (Directory::new(path), reference.map(str::to_owned));
        blocking(move || {
            let entries = directory.entries()?;
            let at = directory.at();
            let chosen =
                index::select(&entries, reference.as_deref()).or_else(|no| match (no, &reference) {
                    (NoChoice::Unknown(there), Some(name)) => {
                        // A manifest inside an index can be asked for by its digest.
                        if let Ok(digest) = name.parse() {
                            return directory.manifest(&digest, "").map(|found| found.descriptor());
                        }
                        let what = format!("image {} ({there})", crate::oci::printable(name, 200));
                        Err(Error::NotFound { what, at })
                    }
                    (NoChoice::Unknown(there), None) => {
                        Err(Error::NotFound { what: format!("image ({there})"), at })
                    }
                    (NoChoice::Ambiguous(there), _) => {
                        let reason = format!("which image is meant? {there}; write {at}:NAME");
                        Err(Error::Unsupported { at, reason })
                    }
                })?;
            Ok(OciLayout { directory, entries, chosen })
        })
        .await
    }

    /// A destination that writes into the layout at `path`: see [`OciLayoutWriter`].
    pub fn create(path: &Path, reference: Option<&str>) -> Result<OciLayoutWriter> {
        OciLayoutWriter::create(path, reference)
    }

    /// The image that was chosen: its digest is what to ask [`Source::manifest`] for.
    pub fn chosen(&self) -> &Descriptor {
        &self.chosen
    }

    /// Every image of the layout at `path`, in its index's order.
    pub async fn images(path: &Path) -> Result<Vec<LayoutImage>> {
        let directory = Directory::new(path);
        let entries = blocking(move || directory.entries()).await?;
        Ok(entries.into_iter().map(LayoutImage::from).collect())
    }
}

impl Source for OciLayout {
    /// A tag is looked up among the layout's names; the chosen image goes first where several have it.
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        Box::pin(async move {
            let (digest, kind) = index::look_up(&self.entries, &self.chosen, at)
                .ok_or_else(|| Error::NotFound { what: format!("tag {at}"), at: self.directory.at() })?;
            let directory = self.directory.clone();
            blocking(move || directory.manifest(&digest, &kind)).await
        })
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(async move {
            let (directory, wanted) = (self.directory.clone(), blob.clone());
            let path = index::blob_path(&blob.digest);
            let (file, size) = blocking(move || {
                directory.open(&path).map_err(|e| match e {
                    Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                        Error::NotFound { what: format!("blob {}", wanted.digest), at: directory.at() }
                    }
                    other => other,
                })
            })
            .await?;
            if size != blob.size {
                let at = format!("{} {}", self.directory.at(), blob.digest);
                let (expected, found) = (format!("{} bytes", blob.size), format!("{size} bytes"));
                return Err(Error::Content { attempted: "read blob", at, expected, found });
            }
            let path = self.directory.root().join(index::blob_path(&blob.digest));
            let from = from.min(size);
            Ok((from, pieces::read_range(Arc::new(file), path, from, size)))
        })
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        let (directory, entries, subject) = (self.directory.clone(), self.entries.clone(), subject.clone());
        Box::pin(blocking(move || {
            referrer::listed(&entries, &subject, |entry| directory.manifest(&entry.digest, &entry.media_type))
        }))
    }

    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        Box::pin(async { Ok(referrer::all_tags(&self.entries)) })
    }
}

//! Writing into a layout.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use super::super::blocking;
use super::super::in_place::{Found, InPlace};
use super::super::partial::{Keep, Partial, WORTH_KEEPING};
use super::super::pieces::Pump;
use super::super::{referrer, room};
use super::directory::Directory;
use super::index;
use super::names::Names;
use crate::oci::{Descriptor, Digest, RawManifest, Repository, TagOrDigest};
use crate::transport::{Begin, BlobWriter, ByteStream, Destination, Error, Finished, Place, Result};

/// An OCI layout that is written into; made if it is not there, added to if it is.
#[derive(Debug)]
pub struct OciLayoutWriter {
    directory: Directory,
    names: Mutex<Names>,
    keep: Keep,
}

impl OciLayoutWriter {
    /// Opens the layout at `path` for writing. Nothing is written yet; a directory that holds something else is an
    /// error at once. `reference` is the name that the image gets; without it, the tag it is put at.
    pub fn create(path: &Path, reference: Option<&str>) -> Result<OciLayoutWriter> {
        let directory = Directory::new(path);
        directory.check_writable()?;
        Ok(OciLayoutWriter { directory, names: Mutex::new(Names::new(reference)), keep: Keep::default() })
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Destination for OciLayoutWriter {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>> {
        let (directory, at) = (self.directory.clone(), at.clone());
        let name = if let TagOrDigest::Tag(tag) = &at { Some(self.names().of(tag)) } else { None };
        Box::pin(blocking(move || {
            let absent = |e: &Error| e.is_not_found() || matches!(e, Error::Format { .. });
            match at {
                TagOrDigest::Tag(_) => {
                    // A directory that is to become a layout has no index yet.
                    let entries = match directory.entries() {
                        Err(e) if absent(&e) => return Ok(None),
                        entries => entries?,
                    };
                    let has = |entry: &&Descriptor| entry.annotation(index::REF_NAME) == name.as_deref();
                    Ok(entries.iter().find(has).cloned())
                }
                TagOrDigest::Digest(digest) => match directory.manifest(&digest, "") {
                    Ok(found) => Ok(Some(found.descriptor())),
                    Err(Error::Content { .. }) => Ok(None),
                    Err(e) if absent(&e) => Ok(None),
                    Err(e) => Err(e),
                },
            }
        }))
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> BoxFuture<'a, Result<bool>> {
        let (directory, blob) = (self.directory.clone(), blob.clone());
        Box::pin(blocking(move || Ok(directory.has_blob(&blob))))
    }

    fn prepare<'a>(&'a self, blobs: &'a [Descriptor]) -> BoxFuture<'a, Result<()>> {
        let (directory, blobs) = (self.directory.clone(), blobs.to_vec());
        Box::pin(blocking(move || {
            directory.make()?;
            directory.sweep(&blobs);
            let missing = blobs.iter().filter(|blob| !directory.has_blob(blob)).map(|blob| blob.size);
            room::check(directory.root(), missing.fold(0, u64::saturating_add))
        }))
    }

    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        _known: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Begin>> {
        let (directory, blob, keep) = (self.directory.clone(), blob.clone(), self.keep.clone());
        Box::pin(blocking(move || {
            if directory.has_blob(&blob) {
                return Ok(Begin::Present);
            }
            directory.make()?;
            let partial = directory.claim_blob(&blob.digest)?.kept_by(&keep);
            let mut sink = InPlace::new(partial.file().clone(), partial.path().to_owned(), 0);
            let accepted = match sink.take_over(&blob, directory.left(&partial, &blob)?)? {
                Found::Whole => {
                    partial.cut(blob.size)?;
                    directory.commit_blob(partial, &blob.digest)?;
                    return Ok(Begin::Present);
                }
                Found::Part(0) => {
                    partial.clear()?;
                    0
                }
                Found::Part(accepted) => {
                    partial.cut(accepted)?;
                    accepted
                }
            };
            let pump = Pump::new(&blob, sink, accepted);
            Ok(Begin::Write(Box::new(Writer { directory, blob, partial, pump })))
        }))
    }

    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        at: &'a TagOrDigest,
    ) -> BoxFuture<'a, Result<Digest>> {
        Box::pin(async move {
            let name = if let TagOrDigest::Tag(tag) = at { Some(self.names().of(tag)) } else { None };
            let noted = self.names().note(manifest, name.as_deref());
            noted.map_err(|source| Error::Manifest { at: self.directory.at(), source })?;
            let (directory, manifest) = (self.directory.clone(), manifest.clone());
            blocking(move || {
                directory.make()?;
                directory.put_manifest(&manifest)?;
                if name.is_some() {
                    directory.list(&[(manifest.descriptor(), name)])?;
                }
                Ok(manifest.digest)
            })
            .await
        })
    }

    fn listed_referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>>> {
        let (directory, subject) = (self.directory.clone(), subject.clone());
        Box::pin(blocking(move || {
            let entries = match directory.entries() {
                // A directory that is to become a layout lists nothing yet.
                Err(e) if e.is_not_found() || matches!(e, Error::Format { .. }) => {
                    return Ok(Some(Vec::new()));
                }
                entries => entries?,
            };
            let read = |entry: &Descriptor| directory.manifest(&entry.digest, &entry.media_type);
            referrer::listed(&entries, &subject, read).map(Some)
        }))
    }

    fn keep(&self) -> Option<String> {
        let came = self.directory.unfinished_bytes();
        if came < WORTH_KEEPING {
            return None;
        }
        self.keep.set();
        let (at, megabytes) = (self.directory.at(), came / 1_000_000);
        Some(format!("{at} keeps {megabytes} MB of unfinished blobs: the same copy goes on with them"))
    }

    fn finish(&self) -> BoxFuture<'_, Result<Finished>> {
        let (directory, images) = (self.directory.clone(), std::mem::take(&mut *self.names()).unlisted());
        Box::pin(blocking(move || {
            if !images.is_empty() {
                directory.list(&images)?;
            }
            Ok(Finished::default())
        }))
    }
}

/// One blob on its way into the layout.
struct Writer {
    directory: Directory,
    blob: Descriptor,
    partial: Partial,
    pump: Pump<InPlace>,
}

impl BlobWriter for Writer {
    fn accepted(&self) -> u64 {
        self.pump.accepted()
    }

    fn write(&mut self, from: u64, body: ByteStream) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let written = self.pump.run(from, body).await;
            if self.pump.accepted() >= WORTH_KEEPING && written.as_ref().is_err_and(Error::may_pass) {
                self.partial.stay();
            }
            written
        })
    }

    fn place(&mut self) -> Option<Arc<dyn Place>> {
        let accepted = self.pump.accepted();
        let sink = self.pump.sink()?;
        // Bytes behind a hole are not the blob's beginning: the file's length would say too much.
        sink.journal(&self.blob, accepted).ok()?;
        Some(Arc::new(sink.filling(self.blob.size, Arc::new(()))))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        let Writer { directory, blob, partial, pump } = *self;
        Box::pin(async move {
            let mut sink = pump.into_sink().await?;
            blocking(move || {
                // What is wrong is not kept: the next attempt finds nothing.
                sink.verify(&blob).or_else(|error| partial.clear().and(Err(error)))?;
                partial.cut(blob.size)?;
                directory.commit_blob(partial, &blob.digest)
            })
            .await
        })
    }
}

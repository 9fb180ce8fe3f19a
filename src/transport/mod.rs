//! Where images live. A transport opens a [`Source`] or a [`Destination`] for one repository, layout or
//! archive; the engine moves bytes from one to the other and knows nothing of what is behind them.
//!
//! - [`registry`]: OCI distribution over HTTP
//! - [`archive`]: OCI layouts and docker-archives
//! - [`local`]: wharf's own image store
//! - [`daemon`]: container engines, Docker's and podman's

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::oci::{Descriptor, Digest, RawManifest, Repository, Tag, TagOrDigest};

pub mod archive;
pub mod daemon;
mod error;
pub mod local;
pub mod registry;
mod removed;
mod verify;

pub use error::{Error, Result};
pub use removed::Removed;
pub use verify::{Hashed, Verified, verified, verified_from};

/// A blob's bytes as they come. An error ends the stream.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Where an image is read from: one repository, one layout, one archive.
pub trait Source: Send + Sync {
    /// The manifest or index at a tag or digest, as bytes; verified where a digest was asked for.
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>>;

    /// A blob's bytes from offset `from` on. The answer's first part is where the stream really starts:
    /// `from`, or 0 where the other side ignored the range. The bytes are *not* verified: see [`verified`].
    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>>;

    /// The shortest time that the other side took to answer so far, which is about a round trip; `None` where there is
    /// no other side, or nothing is known yet.
    fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// The image that was opened with its plain layers gzipped, for destinations where others fetch it: archives keep
    /// layers as they lay in an engine. `None` where there is nothing to gzip, or the digests are worth more.
    fn gzipped(&self) -> BoxFuture<'_, Result<Option<Gzipped>>> {
        Box::pin(async { Ok(None) })
    }

    /// The bytes that came of a blob were wrong ones. Whether there is another place that may have the right ones: it is
    /// asked from now on.
    fn doubt(&self, blob: &Digest) -> bool {
        let _ = blob;
        false
    }

    /// The blob's bytes from offset `from` up to `until`, for several that read one blob side by side; `None` where the
    /// other side does not answer ranges. Not verified either.
    fn part<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
        until: u64,
    ) -> BoxFuture<'a, Result<Option<ByteStream>>> {
        let _ = (blob, from, until);
        Box::pin(async { Ok(None) })
    }

    /// The manifests that name `subject` as their subject, as far as this place knows any.
    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        let _ = subject;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// All tags, in the place's own order.
    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The image of an engine, if this is one.
    fn saved(&self) -> Option<&daemon::Saved> {
        None
    }
}

/// See [`Source::gzipped`].
pub struct Gzipped {
    /// The image as it is now.
    pub source: std::sync::Arc<dyn Source>,
    /// Its manifest's digest, to ask for.
    pub digest: Digest,
    /// What changed, for people.
    pub note: String,
}

/// Where an image is written to: one repository, one layout, one archive.
pub trait Destination: Send + Sync {
    /// What is at a tag or digest now, with as little asking as possible; `None` if nothing is.
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>>;

    /// Whether a blob is there already (for previews; a copy asks with [`Destination::begin`]).
    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> BoxFuture<'a, Result<bool>>;

    /// Told once, before any `begin`, of every blob that will come; checks that there is room and lays out
    /// what is written in place.
    fn prepare<'a>(&'a self, blobs: &'a [Descriptor]) -> BoxFuture<'a, Result<()>> {
        let _ = blobs;
        Box::pin(async { Ok(()) })
    }

    /// Begins a blob. `known` is a repository of the same registry that has it, to mount it from.
    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        known: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Begin>>;

    /// Puts a manifest, whose blobs and manifests are there already, at a tag or its digest. The answer is
    /// the digest it is known by there.
    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        at: &'a TagOrDigest,
    ) -> BoxFuture<'a, Result<Digest>>;

    /// A mount was answered with success, and the blob is not there: from now on it is asked in another way.
    fn doubt_mounts(&self) {}

    /// The referrers of `subject` that are listed here now; `None` where nothing is listed that could be asked.
    fn listed_referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>>> {
        let _ = subject;
        Box::pin(async { Ok(None) })
    }

    /// Puts a manifest that has a subject at its digest. Whether it is thereby listed among the subject's referrers;
    /// where not, [`Destination::list_referrers`] has to be told.
    fn put_referrer<'a>(&'a self, manifest: &'a RawManifest) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let at = TagOrDigest::Digest(manifest.digest.clone());
            self.put_manifest(manifest, &at).await?;
            Ok(true)
        })
    }

    /// Lists manifests, which are here already, among the referrers of `subject`; those that are listed stay. What is
    /// listed is read and written anew: of one subject only one at a time may do this.
    fn list_referrers<'a>(
        &'a self,
        subject: &'a Digest,
        referrers: &'a [Descriptor],
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (subject, referrers);
        Box::pin(async { Ok(()) })
    }

    /// The writing failed for a reason that may pass (the network): what came so far is to stay when the destination
    /// is dropped, and the same writing, begun again, goes on with it. The answer tells people what stays.
    fn keep(&self) -> Option<String> {
        None
    }

    /// Brings what was written to where it is wanted, where that is a step of its own (an engine loads an archive).
    /// Called once, before [`Destination::finish`]; dropped before its end, it is broken off.
    fn deliver(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    /// Ends the writing: what is a file becomes whole and gets its name. Without this nothing is left behind.
    fn finish(&self) -> BoxFuture<'_, Result<Finished>> {
        Box::pin(async { Ok(Finished::default()) })
    }

    /// Whether somebody reads along, who may take any time: its end gives nothing a name, and can be broken off.
    fn is_stream(&self) -> bool {
        false
    }

    /// The shortest time that the other side took to answer so far, which is about a round trip; `None` where there is
    /// no other side, or nothing is known yet.
    fn round_trip(&self) -> Option<Duration> {
        None
    }

    /// The engine, if this is one: it takes one platform, and knows images by their IDs.
    fn daemon(&self) -> Option<&daemon::DaemonLoad> {
        None
    }
}

/// What became of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finished {
    /// The file it is, under its final name.
    pub path: Option<std::path::PathBuf>,
    /// The manifest's digest there, where writing had to change it (zstd layers made gzip).
    pub digest: Option<Digest>,
    /// Things the person should know.
    pub notes: Vec<String>,
}

/// The answer to [`Destination::begin`].
pub enum Begin {
    /// The blob is in this repository already.
    Present,
    /// It was mounted from another repository.
    Mounted,
    /// It has to be written.
    Write(Box<dyn BlobWriter>),
}

/// One blob on its way into a destination.
pub trait BlobWriter: Send {
    /// Bytes that the destination holds for certain: where a retry goes on.
    fn accepted(&self) -> u64;

    /// Writes `body`, whose first byte is the blob's byte `from`; `from` is what [`BlobWriter::accepted`] said,
    /// or 0 to start again. The body is the rest of the blob, whole and verified: an error in it must keep
    /// the blob from being committed. A blob that came in several goes (`from` above 0) is checked against its
    /// digest by the destination itself before it is committed: only that sees all the bytes that were kept.
    fn write(&mut self, from: u64, body: ByteStream) -> BoxFuture<'_, Result<()>>;

    /// The blob's place, where its bytes can be put in any order; `None` where they have to come as they follow each
    /// other. It serves one [`BlobWriter::write`], the next.
    fn place(&mut self) -> Option<std::sync::Arc<dyn Place>> {
        None
    }

    /// Makes the blob visible under its digest.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<()>>;
}

/// The place of a blob that is being written. Offsets are in bytes from the blob's beginning. Whatever is put here,
/// all of the blob still goes through [`BlobWriter::write`] in order, to be verified; what lies in its place already
/// is only not written twice.
pub trait Place: Send + Sync {
    /// Puts bytes where they belong.
    fn put(&self, at: u64, bytes: Bytes) -> BoxFuture<'_, Result<()>>;

    /// Reads bytes back that were put.
    fn read(&self, at: u64, length: usize) -> BoxFuture<'_, Result<Bytes>>;

    /// From byte `from` on, all that [`BlobWriter::write`] will be given was put before. `u64::MAX`: nothing.
    fn filled_from(&self, from: u64);
}

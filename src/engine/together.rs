//! Several images as one: their sources as one source, and the archive that takes all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::oci::{Descriptor, Digest, RawManifest, Reference, Repository, TagOrDigest};
use crate::transport::archive::DockerArchive;
use crate::transport::{self, Begin, ByteStream, Destination, Finished, Source};

/// An image with all its names.
#[derive(Clone)]
pub(super) struct Image {
    pub(super) manifest: RawManifest,
    pub(super) names: Vec<Reference>,
}

/// Several sources, each asked for what it has.
pub(super) struct Gathered {
    pub(super) sources: Vec<Arc<dyn Source>>,
    /// Whose a manifest or blob is.
    pub(super) of: HashMap<Digest, usize>,
}

impl Gathered {
    fn having(&self, digest: &Digest) -> &dyn Source {
        &*self.sources[self.of.get(digest).copied().unwrap_or_default()]
    }
}

impl Source for Gathered {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, transport::Result<RawManifest>> {
        match at {
            TagOrDigest::Digest(digest) => self.having(digest).manifest(at),
            TagOrDigest::Tag(_) => self.sources[0].manifest(at),
        }
    }

    fn blob<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
    ) -> BoxFuture<'a, transport::Result<(u64, ByteStream)>> {
        self.having(&blob.digest).blob(blob, from)
    }

    fn round_trip(&self) -> Option<Duration> {
        self.sources.iter().filter_map(|source| source.round_trip()).min()
    }

    fn part<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
        until: u64,
    ) -> BoxFuture<'a, transport::Result<Option<ByteStream>>> {
        self.having(&blob.digest).part(blob, from, until)
    }

    fn doubt(&self, blob: &Digest) -> bool {
        self.having(blob).doubt(blob)
    }
}

/// One archive of several images. They are listed when it is finished, in their order: the same images give the same file.
pub(super) struct Together {
    pub(super) archive: DockerArchive,
    pub(super) images: Vec<Image>,
}

impl Together {
    /// The answer is the first image's digest in the archive.
    async fn list(&self) -> transport::Result<Option<Digest>> {
        let mut first = None;
        for Image { manifest, names } in &self.images {
            if names.is_empty() {
                let at = TagOrDigest::Digest(manifest.digest.clone());
                let put = self.archive.put_manifest(manifest, &at).await?;
                first.get_or_insert(put);
            }
            for name in names {
                let image = self.archive.image(Some(name.clone()));
                let put =
                    image.put_manifest(manifest, &name.target()).await.map_err(|error| match error {
                        transport::Error::Unsupported { at, reason } => {
                            transport::Error::Unsupported { at, reason: format!("{name}: {reason}") }
                        }
                        other => other,
                    })?;
                first.get_or_insert(put);
            }
        }
        Ok(first)
    }
}

impl Destination for Together {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, transport::Result<Option<Descriptor>>> {
        self.archive.resolve(at)
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> BoxFuture<'a, transport::Result<bool>> {
        self.archive.has_blob(blob)
    }

    fn prepare<'a>(&'a self, blobs: &'a [Descriptor]) -> BoxFuture<'a, transport::Result<()>> {
        self.archive.prepare(blobs)
    }

    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        known: Option<&'a Repository>,
    ) -> BoxFuture<'a, transport::Result<Begin>> {
        self.archive.begin(blob, known)
    }

    /// The plan knew them all: each is listed in its turn when the archive is finished.
    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        _at: &'a TagOrDigest,
    ) -> BoxFuture<'a, transport::Result<Digest>> {
        Box::pin(async move { Ok(manifest.digest.clone()) })
    }

    fn keep(&self) -> Option<String> {
        self.archive.keep()
    }

    fn is_stream(&self) -> bool {
        self.archive.is_stream()
    }

    fn finish(&self) -> BoxFuture<'_, transport::Result<Finished>> {
        Box::pin(async move {
            let first = self.list().await?;
            let changed =
                first.filter(|digest| self.images.first().is_some_and(|i| i.manifest.digest != *digest));
            // The report speaks of the first image; the notes of all that changed.
            Ok(Finished { digest: changed, ..self.archive.finish().await? })
        })
    }
}

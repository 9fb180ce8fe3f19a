//! Foreign layers, copied on request: from the source's own registry where it has them, else from the URLs that their
//! manifest gives.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::job::PlannedBlob;
use crate::oci::{Descriptor, Digest, Document, RawManifest, Tag, TagOrDigest, media_type};
use crate::transport::registry::Client;
use crate::transport::{ByteStream, Error, Result, Source};

/// A source with layers that lie elsewhere.
struct Foreign {
    source: Arc<dyn Source>,
    client: Client,
    urls: HashMap<Digest, Vec<String>>,
}

/// The source with the foreign layers among `blobs`, which become blobs as any other: a destination need not know
/// where they came from.
pub(super) fn with_urls(
    source: Arc<dyn Source>,
    client: &Client,
    blobs: &mut [PlannedBlob],
) -> Arc<dyn Source> {
    let mut urls = HashMap::new();
    for blob in blobs.iter_mut().map(|blob| &mut blob.descriptor) {
        if is_elsewhere(blob) {
            urls.insert(blob.digest.clone(), std::mem::take(&mut blob.urls));
        }
    }
    match urls.is_empty() {
        true => source,
        false => Arc::new(Foreign { source, client: client.clone(), urls }),
    }
}

/// What to know of layers that are not copied.
pub(super) fn note<'a>(manifests: impl Iterator<Item = &'a RawManifest>) -> Option<String> {
    let mut elsewhere = HashSet::new();
    for raw in manifests {
        if let Ok(Document::Image(image)) = raw.parse() {
            elsewhere.extend(image.layers.into_iter().filter(is_elsewhere).map(|layer| layer.digest));
        }
    }
    let (noun, verb) = if elsewhere.len() == 1 { ("layer", "stays") } else { ("layers", "stay") };
    let told =
        || format!("{} foreign {noun} {verb} where the URLs point; --foreign-layers copies", elsewhere.len());
    (!elsewhere.is_empty()).then(told)
}

/// Whether a layer is one that stays where its URLs point.
pub(super) fn is_elsewhere(blob: &Descriptor) -> bool {
    media_type::is_foreign_layer(&blob.media_type) && !blob.urls.is_empty()
}

impl Source for Foreign {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        self.source.manifest(at)
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(async move {
            let own = self.source.blob(blob, from).await;
            let Some(urls) = self.urls.get(&blob.digest) else { return own };
            let mut error = match own {
                Err(error) if error.is_not_found() => error,
                own => return own,
            };
            // The last one's error is shown: it is what could not be mended by any other.
            for url in urls {
                match self.client.fetch_url(url, blob, from).await {
                    Ok(opened) => return Ok(opened),
                    Err(failed) => error = failed,
                }
            }
            Err::<(u64, ByteStream), Error>(error)
        })
    }

    fn part<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
        until: u64,
    ) -> BoxFuture<'a, Result<Option<ByteStream>>> {
        match self.urls.contains_key(&blob.digest) {
            true => Box::pin(async { Ok(None) }),
            false => self.source.part(blob, from, until),
        }
    }

    fn round_trip(&self) -> Option<Duration> {
        self.source.round_trip()
    }

    fn doubt(&self, blob: &Digest) -> bool {
        self.source.doubt(blob)
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        self.source.referrers(subject)
    }

    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        self.source.tags()
    }
}

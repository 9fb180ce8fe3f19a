//! An index's manifests, however deep they nest, and the blobs of all of them.

use std::collections::{HashMap, HashSet};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::foreign::is_elsewhere;
use super::{Error, Result};
use crate::job::PlannedBlob;
use crate::oci::{
    Descriptor, Digest, Document, ManifestError, Platform, RawManifest, TagOrDigest, media_type,
};
use crate::transport::{self, Source};

/// Manifests that one image may have: more than any real index, less than a bomb.
pub(super) const MANIFESTS: usize = 2000;
/// Bytes that the manifests of one level may have together.
const BYTES: usize = 64 << 20;
/// How deep indexes may nest.
pub(super) const DEPTH: usize = 4;
/// Manifests that one job reads at the same time.
const AT_ONCE: usize = 16;

/// A manifest with the platform that its index names.
pub(super) type Fetched = (RawManifest, Option<Platform>);

/// What is below an index.
#[derive(Default)]
pub(super) struct Tree {
    /// Each once, in the order of pushing: children before their parents.
    pub(super) manifests: Vec<Fetched>,
    /// Entries that are no manifests: an index may point at anything.
    pub(super) blobs: Vec<Descriptor>,
}

/// Fetches an index's entries, and theirs.
pub(super) async fn below(source: &dyn Source, entries: &[Descriptor]) -> Result<Tree> {
    let mut tree = fetch_level(source, entries.to_vec(), 1).await?;
    let mut seen = HashSet::new();
    tree.manifests.retain(|(raw, _)| seen.insert(raw.digest.clone()));
    Ok(tree)
}

/// One manifest by its digest, with the size that its descriptor announced.
pub(super) async fn fetch(source: &dyn Source, entry: &Descriptor) -> Result<RawManifest> {
    let raw = source.manifest(&TagOrDigest::Digest(entry.digest.clone())).await?;
    match raw.digest == entry.digest {
        // The index's word on the type counts where the header said nothing.
        true if raw.media_type.is_empty() => {
            Ok(RawManifest::with_digest(raw.bytes, &entry.media_type, raw.digest))
        }
        true => Ok(raw),
        false => Err(transport::Error::Content {
            attempted: "get manifest",
            at: entry.digest.to_string(),
            expected: entry.digest.to_string(),
            found: raw.digest.to_string(),
        }
        .into()),
    }
}

/// One level of an index and everything below it.
fn fetch_level(source: &dyn Source, entries: Vec<Descriptor>, depth: usize) -> BoxFuture<'_, Result<Tree>> {
    Box::pin(async move {
        let wrong = |digest: &Digest, reason: String| transport::Error::Manifest {
            at: digest.to_string(),
            source: ManifestError::Malformed { digest: digest.clone(), reason },
        };
        if let Some(first) = entries.first() {
            if depth > DEPTH {
                return Err(wrong(&first.digest, format!("indexes are nested deeper than {DEPTH}")).into());
            }
            if entries.len() > MANIFESTS {
                return Err(
                    wrong(&first.digest, format!("an index of more than {MANIFESTS} manifests")).into()
                );
            }
        }
        let (manifests, blobs): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| media_type::may_be_manifest(&entry.media_type));
        let mut tree = Tree { manifests: Vec::new(), blobs };
        let fetched = manifests.into_iter().map(|entry| async move {
            let raw = fetch(source, &entry).await?;
            Ok::<_, Error>((raw, entry.platform.filter(|p| !p.is_unknown())))
        });
        let level: Vec<_> = stream::iter(fetched).buffered(AT_ONCE).try_collect().await?;
        let all = &mut tree.manifests;
        let bytes: usize = level.iter().map(|(raw, _): &Fetched| raw.bytes.len()).sum();
        if let Some((first, _)) = level.first().filter(|_| bytes > BYTES) {
            return Err(wrong(&first.digest, format!("manifests of more than {} MiB", BYTES >> 20)).into());
        }
        for (raw, platform) in level {
            if let Ok(Document::Index(index)) = raw.parse() {
                let below = fetch_level(source, index.manifests, depth + 1).await?;
                all.extend(below.manifests);
                tree.blobs.extend(below.blobs);
            }
            all.push((raw, platform));
            if all.len() > MANIFESTS {
                let digest = all[0].0.digest.clone();
                return Err(wrong(&digest, format!("an index of more than {MANIFESTS} manifests")).into());
            }
        }
        Ok(tree)
    })
}

/// Every blob of the manifests once, and `more`. Foreign layers stay where their URLs point, unless they are wanted.
pub(super) fn blobs<'a>(
    manifests: impl Iterator<Item = &'a RawManifest>,
    more: &[Descriptor],
    foreign: bool,
    at: &str,
) -> Result<Vec<PlannedBlob>> {
    let (mut blobs, mut seen): (Vec<PlannedBlob>, HashMap<Digest, u64>) = Default::default();
    for raw in manifests {
        let document =
            raw.parse().map_err(|source| transport::Error::Manifest { at: at.to_owned(), source })?;
        let Document::Image(image) = document else { continue };
        for blob in image.blobs() {
            if !foreign && is_elsewhere(blob) {
                continue;
            }
            match seen.insert(blob.digest.clone(), blob.size) {
                None => blobs.push(PlannedBlob {
                    descriptor: blob.clone(),
                    is_config: image.has_config && blob.digest == image.config.digest,
                }),
                Some(size) if size == blob.size => {}
                Some(size) => {
                    return Err(transport::Error::Content {
                        attempted: "read manifest",
                        at: format!("{at} {}", blob.digest),
                        expected: format!("one size, {size} bytes"),
                        found: format!("{} bytes in another place", blob.size),
                    }
                    .into());
                }
            }
        }
    }
    for blob in more {
        if seen.insert(blob.digest.clone(), blob.size).is_none() {
            blobs.push(PlannedBlob { descriptor: blob.clone(), is_config: false });
        }
    }
    Ok(blobs)
}

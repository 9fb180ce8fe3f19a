//! Taking an image out: a name of it, and with its last name all that nothing else needs.
//!
//! Unlike a registry's deletion of a tag, which leaves the manifest, this is for the person at this machine, who wants
//! the room back.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use super::graph::Graph;
use super::manifest::Manifests;
use super::{Inner, blob, garbage};
use crate::oci::{Digest, Repository, TagOrDigest};
use crate::transport::{Removed, Result};

/// How much later than its manifest a blob may have been touched and still count as put there for it: linking takes a
/// moment.
const SLACK: Duration = Duration::from_secs(2);

/// Takes a name away, or a manifest with its names; with the last name goes what only it led to, and the blobs of all
/// that. `None` if it was not there. The caller has locked the repository. Blocking.
pub(super) fn image(inner: &Inner, repository: &Repository, at: &TagOrDigest) -> Result<Option<Removed>> {
    let manifests = Manifests { layout: &inner.layout, indexes: &inner.indexes, repository };
    let (Some(index), Some(found)) = (inner.indexes.get(&inner.layout, repository)?, manifests.resolve(at)?)
    else {
        return Ok(None);
    };
    let graph = Graph::read(&manifests, &index);
    let before: HashSet<Digest> = index.named().chain([found.digest.clone()]).collect();
    let mut index = Arc::unwrap_or_clone(index);
    let by_digest = match at {
        TagOrDigest::Tag(tag) => {
            index.remove_tag(tag);
            false
        }
        TagOrDigest::Digest(digest) => index.remove_manifest(digest),
    };
    let dropped = match &graph {
        Ok(graph) => {
            let reached = graph.reached(before);
            // What no name led to before is somebody's by its digest, and stays with all that it leads to.
            let others = graph.digests().filter(|digest| !reached.contains(*digest)).cloned();
            let still = graph.reached(index.named().chain(others));
            let lost = |digest: &&Digest| {
                (reached.contains(*digest) && !still.contains(*digest))
                    || (by_digest && **digest == found.digest)
            };
            graph.digests().filter(lost).cloned().collect()
        }
        // What a damaged manifest leads to is unknown: only what was named goes.
        Err(_) if by_digest => vec![found.digest.clone()],
        Err(_) => Vec::new(),
    };
    for digest in &dropped {
        index.remove_manifest(digest);
    }
    inner.indexes.set(&inner.layout, repository, index)?;
    let mut removed = Removed { manifests: dropped.len() as u64, ..Removed::default() };
    if let (Ok(graph), Ok(kept)) = (&graph, garbage::referenced(inner, repository)) {
        for manifest in &dropped {
            sweep(inner, repository, &graph.blobs(manifest), &kept, &mut removed)?;
        }
    }
    Ok(Some(removed))
}

/// Removes a manifest's blobs and itself, the last of `blobs`, where nothing else needs them. A blob that somebody
/// touched since the manifest came may be part of an image that is on its way, and is left to the garbage collection.
fn sweep(
    inner: &Inner,
    repository: &Repository,
    blobs: &[Digest],
    kept: &HashSet<Digest>,
    removed: &mut Removed,
) -> Result<()> {
    let metadata = |digest: &Digest| fs::symlink_metadata(inner.layout.blob(repository, digest)).ok();
    let since = blobs.last().and_then(metadata).map(|manifest| blob::age(&manifest));
    for digest in blobs.iter().filter(|digest| !kept.contains(*digest)) {
        let Some(there) = metadata(digest) else { continue };
        if since.is_some_and(|since| blob::age(&there) + SLACK < since) {
            removed.left += there.len();
            continue;
        }
        let shared = fs::symlink_metadata(inner.layout.shared_blob(digest));
        let names = 1 + u64::from(shared.is_ok_and(|shared| shared.ino() == there.ino()));
        if blob::remove(&inner.layout, repository, digest)? {
            removed.blobs += 1;
            removed.bytes += if there.nlink() == names { there.len() } else { 0 };
        }
    }
    Ok(())
}

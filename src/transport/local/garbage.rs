//! Garbage: blobs that no manifest of their repository points at any more, and shared blobs that no repository
//! has.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::manifest::Manifests;
use super::{Inner, blob, catalog, upload};
use crate::oci::{Descriptor, Digest, Document, RawManifest, Repository};
use crate::transport::{Error, Result};

/// What a collection removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Blobs taken out of repositories.
    pub blobs: u64,
    /// Bytes that became free on the disk.
    pub bytes: u64,
}

/// Collects everything that nobody has touched for `age`. The caller has locked the store. Blocking.
pub(super) fn collect(inner: &Inner, age: Duration) -> Result<Garbage> {
    let mut garbage = Garbage::default();
    for repository in catalog::image_directories(inner.layout.root())? {
        match referenced(inner, &repository) {
            Ok(kept) => sweep_repository(inner, &repository, &kept, age, &mut garbage)?,
            // What an unreadable manifest points at is unknown, so nothing of that repository is garbage.
            Err(e) => tracing::warn!(%repository, error = %e, "no garbage collected here"),
        }
    }
    for path in files(&inner.layout.shared())? {
        // One link: the shared name itself. Where the file system has no links every repository has its own copy.
        let unused = |m: &fs::Metadata| m.nlink() == 1 && blob::age(m) >= age;
        remove(&path, unused, &mut garbage.bytes)?;
    }
    upload::sweep(&inner.layout);
    Ok(garbage)
}

/// Everything that the manifests of a repository's index are and point at.
fn referenced(inner: &Inner, repository: &Repository) -> Result<HashSet<Digest>> {
    let manifests = Manifests { layout: &inner.layout, indexes: &inner.indexes, repository };
    let index = inner.indexes.get(&inner.layout, repository)?;
    let mut open: Vec<Descriptor> = index.map(|index| index.manifests()).unwrap_or_default();
    let mut kept = HashSet::new();
    let mut listed = true;
    // Those of the index first; then, as they are found, the manifests that only an index of theirs lists.
    while !open.is_empty() {
        let mut found = Vec::new();
        for manifest in open.drain(..) {
            if !kept.insert(manifest.digest.clone()) {
                continue;
            }
            let raw = match manifests.read_exactly(&manifest) {
                Err(e) if e.is_not_found() && !listed => continue,
                other => other?,
            };
            found.extend(
                pointed_at(&raw, &mut kept)
                    .map_err(|source| Error::Manifest { at: format!("store:{repository}"), source })?,
            );
        }
        open = found;
        listed = false;
    }
    Ok(kept)
}

/// Notes a manifest's blobs, and gives back the manifests it lists.
fn pointed_at(
    raw: &RawManifest,
    kept: &mut HashSet<Digest>,
) -> Result<Vec<Descriptor>, crate::oci::ManifestError> {
    Ok(match raw.parse()? {
        Document::Image(image) => {
            kept.extend(image.blobs().into_iter().map(|b| b.digest.clone()));
            Vec::new()
        }
        Document::Index(index) => index.manifests,
    })
}

fn sweep_repository(
    inner: &Inner,
    repository: &Repository,
    kept: &HashSet<Digest>,
    age: Duration,
    garbage: &mut Garbage,
) -> Result<()> {
    let keep: HashSet<PathBuf> = kept.iter().map(|digest| inner.layout.blob(repository, digest)).collect();
    for path in files(&inner.layout.blobs(repository))? {
        if !keep.contains(&path) && remove(&path, |m| blob::age(m) >= age, &mut garbage.bytes)? {
            garbage.blobs += 1;
        }
    }
    let index = inner.indexes.get(&inner.layout, repository)?;
    let empty =
        index.is_none_or(|index| index.is_empty()) && files(&inner.layout.blobs(repository))?.is_empty();
    if empty { remove_repository(inner, repository) } else { Ok(()) }
}

/// Removes a repository without manifests and blobs, and the directories above it that are empty then.
fn remove_repository(inner: &Inner, repository: &Repository) -> Result<()> {
    let image = inner.layout.image(repository);
    fs::remove_dir_all(&image).map_err(|e| Error::file("delete", image, e))?;
    let _ = fs::remove_file(inner.layout.repository_lock(repository));
    let directory = inner.layout.repository(repository);
    for directory in directory.ancestors().take_while(|path| *path != inner.layout.root()) {
        // It fails where something is left, another repository or somebody's file: then that is the end of it.
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
    Ok(())
}

/// The files of `blobs/ALGORITHM/`, without following links.
fn files(blobs: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for algorithm in catalog::entries(blobs)?.into_iter().filter(|e| e.is_directory) {
        all.extend(catalog::entries(&algorithm.path)?.into_iter().filter(|e| e.is_file).map(|e| e.path));
    }
    Ok(all)
}

/// Removes a file that is garbage. Whether it was. Bytes count when the last name goes.
fn remove(path: &Path, is_garbage: impl Fn(&fs::Metadata) -> bool, bytes: &mut u64) -> Result<bool> {
    let removed = fs::symlink_metadata(path).and_then(|metadata| {
        let garbage = is_garbage(&metadata);
        if garbage {
            fs::remove_file(path)?;
            *bytes += if metadata.nlink() == 1 { metadata.len() } else { 0 };
        }
        Ok(garbage)
    });
    match removed {
        Err(e) if blob::is_absent(&e) => Ok(false),
        other => other.map_err(|e| Error::file("delete", path, e)),
    }
}

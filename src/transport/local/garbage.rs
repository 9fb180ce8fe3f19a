//! Garbage: blobs that no manifest of their repository points at any more, and shared blobs that no repository
//! has.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::graph::Graph;
use super::manifest::Manifests;
use super::{Inner, blob, catalog, upload};
use crate::oci::{Descriptor, Digest, Document, RawManifest, Repository};
use crate::transport::{Error, Result};

/// How garbage is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// What somebody wrote, mounted or asked about more recently stays ([`super::GARBAGE_AGE`] unless there is a
    /// reason).
    pub age: Duration,
    /// Images that no tag leads to are garbage, too.
    pub untagged: bool,
    /// Nothing is removed.
    pub dry_run: bool,
}

impl Collection {
    /// Removes what nobody has touched for `age`.
    pub fn older_than(age: Duration) -> Collection {
        Collection { age, untagged: false, dry_run: false }
    }
}

/// What a collection removed, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Images without a tag, and what only they led to.
    pub manifests: u64,
    /// Blobs taken out of repositories, manifests among them.
    pub blobs: u64,
    /// Bytes that became free on the disk.
    pub bytes: u64,
    /// Bytes of blobs that nothing needs but that are too recent.
    pub recent: u64,
}

/// A collection under way: what went so far.
struct Sweep {
    how: Collection,
    garbage: Garbage,
    /// Names that files have left of those that were taken a name from.
    left: HashMap<(u64, u64), u64>,
    /// Names in repositories that are garbage but too recent.
    recent: HashMap<(u64, u64), u64>,
}

/// Collects garbage. The caller has locked the store. Blocking.
pub(super) fn collect(inner: &Inner, how: Collection) -> Result<Garbage> {
    let mut sweep = Sweep { how, garbage: Garbage::default(), left: HashMap::new(), recent: HashMap::new() };
    for repository in catalog::image_directories(inner.layout.root())? {
        let nameless = match how.untagged {
            true => sweep.untagged(inner, &repository),
            false => Ok(HashSet::new()),
        };
        let referenced = nameless.and_then(|nameless| referenced_without(inner, &repository, &nameless));
        match referenced {
            Ok(kept) => sweep.repository(inner, &repository, &kept)?,
            // What an unreadable manifest points at is unknown, so nothing of that repository is garbage.
            Err(e) => tracing::warn!(%repository, error = %e, "no garbage collected here"),
        }
    }
    for path in files(&inner.layout.shared())? {
        sweep.shared(&path)?;
    }
    if !how.dry_run {
        upload::sweep(&inner.layout);
    }
    Ok(sweep.garbage)
}

impl Sweep {
    /// Takes the images off a repository's index that no name leads to and that are old enough. The answer is their
    /// manifests' digests.
    fn untagged(&mut self, inner: &Inner, repository: &Repository) -> Result<HashSet<Digest>> {
        let manifests = Manifests { layout: &inner.layout, indexes: &inner.indexes, repository };
        let Some(index) = inner.indexes.get(&inner.layout, repository)? else { return Ok(HashSet::new()) };
        let graph = Graph::read(&manifests, &index)?;
        let reached = graph.reached(index.named());
        let is_old = |digest: &&Digest| {
            let file = fs::symlink_metadata(inner.layout.blob(repository, digest));
            // A manifest that was put just now may be part of an index that is on its way.
            file.is_ok_and(|file| blob::age(&file) >= self.how.age)
        };
        let nameless: HashSet<Digest> =
            graph.digests().filter(|digest| !reached.contains(*digest)).filter(is_old).cloned().collect();
        self.garbage.manifests += nameless.len() as u64;
        if !self.how.dry_run && !nameless.is_empty() {
            let mut index = Arc::unwrap_or_clone(index);
            for digest in &nameless {
                index.remove_manifest(digest);
            }
            inner.indexes.set(&inner.layout, repository, index)?;
        }
        Ok(nameless)
    }

    /// Removes a repository's blobs that nothing needs, and the repository if nothing is left.
    fn repository(&mut self, inner: &Inner, repository: &Repository, kept: &HashSet<Digest>) -> Result<()> {
        let keep: HashSet<PathBuf> =
            kept.iter().map(|digest| inner.layout.blob(repository, digest)).collect();
        for path in files(&inner.layout.blobs(repository))? {
            if keep.contains(&path) {
                continue;
            }
            let Some(file) = metadata(&path)? else { continue };
            if blob::age(&file) >= self.how.age {
                self.take(&path, &file)?;
                self.garbage.blobs += 1;
            } else {
                *self.recent.entry((file.dev(), file.ino())).or_default() += 1;
            }
        }
        if self.how.dry_run { Ok(()) } else { remove_if_empty(inner, repository) }
    }

    /// Removes a shared blob that no repository has.
    fn shared(&mut self, path: &Path) -> Result<()> {
        let Some(file) = metadata(path)? else { return Ok(()) };
        let key = (file.dev(), file.ino());
        // One name: the shared one itself. Where the file system has no links every repository has its own copy.
        let left = self.left.get(&key).copied().unwrap_or(file.nlink());
        let recent = self.recent.get(&key).copied().unwrap_or(0);
        // Taking a name away counts as touching a file: one that lost its last one here is as old as it was.
        let old = self.left.contains_key(&key) || blob::age(&file) >= self.how.age;
        match left - recent.min(left) {
            1 if recent == 0 && old => self.take(path, &file),
            1 => {
                self.garbage.recent += file.len();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Removes one name of a file, or only counts it. Bytes count when the last name goes.
    fn take(&mut self, path: &Path, file: &fs::Metadata) -> Result<()> {
        let left = self.left.entry((file.dev(), file.ino())).or_insert(file.nlink());
        *left = left.saturating_sub(1);
        self.garbage.bytes += if *left == 0 { file.len() } else { 0 };
        match self.how.dry_run {
            true => Ok(()),
            false => match fs::remove_file(path) {
                Err(e) if !blob::is_absent(&e) => Err(Error::file("delete", path, e)),
                _ => Ok(()),
            },
        }
    }
}

/// A file's metadata; `None` if it is gone.
fn metadata(path: &Path) -> Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Err(e) if blob::is_absent(&e) => Ok(None),
        other => other.map(Some).map_err(|e| Error::file("read", path, e)),
    }
}

/// Everything that the manifests of a repository's index are and point at.
pub(super) fn referenced(inner: &Inner, repository: &Repository) -> Result<HashSet<Digest>> {
    referenced_without(inner, repository, &HashSet::new())
}

/// The same, as if some manifests were not listed.
fn referenced_without(
    inner: &Inner,
    repository: &Repository,
    without: &HashSet<Digest>,
) -> Result<HashSet<Digest>> {
    let manifests = Manifests { layout: &inner.layout, indexes: &inner.indexes, repository };
    let index = inner.indexes.get(&inner.layout, repository)?;
    let mut open: Vec<Descriptor> = index.map(|index| index.manifests()).unwrap_or_default();
    open.retain(|manifest| !without.contains(&manifest.digest));
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

/// Removes a repository that lists no manifest and has no blob. The caller has locked the store. Blocking.
pub(super) fn remove_if_empty(inner: &Inner, repository: &Repository) -> Result<()> {
    let index = inner.indexes.get(&inner.layout, repository)?;
    let empty =
        index.is_none_or(|index| index.is_empty()) && files(&inner.layout.blobs(repository))?.is_empty();
    if empty && inner.layout.image(repository).is_dir() {
        remove_repository(inner, repository)
    } else {
        Ok(())
    }
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
pub(super) fn files(blobs: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for algorithm in catalog::entries(blobs)?.into_iter().filter(|e| e.is_directory) {
        all.extend(catalog::entries(&algorithm.path)?.into_iter().filter(|e| e.is_file).map(|e| e.path));
    }
    Ok(all)
}

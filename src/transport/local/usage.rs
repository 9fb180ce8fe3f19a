//! How much there is, and how much of the disk it takes.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::Serialize;

use super::garbage::files;
use super::{Inner, Store, blocking, catalog};
use crate::oci::Repository;
use crate::transport::Result;

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// The directory it is in.
    pub root: PathBuf,
    /// Its repositories, sorted.
    pub repositories: Vec<RepositoryUsage>,
    /// Bytes of all blobs on the disk, each once.
    pub bytes: u64,
    /// Bytes of what is being written.
    pub unfinished: u64,
}

/// What a repository of a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryUsage {
    /// Its name.
    pub repository: Repository,
    /// Tags.
    pub tags: u64,
    /// Manifests, with those that an index lists.
    pub manifests: u64,
    /// Bytes of its blobs and manifests, those it shares with other repositories too.
    pub bytes: u64,
}

impl Store {
    /// Looks at everything: a directory's listing for each repository.
    pub async fn usage(&self) -> Result<Usage> {
        let inner = self.0.clone();
        blocking(move || look(&inner)).await
    }
}

fn look(inner: &Inner) -> Result<Usage> {
    let (mut repositories, mut seen, mut bytes) = (Vec::new(), HashSet::new(), 0);
    let mut count = |paths: Vec<PathBuf>| {
        let mut all = 0;
        // What goes away between the listing and the look is no error.
        for file in paths.iter().filter_map(|path| fs::symlink_metadata(path).ok()) {
            all += file.len();
            bytes += if seen.insert((file.dev(), file.ino())) { file.len() } else { 0 };
        }
        all
    };
    for repository in catalog::image_directories(inner.layout.root())? {
        let own = count(files(&inner.layout.blobs(&repository))?);
        let index = inner.indexes.get(&inner.layout, &repository)?;
        let (tags, manifests) = index.map_or((0, 0), |index| (index.tags().len(), index.manifests().len()));
        let (tags, manifests) = (tags as u64, manifests as u64);
        repositories.push(RepositoryUsage { repository, tags, manifests, bytes: own });
    }
    count(files(&inner.layout.shared())?);
    let uploads = catalog::entries(&inner.layout.uploads())?.into_iter().filter(|entry| entry.is_file);
    let size = |entry: catalog::Entry| fs::symlink_metadata(entry.path).map_or(0, |file| file.blocks() * 512);
    let unfinished = uploads.map(size).sum();
    Ok(Usage { root: inner.layout.root().to_owned(), repositories, bytes, unfinished })
}

//! wharf's own image store: a directory in which every repository is a plain OCI image layout that other tools
//! can read, and every blob is on the disk once.
//!
//! ```text
//! ROOT/REPOSITORY/_image/{oci-layout,index.json,blobs/sha256/HEX}   what skopeo reads as oci:…:TAG
//! ROOT/_blobs/sha256/HEX                                            every blob; those above are hard links
//! ROOT/_uploads/ID                                                  what is being written
//! ```
//!
//! Any number of tasks and processes may read and write it at the same time. Nothing is made before something
//! is written. A repository's manifests are those its `index.json` lists.

mod blob;
mod catalog;
mod garbage;
mod graph;
mod index;
mod layout;
mod lock;
mod manifest;
mod partial;
mod put;
mod referrer;
mod remove;
mod repository;
#[cfg(test)]
mod tests;
mod upload;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use garbage::{Collection, Garbage};
pub use repository::StoreRepository;
pub use upload::{Upload, UploadId};
pub use usage::{RepositoryUsage, Usage};

use self::layout::Layout;
use self::lock::{Hold, Locks, lock_file};
use self::manifest::Indexes;
use self::put::Puts;
use self::referrer::Referrers;
use self::upload::Sessions;
use super::{Error, Removed, Result};
use crate::oci::{Digest, Repository, Tag, TagOrDigest};

/// How long a blob that nothing points at is kept by default: the client that pushed it may still be on its
/// way to push the manifest.
pub const GARBAGE_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The image store under one directory. Cheap to clone; clones share locks and caches.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    layout: Layout,
    locks: Locks,
    indexes: Indexes,
    puts: Puts,
    referrers: Referrers,
    sessions: Sessions,
    ready: OnceLock<()>,
}

impl Store {
    /// The store under `root`, which need not exist: it is made when something is written.
    pub fn open(root: impl Into<PathBuf>) -> Store {
        Store(Arc::new(Inner {
            layout: Layout::new(root.into()),
            locks: Locks::default(),
            indexes: Indexes::default(),
            puts: Puts::default(),
            referrers: Referrers::default(),
            sessions: Sessions::default(),
            ready: OnceLock::new(),
        }))
    }

    /// The directory it is in.
    pub fn root(&self) -> &Path {
        self.0.layout.root()
    }

    /// Every repository that has had a manifest, sorted.
    pub async fn repositories(&self) -> Result<Vec<Repository>> {
        let inner = self.0.clone();
        blocking(move || {
            let mut all = catalog::image_directories(inner.layout.root())?;
            all.retain(|repository| inner.layout.index(repository).is_file());
            Ok(all)
        })
        .await
    }

    /// A repository's tags in byte order; [`Error::NotFound`] if there is no such repository.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        let (inner, repository) = (self.0.clone(), repository.clone());
        blocking(move || match inner.indexes.get(&inner.layout, &repository)? {
            Some(index) => Ok(index.tags()),
            None => Err(Error::NotFound { what: "repository".to_owned(), at: format!("store:{repository}") }),
        })
        .await
    }

    /// One repository, which need not exist: it is made when something is written.
    pub fn repository(&self, repository: &Repository) -> StoreRepository {
        StoreRepository::new(self.clone(), repository.clone())
    }

    /// A repository that has this blob.
    pub async fn holder(&self, digest: &Digest) -> Result<Option<Repository>> {
        let (inner, digest) = (self.0.clone(), digest.clone());
        blocking(move || {
            // Everything that any repository has is among the shared blobs.
            if !inner.layout.shared_blob(&digest).is_file() {
                return Ok(None);
            }
            let all = catalog::image_directories(inner.layout.root())?;
            Ok(all.into_iter().find(|repository| inner.layout.blob(repository, &digest).is_file()))
        })
        .await
    }

    /// Removes what is garbage: blobs that no manifest points at and that nobody has written, mounted or asked about
    /// for a while, with upload sessions older than a day. Writers wait meanwhile; readers do not.
    pub async fn collect_garbage(&self, how: Collection) -> Result<Garbage> {
        self.alone(move |inner| garbage::collect(inner, how)).await
    }

    /// Deletes a tag, or a manifest with all its tags, and with the last tag of an image everything that only it
    /// needed: its manifests, what refers to them, and their blobs. `None` if it was not there.
    pub async fn remove_image(&self, repository: &Repository, at: &TagOrDigest) -> Result<Option<Removed>> {
        // Asked first without a lock: what is not there leaves no trace of the repository.
        if self.repository(repository).head_manifest(at).await?.is_none() {
            return Ok(None);
        }
        let (inner, name, at) = (self.0.clone(), repository.clone(), at.clone());
        let removed = self.0.change(repository, move |_| remove::image(&inner, &name, &at)).await?;
        if removed.as_ref().is_some_and(|removed| removed.manifests > 0) {
            let name = repository.clone();
            self.alone(move |inner| garbage::remove_if_empty(inner, &name)).await?;
        }
        Ok(removed)
    }

    /// Does something while nobody writes, in this process or another. A store that is not there is left so.
    async fn alone<T: Default + Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.0.clone();
        let held = inner.locks.everything().await;
        blocking(move || {
            let _held = held;
            if !inner.layout.root().is_dir() {
                return Ok(T::default());
            }
            let _lock = lock_file(&inner.layout.store_lock(), Hold::Exclusive)?;
            work(&inner)
        })
        .await
    }
}

impl Inner {
    /// Makes the directories and sweeps stale sessions, once. Blocking.
    fn ready(&self) -> Result<()> {
        if self.ready.get().is_some() {
            return Ok(());
        }
        for directory in [self.layout.shared(), self.layout.uploads()] {
            std::fs::create_dir_all(&directory).map_err(|e| Error::file("create", directory, e))?;
        }
        upload::sweep(&self.layout);
        let _ = self.ready.set(());
        Ok(())
    }

    /// Does something to one repository while nobody else does, in this process or another. The work is done
    /// even if the caller stops waiting for it.
    async fn change<T: Send + 'static>(
        self: &Arc<Inner>,
        repository: &Repository,
        work: impl FnOnce(&Layout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let held = self.locks.repository(repository).await;
        let (inner, repository) = (self.clone(), repository.clone());
        blocking(move || {
            let _held = held;
            inner.ready()?;
            let _store = lock_file(&inner.layout.store_lock(), Hold::Shared)?;
            let _own = lock_file(&inner.layout.repository_lock(&repository), Hold::Exclusive)?;
            work(&inner.layout)
        })
        .await
    }
}

/// Runs file I/O where it holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    joined(tokio::task::spawn_blocking(work).await)?
}

/// The answer of a blocking task; a panic goes on where it was waited for.
fn joined<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T> {
    joined.map_err(|e| match e.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(e) => Error::file("reach", "the image store", std::io::Error::other(e)),
    })
}

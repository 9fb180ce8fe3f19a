//! Who may change what at the same time, in this process and among processes.
//!
//! Every change holds the store shared and one repository exclusively; the garbage collection holds the store
//! exclusively. Within the process these are async locks, so that waiting costs no thread; among processes
//! they are advisory file locks, taken while the async lock is held.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::oci::Repository;
use crate::transport::{Error, Result};

/// The locks of one process.
#[derive(Debug, Default)]
pub(super) struct Locks {
    store: Arc<RwLock<()>>,
    repositories: Mutex<HashMap<Repository, Weak<tokio::sync::Mutex<()>>>>,
}

/// One repository is the holder's to change, as far as this process goes.
pub(super) struct OneRepository {
    _store: OwnedRwLockReadGuard<()>,
    _own: OwnedMutexGuard<()>,
}

impl Locks {
    /// Waits for one repository.
    pub(super) async fn repository(&self, repository: &Repository) -> OneRepository {
        let store = self.store.clone().read_owned().await;
        let own = self.own(repository).lock_owned().await;
        OneRepository { _store: store, _own: own }
    }

    /// Waits for the whole store.
    pub(super) async fn everything(&self) -> OwnedRwLockWriteGuard<()> {
        self.store.clone().write_owned().await
    }

    fn own(&self, repository: &Repository) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = all.get(repository).and_then(Weak::upgrade) {
            return lock;
        }
        // Locks that nobody holds any more go when a new one comes: the table stays as small as the traffic.
        all.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        all.insert(repository.clone(), Arc::downgrade(&lock));
        lock
    }
}

/// How a lock file is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Shared,
    Exclusive,
}

/// Waits for a lock file, creating it where needed; held until the file is dropped. Blocking.
pub(super) fn lock_file(path: &Path, hold: Hold) -> Result<File> {
    let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = match open() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|e| Error::file("create", parent, e))?;
            }
            open()
        }
        other => other,
    };
    let file = file.map_err(|e| Error::file("open", path, e))?;
    hold_file(&file, hold).map_err(|e| Error::file("lock", path, e))?;
    Ok(file)
}

fn hold_file(file: &File, hold: Hold) -> io::Result<()> {
    loop {
        let taken = match hold {
            Hold::Shared => file.lock_shared(),
            Hold::Exclusive => file.lock(),
        };
        match taken {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if is_lockless(&e) => return Ok(()),
            other => return other,
        }
    }
}

/// Takes an exclusive lock if nobody has it.
pub(super) fn try_hold(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(e)) if is_lockless(&e) => Ok(true),
        Err(std::fs::TryLockError::Error(e)) => Err(e),
    }
}

/// Some network file systems have no locks: there the locks of this process have to do.
fn is_lockless(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    error.kind() == io::ErrorKind::Unsupported || code == Some(rustix::io::Errno::NOLCK.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_is_made_where_it_is_needed_and_keeps_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/_lock");
        let first = lock_file(&path, Hold::Exclusive).unwrap();
        let other = File::open(&path).unwrap();
        assert!(!try_hold(&other).unwrap());
        drop(first);
        assert!(try_hold(&other).unwrap());
    }

    #[tokio::test]
    async fn two_repositories_do_not_wait_for_each_other_and_everything_waits_for_both() {
        let locks = Locks::default();
        let (a, b) = ("a".parse().unwrap(), "b/c".parse().unwrap());
        let first = locks.repository(&a).await;
        let second = locks.repository(&b).await;
        assert!(futures_util::FutureExt::now_or_never(locks.repository(&a)).is_none());
        assert!(futures_util::FutureExt::now_or_never(locks.everything()).is_none());
        drop((first, second));
        assert!(futures_util::FutureExt::now_or_never(locks.everything()).is_some());
    }
}

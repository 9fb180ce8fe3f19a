//! Files on their way: `NAME.partial`, locked while somebody writes it, renamed when it is whole.
//!
//! The lock is what tells a live writer from a dead one: a partial file that can be locked belongs to nobody
//! any more and is taken over with what is in it, one that cannot is left alone. A writer that is cancelled or
//! fails removes its file; one that is killed leaves it, and so does one whose failure may pass ([`Keep`]).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;

use super::super::{Error, Result};

/// Bytes that must have come for something unfinished to be worth keeping.
pub(super) const WORTH_KEEPING: u64 = 1 << 20;

/// Whether unfinished files stay when they are dropped, for the next try. Shared by the files of one destination.
#[derive(Debug, Clone, Default)]
pub(super) struct Keep(Arc<AtomicBool>);

impl Keep {
    /// From now on unfinished files stay.
    pub(super) fn set(&self) {
        self.0.store(true, Relaxed);
    }
}

/// A file that is being written and is ours alone. Dropped before [`Partial::persist`], it is removed unless it is to
/// be kept.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    file: Arc<File>,
    keep: Keep,
    /// It has its final name, or is to stay: nothing is removed.
    stays: bool,
    /// A file that gets the final name in its place.
    instead: Option<PathBuf>,
}

/// What came of claiming a partial file.
#[derive(Debug)]
pub(super) enum Claim {
    /// It is ours, with what a dead writer left in it.
    Ours(Partial),
    /// Another writer is at it.
    Busy,
    /// Something of that name is there that no writer of ours left behind.
    Foreign,
}

/// Claims `path`: creates it, or takes over what a dead writer left. `left_by_us` looks at an unlocked file
/// and says whether it is such a leftover (an empty one always is).
pub(super) fn claim(path: &Path, left_by_us: fn(&File) -> io::Result<bool>) -> Result<Claim> {
    // Every round that does not end lost a race against somebody who renamed or removed the file.
    for _ in 0..32 {
        let (file, fresh) = match open(path, true) {
            Ok(file) => (file, true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match open(path, false) {
                Ok(file) => (file, false),
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => return Ok(Claim::Foreign),
            },
            Err(e) => return Err(Error::file("create", path, e)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Claim::Busy),
            // A file system without locks: what is not new may belong to somebody.
            Err(TryLockError::Error(_)) if fresh => {}
            Err(TryLockError::Error(_)) => return Ok(Claim::Busy),
        }
        let ours = file.metadata().map_err(|e| Error::file("read", path, e))?;
        match fs::symlink_metadata(path) {
            Ok(now) if (now.dev(), now.ino()) == (ours.dev(), ours.ino()) => {}
            _ => continue,
        }
        if !fresh {
            let known = ours.is_file() && (ours.len() == 0 || left_by_us(&file).unwrap_or(false));
            if !known {
                return Ok(Claim::Foreign);
            }
            if ours.nlink() > 1 {
                // It has its final name already, and died before it lost this one.
                fs::remove_file(path).map_err(|e| Error::file("remove", path, e))?;
                continue;
            }
        }
        let (path, file, keep) = (path.to_owned(), Arc::new(file), Keep::default());
        return Ok(Claim::Ours(Partial { path, file, keep, stays: false, instead: None }));
    }
    Ok(Claim::Busy)
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    // Never through a link, and never waiting for the other end of a FIFO.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(new)
        .mode(0o666)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// What happens to a file that has the final name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the renaming fails with [`io::ErrorKind::AlreadyExists`].
    Keep,
}

impl Partial {
    /// A file in `directory` that has no name: it vanishes when it is dropped, even if the process is killed.
    pub(super) fn nameless(directory: &Path) -> Result<Partial> {
        let path = directory.join("wharf-archive");
        let file = Arc::new(nameless(&path)?);
        Ok(Partial { path, file, keep: Keep::default(), stays: true, instead: None })
    }

    /// The open file.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The partial file's own path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Throws away what is in the file.
    pub(super) fn clear(&self) -> Result<()> {
        self.file.set_len(0).map_err(|e| Error::file("write", &self.path, e))
    }

    /// Throws away what is behind byte `length`.
    pub(super) fn cut(&self, length: u64) -> Result<()> {
        match self.len()? > length {
            true => self.file.set_len(length).map_err(|e| Error::file("write", &self.path, e)),
            false => Ok(()),
        }
    }

    /// Bytes in the file.
    pub(super) fn len(&self) -> Result<u64> {
        self.file.metadata().map(|there| there.len()).map_err(|e| Error::file("read", &self.path, e))
    }

    /// The same file, which stays unfinished where `keep` is set.
    pub(super) fn kept_by(self, keep: &Keep) -> Partial {
        let mut partial = self;
        partial.keep = keep.clone();
        partial
    }

    /// Lets the file stay as it is when it is dropped.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// What gets the final name is the file `other` beside this one, which goes when it has it.
    pub(super) fn comes_as(&mut self, other: PathBuf) {
        self.instead = Some(other);
    }

    /// Gives the file its final name. The caller has fsynced it.
    pub(super) fn persist(&mut self, path: &Path, existing: Existing) -> io::Result<()> {
        let from = self.instead.as_ref().unwrap_or(&self.path);
        match existing {
            Existing::Replace => fs::rename(from, path)?,
            Existing::Keep => rename_keeping(from, path)?,
        }
        if self.instead.take().is_some() {
            // Else the next writer takes it over.
            let _ = fs::remove_file(&self.path);
        }
        self.stays = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let kept = self.keep.0.load(Relaxed) && self.len().is_ok_and(|length| length > 0);
        if !self.stays && !kept {
            // The lock is still held here, so the name is still this file's. Nothing else can be done about an
            // error, and the next writer takes the leftover over.
            let _ = fs::remove_file(&self.path);
        }
        if let Some(other) = &self.instead {
            let _ = fs::remove_file(other);
        }
    }
}

/// A new file for reading and writing, whose name (`beside` and a number) is taken away at once.
pub(super) fn nameless(beside: &Path) -> Result<File> {
    for n in 1..=10_000 {
        let mut name = beside.as_os_str().to_owned();
        name.push(format!(".{n}"));
        let path = PathBuf::from(name);
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                fs::remove_file(&path).map_err(|e| Error::file("remove", &path, e))?;
                return Ok(file);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::file("create", path, e)),
        }
    }
    Err(Error::file("create", beside, io::ErrorKind::AlreadyExists.into()))
}

/// Renames without replacing: in one step where the kernel can, else by a hard link.
fn rename_keeping(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        Err(e) => return Err(e.into()),
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(e),
        // Neither way (FAT): look first, which leaves a moment for others.
        Err(_) => match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        },
    }
}

/// Makes a directory's new names lasting. File systems that cannot say so quietly.
pub(super) fn sync_directory(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

/// The directory that holds `path`.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// `mkdir -p`, with an error that names what is in the way.
pub(super) fn make_directory(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::file("create directory", directory, io::ErrorKind::NotADirectory.into())
        }
        _ => Error::file("create directory", directory, e),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn never(_: &File) -> io::Result<bool> {
        Ok(false)
    }

    fn always(_: &File) -> io::Result<bool> {
        Ok(true)
    }

    fn ours(claim: Claim) -> Partial {
        match claim {
            Claim::Ours(partial) => partial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_live_writer_is_avoided_and_a_dead_one_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.partial");
        let first = ours(claim(&path, always).unwrap());
        first.file().as_ref().write_all(b"half").unwrap();
        assert!(matches!(claim(&path, always).unwrap(), Claim::Busy));
        // A dead writer leaves the file and loses the lock.
        drop(first);
        assert!(!path.exists());
        fs::write(&path, b"half").unwrap();
        assert!(matches!(claim(&path, never).unwrap(), Claim::Foreign));
        assert_eq!(fs::read(&path).unwrap(), b"half");
        let second = ours(claim(&path, always).unwrap());
        assert_eq!(second.len().unwrap(), 4, "what is there is kept");
        second.clear().unwrap();
        assert_eq!(fs::metadata(second.path()).unwrap().len(), 0);
    }

    #[test]
    fn what_is_to_be_kept_outlives_its_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.partial");
        let keep = Keep::default();
        let first = ours(claim(&path, always).unwrap()).kept_by(&keep);
        first.file().as_ref().write_all(b"half").unwrap();
        keep.set();
        drop(first);
        assert_eq!(fs::read(&path).unwrap(), b"half");
        let second = ours(claim(&path, always).unwrap()).kept_by(&keep);
        second.clear().unwrap();
        drop(second);
        assert!(!path.exists(), "an empty file is nothing to keep");
    }

    #[test]
    fn links_directories_and_finished_files_are_never_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a.partial"), dir.path().join("other"));
        fs::write(&other, b"precious").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(matches!(claim(&path, always).unwrap(), Claim::Foreign));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(claim(&path, always).unwrap(), Claim::Foreign));
        fs::remove_dir(&path).unwrap();
        fs::hard_link(&other, &path).unwrap();
        let partial = ours(claim(&path, always).unwrap());
        drop(partial);
        assert_eq!(fs::read(&other).unwrap(), b"precious");
    }

    #[test]
    fn a_name_that_is_taken_is_kept_where_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (path, last) = (dir.path().join("a.partial"), dir.path().join("a"));
        fs::write(&last, b"old").unwrap();
        let mut partial = ours(claim(&path, always).unwrap());
        let error = partial.persist(&last, Existing::Keep).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        partial.persist(&last, Existing::Replace).unwrap();
        drop(partial);
        assert_eq!(fs::read(&last).unwrap(), b"");
        assert!(!path.exists());
    }
}

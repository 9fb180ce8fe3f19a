//! The spool: a directory for what has to lie on the disk for a while. Its files have no names, so that nothing is
//! left of them however the process ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use tokio::sync::Semaphore;

use super::{partial, room};
use crate::transport::{Error, Result};

/// Bytes between two looks at the disk.
const LOOK: u64 = 32 << 20;

/// How many are compressed at the same time, each on all cores.
const TURNS: usize = 2;

/// The directory, and what is going on in it. Clones are the same spool.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    written: AtomicU64,
    turns: Semaphore,
}

impl Spool {
    /// A spool in `directory`, which is made when it is needed.
    pub fn new(directory: impl Into<PathBuf>) -> Spool {
        let (written, turns) = (AtomicU64::new(0), Semaphore::new(TURNS));
        Spool(Arc::new(Inner { directory: directory.into(), written, turns }))
    }

    /// Bytes that went through it so far, of everybody: those that were read, whatever became of them on the disk.
    pub fn passed(&self) -> u64 {
        self.0.written.load(Relaxed)
    }

    pub(super) fn note(&self, bytes: usize) {
        self.0.written.fetch_add(bytes as u64, Relaxed);
    }

    pub(in crate::transport) fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// The right to use all cores for a while.
    pub(super) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        // It is never closed.
        self.0.turns.acquire().await.ok()
    }

    /// A new file. `needed` bytes are known to come.
    pub(super) fn create(&self, needed: u64, stop: Stop) -> Result<SpoolFile> {
        let directory = &self.0.directory;
        fs::create_dir_all(directory).map_err(|e| Error::file("create", directory, e))?;
        room::check_leaving(directory, needed)?;
        let file = partial::nameless(&directory.join(format!(".wharf-{}", std::process::id())))?;
        Ok(SpoolFile { file, spool: self.clone(), stop, size: 0, looked: 0 })
    }

    /// An error of writing or of reading what is written, as people should see it: an error that carries one of wharf's
    /// own gives it back.
    pub(super) fn error(&self, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(own) => own,
            Err(error) => Error::file("stage in", &self.0.directory, error),
        }
    }
}

/// Ends blocking work once nobody waits for it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// What stops the work when it is dropped.
    pub(super) fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }

    pub(super) fn check(&self) -> io::Result<()> {
        match self.0.load(Relaxed) {
            // Nobody sees this.
            true => Err(io::Error::other("nobody waits for it")),
            false => Ok(()),
        }
    }
}

/// See [`Stop::on_drop`].
pub(super) struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Relaxed);
    }
}

/// A file of the spool that is being written.
#[derive(Debug)]
pub(super) struct SpoolFile {
    file: File,
    spool: Spool,
    stop: Stop,
    size: u64,
    /// Where the disk was looked at last.
    looked: u64,
}

impl SpoolFile {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// One more handle, to read what was written.
    pub(super) fn reader(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

impl Write for SpoolFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stop.check()?;
        if self.size >= self.looked + LOOK {
            // Before the disk is full to the last byte: others write there too.
            room::check_leaving(self.spool.directory(), LOOK).map_err(io::Error::other)?;
            self.looked = self.size;
        }
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_name_and_ends_with_whoever_waits_for_it() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::new(home.path().join("made/when/needed"));
        let stop = Stop::default();
        let guard = stop.on_drop();
        let mut file = spool.create(10, stop).unwrap();
        file.write_all(b"abc").unwrap();
        assert_eq!((file.size(), fs::read_dir(spool.directory()).unwrap().count()), (3, 0));
        drop(guard);
        assert!(file.write_all(b"def").is_err());
    }

    #[test]
    fn a_disk_without_room_is_told_of_before_anything_is_written() {
        let home = tempfile::tempdir().unwrap();
        let error = Spool::new(home.path()).create(1 << 60, Stop::default()).unwrap_err();
        assert!(error.to_string().contains("the disk is too full"), "{error}");
        let wrapped = io::Error::other(error.clone());
        assert_eq!(Spool::new(home.path()).error(wrapped).to_string(), error.to_string());
    }
}

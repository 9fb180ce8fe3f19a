//! The archive on its way out, where the file that is written in place is not what is wanted: a compressed file, or
//! standard output. A thread of its own follows the file from its beginning, as far as that has come; what is behind
//! waits on the disk. So the order is strict, blobs still come side by side, and memory stays bounded.
//!
//! A blob is followed while it comes, before all of it is verified. One that turns out wrong never gets the documents
//! behind it that make an archive of it; if it comes once more, a compressed file is begun again, and what went to
//! standard output cannot be: that is an error.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use super::naming::Naming;
use super::packing::Packer;
use super::partial::Partial;
use super::pieces::PIECE;
use super::summed::Summed;
use crate::oci::Digest;
use crate::transport::{Error, Result};

/// The way out of one archive. Dropped before [`Outlet::end`], it is given up, and nothing of it stays.
pub(super) struct Outlet {
    steps: Sender<Step>,
    thread: Option<JoinHandle<Result<Option<Digest>>>>,
    link: Arc<Link>,
    /// How far it may have followed.
    told: u64,
    /// The compressed file, until it is somebody else's.
    packed: Option<PathBuf>,
}

/// What the archive tells the thread.
enum Step {
    /// The file has come up to this byte, and more will.
    Follow(u64),
    /// This is all of it.
    End(u64),
}

/// What both sides see.
#[derive(Default)]
struct Link {
    given_up: AtomicBool,
    failure: OnceLock<Error>,
}

/// Where the bytes go.
trait Sink: Write + Send {
    /// Nothing more comes. The sum of what was written, where it is a file.
    fn end(self: Box<Self>) -> io::Result<Option<Digest>>;
}

impl Outlet {
    /// The way out that an archive's name asks for; `None` where the file itself is the archive.
    pub(super) fn begin(naming: &Naming, partial: &Partial) -> Result<Option<Outlet>> {
        let (sink, at, packed): (Box<dyn Sink>, _, _) = match (naming, naming.packing()) {
            (Naming::Stream { .. }, _) => {
                let out = io::stdout().as_fd().try_clone_to_owned();
                let out = out.map_err(|e| Error::file("open", "standard output", e))?;
                (Box::new(Pipe(File::from(out))), PathBuf::from("standard output"), None)
            }
            (_, None) => return Ok(None),
            (_, Some(packing)) => {
                let path = beside(partial.path());
                let summed = Summed::new(create(&path)?);
                (Box::new(Packer::new(packing, summed)), path.clone(), Some(path))
            }
        };
        let ((steps, told), link, file) = (channel(), Arc::new(Link::default()), partial.file().clone());
        let follower = Follower { file, sink, at: 0, link: Arc::clone(&link) };
        let failed_at = at.clone();
        // A thread of its own and no blocking task: who reads a pipe may take any time, and the process must be able to
        // end meanwhile.
        let thread = std::thread::Builder::new().name("archive".to_owned()).spawn(move || {
            let link = Arc::clone(&follower.link);
            follower.run(&told).map_err(|e| {
                let error = Error::file("write", &at, e);
                let _ = link.failure.set(error.clone());
                error
            })
        });
        let thread = Some(thread.map_err(|e| Error::file("write", failed_at, e))?);
        Ok(Some(Outlet { steps, thread, link, told: 0, packed }))
    }

    /// The file has come up to byte `until`.
    pub(super) fn follow(&mut self, until: u64) {
        self.told = self.told.max(until);
        // A thread that is gone has left its reason.
        let _ = self.steps.send(Step::Follow(until));
    }

    /// Whether what is behind byte `base` may be out already.
    pub(super) fn is_past(&self, base: u64) -> bool {
        self.told > base
    }

    /// Nothing more goes out, for this reason.
    pub(super) fn fail(&self, error: Error) {
        let _ = self.link.failure.set(error);
        self.link.given_up.store(true, Relaxed);
    }

    /// Why nothing goes out any more.
    pub(super) fn failure(&self) -> Option<Error> {
        self.link.failure.get().cloned()
    }

    /// Begins a compressed file anew.
    pub(super) fn begin_again(&mut self, naming: &Naming, partial: &Partial) {
        // The new one has the same name: the old one, dropped, must not take it away.
        self.packed = None;
        self.link.given_up.store(true, Relaxed);
        match Outlet::begin(naming, partial) {
            Ok(Some(new)) => *self = new,
            Ok(None) => {}
            Err(error) => self.fail(error),
        }
    }

    /// Waits until the file's first `end` bytes, all of it, are out. The compressed file, which is the caller's from then
    /// on, and its sum. Blocking.
    pub(super) fn end(mut self, end: u64) -> Result<Option<(PathBuf, Digest)>> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let _ = self.steps.send(Step::End(end));
        let Some(thread) = self.thread.take() else { return Ok(None) };
        let lost = || Error::file("write", "archive", io::Error::other("the writing thread panicked"));
        let sum = thread.join().map_err(|_| lost())??;
        Ok(sum.and_then(|sum| Some((self.packed.take()?, sum))))
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.link.given_up.store(true, Relaxed);
        if let Some(packed) = &self.packed {
            let _ = fs::remove_file(packed);
        }
    }
}

/// The thread's side.
struct Follower {
    file: Arc<File>,
    sink: Box<dyn Sink>,
    /// Bytes that are out.
    at: u64,
    link: Arc<Link>,
}

impl Follower {
    fn run(mut self, told: &Receiver<Step>) -> io::Result<Option<Digest>> {
        loop {
            match told.recv() {
                Ok(Step::Follow(until)) => self.copy(until)?,
                Ok(Step::End(end)) => {
                    self.copy(end)?;
                    return self.sink.end();
                }
                Err(_) => return Err(given_up()),
            }
        }
    }

    fn copy(&mut self, until: u64) -> io::Result<()> {
        let mut piece = vec![0; PIECE.min(until.saturating_sub(self.at) as usize)];
        while self.at < until {
            if self.link.given_up.load(Relaxed) {
                return Err(given_up());
            }
            let length = (PIECE as u64).min(until - self.at) as usize;
            self.file.read_exact_at(&mut piece[..length], self.at)?;
            self.sink.write_all(&piece[..length])?;
            self.at += length as u64;
        }
        Ok(())
    }
}

fn given_up() -> io::Error {
    io::Error::other("the archive was given up")
}

/// Standard output, past the buffer that Rust keeps for it.
struct Pipe(File);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Pipe {
    fn end(self: Box<Self>) -> io::Result<Option<Digest>> {
        Ok(None)
    }
}

impl Sink for Packer<Summed<File>> {
    fn end(self: Box<Self>) -> io::Result<Option<Digest>> {
        let (file, digest, _) = self.finish()?.finish();
        file.sync_all()?;
        Ok(Some(digest))
    }
}

/// The compressed file's name until it is whole. Who holds the partial file's lock is the only one to use it.
pub(super) fn beside(partial: &Path) -> PathBuf {
    let mut name = OsString::from(partial);
    name.push(".packed");
    PathBuf::from(name)
}

/// A new file, in the place of what a killed writer may have left.
fn create(path: &Path) -> Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::file("remove", path, e)),
        _ => {}
    }
    File::options().write(true).create_new(true).open(path).map_err(|e| Error::file("create", path, e))
}

//! A blob that is being written: a file that grows, hashed as it grows, locked against other processes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use tokio::task::JoinHandle;

use super::blocking;
use super::lock::try_hold;
use crate::oci::{Digest, Hasher};
use crate::transport::{ByteStream, Error, Result};

/// Bytes written at once. Twice this is what a blob on its way in costs in memory.
const PIECE: usize = 512 << 10;

/// How far a file has been hashed, by which algorithm.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    algorithm: &'static str,
    hasher: Hasher,
    upto: u64,
}

impl Hashed {
    /// Nothing hashed yet. Without a digest to come the algorithm is sha256.
    pub(super) fn nothing(expected: Option<&Digest>) -> Hashed {
        match expected {
            Some(digest) if digest.algorithm() == "sha512" => {
                Hashed { algorithm: "sha512", hasher: digest.hasher(), upto: 0 }
            }
            _ => Hashed { algorithm: "sha256", hasher: Hasher::sha256(), upto: 0 },
        }
    }
}

/// An open partial file. Clones are the same file. Dropping the last one releases the lock, nothing more.
#[derive(Debug, Clone)]
pub(super) struct Partial(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    file: File,
    path: PathBuf,
    len: u64,
    hashed: Hashed,
}

impl Partial {
    /// Opens what was written so far; `None` if another process is writing it. `hashed` is what is known from
    /// before and may be behind the file. Blocking.
    pub(super) fn open(path: &Path, hashed: Hashed) -> Result<Option<Partial>> {
        Partial::take(path, OpenOptions::new().read(true).write(true), hashed)
    }

    /// The same, with an empty file if there is none. Blocking.
    pub(super) fn open_or_create(path: &Path, hashed: Hashed) -> Result<Option<Partial>> {
        Partial::take(path, OpenOptions::new().read(true).write(true).create(true).truncate(false), hashed)
    }

    fn take(path: &Path, how: &OpenOptions, hashed: Hashed) -> Result<Option<Partial>> {
        let failed = |e| Error::file("open", path, e);
        let file = how.open(path).map_err(failed)?;
        if !try_hold(&file).map_err(failed)? {
            return Ok(None);
        }
        // Between opening and locking, somebody else may have finished the file and moved it to the blobs.
        let metadata = file.metadata().map_err(failed)?;
        if fs::metadata(path).map_err(failed)?.ino() != metadata.ino() {
            return Err(failed(io::ErrorKind::NotFound.into()));
        }
        let state = State { file, path: path.to_owned(), len: metadata.len(), hashed };
        Ok(Some(Partial(Arc::new(Mutex::new(state)))))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes in the file.
    pub(super) fn len(&self) -> u64 {
        self.with(|state| state.len)
    }

    /// What has been hashed, to go on with later.
    pub(super) fn hashed(&self) -> Hashed {
        self.with(|state| state.hashed.clone())
    }

    /// Cuts the file back. Blocking.
    pub(super) fn truncate(&self, to: u64) -> Result<()> {
        self.with(|state| {
            if to < state.len {
                state.file.set_len(to).map_err(|e| Error::file("write", &state.path, e))?;
                state.len = to;
            }
            Ok(())
        })
    }

    /// Deletes the file, if its name has not gone to another one meanwhile. Blocking.
    pub(super) fn discard(&self) -> io::Result<()> {
        self.with(|state| match fs::metadata(&state.path)?.ino() == state.file.metadata()?.ino() {
            true => fs::remove_file(&state.path),
            false => Ok(()),
        })
    }

    /// Appends a stream. What arrived before an error is in the file.
    pub(super) async fn receive(&self, mut body: ByteStream) -> Result<()> {
        let partial = self.clone();
        blocking(move || partial.with(|state| state.catch_up())).await?;
        // One piece is written while the next is being received.
        let mut writing: Option<JoinHandle<(Vec<u8>, Result<()>)>> = None;
        let mut piece = Vec::with_capacity(PIECE);
        let mut ended = Ok(());
        loop {
            match body.next().await {
                Some(Ok(bytes)) => {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let (fits, more) = rest.split_at(rest.len().min(PIECE - piece.len()));
                        piece.extend_from_slice(fits);
                        rest = more;
                        if piece.len() == PIECE {
                            let spare = settled(writing.take()).await?;
                            writing = Some(self.write(piece));
                            piece = spare.unwrap_or_else(|| Vec::with_capacity(PIECE));
                        }
                    }
                }
                Some(Err(e)) => {
                    ended = Err(e);
                    break;
                }
                None => break,
            }
        }
        settled(writing.take()).await?;
        if !piece.is_empty() {
            settled(Some(self.write(piece))).await?;
        }
        ended
    }

    fn write(&self, mut piece: Vec<u8>) -> JoinHandle<(Vec<u8>, Result<()>)> {
        let partial = self.clone();
        tokio::task::spawn_blocking(move || {
            let written = partial.with(|state| state.put(&piece));
            piece.clear();
            (piece, written)
        })
    }

    /// Checks the whole file against a digest and makes it durable. Blocking.
    pub(super) fn verify(&self, digest: &Digest, at: &str) -> Result<u64> {
        self.with(|state| {
            if state.hashed.algorithm != digest.algorithm() {
                state.hashed = Hashed::nothing(Some(digest));
            }
            state.catch_up()?;
            let found = state.hashed.hasher.clone().finish();
            if found != *digest {
                let (expected, found) = (digest.to_string(), found.to_string());
                return Err(Error::Content { attempted: "write blob", at: at.to_owned(), expected, found });
            }
            state.file.sync_data().map_err(|e| Error::file("write", &state.path, e))?;
            Ok(state.len)
        })
    }
}

impl State {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.seek(SeekFrom::Start(self.len)).and_then(|_| self.file.write_all(bytes));
        if let Err(e) = written {
            // A full disk takes part of a piece: the file ends where the hash does.
            let _ = self.file.set_len(self.len);
            return Err(Error::file("write", &self.path, e));
        }
        self.hashed.hasher.update(bytes);
        self.len += bytes.len() as u64;
        self.hashed.upto = self.len;
        Ok(())
    }

    /// Hashes what is in the file but was not hashed by this process: nothing, but after a restart.
    fn catch_up(&mut self) -> Result<()> {
        if self.hashed.upto > self.len {
            self.hashed = Hashed::nothing(Some(&self.hashed.hasher.clone().finish()));
        }
        let mut piece = Vec::new();
        while self.hashed.upto < self.len {
            piece.resize(PIECE.min((self.len - self.hashed.upto) as usize), 0);
            let read = self.file.read_exact_at(&mut piece, self.hashed.upto);
            read.map_err(|e| Error::file("read", &self.path, e))?;
            self.hashed.hasher.update(&piece);
            self.hashed.upto += piece.len() as u64;
        }
        Ok(())
    }
}

/// The buffer of a write that is done.
async fn settled(writing: Option<JoinHandle<(Vec<u8>, Result<()>)>>) -> Result<Option<Vec<u8>>> {
    let Some(writing) = writing else { return Ok(None) };
    let (buffer, written) = super::joined(writing.await)?;
    written.map(|()| Some(buffer))
}

/// Reads up to `limit` bytes of a file whole; `None` if it is not there or larger. Blocking.
pub(super) fn read_small(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(limit as u64 + 1).read_to_end(&mut bytes)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    Ok((bytes.len() <= limit).then_some(bytes))
}

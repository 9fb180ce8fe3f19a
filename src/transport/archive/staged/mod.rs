//! Archives that come as one ordered stream (standard input, an engine's `save`) or compressed as a whole: they are
//! staged, which is to say unpacked into a plain tar without a name in the [`Spool`], and then read where they lie
//! like any other.
//!
//! [`TarFile::stage`] takes a stream, [`TarFile::open`] a path: a plain tar is read in place, a gzip or zstd file
//! staged. Dropping the future ends the work, and nothing is left on the disk. [`Spool::passed`] counts bytes while
//! it goes on. The stream's compression is known by its first bytes; gzip of several members and zstd of several
//! frames are read to their end. The tar's headers are looked at while it grows, so that what is no tar, has too many
//! entries or would lie outside ends the staging at once, and what follows the tar's end is not written at all: a
//! stream that expands without end is cut there, or where the disk gets low.

mod unpack;

use std::fs::OpenOptions;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use rustix::fs::OFlags;
use tokio::sync::mpsc;

use super::spool::{Spool, Stop};
use super::tar_source::{Contents, Tar, TarFile};
use crate::transport::{ByteStream, Error, Result};
use unpack::Compression;

/// Pieces that wait between the stream and the disk.
const AHEAD: usize = 4;

impl TarFile {
    /// Opens the archive at `path`; a compressed one is staged in `spool`.
    pub async fn open(path: &Path, spool: &Spool) -> Result<TarFile> {
        let path = path.to_owned();
        let spool = spool.clone();
        in_spool(&spool, move |spool, stop| {
            let failed = |e| Error::file("read", &path, e);
            // Never waiting for the other end of a FIFO.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            let file = OpenOptions::new().read(true).custom_flags(flags).open(&path).map_err(failed)?;
            let there = file.metadata().map_err(failed)?;
            if !there.is_file() {
                let reason = "this is no regular file".to_owned();
                return Err(Error::Format { path, reason });
            }
            let mut start = [0; unpack::MAGIC];
            let read = file.read_at(&mut start, 0).map_err(failed)?;
            match Compression::of(&start[..read]) {
                Compression::None => {
                    let mut contents = Contents::empty(file, &path);
                    contents.grow(there.len(), true)?;
                    Ok(Tar::new(contents, spool, false, &stop)?.into())
                }
                _ => stage(Counted { inner: file, spool: spool.clone() }, &path, spool, stop),
            }
        })
        .await
    }

    /// Stages an archive that comes as a stream, compressed or not. `name` stands for it in errors.
    pub async fn stage(stream: ByteStream, name: &str, spool: &Spool) -> Result<TarFile> {
        let (send, receive) = mpsc::channel(AHEAD);
        let staging = in_spool(spool, {
            let (name, spool) = (name.to_owned(), spool.clone());
            move |_, stop| {
                let reader = Pieces { receive, piece: Bytes::new(), is_over: false };
                stage(Counted { inner: reader, spool: spool.clone() }, Path::new(&name), &spool, stop)
            }
        });
        let (fed, staged) = tokio::join!(feed(stream, send), staging);
        // A stream that broke off says why; one that nobody wanted to the end does not.
        fed.and(staged)
    }

    /// Stages the archive on standard input.
    pub async fn stage_stdin(spool: &Spool) -> Result<TarFile> {
        TarFile::stage_from(super::STDIN, spool, || Ok(io::stdin().lock())).await
    }

    /// Stages what comes out of the FIFO at `path`: what `<(…)` is in a shell. It is waited for until somebody writes.
    pub async fn stage_pipe(path: &Path, spool: &Spool) -> Result<TarFile> {
        let from = path.to_owned();
        TarFile::stage_from(&path.display().to_string(), spool, move || std::fs::File::open(from)).await
    }

    async fn stage_from<R: Read>(
        name: &str,
        spool: &Spool,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> Result<TarFile> {
        let (send, receive) = mpsc::channel(AHEAD);
        let at = name.to_owned();
        // A thread of its own: a read that waits for ever must not keep the runtime from ending.
        let begun = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let mut from = match open() {
                Ok(from) => from,
                Err(e) => return drop(send.blocking_send(Err(Error::file("read", at, e)))),
            };
            loop {
                let mut piece = vec![0; super::pieces::PIECE];
                let item = match from.read(&mut piece) {
                    Ok(0) => return,
                    Ok(read) => {
                        piece.truncate(read);
                        Ok(Bytes::from(piece))
                    }
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => Err(Error::file("read", at.as_str(), e)),
                };
                let is_over = item.is_err();
                if send.blocking_send(item).is_err() || is_over {
                    return;
                }
            }
        });
        begun.map_err(|e| Error::file("read", name, e))?;
        let pieces = futures_util::stream::unfold(receive, |mut receive| async move {
            receive.recv().await.map(|item| (item, receive))
        });
        TarFile::stage(pieces.boxed(), name, spool).await
    }
}

/// Runs blocking work that ends when nobody waits for it any more.
async fn in_spool<T: Send + 'static>(
    spool: &Spool,
    work: impl FnOnce(&Spool, Stop) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (spool, stop) = (spool.clone(), Stop::default());
    let _guard = stop.on_drop();
    super::blocking(move || work(&spool, stop)).await
}

/// Unpacks what `reader` gives into the spool, and reads the tar there.
fn stage(reader: impl Read, name: &Path, spool: &Spool, stop: Stop) -> Result<TarFile> {
    let mut file = spool.create(0, stop.clone())?;
    let reading = file.reader().map_err(|e| spool.error(e))?;
    let mut contents = Contents::empty(reading, name);
    unpack::unpack(BufReader::with_capacity(super::pieces::PIECE, reader), name, &mut file, |size| {
        contents.grow(size, false)
    })
    .map_err(|e| spool.error(e))?;
    contents.grow(file.size(), true)?;
    Ok(Tar::new(contents, spool, true, &stop)?.into())
}

/// Moves a stream into the channel; `Ok` when it came to its end, or nobody wants more of it.
async fn feed(mut stream: ByteStream, send: mpsc::Sender<Option<Bytes>>) -> Result<()> {
    while let Some(piece) = stream.next().await {
        if send.send(Some(piece?)).await.is_err() {
            return Ok(());
        }
    }
    let _ = send.send(None).await;
    Ok(())
}

/// The channel's other end. It is over only when that was said: a sender that is just gone was dropped midway.
struct Pieces {
    receive: mpsc::Receiver<Option<Bytes>>,
    piece: Bytes,
    is_over: bool,
}

impl Read for Pieces {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.is_over {
            match self.receive.blocking_recv() {
                Some(Some(piece)) => self.piece = piece,
                Some(None) => self.is_over = true,
                None => return Err(io::Error::other("the stream was given up")),
            }
        }
        let read = bytes.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut bytes[..read]);
        Ok(read)
    }
}

/// Counts what is read, for who waits.
struct Counted<R> {
    inner: R,
    spool: Spool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.spool.note(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;

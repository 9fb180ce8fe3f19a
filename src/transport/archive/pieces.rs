//! Blobs between streams and files, in pieces large enough to be cheap: the network's small chunks are gathered
//! before a blocking thread sees them, and while one piece is written the next is gathered.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::task::{JoinHandle, spawn_blocking};

use super::super::{ByteStream, Error, Result};
use crate::oci::{Descriptor, Hasher};

/// Bytes that are read or written at once.
pub(super) const PIECE: usize = 256 << 10;

/// Where a blob's pieces go. Called on a blocking thread.
pub(super) trait Sink: Send + 'static {
    /// Takes the bytes that begin at the blob's byte `at`; `at` 0 starts the blob again.
    fn put(&mut self, at: u64, piece: &[u8]) -> Result<()>;

    /// What comes next goes on at the blob's byte `from`, after an earlier attempt: nobody has verified the two as one.
    /// `hasher` is fit for the blob's digest.
    fn go_on(&mut self, from: u64, hasher: Hasher) {
        let _ = (from, hasher);
    }
}

/// Moves a blob's stream into a [`Sink`]. A cancelled [`Pump::run`] leaves its last piece in the air; the next one
/// waits for it, so that writes never overtake each other.
pub(super) struct Pump<S> {
    state: State<S>,
    blob: Descriptor,
    /// Bytes that the sink has taken.
    accepted: u64,
}

enum State<S> {
    Idle(Box<S>),
    Busy(JoinHandle<Done<S>>),
    /// The blocking thread panicked.
    Lost,
}

struct Done<S> {
    sink: Box<S>,
    /// The buffer, to be used again.
    piece: Vec<u8>,
    /// Where the sink stands now.
    result: Result<u64>,
}

impl<S: Sink> Pump<S> {
    /// A pump into a sink that has the blob's first `accepted` bytes already.
    pub(super) fn new(blob: &Descriptor, sink: S, accepted: u64) -> Pump<S> {
        Pump { state: State::Idle(Box::new(sink)), blob: blob.clone(), accepted }
    }

    /// See [`super::super::BlobWriter::accepted`].
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Writes the rest of the blob, which begins at byte `from`.
    pub(super) async fn run(&mut self, from: u64, mut body: ByteStream) -> Result<()> {
        // Whatever became of an earlier attempt's last piece: it is told by `accepted`.
        let _ = self.settle().await;
        if from == 0 {
            self.accepted = 0;
        } else if from != self.accepted {
            return Err(self.wrong(format!("its byte {}", self.accepted), format!("byte {from}")));
        }
        if let (State::Idle(sink), true) = (&mut self.state, from > 0) {
            sink.go_on(from, self.blob.digest.hasher());
        }
        let (mut at, mut gathered) = (from, Vec::with_capacity(PIECE));
        loop {
            let (chunk, failure) = match body.next().await {
                Some(Ok(chunk)) => (chunk, None),
                Some(Err(error)) => (Bytes::new(), Some(error)),
                None => break,
            };
            if at + (gathered.len() + chunk.len()) as u64 > self.blob.size {
                return Err(self.wrong(format!("{} bytes", self.blob.size), "more".to_owned()));
            }
            gathered.extend_from_slice(&chunk);
            if gathered.len() >= PIECE || (failure.is_some() && !gathered.is_empty()) {
                let length = gathered.len() as u64;
                gathered = self.put(at, gathered).await?;
                at += length;
            }
            if let Some(error) = failure {
                self.settle().await?;
                return Err(error);
            }
        }
        let end = at + gathered.len() as u64;
        if !gathered.is_empty() {
            self.put(at, gathered).await?;
        }
        self.settle().await?;
        match end == self.blob.size {
            true => Ok(()),
            false => Err(self.wrong(format!("{} bytes", self.blob.size), format!("{end} bytes"))),
        }
    }

    /// Hands a piece to the blocking thread, after the one before it; the answer is an empty buffer.
    async fn put(&mut self, at: u64, piece: Vec<u8>) -> Result<Vec<u8>> {
        let spare = self.settle().await?;
        if let State::Idle(mut sink) = std::mem::replace(&mut self.state, State::Lost) {
            self.state = State::Busy(spawn_blocking(move || {
                let result = sink.put(at, &piece).map(|()| at + piece.len() as u64);
                Done { sink, piece, result }
            }));
        }
        Ok(spare.unwrap_or_else(|| Vec::with_capacity(PIECE)))
    }

    /// Waits for the piece in the air; its buffer comes back.
    async fn settle(&mut self) -> Result<Option<Vec<u8>>> {
        match &mut self.state {
            State::Idle(_) => Ok(None),
            State::Lost => Err(self.lost()),
            State::Busy(handle) => match handle.await {
                Ok(Done { sink, mut piece, result }) => {
                    self.state = State::Idle(sink);
                    self.accepted = result?;
                    piece.clear();
                    Ok(Some(piece))
                }
                Err(_) => {
                    self.state = State::Lost;
                    Err(self.lost())
                }
            },
        }
    }

    /// The sink, while nothing is in the air.
    pub(super) fn sink(&mut self) -> Option<&mut S> {
        match &mut self.state {
            State::Idle(sink) => Some(sink),
            _ => None,
        }
    }

    /// The sink, once it has the whole blob.
    pub(super) async fn into_sink(mut self) -> Result<S> {
        self.settle().await?;
        if self.accepted != self.blob.size {
            return Err(self.wrong(format!("{} bytes", self.blob.size), format!("{} bytes", self.accepted)));
        }
        match self.state {
            State::Idle(sink) => Ok(*sink),
            _ => Err(self.lost()),
        }
    }

    fn wrong(&self, expected: String, found: String) -> Error {
        Error::Content { attempted: "write blob", at: self.blob.digest.to_string(), expected, found }
    }

    fn lost(&self) -> Error {
        Error::file("write", self.blob.digest.as_str(), io::Error::other("the writing thread panicked"))
    }
}

/// The bytes `from..end` of a file. The next piece is read while the last one is used.
pub(super) fn read_range(file: Arc<File>, path: PathBuf, from: u64, end: u64) -> ByteStream {
    let reader = Reader { file, path, at: from, end, next: None };
    let step = |mut reader: Reader| async move {
        let Some(next) = reader.next.take().or_else(|| reader.ahead()) else { return Ok(None) };
        let piece = next.await.map_err(io::Error::other).and_then(|read| read);
        let piece = piece.map_err(|e| Error::file("read", &reader.path, e))?;
        reader.next = reader.ahead();
        Ok(Some((piece, reader)))
    };
    stream::try_unfold(reader, step).boxed()
}

struct Reader {
    file: Arc<File>,
    path: PathBuf,
    at: u64,
    end: u64,
    next: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Reader {
    /// Starts reading the next piece, if there is one.
    fn ahead(&mut self) -> Option<JoinHandle<io::Result<Bytes>>> {
        let length = (PIECE as u64).min(self.end.saturating_sub(self.at));
        if length == 0 {
            return None;
        }
        let (file, at) = (self.file.clone(), self.at);
        self.at += length;
        Some(spawn_blocking(move || {
            let mut piece = vec![0; length as usize];
            file.read_exact_at(&mut piece, at)?;
            Ok(Bytes::from(piece))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_place::InPlace;
    use super::*;
    use crate::oci::{Digest, ErrorClass};

    fn body(pieces: Vec<Result<Bytes>>) -> ByteStream {
        stream::iter(pieces).boxed()
    }

    fn cut() -> Error {
        let (at, reason) = ("r/a".to_owned(), "reset".to_owned());
        Error::Unreachable { attempted: "read blob", at, reason, class: ErrorClass::Network }
    }

    fn in_place(blob: &Descriptor, base: u64) -> (Pump<InPlace>, Arc<File>) {
        let file = Arc::new(tempfile::tempfile().unwrap());
        (Pump::new(blob, InPlace::new(file.clone(), "f".into(), base), 0), file)
    }

    #[tokio::test]
    async fn small_chunks_arrive_whole_and_in_place() {
        let content: Vec<u8> = (0..PIECE * 3 + 77).map(|n| (n % 251) as u8).collect();
        let blob = Descriptor::new("", Digest::of(&content), content.len() as u64);
        let (mut pump, file) = in_place(&blob, 1000);
        pump.run(0, body(content.chunks(1237).map(|c| Ok(Bytes::copy_from_slice(c))).collect()))
            .await
            .unwrap();
        pump.into_sink().await.unwrap();
        let pieces: Vec<Bytes> =
            read_range(file, "f".into(), 1000, 1000 + blob.size).map(|piece| piece.unwrap()).collect().await;
        assert_eq!(pieces.concat(), content);
    }

    #[tokio::test]
    async fn a_cut_body_goes_on_where_it_stopped() {
        let blob = Descriptor::new("", Digest::of(b"abcdef"), 6);
        let (mut pump, file) = in_place(&blob, 0);
        let error = pump.run(0, body(vec![Ok(Bytes::from_static(b"abc")), Err(cut())])).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(pump.accepted(), 3);
        assert!(pump.run(2, body(vec![])).await.is_err());
        pump.run(3, body(vec![Ok(Bytes::from_static(b"def"))])).await.unwrap();
        pump.into_sink().await.unwrap();
        let mut content = [0; 6];
        file.read_exact_at(&mut content, 0).unwrap();
        assert_eq!(&content, b"abcdef");
    }

    #[tokio::test]
    async fn too_much_or_too_little_is_never_committed() {
        let blob = Descriptor::new("", Digest::of(b"abc"), 3);
        let (mut pump, file) = in_place(&blob, 0);
        assert!(pump.run(0, body(vec![Ok(Bytes::from_static(b"abcd"))])).await.is_err());
        assert_eq!(file.metadata().unwrap().len(), 0);
        assert!(pump.run(0, body(vec![Ok(Bytes::from_static(b"ab"))])).await.is_err());
        assert!(pump.into_sink().await.is_err());
    }
}

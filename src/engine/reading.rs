//! The source's side of a blob's way: its bytes, read on where a connection breaks, and the error that ended them kept
//! for the engine.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::run::Running;
use super::voice::Voice;
use crate::oci::{Descriptor, ErrorClass};
use crate::transport::{self, ByteStream, Source};

/// Bytes that a connection must bring to count as one that works.
const PROGRESS: u64 = 1 << 20;
/// The longest wait before another attempt that nobody asks for.
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait before an attempt: about `first` before the second (number 2), then doubling, with jitter, and
/// at least what the other side asks for.
pub(super) fn backoff(first: Duration, attempt: u32, asked: Option<Duration>) -> Duration {
    let doubled = first.saturating_mul(1 << attempt.saturating_sub(2).min(16)).min(LONGEST);
    // A cheap source of jitter is enough: the clock's own low digits.
    let spread = jiff::Timestamp::now().subsec_nanosecond().unsigned_abs() % 1000;
    let jittered = doubled.mul_f64(0.75 + f64::from(spread) / 2000.0);
    asked.map_or(jittered, |asked| asked.min(Duration::from_secs(300)).max(jittered))
}

/// What a reader may still try where its connection breaks.
#[derive(Clone)]
pub(super) struct Patience {
    attempts: u32,
    first_wait: Duration,
    voice: Voice,
    /// Attempts since bytes came last, and how many bytes there were then.
    attempt: u32,
    failed_at: u64,
}

impl Patience {
    /// For a reader of a job's source that has `from` bytes.
    pub(super) fn new(running: &Running, from: u64) -> Patience {
        let (attempts, first_wait) = (running.engine.attempts, running.engine.first_wait);
        Patience { attempts, first_wait, voice: running.voice.clone(), attempt: 1, failed_at: from }
    }

    /// Waits before another attempt after `error`, which came when there were `bytes`; the error comes back where there
    /// is no other.
    pub(super) async fn wait(&mut self, error: transport::Error, bytes: u64) -> transport::Result<()> {
        // A connection that breaks after every few bytes gets nowhere: that is the same trouble still.
        if bytes.saturating_sub(self.failed_at) >= PROGRESS {
            self.attempt = 1;
        }
        self.failed_at = bytes;
        if !error.is_retryable() || self.attempt >= self.attempts || !self.voice.may_retry() {
            return Err(error);
        }
        self.attempt += 1;
        let delay = backoff(self.first_wait, self.attempt, error.retry_after());
        self.voice.retry(&error, self.attempt, self.attempts, delay);
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

/// Where a source's error is kept while the destinations see their body break.
#[derive(Clone, Default)]
pub(super) struct Fault {
    error: Arc<Mutex<Option<transport::Error>>>,
    /// The source was tried as often as it may be.
    over: Arc<AtomicBool>,
}

impl Fault {
    /// A stream whose error is kept here, and handed on.
    pub(super) fn keeping(&self, stream: ByteStream) -> ByteStream {
        Faulty { stream, fault: self.clone() }.boxed()
    }

    /// What ended the stream, if it was the source.
    pub(super) fn error(&self) -> Option<transport::Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The source was tried as often as it may be.
    pub(super) fn tried_enough(&self) {
        self.over.store(true, Relaxed);
    }

    /// Whether it was.
    pub(super) fn is_final(&self) -> bool {
        self.over.load(Relaxed)
    }
}

/// A stream that keeps its error for the engine and hands it on.
struct Faulty {
    stream: ByteStream,
    fault: Fault,
}

impl Stream for Faulty {
    type Item = transport::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.as_mut().poll_next(context);
        next.map_err(|error| {
            *self.fault.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            error
        })
    }
}

/// A blob's bytes from the source, going on with a Range request where a connection drops.
///
/// A source that ignores the range sends the blob from its start: what was seen is skipped. (The design would begin
/// a new upload then; the bytes that come are the same, and the upload goes on.)
pub(super) struct Resuming {
    source: Arc<dyn Source>,
    blob: Descriptor,
    name: String,
    patience: Patience,
    fault: Fault,
    /// Bytes handed on so far.
    seen: u64,
    /// The stream at hand and the blob's offset it stands at, which is behind `seen` where bytes are skipped.
    stream: ByteStream,
    at: u64,
}

impl Resuming {
    /// The blob's bytes from `from` on.
    pub(super) async fn open(
        running: &Running,
        blob: Descriptor,
        from: u64,
        fault: Fault,
    ) -> transport::Result<ByteStream> {
        let source = Arc::clone(&running.source.source);
        let name = running.source.name.clone();
        let (at, stream) = source.blob(&blob, from).await?;
        let patience = Patience::new(running, from);
        let resuming = Resuming { source, blob, name, patience, fault, seen: from, stream, at };
        resuming.check_start()?;
        let next = |mut resuming: Resuming| async move {
            let piece = resuming.next().await?;
            Ok(piece.map(|piece| (piece, resuming)))
        };
        Ok(futures_util::stream::try_unfold(resuming, next).boxed())
    }

    /// A stream that begins behind what was seen would leave a hole.
    fn check_start(&self) -> transport::Result<()> {
        if self.at <= self.seen {
            return Ok(());
        }
        Err(transport::Error::Content {
            attempted: "read blob",
            at: format!("{} {}", self.name, self.blob.digest),
            expected: format!("bytes from {} on", self.seen),
            found: format!("bytes from {} on", self.at),
        })
    }

    /// The next piece, from this stream or from one that goes on where it broke.
    async fn next(&mut self) -> transport::Result<Option<Bytes>> {
        loop {
            match self.stream.next().await {
                Some(Ok(piece)) => {
                    let start = self.at;
                    self.at += piece.len() as u64;
                    if self.at > self.seen {
                        let fresh = piece.slice(usize::try_from(self.seen - start).unwrap_or(0)..);
                        self.seen = self.at;
                        return Ok(Some(fresh));
                    }
                }
                None if self.seen >= self.blob.size => return Ok(None),
                None => {
                    let reason =
                        format!("the connection ended after {} of {} bytes", self.seen, self.blob.size);
                    let error = transport::Error::Unreachable {
                        attempted: "read blob",
                        at: format!("{} {}", self.name, self.blob.digest),
                        reason,
                        class: ErrorClass::Network,
                    };
                    self.reopen(error).await?;
                }
                Some(Err(error)) => self.reopen(error).await?,
            }
        }
    }

    /// Opens the source again after `error`, where the bytes seen end.
    async fn reopen(&mut self, error: transport::Error) -> transport::Result<()> {
        let waited = self.patience.wait(error, self.seen).await;
        waited.inspect_err(|_| self.fault.tried_enough())?;
        // The source itself tries as often as it may.
        let opened = self.source.blob(&self.blob, self.seen).await;
        (self.at, self.stream) = opened.inspect_err(|_| self.fault.tried_enough())?;
        self.check_start()
    }
}

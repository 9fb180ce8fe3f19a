//! One blob's way: read once at the source, written at every destination that lacks it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::inflight::Claim;
use super::pool::Slot;
use super::progress::Counters;
use super::run::Running;
use super::voice::Voice;
use super::{Error, Result};
use crate::job::BlobStage;
use crate::oci::{Descriptor, ErrorClass};
use crate::transport::{self, Begin, BlobWriter, ByteStream, Source, verified};

/// Pieces that wait for a slow destination while a faster one goes on.
const AHEAD: usize = 8;
/// Bytes that a connection must bring to count as one that works.
const PROGRESS: u64 = 1 << 20;
/// The first wait before another attempt, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

impl Running {
    /// Brings one blob (its place in the plan) to every destination.
    pub(super) async fn copy_blob(self: Arc<Running>, blob: usize) -> Result<()> {
        let mut rest: Vec<usize> = (0..self.destinations.len()).filter(|at| self.needs(*at)).collect();
        while !rest.is_empty() {
            // Destinations at different hosts share one reading. Those at a host that an earlier one uploads
            // to wait for it, and mount.
            let mut hosts: Vec<&str> = Vec::new();
            let (round, later): (Vec<usize>, Vec<usize>) = rest.into_iter().partition(|at| {
                let host = self.destinations[*at].host.as_str();
                let first = !hosts.contains(&host);
                hosts.push(host);
                first
            });
            self.copy_round(blob, round).await?;
            rest = later;
        }
        Ok(())
    }

    /// Brings one blob to destinations at different hosts, trying again what can be tried again.
    async fn copy_round(&self, blob: usize, mut pending: Vec<usize>) -> Result<()> {
        let descriptor = &self.plan.blobs[blob].descriptor;
        // Claimed in one order everywhere, so that two jobs never wait for each other.
        pending.sort_by(|a, b| self.destinations[*a].host.cmp(&self.destinations[*b].host));
        let right = self.right_to_copy(descriptor, &pending).await;
        let mut attempt = 1;
        loop {
            let failed = self.attempt(blob, &pending).await;
            // The first that cannot be mended is the one to show.
            let worst = failed.iter().position(|failed| !failed.is_worth_another()).unwrap_or(0);
            let Some(Failed { error, .. }) = failed.get(worst) else { break };
            if !failed[worst].is_worth_another() || attempt >= self.engine.attempts {
                failed.iter().for_each(|failed| self.counters.settle(blob, failed.at, BlobStage::Failed));
                return Err(failed.into_iter().nth(worst).map_or(Error::Cancelled, |f| f.error.into()));
            }
            attempt += 1;
            let delay = backoff(attempt, error.retry_after());
            self.voice.retry(error, attempt, self.engine.attempts, delay);
            tokio::time::sleep(delay).await;
            pending = failed.into_iter().map(|failed| failed.at).collect();
        }
        drop(right);
        Ok(())
    }

    /// Waits for the right to move a blob to some destinations: nobody else brings it there, the pool has room, and the
    /// job is not paused. While it is paused nothing is held, so that other jobs can take the blob over.
    async fn right_to_copy(&self, blob: &Descriptor, pending: &[usize]) -> (Vec<Claim>, Option<Slot>) {
        let host = |at: &usize| &self.destinations[*at].host;
        loop {
            self.not_paused().await;
            let mut claims = Vec::with_capacity(pending.len());
            for at in pending {
                claims.push(self.engine.inflight.claim(host(at), &blob.digest).await);
            }
            let mut hosts: Vec<String> = pending.iter().map(|at| host(at).clone()).collect();
            hosts.extend(Some(self.source.host.clone()).filter(|host| !host.is_empty()));
            let slot = self.engine.pool.slot(self.order, blob.size, hosts).await;
            if !self.is_paused() {
                return (claims, slot);
            }
        }
    }

    /// One attempt at the destinations; those that failed come back with the reason.
    async fn attempt(&self, blob: usize, pending: &[usize]) -> Vec<Failed> {
        let descriptor = &self.plan.blobs[blob].descriptor;
        let begun =
            join_all(pending.iter().map(|at| async move { (*at, self.begin(blob, *at).await) })).await;
        let (mut failed, mut writers) = (Vec::new(), Vec::new());
        for (at, begun) in begun {
            match begun {
                Ok(Begin::Present) => self.settled(blob, at, BlobStage::Present),
                Ok(Begin::Mounted) => self.settled(blob, at, BlobStage::Mounted),
                Ok(Begin::Write(writer)) => writers.push((at, writer)),
                Err(error) => failed.push(Failed { at, error, over: true }),
            }
        }
        if writers.is_empty() {
            return failed;
        }
        let fault = Fault::default();
        let stream = Resuming::open(self, descriptor.clone(), fault.clone()).await;
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                let miss = |at| Failed { at, error: error.clone(), over: true };
                failed.extend(writers.into_iter().map(|(at, _)| miss(at)));
                return failed;
            }
        };
        let stream = verified(descriptor, self.source.name.clone(), stream);
        let stream = Faulty { stream: stream.boxed(), fault: fault.clone() };
        let places: Vec<usize> = writers.iter().map(|(at, _)| *at).collect();
        let (bodies, pump) = split(stream.boxed(), places.len());
        let writes = writers.into_iter().zip(bodies).map(|((at, writer), body)| {
            let body = Counted { body, counters: Arc::clone(&self.counters), blob, destination: at };
            async move { (at, write(writer, body.boxed()).await) }
        });
        let (written, ()) = tokio::join!(join_all(writes), pump);
        for (at, result) in written {
            match result {
                Ok(()) => self.settled(blob, at, BlobStage::Done),
                // What the destination says of a body that the source broke is not the reason.
                Err(error) => failed.push(match fault.error() {
                    Some(error) => Failed { at, error, over: fault.over.load(Relaxed) },
                    None => Failed { at, error, over: false },
                }),
            }
        }
        failed
    }

    async fn begin(&self, blob: usize, at: usize) -> transport::Result<Begin> {
        let (descriptor, door) = (&self.plan.blobs[blob].descriptor, &self.destinations[at]);
        let known = self.engine.inflight.known(&door.host, &descriptor.digest);
        self.counters.begin(blob, at);
        let begun = door.destination.begin(descriptor, known.as_ref()).await?;
        if matches!(begun, Begin::Write(_)) {
            // It was said to be there, and was not.
            self.engine.inflight.forget(&door.host, &descriptor.digest);
            if let Some(known) = known {
                self.engine.forget_place(door, &descriptor.digest, &known).await;
            }
        }
        Ok(begun)
    }

    fn settled(&self, blob: usize, at: usize, stage: BlobStage) {
        let (digest, door) = (&self.plan.blobs[blob].descriptor.digest, &self.destinations[at]);
        self.counters.settle(blob, at, stage);
        if let Some(repository) = &door.repository {
            self.engine.inflight.learn(&door.host, digest, repository);
        }
    }
}

/// Writes and commits one blob at one destination.
async fn write(mut writer: Box<dyn BlobWriter>, body: ByteStream) -> transport::Result<()> {
    writer.write(0, body).await?;
    writer.commit().await
}

/// How long to wait before an attempt (the second is number 2): doubling, with jitter, and at least what the
/// other side asks for.
pub(super) fn backoff(attempt: u32, asked: Option<Duration>) -> Duration {
    let doubled = WAIT.0.saturating_mul(1 << attempt.saturating_sub(2).min(16)).min(WAIT.1);
    // A cheap source of jitter is enough: the clock's own low digits.
    let spread = jiff::Timestamp::now().subsec_nanosecond().unsigned_abs() % 1000;
    let jittered = doubled.mul_f64(0.75 + f64::from(spread) / 2000.0);
    asked.map_or(jittered, |asked| asked.min(Duration::from_secs(300)).max(jittered))
}

/// A destination that a blob did not reach, and why.
struct Failed {
    at: usize,
    error: transport::Error,
    /// The transport has tried as often as it may: trying that again would multiply the attempts.
    over: bool,
}

impl Failed {
    fn is_worth_another(&self) -> bool {
        !self.over && self.error.is_retryable()
    }
}

/// Where a source's error is kept while the destinations see their body break.
#[derive(Clone, Default)]
struct Fault {
    error: Arc<Mutex<Option<transport::Error>>>,
    /// The source was tried as often as it may be.
    over: Arc<AtomicBool>,
}

impl Fault {
    fn error(&self) -> Option<transport::Error> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// A body that counts what its destination takes.
struct Counted {
    body: ByteStream,
    counters: Arc<Counters>,
    blob: usize,
    destination: usize,
}

impl Stream for Counted {
    type Item = transport::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.body.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            self.counters.add(self.blob, self.destination, piece.len() as u64);
        }
        next
    }
}

/// One stream for each of `n` readers, and the pump that feeds them. One reader gets the stream itself. A reader
/// that gives up does not hold up the others; the slowest sets the pace.
fn split(mut stream: ByteStream, n: usize) -> (Vec<ByteStream>, Pin<Box<dyn Future<Output = ()> + Send>>) {
    if n == 1 {
        return (vec![stream], Box::pin(std::future::ready(())));
    }
    let (mut feeds, bodies): (Vec<_>, Vec<_>) = (0..n)
        .map(|_| {
            let (feed, mut body) = mpsc::channel::<transport::Result<Bytes>>(AHEAD);
            (feed, futures_util::stream::poll_fn(move |context| body.poll_recv(context)).boxed())
        })
        .unzip();
    let pump = async move {
        while let Some(item) = stream.next().await {
            let sent = join_all(feeds.iter().map(|feed| feed.send(item.clone()))).await;
            let mut sent = sent.into_iter();
            feeds.retain(|_| sent.next().is_some_and(|result| result.is_ok()));
            if feeds.is_empty() {
                break;
            }
        }
    };
    (bodies, Box::pin(pump))
}

/// A blob's bytes from the source, going on with a Range request where a connection drops.
///
/// A source that ignores the range sends the blob from its start: what was seen is skipped. (The design would begin
/// a new upload then; the bytes that come are the same, and the upload goes on.)
struct Resuming {
    source: Arc<dyn Source>,
    blob: Descriptor,
    name: String,
    attempts: u32,
    voice: Voice,
    fault: Fault,
    /// Attempts since bytes came last, and where that was.
    attempt: u32,
    failed_at: u64,
    /// Bytes handed on so far.
    seen: u64,
    /// The stream at hand and the blob's offset it stands at, which is behind `seen` where bytes are skipped.
    stream: ByteStream,
    at: u64,
}

impl Resuming {
    async fn open(running: &Running, blob: Descriptor, fault: Fault) -> transport::Result<ByteStream> {
        let source = Arc::clone(&running.source.source);
        let (at, stream) = source.blob(&blob, 0).await?;
        let name = running.source.name.clone();
        let (attempts, voice) = (running.engine.attempts, running.voice.clone());
        let (seen, attempt, failed_at) = (0, 1, 0);
        let resuming =
            Resuming { source, blob, name, attempts, voice, fault, attempt, failed_at, seen, stream, at };
        let next = |mut resuming: Resuming| async move {
            let piece = resuming.next().await?;
            Ok(piece.map(|piece| (piece, resuming)))
        };
        Ok(futures_util::stream::try_unfold(resuming, next).boxed())
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
        // A connection that breaks after every few bytes gets nowhere: that is the same trouble still.
        if self.seen - self.failed_at >= PROGRESS {
            self.attempt = 1;
        }
        self.failed_at = self.seen;
        if !error.is_retryable() || self.attempt >= self.attempts {
            self.fault.over.store(true, Relaxed);
            return Err(error);
        }
        self.attempt += 1;
        let delay = backoff(self.attempt, error.retry_after());
        self.voice.retry(&error, self.attempt, self.attempts, delay);
        tokio::time::sleep(delay).await;
        // The source itself tries as often as it may.
        let (at, stream) = self
            .source
            .blob(&self.blob, self.seen)
            .await
            .inspect_err(|_| self.fault.over.store(true, Relaxed))?;
        if at > self.seen {
            return Err(transport::Error::Content {
                attempted: "read blob",
                at: format!("{} {}", self.name, self.blob.digest),
                expected: format!("bytes from {} on", self.seen),
                found: format!("bytes from {at} on"),
            });
        }
        (self.at, self.stream) = (at, stream);
        Ok(())
    }
}

//! One blob's way: read once at the source, written at every destination that lacks it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, maybe_done};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::inflight::Claim;
use super::progress::Counters;
use super::ranged;
use super::reading::{Fault, Resuming, backoff};
use super::run::Running;
use super::throttle::{Held, is_refusal};
use super::{Error, Result};
use crate::job::BlobStage;
use crate::oci::{Descriptor, ErrorClass};
use crate::transport::{self, Begin, BlobWriter, ByteStream, Hashed, verified_from};

/// Pieces that wait for a slow destination while a faster one goes on.
const AHEAD: usize = 8;
/// A round trip that is worth saving.
const FAR: Duration = Duration::from_millis(40);
/// Other ways that one blob's uploads may take: the ladder has three rungs.
const DETOURS: u32 = 4;

impl Running {
    /// Brings one blob (its place in the plan) to every destination.
    pub(super) async fn copy_blob(self: Arc<Running>, blob: usize) -> Result<()> {
        let mut rest: Vec<usize> =
            (0..self.destinations.len()).filter(|at| self.needs_blob(*at, blob)).collect();
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
    pub(super) async fn copy_round(&self, blob: usize, mut pending: Vec<usize>) -> Result<()> {
        let descriptor = &self.plan.blobs[blob].descriptor;
        // Claimed in one order everywhere, so that two jobs never wait for each other.
        pending.sort_by(|a, b| self.destinations[*a].host.cmp(&self.destinations[*b].host));
        let (claims, held) = self.right_to_copy(descriptor, &pending).await;
        let hashed = Hashed::new(descriptor);
        let (mut attempt, mut detours) = (1, 0);
        // Whether what destinations hold of it may be wrong.
        let mut doubted = false;
        let mut pending: Vec<Pending> = pending.into_iter().map(|at| Pending { at, writer: None }).collect();
        loop {
            let failed = held.during(self.attempt(blob, pending, &hashed, doubted)).await;
            // The first that cannot be mended is the one to show.
            let worst = failed.iter().position(|failed| !failed.is_worth_another()).unwrap_or(0);
            let Some(Failed { error, .. }) = failed.get(worst) else { break };
            // Another way that is known is no failure, unless it never ends.
            let is_detour = failed.iter().all(Failed::is_detour) && detours < DETOURS;
            // The last question takes one of the job's retries.
            let goes_on = is_detour
                || (failed[worst].is_worth_another()
                    && attempt < self.engine.attempts
                    && self.voice.may_retry());
            if !goes_on {
                failed.iter().for_each(|failed| self.counters.settle(blob, failed.at, BlobStage::Failed));
                return Err(failed.into_iter().nth(worst).map_or(Error::Cancelled, |f| f.error.into()));
            }
            if is_detour {
                detours += 1;
            } else {
                attempt += 1;
                let delay = backoff(self.engine.first_wait, attempt, error.retry_after());
                self.voice.retry(error, attempt, self.engine.attempts, delay);
                match is_refusal(error) {
                    true => held.hold_off(delay).await,
                    false => tokio::time::sleep(delay).await,
                }
            }
            doubted |= failed.iter().any(|failed| failed.doubted);
            pending = failed.into_iter().map(|Failed { at, writer, .. }| Pending { at, writer }).collect();
        }
        drop((claims, held));
        Ok(())
    }

    /// Waits for the right to move a blob to some destinations: nobody else brings it there, the pool has room, and the
    /// job is not paused. While it is paused nothing is held, so that other jobs can take the blob over.
    async fn right_to_copy(&self, blob: &Descriptor, pending: &[usize]) -> (Vec<Claim>, Arc<Held>) {
        let host = |at: &usize| &self.destinations[*at].host;
        loop {
            self.not_paused().await;
            let mut claims = Vec::with_capacity(pending.len());
            for at in pending {
                claims.push(self.engine.inflight.claim(host(at), &blob.digest).await);
            }
            let mut hosts: Vec<String> = pending.iter().map(|at| host(at).clone()).collect();
            hosts.extend(Some(self.source.host.clone()).filter(|host| !host.is_empty()));
            let held = Held::take(&self.engine.pool, &self.rank, blob.size, hosts).await;
            if !self.is_paused() {
                return (claims, held);
            }
        }
    }

    /// One attempt at the destinations; those that failed come back with the reason.
    /// Where what they hold is `doubted`, the blob begins anew.
    async fn attempt(
        &self,
        blob: usize,
        pending: Vec<Pending>,
        hashed: &Hashed,
        doubted: bool,
    ) -> Vec<Failed> {
        let descriptor = &self.plan.blobs[blob].descriptor;
        let fault = Fault::default();
        let Begun { mut failed, mut writers, early } = self.begin_all(blob, pending, &fault).await;
        // Read from where the first of them stands; the others skip what they have.
        let stands = |writer: &dyn BlobWriter| if doubted { 0 } else { writer.accepted() };
        let Some(from) = writers.iter().map(|(_, writer)| stands(&**writer)).min() else { return failed };
        let opened = match early.filter(|_| from == 0) {
            Some(opened) => opened,
            None => Resuming::open(self, descriptor.clone(), from, fault.clone()).await,
        };
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) => {
                let miss = |(at, writer)| Failed::at(at, error.clone()).tried_enough().keeping(writer);
                failed.extend(writers.into_iter().map(miss));
                return failed;
            }
        };
        // One destination that takes bytes in any order can have them over several connections.
        let place = match &mut writers[..] {
            [(at, writer)] if ranged::may_pay(self, descriptor.size - from) => {
                writer.place().map(|place| (*at, place))
            }
            _ => None,
        };
        let counts_itself = place.is_some();
        let places: Vec<usize> = writers.iter().map(|(at, _)| *at).collect();
        let stream = self.read_within(&places, stream);
        let stream = match place {
            Some((at, place)) => ranged::widening(self, (blob, at), (from, stream), place, fault.clone()),
            None => stream,
        };
        let stream = verified_from(descriptor, self.source.name.clone(), from, stream, hashed);
        let (bodies, pump) = split(fault.keeping(stream.boxed()), places.len());
        let writes = writers.into_iter().zip(bodies).map(|((at, writer), body)| {
            let (start, counters) = (stands(&*writer), Arc::clone(&self.counters));
            counters.begin(blob, at, start);
            let body = self.limited(at, skipping(start - from, body));
            let body = match counts_itself {
                true => body,
                false => Counted { body, counters, blob, destination: at }.boxed(),
            };
            async move { (at, start, write(writer, start, body).await) }
        });
        let (written, ()) = tokio::join!(join_all(writes), pump);
        for (at, start, result) in written {
            match result {
                Ok(()) => self.settled(blob, at, BlobStage::Done),
                // What the destination says of a body that the source broke is not the reason.
                Err((error, writer)) => failed.push(match fault.error() {
                    // A mirror that lied: another place is read, from the blob's start.
                    Some(error @ transport::Error::Content { .. })
                        if self.source.source.doubt(&descriptor.digest) =>
                    {
                        Failed { doubted: true, ..Failed::at(at, error).anew() }
                    }
                    Some(error) if fault.is_final() => Failed::at(at, error).tried_enough().keeping(writer),
                    Some(error) => Failed::at(at, error).keeping(writer),
                    // Bytes kept from an earlier attempt may have been the wrong ones.
                    None if start > 0 && error.class() == ErrorClass::Digest => Failed::at(at, error).anew(),
                    None => Failed::at(at, error).keeping(writer),
                }),
            }
        }
        failed
    }

    /// Asks the destinations for a blob and opens its way in. On a long link the source is asked meanwhile, where the
    /// destinations' answer is all but known.
    async fn begin_all(&self, blob: usize, pending: Vec<Pending>, fault: &Fault) -> Begun {
        let descriptor = &self.plan.blobs[blob].descriptor;
        let mut early = self
            .is_surely_missing(blob, &pending)
            .then(|| Box::pin(maybe_done(Resuming::open(self, descriptor.clone(), 0, fault.clone()))));
        let begun = join_all(pending.into_iter().map(|Pending { at, writer }| async move {
            match writer {
                Some(writer) => (at, Ok(Begin::Write(writer))),
                None => (at, self.begin(blob, at).await),
            }
        }));
        tokio::pin!(begun);
        let begun = poll_fn(|context| {
            if let Some(early) = &mut early {
                let _ = early.as_mut().poll(context);
            }
            begun.as_mut().poll(context)
        });
        let (mut failed, mut writers) = (Vec::new(), Vec::new());
        for (at, begun) in begun.await {
            match begun {
                Ok(Begin::Present) => self.settled(blob, at, BlobStage::Present),
                Ok(Begin::Mounted) => self.settled(blob, at, BlobStage::Mounted),
                Ok(Begin::Write(writer)) => writers.push((at, writer)),
                Err(error) => failed.push(Failed::at(at, error).tried_enough()),
            }
        }
        // Nobody waits for the source where nobody lacks the blob.
        let early = match early.filter(|_| !writers.is_empty()) {
            Some(mut early) => {
                early.as_mut().await;
                early.as_mut().take_output()
            }
            None => None,
        };
        Begun { failed, writers, early }
    }

    /// Whether it is worth it to ask the source for a blob before the destinations have said that they lack it: both
    /// are far, and nothing says that they may have it. A wrong guess costs a request and a connection.
    fn is_surely_missing(&self, blob: usize, pending: &[Pending]) -> bool {
        let digest = &self.plan.blobs[blob].descriptor.digest;
        let is_far = |round_trip: Option<Duration>| round_trip.is_some_and(|time| time >= FAR);
        is_far(self.source.source.round_trip())
            && !self.found_some.load(Relaxed)
            && pending.iter().all(|Pending { at, writer }| {
                let (door, planned) = (&self.destinations[*at], &self.plan.destinations[*at]);
                writer.is_none()
                    && is_far(door.destination.round_trip())
                    && planned.tags.iter().all(|change| change.old.is_none())
                    && self.engine.inflight.known(&door.host, digest, None).is_none()
            })
    }

    async fn begin(&self, blob: usize, at: usize) -> transport::Result<Begin> {
        let (descriptor, door) = (&self.plan.blobs[blob].descriptor, &self.destinations[at]);
        let known = self.engine.inflight.known(&door.host, &descriptor.digest, door.repository.as_ref());
        self.counters.begin(blob, at, 0);
        let begun = door.destination.begin(descriptor, known.as_ref()).await?;
        if let Begin::Write(writer) = &begun {
            self.counters.left_there(blob, at, writer.accepted());
        }
        if matches!(begun, Begin::Write(_)) {
            // It was said to be there, and was not.
            if let Some(known) = known {
                self.engine.forget_place(door, &descriptor.digest, &known).await;
            }
            self.engine.begin_place(door, &descriptor.digest).await;
        }
        Ok(begun)
    }

    fn settled(&self, blob: usize, at: usize, stage: BlobStage) {
        let (digest, door) = (&self.plan.blobs[blob].descriptor.digest, &self.destinations[at]);
        self.counters.settle(blob, at, stage);
        if stage != BlobStage::Done {
            self.found_some.store(true, Relaxed);
        }
        if let Some(repository) = &door.repository {
            self.engine.inflight.learn(&door.host, digest, repository);
        }
    }
}

/// Writes and commits one blob at one destination. A writer that failed comes back.
async fn write(
    mut writer: Box<dyn BlobWriter>,
    from: u64,
    body: ByteStream,
) -> Result<(), (transport::Error, Option<Box<dyn BlobWriter>>)> {
    match writer.write(from, body).await {
        Err(error) => Err((error, Some(writer))),
        Ok(()) => writer.commit().await.map_err(|error| (error, None)),
    }
}

/// What the destinations said of a blob.
struct Begun {
    failed: Vec<Failed>,
    /// Those that lack it.
    writers: Vec<(usize, Box<dyn BlobWriter>)>,
    /// The source's answer, where it was asked meanwhile.
    early: Option<transport::Result<ByteStream>>,
}

/// A destination that lacks a blob, with the writer that holds a part of it.
struct Pending {
    at: usize,
    writer: Option<Box<dyn BlobWriter>>,
}

/// A destination that a blob did not reach, and why.
struct Failed {
    at: usize,
    error: transport::Error,
    /// What the next attempt goes on with.
    writer: Option<Box<dyn BlobWriter>>,
    /// Whether another attempt may help.
    again: bool,
    /// What came so far was wrong.
    doubted: bool,
}

impl Failed {
    fn at(at: usize, error: transport::Error) -> Failed {
        let again = error.is_retryable();
        Failed { at, error, writer: None, again, doubted: false }
    }

    /// The transport has tried as often as it may: trying that again would multiply the attempts.
    fn tried_enough(self) -> Failed {
        Failed { again: false, ..self }
    }

    /// From the blob's start, whatever the error says of another attempt.
    fn anew(self) -> Failed {
        Failed { again: true, ..self }
    }

    /// With the writer, if there is anything to go on with: else the destination is asked anew, which may have the blob
    /// by now (the answer to a whole upload can be lost).
    fn keeping(self, writer: impl Into<Option<Box<dyn BlobWriter>>>) -> Failed {
        let is_detour = self.is_detour();
        Failed { writer: writer.into().filter(|writer| writer.accepted() > 0 || is_detour), ..self }
    }

    fn is_worth_another(&self) -> bool {
        self.again
    }

    fn is_detour(&self) -> bool {
        matches!(self.error, transport::Error::Detour { .. })
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

/// The stream without its first `surplus` bytes.
fn skipping(mut surplus: u64, stream: ByteStream) -> ByteStream {
    if surplus == 0 {
        return stream;
    }
    let rest = move |piece: transport::Result<Bytes>| {
        let piece = piece.map(|mut piece| {
            let skipped = usize::try_from(surplus).unwrap_or(usize::MAX).min(piece.len());
            surplus -= skipped as u64;
            piece.split_off(skipped)
        });
        std::future::ready(Some(piece).filter(|piece| !matches!(piece, Ok(piece) if piece.is_empty())))
    };
    stream.filter_map(rest).boxed()
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

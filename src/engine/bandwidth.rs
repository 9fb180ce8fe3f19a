//! Bandwidth limits: bytes a second that wharf moves, over all registries and for each of them, changed while it runs.
//!
//! What is counted are the bytes of blobs as they pass through this process. The limit of a **registry** counts every
//! byte that is read from it and every byte that is written to it. The **global** limit counts a byte once for each
//! registry that it is written to; one that goes to files alone counts when it is read from its registry. So a copy
//! of 1 GB from one registry to another counts 1 GB (that much on the way in, and as much on the way out), one to
//! two registries 2 GB, an export 1 GB, and nothing counts that only moves on this machine.
//!
//! A limit is one queue: who wants to move a piece takes the next place in it, measured in bytes, and goes on once that
//! many bytes were allowed. Places are taken piece by piece and pieces are small, so that every stream gets its
//! turn. Without a limit nothing is locked.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::door::SourceDoor;
use super::run::Running;
use crate::oci::{Descriptor, Digest, RawManifest, Tag, TagOrDigest};
use crate::transport::{self, ByteStream, Source};

/// Pieces a second, over all streams: enough that 16 streams move smoothly.
const PIECES: u64 = 50;
/// The smallest and the largest piece. A piece of the smallest size takes a moment even at 1 KB/s, so that nobody on
/// the other side takes the connection for dead.
const PIECE: (u64, u64) = (256, 64 << 10);
/// How much of a second may be caught up on after a pause.
const BURST: f64 = 0.1;
/// The longest wait before the account is looked at again.
const LONGEST: Duration = Duration::from_secs(3600);

/// All limits of an engine.
#[derive(Default)]
pub(super) struct Bandwidth {
    all: Arc<Limit>,
    /// By host, as the pool knows them. One that was asked for once stays: its streams may still run.
    hosts: Mutex<HashMap<String, Arc<Limit>>>,
}

/// One limit, shared by every stream that it is for.
pub(super) struct Limit {
    /// Bytes a second; 0 is none.
    rate: AtomicU64,
    account: Mutex<Account>,
    /// Told when what was waited for may come sooner, or later.
    changed: watch::Sender<()>,
}

/// Bytes that were asked for and bytes that are allowed, both counted from the beginning.
struct Account {
    asked: u64,
    allowed: f64,
    /// When `allowed` was true; it grows from then on.
    at: Instant,
}

/// A place in a limit's queue. Dropped before its time, it lets those behind it move up.
struct Place<'a> {
    limit: &'a Limit,
    bytes: u64,
    until: u64,
    taken: bool,
}

impl Bandwidth {
    /// The limits that an engine begins with.
    pub(super) fn new(all: Option<NonZeroU64>, hosts: HashMap<String, NonZeroU64>) -> Bandwidth {
        let bandwidth = Bandwidth::default();
        bandwidth.all.set(all);
        hosts.into_iter().for_each(|(host, rate)| bandwidth.host(&host).set(Some(rate)));
        bandwidth
    }

    /// The global limit.
    pub(super) fn all(&self) -> &Arc<Limit> {
        &self.all
    }

    /// A registry's limit.
    pub(super) fn host(&self, host: &str) -> Arc<Limit> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(host.to_owned()).or_default())
    }

    /// A job's source, whose blobs are read within its registry's limit.
    pub(super) fn source(&self, door: SourceDoor) -> SourceDoor {
        if door.repository.is_none() {
            return door;
        }
        let (limit, all) = (self.host(&door.host), Arc::clone(&self.all));
        SourceDoor { source: Arc::new(Limited { source: door.source, limit, all }), ..door }
    }

    /// A body on its way to the registry `host`, within its limit and the global one.
    pub(super) fn body(&self, body: ByteStream, host: &str) -> ByteStream {
        limited(body, vec![self.host(host), Arc::clone(&self.all)])
    }
}

impl Running {
    /// A blob's bytes on their way from the source to some destinations: within the global limit where no registry is
    /// among these, since then they are counted nowhere else.
    pub(super) fn read_within(&self, destinations: &[usize], stream: ByteStream) -> ByteStream {
        let sends = destinations.iter().any(|at| self.destinations[*at].registry.is_some());
        match self.source.repository.is_some() && !sends {
            true => limited(stream, vec![Arc::clone(self.engine.bandwidth.all())]),
            false => stream,
        }
    }

    /// A body on its way to a destination, within the limits that are for it.
    pub(super) fn limited(&self, at: usize, body: ByteStream) -> ByteStream {
        let door = &self.destinations[at];
        if door.registry.is_some() { self.engine.bandwidth.body(body, &door.host) } else { body }
    }
}

/// A source whose blobs are read within its registry's limit.
struct Limited {
    source: Arc<dyn Source>,
    limit: Arc<Limit>,
    /// The global one. Only files take parts, so these are counted nowhere else.
    all: Arc<Limit>,
}

impl Source for Limited {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, transport::Result<RawManifest>> {
        self.source.manifest(at)
    }

    fn blob<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
    ) -> BoxFuture<'a, transport::Result<(u64, ByteStream)>> {
        Box::pin(async move {
            let (start, stream) = self.source.blob(blob, from).await?;
            Ok((start, limited(stream, vec![Arc::clone(&self.limit)])))
        })
    }

    fn part<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
        until: u64,
    ) -> BoxFuture<'a, transport::Result<Option<ByteStream>>> {
        Box::pin(async move {
            let part = self.source.part(blob, from, until).await?;
            let limits = vec![Arc::clone(&self.limit), Arc::clone(&self.all)];
            Ok(part.map(|stream| limited(stream, limits)))
        })
    }

    fn round_trip(&self) -> Option<Duration> {
        self.source.round_trip()
    }

    fn doubt(&self, blob: &Digest) -> bool {
        self.source.doubt(blob)
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, transport::Result<Vec<Descriptor>>> {
        self.source.referrers(subject)
    }

    fn tags(&self) -> BoxFuture<'_, transport::Result<Vec<Tag>>> {
        self.source.tags()
    }
}

/// A stream that moves within limits, in pieces that are small enough for them. While it waits for them it asks its
/// source for nothing, so that the wait is nobody's stall.
fn limited(stream: ByteStream, limits: Vec<Arc<Limit>>) -> ByteStream {
    let state = (Some(stream), Bytes::new(), limits);
    stream::unfold(state, |(mut stream, mut rest, limits)| async move {
        if rest.is_empty() {
            match stream.as_mut()?.next().await? {
                Ok(piece) => rest = piece,
                Err(error) => return Some((Err(error), (None, rest, limits))),
            }
        }
        let most = limits.iter().filter_map(|limit| limit.piece()).min().unwrap_or(usize::MAX);
        let piece = rest.split_to(rest.len().min(most));
        for limit in &limits {
            limit.pass(piece.len() as u64).await;
        }
        Some((Ok(piece), (stream, rest, limits)))
    })
    .boxed()
}

impl Default for Limit {
    fn default() -> Limit {
        let account = Account { asked: 0, allowed: 0.0, at: Instant::now() };
        Limit { rate: AtomicU64::new(0), account: Mutex::new(account), changed: watch::Sender::new(()) }
    }
}

impl Limit {
    /// Bytes a second; `None` is no limit.
    pub(super) fn get(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.rate.load(Relaxed))
    }

    /// Sets it, also for those who wait already.
    pub(super) fn set(&self, rate: Option<NonZeroU64>) {
        {
            let mut account = self.lock();
            account.settle(self.rate.load(Relaxed));
            if rate.is_none() || self.get().is_none() {
                // Whoever waits may go, and nothing is saved up while nothing is counted.
                account.allowed = account.asked as f64;
            }
            self.rate.store(rate.map_or(0, NonZeroU64::get), Relaxed);
        }
        self.changed.send_replace(());
    }

    /// The largest piece to move at once.
    fn piece(&self) -> Option<usize> {
        let rate = self.get()?.get();
        usize::try_from((rate / PIECES).clamp(PIECE.0, PIECE.1)).ok()
    }

    /// Waits until so many bytes may move.
    async fn pass(&self, bytes: u64) {
        if self.rate.load(Relaxed) == 0 || bytes == 0 {
            return;
        }
        // Before the place is taken: a change from now on is not missed.
        let mut changed = self.changed.subscribe();
        let mut place = self.place(bytes);
        while let Some(until) = self.due(place.until) {
            tokio::select! {
                () = sleep_until(until) => {}
                // The sender lives in here: there is no other end.
                _ = changed.changed() => {}
            }
        }
        place.taken = true;
    }

    fn place(&self, bytes: u64) -> Place<'_> {
        let mut account = self.lock();
        let rate = self.rate.load(Relaxed);
        account.settle(rate);
        let burst = (rate as f64 * BURST).max(bytes as f64);
        account.allowed = account.allowed.min(account.asked as f64 + burst);
        account.asked += bytes;
        Place { limit: self, bytes, until: account.asked, taken: false }
    }

    /// When the bytes before `until` are allowed; `None` if they are.
    fn due(&self, until: u64) -> Option<Instant> {
        let mut account = self.lock();
        let rate = self.get()?.get();
        account.settle(rate);
        let lacking = until as f64 - account.allowed;
        // Less than a byte is a rounding's remainder, and no wait.
        let wait = Duration::try_from_secs_f64(lacking / rate as f64).unwrap_or(LONGEST).min(LONGEST);
        (lacking >= 1.0).then(|| account.at + wait)
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Brings the account to now.
    fn settle(&mut self, rate: u64) {
        let now = Instant::now();
        self.allowed += rate as f64 * (now - self.at).as_secs_f64();
        self.at = now;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.taken {
            // Its bytes will not move: those behind it need not wait for them.
            self.limit.lock().allowed += self.bytes as f64;
            self.limit.changed.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MB: u64 = 1_000_000;

    fn rate(bytes: u64) -> Option<NonZeroU64> {
        NonZeroU64::new(bytes)
    }

    /// An endless body that comes in pieces of so many bytes.
    fn endless(piece: usize) -> ByteStream {
        stream::repeat_with(move || Ok(Bytes::from(vec![0; piece]))).boxed()
    }

    /// Reads a body and adds up what came.
    fn reader(mut body: ByteStream) -> (Arc<AtomicU64>, tokio::task::JoinHandle<()>) {
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            while let Some(Ok(piece)) = body.next().await {
                counted.fetch_add(piece.len() as u64, Relaxed);
                tokio::task::yield_now().await;
            }
        });
        (count, task)
    }

    #[tokio::test(start_paused = true)]
    async fn sixteen_streams_share_a_limit_evenly_and_smoothly() {
        let limit = Arc::new(Limit::default());
        limit.set(rate(MB));
        // Of very different pieces: who asks for much at once gets no more.
        let readers: Vec<_> =
            (0..16).map(|n| reader(limited(endless(1000 << (n % 8)), vec![limit.clone()]))).collect();
        let total = || readers.iter().map(|(count, _)| count.load(Relaxed)).sum::<u64>();
        let mut before = 0;
        for second in 1..=10 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let moved = total() - before;
            before += moved;
            assert!((850_000..=1_150_000).contains(&moved), "second {second}: {moved}");
        }
        assert!((9_500_000..=10_500_000).contains(&before), "{before}");
        let each: Vec<u64> = readers.iter().map(|(count, _)| count.load(Relaxed)).collect();
        // The smallest pieces are of 1000 bytes, the largest of 20 kB: nobody is left out.
        assert!(each.iter().all(|moved| *moved > 20_000), "{each:?}");
        let full: Vec<u64> = each.iter().skip(5).step_by(8).copied().collect();
        assert!(full.iter().all(|moved| moved.abs_diff(full[0]) <= 40_000), "{each:?}");
        readers.iter().for_each(|(_, task)| task.abort());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_rate_holds_at_once_for_those_who_wait() {
        let limit = Arc::new(Limit::default());
        limit.set(rate(1));
        let (count, task) = reader(limited(endless(1 << 20), vec![limit.clone()]));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(count.load(Relaxed) <= 2 * PIECE.0, "a byte a second: {}", count.load(Relaxed));
        limit.set(rate(10 * MB));
        let before = count.load(Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let moved = count.load(Relaxed) - before;
        assert!((9 * MB..=12 * MB).contains(&moved), "{moved}");
        limit.set(rate(MB));
        let before = count.load(Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let moved = count.load(Relaxed) - before;
        assert!((MB / 2..=MB * 3 / 2).contains(&moved), "{moved}");
        task.abort();
        let waiting = limit.pass(1000 * MB);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        limit.set(None);
        assert!(waiting.now_or_never().is_some(), "no limit is no wait, for those who wait too");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_saved_up_and_who_gives_up_leaves_no_hole() {
        let limit = Limit::default();
        limit.set(rate(1000));
        limit.pass(1000).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        for _ in 0..10 {
            limit.pass(250).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(2200), "{:?}", start.elapsed());
        assert!(limit.pass(100_000).now_or_never().is_none());
        let start = Instant::now();
        limit.pass(250).await;
        assert!(start.elapsed() <= Duration::from_millis(300), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn the_tighter_of_two_limits_decides_and_bytes_stay_in_order() {
        let bandwidth = Bandwidth::default();
        bandwidth.all().set(rate(MB));
        bandwidth.host("r.io").set(rate(1000));
        let sent: Vec<u8> = (0..3000_u32).map(|n| n as u8).collect();
        let pieces: Vec<_> = sent.chunks(700).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        let start = Instant::now();
        let mut body = bandwidth.body(stream::iter(pieces).boxed(), "r.io");
        let mut got = Vec::new();
        while let Some(piece) = body.next().await {
            got.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(got, sent);
        assert!((2500..=3100).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        let start = Instant::now();
        let whole = vec![Ok(Bytes::from(vec![0; 100_000]))];
        assert_eq!(bandwidth.body(stream::iter(whole).boxed(), "other.io").count().await, 5);
        assert!(start.elapsed() <= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn without_a_limit_pieces_pass_as_they_are_and_an_error_ends_the_stream() {
        let bandwidth = Bandwidth::default();
        let broken = transport::Error::Unreachable {
            attempted: "get blob",
            at: String::new(),
            reason: "reset".to_owned(),
            class: crate::oci::ErrorClass::Network,
        };
        let piece = Bytes::from(vec![7; 1 << 20]);
        let pieces = vec![Ok(piece.clone()), Err(broken), Ok(piece.clone())];
        let got: Vec<_> = bandwidth.body(stream::iter(pieces).boxed(), "r.io").collect().await;
        assert!(matches!(&got[..], [Ok(whole), Err(_)] if whole.as_ptr() == piece.as_ptr()), "{}", got.len());
    }
}

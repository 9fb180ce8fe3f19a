//! Backing off from a host that says it is too much (429) or that it cannot now (503), and coming back slowly.
//!
//! The host's slots in the pool are halved, at most once a round trip: sixteen refusals at the same moment are one. For
//! as long as `Retry-After` asks, else for a moment, no blob starts there. Then, every few seconds without a
//! refusal, one slot more, until the limit is back that the configuration has. A blob that was refused gives its
//! slot back while it waits, and stands in line again: what still moves there is what the host can bear.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, sleep_until};

use super::pool::{Pool, Rank, Slot};
use super::voice::Speaker;
use crate::job::{JobEvent, Level};
use crate::oci::Registry;
use crate::transport;
use crate::transport::registry::{Observer, RetryNotice};

/// Refusals within this time are one, and so long nothing starts after one.
const ROUND: Duration = Duration::from_millis(500);
/// The longest pause between attempts of a host that refuses even one at a time.
const PAUSE: Duration = Duration::from_secs(4);
/// The longest that `Retry-After` is obeyed, as by the client: a person is watching.
const LONGEST: Duration = Duration::from_secs(60);
/// Time without a refusal after which one slot more is tried.
const RAISE: Duration = Duration::from_secs(3);

/// What a host that refused can bear, as far as is known.
#[derive(Debug)]
pub(super) struct Throttle {
    /// Slots at the same time.
    allowed: usize,
    /// Nothing starts before.
    closed: Instant,
    /// When slots were last taken away.
    cut: Instant,
    /// When the next one is given back.
    raise: Instant,
    pause: Duration,
    /// Slots were taken away last, not given back.
    falling: bool,
}

/// What [`Throttle::tick`] says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tick {
    /// Look again then.
    At(Instant),
    /// So many slots are there again as the configuration allows.
    Recovered(usize),
}

impl Throttle {
    /// For a host with a limit of `limit` slots, of which `running` are taken, that has just refused.
    pub(super) fn new(limit: usize, running: usize, asked: Option<Duration>, now: Instant) -> Throttle {
        let mut throttle =
            Throttle { allowed: limit, closed: now, cut: now, raise: now, pause: ROUND, falling: false };
        throttle.fall(running, now);
        throttle.close(asked, now);
        throttle
    }

    /// One more refusal. The answer is whether slots are taken away after some were given back: then it is news.
    pub(super) fn refused(&mut self, running: usize, asked: Option<Duration>, now: Instant) -> bool {
        let rose = !self.falling;
        let is_round_over = now >= self.cut + ROUND;
        if is_round_over {
            self.fall(running, now);
        }
        self.close(asked, now);
        rose && is_round_over
    }

    /// Half of what runs, since more than runs was never tried.
    fn fall(&mut self, running: usize, now: Instant) {
        if self.allowed == 1 {
            self.pause = (self.pause * 2).min(PAUSE);
        }
        let base = if running > 0 { running.min(self.allowed) } else { self.allowed };
        (self.allowed, self.cut, self.falling) = ((base / 2).max(1), now, true);
    }

    fn close(&mut self, asked: Option<Duration>, now: Instant) {
        self.closed = self.closed.max(now + asked.unwrap_or_default().min(LONGEST).max(self.pause));
        self.raise = self.closed.max(now + RAISE);
    }

    /// Slots at the same time now; none while nothing may start.
    pub(super) fn allowed(&self, now: Instant) -> usize {
        if now < self.closed { 0 } else { self.allowed }
    }

    /// Gives a slot back if it is time. That nothing was refused means little while nothing is asked: `idle` tells that
    /// blobs wait and none runs.
    pub(super) fn tick(&mut self, limit: usize, idle: bool, now: Instant) -> Tick {
        if now >= self.raise {
            self.raise = now + RAISE;
            if !idle {
                (self.allowed, self.falling, self.pause) = (self.allowed + 1, false, ROUND);
                if self.allowed >= limit {
                    return Tick::Recovered(limit);
                }
            }
        }
        Tick::At(if now < self.closed { self.closed } else { self.raise })
    }

    /// The slots to tell of.
    pub(super) fn slots(&self) -> usize {
        self.allowed
    }
}

/// Whether an error is a host's refusal for now.
pub(super) fn is_refusal(error: &transport::Error) -> bool {
    matches!(error, transport::Error::Answered { status: 429 | 503, .. })
}

tokio::task_local! {
    /// The slot of the blob that the running task brings.
    static HELD: Arc<Held>;
}

/// A blob's slot, which it can give back for a while.
pub(super) struct Held {
    pool: Arc<Pool>,
    rank: Rank,
    size: u64,
    hosts: Vec<String>,
    slot: tokio::sync::Mutex<Option<Slot>>,
}

impl Held {
    /// Waits for a slot.
    pub(super) async fn take(pool: &Arc<Pool>, rank: &Rank, size: u64, hosts: Vec<String>) -> Arc<Held> {
        let slot = pool.slot(rank, size, hosts.clone()).await.into();
        Arc::new(Held { pool: Arc::clone(pool), rank: rank.clone(), size, hosts, slot })
    }

    /// Does work that holds it: requests that are refused give it back while they wait.
    pub(super) async fn during<T>(self: &Arc<Held>, work: impl Future<Output = T>) -> T {
        HELD.scope(Arc::clone(self), work).await
    }

    /// Waits, at least so long, without the slot, and then for one.
    pub(super) async fn hold_off(&self, delay: Duration) {
        drop(self.slot.lock().await.take());
        sleep(delay).await;
        // Several requests of one blob may wait: the first that goes on takes the slot for all.
        let mut slot = self.slot.lock().await;
        if slot.is_none() {
            *slot = self.pool.slot(&self.rank, self.size, self.hosts.clone()).await;
        }
    }
}

/// What the registries' client has to say, for the pool and for whoever listens.
pub(super) struct Ear {
    pub(super) speaker: Speaker,
    pub(super) pool: Arc<Pool>,
}

impl Observer for Ear {
    fn may_retry(&self) -> bool {
        self.speaker.may_retry()
    }

    fn retry(&self, notice: &RetryNotice) {
        self.speaker.retry(notice);
    }

    fn note(&self, text: &str) {
        self.speaker.note(text);
    }

    fn warn(&self, text: &str) {
        self.speaker.warn(text);
    }

    fn throttled(&self, registry: &Registry, retry_after: Option<Duration>) {
        let host = registry.to_string();
        let refusal = self.pool.refused(&host, retry_after);
        if let Some(slots) = refusal.news {
            let asked = retry_after.filter(|asked| asked.as_secs() > 1).map(|asked| asked.as_secs());
            let asked = asked.map(|s| format!(" (nothing new for {s} s)")).unwrap_or_default();
            let text = format!("{host} is throttling: {slots} at a time until it recovers{asked}");
            say(&self.speaker, Level::Warn, text);
        }
        if refusal.first {
            tokio::spawn(recover(Arc::downgrade(&self.pool), self.speaker.clone(), host));
        }
    }

    fn hold_off<'a>(&'a self, _: &'a Registry, delay: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            match HELD.try_with(Arc::clone) {
                Ok(held) => held.hold_off(delay).await,
                Err(_) => sleep(delay).await,
            }
        })
    }
}

/// Gives a host its slots back, one by one.
async fn recover(pool: Weak<Pool>, speaker: Speaker, host: String) {
    loop {
        let Some(at) = pool.upgrade().map(|pool| pool.tick(&host)) else { return };
        match at {
            Tick::At(at) => sleep_until(at).await,
            Tick::Recovered(slots) => {
                return say(&speaker, Level::Info, format!("{host} has recovered: {slots} at a time again"));
            }
        }
    }
}

fn say(speaker: &Speaker, level: Level, text: String) {
    speaker.say(JobEvent::Note { job: None, level, text });
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures_util::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn half_a_round_at_most_and_one_by_one_back() {
        let start = Instant::now();
        let mut throttle = Throttle::new(16, 16, None, start);
        assert_eq!((throttle.allowed(start), throttle.allowed(start + ROUND)), (0, 8));
        // Fifteen more of the same moment.
        for _ in 0..15 {
            assert!(!throttle.refused(15, None, start + Duration::from_millis(5)));
        }
        assert_eq!(throttle.slots(), 8);
        // Fewer run than may: it is those that were too many.
        assert!(!throttle.refused(6, None, start + SECOND), "further down is no news");
        assert_eq!(throttle.slots(), 3);
        let Tick::At(at) = throttle.tick(16, false, start + SECOND) else { panic!() };
        assert_eq!(at, start + SECOND + ROUND);
        let up = start + SECOND + RAISE;
        assert_eq!(throttle.tick(16, false, up), Tick::At(up + RAISE));
        assert_eq!(throttle.slots(), 4);
        assert!(throttle.refused(4, None, up + SECOND), "down after up is news");
        assert_eq!(throttle.slots(), 2);
        let mut now = up + SECOND;
        for slots in 3..16 {
            now += RAISE;
            throttle.tick(16, false, now);
            assert_eq!(throttle.slots(), slots);
        }
        assert_eq!(throttle.tick(16, false, now + RAISE), Tick::Recovered(16));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_closes_and_who_refuses_even_one_is_asked_less_often() {
        let start = Instant::now();
        let mut throttle = Throttle::new(4, 0, Some(SECOND * 30), start);
        assert_eq!((throttle.allowed(start + SECOND * 29), throttle.allowed(start + SECOND * 30)), (0, 2));
        let mut now = start + SECOND * 30;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            throttle.refused(1, None, now);
            let mut pause = Duration::ZERO;
            while throttle.allowed(now + pause) == 0 {
                pause += ROUND;
            }
            assert_eq!(throttle.allowed(now + pause), 1);
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses, [500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(throttle.tick(4, true, now + RAISE), Tick::At(now + RAISE * 2));
        assert_eq!(throttle.slots(), 1, "nothing was asked: nothing was learned");
        let late = Throttle::new(4, 0, Some(SECOND * 86_400), now);
        assert_eq!(late.allowed(now + LONGEST), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_blob_gives_its_slot_back_and_others_at_other_hosts_go_on() {
        let pool = Pool::new(8, 4, HashMap::new());
        let ear = Ear { speaker: Speaker::new(None), pool: Arc::clone(&pool) };
        let mut events = ear.speaker.listen();
        let (rank, host): (Rank, Registry) = (Rank::default(), "r.io".parse().unwrap());
        let at = |host: &str| vec![host.to_owned()];
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(Held::take(&pool, &rank, 1, at("r.io")).await);
        }
        (0..4).for_each(|_| ear.throttled(&host, None));
        // Two of them wait, without their slots.
        let waits = held.split_off(2).into_iter().map(|held| async move {
            held.hold_off(SECOND).await;
            held
        });
        let waits = tokio::spawn(futures_util::future::join_all(waits));
        tokio::time::sleep(SECOND * 2).await;
        assert!(!waits.is_finished(), "two are at work, and two is what is allowed");
        assert!(Held::take(&pool, &rank, 1, at("other.io")).now_or_never().is_some());
        drop(held);
        let held = waits.await.unwrap();
        assert!(Held::take(&pool, &rank, 1, at("r.io")).now_or_never().is_none());
        // Three seconds after the refusals there is one slot more, and in the end all four.
        let third = Held::take(&pool, &rank, 1, at("r.io")).await;
        let fourth = Held::take(&pool, &rank, 1, at("r.io")).await;
        let mut told = Vec::new();
        while let Ok(JobEvent::Note { text, .. }) = events.try_recv() {
            told.push(text);
        }
        assert_eq!(
            told,
            ["r.io is throttling: 2 at a time until it recovers", "r.io has recovered: 4 at a time again"]
        );
        drop((held, third, fourth));
    }
}

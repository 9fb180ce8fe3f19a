//! The pool: how many blobs of all jobs move at once, in all and per host, and which comes next.
//!
//! A blob takes a slot of every host it touches in one step, so that two blobs can never each hold what
//! the other waits for. Large blobs go first, because the last one to end decides when the batch ends; a
//! quarter of the slots is kept for small ones, so that a few huge layers cannot hold up a hundred
//! configurations.
//!
//! How many there are, and whose turn comes first, can change at any time: more start at once, fewer as they end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::throttle::{Throttle, Tick};

/// Blobs of up to this many bytes are small.
const SMALL: u64 = 1 << 20;

/// See the module's page.
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    workers: usize,
    per_host: usize,
    /// Hosts with a limit of their own.
    limits: HashMap<String, usize>,
    running: usize,
    large: usize,
    hosts: HashMap<String, usize>,
    waiting: Vec<Waiter>,
    next: u64,
    /// Hosts that said it was too much.
    throttles: HashMap<String, Throttle>,
}

/// What a host's refusal comes to.
pub(super) struct Refusal {
    /// It had all its slots before: it is to be given them back in time.
    pub(super) first: bool,
    /// The slots that are left, if a person should know.
    pub(super) news: Option<usize>,
}

struct Waiter {
    rank: Rank,
    /// Where it stands: rank, size, arrival.
    order: (i32, std::cmp::Reverse<u64>, u64),
    size: u64,
    hosts: Vec<String>,
    wake: oneshot::Sender<Slot>,
}

/// A job's priority as the pool sees it: higher goes first. Every clone is the same; who waits moves with
/// [`Pool::sort_again`].
#[derive(Clone, Default)]
pub(super) struct Rank(Arc<AtomicI32>);

impl Rank {
    /// For a job with this priority.
    pub(super) fn new(priority: i32) -> Rank {
        Rank(Arc::new(AtomicI32::new(priority)))
    }

    /// Another priority.
    pub(super) fn set(&self, priority: i32) {
        self.0.store(priority, Relaxed);
    }

    /// The priority.
    pub(super) fn get(&self) -> i32 {
        self.0.load(Relaxed)
    }

    fn order(&self) -> i32 {
        self.get().saturating_neg()
    }
}

/// A place in the pool; dropping it lets the next blob go.
pub(super) struct Slot {
    pool: Arc<Pool>,
    hosts: Vec<String>,
    large: bool,
}

impl Pool {
    /// A pool of `workers` slots, at most `per_host` of them at one host unless `limits` names it.
    pub(super) fn new(workers: usize, per_host: usize, limits: HashMap<String, usize>) -> Arc<Pool> {
        let state = State { workers: workers.max(1), per_host: per_host.max(1), limits, ..State::default() };
        Arc::new(Pool { state: Mutex::new(state) })
    }

    /// Slots in all, and at one host.
    pub(super) fn workers(&self) -> (usize, usize) {
        let state = self.lock();
        (state.workers, state.per_host)
    }

    /// Another number of slots in all; at least one.
    pub(super) fn set_workers(self: &Arc<Pool>, workers: usize) {
        self.lock().workers = workers.max(1);
        self.start_waiting();
    }

    /// Another number of slots at a host without a limit of its own; at least one.
    pub(super) fn set_workers_per_host(self: &Arc<Pool>, workers: usize) {
        self.lock().per_host = workers.max(1);
        self.start_waiting();
    }

    /// A host said that it is too much, and perhaps how long nothing new should start there.
    pub(super) fn refused(&self, host: &str, asked: Option<Duration>) -> Refusal {
        let (now, mut state) = (Instant::now(), self.lock());
        let (limit, running) = (state.limit(host), state.hosts.get(host).copied().unwrap_or(0));
        match state.throttles.get_mut(host) {
            Some(throttle) => {
                let is_news = throttle.refused(running, asked, now);
                Refusal { first: false, news: is_news.then(|| throttle.slots()) }
            }
            None => {
                let throttle = Throttle::new(limit, running, asked, now);
                let news = Some(throttle.slots());
                state.throttles.insert(host.to_owned(), throttle);
                Refusal { first: true, news }
            }
        }
    }

    /// Gives a host that refused a slot back, if it is time.
    pub(super) fn tick(self: &Arc<Pool>, host: &str) -> Tick {
        let tick = {
            let (now, mut state) = (Instant::now(), self.lock());
            let limit = state.limit(host);
            let waits = state.waiting.iter().any(|waiter| waiter.hosts.iter().any(|at| at == host));
            let idle = waits && !state.hosts.contains_key(host);
            let throttle = state.throttles.get_mut(host);
            let tick = throttle.map_or(Tick::Recovered(limit), |throttle| throttle.tick(limit, idle, now));
            if let Tick::Recovered(_) = tick {
                state.throttles.remove(host);
            }
            tick
        };
        self.start_waiting();
        tick
    }

    /// After a job's priority changed: who waits stands by it from now on.
    pub(super) fn sort_again(&self) {
        let mut state = self.lock();
        for waiter in &mut state.waiting {
            waiter.order.0 = waiter.rank.order();
        }
        state.waiting.sort_by_key(|waiter| waiter.order);
    }

    /// Waits for a slot for a blob of `size` bytes that touches `hosts`. Higher ranks go first, then larger blobs.
    pub(super) async fn slot(
        self: &Arc<Pool>,
        rank: &Rank,
        size: u64,
        mut hosts: Vec<String>,
    ) -> Option<Slot> {
        hosts.sort();
        hosts.dedup();
        let (wake, woken) = oneshot::channel();
        {
            let mut state = self.lock();
            state.next += 1;
            let order = (rank.order(), std::cmp::Reverse(size), state.next);
            let at = state.waiting.partition_point(|w| w.order < order);
            state.waiting.insert(at, Waiter { rank: rank.clone(), order, size, hosts, wake });
        }
        self.start_waiting();
        woken.await.ok()
    }

    /// A slot at once for something that may also be left undone, if there is room and nobody waits for any.
    pub(super) fn try_slot(self: &Arc<Pool>, mut hosts: Vec<String>) -> Option<Slot> {
        hosts.sort();
        hosts.dedup();
        let mut state = self.lock();
        let is_full = state.running >= state.workers || !state.has_room(&hosts, true);
        if is_full || state.waiting.iter().any(|waiter| !waiter.wake.is_closed()) {
            return None;
        }
        Some(self.take(&mut state, hosts, true))
    }

    /// Whether blobs wait for a slot: who could do with fewer should give some back.
    pub(super) fn is_wanted(&self) -> bool {
        self.lock().waiting.iter().any(|waiter| !waiter.wake.is_closed())
    }

    fn take(self: &Arc<Pool>, state: &mut State, hosts: Vec<String>, large: bool) -> Slot {
        state.running += 1;
        state.large += usize::from(large);
        for host in &hosts {
            *state.hosts.entry(host.clone()).or_default() += 1;
        }
        Slot { pool: Arc::clone(self), hosts, large }
    }

    /// Starts every waiting blob that has room now.
    fn start_waiting(self: &Arc<Pool>) {
        let mut refused = Vec::new();
        {
            let mut state = self.lock();
            let mut at = 0;
            while at < state.waiting.len() && state.running < state.workers {
                if state.waiting[at].wake.is_closed() {
                    state.waiting.remove(at);
                    continue;
                }
                let large = state.waiting[at].size > SMALL;
                if !state.has_room(&state.waiting[at].hosts, large) {
                    at += 1;
                    continue;
                }
                let waiter = state.waiting.remove(at);
                let slot = self.take(&mut state, waiter.hosts, large);
                // Somebody who stopped waiting a moment ago hands the slot back; its drop locks again.
                refused.extend(waiter.wake.send(slot).err());
            }
        }
        drop(refused);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock; a poisoned one is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, hosts: &[String], large: bool) -> bool {
        let for_large = (self.workers - self.workers / 4).max(1);
        (!large || self.large < for_large)
            && hosts.iter().all(|host| {
                let allowed = self.throttles.get(host).map(|throttle| throttle.allowed(Instant::now()));
                let limit = self.limit(host).min(allowed.unwrap_or(usize::MAX));
                self.hosts.get(host).copied().unwrap_or(0) < limit
            })
    }

    /// The slots that a host has by the configuration.
    fn limit(&self, host: &str) -> usize {
        self.limits.get(host).copied().unwrap_or(self.per_host).max(1)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        {
            let mut state = self.pool.lock();
            state.running -= 1;
            state.large -= usize::from(self.large);
            for host in &self.hosts {
                if let Some(count) = state.hosts.get_mut(host) {
                    *count -= 1;
                    if *count == 0 {
                        state.hosts.remove(host);
                    }
                }
            }
        }
        self.pool.start_waiting();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    #[tokio::test]
    async fn a_host_has_its_limit_and_others_go_on() {
        let rank = Rank::default();
        let pool = Pool::new(10, 1, HashMap::from([("wide".to_owned(), 2)]));
        let first = pool.slot(&rank, 5, hosts(&["a", "b"])).await.unwrap();
        let blocked = pool.slot(&rank, 5, hosts(&["b", "c"]));
        tokio::pin!(blocked);
        assert!(blocked.as_mut().now_or_never().is_none());
        let _c = pool.slot(&rank, 5, hosts(&["c"])).await.unwrap();
        let _wide = (
            pool.slot(&rank, 5, hosts(&["wide"])).await.unwrap(),
            pool.slot(&rank, 5, hosts(&["wide"])).await.unwrap(),
        );
        drop(first);
        assert!(blocked.as_mut().now_or_never().is_none(), "c is still taken");
        drop(_c);
        assert!(blocked.now_or_never().is_some());
    }

    #[tokio::test]
    async fn large_first_with_room_kept_for_small() {
        let rank = Rank::default();
        let pool = Pool::new(4, 10, HashMap::new());
        let mut large = Vec::new();
        for _ in 0..3 {
            large.push(pool.slot(&rank, SMALL + 1, hosts(&["a"])).await.unwrap());
        }
        assert!(pool.slot(&rank, SMALL + 1, hosts(&["a"])).now_or_never().is_none());
        let small = pool.slot(&rank, 10, hosts(&["a"])).now_or_never();
        assert!(small.flatten().is_some());
        let (a, b) = (pool.slot(&rank, SMALL + 2, hosts(&["a"])), pool.slot(&rank, SMALL + 9, hosts(&["a"])));
        tokio::pin!(a, b);
        assert!(a.as_mut().now_or_never().is_none() && b.as_mut().now_or_never().is_none());
        large.pop();
        assert!(a.as_mut().now_or_never().is_none(), "the larger one goes first");
        assert!(b.now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_may_be_left_undone_takes_nothing_from_who_waits() {
        let rank = Rank::default();
        let pool = Pool::new(4, 2, HashMap::new());
        let first = pool.slot(&rank, SMALL + 1, hosts(&["a"])).await;
        let extra = pool.try_slot(hosts(&["a"])).unwrap();
        assert!(pool.try_slot(hosts(&["a"])).is_none(), "the host has its limit");
        assert!(!pool.is_wanted());
        let waiting = pool.slot(&rank, 1, hosts(&["a"]));
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(pool.is_wanted() && pool.try_slot(hosts(&["b"])).is_none());
        drop(extra);
        assert!(waiting.now_or_never().flatten().is_some() && !pool.is_wanted());
        drop(first);
    }

    #[tokio::test]
    async fn one_who_stops_waiting_leaves_no_hole() {
        let rank = Rank::default();
        let pool = Pool::new(1, 1, HashMap::new());
        let held = pool.slot(&rank, 1, hosts(&["a"])).await;
        assert!(pool.slot(&rank, 1, hosts(&["a"])).now_or_never().is_none());
        drop(held);
        assert!(pool.slot(&rank, 1, hosts(&["a"])).now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn workers_change_at_once_more_now_and_fewer_as_they_end() {
        let pool = Pool::new(1, 8, HashMap::new());
        let rank = Rank::default();
        let first = pool.slot(&rank, 1, hosts(&["a"])).await;
        let (second, third) = (pool.slot(&rank, 1, hosts(&["a"])), pool.slot(&rank, 1, hosts(&["b"])));
        tokio::pin!(second, third);
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        pool.set_workers(3);
        let (second, third) = (second.now_or_never().unwrap(), third.now_or_never().unwrap());
        pool.set_workers(1);
        let fourth = pool.slot(&rank, 1, hosts(&["a"]));
        tokio::pin!(fourth);
        drop((first, second));
        assert!(fourth.as_mut().now_or_never().is_none(), "one still runs");
        drop(third);
        let fourth = fourth.now_or_never().unwrap();
        pool.set_workers(8);
        pool.set_workers_per_host(1);
        assert!(pool.slot(&rank, 1, hosts(&["a"])).now_or_never().is_none());
        pool.set_workers_per_host(2);
        assert!(pool.slot(&rank, 1, hosts(&["a"])).now_or_never().is_some());
        assert_eq!(pool.workers(), (8, 2));
        drop(fourth);
    }

    #[tokio::test]
    async fn who_waits_moves_with_its_jobs_priority() {
        let pool = Pool::new(1, 1, HashMap::new());
        let held = pool.slot(&Rank::default(), 1, hosts(&["a"])).await;
        let (low, high) = (Rank::new(1), Rank::new(0));
        let (large, small) = (pool.slot(&low, 900, hosts(&["a"])), pool.slot(&high, 1, hosts(&["a"])));
        tokio::pin!(large, small);
        assert!(large.as_mut().now_or_never().is_none() && small.as_mut().now_or_never().is_none());
        high.set(2);
        pool.sort_again();
        drop(held);
        assert!(large.as_mut().now_or_never().is_none(), "its job comes later now");
        let held = small.now_or_never().unwrap();
        // Who comes later stands by the priority of then.
        let latest = pool.slot(&high, 1, hosts(&["a"]));
        tokio::pin!(latest);
        assert!(latest.as_mut().now_or_never().is_none());
        drop(held);
        assert!(large.now_or_never().is_none() && latest.now_or_never().is_some());
    }
}

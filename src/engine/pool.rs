//! The pool: how many blobs of all jobs move at once, in all and per host, and which comes next.
//!
//! A blob takes a slot of every host it touches in one step, so that two blobs can never each hold what
//! the other waits for. Large blobs go first, because the last one to end decides when the batch ends; a
//! quarter of the slots is kept for small ones, so that a few huge layers cannot hold up a hundred
//! configurations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Blobs of up to this many bytes are small.
const SMALL: u64 = 1 << 20;

/// See the module's page.
pub(super) struct Pool {
    state: Mutex<State>,
    workers: usize,
    per_host: usize,
    /// Hosts with a limit of their own.
    limits: HashMap<String, usize>,
}

#[derive(Default)]
struct State {
    running: usize,
    large: usize,
    hosts: HashMap<String, usize>,
    waiting: Vec<Waiter>,
    next: u64,
}

struct Waiter {
    order: (i32, std::cmp::Reverse<u64>, u64),
    size: u64,
    hosts: Vec<String>,
    wake: oneshot::Sender<Slot>,
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
        Arc::new(Pool { state: Mutex::default(), workers: workers.max(1), per_host: per_host.max(1), limits })
    }

    /// Waits for a slot for a blob of `size` bytes that touches `hosts`. Lower `order` goes first among blobs
    /// of the same size class.
    pub(super) async fn slot(
        self: &Arc<Pool>,
        order: i32,
        size: u64,
        mut hosts: Vec<String>,
    ) -> Option<Slot> {
        hosts.sort();
        hosts.dedup();
        let (wake, woken) = oneshot::channel();
        {
            let mut state = self.lock();
            state.next += 1;
            let order = (order, std::cmp::Reverse(size), state.next);
            let at = state.waiting.partition_point(|w| w.order < order);
            state.waiting.insert(at, Waiter { order, size, hosts, wake });
        }
        self.start_waiting();
        woken.await.ok()
    }

    /// Starts every waiting blob that has room now.
    fn start_waiting(self: &Arc<Pool>) {
        let mut refused = Vec::new();
        {
            let mut state = self.lock();
            let mut at = 0;
            while at < state.waiting.len() && state.running < self.workers {
                if state.waiting[at].wake.is_closed() {
                    state.waiting.remove(at);
                    continue;
                }
                let large = state.waiting[at].size > SMALL;
                if !self.has_room(&state, &state.waiting[at].hosts, large) {
                    at += 1;
                    continue;
                }
                let waiter = state.waiting.remove(at);
                state.running += 1;
                state.large += usize::from(large);
                for host in &waiter.hosts {
                    *state.hosts.entry(host.clone()).or_default() += 1;
                }
                let slot = Slot { pool: Arc::clone(self), hosts: waiter.hosts, large };
                // Somebody who stopped waiting a moment ago hands the slot back; its drop locks again.
                refused.extend(waiter.wake.send(slot).err());
            }
        }
        drop(refused);
    }

    fn has_room(&self, state: &State, hosts: &[String], large: bool) -> bool {
        let for_large = (self.workers - self.workers / 4).max(1);
        (!large || state.large < for_large)
            && hosts.iter().all(|host| {
                let limit = self.limits.get(host).copied().unwrap_or(self.per_host);
                state.hosts.get(host).copied().unwrap_or(0) < limit.max(1)
            })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it holds the lock; a poisoned one is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let pool = Pool::new(10, 1, HashMap::from([("wide".to_owned(), 2)]));
        let first = pool.slot(0, 5, hosts(&["a", "b"])).await.unwrap();
        let blocked = pool.slot(0, 5, hosts(&["b", "c"]));
        tokio::pin!(blocked);
        assert!(blocked.as_mut().now_or_never().is_none());
        let _c = pool.slot(0, 5, hosts(&["c"])).await.unwrap();
        let _wide = (
            pool.slot(0, 5, hosts(&["wide"])).await.unwrap(),
            pool.slot(0, 5, hosts(&["wide"])).await.unwrap(),
        );
        drop(first);
        assert!(blocked.as_mut().now_or_never().is_none(), "c is still taken");
        drop(_c);
        assert!(blocked.now_or_never().is_some());
    }

    #[tokio::test]
    async fn large_first_with_room_kept_for_small() {
        let pool = Pool::new(4, 10, HashMap::new());
        let mut large = Vec::new();
        for _ in 0..3 {
            large.push(pool.slot(0, SMALL + 1, hosts(&["a"])).await.unwrap());
        }
        assert!(pool.slot(0, SMALL + 1, hosts(&["a"])).now_or_never().is_none());
        let small = pool.slot(0, 10, hosts(&["a"])).now_or_never();
        assert!(small.flatten().is_some());
        let (a, b) = (pool.slot(0, SMALL + 2, hosts(&["a"])), pool.slot(0, SMALL + 9, hosts(&["a"])));
        tokio::pin!(a, b);
        assert!(a.as_mut().now_or_never().is_none() && b.as_mut().now_or_never().is_none());
        large.pop();
        assert!(a.as_mut().now_or_never().is_none(), "the larger one goes first");
        assert!(b.now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_who_stops_waiting_leaves_no_hole() {
        let pool = Pool::new(1, 1, HashMap::new());
        let held = pool.slot(0, 1, hosts(&["a"])).await;
        assert!(pool.slot(0, 1, hosts(&["a"])).now_or_never().is_none());
        drop(held);
        assert!(pool.slot(0, 1, hosts(&["a"])).now_or_never().flatten().is_some());
    }
}

//! The parts of one blob that are read side by side: which are free, which are under way, and how far the blob is
//! whole from its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::pool::{Pool, Slot};
use super::progress::Counters;
use super::reading::Patience;
use super::run::Running;
use crate::oci::{Descriptor, ErrorClass};
use crate::transport::{self, Place, Source};

/// Bytes that are put at once. Twice this is what a connection costs in memory.
const PIECE: usize = 256 << 10;
/// The smallest part that is worth a request.
const LEAST_PART: u64 = 2 << 20;

/// Bytes from the first on, up to the second.
type Range = (u64, u64);

/// One blob that is read in parts.
pub(super) struct Parts {
    source: Arc<dyn Source>,
    blob: Descriptor,
    /// The source for people.
    name: String,
    patience: Patience,
    pub(super) pool: Arc<Pool>,
    pub(super) place: Arc<dyn Place>,
    pub(super) arrivals: Arrivals,
    state: Mutex<State>,
    /// Told of every move; one waits.
    pub(super) changed: Notify,
}

/// Counts bytes as they come.
pub(super) struct Arrivals {
    counters: Arc<Counters>,
    /// Which blob of the plan, at which destination.
    at: (usize, usize),
    bytes: AtomicU64,
}

impl Arrivals {
    /// So far, by all connections.
    pub(super) fn total(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(super) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.counters.add(self.at.0, self.at.1, bytes);
    }
}

#[derive(Debug, Default)]
struct State {
    /// The first byte that no part has had yet.
    next: u64,
    /// Ranges that a connection gave back.
    returned: BTreeSet<Range>,
    /// Parts that were taken, by their first byte: their end, and how much of them is in its place. Those that are
    /// whole from `base` on are dropped.
    taken: BTreeMap<u64, (u64, u64)>,
    /// The beginning of the first part that is not whole.
    base: u64,
    /// How large a part may be.
    most: u64,
    connections: usize,
    /// The single stream that began the blob is still read.
    first: bool,
    /// Connections that are to end with their part.
    surplus: usize,
    /// A range was answered as it was asked for.
    proven: bool,
    failed: Option<transport::Error>,
}

/// A connection that is counted until it ends.
pub(super) struct Connection(Arc<Parts>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.state().connections -= 1;
        self.0.changed.notify_one();
    }
}

/// Why a part broke off.
enum Broken {
    /// Worth another attempt, if the error is.
    Cut(transport::Error),
    /// The source tried as often as it may.
    Over(transport::Error),
}

impl Parts {
    /// No parts yet. `at` is the blob's number in the plan and the destination's, whose `place` this is.
    pub(super) fn new(running: &Running, at: (usize, usize), place: Arc<dyn Place>) -> Arc<Parts> {
        let (engine, patience) = (&running.engine, Patience::new(running, 0));
        let (source, name) = (Arc::clone(&running.source.source), running.source.name.clone());
        let blob = running.plan.blobs[at.0].descriptor.clone();
        let (pool, counters) = (Arc::clone(&engine.pool), Arc::clone(&running.counters));
        let arrivals = Arrivals { counters, at, bytes: AtomicU64::new(0) };
        let state = Mutex::new(State { first: true, ..State::default() });
        let changed = Notify::new();
        Arc::new(Parts { source, blob, name, patience, pool, place, arrivals, state, changed })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts begin at byte `from`; before it the single stream goes on.
    pub(super) fn begin(&self, from: u64) {
        let mut state = self.state();
        (state.next, state.base) = (from, from);
        self.place.filled_from(from);
    }

    /// There are no parts any more.
    pub(super) fn end(&self) {
        self.place.filled_from(u64::MAX);
    }

    /// How large parts may be from now on, in bytes.
    pub(super) fn limit(&self, most: u64) {
        self.state().most = most.max(LEAST_PART);
    }

    /// Counts one more connection.
    pub(super) fn connect(self: &Arc<Parts>) -> Connection {
        self.state().connections += 1;
        Connection(Arc::clone(self))
    }

    /// Connections there are, the single stream included.
    pub(super) fn connections(&self) -> usize {
        let state = self.state();
        state.connections + usize::from(state.first)
    }

    /// So many connections end with their parts.
    pub(super) fn retire(&self, surplus: usize) {
        self.state().surplus = surplus;
    }

    /// The single stream has come to where the parts begin.
    pub(super) fn first_ended(&self) {
        self.state().first = false;
    }

    /// Whether the source has shown that it answers ranges.
    pub(super) fn proven(&self) -> bool {
        self.state().proven
    }

    /// Whether some part is free.
    pub(super) fn has_more(&self) -> bool {
        let state = self.state();
        !state.returned.is_empty() || state.next < self.blob.size
    }

    /// How far the blob is whole from its beginning, or why it cannot become so.
    pub(super) fn whole_until(&self) -> transport::Result<u64> {
        let state = self.state();
        match &state.failed {
            Some(error) => Err(error.clone()),
            None => Ok(state.base + state.taken.get(&state.base).map_or(0, |(_, done)| *done)),
        }
    }

    /// Reads parts until there are none left, or until the slot is needed by others.
    pub(super) async fn read(self: Arc<Parts>, connection: Connection, slot: Option<Slot>) {
        while let Some((from, until)) = self.take() {
            if let Err(error) = self.fetch(from, until).await {
                self.give_back(from, error);
                break;
            }
            if slot.is_some() && (self.is_surplus() || self.pool.is_wanted()) {
                break;
            }
        }
        drop(connection);
    }

    /// The next part: one that was given back, or a fresh one. Towards the end they become smaller, so that all
    /// connections end together.
    fn take(&self) -> Option<Range> {
        let mut state = self.state();
        let part = match state.returned.pop_first() {
            Some(part) => part,
            None => {
                let left = self.blob.size.checked_sub(state.next).filter(|left| *left > 0)?;
                let share = left / (2 * state.connections.max(1) as u64);
                let length = share.max(LEAST_PART).min(state.most).min(left);
                let from = state.next;
                state.next += length;
                (from, from + length)
            }
        };
        state.taken.insert(part.0, (part.1, 0));
        Some(part)
    }

    /// A part's rest is free again: its connection failed. If it was the last one, that is the blob's end.
    fn give_back(&self, from: u64, error: transport::Error) {
        let mut state = self.state();
        if let Some((until, done)) = state.taken.remove(&from) {
            if done > 0 {
                state.taken.insert(from, (from + done, done));
            }
            state.returned.insert((from + done, until));
        }
        state.settle();
        match state.connections == 1 && !state.first {
            true => state.failed = Some(error),
            false => tracing::info!("{}: one connection less: {error}", self.name),
        }
    }

    fn is_surplus(&self) -> bool {
        let mut state = self.state();
        let is_surplus = state.surplus > 0;
        state.surplus -= usize::from(is_surplus);
        is_surplus
    }

    fn done(&self, part: u64) -> u64 {
        self.state().taken.get(&part).map_or(0, |(_, done)| *done)
    }

    /// Reads a part, going on where a connection drops.
    async fn fetch(&self, from: u64, until: u64) -> transport::Result<()> {
        let mut patience = self.patience.clone();
        loop {
            match self.stream(from, until).await {
                Ok(()) => return Ok(()),
                Err(Broken::Over(error)) => return Err(error),
                Err(Broken::Cut(error)) => patience.wait(error, self.done(from)).await?,
            }
        }
    }

    /// One request for what a part lacks.
    async fn stream(&self, part: u64, until: u64) -> Result<(), Broken> {
        let mut at = part + self.done(part);
        let body = self.source.part(&self.blob, at, until).await.map_err(Broken::Over)?;
        let Some(mut body) = body else {
            return Err(Broken::Over(self.broken("a range was not answered as it was asked for".to_owned())));
        };
        self.state().proven = true;
        let mut gathered = Vec::with_capacity(PIECE);
        while at < until {
            let (ended, error) = match body.next().await {
                Some(Ok(piece)) => {
                    // Who sends more than was asked for is not listened to any longer.
                    let room = usize::try_from(until - at).unwrap_or(usize::MAX) - gathered.len();
                    gathered.extend_from_slice(&piece[..piece.len().min(room)]);
                    (gathered.len() as u64 == until - at, None)
                }
                Some(Err(error)) => (true, Some(error)),
                None => {
                    let came = at + gathered.len() as u64;
                    let reason = format!("the connection ended at byte {came} of a part up to byte {until}");
                    (true, Some(self.broken(reason)))
                }
            };
            if ended || gathered.len() >= PIECE {
                let length = gathered.len() as u64;
                let piece = Bytes::from(std::mem::replace(&mut gathered, Vec::with_capacity(PIECE)));
                self.place.put(at, piece).await.map_err(Broken::Cut)?;
                at += length;
                self.placed(part, length);
            }
            if let Some(error) = error {
                return Err(Broken::Cut(error));
            }
        }
        Ok(())
    }

    /// Notes bytes that are in their place.
    fn placed(&self, part: u64, bytes: u64) {
        let mut state = self.state();
        if let Some((_, done)) = state.taken.get_mut(&part) {
            *done += bytes;
        }
        state.settle();
        drop(state);
        self.arrivals.add(bytes);
        self.changed.notify_one();
    }

    fn broken(&self, reason: String) -> transport::Error {
        let at = format!("{} {}", self.name, self.blob.digest);
        transport::Error::Unreachable { attempted: "read blob", at, reason, class: ErrorClass::Network }
    }

    /// A part that nobody reads any more and nobody gave back.
    pub(super) fn lost(&self) -> transport::Error {
        self.broken("a part of it was lost".to_owned())
    }
}

impl State {
    /// Moves the base over the parts that are whole.
    fn settle(&mut self) {
        while let Some((until, done)) = self.taken.get(&self.base).copied() {
            if self.base + done < until {
                break;
            }
            self.taken.remove(&self.base);
            self.base = until;
        }
    }
}

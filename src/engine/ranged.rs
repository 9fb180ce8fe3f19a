//! One huge blob over several connections, where the link gives each only so much: a far registry, a limit a
//! connection. The blob begins as one stream; while that is slow for what is left and nobody else needs the slots, more
//! connections read parts of the rest, straight into their place in the destination's file, as long as each doubling
//! makes the whole clearly faster.
//!
//! To the writer it is one stream in order all the same: first what the single stream brings, then what the parts put,
//! read back as far as it is whole from the beginning. So a blob is verified as ever, a writer's progress is never
//! ahead of its bytes, and memory holds a piece a connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::parts::Parts;
use super::pool::Slot;
use super::reading::Fault;
use super::run::Running;
use super::voice::JOB;
use crate::job::JobId;
use crate::transport::{self, ByteStream, Place};

/// What must be left for more connections to be worth their beginning: in bytes, and in time at the present rate.
const LEAST_REST: (u64, Duration) = (16 << 20, Duration::from_secs(2));
/// A faster link than this has no need: the machine is the limit. Bytes a second.
const FAST: f64 = 150e6;
/// Connections that one blob may have.
const MOST: usize = 8;
/// How long a rate is watched, and how long new connections may take to come up to speed before that.
const WATCH: Duration = Duration::from_secs(1);
const RAMP: Duration = Duration::from_millis(500);
/// What twice the connections must gain; fewer new ones, as much less.
const GAIN: f64 = 0.2;
/// How long one connection reads a part, and how many bytes that is at least and at most.
const PART: (Duration, u64, u64) = (Duration::from_secs(3), 2 << 20, 64 << 20);
/// Bytes that are read back at once.
const READ_BACK: u64 = 1 << 20;

/// Whether so many bytes of a job's source may be worth several connections.
pub(super) fn may_pay(running: &Running, rest: u64) -> bool {
    !running.source.host.is_empty() && rest > LEAST_REST.0
}

/// The rest of a blob from byte `from` on, in order: `first` is that rest as one stream. Its bytes are counted as they
/// come. `at` is the blob's number in the plan and the destination's, whose `place` this is.
pub(super) fn widening(
    running: &Running,
    at: (usize, usize),
    (from, first): (u64, ByteStream),
    place: Arc<dyn Place>,
    fault: Fault,
) -> ByteStream {
    let size = running.plan.blobs[at.0].descriptor.size;
    let hosts = vec![running.source.host.clone(), running.destinations[at.1].host.clone()];
    let parts = Parts::new(running, at, place);
    let (job, pace) = (running.id, Pace::Watching { since: Instant::now(), bytes: 0 });
    let first = Some(first);
    let ranged = Ranged {
        parts,
        job,
        hosts,
        fault,
        size,
        seen: from,
        first,
        bound: None,
        pace,
        tasks: JoinSet::new(),
    };
    let next = |mut ranged: Ranged| async move {
        let piece = ranged.next().await?;
        Ok(piece.map(|piece| (piece, ranged)))
    };
    futures_util::stream::try_unfold(ranged, next).boxed()
}

struct Ranged {
    parts: Arc<Parts>,
    job: JobId,
    hosts: Vec<String>,
    fault: Fault,
    size: u64,
    /// How far the writer has been given the blob.
    seen: u64,
    /// The single stream, up to where the parts begin.
    first: Option<ByteStream>,
    bound: Option<u64>,
    pace: Pace,
    /// The connections. Dropped, they end.
    tasks: JoinSet<()>,
}

impl Ranged {
    async fn next(&mut self) -> transport::Result<Option<Bytes>> {
        loop {
            self.adjust();
            let wake = self.pace.wake();
            let due = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            if let Some(first) = &mut self.first {
                tokio::select! {
                    // The clock is looked at only where nothing has come.
                    biased;
                    piece = first.next() => match piece {
                        Some(piece) => return Ok(Some(self.clip(piece?))),
                        None => return Ok(None),
                    },
                    () = due => continue,
                }
            }
            if self.seen >= self.size {
                return Ok(None);
            }
            let until = self.parts.whole_until().inspect_err(|_| self.fault.tried_enough())?;
            if until > self.seen {
                let length = (until - self.seen).min(READ_BACK);
                let piece = self.parts.place.read(self.seen, length as usize).await?;
                self.seen += length;
                return Ok(Some(piece));
            }
            if self.parts.connections() == 0 {
                if !self.parts.has_more() {
                    return Err(self.parts.lost());
                }
                self.connect(None);
            }
            tokio::select! {
                () = self.parts.changed.notified() => {}
                () = due => {}
            }
        }
    }

    /// A piece of the single stream, which ends where the parts begin.
    fn clip(&mut self, mut piece: Bytes) -> Bytes {
        if let Some(bound) = self.bound
            && self.seen + piece.len() as u64 >= bound
        {
            if self.parts.proven() {
                piece.truncate(usize::try_from(bound - self.seen).unwrap_or(piece.len()));
                self.first = None;
                self.parts.first_ended();
                // In its stead, and in its slot.
                self.connect(None);
            } else {
                // Ranges are not answered, or too late: the single stream goes on alone.
                self.tasks.abort_all();
                self.parts.end();
                (self.bound, self.pace) = (None, Pace::Settled);
            }
        }
        self.seen += piece.len() as u64;
        self.parts.arrivals.add(piece.len() as u64);
        piece
    }

    /// Opens or closes connections where the rate says so.
    fn adjust(&mut self) {
        let arrived = self.parts.arrivals.total();
        let rest = self.size.saturating_sub(self.seen);
        match self.pace.look(Instant::now(), arrived, rest) {
            Advice::Stay => {}
            Advice::Fewer(surplus) => {
                self.parts.retire(surplus);
                if self.parts.connections() <= surplus + 1 {
                    // One that is left alone needs no small parts.
                    self.parts.limit(u64::MAX);
                }
            }
            Advice::More(rate) => self.widen(rate),
        }
    }

    /// As many connections again, as far as nobody else waits for their slots.
    fn widen(&mut self, rate: f64) {
        let had = self.parts.connections();
        let wanted = had.min(MOST.saturating_sub(had));
        let pool = &self.parts.pool;
        let slots: Vec<Slot> = (0..wanted).map_while(|_| pool.try_slot(self.hosts.clone())).collect();
        if slots.is_empty() {
            if had > 1 {
                self.pace = Pace::Settled;
            }
            return;
        }
        let (time, least, most) = PART;
        let part = (rate / had as f64 * time.as_secs_f64()) as u64;
        let part = part.clamp(least, most);
        self.parts.limit(part);
        if self.bound.is_none() {
            let bound = self.seen + part;
            self.parts.begin(bound);
            self.bound = Some(bound);
        }
        self.pace = Pace::began(Instant::now(), rate, (had, slots.len()));
        slots.into_iter().for_each(|slot| self.connect(Some(slot)));
    }

    fn connect(&mut self, slot: Option<Slot>) {
        let (parts, connection) = (Arc::clone(&self.parts), self.parts.connect());
        self.tasks.spawn(JOB.scope(self.job, parts.read(connection, slot)));
    }
}

impl Drop for Ranged {
    fn drop(&mut self) {
        self.parts.end();
    }
}

/// What the rates say.
#[derive(Debug, PartialEq)]
enum Advice {
    Stay,
    /// More connections may help; the rate now, in bytes a second.
    More(f64),
    /// So many are of no use.
    Fewer(usize),
}

/// Rates over time, and what became of more connections.
#[derive(Debug)]
enum Pace {
    /// The rate is watched since then; bytes that had come by then.
    Watching { since: Instant, bytes: u64 },
    /// New connections come up to speed until then, and are watched from then on.
    Trying { from: Instant, bytes: Option<u64>, rate: f64, had: usize, added: usize },
    /// It stays as it is.
    Settled,
}

impl Pace {
    fn began(now: Instant, rate: f64, (had, added): (usize, usize)) -> Pace {
        Pace::Trying { from: now + RAMP, bytes: None, rate, had, added }
    }

    /// When to look again, if nothing happens before.
    fn wake(&self) -> Option<Instant> {
        match self {
            Pace::Watching { since, .. } => Some(*since + WATCH),
            Pace::Trying { from, bytes: None, .. } => Some(*from),
            Pace::Trying { from, .. } => Some(*from + WATCH),
            Pace::Settled => None,
        }
    }

    /// `arrived` bytes have come in all, and `rest` are left.
    fn look(&mut self, now: Instant, arrived: u64, rest: u64) -> Advice {
        if self.wake().is_none_or(|at| now < at) {
            return Advice::Stay;
        }
        match self {
            Pace::Settled => Advice::Stay,
            Pace::Trying { from, bytes: bytes @ None, .. } => {
                (*from, *bytes) = (now, Some(arrived));
                Advice::Stay
            }
            Pace::Watching { since, bytes } => {
                let rate = (arrived - *bytes) as f64 / (now - *since).as_secs_f64();
                *self = Pace::Watching { since: now, bytes: arrived };
                self.more(rate, rest)
            }
            Pace::Trying { from, bytes: Some(bytes), rate: before, had, added } => {
                let rate = (arrived - *bytes) as f64 / (now - *from).as_secs_f64();
                let wanted = 1.0 + GAIN * *added as f64 / *had as f64;
                if rate >= *before * wanted {
                    return self.more(rate, rest);
                }
                let added = *added;
                *self = Pace::Settled;
                Advice::Fewer(added)
            }
        }
    }

    /// Whether more could help.
    fn more(&mut self, rate: f64, rest: u64) -> Advice {
        let is_long = rest > LEAST_REST.0 && rest as f64 > rate * LEAST_REST.1.as_secs_f64();
        match is_long && rate > 0.0 && rate < FAST {
            true => Advice::More(rate),
            // What is left only becomes less.
            false if rest <= LEAST_REST.0 || matches!(self, Pace::Trying { .. }) => {
                *self = Pace::Settled;
                Advice::Stay
            }
            false => Advice::Stay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// What a pace says of a link that brings `per` bytes a second and connection, but no more than `all`, with so many
    /// bytes to come: how many connections it has after each look.
    fn connections(per: u64, all: u64, size: u64) -> Vec<usize> {
        let (mut now, mut arrived, mut had) = (Instant::now(), 0, 1);
        let mut pace = Pace::Watching { since: now, bytes: 0 };
        let mut seen = vec![1];
        while let Some(at) = pace.wake() {
            arrived += ((per * had as u64).min(all) as f64 * (at - now).as_secs_f64()) as u64;
            now = at;
            if arrived >= size {
                break;
            }
            match pace.look(now, arrived, size - arrived) {
                Advice::Stay => continue,
                Advice::Fewer(n) => had -= n,
                Advice::More(rate) => {
                    let added = had.min(MOST - had);
                    if added == 0 {
                        break;
                    }
                    pace = Pace::began(now, rate, (had, added));
                    had += added;
                }
            }
            seen.push(had);
        }
        seen
    }

    #[test]
    fn connections_double_as_long_as_that_is_faster() {
        assert_eq!(connections(2 * MB, 1000 * MB, 1000 * MB), [1, 2, 4, 8]);
        // One connection has all that the link gives; two have; the rest is soon there; nothing is slow.
        assert_eq!(connections(10 * MB, 10 * MB, 1000 * MB), [1, 2, 1]);
        assert_eq!(connections(10 * MB, 25 * MB, 1000 * MB), [1, 2, 4, 8, 4]);
        assert_eq!(connections(10 * MB, 1000 * MB, 29 * MB), [1]);
        assert_eq!(connections(2 * MB, 1000 * MB, 10 * MB), [1]);
        assert_eq!(connections(200 * MB, 1000 * MB, 9000 * MB), [1]);
    }
}

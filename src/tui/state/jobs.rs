//! The jobs as the engine last told of them, with their rates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::meter::{History, Meter};
use crate::job::{Job, JobId, JobState, Target};
use crate::oci::{Digest, Location};

/// How many jobs are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Draft, queued, paused, interrupted.
    pub waiting: usize,
    /// Planning or running.
    pub running: usize,
    /// Succeeded.
    pub succeeded: usize,
    /// Failed.
    pub failed: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Jobs {
    rows: Vec<Arc<Job>>,
    meters: HashMap<JobId, Meter>,
    total: Meter,
    /// The last minute.
    pub history: History,
    /// Jobs whose layers are shown.
    pub expanded: HashSet<JobId>,
    /// Bytes sent, of all jobs.
    pub wire: u64,
    /// Bytes that needed no sending, of all jobs.
    pub reused: u64,
    /// Bytes of the active and queued jobs that are still to come.
    pub rest: u64,
    /// How many are where.
    pub counts: Counts,
    cursor: usize,
    /// First job of the window.
    pub offset: usize,
}

/// What runs is on top, then what needs a person, then what waits, in the order in which its turn will come, then what
/// is over, the latest first.
fn rank(job: &Job) -> (u8, i64, i64) {
    match job.state {
        JobState::Running | JobState::Planning => (0, 0, job.id.0),
        JobState::Failed => (1, 0, -job.id.0),
        JobState::Paused | JobState::Interrupted => (2, 0, job.id.0),
        JobState::Queued | JobState::Draft => (3, -i64::from(job.priority), job.id.0),
        JobState::Succeeded | JobState::Cancelled => (4, 0, -job.id.0),
    }
}

/// Bytes of a job that are still to come: what another job sends to the same place is not sent again.
fn rest<'a>(job: &'a Job, coming: &mut HashSet<(&'a Digest, String)>) -> u64 {
    let place = match job.spec.destinations.first() {
        Some(Target::Image(Location::Registry(reference))) => Some(reference.registry.to_string()),
        _ => None,
    };
    let whole = job.progress.total.saturating_sub(job.progress.wire + job.progress.reused);
    let (Some(place), 1, false) = (place, job.spec.destinations.len(), job.progress.blobs.is_empty()) else {
        return whole;
    };
    let open = job.progress.blobs.iter().filter(|blob| !blob.stage.is_settled());
    let first = open.filter(|blob| coming.insert((&blob.digest, place.clone())));
    first.map(|blob| blob.size.saturating_sub(blob.done)).sum::<u64>().min(whole)
}

impl Jobs {
    /// Takes a sample of all jobs.
    pub fn sample(&mut self, now: Duration, mut jobs: Vec<Arc<Job>>) {
        let kept = self.current().map(|job| job.id).filter(|_| self.cursor > 0);
        jobs.sort_by_key(|job| rank(job));
        (self.wire, self.reused, self.rest) = (0, 0, 0);
        self.counts = Counts::default();
        let mut coming = HashSet::new();
        for job in &jobs {
            self.wire += job.progress.wire;
            self.reused += job.progress.reused;
            match job.state {
                JobState::Running | JobState::Planning => {
                    self.counts.running += 1;
                    self.meters.entry(job.id).or_default().sample(now, job.progress.wire);
                }
                JobState::Succeeded => self.counts.succeeded += 1,
                JobState::Failed => self.counts.failed += 1,
                JobState::Cancelled => {}
                _ => self.counts.waiting += 1,
            }
            if job.state.is_active() || job.state == JobState::Queued {
                self.rest += rest(job, &mut coming);
            } else {
                self.meters.remove(&job.id);
            }
        }
        if self.counts.running > 0 {
            self.total.sample(now, self.wire);
        } else {
            self.total = Meter::default();
        }
        self.history.sample(now, self.wire);
        self.rows = jobs;
        let position = kept.and_then(|id| self.rows.iter().position(|job| job.id == id));
        self.cursor = position.unwrap_or(self.cursor).min(self.rows.len().saturating_sub(1));
    }

    /// The rows in the screen's order.
    pub fn rows(&self) -> &[Arc<Job>] {
        &self.rows
    }

    /// One job.
    pub fn get(&self, id: JobId) -> Option<&Job> {
        self.rows.iter().find(|job| job.id == id).map(|job| &**job)
    }

    /// The cursor's position.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Moves the cursor, within bounds.
    pub fn move_to(&mut self, position: usize) {
        self.cursor = position.min(self.rows.len().saturating_sub(1));
    }

    /// The cursor's job.
    pub fn current(&self) -> Option<&Job> {
        self.rows.get(self.cursor).map(|job| &**job)
    }

    /// Notes the priority that the cursor's job was just given: the next key counts from there, not from the last sample.
    pub fn prioritised(&mut self, priority: i32) {
        if let Some(job) = self.rows.get_mut(self.cursor) {
            Arc::make_mut(job).priority = priority;
        }
    }

    /// Whether something runs or waits for its turn: then time passes on the screen.
    pub fn busy(&self) -> bool {
        self.counts.running > 0 || self.rows.iter().any(|job| job.state == JobState::Queued)
    }

    /// A job's rate, and its silence.
    pub fn meter(&self, id: JobId) -> Option<&Meter> {
        self.meters.get(&id)
    }

    /// The rate of everything, in bytes per second.
    pub fn rate(&self, now: Duration) -> u64 {
        self.total.rate(now)
    }

    /// When everything will be done.
    pub fn eta(&self, now: Duration) -> Option<Duration> {
        self.total.eta(now, self.rest)
    }

    /// Rows of the screen that a job takes, with `columns` layers side by side.
    pub fn height(&self, job: &Job, columns: usize) -> usize {
        match self.expanded.contains(&job.id) {
            true => 1 + job.progress.blobs.len().div_ceil(columns.max(1)),
            false => 1,
        }
    }

    /// Keeps the cursor's job within a window of `height` rows.
    pub fn settle(&mut self, height: usize, columns: usize) {
        self.offset = self.offset.min(self.cursor);
        let mut used = 0;
        let mut first = self.cursor;
        for position in (self.offset..=self.cursor).rev() {
            let Some(job) = self.rows.get(position) else { break };
            used += self.height(job, columns);
            if used > height && position < self.cursor {
                break;
            }
            first = position;
        }
        self.offset = self.offset.max(first);
    }
}

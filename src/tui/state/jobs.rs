//! The jobs as the engine last told of them, with their rates: which of them are shown, in which order, and what the
//! cursor is on.

mod marking;
mod traffic;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::traffic::{rest, waiting};
use super::failures::shape;
use super::meter::{History, Meter};
use super::others::Others;
use crate::job::{Job, JobEvent, JobId, JobState};

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

/// Which jobs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Which {
    /// All of them.
    #[default]
    All,
    /// Planning, running, paused, and those whose turn comes.
    Unfinished,
    /// Failed.
    Failed,
    /// Succeeded and cancelled.
    Finished,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// What runs, what needs a person, what waits, what is over.
    #[default]
    State,
    /// As they were added.
    Added,
    /// The last one first.
    Newest,
    /// By their sources' names.
    Name,
}

/// One row of the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// A job, by its position.
    Job(usize),
    /// Jobs that failed alike, by the group's position.
    Group(usize),
    /// A job of the open group above it, by its position.
    Member(usize),
}

/// Jobs that failed alike.
#[derive(Debug, Clone)]
pub struct Group {
    /// What they have in common.
    pub shape: Arc<str>,
    /// The jobs, by their positions.
    pub members: Vec<usize>,
}

/// So many failures are a group.
const ALIKE: usize = 3;

/// A request of a job that is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The coming attempt's number.
    pub attempt: u32,
    /// Attempts there are in all.
    pub of: u32,
    /// When it comes.
    pub at: Duration,
    /// What the job had sent when the one before failed: once it has sent more, it is forgotten.
    wire: u64,
}

/// What the cursor is on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum On {
    Job(JobId),
    Group(Arc<str>),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Jobs {
    rows: Vec<Arc<Job>>,
    shown: Vec<Row>,
    groups: Vec<Group>,
    /// Groups whose jobs are shown.
    open: HashSet<Arc<str>>,
    /// What the jobs' failures have in common with others, made once for each failure.
    shapes: HashMap<JobId, (Option<Timestamp>, Arc<str>)>,
    meters: HashMap<JobId, Meter>,
    total: Meter,
    retries: HashMap<JobId, Retry>,
    /// Jobs that wait for a blob which another job sends.
    waits_for: HashMap<JobId, JobId>,
    hidden: HashSet<JobId>,
    /// Which jobs are shown.
    pub which: Which,
    /// In which order.
    pub order: Order,
    /// What the shown jobs have in their names, their states or their failures.
    pub text: String,
    /// Jobs that a key is for, instead of the cursor's.
    pub marks: HashSet<JobId>,
    /// The job at which a range of marks began.
    pub range: Option<JobId>,
    /// Requests that were tried again.
    pub tried_again: u64,
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
    /// Which of them are other processes'.
    pub others: Others,
    cursor: usize,
    /// First row of the window.
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

impl Jobs {
    /// Takes a sample of all jobs.
    pub fn sample(&mut self, now: Duration, jobs: Vec<Arc<Job>>) {
        let on = self.on();
        (self.wire, self.reused, self.rest) = (0, 0, 0);
        self.counts = Counts::default();
        let (mut coming, mut theirs) = (HashSet::new(), 0);
        for job in &jobs {
            self.wire += job.progress.wire;
            if self.others.has(job.id) {
                theirs += job.progress.wire;
                self.others.count(job.id, job.progress.wire);
            }
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
            if self.retries.get(&job.id).is_some_and(|retry| {
                !job.state.is_active() || job.progress.wire > retry.wire && now > retry.at
            }) {
                self.retries.remove(&job.id);
            }
        }
        // What others had moved before they were looked at was not moved now.
        let moved = self.wire - theirs + self.others.moved;
        if self.counts.running > 0 {
            self.total.sample(now, moved);
        } else {
            self.total = Meter::default();
        }
        self.history.sample(now, moved);
        self.waits_for = waiting(&jobs);
        self.rows = jobs;
        self.arrange(on);
    }

    /// Makes the rows anew, after the jobs, the order or the filter changed. The cursor stays on what it was on, and that
    /// where it was on the screen.
    fn arrange(&mut self, on: Option<On>) {
        match self.order {
            Order::State => self.rows.sort_by_key(|job| rank(job)),
            Order::Added => self.rows.sort_by_key(|job| job.id),
            Order::Newest => self.rows.sort_by_key(|job| std::cmp::Reverse(job.id)),
            Order::Name => self.rows.sort_by_cached_key(|job| (job.spec.source.to_string(), job.id)),
        }
        let shown: Vec<bool> = self.rows.iter().map(|job| self.is_shown(job)).collect();
        self.group(&shown);
        let grouped: HashMap<usize, usize> = self
            .groups
            .iter()
            .enumerate()
            .flat_map(|(at, group)| group.members.iter().map(move |member| (*member, at)))
            .collect();
        self.shown.clear();
        for position in (0..self.rows.len()).filter(|position| shown[*position]) {
            match grouped.get(&position) {
                None => self.shown.push(Row::Job(position)),
                // The group stands where its first job would.
                Some(at) if self.groups[*at].members.first() == Some(&position) => {
                    self.shown.push(Row::Group(*at));
                    if self.open.contains(&self.groups[*at].shape) {
                        self.shown.extend(self.groups[*at].members.iter().map(|member| Row::Member(*member)));
                    }
                }
                Some(_) => {}
            }
        }
        let before = self.cursor;
        // The topmost row is nobody's place: who looks at it wants to see what is on top.
        let found = on.filter(|_| before > 0 || self.order != Order::State).and_then(|on| self.find(&on));
        self.cursor = found.unwrap_or(before).min(self.shown.len().saturating_sub(1));
        self.offset = self.offset.saturating_add_signed(self.cursor as isize - before as isize);
    }

    fn is_shown(&self, job: &Job) -> bool {
        let state = match self.which {
            Which::All => true,
            Which::Unfinished => !job.state.is_final(),
            Which::Failed => job.state == JobState::Failed,
            Which::Finished => matches!(job.state, JobState::Succeeded | JobState::Cancelled),
        };
        let over = matches!(job.state, JobState::Succeeded | JobState::Cancelled);
        if !state || over && self.hidden.contains(&job.id) {
            return false;
        }
        if self.text.is_empty() {
            return true;
        }
        let failure = job.failure.as_ref().map(|failure| format!("{} {}", failure.class, failure.message));
        let text = format!("{} {} {}", job.spec, job.state, failure.unwrap_or_default()).to_lowercase();
        self.text.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    /// Finds the jobs that failed alike.
    fn group(&mut self, shown: &[bool]) {
        let mut alike: HashMap<Arc<str>, Vec<usize>> = HashMap::new();
        for (position, job) in self.rows.iter().enumerate() {
            let Some(failure) = job.failure.as_ref().filter(|_| job.state == JobState::Failed) else {
                continue;
            };
            let known = self.shapes.get(&job.id).filter(|(at, _)| *at == job.finished);
            let shape = match known {
                Some((_, shape)) => Arc::clone(shape),
                None => {
                    let shape: Arc<str> = shape(failure).into();
                    self.shapes.insert(job.id, (job.finished, Arc::clone(&shape)));
                    shape
                }
            };
            if shown[position] {
                alike.entry(shape).or_default().push(position);
            }
        }
        let groups = alike.into_iter().filter(|(_, members)| members.len() >= ALIKE);
        self.groups = groups.map(|(shape, members)| Group { shape, members }).collect();
        self.groups.sort_by(|a, b| a.members.cmp(&b.members));
        if self.shapes.len() > self.rows.len() + 100 {
            let here: HashSet<JobId> = self.rows.iter().map(|job| job.id).collect();
            self.shapes.retain(|job, _| here.contains(job));
        }
    }

    fn on(&self) -> Option<On> {
        Some(match self.shown.get(self.cursor)? {
            Row::Group(at) => On::Group(Arc::clone(&self.groups.get(*at)?.shape)),
            Row::Job(position) | Row::Member(position) => On::Job(self.rows.get(*position)?.id),
        })
    }

    /// The row of what the cursor was on: a job's own, else that of the group it has gone into; a group's, else that of
    /// a job that was of it.
    fn find(&self, on: &On) -> Option<usize> {
        let row = |wanted: &dyn Fn(&Row) -> bool| self.shown.iter().position(wanted);
        match on {
            On::Job(id) => {
                let at = self.rows.iter().position(|job| job.id == *id)?;
                row(&|row| matches!(row, Row::Job(p) | Row::Member(p) if *p == at)).or_else(|| {
                    let group = self.groups.iter().position(|group| group.members.contains(&at))?;
                    row(&|row| *row == Row::Group(group))
                })
            }
            On::Group(shape) => {
                let group = self.groups.iter().position(|group| group.shape == *shape);
                let of_it = |p: &usize| self.shapes.get(&self.rows[*p].id).is_some_and(|(_, s)| s == shape);
                match group {
                    Some(group) => row(&|row| *row == Row::Group(group)),
                    None => {
                        row(&|row| matches!(row, Row::Job(p) if self.rows[*p].failure.is_some() && of_it(p)))
                    }
                }
            }
        }
    }

    /// Takes what the engine said of a job.
    pub fn event(&mut self, now: Duration, event: &JobEvent) {
        if let JobEvent::Retry { job, attempt, of, delay, .. } = event {
            self.tried_again += 1;
            let Some(id) = *job else { return };
            let wire = self.get(id).map_or(0, |job| job.progress.wire);
            let at = now + Duration::from_millis(*delay);
            self.retries.insert(id, Retry { attempt: *attempt, of: *of, at, wire });
        }
    }

    /// All jobs, in the screen's order.
    pub fn rows(&self) -> &[Arc<Job>] {
        &self.rows
    }

    /// The rows that are shown.
    pub fn shown(&self) -> &[Row] {
        &self.shown
    }

    /// A row's job; a group's first.
    pub fn job_of(&self, row: Row) -> Option<&Job> {
        let position = match row {
            Row::Job(position) | Row::Member(position) => position,
            Row::Group(at) => *self.groups.get(at)?.members.first()?,
        };
        self.rows.get(position).map(|job| &**job)
    }

    /// A group.
    pub fn group_at(&self, at: usize) -> Option<&Group> {
        self.groups.get(at)
    }

    /// Whether a group's jobs are shown.
    pub fn is_open(&self, group: &Group) -> bool {
        self.open.contains(&group.shape)
    }

    /// One job.
    pub fn get(&self, id: JobId) -> Option<&Job> {
        self.rows.iter().find(|job| job.id == id).map(|job| &**job)
    }

    /// The cursor's row.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Moves the cursor, within bounds.
    pub fn move_to(&mut self, row: usize) {
        self.cursor = row.min(self.shown.len().saturating_sub(1));
    }

    /// The cursor's job; of a group its first.
    pub fn current(&self) -> Option<&Job> {
        self.job_of(*self.shown.get(self.cursor)?)
    }

    /// The cursor's group, if it is on one.
    pub fn current_group(&self) -> Option<&Group> {
        match self.shown.get(self.cursor)? {
            Row::Group(at) => self.groups.get(*at),
            Row::Job(_) | Row::Member(_) => None,
        }
    }

    /// Shows the cursor's group's jobs, or no longer.
    pub fn fold(&mut self) {
        let Some(shape) = self.current_group().map(|group| Arc::clone(&group.shape)) else { return };
        if !self.open.remove(&shape) {
            self.open.insert(shape);
        }
        self.rearrange();
    }

    /// Makes the rows anew, after what is to be shown changed.
    pub fn rearrange(&mut self) {
        let on = self.on();
        self.range = None;
        // What the cursor was on may have gone, and it keeps its place then.
        let found = on.clone();
        self.arrange(on);
        if let Some(row) = found.and_then(|on| self.find(&on)) {
            self.cursor = row;
        }
    }

    /// Hides what is over and needs nobody, or shows it again where everything is hidden; how many.
    pub fn clear_finished(&mut self) -> (usize, bool) {
        let over = |job: &&Arc<Job>| matches!(job.state, JobState::Succeeded | JobState::Cancelled);
        let over: HashSet<JobId> = self.rows.iter().filter(over).map(|job| job.id).collect();
        let new = over.difference(&self.hidden).count();
        let back = new == 0 && !over.is_empty();
        let count = if back { over.len() } else { new };
        self.hidden = if back { HashSet::new() } else { over };
        self.rearrange();
        (count, back)
    }

    /// Notes the priority that a job was just given: the next key counts from there, not from the last sample.
    pub fn prioritised(&mut self, id: JobId, priority: i32) {
        if let Some(job) = self.rows.iter_mut().find(|job| job.id == id) {
            Arc::make_mut(job).priority = priority;
        }
    }

    /// Whether something of this process runs or waits for its turn.
    pub fn busy(&self) -> bool {
        let open = |job: &Job| job.state.is_active() || job.state == JobState::Queued;
        self.rows.iter().any(|job| open(job) && !self.others.has(job.id))
    }

    /// Whether a job of this process runs: then it is to be looked at often.
    pub fn runs_here(&self) -> bool {
        self.rows.iter().any(|job| job.state.is_active() && !self.others.has(job.id))
    }

    /// A job's rate, and its silence.
    pub fn meter(&self, id: JobId) -> Option<&Meter> {
        self.meters.get(&id)
    }

    /// The request of a job that is tried again.
    pub fn retry(&self, id: JobId) -> Option<&Retry> {
        self.retries.get(&id)
    }

    /// The job that sends what this one waits for.
    pub fn sender(&self, id: JobId) -> Option<JobId> {
        self.waits_for.get(&id).copied()
    }

    /// The rate of everything, in bytes per second.
    pub fn rate(&self, now: Duration) -> u64 {
        self.total.rate(now)
    }

    /// When everything will be done.
    pub fn eta(&self, now: Duration) -> Option<Duration> {
        self.total.eta(now, self.rest)
    }

    /// Rows of the screen that a row takes, with `columns` layers side by side.
    pub fn height(&self, row: Row, columns: usize) -> usize {
        match (row, self.job_of(row)) {
            (Row::Job(_) | Row::Member(_), Some(job)) if self.expanded.contains(&job.id) => {
                1 + job.progress.blobs.len().div_ceil(columns.max(1))
            }
            _ => 1,
        }
    }

    /// Keeps the cursor's row within a window of `height` rows.
    pub fn settle(&mut self, height: usize, columns: usize) {
        self.offset = self.offset.min(self.cursor);
        let mut used = 0;
        let mut first = self.cursor;
        for at in (self.offset..=self.cursor).rev() {
            let Some(row) = self.shown.get(at) else { break };
            used += self.height(*row, columns);
            if used > height && at < self.cursor {
                break;
            }
            first = at;
        }
        self.offset = self.offset.max(first);
        // No blank rows below where there is something above.
        if self.offset > 0 {
            let mut room = height;
            for row in &self.shown[self.offset..] {
                room = room.saturating_sub(self.height(*row, columns));
                if room == 0 {
                    break;
                }
            }
            while let Some(above) = self.offset.checked_sub(1).and_then(|at| self.shown.get(at)) {
                let Some(left) = room.checked_sub(self.height(*above, columns)) else { break };
                (room, self.offset) = (left, self.offset - 1);
            }
        }
    }
}

//! The jobs of this process: their states, what drives each of them, and what a person asks of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::pool::Rank;
use super::progress::Counters;
use super::run::Running;
use super::{Error, Inner, Result};
use crate::job::{Failure, Job, JobEvent, JobId, JobSpec, JobState, Level, Report};
use crate::ledger::{self, Ledger};
use crate::oci::printable;

/// The jobs of this process, by number.
#[derive(Default)]
pub(super) struct Jobs {
    entries: Mutex<BTreeMap<JobId, Arc<Entry>>>,
}

/// One job. The locks are held for a copy or an assignment, never across an await.
pub(super) struct Entry {
    id: JobId,
    spec: JobSpec,
    created: Timestamp,
    now: Mutex<Now>,
    /// Told of every move, so that waiting needs no polling.
    pub(super) state: watch::Sender<JobState>,
    /// Held over a whole move, the ledger's part included: two moves never cross.
    moving: tokio::sync::Mutex<()>,
    pub(super) paused: watch::Sender<bool>,
    /// Its priority, shared with whatever of it waits.
    pub(super) rank: Rank,
    /// It is not this process's any more: what becomes of it here is nobody's business.
    gone: AtomicBool,
}

/// What changes of a job.
struct Now {
    counters: Arc<Counters>,
    cancel: CancellationToken,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    failure: Option<Failure>,
    report: Option<Report>,
    /// The job as it was last seen when it was over: front ends look ten times a second, and what is over stays.
    over: Option<Arc<Job>>,
}

impl Entry {
    pub(super) fn new(job: Job) -> Entry {
        Entry {
            id: job.id,
            spec: job.spec,
            created: job.created,
            now: Mutex::new(Now {
                counters: Arc::default(),
                cancel: CancellationToken::new(),
                started: None,
                finished: None,
                failure: None,
                report: None,
                over: None,
            }),
            state: watch::Sender::new(job.state),
            moving: tokio::sync::Mutex::default(),
            paused: watch::Sender::new(false),
            rank: Rank::new(job.priority),
            gone: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> JobId {
        self.id
    }

    /// The counters of now: those of a planning job are replaced when it runs.
    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.now().counters)
    }

    /// Ends it here, without saying what it became.
    pub(super) fn stop(&self) {
        self.now().cancel.cancel();
    }

    /// Notes whether it is somebody else's now.
    pub(super) fn set_gone(&self, gone: bool) {
        self.gone.store(gone, Relaxed);
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> JobState {
        *self.state.borrow()
    }

    /// The job as it stands.
    pub(super) fn snapshot(&self) -> Arc<Job> {
        let mut now = self.now();
        let state = self.state();
        // Its end is noted piece by piece, and a retry begins anew: only what is still so is given again.
        let same = |job: &&Arc<Job>| {
            job.state == state
                && job.finished == now.finished
                && job.failure.is_some() == now.failure.is_some()
                && job.report.is_some() == now.report.is_some()
                && job.priority == self.rank.get()
        };
        if let Some(job) = now.over.as_ref().filter(same) {
            return Arc::clone(job);
        }
        let job = Arc::new(Job {
            id: self.id,
            spec: self.spec.clone(),
            state,
            progress: now.counters.sample(),
            priority: self.rank.get(),
            created: self.created,
            started: now.started,
            finished: now.finished,
            failure: now.failure.clone(),
            report: now.report.clone(),
        });
        now.over = state.is_final().then(|| Arc::clone(&job));
        job
    }
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every job, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn insert(&self, entry: &Arc<Entry>) {
        self.lock().insert(entry.id, Arc::clone(entry));
    }

    /// One job.
    pub(super) fn get(&self, id: JobId) -> Option<Arc<Entry>> {
        self.lock().get(&id).cloned()
    }

    /// Forgets a job: it is another process's.
    pub(super) fn remove(&self, id: JobId) {
        self.lock().remove(&id);
    }
}

impl Inner {
    /// Runs a queued job to its end, in the background.
    pub(super) fn drive(self: &Arc<Inner>, entry: Arc<Entry>) {
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            let cancel = entry.now().cancel.clone();
            // Reported here and not by a panic hook alone: the job must not look alive for ever.
            let work = std::panic::AssertUnwindSafe(engine.plan_and_run(&entry, &cancel));
            let result = futures_util::FutureExt::catch_unwind(work).await;
            let result =
                result.unwrap_or_else(|_| Err(Error::Internal("the job's task panicked".to_owned())));
            engine.conclude(&entry, result).await;
        });
    }

    async fn plan_and_run(
        self: &Arc<Inner>,
        entry: &Arc<Entry>,
        cancel: &CancellationToken,
    ) -> Result<Report> {
        let until_cancelled = |()| Error::Cancelled;
        let turn = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(until_cancelled(())),
            turn = self.turn(&entry.rank) => turn,
        };
        let began = Instant::now();
        entry.now().started = Some(Timestamp::now());
        self.speaker.budgets.begin(entry.id, self.retries_per_job);
        self.move_to(entry, JobState::Planning).await?;
        if super::names::in_engine(&entry.spec) {
            self.move_to(entry, JobState::Running).await?;
            let naming = super::voice::JOB.scope(entry.id, self.name_in_engine(&entry.spec));
            return tokio::select! {
                biased;
                () = cancel.cancelled() => Err(until_cancelled(())),
                named = naming => named,
            };
        }
        let planning = super::voice::JOB.scope(entry.id, self.make_plan(&entry.spec, false));
        let planned = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(until_cancelled(())),
            planned = planning => planned?,
        };
        let (blobs, bytes) = (planned.plan.blobs.len(), planned.plan.total_bytes());
        self.speaker.say(JobEvent::Planned { job: entry.id, blobs, bytes });
        let rank = entry.rank.clone();
        let running = Running::new(Arc::clone(self), entry.id, rank, planned, entry.paused.subscribe());
        entry.now().counters = Arc::clone(&running.counters);
        self.learn_places(&running).await;
        self.move_to(entry, JobState::Running).await?;
        let run = Arc::new(running).run(began, cancel);
        self.see_through(entry, turn, std::pin::pin!(run), cancel).await
    }

    /// Writes a job's end.
    async fn conclude(&self, entry: &Arc<Entry>, result: Result<Report>) {
        let budget = self.speaker.budgets.end(entry.id);
        if entry.gone.load(Relaxed) {
            // Whoever waits for it here waits for nothing.
            self.jobs.remove(entry.id);
            entry.state.send_replace(JobState::Cancelled);
            return;
        }
        let retries = |report: &Report| budget.as_ref().map_or(report.retries, |budget| budget.used());
        let explained = |failure| match &budget {
            Some(budget) => budget.explain(failure),
            None => failure,
        };
        let (to, failure, report) = match result {
            Ok(report) => (JobState::Succeeded, None, Some(Report { retries: retries(&report), ..report })),
            Err(Error::Cancelled) => (JobState::Cancelled, None, None),
            Err(error) => (JobState::Failed, Some(explained(error.failure())), None),
        };
        {
            let mut now = entry.now();
            now.finished = Some(Timestamp::now());
            (now.failure, now.report) = (failure.clone(), report);
        }
        if let Some(failure) = failure {
            let text = printable(&format!("{}: {}", entry.spec, failure.message), 2000);
            self.speaker.say(JobEvent::Note { job: Some(entry.id), level: Level::Error, text });
        }
        self.note_rate_limit(entry.id, &entry.spec.source).await;
        // What it said belongs to this attempt.
        if let Some(diary) = &self.speaker.diary {
            diary.flush().await;
        }
        if let Err(error) = self.move_to_end(entry, to).await {
            let text = format!("job {}: {error}", entry.id);
            self.speaker.say(JobEvent::Note { job: Some(entry.id), level: Level::Error, text });
            // Over it is all the same, and whoever waits for it must hear so.
            entry.state.send_replace(to);
        }
    }

    /// The last move. A job whose running blobs ended it while it was paused (or waited for its turn after that) goes
    /// on first: it could only be cancelled.
    async fn move_to_end(&self, entry: &Arc<Entry>, to: JobState) -> Result<()> {
        if matches!(entry.state(), JobState::Paused | JobState::Queued) && to != JobState::Cancelled {
            self.go_on(entry).await?;
        }
        self.move_to(entry, to).await
    }

    /// From paused, or from queued after that, to running: nothing was undone, so it passes through the states of a
    /// queued job at once.
    pub(super) async fn go_on(&self, entry: &Arc<Entry>) -> Result<()> {
        let states = [JobState::Queued, JobState::Planning, JobState::Running];
        for state in states.into_iter().skip(usize::from(entry.state() == JobState::Queued)) {
            if let Err(error) = self.move_to(entry, state).await {
                // Somebody else has the job now: its driver here must not wait for ever.
                entry.now().cancel.cancel();
                entry.paused.send_replace(false);
                return Err(error);
            }
        }
        entry.paused.send_replace(false);
        Ok(())
    }

    /// Moves a job, here and in the ledger, and says so. A ledger that refuses because another process took
    /// the job over ends the job here; one that cannot be written to is only warned about.
    async fn move_to(&self, entry: &Arc<Entry>, to: JobState) -> Result<()> {
        let _moving = entry.moving.lock().await;
        self.move_alone(entry, to).await
    }

    /// [`Inner::move_to`] for one who holds the right to move.
    async fn move_alone(&self, entry: &Arc<Entry>, to: JobState) -> Result<()> {
        let from = entry.state();
        let reason = |error: &dyn std::fmt::Display| Error::Job { job: entry.id, reason: error.to_string() };
        from.become_(to).map_err(|error| reason(&error))?;
        if let Some(ledger) = self.ledger_for(entry.id) {
            let (failure, report) = {
                let now = entry.now();
                (now.failure.clone(), now.report.clone())
            };
            let told = match (to, failure, report) {
                (JobState::Failed, Some(failure), _) => ledger.fail(entry.id, from, &failure).await,
                (JobState::Succeeded, _, Some(report)) => ledger.succeed(entry.id, &report).await,
                _ => ledger.move_to(entry.id, from, to).await,
            };
            if let Err(error) = told {
                let taken = matches!(
                    error,
                    ledger::Error::LeaseLost { .. }
                        | ledger::Error::Owned { .. }
                        | ledger::Error::State { .. }
                );
                if taken && !to.is_final() {
                    return Err(reason(&error));
                }
                tracing::warn!("job {}: the ledger was not told of {to}: {error}", entry.id);
            }
        }
        entry.state.send_replace(to);
        self.speaker.say(JobEvent::Moved { job: entry.id, from, to });
        Ok(())
    }

    /// The ledger, for a job that is in it.
    pub(super) fn ledger_for(&self, job: JobId) -> Option<&Ledger> {
        self.ledger.as_ref().filter(|_| job.0 > 0)
    }

    fn entry(&self, id: JobId) -> Result<Arc<Entry>> {
        self.jobs
            .get(id)
            .ok_or_else(|| Error::Job { job: id, reason: "there is no such job here".to_owned() })
    }

    /// Cancels a job that is not over.
    pub(super) async fn cancel_job(&self, id: JobId) -> Result<()> {
        let entry = self.entry(id)?;
        if entry.state().is_final() {
            return Err(Error::Job { job: id, reason: format!("it is over: {}", entry.state()) });
        }
        entry.now().cancel.cancel();
        // Its driver writes the end; waiting for it means that nothing of it lives on when this returns.
        let mut state = entry.state.subscribe();
        let _ = state.wait_for(|state| state.is_final()).await;
        Ok(())
    }

    /// Queues a failed job again.
    pub(super) async fn retry_job(self: &Arc<Inner>, id: JobId) -> Result<()> {
        let entry = self.entry(id)?;
        {
            let _moving = entry.moving.lock().await;
            entry
                .state()
                .become_(JobState::Queued)
                .map_err(|e| Error::Job { job: id, reason: e.to_string() })?;
            {
                let mut now = entry.now();
                now.cancel = CancellationToken::new();
                (now.failure, now.report, now.finished) = (None, None, None);
                now.counters = Arc::default();
            }
            self.move_alone(&entry, JobState::Queued).await?;
        }
        self.drive(entry);
        Ok(())
    }

    /// Pauses a running job: no new blob starts, running ones finish.
    pub(super) async fn pause_job(&self, id: JobId) -> Result<()> {
        let entry = self.entry(id)?;
        self.move_to(&entry, JobState::Paused).await?;
        entry.paused.send_replace(true);
        Ok(())
    }

    /// Lets a paused job go on, as soon as it has a turn: its driver takes one.
    pub(super) async fn resume_job(&self, id: JobId) -> Result<()> {
        let entry = self.entry(id)?;
        match entry.state() {
            JobState::Paused => {
                let moved = self.move_to(&entry, JobState::Queued).await;
                // Somebody else has the job now: its driver here must not wait for ever.
                moved.inspect_err(|_| entry.now().cancel.cancel())
            }
            other => Err(Error::Job { job: id, reason: format!("it is {other}, not paused") }),
        }
    }

    /// Waits until a job is over.
    pub(super) async fn wait_for(&self, id: JobId) -> Option<Job> {
        let entry = self.jobs.get(id)?;
        let mut state = entry.state.subscribe();
        let _ = state.wait_for(|state| state.is_final()).await;
        Some(Arc::unwrap_or_clone(entry.snapshot()))
    }

    /// Waits until every job is over.
    pub(super) async fn wait_for_all(&self) {
        // One that is over may have been queued again meanwhile.
        while let Some(entry) = self.jobs.all().into_iter().find(|entry| !entry.state().is_final()) {
            self.wait_for(entry.id).await;
        }
    }

    /// Cancels what is not over and waits for its end.
    pub(super) async fn end(&self) {
        for entry in self.jobs.all() {
            entry.now().cancel.cancel();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

//! What goes on between this process and the ledger while it has jobs: how far they are is written down for others to
//! see, about once a second and only when it changed; and what others ask of them is looked for.

use std::collections::HashMap;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::elsewhere::POLL;
use super::{Inner, Result};
use crate::job::{JobEvent, JobId, JobState, Level};
use crate::ledger::{self, Keep, Ledger, Sample, Watch};

/// How often the ledger is told how far the jobs are.
const EVERY: Duration = Duration::from_secs(1);
/// How often it hears that this process lives, when it has nothing else to tell: others that cannot look at the process
/// (from another host, or another container) take a day's silence for its end.
const HEARTBEAT: Duration = Duration::from_secs(15 * 60);
/// Old jobs that one process forgets at most.
const PRUNED: usize = 2000;

impl Inner {
    /// Has the jobs kept in the ledger while there are any, by one task.
    pub(super) fn keep_up(self: &Arc<Inner>) {
        if let Some(ledger) = self.ledger.as_ref().filter(|_| !self.sampling.swap(true, AcqRel)) {
            // Not among the engine's tasks: its end must not wait for the next tick.
            tokio::spawn(keep_until_idle(Arc::downgrade(self), ledger.clone()));
        }
    }

    /// Samples of the jobs that are at work, as far as they changed.
    fn news(&self, told: &mut HashMap<JobId, Sample>) -> Vec<Sample> {
        let mut news = Vec::new();
        for entry in self.jobs.all().iter().filter(|entry| entry.id().0 > 0) {
            let state = *entry.state.borrow();
            if !state.is_active() && state != JobState::Paused {
                told.remove(&entry.id());
                continue;
            }
            let sample = Sample::of(&entry.snapshot());
            // A plan that is being made has nothing to show but what is staged for it.
            let shows = state != JobState::Planning || sample.aside.is_some();
            if shows && told.get(&sample.id) != Some(&sample) {
                told.insert(sample.id, sample.clone());
                news.push(sample);
            }
        }
        news
    }

    /// Drops jobs that are another process's now: nothing of them goes on here.
    pub(super) fn drop_lost(&self, lost: &[JobId]) {
        for id in lost {
            // One that ended between the sample and the write is not lost.
            let Some(entry) = self.jobs.get(*id).filter(|entry| !entry.state.borrow().is_final()) else {
                continue;
            };
            self.jobs.remove(*id);
            entry.set_gone(true);
            entry.stop();
            let text = format!("job {id}: another wharf has taken it over; it ends here");
            self.speaker.say(JobEvent::Note { job: None, level: Level::Warn, text });
        }
    }

    /// Whether the jobs are still this process's, after it was stopped: those that are not are dropped.
    pub(super) async fn check_leases(&self) {
        let Some(ledger) = &self.ledger else { return };
        let mut lost = Vec::new();
        for entry in self.jobs.all() {
            let (id, state) = (entry.id(), *entry.state.borrow());
            let taken = |error: &ledger::Error| {
                matches!(error, ledger::Error::LeaseLost { .. } | ledger::Error::Owned { .. })
            };
            if id.0 > 0 && !state.is_final() && ledger.check_lease(id).await.as_ref().err().is_some_and(taken)
            {
                lost.push(id);
            }
        }
        self.drop_lost(&lost);
    }

    /// Notes that nobody sits in front of this process any more.
    pub(super) async fn left_alone(&self) {
        if let Some(ledger) = &self.ledger
            && let Err(error) = ledger.set_alone().await
        {
            tracing::warn!("{error}");
        }
    }

    /// Stops all work, and leaves what is not over to whoever takes it up: the answer is those jobs, as they were,
    /// also when it is asked for again. What was under
    /// way counts as interrupted. Jobs that are not recorded are cancelled.
    pub(super) async fn hand_over(&self) -> Result<Vec<(JobId, JobState)>> {
        let Some(ledger) = &self.ledger else {
            self.end().await;
            return Ok(Vec::new());
        };
        if let Some(diary) = &self.speaker.diary {
            diary.flush().await;
        }
        self.handing_over.store(true, Release);
        // First, so that nothing that ends from now on is written down as cancelled.
        let recorded: Vec<_> = self.jobs.all().into_iter().filter(|entry| entry.id().0 > 0).collect();
        recorded.iter().for_each(|entry| entry.set_gone(true));
        match ledger.give_back().await {
            Ok(now_given) => {
                self.end().await;
                let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
                given.extend(now_given);
                Ok(given.clone())
            }
            Err(error) => {
                recorded.iter().for_each(|entry| entry.set_gone(false));
                self.handing_over.store(false, Release);
                Err(error.into())
            }
        }
    }
}

impl Inner {
    /// Whether a job in the ledger is not over here.
    fn has_open_jobs(&self) -> bool {
        self.jobs.all().iter().any(|entry| entry.id().0 > 0 && !entry.state.borrow().is_final())
    }
}

/// See the module, until there are no jobs.
async fn keep_until_idle(engine: Weak<Inner>, ledger: Ledger) {
    let mut ticks = interval(POLL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut told, mut watch, mut last) = (HashMap::new(), Watch::new(&ledger), 0);
    let (mut sampled, mut heard) = (Instant::now(), Instant::now());
    let mut fault = String::new();
    if let Err(error) = ledger.prune(Keep::default(), PRUNED).await {
        tracing::debug!("{error}");
    }
    loop {
        ticks.tick().await;
        let Some(engine) = engine.upgrade() else { return };
        let mut done = Ok(());
        match watch.changed().await {
            Ok(false) => {}
            Ok(true) => match engine.attend(&ledger, last).await {
                Ok(number) => last = number,
                Err(error) => {
                    watch.forget();
                    done = Err(error);
                }
            },
            Err(error) => done = Err(error),
        }
        if done.is_ok() && sampled.elapsed() >= EVERY {
            sampled = Instant::now();
            let news = engine.news(&mut told);
            if !news.is_empty() || heard.elapsed() >= HEARTBEAT {
                heard = sampled;
                done = ledger.sample_all(&news).await.map(|lost| engine.drop_lost(&lost));
                if done.is_err() {
                    told.clear();
                }
            }
        }
        match done {
            Ok(()) => fault.clear(),
            Err(ledger::Error::Closed { .. }) => return,
            Err(error) => {
                // A full disk is said once, and again when it is another trouble.
                let text = error.to_string();
                if text != fault {
                    let note = format!("progress is not recorded: {text}");
                    engine.speaker.say(JobEvent::Note { job: None, level: Level::Warn, text: note });
                    fault = text;
                }
            }
        }
        if engine.has_open_jobs() {
            continue;
        }
        engine.sampling.store(false, Release);
        // A job that came in between found somebody at work here.
        if !engine.has_open_jobs() || engine.sampling.swap(true, AcqRel) {
            return;
        }
    }
}

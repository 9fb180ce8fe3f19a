//! Jobs that outlive a process: what is not over, who has it, and taking up what nobody has.

use std::collections::HashMap;
use std::sync::Arc;

use super::jobs::Entry;
use super::{Error, Inner, Result};
use crate::job::{Attempt, Job, JobEvent, JobId, JobState, Owner};
use crate::ledger::Ledger;

/// A job that is not over.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// The job.
    pub job: Job,
    /// The living process that has it; `None` if nobody has.
    pub owner: Option<Owner>,
}

impl Unfinished {
    /// Whether a process that is gone left it behind: it waits for somebody to take it up.
    pub fn is_left_behind(&self) -> bool {
        self.owner.is_none() && matches!(self.job.state, JobState::Interrupted | JobState::Queued)
    }
}

impl Inner {
    pub(super) fn need_ledger(&self) -> Result<&Ledger> {
        self.ledger.as_ref().ok_or_else(|| Error::Request("jobs are not recorded here".to_owned()))
    }

    /// What is not over, of every process.
    pub(super) async fn list_unfinished(&self) -> Result<Vec<Unfinished>> {
        let jobs = self.need_ledger()?.unfinished().await?;
        Ok(jobs.into_iter().map(|(job, owner)| Unfinished { job, owner }).collect())
    }

    /// Takes jobs up that nobody has, and runs them: all of them, or none and why.
    pub(super) async fn take_up(self: &Arc<Inner>, ids: &[JobId]) -> Result<()> {
        let jobs = self.need_ledger()?.resume_all(ids).await?;
        self.start(jobs);
        Ok(())
    }

    /// Cancels jobs that nobody has: all of them, or none and why.
    pub(super) async fn cancel_left(&self, ids: &[JobId]) -> Result<()> {
        Ok(self.need_ledger()?.cancel_all(ids).await?)
    }

    /// The attempts at each job. Without a ledger nobody has counted them.
    pub(super) async fn list_attempts(&self, ids: &[JobId]) -> Result<HashMap<JobId, Vec<Attempt>>> {
        match &self.ledger {
            Some(ledger) => Ok(ledger.attempts(ids).await?),
            None => Ok(HashMap::new()),
        }
    }

    /// Drives jobs that are queued, and has them kept in the ledger.
    pub(super) fn start(self: &Arc<Inner>, jobs: Vec<Job>) {
        let entries: Vec<Arc<Entry>> = jobs.into_iter().map(|job| Arc::new(Entry::new(job))).collect();
        if let Some(diary) = &self.speaker.diary {
            diary.begin();
        }
        for entry in &entries {
            self.jobs.insert(entry);
            self.speaker.say(JobEvent::Added { job: entry.id() });
        }
        entries.into_iter().for_each(|entry| self.drive(entry));
        self.keep_up();
    }
}

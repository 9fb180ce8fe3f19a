//! Accepting jobs: checked, put down in the ledger, and started, a whole batch at once.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Inner, Result};
use crate::job::{Job, JobEvent, JobId, JobSpec, JobState, Level, Progress};
use crate::oci::printable;

impl Inner {
    /// Accepts jobs and starts what drives them; their numbers, in the same order. A specification that can never
    /// run refuses them all, before anything is recorded.
    pub(super) async fn accept(self: &Arc<Inner>, specs: Vec<JobSpec>) -> Result<Vec<JobId>> {
        for spec in &specs {
            if spec.destinations.is_empty() {
                return Err(Error::Request(format!("{}: no destination was named", spec.source)));
            }
            super::door::check(spec)?;
        }
        let recorded = match &self.ledger {
            None => None,
            Some(ledger) => match ledger.enlist(&specs).await {
                Ok(jobs) => Some(jobs),
                Err(error) => {
                    self.say_not_recorded(&specs, &error);
                    None
                }
            },
        };
        let jobs = recorded.unwrap_or_else(|| {
            // The images can move all the same; a number below zero is nobody's in the ledger.
            let sign = if self.ledger.is_some() { -1 } else { 1 };
            specs.into_iter().map(|spec| unrecorded(JobId(sign * self.next_serial()), spec)).collect()
        });
        let ids = jobs.iter().map(|job| job.id).collect();
        self.start(jobs);
        Ok(ids)
    }

    fn say_not_recorded(&self, specs: &[JobSpec], error: &crate::ledger::Error) {
        let text = match specs {
            [one] => format!("{one} is not recorded: {error}"),
            all => format!("{} jobs are not recorded: {error}", all.len()),
        };
        let text = printable(&text, 2000);
        self.speaker.say(JobEvent::Note { job: None, level: Level::Warn, text });
    }
}

fn unrecorded(id: JobId, spec: JobSpec) -> Job {
    Job {
        id,
        spec,
        state: JobState::Queued,
        progress: Progress::default(),
        priority: 0,
        created: Timestamp::now(),
        started: None,
        finished: None,
        failure: None,
        report: None,
    }
}

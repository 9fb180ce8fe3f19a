//! Accepting jobs: checked, put down in the ledger, and started, a whole batch at once.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Inner, Result};
use crate::job::{Job, JobEvent, JobId, JobSpec, JobState, Level, Progress, Target};
use crate::oci::printable;

impl Inner {
    /// Accepts jobs and starts what drives them; their numbers, in the same order. A specification that can never
    /// run refuses them all, before anything is recorded.
    pub(super) async fn accept(self: &Arc<Inner>, specs: Vec<JobSpec>) -> Result<Vec<JobId>> {
        for spec in &specs {
            if spec.destinations.is_empty() {
                return Err(Error::Request(format!("{}: no destination was named", spec.source)));
            }
        }
        let streams = self.check_standard_output(&specs)?;
        let recorded = match self.ledger.as_ref().filter(|_| !streams) {
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

    /// Whether an archive goes to standard output. Who reads it is gone with this process, so that nobody could take
    /// such a job up again: it is not recorded.
    fn check_standard_output(&self, specs: &[JobSpec]) -> Result<bool> {
        let targets = specs.iter().flat_map(|spec| &spec.destinations);
        let streams = targets
            .filter(|target| matches!(target, Target::Image(location) if location.is_standard_stream()))
            .count();
        let refused = match (&self.standard_output, streams) {
            (_, 0) => return Ok(false),
            (None, _) => {
                "standard output is a terminal: pipe it, as in `wharf export REF -o - | docker load`, or redirect it into a file"
            }
            (Some(_), 1) => return Ok(true),
            (Some(_), _) => "standard output takes one archive, not several",
        };
        Err(Error::Request(refused.to_owned()))
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

//! What a batch came to, in one line or one object.

use serde::Serialize;

use super::output::{duration, size};
use crate::job::{Job, JobState};

/// Counts over the jobs of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    /// All of them.
    pub jobs: usize,
    /// Those that did something and succeeded.
    pub succeeded: usize,
    /// Those that found everything there already.
    pub up_to_date: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that somebody ended.
    pub cancelled: usize,
    /// Bytes sent, of those that failed too.
    pub wire: u64,
    /// Bytes that needed no sending.
    pub reused: u64,
    /// Wall time in milliseconds.
    pub millis: u64,
}

impl Summary {
    /// Counts jobs that are over.
    pub fn of(jobs: &[Job], millis: u64) -> Summary {
        let mut summary = Summary { jobs: jobs.len(), millis, ..Summary::default() };
        for job in jobs {
            let count = match (job.state, &job.report) {
                (JobState::Succeeded, Some(report)) if report.outputs.iter().all(|o| o.up_to_date) => {
                    &mut summary.up_to_date
                }
                (JobState::Succeeded, _) => &mut summary.succeeded,
                (JobState::Failed, _) => &mut summary.failed,
                _ => &mut summary.cancelled,
            };
            *count += 1;
            let (wire, reused) = match &job.report {
                Some(report) => (report.wire, report.reused),
                None => (job.progress.wire, job.progress.reused),
            };
            summary.wire = summary.wire.saturating_add(wire);
            summary.reused = summary.reused.saturating_add(reused);
        }
        summary
    }

    /// `200 images: 150 copied, 48 up to date, 2 failed; 1.20 GB sent, 3.40 GB reused, 42 s`
    pub fn text(&self) -> String {
        let counts = [
            (self.succeeded, "copied"),
            (self.up_to_date, "up to date"),
            (self.failed, "failed"),
            (self.cancelled, "cancelled"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        let noun = if self.jobs == 1 { "image" } else { "images" };
        format!(
            "{} {noun}: {}; {} sent, {} reused, {}",
            self.jobs,
            counts.join(", "),
            size(self.wire),
            size(self.reused),
            duration(self.millis)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::job::{Output, Report};
    use crate::oci::Digest;

    #[test]
    fn every_job_counts_once() {
        let done = |up_to_date, wire, reused| {
            let output = Output {
                location: "h.io/a:1".to_owned(),
                digest: Digest::of(b"x"),
                was: None,
                path: None,
                up_to_date,
                overwritten: Vec::new(),
            };
            let mut job = sample::job(1, JobState::Succeeded);
            job.report = Some(Report { outputs: vec![output], wire, reused, ..Report::default() });
            job
        };
        let mut failed = sample::running(4, 5_000_000, 0, 9_000_000);
        failed.state = JobState::Failed;
        let jobs = [done(false, 70_000_000, 1_000), done(true, 0, 30_000_000), failed];
        let want = "3 images: 1 copied, 1 up to date, 1 failed; 75.0 MB sent, 30.0 MB reused, 2.0 s";
        assert_eq!(Summary::of(&jobs, 2_000).text(), want);
    }
}

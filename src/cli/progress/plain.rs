//! Progress as lines that stay: a beginning, a line every few seconds, an end.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::rate::Rate;
use super::screen::Screen;
use crate::cli::output::{duration, size};
use crate::job::{Job, JobId, JobState};
use crate::oci::printable;

/// How often a running job gets a line.
const EVERY: Duration = Duration::from_secs(5);

/// Progress as lines.
pub(in crate::cli) struct Plain {
    screen: Screen,
    jobs: HashMap<JobId, Seen>,
}

struct Seen {
    state: JobState,
    rate: Rate,
    told: Instant,
}

impl Plain {
    pub(super) fn new(screen: Screen) -> Plain {
        Plain { screen, jobs: HashMap::new() }
    }

    pub(super) fn line(&self, text: &str) {
        self.screen.line(text);
    }

    pub(super) fn sample<J: Borrow<Job>>(&mut self, jobs: &[J], now: Instant) {
        for job in jobs.iter().map(J::borrow) {
            for line in self.lines(job, now) {
                self.screen.line(&line);
            }
        }
    }

    fn lines(&mut self, job: &Job, now: Instant) -> Vec<String> {
        let (id, wire) = (job.id, job.progress.wire);
        let mut lines = Vec::new();
        let fresh = !self.jobs.contains_key(&id);
        let seen = self.jobs.entry(id).or_insert_with(|| Seen {
            state: job.state,
            rate: Rate::new(now, wire),
            told: now,
        });
        seen.rate.add(now, wire);
        if fresh {
            lines.push(format!("job {id}: {}", printable(&job.spec.to_string(), 500)));
        }
        let ended = job.state.is_final() || job.state == JobState::Paused;
        if ended && (fresh || seen.state != job.state) {
            lines.push(format!("job {id}: {}", end_text(job)));
        } else if let Some(aside) = job.progress.aside.as_ref()
            && job.state.is_active()
            && now.duration_since(seen.told) >= EVERY
        {
            seen.told = now;
            lines.push(format!("job {id}: {}", super::aside_text(aside)));
        } else if job.state == JobState::Running && now.duration_since(seen.told) >= EVERY {
            seen.told = now;
            lines.push(format!("job {id}: {}", progress_text(job, &seen.rate, now)));
        }
        seen.state = job.state;
        lines
    }
}

/// `64 %, 45.0 MB of 71.2 MB, 31.0 MB/s, 12 s left`
fn progress_text(job: &Job, rate: &Rate, now: Instant) -> String {
    let progress = &job.progress;
    let done = progress.wire + progress.reused;
    let percent = (progress.fraction() * 100.0).floor();
    let mut text = format!("{percent} %, {} of {}", size(done), size(progress.total));
    if let Some(silence) = rate.stalled(now) {
        text += &format!(", stalled for {} s", silence.as_secs());
    } else if let Some(per_second) = rate.per_second(now) {
        text += &format!(", {}/s", size(per_second as u64));
        if let Some(eta) = rate.eta(now, progress.total.saturating_sub(done)) {
            text += &format!(", {} left", duration(eta * 1000));
        }
    }
    text
}

/// How a job ended: `done, 71.2 MB sent, 140 MB reused, 3.2 s`.
pub(super) fn end_text(job: &Job) -> String {
    match (job.state, &job.report, &job.failure) {
        (JobState::Succeeded, Some(report), _)
            if report.wire == 0 && report.outputs.iter().all(|o| o.up_to_date) =>
        {
            format!("done, everything was there already, {}", duration(report.millis))
        }
        (JobState::Succeeded, Some(report), _) => {
            let reused = match report.reused {
                0 => String::new(),
                bytes => format!(", {} reused", size(bytes)),
            };
            format!("done, {} sent{reused}, {}", size(report.wire), duration(report.millis))
        }
        (JobState::Failed, _, Some(failure)) => format!("failed ({})", failure.class),
        (state, ..) => state.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::screen::tests::Written;
    use super::*;
    use crate::cli::sample;
    use crate::job::{Failure, Report};
    use crate::oci::ErrorClass;

    #[test]
    fn a_job_is_told_from_beginning_to_end() {
        let out = Written::default();
        let mut plain = Plain::new(Screen::new(Box::new(out.clone()), || (80, 24)));
        let start = Instant::now();
        for tick in 0..=130_u64 {
            let moved = tick.min(60) * 1_000_000;
            plain.sample(
                &[sample::running(1, moved, 20_000_000, 100_000_000)],
                start + Duration::from_millis(tick * 100),
            );
        }
        let mut done = sample::job(1, JobState::Succeeded);
        done.report =
            Some(Report { wire: 80_000_000, reused: 20_000_000, millis: 13_100, ..Report::default() });
        let mut failed = sample::job(2, JobState::Failed);
        failed.failure =
            Some(Failure { message: "x".to_owned(), class: ErrorClass::Auth, hint: None, exchange: None });
        for _ in 0..3 {
            plain.sample(&[done.clone(), failed.clone()], start + Duration::from_secs(14));
        }
        let what = "docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27";
        let want = format!(
            "job 1: {what}\njob 1: 70 %, 70.0 MB of 100 MB, 10.0 MB/s, 3.0 s left\n\
             job 1: 80 %, 80.0 MB of 100 MB, 6.00 MB/s, 4.0 s left\n\
             job 1: done, 80.0 MB sent, 20.0 MB reused, 13 s\njob 2: {what}\njob 2: failed (auth)"
        );
        assert_eq!(out.shown(24, 80).trim_end(), want);
    }
}

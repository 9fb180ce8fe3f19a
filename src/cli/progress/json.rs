//! Progress as JSON, an object a line: every event as the engine tells it, and `progress` once a second for
//! each job that moved.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::rate::Rate;
use super::screen::Screen;
use crate::job::{Job, JobEvent, JobId, JobState};

/// How often a job gets a line, at most.
const EVERY: Duration = Duration::from_secs(1);

/// Progress as JSON lines.
pub(in crate::cli) struct JsonLines {
    screen: Screen,
    jobs: HashMap<JobId, Seen>,
}

struct Seen {
    rate: Rate,
    told: Option<(Instant, JobState, u64, u64, u64)>,
}

impl JsonLines {
    pub(super) fn new(screen: Screen) -> JsonLines {
        JsonLines { screen, jobs: HashMap::new() }
    }

    pub(super) fn event(&self, event: &JobEvent) {
        if let Ok(line) = serde_json::to_string(event) {
            self.screen.line(&line);
        }
    }

    pub(super) fn sample<J: Borrow<Job>>(&mut self, jobs: &[J], now: Instant) {
        for job in jobs.iter().map(J::borrow) {
            let progress = &job.progress;
            let (wire, reused) = (progress.wire, progress.reused);
            let aside = progress.aside.map_or(0, |aside| aside.done);
            let seen =
                self.jobs.entry(job.id).or_insert_with(|| Seen { rate: Rate::new(now, wire), told: None });
            seen.rate.add(now, wire);
            let due = match seen.told {
                None => true,
                Some((at, state, w, r, a)) => {
                    let moved = (w, r, a) != (wire, reused, aside);
                    state != job.state || (moved && now.duration_since(at) >= EVERY)
                }
            };
            if !due {
                continue;
            }
            seen.told = Some((now, job.state, wire, reused, aside));
            let mut line = json!({
                "event": "progress",
                "job": job.id,
                "state": job.state,
                "total": progress.total,
                "wire": wire,
                "reused": reused,
                "rate": seen.rate.per_second(now).map(|rate| rate as u64),
            });
            if let (Some(aside), Some(line)) = (&progress.aside, line.as_object_mut()) {
                line.insert("aside".to_owned(), json!(aside));
            }
            self.screen.line(&line.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::screen::tests::Written;
    use super::*;
    use crate::cli::sample;

    #[test]
    fn lines_are_objects_and_not_too_many() {
        let out = Written::default();
        let mut lines = JsonLines::new(Screen::new(Box::new(out.clone()), || (80, 24)));
        let start = Instant::now();
        lines.event(&JobEvent::Added { job: JobId(1) });
        for tick in 0..=30_u64 {
            lines.sample(&[sample::running(1, tick, 0, 100)], start + Duration::from_millis(tick * 100));
        }
        lines.sample(&[sample::job(1, JobState::Succeeded)], start + Duration::from_secs(3));
        let shown = out.shown(24, 200);
        let objects: Vec<serde_json::Value> =
            shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 6, "{shown}");
        assert_eq!((&objects[0]["event"], &objects[5]["state"]), (&"added".into(), &"succeeded".into()));
        assert_eq!((&objects[1]["rate"], &objects[3]["wire"]), (&serde_json::Value::Null, &20.into()));
    }
}

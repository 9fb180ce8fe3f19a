//! Progress on standard error: bars that move, plain lines, or JSON. What is shown comes from samples of the
//! jobs, so a missed event costs nothing; events only add retries and notes.

mod bars;
mod json;
mod plain;
mod rate;
mod screen;

use std::borrow::Borrow;

pub use screen::{Screen, ScreenWriter};

use tokio::time::Instant;

use self::bars::Bars;
use self::json::JsonLines;
use self::plain::Plain;
use super::ProgressMode;
use super::output::size;
use crate::config::Symbols;
use crate::job::{Aside, AsideKind, Job, JobEvent, Level};
use crate::oci::printable;

/// A way of showing progress.
pub(super) enum Progress {
    None,
    Plain(Plain),
    Json(JsonLines),
    Bars(Bars),
}

impl Progress {
    pub fn new(mode: ProgressMode, screen: Screen, symbols: Symbols) -> Progress {
        match mode {
            ProgressMode::None => Progress::None,
            ProgressMode::Bars => Progress::Bars(Bars::new(screen, symbols)),
            ProgressMode::Json => Progress::Json(JsonLines::new(screen)),
            ProgressMode::Plain | ProgressMode::Auto => Progress::Plain(Plain::new(screen)),
        }
    }

    /// Tells of an event.
    pub fn event(&mut self, event: &JobEvent) {
        match self {
            Progress::None => {}
            Progress::Json(lines) => lines.event(event),
            Progress::Plain(plain) => event_line(event).into_iter().for_each(|line| plain.line(&line)),
            Progress::Bars(bars) => event_line(event).into_iter().for_each(|line| bars.line(&line)),
        }
    }

    /// Shows the jobs as they stand.
    pub fn sample<J: Borrow<Job>>(&mut self, jobs: &[J], now: Instant) {
        match self {
            Progress::None => {}
            Progress::Plain(plain) => plain.sample(jobs, now),
            Progress::Json(lines) => lines.sample(jobs, now),
            Progress::Bars(bars) => bars.sample(jobs, now),
        }
    }

    /// Leaves the screen as it is to stay.
    pub fn end(&mut self) {
        if let Progress::Bars(bars) = self {
            bars.end();
        }
    }
}

/// Retries, notes and staging as a line; other events show in the samples.
pub(super) fn event_line(event: &JobEvent) -> Option<String> {
    let of = |job: &Option<crate::job::JobId>| job.map(|id| format!("job {id}: ")).unwrap_or_default();
    match event {
        JobEvent::Retry { job, reason, attempt, of: all, delay, .. } => {
            let wait = super::output::duration(*delay);
            Some(format!("{}attempt {attempt} of {all} in {wait}: {}", of(job), printable(reason, 500)))
        }
        JobEvent::Staging { job, what, bytes } => {
            Some(format!("{}{}: {} so far", of(job), printable(what, 500), super::output::size(*bytes)))
        }
        // A job's own error is its end, which is told once, with its hint, when it is over.
        JobEvent::Note { job: Some(_), level: Level::Error, .. } => None,
        JobEvent::Note { job, level: Level::Warn | Level::Error, text } => {
            Some(format!("{}{}", of(job), printable(text, 500)))
        }
        // What is worth knowing in the end is in the report.
        JobEvent::Note { .. }
        | JobEvent::Added { .. }
        | JobEvent::Moved { .. }
        | JobEvent::Planned { .. } => None,
    }
}

/// `the engine saves it: 45.0 MB of about 71.2 MB`
fn aside_text(aside: &Aside) -> String {
    let what = match aside.kind {
        AsideKind::Saving => "the engine saves it",
        AsideKind::Loading => "the engine loads it",
    };
    match (aside.kind, aside.total) {
        (_, 0) => format!("{what}: {}", size(aside.done)),
        (AsideKind::Saving, total) => format!("{what}: {} of about {}", size(aside.done), size(total)),
        (AsideKind::Loading, total) => format!("{what}: {} of {} sent", size(aside.done), size(total)),
    }
}

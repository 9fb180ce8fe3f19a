//! The log: the engine's events as lines, in a ring.

use std::collections::VecDeque;

use jiff::civil::Time;

use crate::config::Language;
use crate::job::{JobEvent, JobId, JobState, Level};
use crate::tui::view::text::bytes as bytes_text;

/// Lines that are kept.
const LINES: usize = 10_000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Local time.
    pub at: Time,
    /// How weighty.
    pub level: Level,
    /// What happened.
    pub text: String,
}

/// See the module.
#[derive(Debug)]
pub struct Logs {
    lines: VecDeque<Line>,
    /// Lines below this level are not shown.
    pub level: Level,
    /// Whether the newest line stays in view.
    pub follow: bool,
    /// Shown lines between the window's end and the newest.
    pub back: usize,
}

impl Default for Logs {
    fn default() -> Logs {
        Logs { lines: VecDeque::new(), level: Level::Info, follow: true, back: 0 }
    }
}

impl Logs {
    /// Adds a line.
    pub fn push(&mut self, at: Time, level: Level, text: String) {
        if self.lines.len() >= LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { at, level, text });
        if !self.follow && level >= self.level {
            // The window stays where it is.
            self.back += 1;
        }
    }

    /// Adds an event; `name` finds a job's source.
    pub fn event(&mut self, at: Time, event: &JobEvent, words: Language, name: impl Fn(JobId) -> String) {
        let (level, text) = match event {
            JobEvent::Added { job } => (Level::Debug, words.log_added(job, name(*job))),
            JobEvent::Moved { job, to, .. } => {
                let level = match to {
                    JobState::Failed => Level::Error,
                    JobState::Running | JobState::Succeeded | JobState::Cancelled | JobState::Paused => {
                        Level::Info
                    }
                    _ => Level::Debug,
                };
                (level, words.log_moved(job, name(*job), words.job_state(*to)))
            }
            JobEvent::Staging { what, bytes, .. } => {
                (Level::Info, words.log_staging(what, bytes_text(*bytes)))
            }
            JobEvent::Planned { job, blobs, bytes } => {
                (Level::Debug, words.log_planned(job, name(*job), blobs, bytes_text(*bytes)))
            }
            JobEvent::Retry { reason, attempt, of, delay, .. } => {
                let seconds = (*delay as f64 / 100.0).round() / 10.0;
                (Level::Warn, words.log_retry(reason, attempt, of, seconds))
            }
            JobEvent::Note { level, text, .. } => (*level, text.clone()),
        };
        self.push(at, level, crate::oci::printable(&text, 1000));
    }

    /// Lines of the level shown.
    pub fn shown(&self) -> usize {
        self.lines.iter().filter(|line| line.level >= self.level).count()
    }

    /// The window of `height` lines, oldest first.
    pub fn window(&self, height: usize) -> Vec<&Line> {
        let back = if self.follow { 0 } else { self.back };
        let shown = self.lines.iter().rev().filter(|line| line.level >= self.level);
        let mut window: Vec<&Line> = shown.skip(back).take(height).collect();
        window.reverse();
        window
    }

    /// Scrolls towards older lines (negative) or newer ones; at the newest it follows again.
    pub fn scroll(&mut self, rows: isize, height: usize) {
        let back = if self.follow { 0 } else { self.back };
        let furthest = self.shown().saturating_sub(height);
        self.back = back.saturating_add_signed(rows.saturating_neg()).min(furthest);
        self.follow = self.back == 0;
    }

    /// The next level.
    pub fn next_level(&mut self) {
        self.level = match self.level {
            Level::Debug => Level::Info,
            Level::Info => Level::Warn,
            Level::Warn => Level::Error,
            Level::Error => Level::Debug,
        };
        (self.follow, self.back) = (true, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_bounded_and_a_scrolled_window_stays() {
        let mut logs = Logs::default();
        for n in 0..LINES + 5 {
            logs.push(Time::midnight(), if n % 2 == 0 { Level::Info } else { Level::Debug }, n.to_string());
        }
        assert_eq!((logs.lines.len(), logs.shown()), (LINES, LINES / 2));
        let texts = |logs: &Logs| logs.window(2).iter().map(|l| l.text.clone()).collect::<Vec<_>>();
        assert_eq!(texts(&logs), ["10002", "10004"]);
        logs.scroll(-1, 2);
        assert_eq!(texts(&logs), ["10000", "10002"]);
        logs.push(Time::midnight(), Level::Error, "new".to_owned());
        assert_eq!(texts(&logs), ["10000", "10002"]);
        logs.scroll(10, 2);
        assert!(logs.follow);
        assert_eq!(texts(&logs)[1], "new");
        logs.scroll(isize::MIN, 2);
        assert_eq!(texts(&logs)[0], "6");
    }
}

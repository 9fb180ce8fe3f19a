//! The log: the engine's events as lines, in a ring; what is searched for in it.

use std::collections::VecDeque;

use jiff::civil::Time;

use crate::config::Language;
use crate::job::{JobEvent, JobId, JobState, Level};
use crate::tui::view::text::bytes as bytes_text;

/// Lines that are kept.
const LINES: usize = 10_000;
/// Columns that a key moves long lines by.
const STEP: usize = 16;
/// Where the longest line's end is: [`Logs::event`] cuts there.
const LONGEST: usize = 1000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Local time.
    pub at: Time,
    /// How weighty.
    pub level: Level,
    /// The job that it is of.
    pub job: Option<JobId>,
    /// What happened.
    pub text: String,
}

/// See the module.
#[derive(Debug)]
pub struct Logs {
    lines: VecDeque<Line>,
    /// Lines that were dropped from the ring: with it a line's number is its own for ever.
    dropped: u64,
    /// Lines below this level are not shown.
    pub level: Level,
    /// Whether the newest line stays in view.
    pub follow: bool,
    /// Shown lines between the window's end and the newest.
    pub back: usize,
    /// Columns that are scrolled away at the left.
    pub left: usize,
    /// What is searched for, in lower case; empty where nothing is.
    pattern: String,
    /// Shown lines that have it.
    hits: usize,
    /// The number of the line that the search is at.
    found: Option<u64>,
}

impl Default for Logs {
    fn default() -> Logs {
        Logs {
            lines: VecDeque::new(),
            dropped: 0,
            level: Level::Info,
            follow: true,
            back: 0,
            left: 0,
            pattern: String::new(),
            hits: 0,
            found: None,
        }
    }
}

/// Where a pattern stands in a text, both in bytes; the pattern is in lower case.
pub fn matches(text: &str, pattern: &str) -> Vec<(usize, usize)> {
    if pattern.is_empty() {
        return Vec::new();
    }
    // Only ASCII letters have another case here: other ones may change their length with it.
    let lower = text.to_ascii_lowercase();
    lower.match_indices(pattern).map(|(at, found)| (at, at + found.len())).collect()
}

impl Logs {
    /// Adds a line.
    pub fn push(&mut self, at: Time, level: Level, job: Option<JobId>, text: String) {
        if self.lines.len() >= LINES
            && let Some(gone) = self.lines.pop_front()
        {
            self.dropped += 1;
            self.hits -= usize::from(gone.level >= self.level && self.has(&gone.text));
        }
        if level >= self.level {
            self.hits += usize::from(self.has(&text));
            if !self.follow {
                // The window stays where it is.
                self.back = (self.back + 1).min(LINES);
            }
        }
        self.lines.push_back(Line { at, level, job, text });
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
        self.push(at, level, event.job(), crate::oci::printable(&text, LONGEST));
    }

    /// Lines of the level shown.
    pub fn shown(&self) -> usize {
        self.lines.iter().filter(|line| line.level >= self.level).count()
    }

    /// All lines, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// A job's lines, oldest first.
    pub fn of_job(&self, job: JobId) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.job == Some(job))
    }

    /// The window of `height` lines, oldest first, and for each whether the search is at it.
    pub fn window(&self, height: usize) -> Vec<(&Line, bool)> {
        let back = if self.follow { 0 } else { self.back };
        let numbered = self.lines.iter().enumerate().rev().filter(|(_, line)| line.level >= self.level);
        let found = self.found.and_then(|found| usize::try_from(found.checked_sub(self.dropped)?).ok());
        let mut window: Vec<_> =
            numbered.skip(back).take(height).map(|(n, line)| (line, found == Some(n))).collect();
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

    /// Follows the newest line, or stays.
    pub fn toggle_follow(&mut self) {
        self.follow = !self.follow;
        self.back = 0;
    }

    /// Scrolls long lines to the side; false where there is nothing more on that side.
    pub fn shift(&mut self, right: bool) -> bool {
        let before = self.left;
        let shown = self.lines.iter().filter(|line| line.level >= self.level);
        self.left = match right {
            true if shown.map(|line| line.text.len()).max().unwrap_or(0) <= before + STEP => before,
            true => (before + STEP).min(LONGEST),
            false => before.saturating_sub(STEP),
        };
        self.left != before
    }

    /// The next level.
    pub fn next_level(&mut self) {
        self.level = match self.level {
            Level::Debug => Level::Info,
            Level::Info => Level::Warn,
            Level::Warn => Level::Error,
            Level::Error => Level::Debug,
        };
        (self.follow, self.back, self.found) = (true, 0, None);
        self.count();
    }

    /// What is searched for.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Shown lines that have it.
    pub fn hits(&self) -> usize {
        self.hits
    }

    fn has(&self, text: &str) -> bool {
        !self.pattern.is_empty() && !matches(text, &self.pattern).is_empty()
    }

    fn count(&mut self) {
        let has = |line: &&Line| line.level >= self.level && self.has(&line.text);
        self.hits = self.lines.iter().filter(has).count();
    }

    /// Searches for something else, from the newest line; nothing ends the search.
    pub fn search(&mut self, pattern: &str, height: usize) {
        self.pattern = pattern.to_ascii_lowercase();
        self.found = None;
        self.count();
        if self.hits > 0 {
            self.seek(false, height);
        }
    }

    /// Goes to the next line (downwards) that has what is searched for, or to the one before; around the end.
    pub fn seek(&mut self, down: bool, height: usize) {
        let shown: Vec<usize> =
            (0..self.lines.len()).filter(|n| self.lines[*n].level >= self.level).collect();
        let hits: Vec<usize> = (0..shown.len()).filter(|at| self.has(&self.lines[shown[*at]].text)).collect();
        let here = self.found.and_then(|found| {
            let n = usize::try_from(found.checked_sub(self.dropped)?).ok()?;
            shown.iter().position(|shown| *shown == n)
        });
        let next = match (here, down) {
            (Some(here), true) => hits.iter().find(|hit| **hit > here).or(hits.first()),
            (Some(here), false) => hits.iter().rev().find(|hit| **hit < here).or(hits.last()),
            (None, true) => hits.first(),
            (None, false) => hits.last(),
        };
        let Some(next) = next.copied() else { return };
        self.found = Some(self.dropped + shown[next] as u64);
        // In the window already: nothing moves. Else it stands in its middle.
        let back = if self.follow { 0 } else { self.back };
        let end = shown.len().saturating_sub(back);
        if next >= end || next < end.saturating_sub(height) {
            let furthest = shown.len().saturating_sub(height);
            self.back = shown.len().saturating_sub(next + 1 + height / 2).min(furthest);
        } else {
            self.back = back;
        }
        self.follow = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(logs: &Logs, height: usize) -> Vec<String> {
        logs.window(height).iter().map(|(line, _)| line.text.clone()).collect()
    }

    #[test]
    fn the_ring_is_bounded_and_a_scrolled_window_stays() {
        let mut logs = Logs::default();
        for n in 0..LINES + 5 {
            let level = if n % 2 == 0 { Level::Info } else { Level::Debug };
            logs.push(Time::midnight(), level, None, n.to_string());
        }
        assert_eq!((logs.lines.len(), logs.shown()), (LINES, LINES / 2));
        assert_eq!(texts(&logs, 2), ["10002", "10004"]);
        logs.scroll(-1, 2);
        assert_eq!(texts(&logs, 2), ["10000", "10002"]);
        logs.push(Time::midnight(), Level::Error, None, "new".to_owned());
        assert_eq!(texts(&logs, 2), ["10000", "10002"]);
        logs.scroll(10, 2);
        assert!(logs.follow);
        assert_eq!(texts(&logs, 2)[1], "new");
        logs.scroll(isize::MIN, 2);
        assert_eq!(texts(&logs, 2)[0], "6");
    }

    #[test]
    fn a_search_goes_round_and_its_count_stays_right() {
        let mut logs = Logs::default();
        for n in 0..LINES {
            let text = if n % 1000 == 7 { format!("Blob {n}") } else { format!("line {n}") };
            logs.push(Time::midnight(), Level::Info, None, text);
        }
        let at = |logs: &Logs| {
            let window = logs.window(5);
            window.iter().find(|(_, found)| *found).map(|(line, _)| line.text.clone())
        };
        logs.search("BLOB", 5);
        assert_eq!((logs.hits(), at(&logs).as_deref()), (10, Some("Blob 9007")));
        logs.seek(false, 5);
        assert_eq!(at(&logs).as_deref(), Some("Blob 8007"));
        logs.seek(true, 5);
        logs.seek(true, 5);
        assert_eq!(at(&logs).as_deref(), Some("Blob 7"), "around the end");
        for n in 0..8 {
            logs.push(Time::midnight(), Level::Info, None, format!("new {n}"));
        }
        assert_eq!(logs.hits(), 9, "what the ring dropped is no hit");
        logs.seek(true, 5);
        assert_eq!(at(&logs).as_deref(), Some("Blob 1007"));
        logs.next_level();
        assert_eq!(logs.hits(), 0, "lines that are not shown are not counted");
        logs.search("", 5);
        assert_eq!((logs.hits(), at(&logs)), (0, None));
        assert_eq!(matches("aÄBa", "a"), [(0, 1), (4, 5)]);
    }
}

//! The history: jobs that are over, of every process that uses the ledger, newest first, in pages that come as the cursor
//! gets near their end.

use tui_input::Input;

use crate::job::{Failure, Job, JobId};
use crate::tui::past::PAGE;

/// Jobs that are kept in memory at most; who looks further back filters.
const MOST: usize = 20_000;

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    rows: Vec<Job>,
    /// The request that is waited for.
    pub waiting: Option<u64>,
    /// Whether there are no more.
    pub ended: bool,
    /// Why there are none.
    pub failure: Option<Failure>,
    /// What the jobs have in their names, states or failures.
    pub input: Input,
    /// Whether that is being typed.
    pub typing: bool,
    cursor: usize,
    /// First row of the window.
    pub offset: usize,
}

impl History {
    /// The jobs so far.
    pub fn rows(&self) -> &[Job] {
        &self.rows
    }

    /// The cursor's row.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The cursor's job.
    pub fn current(&self) -> Option<&Job> {
        self.rows.get(self.cursor)
    }

    /// One of them.
    pub fn get(&self, id: JobId) -> Option<&Job> {
        self.rows.iter().find(|job| job.id == id)
    }

    /// Moves the cursor, within bounds.
    pub fn move_to(&mut self, row: usize) {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
    }

    /// Begins anew: the filter changed.
    pub fn restart(&mut self) {
        self.rows.clear();
        (self.waiting, self.ended, self.failure) = (None, false, None);
        (self.cursor, self.offset) = (0, 0);
    }

    /// The job before which the next page begins, if one is wanted: the cursor is near the end of what is there.
    pub fn next_page(&self, height: usize) -> Option<Option<JobId>> {
        let near = self.cursor + 2 * height >= self.rows.len();
        let open = self.waiting.is_none() && !self.ended && self.failure.is_none();
        (open && near && self.rows.len() < MOST).then(|| self.rows.last().map(|job| job.id))
    }

    /// Takes a page; one that nobody waits for is dropped.
    pub fn answer(&mut self, request: u64, answer: Result<Vec<Job>, Failure>) {
        if self.waiting != Some(request) {
            return;
        }
        self.waiting = None;
        match answer {
            Ok(page) => {
                self.ended = page.len() < PAGE as usize;
                self.rows.extend(page);
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Keeps the cursor within a window of `height` rows.
    pub fn settle(&mut self, height: usize) {
        self.offset = super::listing::settled(self.offset, self.cursor, self.rows.len(), height);
    }
}

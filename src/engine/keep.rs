//! What stays of a job that failed: files that are not whole are removed, unless the reason may pass.

use std::sync::atomic::Ordering::Acquire;

use super::run::Running;
use super::{Error, Result};
use crate::job::Level;

impl Running {
    /// Lets the destinations keep what came where the job, run again, could go on with it. What was cancelled is
    /// removed, unless another process goes on with it. To be told before the blobs under way are dropped.
    pub(super) fn keep_what_came(&self, result: &Result<()>) {
        let goes_on = match result {
            Err(Error::Transport(error)) => error.may_pass(),
            Err(Error::Cancelled) => self.engine.handing_over.load(Acquire),
            _ => false,
        };
        if !goes_on {
            return;
        }
        let doors = self.destinations.iter().enumerate().filter(|(at, _)| self.needs(*at));
        for kept in doors.filter_map(|(_, door)| door.destination.keep()) {
            self.voice.note(Level::Warn, &kept);
        }
    }
}

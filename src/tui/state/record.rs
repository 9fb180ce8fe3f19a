//! What the ledger remembers of the job that is looked at.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::engine::JobRecord;
use crate::job::{Failure, JobId};

/// How often the record of a job that goes on is read again.
const EVERY: Duration = Duration::from_secs(1);

/// The record of one job: that whose page is open.
#[derive(Debug)]
pub struct Record {
    job: Option<JobId>,
    answer: Option<Result<Box<JobRecord>, Failure>>,
    /// When it was last asked for.
    asked: Option<Duration>,
    waiting: bool,
    /// Whether something was said of the job since.
    stale: bool,
    /// Whose clock the page's times are shown by.
    pub zone: TimeZone,
}

impl Default for Record {
    fn default() -> Record {
        Record {
            job: None,
            answer: None,
            asked: None,
            waiting: false,
            stale: false,
            zone: TimeZone::system(),
        }
    }
}

impl Record {
    /// What is known of a job.
    pub fn of(&self, job: JobId) -> Option<&JobRecord> {
        self.answer.as_ref().filter(|_| self.job == Some(job))?.as_ref().ok().map(|record| &**record)
    }

    /// Why nothing is known of it.
    pub fn failure(&self, job: JobId) -> Option<&Failure> {
        self.answer.as_ref().filter(|_| self.job == Some(job))?.as_ref().err()
    }

    /// Whether it is to be asked for, now that this job is looked at.
    pub fn wanted(&mut self, job: JobId, now: Duration) -> bool {
        if self.job != Some(job) {
            (self.job, self.answer, self.stale, self.waiting) = (Some(job), None, true, false);
            self.asked = None;
        }
        let rested = self.asked.is_none_or(|asked| now >= asked + EVERY);
        let due = self.stale && !self.waiting && rested;
        if due {
            (self.asked, self.stale, self.waiting) = (Some(now), false, true);
        }
        due
    }

    /// Nobody looks at it any more.
    pub fn close(&mut self) {
        (self.job, self.answer, self.stale, self.waiting) = (None, None, false, false);
    }

    /// Something was said of a job.
    pub fn touched(&mut self, job: JobId) {
        self.stale |= self.job == Some(job);
    }

    /// Takes the answer.
    pub fn answered(&mut self, job: JobId, answer: Result<Box<JobRecord>, Failure>) {
        if self.job == Some(job) {
            (self.answer, self.waiting) = (Some(answer), false);
        }
    }

    /// When it is to be asked for again.
    pub fn deadline(&self) -> Option<Duration> {
        let asked = self.asked.filter(|_| self.stale && !self.waiting)?;
        Some(asked + EVERY)
    }

    /// A moment by the clock on the wall: `2026-11-21 12:04:11`.
    pub fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// The same without the day.
    pub fn time_of_day(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }
}

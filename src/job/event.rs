//! What the engine says while it works. Byte counts are not among it: they are sampled.

use serde::{Deserialize, Serialize};

use super::{JobId, JobState};
use crate::oci::ErrorClass;

/// How weighty a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For the curious.
    Debug,
    /// The ordinary course.
    Info,
    /// Something to know.
    Warn,
    /// Something failed.
    Error,
}

/// One event of a job, or of the engine itself (no job).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum JobEvent {
    /// A job was accepted.
    Added {
        /// Which job.
        job: JobId,
    },
    /// A job moved to another state.
    Moved {
        /// Which job.
        job: JobId,
        /// From here,
        from: JobState,
        /// to here.
        to: JobState,
    },
    /// Its plan is made: how much there is to do.
    Planned {
        /// Which job.
        job: JobId,
        /// Blobs, each once.
        blobs: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Something is staged on the disk before a plan can be made, and it takes a while.
    Staging {
        /// Which job, if it belongs to one.
        job: Option<JobId>,
        /// What, as a printable sentence without its end: `standard input is staged`.
        what: String,
        /// Bytes that were read so far.
        bytes: u64,
    },
    /// A request failed and will be tried again.
    Retry {
        /// Which job, if it belongs to one.
        job: Option<JobId>,
        /// What was attempted, on what, and what came back.
        reason: String,
        /// Its class.
        class: ErrorClass,
        /// The coming attempt's number, from 2.
        attempt: u32,
        /// Attempts there are in all.
        of: u32,
        /// Milliseconds until then.
        delay: u64,
    },
    /// Something to know.
    Note {
        /// Which job, if it belongs to one.
        job: Option<JobId>,
        /// How weighty.
        level: Level,
        /// One printable line.
        text: String,
    },
}

impl JobEvent {
    /// The job it belongs to.
    pub fn job(&self) -> Option<JobId> {
        match self {
            JobEvent::Added { job } | JobEvent::Moved { job, .. } | JobEvent::Planned { job, .. } => {
                Some(*job)
            }
            JobEvent::Staging { job, .. } | JobEvent::Retry { job, .. } | JobEvent::Note { job, .. } => *job,
        }
    }
}

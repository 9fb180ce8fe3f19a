//! What the ledger keeps beside a job: its attempts, and who has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Failure, JobState};

/// One attempt at a job: from planning to whatever ended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ended: Option<Timestamp>,
    /// What the job became by it; `None` while it goes on.
    pub outcome: Option<JobState>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The process that has a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The host that it runs on.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// Since when nobody sits in front of it: its terminal hung up, or was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Timestamp>,
}

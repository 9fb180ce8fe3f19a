//! A job as it stands: what front ends show and the ledger records.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Hint, JobId, JobSpec, JobState, Progress};
use crate::oci::{Digest, ErrorClass, Exchange, Tag};

/// A job as it stands at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it is asked to do.
    pub spec: JobSpec,
    /// Where it stands.
    pub state: JobState,
    /// How far it is.
    pub progress: Progress,
    /// Higher runs first; 0 unless changed.
    #[serde(default)]
    pub priority: i32,
    /// When it was put down.
    pub created: Timestamp,
    /// When it last began to run.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What it did, once it succeeded.
    pub report: Option<Report>,
}

/// Why a job failed: what was attempted, on what, what came back, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The whole error in one line, without control characters and secrets.
    pub message: String,
    /// Its class.
    pub class: ErrorClass,
    /// Advice, if there is any.
    pub hint: Option<Hint>,
    /// The HTTP exchange that failed, where there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Box<Exchange>>,
}

/// What a job did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One for each destination.
    pub outputs: Vec<Output>,
    /// Bytes sent or written.
    pub wire: u64,
    /// Bytes that needed no sending.
    pub reused: u64,
    /// Requests that were tried again.
    pub retries: u32,
    /// Referrers that were put, at all destinations.
    #[serde(default)]
    pub referrers: u32,
    /// Wall time in milliseconds.
    pub millis: u64,
    /// Things the person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What arrived at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The destination, with the tag or the file's name it got.
    pub location: String,
    /// The manifest there.
    pub digest: Digest,
    /// The source's manifest, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<Digest>,
    /// The file, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Nothing had to be done.
    #[serde(default)]
    pub up_to_date: bool,
    /// Tags that pointed elsewhere before: the tag and its old digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwritten: Vec<(Tag, Digest)>,
}

//! How far a job is: a sample of its counters at one moment.

use serde::{Deserialize, Serialize};

use crate::oci::Digest;

/// A sample of a job's progress. All counts are bytes of blobs at the destinations: with two destinations
/// a blob counts twice. `wire + reused` reaches `total` when everything is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes that must be at the destinations in the end.
    pub total: u64,
    /// Bytes sent over the wire or written so far (bytes sent twice after a fault count once).
    pub wire: u64,
    /// Bytes that needed no sending: present or mounted.
    pub reused: u64,
    /// Each blob, in the plan's order.
    pub blobs: Vec<BlobProgress>,
    /// What goes on beside the blobs: an image that comes out of an engine or into it as one stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Aside>,
    /// How many blobs are where, when the blobs themselves are not known: another process's job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<BlobCounts>,
}

/// How many blobs are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobCounts {
    /// All of them.
    pub all: usize,
    /// Nothing more happens to these.
    pub settled: usize,
    /// Bytes of these flow.
    pub running: usize,
}

/// One stream beside the blobs. Its bytes are none of [`Progress::wire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// What goes on.
    pub kind: AsideKind,
    /// Bytes so far.
    pub done: u64,
    /// About how many there will be; 0 where nobody knows.
    pub total: u64,
}

/// What goes on beside the blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AsideKind {
    /// An engine saves the image that is the source.
    Saving,
    /// An engine loads what arrived.
    Loading,
}

/// One blob's progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobProgress {
    /// Which blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Bytes that have passed so far, at the slowest destination.
    pub done: u64,
    /// What is happening to it.
    pub stage: BlobStage,
}

/// What is happening to a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobStage {
    /// Its turn has not come.
    Waiting,
    /// Bytes flow.
    Running,
    /// Sent.
    Done,
    /// Was there already.
    Present,
    /// Mounted from another repository.
    Mounted,
    /// Given up.
    Failed,
}

impl BlobStage {
    /// Whether nothing more happens to the blob.
    pub fn is_settled(self) -> bool {
        !matches!(self, BlobStage::Waiting | BlobStage::Running)
    }
}

impl Progress {
    /// Settled share of the total, 0 to 1; 1 for an empty job.
    pub fn fraction(&self) -> f64 {
        match self.total {
            0 => 1.0,
            total => ((self.wire + self.reused) as f64 / total as f64).min(1.0),
        }
    }

    /// Blobs that are settled, and all of them.
    pub fn settled_blobs(&self) -> (usize, usize) {
        let counts = self.blob_counts();
        (counts.settled, counts.all)
    }

    /// How many blobs are where.
    pub fn blob_counts(&self) -> BlobCounts {
        match self.counts {
            Some(counts) if self.blobs.is_empty() => counts,
            _ => BlobCounts {
                all: self.blobs.len(),
                settled: self.blobs.iter().filter(|blob| blob.stage.is_settled()).count(),
                running: self.blobs.iter().filter(|blob| blob.stage == BlobStage::Running).count(),
            },
        }
    }

    /// Whether bytes of some blob flow.
    pub fn flows(&self) -> bool {
        self.blob_counts().running > 0
    }
}

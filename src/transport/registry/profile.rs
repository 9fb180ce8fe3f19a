//! What was learned of a registry by using it. The ledger keeps it, so that it is learned once.

use serde::{Deserialize, Serialize};

/// A registry's quirks. What is unknown is left to be found out; unknown fields of a newer wharf are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Whether a mount from the destination repository itself answers 201 for a blob that is there, so that
    /// one request asks for a blob and opens its upload.
    pub honours_self_mount: Option<bool>,
    /// How blobs are uploaded.
    pub upload: Rung,
    /// Bytes of a chunk on the last rung, where the usual size was refused.
    pub chunk: Option<u64>,
    /// Whether repositories can be listed.
    pub catalog: Option<bool>,
    /// Whether there is a referrers API.
    pub referrers: Option<bool>,
}

/// The upload ladder's rungs, from the best to the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// POST, then the whole blob in one PUT.
    #[default]
    Whole,
    /// POST, one streaming PATCH, PUT.
    Stream,
    /// POST, PATCHes of a bounded size, PUT.
    Chunks,
}

/// What a registry says of its rate limit (Docker Hub: pulls in six hours).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests allowed in the window.
    pub limit: Option<u64>,
    /// Requests left of them.
    pub remaining: Option<u64>,
    /// The window's length in seconds.
    pub window: Option<u64>,
}

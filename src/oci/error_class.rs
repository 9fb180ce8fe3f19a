//! What kind of trouble an error is: one word that logs, exit codes, grouping and hints go by.

use serde::{Deserialize, Serialize};

/// The class of an error. Every layer's error enum has a `class()` that answers with one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// Credentials missing, wrong, expired or not allowed.
    Auth,
    /// The image, tag, blob or file is not there.
    NotFound,
    /// The other side asks for patience (429).
    RateLimit,
    /// Connections, names, timeouts, server faults.
    Network,
    /// Certificates and TLS handshakes.
    Tls,
    /// Bytes that are not what their digest or size says.
    Digest,
    /// The local file system: full, unwritable, unreadable.
    Disk,
    /// A platform that the image lacks, or one that is no platform.
    Platform,
    /// A name that is no reference.
    Reference,
    /// Configuration, command-line or batch-file faults.
    Config,
    /// A container engine's own refusal.
    Daemon,
    /// Something else is in the way: an existing file, a protected tag, another process.
    Conflict,
    /// The work was cancelled or interrupted.
    Cancelled,
    /// A fault of wharf's own.
    Internal,
}

impl ErrorClass {
    /// The class as it is written in logs, JSON and on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Auth => "auth",
            ErrorClass::NotFound => "not-found",
            ErrorClass::RateLimit => "rate-limit",
            ErrorClass::Network => "network",
            ErrorClass::Tls => "tls",
            ErrorClass::Digest => "digest",
            ErrorClass::Disk => "disk",
            ErrorClass::Platform => "platform",
            ErrorClass::Reference => "reference",
            ErrorClass::Config => "config",
            ErrorClass::Daemon => "daemon",
            ErrorClass::Conflict => "conflict",
            ErrorClass::Cancelled => "cancelled",
            ErrorClass::Internal => "internal",
        }
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

//! What can go wrong where images live.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::daemon::Trouble;
use crate::oci::{ErrorClass, Exchange, ManifestError, printable};

/// The transports' result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A transport's error: what was attempted, on what, and what came back. `at` is a place as a person would
/// write it (`ghcr.io/a/b:1`); no field ever holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The other side answered, and the answer was no.
    #[error("{attempted} {at}: {status}{}", colon(answer))]
    Answered {
        /// What was attempted: `get manifest`.
        attempted: &'static str,
        /// On what.
        at: String,
        /// HTTP status.
        status: u16,
        /// The registry's error code and message, printable and cut to length.
        answer: String,
        /// What kind of no it is.
        class: ErrorClass,
        /// How long the other side asks to wait.
        retry_after: Option<Duration>,
        /// The request and the answer, for people. Shared, for it is told to everybody who waits for one thing.
        exchange: Option<Arc<Exchange>>,
    },
    /// A manifest was refused because what it names is not there, as the other side says: it may be sent again.
    #[error("{attempted} {at}: {status}{}", colon(answer))]
    Lacking {
        /// What was attempted: `put manifest`.
        attempted: &'static str,
        /// On what.
        at: String,
        /// HTTP status.
        status: u16,
        /// The registry's error code and message, printable and cut to length.
        answer: String,
        /// What kind of no it is.
        class: ErrorClass,
        /// The request and the answer, for people.
        exchange: Option<Arc<Exchange>>,
    },
    /// No answer: connection, name, timeout, TLS, a body cut short.
    #[error("{attempted} {at}: {reason}")]
    Unreachable {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        at: String,
        /// The innermost cause that says something.
        reason: String,
        /// `Network` or `Tls`.
        class: ErrorClass,
    },
    /// No answer either, and a proxy is what could not be reached or would not let through.
    #[error("{attempted} {at}: the proxy {proxy}: {reason}")]
    Proxy {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        at: String,
        /// The proxy's URL, without user name and password.
        proxy: String,
        /// The innermost cause that says something.
        reason: String,
    },
    /// The way that was taken is not open, and another is known: the next attempt takes it, at once.
    #[error("{attempted} {at}: {reason}")]
    Detour {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        at: String,
        /// Why the way is not open.
        reason: String,
    },
    /// Bytes that are not what was asked for.
    #[error("{attempted} {at}: expected {expected}, got {found}")]
    Content {
        /// What was attempted.
        attempted: &'static str,
        /// On what.
        at: String,
        /// Digest or size that was announced.
        expected: String,
        /// What came.
        found: String,
    },
    /// It is not there.
    #[error("{at}: {what} not found")]
    NotFound {
        /// What was looked for: `manifest`, `tag 1.2`.
        what: String,
        /// Where.
        at: String,
    },
    /// A document that cannot be understood or moved.
    #[error("{at}: {source}")]
    Manifest {
        /// Where it is.
        at: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The local file system.
    #[error("{attempted} {}: {}", path.display(), plain_io(source))]
    File {
        /// What was attempted: `write`, `create`.
        attempted: &'static str,
        /// The file.
        path: PathBuf,
        /// What came back. Shared, so that an error can be told to everybody who waits for one thing.
        source: Arc<io::Error>,
    },
    /// A file that is not what its name says.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that exists is in the way, or something changed meanwhile.
    #[error("{at}: {reason}")]
    Conflict {
        /// What is concerned.
        at: String,
        /// What is in the way.
        reason: String,
    },
    /// A container engine could not be reached, or refused.
    #[error("{attempted} {at}: {reason}")]
    Daemon {
        /// What was attempted.
        attempted: &'static str,
        /// On what: `docker-daemon:nginx:1`.
        at: String,
        /// At which engine, and what came back.
        reason: String,
        /// What kind of trouble it is.
        trouble: Trouble,
    },
    /// What this transport does not do.
    #[error("{at}: {reason}")]
    Unsupported {
        /// What is concerned.
        at: String,
        /// What cannot be done.
        reason: String,
    },
    /// Settings that cannot work: a CA file that is none, a proxy's URL.
    #[error("{at}: {reason}")]
    Settings {
        /// The registry whose settings they are.
        at: String,
        /// What is wrong with them.
        reason: String,
    },
}

fn colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

/// An I/O error as people know it, without `(os error 28)`.
fn plain_io(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" (os error").unwrap_or(text.len());
    printable(&text[..end], 200)
}

impl Error {
    /// A file system error.
    pub fn file(attempted: &'static str, path: impl AsRef<Path>, source: io::Error) -> Error {
        Error::File { attempted, path: path.as_ref().to_owned(), source: Arc::new(source) }
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Answered { class, .. }
            | Error::Lacking { class, .. }
            | Error::Unreachable { class, .. } => *class,
            Error::Detour { .. } | Error::Proxy { .. } => ErrorClass::Network,
            Error::Content { .. } => ErrorClass::Digest,
            Error::NotFound { .. } => ErrorClass::NotFound,
            Error::Manifest { source: ManifestError::Platform { .. }, .. } => ErrorClass::Platform,
            Error::Manifest {
                source: ManifestError::Format { .. } | ManifestError::Schema1 { .. }, ..
            } => ErrorClass::Config,
            Error::Manifest { .. } | Error::Format { .. } => ErrorClass::Digest,
            Error::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => ErrorClass::NotFound,
                io::ErrorKind::AlreadyExists => ErrorClass::Conflict,
                _ => ErrorClass::Disk,
            },
            Error::Conflict { .. } => ErrorClass::Conflict,
            Error::Daemon { trouble: Trouble::Tls, .. } => ErrorClass::Tls,
            Error::Daemon { trouble: Trouble::Unknown, .. } => ErrorClass::Config,
            Error::Daemon { .. } => ErrorClass::Daemon,
            Error::Unsupported { .. } | Error::Settings { .. } => ErrorClass::Config,
        }
    }

    /// Whether the same attempt may succeed a little later: 408, 429, server faults, lost connections.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Answered { status, .. } => {
                matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=529)
            }
            Error::Unreachable { class, .. } => *class == ErrorClass::Network,
            Error::Detour { .. } | Error::Proxy { .. } => true,
            Error::Daemon { trouble, .. } => *trouble == Trouble::Broken,
            _ => false,
        }
    }

    /// Whether the same may succeed another day, so that what came before the error is worth keeping: a network that
    /// is down, a registry that allows no more for now, a login that ended. Wrong bytes and full disks are not.
    pub fn may_pass(&self) -> bool {
        matches!(self.class(), ErrorClass::Network | ErrorClass::RateLimit | ErrorClass::Auth)
            || matches!(self, Error::Daemon { trouble: Trouble::Broken | Trouble::NotRunning, .. })
    }

    /// How long the other side asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Answered { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the answer was that it is not there.
    pub fn is_not_found(&self) -> bool {
        self.class() == ErrorClass::NotFound
    }

    /// The HTTP exchange that failed, where there was an answer.
    pub fn exchange(&self) -> Option<&Exchange> {
        match self {
            Error::Answered { exchange, .. } | Error::Lacking { exchange, .. } => exchange.as_deref(),
            _ => None,
        }
    }

    /// The place the error is about, for hints.
    pub fn at(&self) -> Option<&str> {
        match self {
            Error::Answered { at, .. }
            | Error::Lacking { at, .. }
            | Error::Unreachable { at, .. }
            | Error::Detour { at, .. }
            | Error::Proxy { at, .. }
            | Error::Content { at, .. }
            | Error::NotFound { at, .. }
            | Error::Manifest { at, .. }
            | Error::Conflict { at, .. }
            | Error::Daemon { at, .. }
            | Error::Unsupported { at, .. }
            | Error::Settings { at, .. } => Some(at),
            Error::File { .. } | Error::Format { .. } => None,
        }
    }
}

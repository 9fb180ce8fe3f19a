//! The engine's errors: a transport's, or its own, with class and hint.

use crate::job::Failure;
use crate::oci::{ErrorClass, printable};
use crate::transport;

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A transport's error.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// A job that does not exist, or a move that its state does not allow.
    #[error("job {job}: {reason}")]
    Job {
        /// Which job.
        job: crate::job::JobId,
        /// What is wrong.
        reason: String,
    },
    /// A request that makes no sense.
    #[error("{0}")]
    Request(String),
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A fault of wharf's own: a task that panicked.
    #[error("a fault in wharf: {0}")]
    Internal(String),
}

impl Error {
    pub(crate) fn not_yet() -> Error {
        Error::Internal("not built yet".to_owned())
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Transport(error) => error.class(),
            Error::Job { .. } => ErrorClass::Conflict,
            Error::Request(_) => ErrorClass::Config,
            Error::Cancelled => ErrorClass::Cancelled,
            Error::Internal(_) => ErrorClass::Internal,
        }
    }

    /// Advice: what the person can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }

    /// The error as a job records it.
    pub fn failure(&self) -> Failure {
        Failure { message: printable(&self.to_string(), 2000), class: self.class(), hint: self.hint() }
    }
}

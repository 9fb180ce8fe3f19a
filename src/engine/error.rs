//! The engine's errors: a transport's, or its own, with class and hint.

use crate::job::{Failure, Hint};
use crate::ledger;
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
    /// A login that was checked and not taken.
    #[error(transparent)]
    Login(Box<transport::Error>),
    /// The ledger's error.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// A job that does not exist, or a move that its state does not allow.
    #[error("job {job}: {reason}")]
    Job {
        /// Which job.
        job: crate::job::JobId,
        /// What is wrong.
        reason: String,
    },
    /// Something that the configuration forbids.
    #[error("{at}: {reason}")]
    Refused {
        /// What is concerned.
        at: String,
        /// Why not.
        reason: String,
    },
    /// Nothing is to be changed at all.
    #[error("{what}: wharf is read-only")]
    ReadOnly {
        /// What would have been.
        what: String,
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
    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Transport(error) => error.class(),
            Error::Login(error) => error.class(),
            Error::Ledger(error) => error.class(),
            Error::Job { .. } | Error::Refused { .. } => ErrorClass::Conflict,
            Error::Request(_) | Error::ReadOnly { .. } => ErrorClass::Config,
            Error::Cancelled => ErrorClass::Cancelled,
            Error::Internal(_) => ErrorClass::Internal,
        }
    }

    /// Advice: what the person can do about it.
    pub fn hint(&self) -> Option<Hint> {
        super::hint::of(self)
    }

    /// The error as a job records it.
    pub fn failure(&self) -> Failure {
        let exchange = match self {
            Error::Transport(error) => error.exchange(),
            Error::Login(error) => error.exchange(),
            _ => None,
        };
        Failure {
            message: printable(&self.to_string(), 2000),
            class: self.class(),
            hint: self.hint(),
            exchange: exchange.cloned().map(Box::new),
        }
    }
}

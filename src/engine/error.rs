//! The engine's errors: a transport's, or its own, with class and hint.

use crate::job::Failure;
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
            Error::Ledger(error) => error.class(),
            Error::Job { .. } | Error::Refused { .. } => ErrorClass::Conflict,
            Error::Request(_) => ErrorClass::Config,
            Error::Cancelled => ErrorClass::Cancelled,
            Error::Internal(_) => ErrorClass::Internal,
        }
    }

    /// Advice: what the person can do about it.
    pub fn hint(&self) -> Option<String> {
        let error = match self {
            Error::Transport(error) => error,
            Error::Ledger(error) => return error.hint(),
            _ => return None,
        };
        let at = error.at().unwrap_or_default();
        let host = at.split('/').next().unwrap_or_default();
        // Layouts and archives are told of by their path.
        let is_remote = !host.is_empty()
            && !["oci:", "oci-archive:", "docker-archive:"].iter().any(|t| at.starts_with(t));
        // What was to be written to is not there to be listed.
        let reads = match error {
            transport::Error::Answered { attempted, .. } => attempted.starts_with("get"),
            _ => true,
        };
        let name = || {
            let name = at.split('@').next().unwrap_or_default();
            let slash = name.rfind('/').map_or(0, |slash| slash + 1);
            let end = name[slash..].find(':').map_or(name.len(), |colon| slash + colon);
            name[..end].to_owned()
        };
        Some(match error.class() {
            ErrorClass::Auth => format!(
                "log in to {host} with `docker login`, set username and password for it in config.yaml, or give --src-creds or --dest-creds"
            ),
            ErrorClass::NotFound if at.contains('/') && is_remote && reads => {
                format!("`wharf tags {}` lists what is there", name())
            }
            ErrorClass::Platform => "give --platform one of those, or none for all".to_owned(),
            ErrorClass::RateLimit => "wait, or log in: registries allow more to those they know".to_owned(),
            ErrorClass::Tls => format!(
                "say how {host} is spoken to in config.yaml: `url: http://…` or `https://…`, or `tls:` (plain, insecure, ca_file)"
            ),
            ErrorClass::Network if is_remote => {
                format!("check the name, and that {host} can be reached from here")
            }
            ErrorClass::Disk => "check the directory's owner, its rights and the free space".to_owned(),
            _ => return None,
        })
    }

    /// The error as a job records it.
    pub fn failure(&self) -> Failure {
        Failure { message: printable(&self.to_string(), 2000), class: self.class(), hint: self.hint() }
    }
}

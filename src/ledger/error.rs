//! What can go wrong with the ledger. Every message names the file.

use std::io;
use std::path::PathBuf;

use crate::job::{Hint, IllegalMove, JobId, JobState};
use crate::oci::{ErrorClass, printable};

/// The ledger's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The ledger's error: what was attempted, on which file, and what came back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or its directory cannot be made or opened.
    #[error("{attempted} {}: {}", path.display(), plain_io(source))]
    File {
        /// What was attempted: `open the ledger`.
        attempted: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("{attempted} in the ledger {}: {}", path.display(), plain_sql(source))]
    Sql {
        /// What was attempted: `add a job`.
        attempted: &'static str,
        /// The ledger.
        path: PathBuf,
        /// What came back.
        source: sqlx::Error,
    },
    /// The file is a database, or something else, that wharf did not make.
    #[error("{} is not a ledger of wharf: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A newer wharf wrote it.
    #[error("the ledger {} was written by a newer wharf (version {found}; this wharf knows {known})", path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known.
        known: i64,
    },
    /// It has to be brought up to date, and another wharf has it open.
    #[error(
        "the ledger {} has version {found} and must become version {known}, but another wharf is using it",
        path.display()
    )]
    InUse {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version it must get.
        known: i64,
    },
    /// Another process is bringing it up to date and does not come to an end.
    #[error("the ledger {} is locked: another wharf is bringing it up to date", path.display())]
    Locked {
        /// The ledger.
        path: PathBuf,
    },
    /// [`super::Ledger::close`] was called.
    #[error("the ledger {} is closed", path.display())]
    Closed {
        /// The ledger.
        path: PathBuf,
    },
    /// There is no such job.
    #[error("the ledger {} has no job {job}", path.display())]
    NoJob {
        /// The ledger.
        path: PathBuf,
        /// The number that was asked for.
        job: JobId,
    },
    /// The job is not in the state that the caller takes it to be in.
    #[error("job {job} is {found}, not {expected} (ledger {})", path.display())]
    State {
        /// The ledger.
        path: PathBuf,
        /// The job.
        job: JobId,
        /// What the caller takes it for.
        expected: JobState,
        /// What it is.
        found: JobState,
    },
    /// A move that the table of moves does not have.
    #[error("job {job}: {source} (ledger {})", path.display())]
    Move {
        /// The ledger.
        path: PathBuf,
        /// The job.
        job: JobId,
        /// The move.
        source: IllegalMove,
    },
    /// The job belongs to another process that lives.
    #[error("job {job} belongs to another wharf: process {pid} on {host} (ledger {})", path.display())]
    Owned {
        /// The ledger.
        path: PathBuf,
        /// The job.
        job: JobId,
        /// The process's host.
        host: String,
        /// The process.
        pid: u32,
    },
    /// This process had the job, and another one has taken it over.
    #[error("job {job} was taken over from this process (ledger {})", path.display())]
    LeaseLost {
        /// The ledger.
        path: PathBuf,
        /// The job.
        job: JobId,
    },
    /// What is written there cannot be understood, or what is to be written cannot be put down.
    #[error("{what} in the ledger {}: {reason}", path.display())]
    Content {
        /// The ledger.
        path: PathBuf,
        /// What is concerned: `job 7`.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::File { .. } | Error::Foreign { .. } => ErrorClass::Disk,
            Error::Sql { source, .. } => match primary_code(source) {
                Some(code::BUSY | code::LOCKED) => ErrorClass::Conflict,
                Some(
                    code::PERM
                    | code::READONLY
                    | code::IOERR
                    | code::CORRUPT
                    | code::FULL
                    | code::CANTOPEN
                    | code::PROTOCOL
                    | code::NOTADB,
                ) => ErrorClass::Disk,
                _ => ErrorClass::Internal,
            },
            Error::NoJob { .. } => ErrorClass::NotFound,
            Error::Newer { .. }
            | Error::InUse { .. }
            | Error::Locked { .. }
            | Error::State { .. }
            | Error::Move { .. }
            | Error::Owned { .. }
            | Error::LeaseLost { .. } => ErrorClass::Conflict,
            Error::Closed { .. } | Error::Content { .. } => ErrorClass::Internal,
        }
    }

    /// What mends it, if that is known.
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Error::Newer { .. } => Some(Hint::NewerLedger),
            Error::InUse { .. } | Error::Locked { .. } => Some(Hint::OtherWharf),
            Error::Foreign { path, .. } => Some(Hint::ForeignLedger { path: path.display().to_string() }),
            Error::Sql { source, .. } => match primary_code(source)? {
                code::BUSY | code::LOCKED => Some(Hint::LedgerBusy),
                code::FULL => Some(Hint::LedgerFull),
                _ => None,
            },
            _ => None,
        }
    }
}

/// SQLite's primary result codes, as far as they make a difference here.
pub(super) mod code {
    pub const PERM: u32 = 3;
    pub const BUSY: u32 = 5;
    pub const LOCKED: u32 = 6;
    pub const READONLY: u32 = 8;
    pub const IOERR: u32 = 10;
    pub const CORRUPT: u32 = 11;
    pub const FULL: u32 = 13;
    pub const CANTOPEN: u32 = 14;
    pub const PROTOCOL: u32 = 15;
    pub const NOTADB: u32 = 26;
}

/// The primary result code: an extended one has it in its low byte.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// SQLite's own words, without sqlx's preamble, on one line.
fn plain_sql(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => printable(database.message(), 300),
        None => printable(&error.to_string(), 300),
    }
}

/// An I/O error as people know it, without `(os error 28)`.
fn plain_io(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" (os error").unwrap_or(text.len());
    printable(&text[..end], 200)
}

//! The ledger: wharf's local database. It remembers jobs with their states, attempts and logs, tags that were
//! overwritten, files that were exported, and where blobs are. SQLite by sqlx, in one file that several
//! processes use at the same time.
//!
//! - `open`: the file, its lock, its schema, its journal
//! - `process`: who a process is and whether it lives
//! - `lease`: which process may change a job, fenced by an epoch
//! - `jobs`: jobs put down, moved, listed; `enlist`: a batch of them; `past`: those that are over, page by page;
//!   `prune`: forgotten
//! - `live`: what a process tells the others while it works, and hears of them; `requests`: what they ask of it
//! - `logs`, `blobs`, `records`: what goes with them
//!
//! Statements are portable SQL (`$1`), writes begin with `BEGIN IMMEDIATE`: a read that becomes a write fails at
//! once when another process writes, whatever the busy timeout. Nothing secret comes here: specifications
//! hold no credentials, and failures are redacted where they are made.

mod blobs;
mod enlist;
mod error;
mod jobs;
mod lease;
mod live;
mod logs;
mod open;
mod past;
mod process;
mod prune;
mod records;
mod requests;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{MappedMutexGuard, MutexGuard};

pub use error::{Error, Result};
pub use live::{Change, Cursor, Sample};
pub use logs::{LOG_LIMIT, LogEntry, LogLine};
pub use prune::Keep;
pub use records::{ExportedFile, Overwrite};
pub use requests::{Asked, Request};
pub use watch::Watch;

use crate::job::JobId;
use process::Me;

/// The ledger. Cheap to clone; every clone is the same open file.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    // Two connections, so that a read does not wait for a write that waits for another process. A tokio Mutex
    // each, because they are held over awaits, and are fair.
    writer: tokio::sync::Mutex<Option<SqliteConnection>>,
    reader: tokio::sync::Mutex<Option<SqliteConnection>>,
    /// The epochs of the jobs that are this process's.
    epochs: Mutex<HashMap<JobId, i64>>,
    me: Me,
    /// The file that every commit goes to, if there is one.
    wal: Option<PathBuf>,
    /// Held shared as long as the ledger is open.
    lock: Mutex<Option<File>>,
}

/// A connection that nobody else uses now.
type Turn<'a> = MappedMutexGuard<'a, SqliteConnection>;

impl Ledger {
    /// Opens the ledger at `path`; makes the file and its directories if they are not there, for this user only.
    /// Jobs that were planning or running in a process that is gone are interrupted then.
    ///
    /// Fails when the file cannot be made or opened, is no ledger, is a newer wharf's, or has to be brought up to
    /// date while an older wharf runs. The file is untouched then.
    pub async fn open(path: &Path) -> Result<Ledger> {
        Ledger::of(path, open::open(path).await?).await
    }

    async fn of(path: &Path, opened: open::Opened) -> Result<Ledger> {
        let inner = Inner {
            path: path.to_owned(),
            writer: tokio::sync::Mutex::new(Some(opened.writer)),
            reader: tokio::sync::Mutex::new(Some(opened.reader)),
            epochs: Mutex::default(),
            me: Me::open(now()),
            wal: opened.wal.then(|| open::wal_path(path)),
            lock: Mutex::new(Some(opened.lock)),
        };
        let ledger = Ledger { inner: Arc::new(inner) };
        ledger.recover().await?;
        Ok(ledger)
    }

    /// The ledger's file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Closes the file after what is under way, for every clone. Later calls fail with [`Error::Closed`]. What this
    /// process still had running counts as interrupted from now on.
    pub async fn close(&self) -> Result<()> {
        let connections = [self.inner.reader.lock().await.take(), self.inner.writer.lock().await.take()];
        for connection in connections.into_iter().flatten() {
            connection.close().await.map_err(self.sql("close"))?;
        }
        self.inner.me.retire();
        self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }

    /// A number that changes when any connection to the ledger but the reading one changed it: this process's
    /// own writes count as well as others'. Cheap enough to ask four times a second.
    pub async fn version(&self) -> Result<i64> {
        let mut reader = self.reader().await?;
        sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut *reader)
            .await
            .map_err(self.sql("look for changes"))
    }

    async fn writer(&self) -> Result<Turn<'_>> {
        self.turn(self.inner.writer.lock().await)
    }

    async fn reader(&self) -> Result<Turn<'_>> {
        self.turn(self.inner.reader.lock().await)
    }

    fn turn<'a>(&self, guard: MutexGuard<'a, Option<SqliteConnection>>) -> Result<Turn<'a>> {
        MutexGuard::try_map(guard, Option::as_mut)
            .map_err(|_| Error::Closed { path: self.inner.path.clone() })
    }

    fn epochs(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, i64>> {
        self.inner.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sqlx's errors those of this ledger.
    fn sql(&self, attempted: &'static str) -> impl Fn(sqlx::Error) -> Error + Copy + '_ {
        move |source| Error::Sql { attempted, path: self.inner.path.clone(), source }
    }

    /// Something that cannot be understood or written down.
    fn content(&self, what: impl Into<String>, reason: impl ToString) -> Error {
        Error::Content { path: self.inner.path.clone(), what: what.into(), reason: reason.to_string() }
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The moment of so many milliseconds since 1970; what is no moment is 1970.
fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// A count of bytes as the database has it.
fn stored(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A count of bytes out of the database.
fn bytes(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

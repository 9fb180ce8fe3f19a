//! Opening the file: directories and modes, the lock that keeps versions apart, the schema, the journal.
//!
//! Beside `ledger.db` lies `ledger.db.lock`. Everyone who has the ledger open holds it shared; who brings the
//! schema up to date holds it exclusively. So a newer wharf never changes the schema under a running older one.
//! It is a file of its own because closing any other descriptor of a database drops SQLite's own locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep};

use super::error::{code, primary_code};
use super::{Error, Result};

/// Each entry makes the next version out of the one before; the first makes version 1 out of nothing.
const SCHEMA: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// `PRAGMA application_id` of a ledger: "whrf".
const APPLICATION: i64 = 0x7768_7266;

/// How long a write waits for another process's write.
const BUSY: Duration = Duration::from_secs(10);

/// How long opening waits for another process that brings the schema up to date.
const PATIENCE: Duration = Duration::from_secs(5);

/// An open file: two connections, and the lock that says so to others.
#[derive(Debug)]
pub(super) struct Opened {
    pub writer: SqliteConnection,
    pub reader: SqliteConnection,
    pub lock: File,
    /// Whether every commit goes to the file of [`wal_path`].
    pub wal: bool,
}

/// Opens the ledger, makes it if it is not there, and brings its schema up to date.
pub(super) async fn open(path: &Path) -> Result<Opened> {
    open_with(path, SCHEMA, PATIENCE, is_local).await
}

/// The same with a file system that never has WAL.
#[cfg(test)]
pub(super) async fn open_remote(path: &Path) -> Result<Opened> {
    open_with(path, SCHEMA, PATIENCE, |_| false).await
}

async fn open_with(
    path: &Path,
    schema: &'static [&'static str],
    patience: Duration,
    is_local: fn(&Path) -> bool,
) -> Result<Opened> {
    let (lock, local) = prepare(path, is_local).await?;
    let mut writer = connect(path).await?;
    up_to_date(path, &mut writer, &lock, schema, patience).await?;
    let wal = settle_journal(path, &mut writer, local).await?;
    let reader = connect(path).await?;
    Ok(Opened { writer, reader, lock, wal })
}

/// Makes directories and files with modes that keep other users out; whether the file system is a local one.
async fn prepare(path: &Path, is_local: fn(&Path) -> bool) -> Result<(File, bool)> {
    let owned = path.to_owned();
    // The file system may be a slow one, and these calls block.
    let prepared = tokio::task::spawn_blocking(move || Ok((prepare_files(&owned)?, is_local(&owned)))).await;
    prepared.map_err(|e| Error::File {
        attempted: "open",
        path: path.to_owned(),
        source: std::io::Error::other(e),
    })?
}

fn prepare_files(path: &Path) -> Result<File> {
    let error = |attempted, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { attempted, path, source }
    };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(error("make the ledger's directory", directory))?;
    }
    // SQLite gives its journals the mode of the database.
    let private = |path: &Path| {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
    };
    let lock = lock_path(path);
    let lock_file = private(&lock).map_err(error("open the ledger's lock", &lock))?;
    // Opened and closed before SQLite is there: later it would cost SQLite its locks.
    private(path).map_err(error("open the ledger", path))?;
    Ok(lock_file)
}

fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

/// SQLite's journal, where it is a WAL.
pub(super) fn wal_path(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// WAL needs memory that all processes share, so no network file system can have it (SQLite, "Write-Ahead
/// Logging"). On some of them it seems to work, until a second host comes.
fn is_local(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // NFS, SMB, CIFS, SMB2, 9P, AFS, Ceph, Lustre, GPFS, FUSE (sshfs), Coda, NCP.
        const REMOTE: [u32; 12] = [
            0x6969,
            0x517b,
            0xff53_4d42,
            0xfe53_4d42,
            0x0102_1997,
            0x5346_414f,
            0x00c3_6400,
            0x0bd0_0bd0,
            0x4750_4653,
            0x6573_5546,
            0x7375_7245,
            0x564c,
        ];
        // The type is a 32-bit number, whatever the field's width and sign.
        rustix::fs::statfs(path).map_or(true, |fs| !REMOTE.contains(&(fs.f_type as u32)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        true
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .thread_name(|id| format!("ledger-{id}"))
        .disable_statement_logging();
    options.connect().await.map_err(|source| sql(path, "open", source))
}

/// Leaves the lock held shared and the schema at the version that this wharf knows.
async fn up_to_date(
    path: &Path,
    writer: &mut SqliteConnection,
    lock: &File,
    schema: &'static [&'static str],
    patience: Duration,
) -> Result<()> {
    let known = schema.len() as i64;
    let until = Instant::now() + patience;
    loop {
        while !taken(path, lock.try_lock_shared())? {
            if Instant::now() >= until {
                return Err(Error::Locked { path: path.to_owned() });
            }
            sleep(Duration::from_millis(20)).await;
        }
        let found = version(path, writer).await?;
        if found > known {
            return Err(Error::Newer { path: path.to_owned(), found, known });
        }
        if found == known {
            return Ok(());
        }
        // Nobody else may hold it: given back first, so that two who both want to migrate do not block each other.
        lock.unlock().map_err(|source| lock_error(path, source))?;
        if taken(path, lock.try_lock())? {
            migrate(path, writer, schema).await?;
            lock.unlock().map_err(|source| lock_error(path, source))?;
        } else if Instant::now() >= until {
            return Err(Error::InUse { path: path.to_owned(), found, known });
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn taken(path: &Path, tried: Result<(), TryLockError>) -> Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(lock_error(path, source)),
    }
}

fn lock_error(path: &Path, source: std::io::Error) -> Error {
    Error::File { attempted: "lock", path: lock_path(path), source }
}

/// The schema's version: 0 for an empty file. What another program made is refused.
async fn version(path: &Path, connection: &mut SqliteConnection) -> Result<i64> {
    let foreign = |reason: &str| Error::Foreign { path: path.to_owned(), reason: reason.to_owned() };
    let read = |source: sqlx::Error| match primary_code(&source) {
        Some(code::NOTADB) => foreign("it is no SQLite database"),
        _ => sql(path, "read the version", source),
    };
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(read)?;
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await.map_err(read)?;
    if application == APPLICATION && version > 0 {
        return Ok(version);
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master")
        .fetch_one(&mut *connection)
        .await
        .map_err(read)?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(0),
        _ => Err(foreign("another program made this database")),
    }
}

/// Brings the schema up to date in one transaction: all of it or nothing.
async fn migrate(path: &Path, writer: &mut SqliteConnection, schema: &'static [&'static str]) -> Result<()> {
    // Looked at again: another process may have been faster.
    let found = version(path, writer).await?;
    let attempted = "bring the schema up to date";
    let error = |source| sql(path, attempted, source);
    let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
    for (number, step) in (1i64..).zip(schema).skip(usize::try_from(found).unwrap_or(usize::MAX)) {
        sqlx::raw_sql(*step).execute(&mut *change).await.map_err(error)?;
        // A PRAGMA takes no parameters; the numbers are our own.
        let stamp = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *change).await.map_err(error)?;
    }
    change.commit().await.map_err(error)
}

/// WAL on a local file system, else a rollback journal. A mode that cannot be changed now, because another
/// process is at work, stays: all processes share one. The answer is whether it is WAL.
async fn settle_journal(path: &Path, writer: &mut SqliteConnection, local: bool) -> Result<bool> {
    let error = |source| sql(path, "set the journal", source);
    let now: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *writer).await.map_err(error)?;
    let mut wal = now == "wal";
    if wal != local {
        let wish = if local { "PRAGMA journal_mode = WAL" } else { "PRAGMA journal_mode = DELETE" };
        let set = sqlx::query_scalar::<_, String>(wish).fetch_one(&mut *writer).await;
        wal = match set {
            Ok(mode) => mode == "wal",
            Err(source) if matches!(primary_code(&source), Some(code::BUSY | code::LOCKED)) => wal,
            // The file system has no shared memory after all.
            Err(_) if local => {
                let back = "PRAGMA journal_mode = DELETE";
                let mode: String = sqlx::query_scalar(back).fetch_one(&mut *writer).await.map_err(error)?;
                mode == "wal"
            }
            Err(source) => return Err(error(source)),
        };
    }
    // In WAL a crash of the machine loses the last commits at worst, and never the file.
    let care = if wal { "PRAGMA synchronous = NORMAL" } else { "PRAGMA synchronous = FULL" };
    sqlx::raw_sql(care).execute(&mut *writer).await.map_err(error)?;
    Ok(wal)
}

fn sql(path: &Path, attempted: &'static str, source: sqlx::Error) -> Error {
    Error::Sql { attempted, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::oci::ErrorClass;

    /// A version that this wharf does not know.
    const NEXT: &[&str] =
        &[SCHEMA[0], SCHEMA[1], "CREATE TABLE extra (x BIGINT); ALTER TABLE jobs ADD COLUMN y TEXT"];
    const KNOWN: i64 = SCHEMA.len() as i64;
    const SOON: Duration = Duration::from_millis(60);

    fn file(directory: &tempfile::TempDir) -> PathBuf {
        directory.path().join("a/b/ledger.db")
    }

    async fn text(connection: &mut SqliteConnection, pragma: &'static str) -> String {
        sqlx::query_scalar(pragma).fetch_one(connection).await.unwrap()
    }

    #[tokio::test]
    async fn directories_and_files_are_private_and_the_journal_is_a_wal() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        let mut opened = open(&path).await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(text(&mut opened.writer, "PRAGMA journal_mode").await, "wal");
        assert_eq!(
            (mode(&path), mode(&lock_path(&path)), mode(path.parent().unwrap())),
            (0o600, 0o600, 0o700)
        );
        for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[tokio::test]
    async fn a_file_system_without_wal_gets_a_rollback_journal_and_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        let mut opened = open(&path).await.unwrap();
        // Another connection is at work: the mode stays, without an error.
        settle_journal(&path, &mut opened.writer, false).await.unwrap();
        opened.reader.close().await.unwrap();
        settle_journal(&path, &mut opened.writer, false).await.unwrap();
        assert_eq!(text(&mut opened.writer, "PRAGMA journal_mode").await, "delete");
        let full: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut opened.writer).await.unwrap();
        assert_eq!(full, 2);
        settle_journal(&path, &mut opened.writer, true).await.unwrap();
        assert_eq!(text(&mut opened.writer, "PRAGMA journal_mode").await, "wal");
    }

    #[tokio::test]
    async fn a_newer_ledger_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        let newer = open_with(&path, NEXT, SOON, is_local).await.unwrap();
        newer.writer.close().await.unwrap();
        newer.reader.close().await.unwrap();
        let before = fs::read(&path).unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error, Error::Newer { found, known: KNOWN, .. } if found == KNOWN + 1), "{error}");
        assert!(error.to_string().contains("ledger.db") && error.class() == ErrorClass::Conflict);
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn a_newer_wharf_waits_for_the_older_one_and_then_migrates() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        let older = open(&path).await.unwrap();
        let error = open_with(&path, NEXT, SOON, is_local).await.unwrap_err();
        assert!(matches!(error, Error::InUse { found: KNOWN, known, .. } if known == KNOWN + 1), "{error}");
        // The one that was refused left no lock behind: others of the old version still open it.
        drop(open(&path).await.unwrap());
        drop(older);
        let mut newer = open_with(&path, NEXT, PATIENCE, is_local).await.unwrap();
        assert_eq!(version(&path, &mut newer.reader).await.unwrap(), KNOWN + 1);
        sqlx::raw_sql("INSERT INTO extra VALUES (1)").execute(&mut newer.writer).await.unwrap();
    }

    #[tokio::test]
    async fn what_the_first_version_wrote_is_brought_up_to_date() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        let mut old = open_with(&path, &SCHEMA[..1], PATIENCE, is_local).await.unwrap();
        let rows = "INSERT INTO jobs (spec, state, created) VALUES ('{}', 'queued', 1), ('{}', 'failed', 2)";
        sqlx::raw_sql(rows).execute(&mut old.writer).await.unwrap();
        drop(old);
        let mut opened = open(&path).await.unwrap();
        let changes = "SELECT changed FROM jobs WHERE blobs = 0 AND aside IS NULL ORDER BY id";
        let changes: Vec<i64> = sqlx::query_scalar(changes).fetch_all(&mut opened.reader).await.unwrap();
        assert_eq!(changes, [1, 2]);
    }

    #[tokio::test]
    async fn a_step_that_fails_changes_nothing() {
        const BROKEN: &[&str] =
            &[SCHEMA[0], SCHEMA[1], "CREATE TABLE extra (x BIGINT); CREATE TABLE jobs (x BIGINT)"];
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        drop(open(&path).await.unwrap());
        let error = open_with(&path, BROKEN, PATIENCE, is_local).await.unwrap_err();
        assert!(error.to_string().starts_with("bring the schema up to date in the ledger "), "{error}");
        let mut opened = open(&path).await.unwrap();
        assert_eq!(version(&path, &mut opened.reader).await.unwrap(), KNOWN);
        let extra: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = 'extra'")
            .fetch_one(&mut opened.reader)
            .await
            .unwrap();
        assert_eq!(extra, 0);
    }

    #[tokio::test]
    async fn many_open_a_new_file_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory);
        let opening: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn({
                    let path = path.clone();
                    async move { open(&path).await }
                })
            })
            .collect();
        for opened in opening {
            opened.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_no_ledger_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        fs::write(
            &path,
            "registries:\n  - name: not a database at all, but long enough to have a header in it, no?\n",
        )
        .unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(open(&path).await, Err(Error::Foreign { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "").unwrap();
        let mut other = connect(&path).await.unwrap();
        sqlx::raw_sql("CREATE TABLE bookmarks (url TEXT)").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }) && error.hint().is_some(), "{error}");
        assert_eq!(error.class(), ErrorClass::Disk);
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a"), "a file").unwrap();
        let error = open(&file(&directory)).await.unwrap_err();
        assert!(error.to_string().starts_with("make the ledger's directory /"), "{error}");
        assert_eq!(error.class(), ErrorClass::Disk);
    }
}

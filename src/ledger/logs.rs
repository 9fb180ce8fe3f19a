//! A job's attempts and what it said during each.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, QueryBuilder, Row, Sqlite};

use super::blobs::CHUNK;
use super::{Ledger, Result, moment, now};
use crate::job::{Attempt, JobId, JobState, Level};
use crate::oci::printable;

/// The newest lines of a job that [`Ledger::logs`] gives.
pub const LOG_LIMIT: u32 = 10_000;

/// The longest line that is kept, in characters.
const LINE_LIMIT: usize = 4_000;

/// A line to be added to a job's log.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// Which job.
    pub job: JobId,
    /// When it was said.
    pub at: Timestamp,
    /// How weighty.
    pub level: Level,
    /// The line; control characters are dropped.
    pub text: String,
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// In which attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
    /// How weighty.
    pub level: Level,
    /// One printable line.
    pub text: String,
}

impl Ledger {
    /// Adds a line to the job's present attempt. Control characters are dropped.
    pub async fn log(&self, id: JobId, level: Level, text: &str) -> Result<()> {
        let error = self.sql("write a job's log");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        // The error for a job that does not exist should say so.
        self.standing(&mut change, id).await?;
        let statement = "INSERT INTO logs (job, attempt, at, level, text) \
             VALUES ($1, (SELECT COALESCE(MAX(attempt), 0) FROM attempts WHERE job = $1), $2, $3, $4)";
        let line =
            sqlx::query(statement).bind(id.0).bind(now()).bind(name(level)).bind(printable(text, LINE_LIMIT));
        line.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// Adds lines to the present attempts of their jobs, in one transaction. Of each job the newest [`LOG_LIMIT`] lines
    /// are kept.
    pub async fn log_all(&self, lines: &[LogEntry]) -> Result<()> {
        let error = self.sql("write the jobs' logs");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let statement = "INSERT INTO logs (job, attempt, at, level, text) \
             VALUES ($1, (SELECT COALESCE(MAX(attempt), 0) FROM attempts WHERE job = $1), $2, $3, $4)";
        for line in lines {
            let text = printable(&line.text, LINE_LIMIT);
            let row = sqlx::query(statement).bind(line.job.0).bind(line.at.as_millisecond());
            row.bind(name(line.level)).bind(text).execute(&mut *change).await.map_err(error)?;
        }
        let jobs: BTreeSet<i64> = lines.iter().map(|line| line.job.0).collect();
        let statement = "DELETE FROM logs WHERE job = $1 AND id <= \
             (SELECT id FROM logs WHERE job = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
        for job in jobs {
            let trim = sqlx::query(statement).bind(job).bind(i64::from(LOG_LIMIT));
            trim.execute(&mut *change).await.map_err(error)?;
        }
        change.commit().await.map_err(error)
    }

    /// A job's log, oldest line first; of a very long one the newest [`LOG_LIMIT`] lines.
    pub async fn logs(&self, id: JobId) -> Result<Vec<LogLine>> {
        let error = self.sql("read a job's log");
        let statement = "SELECT attempt, at, level, text FROM logs WHERE job = $1 ORDER BY id DESC LIMIT $2";
        let mut reader = self.reader().await?;
        let query = sqlx::query(statement).bind(id.0).bind(i64::from(LOG_LIMIT));
        let rows = query.fetch_all(&mut *reader).await.map_err(error)?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            let level: String = row.try_get("level").map_err(error)?;
            let attempt: i64 = row.try_get("attempt").map_err(error)?;
            lines.push(LogLine {
                attempt: u32::try_from(attempt).unwrap_or(0),
                at: row.try_get("at").map(moment).map_err(error)?,
                level: level_of(&level)
                    .ok_or_else(|| self.content(format!("job {id}"), format!("{level:?} is no level")))?,
                text: row.try_get("text").map_err(error)?,
            });
        }
        Ok(lines)
    }

    /// The attempts at each of these jobs, oldest first. Jobs that never began have none.
    pub async fn attempts(&self, ids: &[JobId]) -> Result<HashMap<JobId, Vec<Attempt>>> {
        let error = self.sql("read attempts");
        let mut found: HashMap<JobId, Vec<Attempt>> = HashMap::new();
        let mut reader = self.reader().await?;
        for chunk in ids.chunks(CHUNK) {
            let mut statement = QueryBuilder::<Sqlite>::new(
                "SELECT job, attempt, began, ended, outcome, failure FROM attempts WHERE job IN (",
            );
            let mut list = statement.separated(", ");
            for id in chunk {
                list.push_bind(id.0);
            }
            statement.push(") ORDER BY job, attempt");
            for row in statement.build().fetch_all(&mut *reader).await.map_err(error)? {
                let id = JobId(row.try_get("job").map_err(error)?);
                let number: i64 = row.try_get("attempt").map_err(error)?;
                let ended: Option<i64> = row.try_get("ended").map_err(error)?;
                let outcome: Option<String> = row.try_get("outcome").map_err(error)?;
                let failure: Option<String> = row.try_get("failure").map_err(error)?;
                found.entry(id).or_default().push(Attempt {
                    number: u32::try_from(number).unwrap_or(0),
                    began: row.try_get("began").map(moment).map_err(error)?,
                    ended: ended.map(moment),
                    // What another version wrote and this one cannot read is left out.
                    outcome: outcome.and_then(|name| JobState::from_name(&name)),
                    failure: failure.and_then(|json| serde_json::from_str(&json).ok()),
                });
            }
        }
        Ok(found)
    }

    pub(super) async fn begin_attempt(&self, connection: &mut SqliteConnection, id: JobId) -> Result<()> {
        let statement = "INSERT INTO attempts (job, attempt, began) \
             VALUES ($1, (SELECT COALESCE(MAX(attempt), 0) + 1 FROM attempts WHERE job = $1), $2)";
        let insert = sqlx::query(statement).bind(id.0).bind(now()).execute(connection);
        insert.await.map_err(self.sql("begin an attempt"))?;
        Ok(())
    }

    /// Ends the attempt that is open: with a state, and the failure as JSON if it was one.
    pub(super) async fn end_attempt(
        &self,
        connection: &mut SqliteConnection,
        id: JobId,
        outcome: JobState,
        failure: Option<String>,
    ) -> Result<()> {
        let statement =
            "UPDATE attempts SET ended = $1, outcome = $2, failure = $3 WHERE job = $4 AND ended IS NULL";
        let update = sqlx::query(statement).bind(now()).bind(outcome.as_str()).bind(failure).bind(id.0);
        update.execute(connection).await.map_err(self.sql("end an attempt"))?;
        Ok(())
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

pub(super) fn level_of(text: &str) -> Option<Level> {
    [Level::Debug, Level::Info, Level::Warn, Level::Error].into_iter().find(|level| name(*level) == text)
}

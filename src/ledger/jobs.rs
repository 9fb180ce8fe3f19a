//! Jobs: put down, moved from state to state, sampled while they run, listed.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::lease::{Living, Right, Standing};
use super::live::Sample;
use super::{Error, Ledger, Result, bytes, moment, now};
use crate::job::{BlobCounts, Failure, Job, JobId, JobSpec, JobState, Owner, Progress, Report};

/// A statement for whole jobs and who has them, with the rest of it given: a literal, so that sqlx can see that nothing
/// is pasted in.
macro_rules! select_jobs {
    ($rest:literal) => {
        concat!(
            "SELECT jobs.id AS id, spec, state, priority, created, jobs.started AS started, finished, total, wire, \
             reused, blobs, settled, flowing, aside, failure, report, changed, jobs.owner AS owner, host, boot, \
             namespace, pid, processes.started AS began, instance, seen, alone \
             FROM jobs LEFT JOIN processes ON processes.id = jobs.owner ",
            $rest
        )
    };
}

/// The number that a row gets when it is written, see `schema_2.sql`.
macro_rules! next_change {
    () => {
        "(SELECT COALESCE(MAX(changed), 0) + 1 FROM jobs)"
    };
}

pub(super) use {next_change, select_jobs};

/// Puts a job down.
pub(super) const INSERT: &str = concat!(
    "INSERT INTO jobs (spec, state, created, changed) VALUES ($1, $2, $3, ",
    next_change!(),
    ") RETURNING id"
);

/// What a move brings with it.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// Nothing: the job goes on, or ended without a word.
    Open,
    /// It failed, and why.
    Failed(&'a Failure),
    /// It succeeded, and what it did.
    Succeeded(&'a Report),
}

impl Ledger {
    /// Puts a new job down and gives it its number. It begins as a draft, which is nobody's, or queued, which makes
    /// it this process's; in any other state with an error.
    pub async fn add(&self, spec: &JobSpec, state: JobState) -> Result<Job> {
        if !matches!(state, JobState::Draft | JobState::Queued) {
            return Err(self.content("a new job", format!("it cannot begin as {state}")));
        }
        // A path that is not UTF-8 has no JSON.
        let text = serde_json::to_string(spec).map_err(|e| self.content("a new job", e))?;
        let error = self.sql("add a job");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let insert = INSERT;
        let insert = sqlx::query_scalar(insert).bind(text).bind(state.as_str()).bind(now());
        let id = JobId(insert.fetch_one(&mut *change).await.map_err(error)?);
        if state == JobState::Queued {
            self.claim(&mut change, id).await?;
        }
        let job = self.read_job(&mut change, id).await?;
        change.commit().await.map_err(error)?;
        Ok(job)
    }

    /// Moves a job. Queueing, planning and running a job that is nobody's makes it this process's; a job that ended
    /// or was interrupted is nobody's any more. Entering `planning` begins an attempt.
    ///
    /// Fails, and changes nothing, when the job is not in `from`, when there is no such move
    /// ([`JobState::become_`]), or when the job is another process's.
    pub async fn move_to(&self, id: JobId, from: JobState, to: JobState) -> Result<()> {
        self.move_with(id, from, to, End::Open).await
    }

    /// Moves a job to `failed`, with the reason.
    pub async fn fail(&self, id: JobId, from: JobState, failure: &Failure) -> Result<()> {
        self.move_with(id, from, JobState::Failed, End::Failed(failure)).await
    }

    /// Moves a running job to `succeeded`, with what it did.
    pub async fn succeed(&self, id: JobId, report: &Report) -> Result<()> {
        self.move_with(id, JobState::Running, JobState::Succeeded, End::Succeeded(report)).await
    }

    async fn move_with(&self, id: JobId, from: JobState, to: JobState, end: End<'_>) -> Result<()> {
        let error = self.sql("move a job");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let standing = self.standing(&mut change, id).await?;
        self.right_to_go_on(id, &standing)?;
        if standing.state != from {
            let path = self.inner.path.clone();
            return Err(Error::State { path, job: id, expected: from, found: standing.state });
        }
        self.arrive(&mut change, id, &standing, to, end).await?;
        change.commit().await.map_err(error)?;
        if !is_owned(to) {
            self.epochs().remove(&id);
        }
        Ok(())
    }

    /// The move itself, in a transaction that has checked the right to it.
    pub(super) async fn arrive(
        &self,
        connection: &mut SqliteConnection,
        id: JobId,
        standing: &Standing,
        to: JobState,
        end: End<'_>,
    ) -> Result<()> {
        let from = standing.state;
        from.become_(to).map_err(|source| Error::Move { path: self.inner.path.clone(), job: id, source })?;
        if !is_owned(to) {
            self.release(connection, id).await?;
        } else if self.right(id, standing)? == Right::Free {
            self.claim(connection, id).await?;
        }
        let json = |text: serde_json::Result<String>| text.map_err(|e| self.content(format!("job {id}"), e));
        let (failure, report) = match end {
            End::Open => (None, None),
            End::Failed(failure) => (Some(json(serde_json::to_string(failure))?), None),
            End::Succeeded(report) => (None, Some(json(serde_json::to_string(report))?)),
        };
        let now = now();
        let started = (to == JobState::Running).then_some(now);
        let finished = to.is_final().then_some(now);
        let statement = concat!(
            "UPDATE jobs SET state = $1, started = COALESCE($2, started), finished = $3, failure = $4, report = $5, \
             changed = ",
            next_change!(),
            " WHERE id = $6"
        );
        let update = sqlx::query(statement).bind(to.as_str()).bind(started).bind(finished).bind(&failure);
        let update = update.bind(report).bind(id.0).execute(&mut *connection);
        update.await.map_err(self.sql("move a job"))?;
        if to == JobState::Planning {
            self.set_progress(connection, &Sample { id, ..Sample::default() }).await?;
            self.begin_attempt(connection, id).await?;
        } else if from.is_active() && !to.is_active() {
            self.end_attempt(connection, id, to, failure).await?;
        }
        if let End::Succeeded(report) = end {
            let total = report.wire.saturating_add(report.reused);
            self.set_total(connection, id, [total, report.wire, report.reused]).await?;
        }
        Ok(())
    }

    /// Changes a job's priority: higher runs first. Fails when another process has the job.
    pub async fn set_priority(&self, id: JobId, priority: i32) -> Result<()> {
        let error = self.sql("set a job's priority");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let standing = self.standing(&mut change, id).await?;
        self.right_to_go_on(id, &standing)?;
        let update = sqlx::query(concat!(
            "UPDATE jobs SET priority = $1, changed = ",
            next_change!(),
            " WHERE id = $2"
        ));
        let update = update.bind(priority).bind(id.0);
        update.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// Fails unless the job is this process's.
    pub(super) async fn owned(&self, connection: &mut SqliteConnection, id: JobId) -> Result<()> {
        let standing = self.standing(connection, id).await?;
        match self.right_to_go_on(id, &standing)? {
            Right::Mine => Ok(()),
            Right::Free => Err(Error::LeaseLost { path: self.inner.path.clone(), job: id }),
        }
    }

    /// One job. Its progress has the counts only, not the blobs.
    pub async fn job(&self, id: JobId) -> Result<Job> {
        let mut reader = self.reader().await?;
        self.read_job(&mut reader, id).await
    }

    /// The last `limit` jobs, newest first, of every process and state.
    pub async fn history(&self, limit: u32) -> Result<Vec<Job>> {
        let query = sqlx::query(select_jobs!("ORDER BY jobs.id DESC LIMIT $1")).bind(i64::from(limit));
        let mut reader = self.reader().await?;
        let rows = query.fetch_all(&mut *reader).await.map_err(self.sql("list jobs"))?;
        Ok(self.jobs_of(&rows))
    }

    /// Every job that is not over, oldest first, of every process: drafts, the queue, what runs, what is paused and
    /// what was interrupted; each with the living process that has it, if one has. All as of one moment.
    pub async fn unfinished(&self) -> Result<Vec<(Job, Option<Owner>)>> {
        let error = self.sql("list jobs");
        let query = sqlx::query(select_jobs!(
            "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') ORDER BY jobs.id"
        ));
        let mut reader = self.reader().await?;
        let rows = query.fetch_all(&mut *reader).await.map_err(error)?;
        let mut living = Living::default();
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(job) = self.readable(row) {
                all.push((job, self.living_owner(row, &mut living).map_err(error)?));
            }
        }
        Ok(all)
    }

    /// The jobs that can be read. One that cannot must not hide all the others.
    pub(super) fn jobs_of(&self, rows: &[SqliteRow]) -> Vec<Job> {
        rows.iter().filter_map(|row| self.readable(row)).collect()
    }

    pub(super) fn readable(&self, row: &SqliteRow) -> Option<Job> {
        self.job_of(row).inspect_err(|error| tracing::warn!("{error}")).ok()
    }

    pub(super) async fn read_job(&self, connection: &mut SqliteConnection, id: JobId) -> Result<Job> {
        let query = sqlx::query(select_jobs!("WHERE jobs.id = $1")).bind(id.0);
        let row = query.fetch_optional(connection).await.map_err(self.sql("read a job"))?;
        self.job_of(&row.ok_or_else(|| Error::NoJob { path: self.inner.path.clone(), job: id })?)
    }

    fn job_of(&self, row: &SqliteRow) -> Result<Job> {
        let error = self.sql("read a job");
        let id = JobId(row.try_get("id").map_err(error)?);
        let time = |column: &str| row.try_get::<Option<i64>, _>(column).map_err(error).map(|t| t.map(moment));
        let count = |column: &str| row.try_get::<i64, _>(column).map_err(error).map(bytes);
        let text = |column: &str| row.try_get::<Option<String>, _>(column).map_err(error);
        let broken = |e: serde_json::Error| self.content(format!("job {id}"), e);
        let spec = text("spec")?.unwrap_or_default();
        Ok(Job {
            id,
            spec: serde_json::from_str(&spec).map_err(broken)?,
            state: self.state_of(row, id)?,
            progress: Progress {
                total: count("total")?,
                wire: count("wire")?,
                reused: count("reused")?,
                blobs: Vec::new(),
                // What another version wrote and this one cannot read is left out.
                aside: text("aside")?.and_then(|json| serde_json::from_str(&json).ok()),
                counts: counts(row).map_err(error)?,
            },
            priority: row.try_get("priority").map_err(error)?,
            created: row.try_get("created").map(moment).map_err(error)?,
            started: time("started")?,
            finished: time("finished")?,
            failure: text("failure")?.map(|json| serde_json::from_str(&json)).transpose().map_err(broken)?,
            report: text("report")?.map(|json| serde_json::from_str(&json)).transpose().map_err(broken)?,
        })
    }
}

/// How many blobs are where; `None` before a plan was made.
fn counts(row: &SqliteRow) -> sqlx::Result<Option<BlobCounts>> {
    let count = |column: &str| -> sqlx::Result<usize> {
        Ok(usize::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
    };
    let counts = BlobCounts { all: count("blobs")?, settled: count("settled")?, running: count("flowing")? };
    Ok((counts.all > 0).then_some(counts))
}

/// Whether a process holds jobs in this state.
fn is_owned(state: JobState) -> bool {
    matches!(state, JobState::Queued | JobState::Planning | JobState::Running | JobState::Paused)
}

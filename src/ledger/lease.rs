//! Which process may change a job. A process owns the jobs that it queued or took up again; a job that nobody
//! owns is free to all. Every claim raises the job's epoch, and every write is checked against owner and epoch in
//! its own transaction: a process that lost a job while it was stopped can write nothing to it any more.

use std::collections::HashMap;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row};

use super::jobs::{next_change, select_jobs};
use super::process::Process;
use super::{Error, Ledger, Result, moment, now};
use crate::job::{Job, JobId, JobState, Owner};

/// A job as a write finds it.
pub(super) struct Standing {
    pub state: JobState,
    epoch: i64,
    /// The owner's key, its identity, and when the ledger last heard of it.
    pub(super) owner: Option<(String, Process, i64)>,
}

/// Which processes were found to live, by their keys: many jobs are of few processes.
pub(super) type Living = HashMap<String, bool>;

/// Why this process may change a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// It is this process's.
    Mine,
    /// It is nobody's, or its process is gone.
    Free,
}

impl Ledger {
    /// Interrupts what was planning or running in processes that are gone, and gives back what they had queued or
    /// paused, for anybody to [`Ledger::resume`]. The answer is the interrupted jobs. [`Ledger::open`] does this; a
    /// front end that stays open may do it again.
    pub async fn recover(&self) -> Result<Vec<JobId>> {
        let gone = self.gone_processes().await?;
        let mut interrupted = Vec::new();
        if gone.is_empty() {
            return Ok(interrupted);
        }
        let error = self.sql("interrupt the jobs of a process that is gone");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        for key in gone {
            let freed = self.free(&mut change, &key).await?;
            interrupted.extend(freed.into_iter().filter(|(_, was)| was.is_active()).map(|(id, _)| id));
            self.refuse_for(&mut change, &key).await?;
            sqlx::query("DELETE FROM processes WHERE id = $1")
                .bind(&key)
                .execute(&mut *change)
                .await
                .map_err(error)?;
        }
        change.commit().await.map_err(error)?;
        Ok(interrupted)
    }

    /// Gives the jobs of a process back, and interrupts those that it was at work on; the answer is what they were.
    pub(super) async fn free(
        &self,
        connection: &mut SqliteConnection,
        key: &str,
    ) -> Result<Vec<(JobId, JobState)>> {
        let error = self.sql("give jobs back");
        let rows = sqlx::query("SELECT id, state FROM jobs WHERE owner = $1 ORDER BY id").bind(key);
        let mut all = Vec::new();
        for row in rows.fetch_all(&mut *connection).await.map_err(error)? {
            let id = JobId(row.try_get("id").map_err(error)?);
            let was = self.state_of(&row, id)?;
            if was.is_active() {
                self.end_attempt(connection, id, JobState::Interrupted, None).await?;
            }
            let state = if was.is_active() { JobState::Interrupted } else { was };
            let statement = concat!(
                "UPDATE jobs SET state = $1, owner = NULL, epoch = epoch + 1, flowing = 0, changed = ",
                next_change!(),
                " WHERE id = $2"
            );
            let freed = sqlx::query(statement).bind(state.as_str()).bind(id.0);
            freed.execute(&mut *connection).await.map_err(error)?;
            all.push((id, was));
        }
        Ok(all)
    }

    async fn gone_processes(&self) -> Result<Vec<String>> {
        let error = self.sql("list processes");
        let mut reader = self.reader().await?;
        let statement =
            "SELECT id AS owner, host, boot, namespace, pid, started AS began, instance, seen FROM processes";
        let rows = sqlx::query(statement).fetch_all(&mut *reader).await.map_err(error)?;
        let (me, now) = (&self.inner.me, now());
        let mut gone = Vec::new();
        for row in rows {
            if let Some((key, process, seen)) = owner_of(&row).map_err(error)?
                && key != me.key
                && process.is_gone(&me.process, seen, now)
            {
                gone.push(key);
            }
        }
        Ok(gone)
    }

    /// Queues a job that was interrupted, failed, paused or left queued by a process that is gone, as this
    /// process's own. The answer is the job as it stands then.
    ///
    /// Fails when a living process has the job, or when its state leads nowhere.
    pub async fn resume(&self, id: JobId) -> Result<Job> {
        let mut jobs = self.resume_all(&[id]).await?;
        jobs.pop().ok_or_else(|| Error::NoJob { path: self.inner.path.clone(), job: id })
    }

    /// [`Ledger::resume`] for several jobs: all of them, or none and why.
    pub async fn resume_all(&self, ids: &[JobId]) -> Result<Vec<Job>> {
        let error = self.sql("resume jobs");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids.iter().copied() {
            let standing = self.standing(&mut change, id).await?;
            let right = self.right(id, &standing)?;
            if standing.state != JobState::Queued {
                self.arrive(&mut change, id, &standing, JobState::Queued, super::jobs::End::Open).await?;
            } else if right == Right::Free {
                self.claim(&mut change, id).await?;
            }
            jobs.push(self.read_job(&mut change, id).await?);
        }
        change.commit().await.map_err(error)?;
        Ok(jobs)
    }

    /// Cancels jobs that no living process has: all of them, or none and why.
    pub async fn cancel_all(&self, ids: &[JobId]) -> Result<()> {
        let error = self.sql("cancel jobs");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        for id in ids.iter().copied() {
            let standing = self.standing(&mut change, id).await?;
            if self.right(id, &standing)? == Right::Mine {
                let (path, me) = (self.inner.path.clone(), &self.inner.me.process);
                return Err(Error::Owned { path, job: id, host: me.host.clone(), pid: me.pid });
            }
            self.arrive(&mut change, id, &standing, JobState::Cancelled, super::jobs::End::Open).await?;
        }
        change.commit().await.map_err(error)?;
        Ok(())
    }

    /// The living process that has a job, if one has.
    pub async fn owner(&self, id: JobId) -> Result<Option<Owner>> {
        let error = self.sql("read a job");
        let mut reader = self.reader().await?;
        let query = sqlx::query(select_jobs!("WHERE jobs.id = $1")).bind(id.0);
        let row = query.fetch_optional(&mut *reader).await.map_err(error)?;
        let row = row.ok_or_else(|| Error::NoJob { path: self.inner.path.clone(), job: id })?;
        self.living_owner(&row, &mut Living::default()).map_err(error)
    }

    /// The owner in a whole job's row, if it lives.
    pub(super) fn living_owner(&self, row: &SqliteRow, living: &mut Living) -> sqlx::Result<Option<Owner>> {
        let Some((key, process, seen)) = owner_of(row)? else { return Ok(None) };
        let lives =
            *living.entry(key).or_insert_with(|| !process.is_gone(&self.inner.me.process, seen, now()));
        let alone = row.try_get::<Option<i64>, _>("alone")?.map(moment);
        Ok(lives.then_some(Owner { host: process.host, pid: process.pid, alone }))
    }

    /// Whether this process still has a job: to be asked after the process was stopped (SIGCONT), before anything
    /// of the job goes on. Fails with [`Error::LeaseLost`] or
    /// [`Error::Owned`] if not.
    pub async fn check_lease(&self, id: JobId) -> Result<()> {
        let mut reader = self.reader().await?;
        let standing = self.standing(&mut reader, id).await?;
        match self.right_to_go_on(id, &standing)? {
            Right::Mine => Ok(()),
            Right::Free => Err(Error::LeaseLost { path: self.inner.path.clone(), job: id }),
        }
    }

    /// Reads what a write has to know.
    pub(super) async fn standing(&self, connection: &mut SqliteConnection, id: JobId) -> Result<Standing> {
        let error = self.sql("read a job");
        let statement = "SELECT jobs.state, jobs.epoch, jobs.owner, host, boot, namespace, pid, \
             processes.started AS began, instance, seen \
             FROM jobs LEFT JOIN processes ON processes.id = jobs.owner WHERE jobs.id = $1";
        let row = sqlx::query(statement).bind(id.0).fetch_optional(connection).await.map_err(error)?;
        let row = row.ok_or_else(|| Error::NoJob { path: self.inner.path.clone(), job: id })?;
        Ok(Standing {
            state: self.state_of(&row, id)?,
            epoch: row.try_get("epoch").map_err(error)?,
            owner: owner_of(&row).map_err(error)?,
        })
    }

    /// Whether this process may change the job; the error says who has it.
    pub(super) fn right(&self, id: JobId, standing: &Standing) -> Result<Right> {
        let me = &self.inner.me;
        match &standing.owner {
            None => Ok(Right::Free),
            Some((key, ..)) if *key == me.key && self.epochs().get(&id) == Some(&standing.epoch) => {
                Ok(Right::Mine)
            }
            Some((_, process, seen)) if process.is_gone(&me.process, *seen, now()) => Ok(Right::Free),
            Some((_, process, _)) => Err(Error::Owned {
                path: self.inner.path.clone(),
                job: id,
                host: process.host.clone(),
                pid: process.pid,
            }),
        }
    }

    /// The same for work that goes on: it must not go on when the job was taken over meanwhile, be it free now.
    pub(super) fn right_to_go_on(&self, id: JobId, standing: &Standing) -> Result<Right> {
        // Only claims and recoveries raise the epoch.
        let lost = self.epochs().get(&id).is_some_and(|held| *held < standing.epoch);
        if lost {
            Err(Error::LeaseLost { path: self.inner.path.clone(), job: id })
        } else {
            self.right(id, standing)
        }
    }

    /// Makes a free job this process's.
    pub(super) async fn claim(&self, connection: &mut SqliteConnection, id: JobId) -> Result<()> {
        self.show_up(connection).await?;
        let statement = concat!(
            "UPDATE jobs SET owner = $1, epoch = epoch + 1, changed = ",
            next_change!(),
            " WHERE id = $2 RETURNING epoch"
        );
        let claim = sqlx::query_scalar(statement).bind(&self.inner.me.key).bind(id.0);
        let epoch: i64 = claim.fetch_one(connection).await.map_err(self.sql("claim a job"))?;
        // Before the commit, so that a caller that goes away during it cannot lose the epoch. An entry whose commit
        // failed is ahead of the job's epoch and means nothing.
        self.epochs().insert(id, epoch);
        Ok(())
    }

    /// Gives a job back: nobody owns it.
    pub(super) async fn release(&self, connection: &mut SqliteConnection, id: JobId) -> Result<()> {
        let statement = concat!("UPDATE jobs SET owner = NULL, changed = ", next_change!(), " WHERE id = $1");
        sqlx::query(statement).bind(id.0).execute(connection).await.map_err(self.sql("release a job"))?;
        Ok(())
    }

    /// Records that this process lives, for those who cannot look at it.
    pub(super) async fn show_up(&self, connection: &mut SqliteConnection) -> Result<()> {
        let me = &self.inner.me;
        let statement = "INSERT INTO processes (id, host, boot, namespace, pid, started, instance, seen) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen";
        let row = sqlx::query(statement)
            .bind(&me.key)
            .bind(&me.process.host)
            .bind(&me.process.boot)
            .bind(&me.process.namespace)
            .bind(i64::from(me.process.pid))
            .bind(super::stored(me.process.started))
            .bind(super::stored(me.process.instance))
            .bind(now());
        row.execute(connection).await.map_err(self.sql("record this process"))?;
        Ok(())
    }

    pub(super) fn state_of(&self, row: &SqliteRow, id: JobId) -> Result<JobState> {
        let name: String = row.try_get("state").map_err(self.sql("read a job"))?;
        let unknown = || self.content(format!("job {id}"), format!("{name:?} is no state"));
        JobState::from_name(&name).ok_or_else(unknown)
    }
}

/// The owner in a row that was joined with `processes`.
fn owner_of(row: &SqliteRow) -> sqlx::Result<Option<(String, Process, i64)>> {
    let Some(key) = row.try_get::<Option<String>, _>("owner")? else { return Ok(None) };
    let number = |column: &str| row.try_get::<i64, _>(column);
    let process = Process {
        host: row.try_get("host")?,
        boot: row.try_get("boot")?,
        namespace: row.try_get("namespace")?,
        pid: u32::try_from(number("pid")?).unwrap_or(0),
        started: super::bytes(number("began")?),
        instance: super::bytes(number("instance")?),
    };
    Ok(Some((key, process, number("seen")?)))
}

//! Putting a batch of jobs down: in one transaction, and without doing twice what somebody left unfinished.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::jobs::End;
use super::lease::Right;
use super::{Ledger, Result, now};
use crate::job::{Job, JobId, JobSpec, JobState};

impl Ledger {
    /// Queues a job for each specification, as this process's own, in one transaction; the answer has the same order.
    ///
    /// A job of an equal specification that was interrupted, or left queued or paused, and that no living process
    /// has, is taken up instead of adding another: one command that is run again after it was killed is one job with
    /// two attempts.
    pub async fn enlist(&self, specs: &[JobSpec]) -> Result<Vec<Job>> {
        // A path that is not UTF-8 has no JSON.
        let texts: Vec<String> = specs
            .iter()
            .map(|spec| serde_json::to_string(spec).map_err(|e| self.content("a new job", e)))
            .collect::<Result<_>>()?;
        let error = self.sql("add jobs");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let mut left = self.left_behind(&mut change).await?;
        let mut jobs = Vec::with_capacity(specs.len());
        for text in texts {
            let taken = match left.get_mut(&text) {
                Some(ids) => self.take_up(&mut change, ids).await?,
                None => None,
            };
            let id = match taken {
                Some(id) => id,
                None => {
                    let insert = "INSERT INTO jobs (spec, state, created) VALUES ($1, $2, $3) RETURNING id";
                    let insert =
                        sqlx::query_scalar(insert).bind(text).bind(JobState::Queued.as_str()).bind(now());
                    let id = JobId(insert.fetch_one(&mut *change).await.map_err(error)?);
                    self.claim(&mut change, id).await?;
                    id
                }
            };
            jobs.push(self.read_job(&mut change, id).await?);
        }
        change.commit().await.map_err(error)?;
        Ok(jobs)
    }

    /// Jobs that may have been left behind, by their specification as it is stored; the oldest last.
    async fn left_behind(&self, connection: &mut SqliteConnection) -> Result<HashMap<String, Vec<JobId>>> {
        let error = self.sql("look for jobs that were left behind");
        let statement =
            "SELECT id, spec FROM jobs WHERE state IN ('interrupted', 'queued', 'paused') ORDER BY id DESC";
        let mut left: HashMap<String, Vec<JobId>> = HashMap::new();
        for row in sqlx::query(statement).fetch_all(connection).await.map_err(error)? {
            let spec: String = row.try_get("spec").map_err(error)?;
            left.entry(spec).or_default().push(JobId(row.try_get("id").map_err(error)?));
        }
        Ok(left)
    }

    /// Queues the first of these jobs that no living process has.
    async fn take_up(
        &self,
        connection: &mut SqliteConnection,
        ids: &mut Vec<JobId>,
    ) -> Result<Option<JobId>> {
        while let Some(id) = ids.pop() {
            let standing = self.standing(connection, id).await?;
            // An error says who has it: that one is at work, and this is another wish for the same.
            if !matches!(self.right(id, &standing), Ok(Right::Free)) {
                continue;
            }
            match standing.state {
                JobState::Queued => self.claim(connection, id).await?,
                _ => self.arrive(connection, id, &standing, JobState::Queued, End::Open).await?,
            }
            return Ok(Some(id));
        }
        Ok(None)
    }
}

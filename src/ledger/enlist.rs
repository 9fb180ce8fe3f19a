//! Putting a batch of jobs down: in one transaction, and without doing twice what somebody left unfinished.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::jobs::{End, INSERT};
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
                    let insert = sqlx::query_scalar(INSERT).bind(text);
                    let insert = insert.bind(JobState::Queued.as_str()).bind(now());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Error, Sample};

    fn spec(name: &str) -> JobSpec {
        JobSpec::copy(format!("a.io/{name}").parse().unwrap(), format!("b.io/{name}").parse().unwrap())
    }

    fn ids(jobs: &[Job]) -> Vec<i64> {
        jobs.iter().map(|job| job.id.0).collect()
    }

    #[tokio::test]
    async fn what_nobody_has_is_taken_up_and_what_somebody_has_is_not() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ledger.db");
        let one = Ledger::open(&path).await.unwrap();
        let specs = [spec("x"), spec("y"), spec("x"), spec("z")];
        assert_eq!(ids(&one.enlist(&specs).await.unwrap()), [1, 2, 3, 4]);
        let running = JobId(2);
        one.move_to(running, JobState::Queued, JobState::Planning).await.unwrap();
        one.move_to(running, JobState::Planning, JobState::Running).await.unwrap();
        let sample = |id| Sample { id, total: 10, wire: 4, reused: 1, ..Sample::default() };
        let lost = one.sample_all(&[sample(running), sample(JobId(99))]).await.unwrap();
        assert_eq!(lost, [JobId(99)]);
        one.move_to(JobId(4), JobState::Queued, JobState::Cancelled).await.unwrap();
        // While One lives, everything is its own, and the same wish is another job.
        let two = Ledger::open(&path).await.unwrap();
        assert_eq!(ids(&two.enlist(&[spec("y")]).await.unwrap()), [5]);
        assert!(two.owner(running).await.unwrap().is_some());
        assert_eq!(two.owner(JobId(4)).await.unwrap(), None, "it is over");
        assert!(matches!(two.cancel_all(&[JobId(1)]).await, Err(Error::Owned { .. })));
        drop((one, two));
        let three = Ledger::open(&path).await.unwrap();
        let taken = three.enlist(&[spec("y"), spec("x"), spec("z"), spec("x"), spec("x")]).await.unwrap();
        assert_eq!(ids(&taken), [2, 1, 6, 3, 7], "each job once, the oldest first");
        assert_eq!((taken[0].state, taken[0].progress.wire), (JobState::Queued, 4));
        three.move_to(running, JobState::Queued, JobState::Planning).await.unwrap();
        let attempts = &three.attempts(&[running, JobId(1)]).await.unwrap()[&running];
        let told: Vec<_> = attempts.iter().map(|a| (a.number, a.outcome, a.ended.is_some())).collect();
        assert_eq!(told, [(1, Some(JobState::Interrupted), true), (2, None, false)]);
        // All or nothing: the fifth is nobody's, the second is at work.
        assert!(three.cancel_all(&[JobId(5), running]).await.is_err());
        assert_eq!(three.job(JobId(5)).await.unwrap().state, JobState::Queued);
        assert!(three.resume_all(&[JobId(5), JobId(4)]).await.is_err());
        assert!(three.owner(JobId(5)).await.unwrap().is_none());
        three.cancel_all(&[JobId(5)]).await.unwrap();
        assert_eq!(three.job(JobId(5)).await.unwrap().state, JobState::Cancelled);
    }
}

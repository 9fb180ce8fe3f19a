//! Forgetting: jobs that were over long ago, with all that was recorded of them. A few at a time, so that nobody waits.

use sqlx::{Connection, Row};

use super::{Ledger, Result, now};

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Jobs of one transaction.
const BATCH: i64 = 100;

/// What is kept of the jobs that are over: the newest ones, and of those the ones of the last days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// So many jobs.
    pub jobs: u32,
    /// For so many days.
    pub days: u32,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { jobs: 10_000, days: 90 }
    }
}

impl Ledger {
    /// Forgets jobs that are over and not to be kept, the oldest first, at most `most` of them; and requests that
    /// nobody came back for. Where a process may be at work nothing is touched. The answer is how many went.
    pub async fn prune(&self, keep: Keep, most: usize) -> Result<usize> {
        let error = self.sql("forget old jobs");
        let oldest = now().saturating_sub(i64::from(keep.days).saturating_mul(DAY));
        let statement = "SELECT id FROM jobs WHERE owner IS NULL AND state IN ('succeeded', 'failed', 'cancelled') \
             AND (finished < $1 OR id <= COALESCE((SELECT id FROM jobs ORDER BY id DESC LIMIT 1 OFFSET $2), 0)) \
             ORDER BY id LIMIT $3";
        let mut gone = 0;
        while gone < most {
            let mut writer = self.writer().await?;
            let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
            let limit = i64::try_from(most - gone).unwrap_or(BATCH).min(BATCH);
            let rows = sqlx::query(statement).bind(oldest).bind(i64::from(keep.jobs)).bind(limit);
            let rows = rows.fetch_all(&mut *change).await.map_err(error)?;
            for row in &rows {
                let id: i64 = row.try_get("id").map_err(error)?;
                for delete in [
                    "DELETE FROM logs WHERE job = $1",
                    "DELETE FROM attempts WHERE job = $1",
                    "DELETE FROM overwrites WHERE job = $1",
                    "DELETE FROM files WHERE job = $1",
                    "DELETE FROM requests WHERE job = $1",
                    "DELETE FROM jobs WHERE id = $1",
                ] {
                    sqlx::query(delete).bind(id).execute(&mut *change).await.map_err(error)?;
                }
            }
            let stale = sqlx::query("DELETE FROM requests WHERE at < $1").bind(now().saturating_sub(DAY));
            stale.execute(&mut *change).await.map_err(error)?;
            change.commit().await.map_err(error)?;
            gone += rows.len();
            if (rows.len() as i64) < limit {
                break;
            }
        }
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobId, JobSpec, JobState, Level};

    #[tokio::test]
    async fn old_jobs_go_with_all_that_was_said_of_them_and_nothing_that_lives() {
        let place = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&place.path().join("ledger.db")).await.unwrap();
        for n in 0..260 {
            let text = |host: &str| format!("{host}/r{n}:1").parse().unwrap();
            let id =
                ledger.add(&JobSpec::copy(text("a.io"), text("b.io")), JobState::Queued).await.unwrap().id;
            ledger.log(id, Level::Info, "said").await.unwrap();
            // The third goes on all the time; the fifth failed, the others are over.
            ledger.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
            match n {
                2 => {}
                _ => ledger.move_to(id, JobState::Planning, JobState::Cancelled).await.unwrap(),
            }
        }
        let path = std::path::Path::new("/tmp/x.tar");
        ledger.record_file(JobId(1), path, &crate::oci::Digest::of(b"x"), 1).await.unwrap();
        let ids = async || ledger.history(1000).await.unwrap().iter().map(|job| job.id.0).collect::<Vec<_>>();
        let everything = Keep { jobs: 1000, days: 90 };
        assert_eq!(ledger.prune(everything, 1000).await.unwrap(), 0);
        let keep = Keep { jobs: 10, days: 90 };
        assert_eq!(ledger.prune(keep, 120).await.unwrap(), 120, "no more than asked for");
        assert_eq!(ledger.prune(keep, 1000).await.unwrap(), 129);
        let left: Vec<i64> = (251..=260).rev().chain([3]).collect();
        assert_eq!(ids().await, left);
        assert!(ledger.logs(JobId(1)).await.unwrap().is_empty());
        assert!(ledger.exported_files(None, 9).await.unwrap().is_empty());
        assert_eq!(ledger.logs(JobId(3)).await.unwrap().len(), 1);
        // By age.
        let old = "UPDATE jobs SET finished = 1 WHERE id < 256";
        sqlx::query(old).execute(&mut *ledger.writer().await.unwrap()).await.unwrap();
        assert_eq!(ledger.prune(keep, 1000).await.unwrap(), 5);
        assert_eq!(ids().await, [260, 259, 258, 257, 256, 3]);
    }
}

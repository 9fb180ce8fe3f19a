//! One job whole, as the ledger remembers it.

use serde::Serialize;

use super::{Inner, Result};
use crate::job::{Attempt, Job, JobId, Owner};
use crate::ledger::{ExportedFile, LogLine, Overwrite};

/// Tags and files of one job that are listed.
const LIMIT: u32 = 10_000;

/// Everything that is recorded of a job.
#[derive(Debug, Clone, Serialize)]
pub struct JobRecord {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// The living process that has it.
    pub owner: Option<Owner>,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// What it said, oldest line first.
    pub log: Vec<LogLine>,
    /// Tags that it moved away from something, newest first.
    pub overwritten: Vec<Overwrite>,
    /// Files that it wrote, newest first.
    pub files: Vec<ExportedFile>,
}

impl Inner {
    pub(super) async fn read_record(&self, id: JobId) -> Result<JobRecord> {
        let ledger = self.need_ledger()?;
        Ok(JobRecord {
            job: ledger.job(id).await?,
            owner: ledger.owner(id).await?,
            attempts: ledger.attempts(&[id]).await?.remove(&id).unwrap_or_default(),
            log: ledger.logs(id).await?,
            overwritten: ledger.overwrites(Some(id), LIMIT).await?,
            files: ledger.exported_files(Some(id), LIMIT).await?,
        })
    }
}

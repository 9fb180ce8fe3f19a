//! Jobs that are over, found in the ledger page by page.

use super::{Engine, Result};
use crate::job::{Job, JobId};

impl Engine {
    /// Jobs that are over, newest first, at most `limit` of those before `before`, with each of `words` in their
    /// specifications, states or failures: those that this user's ledger remembers, or without one those of this process.
    pub async fn finished(&self, before: Option<JobId>, words: &str, limit: u32) -> Result<Vec<Job>> {
        if let Some(ledger) = &self.0.ledger {
            return Ok(ledger.finished(before, words, limit).await?);
        }
        let words = words.to_lowercase();
        let found = |job: &Job| {
            let text = format!("{} {} {}", job.spec, job.state, failure(job)).to_lowercase();
            job.state.is_final()
                && before.is_none_or(|before| job.id < before)
                && words.split_whitespace().all(|word| text.contains(word))
        };
        Ok(self.jobs().into_iter().rev().filter(found).take(limit as usize).collect())
    }
}

fn failure(job: &Job) -> &str {
    job.failure.as_ref().map(|failure| failure.message.as_str()).unwrap_or_default()
}

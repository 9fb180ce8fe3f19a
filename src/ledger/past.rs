//! Jobs that are over, page by page.

use sqlx::{QueryBuilder, Sqlite};

use super::{Ledger, Result};
use crate::job::{Job, JobId};

/// Words that are looked for at most.
const WORDS: usize = 8;

impl Ledger {
    /// Jobs that are over, newest first, of every process: at most `limit` of those before `before`, with each of `words`
    /// in their specifications, states or failures, whatever the case of ASCII letters.
    pub async fn finished(&self, before: Option<JobId>, words: &str, limit: u32) -> Result<Vec<Job>> {
        let mut query = QueryBuilder::<Sqlite>::new(super::jobs::select_jobs!(
            "WHERE state IN ('succeeded', 'failed', 'cancelled')"
        ));
        if let Some(before) = before {
            query.push(" AND jobs.id < ").push_bind(before.0);
        }
        for word in words.split_whitespace().take(WORDS) {
            query.push(" AND LOWER(spec || ' ' || state || ' ' || COALESCE(failure, '')) LIKE ");
            query.push_bind(pattern(word)).push(" ESCAPE '!'");
        }
        query.push(" ORDER BY jobs.id DESC LIMIT ").push_bind(i64::from(limit));
        let mut reader = self.reader().await?;
        let rows = query.build().fetch_all(&mut *reader).await.map_err(self.sql("list jobs"))?;
        Ok(self.jobs_of(&rows))
    }
}

/// A word as LIKE finds it anywhere, its own wildcards escaped.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.to_ascii_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Failure, JobSpec, JobState};
    use crate::oci::ErrorClass;

    #[tokio::test]
    async fn what_is_over_comes_in_pages_and_is_found_by_words() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("ledger.db")).await.unwrap();
        let mut ids = Vec::new();
        for n in 0..5 {
            let source = format!("h.io/team_{n}/app:1").parse().unwrap();
            let spec = JobSpec::copy(source, "g.io/x:1".parse().unwrap());
            let id = ledger.add(&spec, JobState::Queued).await.unwrap().id;
            ids.push(id);
            if n == 4 {
                continue;
            }
            ledger.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
            let failure = Failure {
                message: "get manifest: 401 100%".to_owned(),
                class: ErrorClass::Auth,
                hint: None,
                exchange: None,
            };
            match n {
                3 => ledger.fail(id, JobState::Planning, &failure).await.unwrap(),
                _ => ledger.move_to(id, JobState::Planning, JobState::Cancelled).await.unwrap(),
            }
        }
        let found = async |before, words: &str, limit| {
            let jobs = ledger.finished(before, words, limit).await.unwrap();
            jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
        };
        assert_eq!(found(None, "", 2).await, [ids[3], ids[2]]);
        assert_eq!(found(Some(ids[2]), "", 2).await, [ids[1], ids[0]]);
        assert_eq!(found(None, "TEAM_1 cancelled", 9).await, [ids[1]]);
        assert_eq!(found(None, "401", 9).await, [ids[3]]);
        assert_eq!(found(None, "100%", 9).await, [ids[3]]);
        // What is typed are no wildcards.
        assert!(found(None, "t%m", 9).await.is_empty() && found(None, "tea__1", 9).await.is_empty());
    }
}

//! Between processes: how far this one's jobs are, for the others to see, and what has changed of theirs since this one
//! last looked. Whoever looks asks [`Ledger::version`] first, and only reads when it is another.

use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::jobs::{next_change, select_jobs};
use super::lease::Living;
use super::{Ledger, LogEntry, Result, moment, now, stored};
use crate::job::{Aside, BlobCounts, Job, JobId, JobState, Owner};

/// Jobs and log lines that are read at once.
const LIMIT: i64 = 1000;

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Which job.
    pub id: JobId,
    /// As in [`crate::job::Progress`].
    pub total: u64,
    /// As in [`crate::job::Progress`].
    pub wire: u64,
    /// As in [`crate::job::Progress`].
    pub reused: u64,
    /// How many blobs are where.
    pub blobs: BlobCounts,
    /// What goes on beside the blobs.
    pub aside: Option<Aside>,
}

impl Default for Sample {
    fn default() -> Sample {
        Sample { id: JobId(0), total: 0, wire: 0, reused: 0, blobs: BlobCounts::default(), aside: None }
    }
}

impl Sample {
    /// What others see of a job.
    pub fn of(job: &Job) -> Sample {
        let progress = &job.progress;
        Sample {
            id: job.id,
            total: progress.total,
            wire: progress.wire,
            reused: progress.reused,
            blobs: progress.blob_counts(),
            aside: progress.aside,
        }
    }
}

/// Up to where somebody has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    change: i64,
    line: i64,
}

/// A job that changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// The job; its progress has no blobs, but their counts.
    pub job: Job,
    /// The living process that has it, if one has.
    pub owner: Option<Owner>,
    /// Whether that is the one that asks.
    pub mine: bool,
}

impl Ledger {
    /// Records how far jobs of this process are, in one transaction. The caller asks for it about once a second, and
    /// only when something changed. The answer is those that are not this process's any more: nothing is written of
    /// them, and whatever drives them must stop.
    pub async fn sample_all(&self, samples: &[Sample]) -> Result<Vec<JobId>> {
        let error = self.sql("record the jobs' progress");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        self.show_up(&mut change).await?;
        let mut lost = Vec::new();
        for sample in samples {
            match self.owned(&mut change, sample.id).await {
                Ok(()) => self.set_progress(&mut change, sample).await?,
                Err(super::Error::Sql { attempted, path, source }) => {
                    return Err(super::Error::Sql { attempted, path, source });
                }
                Err(_) => lost.push(sample.id),
            }
        }
        change.commit().await.map_err(error)?;
        Ok(lost)
    }

    pub(super) async fn set_progress(
        &self,
        connection: &mut SqliteConnection,
        sample: &Sample,
    ) -> Result<()> {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let statement = concat!(
            "UPDATE jobs SET total = $1, wire = $2, reused = $3, blobs = $4, settled = $5, flowing = $6, aside = $7, \
             changed = ",
            next_change!(),
            " WHERE id = $8"
        );
        let update = sqlx::query(statement)
            .bind(stored(sample.total))
            .bind(stored(sample.wire))
            .bind(stored(sample.reused))
            .bind(count(sample.blobs.all))
            .bind(count(sample.blobs.settled))
            .bind(count(sample.blobs.running))
            .bind(sample.aside.and_then(|aside| serde_json::to_string(&aside).ok()))
            .bind(sample.id.0);
        update.execute(connection).await.map_err(self.sql("record a job's progress"))?;
        Ok(())
    }

    /// A job's counts at its end.
    pub(super) async fn set_total(
        &self,
        connection: &mut SqliteConnection,
        id: JobId,
        counts: [u64; 3],
    ) -> Result<()> {
        let [total, wire, reused] = counts.map(stored);
        let statement = "UPDATE jobs SET total = $1, wire = $2, reused = $3, settled = blobs, flowing = 0, \
             aside = NULL WHERE id = $4";
        let update = sqlx::query(statement).bind(total).bind(wire).bind(reused).bind(id.0);
        update.execute(connection).await.map_err(self.sql("record a job's progress"))?;
        Ok(())
    }

    /// Records that nobody sits in front of this process any more, for whoever looks at its jobs.
    pub async fn set_alone(&self) -> Result<()> {
        let error = self.sql("record this process");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        self.show_up(&mut change).await?;
        let key = &self.inner.me.key;
        let alone = sqlx::query("UPDATE processes SET alone = $1 WHERE id = $2").bind(now()).bind(key);
        alone.execute(&mut *change).await.map_err(error)?;
        // Its jobs are shown with it.
        let seen = concat!("UPDATE jobs SET changed = ", next_change!(), " WHERE owner = $1");
        sqlx::query(seen).bind(key).execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// Gives every job of this process back: what it was at work on is interrupted, the rest stays as it is, for
    /// whoever takes it up. The answer is all of them, with the states that they were in. What this process writes of them later is refused.
    pub async fn give_back(&self) -> Result<Vec<(JobId, JobState)>> {
        let error = self.sql("give jobs back");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let freed = self.free(&mut change, &self.inner.me.key).await?;
        change.commit().await.map_err(error)?;
        Ok(freed)
    }

    /// How things stand: every job that is not over, oldest first, and from where on to ask [`Ledger::changes`].
    pub async fn standings(&self) -> Result<(Vec<Change>, Cursor)> {
        let error = self.sql("list jobs");
        let mut reader = self.reader().await?;
        let mut moment = reader.begin().await.map_err(error)?;
        let statement = "SELECT (SELECT COALESCE(MAX(changed), 0) FROM jobs) AS change, \
             (SELECT COALESCE(MAX(id), 0) FROM logs) AS line";
        let row = sqlx::query(statement).fetch_one(&mut *moment).await.map_err(error)?;
        let cursor = Cursor {
            change: row.try_get("change").map_err(error)?,
            line: row.try_get("line").map_err(error)?,
        };
        let query = sqlx::query(select_jobs!(
            "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') ORDER BY jobs.id"
        ));
        let rows = query.fetch_all(&mut *moment).await.map_err(error)?;
        moment.rollback().await.map_err(error)?;
        Ok((self.changes_of(&rows)?.0, cursor))
    }

    /// What changed since `cursor`: jobs, each as it is now, in the order of their changes; and lines of jobs' logs.
    /// Of very many only the first, and the cursor tells where to go on.
    pub async fn changes(&self, cursor: &mut Cursor) -> Result<(Vec<Change>, Vec<LogEntry>)> {
        let error = self.sql("look for changes");
        let mut reader = self.reader().await?;
        let mut moment_of = reader.begin().await.map_err(error)?;
        let query = sqlx::query(select_jobs!("WHERE changed > $1 ORDER BY changed LIMIT $2"));
        let rows = query.bind(cursor.change).bind(LIMIT).fetch_all(&mut *moment_of).await.map_err(error)?;
        let statement = "SELECT id, job, at, level, text FROM logs WHERE id > $1 ORDER BY id LIMIT $2";
        let query = sqlx::query(statement).bind(cursor.line).bind(LIMIT);
        let lines = query.fetch_all(&mut *moment_of).await.map_err(error)?;
        moment_of.rollback().await.map_err(error)?;
        let (changes, last) = self.changes_of(&rows)?;
        let mut said = Vec::with_capacity(lines.len());
        let mut line = cursor.line;
        for row in &lines {
            line = row.try_get("id").map_err(error)?;
            let level: String = row.try_get("level").map_err(error)?;
            // Another version's level is one that this one does not show.
            if let Some(level) = super::logs::level_of(&level) {
                let at: Timestamp = row.try_get("at").map(moment).map_err(error)?;
                let job = JobId(row.try_get("job").map_err(error)?);
                said.push(LogEntry { job, at, level, text: row.try_get("text").map_err(error)? });
            }
        }
        *cursor = Cursor { change: last.unwrap_or(cursor.change), line };
        Ok((changes, said))
    }

    /// The jobs in rows, and the last change's number.
    fn changes_of(&self, rows: &[sqlx::sqlite::SqliteRow]) -> Result<(Vec<Change>, Option<i64>)> {
        let error = self.sql("look for changes");
        let (mut living, mut changes, mut last) = (Living::default(), Vec::with_capacity(rows.len()), None);
        for row in rows {
            last = Some(row.try_get("changed").map_err(error)?);
            let Some(job) = self.readable(row) else { continue };
            let owner = self.living_owner(row, &mut living).map_err(error)?;
            let key: Option<String> = row.try_get("owner").map_err(error)?;
            changes.push(Change { job, owner, mine: key.as_deref() == Some(&self.inner.me.key) });
        }
        Ok((changes, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobSpec, Level};

    async fn open(place: &tempfile::TempDir) -> Ledger {
        Ledger::open(&place.path().join("ledger.db")).await.unwrap()
    }

    fn spec(name: &str) -> JobSpec {
        JobSpec::copy(format!("a.io/{name}").parse().unwrap(), format!("b.io/{name}").parse().unwrap())
    }

    #[tokio::test]
    async fn others_see_what_changed_and_only_that() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (open(&place).await, open(&place).await);
        let first = one.add(&spec("first"), JobState::Queued).await.unwrap().id;
        let (standing, mut cursor) = two.standings().await.unwrap();
        assert_eq!(standing.len(), 1);
        assert!(!standing[0].mine && standing[0].owner.as_ref().unwrap().pid == std::process::id());
        assert!(one.standings().await.unwrap().0[0].mine);
        let version = two.version().await.unwrap();
        let (changes, lines) = two.changes(&mut cursor).await.unwrap();
        assert!(changes.is_empty() && lines.is_empty());
        assert_eq!(two.version().await.unwrap(), version, "looking changes nothing");
        let second = one.add(&spec("second"), JobState::Queued).await.unwrap().id;
        one.move_to(first, JobState::Queued, JobState::Planning).await.unwrap();
        one.move_to(first, JobState::Planning, JobState::Running).await.unwrap();
        let aside = Some(Aside { kind: crate::job::AsideKind::Saving, done: 3, total: 9 });
        let blobs = BlobCounts { all: 7, settled: 2, running: 4 };
        let sample = Sample { id: first, total: 100, wire: 20, reused: 10, blobs, aside };
        assert!(one.sample_all(std::slice::from_ref(&sample)).await.unwrap().is_empty());
        one.log(first, Level::Warn, "slow").await.unwrap();
        assert_ne!(two.version().await.unwrap(), version);
        let (changes, lines) = two.changes(&mut cursor).await.unwrap();
        let ids: Vec<_> = changes.iter().map(|change| change.job.id).collect();
        assert_eq!(ids, [second, first], "each once, in the order of their last changes");
        let progress = &changes[1].job.progress;
        assert_eq!((progress.wire, progress.settled_blobs(), progress.flows()), (20, (2, 7), true));
        assert_eq!((Sample::of(&changes[1].job), progress.aside), (sample, aside));
        assert_eq!((lines[0].job, lines[0].text.as_str(), lines.len()), (first, "slow", 1));
        let (changes, lines) = two.changes(&mut cursor).await.unwrap();
        assert!(changes.is_empty() && lines.is_empty());
        // The end, and its counts.
        let report = crate::job::Report { wire: 60, reused: 40, ..crate::job::Report::default() };
        one.succeed(first, &report).await.unwrap();
        let (changes, _) = two.changes(&mut cursor).await.unwrap();
        let progress = &changes[0].job.progress;
        assert_eq!((progress.wire, progress.settled_blobs(), progress.flows()), (60, (7, 7), false));
        assert!(changes[0].owner.is_none() && progress.aside.is_none());
    }

    #[tokio::test]
    async fn a_batch_is_read_in_pieces() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (open(&place).await, open(&place).await);
        let (_, mut cursor) = two.standings().await.unwrap();
        let specs: Vec<_> = (0..LIMIT + 500).map(|n| spec(&format!("r{n}"))).collect();
        one.enlist(&specs).await.unwrap();
        let mut seen = Vec::new();
        for expected in [LIMIT, 500, 0] {
            let (changes, _) = two.changes(&mut cursor).await.unwrap();
            assert_eq!(changes.len() as i64, expected);
            seen.extend(changes.into_iter().map(|change| change.job.id.0));
        }
        assert_eq!(seen, (1..=LIMIT + 500).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_leaves_gives_its_jobs_back_and_can_write_nothing_to_them() {
        let place = tempfile::tempdir().unwrap();
        let (one, two) = (open(&place).await, open(&place).await);
        let running = one.add(&spec("running"), JobState::Queued).await.unwrap().id;
        one.move_to(running, JobState::Queued, JobState::Planning).await.unwrap();
        let queued = one.add(&spec("queued"), JobState::Queued).await.unwrap().id;
        one.set_alone().await.unwrap();
        assert!(two.owner(queued).await.unwrap().unwrap().alone.is_some());
        let given = one.give_back().await.unwrap();
        assert_eq!(given, [(running, JobState::Planning), (queued, JobState::Queued)]);
        assert_eq!(two.job(running).await.unwrap().state, JobState::Interrupted);
        assert_eq!(two.job(queued).await.unwrap().state, JobState::Queued);
        let late = one.move_to(queued, JobState::Queued, JobState::Planning).await.unwrap_err();
        assert!(matches!(late, crate::ledger::Error::LeaseLost { .. }), "{late}");
        assert_eq!(one.sample_all(&[Sample { id: running, ..Sample::default() }]).await.unwrap(), [running]);
        two.resume_all(&[running, queued]).await.unwrap();
        assert!(two.owner(queued).await.unwrap().unwrap().alone.is_none());
        assert!(one.give_back().await.unwrap().is_empty());
    }
}

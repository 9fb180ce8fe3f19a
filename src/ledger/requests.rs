//! What one process asks of another: a row for the process that has the job, which looks for such rows, does what they
//! ask, and answers in them. Who asked reads the answer and takes the row away; nobody is asked twice.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::lease::Right;
use super::{Ledger, Result, now};
use crate::job::{Failure, Hint, JobId, JobState, Owner, Wish};
use crate::oci::ErrorClass;

/// Something asked of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number: later ones are higher.
    pub id: i64,
    /// Which job.
    pub job: JobId,
    /// What; an error for what this version does not know.
    pub wish: Result<Wish, String>,
}

/// Where a wish went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// This process has the job itself.
    Mine,
    /// No living process has it; this is its state.
    Nobody(JobState),
    /// To its process, as the request of this number.
    Other(i64, Owner),
}

impl Ledger {
    /// Asks the process that has a job for something.
    pub async fn ask(&self, job: JobId, wish: Wish) -> Result<Asked> {
        let error = self.sql("ask another wharf");
        let text = serde_json::to_string(&wish).map_err(|e| self.content("a request", e))?;
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let standing = self.standing(&mut change, job).await?;
        let owner = match (self.right(job, &standing), standing.owner) {
            (Ok(Right::Mine), _) => return Ok(Asked::Mine),
            (Ok(Right::Free), _) => return Ok(Asked::Nobody(standing.state)),
            (Err(_), Some(owner)) => owner,
            (Err(error), None) => return Err(error),
        };
        let (key, process, _) = owner;
        let statement = "INSERT INTO requests (owner, job, wish, at) VALUES ($1, $2, $3, $4) RETURNING id";
        let insert = sqlx::query_scalar(statement).bind(key).bind(job.0).bind(text).bind(now());
        let id: i64 = insert.fetch_one(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)?;
        Ok(Asked::Other(id, Owner { host: process.host, pid: process.pid, alone: None }))
    }

    /// What was asked of this process after the request `after`, and is not answered, oldest first.
    pub async fn requests(&self, after: i64) -> Result<Vec<Request>> {
        let error = self.sql("look for requests");
        let statement = "SELECT id, job, wish FROM requests WHERE owner = $1 AND id > $2 AND answered IS NULL ORDER BY id";
        let mut reader = self.reader().await?;
        let rows = sqlx::query(statement).bind(&self.inner.me.key).bind(after);
        let mut requests = Vec::new();
        for row in rows.fetch_all(&mut *reader).await.map_err(error)? {
            let text: String = row.try_get("wish").map_err(error)?;
            let unknown =
                |_| "this wharf does not know what was asked: they are of different versions".to_owned();
            requests.push(Request {
                id: row.try_get("id").map_err(error)?,
                job: JobId(row.try_get("job").map_err(error)?),
                wish: serde_json::from_str(&text).map_err(unknown),
            });
        }
        Ok(requests)
    }

    /// Answers a request: it was done, or why not. One that was withdrawn needs no answer.
    pub async fn answer(&self, request: i64, answer: Result<(), &Failure>) -> Result<()> {
        let error = self.sql("answer another wharf");
        let refusal = match answer {
            Ok(()) => None,
            Err(failure) => Some(serde_json::to_string(failure).map_err(|e| self.content("an answer", e))?),
        };
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let statement = "UPDATE requests SET answered = $1, refusal = $2 WHERE id = $3 AND owner = $4";
        let update = sqlx::query(statement).bind(now()).bind(refusal).bind(request).bind(&self.inner.me.key);
        update.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// The answer to a request of this process, if it is there: it is read once.
    pub async fn answered(&self, request: i64) -> Result<Option<Result<(), Failure>>> {
        let error = self.sql("read another wharf's answer");
        let statement = "SELECT refusal FROM requests WHERE id = $1 AND answered IS NOT NULL";
        let row = {
            let mut reader = self.reader().await?;
            sqlx::query(statement).bind(request).fetch_optional(&mut *reader).await.map_err(error)?
        };
        let Some(row) = row else { return Ok(None) };
        let refusal: Option<String> = row.try_get("refusal").map_err(error)?;
        self.withdraw(request).await?;
        Ok(Some(match refusal {
            None => Ok(()),
            Some(json) => Err(serde_json::from_str(&json)
                .map_err(|e| self.content(format!("the answer to request {request}"), e))?),
        }))
    }

    /// Takes a request away. One that has not been looked at will not be.
    pub async fn withdraw(&self, request: i64) -> Result<()> {
        let error = self.sql("withdraw a request");
        let mut writer = self.writer().await?;
        let mut change = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error)?;
        let delete = sqlx::query("DELETE FROM requests WHERE id = $1").bind(request);
        delete.execute(&mut *change).await.map_err(error)?;
        change.commit().await.map_err(error)
    }

    /// Refuses what was asked of a process that is gone.
    pub(super) async fn refuse_for(&self, connection: &mut SqliteConnection, key: &str) -> Result<()> {
        let failure = Failure {
            message: "the process that had the job is gone".to_owned(),
            class: ErrorClass::Conflict,
            hint: Some(Hint::Resume),
            exchange: None,
        };
        let json = serde_json::to_string(&failure).map_err(|e| self.content("an answer", e))?;
        let statement =
            "UPDATE requests SET answered = $1, refusal = $2 WHERE owner = $3 AND answered IS NULL";
        let update = sqlx::query(statement).bind(now()).bind(json).bind(key).execute(connection);
        update.await.map_err(self.sql("answer for a process that is gone"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::JobSpec;

    fn spec() -> JobSpec {
        JobSpec::copy("a.io/x".parse().unwrap(), "b.io/x".parse().unwrap())
    }

    fn refusal() -> Failure {
        Failure { message: "it is over".to_owned(), class: ErrorClass::Conflict, hint: None, exchange: None }
    }

    async fn asked(ledger: &Ledger, job: JobId, wish: Wish) -> i64 {
        match ledger.ask(job, wish).await.unwrap() {
            Asked::Other(id, owner) if owner.pid == std::process::id() => id,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_wish_reaches_who_has_the_job_and_is_answered_once() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ledger.db");
        let (one, two) = (Ledger::open(&path).await.unwrap(), Ledger::open(&path).await.unwrap());
        let job = one.add(&spec(), JobState::Queued).await.unwrap().id;
        assert_eq!(one.ask(job, Wish::Pause).await.unwrap(), Asked::Mine);
        let (first, second) =
            (asked(&two, job, Wish::Pause).await, asked(&two, job, Wish::Priority(3)).await);
        assert!(two.requests(0).await.unwrap().is_empty(), "nothing was asked of the one that asks");
        let wishes =
            |requests: Vec<Request>| requests.into_iter().map(|r| r.wish.unwrap()).collect::<Vec<_>>();
        assert_eq!(wishes(one.requests(0).await.unwrap()), [Wish::Pause, Wish::Priority(3)]);
        assert_eq!(wishes(one.requests(first).await.unwrap()), [Wish::Priority(3)]);
        assert_eq!(two.answered(first).await.unwrap(), None);
        one.answer(first, Ok(())).await.unwrap();
        one.answer(second, Err(&refusal())).await.unwrap();
        assert!(one.requests(0).await.unwrap().is_empty());
        assert_eq!(two.answered(first).await.unwrap(), Some(Ok(())));
        assert_eq!(two.answered(second).await.unwrap(), Some(Err(refusal())));
        assert_eq!(two.answered(second).await.unwrap(), None);
        // Withdrawn, it is not done; and an answer that comes too late is nobody's.
        let third = asked(&two, job, Wish::Cancel).await;
        two.withdraw(third).await.unwrap();
        assert!(one.requests(0).await.unwrap().is_empty());
        one.answer(third, Ok(())).await.unwrap();
        assert_eq!(two.answered(third).await.unwrap(), None);
        // What another version asks is refused, and not guessed.
        let fourth = asked(&two, job, Wish::Cancel).await;
        let other = "UPDATE requests SET wish = '\"explode\"'";
        sqlx::query(other).execute(&mut *two.writer().await.unwrap()).await.unwrap();
        let requests = one.requests(0).await.unwrap();
        assert!(requests[0].id == fourth && requests[0].wish.as_ref().unwrap_err().contains("versions"));
    }

    #[tokio::test]
    async fn who_is_gone_refuses() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ledger.db");
        let (one, two) = (Ledger::open(&path).await.unwrap(), Ledger::open(&path).await.unwrap());
        let job = one.add(&spec(), JobState::Queued).await.unwrap().id;
        let request = asked(&two, job, Wish::Pause).await;
        drop(one);
        assert_eq!(two.answered(request).await.unwrap(), None);
        two.recover().await.unwrap();
        let refused = two.answered(request).await.unwrap().unwrap().unwrap_err();
        assert!(refused.message.contains("gone") && refused.hint.is_some(), "{refused:?}");
        assert_eq!(two.ask(job, Wish::Pause).await.unwrap(), Asked::Nobody(JobState::Queued));
    }
}

//! What a person asks of a job, whoever has it: this process, another one, which is asked through the ledger, or nobody,
//! and then this process takes it up.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Error, Inner, Result};
use crate::job::{Failure, JobId, JobState, Owner, Wish};
use crate::ledger::{Asked, Ledger, Request};

/// How long another process may take to answer. One that works does within a second; a stopped one never does.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often its answer is looked for.
const LOOK: Duration = Duration::from_millis(100);

impl Inner {
    /// Does what is asked of a job, here or elsewhere.
    pub(super) async fn ask(self: &Arc<Inner>, id: JobId, wish: Wish) -> Result<()> {
        // What is over here may live again elsewhere.
        let here = self.jobs.get(id).is_some_and(|entry| !entry.state.borrow().is_final());
        let Some(ledger) = self.ledger_for(id).filter(|_| !here) else { return self.obey(id, wish).await };
        match ledger.ask(id, wish).await? {
            Asked::Mine => self.obey(id, wish).await,
            Asked::Nobody(state) => self.do_for_nobody(ledger, id, state, wish).await,
            Asked::Other(request, owner) => await_answer(ledger, id, request, &owner).await,
        }
    }

    /// Does what is asked of a job of this process.
    pub(super) async fn obey(self: &Arc<Inner>, id: JobId, wish: Wish) -> Result<()> {
        match wish {
            Wish::Pause => self.pause_job(id).await,
            Wish::Resume => self.resume_job(id).await,
            Wish::Cancel => self.cancel_job(id).await,
            Wish::Retry => self.retry_job(id).await,
            Wish::Priority(priority) => self.prioritise(id, priority).await,
        }
    }

    /// Does what is asked of a job that no process has.
    async fn do_for_nobody(
        self: &Arc<Inner>,
        ledger: &Ledger,
        id: JobId,
        state: JobState,
        wish: Wish,
    ) -> Result<()> {
        let refused = |reason: String| Err(Error::Job { job: id, reason });
        match wish {
            _ if state.is_final() && !(state == JobState::Failed && wish == Wish::Retry) => {
                refused(format!("it is over: {state}"))
            }
            // Its failure may have been seen here: then the entry here begins anew.
            Wish::Retry if self.jobs.get(id).is_some() => self.retry_job(id).await,
            Wish::Retry | Wish::Resume => self.take_up(&[id]).await,
            Wish::Cancel => self.cancel_left(&[id]).await,
            Wish::Pause => refused("no process is at work on it".to_owned()),
            Wish::Priority(priority) => {
                super::turn::check_priority(id, priority)?;
                Ok(ledger.set_priority(id, priority).await?)
            }
        }
    }

    /// Takes what other processes ask of this one's jobs; each is done in a task of its own, for the end of a job takes
    /// its time. The answer is the last request's number.
    pub(super) async fn attend(self: &Arc<Inner>, ledger: &Ledger, after: i64) -> crate::ledger::Result<i64> {
        let requests = ledger.requests(after).await?;
        let last = requests.last().map_or(after, |request| request.id);
        for Request { id, job, wish } in requests {
            let (engine, ledger) = (Arc::clone(self), ledger.clone());
            tokio::spawn(async move {
                let done = match wish {
                    Ok(wish) => engine.obey(job, wish).await,
                    Err(reason) => Err(Error::Job { job, reason }),
                };
                let failure = done.map_err(|error| error.failure());
                if let Err(error) = ledger.answer(id, failure.as_ref().copied()).await {
                    tracing::warn!("job {job}: another process's request was not answered: {error}");
                }
            });
        }
        Ok(last)
    }
}

/// Waits for another process's answer.
async fn await_answer(ledger: &Ledger, job: JobId, request: i64, owner: &Owner) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        sleep(LOOK).await;
        match ledger.answered(request).await? {
            Some(Ok(())) => return Ok(()),
            Some(Err(failure)) => return Err(refusal(job, &failure)),
            None if Instant::now() < until => {}
            None => {
                // Not to be obeyed at some later time, when nobody expects it any more.
                ledger.withdraw(request).await?;
                // A process that died meanwhile has left the job to anybody.
                ledger.recover().await?;
                let reason = match ledger.owner(job).await? {
                    Some(_) => format!(
                        "process {} on {}, which has it, does not answer: is it stopped (ctrl-z)?",
                        owner.pid, owner.host
                    ),
                    None => "the process that had it is gone: resume it, and it goes on here".to_owned(),
                };
                return Err(Error::Job { job, reason });
            }
        }
    }
}

/// What another process answered, with its own prefix taken away.
fn refusal(job: JobId, failure: &Failure) -> Error {
    let prefix = format!("job {job}: ");
    let reason = failure.message.strip_prefix(&prefix).unwrap_or(&failure.message).to_owned();
    Error::Job { job, reason }
}

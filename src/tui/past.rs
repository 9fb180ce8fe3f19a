//! What was done before, and files of it: what is asked of the engine for that, and its answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::effect::within;
use crate::engine::{Engine, JobRecord};
use crate::job::{Failure, Job, JobId};
use crate::oci::{ErrorClass, printable};

/// Jobs of one page of the history.
pub const PAGE: u32 = 200;

/// Something to be asked or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// Everything that is recorded of a job.
    Record(JobId),
    /// A page of the jobs that are over, newest first.
    Page {
        /// What the answer is marked with.
        request: u64,
        /// Those before this one; `None` begins with the newest.
        before: Option<JobId>,
        /// What they have in their names, states or failures.
        words: String,
    },
    /// Take up a failed job that this process did not begin.
    TakeUp(JobId),
    /// Write the log to a file.
    Save {
        /// The file; it must not be there yet.
        path: PathBuf,
        /// What is in it.
        text: String,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Answer {
    /// Everything that is recorded of a job.
    Record(JobId, Result<Box<JobRecord>, Failure>),
    /// A page; fewer than [`PAGE`] are the last.
    Page {
        /// The request it answers.
        request: u64,
        /// The jobs, newest first.
        answer: Result<Vec<Job>, Failure>,
    },
    /// The job was taken up, or why not.
    TakenUp(JobId, Result<(), Failure>),
    /// The file that was written, or why it was not.
    Saved(Result<PathBuf, Failure>),
}

/// How long the ledger may take.
const QUESTION: Duration = Duration::from_secs(60);

impl Past {
    /// Does it.
    pub(super) fn run(self, engine: Engine) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            match self {
                Past::Record(job) => {
                    let answer = within(QUESTION, &format!("job {job}"), engine.record(job)).await;
                    Answer::Record(job, answer.map(Box::new))
                }
                Past::Page { request, before, words } => {
                    let page = engine.finished(before, &words, PAGE);
                    Answer::Page { request, answer: within(QUESTION, &"the history", page).await }
                }
                Past::TakeUp(job) => {
                    let answer =
                        within(QUESTION, &format!("job {job}"), async { engine.take_up(&[job]).await }).await;
                    Answer::TakenUp(job, answer)
                }
                Past::Save { path, text } => Answer::Saved(save(path, text).await),
            }
        })
    }

    /// The answer of what nobody will do.
    pub(super) fn refused(self, failure: &Failure) -> Answer {
        let failure = failure.clone();
        match self {
            Past::Record(job) => Answer::Record(job, Err(failure)),
            Past::Page { request, .. } => Answer::Page { request, answer: Err(failure) },
            Past::TakeUp(job) => Answer::TakenUp(job, Err(failure)),
            Past::Save { .. } => Answer::Saved(Err(failure)),
        }
    }
}

/// Writes a file, whole or not at all; one that is there stays as it is.
async fn save(path: PathBuf, text: String) -> Result<PathBuf, Failure> {
    let target = path.clone();
    let written = tokio::task::spawn_blocking(move || write_whole(&target, text.as_bytes())).await;
    let error = match written {
        Ok(Ok(())) => return Ok(path),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "a fault in wharf".to_owned(),
    };
    let end = error.rfind(" (os error").unwrap_or(error.len());
    let message = format!("write {}: {}", path.display(), &error[..end]);
    Err(Failure { message: printable(&message, 500), class: ErrorClass::Disk, hint: None, exchange: None })
}

fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    let done = std::fs::File::create(&partial).and_then(|mut file| {
        file.write_all(text)?;
        file.sync_all()?;
        // A link fails where the name is taken; a rename would replace it.
        std::fs::hard_link(&partial, path)
    });
    let removed = std::fs::remove_file(&partial);
    done.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_whole_or_absent_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wharf.log");
        assert_eq!(save(path.clone(), "a\n".to_owned()).await.unwrap(), path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
        let refused = save(path.clone(), "b\n".to_owned()).await.unwrap_err();
        assert!(refused.message.contains("wharf.log: File exists"), "{}", refused.message);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
        let nowhere = save(dir.path().join("no/such/place"), String::new()).await.unwrap_err();
        assert!(nowhere.message.contains("No such file"), "{}", nowhere.message);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing partial stays");
    }
}

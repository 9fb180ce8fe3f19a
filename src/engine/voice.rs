//! How the engine speaks: events, to whoever listens, and to the log.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::broadcast;

use super::budget::Budgets;
use super::diary::Diary;
use super::progress::Counters;
use crate::job::{JobEvent, JobId, Level};
use crate::ledger::Ledger;
use crate::oci::printable;
use crate::transport;
use crate::transport::registry::{Observer, RetryNotice};

/// Events that a slow listener may fall behind before it misses some.
const BACKLOG: usize = 4096;

tokio::task_local! {
    /// The job that the running task works for, so that a client's notices find their job.
    pub(super) static JOB: JobId;
}

/// The engine's end of the event channel, of the jobs' logs, and of what they may try again.
#[derive(Clone)]
pub(super) struct Speaker {
    events: broadcast::Sender<JobEvent>,
    pub(super) diary: Option<Arc<Diary>>,
    pub(super) budgets: Arc<Budgets>,
}

impl Speaker {
    pub(super) fn new(ledger: Option<&Ledger>) -> Speaker {
        let diary = ledger.map(|ledger| Arc::new(Diary::new(ledger.clone())));
        Speaker { events: broadcast::channel(BACKLOG).0, diary, budgets: Arc::default() }
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<JobEvent> {
        self.events.subscribe()
    }

    /// Passes on what another process said: it is in its log, and in the ledger.
    pub(super) fn relay(&self, event: JobEvent) {
        let _ = self.events.send(event);
    }

    /// Sends an event; nobody has to listen.
    pub(super) fn say(&self, event: JobEvent) {
        match &event {
            JobEvent::Retry { reason, attempt, of, delay, .. } => {
                tracing::warn!("{reason}: attempt {attempt} of {of} in {delay} ms");
            }
            JobEvent::Note { level: Level::Error, text, .. } => tracing::error!("{text}"),
            JobEvent::Note { level: Level::Warn, text, .. } => tracing::warn!("{text}"),
            JobEvent::Note { text, .. } => tracing::info!("{text}"),
            other => tracing::debug!("{other:?}"),
        }
        if let Some(diary) = &self.diary {
            diary.note(&event);
        }
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }
}

/// What a registry client has to say, as events of the job it works for.
impl Observer for Speaker {
    fn may_retry(&self) -> bool {
        JOB.try_with(|job| self.budgets.take(*job)).unwrap_or(true)
    }

    fn retry(&self, notice: &RetryNotice) {
        self.say(JobEvent::Retry {
            job: JOB.try_with(|job| *job).ok(),
            reason: printable(&notice.reason, 500),
            class: notice.class,
            attempt: notice.attempt,
            of: notice.of,
            delay: millis(notice.delay),
        });
    }

    fn note(&self, text: &str) {
        let job = JOB.try_with(|job| *job).ok();
        self.say(JobEvent::Note { job, level: Level::Info, text: printable(text, 500) });
    }

    fn warn(&self, text: &str) {
        let job = JOB.try_with(|job| *job).ok();
        self.say(JobEvent::Note { job, level: Level::Warn, text: printable(text, 500) });
    }
}

/// One job's voice.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) speaker: Speaker,
    pub(super) job: JobId,
    pub(super) counters: Arc<Counters>,
}

impl Voice {
    /// Whether the job has a retry left; takes it.
    pub(super) fn may_retry(&self) -> bool {
        self.speaker.budgets.take(self.job)
    }

    /// Something failed and will be tried again.
    pub(super) fn retry(&self, error: &transport::Error, attempt: u32, of: u32, delay: Duration) {
        self.counters.retries.fetch_add(1, Relaxed);
        self.speaker.say(JobEvent::Retry {
            job: Some(self.job),
            reason: printable(&error.to_string(), 500),
            class: error.class(),
            attempt,
            of,
            delay: millis(delay),
        });
    }

    /// Something to know.
    pub(super) fn note(&self, level: Level, text: &str) {
        self.speaker.say(JobEvent::Note { job: Some(self.job), level, text: printable(text, 500) });
    }
}

fn millis(delay: Duration) -> u64 {
    delay.as_millis().try_into().unwrap_or(u64::MAX)
}

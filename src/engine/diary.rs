//! What jobs say, written into the ledger's log: by a task of its own, a batch at a time, so that no job waits for it
//! while it runs. At a job's end, and at the engine's, everything said so far is written first.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::job::{JobEvent, Level};
use crate::ledger::{Ledger, LogEntry};

/// Lines that wait to be written; beyond these some are left out, and that is said.
const BACKLOG: usize = 2048;
/// Lines of one transaction.
const BATCH: usize = 256;
/// How long a line waits for company.
const LINGER: Duration = Duration::from_millis(200);

enum Message {
    Line(LogEntry),
    /// Everything before this is to be written now.
    Flush(oneshot::Sender<()>),
}

/// See the module's page.
pub(super) struct Diary {
    lines: mpsc::Sender<Message>,
    /// What writes, until it is begun.
    writer: Mutex<Option<(mpsc::Receiver<Message>, Ledger)>>,
    /// Whether a line was said since the last flush.
    dirty: AtomicBool,
    lost: AtomicU64,
}

impl Diary {
    pub(super) fn new(ledger: Ledger) -> Diary {
        let (lines, receiver) = mpsc::channel(BACKLOG);
        let writer = Mutex::new(Some((receiver, ledger)));
        Diary { lines, writer, dirty: AtomicBool::new(false), lost: AtomicU64::new(0) }
    }

    /// Starts the writer, once.
    pub(super) fn begin(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((receiver, ledger)) = writer {
            tokio::spawn(write(receiver, ledger));
        }
    }

    /// Notes what an event says of a job that is in the ledger.
    pub(super) fn note(&self, event: &JobEvent) {
        let (job, level, text) = match event {
            JobEvent::Retry { job: Some(job), reason, attempt, of, delay, .. } => {
                let seconds = Duration::from_millis(*delay).as_secs_f32();
                (*job, Level::Warn, format!("attempt {attempt} of {of} in {seconds:.1} s: {reason}"))
            }
            JobEvent::Note { job: Some(job), level, text } => (*job, *level, text.clone()),
            _ => return,
        };
        if job.0 <= 0 {
            return;
        }
        let line = LogEntry { job, at: Timestamp::now(), level, text };
        self.dirty.store(true, Relaxed);
        if self.lines.try_send(Message::Line(line)).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Waits until what was said is written.
    pub(super) async fn flush(&self) {
        if !self.dirty.swap(false, Relaxed) {
            return;
        }
        let lost = self.lost.swap(0, Relaxed);
        if lost > 0 {
            tracing::warn!("{lost} lines of the jobs' logs were not recorded: there were too many at once");
        }
        let (done, written) = oneshot::channel();
        if self.lines.send(Message::Flush(done)).await.is_ok() {
            // An error means that the writer is gone, and with it the ledger.
            let _ = written.await;
        }
    }
}

async fn write(mut messages: mpsc::Receiver<Message>, ledger: Ledger) {
    let mut lines = Vec::new();
    while let Some(first) = messages.recv().await {
        let mut waiting = Vec::new();
        take(first, &mut lines, &mut waiting);
        let linger = tokio::time::sleep(LINGER);
        tokio::pin!(linger);
        while waiting.is_empty() && lines.len() < BATCH {
            tokio::select! {
                biased;
                next = messages.recv() => match next {
                    Some(next) => take(next, &mut lines, &mut waiting),
                    None => break,
                },
                () = &mut linger => break,
            }
        }
        if !lines.is_empty()
            && let Err(error) = ledger.log_all(&lines).await
        {
            tracing::warn!("the jobs' logs: {error}");
        }
        lines.clear();
        for done in waiting {
            // Whoever asked may have gone.
            let _: Result<(), ()> = done.send(());
        }
    }
}

fn take(message: Message, lines: &mut Vec<LogEntry>, waiting: &mut Vec<oneshot::Sender<()>>) {
    match message {
        Message::Line(line) => lines.push(line),
        Message::Flush(done) => waiting.push(done),
    }
}

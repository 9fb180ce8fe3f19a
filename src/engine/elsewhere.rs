//! Jobs of other processes that use the same ledger: seen as they go, by looking whether the ledger changed, four times a
//! second at most. Nothing is read while nothing changes, and nobody looks unless a front end asked for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Inner;
use crate::job::{Job, JobEvent, JobId, JobState, Owner};
use crate::ledger::{self, Change, Cursor, Ledger, Watch};

/// How often the ledger is asked whether it changed.
pub(super) const POLL: Duration = Duration::from_millis(250);
/// How often it is asked whether the processes that have jobs still live: their end changes nothing in the ledger.
const ALIVE: Duration = Duration::from_secs(1);
/// Jobs that are over and stay in view.
const OVER: usize = 200;

/// A job that is not this process's.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The job; its progress has no blobs, but their counts.
    pub job: Arc<Job>,
    /// The living process that has it; `None` if nobody has.
    pub owner: Option<Owner>,
}

impl Remote {
    /// Whether a process that is gone left it behind: it waits for somebody to take it up.
    pub fn is_left_behind(&self) -> bool {
        self.owner.is_none() && matches!(self.job.state, JobState::Interrupted | JobState::Queued)
    }
}

/// The jobs that are not this process's: those that were not over when somebody first looked, and what came since;
/// by number.
pub type Remotes = Arc<Vec<Remote>>;

/// What is seen of them.
struct Sight {
    jobs: BTreeMap<JobId, Remote>,
    cursor: Cursor,
}

impl Inner {
    /// Begins to look, once; the receiver tells of every change. `None` without a ledger.
    pub(super) fn watch_others(self: &Arc<Inner>) -> Option<watch::Receiver<Remotes>> {
        let ledger = self.ledger.clone()?;
        let begin = || {
            let (sender, receiver) = watch::channel(Remotes::default());
            tokio::spawn(look(Arc::downgrade(self), ledger, sender));
            receiver
        };
        Some(self.others.get_or_init(begin).clone())
    }

    /// A change in the ledger, if it is another's job. One that was over here, and stands otherwise there, is theirs.
    fn sees(&self, sight: &mut Sight, change: Change) -> Option<JobEvent> {
        let id = change.job.id;
        let here = self.jobs.get(id).map(|entry| *entry.state.borrow());
        let theirs = match here {
            Some(state) => !change.mine && state.is_final() && state != change.job.state,
            // Taken up this moment, its entry is to come.
            None => !change.mine,
        };
        if !theirs {
            sight.jobs.remove(&id);
            return None;
        }
        self.jobs.remove(id);
        let job = Arc::new(change.job);
        let (to, before) = (job.state, sight.jobs.get(&id).map(|remote| remote.job.state));
        sight.jobs.insert(id, Remote { job, owner: change.owner });
        match before {
            None => Some(JobEvent::Added { job: id }),
            Some(from) if from != to => Some(JobEvent::Moved { job: id, from, to }),
            Some(_) => None,
        }
    }

    /// Reads what changed since the last time.
    async fn catch_up(&self, ledger: &Ledger, sight: &mut Sight) -> ledger::Result<()> {
        loop {
            let before = sight.cursor;
            let (changes, lines) = ledger.changes(&mut sight.cursor).await?;
            let events = changes.into_iter().filter_map(|change| self.sees(sight, change));
            events.for_each(|event| self.speaker.relay(event));
            for line in lines.into_iter().filter(|line| sight.jobs.contains_key(&line.job)) {
                let (job, level, text) = (Some(line.job), line.level, line.text);
                self.speaker.relay(JobEvent::Note { job, level, text });
            }
            if sight.cursor == before {
                return Ok(());
            }
        }
    }
}

impl Sight {
    /// Drops what has been over for longest.
    fn trim(&mut self) {
        let over = self.jobs.values().filter(|remote| remote.job.state.is_final());
        let mut over: Vec<_> = over.map(|remote| (remote.job.finished, remote.job.id)).collect();
        over.sort();
        for (_, id) in over.iter().take(over.len().saturating_sub(OVER)) {
            self.jobs.remove(id);
        }
    }

    /// Whether one of them is not over: only then is somebody waiting for what comes.
    fn is_open(&self) -> bool {
        self.jobs.values().any(|remote| !remote.job.state.is_final())
    }

    /// Whether a process has one of them, or had when it was last seen.
    fn is_owned(&self) -> bool {
        self.jobs.values().any(|remote| remote.owner.is_some() || remote.job.state.is_active())
    }

    fn publish(&self, sender: &watch::Sender<Remotes>) {
        sender.send_replace(Arc::new(self.jobs.values().cloned().collect()));
    }
}

/// Looks until the engine or everybody who listens is gone.
async fn look(engine: Weak<Inner>, ledger: Ledger, sender: watch::Sender<Remotes>) {
    let mut sight: Option<Sight> = None;
    let (mut watch, mut alive) = (Watch::new(&ledger), Instant::now());
    loop {
        if let Some(sight) = &sight {
            sleep(if sight.is_open() { POLL } else { POLL * 2 }).await;
        }
        let Some(engine) = engine.upgrade() else { return };
        let changed = match watch.changed().await {
            Ok(changed) => changed,
            Err(ledger::Error::Closed { .. }) => return,
            Err(error) => {
                tracing::debug!("other processes' jobs: {error}");
                sleep(POLL).await;
                continue;
            }
        };
        if let Some(sight) = &sight
            && sight.is_owned()
            && alive.elapsed() >= ALIVE
        {
            alive = Instant::now();
            // A process that is gone leaves its jobs interrupted, for everybody to see: that is a change.
            if let Err(error) = ledger.recover().await {
                tracing::debug!("other processes' jobs: {error}");
            }
        }
        if !changed {
            continue;
        }
        let told = match &mut sight {
            Some(sight) => engine.catch_up(&ledger, sight).await,
            None => match ledger.standings().await {
                Ok((jobs, cursor)) => {
                    let mut first = Sight { jobs: BTreeMap::new(), cursor };
                    // How things stood before is no news.
                    jobs.into_iter().for_each(|change| drop(engine.sees(&mut first, change)));
                    sight = Some(first);
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        match (told, &mut sight) {
            (Ok(()), Some(sight)) => {
                sight.trim();
                sight.publish(&sender);
            }
            (Err(error), _) => {
                watch.forget();
                tracing::debug!("other processes' jobs: {error}");
                sleep(POLL).await;
            }
            (Ok(()), None) => {}
        }
    }
}

//! Turns: only so many jobs plan and run at the same time, in the order of their priority. A paused job gives its turn
//! back, so that paused ones never keep the others from running, and takes one again before its next blob starts.

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::jobs::Entry;
use super::pool::{Rank, Slot};
use super::{Error, Inner, Result};
use crate::job::{JobEvent, JobId, JobState, Level, Report};

/// Priorities that are accepted.
const PRIORITIES: std::ops::RangeInclusive<i32> = -1000..=1000;

/// Refuses a priority that is none.
pub(super) fn check_priority(job: JobId, priority: i32) -> Result<()> {
    if PRIORITIES.contains(&priority) {
        return Ok(());
    }
    let (least, most) = (PRIORITIES.start(), PRIORITIES.end());
    let reason = format!("a priority is a number from {least} to {most}, not {priority}");
    Err(Error::Job { job, reason })
}

impl Inner {
    /// Waits for a turn.
    pub(super) async fn turn(&self, rank: &Rank) -> Option<Slot> {
        self.turns.slot(rank, 0, Vec::new()).await
    }

    /// Sees a run through to its end, with a turn while it is not paused.
    pub(super) async fn see_through(
        &self,
        entry: &Arc<Entry>,
        mut turn: Option<Slot>,
        mut run: Pin<&mut (impl Future<Output = Result<Report>> + Send)>,
        cancel: &CancellationToken,
    ) -> Result<Report> {
        let (mut paused, mut state) = (entry.paused.subscribe(), entry.state.subscribe());
        loop {
            // The job's work is in tasks of its own: it goes on while something else is waited for here. An end of the
            // channels would mean that the entry is gone, which is held here.
            tokio::select! {
                result = &mut run => return result,
                _ = paused.wait_for(|paused| *paused) => {}
            }
            drop(turn.take());
            let resumed = async {
                let _ = state.wait_for(|state| *state != JobState::Paused).await;
                self.turn(&entry.rank).await
            };
            tokio::select! {
                result = &mut run => return result,
                taken = resumed => turn = taken,
            }
            if let Err(error) = self.go_on(entry).await {
                cancel.cancel();
                let _ = run.await;
                return Err(error);
            }
        }
    }

    /// Changes a job's priority, here and in the ledger.
    pub(super) async fn prioritise(&self, id: JobId, priority: i32) -> Result<()> {
        let refused = |reason: String| Error::Job { job: id, reason };
        let entry = self.jobs.get(id).ok_or_else(|| refused("there is no such job here".to_owned()))?;
        if entry.state.borrow().is_final() {
            return Err(refused("it is over: a priority would change nothing".to_owned()));
        }
        check_priority(id, priority)?;
        entry.rank.set(priority);
        self.pool.sort_again();
        self.turns.sort_again();
        let text = format!("job {id}: priority {priority}");
        self.speaker.say(JobEvent::Note { job: Some(id), level: Level::Info, text });
        if let Some(ledger) = self.ledger_for(id)
            && let Err(error) = ledger.set_priority(id, priority).await
        {
            // It holds for this process all the same.
            tracing::warn!("job {id}: the ledger was not told of its priority: {error}");
        }
        Ok(())
    }
}

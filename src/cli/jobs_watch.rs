//! `wharf jobs --watch`: how the jobs of other processes go, until all of them are over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::progress::Progress;
use super::{Context, Error, Outcome};
use crate::engine::{self, Remote, Remotes};
use crate::job::{Job, JobState};

/// How often rates and clocks are drawn anew while something runs.
const TICK: Duration = Duration::from_millis(500);

/// Shows progress as the commands that began the jobs would. Leaving ends nothing but the watching.
pub(super) async fn watch(context: &Context) -> Result<Outcome, Error> {
    let lacking =
        || engine::Error::Request("jobs are not recorded here: there is nothing to watch".to_owned());
    let mut others = context.engine.others().ok_or_else(lacking)?;
    let mut events = context.engine.subscribe();
    let mut progress = Progress::new(context.progress, context.screen.clone(), context.config.symbols);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut jobs = Remotes::default();
    let mut told = true;
    loop {
        tokio::select! {
            changed = others.changed() => {
                if changed.is_err() {
                    break;
                }
                jobs = others.borrow_and_update().clone();
                show(&mut progress, &jobs);
                if !jobs.iter().any(is_open) {
                    break;
                }
            }
            event = events.recv(), if told => match event {
                Ok(event) => progress.event(&event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => told = false,
            },
            _ = ticks.tick(), if jobs.iter().any(|remote| remote.job.state.is_active()) => show(&mut progress, &jobs),
        }
    }
    progress.end();
    let count = |state| jobs.iter().filter(|remote| remote.job.state == state).count();
    let left = jobs.iter().filter(|remote| remote.is_left_behind()).count();
    if jobs.is_empty() {
        context.note("every job is over");
    } else {
        let of = |n: usize, what| if n > 0 { format!(", {n} {what}") } else { String::new() };
        let (failed, cancelled) = (count(JobState::Failed), count(JobState::Cancelled));
        context.note(&format!(
            "{} succeeded{}{}{}",
            count(JobState::Succeeded),
            of(failed, "failed"),
            of(cancelled, "cancelled"),
            of(left, "left by a process that is gone; `wharf jobs resume` finishes them"),
        ));
    }
    Ok(Outcome::Done)
}

/// Whether somebody is to end it.
fn is_open(remote: &Remote) -> bool {
    remote.owner.is_some() && !remote.job.state.is_final()
}

fn show(progress: &mut Progress, jobs: &Remotes) {
    let jobs: Vec<Arc<Job>> = jobs.iter().map(|remote| Arc::clone(&remote.job)).collect();
    progress.sample(&jobs, Instant::now());
}

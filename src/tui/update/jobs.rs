//! Jobs: looking into them, cancelling, retrying, pausing; and how much of the link they may take.

use crate::job::{JobState, Rate};
use crate::tui::effect::Effect;
use crate::tui::state::popup::{Choice, Dialog, Popup, Question, Scroll};
use crate::tui::state::{State, Tone};

pub(super) fn details(state: &mut State) {
    let Some(job) = state.jobs.current() else { return };
    let id = job.id;
    if job.failure.is_some() && job.state == JobState::Failed {
        return state.popups.push(Popup::Why(id, Scroll::default()));
    }
    if !state.jobs.expanded.remove(&id) {
        state.jobs.expanded.insert(id);
    }
}

/// A state as a predicate.
fn is(state: JobState) -> String {
    match state {
        JobState::Succeeded | JobState::Failed => format!("has {state}"),
        other => format!("is {other}"),
    }
}

pub(super) fn cancel(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(job) = state.jobs.current() else { return state.say(Tone::Plain, "there is no job to cancel") };
    let (id, job_state) = (job.id, job.state);
    if job_state.is_final() {
        return state.say(Tone::Plain, format!("job {id} {}: there is nothing to cancel", is(job_state)));
    }
    if !job_state.is_active() {
        return effects.push(Effect::Cancel(id));
    }
    let choices = vec![
        (Choice::Stay, "let it run".to_owned()),
        (Choice::CancelJob, "cancel it: what is under way is dropped".to_owned()),
    ];
    state.popups.push(Popup::Dialog(Dialog { question: Question::Cancel(id), choices, cursor: 0 }));
}

pub(super) fn retry(state: &mut State, effects: &mut Vec<Effect>) {
    match state.jobs.current() {
        Some(job) if job.state == JobState::Failed => effects.push(Effect::Retry(job.id)),
        Some(job) => {
            let text = format!("job {} {}: only failed jobs are retried", job.id, is(job.state));
            state.say(Tone::Plain, text);
        }
        None => state.say(Tone::Plain, "there is no job to retry"),
    }
}

pub(super) fn pause(state: &mut State, effects: &mut Vec<Effect>) {
    match state.jobs.current() {
        Some(job) if job.state == JobState::Running => effects.push(Effect::Pause(job.id)),
        Some(job) if matches!(job.state, JobState::Paused | JobState::Interrupted) => {
            effects.push(Effect::Resume(job.id))
        }
        Some(job) => {
            let text = format!("job {} {}: only running jobs are paused", job.id, is(job.state));
            state.say(Tone::Plain, text);
        }
        None => state.say(Tone::Plain, "there is no job to pause"),
    }
}

/// Moves a job's priority.
pub(super) fn prioritise(state: &mut State, by: i32, effects: &mut Vec<Effect>) {
    let Some(job) = state.jobs.current() else { return state.say(Tone::Plain, "there is no job") };
    let (id, priority) = (job.id, job.priority.saturating_add(by));
    if job.state.is_final() {
        let text = format!("job {id} {}: a priority would change nothing", is(job.state));
        return state.say(Tone::Plain, text);
    }
    state.jobs.prioritised(priority);
    state.say(Tone::Good, format!("job {id}: priority {priority}"));
    effects.push(Effect::Prioritise(id, priority));
}

/// Changes the number of workers by one.
pub(super) fn workers(state: &mut State, more: bool, effects: &mut Vec<Effect>) {
    let workers = state.limits.workers.step(more);
    state.limits.workers = workers;
    state.say(Tone::Good, workers.to_string());
    effects.push(Effect::SetWorkers(workers));
}

/// Takes what was typed as the limit in bytes a second; nothing, `0` or `none` is no limit.
pub(super) fn limit(state: &mut State, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    let rate = match text {
        "" | "0" | "none" => None,
        text => Some(text.parse::<Rate>()?),
    };
    state.limits.bandwidth = rate;
    let told = rate.map_or_else(|| "no limit of bandwidth".to_owned(), |rate| format!("at most {rate}/s"));
    state.say(Tone::Good, told);
    effects.push(Effect::SetBandwidth(rate));
    Ok(())
}

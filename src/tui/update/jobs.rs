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

pub(super) fn cancel(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    let Some(job) = state.jobs.current() else { return state.say(Tone::Plain, words.no_job_to_cancel()) };
    let (id, job_state) = (job.id, job.state);
    if job_state.is_final() {
        return state.say(Tone::Plain, words.cancels_nothing(id, words.job_predicate(job_state)));
    }
    if !job_state.is_active() {
        return effects.push(Effect::Cancel(id));
    }
    let choices = vec![
        (Choice::Stay, words.let_it_run().to_owned()),
        (Choice::CancelJob, words.cancel_it().to_owned()),
    ];
    state.popups.push(Popup::Dialog(Dialog { question: Question::Cancel(id), choices, cursor: 0 }));
}

pub(super) fn retry(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    match state.jobs.current() {
        Some(job) if job.state == JobState::Failed => effects.push(Effect::Retry(job.id)),
        Some(job) => {
            let text = words.retries_failed_only(job.id, words.job_predicate(job.state));
            state.say(Tone::Plain, text);
        }
        None => state.say(Tone::Plain, words.no_job_to_retry()),
    }
}

pub(super) fn pause(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    match state.jobs.current() {
        Some(job) if job.state == JobState::Running => effects.push(Effect::Pause(job.id)),
        Some(job) if matches!(job.state, JobState::Paused | JobState::Interrupted) => {
            effects.push(Effect::Resume(job.id))
        }
        Some(job) => {
            let text = words.pauses_running_only(job.id, words.job_predicate(job.state));
            state.say(Tone::Plain, text);
        }
        None => state.say(Tone::Plain, words.no_job_to_pause()),
    }
}

/// Moves a job's priority.
pub(super) fn prioritise(state: &mut State, by: i32, effects: &mut Vec<Effect>) {
    let words = state.words;
    let Some(job) = state.jobs.current() else { return state.say(Tone::Plain, words.no_job()) };
    let (id, priority) = (job.id, job.priority.saturating_add(by));
    if job.state.is_final() {
        let text = words.priority_for_nothing(id, words.job_predicate(job.state));
        return state.say(Tone::Plain, text);
    }
    state.jobs.prioritised(priority);
    state.say(Tone::Good, words.priority_set(id, priority));
    effects.push(Effect::Prioritise(id, priority));
}

/// Changes the number of workers by one.
pub(super) fn workers(state: &mut State, more: bool, effects: &mut Vec<Effect>) {
    let workers = state.limits.workers.step(more);
    state.limits.workers = workers;
    state.say(Tone::Good, workers.told(state.words));
    effects.push(Effect::SetWorkers(workers));
}

/// Takes what was typed as the limit in bytes a second; nothing, `0` or `none` is no limit.
pub(super) fn limit(state: &mut State, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    let rate = match text {
        "" | "0" | "none" => None,
        text => Some(text.parse::<Rate>()?),
    };
    state.limits.bandwidth = rate;
    let told = match rate {
        None => state.words.bandwidth_none().to_owned(),
        Some(rate) => state.words.bandwidth_is(rate),
    };
    state.say(Tone::Good, told);
    effects.push(Effect::SetBandwidth(rate));
    Ok(())
}

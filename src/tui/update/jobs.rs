//! Jobs: looking into them, cancelling, retrying, pausing; which are shown; and how much of the link they may take.

use tui_input::Input;

use crate::job::{JobId, JobState, Rate};
use crate::tui::effect::Effect;
use crate::tui::past::Past;
use crate::tui::state::jobs::{Order, Which};
use crate::tui::state::popup::{Ask, Choice, Dialog, Popup, Prompt, Question, Scroll};
use crate::tui::state::{State, Tone};
use crate::tui::view::jobs::{order_name, which_name};
use crate::tui::view::why::job_of;

/// The jobs that a key is for, with their states: that of the page on top, the history's, else what is marked or under the
/// cursor.
fn chosen(state: &State) -> Vec<(JobId, JobState)> {
    let ids = match state.popups.last() {
        Some(Popup::Why(job, _)) => vec![*job],
        Some(Popup::History(history)) => history.current().map(|job| job.id).into_iter().collect(),
        _ => state.jobs.chosen(),
    };
    ids.into_iter().filter_map(|id| Some((id, job_of(state, id)?.state))).collect()
}

/// Whether a popup covers the pane, whose rows a key would change then; says so.
fn covered(state: &mut State) -> bool {
    let covered = !state.popups.is_empty();
    if covered {
        state.say(Tone::Plain, state.words.close_first(state.key(crate::tui::action::Action::PopupClose)));
    }
    covered
}

/// `enter`: a group's jobs, or a job whole.
pub(super) fn details(state: &mut State) {
    if state.jobs.current_group().is_some() {
        return state.jobs.fold();
    }
    match state.jobs.current() {
        Some(job) => state.popups.push(Popup::Why(job.id, Scroll::default())),
        None => state.say(Tone::Plain, state.words.no_job()),
    }
}

/// The layers of the cursor's job below it, or no longer.
pub(super) fn layers(state: &mut State) {
    if covered(state) {
        return;
    }
    if state.jobs.current_group().is_some() {
        return state.jobs.fold();
    }
    let words = state.words;
    let Some(job) = state.jobs.current() else { return state.say(Tone::Plain, words.no_job()) };
    let (id, none) = (job.id, job.progress.blobs.is_empty());
    if state.jobs.others.owner(id).is_some() {
        return state.say(Tone::Plain, state.words.layers_elsewhere());
    }
    if !state.jobs.expanded.remove(&id) {
        if none {
            return state.say(Tone::Plain, words.no_layers(id));
        }
        state.jobs.expanded.insert(id);
    }
}

pub(super) fn cancel(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    let all = chosen(state);
    let open: Vec<_> = all.iter().copied().filter(|(_, job)| !job.is_final()).collect();
    match (open.as_slice(), all.as_slice()) {
        ([], []) => state.say(Tone::Plain, words.no_job_to_cancel()),
        ([], [(id, job)]) => {
            state.say(Tone::Plain, words.cancels_nothing(id, words.job_predicate(*job)));
        }
        ([], _) => state.say(Tone::Plain, words.none_to_cancel(all.len())),
        ([(id, job)], _) => {
            let (id, active) = (*id, job.is_active());
            if !active {
                state.say(Tone::Plain, words.cancelling(id));
                return effects.push(Effect::Cancel(id));
            }
            ask_cancel(state, Question::Cancel(id), words.cancel_it().to_owned());
        }
        (open, _) => {
            let ids: Vec<JobId> = open.iter().map(|(id, _)| *id).collect();
            let text = words.cancel_them(ids.len());
            ask_cancel(state, Question::CancelJobs(ids), text);
        }
    }
}

fn ask_cancel(state: &mut State, question: Question, text: String) {
    let stay = match &question {
        Question::CancelJobs(_) => state.words.let_them_run(),
        _ => state.words.let_it_run(),
    };
    let choices = vec![(Choice::Stay, stay.to_owned()), (Choice::CancelJob, text)];
    state.popups.push(Popup::Dialog(Dialog { question, choices, cursor: 0 }));
}

/// Asks whether everything that is not over is to be cancelled.
pub(super) fn cancel_all(state: &mut State) {
    let words = state.words;
    let open = state.jobs.rows().iter().filter(|job| !job.state.is_final());
    let ids: Vec<JobId> = open.map(|job| job.id).collect();
    if ids.is_empty() {
        return state.say(Tone::Plain, words.no_job_to_cancel());
    }
    let text = words.cancel_them(ids.len());
    ask_cancel(state, Question::CancelJobs(ids), text);
}

/// The answer was yes.
pub(super) fn cancel_jobs(state: &mut State, jobs: &[JobId], effects: &mut Vec<Effect>) {
    let words = state.words;
    match jobs {
        [job] => state.say(Tone::Plain, words.cancelling(job)),
        jobs => state.say(Tone::Plain, words.cancelling_all(jobs.len())),
    }
    effects.extend(jobs.iter().map(|job| Effect::Cancel(*job)));
    state.jobs.unmark();
}

pub(super) fn retry(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    let all = chosen(state);
    let of = |wanted: JobState| -> Vec<JobId> {
        all.iter().filter(|(_, job)| *job == wanted).map(|(id, _)| *id).collect()
    };
    let (failed, interrupted) = (of(JobState::Failed), of(JobState::Interrupted));
    // What was interrupted goes on where it was.
    effects.extend(interrupted.iter().map(|job| Effect::Resume(*job)));
    match (failed.as_slice(), all.as_slice()) {
        ([], _) if !interrupted.is_empty() => drop(state.jobs.unmark()),
        ([], []) => state.say(Tone::Plain, words.no_job_to_retry()),
        ([], [(id, job)]) => {
            state.say(Tone::Plain, words.retries_failed_only(id, words.job_predicate(*job)));
        }
        ([], _) => state.say(Tone::Plain, words.none_to_retry(all.len())),
        (failed, _) => again(state, failed, effects),
    }
}

/// Queues every failed job again.
pub(super) fn retry_all(state: &mut State, effects: &mut Vec<Effect>) {
    let failed = state.jobs.rows().iter().filter(|job| job.state == JobState::Failed);
    let failed: Vec<JobId> = failed.map(|job| job.id).collect();
    match failed.as_slice() {
        [] => state.say(Tone::Plain, state.words.no_job_to_retry()),
        failed => again(state, failed, effects),
    }
}

fn again(state: &mut State, failed: &[JobId], effects: &mut Vec<Effect>) {
    let words = state.words;
    match failed {
        [job] => state.say(Tone::Plain, words.retrying(job)),
        jobs => state.say(Tone::Plain, words.retrying_all(jobs.len())),
    }
    effects.extend(failed.iter().map(|job| match state.jobs.get(*job) {
        Some(_) => Effect::Retry(*job),
        // Another process began it, and it is over.
        None => Effect::Past(Past::TakeUp(*job)),
    }));
    state.jobs.unmark();
}

pub(super) fn pause(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    let all = chosen(state);
    let of = |wanted: &[JobState]| -> Vec<JobId> {
        all.iter().filter(|(_, job)| wanted.contains(job)).map(|(id, _)| *id).collect()
    };
    let (running, mut paused) = (of(&[JobState::Running]), of(&[JobState::Paused, JobState::Interrupted]));
    // Its process is gone, and it waits for nobody.
    let others = &state.jobs.others;
    let orphan = |id: &JobId| others.has(*id) && others.owner(*id).is_none();
    paused.extend(of(&[JobState::Queued]).into_iter().filter(orphan));
    match (running.as_slice(), paused.as_slice(), all.as_slice()) {
        ([], [], []) => state.say(Tone::Plain, words.no_job_to_pause()),
        ([], [], [(id, job)]) => {
            state.say(Tone::Plain, words.pauses_running_only(id, words.job_predicate(*job)));
        }
        ([], [], _) => state.say(Tone::Plain, words.none_to_pause(all.len())),
        ([], paused, _) => {
            match paused {
                [job] => state.say(Tone::Plain, words.resuming(job)),
                jobs => state.say(Tone::Plain, words.resuming_all(jobs.len())),
            }
            effects.extend(paused.iter().map(|job| Effect::Resume(*job)));
            state.jobs.unmark();
        }
        (running, _, _) => {
            match running {
                [job] => state.say(Tone::Plain, words.pausing(job)),
                jobs => state.say(Tone::Plain, words.pausing_all(jobs.len())),
            }
            effects.extend(running.iter().map(|job| Effect::Pause(*job)));
            state.jobs.unmark();
        }
    }
}

/// Moves the jobs' priorities.
pub(super) fn prioritise(state: &mut State, by: i32, effects: &mut Vec<Effect>) {
    let words = state.words;
    let all = chosen(state);
    let open: Vec<JobId> = all.iter().filter(|(_, job)| !job.is_final()).map(|(id, _)| *id).collect();
    match (open.as_slice(), all.as_slice()) {
        ([], []) => return state.say(Tone::Plain, words.no_job()),
        ([], [(id, job)]) => {
            return state.say(Tone::Plain, words.priority_for_nothing(id, words.job_predicate(*job)));
        }
        _ => {}
    }
    for id in &open {
        let Some(priority) = state.jobs.get(*id).map(|job| job.priority.saturating_add(by)) else { continue };
        state.jobs.prioritised(*id, priority);
        effects.push(Effect::Prioritise(*id, priority));
        state.say(Tone::Good, words.priority_set(id, priority));
    }
    if open.len() != 1 {
        state.say(Tone::Good, words.priorities_set(open.len(), format!("{by:+}")));
    }
}

/// Hides what is over and needs nobody, or shows it again.
pub(super) fn clear_finished(state: &mut State) {
    if covered(state) {
        return;
    }
    let words = state.words;
    let text = match state.jobs.clear_finished() {
        (0, _) => words.nothing_finished().to_owned(),
        (n, false) => words.finished_hidden(n, state.key(crate::tui::action::Action::ClearFinished)),
        (n, true) => words.finished_shown(n),
    };
    state.say(Tone::Plain, text);
}

/// Shows other jobs: all, those that go on, failed, over.
pub(super) fn next_which(state: &mut State) {
    if covered(state) {
        return;
    }
    state.jobs.which = match state.jobs.which {
        Which::All => Which::Unfinished,
        Which::Unfinished => Which::Failed,
        Which::Failed => Which::Finished,
        Which::Finished => Which::All,
    };
    state.jobs.rearrange();
    state.say(Tone::Plain, state.words.showing_jobs(which_name(state, state.jobs.which)));
}

/// The next order.
pub(super) fn next_order(state: &mut State) {
    if covered(state) {
        return;
    }
    state.jobs.order = match state.jobs.order {
        Order::State => Order::Added,
        Order::Added => Order::Newest,
        Order::Newest => Order::Name,
        Order::Name => Order::State,
    };
    state.jobs.rearrange();
    state.say(Tone::Plain, state.words.order_is(order_name(state, state.jobs.order)));
}

/// `/`: of the history what is typed into it; else asks which jobs are to be shown.
pub(super) fn filter(state: &mut State) {
    if let Some(Popup::History(history)) = state.popups.last_mut() {
        history.typing = true;
        return;
    }
    if covered(state) {
        return;
    }
    let input = Input::new(state.jobs.text.clone());
    let prompt = Prompt { ask: Ask::Jobs, about: None, input, error: None, then_start: false };
    state.popups.push(Popup::Prompt(prompt));
}

/// What was typed: the jobs shown have these words.
pub(super) fn filtered(state: &mut State, text: &str) {
    state.jobs.text = text.to_owned();
    state.jobs.rearrange();
    if !text.is_empty() && state.jobs.shown().is_empty() {
        state.say(Tone::Plain, state.words.no_job_with(text));
    }
}

pub(super) fn mark(state: &mut State, range: bool) {
    if covered(state) {
        return;
    }
    if state.jobs.shown().is_empty() {
        return state.say(Tone::Plain, state.words.no_job());
    }
    match range {
        false => state.jobs.mark(),
        true => state.jobs.mark_range(),
    }
}

/// `esc` in the pane: marks, then the text filter, then which jobs; whether there was any.
pub(super) fn unwind(state: &mut State) -> bool {
    if state.jobs.unmark() {
        return true;
    }
    if !state.jobs.text.is_empty() || state.jobs.which != Which::All {
        state.jobs.text.clear();
        state.jobs.which = Which::All;
        state.jobs.rearrange();
        return true;
    }
    false
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

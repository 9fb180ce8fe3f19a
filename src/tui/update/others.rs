//! Other processes: their jobs, what one that is gone has left, and what becomes of the own ones when a person leaves.

use crate::engine::Remotes;
use crate::job::{JobId, JobState};
use crate::tui::action::Action;
use crate::tui::effect::{Effect, Exit, Left};
use crate::tui::event::Recording;
use crate::tui::state::popup::{Choice, Dialog, Popup, Question};
use crate::tui::state::{Leaving, State, Tone};

/// Takes how other processes' jobs stand, and offers what nobody has.
pub(super) fn learned(state: &mut State, remotes: &Remotes) {
    if let Some(left) = state.jobs.others.learn(remotes) {
        let key = state.key(Action::ResumeLeft).to_owned();
        let text = match left {
            1 => state.words.one_left_behind(key),
            n => state.words.left_behind(n, key),
        };
        state.say(Tone::Plain, text);
    }
}

/// Whether jobs are recorded, which decides what can become of them.
pub(super) fn recording(state: &mut State, recording: Recording) {
    if let Some(reason) = &recording.fault {
        let text = state.words.not_recorded(reason);
        state.say(Tone::Bad, text);
    }
    state.recording = recording;
}

/// Takes up what was interrupted, or left queued, by processes that are gone.
pub(super) fn resume_left(state: &mut State, effects: &mut Vec<Effect>) {
    let left = |state: &State| -> Vec<JobId> {
        let rows = state.jobs.rows().iter();
        let waits = |job: &JobState| matches!(job, JobState::Interrupted | JobState::Queued);
        let others = &state.jobs.others;
        let left =
            rows.filter(|job| waits(&job.state) && others.has(job.id) && others.owner(job.id).is_none());
        left.map(|job| job.id).collect()
    };
    let ids = left(state);
    if ids.is_empty() {
        return state.say(Tone::Plain, state.words.nothing_left_behind());
    }
    let text = state.words.goes_on_here(ids.len());
    state.say(Tone::Good, text);
    effects.push(Effect::TakeUp(ids));
}

/// `q`: leaves, or asks if there is something to lose.
pub(super) fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    let running = state.jobs.busy() || !state.queue.starting.is_empty();
    if !running && state.queue.drafts().is_empty() {
        return effects.push(Effect::Exit(Exit::Quit));
    }
    let words = state.words;
    let mut choices = vec![(Choice::Stay, words.quit_stay().to_owned())];
    if running {
        choices.push((Choice::Finish, words.quit_when_done().to_owned()));
        if state.recording.leaves {
            choices.push((Choice::Leave, words.quit_and_leave().to_owned()));
        }
        let stop = if state.recording.on { words.quit_and_stop() } else { words.quit_and_cancel() };
        choices.push((Choice::Stop, stop.to_owned()));
    } else {
        choices.push((Choice::Quit, words.quit_now().to_owned()));
    }
    state.popups.push(Popup::Dialog(Dialog { question: Question::Quit, choices, cursor: 0 }));
}

/// Begins to leave, with the jobs going on in the background.
pub(super) fn leave(state: &mut State, effects: &mut Vec<Effect>) {
    // What is on its way to the engine would be lost between the two.
    if !state.queue.starting.is_empty() {
        let text = state.words.still_starting();
        return state.say(Tone::Plain, text);
    }
    state.leaving = Leaving::HandingOver;
    effects.push(Effect::Leave(state.limits.workers, state.limits.bandwidth));
}

/// The jobs were handed over, or not.
pub(super) fn left(state: &mut State, answer: Result<Left, String>, effects: &mut Vec<Effect>) {
    match answer {
        Ok(Left { pid, jobs, error: None }) => effects.push(Effect::Exit(Exit::Left { pid, jobs })),
        Ok(Left { error: Some(reason), .. }) => effects.push(Effect::Exit(Exit::NotLeft(reason))),
        Err(reason) => {
            state.leaving = Leaving::No;
            let text = state.words.cannot_leave(reason);
            state.say(Tone::Bad, text);
        }
    }
}

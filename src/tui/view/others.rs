//! What the screen says of other processes: whose job a row is, what runs elsewhere, what leaving would mean.

use super::text::{Pen, bytes, duration};
use crate::job::{Job, JobState};
use crate::tui::action::Action;
use crate::tui::state::{Leaving, State};

/// The columns that a process's number takes.
const COLUMN: usize = 13;

/// The columns from which the top line says more than a number.
const WIDE: u16 = 100;
/// The columns from which it says everything.
const WIDER: u16 = 140;

/// Marks a row at its right end: the process that has the job, if it is not this one.
pub(super) fn mark(state: &State, job: &Job, pen: &mut Pen) {
    let others = &state.jobs.others;
    if job.state.is_final() || !others.any() || pen.room() < 30 {
        return;
    }
    // Where there is room the own rows leave it free, too: bars and numbers stand below each other.
    let column = if pen.room() > 60 { COLUMN } else { 0 };
    let text = others.owner(job.id).map(|owner| format!(" pid {} ", owner.pid)).unwrap_or_default();
    pen.right(&text, column, state.theme.dim);
}

/// A job that its process left in the middle.
pub(super) fn interrupted(state: &State, job: &Job, pen: &mut Pen) {
    let (theme, words) = (&state.theme, state.words);
    pen.put(words.is_interrupted(), theme.warn);
    if job.progress.total > 0 {
        let percent = (job.progress.fraction() * 100.0).floor();
        pen.put(&words.had_of(percent, bytes(job.progress.total)), theme.dim);
    }
    pen.skip(2).put(&words.key_goes_on(state.key(Action::PauseJob)), theme.key);
}

/// What runs in other processes, for the top line.
pub(super) fn elsewhere(state: &State) -> Option<String> {
    let others = &state.jobs.others;
    let open = |job: &&std::sync::Arc<Job>| !job.state.is_final() && others.owner(job.id).is_some();
    let jobs: Vec<_> = state.jobs.rows().iter().filter(open).map(|job| job.id).collect();
    let words = state.words;
    if jobs.is_empty() {
        return None;
    }
    if state.size.0 < WIDE {
        return Some(words.elsewhere_short(jobs.len()));
    }
    Some(match others.processes(jobs.iter().copied())[..] {
        [(pid, None)] => words.elsewhere(jobs.len(), pid),
        [(pid, Some(_))] if state.size.0 < WIDER => words.elsewhere_alone(jobs.len(), pid),
        [(pid, Some(since))] => {
            let alone = std::time::Duration::try_from(state.clock.duration_since(since)).unwrap_or_default();
            words.elsewhere_alone_since(jobs.len(), pid, duration(alone))
        }
        ref several => words.elsewhere_several(jobs.len(), several.len()),
    })
}

/// What becomes of the own jobs when a person leaves, before the choices.
pub(super) fn quit_text(state: &State) -> String {
    let words = state.words;
    let own = |job: &&std::sync::Arc<Job>| !state.jobs.others.has(job.id);
    let rows = || state.jobs.rows().iter().filter(own);
    let running = rows().filter(|job| job.state.is_active()).count();
    let waits = |state| {
        matches!(state, JobState::Draft | JobState::Queued | JobState::Paused | JobState::Interrupted)
    };
    let waiting = rows().filter(|job| waits(job.state)).count();
    let jobs = match (running, waiting) {
        (0, 0) => String::new(),
        (1, 0) => words.one_runs().to_owned(),
        (n, 0) => words.jobs_run(n),
        (1, waiting) => words.one_runs_others_wait(waiting),
        (n, waiting) => words.jobs_run_others_wait(n, waiting),
    };
    let drafts = match state.queue.drafts().len() {
        0 => String::new(),
        1 => words.one_draft_forgotten().to_owned(),
        n => words.drafts_forgotten(n),
    };
    match (jobs.is_empty(), drafts.is_empty()) {
        (false, false) => words.sentences(&jobs, &drafts),
        _ => jobs + &drafts,
    }
}

/// What is under way on the way out, for the top line.
pub(super) fn leaving(state: &State) -> Option<String> {
    let (words, ellipsis) = (state.words, state.glyphs.ellipsis);
    match state.leaving {
        Leaving::No => None,
        Leaving::WhenDone => Some(words.quits_when_done().to_owned()),
        Leaving::Stopping => Some(format!("{} {}{ellipsis}", super::spinner(state), words.stopping())),
        Leaving::HandingOver => Some(format!("{} {}{ellipsis}", super::spinner(state), words.handing_over())),
    }
}

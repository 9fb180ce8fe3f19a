//! The history, a job's record, and doing again or undoing what was done.

use crossterm::event::{Event, KeyEvent};
use tui_input::backend::crossterm::EventHandler;

use crate::job::JobSpec;
use crate::oci::{Digest, Location, Reference};
use crate::tui::effect::Effect;
use crate::tui::past::{Answer, Past};
use crate::tui::state::history::History;
use crate::tui::state::popup::{Popup, Scroll};
use crate::tui::state::queue::Draft;
use crate::tui::state::{State, Tone};
use crate::tui::upkeep::Upkeep;
use crate::tui::view::history::height;
use crate::tui::view::why::job_of;

/// Opens the history.
pub(super) fn open(state: &mut State) {
    if !state.popups.iter().any(|popup| matches!(popup, Popup::History(_))) {
        state.popups.push(Popup::History(Box::default()));
    }
}

/// `enter` in the history: keeps the filter, or shows the job whole.
pub(super) fn enter(state: &mut State) {
    let Some(Popup::History(history)) = state.popups.last_mut() else { return };
    if std::mem::take(&mut history.typing) {
        return;
    }
    match history.current() {
        Some(job) => {
            let id = job.id;
            state.popups.push(Popup::Why(id, Scroll::default()));
        }
        None => state.say(Tone::Plain, state.words.no_job()),
    }
}

/// `esc` in the history: the filter goes before it does; whether something of it went.
pub(super) fn unwind(state: &mut State) -> bool {
    let Some(Popup::History(history)) = state.popups.last_mut() else { return false };
    let typing = std::mem::take(&mut history.typing);
    if typing || !history.input.value().is_empty() {
        if !history.input.value().is_empty() {
            history.input.reset();
            history.restart();
        }
        return true;
    }
    false
}

/// A key for the filter.
pub(super) fn text(history: &mut History, key: KeyEvent) {
    let before = history.input.value().to_owned();
    history.input.handle_event(&Event::Key(key));
    if history.input.value() != before {
        history.restart();
    }
}

/// Moves the cursor.
pub(super) fn travel(history: &mut History, moved: impl Fn(usize) -> usize) {
    history.move_to(moved(history.cursor()));
}

/// Asks for what the popups show and do not have: a page of the history, the record of the job whose page is open.
pub(super) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    let layout = state.layout();
    let rows = height(&layout);
    let State { popups, plans, record, now, .. } = state;
    let mut page = None;
    for popup in popups.iter_mut() {
        match popup {
            Popup::History(history) => {
                history.settle(rows);
                if let Some(before) = history.next_page(rows) {
                    *plans += 1;
                    history.waiting = Some(*plans);
                    let words = history.input.value().to_owned();
                    effects.push(Effect::Past(Past::Page { request: *plans, before, words }));
                }
            }
            Popup::Why(job, _) => page = Some(*job),
            _ => {}
        }
    }
    match page {
        // What has no number in a ledger has no record.
        Some(job) if job.0 > 0 => {
            if record.wanted(job, *now) {
                effects.push(Effect::Past(Past::Record(job)));
            }
        }
        _ => record.close(),
    }
}

pub(super) fn answered(state: &mut State, answer: Answer) {
    let words = state.words;
    match answer {
        Answer::Record(job, answer) => state.record.answered(job, answer),
        Answer::Page { request, answer } => {
            for popup in &mut state.popups {
                if let Popup::History(history) = popup {
                    return history.answer(request, answer);
                }
            }
        }
        Answer::TakenUp(_, Ok(())) => {}
        Answer::TakenUp(job, Err(failure)) => state.say(Tone::Bad, words.job_refused(job, failure.message)),
        Answer::Saved(Ok(path)) => state.say(Tone::Good, words.log_saved(path.display())),
        Answer::Saved(Err(failure)) => state.say(Tone::Bad, failure.message),
    }
}

/// The job that `a` and `u` are for.
fn spec(state: &State) -> Option<(crate::job::JobId, JobSpec)> {
    let id = match state.popups.last() {
        Some(Popup::Why(job, _)) => *job,
        Some(Popup::History(history)) => history.current()?.id,
        _ => state.jobs.current()?.id,
    };
    Some((id, job_of(state, id)?.spec.clone()))
}

/// Puts a job's image into the queue once more: nothing moves before the plan was seen.
pub(super) fn queue_again(state: &mut State) {
    let words = state.words;
    let Some((id, spec)) = spec(state) else { return state.say(Tone::Plain, words.no_job()) };
    let added = state.queue.add(Draft::of_spec(&spec));
    match added {
        0 => state.say(Tone::Plain, words.job_queued_already(id)),
        _ => {
            let key = state.key(crate::tui::action::Action::Start).to_owned();
            state.say(Tone::Good, words.queued_again(id, key));
        }
    }
}

/// The job that gives a tag back to what it stood for.
fn back(tag: &Reference, old: &Digest) -> JobSpec {
    let before = Reference { tag: None, digest: Some(old.clone()), ..tag.clone() };
    JobSpec::copy(Location::Registry(before), Location::Registry(tag.clone()))
}

/// Gives the tags that a job moved back to what they stood for; asks first.
pub(super) fn undo_tags(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    let Some((id, _)) = spec(state) else { return state.say(Tone::Plain, words.no_job()) };
    let mut specs = Vec::new();
    match (state.record.of(id), job_of(state, id).and_then(|job| job.report.as_ref())) {
        (Some(record), _) => specs.extend(record.overwritten.iter().map(|moved| {
            let (registry, repository) = (moved.registry.clone(), moved.repository.clone());
            back(&Reference::tagged(registry, repository, moved.tag.clone()), &moved.old)
        })),
        (None, Some(report)) => {
            for output in &report.outputs {
                let Ok(Location::Registry(place)) = output.location.parse::<Location>() else { continue };
                specs.extend(output.overwritten.iter().map(|(tag, old)| {
                    back(&Reference { tag: Some(tag.clone()), digest: None, ..place.clone() }, old)
                }));
            }
        }
        (None, None) => {}
    }
    if specs.is_empty() {
        return state.say(Tone::Plain, words.moved_no_tags(id));
    }
    state.say(Tone::Plain, words.asking_moved_tags(specs.len()));
    effects.push(Effect::Upkeep(Upkeep::Look(specs)));
}

//! The queue as a document: edited in the person's editor and taken back as one change, saved as a file.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use tui_input::Input;

use crate::config::{Wanted, WantedGoal, paths};
use crate::job::quoted;
use crate::tui::action::Action;
use crate::tui::completion::Completed;
use crate::tui::effect::Effect;
use crate::tui::state::document::{Document, Edited, Faults, Outcome, Save, SaveFailure, Saved};
use crate::tui::state::popup::{Ask, Choice, Dialog, Popup, Question, Scroll};
use crate::tui::state::queue::{Change, Draft, DraftId, Goal};
use crate::tui::state::{Leaving, State, Tone};

/// The file that a queue is saved as where no other is named.
const FILE: &str = "wharf.yaml";

/// Opens the queue in an editor; with a text, that text again.
pub(super) fn edit(state: &mut State, text: Option<String>, effects: &mut Vec<Effect>) {
    let words = state.words;
    // wharf must not end while the editor has the terminal: what is typed there would be lost.
    match state.leaving {
        Leaving::No => {}
        Leaving::WhenDone => state.leaving = Leaving::No,
        Leaving::Stopping => return state.say(Tone::Plain, words.stopping()),
        Leaving::HandingOver => return state.say(Tone::Plain, words.handing_over()),
    }
    let wanted = wanted(state);
    let heading =
        [words.document_heading(wanted.len()).as_str(), words.document_how(), words.document_how_more()]
            .map(str::to_owned);
    let example = format!("  # - nginx:1.27    {}\n", words.document_example());
    effects.push(Effect::Edit(Box::new(Document { wanted, text, heading: heading.into(), example })));
}

/// The drafts that are not on their way to the engine.
fn wanted(state: &State) -> Vec<(DraftId, Wanted)> {
    let here = |id: &DraftId| !state.queue.starting.contains(id);
    let drafts = state.queue.drafts().iter().filter(|draft| here(&draft.id));
    drafts.map(|draft| (draft.id, draft.wanted())).collect()
}

/// The editor has ended.
pub(super) fn edited(state: &mut State, edited: Edited) {
    let words = state.words;
    let Edited { before, left_out, text, outcome } = edited;
    let mut show = |faults, status| {
        let text = text.clone().unwrap_or_default();
        let faults = Faults { text, faults, status, scroll: Scroll::default() };
        state.popups.push(Popup::Faults(Box::new(faults)));
    };
    match outcome {
        Outcome::Unchanged { at_once: false } => state.say(Tone::Plain, words.edit_nothing_changed()),
        Outcome::Unchanged { at_once: true } => {
            state.say(Tone::Plain, words.edit_did_not_wait("EDITOR='code --wait'"));
        }
        Outcome::Failed(reason) => state.say(Tone::Bad, words.edit_failed(reason)),
        Outcome::Broken(status) => show(Vec::new(), Some(status)),
        Outcome::Faults(faults) => show(faults, None),
        Outcome::Wanted(wanted, access) => take_over(state, before, &left_out, wanted, access),
    }
}

/// Puts what was typed in place of the queue. A line that says what a draft said is that draft.
fn take_over(
    state: &mut State,
    before: Vec<(DraftId, Wanted)>,
    left_out: &[DraftId],
    wanted: Vec<Wanted>,
    access: bool,
) {
    let all: HashSet<DraftId> = before.iter().map(|(id, _)| *id).collect();
    let mut known: HashMap<(String, WantedGoal), VecDeque<(DraftId, Wanted)>> = HashMap::new();
    for (id, one) in before {
        known.entry((one.source.to_string(), one.goal.clone())).or_default().push_back((id, one));
    }
    let (mut drafts, mut kept, mut added) = (Vec::new(), HashSet::new(), 0);
    for one in wanted {
        let same = known.get_mut(&(one.source.to_string(), one.goal.clone())).and_then(|there| {
            let at = there.iter().position(|(_, before)| *before == one)?;
            there.remove(at)
        });
        match same {
            Some((id, _)) => {
                kept.insert(id);
                // What the engine took meanwhile is a job now.
                drafts.extend(state.queue.get(id).cloned());
            }
            None => {
                added += 1;
                let mut draft = Draft::of_wanted(one);
                if draft.lacks_target() {
                    draft.goal = state.goal(&draft.source).unwrap_or(Goal::Copy(Vec::new()));
                }
                drafts.push(draft);
            }
        }
    }
    drafts.extend(left_out.iter().filter_map(|id| state.queue.get(*id)).cloned());
    kept.extend(left_out.iter().copied());
    // What was added meanwhile was not in the text.
    drafts.extend(
        state.queue.drafts().iter().filter(|draft| !all.contains(&draft.id)).map(|draft| (**draft).clone()),
    );
    let removed = all.difference(&kept).count();
    let (words, undo) = (state.words, state.key(Action::Undo).to_owned());
    let changed = state.queue.replace(Change::Edit, drafts);
    let text = match (changed, added, removed) {
        (false, ..) => words.edit_nothing_changed().to_owned(),
        _ if state.queue.drafts().is_empty() => words.edited_empty(undo),
        (true, 0, 0) => words.edited_order(undo),
        (true, added, removed) => words.edited(added, removed, undo),
    };
    let text = if access { words.edited_access(text) } else { text };
    state.say(if access { Tone::Bad } else { Tone::Good }, text);
}

/// `enter` where faults are shown.
pub(super) fn edit_again(state: &mut State, faults: Faults, effects: &mut Vec<Effect>) {
    edit(state, Some(faults.text), effects);
}

/// Asks for the file.
pub(super) fn ask_save(state: &mut State) {
    if state.queue.drafts().is_empty() {
        let text = state.words.queue_is_empty(state.key(Action::Add), state.key(Action::AddReference));
        return state.say(Tone::Plain, text);
    }
    state.popups.push(super::queue::prompt(Ask::SaveQueue, FILE.to_owned(), false));
}

/// `tab` while the path is typed; whether one is.
pub(super) fn complete(state: &State, effects: &mut Vec<Effect>) -> bool {
    match state.popups.last() {
        Some(Popup::Prompt(prompt)) if prompt.ask.is_path() => {
            effects.push(Effect::Complete(prompt.input.value().to_owned()));
            true
        }
        _ => false,
    }
}

/// How the path goes on, unless somebody typed on.
pub(super) fn completed(state: &mut State, found: Completed) {
    let Some(Popup::Prompt(prompt)) = state.popups.last_mut() else { return };
    if !prompt.ask.is_path() || prompt.input.value() != found.typed {
        return;
    }
    prompt.input = Input::new(found.text);
    match &found.names[..] {
        [] => state.say(Tone::Plain, state.words.no_name_begins_so()),
        [_] => {}
        names => state.say(Tone::Plain, names.join("  ")),
    }
}

/// A path was typed.
pub(super) fn save(state: &mut State, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    if text.is_empty() {
        return Err(state.words.save_path_needed().to_owned());
    }
    let path = paths::resolve(text, Path::new(""), paths::home().as_deref());
    let words = state.words;
    let wanted: Vec<Wanted> = wanted(state).into_iter().map(|(_, one)| one).collect();
    let when = state.clock.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string();
    let heading =
        [words.saved_heading(wanted.len(), when).as_str(), words.saved_how(), words.saved_how_more()]
            .map(str::to_owned);
    effects.push(Effect::Save(Box::new(Save { path, wanted, heading: heading.into(), overwrite: false })));
    Ok(())
}

/// The queue was saved, or not.
pub(super) fn saved(state: &mut State, save: Save, answer: Result<Saved, SaveFailure>) {
    let words = state.words;
    match answer {
        Ok(Saved { path, count, left_out }) => {
            let shown = path.display().to_string();
            // Images without a destination need one there, too.
            let homeless = save.wanted.iter().any(|one| one.goal == WantedGoal::Copy(Vec::new()));
            let to = if homeless { " --to PREFIX" } else { "" };
            let text = words.saved(count, &shown, format!("wharf sync {}{to}", quoted(&shown)));
            match left_out.first() {
                None => state.say(Tone::Good, text),
                Some((_, reason)) => state.say(Tone::Bad, words.saved_but(text, left_out.len(), reason)),
            }
        }
        Err(SaveFailure::Exists(path)) => state.popups.push(Popup::Dialog(Dialog {
            choices: vec![
                (Choice::Stay, words.choice_keep().to_owned()),
                (Choice::Replace, words.choice_replace().to_owned()),
            ],
            question: Question::Replace(Box::new(Save { path, overwrite: true, ..save })),
            cursor: 0,
        })),
        Err(SaveFailure::Other(reason)) => state.say(Tone::Bad, words.save_failed(reason)),
    }
}

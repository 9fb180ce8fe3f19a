//! What was pasted and files that are read: the preview, and what of it goes to the queue.

use std::path::PathBuf;

use tui_input::InputRequest;

use super::{login, popups, queue};
use crate::config::Batch;
use crate::job::Failure;
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::import::{Import, Imported, path_of};
use crate::tui::state::paste::Pasted;
use crate::tui::state::popup::{Ask, Popup};
use crate::tui::state::preview::{Holding, Origin, Preview};
use crate::tui::state::{State, Tone};

/// The longest paste that is read with the key itself, in bytes; a longer one is read beside the loop.
const AT_ONCE: usize = 32 << 10;

/// Pasted text: into the line that is being typed, else a preview of the references in it.
pub(super) fn paste(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    let line = printable(text.trim(), 500);
    let input = match state.popups.last_mut() {
        Some(Popup::Login(form)) => return login::paste(form, text),
        Some(Popup::Target(form)) => {
            form.form.paste(text);
            return super::target::search(state);
        }
        Some(Popup::Options(form)) => {
            if let Some(field) = form.form.paste(text) {
                form.changed(field);
            }
            return;
        }
        // A protected entry's name is typed.
        Some(Popup::Removal(_)) => return,
        Some(Popup::Plan(plan)) if plan.types() => return,
        Some(Popup::Prompt(prompt)) if prompt.ask != Ask::Reference => Some(&mut prompt.input),
        Some(Popup::Palette(palette)) => Some(&mut palette.input),
        Some(Popup::Choosing(choosing)) => Some(&mut choosing.input),
        // Asked something else: a paste is no answer.
        Some(Popup::Dialog(_)) => return state.say(Tone::Plain, state.words.answer_first()),
        None if state.browse.typing => Some(&mut state.browse.input),
        _ => None,
    };
    let Some(input) = input else { return preview(state, text, effects) };
    for c in line.chars() {
        input.handle(InputRequest::InsertChar(c));
    }
    match state.popups.last() {
        Some(Popup::Palette(_)) => popups::search(state),
        Some(Popup::Choosing(_)) => super::choosing::typed(state),
        None => super::browse::filter_changed(state),
        _ => {}
    }
}

/// Shows what is in a text.
fn preview(state: &mut State, text: &str, effects: &mut Vec<Effect>) {
    if text.len() > AT_ONCE || Batch::is_one(text.as_bytes()) {
        let request = begin(state, Origin::Paste);
        let to = state.target.as_ref().and_then(|target| target.places().first().cloned());
        return effects.push(Effect::Import(Import::Text { request, text: text.to_owned(), to }));
    }
    let pasted = Pasted::read(text);
    if pasted.found.is_empty() && pasted.bad.is_empty() {
        return state.say(Tone::Plain, state.words.nothing_pasted());
    }
    show(state, Preview::of(Origin::Paste, pasted.into()));
}

/// Shows that something is being read; the answer is what its answer is marked with.
fn begin(state: &mut State, origin: Origin) -> u64 {
    state.plans += 1;
    let request = state.plans;
    show(state, Preview::reading(request, origin));
    request
}

/// Puts the preview on top; what is being typed for the same is answered by it.
fn show(state: &mut State, preview: Preview) {
    let answered = |popup: &Popup| matches!(popup, Popup::Prompt(prompt) if matches!(prompt.ask, Ask::Reference | Ask::Import));
    if state.popups.last().is_some_and(answered) {
        state.popups.pop();
    }
    state.popups.push(Popup::Paste(Box::new(preview)));
}

/// Asks for a file.
pub(super) fn ask_file(state: &mut State) {
    state.popups.push(queue::prompt(Ask::Import, String::new(), false));
}

/// A path was typed.
pub(super) fn import(state: &mut State, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    if text.is_empty() {
        return Err(state.words.path_needed().to_owned());
    }
    let path: PathBuf = path_of(text);
    let request = begin(state, Origin::File(path.clone()));
    let to = state.target.as_ref().and_then(|target| target.places().first().cloned());
    effects.push(Effect::Import(Import::File { request, path, to }));
    Ok(())
}

/// What came of reading.
pub(super) fn imported(state: &mut State, answer: Imported) {
    let Imported::Read(request, answer) = answer;
    read(state, request, answer);
}

fn awaiting(state: &mut State, request: u64) -> Option<&mut Preview> {
    state.popups.iter_mut().find_map(|popup| match popup {
        Popup::Paste(preview) if preview.reading == Some(request) => Some(&mut **preview),
        _ => None,
    })
}

fn read(state: &mut State, request: u64, answer: Result<Box<Holding>, Failure>) {
    let Some(preview) = awaiting(state, request) else { return };
    let nothing = match answer {
        Ok(holding) => {
            preview.take(*holding);
            preview.is_empty().then(|| (Tone::Plain, state.words.nothing_pasted().to_owned()))
        }
        Err(failure) => Some((Tone::Bad, failure.message)),
    };
    if let Some((tone, text)) = nothing {
        let waits = |popup: &Popup| matches!(popup, Popup::Paste(preview) if preview.reading == Some(request) || preview.is_empty());
        state.popups.retain(|popup| !waits(popup));
        state.say(tone, text);
    }
}

/// `enter` in the preview.
pub(super) fn accept(state: &mut State, preview: Preview, effects: &mut Vec<Effect>) {
    let text = match (preview.reading, preview.holding.refused, preview.taken()) {
        (Some(_), ..) => state.words.still_reading(),
        (None, true, _) => state.words.file_refused(),
        (None, false, 0) => state.words.nothing_taken(),
        (None, false, _) => {
            let export = preview.export;
            let wanted = preview.into_wanted(&state.downloads);
            return queue::add_typed(state, wanted, export, effects);
        }
    };
    state.say(Tone::Bad, text);
    state.popups.push(Popup::Paste(Box::new(preview)));
}

/// `space` and `x` where rows can be left out, `e` where they can become files.
pub(super) fn change(state: &mut State, action: Action) {
    let words = state.words;
    let text = match (state.popups.last_mut(), action) {
        (Some(Popup::Paste(preview)), Action::LeaveOut) => match preview.toggle() {
            true => return,
            false => words.nothing_to_leave_out(),
        },
        (Some(Popup::Paste(preview)), Action::PopupExport) => {
            preview.export = !preview.export;
            return;
        }
        (Some(Popup::Plan(plan)), Action::LeaveOut) => return plan.toggle(),
        (_, Action::LeaveOut) => words.nothing_to_leave_out(),
        _ => words.nothing_to_export(),
    };
    state.say(Tone::Plain, text);
}

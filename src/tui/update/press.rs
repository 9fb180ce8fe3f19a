//! A key that was pressed: what it does, what it begins, or that it does nothing. No key stays without an answer.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::action::{Action, Context};
use crate::tui::effect::Effect;
use crate::tui::keymap::{Key, Press};
use crate::tui::state::popup::Popup;
use crate::tui::state::{State, Tone};

pub(super) fn press(state: &mut State, event: KeyEvent, effects: &mut Vec<Effect>) {
    let contexts = state.contexts();
    let key = Key::from(event);
    let alt = event.modifiers.contains(KeyModifiers::ALT) && event.code != KeyCode::Backspace;
    let plain = KeyEvent { modifiers: event.modifiers - KeyModifiers::ALT, ..event };
    let found = match state.keymap.press(contexts, key) {
        Press::Unbound => of_terminal(state, key).map_or(Press::Unbound, Press::Action),
        found => found,
    };
    match found {
        Press::Action(action) => {
            state.message = None;
            let before = measure(state);
            super::act(state, action, effects);
            if effects.is_empty()
                && state.message.is_none()
                && may_find_nothing(action)
                && measure(state) == before
            {
                let name = action.entry().map_or("", |entry| entry.name);
                state.say(Tone::Plain, state.words.nothing_to_do(name));
            }
        }
        Press::Prefix | Press::Dropped => state.message = None,
        // `esc` and a key that came in one go look like alt and that key.
        Press::Unbound if alt => {
            press(state, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), effects);
            press(state, plain, effects);
        }
        Press::NoSequence(..) if alt => press(state, plain, effects),
        Press::NoSequence(first, second) => no_sequence(state, first, second),
        Press::Unbound if state.typing() => super::text(state, event),
        Press::Unbound if key.is_order() => unbound(state, key),
        Press::Unbound => {}
    }
}

/// What is about the terminal, and does the same in every popup and line of text. What types a character there, does.
fn of_terminal(state: &State, key: Key) -> Option<Action> {
    let (_, action) = state.keymap.elsewhere(&[Context::Everywhere], key)?;
    let is_text = state.typing() && key.is_text();
    (matches!(action, Action::Redraw | Action::Suspend) && !is_text).then_some(action)
}

/// Actions that may find nothing to do, and do not always say so themselves.
fn may_find_nothing(action: Action) -> bool {
    use Action::*;
    matches!(
        action,
        Descend
            | Ascend
            | OpenRegistry
            | Filter
            | FilterUp
            | FilterDown
            | Refresh
            | Mark
            | MarkRange
            | UnmarkRange
            | InvertMarks
            | ClearMarks
            | DraftUp
            | DraftDown
            | PopupAccept
    )
}

/// What these would change.
fn measure(state: &State) -> impl PartialEq + use<> {
    let (browse, list) = (&state.browse, state.browse.list());
    (
        (state.popups.len(), state.focus, state.marks.len(), state.opening.is_some()),
        (browse.level, browse.typing, list.cursor(), list.filter().len(), list.range()),
        (state.queue.cursor, state.queue.drafts().len(), state.jobs.cursor(), state.jobs.expanded.len()),
    )
}

fn no_sequence(state: &mut State, first: Key, second: Key) {
    let known = state.keymap.continuations(state.contexts(), first);
    let known: Vec<String> = known.iter().map(|(key, _)| key.to_string()).collect();
    state.say(Tone::Plain, state.words.no_sequence(first, second, known.join(" ")));
}

/// Nothing is bound to a key here: where it is, or where all keys are shown.
fn unbound(state: &mut State, key: Key) {
    const PANES: [Context; 5] =
        [Context::Registries, Context::Browse, Context::Queue, Context::Jobs, Context::Logs];
    let words = state.words;
    let elsewhere = match state.popups.is_empty() {
        true => state.keymap.elsewhere(&PANES, key),
        false => None,
    };
    // A key that works everywhere but behind a popup is no unknown one.
    if !state.popups.is_empty() && state.keymap.elsewhere(&[Context::Everywhere], key).is_some() {
        let close = match state.popups.last().map(Popup::contexts) {
            Some(contexts) if contexts.contains(&Context::Dialog) => Action::DialogClose,
            _ => Action::PopupClose,
        };
        return state.say(Tone::Plain, words.close_first(state.key(close)));
    }
    let help = match state.popups.last() {
        None => state.key(Action::Help),
        Some(Popup::Help(_)) => "",
        Some(popup) if popup.contexts().contains(&Context::Popup) => state.key(Action::PopupHelp),
        Some(_) => "",
    };
    let text = match elsewhere {
        Some((context, action)) => {
            let name = action.entry().map_or("", |entry| entry.name);
            words.unbound_here(key, words.context_title(context), name)
        }
        None if help.is_empty() => words.unbound(key),
        None => words.unbound_see_help(key, help),
    };
    state.say(Tone::Plain, text);
}

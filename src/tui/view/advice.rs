//! What a failure says besides its message: its class, and what mends it, with the key where there is one.

use crate::job::{Failure, Hint};
use crate::oci::{Registry, printable};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::update::login::wanted;

/// The class, as a line.
pub(super) fn class(state: &State, failure: &Failure) -> String {
    state.words.class_of(state.words.class(failure.class))
}

/// The advice, a line for each piece of it.
pub(super) fn hints(state: &State, failure: &Failure) -> Vec<String> {
    pieces(state, failure).iter().map(|text| state.words.advice_line(text)).collect()
}

/// The advice in the words of the screen.
pub(super) fn pieces(state: &State, failure: &Failure) -> Vec<String> {
    let hint = failure.hint.as_ref();
    let lines = hint.map(|hint| state.words.advice(hint, &state.keymap)).unwrap_or_default();
    lines.iter().map(|line| printable(line, 1000)).collect()
}

/// What mends the refusal that is shown, `L logs in to h.io`, where the advice does not say so itself.
pub(super) fn mends(state: &State, failure: &Failure) -> Option<String> {
    login(state, failure, &wanted(state)?)
}

/// The same of one registry.
pub(super) fn login(state: &State, failure: &Failure, registry: &Registry) -> Option<String> {
    let said = match &failure.hint {
        Some(Hint::LogIn { host } | Hint::Wait { host }) => *host == registry.to_string(),
        _ => false,
    };
    (!said).then(|| state.words.logs_in(state.key(Action::Login), registry))
}

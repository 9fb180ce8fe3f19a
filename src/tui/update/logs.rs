//! The log: searching it, and saving it.

use std::path::{Path, PathBuf};

use tui_input::Input;

use crate::tui::effect::Effect;
use crate::tui::past::Past;
use crate::tui::state::popup::{Ask, Popup, Prompt};
use crate::tui::state::{Pane, State, Tone};

fn height(state: &State) -> usize {
    let layout = state.layout();
    usize::from(layout.inner(Pane::Logs).height).max(1)
}

fn ask(state: &mut State, ask: Ask, text: String) {
    let prompt = Prompt { ask, about: None, input: Input::new(text), error: None, then_start: false };
    state.popups.push(Popup::Prompt(prompt));
}

/// Asks what is searched for.
pub(super) fn ask_search(state: &mut State) {
    let text = state.logs.pattern().to_owned();
    ask(state, Ask::SearchLog, text);
}

/// What was typed is searched for.
pub(super) fn search(state: &mut State, text: &str) {
    let height = height(state);
    state.logs.search(text, height);
    if !text.is_empty() && state.logs.hits() == 0 {
        state.say(Tone::Plain, state.words.not_in_log(text));
    }
}

/// The next line that has it, or the one before.
pub(super) fn seek(state: &mut State, down: bool) {
    let words = state.words;
    if state.logs.pattern().is_empty() {
        let key = state.key(crate::tui::action::Action::LogSearch).to_owned();
        return state.say(Tone::Plain, words.search_first(key));
    }
    if state.logs.hits() == 0 {
        let text = words.not_in_log(state.logs.pattern());
        return state.say(Tone::Plain, text);
    }
    let height = height(state);
    state.logs.seek(down, height);
}

/// Scrolls long lines to the side.
pub(super) fn shift(state: &mut State, right: bool) {
    if !state.logs.shift(right) {
        let words = state.words;
        state.say(Tone::Plain, if right { words.log_at_end() } else { words.log_at_begin() });
    }
}

/// Asks for the file that the log is to go to.
pub(super) fn ask_save(state: &mut State) {
    if state.logs.lines().next().is_none() {
        return state.say(Tone::Plain, state.words.log_nothing_to_save());
    }
    let stamp = state.clock.to_zoned(state.record.zone.clone()).strftime("%Y%m%d-%H%M%S").to_string();
    ask(state, Ask::SaveLog, format!("wharf-{stamp}.log"));
}

/// Writes all lines, whatever their level, to the file that was named.
pub(super) fn save(state: &State, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    if text.is_empty() || text.ends_with('/') {
        return Err(state.words.log_file_wanted().to_owned());
    }
    let line = |line: &crate::tui::state::logs::Line| {
        let level = state.words.log_level(line.level).to_uppercase();
        format!("{} {level} {}\n", line.at.strftime("%H:%M:%S"), line.text)
    };
    let path: PathBuf = Path::new(text).to_owned();
    effects.push(Effect::Past(Past::Save { path, text: state.logs.lines().map(line).collect() }));
    Ok(())
}

/// `esc` in the pane: the search ends, lines begin at their begin; whether there was any.
pub(super) fn unwind(state: &mut State) -> bool {
    let any = !state.logs.pattern().is_empty() || state.logs.left > 0;
    state.logs.search("", 1);
    state.logs.left = 0;
    any
}

//! Choosing a theme while looking at it, and taking one whose file was saved.

use crate::tui::effect::Effect;
use crate::tui::state::popup::Popup;
use crate::tui::state::themes::ThemeChoice;
use crate::tui::state::{State, Tone};
use crate::tui::theme::{ColourDepth, Theme};
use crate::tui::themes::{ThemeAnswer, ThemeWork};

/// Opens the choice.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    state.popups.push(Popup::Themes(Box::new(ThemeChoice::new(&state.theme))));
    effects.push(Effect::Theme(ThemeWork::List));
}

/// The cursor moves: the screen follows.
pub(super) fn choose(state: &mut State, step: isize, effects: &mut Vec<Effect>) {
    let Some(Popup::Themes(choice)) = state.popups.last_mut() else { return };
    let count = choice.names.len().max(1) as isize;
    choice.cursor = (choice.cursor as isize + step).rem_euclid(count) as usize;
    choice.fault = None;
    let name = choice.current().to_owned();
    match Theme::named(&name, state.depth) {
        Some(theme) => wear(state, name, theme),
        None => effects.push(Effect::Theme(ThemeWork::Read(name))),
    }
}

/// Puts a theme on. Without colours it is mono, whatever its name.
fn wear(state: &mut State, name: String, theme: Theme) {
    state.theme = Theme { name, ..theme };
}

/// `enter`: the theme stays.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Popup::Themes(choice)) = state.popups.pop() else { return };
    if let Some(fault) = choice.fault {
        state.theme = choice.before;
        return state.say(Tone::Bad, fault);
    }
    let name = state.theme.name.clone();
    if name == choice.before.name {
        return;
    }
    effects.push(Effect::Theme(ThemeWork::Use(name.clone())));
    let kept = state.words.theme_taken(&name);
    state.say(Tone::Good, kept);
}

/// `esc`: everything looks as before.
pub(super) fn take_back(state: &mut State) {
    if let Some(Popup::Themes(choice)) = state.popups.pop() {
        state.theme = choice.before;
    }
}

/// What came of reading theme files.
pub(super) fn answered(state: &mut State, answer: ThemeAnswer) {
    match answer {
        ThemeAnswer::Listed(names) => {
            if let Some(choice) = open_choice(state) {
                choice.list(names);
            }
        }
        ThemeAnswer::Read(name, theme) => {
            let Some(choice) = open_choice(state).filter(|choice| choice.current() == name) else { return };
            match theme {
                Ok(theme) => wear(state, name, theme),
                Err(fault) => choice.fault = Some(crate::oci::printable(&fault, 600)),
            }
        }
        ThemeAnswer::Saved(name, Ok(theme)) => {
            let theme = Theme { name: name.clone(), ..theme };
            if let Some(choice) = open_choice(state) {
                choice.before = theme.clone();
                if choice.current() != name {
                    return;
                }
                choice.fault = None;
            }
            state.theme = theme;
            let taken = state.words.theme_reloaded(&name);
            state.say(Tone::Good, taken);
        }
        ThemeAnswer::Saved(_, Err(fault)) => {
            let kept = state.words.theme_broken(fault);
            state.say(Tone::Bad, kept);
        }
    }
}

fn open_choice(state: &mut State) -> Option<&mut ThemeChoice> {
    state.popups.iter_mut().rev().find_map(|popup| match popup {
        Popup::Themes(choice) => Some(&mut **choice),
        _ => None,
    })
}

/// Whether themes make no difference here.
pub(crate) fn colourless(state: &State) -> bool {
    state.depth == ColourDepth::None
}

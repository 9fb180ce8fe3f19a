//! Marking by a pattern, rules made of it; opening a repository by its name, and searching for one.

use crate::config::TagFilter;
use crate::engine::{Holds, Place};
use crate::oci::printable;
use crate::tui::effect::Effect;
use crate::tui::state::browse::Level;
use crate::tui::state::choosing::{Choosing, Wanted};
use crate::tui::state::listing::Load;
use crate::tui::state::popup::{Marked, Popup};
use crate::tui::state::queue::Wanted as Rule;
use crate::tui::state::{Pane, State, Tone};

/// Asks for the pattern of what is to be marked.
pub(super) fn ask_pattern(state: &mut State) {
    if state.browse.list().is_empty() {
        return state.say(Tone::Plain, state.words.nothing_to_mark());
    }
    let rule = state.browse.level == Level::Tags;
    state.popups.push(Popup::Choosing(Box::new(Choosing::new(Wanted::Pattern { hits: 0, rule }))));
}

/// Asks for a repository of the browser's place; with `search` for words to find one.
pub(super) fn ask_repository(state: &mut State, search: bool) {
    let under_cursor = || state.registries.current().and_then(|row| row.place.clone().ok());
    let place = match state.focus {
        Pane::Registries if search => under_cursor(),
        _ => state.browse.place.clone().or_else(|| if search { under_cursor() } else { None }),
    };
    match place {
        Some(place) if place.holds() == Holds::Repositories => {
            let mut choosing = Choosing::new(Wanted::Repository(place));
            choosing.second = search;
            state.popups.push(Popup::Choosing(Box::new(choosing)));
        }
        _ if search => state.say(Tone::Plain, state.words.no_search_there()),
        _ => state.say(Tone::Plain, state.words.registry_first()),
    }
}

/// The line has changed: counts what matches it.
pub(super) fn typed(state: &mut State) {
    let State { popups, browse, .. } = state;
    let Some(Popup::Choosing(choosing)) = popups.last_mut() else { return };
    choosing.error = None;
    if let Wanted::Pattern { hits, .. } = &mut choosing.wanted {
        let filter = choosing.input.value().parse::<TagFilter>();
        *hits = filter.map_or(0, |filter| filter.choose_names(browse.list().texts()).len());
    }
}

/// `enter`.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Popup::Choosing(mut choosing)) = state.popups.pop() else { return };
    let text = choosing.input.value().trim().to_owned();
    let taken = match (&choosing.wanted, choosing.second) {
        (Wanted::Pattern { .. }, false) => mark(state, &text),
        (Wanted::Pattern { .. }, true) => rule(state, &text),
        (Wanted::Repository(place), second) => repository(state, &place.clone(), second, &text, effects),
    };
    if let Err(reason) = taken {
        choosing.error = Some(printable(&reason, 200));
        state.popups.push(Popup::Choosing(choosing));
    }
}

fn mark(state: &mut State, text: &str) -> Result<(), String> {
    let filter: TagFilter = text.parse()?;
    let State { browse, marks, .. } = state;
    let hits = filter.choose_names(browse.list().texts());
    let keys: Vec<_> = hits.into_iter().filter_map(|position| browse.key_at(position)).collect();
    if keys.is_empty() {
        return Err(state.words.pattern_none().to_owned());
    }
    let count = keys.len();
    keys.into_iter().for_each(|key| marks.set(key));
    state.say(Tone::Good, state.words.marked_rows(count));
    Ok(())
}

fn rule(state: &mut State, text: &str) -> Result<(), String> {
    let filter: TagFilter = text.parse()?;
    let repository = state.browse.repository_location(&state.browse.repository);
    let Some(at) = repository else { return Err(state.words.nothing_to_mark().to_owned()) };
    super::queue::enqueue(state, vec![Rule::rule(at, filter)], false);
    Ok(())
}

fn repository(
    state: &mut State,
    place: &Place,
    search: bool,
    text: &str,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    if search && text.is_empty() {
        return Err(state.words.search_words().to_owned());
    }
    if state.browse.place.as_ref() != Some(place) {
        let row = state.registries.rows.iter().find(|row| row.place.as_ref() == Ok(place));
        let name = row.map_or_else(|| place.to_string(), |row| row.name.clone());
        // Its list is not asked for: what is typed says what is wanted.
        state.browse.open(place.clone(), &name);
        state.browse.list_mut().load = Load::Idle;
    }
    match search {
        false => super::browse::open_repository(state, text, effects)?,
        true => super::browse::search(state, text, effects),
    }
    state.focus = Pane::Browse;
    Ok(())
}

/// Shows what is marked, wherever it is.
pub(super) fn show_marks(state: &mut State) {
    if state.marks.is_empty() {
        let text = state.words.nothing_marked(state.key(crate::tui::action::Action::Mark));
        return state.say(Tone::Plain, text);
    }
    state.popups.push(Popup::Marked(Marked { keys: state.marks.in_order(), cursor: 0 }));
}

/// Takes the mark under the popup's cursor away.
pub(super) fn unmark(state: &mut State) {
    let State { popups, marks, .. } = state;
    let Some(Popup::Marked(list)) = popups.last_mut() else { return };
    if list.cursor < list.keys.len() {
        marks.unset(&list.keys.remove(list.cursor));
        list.cursor = list.cursor.min(list.keys.len().saturating_sub(1));
    }
    if list.keys.is_empty() {
        popups.pop();
    }
}

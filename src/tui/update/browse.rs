//! The browser: opening, filtering, marking.

use tui_input::Input;

use crate::engine::{FileEntry, Holds, Place};
use crate::oci::Repository;
use crate::tui::action::Action;
use crate::tui::effect::{Effect, ListRequest};
use crate::tui::state::browse::Level;
use crate::tui::state::listing::Load;
use crate::tui::state::lookup::Known;
use crate::tui::state::{Pane, State, Tone};

pub(super) fn open_registry(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(row) = state.registries.current() else {
        return state.say(Tone::Bad, state.words.no_registries());
    };
    let (name, place) = (row.name.clone(), row.place.clone());
    let place = match place {
        Ok(place) => place,
        Err(address) => {
            return state.say(Tone::Bad, format!("{name}: {}", state.words.no_address(address)));
        }
    };
    state.focus = Pane::Browse;
    // A place whose list was never asked for, as a repository of it was opened by its name.
    let unlisted = state.browse.repositories.load == Load::Idle;
    if state.browse.place.as_ref() == Some(&place) && state.browse.name == name && !unlisted {
        return;
    }
    state.opening = None;
    let generation = state.browse.open(place.clone(), &name);
    effects.push(Effect::List { generation, request: request_of(&place) });
}

fn request_of(place: &Place) -> ListRequest {
    match (place.holds(), place) {
        (Holds::Images, place) => ListRequest::Images(place.clone()),
        (Holds::Files, Place::Directory(directory)) => ListRequest::Files(directory.clone()),
        (Holds::Repositories | Holds::Files, place) => ListRequest::Repositories(place.clone()),
    }
}

/// Opens a repository of the browser's place; the error says why its name is none.
pub(super) fn open_repository(
    state: &mut State,
    name: &str,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    let Some(place) = state.browse.place.clone() else {
        return Err(state.words.registry_first().to_owned());
    };
    // As people write it: Docker Hub's own images are below `library`.
    let hub = matches!(&place, Place::Registry(registry) if registry.is_docker_hub());
    let name = if hub && !name.is_empty() && !name.contains('/') {
        format!("library/{name}")
    } else {
        name.to_owned()
    };
    let repository: Repository =
        name.parse().map_err(|e: crate::oci::ReferenceError| e.reason().to_owned())?;
    state.opening = None;
    if let Some(generation) = state.browse.open_repository(&name) {
        effects.push(Effect::List { generation, request: ListRequest::Tags(place, repository) });
    }
    Ok(())
}

pub(super) fn descend(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(name) = state.browse.list().current().map(str::to_owned) else { return };
    match state.browse.level {
        Level::Repositories => {
            if let Err(reason) = open_repository(state, &name, effects) {
                state.say(Tone::Bad, format!("{name}: {reason}"));
            }
        }
        Level::Tags | Level::Images => open_tag(state, &name, effects),
        Level::Files => open_file(state, &name, effects),
        Level::Platforms => state.say(Tone::Plain, state.words.no_deeper()),
    }
}

/// Searches the browser's place.
pub(super) fn search(state: &mut State, words: &str, effects: &mut Vec<Effect>) {
    let Some(place) = state.browse.place.clone() else { return };
    state.opening = None;
    let generation = state.browse.begin_search(words);
    effects.push(Effect::List { generation, request: ListRequest::Search(place, words.to_owned()) });
}

fn open_file(state: &mut State, name: &str, effects: &mut Vec<Effect>) {
    let Some(file) = state.browse.current_file().map(FileEntry::place) else { return };
    state.opening = None;
    let request = request_of(&file);
    if let Some(generation) = state.browse.open_file(file, name.trim_end_matches('/')) {
        effects.push(Effect::List { generation, request });
    }
}

fn open_tag(state: &mut State, tag: &str, effects: &mut Vec<Effect>) {
    let Some(location) = state.browse.location() else {
        return state.say(Tone::Bad, state.words.not_a_tag(tag));
    };
    if let Some(image) = state.images.value(&location).cloned() {
        return state.browse.open_tag(tag, location, &image);
    }
    if !matches!(state.images.get(&location), Some(Known::Asked)) {
        state.images.ask(&location);
        effects.push(Effect::Inspect(location.clone()));
    }
    state.opening = Some(location);
}

pub(super) fn ascend(state: &mut State) {
    state.opening = None;
    state.browse.typing = false;
    if state.browse.level == Level::Repositories && state.browse.end_search() {
        return;
    }
    match state.browse.level {
        Level::Platforms => state.browse.close_tag(),
        Level::Tags => state.browse.level = Level::Repositories,
        Level::Images if state.browse.file.is_some() => state.browse.level = Level::Files,
        Level::Images | Level::Repositories | Level::Files => state.focus = Pane::Registries,
    }
}

pub(super) fn refresh(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(place) = state.browse.place.clone() else {
        return state.say(Tone::Plain, state.words.registry_first());
    };
    if let Some(at) = state.at.clone() {
        if let Some(image) = state.images.value(&at) {
            state.referrers.forget(&image.descriptor.digest);
        }
        state.images.forget(&at);
    }
    for source in state.visible(usize::from(state.size.1)) {
        if let Some(destination) = state.destination(&source) {
            state.digests.forget(&destination);
        }
        state.digests.forget(&source);
        state.images.forget(&source);
    }
    let request = match state.browse.level {
        Level::Platforms => return state.browse.close_tag(),
        Level::Images => match state.browse.holder() {
            Some(holder) => request_of(holder),
            None => return,
        },
        Level::Tags => match state.browse.repository.parse() {
            Ok(repository) => ListRequest::Tags(place, repository),
            Err(_) => return,
        },
        Level::Repositories if state.browse.search.is_some() => {
            let words = state.browse.search.as_ref().map(|search| search.words.clone()).unwrap_or_default();
            return search(state, &words, effects);
        }
        Level::Repositories | Level::Files => request_of(&place),
    };
    let generation = state.browse.begin();
    effects.push(Effect::List { generation, request });
}

pub(super) fn begin_filter(state: &mut State) {
    if state.browse.place.is_none() {
        return state.say(Tone::Plain, state.words.nothing_to_filter());
    }
    state.browse.typing = true;
    state.browse.input = Input::new(state.browse.list().filter().to_owned());
}

pub(super) fn filter_changed(state: &mut State) {
    let text = state.browse.input.value().to_owned();
    state.browse.list_mut().set_filter(&text);
    // Short lists are filtered with the key itself.
    super::work(state);
}

pub(super) fn clear_filter(state: &mut State) {
    state.browse.typing = false;
    state.browse.list_mut().set_filter("");
}

pub(super) fn mark(state: &mut State, action: Action) {
    if action == Action::ClearMarks {
        let text = match state.marks.len() {
            0 => state.words.nothing_marked(state.key(Action::Mark)),
            n => state.words.marks_cleared(n),
        };
        state.say(Tone::Plain, text);
        return state.marks.clear();
    }
    if state.browse.list().is_empty() {
        return state.say(Tone::Plain, state.words.nothing_to_mark());
    }
    let cursor = state.browse.list().cursor();
    let range = state.browse.list().range();
    match action {
        Action::MarkRange => {
            if let Some((first, last)) = state.browse.list_mut().toggle_range() {
                each(state, first, last, |marks, key| marks.set(key));
            }
        }
        Action::UnmarkRange => {
            let (first, last) = range.unwrap_or((cursor, cursor));
            each(state, first, last, |marks, key| marks.unset(&key));
            state.browse.list_mut().drop_range();
        }
        Action::InvertMarks => {
            let last = state.browse.list().len().saturating_sub(1);
            each(state, 0, last, |marks, key| marks.toggle(key));
        }
        _ if range.is_some() => mark_range(state),
        _ => {
            each(state, cursor, cursor, |marks, key| marks.toggle(key));
            state.browse.list_mut().move_by(1);
        }
    }
}

/// Marks what a range under way holds, and ends it.
pub(super) fn mark_range(state: &mut State) {
    if state.browse.list().range().is_some()
        && let Some((first, last)) = state.browse.list_mut().toggle_range()
    {
        each(state, first, last, |marks, key| marks.set(key));
    }
}

fn each(
    state: &mut State,
    first: usize,
    last: usize,
    mut change: impl FnMut(&mut crate::tui::state::marks::Marks, crate::tui::state::marks::MarkKey),
) {
    let State { browse, marks, .. } = state;
    for key in (first..=last).filter_map(|position| browse.key_at(position)) {
        change(marks, key);
    }
}

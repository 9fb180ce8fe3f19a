//! Pane 1: the configured places.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::{Pen, wrap};
use crate::config::RegistryType;
use crate::tui::action::Action;
use crate::tui::setup::Reply;
use crate::tui::state::registries::{Health, PlaceRow};
use crate::tui::state::{EngineState, Pane, State};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let registries = &state.registries;
    if registries.rows.is_empty() {
        let text = match state.engine {
            EngineState::Starting => format!("{}{}", state.words.engine_starting(), glyphs.ellipsis),
            _ => state.words.registries_none(state.key(Action::AddRegistry), state.key(Action::AddReference)),
        };
        for (row, line) in (0..area.height).zip(wrap(&text, usize::from(area.width).saturating_sub(2))) {
            Pen::new(buffer, area, row, glyphs.ellipsis).skip(1).put(&line, theme.dim);
        }
        return;
    }
    let window = registries.rows.iter().enumerate().skip(registries.offset);
    for (row, (position, place)) in (0..area.height).zip(window) {
        let here = position == registries.cursor;
        let mut pen = Pen::new(buffer, area, row, glyphs.ellipsis);
        let (sign, style) = sign(state, place);
        // With room for words the sign stands before them.
        let roomy = area.width >= ROOMY;
        if !roomy {
            pen.right("", 1, style).right(sign, 2, style);
        }
        let lead = if here { glyphs.cursor } else { " " };
        pen.put(lead, theme.accent).skip(1);
        let open = state.browse.place.is_some() && state.browse.place.as_ref() == place.place.as_ref().ok();
        let name = match (open, &place.place) {
            (true, _) => theme.accent,
            (false, Ok(_)) => theme.text,
            (false, Err(_)) => theme.dim,
        };
        match roomy {
            true => {
                pen.column(&place.name, usize::from(area.width) * 2 / 5, name).skip(1);
                pen.put(sign, style).skip(1).put(&told(state, place), theme.text);
            }
            false => pen.write(&place.name, name),
        }
        if here {
            buffer.set_style(
                Rect { y: area.y + row, height: 1, ..area },
                super::cursor_style(state, Pane::Registries),
            );
        }
    }
    description(state, area, buffer);
}

/// Columns from which on a row has words.
const ROOMY: u16 = 48;

/// A place's health and nature in words: `reached, 23 ms; read-only`.
fn told(state: &State, place: &PlaceRow) -> String {
    let words = state.words;
    let health = match (&place.place, &place.health, &place.reply) {
        (Err(address), ..) => words.no_address(address),
        (_, Health::Asked, _) => words.health_asked().to_owned(),
        (_, Health::Refused, _) => words.registry_asks(state.key(Action::Login)),
        (_, Health::Failed(reason), _) => words.health_failed(reason),
        (_, _, Some(Reply::Open(millis))) => words.health_open(millis),
        (_, _, Some(Reply::Engine(version))) => version.clone(),
        (_, _, Some(Reply::Holds(n))) if place.kind == RegistryType::LocalFile => words.count_files(n),
        (_, _, Some(Reply::Holds(n))) => words.count_images(n),
        (_, Health::Reached, _) => words.health_reached().to_owned(),
        (_, Health::Unknown, _) => String::new(),
    };
    let kind = match place.kind {
        RegistryType::Registry => "",
        RegistryType::Docker => words.kind_engine(),
        RegistryType::LocalFile => words.kind_directory(),
        RegistryType::Store => words.kind_store(),
    };
    let flag = |is: bool, text: &'static str| if is { text } else { "" };
    let parts = [
        health.as_str(),
        kind,
        flag(place.read_only, words.header_read_only()),
        flag(place.protected, words.health_protected()),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(words.comma())
}

/// The cursor's description, or why it cannot be browsed or was not reached, in the last lines if they are free.
fn description(state: &State, area: Rect, buffer: &mut Buffer) {
    let registries = &state.registries;
    let Some(place) = registries.current() else { return };
    // Why a place cannot be had is read to its end.
    let most = if matches!(place.health, Health::Failed(_)) { 8 } else { 3 };
    let free = usize::from(area.height).saturating_sub(registries.rows.len() + 1).min(most);
    let roomy = area.width >= ROOMY;
    let text = match (&place.place, &place.health) {
        (Err(address), _) => state.words.no_address(address),
        (Ok(_), Health::Failed(reason)) => reason.clone(),
        (Ok(_), Health::Refused) => state.words.registry_asks(state.key(Action::Login)),
        // Where the row says it, it is not said again.
        (Ok(_), _) if roomy => place.description.clone(),
        (Ok(_), Health::Unknown) if !place.read_only && !place.protected => place.description.clone(),
        (Ok(_), _) => {
            let told = told(state, place);
            // That the store is wharf's own is told already, but where someone described it.
            let own = place.kind == RegistryType::Store && place.description == state.words.target_store();
            let description = if own && !told.is_empty() { "" } else { place.description.as_str() };
            match told.is_empty() || description.is_empty() {
                true => told + description,
                false => state.words.with_reason(told, description),
            }
        }
    };
    let lines = wrap(&text, usize::from(area.width).saturating_sub(2));
    if text.is_empty() || free == 0 {
        return;
    }
    let shown = lines.len().min(free);
    for (n, line) in lines.iter().take(shown).enumerate() {
        let more = if n + 1 == shown && shown < lines.len() { state.glyphs.ellipsis } else { "" };
        let row = area.height - (shown - n) as u16;
        Pen::new(buffer, area, row, state.glyphs.ellipsis)
            .skip(1)
            .put(&format!("{line}{more}"), state.theme.dim);
    }
}

/// A place's sign: what it is, and how it answered.
pub(super) fn sign(state: &State, place: &PlaceRow) -> (&'static str, ratatui::style::Style) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    match (place.kind, &place.health) {
        _ if place.place.is_err() => (glyphs.dash, theme.dim),
        (_, Health::Asked) => (super::spinner(state), theme.dim),
        (_, Health::Refused) => (glyphs.warning, theme.warn),
        (_, Health::Failed(_)) => (glyphs.failed, theme.error),
        (RegistryType::LocalFile, _) => (glyphs.directory, theme.dim),
        (RegistryType::Store, _) => (glyphs.store, theme.dim),
        (_, Health::Reached) => (glyphs.reached, theme.ok),
        (_, Health::Unknown) => (glyphs.unknown, theme.dim),
    }
}

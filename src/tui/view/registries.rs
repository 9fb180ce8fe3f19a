//! Pane 1: the configured places.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::{Pen, wrap};
use crate::config::RegistryType;
use crate::tui::action::Action;
use crate::tui::state::registries::{Health, PlaceRow};
use crate::tui::state::{EngineState, Pane, State};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let registries = &state.registries;
    if registries.rows.is_empty() {
        let text = match state.engine {
            EngineState::Starting => format!("{}{}", state.words.registries_starting(), glyphs.ellipsis),
            _ => state.words.registries_none(state.key(Action::AddReference)),
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
        pen.right("", 1, style).right(sign, 2, style);
        let lead = if here { glyphs.cursor } else { " " };
        pen.put(lead, theme.accent).skip(1);
        let open = state.browse.place.is_some() && state.browse.place.as_ref() == place.place.as_ref().ok();
        let style = match (open, &place.place) {
            (true, _) => theme.accent,
            (false, Ok(_)) => theme.text,
            (false, Err(_)) => theme.dim,
        };
        pen.put(&place.name, style);
        if here {
            buffer.set_style(
                Rect { y: area.y + row, height: 1, ..area },
                super::cursor_style(state, Pane::Registries),
            );
        }
    }
    description(state, area, buffer);
}

/// The cursor's description, or why it cannot be browsed or was not reached, in the last lines if they are free.
fn description(state: &State, area: Rect, buffer: &mut Buffer) {
    let registries = &state.registries;
    let Some(place) = registries.current() else { return };
    // Why a place cannot be had is read to its end.
    let most = if matches!(place.health, Health::Failed(_)) { 8 } else { 3 };
    let free = usize::from(area.height).saturating_sub(registries.rows.len() + 1).min(most);
    let text = match (&place.place, &place.health) {
        (Err(reason), _) | (Ok(_), Health::Failed(reason)) => reason,
        (Ok(_), Health::Refused) => &state.words.registry_asks(state.key(Action::Login)),
        (Ok(_), _) => &place.description,
    };
    let lines = wrap(text, usize::from(area.width).saturating_sub(2));
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

fn sign(state: &State, place: &PlaceRow) -> (&'static str, ratatui::style::Style) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    match (place.kind, &place.health) {
        _ if place.place.is_err() => (glyphs.dash, theme.dim),
        (_, Health::Refused) => (glyphs.warning, theme.warn),
        (_, Health::Failed(_)) => (glyphs.failed, theme.error),
        (RegistryType::LocalFile, _) => (glyphs.directory, theme.dim),
        (RegistryType::Store, _) => (glyphs.store, theme.dim),
        (_, Health::Reached) => (glyphs.reached, theme.ok),
        (_, Health::Unknown) => (glyphs.unknown, theme.dim),
    }
}

//! Pane 1: the configured places.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::{Pen, wrap};
use crate::config::RegistryType;
use crate::tui::state::registries::{Health, PlaceRow};
use crate::tui::state::{Pane, State};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let registries = &state.registries;
    if registries.rows.is_empty() {
        let text = "no registries yet: name them in config.yaml, or add images by typing (n) and pasting";
        for (row, line) in (0..area.height).zip(wrap(text, area.width.into())) {
            Pen::new(buffer, area, row, glyphs.ellipsis).put(&line, theme.dim);
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
        pen.put(&place.name, if open { theme.accent } else { theme.text });
        if here {
            buffer.set_style(
                Rect { y: area.y + row, height: 1, ..area },
                super::cursor_style(state, Pane::Registries),
            );
        }
    }
    description(state, area, buffer);
}

/// The cursor's description, in the last line if that is free.
fn description(state: &State, area: Rect, buffer: &mut Buffer) {
    let registries = &state.registries;
    let Some(place) = registries.current() else { return };
    if registries.rows.len() + 1 < usize::from(area.height) && !place.description.is_empty() {
        Pen::new(buffer, area, area.height - 1, state.glyphs.ellipsis)
            .put(&place.description, state.theme.dim);
    }
}

fn sign(state: &State, place: &PlaceRow) -> (&'static str, ratatui::style::Style) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    match (place.kind, place.health) {
        (_, Health::Failed) => (glyphs.failed, theme.error),
        (RegistryType::LocalFile, _) => (glyphs.directory, theme.dim),
        (RegistryType::Store, _) => (glyphs.store, theme.dim),
        (_, Health::Reached) => (glyphs.reached, theme.ok),
        (_, Health::Unknown) => (glyphs.unknown, theme.dim),
    }
}

//! The bottom line: a message while there is one, else the keys of where the focus is, from the action table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::{Pen, width};
use crate::tui::action::TABLE;
use crate::tui::state::{State, Tone};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let mut pen = Pen::new(buffer, area, 0, glyphs.ellipsis);
    pen.skip(1);
    if let Some(first) = state.keymap.pending() {
        pen.put(&first.to_string(), theme.key).put(" and then?", theme.dim);
        return;
    }
    if let Some((tone, text)) = &state.message {
        let (sign, style) = match tone {
            Tone::Good => (glyphs.done, theme.ok),
            Tone::Plain => (glyphs.dot, theme.text),
            Tone::Bad => (glyphs.failed, theme.error),
        };
        pen.put(sign, style).skip(1).put(text, style);
        return;
    }
    let entries = state
        .contexts()
        .iter()
        .flat_map(|context| TABLE.iter().filter(move |entry| entry.context == *context));
    let mut first = true;
    for entry in entries.filter(|entry| !entry.hint.is_empty()) {
        let Some(key) = entry.keys.first() else { continue };
        let separator = if first { String::new() } else { format!(" {} ", glyphs.dot) };
        if width(&separator) + width(key) + 1 + width(entry.hint) > pen.room() {
            break;
        }
        pen.put(&separator, theme.dim).put(key, theme.key).put(&format!(" {}", entry.hint), theme.text);
        first = false;
    }
}

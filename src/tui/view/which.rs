//! What may follow the first key of a sequence: a box above the bottom line, or the bottom line itself.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::text::{Pen, width};
use crate::tui::action::Action;
use crate::tui::keymap::Key;
use crate::tui::state::State;

/// Each continuation with what it does.
fn rows(state: &State) -> Option<(Key, Vec<(String, Action)>)> {
    let first = state.keymap.pending()?;
    let found = state.keymap.continuations(state.contexts(), first);
    Some((first, found.into_iter().map(|(key, action)| (key.to_string(), action)).collect()))
}

/// Where the box goes; `None` where the bottom line must do.
fn area(state: &State, layout: &Layout, rows: &[(String, Action)]) -> Option<(Rect, usize)> {
    let body = layout.body;
    let keys = rows.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
    let docs = rows.iter().map(|(_, action)| width(state.words.doc_of(*action))).max().unwrap_or(0);
    let height = u16::try_from(rows.len() + 2).ok().filter(|height| *height <= body.height)?;
    let columns = u16::try_from(keys + docs + 6).unwrap_or(u16::MAX).clamp(20, body.width.max(20));
    let at = Rect { x: body.x, y: body.bottom() - height, width: columns.min(body.width), height };
    (body.width >= 30).then_some((at, keys))
}

pub(super) fn draw(state: &State, layout: &Layout, buffer: &mut Buffer) {
    let Some((first, rows)) = rows(state) else { return };
    let Some((area, keys)) = area(state, layout, &rows) else { return };
    let inner = super::popup::open(state, area, &first.to_string(), "", buffer);
    for (row, (key, action)) in (0..inner.height).zip(&rows) {
        let mut pen = Pen::new(buffer, inner, row, state.glyphs.ellipsis);
        pen.skip(1).column(key, keys, state.theme.key).skip(2);
        pen.put(state.words.doc_of(*action), state.theme.text);
    }
}

/// The bottom line while the second key is awaited; false if it is not.
pub(super) fn bottom(state: &State, layout: &Layout, pen: &mut Pen) -> bool {
    let Some((first, rows)) = rows(state) else { return false };
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    pen.put(&first.to_string(), theme.key).put(state.words.and_then(), theme.dim);
    if area(state, layout, &rows).is_none() {
        for (key, action) in &rows {
            let name = action.entry().map_or("", |entry| entry.name);
            let name = format!(" {name}");
            if width(key) + width(&name) + 2 > pen.room() {
                break;
            }
            pen.skip(2).put(key, theme.key).put(&name, theme.text);
        }
    }
    let leave = format!("{} {} ", Key::ESC, state.words.below_back());
    if width(&leave) + 2 <= pen.room() {
        pen.put(&format!(" {} ", glyphs.dot), theme.dim).put(&leave, theme.dim);
    }
    true
}

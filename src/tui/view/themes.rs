//! The choice of a theme: the names, and a row of what each role looks like; the rest of the screen shows it, too.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::popup;
use super::text::{Pen, width, wrap};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::themes::ThemeChoice;

pub(super) fn draw(state: &State, layout: &Layout, choice: &ThemeChoice, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (note, style) = match &choice.fault {
        Some(fault) => (format!("{} {fault}", glyphs.failed), theme.error),
        None if crate::tui::update::themes::colourless(state) => {
            (words.theme_colourless().to_owned(), theme.warn)
        }
        None => (words.theme_keep(choice.current()), theme.dim),
    };
    let note = wrap(&note, popup::columns(layout));
    let area = popup::area(layout, false, choice.names.len() + 3 + note.len());
    let below = words.theme_below(state.key(Action::DialogAccept), state.key(Action::DialogClose));
    let inner = popup::open(state, area, words.theme_title(), &below, buffer);
    // The names scroll; what is below them stays.
    let fixed = (note.len() + 3).min(usize::from(inner.height).saturating_sub(1));
    let rows = usize::from(inner.height).saturating_sub(fixed);
    let first = (choice.cursor + 1).saturating_sub(rows);
    for (row, (position, name)) in (0..rows as u16).zip(choice.names.iter().enumerate().skip(first)) {
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        let here = position == choice.cursor;
        pen.skip(1).put(if here { glyphs.cursor } else { " " }, theme.accent).skip(1);
        pen.column(name, 24, theme.text);
        if position >= choice.own {
            pen.put(words.theme_own(), theme.dim);
        } else if *name == choice.before.name {
            pen.put(words.theme_current(), theme.dim);
        }
        if here {
            buffer.set_style(Rect { y: inner.y + row, height: 1, ..inner }, theme.cursor);
        }
    }
    let mut row = rows as u16 + 1;
    if row < inner.height {
        swatch(state, inner, row, buffer);
    }
    row += 2;
    for (row, line) in (row..inner.height).zip(&note) {
        Pen::new(buffer, inner, row, glyphs.ellipsis).skip(1).put(line, style);
    }
}

/// What the roles look like, with the words and signs that they stand beside elsewhere.
fn swatch(state: &State, inner: Rect, row: u16, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
    pen.skip(1);
    let samples = [
        (format!("{} {}", glyphs.done, words.theme_ok()), theme.ok),
        (format!("{} {}", glyphs.warning, words.theme_warn()), theme.warn),
        (format!("{} {}", glyphs.failed, words.theme_error()), theme.error),
        (format!("{}{}", glyphs.mark, words.theme_mark()), theme.mark),
        (glyphs.bar.repeat(4), theme.bar),
        (words.theme_dim().to_owned(), theme.dim),
        ("enter".to_owned(), theme.key),
    ];
    for (text, style) in samples {
        if width(&text) > pen.room() {
            return;
        }
        pen.put(&text, style).skip(2);
    }
}

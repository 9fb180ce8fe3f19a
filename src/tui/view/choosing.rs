//! The line with two ways to take it, and the list of what is marked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::layout::Layout;
use super::popup;
use super::text::{Pen, cut_front, width, wrap};
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::choosing::{Choosing, Wanted};
use crate::tui::state::listing::settled;
use crate::tui::state::marks::MarkKey;
use crate::tui::state::popup::Marked;

pub(super) fn draw(state: &State, layout: &Layout, choosing: &Choosing, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (title, explain) = match &choosing.wanted {
        Wanted::Pattern { .. } => (words.pattern_title().to_owned(), words.pattern_explain()),
        Wanted::Repository(place) => {
            (words.find_title(printable(&place.to_string(), 60)), words.find_explain())
        }
    };
    let mut ways = match &choosing.wanted {
        Wanted::Pattern { hits, .. } => vec![words.pattern_mark(hits), words.pattern_rule().to_owned()],
        Wanted::Repository(_) => vec![words.find_open().to_owned(), words.find_search().to_owned()],
    };
    if !choosing.has_second() {
        ways.truncate(1);
    }
    let columns = popup::columns(layout);
    let mut below: Vec<_> = choosing
        .error
        .iter()
        .flat_map(|error| wrap(error, columns))
        .map(|line| (line, theme.error))
        .collect();
    below.extend(wrap(explain, columns).into_iter().map(|line| (line, theme.dim)));
    let ways: Vec<Vec<String>> = ways.iter().map(|way| wrap(way, columns.saturating_sub(2))).collect();
    let ways_rows: usize = ways.iter().map(Vec::len).sum();
    let area = popup::area(layout, false, 1 + ways_rows + below.len());
    let mut keys = format!(" {}", words.popup_ok(state.key(Action::PromptAccept)));
    if choosing.has_second() {
        keys += &format!(" {}", words.popup_other(state.key(Action::PromptDown)));
    }
    keys += &format!(" {} ", words.popup_back(state.key(Action::PromptClose)));
    let inner = popup::open(state, area, &title, &keys, buffer);
    if inner.height == 0 {
        return;
    }
    let mut pen = Pen::new(buffer, inner, 0, glyphs.ellipsis);
    if let Wanted::Pattern { hits, .. } = &choosing.wanted {
        let count = words.pattern_matches(hits, state.browse.list().len());
        let style = if *hits > 0 { theme.mark } else { theme.dim };
        pen.right(" ", 1, theme.text).right(&count, width(&count), style).right(" ", 1, theme.text);
    }
    pen.skip(1);
    popup::typed(&mut pen, &choosing.input, theme.input, glyphs.caret);
    let mut row = 1;
    for (n, lines) in ways.iter().enumerate() {
        for (at, line) in lines.iter().enumerate() {
            if row < inner.height {
                popup::choice(state, (buffer, inner), row, (line, choosing.second == (n == 1), at == 0));
            }
            row += 1;
        }
    }
    for (row, (text, style)) in (row..inner.height).zip(below) {
        Pen::new(buffer, inner, row, glyphs.ellipsis).skip(1).put(&text, style);
    }
}

/// The marks' popup and the rows it has for them.
fn area(layout: &Layout, marked: &Marked) -> Rect {
    popup::area(layout, true, marked.keys.len())
}

/// The rows to go through, and those that are seen.
pub(super) fn extent(layout: &Layout, marked: &Marked) -> (usize, usize) {
    (marked.keys.len(), usize::from(area(layout, marked).height.saturating_sub(2)))
}

pub(super) fn draw_marked(state: &State, layout: &Layout, marked: &Marked, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let area = area(layout, marked);
    let below = format!(
        " {} {} ",
        words.marked_unmark(state.key(Action::LeaveOut)),
        words.popup_back(state.key(Action::PopupClose))
    );
    let inner = popup::open(state, area, &words.marked_title(marked.keys.len()), &below, buffer);
    let first = settled(0, marked.cursor, marked.keys.len(), inner.height.into());
    for (row, (position, key)) in (0..inner.height).zip(marked.keys.iter().enumerate().skip(first)) {
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        let (name, more) = match key {
            MarkKey::Image { at, platform: None } => (at.to_string(), String::new()),
            MarkKey::Image { at, platform: Some(platform) } => (at.to_string(), platform.to_string()),
            MarkKey::Repository(at) => (at.to_string(), words.marked_all_tags().to_owned()),
            MarkKey::Whole(place) => (place.to_string(), words.marked_all_images().to_owned()),
        };
        pen.right(" ", 1, theme.text).put(glyphs.mark, theme.mark).skip(1);
        if !more.is_empty() {
            pen.right(&printable(&more, 40), 0, theme.dim).right(" ", 1, theme.text);
        }
        let name = cut_front(&printable(&name, 500), pen.room(), glyphs.ellipsis);
        pen.put(&name, theme.text);
        if position == marked.cursor {
            buffer.set_style(Rect { y: inner.y + row, height: 1, ..inner }, theme.cursor);
        }
    }
}

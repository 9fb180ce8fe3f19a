//! A text that is to be copied by hand: over the whole width and without borders beside it, so that a selection with the
//! mouse has nothing else in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthChar;

use super::layout::Layout;
use super::text::Pen;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::clipboard::Clip;
use crate::tui::state::popup::Popup;

/// Rows of a text in a terminal of so many columns, broken as a terminal breaks them; each with its line's number.
fn rows(text: &str, columns: u16) -> Vec<(usize, String)> {
    let columns = usize::from(columns).max(2);
    let mut rows = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let (mut row, mut used) = (String::new(), 0);
        for c in line.chars() {
            let w = c.width().unwrap_or(0);
            if used + w > columns {
                rows.push((number, std::mem::take(&mut row)));
                used = 0;
            }
            row.push(c);
            used += w;
        }
        rows.push((number, row));
    }
    rows
}

/// The popup's area, the rows above and below the text included.
fn area(layout: &Layout, rows: usize) -> Rect {
    let height = (rows.saturating_add(2).min(1000) as u16).min(layout.body.height);
    Rect { x: 0, y: layout.body.y + (layout.body.height - height) / 2, width: layout.header.width, height }
}

/// The rows to scroll through, and those that are seen.
pub(super) fn extent(layout: &Layout, clip: &Clip) -> (usize, usize) {
    let all = rows(&clip.text, layout.header.width).len();
    (all, usize::from(area(layout, all).height.saturating_sub(2)))
}

pub(super) fn draw(state: &State, layout: &Layout, (clip, top): (&Clip, usize), buffer: &mut Buffer) {
    let theme = &state.theme;
    let rows = rows(&clip.text, layout.header.width);
    let area = area(layout, rows.len());
    Clear.render(area, buffer);
    let seen = usize::from(area.height.saturating_sub(2));
    let mut title = format!(" {} ", state.words.by_hand_title(&clip.what));
    if rows.len() > seen {
        title += &format!("{}/{} ", (top + seen).min(rows.len()), rows.len());
    }
    let below = format!(" {} ", state.words.by_hand_below(state.key(Action::PopupClose)));
    let rule = state.glyphs.border.horizontal_top;
    for (row, text, style) in
        [(0, &title, theme.title_focus), (area.height.saturating_sub(1), &below, theme.key)]
    {
        if row < area.height {
            let mut pen = Pen::new(buffer, area, row, state.glyphs.ellipsis);
            pen.put(rule, theme.popup_border).put(text, style);
            let rest = rule.repeat(pen.room());
            pen.put(&rest, theme.popup_border);
        }
    }
    for (row, (_, text)) in (1..area.height.saturating_sub(1)).zip(rows.iter().skip(top)) {
        // In no style: the terminal's own colours are what is written over it.
        buffer.set_string(area.x, area.y + row, text, Style::default());
    }
}

/// The lines on the screen that take several rows, with the row where each begins: written in one go they are selected as
/// one.
pub fn long_lines(state: &State) -> Vec<(u16, String)> {
    let Some(Popup::ByHand(clip, scroll)) = state.popups.last() else { return Vec::new() };
    let layout = state.layout();
    let rows = rows(&clip.text, layout.header.width);
    let area = area(&layout, rows.len());
    let seen = scroll.top..(scroll.top + usize::from(area.height.saturating_sub(2))).min(rows.len());
    let mut long: Vec<(u16, String)> = Vec::new();
    let mut at = seen.start;
    while at < seen.end {
        let number = rows[at].0;
        let first = rows[..at].iter().rev().take_while(|(of, _)| *of == number).count();
        let count = rows[at..].iter().take_while(|(of, _)| *of == number).count();
        if first == 0 && count > 1 && at + count <= seen.end {
            let line = rows[at..at + count].iter().map(|(_, row)| row.as_str()).collect();
            long.push((area.y + 1 + (at - seen.start) as u16, line));
        }
        at += count;
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_at_the_very_edge_and_kept_together() {
        let rows: Vec<(usize, String)> = rows("abcdef\n\n镜像仓", 4);
        let rows: Vec<(usize, &str)> = rows.iter().map(|(n, row)| (*n, row.as_str())).collect();
        assert_eq!(rows, [(0, "abcd"), (0, "ef"), (1, ""), (2, "镜像"), (2, "仓")]);
    }
}

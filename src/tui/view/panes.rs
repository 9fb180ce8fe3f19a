//! Frames, titles, and which pane is drawn by whom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::merge::MergeStrategy;
use ratatui::widgets::{Block, Widget};

use super::layout::Placed;
use super::text::Pen;
use crate::tui::state::listing::Load;
use crate::tui::state::{Pane, State};

/// Draws a pane: its frame or title line, and what is in it.
pub(super) fn draw(state: &State, placed: &Placed, inner: Rect, buffer: &mut Buffer) {
    match placed.framed {
        true => frame(state, placed, buffer),
        false => title_line(state, placed, buffer),
    }
    if inner.width < 4 || inner.height == 0 {
        return;
    }
    match placed.pane {
        Pane::Registries => super::registries::draw(state, inner, buffer),
        Pane::Browse => super::browse::draw(state, inner, buffer),
        Pane::Queue => super::queue::draw(state, inner, buffer),
        Pane::Jobs => super::jobs::draw(state, inner, buffer),
        Pane::Logs => super::logs::draw(state, inner, buffer),
        Pane::Details => super::details::draw(state, inner, buffer),
    }
}

/// A pane's frame.
pub(super) fn frame(state: &State, placed: &Placed, buffer: &mut Buffer) {
    let theme = &state.theme;
    let focused = placed.pane == state.focus;
    let border = if focused { theme.border_focus } else { theme.border };
    block(state, border).render(placed.area, buffer);
}

/// The titles of all frames, once every line is drawn: neighbours share them.
pub(super) fn titles(state: &State, panes: &[Placed], buffer: &mut Buffer) {
    // Signs that cannot be merged into one: a neighbour's line has gone over corners.
    for area in panes.iter().filter(|placed| placed.framed && !state.glyphs.merge).map(|placed| placed.area) {
        let (right, below) = (area.right().saturating_sub(1), area.bottom().saturating_sub(1));
        for corner in [(area.x, area.y), (right, area.y), (area.x, below), (right, below)] {
            if let Some(cell) = buffer.cell_mut(corner) {
                cell.set_symbol(state.glyphs.border.top_left);
            }
        }
    }
    for placed in panes.iter().filter(|placed| placed.framed) {
        let (digit, name, more) = title(state, placed.pane);
        let focused = placed.pane == state.focus;
        let style = if focused { state.theme.title_focus } else { state.theme.title };
        let text = if more.is_empty() { format!("{digit} {name}") } else { format!("{digit} {name} {more}") };
        frame_title(state, placed.area, &text, style, buffer);
    }
}

/// A title in a frame's upper line.
pub(super) fn frame_title(
    state: &State,
    area: Rect,
    text: &str,
    style: ratatui::style::Style,
    buffer: &mut Buffer,
) {
    let line =
        Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: 1.min(area.height), ..area };
    if line.width > 2 && line.height > 0 {
        let text = super::text::cut(text, usize::from(line.width) - 1, state.glyphs.ellipsis);
        Pen::new(buffer, line, 0, "").put(&text, style).put(" ", style);
    }
}

/// A frame of the symbols in use.
pub(super) fn block(state: &State, style: ratatui::style::Style) -> Block<'static> {
    let merge = if state.glyphs.merge { MergeStrategy::Exact } else { MergeStrategy::Replace };
    Block::bordered().border_set(state.glyphs.border).border_style(style).merge_borders(merge)
}

fn title_line(state: &State, placed: &Placed, buffer: &mut Buffer) {
    let (digit, name, more) = title(state, placed.pane);
    let line = Rect { height: 1.min(placed.area.height), ..placed.area };
    if line.height == 0 {
        return;
    }
    let mut pen = Pen::new(buffer, line, 0, state.glyphs.ellipsis);
    pen.put(&format!(" {digit} {name} "), state.theme.title);
    if !more.is_empty() {
        pen.put(&more, state.theme.dim).skip(1);
    }
    let rest = state.glyphs.border.horizontal_top.repeat(pen.room());
    pen.put(&rest, state.theme.border);
}

/// The pane's digit, its name, and what its title says beyond.
fn title(state: &State, pane: Pane) -> (char, &'static str, String) {
    let (digit, name) = pane.title(state.words);
    let more = match pane {
        Pane::Registries => String::new(),
        Pane::Browse => browse_title(state),
        Pane::Queue if state.queue.drafts().is_empty() => String::new(),
        Pane::Queue => format!("({})", state.queue.drafts().len()),
        Pane::Jobs => super::jobs::title(state),
        Pane::Logs => super::logs::title(state),
        Pane::Details => super::details::position(state),
    };
    (digit, name, more)
}

fn browse_title(state: &State) -> String {
    let list = state.browse.list();
    let count = match list.load {
        Load::Loading => format!(" {} {}", super::spinner(state), list.total()),
        _ if list.total() > 0 => format!(" ({})", list.total()),
        _ => String::new(),
    };
    format!("{}{count}", state.browse.path())
}

//! `view`: the state on the screen. It changes nothing, and builds only the rows that are seen.

mod advice;
pub mod browse;
pub mod by_hand;
mod choosing;
pub mod details;
mod diff;
mod documents;
mod form;
mod header;
mod help;
mod hints;
pub mod history;
pub mod jobs;
pub mod layout;
mod login;
mod logs;
mod options;
mod others;
mod panes;
pub mod paste;
pub mod plan;
pub mod popup;
mod queue;
mod registries;
mod removal;
pub(in crate::tui) mod rows;
mod target;
pub mod text;
mod themes;
mod welcome;
mod which;
pub mod why;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::layout::{Fold, Layout};
use self::text::Pen;
use super::state::{Pane, State};

/// Draws everything.
pub fn view(state: &State, frame: &mut Frame) {
    let area = frame.area();
    paint(state, area, frame.buffer_mut());
}

/// Draws everything into a buffer.
pub fn paint(state: &State, area: Rect, buffer: &mut Buffer) {
    let layout = Layout::with((area.width, area.height), state.focus, state.zoom, &state.mouse.borders);
    buffer.set_style(area, state.theme.text);
    if layout.fold == Fold::Notice {
        return notice(state, area, buffer);
    }
    header::draw(state, layout.header, buffer);
    for placed in &layout.panes {
        panes::draw(state, placed, layout.inner(placed.pane), buffer);
    }
    if let Some(area) = layout.rates {
        logs::rates(state, area, buffer);
    }
    // Once more, so that its frame is above its neighbours'.
    if let Some(placed) = layout.panes.iter().find(|placed| placed.pane == state.focus && placed.framed) {
        panes::frame(state, placed, buffer);
    }
    panes::titles(state, &layout.panes, buffer);
    if let Some(area) = layout.rates {
        panes::frame_title(state, area, state.words.rates_title(), state.theme.title, buffer);
    }
    popup::draw(state, &layout, buffer);
    which::draw(state, &layout, buffer);
    hints::draw(state, &layout, buffer);
}

/// A terminal with no room for anything.
fn notice(state: &State, area: Rect, buffer: &mut Buffer) {
    let counts = state.jobs.counts;
    let lines = [state.words.no_room().to_owned(), state.words.no_room_counts(counts.running, counts.failed)];
    for (row, line) in (0..area.height).zip(lines) {
        Pen::new(buffer, area, row, state.glyphs.ellipsis).put(&line, state.theme.warn);
    }
}

/// The turning sign of something that is under way.
pub fn spinner(state: &State) -> &'static str {
    let turns = state.glyphs.spinner;
    turns[(state.now.as_millis() / 100) as usize % turns.len()]
}

/// The style of a list's cursor in a pane.
fn cursor_style(state: &State, pane: Pane) -> ratatui::style::Style {
    match state.focus == pane && state.popups.is_empty() {
        true => state.theme.cursor,
        false => state.theme.cursor_blurred,
    }
}

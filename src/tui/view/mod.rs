//! `view`: the state on the screen. It changes nothing, and builds only the rows that are seen.

mod advice;
pub mod browse;
mod choosing;
pub mod details;
mod diff;
mod form;
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
mod which;
pub mod why;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::layout::{Fold, Layout};
use self::text::{Pen, bytes, duration};
use super::action::Action;
use super::state::{EngineState, Pane, State};

/// Draws everything.
pub fn view(state: &State, frame: &mut Frame) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let layout = Layout::new((area.width, area.height), state.focus, state.zoom);
    buffer.set_style(area, state.theme.text);
    if layout.fold == Fold::Notice {
        return notice(state, area, buffer);
    }
    header(state, layout.header, buffer);
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

/// The top line: where from, where to, and how it goes.
fn header(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    buffer.set_style(area, theme.header);
    let mut pen = Pen::new(buffer, area, 0, glyphs.ellipsis);
    let help = format!("  {} {} ", state.key(Action::Help), state.words.help_word());
    if pen.room() > 60 {
        pen.right(&help, 0, theme.header);
    }
    pen.put(" wharf", theme.header.patch(theme.accent)).skip(2);
    let context = if state.browse.name.is_empty() { glyphs.dash } else { &state.browse.name };
    let target = state.target.as_ref().map_or_else(
        || state.words.no_target(state.key(Action::SetTarget)),
        |aim| {
            let names: Vec<String> =
                aim.places().iter().map(|place| state.registries.name_of(place)).collect();
            names.join(", ")
        },
    );
    let room = pen.room();
    let numbers = numbers(state);
    let used: usize = numbers.iter().map(|(text, _)| text::width(text) + 2).sum();
    let way = format!("{context} {} {target}", glyphs.arrow);
    pen.put(&text::cut(&way, room.saturating_sub(used).max(12), glyphs.ellipsis), theme.header).skip(2);
    for (text, style) in numbers {
        pen.put(&text, theme.header.patch(style)).skip(2);
    }
}

fn numbers(state: &State) -> Vec<(String, ratatui::style::Style)> {
    let (theme, glyphs, counts, words) = (&state.theme, &state.glyphs, state.jobs.counts, state.words);
    let mut out = Vec::new();
    match &state.engine {
        EngineState::Starting => {
            out.push((format!("{}{}", words.engine_starting(), glyphs.ellipsis), theme.dim))
        }
        EngineState::Failed(_) => out.push((words.no_engine().to_owned(), theme.error)),
        _ => out.extend(others::leaving(state).map(|text| (text, theme.warn))),
    }
    let queued = state.queue.drafts().len() + counts.waiting;
    let style = |n: usize, style| if n > 0 { style } else { theme.dim };
    out.push((words.header_queue(queued), style(queued, theme.text)));
    out.push((format!("{}{}", glyphs.running, counts.running), style(counts.running, theme.accent)));
    out.push((format!("{}{}", glyphs.done, counts.succeeded), style(counts.succeeded, theme.ok)));
    out.push((format!("{}{}", glyphs.failed, counts.failed), style(counts.failed, theme.error)));
    if counts.running > 0 {
        out.push((format!("{}/s", bytes(state.jobs.rate(state.now))), theme.text));
        let eta = state.jobs.eta(state.now).map_or_else(|| glyphs.dash.to_owned(), duration);
        out.push((words.header_eta(eta), theme.text));
    }
    if let Some(rate) = state.limits.bandwidth {
        out.push((words.header_limit(rate), theme.warn));
    }
    out.extend(others::elsewhere(state).map(|text| (text, theme.accent)));
    out
}

/// The style of a list's cursor in a pane.
fn cursor_style(state: &State, pane: Pane) -> ratatui::style::Style {
    match state.focus == pane && state.popups.is_empty() {
        true => state.theme.cursor,
        false => state.theme.cursor_blurred,
    }
}

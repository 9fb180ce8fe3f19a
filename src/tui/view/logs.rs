//! Pane 5: the log, and beside it the rates of the last minute.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;

use super::text::{Pen, bytes, width};
use crate::job::Level;
use crate::tui::action::Action;
use crate::tui::state::logs::matches;
use crate::tui::state::{Pane, State};

/// A level's style.
pub(super) fn style(state: &State, level: Level) -> Style {
    match level {
        Level::Debug => state.theme.dim,
        Level::Info => state.theme.text,
        Level::Warn => state.theme.warn,
        Level::Error => state.theme.error,
    }
}

/// What the pane's title says beyond its name: the level, where the window is, and the search.
pub(super) fn title(state: &State) -> String {
    let (logs, words) = (&state.logs, state.words);
    let place = match (logs.follow, logs.back) {
        (true, _) => words.log_follow().to_owned(),
        (false, back) => words.log_newer(back),
    };
    let search = match logs.pattern() {
        "" => String::new(),
        pattern => format!("  /{pattern} {}", words.log_hits(logs.hits())),
    };
    format!("[{}] {place}{search}", words.log_level(logs.level))
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, words) = (&state.theme, state.words);
    let window = state.logs.window(area.height.into());
    if window.is_empty() && state.focus == Pane::Logs {
        let text = words.log_empty(state.key(Action::LogLevel));
        Pen::new(buffer, area, 0, state.glyphs.ellipsis).skip(1).put(&text, theme.dim);
    }
    let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
    let column = levels.map(|level| width(words.log_level(level))).into_iter().max().unwrap_or(5);
    for (row, (line, found)) in (0..area.height).zip(window) {
        let style = style(state, line.level);
        let mut pen = Pen::new(buffer, area, row, state.glyphs.ellipsis);
        let at = format!("{:02}:{:02}:{:02}", line.at.hour(), line.at.minute(), line.at.second());
        let mark = if found { state.glyphs.cursor } else { " " };
        pen.put(mark, theme.accent).put(&at, theme.dim).skip(1);
        pen.column(&words.log_level(line.level).to_uppercase(), column, style).skip(1);
        put_text(state, &line.text, &mut pen, style);
    }
}

/// A line's text from the column on that the pane is scrolled to, what is searched for marked in it.
fn put_text(state: &State, text: &str, pen: &mut Pen, style: Style) {
    let hit = style.add_modifier(Modifier::REVERSED | Modifier::BOLD);
    let begin = match state.logs.left {
        0 => 0,
        left => text.char_indices().map(|(at, _)| at).nth(left).unwrap_or(text.len()),
    };
    let mut at = begin;
    for (from, to) in matches(text, state.logs.pattern()) {
        if to <= at {
            continue;
        }
        let from = from.max(at);
        pen.put(&text[at..from], style).put(&text[from..to], hit);
        at = to;
    }
    pen.put(&text[at..], style);
}

/// The last rates as bars of a height of one row.
fn spark(state: &State, columns: usize) -> String {
    let tail = state.jobs.history.tail(state.now, columns);
    let highest = tail.iter().copied().max().unwrap_or(0).max(1);
    tail.iter().map(|rate| state.glyphs.spark[(rate * 7 / highest) as usize]).collect()
}

/// The box of the last minute's rates.
pub(super) fn rates(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    super::panes::block(state, theme.border).render(area, buffer);
    let inner = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    };
    let lines = [
        (spark(state, inner.width.into()), theme.spark),
        (words.rates_peak(bytes(state.jobs.history.peak)), theme.dim),
        (moved(state), theme.text),
        match state.jobs.tried_again {
            0 => (String::new(), theme.dim),
            n => (words.rates_retries(n), theme.warn),
        },
    ];
    for (row, (text, style)) in (0..inner.height).zip(lines) {
        Pen::new(buffer, inner, row, glyphs.ellipsis).put(&text, style);
    }
}

/// Bytes that travelled and bytes that did not have to.
fn moved(state: &State) -> String {
    let words = state.words;
    let (wire, reused) =
        (words.rates_wire(bytes(state.jobs.wire)), words.rates_reused(bytes(state.jobs.reused)));
    format!("{wire} {} {reused}", state.glyphs.dot)
}

/// The same in one row, where there is no room for a box.
pub(super) fn rates_line(state: &State, line: Rect, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let peak = words.rates_peak(bytes(state.jobs.history.peak));
    let retries = words.rates_retries(state.jobs.tried_again);
    let moved = moved(state);
    let spare = usize::from(line.width).saturating_sub(1 + width(&moved));
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    // What travelled comes first; the rest is for who has the room.
    pen.skip(1).put(&moved, theme.text);
    if spare > width(&peak) + 3 {
        pen.put(&format!(" {} {peak}", glyphs.dot), theme.dim);
    }
    if state.jobs.tried_again > 0 && pen.room() > width(&retries) + 3 {
        pen.put(&format!(" {} {retries}", glyphs.dot), theme.dim);
    }
    if pen.room() > 4 {
        let columns = (pen.room() - 2).min(60);
        pen.skip(2).put(&spark(state, columns), theme.spark);
    }
}

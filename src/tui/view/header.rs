//! The top line: where from, where to, and how it goes. With too little room whole parts go, the least telling first: a
//! number that is cut in half says something else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{Pen, bytes, cut, duration, width};
use crate::tui::action::Action;
use crate::tui::state::{EngineState, State};

/// Something that the line says, and how much it tells: the lowest goes first.
struct Part {
    worth: u8,
    text: String,
    style: Style,
}

/// Columns between two parts.
const GAP: usize = 2;

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    buffer.set_style(area, theme.header);
    let mut pen = Pen::new(buffer, area, 0, glyphs.ellipsis);
    let (from, to) = way(state);
    let whole = width(&from) + width(&to) + width(glyphs.arrow) + 2;
    let mut parts = parts(state);
    let used = |parts: &[Part]| parts.iter().map(|part| width(&part.text) + GAP).sum::<usize>();
    // The way may be cut down to this before anything goes.
    let least = whole.min(20);
    let help = format!("  {} {} ", state.key(Action::Help), state.words.help_word());
    let helps = 1 + least + used(&parts) + width(&help) <= pen.room() && pen.room() > 60;
    if helps {
        pen.right(&help, 0, theme.header);
    }
    while 1 + least + used(&parts) > pen.room() {
        let Some(least) = (0..parts.len()).min_by_key(|n| parts[*n].worth) else { break };
        parts.remove(least);
    }
    pen.skip(1);
    let room = pen.room().saturating_sub(used(&parts));
    let mut parts = parts.into_iter().peekable();
    if let Some(name) = parts.next_if(|part| part.worth == NAME) {
        pen.put(&name.text, theme.header.patch(name.style)).skip(GAP);
    }
    pen.put(&fitted(state, &from, &to, room), theme.header).skip(GAP);
    for part in parts {
        pen.put(&part.text, theme.header.patch(part.style)).skip(GAP);
    }
}

/// Where copies come from and where they go.
fn way(state: &State) -> (String, String) {
    let from = if state.browse.name.is_empty() { state.glyphs.dash } else { &state.browse.name };
    let to = match &state.target {
        Some(aim) => {
            let names: Vec<String> =
                aim.places().iter().map(|place| state.registries.name_of(place)).collect();
            names.join(", ")
        }
        None => state.words.no_target(state.key(Action::SetTarget)),
    };
    (from.to_owned(), to)
}

/// The way in so many columns: both ends lose something rather than one of them everything.
fn fitted(state: &State, from: &str, to: &str, room: usize) -> String {
    let (arrow, ellipsis) = (state.glyphs.arrow, state.glyphs.ellipsis);
    let ends = room.saturating_sub(width(arrow) + 2);
    if width(from) + width(to) <= ends {
        return format!("{from} {arrow} {to}");
    }
    if ends < 12 {
        return cut(&format!("{arrow} {to}"), room, ellipsis);
    }
    let left = width(from).min((ends / 2).max(ends.saturating_sub(width(to))));
    format!("{} {arrow} {}", cut(from, left, ellipsis), cut(to, ends - left, ellipsis))
}

/// The program's name is the first to go.
const NAME: u8 = 0;

fn parts(state: &State) -> Vec<Part> {
    let (theme, glyphs, counts, words) = (&state.theme, &state.glyphs, state.jobs.counts, state.words);
    let mut out = vec![Part { worth: NAME, text: "wharf".to_owned(), style: theme.accent }];
    let mut add = |worth, text: String, style| out.push(Part { worth, text, style });
    if state.read_only {
        add(9, words.header_read_only().to_owned(), theme.warn);
    }
    match &state.engine {
        EngineState::Starting => {
            add(2, format!("{}{}", words.engine_starting(), glyphs.ellipsis), theme.dim);
        }
        EngineState::Failed(_) => add(10, words.no_engine().to_owned(), theme.error),
        EngineState::Ready => {
            if let Some(text) = super::others::leaving(state) {
                add(8, text, theme.warn);
            }
        }
    }
    let queued = state.queue.drafts().len() + counts.waiting;
    let style = |n: usize, style| if n > 0 { style } else { theme.dim };
    add(5, words.header_queue(queued), style(queued, theme.text));
    add(11, format!("{}{}", glyphs.running, counts.running), style(counts.running, theme.accent));
    add(4, format!("{}{}", glyphs.done, counts.succeeded), style(counts.succeeded, theme.ok));
    add(12, format!("{}{}", glyphs.failed, counts.failed), style(counts.failed, theme.error));
    if counts.running > 0 {
        add(7, format!("{}/s", bytes(state.jobs.rate(state.now))), theme.text);
        let eta = state.jobs.eta(state.now).map_or_else(|| glyphs.dash.to_owned(), duration);
        add(6, words.header_eta(eta), theme.text);
    }
    if let Some(rate) = state.limits.bandwidth {
        add(3, words.header_limit(rate), theme.warn);
    }
    if let Some(text) = super::others::elsewhere(state) {
        add(5, text, theme.accent);
    }
    out
}

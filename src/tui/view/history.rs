//! The history over the whole screen: jobs that are over, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::jobs::{sign, took};
use super::layout::Layout;
use super::text::{Pen, bytes, width};
use crate::job::Job;
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::failures::Brief;
use crate::tui::state::history::History;

/// The rows that are seen.
pub fn height(layout: &Layout) -> usize {
    usize::from(layout.body.height.saturating_sub(3))
}

pub(super) fn draw(state: &State, layout: &Layout, history: &History, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let more = if history.ended { "" } else { "+" };
    let title = format!("{} ({}{more})", words.history_title(), history.rows().len());
    let below = format!(
        " {} {} {} {} {} ",
        words.key_open(state.key(Action::PopupAccept)),
        words.key_filter(state.key(Action::FilterJobs)),
        words.key_again(state.key(Action::QueueAgain)),
        words.key_undo(state.key(Action::UndoTags)),
        words.popup_back(state.key(Action::PopupClose)),
    );
    let below = if width(&below) + 4 > layout.body.width.into() { String::new() } else { below };
    let inner = super::popup::open(state, layout.body, &title, &below, buffer);
    if inner.height < 2 {
        return;
    }
    let rows = Rect { height: inner.height - 1, ..inner };
    if history.rows().is_empty() {
        let text = match (&history.failure, history.waiting, history.input.value().is_empty()) {
            (Some(failure), ..) => failure.message.clone(),
            (None, Some(_), _) => words.history_asked().to_owned(),
            (None, None, true) => words.history_empty().to_owned(),
            (None, None, false) => words.history_nothing_found().to_owned(),
        };
        Pen::new(buffer, rows, 0, glyphs.ellipsis).skip(1).put(&text, theme.dim);
    }
    for (row, (position, job)) in (0..rows.height).zip(history.rows().iter().enumerate().skip(history.offset))
    {
        draw_row(state, job, Rect { y: rows.y + row, height: 1, ..rows }, buffer);
        if position == history.cursor() {
            buffer.set_style(Rect { y: rows.y + row, height: 1, ..rows }, theme.cursor);
        }
    }
    let mut pen = Pen::new(buffer, inner, inner.height - 1, glyphs.ellipsis);
    if history.typing {
        pen.skip(1).put(words.filter_line(), theme.key);
        super::popup::typed(&mut pen, &history.input, theme.input, glyphs.caret);
    } else if !history.input.value().is_empty() {
        pen.skip(1).put(words.filter_line(), theme.dim).put(history.input.value(), theme.text);
    }
}

/// When, what, and how it went.
fn draw_row(state: &State, job: &Job, line: Rect, buffer: &mut Buffer) {
    let (theme, words) = (&state.theme, state.words);
    let (sign, style) = sign(state, job.state);
    let columns = usize::from(line.width);
    let mut pen = Pen::new(buffer, line, 0, state.glyphs.ellipsis);
    let when = state.record.time(job.started.unwrap_or(job.created));
    let when = if columns < 90 { when.get(5..16).unwrap_or(&when).to_owned() } else { when };
    pen.skip(1).put(sign, style).skip(1).put(&when, theme.dim).skip(1);
    let arrow = state.glyphs.arrow;
    let to: Vec<String> = job.spec.destinations.iter().map(ToString::to_string).collect();
    let room = if columns < 90 { columns * 4 / 10 } else { columns / 2 };
    // A name's end says which image it is; where it went stands behind it if there is room.
    let source = printable(&job.spec.sources_text(), 500);
    let source = super::text::cut_front(&source, room, state.glyphs.ellipsis);
    let what = match room.saturating_sub(super::text::width(&source)) {
        ..12 => source,
        _ => format!("{source} {arrow} {}", printable(&to.join(", "), 500)),
    };
    pen.column(&what, room, theme.text).skip(2);
    match (&job.report, &job.failure) {
        (Some(report), _) => {
            let times = format!("{}  {}", took(report.millis), words.job_sent(bytes(report.wire)));
            pen.put(&times, theme.text);
            if report.reused > 0 {
                pen.put(
                    &(words.comma().to_owned() + &words.rates_reused(bytes(report.reused))),
                    theme.reused,
                );
            }
            let moved: usize = report.outputs.iter().map(|output| output.overwritten.len()).sum();
            if moved > 0 {
                pen.skip(2).put(&words.tags_moved(moved), theme.warn);
            }
        }
        (None, Some(failure)) => {
            pen.put(&format!("[{}] ", words.class(failure.class)), theme.warn);
            pen.put(&Brief::of(&failure.message).line(), theme.error);
        }
        (None, None) => pen.write(words.job_state(job.state), theme.dim),
    }
}

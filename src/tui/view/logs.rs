//! Pane 5: the log, and beside it the rates of the last minute.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::text::{Pen, bytes};
use crate::job::Level;
use crate::tui::state::State;

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    for (row, line) in (0..area.height).zip(state.logs.window(area.height.into())) {
        let style = match line.level {
            Level::Debug => theme.dim,
            Level::Info => theme.text,
            Level::Warn => theme.warn,
            Level::Error => theme.error,
        };
        let mut pen = Pen::new(buffer, area, row, state.glyphs.ellipsis);
        let at = format!("{:02}:{:02}:{:02}", line.at.hour(), line.at.minute(), line.at.second());
        pen.skip(1).put(&at, theme.dim).skip(1);
        pen.column(&state.words.log_level(line.level).to_uppercase(), 5, style)
            .skip(1)
            .put(&line.text, style);
    }
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
    let history = &state.jobs.history;
    let tail: Vec<u64> = history.tail(state.now, usize::from(inner.width));
    let highest = tail.iter().copied().max().unwrap_or(0).max(1);
    let spark: String = tail.iter().map(|rate| glyphs.spark[(rate * 7 / highest) as usize]).collect();
    let lines = [
        (spark, theme.spark),
        (words.rates_peak(bytes(history.peak)), theme.dim),
        (
            format!(
                "{} {} {}",
                words.rates_wire(bytes(state.jobs.wire)),
                glyphs.dot,
                words.rates_reused(bytes(state.jobs.reused))
            ),
            theme.text,
        ),
    ];
    for (row, (text, style)) in (0..inner.height).zip(lines) {
        Pen::new(buffer, inner, row, glyphs.ellipsis).put(&text, style);
    }
}

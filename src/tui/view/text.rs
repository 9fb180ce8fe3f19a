//! Text on a grid: widths, cuts, sizes, times; and a pen that writes one row.

mod cells;
mod wrap;

use std::time::Duration;

pub use self::cells::{cut, cut_front, width};
pub use self::wrap::wrap;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// A number of bytes in three digits or so: `71 MB`, `3.1 GB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match unit > 0 && value < 9.95 {
        true => format!("{value:.1} {}", UNITS[unit]),
        false => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A duration: `12s`, `3m12s`, `2h05m`, `3d04h`.
pub fn duration(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

/// An age in one number: `40s`, `5m`, `3h`, `9d`, `2y`.
pub fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..63_072_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// Writes one row from left to right, and from the right end inwards.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    x: u16,
    end: u16,
    y: u16,
    ellipsis: &'static str,
}

impl<'a> Pen<'a> {
    /// A pen for row `row` of `area`.
    pub fn new(buffer: &'a mut Buffer, area: Rect, row: u16, ellipsis: &'static str) -> Pen<'a> {
        Pen { buffer, x: area.x, end: area.right(), y: area.y + row, ellipsis }
    }

    /// Columns that are left.
    pub fn room(&self) -> usize {
        usize::from(self.end.saturating_sub(self.x))
    }

    /// Writes `text`, cut to the room there is.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let text = cut(text, self.room(), self.ellipsis);
        self.buffer.set_string(self.x, self.y, &text, style);
        self.x += width(&text) as u16;
        self
    }

    /// Writes `text` as the row's last part.
    pub fn write(&mut self, text: &str, style: Style) {
        self.put(text, style);
    }

    /// Writes `text` into a column of its own width, cut or filled up.
    pub fn column(&mut self, text: &str, columns: usize, style: Style) -> &mut Self {
        let columns = columns.min(self.room());
        let text = cut(text, columns, self.ellipsis);
        self.buffer.set_string(self.x, self.y, &text, style);
        self.x += columns as u16;
        self
    }

    /// Writes `text` at the right end, in `columns` columns and to their right; nothing if there is no room.
    pub fn right(&mut self, text: &str, columns: usize, style: Style) -> &mut Self {
        let text = cells::drawable(text);
        let w = width(&text);
        let columns = columns.max(w);
        if columns <= self.room() {
            self.end -= columns as u16;
            self.buffer.set_string(self.end + (columns - w) as u16, self.y, text, style);
        }
        self
    }

    /// Goes on `columns` further.
    pub fn skip(&mut self, columns: usize) -> &mut Self {
        self.x = (self.x + columns as u16).min(self.end);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(100))]

        #[test]
        fn whatever_is_written_stays_in_its_columns_and_no_sign_is_halved(
            texts in proptest::collection::vec(r"(\PC|[镜像仓库]|👩\u{200d}👧|e\u{301}|\u{301}|\t|\n|\u{1b}|\u{202e}|ﾞ|❤\u{fe0f}|[ -~]){0,24}", 4),
            room in 0u16..30,
            column in 0usize..12,
        ) {
            let whole = Rect::new(0, 0, room + 6, 1);
            let mut buffer = Buffer::empty(whole);
            buffer.set_string(0, 0, "#".repeat(usize::from(whole.width)), Style::new());
            let area = Rect { x: 3, width: room, ..whole };
            let mut pen = Pen::new(&mut buffer, area, 0, "…");
            pen.right(&texts[0], column, Style::new()).column(&texts[1], column, Style::new());
            pen.skip(1).put(&texts[2], Style::new()).write(&texts[3], Style::new());
            for x in [0, 1, 2, room + 3, room + 4, room + 5] {
                assert_eq!(buffer[(x, 0)].symbol(), "#", "{buffer:?}");
            }
            let mut x = area.x;
            while x < area.right() {
                let symbol = buffer[(x, 0)].symbol().to_owned();
                let w = width(&symbol).max(1) as u16;
                assert!(x + w <= area.right(), "{symbol:?} goes beyond the edge");
                assert!((x + 1..x + w).all(|x| buffer[(x, 0)].symbol() == " "), "{symbol:?} is halved");
                x += w;
            }
        }
    }

    #[test]
    fn sizes_and_times_are_short() {
        let sizes: Vec<String> =
            [0, 999, 1000, 9_940, 71_400_000, 999_600_000, 3_100_000_000].map(bytes).into();
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "9.9 kB", "71 MB", "1.0 GB", "3.1 GB"]);
        let times: Vec<String> = [5, 192, 7500, 100_000].map(|s| duration(Duration::from_secs(s))).into();
        assert_eq!(times, ["5s", "3m12s", "2h05m", "1d03h"]);
        assert_eq!([age(-5), age(7200), age(800_000), age(70_000_000)], ["0s", "2h", "9d", "2y"]);
    }
}

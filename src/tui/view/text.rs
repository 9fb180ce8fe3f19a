//! Text on a grid: widths, cuts, sizes, times; and a pen that writes one row.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` cut to `columns`, with `ellipsis` where something is missing.
pub fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(ellipsis));
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w > room {
            break;
        }
        out.push(c);
        used += w;
    }
    if width(ellipsis) <= columns {
        out.push_str(ellipsis);
    }
    out
}

/// `text` cut to `columns` from its front: the end of an image's name is what tells it apart.
pub fn cut_front(text: &str, columns: usize, ellipsis: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(ellipsis));
    let (mut begin, mut used) = (text.len(), 0);
    for (at, c) in text.char_indices().rev() {
        let w = c.width().unwrap_or(0);
        if used + w > room {
            break;
        }
        (begin, used) = (at, used + w);
    }
    let ellipsis = if width(ellipsis) <= columns { ellipsis } else { "" };
    format!("{ellipsis}{}", &text[begin..])
}

/// `text` broken into lines of at most `columns`, at blanks where there are some.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let w = width(word);
        if used > 0 && used + 1 + w <= columns {
            line.push(' ');
            line.push_str(word);
            used += 1 + w;
            continue;
        }
        if used > 0 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        for c in word.chars() {
            let w = c.width().unwrap_or(0);
            if used + w > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += w;
        }
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

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
        let w = width(text);
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

    #[test]
    fn cuts_and_wraps_go_by_columns() {
        assert_eq!(cut("镜像仓库", 8, "…"), "镜像仓库");
        assert_eq!(cut("镜像仓库", 7, "…"), "镜像仓…");
        assert_eq!(cut("镜像仓库", 6, "…"), "镜像…");
        assert_eq!(cut_front("镜像仓库", 8, "…"), "镜像仓库");
        assert_eq!(cut_front("镜像仓库", 6, "…"), "…仓库");
        assert_eq!((cut_front("a/b:1", 4, "…"), cut_front("a/b:1", 0, "…")), ("…b:1".into(), "".into()));
        assert_eq!((cut("abc", 0, "…"), cut("abc", 2, "~")), (String::new(), "a~".to_owned()));
        assert_eq!(wrap("get manifest a/b:1: 401", 12), ["get manifest", "a/b:1: 401"]);
        assert_eq!(wrap("镜像仓库x", 4), ["镜像", "仓库", "x"]);
        assert_eq!(wrap("", 4), [""]);
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

//! Writing results: standard output that may be closed, columns, sizes and times for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::{Error, Outcome};

/// What became of a write to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It arrived.
    All,
    /// Nobody reads any more (`| head`): no reason to go on, and no fault.
    Closed,
}

/// Writes bytes to standard output, at once.
pub(super) fn bytes(bytes: &[u8]) -> Result<Written, Error> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Written::All),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Written::Closed),
        Err(source) => Err(Error::Io { attempted: "write to standard output".to_owned(), source }),
    }
}

/// Writes text to standard output.
pub(super) fn text(text: &str) -> Result<Written, Error> {
    bytes(text.as_bytes())
}

/// Writes a value as one line of JSON to standard output.
pub(super) fn json<T: Serialize>(value: &T) -> Result<Written, Error> {
    let mut line = serde_json::to_vec(value)
        .map_err(|e| Error::Io { attempted: "write JSON".to_owned(), source: io::Error::other(e) })?;
    line.push(b'\n');
    bytes(&line)
}

/// Writes to standard error; a closed one is nobody's concern.
pub(super) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The outcome of a command that only writes.
pub(super) fn done(_: Written) -> Outcome {
    Outcome::Done
}

/// Decimal sizes with three digits: `71.2 MB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be written as 1000.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Durations: `0.4 s`, `12 s`, `3m12s`, `2h03m`.
pub(super) fn duration(millis: u64) -> String {
    let seconds = (millis + 500) / 1000;
    match seconds {
        _ if millis < 9_950 => format!("{:.1} s", millis as f64 / 1000.0),
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Columns, aligned by their width on a terminal; the last one is not padded. `right` are the columns (from 0)
/// that are aligned to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    let width = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.width());
        cells.chain(head.get(n).map(|h| h.width())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head: Vec<String> = head.iter().map(|h| (*h).to_owned()).collect();
    let mut out = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (n, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths.get(n).copied().unwrap_or(0).saturating_sub(cell.width()));
            let gap = if n == 0 { "" } else { "  " };
            let _ = match right.contains(&n) {
                true => write!(line, "{gap}{pad}{cell}"),
                false => write!(line, "{gap}{cell}{pad}"),
            };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// `text` cut to a width on a terminal, with an ellipsis in the middle where it does not fit: an image's name
/// says most at its ends.
pub(super) fn fit(text: &str, width: usize) -> String {
    use unicode_width::UnicodeWidthChar;
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        let mut taken = Vec::new();
        for c in chars {
            used += c.width().unwrap_or(0);
            if used > room {
                break;
            }
            taken.push(c);
        }
        taken
    };
    let tail_room = room * 2 / 3;
    let mut tail = take(&mut text.chars().rev(), tail_room);
    tail.reverse();
    let head = take(&mut text.chars(), room - tail_room);
    match width {
        0 => String::new(),
        _ => head.into_iter().chain(['…']).chain(tail).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_read_well() {
        for (bytes, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (71_234_567, "71.2 MB"),
            (212_000_000, "212 MB"),
            (999_499, "999 kB"),
            (999_999, "1.00 MB"),
            (9_996, "10.0 kB"),
            (3_100_000_000, "3.10 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(size(bytes), want, "{bytes}");
        }
        for (millis, want) in [
            (0, "0.0 s"),
            (412, "0.4 s"),
            (9_949, "9.9 s"),
            (12_300, "12 s"),
            (192_000, "3m12s"),
            (7_380_000, "2h03m"),
        ] {
            assert_eq!(duration(millis), want);
        }
    }

    #[test]
    fn columns_align_with_wide_letters() {
        let rows = vec![
            vec!["镜像".to_owned(), "5".to_owned(), "x".to_owned()],
            vec!["a".to_owned(), "15".to_owned(), String::new()],
        ];
        assert_eq!(table(&["name", "n", "what"], &rows, &[1]), "name   n  what\n镜像   5  x\na     15\n");
    }

    #[test]
    fn names_are_cut_in_the_middle() {
        assert_eq!(fit("registry.example.com/team/app:1.2.3", 20), "registr…am/app:1.2.3");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abc", 0), "");
        for width in 0..12 {
            assert!(fit("镜像仓库/应用:一二三", width).width() <= width);
        }
    }
}

//! Standard error as two parts: lines that stay, and below them a few that are drawn over.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use crossterm::Command;
use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::terminal::{Clear, ClearType};
use unicode_width::UnicodeWidthStr;

use crate::cli::output::fit;

/// Standard error, shared by progress, notes and the log, so that they do not write over each other. Clones are
/// the same screen. Nothing about the terminal is changed: whenever the process ends, the cursor is on a fresh line.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<Inner>>);

struct Inner {
    out: Box<dyn Write + Send>,
    /// Columns and rows of the terminal.
    size: fn() -> (u16, u16),
    /// The lines at the bottom as they were asked for.
    live: Vec<String>,
    /// The widths of what is drawn of them: a narrower terminal wraps them.
    drawn: Vec<usize>,
    drawn_for: (u16, u16),
}

impl Screen {
    /// This process's standard error.
    pub fn stderr() -> Screen {
        Screen::new(Box::new(io::stderr()), || crossterm::terminal::size().unwrap_or((80, 24)))
    }

    pub(super) fn new(out: Box<dyn Write + Send>, size: fn() -> (u16, u16)) -> Screen {
        Screen(Arc::new(Mutex::new(Inner {
            out,
            size,
            live: Vec::new(),
            drawn: Vec::new(),
            drawn_for: (0, 0),
        })))
    }

    /// Writes a line that stays.
    pub fn line(&self, text: &str) {
        let mut inner = self.inner();
        let mut frame = inner.erase();
        let _ = writeln!(frame, "{text}");
        inner.draw(&mut frame);
        inner.write(&frame);
    }

    /// Sets the lines at the bottom. Nothing is written if they are what is there.
    pub(super) fn live(&self, lines: Vec<String>) {
        let mut inner = self.inner();
        if lines == inner.live && (lines.is_empty() || (inner.size)() == inner.drawn_for) {
            return;
        }
        let mut frame = inner.erase();
        inner.live = lines;
        inner.draw(&mut frame);
        inner.write(&frame);
    }

    /// Columns of the terminal.
    pub(super) fn width(&self) -> usize {
        usize::from((self.inner().size)().0)
    }

    /// A writer for the log: whole lines, above what moves.
    pub fn writer(&self) -> ScreenWriter {
        ScreenWriter { screen: self.clone(), pending: Vec::new() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Another thread's panic leaves a screen that can still be written to.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Inner {
    /// Takes what is drawn at the bottom away.
    fn erase(&mut self) -> String {
        let mut frame = String::new();
        if self.drawn.is_empty() {
            return frame;
        }
        let columns = usize::from((self.size)().0).max(1);
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns).max(1)).sum();
        let rows = u16::try_from(rows).unwrap_or(u16::MAX);
        let _ = MoveUp(rows).write_ansi(&mut frame);
        let _ = MoveToColumn(0).write_ansi(&mut frame);
        let _ = Clear(ClearType::FromCursorDown).write_ansi(&mut frame);
        self.drawn.clear();
        frame
    }

    /// Draws the lines at the bottom, as many as there is room for, none so wide that it wraps.
    fn draw(&mut self, frame: &mut String) {
        let size = (self.size)();
        let (columns, rows) = (usize::from(size.0), usize::from(size.1));
        let room = rows.saturating_sub(1).max(1);
        let (shown, hidden) = match self.live.len() > room {
            true => (room.saturating_sub(1), self.live.len() - room.saturating_sub(1)),
            false => (self.live.len(), 0),
        };
        let more = (hidden > 0).then(|| format!("… {hidden} more"));
        self.drawn.clear();
        for line in self.live.iter().take(shown).chain(&more) {
            let line = fit(line, columns.saturating_sub(1));
            self.drawn.push(line.width());
            frame.push_str(&line);
            frame.push('\n');
        }
        self.drawn_for = size;
    }

    /// One write a frame, so that a slow connection shows no halves.
    fn write(&mut self, frame: &str) {
        // A closed standard error is nobody's concern.
        let _ = self.out.write_all(frame.as_bytes()).and_then(|()| self.out.flush());
    }
}

/// Collects a log's bytes into whole lines for a [`Screen`].
pub struct ScreenWriter {
    screen: Screen,
    pending: Vec<u8>,
}

impl ScreenWriter {
    fn pass(&mut self, all: bool) {
        while let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.screen.line(String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).as_ref());
        }
        if all && !self.pending.is_empty() {
            let line = std::mem::take(&mut self.pending);
            self.screen.line(String::from_utf8_lossy(&line).as_ref());
        }
    }
}

impl Write for ScreenWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        self.pass(false);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ScreenWriter {
    fn drop(&mut self) {
        self.pass(true);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What was written, to be shown by a terminal emulator.
    #[derive(Clone, Default)]
    pub struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        pub fn len(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        pub fn shown(&self, rows: u16, columns: u16) -> String {
            let mut terminal = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
            // A cooked terminal turns a line feed into both.
            let bytes = self.0.lock().unwrap().clone();
            terminal.process(String::from_utf8(bytes).unwrap().replace('\n', "\r\n").as_bytes());
            terminal.screen().contents()
        }
    }

    #[test]
    fn lines_stay_above_what_moves() {
        let out = Written::default();
        let screen = Screen::new(Box::new(out.clone()), || (20, 10));
        screen.line("first");
        screen.live(vec!["bar 1".to_owned(), "镜像 10%".to_owned()]);
        let _ = screen.writer().write_all(b"logged\nin two");
        screen.live(vec!["bar 2, which is wider than the terminal".to_owned()]);
        assert_eq!(out.shown(10, 20).trim_end(), "first\nlogged\nin two\nbar 2,…the terminal");
        let before = out.len();
        screen.live(vec!["bar 2, which is wider than the terminal".to_owned()]);
        assert_eq!(out.len(), before, "nothing changed, nothing is written");
        screen.live(Vec::new());
        screen.line("last");
        assert_eq!(out.shown(10, 20).trim_end(), "first\nlogged\nin two\nlast");
    }

    #[test]
    fn more_jobs_than_rows_do_not_scroll() {
        let out = Written::default();
        let screen = Screen::new(Box::new(out.clone()), || (20, 5));
        for tick in 0..3 {
            screen.live((0..9).map(|n| format!("job {n} {tick}")).collect());
        }
        assert_eq!(out.shown(5, 20).trim_end(), "job 0 2\njob 1 2\njob 2 2\n… 6 more");
    }
}

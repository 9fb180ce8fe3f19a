//! Asking a person on the terminal, whatever standard input is: a name, or a password that is not shown. The terminal
//! is put back as it was on every way out.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;

/// A terminal that is gone says so at once; one that waits for keys takes its time (a tenth of a second).
const AT_ONCE: Duration = Duration::from_millis(20);
/// The longest line that is taken, in bytes.
const LIMIT: usize = 64 << 10;

/// This process's terminal, asked key by key: ctrl-c is read as a key, so that there is no way around the restoring.
pub(super) struct Terminal {
    tty: Arc<File>,
    was: Termios,
    stop: Arc<AtomicBool>,
}

/// What somebody did.
pub(super) enum Answer {
    /// Typed a line.
    Line(SecretString),
    /// Pressed ctrl-c.
    Interrupted,
    /// Pressed ctrl-d, or went away.
    Ended,
}

impl Terminal {
    /// Takes the terminal over; an error where there is none.
    pub fn open() -> io::Result<Terminal> {
        let tty = Arc::new(OpenOptions::new().read(true).write(true).open("/dev/tty")?);
        let was = tcgetattr(&*tty)?;
        let mut silent = was.clone();
        silent.local_modes.remove(
            LocalModes::ECHO
                | LocalModes::ECHONL
                | LocalModes::ICANON
                | LocalModes::ISIG
                | LocalModes::IEXTEN,
        );
        // A read ends after a tenth of a second without a key.
        silent.special_codes[SpecialCodeIndex::VMIN] = 0;
        silent.special_codes[SpecialCodeIndex::VTIME] = 1;
        let terminal = Terminal { tty, was, stop: Arc::default() };
        tcsetattr(&*terminal.tty, OptionalActions::Drain, &silent)?;
        Ok(terminal)
    }

    /// Asks for one line. What is typed is written back only if it is `shown`.
    pub async fn ask(&self, prompt: &str, shown: bool) -> io::Result<Answer> {
        let (tty, stop, prompt) = (Arc::clone(&self.tty), Arc::clone(&self.stop), prompt.to_owned());
        let asked = tokio::task::spawn_blocking(move || read_line(&tty, &stop, &prompt, shown));
        asked.await.map_err(io::Error::other)?
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // One that went away needs no restoring.
        let _ = tcsetattr(&*self.tty, OptionalActions::Now, &self.was);
    }
}

fn read_line(mut tty: &File, stop: &AtomicBool, prompt: &str, shown: bool) -> io::Result<Answer> {
    tty.write_all(prompt.as_bytes())?;
    let mut line = Line::default();
    let mut bytes = [0; 256];
    let answer = loop {
        if stop.load(SeqCst) {
            break Answer::Interrupted;
        }
        let asked = Instant::now();
        let read = match tty.read(&mut bytes) {
            Ok(0) if asked.elapsed() < AT_ONCE => break Answer::Ended,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break Answer::Ended,
        };
        let mut ended = None;
        for byte in &bytes[..read] {
            let (echo, end) = line.press(*byte);
            if shown {
                tty.write_all(echo.as_bytes())?;
            }
            if end.is_some() {
                ended = end;
                break;
            }
        }
        if let Some(answer) = ended {
            break answer;
        }
    };
    bytes.fill(0);
    tty.write_all(b"\n")?;
    Ok(answer)
}

/// A line that is being typed.
#[derive(Default)]
struct Line {
    text: Vec<u8>,
}

impl Line {
    /// A key's byte: what to write back for it, and how the line ended, if it did.
    fn press(&mut self, byte: u8) -> (String, Option<Answer>) {
        match byte {
            b'\r' | b'\n' => {
                let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
                (String::new(), Some(Answer::Line(text.into())))
            }
            0x03 => (String::new(), Some(Answer::Interrupted)),
            0x04 if self.text.is_empty() => (String::new(), Some(Answer::Ended)),
            // Backspace takes a character, ctrl-u all of them.
            0x08 | 0x7f => (self.erase(1), None),
            0x15 => (self.erase(usize::MAX), None),
            byte if byte < 0x20 || self.text.len() >= LIMIT => (String::new(), None),
            byte => {
                self.text.push(byte);
                // A character is written back once its last byte is there.
                let from = self.text.iter().rposition(|b| !is_inner(*b)).unwrap_or(0);
                let whole = std::str::from_utf8(&self.text[from..]).unwrap_or_default();
                (whole.to_owned(), None)
            }
        }
    }

    fn erase(&mut self, characters: usize) -> String {
        let mut echo = String::new();
        for _ in 0..characters {
            let Some(start) = self.text.iter().rposition(|b| !is_inner(*b)) else { break };
            self.text.truncate(start);
            echo += "\u{8} \u{8}";
        }
        echo
    }
}

/// Whether a byte is inside of a UTF-8 character.
fn is_inner(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn typed(keys: &str) -> (String, String) {
        let (mut line, mut echo) = (Line::default(), String::new());
        for byte in keys.bytes() {
            let (text, end) = line.press(byte);
            echo += &text;
            match end {
                Some(Answer::Line(text)) => return (echo, text.expose_secret().to_owned()),
                Some(Answer::Interrupted) => return (echo, "interrupted".to_owned()),
                Some(Answer::Ended) => return (echo, "ended".to_owned()),
                None => {}
            }
        }
        (echo, "open".to_owned())
    }

    #[test]
    fn keys_make_a_line() {
        let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(typed("käse\r"), both("käse", "käse"));
        assert_eq!(typed("kä\x7f\x08x\n"), both("kä\u{8} \u{8}\u{8} \u{8}x", "x"));
        assert_eq!(typed("abc\x15\x7fd\r").1, "d");
        assert_eq!(typed("a\x1b\tb\x1a\r").1, "ab");
        assert_eq!(
            (typed("ab\x03").1, typed("\x04").1, typed("a\x04b\r").1.as_str()),
            ("interrupted".into(), "ended".into(), "ab")
        );
    }
}

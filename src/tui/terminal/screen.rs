//! The taken-over terminal.

use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::{Position, Rect};
use ratatui::{Frame, Terminal};
use rustix::process::Signal;
use rustix::termios::{OptionalActions, Termios};

use super::{panic, sequence, tty};

/// One frame is one write: the largest full repaint in true colour at 200×60 is about this size.
const BUFFER: usize = 64 * 1024;

/// Whether the terminal keeps the title it had before. Not in [`Screen`], because the panic hook has to know.
static TITLE_KEPT: AtomicBool = AtomicBool::new(false);

/// Whether the mouse is listened to. Not in [`Screen`], because whoever takes the terminal over again has to know.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// The terminal, taken over: raw mode, alternate screen, bracketed paste, hidden cursor.
///
/// There is at most one. It is opened on the thread that the terminal UI runs on, and gives the terminal back when it
/// is closed, hung up or dropped; that never prints and never panics, also on a terminal that is gone.
///
/// An error of [`Screen::draw`], [`Screen::suspend`] or [`Screen::resume`] means that the terminal is gone, often a moment
/// before [`super::HangUp`] says so: treat it as a hang-up, not as the end.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<tty::Tty>>>,
    /// Whether it takes titles.
    titles: bool,
    title: Option<String>,
    /// How the terminal was set when it was lent to another program.
    lent: Option<Termios>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Standard output is no terminal, no keys could be read, or a screen is open already; the text says which.
    pub fn open() -> io::Result<Screen> {
        if !rustix::termios::isatty(rustix::stdio::stdout()) {
            let text = "standard output is no terminal: the terminal UI needs one (wharf --help lists the headless commands)";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        if tty::is_live() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the terminal is taken over already"));
        }
        tty::keys_from_terminal()?;
        // With NO_COLOR crossterm would drop bold and reverse as well; the mono theme is what keeps colours out.
        crossterm::style::force_color_output(true);
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(BUFFER, tty::Tty)))?;
        let titles = std::env::var("TERM").is_ok_and(|term| sequence::takes_titles(&term));
        panic::this_is_the_ui_thread();
        take_over()?;
        Ok(Screen { terminal, titles, title: None, lent: None })
    }

    /// Draws a frame: only what changed since the last one is written.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, f: impl FnOnce(&mut Frame)) -> io::Result<()> {
        is_there()?;
        self.terminal.backend_mut().write_all(sequence::BEGIN_FRAME)?;
        self.terminal.draw(f)?;
        self.terminal.backend_mut().write_all(sequence::END_FRAME)?;
        self.flush()
    }

    /// Forgets what is on the screen: the next [`Screen::draw`] paints all of it (ctrl-l, or after another program
    /// wrote there).
    ///
    /// Not `Terminal::clear`: that asks the terminal for the cursor's position and fails if no answer comes.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn redraw_all(&mut self) -> io::Result<()> {
        is_there()?;
        self.terminal.backend_mut().write_all(sequence::ASSERT)?;
        self.terminal.backend_mut().write_all(mouse())?;
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))?;
        self.flush()
    }

    /// Gives the terminal back and stops the process, as ctrl-z does elsewhere; returns once it goes on again, with the
    /// screen taken over and empty: draw.
    ///
    /// The process group is stopped, as the terminal's own ctrl-z would. Where nobody could wake it (a session's
    /// leader, `ssh -t host wharf`) the system ignores the signal, and the screen is just drawn anew.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.flush()?;
        give_back();
        let stopped = rustix::process::kill_current_process_group(Signal::TSTP);
        // The signal goes to any of the process's threads, and stops this one a moment later than that: without
        // the pause the terminal could be taken over again before the shell has it.
        std::thread::sleep(Duration::from_millis(100));
        self.take_over_again()?;
        Ok(stopped?)
    }

    /// Gives the terminal back for as long as another program has it: see [`Screen::take_back`]. Pause
    /// [`super::Input`] first. What is drawn meanwhile goes nowhere.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn lend(&mut self) -> io::Result<()> {
        self.flush()?;
        give_back();
        self.lent = Some(rustix::termios::tcgetattr(rustix::stdio::stdin())?);
        Ok(())
    }

    /// Takes a lent terminal back, however the other program left it. The screen is empty afterwards: draw.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn take_back(&mut self) -> io::Result<()> {
        if let Some(before) = self.lent.take() {
            // One that was killed leaves the terminal as it had it, and that would be kept as the shell's own.
            rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &before)?;
            tty::write_all(sequence::OTHERS_OFF)?;
        }
        self.resume()
    }

    /// Takes the terminal over again, after somebody else stopped the process (`kill -STOP`) and the shell
    /// brought it back: see [`super::Continued`]. The screen is empty afterwards: draw.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resume(&mut self) -> io::Result<()> {
        // crossterm believes that raw mode is on, and would not set it.
        let _ = crossterm::terminal::disable_raw_mode();
        self.take_over_again()
    }

    /// Sets the window's title; restored when the terminal is given back. Terminals without titles are spared.
    pub fn set_title(&mut self, title: &str) {
        if !self.titles || self.title.as_deref() == Some(title) {
            return;
        }
        let keep: &[u8] = if TITLE_KEPT.swap(true, Ordering::SeqCst) { b"" } else { sequence::KEEP_TITLE };
        let sequence = [keep, &sequence::title(title)].concat();
        // A terminal that is gone shows no title either; drawing reports that.
        let _ = self.terminal.backend_mut().write_all(&sequence).and_then(|()| self.flush());
        self.title = Some(title.to_owned());
    }

    /// Listens to the mouse, or leaves it to the terminal, which then selects text with it.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        if MOUSE.swap(on, Ordering::SeqCst) == on {
            return Ok(());
        }
        self.send(mouse())
    }

    /// Writes a sequence that draws nothing: the clipboard's, a bell.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn send(&mut self, sequence: &[u8]) -> io::Result<()> {
        self.terminal.backend_mut().write_all(sequence)?;
        self.flush()
    }

    /// Writes lines over what was drawn there, each by its row and in one go, so that a selection has them whole however
    /// many rows they take. They must be what was drawn, in no style.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn write_lines<'a>(&mut self, lines: impl IntoIterator<Item = (u16, &'a str)>) -> io::Result<()> {
        self.send(&sequence::plain_lines(lines))
    }

    /// Gives the terminal back.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn close(mut self) -> io::Result<()> {
        let flushed = self.flush();
        let given_back = restore();
        let lent_back = self.end_loan();
        flushed.and(given_back).and(lent_back)
    }

    /// The terminal hung up: gives back what is left of it and detaches the process, which can then go on headless.
    /// Drop the [`super::Input`] first; see [`super::let_go`].
    pub fn hang_up(self) {
        give_back();
        if let Err(e) = super::let_go() {
            tracing::warn!("the terminal hung up and could not be let go of: {e}");
        }
    }

    /// Where another program still had the terminal: whatever it left there is set right for the shell.
    fn end_loan(&mut self) -> io::Result<()> {
        let Some(before) = self.lent.take() else { return Ok(()) };
        rustix::termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &before)?;
        tty::write_all(&[sequence::OTHERS_OFF, sequence::MOUSE_OFF, sequence::LEAVE].concat())
    }

    fn take_over_again(&mut self) -> io::Result<()> {
        take_over()?;
        // The shell may have set a title of its own meanwhile: that is the one to keep now.
        if let Some(title) = self.title.take() {
            self.set_title(&title);
        }
        self.redraw_all()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(self.terminal.backend_mut())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Asks the terminal itself: where it is gone, crossterm would start `tput` twice to learn its size, and ratatui would draw
/// for whatever that makes up.
fn is_there() -> io::Result<()> {
    rustix::termios::tcgetwinsize(rustix::stdio::stdout())?;
    Ok(())
}

/// Raw mode and the entering sequence; all or nothing.
fn take_over() -> io::Result<()> {
    crossterm::terminal::enable_raw_mode()?;
    tty::set_live(true);
    let enter =
        [sequence::ENTER, if MOUSE.load(Ordering::SeqCst) { sequence::MOUSE_ON } else { b"" }].concat();
    tty::write_all(&enter).inspect_err(|_| give_back())
}

/// The sequence for the mouse as it is to be.
fn mouse() -> &'static [u8] {
    if MOUSE.load(Ordering::SeqCst) { sequence::MOUSE_ON } else { sequence::MOUSE_OFF }
}

/// Gives the terminal back, as far as that is possible: what a dead terminal answers does not matter.
pub(super) fn give_back() {
    let _ = restore();
}

/// Gives the terminal back if it is taken over. Everything is tried, the first error is told.
fn restore() -> io::Result<()> {
    if !tty::set_live(false) {
        return Ok(());
    }
    let title: &[u8] = if TITLE_KEPT.swap(false, Ordering::SeqCst) { sequence::RESTORE_TITLE } else { b"" };
    let written = tty::write_all(&[title, sequence::MOUSE_OFF, sequence::LEAVE].concat());
    let cooked = crossterm::terminal::disable_raw_mode();
    written.and(cooked)
}

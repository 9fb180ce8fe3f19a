//! The process's three standard descriptors: written to without standard output's own buffer, and let go of
//! when the terminal behind them is gone.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

/// Whether the screen is taken over. What is written to [`Tty`] while it is not goes nowhere.
static LIVE: AtomicBool = AtomicBool::new(false);

/// How long a terminal that takes no bytes is waited for before a write gives up.
const STALL: Duration = Duration::from_secs(10);

/// Standard output as the screen writes to it.
///
/// Not `std::io::Stdout`: that one has a second, line-wise buffer, and a lock that the panic hook could find
/// taken. Not a duplicate of the descriptor either: it would keep a terminal that hung up open, and the
/// event reader's poll would go on reporting it.
///
/// ratatui shows the cursor again when its `Terminal` is dropped, and prints to standard error where that fails,
/// which aborts the process on a dead terminal. By then the screen is not live any more and this swallows it.
#[derive(Debug)]
pub(super) struct Tty;

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !is_live() {
            return Ok(bytes.len());
        }
        write_some(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a screen is taken over now.
pub(super) fn is_live() -> bool {
    LIVE.load(Ordering::SeqCst)
}

/// Sets whether a screen is taken over; the answer is whether it was.
pub(super) fn set_live(live: bool) -> bool {
    LIVE.swap(live, Ordering::SeqCst)
}

/// Writes all of `bytes` to standard output, whether the screen is live or not.
pub(super) fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_some(bytes)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => bytes = &bytes[n..],
        }
    }
    Ok(())
}

fn write_some(bytes: &[u8]) -> io::Result<usize> {
    const PAUSE: Duration = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    loop {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(n) => return Ok(n),
            Err(Errno::INTR) => {}
            // Another program that shares the terminal made it non-blocking (ssh does).
            Err(Errno::AGAIN) if waited < STALL => {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// Keys come from descriptor 0: where standard input is something else, the controlling terminal is put there.
///
/// crossterm would open `/dev/tty` for itself then, and nobody could take it away from its reader after a
/// hang-up.
pub(super) fn keys_from_terminal() -> io::Result<()> {
    if rustix::termios::isatty(rustix::stdio::stdin()) {
        return Ok(());
    }
    let tty = rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|e| {
        let e = io::Error::from(e);
        let text = format!(
            "standard input is no terminal and /dev/tty cannot be opened ({e}): no keys could be read"
        );
        io::Error::new(e.kind(), text)
    })?;
    Ok(rustix::stdio::dup2_stdin(&tty)?)
}

/// Detaches the process from a terminal that hung up, so that what still runs can run to its end.
///
/// Standard input becomes a pipe that is empty for ever and does not block (crossterm's reader spins on a dead
/// terminal but sleeps on this); standard output and error become `/dev/null`, unless they are regular
/// files. Without this the next `eprintln!` would panic.
///
/// # Errors
/// The system's, where it has no descriptor left. What could be detached is.
pub fn let_go() -> io::Result<()> {
    // The pipe's other end: were it closed, reading would answer "end of file" again and again.
    static OTHER_END: Mutex<Option<OwnedFd>> = Mutex::new(None);

    let (read, write) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
    let input = rustix::stdio::dup2_stdin(&read);
    let kept = OTHER_END.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).replace(write);
    drop(kept);
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let output = if is_file(rustix::stdio::stdout()) { Ok(()) } else { rustix::stdio::dup2_stdout(&null) };
    let error = if is_file(rustix::stdio::stderr()) { Ok(()) } else { rustix::stdio::dup2_stderr(&null) };
    Ok(input.and(output).and(error)?)
}

fn is_file(fd: impl AsFd) -> bool {
    rustix::fs::fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

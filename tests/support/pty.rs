//! A program in a real pseudo-terminal: keys go in, the screen is read as a terminal would show it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};
use rustix::termios::{OptionalActions, SpecialCodeIndex};
use tempfile::TempDir;

/// How to start a program in a terminal.
pub struct Spawn {
    command: CommandBuilder,
    columns: u16,
    rows: u16,
    home: TempDir,
}

impl Spawn {
    /// The wharf that was built with these tests, with a configuration that says nothing: nobody is welcomed.
    pub fn wharf() -> Spawn {
        Spawn::newcomer().configured()
    }

    /// With a configuration that says nothing.
    pub fn configured(self) -> Spawn {
        std::fs::create_dir_all(self.home().join("config/wharf")).unwrap();
        std::fs::write(self.home().join("config/wharf/config.yaml"), "# nothing\n").unwrap();
        self
    }

    /// The same without a configuration.
    pub fn newcomer() -> Spawn {
        Spawn::program(env!("CARGO_BIN_EXE_wharf"))
    }

    /// Any program, at 120×36, with an empty home directory and nothing of the caller's environment but `PATH`.
    pub fn program(program: impl AsRef<OsStr>) -> Spawn {
        let home = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new(program);
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin:/usr/sbin:/sbin".into()));
        command.env("HOME", home.path());
        for (name, below) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(name, home.path().join(below));
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.cwd(home.path());
        Spawn { command, columns: 120, rows: 36, home }
    }

    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Spawn {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Spawn {
        self.command.env(name, value);
        self
    }

    pub fn size(mut self, columns: u16, rows: u16) -> Spawn {
        (self.columns, self.rows) = (columns, rows);
        self
    }

    /// The home directory that the program will have: to put a configuration there first.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn start(self) -> Pty {
        let size = PtySize { rows: self.rows, cols: self.columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let shared = Arc::new(Shared {
            output: Mutex::new(Output {
                parser: vt100::Parser::new(non_zero(self.rows), non_zero(self.columns), 0),
                raw: Vec::new(),
                leaving: false,
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let started = Instant::now();
        let child = pair.slave.spawn_command(self.command).unwrap();
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || read(reader, &shared)
        });
        let line = Line { tty: pair.master.tty_name().unwrap(), master: pair.master, writer };
        Pty { line: Some(line), shared, thread: Some(thread), child, started, home: self.home }
    }
}

fn non_zero(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

/// A program running in a terminal. Dropped, the program is killed.
pub struct Pty {
    /// `None` once it hung up.
    line: Option<Line>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    child: Box<dyn Child + Send + Sync>,
    started: Instant,
    home: TempDir,
}

struct Line {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    tty: std::path::PathBuf,
}

struct Shared {
    output: Mutex<Output>,
    changed: Condvar,
}

struct Output {
    parser: vt100::Parser,
    raw: Vec<u8>,
    /// The reader is to end with the next byte.
    leaving: bool,
    /// There will be no further output.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Output> {
        // A failed assertion elsewhere must not hide behind a poisoned lock.
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(mut from: Box<dyn Read + Send>, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = from.read(&mut buffer).unwrap_or(0);
        let mut output = shared.lock();
        if n == 0 || output.leaving {
            output.ended = true;
            shared.changed.notify_all();
            return;
        }
        output.raw.extend_from_slice(&buffer[..n]);
        output.parser.process(&buffer[..n]);
        shared.changed.notify_all();
    }
}

/// What a terminal shows.
#[derive(Clone)]
pub struct Screen {
    inner: vt100::Screen,
}

impl Screen {
    /// The rows, without blanks at their ends.
    pub fn rows(&self) -> Vec<String> {
        let (_, columns) = self.inner.size();
        self.inner.rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect()
    }

    pub fn text(&self) -> String {
        self.rows().join("\n")
    }

    pub fn contains(&self, text: &str) -> bool {
        self.rows().iter().any(|row| row.contains(text))
    }

    /// The first row with `text` in it.
    pub fn row_with(&self, text: &str) -> Option<String> {
        self.rows().into_iter().find(|row| row.contains(text))
    }

    /// Cursor, modes and the cells' looks.
    pub fn terminal(&self) -> &vt100::Screen {
        &self.inner
    }

    /// Whether nothing of a full-screen program is left: main screen, cursor shown, plain pastes.
    pub fn is_restored(&self) -> bool {
        !self.inner.alternate_screen() && !self.inner.hide_cursor() && !self.inner.bracketed_paste()
    }
}

impl Pty {
    /// Types keys. `<enter>`, `<esc>`, `<tab>`, `<s-tab>`, `<bs>`, `<del>`, `<up>` …, `<home>`, `<end>`, `<pgup>`, `<pgdn>`,
    /// `<c-x>` (control), `<a-x>` (alt), `<lt>` for `<`; everything else is typed as it is.
    pub fn keys(&mut self, keys: &str) {
        self.send(&key_bytes(keys));
    }

    /// Pastes text as a terminal does that was asked for bracketed pastes.
    pub fn paste(&mut self, text: &str) {
        self.send(format!("\x1b[200~{text}\x1b[201~").as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        let line = self.line.as_mut().expect("the terminal hung up");
        line.writer.write_all(bytes).unwrap();
        line.writer.flush().unwrap();
    }

    /// Waits until the screen shows `text` in one row.
    #[track_caller]
    pub fn wait_for(&self, text: &str, timeout: Duration) -> Screen {
        self.wait_until(&format!("{text:?} on the screen"), timeout, |screen| screen.contains(text))
    }

    /// Waits until the screen does not show `text` any more.
    #[track_caller]
    pub fn wait_gone(&self, text: &str, timeout: Duration) -> Screen {
        self.wait_until(&format!("{text:?} gone"), timeout, |screen| !screen.contains(text))
    }

    /// Waits until the screen is as wanted; prints the screen and panics where it does not become so.
    #[track_caller]
    pub fn wait_until(&self, what: &str, timeout: Duration, is: impl Fn(&Screen) -> bool) -> Screen {
        let deadline = Instant::now() + timeout;
        let mut output = self.shared.lock();
        loop {
            let screen = Screen { inner: output.parser.screen().clone() };
            if is(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || output.ended {
                let why = if output.ended { "the program closed the terminal" } else { "no" };
                panic!("{why}: waited {timeout:?} for {what}; the screen:\n{}", framed(&screen));
            }
            output = self.shared.changed.wait_timeout(output, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The screen now.
    pub fn screen(&self) -> Screen {
        Screen { inner: self.shared.lock().parser.screen().clone() }
    }

    /// Every byte the program has written so far.
    pub fn raw(&self) -> Vec<u8> {
        self.shared.lock().raw.clone()
    }

    /// Waits until the program has written `bytes`, after the first `from` bytes of its output.
    #[track_caller]
    pub fn wait_raw(&self, bytes: &[u8], from: usize, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut output = self.shared.lock();
        while !output.raw.get(from..).is_some_and(|raw| raw.windows(bytes.len()).any(|w| w == bytes)) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !output.ended, "{:?} was not written", String::from_utf8_lossy(bytes));
            output = self.shared.changed.wait_timeout(output, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        let line = self.line.as_ref().expect("the terminal hung up");
        // First here: what the program draws for the new size must find it.
        self.shared.lock().parser.set_size(non_zero(rows), non_zero(columns));
        line.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// The terminal goes away, as when an SSH connection drops: every end of it is closed, the kernel sends SIGHUP.
    pub fn hang_up(&mut self) {
        let Some(line) = self.line.take() else { return };
        self.shared.lock().leaving = true;
        if let Ok(tty) =
            rustix::fs::open(&line.tty, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
        {
            // The reader sits in read() with an end of its own; a byte of output frees it.
            let _ = rustix::io::write(&tty, b"\0");
            // portable-pty's writer types enter and ctrl-d when it is dropped, unless there is no ctrl-d.
            if let Ok(mut termios) = rustix::termios::tcgetattr(&tty) {
                termios.special_codes[SpecialCodeIndex::VEOF] = 0;
                let _ = rustix::termios::tcsetattr(&tty, OptionalActions::Now, &termios);
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        drop(line);
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Whether the terminal shows what is typed, as far as the kernel does that.
    pub fn echoes(&self) -> bool {
        let tty = &self.line.as_ref().expect("the terminal hung up").tty;
        let tty =
            rustix::fs::open(tty, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        rustix::termios::tcgetattr(&tty).unwrap().local_modes.contains(rustix::termios::LocalModes::ECHO)
    }

    /// Time since the program was spawned.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn signal(&self, signal: Signal) {
        signal_process(self.pid(), signal);
    }

    /// CPU time of the program so far, of all its threads, in clock ticks (hundredths of a second).
    pub fn cpu_ticks(&self) -> u64 {
        cpu_ticks(self.pid()).expect("the program has ended")
    }

    /// Waits for the program's end.
    #[track_caller]
    pub fn wait_exit(&mut self, timeout: Duration) -> ExitStatus {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                panic!("still running after {timeout:?}; the screen:\n{}", framed(&self.screen()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the reader has seen all that the program wrote before it ended.
    pub fn wait_output_end(&self, timeout: Duration) -> Screen {
        let deadline = Instant::now() + timeout;
        let mut output = self.shared.lock();
        while !output.ended && Instant::now() < deadline {
            output = self
                .shared
                .changed
                .wait_timeout(output, Duration::from_millis(20))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Screen { inner: output.parser.screen().clone() }
    }

    /// The program's home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // Not Child::kill: portable-pty's says SIGHUP first.
            signal_process(self.pid(), Signal::CONT);
            signal_process(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
        self.hang_up();
    }
}

/// Sends a signal to one process.
pub fn signal_process(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

/// A process's CPU time in clock ticks; `None` once it is gone.
pub fn cpu_ticks(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// A process's state letter: `R`, `S`, `T` (stopped), `Z` (ended) …
pub fn process_state(pid: u32) -> Option<char> {
    stat(pid)?.first()?.chars().next()
}

/// The processes that `pid` started.
pub fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// The fields of `/proc/PID/stat` behind the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn framed(screen: &Screen) -> String {
    let (rows, columns) = screen.inner.size();
    let rule = format!("+{}+", "-".repeat(usize::from(columns.get())));
    let mut out = format!("{columns}×{rows}\n{rule}\n");
    for row in screen.rows() {
        out += &format!("|{row}\n");
    }
    out + &rule
}

fn key_bytes(keys: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = keys;
    while let Some(start) = rest.find('<') {
        out.extend_from_slice(&rest.as_bytes()[..start]);
        let end = rest[start..].find('>').unwrap_or_else(|| panic!("{keys:?} has a < without a >")) + start;
        out.extend(named_key(&rest[start + 1..end]));
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn named_key(name: &str) -> Vec<u8> {
    let text: &[u8] = match name {
        "enter" => b"\r",
        "esc" => b"\x1b",
        "tab" => b"\t",
        "s-tab" => b"\x1b[Z",
        "space" => b" ",
        "bs" => b"\x7f",
        "del" => b"\x1b[3~",
        "up" => b"\x1b[A",
        "down" => b"\x1b[B",
        "right" => b"\x1b[C",
        "left" => b"\x1b[D",
        "home" => b"\x1b[H",
        "end" => b"\x1b[F",
        "pgup" => b"\x1b[5~",
        "pgdn" => b"\x1b[6~",
        "lt" => b"<",
        _ => match (name.split_once('-'), name.chars().last()) {
            (Some(("c", _)), Some(c)) => return vec![(c as u8) & 0x1f],
            (Some(("a", _)), Some(c)) => return format!("\x1b{c}").into_bytes(),
            _ => panic!("<{name}> is no key"),
        },
    };
    text.to_vec()
}

mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Pty {
        Spawn::program("/bin/sh").args(["-c", script]).start()
    }

    #[test]
    fn keys_have_names() {
        assert_eq!(key_bytes("ab<enter><c-z><lt><up>é"), b"ab\r\x1a<\x1b[A\xc3\xa9");
        assert_eq!(key_bytes("<a-x><esc>"), b"\x1bx\x1b");
    }

    #[test]
    fn what_is_typed_is_read_and_what_is_written_is_seen() {
        let mut pty = shell("echo ready; read line; printf '\\033[5;10Hgot <%s>' \"$line\"; read end");
        pty.wait_for("ready", SOON);
        pty.keys("镜像 x<enter>");
        let screen = pty.wait_for("got <镜像 x>", SOON);
        assert_eq!(screen.rows()[4], "         got <镜像 x>");
        pty.keys("<enter>");
        assert!(pty.wait_exit(SOON).success());
    }

    #[test]
    fn the_size_and_its_change_reach_the_program() {
        let mut pty = Spawn::program("/bin/sh")
            .args(["-c", "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.05; done"])
            .size(90, 20)
            .start();
        assert!(pty.wait_for("ready", SOON).contains("20 90"));
        pty.resize(60, 16);
        pty.wait_for("16 60", SOON);
    }

    #[test]
    fn a_hang_up_sends_no_keys_and_is_heard() {
        let mut pty = shell(
            "trap 'echo hung up > heard; exit 3' HUP; exec 3<&0; cat <&3 > typed & echo ready; wait; wait; sleep 1",
        );
        pty.wait_for("ready", SOON);
        pty.hang_up();
        assert_eq!(pty.wait_exit(SOON).exit_code(), 3);
        assert_eq!(std::fs::read_to_string(pty.home().join("heard")).unwrap(), "hung up\n");
        assert_eq!(std::fs::read_to_string(pty.home().join("typed")).unwrap_or_default(), "");
    }

    #[test]
    fn work_shows_in_the_ticks() {
        let pty = shell("echo ready; while :; do :; done");
        pty.wait_for("ready", SOON);
        let (before, deadline) = (pty.cpu_ticks(), Instant::now() + SOON);
        while pty.cpu_ticks() < before + 5 {
            assert!(Instant::now() < deadline, "a busy loop used no CPU time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn an_environment_of_its_own() {
        let pty = shell("echo \"$HOME|$XDG_DATA_HOME|${CARGO:-none}|\" > env; echo done; read end");
        pty.wait_for("done", SOON);
        let home = pty.home().display().to_string();
        assert_eq!(
            std::fs::read_to_string(pty.home().join("env")).unwrap(),
            format!("{home}|{home}/data|none|\n")
        );
    }
}

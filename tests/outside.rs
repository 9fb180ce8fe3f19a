//! What wharf does with a terminal besides drawing: the clipboard, the mouse, titles, bells; and that all of it is undone.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::image::Recipe;
use crate::support::peers;
use crate::support::pty::{Pty, Spawn};

const SOON: Duration = Duration::from_secs(20);

/// wharf with one registry that nobody serves: nothing here needs an answer.
#[track_caller]
fn open(spawn: Spawn) -> Pty {
    let config = spawn.home().join("config.yaml");
    std::fs::write(&config, "registries: [{name: mine, url: 127.0.0.1:9}]\ntarget: 'store:'\n").unwrap();
    let pty = spawn.args(["--config", config.to_str().unwrap()]).start();
    pty.wait_for("Registries", SOON);
    // It comes behind the first frame.
    pty.wait_raw(b"\x1b[?1000h", 0, SOON);
    pty
}

fn raw(pty: &Pty) -> String {
    String::from_utf8_lossy(&pty.raw()).into_owned()
}

/// Every mode that was set is reset, after it was set last.
#[track_caller]
fn assert_undone(pty: &Pty) {
    let left = pty.wait_output_end(SOON);
    assert!(left.is_restored(), "{}", left.text());
    let raw = raw(pty);
    let mut set = std::collections::BTreeSet::new();
    for (at, _) in raw.match_indices("\x1b[?") {
        let rest = &raw[at + 3..];
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        match rest.chars().nth(digits.len()) {
            Some('h') => drop(set.insert(digits)),
            Some('l') => drop(set.remove(&digits)),
            _ => {}
        }
    }
    // The cursor is shown and lines wrap: these are a terminal's own state.
    set.remove("25");
    set.remove("7");
    assert!(set.is_empty(), "left on: {set:?}");
    assert!(raw.rfind("\x1b[?25l") < raw.rfind("\x1b[?25h"), "the cursor is hidden");
    assert_eq!(
        raw.matches("\x1b[22;2t").count(),
        raw.matches("\x1b[23;2t").count(),
        "titles kept and taken back"
    );
}

#[test]
fn every_way_out_undoes_everything() {
    for signal in [None, Some(Signal::TERM), Some(Signal::HUP)] {
        let mut pty = open(Spawn::wharf());
        assert!(raw(&pty).contains("\x1b[?1000h"), "the mouse is on");
        match signal {
            None => pty.keys("q"),
            Some(signal) => pty.signal(signal),
        }
        pty.wait_exit(SOON);
        assert_undone(&pty);
    }
}

#[test]
fn a_plain_terminal_is_sent_what_is_yanked_and_then_shows_it() {
    let mut pty = open(Spawn::wharf().env("TERM", "xterm"));
    let before = pty.raw().len();
    pty.keys("yr");
    // 127.0.0.1:9
    pty.wait_raw(b"\x1b]52;c;MTI3LjAuMC4xOjk=\x07", before, SOON);
    pty.wait_for("sent to the terminal (OSC 52): 127.0.0.1:9", SOON);
    pty.keys("yr");
    let screen = pty.wait_for("Copy by hand", SOON);
    let row = screen.rows().into_iter().find(|row| row == "127.0.0.1:9");
    assert!(row.is_some(), "the text has a row of its own:\n{}", screen.text());
    // While it is shown the mouse is the terminal's.
    pty.wait_raw(b"\x1b[?1000l", before, SOON);
    let before = pty.raw().len();
    pty.keys("<esc>");
    pty.wait_raw(b"\x1b[?1000h", before, SOON);
    pty.wait_gone("Copy by hand", SOON);
    pty.keys("q");
    pty.wait_exit(SOON);
    assert_undone(&pty);
}

#[test]
fn a_console_gets_no_sequence_and_a_long_line_is_one_line() {
    let spawn = Spawn::wharf().env("TERM", "linux").size(50, 20);
    let mut pty = open(spawn);
    pty.keys("yc");
    pty.wait_for("Copy by hand", SOON);
    // The terminal itself wraps it, so a selection has no line end in it.
    pty.wait_until("one line of two rows", SOON, |screen| {
        let first = screen.rows().iter().position(|row| row.starts_with("wharf --config"));
        first.is_some_and(|row| screen.terminal().row_wrapped(row as u16))
    });
    assert!(!raw(&pty).contains("\x1b]"), "no OSC at all");
    pty.keys("<esc>q");
    pty.wait_exit(SOON);
    assert_undone(&pty);
}

#[test]
fn the_mouse_works_in_a_real_terminal() {
    let mut pty = open(Spawn::wharf());
    let screen = pty.wait_for("4 Jobs", SOON);
    let rows = screen.rows();
    let y = rows.iter().position(|row| row.contains("4 Jobs")).unwrap();
    let x = rows[y][..rows[y].find("4 Jobs").unwrap()].chars().count();
    // A click on the jobs' title.
    pty.send(format!("\x1b[<0;{};{}M\x1b[<0;{};{}m", x + 1, y + 1, x + 1, y + 1).as_bytes());
    // Their keys are shown now: + is clicked on in the bottom line.
    let bottom = |screen: &crate::support::pty::Screen| screen.rows().pop().unwrap_or_default();
    pty.wait_until("the hints", SOON, |screen| {
        bottom(screen).contains("zoom") && !bottom(screen).contains("browse")
    });
    let line = bottom(&pty.screen());
    let column = line[..line.find("zoom").unwrap()].chars().count() + 2;
    let last = pty.screen().rows().len();
    pty.send(format!("\x1b[<0;{column};{last}M\x1b[<0;{column};{last}m").as_bytes());
    pty.wait_gone("3 Queue", SOON);
    pty.keys("q");
    pty.wait_exit(SOON);
    assert_undone(&pty);
}

#[test]
fn the_mouse_may_be_left_alone() {
    let spawn = Spawn::wharf();
    let config = spawn.home().join("config.yaml");
    std::fs::write(&config, "mouse: false\n").unwrap();
    let mut pty = spawn.args(["--config", config.to_str().unwrap()]).start();
    pty.wait_for("Registries", SOON);
    pty.keys("q");
    pty.wait_exit(SOON);
    assert!(!raw(&pty).contains("\x1b[?1000h"));
}

#[test]
fn the_title_counts_what_was_done() {
    let spawn = Spawn::wharf();
    let image = Recipe::layers(&[2_000]).write(&spawn.home().join("made"), "1").unwrap();
    drop(image);
    let mut pty = open(spawn);
    pty.wait_raw(b"\x1b]2;wharf\x1b\\", 0, SOON);
    pty.keys("noci:made:1<enter>");
    pty.wait_for("1 added", SOON);
    pty.keys("S");
    // Of the plan's popup; the key starts it once it is known.
    let shown = pty.wait_for("Plan", SOON);
    assert!(!shown.contains("✓1"));
    while pty.screen().contains("Plan") && pty.elapsed() < 2 * SOON {
        pty.keys("<enter>");
        std::thread::sleep(Duration::from_millis(300));
    }
    pty.wait_raw("\x1b]2;wharf ✓1\x1b\\".as_bytes(), 0, SOON);
    pty.keys("q");
    pty.wait_exit(SOON);
    assert_undone(&pty);
}

#[test]
fn every_kind_of_terminal_shows_something_and_is_left_as_it_was() {
    for (term, lang) in [
        ("xterm", "C.UTF-8"),
        ("screen", "C.UTF-8"),
        ("screen-256color", "en_US.UTF-8"),
        ("tmux-256color", "C.UTF-8"),
        ("linux", "C.UTF-8"),
        ("dumb", "C.UTF-8"),
        ("vt100", "C"),
        ("", ""),
        ("xterm-256color", "C"),
    ] {
        let mut pty = open(Spawn::wharf().env("TERM", term).env("LANG", lang));
        let plain = lang.is_empty() || lang == "C" || matches!(term, "linux" | "dumb" | "vt100" | "");
        let screen = pty.wait_until("the bottom line", SOON, |screen| {
            screen.rows().last().is_some_and(|row| !row.is_empty())
        });
        let ascii = screen.rows().iter().skip(1).all(|row| row.is_ascii());
        assert_eq!(ascii, plain, "{term} {lang}:\n{}", screen.text());
        if plain {
            assert!(screen.contains("TERM is") || screen.contains("not UTF-8"), "{term}:\n{}", screen.text());
        }
        pty.keys("?");
        pty.wait_for("Keys", SOON);
        pty.keys("<esc>q");
        pty.wait_exit(SOON);
        assert_undone(&pty);
        if matches!(term, "linux" | "dumb" | "vt100" | "") {
            assert!(!raw(&pty).contains("\x1b]2;"), "{term} prints titles");
        }
    }
}

#[test]
fn a_storm_of_sizes_is_weathered() {
    let mut pty = open(Spawn::wharf());
    let sizes = [(120, 36), (80, 24), (61, 17), (30, 6), (10, 3), (200, 60), (100, 30)];
    let began = Instant::now();
    for n in 0..200 {
        let (columns, rows) = sizes[n % sizes.len()];
        pty.resize(columns, rows);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    pty.resize(120, 36);
    pty.keys("?");
    pty.wait_for("Keys", Duration::from_secs(5));
    pty.keys("<esc>q");
    pty.wait_exit(SOON);
    assert_undone(&pty);
}

/// A tmux of the test's own; ended with it.
struct Tmux(String, tempfile::TempDir);

impl Tmux {
    fn run(&self, args: &[&str]) -> String {
        let output = std::process::Command::new("tmux")
            .args(["-L", &self.0, "-f", "/dev/null"])
            .args(args)
            .env("TMUX_TMPDIR", self.1.path())
            .env_remove("TMUX")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + SOON;
        loop {
            let screen = self.run(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "no {text:?}:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn tmux_s_clipboard_is_filled() {
    if !peers::has("tmux") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config.yaml");
    std::fs::write(&config, "registries: [{name: mine, url: 127.0.0.1:9}]\n").unwrap();
    let tmux = Tmux(format!("wharf{}", std::process::id()), tempfile::tempdir().unwrap());
    let command = format!(
        "env HOME={0} XDG_DATA_HOME={0}/data LANG=C.UTF-8 {1} --config {2}",
        home.path().display(),
        env!("CARGO_BIN_EXE_wharf"),
        config.display()
    );
    tmux.run(&["new-session", "-d", "-x", "100", "-y", "30", &command]);
    tmux.wait_for("Registries");
    tmux.run(&["send-keys", "y", "r"]);
    tmux.wait_for("copied by tmux: 127.0.0.1:9");
    assert_eq!(tmux.run(&["show-buffer"]), "127.0.0.1:9");
    tmux.run(&["send-keys", "y", "c"]);
    tmux.wait_for("copied by tmux: wharf --config");
    assert_eq!(tmux.run(&["show-buffer"]), format!("wharf --config {} repos 127.0.0.1:9", config.display()));
    tmux.run(&["send-keys", "q"]);
}

//! Ways out, and ways to be away for a while, with whatever is under way: an editor has the terminal, a queue is just
//! being started, the window has another size when wharf is back.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::image::Recipe;
use crate::support::peers;
use crate::support::pty::{self, Pty, Spawn};
use crate::support::wharf::{Home, Registry};

const SOON: Duration = Duration::from_secs(30);

/// An editor that takes the terminal as they do, and goes only when it is told to.
const EDITOR: &str = "#!/bin/sh\ncp \"$1\" ~/given\necho '# typed' >>\"$1\"\necho $$ >~/editor\nstty raw -echo\n\
    printf '\\033[?1049h\\033[?1003h\\033[?1004h\\033[?1hREADY'\nexec sleep 600\n";

/// wharf with that editor open on an empty queue, and the editor's process.
fn editing() -> (Pty, u32) {
    let spawn = Spawn::wharf();
    let editor = executable(&spawn.home().join("editor.sh"), EDITOR);
    let mut pty = spawn.env("EDITOR", editor).start();
    pty.wait_for("Registries", SOON);
    pty.keys("3E");
    pty.wait_for("READY", SOON);
    let editor = std::fs::read_to_string(pty.home().join("editor")).unwrap().trim().parse().unwrap();
    (pty, editor)
}

fn executable(path: &Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn is_gone(process: u32) -> bool {
    let deadline = Instant::now() + SOON;
    while pty::process_state(process).is_some_and(|state| state != 'Z') {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Whether every mode that was set is off at the end, as the bytes say.
#[track_caller]
fn assert_off(pty: &Pty, modes: &[&str]) {
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    for mode in modes {
        let (on, off) = (raw.rfind(&format!("\x1b[?{mode}h")), raw.rfind(&format!("\x1b[?{mode}l")));
        assert!(on < off || on.is_none(), "mode {mode} is left on");
    }
}

#[test]
fn told_to_end_wharf_ends_its_editor_and_gives_the_terminal_back() {
    let (mut pty, editor) = editing();
    pty.signal(Signal::TERM);
    assert_eq!(pty.wait_exit(SOON).exit_code(), 143);
    let left = pty.wait_output_end(SOON);
    assert!(left.is_restored() && !left.contains("READY"), "{}", left.text());
    assert_off(&pty, &["1049", "1000", "1002", "1003", "1004", "1006", "2004", "2026", "1"]);
    assert!(is_gone(editor), "it shares the terminal with the shell");
    assert!(pty.echoes(), "the shell's line is as it was");
}

#[test]
fn an_editor_that_was_killed_leaves_nothing_on() {
    let (mut pty, editor) = editing();
    pty::signal_process(editor, Signal::KILL);
    pty.wait_for("Registries", SOON);
    assert_off(&pty, &["1003", "1004", "1"]);
    pty.keys("<esc>");
    pty.signal(Signal::TERM);
    pty.wait_exit(SOON);
    assert!(pty.wait_output_end(SOON).is_restored() && pty.echoes());
}

/// A registry with an image of so many tags, one to copy it to, and a home with a ledger.
struct Voyage {
    from: Registry,
    to: Registry,
    home: Home,
    tags: Vec<String>,
}

impl Voyage {
    async fn new(tags: usize) -> Voyage {
        let (from, to, home) = (Registry::start().await, Registry::start().await, Home::new());
        let image = Recipe::layers(&[2_000]).write(&home.path("made"), "1").unwrap();
        let tags: Vec<String> = (0..tags).map(|n| format!("v{n}")).collect();
        image.push(&from.host(), "app", &tags.iter().map(String::as_str).collect::<Vec<_>>()).await;
        Voyage { from, to, home, tags }
    }

    /// A terminal UI whose queue has all of them.
    fn open(&self, editor: bool) -> Pty {
        let config = self.home.path("config.yaml");
        std::fs::write(&config, format!("target: {}/m\nworkers: 4\n", self.to.host())).unwrap();
        let (config, ledger) = (config.display().to_string(), self.home.text("ledger.db"));
        let spawn = Spawn::wharf().args(["--config", &config, "--ledger", &ledger]);
        let script = executable(&spawn.home().join("editor.sh"), EDITOR);
        let spawn = if editor { spawn.env("EDITOR", script) } else { spawn };
        let mut pty = spawn.start();
        pty.wait_for("Registries", SOON);
        let lines: Vec<String> =
            self.tags.iter().map(|tag| format!("{}/app:{tag}", self.from.host())).collect();
        pty.paste(&lines.join("\n"));
        pty.wait_for(&format!("{} references", lines.len()), SOON);
        pty.keys("<enter>");
        pty.wait_for(&format!("Q {}", lines.len()), SOON);
        pty
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_in_an_editor_lets_the_jobs_end_and_keeps_the_text() {
    let voyage = Voyage::new(2).await;
    let mut pty = voyage.open(true);
    pty.keys("3E");
    pty.wait_for("READY", SOON);
    let editor = std::fs::read_to_string(pty.home().join("editor")).unwrap().trim().parse().unwrap();
    pty.hang_up();
    pty.wait_exit(SOON);
    assert!(is_gone(editor));
    let log = std::fs::read_to_string(pty.home().join("data/wharf/wharf.log")).unwrap();
    let kept = log.lines().find_map(|line| line.split("the queue as it was being edited is in ").nth(1));
    let kept = kept.unwrap_or_else(|| panic!("{log}"));
    let text = std::fs::read_to_string(kept.trim()).unwrap();
    assert!(text.ends_with("# typed\n"), "{text}");
    std::fs::remove_dir_all(Path::new(kept.trim()).parent().unwrap()).unwrap();
}

#[test]
fn a_full_disk_is_told_and_nothing_is_written_over_the_screen() {
    if !peers::has("bash") {
        return;
    }
    let script = format!("trap '' XFSZ; ulimit -f 0; exec {}", env!("CARGO_BIN_EXE_wharf"));
    let mut pty = Spawn::program("bash").configured().args(["-c", &script]).start();
    pty.wait_for("jobs are not recorded, and end with wharf", SOON);
    pty.keys("q");
    assert!(pty.wait_exit(SOON).success());
    pty.wait_output_end(SOON);
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    assert!(!raw.contains("Unable to write"), "{raw}");
}

#[test]
fn interrupted_from_outside_it_gives_the_terminal_back() {
    for signal in [Signal::INT, Signal::QUIT] {
        let mut pty = Spawn::wharf().start();
        pty.wait_for("Registries", SOON);
        pty.wait_raw(b"\x1b[?1000h", 0, SOON);
        pty.signal(signal);
        pty.wait_exit(SOON);
        assert!(pty.wait_output_end(SOON).is_restored() && pty.echoes(), "{signal:?}");
        assert_off(&pty, &["1049", "1000", "1002", "1006", "2004", "2026"]);
    }
}

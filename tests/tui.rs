//! wharf's terminal UI in a real pseudo-terminal: start, work by keys, resize, stop and go on, hang-up, quit.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::image::Recipe;
use crate::support::peers::{self, DockerRegistry};
use crate::support::pty::{self, Pty, Screen, Spawn};
use crate::support::relay::Relay;

const SOON: Duration = Duration::from_secs(20);
/// How long a few small images may take on a busy machine.
const WORK: Duration = Duration::from_secs(90);

#[track_caller]
fn open(spawn: Spawn) -> Pty {
    let pty = spawn.start();
    pty.wait_for("Registries", SOON);
    pty
}

/// The number behind a sign in the top line (`✓131`).
fn counted(screen: &Screen, sign: &str) -> Option<u32> {
    let top = screen.rows().into_iter().next()?;
    let (_, rest) = top.split_once(sign)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Quits, also where wharf asks whether to: the second key means "at once".
#[track_caller]
fn quit(pty: &mut Pty) {
    pty.keys("q");
    let deadline = Instant::now() + Duration::from_secs(1);
    while pty::process_state(pty.pid()).is_some_and(|state| state != 'Z') && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    if pty::process_state(pty.pid()).is_some_and(|state| state != 'Z') {
        pty.keys("<c-c>");
    }
    pty.wait_exit(SOON);
}

#[track_caller]
fn assert_restored(pty: &Pty) {
    let left = pty.wait_output_end(SOON);
    assert!(left.is_restored() && !left.contains("Registries"), "{}", left.text());
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    for (on, off) in
        [("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?2004h", "\x1b[?2004l"), ("\x1b[?25l", "\x1b[?25h")]
    {
        assert!(raw.rfind(on) < raw.rfind(off), "{off:?} is not the last word");
    }
    assert!(!raw.contains("\x1b[6n"), "the cursor's position was asked for");
}

#[test]
fn the_first_frame_is_there_at_once() {
    let best = (0..5).map(|_| {
        let mut pty = Spawn::wharf().start();
        pty.wait_for("Registries", SOON);
        let time = pty.elapsed();
        quit(&mut pty);
        time
    });
    let best = best.min().unwrap();
    // A debug build says little; `cargo test --release` holds wharf to its word.
    let limit = if cfg!(debug_assertions) { Duration::from_millis(1_000) } else { Duration::from_millis(50) };
    assert!(best < limit, "the first frame took {best:?}");
}

#[test]
fn quitting_gives_the_terminal_back() {
    let mut pty = open(Spawn::wharf());
    let shown = pty.screen();
    let modes = shown.terminal();
    assert!(modes.alternate_screen() && modes.bracketed_paste());
    quit(&mut pty);
    assert_restored(&pty);
}

#[test]
fn being_told_to_end_gives_the_terminal_back() {
    let mut pty = open(Spawn::wharf());
    pty.signal(Signal::TERM);
    pty.wait_exit(SOON);
    assert_restored(&pty);
}

#[test]
fn every_size_can_be_drawn() {
    let mut pty = open(Spawn::wharf());
    for (columns, rows) in
        [(80, 24), (100, 30), (60, 16), (40, 10), (29, 5), (3, 2), (1, 1), (250, 70), (120, 36)]
    {
        let before = pty.raw().len();
        pty.resize(columns, rows);
        // Whatever it shows there, it draws.
        let deadline = Instant::now() + SOON;
        while pty.raw().len() == before {
            assert!(Instant::now() < deadline, "no frame at {columns}×{rows}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    pty.wait_for("Registries", SOON);
    for (columns, rows) in [(80, 24), (60, 16)] {
        let mut pty = open(Spawn::wharf().size(columns, rows));
        quit(&mut pty);
    }
}

#[test]
fn no_colour_means_none_and_yet_a_cursor() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let mut pty = open(Spawn::wharf().env(name, value));
        let shown = pty.screen();
        let (rows, columns) = shown.terminal().size();
        let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column)));
        let cells: Vec<_> = cells.filter_map(|(row, column)| shown.terminal().cell(row, column)).collect();
        let coloured = cells
            .iter()
            .filter(|c| c.fgcolor() != vt100::Color::Default || c.bgcolor() != vt100::Color::Default);
        assert_eq!(coloured.count(), 0, "{name}={value}");
        assert!(cells.iter().any(|c| c.inverse() || c.bold()), "{name}={value}: nothing stands out");
        quit(&mut pty);
    }
}

#[test]
fn a_paste_is_understood() {
    let mut pty = open(Spawn::wharf());
    pty.paste("nginx:1.27\nghcr.io/team/api:v2\nNOT//A REFERENCE\n");
    let screen = pty.wait_for("ghcr.io/team/api:v2", SOON);
    assert!(screen.contains("nginx:1.27"), "{}", screen.text());
    pty.keys("<esc>");
    pty.wait_gone("ghcr.io/team/api:v2", SOON);
    quit(&mut pty);
}

#[test]
fn help_and_palette_come_and_go() {
    let mut pty = open(Spawn::wharf());
    let plain = pty.screen().text();
    for key in ["?", ":"] {
        pty.keys(key);
        pty.wait_until("a popup", SOON, |screen| screen.text() != plain);
        pty.keys("<esc>");
        pty.wait_for("Registries", SOON);
    }
    quit(&mut pty);
    assert_restored(&pty);
}

#[test]
fn idle_costs_nothing() {
    let spawns = [Spawn::wharf(), Spawn::wharf().args(["demo"])];
    let mut open: Vec<Pty> = spawns.into_iter().map(open).collect();
    // What comes after the first frame (ledger, demo images) may take its time.
    let mut quiet = Instant::now();
    let mut before: Vec<(u64, usize)> = Vec::new();
    while quiet.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(100));
        let now: Vec<_> = open.iter().map(|pty| (pty.cpu_ticks(), pty.raw().len())).collect();
        if now != before {
            assert!(open[0].elapsed() < WORK, "it never becomes quiet");
            quiet = Instant::now();
            before = now;
        }
    }
    std::thread::sleep(Duration::from_secs(10));
    // A debug build on a busy machine is slower than what people use.
    let limit = if cfg!(debug_assertions) { 4 } else { 1 };
    for (pty, (ticks, written)) in open.iter().zip(before) {
        assert!(pty.cpu_ticks() <= ticks + limit, "{} ticks in 10 s", pty.cpu_ticks() - ticks);
        assert_eq!(pty.raw().len(), written, "something was drawn");
    }
    open.iter_mut().for_each(quit);
}

#[test]
fn a_hang_up_with_nothing_to_do_ends_wharf() {
    let mut pty = open(Spawn::wharf());
    pty.hang_up();
    pty.wait_exit(SOON);
}

/// A configuration with one registry behind a slow link and one before the door; wharf's options to use it.
async fn slow_and_near(slow: &Relay, near: &DockerRegistry) -> Spawn {
    let spawn = Spawn::wharf();
    let file = spawn.home().join("config.yaml");
    let config = format!(
        "registries:\n  - {{name: slow, type: registry, url: \"{}\"}}\n  - {{name: near, type: registry, url: \"{}\"}}\n",
        slow.host(),
        near.host()
    );
    std::fs::write(&file, config).unwrap();
    spawn.env("WHARF_CONFIG", &file)
}

/// Types a copy of `reference` to the registry `target`, starts it, and waits until it runs.
#[track_caller]
fn start_copy(pty: &mut Pty, reference: &str, target: &str) {
    pty.keys("T");
    pty.keys(target);
    pty.keys("<enter>n");
    pty.keys(reference);
    pty.keys("<enter>");
    pty.wait_until("one in the queue", SOON, |screen| counted(screen, "Q ") == Some(1));
    start_queue(pty, |screen| counted(screen, "▶") == Some(1));
}

/// Starts what is queued and says yes to the plan until `begun`; wharf may take a while for the plan.
#[track_caller]
fn start_queue(pty: &mut Pty, begun: impl Fn(&Screen) -> bool) {
    pty.keys("S");
    let deadline = Instant::now() + SOON;
    while !begun(&pty.screen()) {
        assert!(Instant::now() < deadline, "the queue did not start:\n{}", pty.screen().text());
        std::thread::sleep(Duration::from_millis(300));
        if !begun(&pty.screen()) {
            pty.keys("<enter>");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_hang_up_in_mid_copy_lets_the_copy_finish() {
    let (from, to) = (DockerRegistry::start(), DockerRegistry::start());
    let dir = tempfile::tempdir().unwrap();
    let image = Recipe::layers(&[3_000_000, 1_000_000]).write(dir.path(), "1").unwrap();
    image.push(&from.host(), "team/api", &["1"]).await;
    let relay = Relay::start(from.address(), Duration::from_millis(5), Some(1_000_000)).await;
    let mut pty = open(slow_and_near(&relay, &to).await);
    start_copy(&mut pty, &format!("{}/team/api:1", relay.host()), &to.host());

    let before = pty.cpu_ticks();
    let at = Instant::now();
    pty.hang_up();
    std::thread::sleep(Duration::from_secs(1));
    // A spinning reader would use all of a core.
    if pty::process_state(pty.pid()).is_some_and(|state| state != 'Z') {
        let (used, passed) = (pty.cpu_ticks() - before, at.elapsed().as_millis() as u64 / 10);
        assert!(used < passed / 2, "{used} ticks in {passed}");
    }
    let status = pty.wait_exit(WORK);
    assert!(status.success(), "{status}");
    let copied =
        to.settled_requests().into_iter().find(|r| r.method == "PUT" && r.path.ends_with("/manifests/1"));
    let repository = copied.expect("nothing was copied").path;
    let repository = repository.trim_start_matches("/v2/").trim_end_matches("/manifests/1").to_owned();
    image.assert_at(&to.host(), &repository, "1").await;
}

#[test]
fn control_z_and_fg() {
    if !peers::has("bash") {
        return;
    }
    let mut pty = Spawn::program("bash").configured().args(["--norc", "-i"]).env("PS1", "prompt> ").start();
    pty.wait_for("prompt>", SOON);
    pty.keys(concat!(env!("CARGO_BIN_EXE_wharf"), "<enter>"));
    pty.wait_for("Registries", SOON);
    let wharf = pty::children(pty.pid())[0];
    pty.keys("<c-z>");
    let shell = pty.wait_for("Stopped", SOON);
    assert!(!shell.terminal().alternate_screen() && !shell.terminal().hide_cursor(), "{}", shell.text());
    assert_eq!(pty::process_state(wharf), Some('T'));
    pty.keys("echo $((40+2))<enter>");
    pty.wait_for("42", SOON);
    pty.keys("fg<enter>");
    let back = pty.wait_for("Registries", SOON);
    assert!(back.terminal().alternate_screen() && back.terminal().bracketed_paste());
    std::thread::sleep(Duration::from_millis(300));
    pty.keys("q");
    let left = pty.wait_until("the shell again", SOON, |screen| !screen.terminal().alternate_screen());
    assert!(!left.terminal().hide_cursor());
}

/// The first task of a newcomer, by keys alone: mark three tags, copy them, export one.
#[track_caller]
fn first_task(columns: u16, rows: u16) {
    let mut pty = open(Spawn::wharf().args(["demo"]).size(columns, rows));
    // The second registry is where copies go; the first is browsed.
    pty.keys("1ggjt");
    pty.wait_for("copies go to", SOON);
    pty.keys("1gg<enter>");
    // The demo is still filling it.
    pty.wait_for("library/nginx", WORK);
    pty.keys("2gg<enter>");
    pty.wait_for("stable", SOON);
    pty.keys("gg<space><space><space>a");
    pty.wait_until("three in the queue", SOON, |screen| counted(screen, "Q ").is_some_and(|n| n >= 3));
    let queued = counted(&pty.screen(), "Q ").unwrap();
    pty.keys("e");
    pty.wait_until("an export in the queue", SOON, |screen| {
        counted(screen, "Q ").is_some_and(|n| n > queued)
    });
    let queued = counted(&pty.screen(), "Q ").unwrap();
    start_queue(&mut pty, |screen| counted(screen, "Q ") != Some(queued));
    let done = pty.wait_until("all done", WORK, |screen| counted(screen, "✓").is_some_and(|n| n >= queued));
    assert_eq!(counted(&done, "✗"), Some(0), "{}", done.text());
    quit(&mut pty);
    assert_restored(&pty);
}

#[test]
fn three_tags_are_copied_and_one_exported_by_keys_alone() {
    first_task(120, 36);
}

#[test]
fn the_same_on_a_small_screen() {
    first_task(80, 24);
}

#[test]
fn an_exported_file_is_browsed_and_copied_back_by_keys_alone() {
    let mut pty = open(Spawn::wharf().args(["demo"]).size(120, 36));
    pty.keys("1gg<enter>");
    pty.wait_for("library/nginx", WORK);
    pty.keys("2gg<enter>");
    pty.wait_for("stable", SOON);
    pty.keys("gge");
    pty.wait_until("an export in the queue", SOON, |screen| counted(screen, "Q ") == Some(1));
    start_queue(&mut pty, |screen| counted(screen, "Q ") != Some(1));
    pty.wait_until("exported", WORK, |screen| counted(screen, "✓") == Some(1));
    // Into the downloads, into the file: its image goes into wharf's own store.
    pty.keys("1Gt");
    pty.wait_for("copies go to store:", SOON);
    pty.keys("k<enter>");
    pty.wait_for("Browse downloads (1)", SOON);
    pty.keys("<enter>");
    pty.wait_for(".tar (1)", SOON);
    pty.keys("a");
    pty.wait_until("a copy in the queue", SOON, |screen| counted(screen, "Q ") == Some(1));
    start_queue(&mut pty, |screen| counted(screen, "Q ") != Some(1));
    let done = pty.wait_until("copied", WORK, |screen| counted(screen, "✓") == Some(2));
    assert_eq!(counted(&done, "✗"), Some(0), "{}", done.text());
    pty.keys("1G<enter>");
    pty.wait_for("Browse store (1)", SOON);
    quit(&mut pty);
    assert_restored(&pty);
}

#[test]
fn without_a_terminal_wharf_says_so() {
    let home = tempfile::tempdir().unwrap();
    let wharf = std::process::Command::new(env!("CARGO_BIN_EXE_wharf"))
        .env_clear()
        .env("HOME", home.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&wharf.stderr).into_owned();
    assert!(!wharf.status.success() && said.contains("terminal"), "{said}");
    assert!(wharf.stdout.is_empty());
}

//! The terminal is taken over and given back whole: this test binary starts itself again in a pseudo-terminal, and
//! there opens the real `Screen` ([`child`]).

use std::io;
use std::time::Duration;

use ratatui::style::Stylize;
use ratatui::widgets::Paragraph;
use rustix::process::Signal;
use wharf::tui::terminal::{Continued, HangUp, Screen, Told, install_panic_hook, note_state, report_panics};

use crate::support::pty::{self, Pty, Spawn};

const SOON: Duration = Duration::from_secs(10);
const ROLE: &str = "WHARF_TEST_TERMINAL_ROLE";

/// Starts this test binary again, where it runs [`child`] alone.
fn start(role: &str) -> Pty {
    spawn(role).start()
}

fn spawn(role: &str) -> Spawn {
    Spawn::program(std::env::current_exe().unwrap())
        .args(["--exact", "terminal::child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
}

fn says(screen: &mut Screen, text: &str) -> io::Result<()> {
    screen.draw(|frame| frame.render_widget(Paragraph::new(text).bold().reversed(), frame.area()))
}

/// Not a test but the other side of this file's tests: does what its environment says, in the terminal it is in.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    install_panic_hook();
    let file = std::fs::File::create("log").unwrap();
    tracing_subscriber::fmt().with_writer(std::sync::Mutex::new(file)).with_ansi(false).init();
    let told = Told { written: "the report is in".into(), advice: "send it".into() };
    report_panics("reports".into(), "log".into(), told);
    note_state("the screen's state".into());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(play(&role)).unwrap();
}

async fn play(role: &str) -> io::Result<()> {
    use crossterm::event::{Event, EventStream, KeyCode};
    use futures_util::StreamExt;

    let mut hang_up = HangUp::listen()?;
    let mut continued = Continued::listen()?;
    let mut screen = Screen::open()?;
    let mut keys = EventStream::new();
    let mut note = String::new();
    if role == "mouse" {
        screen.set_mouse(true)?;
    }
    if role == "titled" {
        screen.set_title("team/api\x1b]2;x\x07");
    }
    loop {
        // The terminal may be gone before its signal is here.
        if says(&mut screen, &format!("{role} is on the screen{note}")).is_err() {
            break;
        }
        tokio::select! {
            () = hang_up.recv() => break,
            () = continued.recv() => {
                if screen.resume().is_err() {
                    break;
                }
                note = " and went on".into();
            }
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) => match key.code {
                    KeyCode::Char('q') => return screen.close(),
                    KeyCode::Char('z') => screen.suspend()?,
                    KeyCode::Char('l') => screen.redraw_all()?,
                    KeyCode::Char('d') => return Ok(()),
                    KeyCode::Char('p') => panic!("the screen's own \x1b[31mpanic"),
                    KeyCode::Char('w') => {
                        let worker = tokio::spawn(async { panic!("a worker's panic") });
                        assert!(worker.await.unwrap_err().is_panic());
                        note = " and whole".into();
                    }
                    key => note = format!(", key {key}"),
                },
                Some(Ok(Event::Paste(text))) => note = format!(", pasted {text:?}"),
                _ => {}
            },
        }
    }
    drop(keys);
    screen.hang_up();
    // A terminal that is gone must not matter to what still runs.
    eprintln!("nobody reads this");
    println!("nor this");
    tokio::time::sleep(Duration::from_millis(2000)).await;
    std::fs::write("went-on", "to the end")
}

#[test]
fn leaving_gives_the_terminal_back() {
    for key in ["q", "d"] {
        let mut pty = start("plain");
        let shown = pty.wait_for("plain is on the screen", SOON);
        let modes = shown.terminal();
        assert!(modes.alternate_screen() && modes.hide_cursor() && modes.bracketed_paste());
        pty.keys(key);
        assert!(pty.wait_exit(SOON).success());
        let left = pty.wait_output_end(SOON);
        assert!(left.is_restored(), "{}", left.text());
        assert!(!left.contains("on the screen") && left.contains("running 1 test"));
        let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
        for off in ["\x1b[?2004l", "\x1b[?1049l", "\x1b[?25h"] {
            assert_eq!(raw.matches(off).count(), 1, "{off:?}");
        }
        assert!(!raw.contains("\x1b[6n"), "the cursor's position was asked for");
    }
}

#[test]
fn keys_pastes_and_sizes_arrive() {
    let mut pty = start("plain");
    pty.wait_for("plain is on the screen", SOON);
    pty.keys("k");
    pty.wait_for("key k", SOON);
    pty.paste("nginx\nredis");
    pty.wait_for("pasted \"nginx\\nredis\"", SOON);
    pty.resize(70, 10);
    pty.wait_until("a frame of the new size", SOON, |s| s.rows().len() == 10 && s.contains("pasted"));
}

#[test]
fn redrawing_needs_no_answer_from_the_terminal() {
    let mut pty = start("plain");
    pty.wait_for("plain is on the screen", SOON);
    let before = pty.raw().len();
    pty.keys("l");
    pty.wait_raw(b"plain", before, SOON);
    let raw = pty.raw();
    assert!(!raw.windows(4).any(|w| w == b"\x1b[6n"));
}

#[test]
fn a_hang_up_lets_the_work_go_on_and_spins_nothing() {
    let mut pty = start("plain");
    pty.wait_for("plain is on the screen", SOON);
    pty.hang_up();
    // On a busy machine the signal may take a while to be heard; what counts is what goes on after it.
    std::thread::sleep(Duration::from_millis(700));
    let before = pty.cpu_ticks();
    std::thread::sleep(Duration::from_millis(700));
    let used = pty.cpu_ticks() - before;
    assert!(used <= 3, "{used} ticks in 0.7 s after the hang-up");
    assert!(pty.wait_exit(SOON).success());
    assert_eq!(std::fs::read_to_string(pty.home().join("went-on")).unwrap(), "to the end");
}

#[test]
fn a_hang_up_signal_on_a_living_terminal_gives_it_back() {
    let mut pty = start("titled");
    pty.wait_for("titled is on the screen", SOON);
    pty.signal(Signal::HUP);
    assert!(pty.wait_exit(SOON).success());
    assert!(pty.wait_output_end(SOON).is_restored());
    assert!(pty.home().join("went-on").exists());
}

#[test]
fn a_worker_s_panic_goes_to_the_log_and_leaves_the_screen_whole() {
    let mut pty = start("plain");
    pty.wait_for("plain is on the screen", SOON);
    pty.keys("w");
    let screen = pty.wait_for("plain is on the screen and whole", SOON);
    assert!(screen.terminal().alternate_screen() && !screen.contains("panic"), "{}", screen.text());
    assert!(!pty.raw().windows(10).any(|w| w == b"a worker's"));
    let log = std::fs::read_to_string(pty.home().join("log")).unwrap();
    assert!(
        log.contains("ERROR") && log.contains("a worker's panic") && log.contains("tests/terminal.rs:"),
        "{log}"
    );
}

#[test]
fn the_screen_s_own_panic_gives_the_terminal_back_first() {
    let mut pty = start("plain");
    pty.wait_for("plain is on the screen", SOON);
    pty.keys("p");
    assert!(!pty.wait_exit(SOON).success());
    let left = pty.wait_output_end(SOON);
    assert!(left.is_restored() && left.contains("the screen's own"), "{}", left.text());
    let log = std::fs::read_to_string(pty.home().join("log")).unwrap();
    assert!(log.contains("panic: the screen's own [31mpanic"), "{log}");
    let reports: Vec<_> = std::fs::read_dir(pty.home().join("reports")).unwrap().flatten().collect();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert!(
        left.contains("the report is in reports/wharf-panic-") && left.contains("send it"),
        "{}",
        left.text()
    );
    let text = std::fs::read_to_string(report.path()).unwrap();
    for part in
        ["the screen's own [31mpanic", "tests/terminal.rs:", "the screen's state", "TERM=xterm-256color"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("== backtrace ==") && text.contains("120x36") && !text.contains('\x1b'), "{text}");
}

#[test]
fn titles_are_clean_and_taken_back() {
    let mut pty = start("titled");
    pty.wait_for("titled is on the screen", SOON);
    pty.keys("q");
    pty.wait_exit(SOON);
    pty.wait_output_end(SOON);
    let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
    let set = raw.find("\x1b[22;2t\x1b]2;team/api]2;x\x1b\\").unwrap();
    assert!(raw[set..].contains("\x1b]2;\x1b\\\x1b[23;2t"));

    let mut pty = spawn("titled").env("TERM", "linux").start();
    pty.wait_for("titled is on the screen", SOON);
    pty.keys("q");
    pty.wait_exit(SOON);
    pty.wait_output_end(SOON);
    assert!(!pty.raw().windows(4).any(|w| w == b"\x1b]2;"));
}

#[test]
fn no_colour_leaves_bold_and_reverse() {
    let pty = spawn("plain").env("NO_COLOR", "1").start();
    let screen = pty.wait_for("plain is on the screen", SOON);
    let cell = screen.terminal().cell(0, 0).unwrap();
    assert!(cell.bold() && cell.inverse());
}

#[test]
fn control_z_stops_and_fg_brings_the_screen_back() {
    if !crate::support::peers::has("bash") {
        return;
    }
    let exe = std::env::current_exe().unwrap();
    let mut pty =
        Spawn::program("bash").args(["--norc", "-i"]).env("PS1", "prompt> ").env(ROLE, "plain").start();
    pty.wait_for("prompt>", SOON);
    pty.keys(&format!("{} --exact terminal::child --nocapture --test-threads=1<enter>", exe.display()));
    pty.wait_for("plain is on the screen", SOON);
    let child = pty::children(pty.pid())[0];
    pty.keys("z");
    let shell = pty.wait_for("Stopped", SOON);
    // (bash asks for bracketed pastes itself.)
    assert!(!shell.terminal().alternate_screen() && !shell.terminal().hide_cursor(), "{}", shell.text());
    assert_eq!(pty::process_state(child), Some('T'));
    // The shell's line editing works, so raw mode is off.
    pty.keys("echo $((40+2))<enter>");
    pty.wait_for("42", SOON);
    pty.keys("fg<enter>");
    let back = pty.wait_for("plain is on the screen and went on", SOON);
    assert!(back.terminal().alternate_screen() && back.terminal().bracketed_paste());
    pty.keys("k");
    pty.wait_for("key k", SOON);

    // Stopped by somebody else, the screen cannot be given back; but it comes back.
    pty::signal_process(child, Signal::STOP);
    pty.wait_for("Stopped", SOON);
    pty.keys("fg<enter>");
    pty.wait_for("and went on", SOON);
    pty.keys("m");
    pty.wait_for("key m", SOON);
    pty.keys("q");
    assert!(!pty.wait_for("test result: ok", SOON).terminal().alternate_screen());
}

#[test]
fn suspending_where_nobody_could_wake_it_just_redraws() {
    let mut pty = start("plain");
    pty.wait_for("plain is on the screen", SOON);
    let before = pty.raw().len();
    pty.keys("z");
    pty.wait_raw(b"plain", before, SOON);
    pty.keys("k");
    pty.wait_for("key k", SOON);
}

#[test]
fn without_a_terminal_there_is_a_clear_error() {
    let refused = Screen::open().map(drop).map_err(|e| e.to_string());
    // Under a developer's `--nocapture` standard output may be a terminal: that is not touched here.
    if !rustix::termios::isatty(rustix::stdio::stdout()) {
        assert!(refused.unwrap_err().starts_with("standard output is no terminal"));
    }
}

//! The browser in a real pseudo-terminal: whole repositories by a pattern, a rule by a filter, a search, details.

use std::time::{Duration, Instant};

use crate::support::pty::{Pty, Screen, Spawn};

const SOON: Duration = Duration::from_secs(20);
/// How long the demo and a few small images may take on a busy machine.
const WORK: Duration = Duration::from_secs(90);

/// The number behind a sign in the top line.
fn counted(screen: &Screen, sign: &str) -> u32 {
    let top = screen.rows().into_iter().next().unwrap_or_default();
    let digits = top.split_once(sign).map(|(_, rest)| rest.trim_start().to_owned()).unwrap_or_default();
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
}

/// The demo, in the registry that it has filled; copies go to the other.
#[track_caller]
fn demo(columns: u16, rows: u16) -> Pty {
    let mut pty = Spawn::wharf().args(["demo"]).size(columns, rows).start();
    pty.wait_for("Registries", SOON);
    pty.keys("1ggjt");
    pty.wait_for("copies go to", SOON);
    pty.keys("1gg<enter>");
    pty.wait_for("library/nginx", WORK);
    pty
}

/// Starts what is queued, once the plan knows what that is.
#[track_caller]
fn start(pty: &mut Pty, known: &str) {
    pty.keys("S");
    pty.wait_for(known, SOON);
    let deadline = Instant::now() + SOON;
    while counted(&pty.screen(), "Q ") > 0 && counted(&pty.screen(), "✓") == 0 {
        assert!(Instant::now() < deadline, "the queue did not start:\n{}", pty.screen().text());
        pty.keys("<enter>");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[track_caller]
fn quit(mut pty: Pty) {
    pty.keys("q");
    std::thread::sleep(Duration::from_millis(500));
    pty.keys("<c-c>");
    pty.wait_exit(SOON);
}

#[test]
fn a_rule_copies_the_tags_that_match_and_the_rows_show_that_they_are_there() {
    let mut pty = demo(120, 36);
    pty.keys("2gg/nginx<enter><enter>");
    pty.wait_for("stable", SOON);
    pty.keys("*1.*");
    let screen = pty.wait_until("all of the pattern", SOON, |screen| {
        screen.row_with("match").is_some_and(|row| row.contains("1.*"))
    });
    let matching = screen.row_with("match").unwrap();
    let count: u32 = matching
        .split_whitespace()
        .zip(matching.split_whitespace().skip(1))
        .find_map(|(n, of)| (of == "of").then(|| n.parse().ok())?)
        .unwrap();
    assert!(count > 1, "{matching}");
    pty.keys("<tab><enter>");
    pty.wait_for("a rule was added", SOON);
    start(&mut pty, "1.*: ");
    let done = pty.wait_until("all copied", WORK, |screen| counted(screen, "✓") == count);
    assert_eq!(counted(&done, "✗"), 0, "{}", done.text());
    pty.keys("2");
    pty.wait_for("= dst", SOON);
    // Of a tag that was not copied.
    assert!(pty.screen().contains("∅ dst") || pty.screen().contains("→"), "{}", pty.screen().text());
    quit(pty);
}

#[test]
fn repositories_are_marked_by_a_pattern_and_copied_with_all_their_tags() {
    let mut pty = demo(80, 24);
    pty.keys("2*library/*<enter>");
    pty.wait_for("marked", SOON);
    pty.keys("m");
    pty.wait_for("all tags", SOON);
    pty.keys("<esc>a");
    pty.wait_for("rules added", SOON);
    start(&mut pty, " tags");
    let done = pty.wait_until("some copied", WORK, |screen| counted(screen, "✓") > 2);
    assert_eq!(counted(&done, "✗"), 0, "{}", done.text());
    quit(pty);
}

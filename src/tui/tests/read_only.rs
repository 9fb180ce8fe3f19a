//! `--read-only`: everything can be looked at, and nothing is changed.

use insta::assert_snapshot;

use super::*;
use crate::tui::action::{Context, TABLE};
use crate::tui::state::Tone;
use crate::tui::state::popup::Popup;
use crate::tui::upkeep::Upkeep;

fn read_only() -> App {
    App::with(Config { read_only: true, ..config() })
}

/// Effects that only look.
fn looks(effect: &Effect) -> bool {
    use Effect::*;
    match effect {
        Upkeep(work) => !matches!(work, self::Upkeep::Delete(_) | self::Upkeep::Tag(_)),
        Submit(_) | Cancel(_) | Retry(_) | Pause(_) | Resume(_) | Prioritise(..) => false,
        Login { .. } | Logout(_) => false,
        _ => true,
    }
}

#[test]
fn what_would_change_something_says_no() {
    let writing: Vec<_> = TABLE.iter().filter(|entry| entry.writes).collect();
    assert!(writing.len() >= 10);
    for entry in writing.into_iter().filter(|entry| entry.context != Context::Popup) {
        let mut app = read_only();
        app.at_tags().answer_lookups();
        app.tell(sampled(vec![job(2, "b:1", JobState::Failed), job(1, "a:1", JobState::Running)]));
        app.take_effects();
        app.keys(":").write(entry.name).keys("enter");
        let Some((Tone::Bad, text)) = &app.state.message else { panic!("{}: {}", entry.name, app.screen()) };
        assert_eq!(*text, format!("read-only: {} would change something", entry.name));
        assert!(app.state.popups.is_empty() && app.effects.iter().all(looks), "{:?}", app.effects);
    }
}

#[test]
fn a_plan_is_shown_and_not_started() {
    let mut app = read_only();
    app.at_tags().answer_lookups().keys("space a S");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))));
    assert!(app.effects.iter().any(|effect| matches!(effect, Effect::Plan { .. })));
    app.keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))), "it stays to be read");
    let screen = app.screen_at(80, 24);
    assert!(screen.contains("read-only: start would change something"), "{screen}");
    assert!(app.effects.iter().all(looks));
    app.keys("esc i");
    app.state.message = None;
    let screen = app.screen_at(120, 36);
    assert!(screen.lines().next().unwrap().contains("read-only"), "{screen}");
    app.keys("esc");
    assert_snapshot!("read_only_120x36", app.screen_at(120, 36));
}

#[test]
fn every_key_on_a_busy_screen_changes_nothing() {
    for entry in TABLE {
        for key in entry.keys.iter().filter(|key| !key.contains(' ')) {
            for pane in ["1", "2", "3", "4", "5", "0"] {
                let mut app = read_only();
                app.at_tags().answer_lookups();
                app.tell(sampled(vec![job(2, "b:1", JobState::Failed), job(1, "a:1", JobState::Running)]));
                app.keys(pane).keys(key).keys("enter");
                assert!(app.effects.iter().all(looks), "{pane} {key}: {:?}", app.effects);
            }
        }
    }
}

//! Every key in every place, and every popup in every size: no key without an answer, nothing beyond the edge.

use super::*;
use crate::config::Language;
use crate::tui::action::{Action, Context, TABLE};
use crate::tui::keymap::Key;
use crate::tui::state::State;
use crate::tui::state::popup::Popup;

/// Ways to a state, and what they lead to.
const STATES: &[(&str, &str)] = &[
    ("registries", "1"),
    ("browse, empty", "2"),
    ("queue, empty", "3"),
    ("jobs, empty", "4"),
    ("logs, empty", "5"),
    ("details, empty", "0"),
    ("tags", "TAGS"),
    ("tags, filtered", "TAGS / v enter"),
    ("tags, typing", "TAGS / v"),
    ("queue", "TAGS space a 3"),
    ("jobs", "JOBS 4"),
    ("help", "?"),
    ("palette", ":"),
    ("reference", "n"),
    ("target", "T"),
    ("plan", "TAGS space a S"),
    ("image", "TAGS i"),
    ("why", "JOBS 4 j enter"),
    ("quit", "JOBS q"),
    ("cancel", "JOBS 4 x"),
    ("login", "L"),
    ("paste", "PASTE"),
    ("delete", "TAGS d"),
    ("diff", "TAGS D"),
];

fn at(way: &str) -> App {
    let mut app = App::new();
    app.tell(Msg::Resize(100, 30));
    for step in way.split(' ') {
        match step {
            "TAGS" => drop(app.at_tags().answer_lookups()),
            "JOBS" => {
                let jobs = vec![job(1, "a:1", JobState::Running), job(2, "b:1", JobState::Failed)];
                app.tell(sampled(jobs));
            }
            "PASTE" => drop(app.tell(Msg::Paste("nginx:1 Bad! alpine".to_owned()))),
            keys => drop(app.keys(keys)),
        }
    }
    app
}

fn event(key: &str) -> KeyEvent {
    key.parse::<Key>().unwrap().event()
}

#[test]
fn every_key_everywhere_changes_something_or_says_why_not() {
    let mut silent = Vec::new();
    for (name, way) in STATES {
        let contexts = at(way).state.contexts();
        let bound = TABLE.iter().filter(|entry| contexts.contains(&entry.context));
        let mut keys: Vec<&str> = bound.flat_map(|entry| entry.keys).copied().collect();
        // One that nothing is bound to.
        keys.push("f9");
        for keys in keys {
            let mut app = at(way);
            let typing = app.state.typing();
            app.take_effects();
            app.state.message = None;
            let before = app.styled();
            let mut seen = Vec::new();
            for key in keys.split(' ') {
                app.tell(Msg::Key(event(key)));
                seen.push(app.styled() != before || !app.effects.is_empty() || app.state.message.is_some());
            }
            if seen.contains(&false) && !(typing && keys == "f9") {
                silent.push(format!("{name}: {keys}"));
            }
        }
    }
    assert!(silent.is_empty(), "these keys do nothing and say nothing:\n{}", silent.join("\n"));
}

#[test]
fn every_action_is_reached_by_a_key_or_by_its_name() {
    let mut app = App::new();
    app.keys(":");
    let Some(Popup::Palette(palette)) = app.state.popups.last() else { panic!() };
    for entry in TABLE {
        let inner =
            matches!(entry.context, Context::Filter | Context::Prompt | Context::Popup | Context::Dialog);
        let found = palette.hits.contains(&entry.action) || entry.action == Action::Palette;
        assert!(found != inner, "{}: the palette has the panes' actions, and those alone", entry.name);
        assert!(found || !entry.keys.is_empty(), "{}", entry.name);
    }
}

/// Whether the popup's frame is whole: nothing of it is beyond an edge.
fn has_frame(screen: &str, state: &State) -> bool {
    let corner = state.glyphs.border.bottom_right;
    let rows: Vec<&str> = screen.lines().collect();
    state.popups.is_empty() || rows.iter().any(|row| row.contains(corner))
}

#[test]
fn every_popup_stays_on_the_screen_at_every_size() {
    let looks = [
        (Language::English, Symbols::Unicode),
        (Language::Chinese, Symbols::Ascii),
        (Language::Chinese, Symbols::Unicode),
        (Language::English, Symbols::Ascii),
    ];
    let widths = [30, 37, 45, 60, 84, 85, 109, 110, 120, 200];
    let sizes = widths.into_iter().flat_map(|width| [6, 9, 12, 16, 24, 36, 60].map(|height| (width, height)));
    for (n, (name, way)) in STATES.iter().enumerate() {
        let mut app = at(way);
        for (at, (width, height)) in sizes.clone().enumerate() {
            let (language, symbols) = looks[(n + at) % looks.len()];
            (app.state.words, app.state.glyphs) = (language, Glyphs::of(symbols));
            let screen = app.screen_at(width, height);
            let beyond = |line: &&str| crate::tui::view::text::width(line) > usize::from(width);
            assert_eq!(screen.lines().find(beyond), None, "{name} at {width}x{height}");
            assert!(has_frame(&screen, &app.state), "{name} at {width}x{height}\n{screen}");
        }
    }
}

#[test]
fn a_question_shows_the_choice_that_is_on_it_however_little_room_there_is() {
    let mut app = at("JOBS q");
    for choice in ["stay", "wait for the jobs", "stop the jobs"] {
        let screen = app.screen_at(40, 6);
        assert!(screen.contains(choice), "{screen}");
        app.keys("j");
    }
}

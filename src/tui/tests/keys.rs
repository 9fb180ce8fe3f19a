//! Keys, the help, the palette and the bottom line, in both languages.

use insta::assert_snapshot;

use super::*;
use crate::config::{KeyBinding, Language, Position};
use crate::tui::action::Action;
use crate::tui::state::Pane;
use crate::tui::state::popup::Popup;

/// The UI in Chinese.
fn chinese() -> App {
    App::with(Config { language: Some(Language::Chinese), ..config() })
}

#[test]
fn the_frame_of_the_screen_is_in_the_language_of_its_reader() {
    let mut app = chinese();
    app.at_tags().keys("space a");
    app.state.message = None;
    for screen in [app.screen_at(120, 36), app.screen_at(80, 24)] {
        for text in ["镜像仓库", "浏览", "队列 1", "加入", "标记", "启动"] {
            assert!(screen.contains(text), "{text}\n{screen}");
        }
    }
    app.keys(":");
    assert_snapshot!("palette_zh_80x24", app.screen_at(80, 24));
    app.keys("esc q");
    assert_snapshot!("quit_zh_60x16", app.screen_at(60, 16));
}

#[test]
fn the_palette_finds_names_and_both_languages() {
    for language in [Language::English, Language::Chinese] {
        for (typed, want) in
            [("undo", Action::Undo), ("撤销", Action::Undo), ("last change of the queue", Action::Undo)]
        {
            let mut app = App::with(Config { language: Some(language), ..config() });
            app.keys(":").write(typed);
            let Some(Popup::Palette(palette)) = app.state.popups.last() else { panic!() };
            assert_eq!(palette.hits.first(), Some(&want), "{typed}");
        }
    }
}

/// The UI with other keys.
fn rebound(keys: &[(&str, &[&str])]) -> App {
    let at = Position { line: 1, column: 1 };
    let bindings: Vec<KeyBinding> = keys
        .iter()
        .map(|(action, keys)| KeyBinding {
            action: (*action).to_owned(),
            at,
            keys: keys.iter().map(|key| ((*key).to_owned(), at)).collect(),
        })
        .collect();
    let mut app = App::new();
    app.state.keymap = Keymap::new(&bindings).unwrap();
    app
}

fn message(app: &App) -> String {
    app.state.message.as_ref().map(|(_, text)| text.clone()).unwrap_or_default()
}

#[test]
fn behind_a_popup_keys_of_everywhere_say_so_and_the_screens_own_work() {
    let mut app = App::new();
    app.keys("? C");
    assert_eq!(message(&app), "close this first: esc");
    app.keys("esc : ctrl-z");
    assert_eq!(app.take_effects().last(), Some(&Effect::Suspend), "also where text is typed");
    app.keys("esc ? ctrl-l");
    assert_eq!(app.take_effects().last(), Some(&Effect::Redraw));
    let mut app = rebound(&[("suspend", &["Z"])]);
    app.keys("? Z");
    assert_eq!(app.take_effects().last(), Some(&Effect::Suspend));
    app.keys("esc : Z");
    assert!(!app.take_effects().contains(&Effect::Suspend), "it is text there");
}

#[test]
fn a_key_that_nothing_is_bound_to_says_so() {
    let mut app = App::new();
    app.keys("z");
    assert_eq!(message(&app), "nothing is bound to z; ? shows every key");
    app.keys("1 a");
    assert_eq!(message(&app), "nothing is bound to a here; in Browse it is add");
    app.keys("? z");
    assert_eq!(message(&app), "nothing is bound to z here");
    app.keys("esc i z");
    assert_eq!(message(&app), "nothing is bound to z; ? shows every key");
    app.keys("esc : z");
    assert_eq!(message(&app), "", "what is typed is text");
}

#[test]
fn after_a_prefix_what_may_follow_is_shown() {
    let mut app = rebound(&[("add", &["g a", "a"]), ("export", &["g space"]), ("start", &["g S"])]);
    app.at_tags().keys("j g");
    assert_snapshot!("which_120x36", app.screen_at(120, 36));
    assert_snapshot!("which_60x16", app.screen_at(60, 16));
    let small = app.screen_at(40, 6);
    assert!(small.contains("g and then?") && small.contains("a add"), "{small}");
    app.tell(Msg::Resize(120, 36)).keys("z");
    assert_eq!(message(&app), "nothing is bound to g z; after g comes one of: a space g S");
    app.keys("g esc");
    assert_eq!((message(&app).as_str(), app.state.keymap.pending()), ("", None));
    assert_eq!(app.state.focus, Pane::Browse, "esc drops the prefix and nothing else");
    app.keys("g a");
    assert_eq!(app.state.queue.drafts().len(), 1);
    app.keys("j g g");
    assert_eq!(app.state.browse.list().cursor(), 0);
}

#[test]
fn what_cannot_go_on_says_so() {
    let mut app = App::new();
    for (keys, want) in [
        ("1 k", "this is the first row"),
        ("G j", "this is the last row"),
        ("1", "this is Registries already"),
        ("5 esc", "there is nothing to go back from; q quits"),
        ("1 n tab", "there is nothing to choose from"),
        ("esc ? k", "this is the first row"),
        ("G j", "this is the last row"),
    ] {
        app.keys(keys);
        assert_eq!(message(&app), want, "{keys}");
    }
    app.keys("esc :").write("zzzz").keys("enter");
    assert_eq!(message(&app), "no action is called that");
    app.tell(Msg::Resize(50, 12)).keys("+");
    assert_eq!(message(&app), "so small a terminal shows one pane anyway");
}

#[test]
fn everything_shown_shows_the_keys_in_use() {
    let mut app = rebound(&[
        ("add", &["insert"]),
        ("help", &["f1"]),
        ("popup-help", &["f1"]),
        ("popup-close", &["X"]),
        ("start", &[]),
        ("dialog-close", &["n"]),
        ("quit", &["Q"]),
    ]);
    app.at_tags().keys("j");
    let screen = app.screen();
    assert!(screen.contains("f1 help") && screen.contains("ins add"), "{screen}");
    assert!(screen.contains("ins adds what is") && screen.contains(":start starts the queue"), "{screen}");
    app.keys("z");
    assert_eq!(message(&app), "nothing is bound to z; f1 shows every key");
    app.tell(Msg::Key(KeyEvent::from(KeyCode::F(1))));
    let screen = app.screen();
    assert!(screen.contains("X back"), "{screen}");
    let screen = app.keys("ctrl-d ctrl-d").screen();
    assert!(screen.contains(":start"), "{screen}");
    app.keys("X n").write("a:1").keys("enter Q");
    let screen = app.screen();
    assert!(screen.contains("n stay"), "{screen}");
}

#[test]
fn the_terminals_keys_are_heard_in_popups_and_lines_of_text() {
    for way in ["", "?", ":", "n", "L", "2 enter /", "q", "T"] {
        let mut app = App::new();
        app.tell(sampled(vec![job(1, "a:1", JobState::Running)])).keys(way);
        let popups = app.state.popups.len();
        app.take_effects();
        app.keys("ctrl-l ctrl-z");
        assert_eq!(app.take_effects(), [Effect::Redraw, Effect::Suspend], "{way}");
        assert_eq!(app.state.popups.len(), popups, "{way}");
    }
    // A character is typed, whatever it does elsewhere.
    let mut app = rebound(&[("suspend", &["Z"])]);
    app.keys("n").take_effects();
    app.keys("Z");
    assert!(app.take_effects().is_empty() && app.screen().contains("Z"), "{}", app.screen());
}

#[test]
fn the_bar_shows_no_key_that_something_nearer_has() {
    let mut app = App::new();
    app.at_tags();
    for pane in ["1", "2", "3", "4", "5", "0"] {
        let screen = app.keys(pane).screen_at(200, 36);
        let bar = screen.lines().last().unwrap().trim();
        let keys: Vec<&str> = bar.split(" · ").filter_map(|hint| hint.split(' ').next()).collect();
        let mut once = keys.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), keys.len(), "{pane}: {bar}");
    }
    assert!(app.keys("5").screen_at(200, 36).lines().last().unwrap().contains("s save"));
}

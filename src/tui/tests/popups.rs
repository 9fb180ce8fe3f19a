//! Pasting, prompts, the palette, the help.

use super::*;
use crate::tui::state::Pane;
use crate::tui::state::popup::Popup;

#[test]
fn a_paste_anywhere_is_previewed_and_added() {
    for keys in ["1", "4", "?", "n"] {
        let mut app = App::new();
        app.keys(keys).tell(Msg::Paste("nginx:1\nNot A Ref!\nnginx:1, ghcr.io/o/r:2".to_owned()));
        assert!(
            matches!(app.state.popups.last(), Some(Popup::Paste(preview)) if preview.rows.len() == 2),
            "{keys}"
        );
        let screen = app.screen();
        assert!(screen.contains("line 2: Not") && screen.contains("1 came twice"), "{screen}");
        app.keys("enter");
        assert_eq!(app.state.queue.drafts().len(), 2);
    }
}

#[test]
fn a_paste_into_a_line_of_text_stays_there() {
    let mut app = App::new();
    app.keys("T ctrl-u").tell(Msg::Paste("h.example/\x1b[31mx\n".to_owned()));
    let Some(Popup::Target(form)) = app.state.popups.last() else { panic!("{}", app.screen()) };
    assert_eq!(form.form.text(crate::tui::state::target::TargetField::First), "h.example/[31mx");
    app.keys("esc").at_tags().keys("/").tell(Msg::Paste("1.9".to_owned()));
    assert_eq!((app.state.browse.list().filter(), app.state.browse.list().len()), ("1.9", 2));
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]))
        .keys("esc q")
        .tell(Msg::Paste("nginx".to_owned()));
    assert!(matches!(app.state.popups.last(), Some(Popup::Dialog(_))), "a paste answers no question");
}

#[test]
fn a_bad_reference_says_why_and_keeps_the_text() {
    let mut app = App::new();
    app.keys("n").write("Nginx").keys("enter");
    assert!(app.screen().contains("lower case"));
    app.keys("backspace").write("x").keys("esc");
    assert!(app.state.popups.is_empty() && app.state.queue.drafts().is_empty());
}

#[test]
fn the_palette_finds_actions_by_name() {
    let mut app = App::new();
    app.keys(":").write("focus-jo").keys("enter");
    assert_eq!((app.state.focus, app.state.popups.len()), (Pane::Jobs, 0));
    app.keys(":").write("zzzz").keys("enter");
    assert!(app.state.popups.is_empty());
}

#[test]
fn the_help_shows_every_action_and_scrolls_to_its_end() {
    let mut app = App::new();
    app.keys("2 ?");
    let first = app.screen();
    assert!(first.contains("Browse") && first.contains("Add what is marked"));
    app.keys("G");
    let last = app.screen();
    assert!(last.contains("quit at once") && !last.contains("Add what is marked"), "{last}");
    app.keys("k k g g");
    assert_eq!(app.screen(), first);
    app.keys("?");
    assert!(app.state.popups.is_empty());
}

#[test]
fn between_85_and_109_columns_the_details_are_a_popup() {
    let mut app = App::new();
    app.at_tags().answer_lookups();
    app.tell(Msg::Resize(100, 30)).keys("0");
    assert!(matches!(app.state.popups.last(), Some(Popup::Inspect(_))) && app.screen().contains("sha256:"));
}

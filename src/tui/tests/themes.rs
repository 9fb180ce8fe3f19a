//! Choosing a theme: the screen shows it at once, `esc` takes it back, a saved file is taken.

use super::*;
use crate::tui::themes::{ThemeAnswer, ThemeWork};

fn works(app: &mut App) -> Vec<ThemeWork> {
    let of = |effect| match effect {
        Effect::Theme(work) => Some(work),
        _ => None,
    };
    app.take_effects().into_iter().filter_map(of).collect()
}

fn told(answer: ThemeAnswer) -> Msg {
    Msg::Theme(Box::new(answer))
}

fn own(colour: &str) -> Theme {
    let text = format!("base: light\nok: '{colour}'\n");
    Theme::user("night", std::path::Path::new("night.yaml"), text.as_bytes(), ColourDepth::True).unwrap()
}

#[test]
fn a_theme_is_looked_at_taken_back_and_taken() {
    let mut app = App::new();
    let dark = app.state.theme.clone();
    app.keys("ctrl-t");
    assert_eq!(works(&mut app), [ThemeWork::List]);
    let before = app.screen();
    app.keys("j");
    assert_eq!(app.state.theme.name, "light");
    assert_ne!(app.state.theme, dark);
    assert_ne!(app.screen(), before, "the cursor's row is another one");
    app.keys("j j esc");
    assert_eq!(app.state.theme, dark);
    assert!(app.state.popups.is_empty() && works(&mut app).is_empty());
    app.keys("ctrl-t k");
    assert_eq!(app.state.theme.name, "deuteranopia", "it goes round");
    app.keys("enter");
    assert_eq!(app.state.theme.name, "deuteranopia");
    assert_eq!(works(&mut app), [ThemeWork::List, ThemeWork::Use("deuteranopia".to_owned())]);
    assert!(app.screen().contains("theme: deuteranopia in config.yaml keeps it"), "{}", app.screen());
    app.keys("ctrl-t ctrl-c");
    assert!(app.state.popups.is_empty() && app.state.theme.name == "deuteranopia");
}

#[test]
fn a_users_theme_is_read_and_what_is_wrong_with_it_is_told() {
    let mut app = App::new();
    let dark = app.state.theme.clone();
    app.keys("ctrl-t k").tell(told(ThemeAnswer::Listed(vec!["dark".to_owned(), "night".to_owned()])));
    assert_eq!(app.state.theme.name, "deuteranopia", "the list is longer, the cursor stays");
    works(&mut app);
    app.keys("j");
    assert_eq!(works(&mut app), [ThemeWork::Read("night".to_owned())]);
    assert_eq!(app.state.theme.name, "deuteranopia", "until it is read");
    let fault = "night.yaml:2:5: ok: \"gren\" is neither a colour nor a modifier".to_owned();
    app.tell(told(ThemeAnswer::Read("night".to_owned(), Err(fault))));
    assert!(app.screen().contains("night.yaml:2:5: ok"), "{}", app.screen());
    app.keys("enter");
    assert_eq!(app.state.theme, dark, "what is broken is not taken");
    app.keys("ctrl-t").tell(told(ThemeAnswer::Listed(vec!["night".to_owned()]))).keys("k");
    app.tell(told(ThemeAnswer::Read("gone".to_owned(), Ok(own("#000000")))));
    assert_eq!(app.state.theme, dark, "an answer that nobody waits for");
    app.tell(told(ThemeAnswer::Read("night".to_owned(), Ok(own("#010203")))));
    app.keys("enter");
    assert_eq!(app.state.theme, own("#010203"));
    assert!(works(&mut app).contains(&ThemeWork::Use("night".to_owned())));
}

#[test]
fn a_saved_file_is_taken_and_a_broken_one_keeps_the_last_good_one() {
    let mut app = App::new();
    app.state.theme = own("#010203");
    app.tell(told(ThemeAnswer::Saved("night".to_owned(), Ok(own("#040506")))));
    assert_eq!(app.state.theme, own("#040506"));
    assert!(app.screen().contains("theme night: its file was saved"));
    let fault = "night.yaml:1:1: this is no YAML".to_owned();
    app.tell(told(ThemeAnswer::Saved("night".to_owned(), Err(fault))));
    assert_eq!(app.state.theme, own("#040506"));
    assert!(
        app.screen().contains("the theme stays as it was: night.yaml:1:1: this is no YAML"),
        "{}",
        app.screen()
    );
    // While another one is looked at, the saved one is what `esc` goes back to.
    app.keys("ctrl-t g").keys("k");
    let shown = app.state.theme.name.clone();
    assert_ne!(shown, "night");
    app.tell(told(ThemeAnswer::Saved("night".to_owned(), Ok(own("#070809")))));
    assert_eq!(app.state.theme.name, shown);
    app.keys("esc");
    assert_eq!(app.state.theme, own("#070809"));
}

#[test]
fn without_colours_it_says_that_no_theme_makes_a_difference() {
    let mut app = App::new();
    app.state.depth = ColourDepth::None;
    app.state.theme = Theme::mono();
    app.keys("ctrl-t j j");
    assert!(app.screen().contains("no colours here (NO_COLOR"), "{}", app.screen());
    assert_eq!(Theme { name: "mono".to_owned(), ..app.state.theme.clone() }, Theme::mono());
}

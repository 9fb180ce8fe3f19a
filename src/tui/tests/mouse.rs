//! The mouse: clicks, the wheel, drags.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::tui::state::popup::Popup;
use crate::tui::state::{Pane, Tone};

impl App {
    fn mouse(&mut self, kind: MouseEventKind, (column, row): (u16, u16)) -> &mut App {
        self.tell(Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    }

    fn click(&mut self, at: (u16, u16)) -> &mut App {
        self.state.now += Duration::from_secs(1);
        self.click_again(at)
    }

    fn click_again(&mut self, at: (u16, u16)) -> &mut App {
        self.mouse(MouseEventKind::Down(MouseButton::Left), at);
        self.mouse(MouseEventKind::Up(MouseButton::Left), at)
    }

    /// Where a text is on the screen.
    fn find(&mut self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let found = screen.lines().enumerate().find_map(|(y, line)| {
            let at = line.find(text)?;
            Some((crate::tui::view::text::width(&line[..at]) as u16, y as u16))
        });
        found.unwrap_or_else(|| panic!("no {text:?} in\n{screen}"))
    }
}

#[test]
fn a_click_focuses_and_moves_and_two_open() {
    let mut app = App::new();
    let mirror = app.find("  mirror ");
    let (x, y) = app.find("store");
    app.click((x, y));
    assert_eq!((app.state.focus, app.state.registries.cursor), (Pane::Registries, 3));
    let jobs = app.find("4 Jobs");
    app.click(jobs);
    assert_eq!(app.state.focus, Pane::Jobs);
    app.click((mirror.0 + 2, mirror.1)).click_again((mirror.0 + 2, mirror.1));
    assert_eq!((app.state.focus, app.state.registries.cursor), (Pane::Browse, 1));
    assert!(matches!(app.last_list().1, ListRequest::Repositories(_)));
}

#[test]
fn the_mark_s_column_marks() {
    let mut app = App::new();
    app.at_tags();
    let (x, y) = app.find("v1.9.1");
    app.click((x, y));
    assert!(app.state.marks.is_empty());
    app.click((x - 1, y));
    assert_eq!((app.state.marks.len(), app.state.browse.list().cursor()), (1, 3));
    app.click((x - 1, y));
    assert!(app.state.marks.is_empty());
}

#[test]
fn the_wheel_scrolls_what_is_under_it() {
    let mut app = App::new();
    app.at_tags();
    let (x, y) = app.find("v1.9.1");
    app.keys("4").mouse(MouseEventKind::ScrollDown, (x, y));
    assert_eq!((app.state.focus, app.state.browse.list().cursor()), (Pane::Jobs, 3));
    app.mouse(MouseEventKind::ScrollUp, (x, y)).mouse(MouseEventKind::ScrollUp, (x, y));
    assert_eq!(app.state.browse.list().cursor(), 0);
    app.keys("?").mouse(MouseEventKind::ScrollDown, (x, y));
    assert!(matches!(app.state.popups.last(), Some(Popup::Help(scroll)) if scroll.top == 3));
}

#[test]
fn keys_that_are_shown_are_pressed() {
    let mut app = App::new();
    app.at_tags();
    let (x, y) = app.find("inspect");
    app.click((x + 2, y));
    assert!(matches!(app.state.popups.last(), Some(Popup::Inspect(_))), "{}", app.screen());
    let (x, y) = app.find("esc back");
    app.click((x + 5, y));
    assert!(app.state.popups.is_empty());
    // A message is no key.
    app.state.say(Tone::Plain, "a d S are words");
    let (x, y) = app.find("a d S are");
    app.click((x, y));
    app.state.say(Tone::Plain, "a d S are words");
    app.click((x + 4, y));
    assert!(app.state.queue.drafts().is_empty() && app.state.popups.is_empty());
}

#[test]
fn a_choice_is_chosen_by_one_click_and_taken_by_two() {
    let mut app = App::new();
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)])).keys("q");
    let stop = app.find("stop the jobs");
    app.click(stop);
    assert!(matches!(app.state.popups.last(), Some(Popup::Dialog(dialog)) if dialog.cursor == 2));
    app.take_effects();
    app.click((0, 5));
    assert!(app.take_effects().is_empty(), "beside the popup is nothing");
    app.click(stop);
    assert_eq!(app.take_effects(), [Effect::Shutdown]);
    let mut app = App::new();
    app.keys(":").write("focus");
    let (x, y) = app.find("focus-logs");
    app.click((x, y)).click((x, y));
    assert_eq!(app.state.focus, Pane::Logs);
}

#[test]
fn a_border_is_dragged() {
    let mut app = App::new();
    let before = app.state.layout().inner(Pane::Registries);
    let x = before.right();
    app.mouse(MouseEventKind::Down(MouseButton::Left), (x, 6));
    app.mouse(MouseEventKind::Drag(MouseButton::Left), (x + 10, 6));
    assert_eq!(app.state.layout().inner(Pane::Registries).width, before.width + 10);
    app.mouse(MouseEventKind::Drag(MouseButton::Left), (119, 6));
    assert!(app.state.layout().inner(Pane::Browse).width >= 20, "neighbours keep some room");
    app.mouse(MouseEventKind::Up(MouseButton::Left), (119, 6));
    app.mouse(MouseEventKind::Drag(MouseButton::Left), (20, 6));
    assert!(app.state.layout().inner(Pane::Registries).width > 40, "it was let go of");
    app.screen_at(80, 24);
    app.screen_at(120, 36);
}

#[test]
fn an_accordion_opens_where_it_is_clicked() {
    let mut app = App::new();
    app.at_tags().tell(Msg::Resize(80, 24));
    let (_, y) = app.find("3 Queue");
    app.click((4, y));
    assert_eq!(app.state.focus, Pane::Queue);
}

#[test]
fn the_mouse_can_be_left_to_the_terminal() {
    let mut app = App::new();
    assert!(app.state.mouse.on);
    app.keys(":").write("mouse").keys("enter");
    assert!(!app.state.mouse.on && app.screen().contains("left to the terminal"));
    assert!(!App::with(Config { mouse: false, ..config() }).state.mouse.on);
}

#[test]
fn every_point_of_every_size_can_be_clicked() {
    for (width, height) in [(120, 36), (80, 24), (60, 16), (40, 10), (20, 4)] {
        for keys in ["1", "2", "4", "?", ":", "q", "n"] {
            let mut app = App::new();
            app.at_tags().tell(sampled(vec![job(1, "a:1", JobState::Running)]));
            app.tell(Msg::Resize(width, height)).keys(keys);
            for x in (0..width).step_by(7) {
                for y in (0..height).step_by(3) {
                    app.mouse(MouseEventKind::Down(MouseButton::Left), (x, y));
                    app.mouse(MouseEventKind::ScrollDown, (x, y));
                }
            }
        }
    }
}

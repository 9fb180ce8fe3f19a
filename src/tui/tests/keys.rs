//! Keys, the help, the palette and the bottom line, in both languages.

use insta::assert_snapshot;

use super::*;
use crate::config::Language;
use crate::tui::action::Action;
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

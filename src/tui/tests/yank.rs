//! Yanking: what is meant, as text, and the way it goes.

use super::*;
use crate::tui::state::clipboard::{Clip, Delivered};
use crate::tui::state::popup::Popup;
use crate::tui::terminal::TerminalKind;

fn kind(term: &str, tmux: bool) -> TerminalKind {
    TerminalKind { term: term.to_owned(), tmux, utf8: true, ..TerminalKind::default() }
}

/// In tmux, where the text is an effect of its own.
fn in_tmux() -> App {
    let mut app = App::new();
    app.state.clipboard.terminal = kind("tmux-256color", true);
    app
}

fn clip(app: &mut App) -> Option<Clip> {
    app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::GiveToTmux(clip) => Some(clip),
        _ => None,
    })
}

/// What these keys copy.
fn yanked(app: &mut App, keys: &str) -> String {
    app.take_effects();
    app.keys(keys);
    let said = app.state.message.clone();
    clip(app).map(|clip| clip.text).unwrap_or_else(|| panic!("{keys} copied nothing: {said:?}"))
}

#[test]
fn names_are_of_the_marks_else_of_the_row() {
    let mut app = in_tmux();
    assert_eq!(yanked(&mut app, "y r"), "harbor.prod");
    app.keys("enter").answer_list(&["team-a/api", "team-b/web"], None);
    assert_eq!(yanked(&mut app, "y r"), "harbor.prod/team-a/api");
    let mut app = in_tmux();
    app.at_tags();
    assert_eq!(yanked(&mut app, "y r"), "harbor.prod/team-a/api:latest");
    app.keys("space j space");
    assert_eq!(yanked(&mut app, "y r"), "harbor.prod/team-a/api:latest\nharbor.prod/team-a/api:v1.9.2");
    app.tell(Msg::Copied(
        Clip { text: String::new(), what: "2 references".into() },
        Ok(Delivered::Clipboard),
    ));
    assert!(app.screen().contains("copied by tmux: 2 references"));
    app.keys("M 4");
    app.take_effects();
    app.keys("y r");
    assert!(clip(&mut app).is_none() && app.screen().contains("nothing here has a name"));
}

#[test]
fn digests_are_asked_for_where_they_are_not_known() {
    let mut app = in_tmux();
    app.at_tags().take_effects();
    app.keys("space space y d");
    let asked: Vec<Location> = app
        .take_effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Resolve(at) => Some(at),
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 2, "{:?}", app.state.message);
    assert!(app.screen().contains("asking for digests: 2"));
    app.tell(Msg::Resolved(asked[0].clone(), Ok(Some(Digest::of(b"a")))));
    assert!(clip(&mut app).is_none(), "the second is not known yet");
    app.tell(Msg::Resolved(asked[1].clone(), Ok(Some(Digest::of(b"b")))));
    let want = [b"a", b"b"].map(|x| format!("harbor.prod/team-a/api@{}", Digest::of(x))).join("\n");
    assert_eq!(clip(&mut app).unwrap().text, want);
    assert_eq!(yanked(&mut app, "y d"), want, "now they are known");

    let mut app = in_tmux();
    app.at_tags().take_effects();
    app.keys("y d");
    let at: Location = "harbor.prod/team-a/api:latest".parse().unwrap();
    app.tell(Msg::Resolved(at, Ok(None)));
    assert!(clip(&mut app).is_none() && app.screen().contains("latest is not there"));
}

#[test]
fn a_platform_s_digest_is_its_own() {
    let mut app = in_tmux();
    app.at_tags().answer_lookups().keys("enter j");
    assert_eq!(yanked(&mut app, "y d"), format!("harbor.prod/team-a/api@{}", Digest::of(b"linux/arm64")));
    assert_eq!(
        yanked(&mut app, "y c"),
        "wharf copy harbor.prod/team-a/api:latest dr-b.example/mirror/team-a/api:latest \
         --platform linux/arm64"
    );
    app.keys("space k space");
    assert!(yanked(&mut app, "y c").ends_with("--platform linux/arm64 --platform linux/amd64"));
}

#[test]
fn every_screen_is_a_command() {
    let mut app = in_tmux();
    app.state.clipboard.program = vec!["wharf".to_owned(), "--config".to_owned(), "/c d/x.yaml".to_owned()];
    assert_eq!(yanked(&mut app, "y c"), "wharf --config '/c d/x.yaml' repos harbor.prod");
    app.state.clipboard.program.clear();
    app.state.clipboard.here = "/work here".into();
    assert_eq!(yanked(&mut app, "j j y c"), "wharf files '/work here/downloads'");
    assert_eq!(yanked(&mut app, "j y c"), "wharf repos store:");
    assert_eq!(yanked(&mut app, "j y c"), "wharf repos docker-daemon://docker/");
    app.keys("g g enter").answer_list(&["team-a/api", "team-b/web"], None);
    assert_eq!(
        yanked(&mut app, "y C"),
        "wharf tags harbor.prod/team-a/api\nwharf tags harbor.prod/team-b/web"
    );
    app.keys("enter").answer_list(&["v1", "v2"], None);
    assert_eq!(
        yanked(&mut app, "y C"),
        "wharf copy harbor.prod/team-a/api:v2 dr-b.example/mirror/team-a/api:v2\n\
         wharf copy harbor.prod/team-a/api:v1 dr-b.example/mirror/team-a/api:v1"
    );
    assert_eq!(yanked(&mut app, "i y c"), "wharf inspect harbor.prod/team-a/api:v2");
    let target = app.state.target.take();
    assert_eq!(yanked(&mut app, "esc y c"), "wharf inspect harbor.prod/team-a/api:v2");
    app.state.target = target;
    assert_eq!(
        yanked(&mut app, "D y c"),
        "wharf diff dr-b.example/mirror/team-a/api:v2 harbor.prod/team-a/api:v2"
    );
    assert_eq!(yanked(&mut app, "esc d y c"), "wharf delete harbor.prod/team-a/api:v2");
    assert_eq!(
        yanked(&mut app, "esc e 3 y c"),
        "wharf export harbor.prod/team-a/api:v2 -o '/work here/downloads/'"
    );
    app.keys("2 a 3");
    assert_eq!(
        yanked(&mut app, "y C"),
        "wharf export harbor.prod/team-a/api:v2 -o '/work here/downloads/'\n\
         wharf copy harbor.prod/team-a/api:v2 dr-b.example/mirror/team-a/api:v2"
    );
    let queue = yanked(&mut app, "y C");
    assert_eq!(yanked(&mut app, "S y c"), queue, "the plan is the queue");
    app.keys("esc").tell(sampled(vec![job(7, "a.tar/b:1", JobState::Failed)]));
    let spec = app.state.jobs.rows()[0].spec.clone();
    assert_eq!(yanked(&mut app, "4 y c"), spec.commands().unwrap()[0].shell(&["wharf".to_owned()]));
    assert_eq!(yanked(&mut app, "enter y c"), yanked(&mut app, "esc y c"));
    assert!(yanked(&mut app, "enter y e").contains("401 UNAUTHORIZED"));
    assert!(yanked(&mut app, "y e").ends_with("hint: wharf login dr-b.example"));
}

#[test]
fn many_copies_are_one_sync_and_an_aimless_queue_says_so() {
    let mut app = in_tmux();
    app.at_tags().keys("v G v y c");
    let text = clip(&mut app).unwrap().text;
    assert!(
        text.starts_with("wharf sync - --to dr-b.example/mirror <<'EOF'\nharbor.prod/team-a/api:"),
        "{text}"
    );
    assert!(text.ends_with("\nEOF") && text.lines().count() == 7, "{text}");
    let mut app = App::with(Config { target: None, ..config() });
    app.state.clipboard.terminal = kind("tmux-256color", true);
    app.at_tags().keys("a 3 y c");
    assert!(clip(&mut app).is_none() && app.screen().contains("T says where to"), "{}", app.screen());
}

#[test]
fn what_a_terminal_does_not_take_is_shown() {
    let mut app = App::new();
    app.state.clipboard.terminal = kind("xterm", false);
    app.at_tags().take_effects();
    app.keys("y r");
    let sent = app.take_effects();
    assert!(matches!(&sent[..], [Effect::Send(bytes)] if bytes.starts_with(b"\x1b]52;c;")), "{sent:?}");
    assert!(app.screen().contains("sent to the terminal (OSC 52): harbor.prod/team-a/api:latest"));
    // It did not arrive: again.
    app.keys("y r");
    assert!(matches!(app.state.popups.last(), Some(Popup::ByHand(..))));
    app.keys("esc y r");
    assert!(app.state.popups.is_empty());

    app.state.clipboard.terminal = kind("linux", false);
    app.keys("y c");
    let Some(Popup::ByHand(clip, _)) = app.state.popups.last() else { panic!() };
    assert!(clip.text.starts_with("wharf copy"));
    app.keys("esc");
    app.state.clipboard.terminal = kind("xterm", true);
    app.take_effects();
    app.keys("y r");
    let clip = super::yank::clip(&mut app).unwrap();
    app.tell(Msg::Copied(clip, Err("tmux load-buffer: no server".to_owned())));
    assert!(matches!(app.state.popups.last(), Some(Popup::ByHand(..))) && app.screen().contains("no server"));
}

#[test]
fn what_is_copied_has_no_control_characters() {
    let mut app = in_tmux();
    let mut failed = job(1, "a:1", JobState::Failed);
    failed.failure = Some(failure(ErrorClass::Network, "evil \x1b]52;c;eA==\x07 \u{202e}text", None));
    app.tell(sampled(vec![failed]));
    assert_eq!(yanked(&mut app, "4 y e"), "evil ]52;c;eA== text [network]");
}

#[test]
fn long_work_rings_when_it_is_done() {
    let mut app = App::new();
    app.tell(sampled(vec![job(1, "a:1", JobState::Running), job(2, "b:1", JobState::Running)]));
    app.state.now += Duration::from_secs(11);
    app.tell(sampled(vec![job(1, "a:1", JobState::Failed), job(2, "b:1", JobState::Running)]));
    assert_eq!(app.take_effects(), [Effect::Send(vec![7])], "the first failure");
    app.tell(sampled(vec![job(1, "a:1", JobState::Failed), job(2, "b:1", JobState::Succeeded)]));
    assert_eq!(app.take_effects(), [Effect::Send(vec![7])], "and the end");

    let mut app = App::with(Config { notify: crate::config::Notify::Osc9, ..config() });
    app.state.clipboard.terminal = kind("xterm", false);
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.state.now += Duration::from_secs(11);
    app.tell(sampled(vec![job(1, "a:1", JobState::Succeeded)]));
    let effects = app.take_effects();
    assert!(
        matches!(&effects[..], [Effect::Send(bytes)] if bytes == b"\x1b]9;wharf: done, 1 copied\x1b\\"),
        "{effects:?}"
    );
}

/// A text of several lines on a terminal that takes none.
pub(super) fn make_by_hand(app: &mut App) {
    app.state.clipboard.terminal = kind("linux", false);
    app.at_tags().keys("v G v y c");
}

#[test]
fn by_hand_screens() {
    let mut app = App::new();
    make_by_hand(&mut app);
    for (width, height) in [(120, 36), (80, 24), (60, 16)] {
        insta::assert_snapshot!(format!("by_hand_{width}x{height}"), app.screen_at(width, height));
    }
    app.keys("esc");
    app.state.words = crate::config::Language::Chinese;
    app.keys("M j y c");
    insta::assert_snapshot!("by_hand_chinese", app.screen_at(60, 16));
    let long = crate::tui::view::by_hand::long_lines(&app.state);
    assert!(long.len() == 1 && long[0].1.starts_with("wharf copy"), "{long:?}");
}

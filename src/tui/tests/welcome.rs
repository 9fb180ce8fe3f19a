//! The first run: what was found, a file that is shown before it is written; registries added by hand and asked.

use super::*;
use crate::config::Language;
use crate::engine::Place;
use crate::tui::setup::{Reply, SetupAnswer, SetupWork};
use crate::tui::state::popup::Popup;
use crate::tui::state::registries::Health;
use crate::tui::state::welcome::Setup;
use crate::tui::update::welcome::begin;

/// A newcomer's wharf: the well-known registries, and nothing answered yet.
pub(super) fn make_newcomer(app: &mut App) {
    let entries = vec![
        entry("docker.io", RegistryType::Registry, "docker.io", "Docker Hub"),
        entry("ghcr.io", RegistryType::Registry, "ghcr.io", "GitHub"),
        entry("downloads", RegistryType::LocalFile, "downloads", "exported files"),
        entry("store", RegistryType::Store, "/home/u/store", "wharf's own image store"),
    ];
    app.state.registries = crate::tui::state::registries::Registries::new(entries);
    app.state.target = None;
    app.state.setup =
        Setup { file: Some(PathBuf::from("/home/u/.config/wharf/config.yaml")), ..Setup::default() };
    let effects = begin(&mut app.state, true);
    app.effects.extend(effects);
}

/// The same once all has answered.
pub(super) fn make_found(app: &mut App) {
    make_newcomer(app);
    let registry = |name: &str| Place::Registry(name.parse().unwrap());
    let engine = Place::Engine(Some("docker".to_owned()));
    let directory = Place::Directory("downloads".into());
    let gone = failure(ErrorClass::Network, "ping ghcr.io: name or service not known", None);
    let known = vec!["ghcr.io".parse().unwrap(), "harbor.example.com".parse().unwrap()];
    for answer in [
        SetupAnswer::Asked(engine, Ok(Reply::Engine("Docker 28.0.1".to_owned()))),
        SetupAnswer::Logins(known),
        SetupAnswer::Asked(Place::Store, Ok(Reply::Holds(3))),
        SetupAnswer::Asked(directory, Ok(Reply::Holds(2))),
        SetupAnswer::Asked(registry("docker.io"), Ok(Reply::Open(23))),
        SetupAnswer::Asked(registry("ghcr.io"), Err(gone)),
    ] {
        app.tell(Msg::Setup(answer));
    }
}

fn works(app: &mut App) -> Vec<SetupWork> {
    let of = |effect| match effect {
        Effect::Setup(work) => Some(work),
        _ => None,
    };
    app.take_effects().into_iter().filter_map(of).collect()
}

fn names(app: &App) -> Vec<&str> {
    app.state.registries.rows.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn a_newcomer_sees_what_was_found_as_it_comes_and_goes_on() {
    let mut app = App::new();
    make_newcomer(&mut app);
    assert_eq!(works(&mut app).len(), 6, "logins, engine, store, downloads, two registries");
    let screen = app.screen();
    assert!(screen.contains("Welcome to wharf") && !screen.contains("Docker 28"), "{screen}");
    let mut app = App::new();
    make_found(&mut app);
    let screen = app.screen();
    for text in ["Docker 28.0.1 answers", "ghcr.io, harbor.example.com", "images: 3", "files: 2 in downloads"]
    {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    assert_eq!(names(&app), ["docker.io", "ghcr.io", "harbor.example.com", "docker", "downloads", "store"]);
    app.keys("enter");
    assert!(app.state.popups.is_empty(), "looking around comes first");
    assert_eq!(
        app.state.registries.rows[1].health,
        Health::Failed("ping ghcr.io: name or service not known".into())
    );
    // It can be seen again.
    app.keys(":").write("welcome").keys("enter");
    assert!(app.screen().contains("Welcome to wharf"));
    app.keys("q");
    assert!(app.state.popups.is_empty());
}

#[test]
fn a_file_is_shown_and_written_only_on_purpose() {
    let mut app = App::new();
    make_found(&mut app);
    works(&mut app);
    // Another language and theme first: they are in the file.
    app.keys("j enter");
    assert_eq!(app.state.words, Language::Chinese);
    assert!(app.screen().contains("欢迎使用 wharf"), "{}", app.screen());
    app.keys("j enter j enter").keys("j enter");
    let Some(Popup::Offer(offer)) = app.state.popups.last() else { panic!("{}", app.screen()) };
    let content = offer.content.clone();
    for line in ["theme: light", "language: zh-CN", "  - name: harbor.example.com", "    type: docker"] {
        assert!(content.lines().any(|l| l == line), "{line}: {content}");
    }
    assert!(!content.contains("store"), "wharf's own store is there without an entry: {content}");
    app.keys("enter");
    assert!(
        !works(&mut app).iter().any(|work| matches!(work, SetupWork::Write { .. })),
        "the way back is first"
    );
    app.keys("enter j enter enter");
    let file = PathBuf::from("/home/u/.config/wharf/config.yaml");
    let written: Vec<_> =
        works(&mut app).into_iter().filter(|w| matches!(w, SetupWork::Write { .. })).collect();
    assert_eq!(written, [SetupWork::Write { file: file.clone(), content }], "once");
    app.tell(Msg::Setup(SetupAnswer::Written(file.clone(), Err("File exists (os error 17)".to_owned()))));
    assert!(app.screen().contains("File exists"), "{}", app.screen());
    app.keys("enter").tell(Msg::Setup(SetupAnswer::Written(file, Ok(()))));
    assert!(app.state.popups.is_empty() && app.screen().contains("已写入"), "{}", app.screen());
    app.keys(":").write("welcome").keys("enter");
    assert!(!app.screen().contains("写入前先显示"), "there is a file now");
}

#[test]
fn a_registry_is_added_asked_and_offered_to_the_file() {
    let mut app = App::new();
    app.state.setup = Setup { file: Some("/c.yaml".into()), configured: true, ..Setup::default() };
    app.keys("A").write("not a host!").keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Prompt(prompt)) if prompt.error.is_some()));
    app.keys("ctrl-u").write("harbor.prod").keys("enter");
    assert!(app.screen().contains("harbor.prod is in the list already"), "{}", app.screen());
    app.keys("ctrl-u").write("http://reg.example:5000/team").keys("enter");
    assert_eq!(app.state.registries.current().unwrap().name, "reg.example:5000/team");
    assert_eq!(app.state.registries.current().unwrap().health, Health::Asked);
    assert!(app.state.spinning() && app.state.message.is_none(), "{}", app.screen());
    let place = Place::Registry("reg.example:5000".parse().unwrap());
    assert_eq!(works(&mut app), [SetupWork::Ask(place.clone())]);
    app.tell(Msg::Setup(SetupAnswer::Asked(place, Ok(Reply::Locked))));
    assert!(app.screen().contains("asks for a login: L"), "{}", app.screen());
    let entry = ("reg.example:5000/team".to_owned(), "http://reg.example:5000/team".to_owned());
    assert_eq!(works(&mut app), [SetupWork::Draft { file: "/c.yaml".into(), entry }]);
    let drafted = ("a: 1\n".to_owned(), "a: 1\n- name: new\n".to_owned());
    app.tell(Msg::Setup(SetupAnswer::Drafted("/c.yaml".into(), Ok(drafted))));
    assert!(app.screen().contains("- name: new") && !app.screen().contains("a: 1"), "{}", app.screen());
    app.state.read_only = true;
    app.keys("j enter");
    assert!(works(&mut app).is_empty() && app.screen().contains("read-only: nothing is written"));
    app.state.read_only = false;
    app.keys("enter");
    assert!(matches!(&works(&mut app)[..], [SetupWork::Replace { before, .. }] if before == "a: 1\n"));
    app.tell(Msg::Setup(SetupAnswer::Written("/c.yaml".into(), Ok(()))));
    assert!(app.state.popups.is_empty());

    // What does not answer stays in the list, and is not offered.
    app.keys("A").write("gone.example").keys("enter");
    works(&mut app);
    let gone = failure(ErrorClass::Network, "ping gone.example: no route to host", None);
    app.tell(Msg::Setup(SetupAnswer::Asked(Place::Registry("gone.example".parse().unwrap()), Err(gone))));
    assert!(works(&mut app).is_empty() && app.screen().contains("did not answer"), "{}", app.screen());
    let told = Err("it has a form that is not added to; write it there by hand".to_owned());
    app.tell(Msg::Setup(SetupAnswer::Drafted("/c.yaml".into(), told)));
    assert!(app.screen().contains("/c.yaml: it has a form"), "{}", app.screen());
}

#[test]
fn every_place_is_asked_and_says_how_it_is() {
    let mut config = config();
    config.registries[0].read_only = true;
    config.registries[1].protected = true;
    let mut app = App::with(config);
    app.keys("r");
    assert_eq!(works(&mut app).len(), 5);
    assert!(app.state.spinning());
    let registry = |name: &str| Place::Registry(name.parse().unwrap());
    app.tell(Msg::Setup(SetupAnswer::Asked(registry("harbor.prod"), Ok(Reply::Open(7)))));
    app.tell(Msg::Setup(SetupAnswer::Asked(registry("localhost:5001"), Ok(Reply::Locked))));
    let gone = failure(ErrorClass::Daemon, "ask unix:///var/run/docker.sock: no such file", None);
    app.tell(Msg::Setup(SetupAnswer::Asked(Place::Engine(Some("docker".into())), Err(gone))));
    app.tell(Msg::Setup(SetupAnswer::Asked(Place::Directory("downloads".into()), Ok(Reply::Holds(2)))));
    app.tell(Msg::Setup(SetupAnswer::Asked(Place::Store, Ok(Reply::Holds(0)))));
    assert!(!app.state.spinning());
    let wide = app.screen_at(80, 24);
    for text in [
        "reached in 7 ms, read-only",
        "asks for a login: L, protected",
        "unreachable: ask unix",
        "files: 2",
        "images: 0",
    ] {
        assert!(wide.contains(text), "{text}: {wide}");
    }
    let narrow = app.screen_at(120, 36);
    assert!(narrow.contains("read-only: the"), "{narrow}");
}

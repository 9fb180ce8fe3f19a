//! The browser: rules, marks, patterns, searches, details.

use ratatui::style::Modifier;

use super::*;
use crate::config::TagFilter;
use crate::tui::state::Pane;
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::{Draft, Goal, Options};
use crate::tui::upkeep::{Answer, Upkeep};

/// What was asked of the images where they are.
fn asked(app: &mut App) -> Vec<Upkeep> {
    let of = |effect| match effect {
        Effect::Upkeep(work) => Some(work),
        _ => None,
    };
    app.take_effects().into_iter().filter_map(of).collect()
}

#[test]
fn a_rule_takes_the_tags_that_there_are_when_the_plan_is_made() {
    let mut app = App::new();
    let repository: Location = "harbor.prod/team-a/api".parse().unwrap();
    let to = app.state.destination(&repository);
    let filter: TagFilter = "v1.9.*".parse().unwrap();
    let goal = Goal::Copy(to.into_iter().collect());
    app.state.queue.add(vec![Draft::rule(repository.clone(), filter, goal, Options::default())]);
    app.keys("S");
    let Some(Upkeep::Tags { request, rules }) = asked(&mut app).pop() else { panic!("{}", app.screen()) };
    assert_eq!(rules[0].1, repository);
    assert!(app.state.spinning() && app.screen().contains("v1.9.*: asking which tags there are"));
    app.keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))), "it is not known yet what would start");
    let tags = ["v1.8.0", "v1.9.1", "v1.9.2"].iter().map(|tag| tag.parse().unwrap()).collect();
    app.tell(Msg::Upkeep(Answer::Tags { request, found: vec![(rules[0].0, Ok(tags))] }));
    let planned = app.take_effects();
    let [Effect::Plan { drafts, .. }] = &planned[..] else { panic!("{planned:?}") };
    let names: Vec<String> = drafts.iter().map(|(_, spec)| spec.to_string()).collect();
    let want = |tag| format!("harbor.prod/team-a/api:{tag} → dr-b.example/mirror/team-a/api:{tag}");
    assert_eq!(names, [want("v1.9.1"), want("v1.9.2")]);
    assert!(app.screen().contains("v1.9.*: 2 tags"), "{}", app.screen());
    app.keys("esc");
    assert_eq!(app.state.queue.drafts().len(), 1, "a plan that was only looked at changes nothing");
    app.keys("S");
    let Some(Upkeep::Tags { request, rules }) = asked(&mut app).pop() else { panic!() };
    let tags = vec!["v1.9.3".parse().unwrap()];
    app.tell(Msg::Upkeep(Answer::Tags { request, found: vec![(rules[0].0, Ok(tags))] }))
        .keys("enter j enter");
    let submitted = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Submit(jobs) => Some(jobs),
        _ => None,
    });
    assert_eq!(submitted.unwrap()[0].1.to_string(), want("v1.9.3"));
    assert!(app.state.queue.drafts().iter().all(|draft| draft.tags.is_none()));
}

/// The screen without its first and last line, which belong to others.
fn body(app: &mut App, width: u16, height: u16) -> String {
    let screen = app.screen_at(width, height);
    let lines: Vec<&str> = screen.lines().collect();
    lines[1..lines.len() - 1].join("\n")
}

/// Answers everything that is asked, also what the answers ask.
fn settle(app: &mut App) {
    for _ in 0..20 {
        app.answer_lookups();
    }
}

fn drafts(app: &App) -> Vec<String> {
    let text = |draft: &Arc<crate::tui::state::queue::Draft>| match &draft.tags {
        Some(filter) => format!("{} {filter}", draft.source),
        None => draft.source.to_string(),
    };
    app.state.queue.drafts().iter().map(text).collect()
}

#[test]
fn rows_say_what_is_known_and_what_is_the_same_image() {
    let mut app = App::new();
    app.at_tags();
    settle(&mut app);
    // `latest` is the image that v1.9.2 is.
    let digest = |tag: &str| Digest::of(format!("api:{tag}").as_bytes());
    let at = |tag: &str| -> Location { format!("harbor.prod/team-a/api:{tag}").parse().unwrap() };
    app.tell(Msg::Resolved(at("latest"), Ok(Some(digest("v1.9.2")))));
    settle(&mut app);
    app.keys("j j space +");
    for (width, height) in [(120, 36), (80, 24), (60, 16)] {
        insta::assert_snapshot!(format!("rows_{width}x{height}"), body(&mut app, width, height));
    }
    app.state.words = crate::config::Language::Chinese;
    insta::assert_snapshot!("rows_zh_80x24", body(&mut app, 80, 24));
    app.state.words = crate::config::Language::English;
    // Names come before columns.
    let names: Vec<String> = (0..3).map(|n| format!("v1.{n}.0-a-rather-long-name-of-a-tag-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    app.keys("r").answer_list(&names, None);
    settle(&mut app);
    let screen = body(&mut app, 60, 16);
    assert!(names.iter().all(|name| screen.contains(name)) && !screen.contains("plat"), "{screen}");
}

#[test]
fn images_of_rows_are_asked_for_a_few_at_a_time_and_each_digest_once() {
    let mut app = App::new();
    app.at_tags().take_effects();
    app.pass(DEBOUNCE);
    let inspected = |app: &mut App| -> Vec<Location> {
        let of = |effect| match effect {
            Effect::Inspect(at) => Some(at),
            _ => None,
        };
        app.take_effects().into_iter().filter_map(of).collect()
    };
    assert_eq!(inspected(&mut app).len(), 1, "only the cursor's, as long as no digest is known");
    // All five tags are one image.
    for tag in ["latest", "v1.10.0-rc1", "v1.9.2", "v1.9.1", "v1.8.0"] {
        let at = format!("harbor.prod/team-a/api:{tag}").parse().unwrap();
        app.tell(Msg::Resolved(at, Ok(Some(Digest::of(b"api:latest")))));
    }
    assert_eq!(inspected(&mut app), []);
    let at: Location = "harbor.prod/team-a/api:latest".parse().unwrap();
    app.tell(Msg::Inspected(at.clone(), Ok(Arc::new(image(&at)))));
    let screen = app.screen();
    assert_eq!((inspected(&mut app), screen.matches("2 plat").count()), (vec![], 5), "{screen}");
    // Of two thousand others only so many at the same time.
    let names: Vec<String> = (0..2000).map(|n| format!("2.{n}")).collect();
    app.keys("r");
    let generation = app.last_list().0;
    app.tell(Msg::Page { generation, names }).tell(Msg::ListEnd { generation, failure: None });
    app.pass(DEBOUNCE);
    for effect in app.take_effects() {
        if let Effect::Resolve(at) = effect {
            let digest = Digest::of(at.to_string().as_bytes());
            app.tell(Msg::Resolved(at, Ok(Some(digest))));
        }
    }
    app.pass(DEBOUNCE);
    assert!(app.state.images.asked() <= 5, "{}", app.state.images.asked());
    let asked = app.take_effects();
    assert!(asked.iter().any(|effect| matches!(effect, Effect::Inspect(_))));
    // It says that it is too much: then only the cursor's is asked for.
    let refused = failure(ErrorClass::RateLimit, "get manifest: 429", None);
    for effect in asked {
        if let Effect::Inspect(at) = effect {
            app.tell(Msg::Inspected(at, Err(refused.clone())));
        }
    }
    app.pass(DEBOUNCE * 3);
    assert_eq!((inspected(&mut app), crate::tui::update::deadline(&app.state)), (vec![], None));
}

#[test]
fn rows_are_marked_by_a_pattern_and_a_rule_is_made_of_it() {
    let mut app = App::new();
    app.at_tags().keys("+ *").write("v1.9.*");
    assert!(app.screen().contains("2 of 5 match"), "{}", app.screen());
    insta::assert_snapshot!("pattern_80x24", body(&mut app, 80, 24));
    insta::assert_snapshot!("pattern_60x16", body(&mut app, 60, 16));
    app.state.words = crate::config::Language::Chinese;
    insta::assert_snapshot!("pattern_zh_120x36", body(&mut app, 120, 36));
    app.state.words = crate::config::Language::English;
    app.keys("enter");
    assert_eq!(app.state.marks.len(), 2);
    for (pattern, marks) in [("re:v1\\.8.*", 3), (">=1.9.2 <2", 3), ("newest 1", 4), ("* !v*", 5)] {
        app.keys("*").write(pattern).keys("enter");
        assert_eq!(app.state.marks.len(), marks, "{pattern}: {}", app.screen());
    }
    app.keys("M *").write("re:(").keys("enter");
    assert!(app.screen().contains("no regular expression"), "{}", app.screen());
    app.keys("ctrl-u").write("x*").keys("enter");
    assert!(app.screen().contains("no row matches") && app.state.marks.is_empty());
    app.keys("ctrl-u").write("v1.*").keys("tab enter");
    assert!(app.state.popups.is_empty(), "{}", app.screen());
    assert_eq!(drafts(&app), ["harbor.prod/team-a/api v1.*"]);
    app.keys("*").write("v1.*").keys("tab enter");
    assert_eq!((drafts(&app).len(), app.screen().contains("in the queue already")), (1, true));
    // What is filtered out is no row.
    app.keys("/").write("rc").keys("enter *").write("*");
    assert!(app.screen().contains("1 of 1 match"), "{}", app.screen());
}

#[test]
fn repositories_are_marked_as_rules_for_all_their_tags() {
    let mut app = App::new();
    app.keys("enter").answer_list(&["team-a/api", "team-a/web", "team-b/db"], None);
    app.keys("space * ").write("team-a/*").keys("enter");
    assert_eq!(app.state.marks.len(), 2);
    app.keys("m");
    assert!(app.screen().contains("harbor.prod/team-a/web") && app.screen().contains("all tags"));
    app.keys("j x");
    assert_eq!(app.state.marks.len(), 1);
    app.keys("esc + ctrl-r G enter").answer_list(&["1", "2"], None);
    app.keys("space m");
    insta::assert_snapshot!("marked_80x24", body(&mut app, 80, 24));
    app.keys("esc a");
    let want = ["harbor.prod/team-a/web *", "harbor.prod/team-b/db *", "harbor.prod/team-b/db:2"];
    let mut all = drafts(&app);
    all.sort();
    assert_eq!((all, app.state.marks.len()), (want.map(str::to_owned).into(), 0));
    assert!(app.screen().contains("3 added to copy"), "repositories and images: {}", app.screen());
    // An export of a whole repository is a rule, too.
    app.keys("h e");
    assert_eq!(drafts(&app).last().unwrap(), "harbor.prod/team-b/db *");
    assert!(matches!(app.state.queue.drafts().last().unwrap().goal, Goal::Export(_)));
    app.keys("m");
    assert!(app.screen().contains("nothing is marked"), "{}", app.screen());
    app.keys("space m x");
    assert!(app.state.popups.is_empty() && app.state.marks.is_empty(), "the last mark closes the list");
}

fn hub() -> App {
    let mut config = config();
    config.registries.insert(0, entry("docker.io", RegistryType::Registry, "docker.io", ""));
    App::with(config)
}

/// Two repositories were found.
pub(super) fn make_search(app: &mut App) {
    app.keys("h s").write("web server").keys("enter");
    let (generation, request) = app.last_list();
    assert!(matches!(request, ListRequest::Search(_, words) if words == "web server"));
    let found = |name: &str, stars, official, description: &str| crate::engine::FoundRepository {
        name: name.to_owned(),
        description: description.to_owned(),
        stars: Some(stars),
        official,
    };
    let found = vec![
        found("docker.io/library/nginx", 20_000, true, "Official build of Nginx.\u{1b}[31m"),
        found("docker.io/bitnami/nginx", 200, false, "Bitnami 网页服务器镜像"),
    ];
    app.tell(Msg::Found { generation, found }).tell(Msg::ListEnd { generation, failure: None });
}

#[test]
fn docker_hub_is_searched_and_opened_by_name() {
    let mut app = hub();
    let unlisted = failure(ErrorClass::Auth, "list repositories docker.io: 401", None);
    app.keys("enter").answer_list(&[], Some(unlisted));
    assert!(app.screen().contains("Open or search docker.io"), "{}", app.screen());
    app.state.zoom = true;
    insta::assert_snapshot!("hub_80x24", body(&mut app, 80, 24));
    app.write("nginx").keys("enter");
    let (_, request) = app.last_list();
    let ListRequest::Tags(_, repository) = request else { panic!("{request:?}") };
    assert_eq!(repository.as_str(), "library/nginx");
    app.answer_list(&["1.27"], None);
    make_search(&mut app);
    insta::assert_snapshot!("search_120x36", body(&mut app, 120, 36));
    insta::assert_snapshot!("search_60x16", body(&mut app, 60, 16));
    app.keys("j space enter");
    let (_, request) = app.last_list();
    assert!(matches!(request, ListRequest::Tags(_, repository) if repository.as_str() == "bitnami/nginx"));
    assert_eq!(app.state.marks.len(), 1);
    app.keys("h h");
    assert!(app.state.browse.search.is_none() && app.state.focus == Pane::Browse);
    app.keys("+ 1 s enter");
    assert!(app.screen().contains("words to search for are needed"), "{}", app.screen());
    // A place that has no repositories cannot be searched.
    app.keys("esc 1 g g j j j enter");
    assert_eq!(app.state.browse.level, crate::tui::state::browse::Level::Files);
    let popups = app.state.popups.len();
    app.keys("s");
    assert_eq!(app.state.popups.len(), popups, "{}", app.screen());
}

#[test]
fn an_empty_pane_says_what_to_press() {
    let mut app = App::new();
    app.keys("2");
    assert!(app.screen().contains("choose a registry and press enter"));
    app.keys("1 enter");
    app.answer_list(&[], None);
    let screen = app.screen();
    assert!(screen.contains("no repositories here") && screen.contains("N opens a repository"), "{screen}");
    app.keys("r").answer_list(&["a"], None);
    app.keys("enter").answer_list(&[], None);
    assert!(app.screen().contains("no tags here") && app.screen().contains("r asks again"));
    app.keys("r").answer_list(&["1"], None);
    app.keys("/").write("zzz");
    assert!(app.screen().contains("no tags match; esc drops the filter"), "{}", app.screen());
    app.keys("enter");
    assert!(app.screen().contains("no tags match; esc drops the filter"));
    app.keys("esc");
    assert_eq!(app.state.browse.list().len(), 1);
    let mut app = hub();
    let unlisted = failure(ErrorClass::Auth, "list repositories docker.io: 401", None);
    app.keys("enter").answer_list(&[], Some(unlisted)).keys("esc");
    let screen = app.screen();
    assert!(screen.contains("lists its repositories to nobody") && screen.contains("s searches"), "{screen}");
}

#[test]
fn details_tell_everything_and_say_that_they_scroll() {
    let mut app = App::new();
    app.at_tags().answer_lookups();
    app.pass(DEBOUNCE);
    let referrers = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Upkeep(Upkeep::Referrers(at, digest)) => Some((at, digest)),
        _ => None,
    });
    let (at, digest) = referrers.unwrap();
    assert_eq!(at.to_string(), "harbor.prod/team-a/api:latest");
    let referrer = |kind: &str| crate::engine::Referrer {
        kind: kind.to_owned(),
        digest: Digest::of(kind.as_bytes()),
        size: 900,
    };
    let found = vec![referrer("sig"), referrer("application/spdx+json")];
    app.tell(Msg::Upkeep(Answer::Referrers(digest, Ok(found))));
    app.pass(DEBOUNCE * 2);
    assert!(
        !app.take_effects().iter().any(|effect| matches!(effect, Effect::Upkeep(Upkeep::Referrers(..)))),
        "asked once"
    );
    let screen = app.screen();
    assert!(screen.contains("referrers sbom, sig"), "{screen}");
    app.keys("0 j j");
    assert!(app.screen().contains("0 Details 1"), "{}", app.screen());
    app.keys("2 + i");
    insta::assert_snapshot!("inspect_everything_120x36", body(&mut app, 120, 36));
    app.state.words = crate::config::Language::Chinese;
    insta::assert_snapshot!("inspect_zh_80x24", body(&mut app, 80, 24));
    app.state.words = crate::config::Language::English;
    // On the level of the platforms, the one under the cursor.
    app.keys("esc + enter j i");
    let screen = app.screen();
    assert!(screen.contains("linux/arm64") && screen.contains("env VERSION"), "{screen}");
}

pub(super) fn make_garbage(app: &mut App) {
    let some = crate::engine::Garbage { manifests: 0, blobs: 12, bytes: 71_000_000, recent: 5_000_000 };
    app.keys("ctrl-g").tell(Msg::Upkeep(Answer::Garbage { dry_run: true, answer: Ok(some) }));
}

#[test]
fn the_stores_garbage_is_shown_before_it_goes() {
    let garbage = |blobs, bytes, recent| crate::engine::Garbage { manifests: 0, blobs, bytes, recent };
    let mut app = App::new();
    app.keys("ctrl-g");
    assert_eq!(asked(&mut app), [Upkeep::Garbage { dry_run: true }]);
    app.tell(Msg::Upkeep(Answer::Garbage { dry_run: true, answer: Ok(garbage(0, 0, 5_000_000)) }));
    assert!(app.screen().contains("nothing to collect yet: 5.0 MB"), "{}", app.screen());
    let some = Answer::Garbage { dry_run: true, answer: Ok(garbage(12, 71_000_000, 0)) };
    app.state.zoom = true;
    app.tell(Msg::Upkeep(some));
    insta::assert_snapshot!("garbage_80x24", body(&mut app, 80, 24));
    app.keys("enter");
    assert!(asked(&mut app).is_empty() && app.state.popups.is_empty(), "keeping it is the first choice");
    let some = Answer::Garbage { dry_run: true, answer: Ok(garbage(12, 71_000_000, 0)) };
    app.tell(Msg::Upkeep(some)).keys("j enter");
    assert_eq!(asked(&mut app), [Upkeep::Garbage { dry_run: false }]);
    app.tell(Msg::Upkeep(Answer::Garbage { dry_run: false, answer: Ok(garbage(12, 71_000_000, 0)) }));
    assert!(app.screen().contains("freed 71 MB: 12 blobs"));
}

#[test]
fn a_comparison_asks_anew_and_an_absent_target_is_no_failure() {
    let mut app = App::new();
    app.at_tags();
    settle(&mut app);
    app.keys("G D");
    let Some(Upkeep::Compare { request, a, .. }) = asked(&mut app).pop() else { panic!("{}", app.screen()) };
    app.tell(Msg::Upkeep(Answer::Absent { request, at: (*a).clone() }));
    assert!(!app.state.spinning() && app.screen().contains(&format!("the target has no {a} yet")));
    assert_eq!(app.state.digests.value(&*a), Some(&None));
}

#[test]
fn matches_of_the_filter_are_shown_in_the_names() {
    let mut app = App::new();
    app.at_tags().keys("/").write("1.9").keys("enter");
    let underlined = |app: &mut App| {
        let (width, height) = app.state.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
        // The first three rows of the browser; keys and what is typed are underlined, too.
        let cells = (2..5).flat_map(|y| (24..60).map(move |x| (x, y)));
        let buffer = terminal.backend().buffer();
        let hits = cells.map(|at| &buffer[at]).filter(|cell| cell.modifier.contains(Modifier::UNDERLINED));
        hits.map(|cell| cell.symbol().to_owned()).collect::<String>()
    };
    assert_eq!(underlined(&mut app), "1.91.9");
    app.keys("esc");
    assert_eq!(underlined(&mut app), "");
}

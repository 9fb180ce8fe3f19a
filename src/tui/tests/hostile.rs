//! Text from registries, files and other people that wants to disturb the screen: escape sequences, bidirectional marks,
//! zero-width and wide characters, ten thousand of them. Every view is drawn with it, and every cell is looked at.

use super::*;
use crate::config::credentials::LoginTarget;
use crate::engine::{
    Change, Deletion, FoundRepository, ImageDiff, LayerDiff, PlatformDiff, PlatformLine, Referrer, TagMove,
};
use crate::job::{JobEvent, Level, Plan};
use crate::tui::state::popup::Popup;
use crate::tui::upkeep::{Answer, Upkeep};
use crate::tui::view::text::width;

/// Something of everything.
const EVIL: &str = "a\u{1b}[31;1mb\u{1b}]0;title\u{7}c\u{202e}d\u{2066}e\u{200b}f\u{9b}2Jg\u{0}h\r\n\ti镜\u{200d}像\u{301}\
    \u{fe0f}\u{1f468}\u{200d}\u{1f469}\u{115f}j\u{ad}\u{feff}\u{e0041}k\u{3000}ｗ";

fn evil() -> String {
    format!("{EVIL}{}", "长x\u{202e}\u{1b}".repeat(2_500))
}

/// Looks at every cell of the screen in several sizes.
fn check(app: &mut App, what: &str) {
    let before = app.state.size;
    for (columns, rows) in [(120, 36), (97, 30), (80, 24), (61, 17), (60, 16), (45, 12), (31, 7)] {
        app.tell(Msg::Resize(columns, rows));
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| view(&app.state, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        for y in 0..rows {
            let mut x = 0;
            while x < columns {
                let symbol = buffer[(x, y)].symbol();
                for c in symbol.chars() {
                    let shows = !c.is_control()
                        && crate::oci::printable(&c.to_string(), 9) == c.to_string().trim_end();
                    assert!(shows, "{what} at {columns}x{rows}: {:?} at {x},{y}", symbol);
                }
                x += width(symbol).max(1) as u16;
            }
            assert_eq!(x, columns, "{what} at {columns}x{rows}: row {y} is wider than the screen");
        }
    }
    app.tell(Msg::Resize(before.0, before.1));
}

fn evil_failure() -> Failure {
    failure(ErrorClass::Auth, &format!("get manifest {}", evil()), Some(&evil()))
}

fn evil_image(at: &Location) -> Image {
    let mut image = image(at);
    let pairs = |n: usize| (0..n).map(|n| (format!("{EVIL}{n}"), evil())).collect::<Vec<_>>();
    for platform in &mut image.platforms {
        platform.labels = pairs(300);
        platform.settings = pairs(300);
        platform.annotations = pairs(3);
        platform.history = vec![evil(), evil()];
        platform.created = Some(evil());
        platform.command = vec![evil(); 3];
        platform.layers.iter_mut().for_each(|layer| layer.media_type = evil());
    }
    image.descriptor.media_type = evil();
    image.annotations = pairs(3);
    image
}

/// In the tags of a repository that mean ill.
fn at_evil_tags() -> App {
    let mut app = App::new();
    let names = [evil(), EVIL.to_owned(), "镜像".repeat(100), "v1".to_owned()];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    app.keys("enter").answer_list(&["team-a/api"], None).keys("enter").answer_list(&names, None);
    assert!(app.state.browse.list_mut().select("v1"));
    app
}

#[test]
fn lists_rows_and_titles() {
    let mut app = App::new();
    let names = [evil(), EVIL.to_owned(), "a".to_owned()];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    app.keys("enter").answer_list(&names, None);
    check(&mut app, "repositories");
    app.keys("enter j enter");
    check(&mut app, "a repository that is none");
    app.keys("/").write("c").keys("enter");
    check(&mut app, "filtered repositories");
    app.keys("esc G enter").answer_list(&names, Some(evil_failure()));
    check(&mut app, "tags that came before an error");
    app.keys("r").answer_list(&[], Some(evil_failure()));
    check(&mut app, "no tags but an error");
    app.keys("1 g g j j enter");
    let generation = app.last_list().0;
    let file = |name: String| FileEntry {
        path: PathBuf::from("downloads").join(name),
        kind: FileKind::Archive,
        size: 5,
        modified: None,
    };
    let files = vec![file(evil()), file(EVIL.replace('/', ""))];
    app.tell(Msg::Files { generation, files }).tell(Msg::ListEnd { generation, failure: None });
    check(&mut app, "files");
    app.keys("space m");
    check(&mut app, "a file that is marked");
    app.keys("esc i");
    check(&mut app, "a file's details");
    app.keys("esc s").write("x").keys("esc 1 g g s").write("x").keys("enter");
    let generation = app.last_list().0;
    let found = FoundRepository {
        name: "harbor.prod/o/r".to_owned(),
        description: evil(),
        stars: Some(u64::MAX),
        official: true,
    };
    app.tell(Msg::Found { generation, found: vec![found] });
    check(&mut app, "what a search found");
    app.tell(Msg::ListEnd { generation, failure: Some(evil_failure()) });
    check(&mut app, "a search that ended with an error");
}

#[test]
fn configured_names_and_descriptions() {
    let mut config = config();
    config.registries.insert(0, entry(&evil(), RegistryType::Registry, "https://h.example", &evil()));
    config.registries.insert(1, entry(EVIL, RegistryType::LocalFile, EVIL, EVIL));
    config.downloads = PathBuf::from(evil());
    let mut app = App::with(config);
    check(&mut app, "registries");
    app.keys("enter");
    check(&mut app, "a registry's title");
    app.answer_list(&[], Some(evil_failure()));
    check(&mut app, "a registry that refuses");
    app.keys("1 t j t");
    check(&mut app, "a target");
    app.tell(Msg::NotReady(evil()));
    check(&mut app, "no engine");
}

#[test]
fn images_and_their_popups() {
    let mut app = at_evil_tags();
    let at: Location = "harbor.prod/team-a/api:v1".parse().unwrap();
    app.pass(DEBOUNCE);
    app.tell(Msg::Inspected(at.clone(), Ok(Arc::new(evil_image(&at)))));
    let digest = image(&at).descriptor.digest;
    let referrer = Referrer { kind: evil(), digest: digest.clone(), size: 5 };
    app.tell(Msg::Upkeep(Answer::Referrers(digest.clone(), Ok(vec![referrer]))));
    check(&mut app, "details");
    for keys in ["0 G", "2 i", "G", "esc enter", "i", "esc space m"] {
        app.keys(keys);
        check(&mut app, keys);
    }
    app.keys("esc h").tell(Msg::Upkeep(Answer::Referrers(digest, Err(evil_failure()))));
    app.keys("i");
    check(&mut app, "referrers that were refused");
    app.keys("esc").tell(Msg::Inspected(at, Err(evil_failure())));
    check(&mut app, "details of an error");
    app.keys("i");
    check(&mut app, "the popup of an error");
    app.keys("esc g g *").write("re:(").tell(Msg::Paste(evil()));
    app.keys("enter");
    check(&mut app, "a pattern");
}

#[test]
fn upkeep() {
    let mut app = at_evil_tags();
    app.keys("d");
    let at: Location = "harbor.prod/team-a/api:v1".parse().unwrap();
    let request = app.state.plans;
    let deletion = Deletion {
        location: at.clone(),
        digest: Digest::of(b"x"),
        by_digest: true,
        tags: vec![evil(), EVIL.to_owned()],
    };
    let found = vec![(at.clone(), Ok(deletion)), (at.clone(), Err(evil_failure()))];
    app.tell(Msg::Upkeep(Answer::Found { request, found }));
    check(&mut app, "a deletion");
    app.keys("esc D");
    let request = app.state.plans;
    let change = || vec![Change { key: EVIL.to_owned(), a: Some(evil()), b: Some(evil()) }];
    let descriptor = Descriptor::new(&evil(), Digest::of(b"x"), 5);
    let diff = ImageDiff {
        a: evil(),
        b: evil(),
        same: false,
        descriptor_a: descriptor.clone(),
        descriptor_b: Descriptor::new(EVIL, Digest::of(b"y"), 5),
        size_a: 5,
        size_b: 5,
        annotations: change(),
        only_a: vec![PlatformLine { platform: evil(), digest: Digest::of(b"x"), size: 5 }],
        only_b: Vec::new(),
        platforms: vec![PlatformDiff {
            platform: evil(),
            same: false,
            digest_a: Digest::of(b"x"),
            digest_b: Digest::of(b"y"),
            size_a: 5,
            size_b: 5,
            layers: LayerDiff {
                common: Vec::new(),
                only_a: Vec::new(),
                only_b: Vec::new(),
                recompressed: Vec::new(),
            },
            config: change(),
            annotations: change(),
        }],
    };
    app.tell(Msg::Upkeep(Answer::Compared { request, answer: Ok(Box::new(diff)) }));
    check(&mut app, "a comparison");
    app.keys("G");
    check(&mut app, "a comparison's end");
    app.keys("esc D");
    let request = app.state.plans;
    app.tell(Msg::Upkeep(Answer::Compared { request, answer: Err(evil_failure()) }));
    check(&mut app, "a comparison that was refused");
    app.keys("esc");
    let moved = TagMove { location: evil(), old: Digest::of(b"x"), new: Digest::of(b"y") };
    let specs = vec![JobSpec::copy(at.clone(), at.clone())];
    app.tell(Msg::Upkeep(Answer::Moves(specs, Ok(vec![moved]))));
    check(&mut app, "tags that would move");
    app.keys("esc").tell(Msg::Upkeep(Answer::Tagged(Ok(vec![evil()]))));
    check(&mut app, "tags that were set");
    app.keys("L");
    if let Some(Popup::Login(form)) = app.state.popups.last_mut() {
        form.error = Some(crate::oci::printable(&evil(), 300));
    }
    app.tell(Msg::Paste(evil()));
    check(&mut app, "a login");
    let target = LoginTarget { registry: "h.example".parse().unwrap(), part: None };
    app.keys("esc").tell(Msg::LoggedOut(target, Err(evil_failure())));
    check(&mut app, "a logout");
}

#[test]
fn the_queue_its_plan_and_the_jobs() {
    let mut app = at_evil_tags();
    app.keys("a n").tell(Msg::Paste(format!("nginx:1\n{}", evil())));
    check(&mut app, "what was pasted");
    app.keys("enter S");
    let Some(Popup::Plan(preview)) = app.state.popups.last() else { panic!("{}", app.screen()) };
    let generation = preview.generation;
    let drafts: Vec<_> = preview.rows.iter().map(|row| row.draft).collect();
    let plan = Plan {
        source: evil(),
        found: Descriptor::new(media_type::OCI_INDEX, Digest::of(b"i"), 10),
        arrives: Descriptor::new(media_type::OCI_INDEX, Digest::of(b"i"), 10),
        platforms: Vec::new(),
        referrers: Vec::new(),
        manifests: Vec::new(),
        blobs: Vec::new(),
        destinations: Vec::new(),
        notes: vec![evil()],
        images: Vec::new(),
    };
    app.tell(Msg::Planned { generation, draft: drafts[0], outcome: Ok(Box::new(plan)) });
    app.tell(Msg::Planned { generation, draft: drafts[1], outcome: Err(evil_failure()) });
    check(&mut app, "a plan");
    app.keys("esc").tell(Msg::Submitted(drafts[0], Err(evil_failure())));
    check(&mut app, "a draft that was refused");
    let mut failed = job(1, "harbor.prod/a/b:1", JobState::Failed);
    failed.failure = Some(evil_failure());
    app.tell(sampled(vec![failed, job(2, "harbor.prod/a/b:2", JobState::Running)]));
    let at = jiff::civil::time(12, 4, 11, 0);
    app.tell(Msg::Event(at, JobEvent::Note { job: Some(JobId(1)), level: Level::Info, text: evil() }));
    check(&mut app, "jobs and log");
    for keys in ["4 g g enter", "esc 4 j enter", "5", "3", "q"] {
        app.keys(keys);
        check(&mut app, keys);
    }
    app.keys("esc").tell(Msg::Refused(JobId(1), evil_failure()));
    check(&mut app, "a refusal");
}

#[test]
fn what_was_asked_of_nobody_is_answered_with_what_it_is() {
    // The engine's refusals reach the screen through the same way.
    let refused = Upkeep::Garbage { dry_run: true }.refused(&evil_failure());
    let mut app = App::new();
    app.tell(Msg::Upkeep(refused));
    check(&mut app, "garbage that could not be looked for");
}

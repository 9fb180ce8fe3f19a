//! Whole screens, compared with what was agreed on.

use insta::assert_snapshot;

use super::*;
use crate::job::{JobEvent, Level, Plan, PlannedBlob, PlannedDestination, Presence, TagChange};
use crate::tui::state::popup::Popup;

/// In the middle of an evening: tags marked, drafts queued, jobs in every state.
fn busy() -> App {
    let mut app = App::new();
    make_busy(&mut app);
    app
}

pub(super) fn make_busy(app: &mut App) {
    app.at_tags().answer_lookups().keys("j space space");
    app.answer_lookups();
    app.keys("n").write("ghcr.io/o/tool:2 nginx:1.27").keys("enter");
    let mut done = job(5, "harbor.prod/team-b/web:v3", JobState::Succeeded);
    done.report = Some(crate::job::Report {
        wire: 90_000_000,
        reused: 10_000_000,
        millis: 3200,
        ..crate::job::Report::default()
    });
    let jobs = vec![
        job(1, "harbor.prod/team-a/api:v1.9.2", JobState::Running),
        job(2, "harbor.prod/team-c/db:v2", JobState::Failed),
        job(3, "harbor.prod/team-d/a-rather-long-repository-name/that-is-cut:1.0", JobState::Running),
        job(4, "nginx:1.27", JobState::Queued),
        done,
        job(6, "harbor.prod/a/b:1", JobState::Paused),
    ];
    for step in 0..=50u64 {
        let mut sample = jobs.clone();
        sample[0].progress.wire = 10_000_000 + step * 600_000;
        app.state.now = Duration::from_secs(10) + Duration::from_millis(100 * step);
        app.tell(sampled(sample));
    }
    let at = jiff::civil::time(12, 4, 11, 0);
    app.tell(Msg::Event(
        at,
        JobEvent::Moved { job: JobId(1), from: JobState::Planning, to: JobState::Running },
    ));
    let reason = "upload blob dr-b.example/x: 429".to_owned();
    let class = ErrorClass::RateLimit;
    app.tell(Msg::Event(at, JobEvent::Retry { job: None, reason, class, attempt: 2, of: 5, delay: 4000 }));
    let text = "工具 \u{1b}[31mred".to_owned();
    app.tell(Msg::Event(at, JobEvent::Note { job: None, level: Level::Info, text }));
    app.state.jobs.expanded.insert(JobId(1));
    app.state.message = None;
}

#[test]
fn the_first_frame() {
    let mut app = App::new();
    app.state.engine = crate::tui::state::EngineState::Starting;
    let screen = app.screen();
    assert!(screen.contains("Registries") && screen.contains("starting…"));
    assert_snapshot!("first_120x36", screen);
}

#[test]
fn a_busy_evening_in_every_size_and_symbol_set() {
    let mut app = busy();
    for (width, height) in [(120, 36), (100, 30), (80, 24), (60, 16), (50, 12), (20, 4)] {
        let screen = app.screen_at(width, height);
        assert_snapshot!(format!("busy_{width}x{height}"), screen);
        // Colour says nothing that is not also said without it.
        let dark = std::mem::replace(&mut app.state.theme, Theme::mono());
        assert_eq!(app.screen_at(width, height), screen);
        app.state.theme = dark;
    }
    app.keys("2 h");
    assert_snapshot!("repositories_80x24", app.screen_at(80, 24));
    app.keys("enter 4");
    assert_snapshot!("busy_jobs_80x24", app.screen_at(80, 24));
    app.keys("2").ascii();
    let screen = app.screen_at(120, 36);
    let foreign: String =
        screen.chars().filter(|c| !c.is_ascii() && !"本地文件工具镜像".contains(*c)).collect();
    assert_eq!(foreign, "", "the ascii set draws nothing beyond ASCII but what registries and people write");
    assert_snapshot!("busy_ascii_120x36", screen);
}

#[test]
fn wide_characters_are_aligned_and_nothing_is_drawn_beyond_the_edge() {
    let mut app = busy();
    for width in (30..130).step_by(9) {
        for height in [6, 16, 22, 36] {
            for keys in ["1", "2", "3", "4", "5", "0", "?", "esc", "i", "esc"] {
                app.keys(keys);
                let screen = app.screen_at(width, height);
                for line in screen.lines() {
                    assert!(
                        crate::tui::view::text::width(line) <= usize::from(width),
                        "{width}x{height}\n{screen}"
                    );
                }
            }
            assert!(app.state.popups.is_empty());
        }
    }
    assert!(!busy().screen().contains('\x1b'));
}

#[test]
fn filter_and_errors() {
    let mut app = App::new();
    app.at_tags().keys("/").write("1.9");
    let screen = app.screen();
    assert!(screen.contains("filter: 1.9▏ 2/5"), "{screen}");
    let mut app = App::new();
    let refused = failure(
        ErrorClass::Auth,
        "list tags harbor.prod/team-a/api: 401 UNAUTHORIZED",
        Some("wharf login harbor.prod"),
    );
    app.keys("enter").answer_list(&["team-a/api"], None);
    app.keys("enter").answer_list(&[], Some(refused));
    assert_snapshot!("error_80x24", app.screen_at(80, 24));
}

#[test]
fn the_plan_shows_what_travels_and_what_is_overwritten() {
    let mut app = App::new();
    make_plan(&mut app);
    assert_snapshot!("plan_120x36", app.screen_at(120, 36));
    assert_snapshot!("plan_60x16", app.screen_at(60, 16));
}

/// The plan of three drafts: one that travels, one that is there, one that is refused.
pub(super) fn make_plan(app: &mut App) {
    app.at_tags()
        .keys("space space space e n")
        .write("ghcr.io/o/r:2 工具")
        .keys("ctrl-u")
        .write("ghcr.io/o/r:2 nginx:1")
        .keys("enter S");
    let Some(Popup::Plan(preview)) = app.state.popups.last() else { panic!() };
    let (generation, drafts): (u64, Vec<_>) =
        (preview.generation, preview.rows.iter().map(|row| row.draft).collect());
    let blob = |n: u8, size| PlannedBlob {
        descriptor: Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(&[n]), size),
        is_config: false,
    };
    let plan = |up_to_date| Plan {
        source: "s".to_owned(),
        found: Descriptor::new(media_type::OCI_INDEX, Digest::of(b"i"), 10),
        arrives: Descriptor::new(media_type::OCI_INDEX, Digest::of(b"i"), 10),
        platforms: vec!["linux/amd64".parse().unwrap(), "linux/arm64".parse().unwrap()],
        referrers: Vec::new(),
        manifests: Vec::new(),
        blobs: vec![blob(1, 71_000_000), blob(2, 140_000_000)],
        destinations: vec![PlannedDestination {
            location: "d".to_owned(),
            presence: vec![Presence::Absent, Presence::Present],
            tags: vec![TagChange {
                tag: "latest".parse().unwrap(),
                old: Some(Digest::of(b"o")),
                new: Digest::of(b"i"),
            }],
            image_there: false,
            referrers: Vec::new(),
            up_to_date,
        }],
        notes: vec!["linux/amd64 was chosen".to_owned()],
        images: Vec::new(),
    };
    let outcomes = [
        Ok(Box::new(plan(false))),
        Ok(Box::new(plan(true))),
        Err(failure(
            ErrorClass::Auth,
            "get manifest harbor.prod/team-a/api:v1.9.2: 401",
            Some("wharf login harbor.prod"),
        )),
    ];
    for (draft, outcome) in drafts.into_iter().zip(outcomes) {
        app.tell(Msg::Planned { generation, draft, outcome });
    }
}

#[test]
fn popups_look_like_this() {
    let mut app = busy();
    app.keys("i");
    assert_snapshot!("inspect_120x36", app.screen_at(120, 36));
    app.keys("esc q");
    assert_snapshot!("quit_80x24", app.screen_at(80, 24));
    app.keys("esc :").write("mar");
    assert_snapshot!("palette_80x24", app.screen_at(80, 24));
    app.keys("esc 4 j j enter");
    assert_snapshot!("why_80x24", app.screen_at(80, 24));
    app.keys("esc n").write("Bad").keys("enter");
    assert_snapshot!("prompt_80x24", app.screen_at(80, 24));
}

#[test]
fn files_and_the_images_in_them() {
    let mut app = App::new();
    app.at_files().keys("space");
    assert_snapshot!("files_120x36", app.screen_at(120, 36));
    assert_snapshot!("files_60x16", app.screen_at(60, 16));
    let mut app = App::new();
    app.at_images().answer_lookups().keys("j space");
    app.answer_lookups();
    assert_snapshot!("images_120x36", app.screen_at(120, 36));
    assert_snapshot!("images_80x24", app.screen_at(80, 24));
    app.ascii();
    let screen = app.screen_at(80, 24);
    assert!(screen.chars().all(|c| c.is_ascii() || "本地文件".contains(c)), "{screen}");
}

#[test]
fn logging_in_looks_like_this() {
    let mut app = busy();
    app.keys("4 g g j j L");
    app.write("镜像机器人").keys("tab").write("hunter2");
    assert_snapshot!("login_80x24", app.screen_at(80, 24));
    if let Some(Popup::Login(form)) = app.state.popups.last_mut() {
        form.error = Some("log in to dr-b.example: 401 UNAUTHORIZED: authentication required".to_owned());
        form.password.clear();
    }
    assert_snapshot!("login_refused_60x16", app.screen_at(60, 16));
    app.ascii();
    let screen = app.screen_at(50, 12);
    assert!(screen.contains("401") && screen.contains("password"), "{screen}");
}

//! The queue, its options, the target, what is pasted and imported, and the plan.

use super::flows::queue;
use super::*;
use crate::config::TagFilter;
use crate::job::{Plan, PlannedBlob, PlannedDestination, Presence, TagChange};
use crate::oci::Platforms;
use crate::tui::completion::Completed;
use crate::tui::import::{Import, Imported};
use crate::tui::state::paste::Bad;
use crate::tui::state::popup::Popup;
use crate::tui::state::preview::Holding;
use crate::tui::state::queue::{Draft, DraftId, Goal, Options, Wanted};
use crate::tui::upkeep::{Answer, Upkeep};

/// Three drafts.
fn three(app: &mut App) -> &mut App {
    app.keys("n").write("nginx:1 redis:7 ghcr.io/o/r:2").keys("enter 3")
}

/// A plan that sends `size` bytes in a blob of its own, and overwrites a tag or not.
fn plan(draft: DraftId, size: u64, overwrites: bool) -> Box<Plan> {
    let own = Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(&draft.0.to_be_bytes()), size);
    let old = overwrites.then(|| Digest::of(b"old"));
    let tags = vec![TagChange { tag: "1".parse().unwrap(), old, new: Digest::of(b"new") }];
    let to = |location: &str| PlannedDestination {
        location: location.to_owned(),
        presence: vec![Presence::Absent],
        tags: tags.clone(),
        image_there: false,
        referrers: Vec::new(),
        up_to_date: false,
    };
    Box::new(Plan {
        source: "s".to_owned(),
        found: own.clone(),
        arrives: own.clone(),
        platforms: vec!["linux/amd64".parse().unwrap()],
        referrers: Vec::new(),
        manifests: Vec::new(),
        blobs: vec![PlannedBlob { descriptor: own, is_config: false }],
        destinations: vec![to("d")],
        notes: Vec::new(),
        images: Vec::new(),
    })
}

fn preview(app: &App) -> &crate::tui::state::plan::PlanPreview {
    match app.state.popups.last() {
        Some(Popup::Plan(preview)) => preview,
        _ => panic!("no plan is shown"),
    }
}

/// Answers the plans that were asked for; those of `overwriting` overwrite.
fn answer_plans(app: &mut App, overwriting: &[usize]) {
    let preview = preview(app);
    let (generation, drafts): (u64, Vec<DraftId>) =
        (preview.generation, preview.rows.iter().map(|row| row.draft).collect());
    for (n, draft) in drafts.into_iter().enumerate() {
        let outcome = Ok(plan(draft, 1_000_000 * (n as u64 + 1), overwriting.contains(&n)));
        app.tell(Msg::Planned { generation, draft, outcome });
    }
}

fn submitted(app: &mut App) -> Option<Vec<String>> {
    app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Submit(jobs) => Some(jobs.iter().map(|(_, spec)| spec.source.to_string()).collect()),
        _ => None,
    })
}

pub(super) fn make_marked(app: &mut App) {
    three(app).keys("g g space");
    let to = "dr-b.example/mirror/library/redis:7".parse().unwrap();
    app.state.queue.add(vec![Draft::new(
        "quay.io/x/redis:7".parse().unwrap(),
        Goal::Copy(vec![to]),
        Options::default(),
    )]);
    app.keys("+ j v");
}

pub(super) fn make_target(app: &mut App) {
    three(app).keys("T tab").write("store:").keys("tab");
    app.tell(Msg::Key(KeyEvent::from(KeyCode::Left)))
        .keys("tab ctrl-u")
        .write("library/(.*)")
        .keys("tab ctrl-u");
    app.write("base/$1");
}

pub(super) fn make_options(app: &mut App) {
    app.at_tags().answer_lookups().keys("j A");
    app.answer_lookups().keys("down down space tab tab").write("stable a/b").keys("enter");
}

pub(super) fn make_question(app: &mut App) {
    three(app).keys("S");
    answer_plans(app, &[1]);
    app.keys("enter");
}

pub(super) fn make_rule(app: &mut App) {
    let repository: Location = "harbor.prod/team-a/api".parse().unwrap();
    let goal = app.state.goal(&repository).unwrap();
    let filter: TagFilter = "v1.*".parse().unwrap();
    app.state.queue.add(vec![Draft::rule(repository, filter, goal, Options::default())]);
    three(app).keys("S");
    let asked = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Upkeep(Upkeep::Tags { request, rules }) => Some((request, rules)),
        _ => None,
    });
    let (request, rules) = asked.unwrap();
    let tags = (0..9).map(|n| format!("v1.{n}").parse().unwrap()).collect();
    app.tell(Msg::Upkeep(Answer::Tags { request, found: vec![(rules[0].0, Ok(tags))] }));
    answer_plans(app, &[5]);
    app.keys("j j j");
}

fn import(app: &mut App, path: &str) -> u64 {
    app.take_effects();
    app.keys("I").write(path).keys("enter");
    let asked = app.take_effects().into_iter().find_map(|effect| match effect {
        Effect::Import(Import::File { request, .. }) => Some(request),
        _ => None,
    });
    asked.unwrap()
}

pub(super) fn make_faults(app: &mut App) {
    let request = import(app, "images.json");
    let bad = |line, field: &str, reason: &str| Bad {
        line: Some(line),
        text: field.to_owned(),
        reason: reason.to_owned(),
    };
    let bad = vec![
        bad(3, "[0].source", "\"UP\" is no image reference: the repository's name must be lower case"),
        bad(9, "[1].tgas", "no such key; the nearest valid key is \"tags\""),
    ];
    let holding = Holding { bad, refused: true, ..Holding::default() };
    app.tell(Msg::Imported(Imported::Read(request, Ok(Box::new(holding)))));
}

pub(super) fn make_import(app: &mut App) {
    let request = import(app, "工作/wharf.yaml");
    let wanted = |source: &str, goal| Wanted {
        goal,
        options: Options {
            platforms: Platforms::from_list(vec!["linux/amd64".parse().unwrap()]),
            ..Options::default()
        },
        ..Wanted::all(source.parse().unwrap())
    };
    let to = |text: &str| Some(Goal::Copy(vec![text.parse().unwrap(), "store:kept:1".parse().unwrap()]));
    let holding = Holding {
        wanted: vec![
            wanted("nginx:1", None),
            wanted("ghcr.io/team/a-longer-name:v1.2.3", to("h.io/x:1")),
            wanted("redis:7", Some(Goal::Export("d".into()))),
        ],
        duplicates: 2,
        notes: vec!["line 7: none of the 12 tags of quay.io/a/b fits".to_owned()],
        ..Holding::default()
    };
    app.tell(Msg::Imported(Imported::Read(request, Ok(Box::new(holding))))).keys("j space");
}

#[test]
fn what_is_marked_in_the_queue_changes_moves_and_goes_together() {
    let mut app = App::new();
    three(&mut app).keys("g g v j >");
    let priorities = |app: &App| -> Vec<i32> {
        app.state.queue.drafts().iter().map(|draft| draft.options.priority).collect()
    };
    assert_eq!(priorities(&app), [1, 1, 0]);
    app.keys("v g g J");
    assert!(queue(&app)[0].starts_with("ghcr.io/o/r:2"), "{:?}", queue(&app));
    app.keys("x");
    assert_eq!(queue(&app).len(), 1);
    assert!(app.screen().contains("2 removed; u brings back"), "{}", app.screen());
    app.keys("u");
    assert!(app.screen().contains("undone: 2 removed; U does it again"), "{}", app.screen());
    app.keys("u u");
    assert!(app.screen().contains("undone: the options of 2"), "{}", app.screen());
    assert_eq!(priorities(&app), [0, 0, 0]);
    app.keys("u u");
    assert!(app.state.queue.drafts().is_empty() && app.screen().contains("nothing to undo"));
    app.keys("U U U U");
    assert_eq!(queue(&app).len(), 1);
}

#[test]
fn a_priority_goes_with_the_job() {
    let mut app = App::new();
    app.keys("n").write("nginx:1").keys("enter 3 > >");
    let draft = app.state.queue.drafts()[0].id;
    app.take_effects();
    app.tell(Msg::Submitted(draft, Ok(JobId(7))));
    assert_eq!(app.take_effects(), [Effect::Prioritise(JobId(7), 2)]);
}

#[test]
fn options_of_what_is_added_are_chosen_first() {
    let mut app = App::new();
    make_options(&mut app);
    let screen = app.screen();
    assert!(screen.contains("linux/arm64") && app.state.queue.drafts().is_empty(), "{screen}");
    assert!(screen.contains("a/b"), "the fault stands at its line: {screen}");
    app.keys("ctrl-u").write("stable").keys("enter");
    assert_eq!(app.state.popups.len(), 0, "{}", app.screen());
    let draft = &app.state.queue.drafts()[0];
    let spec = draft.spec().unwrap();
    assert_eq!(spec.tags, ["stable".parse().unwrap()]);
    assert_eq!(spec.platforms, Platforms::from_list(vec!["linux/amd64".parse().unwrap()]));
    app.keys("3 enter tab");
    let screen = app.screen();
    assert!(screen.contains("Options") && screen.contains("stable"), "{screen}");
    app.keys("S-tab ctrl-u").write("mirror.example/x:9").keys("enter");
    assert!(queue(&app)[0].ends_with("→ mirror.example/x:9"), "{:?}", queue(&app));
    app.keys("u");
    assert!(queue(&app)[0].contains("dr-b.example/mirror"), "{:?}", queue(&app));
}

#[test]
fn options_of_many_change_only_what_is_touched() {
    let mut app = App::new();
    three(&mut app).keys("g g > v G enter");
    let screen = app.screen();
    assert!(screen.contains("3 images") && screen.contains("(each its own)"), "{screen}");
    // The first line of several is their platforms.
    app.write("s390x").keys("enter");
    let drafts = app.state.queue.drafts();
    let only = Platforms::from_list(vec!["linux/s390x".parse().unwrap()]);
    assert!(drafts.iter().all(|draft| draft.options.platforms == only));
    assert_eq!(drafts.iter().map(|draft| draft.options.priority).collect::<Vec<_>>(), [1, 0, 0]);
}

#[test]
fn a_target_is_proposed_named_and_tried_out() {
    let mut app = App::new();
    three(&mut app).keys("T ctrl-u").write("mirr").keys("down");
    let screen = app.screen();
    assert!(screen.contains("localhost:5001"), "{screen}");
    app.keys("enter");
    assert_eq!(app.state.target.as_ref().unwrap().to_string(), "localhost:5001");
    assert!(queue(&app)[0].contains("dr-b.example"), "what has a place keeps it");
    app.keys("T tab").write("store:").keys("tab space space space space");
    let screen = app.screen();
    assert!(screen.contains("the last part only"), "{screen}");
    assert!(screen.contains("→ localhost:5001/nginx:1, store:nginx:1"), "{screen}");
    app.keys("tab space enter");
    assert_eq!(queue(&app)[2], "ghcr.io/o/r:2 → localhost:5001/r:2, store:r:2");
    assert!(app.screen().contains("mirror, store"), "the header shows both: {}", app.screen());
    app.keys("u");
    assert!(queue(&app)[2].contains("dr-b.example"), "{:?}", queue(&app));
    app.keys("T ctrl-u").write("mirro").keys("enter");
    assert!(app.screen().contains("did you mean"), "{}", app.screen());
}

#[test]
fn a_rule_names_what_is_added_and_compared() {
    let mut app = App::new();
    make_target(&mut app);
    let screen = app.screen();
    assert!(screen.contains("dr-b.example/mirror/base/nginx:1, store:base/nginx:1"), "{screen}");
    app.keys("enter");
    app.keys("n").write("busybox:1").keys("enter");
    assert!(queue(&app)[3].ends_with("/mirror/base/busybox:1, store:base/busybox:1"), "{:?}", queue(&app));
    let source = "busybox:1".parse().unwrap();
    assert_eq!(app.state.destination(&source).unwrap().to_string(), "dr-b.example/mirror/base/busybox:1");
    app.tell(Msg::Paste("alpine:3\n".to_owned()));
    assert!(app.screen().contains("dr-b.example/mirror/base/alpine:3"), "{}", app.screen());
}

#[test]
fn a_read_only_place_is_no_target() {
    let mut config = config();
    config.registries[1].read_only = true;
    let mut app = App::with(config);
    app.keys("T ctrl-u").write("mirror").keys("enter");
    assert!(app.screen().contains("mirror is read-only"), "{}", app.screen());
    app.keys("esc T ctrl-u").write("localhost:5001/x").keys("enter");
    assert!(app.screen().contains("mirror is read-only"), "{}", app.screen());
}

#[test]
fn rows_of_a_paste_are_left_out_and_made_files() {
    let mut app = App::new();
    app.tell(Msg::Paste("a:1\nb:1\nUP\nc:1\n".to_owned())).keys("j space e");
    let screen = app.screen();
    assert!(screen.contains("3 references, 1 left out, 1 word is none, as files in downloads"), "{screen}");
    app.keys("enter");
    let drafts = app.state.queue.drafts();
    assert_eq!(drafts.len(), 2);
    assert!(drafts.iter().all(|draft| draft.goal == Goal::Export("downloads".into())));
}

#[test]
fn a_paste_of_ten_thousand_is_read_aside_shown_in_a_window_and_added_in_steps() {
    let mut app = App::new();
    let text: String = (0..10_000).map(|n| format!("ghcr.io/team/app-{n}:1\n")).collect();
    app.tell(Msg::Paste(text.clone()));
    let Some(Effect::Import(Import::Text { request, .. })) = app.take_effects().pop() else { panic!() };
    assert!(app.state.spinning() && app.screen().contains("reading it"), "{}", app.screen());
    app.keys("enter");
    assert!(app.screen().contains("still being read"));
    let holding = Holding::from(crate::tui::state::paste::Pasted::read(&text));
    app.tell(Msg::Imported(Imported::Read(request, Ok(Box::new(holding))))).keys("G");
    let screen = app.screen();
    assert!(screen.contains("10000 references") && screen.contains("app-9999:1"), "{screen}");
    // One step at a time: keys come in between.
    app.effects.extend(update(&mut app.state, Msg::Key(KeyEvent::from(KeyCode::Enter))));
    assert!(app.state.has_work() && app.state.queue.drafts().is_empty());
    app.keys("3");
    assert_eq!(app.state.queue.drafts().len(), 10_000);
    app.tell(Msg::Paste("a:1\n".repeat(10_003)));
    let Some(Effect::Import(Import::Text { request, text, .. })) = app.take_effects().pop() else { panic!() };
    let holding = Holding::from(crate::tui::state::paste::Pasted::read(&text));
    app.tell(Msg::Imported(Imported::Read(request, Ok(Box::new(holding)))));
    assert!(app.screen().contains("3 more lines were not read: the limit is 10000"), "{}", app.screen());
}

#[test]
fn a_sync_file_that_is_pasted_is_imported() {
    let mut app = App::new();
    app.tell(Msg::Paste("sources:\r- source: nginx\r  tags: ['1.*']\r".to_owned()));
    let pasted = app.take_effects().pop();
    assert!(matches!(pasted, Some(Effect::Import(Import::Text { to: Some(_), .. }))), "{pasted:?}");
}

#[test]
fn a_file_with_faults_adds_nothing() {
    let mut app = App::new();
    make_faults(&mut app);
    let screen = app.screen();
    assert!(screen.contains("2 faults") && screen.contains("line 9: [1].tgas"), "{screen}");
    app.keys("enter");
    assert!(app.screen().contains("has to be right first"), "{}", app.screen());
    app.keys("esc");
    assert!(app.state.queue.drafts().is_empty() && app.state.popups.is_empty());
}

#[test]
fn an_imported_file_keeps_its_places_and_platforms() {
    let mut app = App::new();
    make_import(&mut app);
    app.keys("enter 3");
    assert_eq!(
        queue(&app),
        ["docker.io/library/nginx:1 → dr-b.example/mirror/library/nginx:1", "docker.io/library/redis:7 → d/"]
    );
    assert!(app.state.queue.drafts().iter().all(|draft| draft.options.platforms != Platforms::All));
    // A file that cannot be read says so, and a path is completed.
    let request = import(&mut app, "nothing");
    let gone = failure(ErrorClass::Config, "read nothing: No such file or directory", None);
    app.tell(Msg::Imported(Imported::Read(request, Err(gone))));
    assert!(app.state.popups.is_empty() && app.screen().contains("No such file"), "{}", app.screen());
    app.keys("I").write("im").keys("tab");
    let Some(Effect::Complete(typed)) = app.take_effects().pop() else { panic!() };
    let names = vec!["images.json".to_owned(), "images.yaml".to_owned()];
    app.tell(Msg::Completed(Completed { typed, text: "images.".to_owned(), names }));
    let screen = app.screen();
    assert!(
        screen.contains("images.▏") || screen.contains("images.") && screen.contains("images.yaml"),
        "{screen}"
    );
}

#[test]
fn a_plan_leaves_rows_out_and_counts_again() {
    let mut app = App::new();
    three(&mut app).keys("S");
    answer_plans(&mut app, &[]);
    assert!(app.screen().contains("3 images · send 6.0 MB · reuse 0 B"), "{}", app.screen());
    app.keys("g g x");
    let screen = app.screen();
    assert!(screen.contains("2 images · send 5.0 MB") && screen.contains("1 left out"), "{screen}");
    app.keys("enter");
    assert_eq!(submitted(&mut app).unwrap().len(), 2);
}

#[test]
fn what_overwrites_is_asked_about_and_the_default_is_safe() {
    let mut app = App::new();
    make_question(&mut app);
    assert!(app.screen().contains("1 tags would be taken"), "{}", app.screen());
    app.keys("enter");
    assert_eq!(submitted(&mut app), None);
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))));
    app.keys("enter esc");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))), "esc goes back to the plan");
    app.keys("enter j enter");
    assert_eq!(submitted(&mut app).unwrap().len(), 2, "only what overwrites nothing");
    let mut app = App::new();
    make_question(&mut app);
    app.keys("k enter");
    assert_eq!(submitted(&mut app).unwrap().len(), 3);
}

#[test]
fn a_start_before_the_plan_is_there_is_asked_about() {
    let mut app = App::new();
    three(&mut app).keys("S enter");
    assert!(app.screen().contains("3 are not planned yet"), "{}", app.screen());
    app.keys("enter");
    assert_eq!(submitted(&mut app), None);
    app.keys("enter j enter");
    assert_eq!(submitted(&mut app).unwrap().len(), 3);
}

#[test]
fn overwriting_in_a_protected_place_needs_its_name() {
    let mut config = config();
    config.registries[1].protected = true;
    config.target = Some("mirror".to_owned());
    let mut app = App::with(config);
    make_question(&mut app);
    assert!(app.screen().contains("mirror is protected: type its name"), "{}", app.screen());
    app.write("miror").keys("enter");
    assert_eq!(submitted(&mut app), None);
    assert!(app.screen().contains("another name"), "{}", app.screen());
    app.write("mirror").keys("enter");
    assert_eq!(submitted(&mut app).unwrap().len(), 3);
}

#[test]
fn a_rules_images_are_folded() {
    let mut app = App::new();
    make_rule(&mut app);
    let screen = app.screen();
    assert!(screen.contains("12 images") && screen.contains("v1.*: 9 tags"), "{screen}");
    assert!(!screen.contains("api:v1.3"), "{screen}");
    app.keys("tab");
    assert!(app.screen().contains("api:v1.3"), "{}", app.screen());
    app.keys("x");
    assert!(app.screen().contains("9 left out"), "{}", app.screen());
}

#[test]
fn the_room_for_files_is_shown() {
    let mut app = App::new();
    app.at_tags().keys("e S");
    let (generation, directories) = app
        .take_effects()
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Room { generation, directories } => Some((generation, directories)),
            _ => None,
        })
        .unwrap();
    assert_eq!(directories, [PathBuf::from("downloads")]);
    answer_plans(&mut app, &[]);
    app.tell(Msg::Room { generation, room: vec![(PathBuf::from("downloads"), 500_000)] });
    let screen = app.screen();
    assert!(
        screen.contains("1 files") && screen.contains("1.0 MB needed, 500 kB free in downloads"),
        "{screen}"
    );
}

#[test]
fn two_hundred_drafts_are_planned_in_a_window() {
    let mut app = App::new();
    let many: String = (0..200).map(|n| format!("ghcr.io/team/app-{n}:1\n")).collect();
    app.tell(Msg::Paste(many)).keys("enter S");
    assert!(app.screen().contains("0/200 planned"), "{}", app.screen());
    answer_plans(&mut app, &[3, 199]);
    app.keys("G");
    let screen = app.screen();
    assert!(
        screen.contains("200/200") && screen.contains("app-199:1") && !screen.contains("app-100:1"),
        "{screen}"
    );
    assert!(screen.contains("is overwritten"), "the cursor's row says everything: {screen}");
    for (width, height) in [(120, 36), (80, 24), (60, 16), (40, 10), (30, 6)] {
        for keys in ["g g", "G", "ctrl-u", "k", "ctrl-d", "j"] {
            app.keys(keys);
            let screen = app.screen_at(width, height);
            let cursor = preview(&app).cursor;
            if height > 10 {
                assert!(
                    screen.contains(&format!("app-{cursor}:1")),
                    "{cursor} at {width}x{height}: {screen}"
                );
            }
        }
    }
}

#[test]
fn what_a_queue_has_is_seen_in_columns_and_clashes_are_told() {
    let mut app = App::new();
    make_marked(&mut app);
    let screen = app.screen();
    let rows: Vec<&str> =
        screen.lines().filter(|line| line.starts_with('│')).filter(|line| line.contains(" → dr-b")).collect();
    assert_eq!(rows.len(), 4, "{screen}");
    let column = |line: &str| line.chars().position(|c| c == '→');
    assert!(rows.iter().all(|row| column(row) == column(rows[0])), "{screen}");
    assert!(rows.iter().any(|row| row.starts_with("│! redis:7")), "{screen}");
}

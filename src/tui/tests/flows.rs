//! Keys → state and effects.

use super::*;
use crate::oci::Platforms;
use crate::tui::action::{Action, TABLE};
use crate::tui::effect::Exit;
use crate::tui::state::Pane;
use crate::tui::state::browse::Level;
use crate::tui::state::listing::Load;
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::Goal;

pub(super) fn queue(app: &App) -> Vec<String> {
    let text = |draft: &Arc<crate::tui::state::queue::Draft>| match draft.spec() {
        Some(spec) => spec.to_string(),
        None => format!("{} → ?", draft.source),
    };
    app.state.queue.drafts().iter().map(text).collect()
}

fn marks(app: &App) -> Vec<String> {
    use crate::tui::state::marks::MarkKey;
    let path = |at: &Location| match at.as_registry() {
        Some(reference) => format!("{}:{}", reference.repository, reference.target()),
        None => at.to_string(),
    };
    let text = |key: &MarkKey| match key {
        MarkKey::Image { at, platform: None } => path(at),
        MarkKey::Image { at, platform: Some(platform) } => format!("{} {platform}", path(at)),
        MarkKey::Whole(place) => format!("all of {place}"),
        MarkKey::Repository(at) => format!("all tags of {at}"),
    };
    app.state.marks.in_order().iter().map(text).collect()
}

#[test]
fn keys_move_the_focus_and_the_cursor() {
    let mut app = App::new();
    app.at_tags();
    for (keys, focus, cursor) in [
        ("2", Pane::Browse, 0),
        ("j j", Pane::Browse, 2),
        ("k", Pane::Browse, 1),
        ("G", Pane::Browse, 4),
        ("j", Pane::Browse, 4),
        ("g g", Pane::Browse, 0),
        ("ctrl-d", Pane::Browse, 4),
        ("ctrl-u", Pane::Browse, 0),
        ("down down up", Pane::Browse, 1),
        ("tab", Pane::Queue, 1),
        ("S-tab S-tab", Pane::Registries, 1),
        ("S-tab", Pane::Details, 1),
        ("0", Pane::Details, 1),
        ("4", Pane::Jobs, 1),
    ] {
        app.keys(keys);
        assert_eq!((app.state.focus, app.state.browse.list().cursor()), (focus, cursor), "after {keys}");
    }
}

#[test]
fn marks_span_repositories_and_survive_filters_and_refreshes() {
    let mut app = App::new();
    app.at_tags().keys("space space / ").write("1.8").keys("enter space esc");
    assert_eq!(marks(&app), ["team-a/api:latest", "team-a/api:v1.10.0-rc1", "team-a/api:v1.8.0"]);
    app.keys("r").answer_list(&["latest", "v2"], None);
    app.keys("h j enter").answer_list(&["1", "2", "3"], None);
    app.keys("v j space");
    assert_eq!(app.state.marks.len(), 5);
    app.keys("ctrl-r");
    assert_eq!(marks(&app)[3..], ["team-b/web:1"]);
    app.keys("V");
    assert_eq!(app.state.marks.len(), 4, "the cursor is not on the marked row");
    app.keys("a");
    assert_eq!(queue(&app)[0], "harbor.prod/team-a/api:latest → dr-b.example/mirror/team-a/api:latest");
    assert_eq!((queue(&app).len(), app.state.marks.len()), (4, 0));
    app.keys("a a");
    assert_eq!(queue(&app).len(), 5, "without marks it is the cursor's row, and only once");
}

#[test]
fn platforms_are_marked_by_themselves() {
    let mut app = App::new();
    app.at_tags().answer_lookups().keys("enter");
    assert_eq!(app.state.browse.level, Level::Platforms);
    app.keys("j space e");
    let draft = &app.state.queue.drafts()[0];
    assert_eq!(draft.options.platforms, Platforms::from_list(vec!["linux/arm64".parse().unwrap()]));
    assert_eq!(draft.goal, Goal::Export(PathBuf::from("downloads")));
    app.keys("h");
    assert_eq!(app.state.browse.level, Level::Tags);
}

#[test]
fn a_tag_that_is_not_known_yet_opens_when_its_image_comes() {
    let mut app = App::new();
    app.at_tags().keys("enter");
    let Some(Effect::Inspect(at)) = app.effects.last().cloned() else { panic!("{:?}", app.effects) };
    assert_eq!(app.state.browse.level, Level::Tags);
    app.tell(Msg::Inspected(at.clone(), Ok(Arc::new(image(&at)))));
    assert_eq!(app.state.browse.level, Level::Platforms);
    // Meanwhile the cursor moved on: nothing opens.
    app.keys("h G enter");
    let Some(Effect::Inspect(at)) = app.effects.last().cloned() else { panic!("{:?}", app.effects) };
    app.keys("k").tell(Msg::Inspected(at.clone(), Ok(Arc::new(image(&at)))));
    assert_eq!(app.state.browse.level, Level::Tags);
    assert!(!app.state.spinning() || app.state.at != Some(at));
}

#[test]
fn stale_answers_are_dropped() {
    let mut app = App::new();
    app.keys("enter");
    let old = app.last_list().0;
    app.keys("1 j enter");
    assert_eq!(app.state.browse.name, "mirror");
    app.tell(Msg::Page { generation: old, names: vec!["not/here".to_owned()] });
    app.tell(Msg::ListEnd { generation: old, failure: Some(failure(ErrorClass::Network, "late", None)) });
    assert_eq!((app.state.browse.list().total(), &app.state.browse.list().load), (0, &Load::Loading));
    app.answer_list(&["a", "b"], None);
    assert_eq!((app.state.browse.list().total(), &app.state.browse.list().load), (2, &Load::Done));
    // A plan of a preview that was closed and opened again.
    app.keys("n").write("nginx:1").keys("enter S esc S");
    let Some(Popup::Plan(plan)) = app.state.popups.last() else { panic!() };
    let (generation, draft) = (plan.generation, plan.rows[0].draft);
    let refused = || Err(failure(ErrorClass::NotFound, "no", None));
    app.tell(Msg::Planned { generation: generation - 1, draft, outcome: refused() });
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(plan)) if plan.waiting()));
    app.tell(Msg::Planned { generation, draft, outcome: refused() });
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(plan)) if !plan.waiting()));
    app.keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))), "what cannot start stays to be read");
}

#[test]
fn a_list_left_while_it_loads_still_ends() {
    let mut app = App::new();
    app.keys("enter");
    let repositories = app.last_list().0;
    app.tell(Msg::Page { generation: repositories, names: vec!["a".to_owned(), "b".to_owned()] });
    app.keys("enter");
    let tags = app.last_list().0;
    app.tell(Msg::ListEnd { generation: repositories, failure: None });
    app.keys("h");
    assert_eq!(app.state.browse.list().load, Load::Done);
    app.tell(Msg::Page { generation: tags, names: vec!["1".to_owned()] })
        .tell(Msg::ListEnd { generation: tags, failure: None });
    let asked = app.effects.len();
    app.keys("enter");
    assert_eq!(
        (app.effects.len(), app.state.browse.list().total()),
        (asked, 1),
        "what is here is not asked for again"
    );
}

#[test]
fn the_cursor_asks_only_when_it_rests_and_only_once() {
    let mut app = App::new();
    app.state.target = None;
    app.at_tags().take_effects();
    app.keys("j").pass(DEBOUNCE / 2).keys("j").pass(DEBOUNCE / 2);
    assert_eq!(app.effects, []);
    assert_eq!(crate::tui::update::deadline(&app.state), Some(app.state.now + DEBOUNCE / 2));
    app.pass(DEBOUNCE / 2);
    let effects = app.take_effects();
    let (images, digests): (Vec<_>, Vec<_>) = effects.iter().partition(|e| matches!(e, Effect::Inspect(_)));
    assert_eq!(images, [&Effect::Inspect("harbor.prod/team-a/api:v1.9.2".parse().unwrap())]);
    assert!(digests.len() == 5 && digests.iter().all(|e| matches!(e, Effect::Resolve(_))), "{digests:?}");
    app.pass(DEBOUNCE * 10).keys("k j").pass(DEBOUNCE);
    let again = app.take_effects();
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(crate::tui::update::deadline(&app.state), None, "nothing is due: the loop sleeps");
}

#[test]
fn only_visible_tags_are_compared_with_the_target() {
    let mut app = App::new();
    app.at_tags().take_effects();
    let names: Vec<String> = (0..3000).map(|n| format!("1.{n}")).collect();
    app.keys("r");
    let generation = app.last_list().0;
    app.tell(Msg::Page { generation, names }).tell(Msg::ListEnd { generation, failure: None });
    app.take_effects();
    app.pass(DEBOUNCE);
    let asked = app.take_effects().iter().filter(|effect| matches!(effect, Effect::Resolve(_))).count();
    assert!((20..80).contains(&asked), "{asked}");
}

#[test]
fn starting_goes_through_the_plan() {
    let mut app = App::new();
    app.at_tags().keys("space space a 3 J S");
    let Some(Popup::Plan(plan)) = app.state.popups.last() else { panic!() };
    let (generation, drafts) = (plan.generation, plan.rows.iter().map(|row| row.draft).collect::<Vec<_>>());
    assert!(
        app.effects.iter().any(|effect| matches!(effect, Effect::Plan { drafts, .. } if drafts.len() == 2))
    );
    let refused = failure(ErrorClass::NotFound, "get manifest: 404", None);
    app.tell(Msg::Planned { generation, draft: drafts[0], outcome: Err(refused) });
    app.keys("enter j enter");
    let submitted = app.effects.iter().find_map(|effect| match effect {
        Effect::Submit(jobs) => Some(jobs.iter().map(|(draft, _)| *draft).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(submitted, Some(vec![drafts[1]]), "what cannot work stays in the queue");
    assert_eq!((app.state.focus, app.state.spinning()), (Pane::Jobs, true));
    app.tell(Msg::Submitted(drafts[1], Ok(JobId(1))));
    assert_eq!((app.state.queue.drafts().len(), app.state.queue.starting.len()), (1, 0));
    app.tell(Msg::Submitted(drafts[0], Err(failure(ErrorClass::Disk, "full", None))));
    assert!(app.state.queue.refusal(drafts[0]).is_some());
}

#[test]
fn a_start_without_a_target_asks_for_it_first() {
    let mut app = App::new();
    app.state.target = None;
    app.at_tags().keys("a S");
    assert_eq!(queue(&app), ["harbor.prod/team-a/api:latest → ?"]);
    app.write("no host").keys("enter");
    let wrong = |form: &crate::tui::state::target::TargetForm| form.form.items[0].error.is_some();
    assert!(matches!(app.state.popups.last(), Some(Popup::Target(form)) if wrong(form)));
    app.keys("ctrl-u").write("mirror").keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Plan(_))));
    assert_eq!(queue(&app), ["harbor.prod/team-a/api:latest → localhost:5001/team-a/api:latest"]);
}

#[test]
fn a_registry_is_chosen_as_the_target_and_a_directory_for_exports() {
    let mut app = App::new();
    app.keys("j t");
    assert_eq!(app.state.target.as_ref().unwrap().to_string(), "localhost:5001");
    app.keys("j t");
    assert_eq!(app.state.target.as_ref().unwrap().to_string(), "localhost:5001");
    app.state.downloads = PathBuf::from("elsewhere");
    app.keys("t");
    assert_eq!(app.state.downloads, PathBuf::from("downloads"));
    app.keys("j j t");
    assert_eq!(app.state.target.as_ref().unwrap().to_string(), "docker-daemon://docker/");
    app.keys("enter");
    assert_eq!(
        app.last_list().1,
        ListRequest::Images(crate::engine::Place::Engine(Some("docker".to_owned())))
    );
}

#[test]
fn what_is_at_the_target_already_is_not_queued() {
    let mut app = App::new();
    app.keys("t").at_tags().keys("a");
    assert!(queue(&app).is_empty() && app.state.message.as_ref().unwrap().1.contains("already"));
    app.keys("e");
    assert_eq!(queue(&app), ["harbor.prod/team-a/api:latest → downloads/"]);
}

#[test]
fn queue_changes_are_undone() {
    let mut app = App::new();
    app.keys("n").write("a:1 b:1, c:1").keys("enter 3 J x u U u u u u");
    assert_eq!(queue(&app).len(), 0);
    app.keys("U");
    assert_eq!(queue(&app).len(), 3);
}

#[test]
fn a_failing_catalog_asks_for_the_repository_and_an_unreachable_one_does_not() {
    let mut app = App::new();
    app.keys("enter").answer_list(&[], Some(failure(ErrorClass::NotFound, "list repositories: 404", None)));
    app.write("team-a/api").keys("enter");
    assert_eq!(
        (app.state.browse.level, app.state.browse.path().as_str()),
        (Level::Tags, "harbor.prod/team-a/api")
    );
    let mut app = App::new();
    app.keys("enter").answer_list(&[], Some(failure(ErrorClass::Network, "connection refused", None)));
    assert!(app.state.popups.is_empty() && app.screen().contains("r asks again"));
    app.keys("r");
    assert_eq!(app.state.browse.list().load, Load::Loading);
    app.answer_list(&["a"], None);
    assert_eq!(app.state.browse.list().load, Load::Done);
}

#[test]
fn esc_unwinds_one_layer_after_the_other() {
    let mut app = App::new();
    app.at_tags().keys("+ /").write("1").keys("enter v ?");
    app.keys("esc");
    assert!(app.state.popups.is_empty() && app.state.browse.list().range().is_some());
    app.keys("esc");
    assert!(app.state.browse.list().range().is_none() && app.state.browse.list().filter() == "1");
    app.keys("esc");
    assert!(app.state.browse.list().filter().is_empty() && app.state.zoom);
    app.keys("esc");
    assert!(!app.state.zoom && app.state.browse.level == Level::Tags);
    app.keys("esc esc esc esc");
    assert_eq!((app.state.browse.level, app.state.focus), (Level::Repositories, Pane::Registries));
}

#[test]
fn the_ways_out() {
    let exits =
        |app: &App| app.effects.iter().filter(|e| matches!(e, Effect::Exit(_))).cloned().collect::<Vec<_>>();
    let mut app = App::new();
    app.keys("q");
    assert_eq!(exits(&app), [Effect::Exit(Exit::Quit)], "nothing to lose");

    let mut app = App::new();
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("q enter");
    assert!(exits(&app).is_empty() && app.state.popups.is_empty(), "the default is to stay");
    app.keys("q j enter");
    assert!(exits(&app).is_empty());
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    assert!(exits(&app).is_empty());
    app.tell(sampled(vec![job(1, "a:1", JobState::Succeeded)]));
    assert_eq!(exits(&app), [Effect::Exit(Exit::Quit)], "it waited for the job");

    let mut app = App::new();
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("q j j enter");
    assert!(app.effects.contains(&Effect::Shutdown) && exits(&app).is_empty() && app.state.spinning());
    app.tell(Msg::Stopped);
    assert_eq!(exits(&app), [Effect::Exit(Exit::Stopped)]);

    let mut app = App::new();
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("ctrl-c ctrl-c");
    assert_eq!(exits(&app), [Effect::Exit(Exit::Stopped)], "the second ctrl-c does not wait");

    let mut app = App::new();
    app.keys("n").write("a:1").keys("enter q k enter");
    assert_eq!(exits(&app), [Effect::Exit(Exit::Quit)]);
}

#[test]
fn jobs_are_cancelled_retried_and_paused() {
    let jobs = || {
        vec![
            job(1, "a:1", JobState::Running),
            job(2, "b:1", JobState::Failed),
            job(3, "c:1", JobState::Paused),
            job(4, "d:1", JobState::Queued),
            job(5, "e:1", JobState::Succeeded),
        ]
    };
    for (keys, want) in [
        ("x", vec![]),
        ("x enter", vec![]),
        ("x j enter", vec![Effect::Cancel(JobId(1))]),
        ("p", vec![Effect::Pause(JobId(1))]),
        ("R", vec![]),
        ("j R", vec![Effect::Retry(JobId(2))]),
        ("j j p", vec![Effect::Resume(JobId(3))]),
        ("j j x", vec![Effect::Cancel(JobId(3))]),
        ("j j j x", vec![Effect::Cancel(JobId(4))]),
        ("G x", vec![]),
    ] {
        let mut app = App::new();
        app.tell(sampled(jobs())).keys("4").keys(keys);
        assert_eq!(app.effects, want, "{keys}");
    }
    let mut app = App::new();
    app.tell(sampled(jobs())).keys("4 l");
    assert!(app.state.jobs.expanded.contains(&JobId(1)));
    app.keys("h j enter");
    assert!(
        app.state.jobs.expanded.is_empty()
            && matches!(app.state.popups.last(), Some(Popup::Why(JobId(2), _)))
    );
    // The cursor stays with its job when that changes its place.
    app.keys("esc").tell(sampled(vec![job(2, "b:1", JobState::Queued), job(3, "c:1", JobState::Running)]));
    assert_eq!(app.state.jobs.current().unwrap().id, JobId(2));
}

#[test]
fn workers_bandwidth_and_priorities_are_changed_where_the_jobs_are() {
    use crate::tui::state::limits::Workers;
    let jobs = || vec![job(1, "a:1", JobState::Running), job(2, "b:1", JobState::Succeeded)];
    let workers = |in_all, per_host| Effect::SetWorkers(Workers { in_all, per_host });
    let rate = |text: &str| Effect::SetBandwidth(text.parse().ok());
    for (keys, want) in [
        ("<", vec![workers(3, 3)]),
        ("> >", vec![workers(5, 5), workers(6, 6)]),
        ("K", vec![Effect::Prioritise(JobId(1), 1)]),
        ("J", vec![Effect::Prioritise(JobId(1), -1)]),
        ("K K", vec![Effect::Prioritise(JobId(1), 1), Effect::Prioritise(JobId(1), 2)]),
        ("G K", vec![]),
    ] {
        let mut app = App::new();
        app.tell(sampled(jobs())).keys("4").keys(keys);
        assert_eq!(app.effects, want, "{keys}");
        assert!(app.state.message.is_some(), "{keys} says what it did");
    }
    let mut app = App::new();
    app.tell(sampled(jobs())).keys("4 b").write("fast").keys("enter");
    assert!(
        app.effects.is_empty() && app.screen_at(120, 36).contains("is no rate"),
        "{}",
        app.screen_at(120, 36)
    );
    app.keys("esc b").write("20MB").keys("enter");
    assert_eq!(app.effects, [rate("20MB")]);
    assert!(
        app.screen_at(120, 36).contains("max 20MB/s") && app.screen_at(120, 36).contains("at most 20MB/s"),
        "{}",
        app.screen_at(120, 36)
    );
    app.keys("b ctrl-u enter");
    assert_eq!(app.effects, [rate("20MB"), rate("")]);
    assert!(!app.screen_at(120, 36).contains("max "), "{}", app.screen_at(120, 36));
    // The limit of one host holds by itself where it is lower than that of all.
    app.state.limits.workers = Workers { in_all: 8, per_host: 4 };
    app.effects.clear();
    app.keys(">");
    assert_eq!(app.effects, [workers(9, 4)]);
    assert!(
        app.screen_at(120, 36).contains("9 blobs at a time, 4 of them at one host"),
        "{}",
        app.screen_at(120, 36)
    );
    let mut first = job(1, "a:1", JobState::Queued);
    first.priority = -2;
    app.tell(sampled(vec![first, job(3, "c:1", JobState::Queued)]));
    assert_eq!(app.state.jobs.rows()[0].id, JobId(3), "what comes first is above");
    assert!(app.screen_at(120, 36).contains("-2 queued"), "{}", app.screen_at(120, 36));
}

#[test]
fn the_engine_may_come_late_or_never() {
    let mut app = App::new();
    app.state.engine = crate::tui::state::EngineState::Starting;
    app.keys("enter");
    assert!(
        app.effects.iter().any(|e| matches!(e, Effect::List { .. })),
        "what is asked waits in the runner"
    );
    app.tell(Msg::NotReady("the ledger is locked".to_owned()));
    assert!(app.screen().contains("no engine"));
}

#[test]
fn a_refusal_names_its_job_once() {
    let mut app = App::new();
    for (message, want) in [("job 3: it is over", "job 3: it is over"), ("disk full", "job 3: disk full")] {
        let failure =
            Failure { message: message.to_owned(), class: ErrorClass::Conflict, hint: None, exchange: None };
        app.tell(Msg::Refused(JobId(3), failure));
        assert_eq!(app.state.message.as_ref().unwrap().1, want);
    }
}

#[test]
fn esc_and_a_key_in_one_go_are_both_heard() {
    let mut app = App::new();
    app.keys("?");
    assert_eq!(app.state.popups.len(), 1);
    app.tell(Msg::Key(KeyEvent::new(KeyCode::Char('3'), KeyModifiers::ALT)));
    assert!(app.state.popups.is_empty() && app.state.focus == crate::tui::state::Pane::Queue);
}

#[test]
fn plans_that_share_blobs_send_them_once_to_a_registry() {
    use crate::job::{Plan, PlannedBlob, PlannedDestination, Presence};
    let mut app = App::new();
    app.keys("n").write("localhost:5000/a:1 localhost:5000/a:2 localhost:5000/a:1").keys("enter S");
    let (generation, drafts) = app
        .take_effects()
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Plan { generation, drafts } => Some((generation, drafts)),
            _ => None,
        })
        .unwrap();
    let shared = Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(b"shared"), 1000);
    for (draft, spec) in &drafts {
        let own = Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(&[draft.0 as u8]), 10);
        let plan = Plan {
            source: spec.source.to_string(),
            found: own.clone(),
            arrives: own.clone(),
            platforms: Vec::new(),
            referrers: Vec::new(),
            manifests: Vec::new(),
            blobs: [&shared, &own]
                .map(|descriptor| PlannedBlob { descriptor: descriptor.clone(), is_config: false })
                .into(),
            destinations: vec![PlannedDestination {
                location: spec.destinations[0].to_string(),
                presence: vec![Presence::Absent, Presence::Absent],
                tags: Vec::new(),
                image_there: false,
                referrers: Vec::new(),
                up_to_date: false,
            }],
            notes: Vec::new(),
            images: Vec::new(),
        };
        app.tell(Msg::Planned { generation, draft: *draft, outcome: Ok(Box::new(plan)) });
    }
    assert_eq!(drafts.len(), 2);
    let screen = app.screen();
    assert!(screen.contains("2 images · send 1.0 kB · reuse 1.0 kB"), "{screen}");
}

#[test]
fn every_action_does_something_or_says_why_not() {
    // Movement at the edge of an empty pane, and `esc` with nothing to unwind, rightly do nothing.
    let quiet = |action: Action| {
        use Action::*;
        matches!(
            action,
            Down | Up | HalfPageDown | HalfPageUp | PageDown | PageUp | Top | Bottom | DraftUp | DraftDown
        )
    };
    for entry in TABLE.iter().filter(|entry| !quiet(entry.action)) {
        for key in entry.keys {
            let mut app = App::new();
            app.at_tags().answer_lookups();
            app.tell(sampled(vec![job(1, "a:1", JobState::Running), job(2, "b:1", JobState::Failed)]));
            use crate::tui::action::Context::*;
            match entry.context {
                Registries => app.keys("1 j"),
                Everywhere => app.keys("n").write("x:1").keys("enter 5 +"),
                Queue => app.keys("n").write("x:1 y:1").keys("enter 3 x u"),
                Jobs => app.keys("4"),
                Logs => app.keys("5"),
                Filter => app.keys("/").write("v1"),
                Prompt => app.keys("n : ").write("x:1"),
                Popup => app.keys("?"),
                Dialog => app.keys("q"),
                Browse => app.keys("2 j space / ").write("v").keys("enter v j"),
                List => app.keys("2"),
            };
            let steps = [Action::PromptUp, Action::PromptDown, Action::NextField, Action::PreviousField];
            if steps.contains(&entry.action) {
                app.keys("esc : down");
            }
            if entry.action == Action::LeaveOut {
                app.keys("esc 2 space m");
            }
            if entry.action == Action::FilterUp {
                app.keys("down");
            }
            app.take_effects();
            if entry.action == Action::FocusLogs {
                app.keys("1");
            }
            app.state.message = None;
            let before = app.styled();
            press(&mut app, key);
            let after = app.styled();
            assert!(
                before != after || !app.effects.is_empty(),
                "{} on {key} does nothing:\n{}",
                entry.name,
                app.screen()
            );
        }
    }
}

fn press(app: &mut App, keys: &str) {
    for key in keys.split(' ') {
        let event = match key {
            "pgup" => KeyEvent::from(KeyCode::PageUp),
            "pgdn" => KeyEvent::from(KeyCode::PageDown),
            "left" => KeyEvent::from(KeyCode::Left),
            "right" => KeyEvent::from(KeyCode::Right),
            _ => {
                app.keys(key);
                continue;
            }
        };
        app.tell(Msg::Key(event));
    }
}

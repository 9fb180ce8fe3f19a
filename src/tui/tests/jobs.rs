//! Jobs, groups of failures, the page of a job, the history and the log: keys → state, and screens.

use insta::assert_snapshot;

use super::*;
use crate::config::Language;
use crate::engine::JobRecord;
use crate::job::{Attempt, JobEvent, Level, Output, Report};
use crate::oci::Exchange;
use crate::tui::past::{Answer, PAGE, Past};
use crate::tui::state::jobs::{Order, Row, Which};
use crate::tui::state::popup::{Choice, Popup};

/// A job that was refused at `dr-b.example`.
fn refused(id: i64) -> Job {
    let mut job = job(id, &format!("harbor.prod/team/app{id}:1"), JobState::Failed);
    let message = format!("push manifest dr-b.example/mirror/app{id}:1: 401 UNAUTHORIZED: push denied");
    job.failure = Some(failure(ErrorClass::Auth, &message, Some("wharf login dr-b.example")));
    job
}

/// One job runs, five failed alike, one by itself, two are done.
pub(super) fn make_evening(app: &mut App) {
    let mut jobs = vec![job(1, "harbor.prod/team-a/api:v1.9.2", JobState::Running)];
    jobs.extend((2..7).map(refused));
    let mut alone = job(7, "harbor.prod/team-c/db:v2", JobState::Failed);
    alone.failure =
        Some(failure(ErrorClass::Network, "get manifest harbor.prod/team-c/db:v2: connection refused", None));
    jobs.push(alone);
    let mut done = job(8, "harbor.prod/team-b/web:v3", JobState::Succeeded);
    done.report = Some(Report { wire: 90_000_000, reused: 10_000_000, millis: 3200, ..Report::default() });
    jobs.extend([done, job(9, "nginx:1.27", JobState::Cancelled)]);
    for step in 0..=60u64 {
        let mut sample = jobs.clone();
        sample[0].progress.wire = 10_000_000 + step * 500_000;
        app.state.now = Duration::from_secs(10) + Duration::from_millis(100 * step);
        app.tell(sampled(sample));
    }
    app.keys("4 g g").take_effects();
    app.state.message = None;
}

fn evening() -> App {
    let mut app = App::new();
    make_evening(&mut app);
    app
}

fn ids(app: &App) -> Vec<i64> {
    app.state.jobs.shown().iter().filter_map(|row| app.state.jobs.job_of(*row)).map(|job| job.id.0).collect()
}

#[test]
fn identical_failures_are_one_row_and_a_key_is_for_all_of_them() {
    let mut app = evening();
    assert_eq!(ids(&app), [1, 7, 6, 9, 8], "the group stands for its first");
    assert!(matches!(app.state.jobs.shown()[2], Row::Group(_)));
    let screen = app.screen();
    assert!(screen.contains("✗ 5 jobs") && screen.contains("401 dr-b.example: push manifest"), "{screen}");
    assert!(screen.contains("→ L login  R retry all  enter list"), "{screen}");
    assert_snapshot!("jobs_groups_120x36", screen);
    assert_snapshot!("jobs_groups_80x24", app.screen_at(80, 24));
    assert_snapshot!("jobs_groups_60x16", app.screen_at(60, 16));
    app.state.words = Language::Chinese;
    assert_snapshot!("jobs_groups_zh_80x24", app.screen_at(80, 24));
    app.state.words = Language::English;
    app.keys("j j R");
    let all: Vec<Effect> = [6, 5, 4, 3, 2].map(|id| Effect::Retry(JobId(id))).into();
    assert_eq!(app.take_effects(), all);
    assert!(app.screen().contains("5 jobs are queued again"));
    // Unfolded, the cursor stays on the group; a key is for one job then.
    app.keys("enter");
    assert_eq!(ids(&app), [1, 7, 6, 6, 5, 4, 3, 2, 9, 8]);
    assert!(!app.screen().contains("nothing to do"), "{}", app.screen());
    app.keys("j j R");
    assert_eq!(app.take_effects(), [Effect::Retry(JobId(5))]);
    app.keys("k k enter ctrl-r");
    assert_eq!(ids(&app).len(), 5);
    assert_eq!(app.take_effects().len(), 6, "also what failed by itself");
}

#[test]
fn the_cursor_stays_on_its_job_into_a_group_and_out_of_it() {
    let mut app = App::new();
    let running = || job(1, "h.io/a:1", JobState::Running);
    app.tell(sampled(vec![running(), refused(2), refused(3)])).keys("4 j");
    assert_eq!((app.state.jobs.cursor(), ids(&app)), (1, vec![1, 3, 2]));
    // A third failure makes them a group, and the cursor's job is in it.
    app.tell(sampled(vec![running(), refused(2), refused(3), refused(4)]));
    assert_eq!(app.state.jobs.current_group().map(|group| group.members.len()), Some(3));
    // One of them runs again: no group any more.
    let again = job(4, "h.io/b:1", JobState::Running);
    app.tell(sampled(vec![running(), refused(2), refused(3), again]));
    assert!(app.state.jobs.current_group().is_none());
    assert_eq!(app.state.jobs.current().unwrap().state, JobState::Failed);
    // What is done goes down below; the cursor goes with its job and stays where it was on the screen.
    let mut many: Vec<Job> = (1..40).map(|id| job(id, "h.io/a:1", JobState::Running)).collect();
    app.tell(sampled(many.clone())).keys("g g ctrl-d ctrl-d ctrl-d ctrl-d");
    let (id, place) = (app.state.jobs.current().unwrap().id, app.state.jobs.cursor() - app.state.jobs.offset);
    for job in many.iter_mut().take(5) {
        job.state = JobState::Succeeded;
    }
    app.tell(sampled(many));
    assert_eq!(app.state.jobs.current().unwrap().id, id);
    assert_eq!(app.state.jobs.cursor() - app.state.jobs.offset, place);
}

#[test]
fn which_jobs_are_shown_and_in_which_order() {
    let mut app = evening();
    app.keys("f");
    assert_eq!((app.state.jobs.which, ids(&app)), (Which::Unfinished, vec![1]));
    app.keys("f");
    assert_eq!(ids(&app), [7, 6]);
    assert!(app.screen().contains("(6 of 9) failed"), "{}", app.screen());
    app.keys("f");
    assert_eq!(ids(&app), [9, 8]);
    app.keys("f o");
    assert_eq!((app.state.jobs.order, ids(&app)), (Order::Added, vec![1, 2, 7, 8, 9]));
    app.keys("o");
    assert_eq!(ids(&app), [9, 8, 7, 6, 1]);
    app.keys("o o /").write("TEAM-c refused").keys("enter");
    assert_eq!(ids(&app), [7]);
    assert!(app.screen().contains("/TEAM-c refused"));
    app.keys("esc");
    assert_eq!(ids(&app).len(), 5, "esc drops the filter");
    app.keys("c");
    assert_eq!(ids(&app), [1, 7, 6]);
    assert!(app.screen().contains("2 finished jobs are hidden"));
    app.keys("c");
    assert_eq!(ids(&app).len(), 5);
    app.keys("/").write("nowhere").keys("enter");
    assert!(ids(&app).is_empty() && app.screen().contains("no such jobs"), "{}", app.screen());
}

#[test]
fn marked_jobs_are_paused_cancelled_and_prioritised_together() {
    let mut app = App::new();
    let mut jobs: Vec<Job> = (1..4).map(|id| job(id, "h.io/a:1", JobState::Running)).collect();
    jobs.push(job(4, "h.io/b:1", JobState::Paused));
    jobs.push(job(5, "h.io/c:1", JobState::Queued));
    app.tell(sampled(jobs)).keys("4 space space p");
    assert_eq!(app.take_effects(), [Effect::Pause(JobId(1)), Effect::Pause(JobId(2))]);
    assert!(app.state.jobs.marks.is_empty() && app.screen().contains("2 jobs pause"));
    app.keys("g g v j j v K");
    let raised: Vec<Effect> = (1..4).map(|id| Effect::Prioritise(JobId(id), 1)).collect();
    assert_eq!(app.take_effects(), raised);
    app.keys("x");
    let Some(Popup::Dialog(dialog)) = app.state.popups.last() else { panic!() };
    assert_eq!((dialog.cursor, dialog.choices[0].0), (0, Choice::Stay), "the default is safe");
    app.keys("enter");
    assert!(app.take_effects().is_empty());
    app.keys("x j enter");
    assert_eq!(app.take_effects().len(), 3);
    app.keys("v j esc X");
    assert!(app.screen().contains("5 jobs are not over"), "{}", app.screen());
    app.keys("j enter");
    assert_eq!(app.take_effects().len(), 5);
    app.keys("G p R");
    assert!(app.screen().contains("job 5 is queued: only failed jobs are retried"), "{}", app.screen());
}

#[test]
fn what_keeps_a_job_is_said() {
    let mut app = App::new();
    let mut sends = job(1, "h.io/a:1", JobState::Running);
    let mut waits = job(2, "h.io/b:1", JobState::Running);
    // It needs the blob that the first one sends.
    waits.progress.blobs = vec![sends.progress.blobs[1].clone()];
    waits.progress.blobs[0].stage = BlobStage::Waiting;
    let mut turn = waits.clone();
    (turn.id, turn.progress.blobs[0].digest) = (JobId(3), Digest::of(b"its own"));
    let mut ends = job(4, "h.io/c:1", JobState::Running);
    ends.progress.blobs.iter_mut().for_each(|blob| blob.stage = BlobStage::Done);
    ends.progress.wire = 76_000_000;
    // Another process's: its layers are not told.
    let mut foreign = job(5, "h.io/d:1", JobState::Running);
    foreign.progress.blobs.clear();
    let all = |first: &Job| {
        sampled(vec![first.clone(), waits.clone(), turn.clone(), ends.clone(), foreign.clone()])
    };
    app.state.now = Duration::from_secs(1);
    app.tell(all(&sends)).keys("4");
    let screen = app.screen();
    assert!(screen.lines().any(|line| line.contains("d:1") && line.contains("0 B/s  —")), "{screen}");
    for want in ["waits for job 1", "waits for its turn", "puts manifests"] {
        assert!(screen.contains(want), "{want}\n{screen}");
    }
    app.state.now = Duration::from_secs(13);
    app.tell(all(&sends));
    assert!(app.screen().contains("stalled 12 s dbc1b4c9"), "{}", app.screen());
    assert_eq!(app.screen().matches("stalled 12 s").count(), 2, "{}", app.screen());
    let event = JobEvent::Retry {
        job: Some(JobId(1)),
        reason: "get blob h.io/a: 503".to_owned(),
        class: ErrorClass::Network,
        attempt: 2,
        of: 5,
        delay: 4000,
    };
    app.tell(Msg::Event(jiff::civil::Time::midnight(), event));
    assert!(
        app.screen().contains("retry 2/5 in 4 s") && app.screen().contains("retries 1"),
        "{}",
        app.screen()
    );
    app.state.now = Duration::from_secs(18);
    assert!(app.screen().contains("retry 2/5 "), "{}", app.screen());
    sends.progress.wire += 1000;
    app.tell(all(&sends));
    assert!(!app.screen().contains("retry 2/5 "), "bytes flow again: {}", app.screen());
}

/// Everything that the ledger has of a job that failed.
fn record(id: i64) -> JobRecord {
    let mut job = refused(id);
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    (job.created, job.started) = (at("2026-11-21T03:59:00Z"), Some(at("2026-11-21T03:59:02Z")));
    job.finished = Some(at("2026-11-21T03:59:05Z"));
    let attempt = |number| Attempt {
        number,
        began: at("2026-11-21T03:59:02Z"),
        ended: None,
        outcome: Some(JobState::Failed),
        failure: None,
    };
    JobRecord {
        job,
        owner: None,
        attempts: vec![attempt(1), attempt(2)],
        log: Vec::new(),
        overwritten: Vec::new(),
        files: Vec::new(),
    }
}

/// A failed job that has everything, and its page.
pub(super) fn make_page(app: &mut App) {
    let mut failed = record(3).job;
    if let Some(failure) = &mut failed.failure {
        failure.exchange = Some(Box::new(Exchange {
            method: "PUT".to_owned(),
            url: "https://dr-b.example/v2/mirror/app3/manifests/1?_state=…".to_owned(),
            status: 401,
            headers: vec![
                (
                    "www-authenticate".to_owned(),
                    r#"Bearer realm="https://dr-b.example/token",scope="repository:mirror/app3:push""#
                        .to_owned(),
                ),
                ("x-request-id".to_owned(), "7f3a\u{1b}[31m".to_owned()),
            ],
            body: vec!["{".to_owned(), "  \"code\": \"DENIED\"".to_owned(), "}".to_owned()],
            attempts: 2,
        }));
    }
    failed.progress = job(1, "a:1", JobState::Running).progress;
    app.tell(sampled(vec![failed])).keys("4 enter");
    assert_eq!(app.take_effects().last(), Some(&Effect::Past(Past::Record(JobId(3)))));
    app.tell(Msg::Past(Answer::Record(JobId(3), Ok(Box::new(record(3))))));
}

#[test]
fn a_job_is_shown_whole_with_the_exchange_that_failed() {
    let mut app = App::new();
    make_page(&mut app);
    let screen = app.screen();
    assert!(screen.contains("PUT https://dr-b.example/v2/mirror/app3/manifests/1"), "{screen}");
    assert!(screen.contains("→ 401 (sent 2 times)") && !screen.contains('\x1b'), "{screen}");
    assert_snapshot!("job_120x36", screen);
    assert_snapshot!("job_80x24", app.screen_at(80, 24));
    assert_snapshot!("job_60x16", app.screen_at(60, 16));
    app.state.words = Language::Chinese;
    assert_snapshot!("job_zh_120x36", app.screen_at(120, 36));
    app.state.words = Language::English;
    // What is said of it has its record read again, but not at once.
    let note = |text: &str| JobEvent::Note { job: Some(JobId(3)), level: Level::Warn, text: text.to_owned() };
    app.tell(Msg::Event(jiff::civil::Time::midnight(), note("a")));
    assert!(app.take_effects().is_empty() && crate::tui::update::deadline(&app.state).is_some());
    app.pass(Duration::from_secs(1));
    assert_eq!(app.take_effects(), [Effect::Past(Past::Record(JobId(3)))]);
    // Its keys are for it; those of the pane are not.
    app.keys("R");
    assert_eq!(app.take_effects(), [Effect::Retry(JobId(3))]);
    app.keys("c");
    assert!(app.screen().contains("close this first"), "{}", app.screen());
    app.keys("j j G g g q");
    assert!(app.state.popups.is_empty());
}

#[test]
fn a_job_without_a_ledger_shows_what_was_heard_of_it() {
    let mut app = App::new();
    let running = job(-1, "h.io/a:1", JobState::Running);
    app.tell(sampled(vec![running]));
    for (job, text) in [(Some(JobId(-1)), "its own"), (Some(JobId(-2)), "another's"), (None, "nobody's")] {
        let note = JobEvent::Note { job, level: Level::Info, text: text.to_owned() };
        app.tell(Msg::Event(jiff::civil::Time::midnight(), note));
    }
    app.keys("4 enter");
    assert!(app.take_effects().iter().all(|effect| !matches!(effect, Effect::Past(_))));
    let screen = app.screen();
    assert!(
        screen.contains("its own") && !screen.contains("another's") && screen.contains("2/4 layers"),
        "{screen}"
    );
}

fn page(app: &mut App, jobs: Vec<Job>) {
    let asked = app.take_effects();
    let Some(Effect::Past(Past::Page { request, .. })) = asked.last() else { panic!("{asked:?}") };
    app.tell(Msg::Past(Answer::Page { request: *request, answer: Ok(jobs) }));
}

/// Two jobs answer what is searched for.
fn found(app: &mut App) {
    let mut done = job(5, "harbor.prod/team-a/api:v1.9.2", JobState::Succeeded);
    done.report = Some(Report {
        wire: 90_000_000,
        reused: 10_000_000,
        millis: 3200,
        outputs: vec![Output {
            location: "dr-b.example/mirror/x:1".to_owned(),
            digest: Digest::of(b"new"),
            was: None,
            path: None,
            up_to_date: false,
            overwritten: vec![("1".parse().unwrap(), Digest::of(b"old"))],
        }],
        ..Report::default()
    });
    page(app, vec![refused(9), done]);
    app.keys("enter");
}

pub(super) fn make_history(app: &mut App) {
    app.keys("H /").write("api");
    found(app);
}

#[test]
fn the_history_comes_in_pages_and_is_searched() {
    let mut app = App::new();
    app.keys("H");
    assert!(app.screen().contains("the history is being read"));
    let first: Vec<Job> = (0..i64::from(PAGE)).map(|n| refused(1000 - n)).collect();
    page(&mut app, first);
    assert!(app.take_effects().is_empty(), "there is enough for the window");
    app.keys("G");
    let asked = app.take_effects();
    let before = Some(JobId(1001 - i64::from(PAGE)));
    assert!(matches!(&asked[..], [Effect::Past(Past::Page { before: b, .. })] if *b == before), "{asked:?}");
    app.keys("g g /").write("api");
    let asked = app.take_effects();
    assert!(
        matches!(asked.last(), Some(Effect::Past(Past::Page { words, before: None, .. })) if words == "api")
    );
    app.effects = asked;
    found(&mut app);
    assert_snapshot!("history_120x36", app.screen_at(120, 36));
    assert_snapshot!("history_80x24", app.screen_at(80, 24));
    assert_snapshot!("history_60x16", app.screen_at(60, 16));
    // Its tags go back; what they stand for is asked first, and then a person.
    app.keys("j u");
    let undone = app.take_effects();
    let Some(Effect::Upkeep(crate::tui::upkeep::Upkeep::Look(specs))) = undone.last() else {
        panic!("{undone:?}")
    };
    let old = Digest::of(b"old");
    assert_eq!(specs[0].to_string(), format!("dr-b.example/mirror/x@{old} → dr-b.example/mirror/x:1"));
    app.keys("a");
    assert_eq!(app.state.queue.drafts().len(), 1);
    assert!(app.screen().contains("in the queue again: S starts it"), "{}", app.screen());
    // A failed job that another process began is taken up here.
    app.keys("k R");
    assert_eq!(app.take_effects(), [Effect::Past(Past::TakeUp(JobId(9)))]);
    app.keys("enter");
    assert!(matches!(app.state.popups.last(), Some(Popup::Why(JobId(9), _))));
    assert!(app.screen().contains("push denied"), "{}", app.screen());
    app.keys("esc esc esc");
    assert!(app.state.popups.is_empty(), "first the page, then the filter, then the history");
}

/// Sixty long lines.
pub(super) fn make_log(app: &mut App) {
    for n in 0..60 {
        let text = format!("blob {n} of {}", "a long line ".repeat(12));
        let event = JobEvent::Note { job: None, level: Level::Info, text };
        app.tell(Msg::Event(jiff::civil::time(12, 4, 11, 0), event));
    }
}

#[test]
fn the_log_is_searched_scrolled_and_saved() {
    let mut app = App::new();
    make_log(&mut app);
    app.keys("5 n");
    assert!(app.screen().contains("search first: /"), "{}", app.screen());
    app.keys("/").write("BLOB 1").keys("enter");
    let screen = app.screen();
    assert!(screen.contains("/blob 1 11 found") && screen.contains("▸12:04:11 INFO  blob 19"), "{screen}");
    app.keys("N n n");
    assert!(app.screen().contains("▸12:04:11 INFO  blob 1 "), "around the end: {}", app.screen());
    app.keys("l");
    let screen = app.screen();
    assert!(screen.contains("INFO   line a long") && !screen.contains("blob 1 of"), "{screen}");
    assert_snapshot!("log_search_80x24", app.screen_at(80, 24));
    app.state.words = Language::Chinese;
    assert_snapshot!("log_search_zh_60x16", app.screen_at(60, 16));
    app.state.words = Language::English;
    app.keys("h esc");
    assert!(!app.screen_at(120, 36).contains("found"));
    app.keys("s");
    assert!(app.screen().contains("wharf-20261121-040000.log"), "{}", app.screen());
    app.keys("ctrl-u enter");
    assert!(app.screen().contains("the name of a file is wanted"), "{}", app.screen());
    app.write("/tmp/x.log").keys("enter");
    let saved = app.take_effects();
    let Some(Effect::Past(Past::Save { path, text })) = saved.last() else { panic!("{saved:?}") };
    assert!(
        path.ends_with("x.log") && text.lines().count() == 60 && text.starts_with("12:04:11 INFO blob 0 of")
    );
}

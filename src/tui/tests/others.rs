//! Other processes' jobs on the screen, what a wharf that is gone left, and the ways out.

use std::sync::Arc;

use insta::assert_snapshot;

use super::*;
use crate::config::Language;
use crate::engine::{Remote, Remotes};
use crate::job::{BlobCounts, Owner};
use crate::tui::effect::{Exit, Left};
use crate::tui::event::Recording;
use crate::tui::state::Leaving;

fn owner(pid: u32, alone: Option<&str>) -> Option<Owner> {
    Some(Owner { host: "jump".to_owned(), pid, alone: alone.map(|at| at.parse().unwrap()) })
}

/// As another process's job is read: without its blobs.
fn remote(id: i64, source: &str, state: JobState, owner: Option<Owner>) -> Remote {
    let mut job = job(id, source, state);
    if !job.progress.blobs.is_empty() {
        job.progress.blobs.clear();
        job.progress.counts = Some(BlobCounts { all: 4, settled: 2, running: 1 });
    }
    Remote { job: Arc::new(job), owner }
}

fn interrupted(id: i64, source: &str) -> Remote {
    let mut remote = remote(id, source, JobState::Running, None);
    Arc::make_mut(&mut remote.job).state = JobState::Interrupted;
    remote
}

impl App {
    fn elsewhere(&mut self, own: Vec<Job>, remotes: Vec<Remote>) -> &mut App {
        let all = own.into_iter().map(Arc::new).chain(remotes.iter().map(|remote| Arc::clone(&remote.job)));
        let all = all.collect();
        self.tell(Msg::Others(Remotes::new(remotes))).tell(Msg::Jobs(all))
    }

    fn recorded(&mut self) -> &mut App {
        self.tell(Msg::Recording(Recording { on: true, fault: None, leaves: true }))
    }

    fn message(&self) -> &str {
        self.state.message.as_ref().map_or("", |(_, text)| text)
    }

    fn exits(&self) -> Vec<Effect> {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Exit(_))).cloned().collect()
    }
}

pub(super) fn mixed(app: &mut App) -> &mut App {
    let own = vec![job(1, "harbor.prod/team-a/api:v1", JobState::Running)];
    let hung_up = || owner(4242, Some("2026-11-21T03:57:00Z"));
    let theirs = vec![
        remote(2, "harbor.prod/team-b/web:v3", JobState::Running, hung_up()),
        remote(3, "harbor.prod/team-b/web:v4", JobState::Queued, hung_up()),
        remote(4, "harbor.prod/team-c/db:v2", JobState::Failed, None),
        interrupted(5, "harbor.prod/team-d/old:v1"),
    ];
    app.recorded().elsewhere(own, theirs)
}

#[test]
fn whose_job_it_is_is_seen() {
    for (name, language, (width, height)) in [
        ("others_150x36", Language::English, (150, 36)),
        ("others_120x36", Language::English, (120, 36)),
        ("others_80x24", Language::English, (80, 24)),
        ("others_60x16", Language::English, (60, 16)),
        ("others_zh_120x36", Language::Chinese, (120, 36)),
    ] {
        let mut app = App::new();
        app.state.words = language;
        mixed(&mut app).keys("4");
        assert_snapshot!(name, app.screen_at(width, height));
    }
}

#[test]
fn other_peoples_jobs_can_be_asked_for_the_same_things() {
    let mut app = App::new();
    mixed(&mut app).keys("4 g g j");
    assert_eq!(app.state.jobs.current().unwrap().id, JobId(2));
    app.keys("p K");
    assert!(app.effects.contains(&Effect::Pause(JobId(2))));
    assert!(app.effects.contains(&Effect::Prioritise(JobId(2), 1)));
    app.keys("l");
    assert!(app.message().contains("another wharf"), "{}", app.message());
    app.keys("x j enter");
    assert!(app.effects.contains(&Effect::Cancel(JobId(2))));
    // What its process left in the middle goes on here, by any of the keys that say so.
    for key in ["p", "R"] {
        let mut app = App::new();
        mixed(&mut app).keys("4 G");
        while app.state.jobs.current().unwrap().id != JobId(5) {
            app.keys("k");
        }
        app.keys(key);
        assert!(app.effects.contains(&Effect::Resume(JobId(5))), "{key}");
    }
}

#[test]
fn what_was_interrupted_is_offered_once_and_taken_up() {
    let mut app = App::new();
    app.elsewhere(Vec::new(), vec![interrupted(5, "a:1"), remote(6, "a:2", JobState::Queued, None)]);
    assert_eq!(app.message(), "2 jobs were interrupted: C goes on with them");
    app.state.message = None;
    app.elsewhere(Vec::new(), vec![interrupted(5, "a:1"), remote(6, "a:2", JobState::Queued, None)]);
    assert_eq!(app.message(), "", "said once");
    app.keys("C");
    let taken = Effect::TakeUp(vec![JobId(5), JobId(6)]);
    let mut ids = app.effects.iter().filter(|effect| matches!(effect, Effect::TakeUp(_)));
    assert_eq!(ids.next(), Some(&taken));
    app.elsewhere(vec![job(5, "a:1", JobState::Running), job(6, "a:2", JobState::Queued)], Vec::new());
    app.take_effects();
    app.keys("C");
    assert!(app.effects.is_empty() && app.message() == "no job was interrupted", "{}", app.message());
    // One more process dies.
    app.elsewhere(Vec::new(), vec![interrupted(7, "a:3")]);
    assert_eq!(app.message(), "1 job was interrupted: C goes on with it");
}

#[test]
fn leaving_asks_only_for_the_own_jobs() {
    let mut app = App::new();
    app.recorded().elsewhere(Vec::new(), vec![remote(2, "a:1", JobState::Running, owner(4242, None))]);
    app.keys("q");
    assert_eq!(app.exits(), [Effect::Exit(Exit::Quit)], "others' jobs go on anyway");
}

#[test]
fn jobs_are_left_running() {
    let mut app = App::new();
    app.recorded().tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("q j j enter");
    let left = |effect: &&Effect| matches!(effect, Effect::Leave(..));
    assert_eq!(app.effects.iter().filter(left).count(), 1);
    assert!(app.state.leaving == Leaving::HandingOver && app.exits().is_empty() && app.state.spinning());
    app.tell(Msg::Left(Err("disk full".to_owned())));
    assert!(
        app.state.leaving == Leaving::No && app.message().contains("disk full") && app.exits().is_empty()
    );
    app.keys("q j j enter").tell(Msg::Left(Ok(Left { pid: 7, jobs: 1, error: None })));
    assert_eq!(app.exits(), [Effect::Exit(Exit::Left { pid: 7, jobs: 1 })]);
    // The jobs are given away, and nobody took them.
    let mut app = App::new();
    app.recorded().tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("q j j enter").tell(Msg::Left(Ok(Left { pid: 0, jobs: 0, error: Some("no".to_owned()) })));
    assert_eq!(app.exits(), [Effect::Exit(Exit::NotLeft("no".to_owned()))]);
}

#[test]
fn what_cannot_outlive_the_process_is_not_offered_to() {
    let mut app = App::new();
    let fault = Some("the ledger /x is locked".to_owned());
    app.tell(Msg::Recording(Recording { on: false, fault, leaves: false }));
    assert!(app.message().contains("/x is locked"), "{}", app.message());
    app.tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    let screen = app.keys("q").screen();
    assert!(screen.contains("lost") && !screen.contains("background"), "{screen}");
}

/// A draft, a running job and a waiting one, and the question about leaving them.
pub(super) fn make_leaving(app: &mut App) {
    app.recorded().keys("n").write("nginx:1.27").keys("enter");
    let jobs = vec![job(1, "a:1", JobState::Running), job(2, "a:2", JobState::Queued)];
    app.tell(sampled(jobs)).keys("q");
}

pub(super) fn make_left_behind(app: &mut App) {
    app.elsewhere(Vec::new(), vec![interrupted(5, "a:1"), remote(6, "a:2", JobState::Queued, None)])
        .keys("4");
}

#[test]
fn the_ways_out_say_what_they_lose() {
    for (name, language, (width, height)) in [
        ("leave_120x36", Language::English, (120, 36)),
        ("leave_80x24", Language::English, (80, 24)),
        ("leave_60x16", Language::English, (60, 16)),
        ("leave_zh_80x24", Language::Chinese, (80, 24)),
    ] {
        let mut app = App::new();
        app.state.words = language;
        make_leaving(&mut app);
        assert_snapshot!(name, app.screen_at(width, height));
    }
}

#[test]
fn what_others_moved_before_is_no_rate() {
    let mut app = App::new();
    let at = |app: &mut App, seconds: u64, wire: u64| {
        let mut remote = remote(2, "a:1", JobState::Running, owner(9, None));
        Arc::make_mut(&mut remote.job).progress.wire = wire;
        app.state.now = Duration::from_secs(seconds);
        app.elsewhere(Vec::new(), vec![remote]);
    };
    for second in 0..6 {
        at(&mut app, second, 50_000_000 + second * 1_000_000);
    }
    let rate = app.state.jobs.rate(app.state.now);
    assert!((900_000..1_100_000).contains(&rate), "{rate}");
    assert!(app.state.jobs.history.peak < 2_000_000, "{}", app.state.jobs.history.peak);
}

#[test]
fn wharf_does_not_end_behind_an_editors_back() {
    let edits = |app: &App| app.effects.iter().any(|effect| matches!(effect, Effect::Edit(_)));
    let mut app = App::new();
    app.recorded().tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("q j enter");
    assert_eq!(app.state.leaving, Leaving::WhenDone);
    app.keys("3 E");
    assert!(edits(&app));
    app.tell(sampled(vec![job(1, "a:1", JobState::Succeeded)]));
    assert!(app.exits().is_empty(), "what is typed would be lost");
    // While the jobs are on their way to another process no editor is opened.
    let mut app = App::new();
    app.recorded().tell(sampled(vec![job(1, "a:1", JobState::Running)]));
    app.keys("q j j enter 3 E");
    assert!(app.state.leaving == Leaving::HandingOver && !edits(&app), "{}", app.message());
}

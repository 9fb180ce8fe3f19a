//! The ledger as its callers see it: two of them on one file, processes that die, and the record of a job's life.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::*;
use crate::job::{Failure, JobSpec, JobState, Level, Output, Report};
use crate::oci::{Digest, ErrorClass, Registry, Repository};

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("ledger.db")
    }

    async fn open(&self) -> Ledger {
        Ledger::open(&self.path()).await.unwrap()
    }
}

fn spec() -> JobSpec {
    JobSpec::copy("ghcr.io/a/b:1".parse().unwrap(), "127.0.0.1:5000/c/d:1".parse().unwrap())
}

async fn queued(ledger: &Ledger) -> JobId {
    ledger.add(&spec(), JobState::Queued).await.unwrap().id
}

async fn running(ledger: &Ledger) -> JobId {
    let id = queued(ledger).await;
    ledger.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
    ledger.move_to(id, JobState::Planning, JobState::Running).await.unwrap();
    id
}

/// Whether the sample was taken.
async fn sample(ledger: &Ledger, id: JobId, total: u64, wire: u64, reused: u64) -> bool {
    let lost = ledger.sample_all(&[Sample { id, total, wire, reused, ..Sample::default() }]).await.unwrap();
    assert!(lost.is_empty() || lost == [id]);
    lost.is_empty()
}

async fn state(ledger: &Ledger, id: JobId) -> JobState {
    ledger.job(id).await.unwrap().state
}

fn failure() -> Failure {
    Failure {
        message: "get manifest: 401".to_owned(),
        class: ErrorClass::Auth,
        hint: Some("wharf login".into()),
        exchange: None,
    }
}

#[tokio::test]
async fn a_job_lives_from_its_queue_to_its_report() {
    let place = Place::new();
    let ledger = place.open().await;
    let job = ledger.add(&spec(), JobState::Queued).await.unwrap();
    assert_eq!((job.id, job.state, &job.spec), (JobId(1), JobState::Queued, &spec()));
    assert!(job.started.is_none() && job.finished.is_none());
    ledger.move_to(job.id, JobState::Queued, JobState::Planning).await.unwrap();
    ledger.move_to(job.id, JobState::Planning, JobState::Running).await.unwrap();
    assert!(sample(&ledger, job.id, 100, 30, 20).await);
    let seen = ledger.job(job.id).await.unwrap();
    assert_eq!((seen.progress.total, seen.progress.wire, seen.progress.reused), (100, 30, 20));
    assert!(seen.started.is_some() && seen.finished.is_none());
    let output = Output {
        location: "x".to_owned(),
        digest: Digest::of(b""),
        was: None,
        path: None,
        up_to_date: false,
        overwritten: vec![],
    };
    let report = Report { outputs: vec![output], wire: 70, reused: 30, ..Report::default() };
    ledger.succeed(job.id, &report).await.unwrap();
    let done = ledger.job(job.id).await.unwrap();
    assert_eq!((done.state, done.report), (JobState::Succeeded, Some(report)));
    assert_eq!((done.progress.fraction(), done.progress.wire), (1.0, 70));
    assert!(done.finished >= done.started && done.failure.is_none());
}

#[tokio::test]
async fn a_failed_job_is_queued_again_and_forgets_the_failure() {
    let place = Place::new();
    let ledger = place.open().await;
    let id = queued(&ledger).await;
    ledger.log(id, Level::Info, "waits").await.unwrap();
    ledger.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
    ledger.log(id, Level::Warn, "401\x1b[31m\nagain").await.unwrap();
    ledger.fail(id, JobState::Planning, &failure()).await.unwrap();
    assert_eq!(ledger.job(id).await.unwrap().failure, Some(failure()));
    let again = ledger.resume(id).await.unwrap();
    assert_eq!((again.state, again.failure, again.finished), (JobState::Queued, None, None));
    ledger.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
    ledger.log(id, Level::Error, "third").await.unwrap();
    let lines: Vec<_> = ledger
        .logs(id)
        .await
        .unwrap()
        .into_iter()
        .map(|line| (line.attempt, line.level, line.text))
        .collect();
    let want = [(0, Level::Info, "waits"), (1, Level::Warn, "401[31m again"), (2, Level::Error, "third")];
    assert_eq!(lines, want.map(|(attempt, level, text)| (attempt, level, text.to_owned())));
    let outcomes = "SELECT outcome FROM attempts WHERE job = 1 ORDER BY attempt";
    let mut reader = ledger.reader().await.unwrap();
    let outcomes: Vec<Option<String>> = sqlx::query_scalar(outcomes).fetch_all(&mut *reader).await.unwrap();
    assert_eq!(outcomes, [Some("failed".to_owned()), None]);
}

#[tokio::test]
async fn illegal_moves_and_wrong_states_change_nothing() {
    let place = Place::new();
    let ledger = place.open().await;
    let id = queued(&ledger).await;
    let error = ledger.move_to(id, JobState::Queued, JobState::Running).await.unwrap_err();
    assert!(matches!(error, Error::Move { .. }), "{error}");
    assert!(
        error.to_string().contains("a queued job cannot become running")
            && error.to_string().contains("ledger.db")
    );
    let error = ledger.move_to(id, JobState::Running, JobState::Paused).await.unwrap_err();
    assert!(
        matches!(error, Error::State { expected: JobState::Running, found: JobState::Queued, .. }),
        "{error}"
    );
    assert_eq!((state(&ledger, id).await, error.class()), (JobState::Queued, ErrorClass::Conflict));
    let error = ledger.move_to(JobId(99), JobState::Queued, JobState::Planning).await.unwrap_err();
    assert!(matches!(error, Error::NoJob { job: JobId(99), .. }) && error.class() == ErrorClass::NotFound);
    assert!(ledger.log(JobId(99), Level::Info, "x").await.is_err() && ledger.job(JobId(99)).await.is_err());
    assert!(ledger.add(&spec(), JobState::Running).await.is_err());
    let running = running(&ledger).await;
    assert!(ledger.resume(running).await.is_err());
}

#[tokio::test]
async fn a_job_of_a_living_process_is_its_own() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    let id = running(&one).await;
    for error in [
        two.move_to(id, JobState::Running, JobState::Cancelled).await.unwrap_err(),
        two.resume(id).await.unwrap_err(),
        two.set_priority(id, 3).await.unwrap_err(),
    ] {
        assert!(matches!(&error, Error::Owned { pid, .. } if *pid == std::process::id()), "{error}");
    }
    assert!(two.recover().await.unwrap().is_empty());
    // It is seen, though, and once it is over it is everybody's.
    assert!(sample(&one, id, 10, 5, 0).await);
    assert_eq!(two.job(id).await.unwrap().progress.wire, 5);
    one.fail(id, JobState::Running, &failure()).await.unwrap();
    two.resume(id).await.unwrap();
    assert!(matches!(one.move_to(id, JobState::Queued, JobState::Cancelled).await, Err(Error::Owned { .. })));
    two.move_to(id, JobState::Queued, JobState::Cancelled).await.unwrap();
}

#[tokio::test]
async fn drafts_are_nobodys_until_they_are_queued() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    let id = one.add(&spec(), JobState::Draft).await.unwrap().id;
    two.set_priority(id, -2).await.unwrap();
    two.move_to(id, JobState::Draft, JobState::Queued).await.unwrap();
    assert!(matches!(one.move_to(id, JobState::Queued, JobState::Planning).await, Err(Error::Owned { .. })));
    assert_eq!(one.job(id).await.unwrap().priority, -2);
}

#[tokio::test]
async fn a_ledger_dropped_in_the_middle_leaves_interrupted_jobs() {
    let place = Place::new();
    let one = place.open().await;
    let (running_one, waiting) = (running(&one).await, queued(&one).await);
    let planning = queued(&one).await;
    one.move_to(planning, JobState::Queued, JobState::Planning).await.unwrap();
    let witness = place.open().await;
    assert_eq!(state(&witness, running_one).await, JobState::Running);
    drop(one);
    let two = place.open().await;
    assert_eq!(state(&two, running_one).await, JobState::Interrupted);
    assert_eq!(state(&two, planning).await, JobState::Interrupted);
    // What had not begun waits for someone to take it up.
    assert_eq!(state(&two, waiting).await, JobState::Queued);
    assert!(witness.recover().await.unwrap().is_empty());
    for id in [running_one, waiting] {
        assert_eq!(two.resume(id).await.unwrap().state, JobState::Queued);
        assert!(matches!(witness.resume(id).await, Err(Error::Owned { .. })));
        two.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
    }
    witness.move_to(planning, JobState::Interrupted, JobState::Cancelled).await.unwrap();
}

#[tokio::test]
async fn who_lost_a_job_can_write_nothing_to_it() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    let id = running(&one).await;
    one.check_lease(id).await.unwrap();
    // Two takes One for gone: as for a process on another host, silent for days.
    let silent = "UPDATE processes SET host = 'elsewhere', boot = 'another', seen = 0";
    sqlx::query(silent).execute(&mut *two.writer().await.unwrap()).await.unwrap();
    assert_eq!(two.recover().await.unwrap(), [id]);
    for error in [
        one.check_lease(id).await.unwrap_err(),
        one.move_to(id, JobState::Interrupted, JobState::Cancelled).await.unwrap_err(),
        one.succeed(id, &Report::default()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::LeaseLost { .. }), "{error}");
    }
    two.resume(id).await.unwrap();
    assert!(matches!(one.succeed(id, &Report::default()).await, Err(Error::LeaseLost { .. })));
    two.move_to(id, JobState::Queued, JobState::Cancelled).await.unwrap();
    // A free job may be taken up again by whoever lost it.
    let other = queued(&two).await;
    drop(two);
    one.recover().await.unwrap();
    one.resume(other).await.unwrap();
}

#[tokio::test]
async fn who_lost_a_job_may_take_it_up_again() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    let id = running(&one).await;
    let silent = "UPDATE processes SET host = 'elsewhere', boot = 'another', seen = 0";
    sqlx::query(silent).execute(&mut *two.writer().await.unwrap()).await.unwrap();
    two.recover().await.unwrap();
    one.resume(id).await.unwrap();
    one.move_to(id, JobState::Queued, JobState::Planning).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_at_the_same_time() {
    let place = Place::new();
    write_at_the_same_time([place.open().await, place.open().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_at_the_same_time_without_wal() {
    let place = Place::new();
    let path = place.path();
    let one = Ledger::of(&path, open::open_remote(&path).await.unwrap()).await.unwrap();
    let two = Ledger::of(&path, open::open_remote(&path).await.unwrap()).await.unwrap();
    write_at_the_same_time([one, two]).await;
    assert!(!place.directory.path().join("ledger.db-wal").exists());
}

async fn write_at_the_same_time(ledgers: [Ledger; 2]) {
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let ledger = ledgers[n % 2].clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let id = running(&ledger).await;
                    assert!(sample(&ledger, id, 1, 1, 0).await);
                    ledger.history(5).await.unwrap();
                    ledger.succeed(id, &Report::default()).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let jobs = ledgers[0].history(1000).await.unwrap();
    let ids: Vec<_> = jobs.iter().map(|job| job.id.0).collect();
    assert_eq!(ids, (1..=80).rev().collect::<Vec<_>>());
    assert!(jobs.iter().all(|job| job.state == JobState::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_a_free_job() {
    let place = Place::new();
    let first = place.open().await;
    let id = queued(&first).await;
    drop(first);
    let mut tries = Vec::new();
    for _ in 0..6 {
        let ledger = place.open().await;
        tries.push(tokio::spawn(async move { (ledger.resume(id).await.is_ok(), ledger) }));
    }
    let mut won = 0;
    let mut open = Vec::new();
    for one in tries {
        let (got, ledger) = one.await.unwrap();
        won += usize::from(got);
        open.push(ledger);
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_the_ledger_usable() {
    let place = Place::new();
    let ledger = place.open().await;
    for polls in 0..40 {
        let call = async { running(&ledger).await };
        let mut call = Box::pin(call);
        for _ in 0..polls {
            // A few steps of it, then it is dropped wherever it stands.
            let step = tokio::time::timeout(std::time::Duration::from_micros(20), &mut call).await;
            if step.is_ok() {
                break;
            }
        }
        drop(call);
        let id = running(&ledger).await;
        ledger.succeed(id, &Report::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_by_another_is_noticed() {
    let place = Place::new();
    let (one, two) = (place.open().await, place.open().await);
    let before = one.version().await.unwrap();
    assert_eq!(one.version().await.unwrap(), before);
    queued(&two).await;
    assert_ne!(one.version().await.unwrap(), before);
}

#[tokio::test]
async fn lists_are_in_order_and_survive_closing() {
    let place = Place::new();
    let ledger = place.open().await;
    let done = running(&ledger).await;
    ledger.succeed(done, &Report::default()).await.unwrap();
    let (draft, open) = (ledger.add(&spec(), JobState::Draft).await.unwrap().id, queued(&ledger).await);
    let clone = ledger.clone();
    ledger.close().await.unwrap();
    assert!(matches!(clone.history(1).await, Err(Error::Closed { .. })));
    assert!(matches!(clone.add(&spec(), JobState::Draft).await, Err(Error::Closed { .. })));
    let again = place.open().await;
    let ids = |jobs: Vec<crate::job::Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(again.history(2).await.unwrap()), [open, draft]);
    let unfinished = again.unfinished().await.unwrap();
    assert_eq!(ids(unfinished.into_iter().map(|(job, _)| job).collect()), [draft, open]);
    // The clone is still there; closed is closed, and the job is free.
    again.resume(open).await.unwrap();
}

#[tokio::test]
async fn a_job_that_cannot_be_read_does_not_hide_the_others() {
    let place = Place::new();
    let ledger = place.open().await;
    let (broken, sound) = (queued(&ledger).await, queued(&ledger).await);
    let statement = "UPDATE jobs SET spec = '{\"of\": \"another time\"}' WHERE id = 1";
    sqlx::query(statement).execute(&mut *ledger.writer().await.unwrap()).await.unwrap();
    assert_eq!(ledger.history(9).await.unwrap().iter().map(|j| j.id).collect::<Vec<_>>(), [sound]);
    let error = ledger.job(broken).await.unwrap_err().to_string();
    assert!(error.starts_with("job 1 in the ledger /") && error.contains("ledger.db"), "{error}");
}

#[tokio::test]
async fn blobs_are_remembered_by_registry_and_forgotten_by_repository() {
    let place = Place::new();
    let ledger = place.open().await;
    let (here, there): (Registry, Registry) = ("a.example".parse().unwrap(), "b.example".parse().unwrap());
    let repository = |name: &str| name.parse::<Repository>().unwrap();
    let digests: Vec<_> = (0..1200u32).map(|n| Digest::of(&n.to_le_bytes())).collect();
    let blobs: Vec<_> = digests.iter().map(|digest| (digest.clone(), repository("one"))).collect();
    ledger.remember_blobs(&here, &blobs).await.unwrap();
    ledger.remember_blobs(&here, &[]).await.unwrap();
    assert_eq!(ledger.blob_locations(&here, &digests, false).await.unwrap().len(), 1200);
    assert!(ledger.blob_locations(&there, &digests, false).await.unwrap().is_empty());
    assert!(ledger.blob_locations(&here, &[], false).await.unwrap().is_empty());
    let first = &digests[..1];
    ledger.remember_blobs(&here, &[(digests[0].clone(), repository("two"))]).await.unwrap();
    let found = ledger.blob_locations(&here, first, false).await.unwrap();
    ledger.forget_blob(&here, &digests[0], &found[&digests[0]]).await.unwrap();
    let left = ledger.blob_locations(&here, first, false).await.unwrap();
    assert_ne!(left[&digests[0]], found[&digests[0]]);
    ledger.forget_blob(&here, &digests[0], &left[&digests[0]]).await.unwrap();
    assert!(ledger.blob_locations(&here, first, false).await.unwrap().is_empty());
    // An upload that has begun is a guess, until it is seen to be there; only the last one may have got through.
    for name in ["three", "four"] {
        ledger.begin_blob(&here, &digests[0], &repository(name)).await.unwrap();
        assert!(ledger.blob_locations(&here, first, false).await.unwrap().is_empty());
        let begun = ledger.blob_locations(&here, first, true).await.unwrap();
        assert_eq!(begun[&digests[0]], repository(name));
    }
    ledger.remember_blobs(&here, &[(digests[0].clone(), repository("four"))]).await.unwrap();
    ledger.begin_blob(&here, &digests[0], &repository("four")).await.unwrap();
    assert_eq!(ledger.blob_locations(&here, first, false).await.unwrap()[&digests[0]], repository("four"));
}

#[tokio::test]
async fn records_come_back_as_they_went() {
    let place = Place::new();
    let ledger = place.open().await;
    let job = queued(&ledger).await;
    let overwrite = Overwrite {
        job,
        registry: "a.example:5000".parse().unwrap(),
        repository: "o/r".parse().unwrap(),
        tag: "v1".parse().unwrap(),
        old: Digest::of(b"old"),
        new: Digest::of(b"new"),
        at: moment(1_700_000_000_123),
    };
    ledger.record_overwrite(&overwrite).await.unwrap();
    assert_eq!(ledger.overwrites(None, 5).await.unwrap(), std::slice::from_ref(&overwrite));
    assert!(ledger.record_overwrite(&Overwrite { job: JobId(99), ..overwrite }).await.is_err());
    ledger.record_file(job, Path::new("/tmp/镜像.tar"), &Digest::of(b"m"), 1 << 40).await.unwrap();
    let files = ledger.exported_files(None, 5).await.unwrap();
    assert_eq!(
        (files[0].path.as_path(), files[0].size, files.len()),
        (Path::new("/tmp/镜像.tar"), 1 << 40, 1)
    );
    let registry = "a.example:5000".parse().unwrap();
    assert_eq!(ledger.profile(&registry).await.unwrap(), None);
    for profile in [json!({"mounts": true}), json!({"mounts": false, "chunk": 5242880})] {
        ledger.set_profile(&registry, &profile).await.unwrap();
        assert_eq!(ledger.profile(&registry).await.unwrap(), Some(profile));
    }
}

/// Another process: this test binary, running only [`victim`] on the same file.
fn start_victim(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "ledger::tests::victim", "--ignored", "--nocapture"])
        .env("WHARF_TEST_LEDGER", path);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_until_it_runs(child: &mut Child) {
    use std::io::BufRead;
    let mut lines = std::io::BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("victim runs")),
        "the other process did not start its job"
    );
}

#[test]
#[ignore = "the other process of a_killed_process_leaves_interrupted_jobs"]
fn victim() {
    // Run by hand, or by --include-ignored, it has nothing to do.
    let Some(path) = std::env::var_os("WHARF_TEST_LEDGER") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(Path::new(&path)).await.unwrap();
        running(&ledger).await;
        println!("victim runs");
        // Until it is killed, or its parent is gone.
        let _ = std::io::stdin().read_line(&mut String::new());
    });
}

#[tokio::test]
async fn a_killed_process_leaves_interrupted_jobs_and_a_stopped_one_keeps_them() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new();
    let ledger = place.open().await;
    let mut child = start_victim(&place.path());
    wait_until_it_runs(&mut child);
    let id = JobId(1);
    assert_eq!(state(&ledger, id).await, JobState::Running);
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::STOP).unwrap();
    assert!(ledger.recover().await.unwrap().is_empty());
    assert!(matches!(ledger.resume(id).await, Err(Error::Owned { pid, .. }) if pid == child.id()));
    kill_process(pid, Signal::KILL).unwrap();
    // A zombie does nothing any more, but the signal takes a moment.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mut interrupted = Vec::new();
    while interrupted.is_empty() && std::time::Instant::now() < until {
        interrupted = ledger.recover().await.unwrap();
    }
    child.wait().unwrap();
    assert_eq!(interrupted, [id]);
    assert_eq!(ledger.resume(id).await.unwrap().state, JobState::Queued);
}

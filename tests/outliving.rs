//! Jobs that outlive what began them: two engines on one ledger, two wharfs at once, a hang-up, a way out that leaves the
//! jobs running, a kill, a stop.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use wharf::engine::{Engine, EngineOptions, Remote};
use wharf::job::{JobEvent, JobId, JobSpec, JobState, Wish};
use wharf::ledger::Ledger;
use wharf::oci::Platform;
use wharf::serve::ServeOptions;
use wharf::transport::registry::ClientOptions;

use crate::support::image::{Recipe, TestImage};
use crate::support::pty::{self, Pty, Spawn};
use crate::support::wharf::{Home, Registry};

const SOON: Duration = Duration::from_secs(20);

/// What a person in front of a screen calls at once.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn engine(ledger: &Path) -> Engine {
    let ledger = Ledger::open(ledger).await.unwrap();
    let here = ledger.path().parent().unwrap().to_owned();
    Engine::new(EngineOptions {
        client: ClientOptions::default(),
        store: here.join("store"),
        spool: std::env::temp_dir(),
        workers: 1,
        workers_per_host: 1,
        host_limits: Default::default(),
        bandwidth: None,
        host_bandwidths: Default::default(),
        forbids: Arc::new(|_| None),
        attempts: 3,
        retries_per_job: 100,
        daemons: Default::default(),
        host_platform: Platform::host_linux(),
        standard_output: None,
        ledger: Some(ledger),
    })
}

/// A registry with an image of many layers, and one that takes them slowly.
struct Route {
    from: Registry,
    to: Registry,
    image: TestImage,
    home: Home,
}

impl Route {
    async fn new() -> Route {
        let slow = ServeOptions { bandwidth: NonZeroU64::new(150_000), ..ServeOptions::default() };
        let (home, from, to) = (Home::new(), Registry::start().await, Registry::with(slow).await);
        let image = Recipe::layers(&[60_000; 30]).write(&home.path("made"), "1").unwrap();
        image.push(&from.host(), "a", &["1"]).await;
        Route { from, to, image, home }
    }

    fn spec(&self, name: &str) -> JobSpec {
        let location = |host: String, path: &str| format!("{host}/{path}:1").parse().unwrap();
        JobSpec::copy(location(self.from.host(), "a"), location(self.to.host(), name))
    }

    async fn arrived(&self, name: &str) {
        self.image.assert_at(&self.to.host(), name, "1").await;
    }
}

/// Waits until what others see of a job is as wanted; how long that took.
async fn seen(engine: &Engine, job: JobId, what: &str, is: impl Fn(&Remote) -> bool) -> (Remote, Duration) {
    let mut others = engine.others().unwrap();
    let began = Instant::now();
    loop {
        let found = others.borrow_and_update().iter().find(|remote| remote.job.id == job).cloned();
        if let Some(remote) = &found
            && is(remote)
        {
            return (remote.clone(), began.elapsed());
        }
        let more = tokio::time::timeout(SOON, others.changed()).await;
        more.unwrap_or_else(|_| panic!("never {what}: {found:?}")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_engine_sees_and_controls_the_jobs_of_another() {
    let route = Route::new().await;
    let path = route.home.path("ledger.db");
    let (one, two) = (engine(&path).await, engine(&path).await);
    let mut said = two.subscribe();
    let job = one.submit(route.spec("b")).await.unwrap();
    // Bytes and blobs, live.
    let (first, _) = seen(&two, job, "bytes", |r| r.job.progress.wire > 0).await;
    assert!(
        first.owner.is_some()
            && first.job.progress.settled_blobs().1 == 31
            && first.job.progress.blobs.is_empty()
    );
    let before = first.job.progress.wire;
    let (_, took) = seen(&two, job, "more", |r| r.job.progress.wire > before).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    // Paused within a second, and then nothing flows.
    let began = Instant::now();
    two.pause(job).await.unwrap();
    assert!(
        began.elapsed() < AT_ONCE && one.job(job).unwrap().state == JobState::Paused,
        "{:?}",
        began.elapsed()
    );
    seen(&two, job, "paused", |r| r.job.state == JobState::Paused).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let still = one.job(job).unwrap().progress.wire;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(one.job(job).unwrap().progress.wire, still);
    let refused = two.pause(job).await.unwrap_err().to_string();
    assert!(refused.contains("paused") && refused.matches("job ").count() >= 1, "{refused}");
    two.set_priority(job, 7).await.unwrap();
    assert_eq!(one.job(job).unwrap().priority, 7);
    seen(&two, job, "first", |r| r.job.priority == 7).await;
    assert!(two.set_priority(job, 7000).await.is_err());
    two.resume(job).await.unwrap();
    seen(&two, job, "flowing again", |r| r.job.state == JobState::Running && r.job.progress.wire > still)
        .await;
    let began = Instant::now();
    two.cancel(job).await.unwrap();
    assert!(began.elapsed() < AT_ONCE && one.job(job).unwrap().state == JobState::Cancelled);
    seen(&two, job, "cancelled", |r| r.job.state == JobState::Cancelled && r.owner.is_none()).await;
    assert!(two.cancel(job).await.unwrap_err().to_string().contains("over"));
    assert!(two.cancel(JobId(99)).await.unwrap_err().to_string().contains("99"));
    let mut states = Vec::new();
    while let Ok(event) = said.try_recv() {
        match event {
            JobEvent::Moved { job: moved, to, .. } if moved == job => states.push(to),
            _ => {}
        }
    }
    assert!(states.contains(&JobState::Paused) && states.last() == Some(&JobState::Cancelled), "{states:?}");
    one.shutdown().await;
    two.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_given_over_and_never_runs_twice() {
    let route = Route::new().await;
    let path = route.home.path("ledger.db");
    let (one, two) = (engine(&path).await, engine(&path).await);
    // One after the other: whichever sends the layers, they are there already for the other.
    let mut jobs = vec![one.submit(route.spec("b")).await.unwrap()];
    seen(&two, jobs[0], "bytes", |r| r.job.progress.wire > 100_000).await;
    jobs.push(one.submit(route.spec("c")).await.unwrap());
    // Neither takes what the other has.
    assert!(two.take_up(&jobs).await.unwrap_err().to_string().contains("belongs to another wharf"));
    let given = one.hand_over().await.unwrap();
    assert_eq!(given.iter().map(|(id, _)| *id).collect::<Vec<_>>(), jobs);
    assert_eq!(one.hand_over().await.unwrap(), given);
    assert!(one.jobs().iter().all(|job| job.state.is_final()), "{:?}", one.jobs());
    let (left, _) = seen(&two, jobs[0], "left behind", Remote::is_left_behind).await;
    assert!(left.job.state == JobState::Interrupted && left.job.progress.wire > 0);
    assert!(two.ask(jobs[0], Wish::Pause).await.is_err(), "nobody is at work on it");
    two.resume(jobs[0]).await.unwrap();
    two.take_up(&jobs[1..]).await.unwrap();
    for job in &jobs {
        assert_eq!(two.wait(*job).await.unwrap().state, JobState::Succeeded);
    }
    route.arrived("b").await;
    route.arrived("c").await;
    // What came before the hand-over was not sent again.
    let record = two.record(jobs[0]).await.unwrap();
    assert_eq!(record.attempts.len(), 2);
    assert!(record.job.progress.reused > 0, "{:?}", record.job.progress);
    one.shutdown().await;
    two.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_seen_here_may_be_tried_again_elsewhere() {
    let route = Route::new().await;
    let path = route.home.path("ledger.db");
    let (one, two) = (engine(&path).await, engine(&path).await);
    let _looks = one.others();
    let gone = Registry::start().await;
    let host = gone.host();
    drop(gone);
    let spec = JobSpec::copy(
        format!("{host}/a:1").parse().unwrap(),
        format!("{}/x:1", route.to.host()).parse().unwrap(),
    );
    let job = one.submit(spec).await.unwrap();
    assert_eq!(one.wait(job).await.unwrap().state, JobState::Failed);
    two.retry(job).await.unwrap();
    assert_eq!(two.wait(job).await.unwrap().state, JobState::Failed);
    assert_eq!(two.record(job).await.unwrap().attempts.len(), 2);
    // And once more where it was first.
    one.retry(job).await.unwrap();
    assert_eq!(one.wait(job).await.unwrap().state, JobState::Failed);
    assert_eq!(one.record(job).await.unwrap().attempts.len(), 3);
    one.shutdown().await;
    two.shutdown().await;
}

/// A terminal UI on the route's ledger; it sends to the slow registry.
fn wharf(route: &Route) -> Spawn {
    let config = route.home.path("config.yaml");
    // One blob at a time, so that a pause shows soon.
    let text = format!("target: {}/m\nworkers: 1\nworkers_per_host: 1\n", route.to.host());
    std::fs::write(&config, text).unwrap();
    let (config, ledger) = (config.display().to_string(), route.home.text("ledger.db"));
    Spawn::wharf().args(["--config", &config, "--ledger", &ledger])
}

#[track_caller]
fn open(spawn: Spawn) -> Pty {
    let pty = spawn.start();
    pty.wait_for("Registries", SOON);
    pty
}

/// Types the route's image, starts the queue, and waits until it runs.
#[track_caller]
fn start(pty: &mut Pty, route: &Route) {
    pty.keys("n");
    pty.keys(&format!("{}/a:1", route.from.host()));
    pty.keys("<enter>");
    pty.wait_for("Q 1", SOON);
    pty.keys("S");
    let deadline = Instant::now() + SOON;
    while !pty.screen().contains("▶1") {
        assert!(Instant::now() < deadline, "it did not start:\n{}", pty.screen().text());
        std::thread::sleep(Duration::from_millis(300));
        if !pty.screen().contains("▶1") {
            pty.keys("<enter>");
        }
    }
}

impl Route {
    /// The jobs that are not over, as another process sees them.
    async fn jobs(&self) -> Vec<Value> {
        let ledger = self.home.text("ledger.db");
        let run = self.home.ok(&["jobs", "--ledger", &ledger, "--output", "json"]).await;
        run.json()["jobs"].as_array().unwrap().clone()
    }

    /// Waits until the first of them is as wanted.
    async fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let jobs = self.jobs().await;
            if let Some(job) = jobs.first().filter(|job| is(job)) {
                return job.clone();
            }
            assert!(began.elapsed() < SOON, "never {what}: {jobs:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn wire(job: &Value) -> u64 {
    job["progress"]["wire"].as_u64().unwrap()
}

/// Waits for a process's end that is nobody's child here.
fn wait_end(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while pty::process_state(pid).is_some_and(|state| state != 'Z') {
        assert!(Instant::now() < deadline, "process {pid} does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_hang_up_another_wharf_shows_and_controls_the_jobs() {
    let route = Route::new().await;
    let mut first = open(wharf(&route));
    start(&mut first, &route);
    let pid = first.pid();
    first.hang_up();
    let mut second = open(wharf(&route));
    second.wait_for(&format!("pid {pid}, no terminal"), SOON);
    second.keys("4");
    // Live: bytes grow on the screen.
    second.wait_until("bytes flow", SOON, |screen| {
        screen.row_with("%").is_some_and(|row| row.contains("/s") && row.contains("/31 layers"))
    });
    let before = wire(&route.jobs().await[0]);
    route.until("more bytes", |job| wire(job) > before).await;
    let began = Instant::now();
    second.keys("p");
    route.until("paused", |job| job["state"] == "paused").await;
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    second.wait_for("paused", SOON);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let still = wire(&route.jobs().await[0]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(wire(&route.jobs().await[0]), still, "it is paused");
    second.keys("p");
    route.until("flowing again", |job| wire(job) > still).await;
    second.keys("x");
    second.wait_for("cancel it", SOON);
    second.keys("j<enter>");
    second.wait_for("cancelled", SOON);
    // With nothing left to do it ends.
    first.wait_exit(SOON);
    assert!(route.jobs().await.is_empty());
    second.keys("q");
    second.wait_exit(SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_agree() {
    let route = Route::new().await;
    let (mut one, mut two) = (open(wharf(&route)), open(wharf(&route)));
    start(&mut one, &route);
    two.wait_for(&format!("1 in another wharf (pid {})", one.pid()), SOON);
    two.keys("4");
    two.wait_for("/31 layers", SOON);
    two.keys("p");
    one.wait_for("paused", SOON);
    two.wait_for("paused", SOON);
    // By the command, too.
    let ledger = route.home.text("ledger.db");
    let jobs = |args: &'static [&'static str]| {
        let args: Vec<String> =
            ["jobs", "--ledger", &ledger].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        let home = &route.home;
        async move { home.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).await }
    };
    let run = jobs(&["priority", "-3", "1"]).await;
    assert!(run.code == Some(0) && run.stderr.contains("1 job prioritised"), "{run}");
    two.wait_for("-3", SOON);
    one.wait_for("-3", SOON);
    assert!(jobs(&["pause", "1"]).await.failed(1).0.contains("paused"));
    assert_eq!(jobs(&["resume", "1"]).await.code, Some(0));
    two.wait_until("it goes on", SOON, |screen| screen.row_with("%").is_some_and(|row| row.contains("/s")));
    assert!(jobs(&["retry", "77"]).await.failed(1).0.contains("77"));
    let watched = jobs(&["--watch"]).await;
    assert!(watched.code == Some(0) && watched.stderr.contains("1 succeeded"), "{watched}");
    two.wait_for("✓1", SOON);
    one.wait_for("✓1", SOON);
    route.arrived("m/a").await;
    for mut pty in [one, two] {
        pty.keys("q");
        pty.wait_exit(SOON);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_left_running_and_the_shell_is_back() {
    let route = Route::new().await;
    let (config, ledger) = (route.home.text("config.yaml"), route.home.text("ledger.db"));
    drop(wharf(&route));
    let script = format!(
        "{} --config {config} --ledger {ledger}; echo back=$?; read end",
        env!("CARGO_BIN_EXE_wharf")
    );
    let mut shell = open(Spawn::program("/bin/sh").args(["-c", &script]));
    start(&mut shell, &route);
    let running = route.until("running", |job| wire(job) > 0).await;
    let before = running["owner"]["pid"].as_u64().unwrap();
    shell.keys("q");
    shell.wait_for("background", SOON);
    shell.keys("jj<enter>");
    shell.wait_for("back=0", SOON);
    shell.wait_for("1 job goes on in the background", SOON);
    let job = route.until("running again", |job| job["state"] == "running").await;
    let pid = u32::try_from(job["owner"]["pid"].as_u64().unwrap()).unwrap();
    assert!(u64::from(pid) != before && !job["owner"]["alone"].is_null(), "{job}");
    // It has nothing to do with this terminal any more.
    shell.keys("<c-c>");
    shell.hang_up();
    let mut later = open(wharf(&route));
    later.wait_for("no terminal", SOON);
    later.wait_for("✓1", Duration::from_secs(60));
    route.arrived("m/a").await;
    wait_end(pid);
    later.keys("q");
    later.wait_exit(SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_wharf_left_is_offered() {
    let route = Route::new().await;
    let mut first = open(wharf(&route));
    start(&mut first, &route);
    route.until("bytes", |job| wire(job) > 0).await;
    let mut witness = open(wharf(&route));
    first.signal(Signal::KILL);
    first.wait_exit(SOON);
    // One that looks sees it at once, a new one when it starts.
    witness.wait_for("1 job was interrupted: C goes on with it", SOON);
    let mut second = open(wharf(&route));
    second.wait_for("1 job was interrupted: C goes on with it", SOON);
    // Both want it: one has it, and the other sees that.
    witness.keys("C");
    second.keys("C");
    for pty in [&second, &witness] {
        pty.wait_for("✓1", Duration::from_secs(60));
        let raw = String::from_utf8_lossy(&pty.raw()).into_owned();
        assert!(!raw.contains("not paused"), "it was not paused, and nobody asked for that");
    }
    route.arrived("m/a").await;
    for mut pty in [second, witness] {
        pty.keys("q");
        pty.wait_exit(SOON);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_jobs_can_go_on_later() {
    let route = Route::new().await;
    let mut first = open(wharf(&route));
    start(&mut first, &route);
    route.until("bytes", |job| wire(job) > 0).await;
    first.keys("q");
    first.wait_for("stop the jobs", SOON);
    first.keys("k<enter>");
    first.wait_exit(SOON);
    assert!(first.wait_output_end(SOON).contains("wharf jobs resume"));
    assert_eq!(route.jobs().await[0]["state"], "interrupted");
    // SIGTERM leaves them just so.
    let mut second = open(wharf(&route));
    second.wait_for("C goes on", SOON);
    second.keys("C");
    route.until("running", |job| job["state"] == "running").await;
    second.signal(Signal::TERM);
    assert_eq!(second.wait_exit(SOON).exit_code(), 143);
    assert_eq!(route.jobs().await[0]["state"], "interrupted");
    let ledger = route.home.text("ledger.db");
    route.home.ok(&["jobs", "resume", "--ledger", &ledger]).await;
    route.arrived("m/a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_wharf_keeps_its_jobs_and_goes_on() {
    const ENTER: &[u8] = b"\x1b[?1049h";
    let route = Route::new().await;
    let mut first = open(wharf(&route));
    start(&mut first, &route);
    route.until("bytes", |job| wire(job) > 0).await;
    first.signal(Signal::STOP);
    let mut second = open(wharf(&route));
    second.wait_for("1 in another wharf", SOON);
    second.keys("4p");
    // Nobody is there to obey; and nothing is done later, when nobody expects it.
    second.wait_for("does not answer", SOON);
    let before = first.raw().len();
    first.signal(Signal::CONT);
    first.wait_raw(ENTER, before, SOON);
    first.wait_for("Registries", SOON);
    first.wait_for("✓1", Duration::from_secs(60));
    route.arrived("m/a").await;
    for mut pty in [first, second] {
        pty.keys("q");
        pty.wait_exit(SOON);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_on_costs_next_to_nothing() {
    let route = Route::new().await;
    let (one, two) = (open(wharf(&route)), open(wharf(&route)));
    // A pause in the middle: jobs are there, and nothing happens.
    let mut third = open(wharf(&route));
    start(&mut third, &route);
    route.until("bytes", |job| wire(job) > 0).await;
    third.keys("4p");
    for pty in [&one, &two] {
        pty.wait_for("1 in another wharf", SOON);
    }
    route.until("paused", |job| job["state"] == "paused").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let wal = || {
        std::fs::metadata(route.home.path("ledger.db-wal"))
            .map(|file| (file.len(), file.modified().ok()))
            .ok()
    };
    let now = || [&one, &two].map(|pty| (pty.cpu_ticks(), pty.raw().len()));
    let (before, written) = (now(), wal());
    tokio::time::sleep(Duration::from_secs(10)).await;
    for ((ticks, drawn), (before, had)) in now().into_iter().zip(before) {
        // A tenth of a percent; a debug build is slower than what people use.
        let limit = if cfg!(debug_assertions) { 5 } else { 1 };
        assert!(ticks - before <= limit, "{} ticks in 10 s", ticks - before);
        assert_eq!(drawn, had, "something was drawn");
    }
    assert_eq!(wal(), written, "something was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_hung_up_is_found_again() {
    let route = Route::new().await;
    let (from, to) = (format!("{}/a:1", route.from.host()), format!("{}/m/a:1", route.to.host()));
    let ledger = route.home.text("ledger.db");
    let mut command =
        Spawn::wharf().args(["copy", &from, &to, "--ledger", &ledger, "--workers", "1"]).start();
    let job = route.until("bytes", |job| wire(job) > 0).await;
    assert!(job["owner"]["alone"].is_null(), "{job}");
    command.hang_up();
    let job = route.until("without a terminal", |job| !job["owner"]["alone"].is_null()).await;
    assert_eq!(job["owner"]["pid"], u64::from(command.pid()));
    let shown = route.home.ok(&["jobs", "--ledger", &ledger]).await;
    assert!(shown.stdout.contains("no terminal"), "{shown}");
    route.home.ok(&["jobs", "pause", "1", "--ledger", &ledger]).await;
    route.until("paused", |job| job["state"] == "paused").await;
    route.home.ok(&["jobs", "cancel", "1", "--ledger", &ledger]).await;
    command.wait_exit(SOON);
    assert!(route.jobs().await.is_empty());
}

#[test]
fn without_a_ledger_it_is_said_and_wharf_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("ledger.db");
    std::fs::write(&file, "this is a letter to a friend, and no database at all; it is long enough, though")
        .unwrap();
    let mut pty = open(Spawn::wharf().args(["--ledger", &file.display().to_string()]));
    pty.wait_for("jobs are not recorded", SOON);
    pty.keys("q");
    assert!(pty.wait_exit(SOON).success());
}

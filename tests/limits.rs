//! Limits: bandwidth, workers, priority, and a registry that says it is too much.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf::engine::{Engine, EngineOptions};
use wharf::job::{JobId, JobSpec, JobState};
use wharf::ledger::Ledger;
use wharf::oci::Platform;
use wharf::serve::ServeOptions;
use wharf::transport::registry::ClientOptions;

use crate::support::fault::{Fault, Kind, Proxy, any, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::{Home, Registry};

/// The library's own API, with so many workers and a ledger.
async fn engine(home: &Home, workers: usize, bandwidth: Option<u64>) -> Engine {
    let ledger = Ledger::open(&home.path("ledger.db")).await.unwrap();
    Engine::new(EngineOptions {
        client: ClientOptions::default(),
        store: home.path("store"),
        spool: std::env::temp_dir(),
        workers,
        workers_per_host: workers,
        host_limits: Default::default(),
        bandwidth: bandwidth.and_then(NonZeroU64::new),
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

async fn image_at(registry: &Registry, home: &Home, layers: &[u64]) -> TestImage {
    let image = Recipe::layers(layers).write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "a", &["1"]).await;
    image
}

fn spec(from: &Registry, to: &Registry, repository: &str) -> JobSpec {
    let location = |host: String, path: &str| format!("{host}/{path}:1").parse().unwrap();
    JobSpec::copy(location(from.host(), "a"), location(to.host(), repository))
}

/// Waits until a job is in a state.
async fn until(engine: &Engine, job: JobId, state: JobState) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while engine.job(job).unwrap().state != state {
        assert!(Instant::now() < deadline, "{:?}", engine.job(job).unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_takes_as_long_as_its_bandwidth_asks_for() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    let image = image_at(&from, &home, &[150_000, 100_000, 50_000]).await;
    let source = format!("{}/a:1", from.host());
    let took = async |args: &[&str]| {
        let started = Instant::now();
        home.ok(&[&["copy", &source], args].concat()).await;
        started.elapsed().as_secs_f64()
    };
    let target = format!("{}/b:1", to.host());
    // On the command line, which is above the configuration.
    home.config("bandwidth: 1KB\n");
    let seconds = took(&[&target, "--bandwidth", "100KB"]).await;
    assert!((2.5..4.5).contains(&seconds), "300 kB at 100 kB/s: {seconds} s");
    image.assert_at(&to.host(), "b", "1").await;
    // What is mounted there does not move; the same blobs move to the files.
    let (layout, archive) = (format!("oci:{}", home.text("out")), home.text("out.tar"));
    let (from_there, mounted) = (format!("{}/b:1", to.host()), format!("{}/m:1", to.host()));
    for args in [
        &["copy", &from_there, &mounted, &layout, "--bandwidth", "100KB"][..],
        &["export", &from_there, "-o", &archive, "--platform", "linux/amd64", "--bandwidth", "100KB"],
    ] {
        let started = Instant::now();
        home.ok(args).await;
        let seconds = started.elapsed().as_secs_f64();
        assert!((2.5..4.5).contains(&seconds), "{args:?}: {seconds} s");
    }
    // For one registry alone, whether it is written or read.
    let fresh = [Registry::start().await, Registry::start().await];
    for (to, limited) in [(&fresh[0], &fresh[0]), (&fresh[1], &from)] {
        let host = limited.host();
        home.config(&format!("registries:\n- {{name: r, url: 'http://{host}', bandwidth: 100KB}}\n"));
        let seconds = took(&[&format!("{}/c:1", to.host())]).await;
        assert!((2.5..4.5).contains(&seconds), "{seconds} s");
        image.assert_at(&to.host(), "c", "1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_the_limit_is_no_stall() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    let image = image_at(&from, &home, &[700]).await;
    home.config("stall_timeout: 1\nattempts: 1\n");
    let (source, target) = (format!("{}/a:1", from.host()), format!("{}/b:1", to.host()));
    // A piece of 256 bytes takes longer than the second after which a connection counts as dropped.
    let run = home.ok(&["copy", &source, &target, "--bandwidth", "200"]).await;
    assert!(!run.stderr.contains("attempt"), "{run}");
    image.assert_at(&to.host(), "b", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_paused_under_a_limit_goes_on() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    let image = image_at(&from, &home, &[40_000, 30_000, 20_000, 10_000]).await;
    // One worker: while it moves a blob the others wait.
    let engine = engine(&home, 1, Some(40_000)).await;
    let job = engine.submit(spec(&from, &to, "b")).await.unwrap();
    until(&engine, job, JobState::Running).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    engine.pause(job).await.unwrap();
    // The running blob is seen through; no other starts.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let wire = engine.job(job).unwrap().progress.wire;
    assert_eq!(engine.job(job).unwrap().state, JobState::Paused);
    assert!((1..60_000).contains(&wire), "{wire}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let progress = engine.job(job).unwrap().progress;
    assert_eq!(progress.wire, wire, "nothing moves");
    let (settled, all) = progress.settled_blobs();
    assert!((1..all).contains(&settled), "{settled} of {all}");
    engine.resume(job).await.unwrap();
    engine.set_bandwidth(None);
    assert_eq!(engine.wait(job).await.unwrap().state, JobState::Succeeded);
    image.assert_at(&to.host(), "b", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_jobs_hold_no_turn_and_take_one_again() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    let image = image_at(&from, &home, &[3_000]).await;
    // So slow that nothing ends before it is paused.
    let engine = engine(&home, 64, Some(300)).await;
    let mut paused = Vec::new();
    for n in 0..40 {
        paused.push(engine.submit(spec(&from, &to, &format!("p{n}"))).await.unwrap());
    }
    // There are fewer turns than jobs: each pause lets another one in.
    for job in &paused {
        until(&engine, *job, JobState::Running).await;
        engine.pause(*job).await.unwrap();
    }
    let other = Registry::start().await;
    let last = engine.submit(spec(&from, &other, "last")).await.unwrap();
    until(&engine, last, JobState::Running).await;
    engine.set_bandwidth(None);
    assert_eq!(engine.wait(last).await.unwrap().state, JobState::Succeeded);
    for job in &paused {
        engine.resume(*job).await.unwrap();
    }
    for (n, job) in paused.into_iter().enumerate() {
        assert_eq!(engine.wait(job).await.unwrap().state, JobState::Succeeded, "{job}");
        image.assert_at(&to.host(), &format!("p{n}"), "1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_priority_is_served_first() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    image_at(&from, &home, &[30_000, 30_000, 30_000]).await;
    let other = Registry::start().await;
    let second = Recipe::layers(&[20_000, 20_000, 20_000]).write(&home.path("second"), "1").unwrap();
    second.push(&other.host(), "a", &["1"]).await;
    let engine = engine(&home, 1, Some(60_000)).await;
    let early = engine.submit(spec(&from, &to, "early")).await.unwrap();
    until(&engine, early, JobState::Running).await;
    let late = engine.submit(spec(&other, &to, "late")).await.unwrap();
    until(&engine, late, JobState::Running).await;
    // Smaller blobs, submitted later: without the priority it would end last.
    engine.set_priority(late, 2).await.unwrap();
    assert_eq!(engine.job(late).unwrap().priority, 2);
    let recorded = engine.history(10).await.unwrap();
    assert_eq!(recorded.iter().find(|job| job.id == late).unwrap().priority, 2, "the ledger knows");
    assert_eq!(engine.wait(late).await.unwrap().state, JobState::Succeeded);
    assert_eq!(engine.job(early).unwrap().state, JobState::Running);
    engine.set_workers(4);
    assert_eq!((engine.workers(), engine.wait(early).await.unwrap().state), (4, JobState::Succeeded));
    let over = engine.set_priority(late, 1).await.unwrap_err().to_string();
    assert!(over.contains("it is over"), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_takes_four_requests_at_a_time_is_not_hammered() {
    let (home, from) = (Home::new(), Registry::start().await);
    let to = Registry::with(ServeOptions { latency: Duration::from_millis(250), ..Default::default() }).await;
    let layers: Vec<u64> = (0..24).map(|n| 20_000 + n).collect();
    let image = image_at(&from, &home, &layers).await;
    let proxy = Proxy::start(&to.host()).await;
    proxy.add(any().then(Fault::Crowded(4)));
    let target = format!("{}/b:1", proxy.host());
    let run = home.ok(&["copy", &format!("{}/a:1", from.host()), &target, "--progress", "plain"]).await;
    image.assert_at(&to.host(), "b", "1").await;
    // Sixteen begin at once, and twelve of them are too many; measured: 18 refusals in 91 requests and 6 s. Without
    // backing off it was 36 in 108, and 13 s.
    let (refusals, requests) = (proxy.crowded(), proxy.seen().len());
    assert!((1..=30).contains(&refusals), "{refusals} refusals of {requests} requests: {run}");
    let notes = run.stderr.matches("is throttling:").count();
    assert!((1..=6).contains(&notes), "told when the direction changes, not each time: {run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_everything_is_an_error_soon() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    image_at(&from, &home, &[3_000; 30]).await;
    home.config("attempts: 3\n");
    let proxy = Proxy::start(&to.host()).await;
    let refused = proxy.add(on("POST", Kind::Upload).then(Fault::Status(429)));
    let target = format!("{}/b:1", proxy.host());
    let started = Instant::now();
    let run = home.run(&["copy", &format!("{}/a:1", from.host()), &target]).await;
    let (error, _) = run.failed(1);
    assert!(error.contains("429"), "{run}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert!(refused.happened() <= 60, "{} attempts", refused.happened());
}

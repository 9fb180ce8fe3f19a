//! Killed in the middle: what the next start of the same command makes of it.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::process::Child;
use wharf::serve::ServeOptions;

use crate::support::fault::{Kind, Proxy};
use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::{Home, Registry, Run};

/// Images of a batch, and where they come from.
struct Batch {
    from: Registry,
    images: Vec<(TestImage, String)>,
    _made: Home,
}

impl Batch {
    /// `count` images with a layer of their own; four share a base, and all share another.
    async fn new(count: u64) -> Batch {
        let (made, from) = (Home::new(), Registry::start().await);
        let mut images = Vec::new();
        for n in 0..count {
            let name = format!("team{}/image{n}", n % 4);
            let base = 20_000 + n % 10;
            let recipe = Recipe::layers(&[25_000 + 1_000 * (n % 7)]).shared(&[60_000, base]).seed(n);
            let image = recipe.write(&made.path(&name), "1").unwrap();
            image.push(&from.host(), &name, &["1"]).await;
            images.push((image, name));
        }
        Batch { from, images, _made: made }
    }

    fn list(&self) -> String {
        self.images.iter().map(|(_, name)| format!("{}/{name}:1\n", self.from.host())).collect()
    }
}

/// A home, and an empty registry of a certain speed behind a counting proxy.
struct Shore {
    home: Home,
    to: Registry,
    target: Proxy,
}

impl Shore {
    async fn new(batch: &Batch) -> Shore {
        let (bandwidth, latency) = (NonZeroU64::new(250_000), Duration::from_millis(25));
        let slow = ServeOptions { bandwidth, latency, ..ServeOptions::default() };
        let to = Registry::with(slow).await;
        let (home, target) = (Home::new(), Proxy::start(&to.host()).await);
        std::fs::write(home.path("list"), batch.list()).unwrap();
        Shore { home, to, target }
    }

    fn begin(&self) -> Child {
        self.home.command(&["sync", "list", "--to", &self.target.host()]).spawn().unwrap()
    }

    async fn jobs(&self, args: &[&str]) -> Vec<Value> {
        let run = self.home.ok(&[args, &["--output", "json"]].concat()).await;
        run.json()["jobs"].as_array().unwrap().clone()
    }

    /// Digests that the registry took, in order; each must have been sent no more once it was taken.
    fn taken_once(&self) -> HashSet<String> {
        let is_put = |method: &str, kind| method == "PUT" && kind == Kind::Upload;
        let digest = |uri: &str| uri.split("digest=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let mut taken: HashMap<String, usize> = HashMap::new();
        for answer in self.target.answered() {
            if is_put(&answer.method, answer.kind) && answer.status == 201 {
                *taken.entry(digest(&answer.uri)).or_default() += 1;
            }
        }
        let again: Vec<_> = taken.iter().filter(|(_, times)| **times > 1).collect();
        assert!(again.is_empty(), "taken and sent again: {again:?}");
        taken.into_keys().collect()
    }
}

/// The `n`th number of a seed's sequence below `limit` (SplitMix64).
fn random(seed: u64, n: u64, limit: u64) -> u64 {
    let z = seed.wrapping_add(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % limit
}

fn states(jobs: &[Value]) -> Vec<&str> {
    jobs.iter().map(|job| job["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_killed_twenty_times_ends_and_sends_nothing_twice() {
    const KILLS: u64 = 20;
    let batch = Batch::new(40).await;
    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS {
        rounds += 1;
        let shore = Shore::new(&batch).await;
        let mut killed_here = 0;
        let last = loop {
            let mut child = shore.begin();
            let moment = Duration::from_millis(100 + random(7, kills, 500));
            tokio::select! {
                biased;
                () = tokio::time::sleep(moment), if kills < KILLS => {
                    // SIGKILL.
                    child.kill().await.unwrap();
                    (kills, killed_here) = (kills + 1, killed_here + 1);
                    shore.taken_once();
                }
                _ = child.wait() => break Run::of(&["sync"], child).await,
            }
        };
        assert_eq!(last.code, Some(0), "{last}");
        assert_eq!(last.stdout.lines().count(), 40, "{last}");
        let host = shore.to.host();
        join_all(batch.images.iter().map(|(image, name)| image.assert_at(&host, name, "1"))).await;
        let unique: HashSet<_> =
            batch.images.iter().flat_map(|(image, _)| &image.blobs).map(|b| &b.digest).collect();
        assert!(shore.taken_once().len() <= unique.len());
        // The history tells the truth: no job twice, and what was cut off is an attempt of its own.
        let jobs = shore.jobs(&["history", "-n", "1000"]).await;
        let specs: HashSet<String> = jobs.iter().map(|job| job["spec"].to_string()).collect();
        let ended = states(&jobs).iter().filter(|state| **state == "succeeded").count();
        let mut interrupted = 0;
        for job in &jobs {
            let attempts = job["attempts"].as_array().unwrap();
            let outcomes: Vec<&str> = attempts.iter().map(|a| a["outcome"].as_str().unwrap()).collect();
            let (end, before) = outcomes.split_last().unwrap();
            assert!(*end == "succeeded" && before.iter().all(|outcome| *outcome == "interrupted"), "{job}");
            assert!(before.len() <= killed_here, "{job}");
            interrupted += before.len();
        }
        println!("round {rounds}: {killed_here} kills, {} jobs, {interrupted} attempts cut off", jobs.len());
        // What had arrived before a kill is looked at once more by the next start, as by any later one.
        assert_eq!((specs.len(), ended), (40, jobs.len()), "{jobs:?}");
        assert!(shore.jobs(&["jobs"]).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_batch_left_is_listed_resumed_and_cancelled() {
    let batch = Batch::new(36).await;
    let shore = Shore::new(&batch).await;
    let mut child = shore.begin();
    // While it lives it has its jobs, and another process sees how far they are.
    let seen = loop {
        let jobs = shore.jobs(&["jobs"]).await;
        if jobs.iter().any(|job| job["state"] == "running" && job["progress"]["total"].as_u64() > Some(0)) {
            break jobs;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was seen of it");
    };
    let owner = u64::from(child.id().unwrap());
    assert!(seen.iter().all(|job| job["owner"]["pid"] == owner), "{seen:?}");
    // The last one put down: the first may be over by now.
    let last = seen.last().unwrap()["id"].to_string();
    // It is asked, and obeys.
    let run = shore.home.ok(&["jobs", "cancel", &last]).await;
    assert!(run.stderr.contains("1 job cancelled"), "{run}");
    child.kill().await.unwrap();
    let left = shore.jobs(&["jobs"]).await;
    assert!(left.iter().all(|job| job["owner"].is_null()), "{left:?}");
    assert!(states(&left).iter().all(|state| matches!(*state, "interrupted" | "queued")), "{left:?}");
    let shown = shore.home.ok(&["jobs"]).await;
    assert!(shown.stderr.contains("`wharf jobs resume` finishes them"), "{shown}");
    // One is cancelled, one is finished alone, and then the rest.
    let id = |at: usize| left[at]["id"].to_string();
    shore.home.ok(&["jobs", "cancel", &id(0)]).await;
    let one = shore.home.ok(&["jobs", "resume", &id(1), "--output", "json"]).await;
    assert_eq!(states(one.json()["jobs"].as_array().unwrap()), ["succeeded"], "{one}");
    let rest = shore.home.ok(&["jobs", "resume", "--output", "json"]).await;
    assert_eq!(rest.json()["jobs"].as_array().unwrap().len(), left.len() - 2, "{rest}");
    let again = shore.home.ok(&["jobs", "resume"]).await;
    assert!(again.stderr.contains("no job was interrupted"), "{again}");
    shore.taken_once();
    let history = shore.jobs(&["history", "-n", "100"]).await;
    let count = |state| states(&history).iter().filter(|s| **s == state).count();
    assert_eq!((history.len(), count("cancelled"), count("succeeded")), (36, 2, 34), "{history:?}");
    let run = shore.home.run(&["jobs", "resume", &id(1)]).await;
    assert!(run.failed(1).0.contains("succeeded"), "{run}");
    assert!(shore.home.run(&["jobs", "cancel", "99999"]).await.failed(1).0.contains("99999"));
}

//! Faults on the way: every copy ends either byte for byte or with one clear error and nothing half-visible.
//!
//! | fault (DESIGN section 7) | story |
//! |---|---|
//! | 401 | `what_cannot_be_mended…`; with a token to be had `…may_answer…` |
//! | 403, 404 | `what_cannot_be_mended…` |
//! | 429 with Retry-After | `what_can_be_mended…` |
//! | 500 on PATCH | `chunks_meet_faults…` |
//! | 500 on PUT, before and after it took effect | `what_can_be_mended…`, `…may_answer…` |
//! | cut body | `what_can_be_mended…`, `a_cut_download…`, `…may_answer…` (manifests) |
//! | wrong digest, in bytes and in headers | `what_cannot_be_mended…`; every part × every way: `wrong_bytes` |
//! | Range ignored; another one answered | `a_cut_download…`; `answers_that_make_no_sense…` |
//! | mount refused | `a_refused_mount…` |
//! | relative Location, absolute, with a query, twice, none | `what_can…`, `…may_answer…`, `answers_that…` |
//! | no Content-Digest | `what_can_be_mended…` |
//! | slow trickle, a hang | `what_can_be_mended…`, `what_cannot_be_mended…` |
//! | too large (413), session lost, least chunk, 416 | `…may_answer…`, `chunks_meet_faults…` |
//! | errors that are no JSON or a megabyte long | `…may_answer…`, `what_cannot_be_mended…` |
//! | a blob unknown when its manifest is put | `lacking` |
//! | cancel midway | `ctrl_c…`, `an_export_that_is_broken_off…`, `a_layout_that_was_given_up…` |
//! | kill -9 midway | `a_killed_copy…`, `a_copy_to_files_that_was_killed…` |
//!
//! `chaos` lets all of them happen by chance.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::process::Child;
use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, Rule, any, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::pty::signal_process;
use crate::support::wharf::{Home, Registry, Run, names};

/// An image in a registry behind one proxy, an empty registry behind another.
struct Strait {
    home: Home,
    to: Registry,
    _from: Registry,
    source: Proxy,
    target: Proxy,
    image: TestImage,
}

impl Strait {
    async fn new() -> Strait {
        Strait::with(ServeOptions::default()).await
    }

    /// With a target that behaves so.
    async fn with(options: ServeOptions) -> Strait {
        let (home, from, to) = (Home::new(), Registry::start().await, Registry::with(options).await);
        home.config("stall_timeout: 1\nattempts: 3\n");
        let recipe = Recipe::layers(&[300_000, 200_000]).platforms(&["linux/amd64", "linux/arm64"]);
        let image = recipe.write(&home.path("made"), "1").unwrap();
        image.push(&from.host(), "a", &["1"]).await;
        let (source, target) = (Proxy::start(&from.host()).await, Proxy::start(&to.host()).await);
        Strait { home, to, _from: from, source, target, image }
    }

    fn names(&self, repository: &str) -> (String, String) {
        (format!("{}/a:1", self.source.host()), format!("{}/{repository}:1", self.target.host()))
    }

    async fn copy(&self, repository: &str) -> Run {
        let (source, target) = self.names(repository);
        self.home.run(&["copy", &source, &target]).await
    }

    /// By somebody who does not know of other copies, so that nothing is mounted.
    async fn copy_anew(&self, repository: &str) -> Run {
        let (source, target) = self.names(repository);
        self.home.run(&["copy", &source, &target, "--no-ledger"]).await
    }

    /// Starts a copy and waits until so many blobs are on their way to the target.
    async fn begin(&self, repository: &str, uploads: usize) -> Child {
        let (source, target) = self.names(repository);
        let child = self.home.command(&["copy", &source, &target]).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.target.count("PUT", Kind::Upload) < uploads {
            assert!(Instant::now() < deadline, "the copy does not begin");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        child
    }

    /// Copies with these rules, each of which must apply, and checks what arrived.
    async fn arrives(&self, name: &str, side: Side, rules: Vec<Rule>) {
        let told = format!("{name}: {rules:?}");
        let proxy = match side {
            Source => &self.source,
            Target => &self.target,
        };
        let rules: Vec<_> = rules.into_iter().map(|rule| proxy.add(rule)).collect();
        let run = self.copy_anew(name).await;
        assert_eq!(run.code, Some(0), "{told}: {run}");
        assert!(rules.iter().all(|rule| rule.happened() > 0), "{told} did not happen");
        self.image.assert_at(&self.to.host(), name, "1").await;
        self.mend();
    }

    fn mend(&self) {
        for proxy in [&self.source, &self.target] {
            proxy.mend();
            proxy.forget();
        }
    }
}

/// Which side a fault is on.
#[derive(Clone, Copy)]
enum Side {
    Source,
    Target,
}
use Side::{Source, Target};

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_mended_is_and_what_arrives_is_whole() {
    let strait = Strait::new().await;
    let pause = Duration::from_millis(2);
    let cases = [
        (Source, on("GET", Kind::Manifest).first(1).then(Fault::TooManyRequests(1))),
        (Source, on("GET", Kind::Blob).first(2).then(Fault::TooManyRequests(0))),
        (Source, on("GET", Kind::Blob).first(1).then(Fault::Status(500))),
        (Source, on("GET", Kind::Blob).first(1).then(Fault::Drop)),
        (Source, on("GET", Kind::Blob).first(1).then(Fault::Hang)),
        (Source, on("GET", Kind::Blob).then(Fault::Trickle(8_000, pause))),
        (Source, on("GET", Kind::Manifest).then(Fault::StripDigest)),
        (Source, on("GET", Kind::Blob).then(Fault::StripHeader("content-length"))),
        (Source, on("GET", Kind::Blob).then(Fault::Redirect)),
        (Target, on("HEAD", Kind::Manifest).then(Fault::StripDigest)),
        (Target, on("PUT", Kind::Manifest).then(Fault::StripDigest)),
        (Target, on("PUT", Kind::Manifest).first(1).then(Fault::StatusAfterBody(503))),
        (Target, on("PUT", Kind::Upload).first(1).then(Fault::Status(500))),
        (Target, on("PUT", Kind::Upload).first(2).then(Fault::StatusAfterBody(500))),
        (Target, on("PUT", Kind::Upload).first(1).then(Fault::CutRequest(50_000))),
        (Target, on("PUT", Kind::Upload).first(1).then(Fault::Status(429))),
        (Target, on("POST", Kind::Upload).first(1).then(Fault::Drop)),
        // The registry has it all, and its answer is lost.
        (Target, on("PUT", Kind::Upload).first(2).then(Fault::CutRequest(u64::MAX))),
        (Target, on("PUT", Kind::Manifest).first(1).then(Fault::CutRequest(u64::MAX))),
        (Target, on("POST", Kind::Upload).first(1).then(Fault::CutRequest(u64::MAX))),
        (Target, on("POST", Kind::Upload).then(Fault::RelativeLocation)),
        (Target, on("POST", Kind::Upload).then(Fault::AbsoluteLocation)),
    ];
    for (n, (side, rule)) in cases.into_iter().enumerate() {
        strait.arrives(&format!("case{n}"), side, vec![rule]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_download_goes_on_where_it_stopped_or_begins_again() {
    let strait = Strait::new().await;
    let big = strait.image.blobs.iter().find(|blob| blob.size > 250_000).unwrap();
    for (n, ignored) in [false, true].into_iter().enumerate() {
        strait
            .source
            .add(on("GET", Kind::Blob).path(big.digest.as_str()).first(1).then(Fault::CutResponse(200_000)));
        if ignored {
            strait.source.add(on("GET", Kind::Blob).then(Fault::IgnoreRange));
        }
        let run = strait.copy_anew(&format!("cut{n}")).await;
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stderr.contains("attempt 2 of 3"), "the person is told: {run}");
        let ranges: Vec<String> = strait.source.seen().into_iter().filter_map(|seen| seen.range).collect();
        let [range] = &ranges[..] else { panic!("{ranges:?}") };
        let from: u64 = range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap();
        assert!((1..=200_000).contains(&from), "{range}");
        strait.image.assert_at(&strait.to.host(), &format!("cut{n}"), "1").await;
        strait.mend();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_upload_goes_on_where_the_session_stands_or_begins_again() {
    let strait = Strait::new().await;
    let big = strait.image.blobs.iter().find(|blob| blob.size > 250_000).unwrap();
    let put = || on("PUT", Kind::Upload).path(big.digest.as_str()).first(1).then(Fault::CutRequest(200_000));
    for (n, forgets) in [false, true].into_iter().enumerate() {
        strait.target.add(put());
        if forgets {
            // As docker-registry 2.8.2: the session of a cut body is gone.
            strait.target.add(on("GET", Kind::Upload).then(Fault::Status(404)));
        }
        let run = strait.copy_anew(&format!("cut{n}")).await;
        assert_eq!(run.code, Some(0), "{run}");
        let ranges: Vec<String> = strait.source.seen().into_iter().filter_map(|seen| seen.range).collect();
        let sent = strait.target.seen().into_iter().filter(|s| s.uri.contains(big.digest.as_str()));
        let puts = sent.filter(|seen| seen.method == "PUT").count();
        assert_eq!(puts, 2, "the first, and the one that ends it");
        if forgets {
            assert!(ranges.is_empty() && strait.target.count("PATCH", Kind::Upload) == 0, "{ranges:?}");
        } else {
            // What is there is neither read nor sent again.
            let [range] = &ranges[..] else { panic!("{ranges:?}") };
            let from: u64 = range.strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap();
            assert!((1..=200_000).contains(&from), "{range}");
            assert_eq!(strait.target.count("PATCH", Kind::Upload), 1);
        }
        strait.image.assert_at(&strait.to.host(), &format!("cut{n}"), "1").await;
        strait.mend();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_are_errors() {
    let strait = Strait::new().await;
    strait.target.add(on("POST", Kind::Upload).then(Fault::StripHeader("location")));
    let run = strait.copy_anew("a").await;
    assert!(run.failed(1).0.contains("opened an upload without saying where"), "{run}");
    strait.mend();
    strait.source.add(on("GET", Kind::Blob).first(1).then(Fault::CutResponse(200)));
    let wrong = strait.source.add(on("GET", Kind::Blob).then(Fault::WrongRange(5)));
    let run = strait.copy_anew("a").await;
    let (error, _) = run.failed(1);
    assert!(error.contains("expected bytes from") && wrong.happened() > 0, "{run}");
    assert!(strait.to.tags("a").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_may_answer_in_many_ways() {
    let strait = Strait::new().await;
    let cases = [
        on("GET", Kind::Manifest).first(2).then(Fault::CutResponse(100)),
        on("GET", Kind::Manifest).first(1).then(Fault::Challenge),
        on("GET", Kind::Blob).first(1).then(Fault::Challenge),
        on("GET", Kind::Blob).first(1).then(Fault::GarbageError(502)),
        on("GET", Kind::Blob).first(1).then(Fault::HugeError(503)),
        on("GET", Kind::Blob).first(1).then(Fault::Shorten(100)),
        on("GET", Kind::Blob).then(Fault::DuplicateHeaders),
        on("GET", Kind::Manifest).then(Fault::DuplicateHeaders),
    ];
    for (n, rule) in cases.into_iter().enumerate() {
        strait.arrives(&format!("way{n}"), Source, vec![rule]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_may_answer_in_many_ways() {
    let strait = Strait::new().await;
    let put = || on("PUT", Kind::Upload);
    let cases = [
        on("POST", Kind::Upload).then(Fault::DuplicateHeaders),
        on("POST", Kind::Upload).then(Fault::LocationQuery),
        on("POST", Kind::Upload).first(1).then(Fault::Challenge),
        on("POST", Kind::Upload).first(2).then(Fault::LoseAnswer),
        put().first(1).then(Fault::Challenge),
        put().first(2).then(Fault::LoseAnswer),
        put().first(2).then(Fault::StatusInstead(502)),
        put().first(2).then(Fault::SessionLost),
        any().then(Fault::TooLarge(270_000)),
        on("PUT", Kind::Manifest).first(1).then(Fault::LoseAnswer),
        on("PUT", Kind::Manifest).first(1).then(Fault::StatusInstead(503)),
        on("PUT", Kind::Manifest).first(1).then(Fault::CutRequest(50)),
    ];
    for (n, rule) in cases.into_iter().enumerate() {
        strait.arrives(&format!("way{n}"), Target, vec![rule]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_meet_faults_and_arrive() {
    let strait = Strait::new().await;
    let patch = || on("PATCH", Kind::Upload);
    let cases = [
        patch().first(1).then(Fault::Status(500)),
        patch().first(1).then(Fault::StatusAfterBody(500)),
        patch().first(2).then(Fault::StatusInstead(500)),
        patch().first(2).then(Fault::LoseAnswer),
        patch().first(1).then(Fault::CutRequest(20_000)),
        patch().first(1).then(Fault::Status(416)),
        patch().first(1).then(Fault::SessionLost),
        patch().then(Fault::TooLarge(270_000)),
        patch().then(Fault::RelativeLocation),
        on("PUT", Kind::Upload).first(2).then(Fault::LoseAnswer),
    ];
    for (n, rule) in cases.into_iter().enumerate() {
        let chunks = on("POST", Kind::Upload).then(Fault::MinChunk(100_000));
        strait.arrives(&format!("chunks{n}"), Target, vec![chunks, rule]).await;
    }
    // Out of step, and nobody says where the session stands.
    let rules = vec![
        on("POST", Kind::Upload).then(Fault::MinChunk(100_000)),
        patch().first(1).then(Fault::Status(416)),
        on("GET", Kind::Upload).first(1).then(Fault::Status(500)),
    ];
    strait.arrives("lost", Target, rules).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_that_was_given_up_has_no_partial_files() {
    let strait = Strait::new().await;
    let source = strait.names("a").0;
    // One blob is wrong while the others are being written.
    strait.source.add(on("GET", Kind::Blob).then(Fault::Flip(10)));
    for n in 0..6 {
        let layout = format!("oci:layout{n}:1");
        strait.home.run(&["copy", &source, &layout]).await.failed(1);
        let left = names(&strait.home.path(&format!("layout{n}/blobs/sha256")));
        assert!(left.iter().all(|name| !name.ends_with(".partial")), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_mount_is_an_upload() {
    let strait = Strait::new().await;
    assert_eq!(strait.copy("first").await.code, Some(0));
    strait.mend();
    let refused = strait.target.add(on("POST", Kind::Upload).then(Fault::RefuseMount));
    let run = strait.copy("second").await;
    assert_eq!(run.code, Some(0), "{run}");
    assert!(refused.happened() > 0);
    assert_eq!(strait.target.count("PUT", Kind::Upload), strait.image.blobs.len());
    strait.image.assert_at(&strait.to.host(), "second", "1").await;
    strait.mend();
    for status in [400, 403, 404, 405, 500] {
        strait.target.add(on("POST", Kind::Upload).path("mount=").then(Fault::Status(status)));
        let name = format!("refused{status}");
        assert_eq!(strait.copy(&name).await.code, Some(0));
        strait.image.assert_at(&strait.to.host(), &name, "1").await;
        strait.mend();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_mended_is_told_once_and_leaves_nothing() {
    let strait = Strait::new().await;
    let wrong_manifest = strait.image.manifests[1].1.digest.to_string();
    // The side, the rule, the exit code, what the error names, and requests it may take at most.
    let cases = [
        (Source, on("GET", Kind::Blob).then(Fault::Flip(1_000)), 1, "expected sha256:", 0),
        (
            Source,
            on("GET", Kind::Manifest).path(&wrong_manifest).then(Fault::Flip(30)),
            1,
            "expected sha256:",
            1,
        ),
        (Source, on("GET", Kind::Manifest).path("/1").then(Fault::Flip(30)), 1, "expected sha256:", 1),
        (Source, on("GET", Kind::Blob).then(Fault::Status(404)), 1, "404", 0),
        (Source, on("GET", Kind::Manifest).then(Fault::Status(403)), 3, "403", 1),
        (Source, on("GET", Kind::Manifest).then(Fault::Status(401)), 3, "401", 1),
        (Source, on("GET", Kind::Blob).then(Fault::Hang), 1, "no answer for 1 s", 0),
        (Source, on("GET", Kind::Blob).then(Fault::CutResponse(10)), 1, "127.0.0.1", 0),
        (
            Source,
            on("GET", Kind::Blob).then(Fault::Trickle(1_000, Duration::from_secs(5))),
            1,
            "nothing came",
            0,
        ),
        (Target, on("POST", Kind::Upload).then(Fault::Status(403)), 3, "403", 0),
        (Target, on("PUT", Kind::Manifest).then(Fault::Status(403)), 3, "403", 2),
        (Target, on("PUT", Kind::Manifest).path("/1").then(Fault::Status(500)), 1, "500", 3),
        (Target, on("PUT", Kind::Manifest).then(Fault::Status(400)), 1, "400", 2),
        (Target, on("PUT", Kind::Upload).then(Fault::StatusAfterBody(500)), 1, "500", 0),
        (Source, on("GET", Kind::Manifest).then(Fault::WrongDigest), 1, "expected sha256:", 1),
        (Target, on("PUT", Kind::Manifest).then(Fault::WrongDigest), 1, "expected sha256:", 2),
        (Target, on("PUT", Kind::Upload).then(Fault::WrongDigest), 1, "expected sha256:", 0),
        (Target, on("PUT", Kind::Manifest).then(Fault::HugeError(403)), 3, "403", 2),
        (Target, on("PUT", Kind::Manifest).then(Fault::GarbageError(422)), 1, "422", 2),
    ];
    for (n, (side, rule, code, says, most)) in cases.into_iter().enumerate() {
        let told = format!("case {n}: {rule:?}");
        let rule = match side {
            Source => strait.source.add(rule),
            Target => strait.target.add(rule),
        };
        let began = Instant::now();
        let run = strait.copy_anew(&format!("case{n}")).await;
        assert_eq!(run.code, Some(code), "{told}: {run}");
        let (error, hint) = run.failed(code);
        assert!(error.contains(says) && !hint.is_empty(), "{told}: {run}");
        assert!(most == 0 || rule.happened() <= most, "{told}: {} times", rule.happened());
        assert!(began.elapsed() < Duration::from_secs(12), "{told}: {:?}", began.elapsed());
        assert!(strait.to.tags(&format!("case{n}")).await.is_empty(), "{told}: a tag is there");
        strait.mend();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_copy_is_finished_by_the_next() {
    let slow = ServeOptions { bandwidth: NonZeroU64::new(300_000), ..ServeOptions::default() };
    let strait = Strait::with(slow).await;
    // The small ones are through, the large ones are not.
    let mut child = strait.begin("a", 4).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    child.start_kill().unwrap();
    assert_eq!(child.wait().await.unwrap().code(), None);
    assert!(strait.to.tags("a").await.is_empty());
    strait.mend();
    let run = strait.copy("a").await;
    assert_eq!(run.code, Some(0), "{run}");
    strait.image.assert_at(&strait.to.host(), "a", "1").await;
    let listed = strait.home.ok(&["history", "--output", "json"]).await.json();
    let states: Vec<&str> =
        listed["jobs"].as_array().unwrap().iter().map(|j| j["state"].as_str().unwrap()).collect();
    // The same command took the same job up.
    assert_eq!(states, ["succeeded"], "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_and_a_termination_leave_nothing_and_a_hang_up_leaves_the_copy_alone() {
    let slow = ServeOptions { bandwidth: NonZeroU64::new(300_000), ..ServeOptions::default() };
    let strait = Strait::with(slow).await;
    for signal in [Signal::INT, Signal::TERM] {
        let child = strait.begin("a", 2).await;
        let began = Instant::now();
        signal_process(child.id().unwrap(), signal);
        let run = Run::of(&["copy"], child).await;
        assert!(
            matches!((signal, run.code), (Signal::INT, Some(130)) | (Signal::TERM, Some(130 | 143))),
            "{run}"
        );
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(strait.to.tags("a").await.is_empty());
        strait.mend();
    }
    let child = strait.begin("a", 2).await;
    signal_process(child.id().unwrap(), Signal::HUP);
    let run = Run::of(&["copy"], child).await;
    assert_eq!(run.code, Some(0), "{run}");
    strait.image.assert_at(&strait.to.host(), "a", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_broken_off_leaves_no_file() {
    let strait = Strait::new().await;
    let out = strait.home.directory("out");
    let source = strait.names("a").0;
    let args = ["export", &source, "-o", "out", "--platform", "amd64"];
    strait.source.add(on("GET", Kind::Blob).then(Fault::Flip(1_000)));
    strait.home.run(&args).await.failed(1);
    assert_eq!(names(&out), [""; 0]);
    strait.mend();
    strait.source.add(on("GET", Kind::Blob).then(Fault::Trickle(4_000, Duration::from_millis(100))));
    let child = strait.home.command(&args).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while names(&out).is_empty() {
        assert!(Instant::now() < deadline, "the export does not begin");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(names(&out).iter().all(|name| name.ends_with(".partial")), "{:?}", names(&out));
    signal_process(child.id().unwrap(), Signal::INT);
    let run = Run::of(&args, child).await;
    assert_eq!(run.code, Some(130), "{run}");
    assert_eq!(names(&out), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_nobody_answers_can_be_interrupted() {
    let strait = Strait::new().await;
    strait.source.add(on("GET", Kind::Manifest).then(Fault::Hang));
    strait.source.add(on("GET", Kind::Tags).then(Fault::Hang));
    strait.source.add(on("GET", Kind::Catalog).then(Fault::Hang));
    let (source, target) = strait.names("a");
    let (tags, repos) = (format!("{}/a", strait.source.host()), strait.source.host());
    for args in [
        &["copy", &source, &target][..],
        &["copy", &source, &target, "--dry-run"],
        &["export", &source, "-o", "out"],
        &["inspect", &source],
        &["tags", &tags],
        &["repos", &repos],
    ] {
        strait.source.forget();
        let child = strait.home.command(args).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while strait.source.seen().is_empty() {
            assert!(Instant::now() < deadline, "{args:?} asks nothing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        signal_process(child.id().unwrap(), Signal::INT);
        let run = Run::of(args, child).await;
        assert_eq!(run.code, Some(130), "{run}");
        assert!(!strait.home.path("out").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_to_files_that_was_killed_is_finished_by_the_next() {
    let strait = Strait::new().await;
    let source = strait.names("a").0;
    for (n, target) in ["oci:layout:1", "store:kept:1"].into_iter().enumerate() {
        strait.source.add(on("GET", Kind::Blob).then(Fault::Trickle(4_000, Duration::from_millis(30))));
        let mut child = strait.home.command(&["copy", &source, target]).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while strait.source.count("GET", Kind::Blob) < 4 {
            assert!(Instant::now() < deadline, "the copy does not begin");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        strait.mend();
        // Nothing of it can be seen, and nothing is in the way.
        strait.home.run(&["inspect", target]).await.failed(1);
        strait.home.ok(&["copy", &source, target]).await;
        let back = format!("{}/back{n}:1", strait.target.host());
        strait.home.ok(&["copy", target, &back]).await;
        strait.image.assert_at(&strait.to.host(), &format!("back{n}"), "1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_copy_the_same_at_once_all_succeed() {
    let strait = Strait::new().await;
    let (source, target) = strait.names("a");
    let homes: Vec<Home> = (0..2).map(|_| Home::new()).collect();
    let shared = strait.home.text("layout");
    let layout = format!("oci:{shared}:1");
    let (over, down) = (["copy", &source, &target], ["copy", &source, &layout]);
    let kept = ["copy", &source, &target, "store:kept:1"];
    let runs = homes.iter().flat_map(|home| [home.ok(&over), home.ok(&down)]);
    // In one home they share the ledger and the store.
    let own = (0..3).map(|_| strait.home.ok(&kept));
    futures_util::future::join_all(runs.chain(own)).await;
    strait.image.assert_at(&strait.to.host(), "a", "1").await;
    for (n, from) in [layout.as_str(), "store:kept:1"].into_iter().enumerate() {
        strait.home.ok(&["copy", from, &format!("{}/back{n}:1", strait.target.host())]).await;
        strait.image.assert_at(&strait.to.host(), &format!("back{n}"), "1").await;
    }
}

//! Files survive: what a killed or failed run left of a file is gone on with by the next, byte for byte.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{self, Dockerd};
use crate::support::relay::Relay;
use crate::support::wharf::{Home, Registry, names};

/// Bytes of a second run that are no blob's (manifests, headers) or were under way when the first one died.
const MARGIN: u64 = 1_500_000;

/// An image of about 8 MB in a slow registry behind a relay that counts.
struct Slow {
    home: Home,
    _registry: Registry,
    relay: Relay,
    image: TestImage,
    source: String,
}

impl Slow {
    async fn new() -> Slow {
        let options = ServeOptions { bandwidth: NonZeroU64::new(3_000_000), ..ServeOptions::default() };
        let (home, registry) = (Home::new(), Registry::with(options).await);
        let image = Recipe::layers(&[6_000_000, 2_000_000, 300]).write(&home.path("made"), "1").unwrap();
        let fast = Registry::at(&registry.store()).await;
        image.push(&fast.host(), "team/api", &["1"]).await;
        let relay = Relay::start(registry.host().parse().unwrap(), Duration::ZERO, None).await;
        let source = format!("{}/team/api:1", relay.host());
        Slow { home, _registry: registry, relay, image, source }
    }

    fn came(&self) -> u64 {
        self.relay.carried().1
    }

    /// Starts a command and kills it when more than half of the image has come. The answer is what came.
    async fn kill_midway(&self, args: &[&str]) -> u64 {
        let before = self.came();
        let mut child = self.home.command(args).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.came() - before < 5_000_000 {
            assert!(Instant::now() < deadline, "{args:?} does not get on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.start_kill().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), None);
        self.came() - before
    }

    /// Kills a command midway and runs it again; the second run brings only what is missing.
    async fn kill_and_go_on(&self, args: &[&str]) -> String {
        let first = self.kill_midway(args).await;
        let before = self.came();
        let run = self.home.ok(args).await;
        let (second, all) = (self.came() - before, self.image.blob_bytes());
        assert!(second < all - first + MARGIN, "{args:?}: {second} of {all} bytes after {first}: {run}");
        run.stdout
    }
}

/// The archive in a directory, and that nothing but it and its checksum is there.
fn archive(slow: &Slow, directory: &str) -> PathBuf {
    let names = names(&slow.home.path(directory));
    let [file, sum] = &names[..] else { panic!("{names:?}") };
    assert!(file.ends_with(".tar") && *sum == format!("{file}.sha256"), "{names:?}");
    slow.home.path(directory).join(file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_export_goes_on_and_gives_the_same_file() {
    let slow = Slow::new().await;
    let source = slow.source.as_str();
    slow.home.ok(&["export", source, "-o", "once"]).await;
    let once = std::fs::read(archive(&slow, "once")).unwrap();
    // Its second run has another time in its name.
    slow.kill_and_go_on(&["export", source, "-o", "dated"]).await;
    assert!(std::fs::read(archive(&slow, "dated")).unwrap() == once);
    slow.home.directory("named");
    slow.kill_and_go_on(&["export", source, "-o", "named/a.tar"]).await;
    assert!(std::fs::read(archive(&slow, "named")).unwrap() == once);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_copy_to_a_layout_or_the_store_goes_on() {
    let slow = Slow::new().await;
    let to = Registry::start().await;
    for target in ["oci:layout:1", "store:kept:1"] {
        slow.kill_and_go_on(&["copy", &slow.source, target]).await;
        slow.home.ok(&["copy", target, &format!("{}/back:1", to.host())]).await;
        slow.image.assert_at(&to.host(), "back", "1").await;
    }
    let left = names(&slow.home.path("layout/blobs/sha256"));
    assert!(left.iter().all(|name| name.len() == 64), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd and skopeo"]
async fn docker_and_skopeo_read_what_was_gone_on_with() {
    let slow = Slow::new().await;
    slow.kill_and_go_on(&["export", &slow.source, "-o", "out"]).await;
    let file = archive(&slow, "out");
    let engine = tokio::task::spawn_blocking(Dockerd::start).await.unwrap();
    assert_eq!(engine.load(&file), std::slice::from_ref(&slow.source));
    for transport in ["docker-archive", "oci-archive"] {
        let inspected = peers::run("skopeo", &["inspect", &format!("{transport}:{}", file.display())]);
        assert!(inspected.contains("\"Architecture\": \"amd64\""), "{transport}: {inspected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_network_broke_off_is_kept_and_what_is_wrong_is_not() {
    let (home, registry) = (Home::new(), Registry::start().await);
    home.config("stall_timeout: 1\nattempts: 2\n");
    let image = Recipe::layers(&[3_000_000, 300]).write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "a", &["1"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    let (source, big) = (format!("{}/a:1", proxy.host()), image.blobs[0].digest.to_string());
    for (args, kept) in [
        (["export", &source, "-o", "out"], "out/"),
        (["copy", &source, "oci:layout:1", "--no-ledger"], "oci:layout"),
        (["copy", &source, "store:kept:1", "--no-ledger"], "store:kept"),
    ] {
        proxy.add(on("GET", Kind::Blob).path(&big).first(1).then(Fault::CutResponse(2_000_000)));
        proxy.add(on("GET", Kind::Blob).path(&big).after(1).then(Fault::Drop));
        let run = home.run(&args).await;
        run.failed(1);
        assert!(run.stderr.lines().any(|line| line.contains(kept) && line.contains("goes on with")), "{run}");
        proxy.mend();
        proxy.forget();
        home.ok(&args).await;
        let range = proxy.seen().into_iter().find(|seen| seen.uri.contains(&big)).unwrap().range;
        let from = range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.split('-').next());
        let from: u64 = from.unwrap_or("0").parse().unwrap();
        assert!((1_500_000..=2_000_000).contains(&from), "{args:?}: {range:?}");
    }
    proxy.add(on("GET", Kind::Blob).path(&big).then(Fault::Flip(2_500_000)));
    home.run(&["export", &source, "-o", "wrong"]).await.failed(1);
    assert!(!home.path("wrong").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_oci_archive_and_a_compressed_one_go_on() {
    let slow = Slow::new().await;
    slow.home.directory("out");
    slow.home.ok(&["copy", &slow.source, "oci-archive:once.tar"]).await;
    slow.kill_and_go_on(&["copy", &slow.source, "oci-archive:out/a.tar"]).await;
    let read = |name: &str| std::fs::read(slow.home.path(name)).unwrap();
    assert!(read("out/a.tar") == read("once.tar"));
    slow.home.ok(&["export", &slow.source, "-o", "once.tar.gz"]).await;
    slow.kill_and_go_on(&["export", &slow.source, "-o", "out/b.tar.gz"]).await;
    assert!(read("out/b.tar.gz") == read("once.tar.gz"));
    // One of two images.
    let other = Recipe::layers(&[200_000]).seed(2).write(&slow.home.path("other"), "1").unwrap();
    slow.home.ok(&["copy", "oci:other:1", "store:other:1"]).await;
    let both = ["export", "store:other:1", &slow.source, "--single", "-o"];
    slow.home.ok(&[&both[..], &["both.tar"]].concat()).await;
    slow.kill_and_go_on(&[&both[..], &["out/c.tar"]].concat()).await;
    assert!(read("out/c.tar") == read("both.tar"));
    assert!(read("out/c.tar").len() as u64 > slow.image.blob_bytes() + other.blob_bytes());
    let files = ["a.tar", "b.tar.gz", "c.tar"].map(|name| [name.to_owned(), format!("{name}.sha256")]);
    assert_eq!(names(&slow.home.path("out")), files.concat());
}

//! A huge blob over a link that gives each connection only so much: it is read in parts where that is faster, and what
//! arrives is right whatever becomes of them.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::{Home, Registry, Run, names};

/// Bytes of the huge layer, and bytes a second that a connection brings: one alone takes fifteen seconds.
const SIZE: u64 = 45_000_000;
const BANDWIDTH: u64 = 3_000_000;

struct Far {
    home: Home,
    _registry: Registry,
    proxy: Proxy,
    image: TestImage,
    source: String,
    huge: String,
}

impl Far {
    async fn new() -> Far {
        Far::with(BANDWIDTH).await
    }

    async fn with(bandwidth: u64) -> Far {
        let options = ServeOptions { bandwidth: NonZeroU64::new(bandwidth), ..ServeOptions::default() };
        let (home, registry) = (Home::new(), Registry::with(options).await);
        let image = Recipe::layers(&[SIZE, 300]).write(&home.path("made"), "1").unwrap();
        let fast = Registry::at(&registry.store()).await;
        image.push(&fast.host(), "a", &["1"]).await;
        let proxy = Proxy::start(&registry.host()).await;
        let (source, huge) = (format!("{}/a:1", proxy.host()), image.blobs[0].digest.to_string());
        Far { home, _registry: registry, proxy, image, source, huge }
    }

    /// Exports the image; the answer tells how long it took, and how much memory.
    async fn export(&self) -> (Run, Duration, u64) {
        let (began, args) = (Instant::now(), ["export", &self.source, "-o", "out/a.tar", "--overwrite"]);
        self.home.directory("out");
        let child = self.home.command(&args).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id().unwrap());
        let peak = tokio::spawn(async move {
            let mut peak = 0;
            while let Ok(text) = std::fs::read_to_string(&status) {
                let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
                let Some(kib) = kib else { break };
                peak = peak.max(kib);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            peak
        });
        let run = Run::of(&args, child).await;
        (run, began.elapsed(), peak.await.unwrap())
    }

    /// Ranges of the huge layer that were asked for.
    fn ranges(&self) -> Vec<String> {
        let seen = self.proxy.seen().into_iter().filter(|seen| seen.uri.contains(&self.huge));
        seen.filter_map(|seen| seen.range).collect()
    }

    /// That the archive holds the image, byte for byte.
    async fn assert_whole(&self) {
        assert_eq!(names(&self.home.path("out")), ["a.tar", "a.tar.sha256"]);
        let to = Registry::start().await;
        let back = format!("{}/back:1", to.host());
        self.home.ok(&["copy", "docker-archive:out/a.tar", &back, "--no-ledger"]).await;
        self.image.assert_at(&to.host(), "back", "1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_connections_are_faster_than_one_and_take_no_more_memory() {
    let far = Far::new().await;
    let (run, took, peak) = far.export().await;
    assert_eq!(run.code, Some(0), "{run}");
    let alone = Duration::from_secs(SIZE / BANDWIDTH);
    eprintln!("{took:?} instead of {alone:?}, {peak} KiB, {:?}", far.ranges());
    assert!(took < alone.mul_f64(0.7), "{took:?}: {:?}", far.ranges());
    assert!(far.ranges().len() >= 7, "{:?}", far.ranges());
    assert!(peak < 80_000, "{peak} KiB");
    far.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layout_is_filled_in_parts_too() {
    let far = Far::new().await;
    far.home.ok(&["copy", &far.source, "oci:layout:1"]).await;
    assert!(far.ranges().len() >= 7, "{:?}", far.ranges());
    let to = Registry::start().await;
    far.home.ok(&["copy", "oci:layout:1", &format!("{}/back:1", to.host()), "--no-ledger"]).await;
    far.image.assert_at(&to.host(), "back", "1").await;
    let blobs = names(&far.home.path("layout/blobs/sha256"));
    assert!(blobs.iter().all(|name| name.len() == 64), "{blobs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_part_goes_on_and_wrong_bytes_in_one_never_become_a_file() {
    let far = Far::new().await;
    let cut = on("GET", Kind::Blob).path(&far.huge).after(1).then(Fault::CutResponse(2_000_000));
    let cut = far.proxy.add(cut);
    let (run, ..) = far.export().await;
    assert_eq!(run.code, Some(0), "{run}");
    assert!(cut.happened() > 2 && run.stderr.contains("attempt 2 of"), "{run}");
    far.assert_whole().await;
    far.proxy.mend();
    // The second of the parts is wrong by one byte.
    let wrong = on("GET", Kind::Blob).path(&far.huge).nth(3).then(Fault::Flip(1_000));
    let wrong = far.proxy.add(wrong);
    std::fs::remove_dir_all(far.home.path("out")).unwrap();
    let (run, ..) = far.export().await;
    assert!(wrong.happened() == 1 && run.failed(1).0.contains("expected sha256:"), "{run}");
    assert_eq!(names(&far.home.path("out")), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ranges_it_is_one_stream_without_a_word() {
    let far = Far::with(2 * BANDWIDTH).await;
    for fault in [Fault::IgnoreRange, Fault::Status(416)] {
        far.proxy.mend();
        far.proxy.forget();
        far.proxy.add(on("GET", Kind::Blob).path(&far.huge).after(1).then(fault));
        let (run, ..) = far.export().await;
        assert_eq!(run.code, Some(0), "{run}");
        assert!(!far.ranges().is_empty() && !run.stderr.contains("attempt"), "{run}");
        far.assert_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_killed_midway_goes_on_from_where_it_is_whole() {
    let far = Far::new().await;
    far.home.directory("out");
    let mut child = far.home.command(&["export", &far.source, "-o", "out/a.tar"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    // The parts behind the first are under way.
    while far.ranges().len() < 6 {
        assert!(Instant::now() < deadline, "{:?}", far.ranges());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.start_kill().unwrap();
    child.wait().await.unwrap();
    far.proxy.forget();
    let (run, ..) = far.export().await;
    assert_eq!(run.code, Some(0), "{run}");
    let from: u64 = far.ranges()[0].strip_prefix("bytes=").unwrap().trim_end_matches('-').parse().unwrap();
    assert!(from > 2 * BANDWIDTH, "{:?}", far.ranges());
    far.assert_whole().await;
}

//! A manifest that is refused because what it names is not there: what lacks is sent again, and the manifest put once
//! more, a few times.

use std::time::{Duration, Instant};

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::{Recipe, TestImage, client};
use crate::support::wharf::{Home, Registry, Run};

/// An image behind one proxy, an empty registry behind another.
struct Strait {
    home: Home,
    _from: Registry,
    to: Registry,
    source: Proxy,
    target: Proxy,
    image: TestImage,
}

impl Strait {
    async fn new(recipe: &Recipe) -> Strait {
        let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
        let image = recipe.write(&home.path("made"), "1").unwrap();
        image.push(&from.host(), "a", &["1"]).await;
        let (source, target) = (Proxy::start(&from.host()).await, Proxy::start(&to.host()).await);
        Strait { home, _from: from, to, source, target, image }
    }

    fn names(&self) -> (String, String) {
        (format!("{}/a:1", self.source.host()), format!("{}/b:1", self.target.host()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_errs_once_is_asked_again() {
    for recipe in
        [Recipe::layers(&[5_000, 300]), Recipe::layers(&[5_000]).platforms(&["linux/amd64", "linux/arm64"])]
    {
        let strait = Strait::new(&recipe).await;
        let (source, target) = strait.names();
        strait.target.add(on("PUT", Kind::Manifest).first(1).then(Fault::BlobUnknown));
        // The index.
        strait.target.add(on("PUT", Kind::Manifest).path("/manifests/1").first(1).then(Fault::BlobUnknown));
        let run = strait.home.ok(&["copy", &source, &target]).await;
        assert!(run.stderr.contains("MANIFEST_BLOB_UNKNOWN"), "it is told of: {run}");
        strait.image.assert_at(&strait.to.host(), "b", "1").await;
        // Nothing lacked, and nothing was sent twice.
        assert_eq!(strait.target.count("PUT", Kind::Upload), strait.image.blobs.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_always_errs_is_asked_a_few_times() {
    let strait = Strait::new(&Recipe::layers(&[5_000])).await;
    let (source, target) = strait.names();
    strait.target.add(on("PUT", Kind::Manifest).then(Fault::BlobUnknown));
    let run = strait.home.run(&["copy", &source, &target]).await;
    let (error, hint) = run.failed(1);
    assert!(
        error.contains(&format!("put manifest {target}: 400 MANIFEST_BLOB_UNKNOWN: blob unknown")),
        "{run}"
    );
    assert!(hint.contains("sent again") && !hint.contains("wharf tags"), "{run}");
    assert_eq!(strait.target.count("PUT", Kind::Manifest), 4, "{:?}", strait.target.seen());
    assert_eq!(strait.target.count("PUT", Kind::Upload), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_lost_before_its_manifest_comes_is_sent_again() {
    let strait = Strait::new(&Recipe::layers(&[40_000, 3_000])).await;
    let (source, target) = strait.names();
    let (slow, lost) = (&strait.image.blobs[0].digest, &strait.image.blobs[1].digest);
    strait.source.add(
        on("GET", Kind::Blob).path(slow.as_str()).then(Fault::Trickle(1_000, Duration::from_millis(40))),
    );
    let args = ["copy", &source, &target];
    let child = strait.home.command(&args).spawn().unwrap();
    let url = format!("http://{}/v2/b/blobs/{lost}", strait.to.host());
    let deadline = Instant::now() + Duration::from_secs(20);
    // As soon as it is there it goes: while the other layer is still on its way.
    while client().delete(&url).send().await.unwrap().status() != 202 {
        assert!(Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!strait.target.seen().iter().any(|seen| seen.method == "PUT" && seen.kind == Kind::Manifest));
    let run = Run::of(&args, child).await;
    assert_eq!(run.code, Some(0), "{run}");
    strait.image.assert_at(&strait.to.host(), "b", "1").await;
    assert_eq!(strait.target.count("PUT", Kind::Upload), strait.image.blobs.len() + 1);
    assert_eq!(strait.target.count("PUT", Kind::Manifest), 2);
}

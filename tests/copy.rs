//! `wharf copy`: what arrives is what was there, with as few requests as it takes.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wharf::engine::{Engine, EngineOptions};
use wharf::job::{JobSpec, JobState, Target};
use wharf::oci::{Digest, Platform};
use wharf::transport::registry::ClientOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::{Recipe, client};
use crate::support::pair::Pair as Harbour;
use crate::support::wharf::{Home, Registry, Run};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn three_platforms() -> Recipe {
    let recipe = Recipe::layers(&[60_000, 3_000]).shared(&[90_000]);
    recipe.platforms(&["linux/amd64", "linux/arm64", "linux/arm/v7"])
}

/// The library's own API, for what the binary does one at a time.
fn engine(home: &Home, forbids: fn(&Target) -> Option<String>) -> Engine {
    Engine::new(EngineOptions {
        client: ClientOptions::default(),
        store: home.path("store"),
        spool: std::env::temp_dir(),
        workers: 8,
        workers_per_host: 6,
        host_limits: Default::default(),
        bandwidth: None,
        host_bandwidths: Default::default(),
        forbids: Arc::new(forbids),
        attempts: 3,
        retries_per_job: 100,
        daemons: Default::default(),
        host_platform: Platform::host_linux(),
        standard_output: None,
        ledger: None,
    })
}

/// Puts blobs and a manifest that no recipe makes; the answer is the manifest's digest.
async fn put(
    registry: &Registry,
    repository: &str,
    blobs: &[&[u8]],
    manifest: &Value,
    at: Option<&str>,
) -> Digest {
    let base = format!("http://{}/v2/{repository}", registry.host());
    for blob in blobs {
        let url = format!("{base}/blobs/uploads/?digest={}", Digest::of(blob));
        assert_eq!(client().post(url).body(blob.to_vec()).send().await.unwrap().status(), 201);
    }
    let bytes = serde_json::to_vec_pretty(manifest).unwrap();
    let digest = Digest::of(&bytes);
    let url = format!("{base}/manifests/{}", at.unwrap_or(digest.as_str()));
    let kind = manifest["mediaType"].as_str().unwrap();
    let answer = client().put(url).header("content-type", kind).body(bytes).send().await.unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    digest
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
}

/// A manifest's bytes, as a registry has them.
async fn manifest(registry: &Registry, repository: &str, at: &str) -> Vec<u8> {
    let url = format!("http://{}/v2/{repository}/manifests/{at}", registry.host());
    let accept = format!("{INDEX}, {MANIFEST}");
    let answer = client().get(url).header("accept", accept).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{repository} {at}");
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_the_same_and_the_second_time_takes_one_request_to_each_side() {
    let harbour = Harbour::new().await;
    for (name, recipe) in
        [("team/api", three_platforms()), ("docker/one", Recipe::layers(&[70_000]).docker())]
    {
        let image = harbour.image(&recipe, name, &["1"]).await;
        let (source, target) = (harbour.source(&format!("{name}:1")), harbour.target(&format!("{name}:1")));
        let run = harbour.home.ok(&["copy", &source, &target]).await;
        assert_eq!(run.stdout, format!("{target}@{}\n", image.root.digest));
        image.assert_at(&harbour.to.host(), name, "1").await;
        harbour.forget();
        harbour.home.ok(&["copy", &source, &target]).await;
        assert_eq!((harbour.source.seen().len(), harbour.target.seen().len()), (1, 1), "{name}");
        // A new home knows nothing of it, and asks no more.
        harbour.forget();
        Home::new().ok(&["copy", &source, &target]).await;
        assert_eq!((harbour.source.seen().len(), harbour.target.seen().len()), (1, 1), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_copy_of_five_layers_takes_twenty_one_requests() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&Recipe::layers(&[9_000, 8_000, 7_000, 600, 50]), "a", &["1"]).await;
    assert_eq!(image.blobs.len(), 6);
    harbour.home.ok(&["copy", &harbour.source("a:1"), &harbour.target("b:1")]).await;
    // The manifest and each blob once; what the tag is now, two for each blob, and the manifest.
    assert_eq!(harbour.source.seen().len(), 1 + 6, "{:?}", harbour.source.seen());
    assert_eq!(harbour.target.seen().len(), 1 + 2 * 6 + 1, "{:?}", harbour.target.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_destinations_share_one_reading() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&three_platforms(), "a", &["1"]).await;
    let (third, store) = (Registry::start().await, harbour.home.text("layout"));
    let elsewhere = format!("{}/x/y", third.host());
    let (source, target) = (harbour.source("a:1"), harbour.target("b"));
    let layout = format!("oci:{store}:v1");
    let args =
        ["copy", &source, &target, &elsewhere, &layout, "store:kept", "--tag", "stable", "--tag", "s2"];
    harbour.home.ok(&args).await;
    for tag in ["1", "stable", "s2"] {
        image.assert_at(&harbour.to.host(), "b", tag).await;
        image.assert_at(&third.host(), "x/y", tag).await;
    }
    // Content once, and one manifest PUT a tag.
    assert_eq!(harbour.source.count("GET", Kind::Blob), image.blobs.len());
    assert_eq!(harbour.target.count("PUT", Kind::Upload), image.blobs.len());
    assert_eq!(harbour.target.count("PUT", Kind::Manifest), image.manifests.len() + 3);
    // Out of the layout and the store again.
    for (n, from) in
        [layout.as_str(), "oci:layout:s2", "store:kept:1", "store:kept:stable"].iter().enumerate()
    {
        let target = harbour.target(&format!("back{n}:t"));
        harbour.home.ok(&["copy", from, &target]).await;
        image.assert_at(&harbour.to.host(), &format!("back{n}"), "t").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_or_can_be_mounted_is_not_sent() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&Recipe::layers(&[50_000, 40_000]).seed(5), "a", &["1"]).await;
    harbour.home.ok(&["copy", &harbour.source("a:1"), &harbour.target("a:1")]).await;
    // The same content in another repository is mounted: the ledger knows where it is.
    harbour.forget();
    let run =
        harbour.home.ok(&["copy", &harbour.source("a:1"), &harbour.target("b:1"), "--output", "json"]).await;
    assert_eq!(harbour.target.count("PUT", Kind::Upload), 0, "{:?}", harbour.target.seen());
    assert_eq!(harbour.source.count("GET", Kind::Blob), 0);
    assert_eq!(run.json()["jobs"][0]["report"]["wire"], 0, "{run}");
    image.assert_at(&harbour.to.host(), "b", "1").await;
    // Another image in the same repository with the same base: only what is new travels.
    let recipe = |seed| Recipe::layers(&[30_000]).shared(&[80_000]).seed(seed);
    harbour.image(&recipe(1), "base/one", &["1"]).await;
    let two = harbour.image(&recipe(2), "base/two", &["2"]).await;
    harbour.home.ok(&["copy", &harbour.source("base/one:1"), &harbour.target("c:1")]).await;
    harbour.forget();
    // By somebody who does not know what is there.
    Home::new().ok(&["copy", &harbour.source("base/two:2"), &harbour.target("c:2")]).await;
    assert_eq!(harbour.target.count("PUT", Kind::Upload), 2, "{:?}", harbour.target.seen());
    two.assert_at(&harbour.to.host(), "c", "2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subset_is_a_rewritten_index_and_one_platform_its_manifest() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&three_platforms(), "a", &["1"]).await;
    let source = harbour.source("a:1");
    let run = harbour
        .home
        .ok(&["copy", &source, &harbour.target("two:1"), "--platform", "arm/v7", "--platform", "linux/amd64"])
        .await;
    let bytes = manifest(&harbour.to, "two", "1").await;
    let index: Value = serde_json::from_slice(&bytes).unwrap();
    let digests: Vec<&str> =
        index["manifests"].as_array().unwrap().iter().map(|m| m["digest"].as_str().unwrap()).collect();
    // In the index's own order, and all else of it kept.
    assert_eq!(digests, [image.manifests[0].1.digest.as_str(), image.manifests[2].1.digest.as_str()]);
    assert_eq!(index["mediaType"], INDEX);
    assert!(run.stdout.contains(Digest::of(&bytes).as_str()), "{run}");
    assert!(run.stderr.contains(image.root.digest.as_str()), "the report says what it was: {run}");
    // Nothing of the third platform travelled.
    let gets = harbour.source.seen();
    assert!(!gets.iter().any(|s| s.uri.contains(image.manifests[1].1.digest.as_str())));
    harbour.home.ok(&["copy", &source, &harbour.target("one:1"), "--platform", "arm64"]).await;
    let one = manifest(&harbour.to, "one", "1").await;
    assert!(one == image.bytes(&image.manifests[1].1.digest));
    // All of them named: the index as it was.
    let all = "amd64,arm64,linux/arm/v7";
    harbour.home.ok(&["copy", &source, &harbour.target("all:1"), "--platform", all]).await;
    image.assert_at(&harbour.to.host(), "all", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_not_there_is_refused_before_a_byte_moves() {
    let harbour = Harbour::new().await;
    harbour.image(&three_platforms(), "many", &["1"]).await;
    harbour.image(&Recipe::layers(&[9_000]), "one", &["1"]).await;
    for (name, has) in
        [("many:1", &["linux/amd64", "linux/arm64", "linux/arm/v7"][..]), ("one:1", &["linux/amd64"])]
    {
        let run = harbour
            .home
            .run(&["copy", &harbour.source(name), &harbour.target("a"), "--platform", "s390x,amd64"])
            .await;
        let (error, hint) = run.failed(1);
        assert!(error.contains("linux/s390x") && has.iter().all(|p| error.contains(p)), "{run}");
        assert!(hint.contains("--platform"), "{run}");
    }
    assert_eq!(harbour.source.count("GET", Kind::Blob), 1, "only the one image's configuration was read");
    let writes = harbour.target.seen().into_iter().filter(|seen| seen.method != "HEAD").count();
    assert_eq!((writes, harbour.to.tags("a").await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_in_indexes_artifacts_and_zstd_layers_travel_as_they_are() {
    let harbour = Harbour::new().await;
    let (config, layer) = (
        br#"{"architecture":"amd64","os":"linux"}"#.as_slice(),
        b"\x28\xb5\x2f\xfd zstd, so it says".as_slice(),
    );
    let zstd = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+zstd", layer)]});
    let image = put(&harbour.from, "odd", &[config, layer], &zstd, Some("zstd")).await;
    let artifact = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.thing",
        "config": descriptor("application/vnd.oci.empty.v1+json", b"{}"),
        "layers": [descriptor("application/x.thing", b"a chart")], "annotations": {"z": "1", "a": "2"}});
    put(&harbour.from, "odd", &[b"{}", b"a chart"], &artifact, Some("artifact")).await;
    let entry = |digest: &Digest, kind: &str, size: usize| json!({"mediaType": kind, "digest": digest.to_string(), "size": size});
    let size = serde_json::to_vec_pretty(&zstd).unwrap().len();
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(&image, MANIFEST, size)]});
    let inner_digest = put(&harbour.from, "odd", &[], &inner, None).await;
    let size = serde_json::to_vec_pretty(&inner).unwrap().len();
    let outer =
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(&inner_digest, INDEX, size)]});
    put(&harbour.from, "odd", &[], &outer, Some("nested")).await;
    for tag in ["zstd", "artifact", "nested"] {
        let (source, target) =
            (harbour.source(&format!("odd:{tag}")), harbour.target(&format!("even:{tag}")));
        harbour.home.ok(&["copy", &source, &target]).await;
        assert!(
            manifest(&harbour.to, "even", tag).await == manifest(&harbour.from, "odd", tag).await,
            "{tag}"
        );
        harbour.home.ok(&["copy", &source, &format!("oci:{}", harbour.home.text("layout"))]).await;
    }
    manifest(&harbour.to, "even", inner_digest.as_str()).await;
    let blob = Digest::of(layer);
    let path = harbour.home.path("layout/blobs/sha256").join(blob.hex());
    assert!(std::fs::read(path).unwrap() == layer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_a_source_and_a_destination_without_a_tag_takes_the_sources() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&three_platforms(), "a", &["v7"]).await;
    let by_digest = harbour.source(&format!("a@{}", image.root.digest));
    harbour.home.ok(&["copy", &harbour.source("a:v7"), &harbour.target("tagged")]).await;
    harbour.home.ok(&["copy", &by_digest, &harbour.target("from-digest")]).await;
    harbour.home.ok(&["copy", &by_digest, &harbour.target(&format!("same@{}", image.root.digest))]).await;
    assert_eq!(harbour.to.tags("tagged").await, ["v7"]);
    assert_eq!(harbour.to.tags("from-digest").await, ["latest"]);
    assert_eq!(harbour.to.tags("same").await, [""; 0]);
    image.assert_at(&harbour.to.host(), "same", image.root.digest.as_str()).await;
    // One platform of it by its own digest.
    let one = &image.manifests[1].1.digest;
    harbour.home.ok(&["copy", &harbour.source(&format!("a@{one}")), &harbour.target("one:x")]).await;
    assert!(manifest(&harbour.to, "one", "x").await == image.bytes(one));
    // Another digest than the one that arrives cannot be asked for.
    let run = harbour.home.run(&["copy", &by_digest, &harbour.target(&format!("b@{one}"))]).await;
    assert!(run.failed(1).0.contains(image.root.digest.as_str()), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_and_changes_nothing() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&three_platforms(), "a", &["1"]).await;
    let (source, target) = (harbour.source("a:1"), harbour.target("b:1"));
    let run = harbour.home.ok(&["copy", &source, &target, "--dry-run", "--output", "json"]).await;
    assert_eq!(run.json()["found"]["digest"], image.root.digest.as_str());
    assert!(harbour.target.seen().iter().all(|seen| matches!(seen.method.as_str(), "HEAD" | "GET")));
    assert!(
        harbour.to.tags("b").await.is_empty() && !harbour.home.path(".local/share/wharf/ledger.db").exists()
    );
    assert!(
        Path::new(&harbour.to.store()).read_dir().is_ok_and(|mut d| d.next().is_none())
            || !harbour.to.store().exists()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_images_at_once_upload_each_blob_once() {
    let harbour = Harbour::new().await;
    let mut images = Vec::new();
    for n in 0..40 {
        // Ten bases, four images each; all share one layer.
        let recipe = Recipe::layers(&[2_000 + n % 10]).shared(&[60_000]).seed(n % 10);
        images.push(harbour.image(&recipe, &format!("team{}/image{n}", n % 3), &["1"]).await);
    }
    let engine = engine(&harbour.home, |_| None);
    for n in 0..40 {
        let name = format!("team{}/image{n}:1", n % 3);
        let (from, to) = (harbour.source(&name).parse().unwrap(), harbour.target(&name).parse().unwrap());
        engine.submit(JobSpec::copy(from, to)).await.unwrap();
    }
    engine.idle().await;
    for job in engine.jobs() {
        assert_eq!(job.state, JobState::Succeeded, "{:?}", job.failure);
    }
    let unique: HashSet<_> = images.iter().flat_map(|image| &image.blobs).map(|blob| &blob.digest).collect();
    assert_eq!(harbour.target.count("PUT", Kind::Upload), unique.len());
    assert_eq!(harbour.source.count("GET", Kind::Blob), unique.len());
    for (n, image) in images.iter().enumerate() {
        image.assert_at(&harbour.to.host(), &format!("team{}/image{n}", n % 3), "1").await;
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_only_is_not_written_to_whoever_asks() {
    let harbour = Harbour::new().await;
    harbour.image(&Recipe::layers(&[900]), "a", &["1"]).await;
    let host = harbour.target.host();
    harbour.home.config(&format!(
        "registries:\n- {{name: prod, url: \"{host}\", read_only: true}}\n- {{name: mine, url: \"{host}/mine\"}}\n\
         - {{name: files, type: local_file, url: {}, read_only: true}}\n",
        harbour.home.text("files")
    ));
    let source = harbour.source("a:1");
    let run = harbour.home.run(&["copy", &source, &harbour.target("a:1")]).await;
    assert!(run.failed(2).0.contains("\"prod\" is read_only"), "{run}");
    let run = harbour.home.run(&["export", &source, "-o", "files"]).await;
    assert!(run.failed(2).0.contains("\"files\" is read_only"), "{run}");
    assert!(harbour.target.seen().is_empty() && !harbour.home.path("files").exists());
    // A longer path decides over a shorter one, in the engine as well.
    harbour.home.ok(&["copy", &source, &harbour.target("mine/a:1")]).await;
    harbour.home.ok(&["copy", &harbour.target("mine/a:1"), &harbour.source("b:1")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_reached_through_its_own_proxy() {
    let harbour = Harbour::new().await;
    let image = harbour.image(&three_platforms(), "a", &["1"]).await;
    // The counting proxy takes the requests that are meant for a proxy, too. Nobody else knows that name.
    harbour.home.config(&format!(
        "registries:\n- {{name: far, url: \"http://far.test:5000\", proxy: {{http_proxy: \"http://{}\"}}}}\n",
        harbour.target.host()
    ));
    harbour.home.ok(&["copy", &harbour.source("a:1"), "far.test:5000/b:1"]).await;
    image.assert_at(&harbour.to.host(), "b", "1").await;
    assert_eq!(harbour.target.count("PUT", Kind::Upload), image.blobs.len());
    // The environment's is for the others.
    let args = ["tags", "far.test:5000/b"];
    let child = harbour.home.command(&args).env("http_proxy", "http://127.0.0.1:9").spawn().unwrap();
    assert_eq!(Run::of(&args, child).await.stdout, "1\n");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn docker_registry_is_asked_once_for_what_is_there() {
    use crate::support::peers::DockerRegistry;

    let start = || tokio::task::spawn_blocking(DockerRegistry::start);
    let (from, to, home) = (start().await.unwrap(), start().await.unwrap(), Home::new());
    let image = three_platforms().write(&home.path("made"), "1").unwrap();
    image.push(&from.host(), "a", &["1"]).await;
    let (source, target) = (format!("{}/a:1", from.host()), format!("{}/b:1", to.host()));
    home.ok(&["copy", &source, &target]).await;
    image.assert_at(&to.host(), "b", "1").await;
    let before = (from.settled_requests().len(), to.settled_requests().len());
    home.ok(&["copy", &source, &target]).await;
    let after = (from.settled_requests(), to.settled_requests());
    assert_eq!((after.0.len() - before.0, after.1.len() - before.1), (1, 1), "{:?}", after.1.last());
    // Into another repository everything is mounted.
    home.ok(&["copy", &source, &format!("{}/c:1", to.host())]).await;
    image.assert_at(&to.host(), "c", "1").await;
    let puts = to.settled_requests().split_off(after.1.len());
    let uploads = puts.iter().filter(|r| r.method == "PUT" && r.path.contains("/uploads/")).count();
    assert_eq!(uploads, 0, "{puts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_itself_refuses_what_is_forbidden() {
    let home = Home::new();
    let engine =
        engine(&home, |target| target.to_string().contains("prod").then(|| "it is read_only".to_owned()));
    for target in ["127.0.0.1:1/prod/a:1", "store:prod"] {
        let spec = JobSpec::copy("oci:nowhere".parse().unwrap(), target.parse().unwrap());
        let error = engine.plan(&spec).await.unwrap_err();
        assert!(error.to_string().ends_with("it is read_only") && error.hint().is_some(), "{error}");
        let id = engine.submit(spec).await.unwrap();
        assert_eq!(engine.wait(id).await.unwrap().state, JobState::Failed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_s_time_begins_with_its_planning() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = Recipe::layers(&[1_000]).write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "a", &["1"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    // An engine's image, or a compressed archive, is staged in that time.
    proxy.add(on("GET", Kind::Manifest).then(Fault::Trickle(100, Duration::from_millis(200))));
    let run = home.ok(&["--output", "json", "copy", &format!("{}/a:1", proxy.host()), "store:a"]).await;
    let millis = run.json()["jobs"][0]["report"]["millis"].as_u64().unwrap();
    assert!(millis >= 400, "{run}");
}

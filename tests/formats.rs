//! Documents of all kinds: artifacts, indexes within indexes, Docker's and OCI's and the way between them, foreign layers, and
//! what cannot be moved.

use serde_json::{Value, json};
use wharf::oci::Digest;

use crate::support::artifact::{
    DOCKER_LIST, DOCKER_MANIFEST, DRAFT, EMPTY, INDEX, LAYER, MANIFEST, Shelf, descriptor, digest, digests,
};
use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::{Home, Registry, Run};

/// A home and two registries.
struct Bench {
    home: Home,
    from: Registry,
    to: Registry,
}

impl Bench {
    async fn new() -> Bench {
        Bench { home: Home::new(), from: Registry::start().await, to: Registry::start().await }
    }

    fn source(&self, name: &str) -> String {
        format!("{}/{name}", self.from.host())
    }

    fn target(&self, name: &str) -> String {
        format!("{}/{name}", self.to.host())
    }

    async fn image(&self, recipe: &Recipe, name: &str) -> TestImage {
        let image = recipe.write(&self.home.path(&format!("made/{name}")), "1").unwrap();
        image.push(&self.from.host(), name, &["1"]).await;
        image
    }

    fn shelves(&self, from: &str, to: &str) -> (Shelf, Shelf) {
        (Shelf::at(&self.from.host(), from), Shelf::at(&self.to.host(), to))
    }
}

fn index(entries: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

fn on(platform: &str, entry: &Value) -> Value {
    let (os, architecture) = platform.split_once('/').unwrap();
    let mut entry = entry.clone();
    entry["platform"] = json!({"os": os, "architecture": architecture});
    entry
}

fn has_note(run: &Run, part: &str) -> bool {
    run.stderr.lines().any(|line| line.starts_with("note: ") && line.contains(part))
}

/// Configurations and layers of every image below a root, in order.
async fn parts(shelf: &Shelf, at: &str) -> Vec<String> {
    let root = shelf.json(at).await;
    let mut images = Vec::new();
    match root["manifests"].as_array() {
        None => images.push(root),
        Some(entries) => {
            for entry in entries {
                images.push(shelf.json(digest(entry)).await);
            }
        }
    }
    let of = |image: &Value| {
        let layers = image["layers"].as_array().unwrap().iter();
        std::iter::once(&image["config"])
            .chain(layers)
            .map(|part| digest(part).to_owned())
            .collect::<Vec<_>>()
    };
    images.iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_becomes_dockers_and_ocis_again_with_every_layer_kept() {
    let bench = Bench::new().await;
    let platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
    let image = bench.image(&Recipe::layers(&[20_000, 3_000]).platforms(&platforms), "a").await;
    let one = bench.image(&Recipe::layers(&[7_000]).docker(), "one").await;
    let (from, to) = bench.shelves("a", "docker");
    let args = ["copy", &bench.source("a:1"), &bench.target("docker:1"), "--format", "docker"];
    let plan = bench.home.ok(&[&args[..], &["--dry-run"]].concat()).await;
    assert!(
        plan.stdout.contains("arrives as  sha256:") && plan.stdout.contains("note: linux/arm/v7: sha256:"),
        "{plan}"
    );
    let run = bench.home.ok(&args).await;
    assert!(has_note(&run, &format!("and was {}", image.root.digest)), "{run}");
    let list = to.json("1").await;
    assert_eq!(list["mediaType"], DOCKER_LIST);
    assert_eq!(
        list["manifests"][2]["platform"],
        json!({"os": "linux", "architecture": "arm", "variant": "v7"})
    );
    for entry in list["manifests"].as_array().unwrap() {
        let manifest = to.get(digest(entry)).await.unwrap();
        assert_eq!(
            (entry["mediaType"].as_str(), entry["size"].as_u64()),
            (Some(DOCKER_MANIFEST), Some(manifest.len() as u64))
        );
        assert!(!String::from_utf8(manifest).unwrap().contains("vnd.oci"));
    }
    assert_eq!(parts(&from, "1").await, parts(&to, "1").await);
    // The same again finds everything there, and what is Docker's keeps its bytes.
    let run = bench.home.ok(&[&args[..], &["--output", "json"]].concat()).await;
    assert_eq!(run.json()["jobs"][0]["report"]["outputs"][0]["up_to_date"], true, "{run}");
    bench.home.ok(&["copy", &bench.source("one:1"), &bench.target("one:1"), "--format", "v2s2"]).await;
    one.assert_at(&bench.to.host(), "one", "1").await;
    // And back, where only the writing differs: what was made once is made again.
    let back = ["copy", &bench.target("docker:1"), &bench.target("oci:1"), "--format", "oci"];
    bench.home.ok(&back).await;
    let oci = Shelf::at(&bench.to.host(), "oci");
    assert_eq!(oci.json("1").await["mediaType"], INDEX);
    assert_eq!(parts(&from, "1").await, parts(&oci, "1").await);
    bench.home.ok(&["copy", &bench.target("oci:1"), &bench.target("again:1"), "--format", "docker"]).await;
    assert!(Shelf::at(&bench.to.host(), "again").get("1").await == to.get("1").await);
    bench.home.ok(&["copy", &bench.source("a:1"), &bench.target("kept:1"), "--format", "oci"]).await;
    image.assert_at(&bench.to.host(), "kept", "1").await;
    // A single platform of it, too.
    bench
        .home
        .ok(&[
            "copy",
            &bench.source("a:1"),
            &bench.target("arm:1"),
            "--format",
            "docker",
            "--platform",
            "arm/v7",
        ])
        .await;
    let arm = Shelf::at(&bench.to.host(), "arm").json("1").await;
    assert_eq!(
        (&arm["mediaType"], digest(&list["manifests"][2])),
        (
            &json!(DOCKER_MANIFEST),
            Digest::of(&Shelf::at(&bench.to.host(), "arm").get("1").await.unwrap()).as_str()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_docker_cannot_have_is_refused_or_left_out_before_anything_moves() {
    let bench = Bench::new().await;
    let (from, to) = bench.shelves("a", "b");
    from.blob(b"a zstd layer").await;
    from.blob(b"a layer").await;
    let zstd = descriptor("application/vnd.oci.image.layer.v1.tar+zstd", b"a zstd layer");
    from.image("linux/amd64", &zstd, Some("zstd")).await;
    from.artifact("application/x.chart", "a chart", None, Some("chart")).await;
    for (tag, reason) in [("zstd", "is zstd"), ("chart", "only OCI's documents")] {
        let run = bench
            .home
            .run(&["copy", &bench.source(&format!("a:{tag}")), &bench.target("b:1"), "--format", "docker"])
            .await;
        let (error, hint) = run.failed(1);
        assert!(error.contains(reason) && hint.contains("--format"), "{run}");
    }
    let run =
        bench.home.run(&["copy", &bench.source("a:zstd"), &bench.target("b:1"), "--format", "tar"]).await;
    assert!(run.failed(2).0.contains("oci or docker"), "{run}");
    assert!(bench.to.tags("b").await.is_empty());
    // Attestations are left out, and that is said; a subset keeps those that are its own.
    let amd = from.image("linux/amd64", &descriptor(LAYER, b"a layer"), None).await;
    let arm = from.image("linux/arm64", &descriptor(LAYER, b"a layer"), None).await;
    let attestation = async |of: &Value| {
        let statement = format!("{{\"of\":\"{}\"}}", digest(of));
        from.blob(statement.as_bytes()).await;
        let put = from
            .image("unknown/unknown", &descriptor("application/vnd.in-toto+json", statement.as_bytes()), None)
            .await;
        let mut entry = on("unknown/unknown", &put);
        entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest(of)});
        entry
    };
    let (of_amd, of_arm) = (attestation(&amd).await, attestation(&arm).await);
    let mut whole = index(&[on("linux/amd64", &amd), on("linux/arm64", &arm), of_amd, of_arm.clone()]);
    whole["annotations"] = json!({"made": "by hand"});
    from.document(&whole, Some("built")).await;
    let run = bench
        .home
        .ok(&["copy", &bench.source("a:built"), &bench.target("b:docker"), "--format", "docker"])
        .await;
    assert!(
        has_note(&run, "2 attestations are left out") && has_note(&run, "annotations are left out"),
        "{run}"
    );
    let list = to.json("docker").await;
    assert_eq!((list["manifests"].as_array().unwrap().len(), list.get("annotations")), (2, None));
    let z = from.image("linux/s390x", &descriptor(LAYER, b"a layer"), None).await;
    let (amd, arm, z) = (on("linux/amd64", &amd), on("linux/arm64", &arm), on("linux/s390x", &z));
    from.document(&index(&[amd, arm.clone(), of_arm.clone(), z.clone()]), Some("three")).await;
    let two = ["copy", &bench.source("a:three"), &bench.target("b:two"), "--platform", "arm64,s390x"];
    bench.home.ok(&two).await;
    assert_eq!(to.json("two").await["manifests"], json!([arm, of_arm, z]));
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_of_every_kind_travel_as_they_are() {
    let bench = Bench::new().await;
    let (from, to) = bench.shelves("odd", "even");
    from.blob(b"{}").await;
    for blob in [&b"helm config"[..], b"a chart", b"(module)", b"a blob of an index"] {
        from.blob(blob).await;
    }
    let helm = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor("application/vnd.cncf.helm.config.v1+json", b"helm config"),
        "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"a chart")]});
    let wasm = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/wasm",
        "config": descriptor(EMPTY, b"{}"), "layers": [descriptor("application/wasm", b"(module)")]});
    let bare = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x.bare",
        "config": descriptor(EMPTY, b"{}"), "layers": []});
    let draft = json!({"mediaType": DRAFT, "artifactType": "application/x.draft",
        "blobs": [descriptor("application/x.text", b"a chart")], "annotations": {"k": "v"}});
    let no_layers = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(EMPTY, b"{}")});
    let mut tags = Vec::new();
    for (tag, document) in
        [("helm", &helm), ("wasm", &wasm), ("bare", &bare), ("draft", &draft), ("none", &no_layers)]
    {
        from.document(document, Some(tag)).await;
        tags.push(tag);
    }
    let chart = from.document(&helm, None).await;
    let mixed = index(&[chart, descriptor("application/x.text", b"a blob of an index")]);
    from.document(&mixed, Some("mixed")).await;
    tags.push("mixed");
    for tag in tags {
        let (source, target) = (bench.source(&format!("odd:{tag}")), bench.target(&format!("even:{tag}")));
        let layout = format!("oci:layout:{tag}");
        bench.home.ok(&["copy", &source, &target, &layout, &format!("store:odd:{tag}")]).await;
        assert!(from.get(tag).await == to.get(tag).await && from.get(tag).await.is_some(), "{tag}");
        // A layout gives it on.
        bench.home.ok(&["copy", &layout, &bench.target(&format!("back:{tag}"))]).await;
        assert!(Shelf::at(&bench.to.host(), "back").get(tag).await == from.get(tag).await, "{tag}");
        bench.home.ok(&["inspect", &source]).await;
    }
    for blob in [&b"a chart"[..], b"a blob of an index"] {
        assert!(to.has_blob(Digest::of(blob).as_str()).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn platforms_are_chosen_out_of_indexes_within_indexes() {
    let bench = Bench::new().await;
    let (from, to) = bench.shelves("a", "b");
    from.blob(b"a layer").await;
    let layer = descriptor(LAYER, b"a layer");
    let mut images = Vec::new();
    for platform in ["linux/amd64", "linux/arm64", "linux/s390x", "windows/amd64"] {
        images.push(on(platform, &from.image(platform, &layer, None).await));
    }
    images[3]["platform"]["os.version"] = json!("10.0.20348.2700");
    let older = json!({"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.5"});
    let mut old = from.image("windows/arm64", &layer, None).await;
    old["platform"] = older;
    let inner = from.document(&index(&images[..2]), None).await;
    let windows = from.document(&index(&[images[3].clone(), old.clone()]), None).await;
    let outer = from.document(&index(&[inner.clone(), images[2].clone(), windows.clone()]), Some("1")).await;
    let copy = async |to: &str, platform: &str| {
        bench.home.run(&["copy", &bench.source("a:1"), &bench.target(to), "--platform", platform]).await
    };
    // One image of it is that image.
    let one = copy("b:one", "arm64").await;
    assert!(one.stdout.contains(digest(&images[1])), "{one}");
    // An index within that is wanted whole stays as it is; of another the wanted images stand in its place.
    copy("b:whole", "amd64,arm64,s390x").await;
    assert_eq!(digests(&to.json("whole").await), {
        let mut both = [digest(&inner), digest(&images[2])];
        both.sort_unstable();
        both
    });
    copy("b:part", "arm64,s390x").await;
    let part = to.json("part").await;
    assert_eq!(part["manifests"], json!([images[1], images[2]]));
    let all = copy("b:all", "amd64,arm64,s390x,windows/amd64").await;
    assert!(all.stdout.contains(digest(&outer)), "{all}");
    // Windows' builds.
    let run = copy("b:win", "windows/amd64:10.0.20348").await;
    assert!(run.stdout.contains(digest(&images[3])), "{run}");
    let run = copy("b:win", "windows/amd64:10.0.14393").await;
    let (error, _) = run.failed(1);
    assert!(error.contains("windows/amd64:10.0.20348.2700") && error.contains("linux/s390x"), "{run}");
    // A docker-archive takes one, wherever it stands.
    let run = bench
        .home
        .ok(&[
            "copy",
            &bench.source("a:1"),
            &bench.target("b:any"),
            "--platform",
            "windows/amd64:10.0.17763.5",
        ])
        .await;
    assert!(run.stdout.contains(digest(&old)), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_layers_stay_at_their_urls_or_are_copied_on_request() {
    let bench = Bench::new().await;
    let (from, to) = bench.shelves("a", "b");
    let elsewhere = Shelf::at(&bench.from.host(), "elsewhere");
    // A tar, so that the archive's checks have something to read.
    let image = Recipe::layers(&[5_000]).write(&bench.home.path("made"), "1").unwrap();
    let layer = image.blobs.iter().find(|blob| blob.media_type == LAYER).unwrap();
    let bytes = image.bytes(&layer.digest);
    elsewhere.blob(&bytes).await;
    let url = |digest: &Digest| format!("http://{}/v2/elsewhere/blobs/{digest}", bench.from.host());
    let foreign = |url: String, bytes: &[u8]| {
        let mut foreign = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", bytes);
        foreign["urls"] = json!([url]);
        foreign
    };
    from.image("linux/amd64", &foreign(url(&layer.digest), &bytes), Some("1")).await;
    let run = bench.home.ok(&["copy", &bench.source("a:1"), &bench.target("b:1")]).await;
    assert!(has_note(&run, "1 foreign layer stays where the URLs point; --foreign-layers copies"), "{run}");
    assert!(from.get("1").await == to.get("1").await && !to.has_blob(layer.digest.as_str()).await);
    // Not in an archive: it says what would help, and that does.
    let run = bench.home.run(&["export", &bench.source("a:1"), "-o", "a.tar"]).await;
    assert!(run.failed(1).0.contains("--foreign-layers"), "{run}");
    bench.home.ok(&["export", &bench.source("a:1"), "-o", "a.tar", "--foreign-layers"]).await;
    let back = ["copy", "docker-archive:a.tar", &bench.target("back:1"), "--foreign-layers"];
    bench.home.ok(&back).await;
    assert!(Shelf::at(&bench.to.host(), "back").has_blob(layer.digest.as_str()).await);
    let args = ["copy", &bench.source("a:1"), &bench.target("c:1"), "--allow-nondistributable-artifacts"];
    bench.home.ok(&args).await;
    let copied = Shelf::at(&bench.to.host(), "c");
    assert!(copied.get("1").await == from.get("1").await && copied.has_blob(layer.digest.as_str()).await);
    // What the URL gives is verified, and only http and https are gone to.
    let wrong = foreign(url(&layer.digest), b"another layer");
    from.image("linux/amd64", &wrong, Some("wrong")).await;
    let file = foreign("file:///etc/passwd".to_owned(), b"a file");
    from.image("linux/amd64", &file, Some("file")).await;
    for (tag, reason) in [("wrong", "expected"), ("file", "only http and https")] {
        let source = bench.source(&format!("a:{tag}"));
        let run = bench.home.run(&["copy", &source, &bench.target("d:1"), "--foreign-layers"]).await;
        assert!(run.failed(1).0.contains(reason), "{run}");
    }
    assert!(bench.to.tags("d").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_1_is_refused_with_what_to_do_about_it() {
    let bench = Bench::new().await;
    let schema1 =
        br#"{"schemaVersion":1,"name":"a","tag":"1","architecture":"amd64","fsLayers":[],"history":[]}"#;
    let mut entry = descriptor("application/vnd.docker.distribution.manifest.v1+prettyjws", schema1);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
    let blobs = bench.home.directory("old/blobs/sha256");
    std::fs::write(blobs.join(Digest::of(schema1).hex()), schema1).unwrap();
    std::fs::write(bench.home.path("old/index.json"), index(&[entry]).to_string()).unwrap();
    std::fs::write(bench.home.path("old/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let run = bench.home.run(&["copy", "oci:old:1", &bench.target("a:1")]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("schema 1") && error.contains("nothing was moved"), "{run}");
    assert!(hint.contains("pull it with Docker and push it again"), "{run}");
    assert!(bench.to.tags("a").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry and skopeo"]
async fn skopeo_reads_what_was_converted() {
    use crate::support::peers::{self, DockerRegistry};

    let bench = Bench::new().await;
    let to = tokio::task::spawn_blocking(DockerRegistry::start).await.unwrap();
    let recipe = Recipe::layers(&[20_000, 3_000]).platforms(&["linux/amd64", "linux/arm64"]);
    let image = bench.image(&recipe, "a").await;
    for (format, source, manifest) in [
        ("docker", bench.source("a:1"), DOCKER_MANIFEST),
        ("oci", format!("{}/docker:1", to.host()), MANIFEST),
    ] {
        let target = format!("{}/{format}:1", to.host());
        bench.home.ok(&["copy", &source, &target, "--format", format]).await;
        let reference = format!("docker://{target}");
        let inspect = move |more: &[&str]| {
            let all = ["--override-arch", "arm64", "inspect", "--tls-verify=false"];
            peers::run("skopeo", &[&all[..], more, &[&reference]].concat())
        };
        let shown: Value = serde_json::from_str(&inspect(&[])).unwrap();
        assert_eq!((&shown["Architecture"], shown["Layers"].as_array().unwrap().len()), (&json!("arm64"), 2));
        let config: Value = serde_json::from_str(&inspect(&["--config"])).unwrap();
        let own: Value = {
            let manifest: Value = serde_json::from_slice(&image.bytes(&image.manifests[1].1.digest)).unwrap();
            serde_json::from_slice(&image.bytes(&digest(&manifest["config"]).parse().unwrap())).unwrap()
        };
        assert_eq!(config["rootfs"], own["rootfs"], "{format}");
        let list: Value = serde_json::from_str(&inspect(&["--raw"])).unwrap();
        assert_eq!(list["manifests"][1]["mediaType"], manifest);
        // skopeo copies it on, with every digest checked.
        let layout = format!("oci:{}:{format}", bench.home.text("skopeo"));
        let from = format!("docker://{target}");
        peers::run(
            "skopeo",
            &["--insecure-policy", "copy", "--all", "--src-tls-verify=false", &from, &layout],
        );
    }
}

//! Archives written: many images in one file, OCI archives, compressed files, standard output.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{self, DockerRegistry, Dockerd};
use crate::support::pty::{Spawn, signal_process};
use crate::support::wharf::{Home, Registry, Run, names};

/// Two images for two platforms that share a layer, in a registry.
struct Quay {
    home: Home,
    registry: Registry,
    api: TestImage,
    web: TestImage,
}

impl Quay {
    async fn new() -> Quay {
        let (home, registry) = (Home::new(), Registry::start().await);
        let recipe = Recipe::layers(&[60_000, 400]).shared(&[300_000]);
        let recipe = recipe.platforms(&["linux/amd64", "linux/arm64"]);
        let api = recipe.write(&home.path("made/api"), "1.2").unwrap();
        let web = recipe.seed(2).write(&home.path("made/web"), "3").unwrap();
        api.push(&registry.host(), "team/api", &["1.2", "latest", "stable"]).await;
        web.push(&registry.host(), "team/web", &["3"]).await;
        Quay { home, registry, api, web }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }
}

/// A tar's files; a path that comes twice is a failure.
fn entries(tar: impl Read) -> BTreeMap<String, Vec<u8>> {
    let (mut archive, mut found) = (tar::Archive::new(tar), BTreeMap::new());
    for entry in archive.entries().unwrap() {
        let (mut entry, mut content) = (entry.unwrap(), Vec::new());
        entry.read_to_end(&mut content).unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        assert!(found.insert(name.clone(), content).is_none(), "{name} comes twice");
    }
    found
}

fn document(entries: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&entries[path]).unwrap()
}

fn open(path: &Path) -> std::fs::File {
    std::fs::File::open(path).unwrap()
}

/// Runs a line of the shell in a home, with `wharf` as `$W`; standard output comes as bytes.
fn shell(home: &Home, line: &str) -> std::process::Output {
    let mut command = Command::new("bash");
    command.args(["-c", line]).current_dir(home.path("")).env("HOME", home.path(""));
    command.env("W", env!("CARGO_BIN_EXE_wharf")).env("TMPDIR", home.directory("tmp"));
    command.stdin(Stdio::null()).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_images_are_one_file_with_shared_layers_once() {
    let quay = Quay::new().await;
    let [api, stable, latest, web] =
        ["team/api:1.2", "team/api:stable", "team/api", "team/web:3"].map(|n| quay.at(n));
    let args =
        ["export", &api, &web, &stable, &latest, &api, "--single", "-o", "all.tar", "--platform", "amd64"];
    let run = quay.home.ok(&args).await;
    assert_eq!(run.stdout, "all.tar\n");
    let found = entries(open(&quay.home.path("all.tar")));
    let docker = document(&found, "manifest.json");
    assert_eq!(docker.as_array().unwrap().len(), 2, "{docker}");
    assert_eq!(docker[0]["RepoTags"], json!([api, stable, format!("{latest}:latest")]));
    assert_eq!(docker[1]["RepoTags"], json!([web]));
    let layers = |nth: usize| docker[nth]["Layers"].as_array().unwrap();
    assert_eq!((layers(0)[0].clone(), layers(0).len()), (layers(1)[0].clone(), 3));
    // Three layers each, of which one is shared, and a configuration and a manifest each.
    assert_eq!(
        found.keys().filter(|name| name.starts_with("blobs/sha256/") && name.len() > 60).count(),
        5 + 4
    );
    let top = |nth: usize| layers(nth)[2].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let repositories = document(&found, "repositories");
    let (a, w) = (quay.at("team/api"), quay.at("team/web"));
    assert_eq!(repositories[&a], json!({"1.2": top(0), "stable": top(0), "latest": top(0)}));
    assert_eq!(repositories[&w], json!({"3": top(1)}));
    let index = document(&found, "index.json");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 4);
    // It is wharf's own to read as well, by each name.
    for (name, image) in [(&stable, &quay.api), (&web, &quay.web)] {
        let read =
            quay.home.ok(&["inspect", &format!("docker-archive:all.tar:{name}"), "--output", "json"]).await;
        assert_eq!(read.json()["descriptor"]["digest"], image.manifests[0].1.digest.as_str());
    }
    // The same images give the same file, by any way out.
    for (to, unpack) in
        [("again.tar", "cat again.tar"), ("a.tar.gz", "gzip -dc a.tar.gz"), ("a.tgz", "gzip -dc a.tgz")]
    {
        let args = [&args[..8], &[to], &args[9..]].concat();
        quay.home.ok(&args).await;
        let plain = shell(&quay.home, unpack);
        assert!(plain.stdout == std::fs::read(quay.home.path("all.tar")).unwrap(), "{to}");
        let sums = shell(&quay.home, &format!("sha256sum -c {to}.sha256"));
        assert!(sums.status.success(), "{to}");
    }
    quay.home.ok(&[&args[..8], &["a.tar.zst"], &args[9..]].concat()).await;
    let plain = zstd::decode_all(open(&quay.home.path("a.tar.zst"))).unwrap();
    assert!(plain == std::fs::read(quay.home.path("all.tar")).unwrap());
    assert!(!names(&quay.home.path("")).iter().any(|name| name.contains("partial")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_every_image_and_each_blob_once() {
    let quay = Quay::new().await;
    let (api, web) = (quay.at("team/api:1.2"), quay.at("team/web:3"));
    let args = ["export", &api, &web, "--single", "-o", "-", "--platform", "arm64", "--dry-run"];
    let run = quay.home.ok(&args).await;
    for (name, image) in [(&api, &quay.api), (&web, &quay.web)] {
        let want = format!("{name}  {}\n  arrives as  {}\n", image.root.digest, image.manifests[1].1.digest);
        assert!(run.stdout.contains(&want), "{run}");
    }
    assert!(run.stdout.contains("blobs       7, "), "{run}");
    let plan = quay.home.ok(&[&args[..], &["--output", "json"]].concat()).await.json();
    assert_eq!((plan["images"].as_array().unwrap().len(), plan["blobs"].as_array().unwrap().len()), (2, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_images_or_no_file() {
    let quay = Quay::new().await;
    let (api, web) = (quay.at("team/api:1.2"), quay.at("team/web:3"));
    let helm =
        Recipe::layers(&[100]).platforms(&["windows/amd64"]).write(&quay.home.path("made/w"), "1").unwrap();
    helm.push(&quay.registry.host(), "team/windows", &["1"]).await;
    for (bad, class, says) in [
        (quay.at("team/none:1"), 1, "team/none:1"),
        (quay.at("team/api:gone"), 1, "team/api:gone"),
        (quay.at("team/windows:1"), 1, "team/windows:1"),
    ] {
        let run = quay
            .home
            .run(&["export", &api, &bad, &web, "--single", "-o", "out/all.tar", "--platform", "amd64"])
            .await;
        let (error, _) = run.failed(class);
        assert!(error.contains(says), "{run}");
        assert_eq!(names(&quay.home.path("out")), [""; 0]);
    }
    // Two images that would have one name.
    quay.home.ok(&["copy", &api, "store:x/y:1"]).await;
    quay.home.ok(&["copy", &web, "oci:layout:docker.io/x/y:1"]).await;
    let run = quay
        .home
        .run(&[
            "export",
            "store:x/y:1",
            "oci:layout:docker.io/x/y:1",
            "--single",
            "-o",
            "all.tar",
            "--platform",
            "amd64",
        ])
        .await;
    assert!(run.failed(1).0.contains("would both be called docker.io/x/y:1"), "{run}");
    for line in [
        &["--single"][..],
        &["--single", "-o", "new/"],
        &["-o", "all.tar"],
        &["-o", "-"],
        &["--single", "-o", "all.tar", "--platform", "amd64,arm64"],
    ] {
        let run = quay.home.run(&[&["export", &api, &web], line].concat()).await;
        run.failed(2);
    }
    std::fs::write(quay.home.path("all.tar"), "mine").unwrap();
    let run = quay.home.run(&["export", &api, &web, "--single", "-o", "all.tar"]).await;
    assert!(run.failed(1).1.contains("--overwrite"), "{run}");
    assert_eq!(std::fs::read(quay.home.path("all.tar")).unwrap(), b"mine");
    // Images from a registry and the store, in one.
    quay.home
        .ok(&[
            "export",
            "store:x/y:1",
            &web,
            "--single",
            "-o",
            "all.tar",
            "--overwrite",
            "--platform",
            "arm64",
        ])
        .await;
    let docker = document(&entries(open(&quay.home.path("all.tar"))), "manifest.json");
    assert_eq!((&docker[0]["RepoTags"], &docker[1]["RepoTags"]), (&json!(["x/y:1"]), &json!([web])));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oci_archive_keeps_everything_on_its_way_to_another_registry() {
    let quay = Quay::new().await;
    let (api, to) = (quay.at("team/api:1.2"), Registry::start().await);
    let run = quay.home.ok(&["copy", &api, "oci-archive:deep/a.tar", "--tag", "stable"]).await;
    assert_eq!(run.stdout, "deep/a.tar\n");
    assert_eq!(names(&quay.home.path("deep")), ["a.tar", "a.tar.sha256"]);
    for tag in ["1.2", "stable"] {
        let back = format!("{}/back:{tag}", to.host());
        quay.home.ok(&["copy", &format!("oci-archive:deep/a.tar:{tag}"), &back]).await;
        quay.api.assert_at(&to.host(), "back", tag).await;
    }
    // A directory of the same image has the same names.
    quay.home.ok(&["copy", &api, "oci:layout", "--tag", "stable"]).await;
    let found = entries(open(&quay.home.path("deep/a.tar")));
    assert_eq!(found["index.json"], std::fs::read(quay.home.path("layout/index.json")).unwrap());
    // The same image gives the same file, which is not replaced unless that is asked for.
    quay.home.ok(&["copy", &api, "oci-archive:b.tar", "--tag", "stable"]).await;
    let bytes = |name: &str| std::fs::read(quay.home.path(name)).unwrap();
    assert!(bytes("b.tar") == bytes("deep/a.tar"));
    let run = quay.home.run(&["copy", &api, "oci-archive:b.tar"]).await;
    assert!(run.failed(1).1.contains("--overwrite"), "{run}");
    quay.home.ok(&["copy", &api, "oci-archive:b.tar", "--overwrite", "--platform", "arm64"]).await;
    assert!(bytes("b.tar") != bytes("deep/a.tar"));
    let run = quay.home.run(&["copy", &api, "oci-archive:b.tar/c.tar"]).await;
    assert!(run.failed(1).0.contains("ot a directory"), "{run}");
    let run = quay.home.run(&["copy", &api, "oci-archive:deep"]).await;
    assert!(run.failed(1).0.contains("directory"), "{run}");
    // Some platforms of it, and one.
    quay.home.ok(&["copy", &api, "oci-archive:one.tar", "--platform", "arm64"]).await;
    let found = entries(open(&quay.home.path("one.tar")));
    let index = document(&found, "index.json");
    assert_eq!(index["manifests"][0]["digest"], quay.api.manifests[1].1.digest.as_str());
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "1.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_output_has_the_archive_and_nothing_else() {
    let quay = Quay::new().await;
    let (api, web) = (quay.at("team/api:1.2"), quay.at("team/web:3"));
    quay.home.ok(&["export", &api, &web, "--single", "-o", "all.tar", "--platform", "amd64"]).await;
    quay.home.ok(&["copy", &api, "oci-archive:api.tar"]).await;
    for (line, file) in [
        (format!("$W export {api} {web} --single -o - --platform amd64"), "all.tar"),
        (format!("$W copy {api} oci-archive:-"), "api.tar"),
        (format!("$W --output json copy {api} oci-archive:-"), "api.tar"),
    ] {
        let output = shell(&quay.home, &line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {said}");
        assert!(output.stdout == std::fs::read(quay.home.path(file)).unwrap(), "{line}: other bytes");
        // What is told otherwise is told there.
        assert!(said.contains("archive:-"), "{said}");
    }
    assert_eq!(names(&quay.home.path("tmp")), [""; 0]);
    let jobs = quay.home.ok(&["history", "--output", "json"]).await.json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 2, "who reads a pipe is gone: {jobs}");
    // A reader that goes away.
    let line =
        format!("$W export {api} -o - --platform amd64 | head -c 3000 >/dev/null; exit ${{PIPESTATUS[0]}}");
    let output = shell(&quay.home, &line);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("write standard output: Broken pipe")
            && said.contains("hint: the program that reads it"),
        "{said}"
    );
    assert!(!said.contains("panic"), "{said}");
    // A failure says so, and leaves nothing on standard output that looks whole.
    let output = shell(&quay.home, &format!("$W export {api}-not-there -o -"));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    // One archive, not two.
    let output = shell(
        &quay.home,
        &format!(
            "$W copy {api} docker-archive:- oci-archive:- --platform amd64 | cat; exit ${{PIPESTATUS[0]}}"
        ),
    );
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_reads_no_more_does_not_hold_up_the_end() {
    use tokio::io::AsyncReadExt;

    let quay = Quay::new().await;
    let args = ["export", &quay.at("team/api:1.2"), "-o", "-", "--platform", "amd64"];
    let mut child = quay.home.command(&args).spawn().unwrap();
    // More than a pipe holds is still to come.
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 100_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal_process(child.id().unwrap(), Signal::TERM);
    let run = tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await;
    let output = run.expect("it waits for its reader").unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&quay.home.path("tmp")), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_takes_no_archive() {
    let quay = Quay::new().await;
    let api = quay.at("team/api:1.2");
    for args in [
        ["export", &api, "-o", "-", "--platform", "amd64"],
        ["copy", &api, "docker-archive:-", "--platform", "amd64", "--quiet"],
    ] {
        let code = tokio::task::spawn_blocking({
            let args = args.map(str::to_owned);
            move || {
                let mut pty = Spawn::wharf().args(args).start();
                let status = pty.wait_exit(Duration::from_secs(30));
                let screen = pty.wait_output_end(Duration::from_secs(10));
                assert!(screen.contains("standard output is a terminal"), "{}", screen.text());
                assert!(!pty.raw().contains(&0), "bytes of an archive came");
                status.exit_code()
            }
        });
        assert_eq!(code.await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd and docker-registry and skopeo"]
async fn docker_and_skopeo_take_every_kind() {
    let quay = Quay::new().await;
    let [api, stable, web] = ["team/api:1.2", "team/api:stable", "team/web:3"].map(|n| quay.at(n));
    let all = ["export", &api, &stable, &web, "--single", "--platform", "amd64", "-o"];
    for file in ["all.tar", "all.tar.gz"] {
        quay.home.ok(&[&all[..], &[file]].concat()).await;
        let engine = tokio::task::spawn_blocking(Dockerd::start).await.unwrap();
        let mut want = vec![api.clone(), stable.clone(), web.clone()];
        want.sort();
        assert_eq!(engine.load(&quay.home.path(file)), want, "{file}");
        for (name, image) in [(&stable, &quay.api), (&web, &quay.web)] {
            let id = engine.docker(&["inspect", "--format", "{{.Id}} {{len .RootFS.Layers}}", name]);
            let config = image.bytes(&image.manifests[0].1.digest);
            let config: Value = serde_json::from_slice(&config).unwrap();
            assert_eq!(id.trim(), format!("{} 3", config["config"]["digest"].as_str().unwrap()));
        }
    }
    // Straight into the engine, with many tags.
    let engine = tokio::task::spawn_blocking(Dockerd::start).await.unwrap();
    let tags: Vec<String> = (0..40).map(|n| format!("v{n}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    quay.api.push(&quay.registry.host(), "team/many", &tags).await;
    let mut many: Vec<String> = tags.iter().map(|tag| quay.at(&format!("team/many:{tag}"))).collect();
    let line = format!(
        "set -o pipefail; $W export {web} {} --single --platform amd64 -o - | docker -H {} load",
        many.join(" "),
        engine.host()
    );
    let output = shell(&quay.home, &line);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    many.push(web.clone());
    assert!(output.status.success(), "{out}{err}");
    let loaded = |name: &String| out.contains(&format!("Loaded image: {name}\n"));
    assert!(many.iter().all(loaded) && out.lines().count() >= many.len(), "{out}");
    drop(engine);

    // An OCI archive in skopeo's hands, plain and compressed.
    let to = DockerRegistry::start();
    for (n, file) in ["api.tar", "api.tar.gz", "api.tar.zst"].into_iter().enumerate() {
        quay.home.ok(&["copy", &api, &format!("oci-archive:{file}:docker.io/team/api:1.2")]).await;
        let from = format!("oci-archive:{}:docker.io/team/api:1.2", quay.home.text(file));
        let raw = peers::run("skopeo", &["inspect", "--raw", &from]);
        assert!(raw.as_bytes() == quay.api.bytes(&quay.api.root.digest), "{file}");
        let there = format!("docker://{}/skopeo{n}:1", to.host());
        peers::run(
            "skopeo",
            &["--insecure-policy", "copy", "--all", "--dest-tls-verify=false", &from, &there],
        );
        quay.api.assert_at(&to.host(), &format!("skopeo{n}"), "1").await;
    }
    // And a real registry through a pipe: out of one, into a file, and back.
    let output = shell(&quay.home, &format!("$W copy {api} oci-archive:- > piped.tar"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    quay.home.ok(&["copy", "oci-archive:piped.tar", &format!("{}/wharf:1", to.host())]).await;
    quay.api.assert_at(&to.host(), "wharf", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn zstd_layers_become_gzip_by_every_way_out() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let mut wanted = Vec::new();
    for seed in [1, 2] {
        let recipe = Recipe::layers(&[50_000]).shared(&[400_000]).seed(seed);
        let image = recipe.write(&home.path(&format!("made/{seed}")), "1").unwrap();
        let image = zstd_layers(&image, &home.path(&format!("zstd/{seed}")));
        image.push(&registry.host(), &format!("z{seed}"), &["1"]).await;
        wanted.push(format!("{}/z{seed}:1", registry.host()));
    }
    let all = ["export", &wanted[0], &wanted[1], "--single", "-o"];
    let run: Run = home.ok(&[&all[..], &["all.tar"]].concat()).await;
    assert!(run.stderr.contains("became gzip"), "{run}");
    home.ok(&[&all[..], &["all.tar.gz"]].concat()).await;
    let piped = shell(&home, &format!("$W {} -", all.join(" ")));
    let plain = std::fs::read(home.path("all.tar")).unwrap();
    assert!(piped.stdout == plain);
    assert!(shell(&home, "gzip -dc all.tar.gz").stdout == plain);
    let docker = document(&entries(&plain[..]), "manifest.json");
    assert_eq!(docker[0]["Layers"][0], docker[1]["Layers"][0], "what they share is in it once");
    let engine = tokio::task::spawn_blocking(Dockerd::start).await.unwrap();
    assert_eq!(engine.load(&home.path("all.tar.gz")), wanted);
}

/// The image with its layers compressed by zstd.
fn zstd_layers(image: &TestImage, directory: &Path) -> TestImage {
    use wharf::oci::Digest;

    std::fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
    let mut made = TestImage { directory: directory.to_owned(), blobs: Vec::new(), ..image.clone() };
    let text = String::from_utf8(image.bytes(&image.root.digest)).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    let write = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(directory.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        digest
    };
    for blob in &image.blobs {
        let mut blob = blob.clone();
        let mut bytes = image.bytes(&blob.digest);
        if blob.media_type.ends_with("gzip") {
            let old = blob.digest.clone();
            bytes = zstd::encode_all(flate2::read::GzDecoder::new(&bytes[..]), 3).unwrap();
            blob.media_type = blob.media_type.replace("gzip", "zstd");
            (blob.digest, blob.size) = (Digest::of(&bytes), bytes.len() as u64);
            for layer in manifest["layers"].as_array_mut().unwrap() {
                if layer["digest"] == old.as_str() {
                    *layer = json!({"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size});
                }
            }
        }
        write(&bytes);
        made.blobs.push(blob);
    }
    let bytes = manifest.to_string().into_bytes();
    made.root.digest = write(&bytes);
    made.root.size = bytes.len() as u64;
    made.manifests[0].1 = made.root.clone();
    made
}

//! `wharf import`: archives of any kind, pushed by the names that are in them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use wharf::oci::Digest;

use crate::support::image::{Recipe, TestImage, client};
use crate::support::peers::{self, DockerRegistry, Dockerd};
use crate::support::wharf::{Home, Registry, Run, names};

/// What `docker save` before 25 writes of a made image, under these names: layers plain, each in a directory of its
/// own, and one of them a link.
fn saved(image: &TestImage, tags: Value) -> Vec<u8> {
    let (config, layers) = parts(image);
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    let mut paths = Vec::new();
    for (n, layer) in layers.iter().enumerate() {
        let path = format!("{n:064x}/layer.tar");
        add(&format!("{n:064x}/VERSION"), b"1.0");
        add(&path, layer);
        paths.push(path);
    }
    let name = format!("{}.json", Digest::of(&config).hex());
    add(&name, &config);
    add("manifest.json", json!([{"Config": name, "RepoTags": tags, "Layers": paths}]).to_string().as_bytes());
    tar.into_inner().unwrap()
}

/// The configuration of an image of one platform, and its layers unpacked.
fn parts(image: &TestImage) -> (Vec<u8>, Vec<Vec<u8>>) {
    let manifest: Value = serde_json::from_slice(&image.bytes(&image.root.digest)).unwrap();
    let blob = |entry: &Value| image.bytes(&entry["digest"].as_str().unwrap().parse().unwrap());
    let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| gunzip(&blob(layer)));
    (blob(&manifest["config"]), layers.collect())
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn get(host: &str, path: &str) -> Vec<u8> {
    let accept =
        "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
    let url = format!("http://{host}/v2/{path}");
    let answer = client().get(&url).header("accept", accept).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    answer.bytes().await.unwrap().to_vec()
}

/// Checks that a registry has an image with that configuration whose layers unpack to its DiffIDs; gives the manifest.
async fn assert_runs(host: &str, repository: &str, tag: &str, config: &[u8]) -> Value {
    let manifest: Value =
        serde_json::from_slice(&get(host, &format!("{repository}/manifests/{tag}")).await).unwrap();
    let blob = async |entry: &Value| {
        get(host, &format!("{repository}/blobs/{}", entry["digest"].as_str().unwrap())).await
    };
    assert!(blob(&manifest["config"]).await == config);
    let config: Value = serde_json::from_slice(config).unwrap();
    let ids = config["rootfs"]["diff_ids"].as_array().unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(ids.len(), layers.len());
    for (id, layer) in ids.iter().zip(layers) {
        let bytes = blob(layer).await;
        assert!(layer["mediaType"].as_str().unwrap().ends_with("gzip"), "{layer}");
        assert_eq!(Digest::of(&gunzip(&bytes)).as_str(), id.as_str().unwrap());
    }
    manifest
}

/// Runs wharf with this on its standard input.
async fn fed(home: &Home, args: &[&str], bytes: Vec<u8>) -> Run {
    let mut child = home.command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeding = tokio::spawn(async move {
        // One that has read enough closes its end.
        let _ = stdin.write_all(&bytes).await;
    });
    let run = Run::of(args, child).await;
    feeding.await.unwrap();
    run
}

fn image(home: &Home, seed: u64) -> TestImage {
    let recipe = Recipe::layers(&[2_500_000, 300]).shared(&[40_000]).seed(seed).docker();
    recipe.write(&home.path(&format!("made-{seed}")), "1").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_docker_saved_arrives_gzipped_and_the_same_each_time() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let made = image(&home, 1);
    let tar = saved(&made, json!(["team/api:1", "team/api:latest", "ghcr.io/o/r:2"]));
    std::fs::write(home.path("plain.tar"), &tar).unwrap();
    std::fs::write(home.path("two.tgz"), [gzip(&tar[..70_000]), gzip(&tar[70_000..])].concat()).unwrap();
    std::fs::write(home.path("a.tar.zst"), zstd::encode_all(tar.as_slice(), 3).unwrap()).unwrap();
    let to = format!("{}/m", registry.host());
    let (config, _) = parts(&made);
    let run = home.ok(&["import", "plain.tar", &to]).await;
    assert!(run.stderr.contains("3 layers lie uncompressed"), "{run}");
    let first = assert_runs(&registry.host(), "m/team/api", "1", &config).await;
    assert_eq!(registry.tags("m/team/api").await, ["1", "latest"]);
    assert_runs(&registry.host(), "m/o/r", "2", &config).await;
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("m/team/api:1@sha256:"), "{run}");
    // The same bytes, whatever the archive is packed in: nothing is sent again.
    for file in ["plain.tar", "two.tgz", "a.tar.zst"] {
        let run = home.ok(&["import", file, &to]).await;
        assert!(run.stderr.contains("2 up to date"), "{run}");
        assert_eq!(run.stderr.contains("was staged"), file != "plain.tar", "{run}");
    }
    let run =
        fed(&home, &["import", "-", &to, "--image", "ghcr.io/o/r:2", "--tag", "piped"], gzip(&tar)).await;
    assert!(run.code == Some(0) && run.stderr.contains("standard input was staged"), "{run}");
    assert_eq!(assert_runs(&registry.host(), "m/o/r", "piped", &config).await, first);
    assert_eq!(names(&home.path("tmp")), [""; 0], "something is left in the spool");
    // Into the store, and as a tar for docker load, where plain layers stay as they are.
    home.ok(&["import", "two.tgz", "store:kept", "--image", "team/*"]).await;
    let run = home.ok(&["inspect", "store:kept/team/api:1", "--raw"]).await;
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap(), first);
    home.ok(&["copy", "docker-archive:two.tgz:ghcr.io/o/r:2", "docker-archive:out.tar"]).await;
    let run = home.ok(&["inspect", "docker-archive:out.tar", "--raw"]).await;
    assert!(run.stdout.contains("rootfs.diff.tar\"") && !run.stdout.contains("gzip"), "{run}");
    // That one has an index, and its digests are kept.
    home.ok(&["import", "out.tar", &format!("{to}/x:y")]).await;
    let kept = get(&registry.host(), "m/x/manifests/y").await;
    assert_eq!(kept, run.stdout.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_of_another_image_stays_without_force() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let (one, two) = (image(&home, 1), image(&home, 2));
    std::fs::write(home.path("1.tar"), saved(&one, json!(["app:1"]))).unwrap();
    std::fs::write(home.path("2.tar"), saved(&two, Value::Null)).unwrap();
    let to = format!("{}/app:1", registry.host());
    home.ok(&["import", "1.tar", &to]).await;
    for more in [&[][..], &["--dry-run"]] {
        let run = home.run(&[&["import", "2.tar", &to], more].concat()).await;
        let (error, _) = run.failed(1);
        assert!(
            error.contains("the tag 1 is there already, at sha256:") && error.contains("--force"),
            "{run}"
        );
    }
    assert_runs(&registry.host(), "app", "1", &parts(&one).0).await;
    let run = home.run(&["--output", "json", "import", "2.tar", &to]).await;
    assert_eq!(run.json()["jobs"][0]["failure"]["class"], "conflict", "{run}");
    home.ok(&["import", "2.tar", &to, "--force"]).await;
    assert_runs(&registry.host(), "app", "1", &parts(&two).0).await;
    // No name, and nobody gave one.
    let run = home.run(&["import", "2.tar", &registry.host()]).await;
    let (error, _) = run.failed(2);
    assert!(error.contains("has no name; give --rename @0=NAME:TAG"), "{run}");
    home.ok(&["import", "2.tar", &registry.host(), "--rename", "@0=named:9"]).await;
    assert_eq!(registry.tags("named").await, ["9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn layouts_and_archives_with_an_index_keep_their_digests() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let recipe = Recipe::layers(&[60_000, 400]).shared(&[30_000]).platforms(&["linux/amd64", "linux/arm64"]);
    let image = recipe.write(&home.path("layout"), "1.2").unwrap();
    let mut tar = tar::Builder::new(std::fs::File::create(home.path("oci.tar")).unwrap());
    tar.append_dir_all(".", home.path("layout")).unwrap();
    tar.into_inner().unwrap();
    for (n, file) in ["layout", "oci.tar", "oci:layout", "oci-archive:oci.tar:1.2"].iter().enumerate() {
        home.ok(&["import", file, &format!("{}/team/r{n}", registry.host())]).await;
        image.assert_at(&registry.host(), &format!("team/r{n}"), "1.2").await;
    }
    home.ok(&["import", "oci.tar", &format!("{}/one:x", registry.host()), "--platform", "arm64"]).await;
    assert_eq!(get(&registry.host(), "one/manifests/x").await, image.bytes(&image.manifests[1].1.digest));
    let run =
        home.run(&["import", "oci.tar", &format!("{}/one:x", registry.host()), "--platform", "s390x"]).await;
    assert!(run.failed(1).0.contains("linux/arm64"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_lists_what_an_archive_has() {
    let home = Home::new();
    let (one, two) = (image(&home, 1), image(&home, 2));
    home.ok(&["copy", "oci:made-1:1", "oci:both:a"]).await;
    home.ok(&["copy", "oci:made-2:1", "oci:both:b"]).await;
    let run = home.ok(&["inspect", "oci:both"]).await;
    assert!(
        run.stdout.starts_with("archive  oci:both\nimages   2\n") && run.stdout.contains("linux/amd64"),
        "{run}"
    );
    let run = home.ok(&["--output", "json", "inspect", "oci:both"]).await;
    let value = run.json();
    let listed: Vec<_> =
        value["images"].as_array().unwrap().iter().map(|image| image["names"][0].clone()).collect();
    assert_eq!(listed, ["a", "b"]);
    assert_eq!(value["images"][1]["image"]["descriptor"]["digest"], two.root.digest.as_str());
    std::fs::write(home.path("one.tgz"), gzip(&saved(&one, json!(["app:1"])))).unwrap();
    let run = home.ok(&["inspect", "docker-archive:one.tgz"]).await;
    assert!(run.stdout.contains("linux/amd64") && run.stdout.contains("docker-archive:one.tgz"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hostile_or_broken_is_refused_and_nothing_is_written() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let made = image(&home, 1);
    let tar = saved(&made, json!(["app:1"]));
    let mut evil = tar::Header::new_gnu();
    evil.set_size(0);
    evil.as_old_mut().name[..14].copy_from_slice(b"../../evil.txt");
    evil.set_cksum();
    let evil = [evil.as_bytes().as_slice(), &tar].concat();
    let mut wrong = tar.clone();
    wrong[200_000] ^= 1;
    let before = names(&home.path(""));
    let far = tar.len() / 2;
    for (bytes, want) in [
        (tar[..far].to_vec(), "cut short"),
        (gzip(&tar)[..far / 2].to_vec(), "cut short"),
        (gzip(&evil), "../../evil.txt would lie outside"),
        (evil, "../../evil.txt would lie outside"),
        (wrong, "expected sha256:"),
        (b"no tar".to_vec(), "no tar that can be read"),
    ] {
        std::fs::write(home.path("x.tar"), &bytes).unwrap();
        for args in [["import", "x.tar", &registry.host()], ["import", "-", &registry.host()]] {
            let run =
                if args[1] == "-" { fed(&home, &args, bytes.clone()).await } else { home.run(&args).await };
            let (error, _) = run.failed(1);
            assert!(error.contains(want), "{want}: {run}");
        }
        assert_eq!(names(&home.path("tmp")), [""; 0]);
    }
    let mut after = names(&home.path(""));
    after.retain(|name| !["x.tar", ".local", "tmp"].contains(&name.as_str()));
    assert_eq!(after.len(), before.iter().filter(|name| *name != "tmp").count(), "{after:?}");
    assert!(registry.tags("library/app").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_gives_nothing_can_be_interrupted() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let args = ["import", "-", &registry.host()];
    let mut child = home.command(&args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&saved(&image(&home, 1), json!(["app:1"]))[..100_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let run = Run::of(&args, child).await;
    assert_eq!(run.code, Some(130), "{run}");
    assert_eq!(names(&home.path("tmp")), [""; 0]);
    drop(stdin);
}

/// A limit on a file's size stands for the end of the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_nothing_is_left() {
    let (home, registry) = (Home::new(), Registry::start().await);
    std::fs::write(home.path("a.tgz"), gzip(&saved(&image(&home, 1), json!(["app:1"])))).unwrap();
    home.directory("tmp");
    let line = "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"";
    let mut command = tokio::process::Command::new("bash");
    command.args([
        "-c",
        line,
        env!("CARGO_BIN_EXE_wharf"),
        "--no-ledger",
        "import",
        "a.tgz",
        &registry.host(),
    ]);
    command.current_dir(home.path("")).env("HOME", home.path("")).env("TMPDIR", home.path("tmp"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = Run::of(&["import"], command.spawn().unwrap()).await;
    let (error, hint) = run.failed(1);
    assert!(
        error.starts_with("stage in ") && error.contains("too large") && hint.contains("free space"),
        "{run}"
    );
    assert_eq!(names(&home.path("tmp")), [""; 0]);
}

/// What a real engine saves, through a pipe: two images with a layer that both have.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn what_an_engine_saved_comes_back_with_the_same_content() {
    let (home, registry, engine) = (Home::new(), Registry::start().await, Dockerd::start());
    let images = [image(&home, 1), image(&home, 2)];
    let mut list = vec!["save".to_owned()];
    for (n, made) in images.iter().enumerate() {
        let (file, name) = (format!("{n}.tar"), format!("example.org/team/app:{n}"));
        std::fs::write(home.path(&file), saved(made, json!([name]))).unwrap();
        engine.load(&home.path(&file));
        list.push(name);
    }
    engine.docker(&["tag", "example.org/team/app:0", "other:x"]);
    list.push("other:x".to_owned());
    let script = "docker -H \"$0\" \"$@\" > saved.tar";
    let status = Command::new("sh")
        .args(["-c", script, &engine.host()])
        .args(&list)
        .current_dir(home.path(""))
        .status();
    assert!(status.unwrap().success());
    let to = format!("{}/m", registry.host());
    let run = fed(&home, &["import", "-", &to], std::fs::read(home.path("saved.tar")).unwrap()).await;
    assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 3), "{run}");
    for (n, made) in images.iter().enumerate() {
        let (config, _) = parts(made);
        assert_runs(&registry.host(), "m/team/app", &n.to_string(), &config).await;
    }
    assert_runs(&registry.host(), "m/library/other", "x", &parts(&images[0]).0).await;
}

/// DiffIDs and names as another program sees them: an image of a registry, saved by skopeo with its layers unpacked.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry and skopeo"]
async fn what_skopeo_saved_comes_back_with_the_same_content() {
    let (home, from, to) = (Home::new(), DockerRegistry::start(), DockerRegistry::start());
    let made = image(&home, 5);
    made.push(&from.host(), "team/api", &["5"]).await;
    let archive = home.text("skopeo.tar");
    let skopeo = |args: &[&str]| peers::run("skopeo", &[&["--insecure-policy"], args].concat());
    let source = format!("docker://{}/team/api:5", from.host());
    skopeo(&["copy", "--src-tls-verify=false", &source, &format!("docker-archive:{archive}:team/api:5")]);
    let listed = Command::new("tar").args(["tf", &archive]).output().unwrap();
    assert!(String::from_utf8_lossy(&listed.stdout).contains("layer.tar"), "it is no classic archive");
    let dst = format!("{}/back", to.host());
    home.ok(&["import", "skopeo.tar", &dst]).await;
    let (config, _) = parts(&made);
    assert_runs(&to.host(), "back/team/api", "5", &config).await;
    let inspect = |at: String| {
        let run = skopeo(&["inspect", "--config", "--tls-verify=false", &at]);
        serde_json::from_str::<Value>(&run).unwrap()["rootfs"]["diff_ids"].clone()
    };
    assert_eq!(inspect(format!("docker://{dst}/team/api:5")), inspect(source));
    // And from that registry by skopeo once more: it unpacks what wharf has gzipped.
    skopeo(&[
        "copy",
        "--src-tls-verify=false",
        &format!("docker://{dst}/team/api:5"),
        &format!("dir:{}", home.text("dir")),
    ]);
    assert!(Path::new(&home.text("dir")).join("manifest.json").is_file());
    let counts = |name: &str| names(&home.path(name)).into_iter().map(|n| (n, 1)).collect::<BTreeMap<_, _>>();
    assert!(counts("dir").len() > 3);
}

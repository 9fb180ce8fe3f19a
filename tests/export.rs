//! `wharf export`: files that other tools load, named by the rule, whole or absent.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{self, Dockerd};
use crate::support::wharf::{Home, Registry, names};

async fn harbour() -> (Home, Registry, TestImage) {
    let (home, registry) = (Home::new(), Registry::start().await);
    let recipe = Recipe::layers(&[60_000, 400]).shared(&[30_000]);
    let image = recipe.platforms(&["linux/amd64", "linux/arm64"]).write(&home.path("made"), "1.2").unwrap();
    image.push(&registry.host(), "team/api", &["1.2"]).await;
    (home, registry, image)
}

/// The one file that a run names on standard output.
#[track_caller]
fn only(stdout: &str) -> &str {
    let lines: Vec<&str> = stdout.lines().collect();
    let [line] = lines[..] else { panic!("{stdout}") };
    line
}

/// Whether a name is `STEM_YYYYMMDD_HHMMSS` with what may follow.
fn is_named(name: &str, stem: &str, end: &str) -> bool {
    let middle = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(end)).unwrap_or_default();
    let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    matches!(middle.split('_').collect::<Vec<_>>()[..], ["", day, time] if digits(day, 8) && digits(time, 6))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_named_by_the_rule_and_have_their_sums() {
    let (home, registry, image) = harbour().await;
    let source = format!("{}/team/api:1.2", registry.host());
    let run = home.ok(&["export", &source, "-o", "out", "--platform", "arm64,amd64"]).await;
    let mut files = names(&home.path("out"));
    assert_eq!(run.stdout.lines().count(), 2);
    files.retain(|name| !name.ends_with(".sha256"));
    assert!(is_named(&files[0], "team_api_1.2_linux-amd64", ".tar"), "{files:?}");
    assert!(is_named(&files[1], "team_api_1.2_linux-arm64", ".tar"), "{files:?}");
    for file in &files {
        let sums = Command::new("sha256sum")
            .args(["-c", &format!("{file}.sha256")])
            .current_dir(home.path("out"))
            .output();
        assert!(sums.unwrap().status.success(), "{file}");
    }
    let run = home.ok(&["export", &source, "-o", "slash/", "--platform", "amd64"]).await;
    assert!(run.stderr.contains("→ slash/\n") && run.stdout.starts_with("slash/team"), "{run}");
    // A digest alone, one platform of it, no tag.
    let one = &image.manifests[0].1.digest;
    let run = home.ok(&["export", &format!("{}/team/api@{one}", registry.host()), "-o", "digest"]).await;
    let name = only(&run.stdout).rsplit('/').next().unwrap();
    assert!(is_named(name, &format!("team_api_sha256-{}", one.short(12)), ".tar"), "{name}");
    // Without --platform it is this machine's, and the output says so.
    let run = home.ok(&["export", &source, "-o", "here"]).await;
    assert!(run.stderr.contains("linux/") && run.stderr.contains("--platform"), "{run}");
    // A name that is too long is cut and marked.
    let long = "a".repeat(240);
    image.push(&registry.host(), &long, &["t"]).await;
    let run = home.ok(&["export", &format!("{}/{long}:t", registry.host()), "-o", "long"]).await;
    let name = only(&run.stdout).rsplit('/').next().unwrap();
    assert!(
        name.len() == 200 && name.contains(&format!("_{}_", image.manifests[0].1.digest.short(8))),
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_taken_are_kept() {
    let (home, registry, _) = harbour().await;
    let source = format!("{}/team/api:1.2", registry.host());
    // Within one second two exports want one name; where a second has passed they do not.
    let args = ["export", &source, "-o", "out"];
    let runs = futures_util::future::join_all((0..3).map(|_| home.ok(&args))).await;
    let mut files: Vec<&str> = runs.iter().map(|run| only(&run.stdout)).collect();
    files.sort_unstable();
    files.dedup();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| home.path(file).is_file()));
    // A file by name is not replaced unless that is asked for.
    std::fs::write(home.path("mine.tar"), "mine").unwrap();
    let run = home.run(&["export", &source, "-o", "mine.tar"]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("mine.tar exists") && hint.contains("--overwrite"), "{run}");
    let run = home.run(&["copy", &source, "docker-archive:mine.tar"]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("exists") && hint.contains("another name"), "{run}");
    assert_eq!(std::fs::read(home.path("mine.tar")).unwrap(), b"mine");
    home.ok(&["export", &source, "-o", "mine.tar", "--overwrite"]).await;
    assert!(std::fs::metadata(home.path("mine.tar")).unwrap().len() > 60_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_and_a_layout_are_exported_too() {
    let (home, registry, _) = harbour().await;
    let source = format!("{}/team/api:1.2", registry.host());
    home.ok(&["copy", &source, "store:kept/api:9", "oci:layout:x"]).await;
    for (from, stem) in [("store:kept/api:9", "kept_api_9"), ("oci:layout:x", "layout_x")] {
        let run = home.ok(&["export", from, "-o", "out"]).await;
        let name = only(&run.stdout).rsplit('/').next().unwrap();
        assert!(is_named(name, stem, ".tar"), "{name}");
        // By whatever name the file goes, the image in it has one.
        home.ok(&["export", from, "-o", "named.tar", "--overwrite"]).await;
        let mut listed = Command::new("tar");
        listed.args(["xOf", "named.tar", "manifest.json"]).current_dir(home.path(""));
        let (name, tag) = stem.rsplit_once('_').unwrap();
        let named = format!("\"RepoTags\":[\"{}:{tag}\"]", name.replace('_', "/"));
        let listed = String::from_utf8(listed.output().unwrap().stdout).unwrap();
        assert!(listed.contains(&named), "{named}: {listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_is_told_and_nothing_is_left() {
    let (home, registry, _) = harbour().await;
    let source = format!("{}/team/api:1.2", registry.host());
    std::fs::write(home.path("file"), "").unwrap();
    // Under a file nothing can be made, not even by root.
    let run = home.run(&["export", &source, "-o", "file/below"]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("file/below") && error.contains("ot a directory") && !hint.is_empty(), "{run}");
    let locked = home.directory("locked");
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o555)).unwrap();
    let run = home.run(&["export", &source, "-o", "locked"]).await;
    if run.code != Some(0) {
        let (error, hint) = run.failed(1);
        assert!(error.contains("ermission denied") && hint.contains("rights"), "{run}");
        assert_eq!(names(&locked), [""; 0]);
    } else {
        assert!(rustix::process::geteuid().is_root(), "{run}");
    }
    // A directory that was made for nothing goes away again.
    let run = home.run(&["export", &format!("{}/no/such:1", registry.host()), "-o", "new"]).await;
    run.failed(1);
    assert!(!home.path("new").exists());
}

/// A limit on a file's size stands for the end of the disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_nothing_is_left() {
    let (home, registry, _) = harbour().await;
    let source = format!("{}/team/api:1.2", registry.host());
    let out = home.directory("out");
    let mut command = tokio::process::Command::new("bash");
    let line = "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"";
    command.args(["-c", line, env!("CARGO_BIN_EXE_wharf"), "--no-ledger", "export", &source, "-o", "out"]);
    command.current_dir(home.path("")).env("HOME", home.path(""));
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("error: ") && text.contains("too large") && text.contains("hint: "), "{text}");
    assert_eq!(names(&out), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, for a small file system"]
async fn a_full_file_system_is_told_and_nothing_is_left() {
    let (home, registry, _) = harbour().await;
    let source = format!("{}/team/api:1.2", registry.host());
    let small = home.directory("small");
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&small).status().unwrap();
    if !mounted.success() {
        eprintln!("no file system can be mounted here: the limit on a file's size stands for it");
        return;
    }
    let run = home.run(&["export", &source, "-o", "small"]).await;
    let left = names(&small);
    let layout = home.run(&["copy", &source, "oci:small/layout"]).await;
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    let (error, hint) = run.failed(1);
    assert!(error.contains("full") && hint.contains("space"), "{run}");
    assert_eq!(left, [""; 0]);
    assert!(layout.failed(1).0.contains("full"), "{layout}");
}

fn load(engine: &Dockerd, file: &Path) -> Vec<String> {
    engine.load(file)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd and skopeo"]
async fn docker_loads_it_and_skopeo_reads_it_both_ways() {
    let (home, registry, image) = harbour().await;
    let host = registry.host();
    let source = format!("{host}/team/api:1.2");
    let run = home.ok(&["export", &source, "-o", "out", "--platform", "linux/amd64"]).await;
    let file = home.path(only(&run.stdout));
    let engine = tokio::task::spawn_blocking(Dockerd::start).await.unwrap();
    assert_eq!(load(&engine, &file), std::slice::from_ref(&source));
    let shown =
        engine.docker(&["inspect", "--format", "{{.Os}}/{{.Architecture}} {{len .RootFS.Layers}}", &source]);
    assert_eq!(shown.trim(), "linux/amd64 3");
    let manifest = String::from_utf8(image.bytes(&image.manifests[0].1.digest)).unwrap();
    for transport in ["docker-archive", "oci-archive"] {
        let from = format!("{transport}:{}", file.display());
        let inspected = peers::run("skopeo", &["inspect", &from]);
        assert!(inspected.contains("\"Architecture\": \"amd64\""), "{transport}: {inspected}");
    }
    let raw = peers::run("skopeo", &["inspect", "--raw", &format!("oci-archive:{}", file.display())]);
    assert_eq!(raw, manifest);
    // Several tags are several names.
    let to = format!("docker-archive:{}", home.text("two.tar"));
    home.ok(&["copy", &source, &to, "--tag", "stable", "--platform", "amd64"]).await;
    let names = load(&engine, &home.path("two.tar"));
    assert_eq!(names, [source, format!("{host}/team/api:stable")]);
}

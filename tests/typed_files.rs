//! Files as people name them: with a colon, as a pipe of the shell, without their transport; and one file of a whole list.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::{Home, Registry, Run, names};

fn image(home: &Home, seed: u64) -> TestImage {
    Recipe::layers(&[60_000, 300])
        .seed(seed)
        .docker()
        .write(&home.path(&format!("made-{seed}")), "1")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_a_colon_or_a_backslash_is_kept_everywhere() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let made = image(&home, 1);
    for (n, file) in ["a:b.tar", r"c\d.tar", r"e\:f:.tar"].into_iter().enumerate() {
        let from = format!("{}/app{n}:1", registry.host());
        made.push(&registry.host(), &format!("app{n}"), &["1"]).await;
        assert_eq!(home.ok(&["export", &from, "-o", file]).await.stdout, format!("{file}\n"));
        let written = format!("docker-archive:{}", file.replace('\\', r"\\").replace(':', r"\:"));
        let run = home.ok(&["--output", "json", "inspect", &written]).await;
        assert_eq!(run.json()["descriptor"]["digest"], made.root.digest.as_str());
        home.ok(&["import", file, &format!("{}/m", registry.host())]).await;
        home.ok(&["copy", &written, &format!("{}/copied:{n}", registry.host())]).await;
        // The record is read again, and says what can be typed.
        let run = home.ok(&["--output", "json", "history"]).await;
        assert!(run.stdout.contains(&Value::from(format!("{written}:{from}")).to_string()), "{run}");
    }
    assert_eq!(registry.tags("copied").await, ["0", "1", "2"]);
    let left: Vec<_> = names(&home.path("")).into_iter().filter(|name| name.ends_with(".tar")).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_shell_gives_as_a_pipe_is_staged() {
    let (home, registry) = (Home::new(), Registry::start().await);
    image(&home, 1).push(&registry.host(), "app", &["1"]).await;
    home.ok(&["export", &format!("{}/app:1", registry.host()), "-o", "a.tar"]).await;
    let to = format!("{}/m", registry.host());
    for line in [
        format!("\"$W\" import <(cat a.tar) {to}/1"),
        format!("cat a.tar | \"$W\" import /dev/stdin {to}/2"),
        format!("mkfifo f; (sleep 0.3; cat a.tar >f) & \"$W\" import f {to}/3"),
        format!("\"$W\" import <(cat a.tar) <(gzip -c a.tar) {to}/4"),
        "\"$W\" inspect docker-archive:<(gzip -c a.tar)".to_owned(),
    ] {
        let mut command = tokio::process::Command::new("bash");
        command.args(["-c", &line]).current_dir(home.path("")).kill_on_drop(true);
        command
            .env("W", env!("CARGO_BIN_EXE_wharf"))
            .env("HOME", home.path(""))
            .env("TMPDIR", home.directory("tmp"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = Run::of(&[&line], command.spawn().unwrap()).await;
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stderr.contains("was staged") || line.contains("inspect"), "{run}");
        assert_eq!(names(&home.path("tmp")), [""; 0]);
    }
    for n in 1..5 {
        assert_eq!(registry.tags(&format!("m/{n}/app")).await, ["1"]);
    }
}

/// Five seconds go by before something counts as long.
#[tokio::test(flavor = "multi_thread")]
async fn inspect_tells_of_what_takes_long() {
    let (home, registry) = (Home::new(), Registry::start().await);
    image(&home, 1).push(&registry.host(), "app", &["1"]).await;
    home.ok(&["export", &format!("{}/app:1", registry.host()), "-o", "a.tar"]).await;
    let args = ["inspect", "docker-archive:-"];
    let mut child = home.command(&args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = std::fs::read(home.path("a.tar")).unwrap();
    let feeding = tokio::spawn(async move {
        stdin.write_all(&bytes[..2048]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(6)).await;
        let _ = stdin.write_all(&bytes[2048..]).await;
    });
    let run = Run::of(&args, child).await;
    feeding.await.unwrap();
    assert!(run.code == Some(0) && run.stderr.contains("standard input is staged: 2.05 kB so far"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_its_transport_is_asked_after() {
    let home = Home::new();
    std::fs::write(home.path("a.tar"), "").unwrap();
    for (args, want) in [
        (&["inspect", "a.tar"][..], "docker-archive:a.tar?"),
        (&["copy", "a.tar", "h.io/x"], "docker-archive:a.tar?"),
        (&["copy", "h.io/x", "b.tar.gz"], "docker-archive:b.tar.gz?"),
        (&["export", "a.tar:app:1", "-o", "b.tar"], "docker-archive:a.tar:app:1?"),
        (&["diff", "./a.tar", "h.io/x"], "docker-archive:./a.tar?"),
    ] {
        let run = home.run(args).await;
        let (error, _) = run.failed(2);
        assert!(error.contains(&format!("did you mean {want}")), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_images_becomes_one_file() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let host = registry.host();
    for (seed, name) in [(1, "api"), (2, "web")] {
        image(&home, seed).push(&host, name, &["1", "2"]).await;
    }
    let list = format!("{host}/api:1\n{host}/web:2\n{host}/api:2\n");
    std::fs::write(home.path("list.txt"), &list).unwrap();
    let args = ["export", "--from", "list.txt", "--single", "-o", "all.tar"];
    assert_eq!(home.ok(&args).await.stdout, "all.tar\n");
    let run = home.ok(&["--output", "json", "inspect", "docker-archive:all.tar"]).await;
    let value = run.json();
    let mut found: Vec<String> = Vec::new();
    for image in value["images"].as_array().unwrap() {
        found.extend(image["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()));
    }
    found.sort();
    assert_eq!(found, [format!("{host}/api:1"), format!("{host}/api:2"), format!("{host}/web:2")]);
    assert_eq!(value["images"].as_array().unwrap().len(), 2);

    let (error, hint) = (home.run(&args).await, "--overwrite");
    assert!(error.failed(1).1.contains(hint), "{error}");
    home.ok(&[&args[..], &["--overwrite"]].concat()).await;
    for (args, want) in [
        (&["export", "--from", "list.txt", "-o", "b.tar"][..], "--single"),
        (&["export", "--from", "list.txt", "--single", "-o", "dir/"], "dir/ is a directory"),
        (
            &["export", "--from", "list.txt", "--single", "-o", "b.tar", "--platform", "amd64,arm64"],
            "one platform",
        ),
    ] {
        let run = home.run(args).await;
        assert!(run.failed(2).0.contains(want), "{run}");
    }
    assert!(!names(&home.path("")).iter().any(|name| name == "b.tar" || name == "dir"));
}

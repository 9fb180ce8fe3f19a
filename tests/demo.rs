//! What needs no registry of anybody: the demo, the history, the configuration's own commands.

use crate::support::image::Recipe;
use crate::support::wharf::{Home, Registry, Run, names};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_the_main_job_and_leaves_nothing() {
    let home = Home::new();
    let run = home.ok(&["demo", "--headless"]).await;
    for word in ["copied", "again", "exported", "verified", "done"] {
        assert!(run.stdout.lines().any(|line| line.starts_with(word)), "{word}: {run}");
    }
    let json = home.ok(&["demo", "--headless", "--output", "json"]).await.json();
    assert!(json["copied"].as_u64().unwrap() > 0 && json["copied"] == json["again_up_to_date"], "{json}");
    assert_eq!(names(&home.path("tmp")), [""; 0]);
    // Nobody reads to the end.
    let mut child = home.command(&["demo", "--headless"]).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(&["demo"], child).await;
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(names(&home.path("tmp")), [""; 0]);
    // It is not the user's work: nothing of it is in the user's history.
    let listed = home.ok(&["history", "--output", "json"]).await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 0, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_tells_what_was_done() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    let image = Recipe::layers(&[5_000]).write(&home.path("made"), "1").unwrap();
    image.push(&from.host(), "a", &["1"]).await;
    let (source, target) = (format!("{}/a:1", from.host()), format!("{}/a:1", to.host()));
    home.ok(&["copy", &source, &target]).await;
    home.ok(&["copy", &source, &target]).await;
    home.ok(&["export", &source, "-o", "out"]).await;
    home.run(&["copy", &format!("{}/a:none", from.host()), &target]).await.failed(1);
    home.ok(&["copy", &source, &target, "--dry-run"]).await;
    home.ok(&["copy", &source, &target, "--no-ledger"]).await;
    let listed = home.ok(&["history", "--output", "json"]).await.json();
    let jobs = listed["jobs"].as_array().unwrap();
    let states: Vec<&str> = jobs.iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "succeeded", "succeeded", "succeeded"], "{listed}");
    assert_eq!(jobs[0]["failure"]["class"], "not-found");
    assert_eq!(
        jobs[3]["report"]["wire"].as_u64(),
        Some(image.blob_bytes()),
        "the first sent it all: {listed}"
    );
    assert_eq!(jobs[2]["report"]["wire"], 0, "the second nothing");
    assert_eq!(jobs[2]["report"]["outputs"][0]["up_to_date"], true);
    let text = home.ok(&["history", "-n", "2"]).await.stdout;
    assert_eq!(text.lines().count(), 4, "a head, two jobs and a failure:\n{text}");
    assert!(text.contains("not-found: get manifest") && text.contains(&source), "{text}");
    assert!(Home::new().ok(&["history"]).await.stdout.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_a_configuration_and_completions_are_a_script() {
    let home = Home::new();
    let example = home.ok(&["config", "example"]).await.stdout;
    std::fs::write(home.path("example.yaml"), &example).unwrap();
    home.ok(&["config", "check", "--config", "example.yaml"]).await;
    // With every key that it documents.
    let all: String =
        example.lines().map(|line| format!("{}\n", line.strip_prefix('#').unwrap_or(line))).collect();
    assert!(all.contains("\n  - name: harbor"), "{all}");
    home.ok(&["config", "check"]).await;
    let path = home.ok(&["config", "path"]).await.stdout;
    assert!(path.contains(".config/wharf/config.yaml"), "{path}");
    let old = "registries:\n  - name: 本地文件\n    type: local_file\n    url: downloads\n    username: \"\"\n    \
        password: \"\"\n    description: 导出镜像为tar包文件，可用于docker load导入\n";
    home.config(old);
    let shown = home.ok(&["config", "check"]).await;
    assert!(shown.stdout.contains("本地文件"), "{shown}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.ok(&["completions", shell]).await.stdout.len() > 1_000, "{shell}");
    }
}

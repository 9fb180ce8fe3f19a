//! `wharf serve`: a store as a registry, on this machine alone unless somebody says otherwise.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::image::{Recipe, client};
use crate::support::pty::signal_process;
use crate::support::wharf::{Home, Run};

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_served_until_ctrl_c() {
    let home = Home::new();
    let image = Recipe::layers(&[30_000]).write(&home.path("made"), "1").unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let mut child = home.command(&args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let host = lines.next_line().await.unwrap().unwrap();
    image.push(&host, "team/api", &["1"]).await;
    // Another process sees what was pushed, and what it writes is served.
    home.ok(&["copy", "store:team/api:1", "store:team/api:2"]).await;
    image.assert_at(&host, "team/api", "2").await;
    assert_eq!(home.ok(&["repos", &host]).await.stdout, "team/api\n");
    let pid = child.id().unwrap();
    let began = Instant::now();
    signal_process(pid, Signal::INT);
    let run = Run::of(&args, child).await;
    assert_eq!(run.code, Some(0), "{run}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(
        run.stderr.contains("over plain HTTP; ctrl-c stops") && run.stderr.contains("docker pull"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_let_in_only_when_that_was_asked_for() {
    let home = Home::new();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = home.run(&["serve", "--listen", address]).await;
        let (error, hint) = refused.failed(2);
        assert!(error.contains("neither TLS nor a password") && hint.contains("--allow-remote"), "{refused}");
    }
    home.config("registries: [{name: mine, type: store, read_only: true}]\n");
    let refused = home.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert!(refused.failed(2).0.contains("\"mine\""), "{refused}");
    let args = ["serve", "--listen", "0.0.0.0:0", "--allow-remote", "--read-only", "--output", "json"];
    let mut child = home.command(&args).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told: serde_json::Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let port = told["address"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let upload = format!("http://127.0.0.1:{port}/v2/a/blobs/uploads/");
    assert_eq!(client().post(upload).send().await.unwrap().status(), 405);
    signal_process(child.id().unwrap(), Signal::TERM);
    let run = Run::of(&args, child).await;
    assert!(run.code == Some(0) && run.stderr.contains("warning: everybody who can reach"), "{run}");
}

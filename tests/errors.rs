//! Bad input and bad company: one clear message, a hint that helps, the right exit code, nothing half-written.

use std::time::{Duration, Instant};

use crate::support::gateway::Gateway;
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{DockerRegistry, PASSWORD, USER, free_port};
use crate::support::token::{TokenServer, pem};
use crate::support::wharf::{Home, Registry};

async fn harbour() -> (Home, Registry, TestImage) {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = Recipe::layers(&[2_000]).platforms(&["linux/amd64", "linux/arm64"]);
    let image = image.write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "a", &["1"]).await;
    (home, registry, image)
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_no_names_are_usage_errors() {
    let (home, registry, _) = harbour().await;
    let host = registry.host();
    let good = format!("{host}/a:1");
    let hex = "0123456789abcdef".repeat(4);
    for bad in [
        "UPPER",
        "a//b",
        "a:",
        "a:b:c",
        "",
        &hex,
        &format!("{host}/A:1"),
        "docker://",
        "oci:",
        "store:A",
        "a@sha256:12",
    ] {
        for args in [
            vec!["copy", bad, &good],
            vec!["copy", &good, bad],
            vec!["inspect", bad],
            vec!["export", bad, "-o", "out"],
        ] {
            let run = home.run(&args).await;
            let (error, hint) = run.failed(2);
            assert!(!error.is_empty() && hint.contains("--help"), "{run}");
        }
    }
    // Several faults are told at once.
    let run = home.run(&["copy", "UPPER", "a//b", "--tag", ".x", "--platform", "a/b/c/d"]).await;
    assert_eq!((run.code, run.errors().len()), (Some(2), 4), "{run}");
    for args in [&["copy", "a"][..], &["sync", "x"], &["copy", "a", "b", "--platfrom", "x"], &["tags", "a:1"]]
    {
        assert_eq!(home.run(args).await.code, Some(2), "{args:?}");
    }
    assert!(!home.path("out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_with_a_way_to_find_it() {
    let (home, registry, _) = harbour().await;
    let (host, to) = (registry.host(), Registry::start().await);
    let target = format!("{}/x:1", to.host());
    let run = home.run(&["copy", &format!("{host}/a:none"), &target]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains(&format!("{host}/a:none")) && error.contains("404"), "{run}");
    assert_eq!(hint, format!("`wharf tags {host}/a` lists what is there"));
    assert_eq!(home.ok(&["tags", &format!("{host}/a")]).await.stdout, "1\n");
    // Of a repository that is not there a registry often says that of the tag; its tags tell more.
    for args in [vec!["copy", "HOST/none:1", &target], vec!["inspect", "HOST/none:1"]] {
        let args: Vec<String> = args.iter().map(|arg| arg.replace("HOST", &host)).collect();
        let run = home.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let (error, hint) = run.failed(1);
        assert!(error.contains("404") && hint.contains(&format!("`wharf tags {host}/none`")), "{run}");
    }
    let run = home.run(&["tags", &format!("{host}/none")]).await;
    assert!(run.failed(1).1.contains(&format!("`wharf repos {host}`")), "{run}");
    assert_eq!(home.ok(&["repos", &host]).await.stdout, "a\n");
    // Places that are files.
    home.ok(&["copy", &format!("{host}/a:1"), "oci:layout:1", "store:kept:1"]).await;
    for (from, says) in
        [("oci:nowhere:1", "nowhere"), ("oci:layout:2", "2"), ("store:none:1", "none"), ("store:kept:2", "2")]
    {
        let run = home.run(&["copy", from, &target]).await;
        let (error, _) = run.failed(1);
        assert!(error.contains(says), "{run}");
    }
    assert!(to.tags("x").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_host_is_told_within_seconds() {
    let (home, registry, _) = harbour().await;
    let (source, port) = (format!("{}/a:1", registry.host()), free_port());
    let began = Instant::now();
    for args in [
        ["copy".to_owned(), format!("127.0.0.1:{port}/a:1"), source.clone()],
        ["copy".to_owned(), source.clone(), format!("127.0.0.1:{port}/b:1")],
        ["copy".to_owned(), source.clone(), "no-such-host.invalid/b:1".to_owned()],
    ] {
        let run = home.run(&args.each_ref().map(String::as_str)).await;
        let (error, hint) = run.failed(1);
        assert!(error.contains("connection refused") || error.contains("host"), "{run}");
        assert!(hint.contains("can be reached"), "{run}");
    }
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_plain_that_meet_are_told_apart_and_the_hint_helps() {
    let (home, registry, image) = harbour().await;
    // A plain server spoken to in TLS.
    let (host, to) = (registry.host(), Registry::start().await);
    let (source, target) = (format!("{host}/a:1"), format!("{}/x:1", to.host()));
    home.config(&format!("registries: [{{name: r, url: \"{host}\", tls: verify}}]"));
    let run = home.run(&["copy", &source, &target]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("TLS was spoken to a server that does not speak it"), "{run}");
    assert!(
        hint.contains("--src-tls-verify=false") && hint.contains("`tls:`") && hint.contains("plain"),
        "{run}"
    );
    home.ok(&["copy", &source, &target, "--src-tls-verify=false"]).await;
    image.assert_at(&to.host(), "x", "1").await;
    home.ok(&["inspect", &source, "--tls-verify=false"]).await;
    for tls in ["plain", "insecure"] {
        home.config(&format!("registries: [{{name: r, url: \"{host}\", tls: {tls}}}]"));
        home.ok(&["copy", &source, &target]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_trusts_is_told_of_and_trusted_by_its_authority() {
    let (home, to) = (Home::new(), Registry::start().await);
    // It speaks TLS, and is no registry.
    let server = TokenServer::start();
    let host = server.host();
    let (secret, target) = (format!("{host}/a:1"), format!("{}/x:1", to.host()));
    // A TLS server spoken to in plain.
    let run = home.run(&["copy", &secret, &target]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("TLS") && hint.contains("--src-tls-verify=false"), "{run}");
    // As the hint says: then what it sends is what is complained of.
    for args in [
        vec!["inspect", &secret, "--tls-verify=false"],
        vec!["copy", &secret, &target, "--src-tls-verify=false"],
    ] {
        let run = home.run(&args).await;
        assert!(!run.failed(1).0.contains("TLS"), "{run}");
    }
    home.config(&format!("registries: [{{name: r, url: \"https://{host}\"}}]"));
    let run = home.run(&["inspect", &secret]).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("certificate is not trusted") && hint.contains("ca_file"), "{run}");
    let ca = pem("ca.pem");
    home.config(&format!("registries: [{{name: r, url: \"https://{host}\", tls: {{ca_file: {ca:?}}}}}]"));
    let run = home.run(&["inspect", &secret]).await;
    assert!(!run.failed(1).0.contains("certificate"), "{run}");
    // For its own names only.
    let gateway = Gateway::start(&host).await;
    home.config(&format!(
        "registries: [{{name: r, url: \"https://other.test\", tls: {{ca_file: {ca:?}}}, proxy: {{https_proxy: \"http://{}\"}}}}]",
        gateway.host()
    ));
    let run = home.run(&["inspect", "other.test/a:1"]).await;
    assert!(run.failed(1).0.contains("certificate is not trusted"), "{run}");
    assert_eq!(gateway.asked()[0], "connect other.test:443");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_wrong_password_is_exit_code_three() {
    let (home, registry, image) = harbour().await;
    let locked = tokio::task::spawn_blocking(DockerRegistry::start_with_password).await.unwrap();
    let (source, target) = (format!("{}/a:1", registry.host()), format!("{}/a:1", locked.host()));
    let (right, wrong) = (format!("{USER}:{PASSWORD}"), format!("{USER}:hunter2"));
    for creds in [&["--dest-creds", &wrong][..], &[]] {
        let run = home.run(&[&["copy", &source, &target], creds].concat()).await;
        let (error, hint) = run.failed(3);
        assert!(
            error.contains("401") && hint.contains("wharf login") && hint.contains("--dest-creds"),
            "{run}"
        );
        assert!(!format!("{run}").replace(&wrong, "").contains("hunter2"));
    }
    // Every way that the hint names.
    home.ok(&["copy", &source, &target, "--dest-creds", &right]).await;
    let inspected = home.ok(&["inspect", &target, "--creds", &right]).await;
    assert!(inspected.stdout.contains(image.root.digest.as_str()));
    home.config(&format!(
        "registries: [{{name: r, url: \"{}\", username: {USER}, password: \"${{PW}}\"}}]",
        locked.host()
    ));
    let args = ["tags", &format!("{}/a", locked.host())];
    let child = home.command(&args).env("PW", PASSWORD).spawn().unwrap();
    assert_eq!(crate::support::wharf::Run::of(&args, child).await.stdout, "1\n");
    home.config("");
    let auth = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &right);
    std::fs::write(
        home.directory(".docker").join("config.json"),
        format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", locked.host()),
    )
    .unwrap();
    home.ok(&args).await;
    assert!(
        !std::fs::read(home.path(".local/share/wharf/ledger.db"))
            .unwrap()
            .windows(7)
            .any(|w| w == b"hunter2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_configuration_is_told_whole() {
    let (home, registry, _) = harbour().await;
    home.config("workers: 0\nthem: dark\nregistries:\n- {name: a, url: \"ftp://x\"}\n- {name: a, tls: maybe}\nattempts: many\n");
    for args in [&["config", "check"][..], &["copy", "a:1", "b:1"], &["tags", "a"], &["history"], &[]] {
        let run = home.run(args).await;
        assert_eq!(run.code, Some(2), "{run}");
        let errors = run.errors();
        assert!(errors.len() >= 5, "{run}");
        assert!(errors.iter().all(|e| e.contains("config.yaml:")), "with file and line: {run}");
        let has = |parts: &[&str]| errors.iter().any(|e| parts.iter().all(|part| e.contains(part)));
        assert!(has(&[":1", "workers"]) && has(&[":2", "them", "theme"]) && has(&[":4", "url"]), "{run}");
        assert!(run.stderr.contains("hint: "), "{run}");
    }
    let run = home.run(&["config", "check", "--output", "json"]).await;
    assert!(run.json()["error"]["faults"].as_array().unwrap().len() >= 5, "{run}");
    let run = home.run(&["tags", "a", "--config", "no-such.yaml"]).await;
    let (error, hint) = run.failed(2);
    assert!(error.contains("no-such.yaml") && !hint.is_empty(), "{run}");
    // What the hint names still works.
    home.ok(&["config", "path"]).await;
    home.ok(&["config", "example"]).await;
    let _ = registry;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_json_where_json_is_asked_for() {
    let (home, registry, _) = harbour().await;
    let host = registry.host();
    let (good, none) = (format!("{host}/a:1"), format!("{host}/a:none"));
    for (args, code, class) in [
        (vec!["copy", "UPPER", &good], 2, "reference"),
        (vec!["copy", &none, "store:x"], 1, "not-found"),
        (vec!["copy", &good, "store:x", "--platform", "s390x"], 1, "platform"),
        (vec!["inspect", &none], 1, "not-found"),
        (vec!["tags", &format!("{host}/none")], 1, "not-found"),
        (vec!["export", &none, "-o", "out"], 1, "not-found"),
        (vec!["copy", &none, "store:x", "--dry-run"], 1, "not-found"),
    ] {
        let run = home.run(&[&args[..], &["--output", "json"]].concat()).await;
        assert_eq!(run.code, Some(code), "{run}");
        let error = &run.json()["error"];
        assert_eq!(error["class"], class, "{run}");
        assert!(error["message"].is_string() && error["hint"].is_string(), "{run}");
    }
}

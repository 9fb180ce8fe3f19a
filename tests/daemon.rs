//! Images into container engines and out of them: a real dockerd, and one made up that errs as it is told to.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;
use wharf::oci::Digest;

use crate::support::artifact::Shelf;
use crate::support::engine::{FakeEngine, Ways};
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{Dockerd, free_port};
use crate::support::pty::signal_process;
use crate::support::wharf::{Home, Registry, Run, names};

const STAGING: &str = ".local/share/wharf/staging";

/// `wharf` that is told of an engine.
fn command(home: &Home, host: &str, args: &[&str]) -> Command {
    let mut command = home.command(args);
    command.env("DOCKER_HOST", host);
    command
}

async fn run(home: &Home, host: &str, args: &[&str]) -> Run {
    Run::of(args, command(home, host, args).spawn().unwrap()).await
}

async fn ok(home: &Home, host: &str, args: &[&str]) -> Run {
    let run = run(home, host, args).await;
    assert_eq!(run.code, Some(0), "{run}");
    run
}

/// A registry with an image of two platforms, `team/api:1`.
async fn harbour(home: &Home) -> (Registry, TestImage) {
    let registry = Registry::start().await;
    let recipe = Recipe::layers(&[60_000, 400]).shared(&[30_000]).platforms(&["linux/amd64", "linux/arm64"]);
    let image = recipe.write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "team/api", &["1"]).await;
    (registry, image)
}

/// A platform's configuration in an image that was made.
fn config(image: &TestImage, platform: &str) -> (String, Value) {
    let (_, manifest) = image.manifests.iter().find(|(name, _)| name == platform).unwrap();
    let manifest: Value = serde_json::from_slice(&image.bytes(&manifest.digest)).unwrap();
    let digest = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let config = serde_json::from_slice(&image.bytes(&digest.parse().unwrap())).unwrap();
    (digest, config)
}

/// Nothing of an image on its way is left.
#[track_caller]
fn nothing_is_left(home: &Home) {
    assert_eq!(names(&home.path(STAGING)), Vec::<String>::new());
    assert_eq!(names(&home.path("tmp")), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn an_image_goes_into_an_engine_and_comes_back_with_its_content() {
    let (home, engine) = (Home::new(), Dockerd::start());
    let (registry, image) = harbour(&home).await;
    let (host, source) = (engine.host(), format!("{}/team/api:1", registry.host()));
    let into = ["copy", &source, "docker-daemon:team/api:1", "--tag", "also"];
    let first = ok(&home, &host, &into).await;
    assert!(first.stderr.contains("linux/amd64 was chosen, the engine's own"), "{first}");
    let (id, configuration) = config(&image, "linux/amd64");
    for name in ["team/api:1", "team/api:also"] {
        assert_eq!(engine.docker(&["inspect", "--format", "{{.Id}}", name]).trim(), id);
    }
    // The second time nothing is sent.
    let again = ok(&home, &host, &into).await;
    assert!(again.stderr.contains("everything was there already"), "{again}");
    // Out of it again, to a registry: other digests, the same content.
    let back = format!("{}/back:1", registry.host());
    let out = ok(&home, &host, &["copy", "docker-daemon:team/api:1", &back]).await;
    assert!(out.stderr.contains("keeps layers uncompressed"), "{out}");
    let there = ok(&home, &host, &["--output", "json", "inspect", &back]).await.json();
    assert_eq!(
        there["platforms"][0]["config"].as_str(),
        Some(id.as_str()),
        "the configuration stays, byte for byte"
    );
    let layers = there["platforms"][0]["layers"].as_array().unwrap().len();
    assert_eq!(layers, configuration["rootfs"]["diff_ids"].as_array().unwrap().len());
    // And from there into the engine once more: its layers unpack to the same DiffIDs, or it would not have this ID.
    engine.docker(&["rmi", "team/api:1", "team/api:also"]);
    ok(&home, &host, &["copy", &back, "docker-daemon:round:1"]).await;
    assert_eq!(engine.docker(&["inspect", "--format", "{{.Id}}", "round:1"]).trim(), id);
    let diff_ids: Value =
        serde_json::from_str(&engine.docker(&["inspect", "--format", "{{json .RootFS.Layers}}", "round:1"]))
            .unwrap();
    assert_eq!(diff_ids, configuration["rootfs"]["diff_ids"]);
    nothing_is_left(&home);

    // Another image under a name that is taken is told of; a platform that was asked for comes.
    let run =
        ok(&home, &host, &["copy", &source, "docker-daemon:round:1", "--platform", "arm64", "--dry-run"])
            .await;
    assert!(run.stdout.contains("overwritten"), "{run}");
    ok(&home, &host, &["copy", &source, "docker-daemon:round:1", "--platform", "arm64"]).await;
    assert_eq!(engine.docker(&["inspect", "--format", "{{.Architecture}}", "round:1"]).trim(), "arm64");

    // It takes one.
    let two = ["copy", &source, "docker-daemon:two:1", "--platform", "arm64,amd64"];
    assert!(run_failed(&home, &host, &two).await.0.contains("an engine takes one platform"));
    let mixed = ["copy", &source, "docker-daemon:two:1", "store:two"];
    assert!(run_failed(&home, &host, &mixed).await.0.contains("name one with --platform"));

    // What is there, and what is not.
    assert_eq!(ok(&home, &host, &["repos", "docker-daemon:"]).await.stdout.lines().next(), Some("round"));
    assert_eq!(ok(&home, &host, &["tags", "docker-daemon:round"]).await.stdout, "1\n");
    let inspected = ok(&home, &host, &["--output", "json", "inspect", "docker-daemon:round:1"]).await.json();
    assert_eq!(inspected["platforms"][0]["platform"], "linux/arm64");
    let preview = ok(&home, &host, &["copy", "docker-daemon:round:1", &back, "--dry-run"]).await;
    assert!(preview.stdout.contains("once the engine has saved it"), "{preview}");
    let missing = run_failed(&home, &host, &["copy", "docker-daemon:nobody:1", &back]).await;
    assert!(missing.0.contains("docker-daemon:nobody:1") && missing.0.contains("not found"), "{missing:?}");
    assert!(missing.1.contains("wharf repos docker-daemon:"), "{missing:?}");
    nothing_is_left(&home);
}

async fn run_failed(home: &Home, host: &str, args: &[&str]) -> (String, String) {
    let run = run(home, host, args).await;
    let (error, hint) = run.failed(1);
    (error.to_owned(), hint.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn engines_are_reached_over_tcp_with_tls_ssh_and_contexts() {
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let (plain, secure) = (free_port(), free_port());
    let (plain_host, secure_host) = (format!("tcp://127.0.0.1:{plain}"), format!("tcp://127.0.0.1:{secure}"));
    let home = Home::new();
    let (registry, _image) = harbour(&home).await;
    let source = format!("{}/team/api:1", registry.host());
    {
        let engine = Dockerd::start_with(&["-H", &plain_host]);
        ok(&home, &plain_host, &["copy", &source, "docker-daemon:api:1", "--platform", "amd64"]).await;
        assert!(engine.docker(&["images", "-q", "api:1"]).len() > 5);
        // ssh is a program: this one goes nowhere, and does what the docker command would do there.
        let programs = home.directory("bin");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {}\nexec docker -H {} system dial-stdio\n",
            home.text("ssh.log"),
            engine.host()
        );
        std::fs::write(programs.join("ssh"), script).unwrap();
        std::fs::set_permissions(programs.join("ssh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        for args in [
            &["tags", "docker-daemon:api"][..],
            &["copy", &source, "docker-daemon:far:1", "--platform", "amd64"],
            &["copy", "docker-daemon:far:1", "store:far"],
        ] {
            let child = command(&home, "ssh://me@build:2222", args).env("PATH", &path).spawn().unwrap();
            let run = Run::of(args, child).await;
            assert_eq!(run.code, Some(0), "{run}");
        }
        let log = std::fs::read_to_string(home.path("ssh.log")).unwrap();
        assert!(log.contains("-l me -p 2222 -- build docker system dial-stdio"), "{log}");
        nothing_is_left(&home);
    }
    let engine = Dockerd::start_with(&[
        "-H",
        &secure_host,
        "--tlsverify",
        "--tlscacert",
        &file("ca.pem"),
        "--tlscert",
        &file("server.pem"),
        "--tlskey",
        &file("server.key"),
    ]);
    // Docker's own names for the files.
    let certs = home.directory("certs");
    for (from, to) in [("ca.pem", "ca.pem"), ("client.pem", "cert.pem"), ("client.key", "key.pem")] {
        std::fs::copy(tls.join(from), certs.join(to)).unwrap();
    }
    let args = ["copy", source.as_str(), "docker-daemon:tls:1", "--platform", "amd64"];
    let secured = |with: &Path| {
        let mut command = command(&home, &secure_host, &args);
        command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", with);
        command
    };
    let run = Run::of(&args, secured(&certs).spawn().unwrap()).await;
    assert_eq!(run.code, Some(0), "{run}");
    // Without a client's certificate the engine says no; without its authority wharf does.
    let bare = home.directory("bare");
    let run = Run::of(&args, secured(&bare).spawn().unwrap()).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains(&secure_host) && hint.contains("DOCKER_CERT_PATH"), "{error}\n{hint}");
    std::fs::copy(tls.join("ca.pem"), bare.join("ca.pem")).unwrap();
    let run = Run::of(&args, secured(&bare).spawn().unwrap()).await;
    assert!(run.failed(1).0.contains(&secure_host), "{run}");
    // The same by an entry of the configuration, and by a context that the docker command made.
    home.config(&format!(
        "registries:\n- {{name: build, type: docker, url: '{secure_host}', tls: {{ca_file: '{}', cert_file: '{}', key_file: '{}'}}}}\n",
        file("ca.pem"), file("client.pem"), file("client.key"),
    ));
    assert_eq!(home.ok(&["tags", "docker-daemon://build/tls"]).await.stdout, "1\n");
    assert_eq!(home.ok(&["repos", "build"]).await.stdout, "tls\n");
    let docker = format!(
        "host={secure_host},ca={},cert={},key={}",
        certs.join("ca.pem").display(),
        certs.join("cert.pem").display(),
        certs.join("key.pem").display()
    );
    for args in [&["context", "create", "far", "--docker", &docker][..], &["context", "use", "far"]] {
        let mut command = std::process::Command::new("docker");
        let made = command
            .args(args)
            .env("HOME", home.path(""))
            .env_remove("DOCKER_CONFIG")
            .env_remove("DOCKER_HOST")
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    assert_eq!(home.ok(&["tags", "docker-daemon:tls"]).await.stdout, "1\n");
    assert_eq!(home.ok(&["tags", "docker-daemon://far/tls"]).await.stdout, "1\n");
    drop(engine);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn an_engine_that_is_killed_midway_fails_the_job_and_no_other() {
    let (home, mut engine) = (Home::new(), Dockerd::start());
    let registry = Registry::start().await;
    let big = Recipe::layers(&[80_000_000]).write(&home.path("big"), "1").unwrap();
    big.push(&registry.host(), "big", &["1"]).await;
    let (host, source) = (engine.host(), format!("{}/big:1", registry.host()));
    // Cancelled while it is at work, nothing is left and the engine is as well as before.
    let args = ["copy", &source, "docker-daemon:big:1"];
    let child = command(&home, &host, &args).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    signal_process(child.id().unwrap(), Signal::INT);
    let run = Run::of(&args, child).await;
    assert!(matches!(run.code, Some(130 | 0)), "{run}");
    nothing_is_left(&home);
    ok(&home, &host, &args).await;
    assert_eq!(engine.docker(&["images", "-q", "big:1"]).lines().count(), 1);
    let args = ["copy", "docker-daemon:big:1", "store:big"];
    let child = command(&home, &host, &args).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    engine.kill();
    let run = Run::of(&args, child).await;
    if run.code != Some(0) {
        let (error, hint) = run.failed(1);
        assert!(error.contains("docker-daemon:big:1") && error.contains(&host), "{error}");
        assert!(!hint.is_empty(), "{run}");
    }
    // It is gone now.
    let (error, hint) = run_failed(&home, &host, &["repos", "docker-daemon:"]).await;
    assert!(
        error.contains("connection refused") && hint.contains("is the engine running"),
        "{error}\n{hint}"
    );
    nothing_is_left(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_s_late_no_is_heard() {
    for (ways, said, hint_says) in [
        (Ways::LateError, "no space left on device", "docker system df"),
        (Ways::Forgetful, "stands for nothing", "log"),
    ] {
        let (home, engine) = (Home::new(), FakeEngine::start(ways).await);
        let (registry, _image) = harbour(&home).await;
        let source = format!("{}/team/api:1", registry.host());
        let run =
            run(&home, &engine.host(), &["--output", "json", "copy", &source, "docker-daemon:api:1"]).await;
        let (error, hint) = run.failed(1);
        assert!(error.contains("load docker-daemon:api:1") && error.contains(said), "{run}");
        assert!(error.contains(&engine.host()) && hint.contains(hint_says), "{run}");
        assert_eq!(run.json()["error"]["class"], "daemon");
        nothing_is_left(&home);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_those_of_the_engine_s_store() {
    for ways in [Ways::Classic, Ways::Containerd, Ways::Podman] {
        let (home, engine) = (Home::new(), FakeEngine::start(ways).await);
        let (registry, image) = harbour(&home).await;
        let (host, source) = (engine.host(), format!("{}/team/api:1", registry.host()));
        // The engine's own platform is arm64.
        let id = match ways {
            Ways::Containerd => image.manifests[1].1.digest.to_string(),
            _ => config(&image, "linux/arm64").0,
        };
        let old = format!("sha256:{}", "0".repeat(64));
        engine.name("docker.io/library/api:1", &old);
        let args = ["--output", "json", "copy", &source, "docker-daemon:api:1", "--tag", "2"];
        let first = ok(&home, &host, &args).await.json();
        assert_eq!(first["jobs"][0]["report"]["outputs"][0]["overwritten"][0][1], old.as_str(), "{first}");
        let named =
            [("docker.io/library/api:1".to_owned(), id.clone()), ("docker.io/library/api:2".to_owned(), id)];
        // podman's own names for it are taken away again.
        assert_eq!(engine.names(), named, "{ways:?}");
        let loads = || engine.requests().iter().filter(|r| *r == "POST /images/load").count();
        assert_eq!(loads(), 1);
        let again = ok(&home, &host, &args).await.json();
        assert_eq!(
            (loads(), &again["jobs"][0]["report"]["outputs"][0]["up_to_date"]),
            (1, &Value::Bool(true))
        );
        // Out again: what it was given.
        ok(&home, &host, &["copy", "docker-daemon:api:1", "oci:out:1"]).await;
        let out = ok(&home, &host, &["--output", "json", "inspect", "oci:out:1"]).await.json();
        assert_eq!(out["platforms"][0]["config"].as_str(), Some(config(&image, "linux/arm64").0.as_str()));
        let listed = ok(&home, &host, &["repos", "docker-daemon:"]).await.stdout;
        assert!(listed.starts_with("api\nsha256:") && listed.lines().count() == 2, "{listed}");
        nothing_is_left(&home);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_given_and_taken_in_an_engine_and_nothing_moves() {
    let (home, engine) = (Home::new(), FakeEngine::start(Ways::Classic).await);
    let [one, two] = ["1", "2"].map(|c| format!("sha256:{}", c.repeat(64)));
    let host = engine.host();
    let names = || engine.names().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let hub = |name: &str| format!("docker.io/library/{name}");
    engine.name(&hub("a:1"), &one);
    engine.name(&hub("taken:1"), &two);
    let tag = ["--output", "json", "tag", "docker-daemon:a:1", "2", "docker-daemon:h.io/b:3"];
    let tagged = ok(&home, &host, &tag).await.json();
    assert_eq!(tagged["jobs"][0]["report"]["outputs"][1]["digest"], one.as_str(), "{tagged}");
    assert_eq!(names(), [hub("a:1"), hub("a:2"), hub("taken:1"), "h.io/b:3".to_owned()]);
    // Another image's name is left to it.
    let refused = run(&home, &host, &["tag", "docker-daemon:a:1", "new", "docker-daemon:taken:1"]).await;
    assert!(refused.failed(1).0.contains("taken:1 is another image: sha256:2222"), "{refused}");
    assert_eq!(names().len(), 4, "nothing at all is set then");
    // A copy within the engine is a name, too.
    let copy = ["copy", "docker-daemon:taken:1", "docker-daemon:copied:1"];
    let plan = ok(&home, &host, &[&copy[..], &["--dry-run"]].concat()).await;
    assert!(plan.stdout.contains("it gets a name there"), "{plan}");
    ok(&home, &host, &copy).await;
    ok(&home, &host, &["tag", "docker-daemon:a:1", "docker-daemon:taken:1", "--force"]).await;
    assert!(engine.names().contains(&(hub("taken:1"), one.clone())));
    assert!(engine.requests().iter().all(|r| !r.ends_with("/get") && !r.ends_with("/load")));

    // A name goes alone; with the last one goes the image, and that is asked about.
    let dry = ok(&home, &host, &["delete", "docker-daemon:a:2", "--dry-run"]).await;
    let want = format!("docker-daemon:a:2  {one}  the name; its image has a:1, h.io/b:3, taken:1 too\n");
    assert_eq!(dry.stdout, want);
    let gone = ok(&home, &host, &["delete", "docker-daemon:a:2", "docker-daemon:taken:1"]).await;
    assert_eq!(gone.stdout, "deleted docker-daemon:a:2\ndeleted docker-daemon:taken:1\n", "{gone}");
    let dry = ok(&home, &host, &["delete", "docker-daemon:copied:1", "--dry-run"]).await;
    assert!(dry.stdout.ends_with("the image, with its last name\n"), "{dry}");
    let refused = run(&home, &host, &["--output", "json", "delete", "docker-daemon:copied:1"]).await;
    let (error, hint) = refused.failed(1);
    let want = format!("docker-daemon:copied:1: with its last name goes the image {two}");
    assert_eq!((error, hint), (want.as_str(), "--yes deletes it"), "{refused}");
    assert_eq!(refused.json()["failed"][0]["class"], "conflict");
    let by_id = format!("docker-daemon:{one}");
    let refused = run(&home, &host, &["delete", &by_id]).await;
    assert!(refused.failed(1).0.ends_with("go the names a:1, h.io/b:3"), "{refused}");
    assert_eq!(names().len(), 3);
    // Of two last names that are both given, neither is left for the other.
    let both = ["delete", "docker-daemon:a:1", "docker-daemon:h.io/b:3"];
    assert!(run(&home, &host, &both).await.failed(1).0.contains("with its last name"), "asked for once");
    let gone = ok(&home, &host, &[&both[..], &["--yes"]].concat()).await;
    assert_eq!(gone.stdout, format!("deleted docker-daemon:{one}  with a:1, h.io/b:3\n"), "{gone}");
    assert_eq!(names(), [hub("copied:1")]);
    let none = run(&home, &host, &["delete", "docker-daemon:none:1", "--yes"]).await;
    assert!(none.failed(1).0.contains("not found"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_guarded_keeps_its_names() {
    let (home, engine) = (Home::new(), FakeEngine::start(Ways::Classic).await);
    engine.name("docker.io/library/a:1", &format!("sha256:{}", "1".repeat(64)));
    let entry = |guard: &str| {
        format!("registries: [{{name: build, type: docker, url: \"{}\", {guard}: true}}]\n", engine.host())
    };
    home.config(&entry("read_only"));
    for args in
        [&["tag", "docker-daemon://build/a:1", "2"][..], &["delete", "docker-daemon://build/a:1", "--yes"]]
    {
        let refused = home.run(args).await;
        assert!(refused.failed(2).0.contains("\"build\" is read_only"), "{refused}");
    }
    home.config(&entry("protected"));
    let delete = ["delete", "docker-daemon://build/a:1", "--yes"];
    assert!(home.run(&delete).await.failed(2).0.contains("is protected"));
    home.ok(&[&delete[..], &["--confirm", "build"]].concat()).await;
    assert_eq!(engine.names(), []);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn a_real_engine_names_and_deletes() {
    let (home, engine) = (Home::new(), Dockerd::start());
    let (registry, image) = harbour(&home).await;
    let (host, source) = (engine.host(), format!("{}/team/api:1", registry.host()));
    ok(&home, &host, &["copy", &source, "docker-daemon:api:1"]).await;
    ok(&home, &host, &["tag", "docker-daemon:api:1", "2", "docker-daemon:h.io:5000/other:3"]).await;
    let id = config(&image, "linux/amd64").0;
    for name in ["api:2", "h.io:5000/other:3"] {
        assert_eq!(engine.docker(&["inspect", "--format", "{{.Id}}", name]).trim(), id);
    }
    ok(&home, &host, &["delete", "docker-daemon:api:2"]).await;
    assert_eq!(engine.docker(&["images", "-q", "api:2"]), "");
    let by_id = format!("docker-daemon:{id}");
    let gone = ok(&home, &host, &["delete", &by_id, "--yes"]).await;
    assert_eq!(gone.stdout, format!("deleted {by_id}  with api:1, h.io:5000/other:3\n"));
    assert_eq!(engine.docker(&["images", "-aq"]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_does_not_come_to_its_end_leaves_nothing() {
    let id = format!("sha256:{}", "1".repeat(64));
    for (ways, said) in [
        (Ways::Stalls, "nothing came for 1 s"),
        (Ways::Breaks, "docker-daemon:api:1"),
        (Ways::SavesBadly, "disk gone"),
    ] {
        let (home, engine) = (Home::new(), FakeEngine::start(ways).await);
        home.config("stall_timeout: 1\n");
        engine.name("docker.io/library/api:1", &id);
        let run =
            run(&home, &engine.host(), &["--output", "json", "copy", "docker-daemon:api:1", "oci:out"]).await;
        let (error, hint) = run.failed(1);
        assert!(error.contains("save docker-daemon:api:1") && error.contains(said), "{run}");
        assert!(!hint.is_empty() && run.json()["error"]["class"] == "daemon", "{run}");
        nothing_is_left(&home);
        assert_eq!(names(&home.path("out")), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_the_request() {
    let (home, engine) = (Home::new(), FakeEngine::start(Ways::Stalls).await);
    engine.name("docker.io/library/api:1", &format!("sha256:{}", "1".repeat(64)));
    let args = ["copy", "docker-daemon:api:1", "store:api"];
    let child = command(&home, &engine.host(), &args).spawn().unwrap();
    for _ in 0..1000 {
        if engine.requests().iter().any(|request| request.ends_with("/get")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal_process(child.id().unwrap(), Signal::INT);
    let run = Run::of(&args, child).await;
    assert_eq!(run.code, Some(130), "{run}");
    assert!(engine.was_dropped().await);
    nothing_is_left(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_says_why_and_what_to_do() {
    let home = Home::new();
    let programs = home.directory("bin");
    let ssh =
        "#!/bin/sh\necho 'Welcome' >&2\necho 'me@build: Permission denied (publickey).' >&2\nexit 255\n";
    std::fs::write(programs.join("ssh"), ssh).unwrap();
    std::fs::set_permissions(programs.join("ssh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let socket = home.path("no.sock");
    let refused = format!("tcp://127.0.0.1:{}", free_port());
    for (host, code, said, hint_says) in [
        (format!("unix://{}", socket.display()), 1, "no such socket", "is the engine running"),
        (refused, 1, "connection refused", "is the engine running"),
        ("ssh://me@build".to_owned(), 1, "Permission denied (publickey)", "ssh build docker version"),
        ("npipe:////./pipe/x".to_owned(), 2, "npipe", "docker context ls"),
    ] {
        let args = ["repos", "docker-daemon:"];
        let mut command = command(&home, &host, &args);
        let run = Run::of(&args, command.env("PATH", &programs).spawn().unwrap()).await;
        let (error, hint) = run.failed(code);
        assert!(error.contains(said) && hint.contains(hint_says), "{run}");
    }
    let run = home.run(&["copy", "docker-daemon://nobody/a:1", "store:a"]).await;
    assert!(run.failed(1).0.contains("no Docker context has this name"), "{run}");
    let run = home.run(&["copy", "nginx", &format!("docker-daemon:sha256:{}", "1".repeat(64))]).await;
    assert!(run.stderr.contains("gets a name in an engine"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_into_an_engine_or_come_out_is_said_before_it_moves() {
    let (home, engine) = (Home::new(), FakeEngine::start(Ways::Classic).await);
    let (registry, image) = harbour(&home).await;
    let host = engine.host();
    // An artifact, and an image whose layer lies elsewhere: of the engine, not of the file that is written for it.
    let shelf = Shelf::at(&registry.host(), "odd");
    shelf.artifact("application/x.sbom", "an sbom", None, Some("sbom")).await;
    let urls = json!(["http://127.0.0.1:9/layer"]);
    let kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let foreign = json!({"mediaType": kind, "digest": Digest::of(b"far").as_str(), "size": 3, "urls": urls});
    shelf.image("linux/amd64", &foreign, Some("foreign")).await;
    for (tag, said) in [("sbom", "only images"), ("foreign", "--foreign-layers copies it")] {
        let source = format!("{}/odd:{tag}", registry.host());
        let (error, _) = run_failed(&home, &host, &["copy", &source, "docker-daemon:odd:1"]).await;
        assert!(error.contains("docker-daemon:odd: ") && error.contains(said), "{error}");
        assert!(!error.contains("staging"), "{error}");
    }
    // Another platform than the engine's image has: it is not saved for that.
    let source = format!("{}/team/api:1", registry.host());
    ok(&home, &host, &["copy", &source, "docker-daemon:api:1"]).await;
    let (error, _) =
        run_failed(&home, &host, &["copy", "docker-daemon:api:1", "oci:out", "--platform", "amd64"]).await;
    assert!(error.contains("docker-daemon:api:1: no linux/amd64; the image has linux/arm64"), "{error}");
    assert!(!engine.requests().iter().any(|request| request.ends_with("/get")), "{:?}", engine.requests());
    // By its ID it is called by its ID.
    let id = config(&image, "linux/arm64").0;
    let run = ok(&home, &host, &["copy", &format!("docker-daemon:{id}"), "oci:out:1"]).await;
    assert!(run.stderr.contains(&format!("note: docker-daemon:{id}: an engine keeps")), "{run}");
    nothing_is_left(&home);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_engine_saves_nothing_else_is_told_of() {
    let (home, engine) = (Home::new(), FakeEngine::start(Ways::Stalls).await);
    // Longer than what is still at work is told of.
    home.config("stall_timeout: 7\n");
    engine.name("docker.io/library/api:1", &format!("sha256:{}", "1".repeat(64)));
    let run = run(&home, &engine.host(), &["copy", "docker-daemon:api:1", "oci:out"]).await;
    assert!(run.stderr.contains("the engine saves it") && !run.stderr.contains("gzipped"), "{run}");
    run.failed(1);
}

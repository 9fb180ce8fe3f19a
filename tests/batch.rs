//! Batch files of the other kinds: `images.json`, a sync file, an export request; and the files of older tools.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use secrecy::SecretString;
use wharf::serve::ServeOptions;

use crate::support::image::{Recipe, client};
use crate::support::pair::Pair as Fleet;
use crate::support::peers::Dockerd;
use crate::support::wharf::{Home, Registry, Run, names};

const PASSWORD: &str = "hunter2-is-a-secret";

impl Fleet {
    /// Writes a file, `@FROM` and `@TO` standing for the registries.
    fn write(&self, name: &str, text: &str) {
        let text = text.replace("@FROM", &self.source.host()).replace("@TO", &self.target.host());
        std::fs::write(self.home.path(name), text).unwrap();
    }
}

/// A registry's answer to a GET of a manifest.
async fn manifest(host: &str, path: &str) -> serde_json::Value {
    let url = format!("http://{host}/v2/{path}");
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    let answer = client().get(url).header("accept", accept).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Every file below a directory that has these bytes in it.
fn holding(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(holding(&path, bytes)),
            false => {
                let content = std::fs::read(&path).unwrap();
                if content.windows(bytes.len()).any(|part| part == bytes) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn images_json_copies_the_tags_and_platforms_it_names() {
    let fleet = Fleet::new().await;
    let index = Recipe::layers(&[30_000]).platforms(&["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    let web = fleet.image(&index, "team/web", &["1.20", "1.21", "2.0"]).await;
    let one = fleet.image(&Recipe::layers(&[9_000]).seed(2), "one", &["a", "b", "c"]).await;
    fleet.write(
        "images.json",
        r#"[
            {"source": "@FROM/team/web", "target": "@TO/mirror/web", "tags": [1.20, "2.0"], "architectures": ["amd64", "arm64/v8"]},
            {"source": "@FROM/one", "tags": []},
            {"source": "@FROM/team/web:1.21", "target": "other/name:x"}
        ]"#,
    );
    let to = fleet.target.host();
    let args = ["sync", "images.json", "--to", &to];
    let run = fleet.home.run(&[&args[..], &["--dry-run", "--output", "json"]].concat()).await;
    assert_eq!((run.code, &run.json()["totals"]["images"]), (Some(0), &6.into()), "{run}");
    assert!(fleet.to.tags("one").await.is_empty());
    let run = fleet.home.ok(&args).await;
    assert_eq!(run.stdout.lines().count(), 6, "{run}");
    assert_eq!(fleet.to.tags("mirror/web").await, ["1.20", "2.0"]);
    assert_eq!(fleet.to.tags("one").await, ["a", "b", "c"]);
    one.assert_at(&fleet.to.host(), "one", "c").await;
    web.assert_at(&fleet.to.host(), "other/name", "x").await;
    let subset = manifest(&fleet.to.host(), "mirror/web/manifests/1.20").await;
    let platforms = subset["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["platform"]["architecture"].as_str().unwrap());
    assert_eq!(platforms.collect::<Vec<_>>(), ["amd64", "arm64"]);
    // Again: nothing is sent.
    let run = fleet.home.ok(&args).await;
    assert!(run.stderr.contains("6 images: 6 up to date"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_file_filters_renames_and_serves_two_destinations() {
    let fleet = Fleet::new().await;
    let api = fleet
        .image(&Recipe::layers(&[20_000]), "o/api", &["v1.9", "v1.10", "v2.0", "v2.1-rc1", "main", "latest"])
        .await;
    fleet
        .image(
            &Recipe::layers(&[9_000]).seed(2),
            "library/web",
            &["1.27.1", "1.27.2", "1.27.2-alpine", "1.26"],
        )
        .await;
    let second = Registry::start().await;
    fleet.home.config(&format!("registries:\n- {{name: second, url: 'http://{}/m'}}\n", second.host()));
    fleet.home.directory("sync");
    fleet.write(
        "sync/wharf.yaml",
        "defaults:\n  to: ['@TO/mirror', second]\n  rename: [{from: 'library/(.*)', to: base/$1}]\nsources:\n\
         - source: '@FROM/o/api'\n  tags: {semver: '>=1, <3', newest: 2}\n\
         - source: '@FROM/library/web'\n  tags: {glob: 1.27.*, exclude: '*-alpine'}\n\
         - {source: '@FROM/o/api:main', export: files, platforms: amd64}\n",
    );
    let run = fleet.home.ok(&["sync", "sync/wharf.yaml", "--dry-run"]).await;
    assert!(run.stdout.contains("images         5") && run.stdout.contains("(each digest once)"), "{run}");
    assert!(!fleet.home.path("sync/files").exists());
    let run = fleet.home.ok(&["sync", "sync/wharf.yaml"]).await;
    for (host, path) in [(fleet.to.host(), "mirror"), (second.host(), "m")] {
        let registry = if path == "m" { &second } else { &fleet.to };
        assert_eq!(registry.tags(&format!("{path}/o/api")).await, ["v1.10", "v2.0"], "{run}");
        assert_eq!(registry.tags(&format!("{path}/base/web")).await, ["1.27.1", "1.27.2"], "{run}");
        api.assert_at(&host, &format!("{path}/o/api"), "v2.0").await;
    }
    let files = names(&fleet.home.path("sync/files"));
    assert!(files.len() == 2 && files[0].starts_with("o_api_main_"), "{files:?}");
    // A repository that cannot be listed: nothing is begun.
    fleet.write(
        "bad.yaml",
        "sources: [{source: '@FROM/gone', tags: '*', to: '@TO'}, {source: '@FROM/o/api:main', to: '@TO'}]\n",
    );
    fleet.target.forget();
    let run = fleet.home.run(&["sync", "bad.yaml"]).await;
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("/gone") && fleet.target.seen().is_empty(), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_until_a_document_is_right() {
    let fleet = Fleet::new().await;
    fleet.image(&Recipe::layers(&[9_000]), "a", &["1"]).await;
    fleet.write(
        "images.json",
        "[\n  {\"source\": \"@FROM/a\", \"tags\": [\"1\"]},\n  {\"source\": \"@FROM/a\", \"tag\": \"1\"},\n  \
         {\"source\": \"@FROM/UP\", \"architectures\": [\"amd46\"]}\n]\n",
    );
    let to = fleet.target.host();
    let args = ["sync", "images.json", "--to", &to];
    let run = fleet.home.run(&args).await;
    assert_eq!((run.code, run.errors().len()), (Some(2), 3), "{run}");
    assert!(
        run.errors()[0].starts_with("images.json:3:")
            && run.errors()[0].contains("[1].tag: unknown key \"tag\"; the nearest valid key is \"tags\""),
        "{run}"
    );
    let run = fleet.home.run(&[&args[..], &["--output", "json"]].concat()).await;
    let fault = &run.json()["error"]["faults"][1];
    assert_eq!((&fault["line"], &fault["field"]), (&4.into(), &"[2].source".into()), "{run}");
    assert!(fleet.source.seen().is_empty() && fleet.target.seen().is_empty());
    assert!(fleet.home.ok(&["history"]).await.stdout.is_empty(), "no job was recorded");
}

/// A registry that wants a password, and the same without for who looks into it.
async fn guarded() -> (Registry, Registry) {
    let basic_auth = Some(("robot".to_owned(), SecretString::from(PASSWORD)));
    let guarded = Registry::with(ServeOptions { basic_auth, ..ServeOptions::default() }).await;
    let open = Registry::at(&guarded.store()).await;
    (guarded, open)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_replaces_levels_and_its_passwords_stay_secret() {
    let (home, (from, open)) = (Home::new(), guarded().await);
    let (to, to_open) = guarded().await;
    let image = Recipe::layers(&[20_000]).write(&home.path("made"), "1").unwrap();
    image.push(&open.host(), "library/nginx", &["1"]).await;
    let request = |level: &str, auth: &str| {
        let text = format!(
            r#"{{"images": ["{}/library/nginx:1"], "target_registry": "{}/mirror", "replace_level": {level},
            "source_auth": {{"username": "robot", "password": "{auth}"}},
            "target_auth": {{"username": "robot", "password": "file:token"}},
            "proxy_config": {{"http_proxy": "", "https_proxy": "http://me:{PASSWORD}@proxy.invalid:1"}}}}"#,
            from.host(),
            to.host()
        );
        std::fs::write(home.path("request.json"), text).unwrap();
    };
    std::fs::write(home.path("token"), format!("{PASSWORD}\n")).unwrap();
    let sync = async |options: &[&str]| {
        let args = [&["sync", "request.json", "-vv"], options].concat();
        let child = home.command(&args).env("TOKEN", PASSWORD).spawn().unwrap();
        Run::of(&args, child).await
    };
    let mut shown = String::new();
    for (level, path) in [("\"1\"", "mirror/library/nginx"), ("2", "mirror/nginx")] {
        request(level, "${TOKEN}");
        let run = sync(&[]).await;
        assert_eq!(run.code, Some(0), "{run}");
        image.assert_at(&to_open.host(), path, "1").await;
        shown += &run.to_string();
    }
    shown += &sync(&["--output", "json"]).await.to_string();
    // A wrong password is refused, and not repeated.
    request("1", "wrong-and-secret");
    let run = sync(&[]).await;
    assert_eq!(run.code, Some(3), "{run}");
    assert!(
        run.stderr.contains("warning: request.json:2:") && run.stderr.contains("source_auth.password"),
        "{run}"
    );
    shown += &run.to_string();
    assert!(!holding(&home.path(".local"), b"library/nginx").is_empty(), "the ledger has the jobs");
    for secret in [PASSWORD, "wrong-and-secret"] {
        assert!(!shown.contains(secret), "{shown}");
        let holding = holding(&home.path(".local"), secret.as_bytes());
        assert!(holding.is_empty(), "{holding:?}");
    }
    // The variable is not set: a fault of the file, with its place.
    request("1", "${TOKEN}");
    let run = home.run(&["sync", "request.json"]).await;
    let (error, _) = run.failed(2);
    assert!(error.contains("request.json:2:") && error.contains("TOKEN is not set"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_of_a_request_is_used_and_named_without_its_password() {
    let home = Home::new();
    let text = format!(
        r#"{{"images": ["far.invalid/a:1"], "target_registry": "store:x", "proxy_config": {{"https_proxy": "http://me:{PASSWORD}@127.0.0.1:1"}}}}"#
    );
    std::fs::write(home.path("request.json"), text).unwrap();
    home.config("attempts: 1\n");
    let run = home.run(&["sync", "request.json", "-vv"]).await;
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("proxy") && !run.to_string().contains(PASSWORD), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_by_file_has_a_script_that_loads_tags_and_pushes() {
    let fleet = Fleet::new().await;
    let index = Recipe::layers(&[9_000]).platforms(&["linux/amd64", "linux/arm64"]);
    fleet.image(&index, "team/api", &["1", "2"]).await;
    fleet.image(&Recipe::layers(&[8_000]).seed(2), "team/one", &["1"]).await;
    fleet.write(
        "request.json",
        r#"{"images": [{"source": "@FROM/team/api", "tags": ["*"], "architectures": ["amd64", "arm64"]}, "@FROM/team/one:1"],
            "target_registry": "harbor.example.com/x", "replace_level": "2"}"#,
    );
    let args = ["export", "--from", "request.json", "-o", "out", "--script", "--platform", "amd64"];
    let run = fleet.home.ok(&[&args[..], &["--dry-run"]].concat()).await;
    assert!(run.stdout.contains("images         3") && !fleet.home.path("out").exists(), "{run}");
    let run = fleet.home.ok(&args).await;
    assert_eq!(run.stdout.lines().count(), 3, "{run}");
    // A docker that only says what it was asked.
    let said = fleet.home.text("said");
    let fake = fleet.home.path("docker");
    std::fs::write(&fake, format!("#!/bin/sh\necho \"$*\" >> '{said}'\n")).unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let sh = async |push: &str| {
        let _ = std::fs::remove_file(&said);
        let mut command = tokio::process::Command::new(fleet.home.path("out/load.sh"));
        let ended = command.env("DOCKER", &fake).env("PUSH", push).output().await.unwrap();
        assert!(ended.status.success(), "{ended:?}");
        std::fs::read_to_string(&said).unwrap()
    };
    let said = sh("yes").await;
    let files: BTreeSet<&str> = said.lines().filter_map(|line| line.strip_prefix("load -i ./")).collect();
    let there: Vec<String> = names(&fleet.home.path("out"));
    assert_eq!(files.len(), 3, "{said}");
    assert!(files.iter().all(|file| there.iter().any(|name| name == file)), "{said} {there:?}");
    let source = fleet.source.host();
    for line in [
        format!("tag {source}/team/api:2 harbor.example.com/x/api:2"),
        "push harbor.example.com/x/api:2".to_owned(),
        format!("tag {source}/team/one:1 harbor.example.com/x/one:1"),
    ] {
        assert!(said.lines().any(|said| said == line), "{line} in {said}");
    }
    assert!(!sh("no").await.contains("push"));
    // Several platforms: each has a file, and a tag of its own.
    let args = ["export", "--from", "request.json", "-o", "both", "--script"];
    fleet.home.ok(&args).await;
    let script = std::fs::read_to_string(fleet.home.path("both/load.sh")).unwrap();
    assert!(script.contains("'harbor.example.com/x/api:1-linux-arm64'"), "{script}");
    std::fs::write(fleet.home.path("both/load.sh"), "mine").unwrap();
    let run = fleet.home.run(&args).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("both/load.sh exists") && hint.contains("--script"), "{error} {hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_older_tools_load_as_they_are() {
    let (home, (guarded, open)) = (Home::new(), guarded().await);
    home.config(
        "registries:\n  - name: 本地文件\n    type: local_file\n    url: downloads\n    username: \"\"\n    \
         password: \"\"\n    description: 导出镜像为tar包文件，可用于docker load导入\n",
    );
    let run = home.ok(&["config", "check"]).await;
    assert!(run.stdout.contains("本地文件"), "{run}");
    let image = Recipe::layers(&[9_000]).write(&home.path("made"), "1").unwrap();
    image.push(&open.host(), "team/a", &["1"]).await;
    std::fs::write(
        home.path("images.json"),
        format!(r#"[{{"source": "{}/team/a", "target": "kept/a", "tags": ["1"]}}]"#, guarded.host()),
    )
    .unwrap();
    let args = ["sync", "images.json", "--to", "store:"];
    assert_eq!(home.run(&args).await.code, Some(3));
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("robot:{PASSWORD}"));
    home.directory(".docker");
    let config = format!(
        r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}, "HttpHeaders": {{"User-Agent": "x"}}}}"#,
        guarded.host()
    );
    std::fs::write(home.path(".docker/config.json"), config).unwrap();
    let run = home.ok(&args).await;
    assert_eq!(run.stdout, format!("store:kept/a:1@{}\n", image.root.digest), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs dockerd"]
async fn the_script_works_with_a_real_engine() {
    let fleet = Fleet::new().await;
    fleet.image(&Recipe::layers(&[9_000]), "team/api", &["1.20", "1.21"]).await;
    let to = fleet.to.host();
    let request = format!(
        r#"{{"images": [{{"source": "@FROM/team/api", "tags": [1.20, 1.21]}}], "target_registry": "{to}/m", "replace_level": 2}}"#
    );
    fleet.write("request.json", &request);
    fleet
        .home
        .ok(&["export", "--from", "request.json", "-o", "out", "--script", "--platform", "amd64"])
        .await;
    let engine = tokio::task::spawn_blocking(Dockerd::start).await.unwrap();
    let mut command = tokio::process::Command::new("sh");
    let ended =
        command.arg(fleet.home.path("out/load.sh")).env("DOCKER_HOST", engine.host()).output().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(fleet.to.tags("m/api").await, ["1.20", "1.21"]);
}

use std::collections::HashMap as Map;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

pub(super) fn environment(home: &TempDir, variables: &[(&str, &str)]) -> Environment {
    let variables: Map<String, String> =
        variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Environment::new(Some(home.path().to_owned()), move |name| variables.get(name).cloned())
}

pub(super) fn write(home: &TempDir, path: &str, text: &str) {
    let path = home.path().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn auths(entries: &[(&str, &str)]) -> String {
    let entry = |(key, login): &(&str, &str)| format!("{key:?}: {{\"auth\": {:?}}}", STANDARD.encode(login));
    format!("{{\"auths\": {{{}}}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
}

pub(super) async fn find(store: &CredentialStore, registry: &str, repository: &str) -> String {
    let repository = repository.parse::<Repository>().ok();
    match store.find(&registry.parse().unwrap(), repository.as_ref()).await {
        Ok(None) => "nobody".to_owned(),
        Ok(Some(found)) => {
            assert!(!format!("{found:?}").contains("secret"), "{found:?}");
            match found.login {
                Login::Password { user, password } => format!("{user}/{}", password.expose_secret()),
                Login::IdentityToken(token) => format!("token {}", token.expose_secret()),
                Login::RegistryToken(token) => format!("bearer {}", token.expose_secret()),
            }
        }
        Err(e) => format!("error: {e}"),
    }
}

pub(super) fn store(
    home: &TempDir,
    variables: &[(&str, &str)],
    config: &str,
    authfile: Option<&str>,
) -> CredentialStore {
    write(home, "config.yaml", config);
    let config = Config::load(Some(&home.path().join("config.yaml")), None).unwrap().config;
    CredentialStore::new(
        &config,
        Vec::new(),
        authfile.map(|f| home.path().join(f)),
        environment(home, variables),
    )
}

#[tokio::test]
async fn sources_are_asked_in_order() {
    let home = tempfile::tempdir().unwrap();
    let runtime = home.path().join("run").display().to_string();
    let by_variable = home.path().join("named.json").display().to_string();
    let variables =
        [("XDG_RUNTIME_DIR", runtime.as_str()), ("REGISTRY_AUTH_FILE", &by_variable), ("PW", "secret-env")];
    let yaml = "registries:\n- {name: a, url: a.io, username: conf, password: '${PW}'}\n\
        - {name: b, url: a.io/team, username: team, password: 'secret-team'}\n";
    let mut store = store(&home, &variables, yaml, Some("flag.json"));
    write(&home, "flag.json", &auths(&[("a.io", "flag:secret"), ("b.io", "flag:secret")]));
    write(&home, "named.json", &auths(&[("b.io", "named:secret"), ("c.io", "named:secret")]));
    write(
        &home,
        ".docker/config.json",
        &auths(&[("c.io", "docker:secret"), ("https://index.docker.io/v1/", "hub:secret")]),
    );
    write(&home, "run/containers/auth.json", &auths(&[("c.io", "run:secret"), ("d.io/x", "run:secret")]));
    write(
        &home,
        ".config/containers/auth.json",
        &auths(&[("d.io", "lasting:secret"), ("e.io/x/y", "e:secret"), ("e.io/x", "ex:secret")]),
    );
    for (registry, repository, want) in [
        ("a.io", "x", "conf/secret-env"),
        ("a.io", "team/x", "team/secret-team"),
        ("a.io", "teams/x", "conf/secret-env"),
        ("b.io", "x", "flag/secret"),
        ("c.io", "x", "named/secret"),
        ("docker.io", "library/nginx", "hub/secret"),
        ("d.io", "x/y", "run/secret"),
        ("d.io", "z", "lasting/secret"),
        ("e.io", "x/y/z", "e/secret"),
        ("e.io", "x/z", "ex/secret"),
        ("e.io", "z", "nobody"),
        ("f.io", "x", "nobody"),
    ] {
        assert_eq!(find(&store, registry, repository).await, want, "{registry}/{repository}");
    }
    store.explicit.push(ExplicitCredential {
        registry: "a.io".parse().unwrap(),
        repository: "x".parse().ok(),
        user: "line".to_owned(),
        password: "secret-line".into(),
        option: "--src-creds",
    });
    assert_eq!(find(&store, "a.io", "x").await, "line/secret-line");
    assert_eq!(find(&store, "a.io", "").await, "line/secret-line");
    assert_eq!(find(&store, "a.io", "y").await, "conf/secret-env");
}

#[tokio::test]
async fn what_was_asked_for_must_work_and_the_rest_need_not() {
    let home = tempfile::tempdir().unwrap();
    let yaml = "registries: [{name: a, url: a.io, username: u, password: '${GONE}'}]\n";
    write(&home, ".docker/config.json", "{\"auths\": {\"x.io\": {\"auth\": 5, \"password\": \"secret\"}}}");
    write(&home, ".config/containers/auth.json", &auths(&[("x.io", "u:secret")]));
    let of_config = store(&home, &[], yaml, None);
    let unset = find(&of_config, "a.io", "x").await;
    assert!(unset.contains("\"a\"") && unset.contains("GONE"), "{unset}");
    assert_eq!(find(&of_config, "x.io", "x").await, "u/secret");
    assert_eq!(of_config.warned.lock().unwrap().len(), 1);
    let warned = of_config.warned.lock().unwrap().iter().next().cloned().unwrap();
    assert!(warned.contains(".docker/config.json") && !warned.contains("secret"), "{warned}");
    let of_flag = store(&home, &[], "", Some("missing.json"));
    assert!(find(&of_flag, "x.io", "x").await.contains("missing.json"));
}

#[cfg(unix)]
pub(super) fn helper(home: &TempDir, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = format!("bin/docker-credential-{name}");
    write(home, &path, &format!("#!/bin/sh\n{script}\n"));
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home.path().join(path), permissions).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn helpers_answer_once() {
    let home = tempfile::tempdir().unwrap();
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let answer = r#"read s; echo "$s" >> "$(dirname "$0")/log"; echo "{\"Username\":\"$1-$s\",\"Secret\":\"secret\"}""#;
    helper(&home, "all", answer);
    helper(&home, "token", r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"secret"}'"#);
    helper(&home, "none", "echo 'credentials not found in native keychain'; exit 1");
    helper(&home, "broken", "echo 'no bus'; exit 3");
    let text = format!(
        r#"{{"credsStore": "all", "credHelpers": {{"t.io": "token", "n.io": "none", "b.io": "broken", "g.io": "gone"}}, {}"#,
        &auths(&[("n.io", "n:secret"), ("b.io", "b:secret")])[1..]
    );
    write(&home, ".docker/config.json", &text);
    let store = store(&home, &[("PATH", &path)], "", None);
    for (registry, want) in [
        ("docker.io", "get-https://index.docker.io/v1//secret"),
        ("x.io", "get-x.io/secret"),
        ("x.io", "get-x.io/secret"),
        ("t.io", "token secret"),
        ("n.io", "n/secret"),
        ("b.io", "b/secret"),
        ("g.io", "nobody"),
    ] {
        assert_eq!(find(&store, registry, "a").await, want, "{registry}");
    }
    let log = std::fs::read_to_string(home.path().join("bin/log")).unwrap();
    assert_eq!(log, "https://index.docker.io/v1/\nx.io\n");
    let warned = store.warned.lock().unwrap();
    assert!(warned.len() == 2 && warned.iter().any(|w| w.contains("no bus")), "{warned:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_helper_that_hangs_is_left() {
    let home = tempfile::tempdir().unwrap();
    helper(&home, "slow", "exec sleep 1000");
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let environment = environment(&home, &[("PATH", &path)]);
    let limit = Duration::from_millis(200);
    let asked = Helper { name: "slow", server: "x.io", environment: &environment, limit };
    let error = asked.get().await.unwrap_err().to_string();
    assert!(error.contains("within 200ms"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_helper_that_is_late_ends_with_its_children() {
    let home = tempfile::tempdir().unwrap();
    // The child ignores a polite end, and tells that it lives by a file.
    let child = r#"d="$(dirname "$0")"; sh -c 'trap "" TERM HUP; while :; do date +%s%N > "$1/alive"; sleep 0.02; done' x "$d" & wait"#;
    helper(&home, "parent", child);
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let environment = environment(&home, &[("PATH", &path)]);
    let limit = Duration::from_millis(600);
    let asked = Helper { name: "parent", server: "x.io", environment: &environment, limit };
    assert!(asked.get().await.unwrap_err().to_string().contains("within 600ms"));
    let alive = || std::fs::read_to_string(home.path().join("bin/alive")).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let then = alive();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!then.is_empty() && then == alive(), "it still writes");
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_helper_complains_of_is_shown_without_secrets() {
    let home = tempfile::tempdir().unwrap();
    helper(&home, "odd", "echo 'no session, token=hunter2 at https://u:hunter2@vault/x' >&2; exit 1");
    helper(&home, "leaky", r#"echo '{"Username":"u","Secret":"hunter2"}'; exit 1"#);
    // What it leaves behind holds standard error open; its answer counts all the same.
    helper(&home, "daemon", r#"sleep 30 >/dev/null & echo '{"Username":"u","Secret":"hunter2"}'"#);
    helper(&home, "agent", r#"sleep 30 & echo '{"Username":"u","Secret":"hunter2"}'"#);
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let environment = environment(&home, &[("PATH", &path)]);
    let asked = async |name: &str| {
        let limit = Duration::from_secs(10);
        Helper { name, server: "x.io", environment: &environment, limit }.get().await
    };
    let error = asked("odd").await.unwrap_err().to_string();
    assert_eq!(error, "docker-credential-odd for x.io: no session, token=… at https://…@vault/x");
    let error = asked("leaky").await.unwrap_err().to_string();
    assert_eq!(error, "docker-credential-leaky for x.io: it failed and did not say why");
    let began = std::time::Instant::now();
    assert!(asked("agent").await.unwrap().is_some());
    assert!(asked("daemon").await.unwrap().is_some() && began.elapsed() < Duration::from_secs(5));
}

//! Logging in and out: real registries with basic authentication and with a token server, over TLS of a private
//! authority; and a password that is typed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use tokio::io::AsyncWriteExt;
use wharf::serve::ServeOptions;

use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{DockerRegistry, PASSWORD, Setup, USER};
use crate::support::pty::{Pty, Spawn};
use crate::support::token::{READER, REFRESH, TokenServer, WRITER, pem};
use crate::support::wharf::{Home, Registry, Run};

const SOON: Duration = Duration::from_secs(20);
const DOCKER: &str = ".docker/config.json";

async fn registry(setup: Setup) -> DockerRegistry {
    tokio::task::spawn_blocking(|| DockerRegistry::with(setup)).await.unwrap()
}

async fn guarded_by(tokens: &TokenServer) -> DockerRegistry {
    registry(Setup { tls: true, realm: Some(tokens.realm()), ..Setup::default() }).await
}

/// A configuration for registries that speak TLS with the tests' own authority.
fn trusting(home: &Home, registries: &[&DockerRegistry]) {
    let ca = pem("ca.pem");
    let entries = registries.iter().map(|registry| {
        let host = registry.host();
        format!("- {{name: \"r{host}\", url: \"https://{host}\", tls: {{ca_file: {ca:?}}}}}\n")
    });
    home.config(&format!("registries:\n{}", entries.collect::<String>()));
}

async fn image(home: &Home) -> (Registry, TestImage) {
    let registry = Registry::start().await;
    let image = Recipe::layers(&[300_000, 20_000]).write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "a", &["1"]).await;
    (registry, image)
}

/// `wharf` with something on its standard input.
async fn typing(home: &Home, args: &[&str], input: &str) -> Run {
    let mut child = home.command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    Run::of(args, child).await
}

async fn login(home: &Home, host: &str, (user, password): (&str, &str), more: &[&str]) -> Run {
    let args = [&["login", host, "-u", user, "--password-stdin"], more].concat();
    typing(home, &args, &format!("{password}\n")).await
}

fn file(home: &Home, name: &str) -> String {
    std::fs::read_to_string(home.path(name)).unwrap_or_default()
}

/// Checks that none of these is anywhere in what was said, nor in any file of the home but the one where logins are.
#[track_caller]
fn kept_to_itself(home: &Home, runs: &[Run], secrets: &[&str]) {
    let encoded: Vec<String> = secrets.iter().map(|secret| STANDARD.encode(secret)).collect();
    let all: Vec<&str> = secrets.iter().copied().chain(encoded.iter().map(String::as_str)).collect();
    for run in runs {
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(all.iter().all(|secret| !said.contains(secret)), "a secret is in: {run}");
    }
    let mut files = 0;
    let mut directories = vec![home.path("")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with(DOCKER) {
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                let holds = |secret: &&&str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(all.iter().find(holds).is_none(), "a secret is in {}", path.display());
            }
        }
    }
    assert!(files > 2, "the ledger was looked at");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn logged_in_to_two_registries_images_travel_between_them() {
    let (home, tokens) = (Home::new(), TokenServer::start());
    let (from, image) = image(&home).await;
    let basic = registry(Setup { tls: true, password: true, ..Setup::default() }).await;
    let guarded = guarded_by(&tokens).await;
    trusting(&home, &[&basic, &guarded]);
    std::fs::create_dir_all(home.path(".docker")).unwrap();
    std::fs::write(
        home.path(DOCKER),
        "{\"psFormat\": \"x\", \"auths\": {\"other.io\": {\"auth\": \"eDp5\"}}}",
    )
    .unwrap();
    let mut runs = Vec::new();
    for (host, as_whom) in [(basic.host(), (USER, PASSWORD)), (guarded.host(), WRITER)] {
        let run = login(&home, &host, as_whom, &["-vv"]).await;
        assert_eq!(run.code, Some(0), "{run}");
        assert!(run.stdout.starts_with(&format!("logged in to {host} as {}; kept in ", as_whom.0)), "{run}");
        assert!(run.stderr.contains("note: it stands unencrypted in "), "{run}");
        runs.push(run);
    }
    let kept: serde_json::Value = serde_json::from_str(&file(&home, DOCKER)).unwrap();
    assert_eq!(kept["psFormat"], "x");
    assert_eq!(kept["auths"]["other.io"]["auth"], "eDp5");
    let auth = STANDARD.encode(format!("{}:{}", WRITER.0, WRITER.1));
    assert_eq!(kept["auths"][guarded.host()], serde_json::json!({ "auth": auth }));
    assert_eq!(std::fs::metadata(home.path(DOCKER)).unwrap().permissions().mode() & 0o777, 0o600);

    let (first, second) = (format!("{}/team/a:1", basic.host()), format!("{}/team/b:1", guarded.host()));
    let back = format!("{}/back:1", from.host());
    for (source, target) in [(&format!("{}/a:1", from.host()), &first), (&first, &second), (&second, &back)] {
        runs.push(home.ok(&["copy", source, target, "-vvv", "--output", "json"]).await);
    }
    image.assert_at(&from.host(), "back", "1").await;
    runs.push(home.ok(&["history", "--output", "json"]).await);
    runs.push(home.ok(&["history", "2", "--output", "json"]).await);
    runs.push(home.ok(&["inspect", "--registry", &guarded.host(), "-vvv"]).await);
    let pushed = tokens.issued().into_iter().any(|token| token.scopes == ["repository:team/b:pull,push"]);
    assert!(pushed, "{:?}", tokens.issued());

    for host in [basic.host(), guarded.host()] {
        let run = home.ok(&["logout", &host]).await;
        assert!(run.stdout.contains(&format!("logged out of {host}: erased in ")), "{run}");
        assert_eq!(home.ok(&["logout", &host]).await.stdout, format!("not logged in to {host}\n"));
    }
    let left: serde_json::Value = serde_json::from_str(&file(&home, DOCKER)).unwrap();
    assert_eq!(left, serde_json::json!({"psFormat": "x", "auths": {"other.io": {"auth": "eDp5"}}}));
    let refused = home.run(&["copy", &first, &second, "-vvv", "--output", "json"]).await;
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(
        refused.stderr.contains(&format!("hint: log in with `wharf login {}`", basic.host())),
        "{refused}"
    );
    runs.push(refused);
    kept_to_itself(&home, &runs, &[&format!("{USER}:{PASSWORD}"), WRITER.1, &auth]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_wrong_password_is_refused_and_nothing_is_kept() {
    let (home, tokens) = (Home::new(), TokenServer::start());
    let basic = registry(Setup { tls: true, password: true, ..Setup::default() }).await;
    let guarded = guarded_by(&tokens).await;
    trusting(&home, &[&basic, &guarded]);
    for (host, user, want) in [
        (basic.host(), USER, "401 UNAUTHORIZED: authentication required"),
        (guarded.host(), WRITER.0, "401 incorrect username or password"),
    ] {
        let run = login(&home, &host, (user, "hunter2-wrong"), &["-vv"]).await;
        let (error, hint) = run.failed(3);
        assert!(error.contains(&host) && error.ends_with(want), "{run}");
        assert_eq!(hint, "check the user name and the password (or token); nothing was stored");
        assert!(!format!("{run}").contains("hunter2-wrong") && run.stdout.is_empty(), "{run}");
        let json = login(&home, &host, (user, "hunter2-wrong"), &["--output", "json"]).await.json();
        assert_eq!((&json["error"]["class"], &json["error"]["hint"]), (&"auth".into(), &hint.into()));
    }
    assert!(!home.path(DOCKER).exists());
    // What makes no sense is said before anybody is asked.
    for (args, input, want) in [
        (&["login", "h.io", "--password-stdin"][..], "x", "--password-stdin needs --username"),
        (&["login", "h.io", "-u", "a:b", "--password-stdin"], "x", "no colon"),
        (&["login", "h.io", "-u", "a", "--password-stdin"], "\n", "the password is empty"),
        (&["login", "h.io/UP", "-u", "a", "--password-stdin"], "x", "no registry"),
    ] {
        let run = typing(&home, args, input).await;
        assert!(run.failed(2).0.contains(want), "{run}");
    }
    std::fs::create_dir_all(home.path(".docker")).unwrap();
    std::fs::write(home.path(DOCKER), "{no json").unwrap();
    let run = login(&home, &basic.host(), (USER, PASSWORD), &[]).await;
    assert!(run.failed(2).0.contains("config.json: it is no JSON"), "{run}");
    assert_eq!(file(&home, DOCKER), "{no json");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_token_that_ends_in_the_middle_is_fetched_again() {
    let (home, tokens) = (Home::new(), TokenServer::start());
    let (from, _) = image(&home).await;
    let guarded = guarded_by(&tokens).await;
    trusting(&home, &[&guarded]);
    assert_eq!(login(&home, &guarded.host(), WRITER, &[]).await.code, Some(0));
    let large = Recipe::layers(&[400_000, 500_000, 600_000, 700_000, 800_000]).seed(3);
    large.write(&home.path("large"), "1").unwrap().push(&from.host(), "large", &["1"]).await;
    let before = tokens.issued().len();
    // Good for two seconds, though they say five minutes; the copy takes about four.
    tokens.tokens_end_after(2);
    let (source, target) = (format!("{}/large:1", from.host()), format!("{}/large:1", guarded.host()));
    let run = home.ok(&["copy", &source, &target, "--bandwidth", "700KB", "--workers", "1", "-vv"]).await;
    let again = tokens.issued().split_off(before);
    assert!((2..=4).contains(&again.len()), "{again:?}: {run}");
    let refusals = guarded.settled_requests().iter().filter(|r| r.status == 401).count();
    // One for each token, the first challenge included: none is asked for twice.
    assert!(refusals <= again.len() + 2, "{refusals} refusals, {again:?}");
    home.ok(&["inspect", &target]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_login_that_may_not_push_is_told_so() {
    let (home, tokens) = (Home::new(), TokenServer::start());
    let (from, _) = image(&home).await;
    let guarded = guarded_by(&tokens).await;
    trusting(&home, &[&guarded]);
    assert_eq!(login(&home, &guarded.host(), WRITER, &[]).await.code, Some(0));
    let (source, target) = (format!("{}/a:1", from.host()), format!("{}/team/a:1", guarded.host()));
    home.ok(&["copy", &source, &target]).await;
    // Below one path another login counts.
    let part = format!("{}/team", guarded.host());
    assert_eq!(login(&home, &part, READER, &[]).await.code, Some(0));
    home.ok(&["inspect", &target]).await;
    assert_eq!(tokens.issued().last().unwrap().user, READER.0);
    let run = home.run(&["copy", &source, &format!("{}/team/b:1", guarded.host())]).await;
    let (error, hint) = run.failed(3);
    assert!(error.contains("401") && error.contains("does not allow push to team/b"), "{run}");
    assert!(hint.contains(&format!("wharf login {}", guarded.host())), "{run}");
    home.ok(&["copy", &source, &format!("{}/other/b:1", guarded.host())]).await;
    // Logged out of the part, the whole's login counts again.
    home.ok(&["logout", &part]).await;
    home.ok(&["copy", &source, &format!("{}/team/b:1", guarded.host())]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_refresh_token_is_kept_in_the_passwords_place() {
    let (home, tokens) = (Home::new(), TokenServer::start());
    let (from, _) = image(&home).await;
    let guarded = guarded_by(&tokens).await;
    trusting(&home, &[&guarded]);
    tokens.gives_refresh_tokens();
    let run = login(&home, &guarded.host(), WRITER, &["--output", "json", "-vv"]).await;
    let told = run.json();
    assert_eq!(
        (&told["checked"], &told["encrypted"], &told["user"]),
        (&true.into(), &false.into(), &"writer".into())
    );
    let kept: serde_json::Value = serde_json::from_str(&file(&home, DOCKER)).unwrap();
    let want = serde_json::json!({ "auth": STANDARD.encode("writer:"), "identitytoken": REFRESH });
    assert_eq!(kept["auths"][guarded.host()], want);
    let (source, target) = (format!("{}/a:1", from.host()), format!("{}/a:1", guarded.host()));
    let copied = home.ok(&["copy", &source, &target, "-vvv"]).await;
    assert!(tokens.issued().last().unwrap().by_refresh, "{:?}", tokens.issued());
    kept_to_itself(&home, &[run, copied], &[WRITER.1, REFRESH]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_private_authority_and_a_client_certificate_are_asked_for_by_name() {
    let home = Home::new();
    let (from, image) = image(&home).await;
    let private = registry(Setup { tls: true, ..Setup::default() }).await;
    let strict = registry(Setup { client_certificate: true, ..Setup::default() }).await;
    let entry = |registry: &DockerRegistry, tls: &str| {
        let host = registry.host();
        format!("registries: [{{name: r, url: \"https://{host}\", tls: {{{tls}}}}}]\n")
    };
    let source = format!("{}/a:1", from.host());
    let copy = async |registry: &DockerRegistry| {
        home.run(&["copy", &source, &format!("{}/a:1", registry.host()), "--output", "json"]).await
    };
    let ca = format!("ca_file: {:?}", pem("ca.pem"));
    home.config(&entry(&private, "verify: true"));
    let run = copy(&private).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("the certificate is not trusted: its issuer is unknown"), "{run}");
    assert!(hint.contains("ca_file") && hint.contains(&private.host()), "{run}");
    assert!(run.stdout.contains("\"class\":\"tls\""), "{run}");
    let refused = login(&home, &private.host(), (USER, PASSWORD), &[]).await;
    assert!(refused.failed(1).1.contains("ca_file"), "{refused}");
    assert!(!home.path(DOCKER).exists());
    home.config(&entry(&private, &ca));
    assert_eq!(copy(&private).await.code, Some(0));
    // One that asks for nothing has nothing to check a password with.
    let open = login(&home, &private.host(), (USER, PASSWORD), &[]).await;
    assert!(open.code == Some(0) && open.stderr.contains("the password was not checked"), "{open}");

    home.config(&entry(&strict, &ca));
    let run = copy(&strict).await;
    let (error, hint) = run.failed(1);
    assert!(error.contains("certificate") && hint.contains("cert_file"), "{run}");
    assert!(run.stdout.contains("\"class\":\"tls\""), "{run}");
    let mine = format!("{ca}, cert_file: {:?}, key_file: {:?}", pem("client.pem"), pem("client.key"));
    home.config(&entry(&strict, &mine));
    assert_eq!(copy(&strict).await.code, Some(0));
    home.ok(&["copy", &format!("{}/a:1", strict.host()), &format!("{}/back:1", from.host())]).await;
    image.assert_at(&from.host(), "back", "1").await;
}

/// A registry of wharf's own kind that wants `robot` and `hunter2`.
async fn closed() -> Registry {
    let basic_auth = Some(("robot".to_owned(), SecretString::from("hunter2".to_owned())));
    Registry::with(ServeOptions { basic_auth, ..ServeOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_named_keeps_the_login() {
    let (home, closed) = (Home::new(), closed().await);
    let host = closed.host();
    let run = login(&home, &host, ("robot", "hunter2"), &["--authfile", "ci.json"]).await;
    assert!(run.code == Some(0) && run.stdout.ends_with("kept in ci.json\n"), "{run}");
    assert!(!home.path(DOCKER).exists());
    let repos = home.run(&["repos", &host]).await;
    assert_eq!(
        repos.failed(3).1,
        format!("log in with `wharf login {host}`, or give --creds (for a copy --src-creds or --dest-creds)")
    );
    home.ok(&["repos", &host, "--authfile", "ci.json"]).await;
    let mut by_variable = home.command(&["repos", &host]);
    let child = by_variable.env("REGISTRY_AUTH_FILE", home.path("ci.json")).spawn().unwrap();
    assert_eq!(Run::of(&["repos"], child).await.code, Some(0));
    // A password of the configuration comes first, and that is said.
    home.config(&format!(
        "registries: [{{name: mine, url: \"{host}\", username: robot, password: hunter2}}]\n"
    ));
    let run = login(&home, "mine", ("robot", "hunter2"), &[]).await;
    assert!(run.stderr.contains("the configuration's entry \"mine\" has a password for"), "{run}");
    let out = home.ok(&["logout", "mine", "--output", "json"]).await.json();
    assert_eq!(out["erased_in"], serde_json::json!([home.text(DOCKER)]));
}

fn asked(host: &str, home: impl FnOnce(&Path)) -> Pty {
    let spawn = Spawn::wharf().args(["login", host]);
    home(spawn.home());
    spawn.start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_typed_and_not_shown() {
    let closed = closed().await;
    let host = closed.host();
    tokio::task::spawn_blocking(move || {
        let mut pty = asked(&host, |_| {});
        pty.wait_for(&format!("User name for {host}:"), SOON);
        pty.keys("robox<bs>t<enter>");
        pty.wait_for("Password or token of robot (not shown):", SOON);
        pty.keys("hunter2<enter>");
        pty.wait_for("logged in to", SOON);
        assert_eq!(pty.wait_exit(SOON).exit_code(), 0);
        let screen = pty.wait_output_end(SOON);
        assert!(screen.contains("User name for") && !screen.contains("hunter2"), "{}", screen.text());
        assert!(!String::from_utf8_lossy(&pty.raw()).contains("hunter2") && pty.echoes());
        let kept = std::fs::read_to_string(pty.home().join(DOCKER)).unwrap();
        assert!(kept.contains(&STANDARD.encode("robot:hunter2")), "{kept}");
    })
    .await
    .unwrap();
}

#[test]
fn whoever_leaves_the_question_has_the_terminal_as_it_was() {
    use rustix::process::Signal;
    // Nobody is asked before the password is there: the host need not exist.
    type Leave = fn(&mut Pty);
    let ends: [(&str, Leave, u32); 4] = [
        ("ctrl-c", |pty| pty.keys("hunt<c-c>"), 130),
        ("ctrl-d", |pty| pty.keys("<c-d>"), 2),
        ("an interrupt", |pty| pty.signal(Signal::INT), 130),
        ("a termination", |pty| pty.signal(Signal::TERM), 130),
    ];
    for (what, leave, code) in ends {
        let mut pty = Spawn::wharf().args(["login", "127.0.0.1:1", "-u", "me"]).start();
        pty.wait_for("Password or token of me", SOON);
        pty.wait_until("the terminal is silent", SOON, |_| true);
        assert!(!pty.echoes(), "{what}");
        leave(&mut pty);
        assert_eq!(pty.wait_exit(SOON).exit_code(), code, "{what}: {}", pty.screen().text());
        assert!(pty.echoes(), "{what}");
        assert!(!pty.screen().contains("hunt") && !pty.home().join(DOCKER).exists());
    }
}

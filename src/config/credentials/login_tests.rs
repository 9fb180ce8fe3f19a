//! Logins kept and erased, in files and by helpers.

use std::os::unix::fs::PermissionsExt;

use secrecy::SecretString;
use tempfile::TempDir;

use super::tests::{environment, find, helper, store, write};
use super::*;

fn logins(home: &TempDir, variables: &[(&str, &str)], authfile: Option<&str>) -> LoginStore {
    LoginStore::new(authfile.map(|f| home.path().join(f)), environment(home, variables))
}

fn target(text: &str) -> LoginTarget {
    text.parse().unwrap()
}

fn read(home: &TempDir, path: &str) -> String {
    std::fs::read_to_string(home.path().join(path)).unwrap()
}

async fn keep(logins: &LoginStore, at: &str, user: &str) -> LoginPlace {
    let password = SecretString::from("secret-pw".to_owned());
    logins.store(&target(at), user, &password, None).await.unwrap()
}

#[test]
fn targets_are_written_as_docker_login_takes_them() {
    for (text, shown, key) in [
        ("docker.io", "docker.io", "https://index.docker.io/v1/"),
        ("https://index.docker.io/v1/", "docker.io", "https://index.docker.io/v1/"),
        ("ghcr.io", "ghcr.io", "ghcr.io"),
        ("https://h.io:5000/v2/", "h.io:5000", "h.io:5000"),
        ("h.io/team/a", "h.io/team/a", "h.io/team/a"),
        ("docker.io/me", "docker.io/me", "docker.io/me"),
    ] {
        assert_eq!((target(text).to_string(), target(text).key()), (shown.to_owned(), key.to_owned()));
    }
    for text in ["", "h.io/UP", "u:hunter2@h.io"] {
        assert!(!text.parse::<LoginTarget>().unwrap_err().contains("hunter2"), "{text}");
        let config = Config::default();
        assert!(!config.login_target(text).unwrap_err().contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_login_goes_to_the_file_and_all_else_in_it_stays() {
    let home = tempfile::tempdir().unwrap();
    let before = "{\n  \"zeta\": [1, 2.0, {\"b\": null, \"a\": \"\\u00e4\"}],\n  \"auths\": {\n    \"x.io\": {\"auth\": \"eDp5\", \"own\": true},\n    \
        \"https://h.io\": {\"auth\": \"b2xkOm9sZA==\", \"note\": 7}\n  },\n  \"HttpHeaders\": {\"X\": \"1\"},\n  \"credHelpers\": {\"other.io\": \"x\"}\n}";
    write(&home, "kept/config.json", before);
    std::fs::create_dir_all(home.path().join(".docker")).unwrap();
    std::os::unix::fs::symlink("../kept/config.json", home.path().join(".docker/config.json")).unwrap();
    std::fs::set_permissions(home.path().join("kept/config.json"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    let logins = logins(&home, &[], None);
    let place = keep(&logins, "h.io", "me").await;
    assert!(place.is_unencrypted() && place.to_string().ends_with(".docker/config.json"), "{place}");
    let after = home.path().join("kept/config.json");
    assert_eq!(std::fs::metadata(&after).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(home.path().join(".docker/config.json").is_symlink());
    let text = read(&home, "kept/config.json");
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let order: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    assert_eq!(order, ["zeta", "auths", "HttpHeaders", "credHelpers"]);
    // The other spelling of the host has the new login, too, and keeps what else it had.
    assert_eq!(value["auths"]["https://h.io"], serde_json::json!({"note": 7, "auth": "bWU6c2VjcmV0LXB3"}));
    assert_eq!(value["auths"]["h.io"], serde_json::json!({"auth": "bWU6c2VjcmV0LXB3"}));
    let was: serde_json::Value = serde_json::from_str(before).unwrap();
    value["auths"].as_object_mut().unwrap().remove("h.io");
    value["auths"]["https://h.io"] = was["auths"]["https://h.io"].clone();
    assert_eq!(value, was);
    assert!(text.contains("2.0") && text.contains("\n\t\"zeta\""), "{text}");
    assert_eq!(find(&store(&home, &[], "", None), "h.io", "a").await, "me/secret-pw");
    let names: Vec<_> = std::fs::read_dir(home.path().join("kept")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    // What is no JSON is not written over.
    write(&home, "kept/config.json", "{\"auths\": {");
    let error = logins.store(&target("h.io"), "me", &"p".to_owned().into(), None).await.unwrap_err();
    assert!(error.to_string().contains("config.json") && error.class() == ErrorClass::Config, "{error}");
    assert_eq!(read(&home, "kept/config.json"), "{\"auths\": {");
}

#[tokio::test]
async fn a_file_that_is_named_comes_first_and_parts_have_their_own() {
    let home = tempfile::tempdir().unwrap();
    let variable = home.path().join("deep/er/by-variable.json").display().to_string();
    let variables = [("REGISTRY_AUTH_FILE", variable.as_str())];
    let by_variable = logins(&home, &variables, None);
    assert_eq!(keep(&by_variable, "h.io", "whole").await.file, Path::new(&variable));
    keep(&by_variable, "h.io/team", "team").await;
    keep(&by_variable, "h.io/team/deep", "deep").await;
    keep(&by_variable, "docker.io", "hub").await;
    let mode = |path: &str| std::fs::metadata(home.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("deep/er/by-variable.json"), mode("deep/er")), (0o600, 0o700));
    let found = store(&home, &variables, "", None);
    for (repository, want) in
        [("a", "whole"), ("team/a", "team"), ("teams/a", "whole"), ("team/deep/a", "deep")]
    {
        assert_eq!(find(&found, "h.io", repository).await, format!("{want}/secret-pw"), "{repository}");
    }
    assert_eq!(find(&found, "docker.io", "library/nginx").await, "hub/secret-pw");
    let by_option = logins(&home, &variables, Some("option.json"));
    keep(&by_option, "h.io", "option").await;
    assert!(read(&home, "option.json").contains("h.io"));
    // Only there is erased what was put there; a part alone goes alone.
    assert_eq!(by_option.erase(&target("h.io")).await.places.len(), 1);
    assert_eq!(read(&home, "option.json"), "{\n\t\"auths\": {}\n}\n");
    assert_eq!(by_variable.erase(&target("h.io/team")).await.places.len(), 1);
    assert_eq!(find(&found, "h.io", "team/a").await, "whole/secret-pw");
    assert_eq!(find(&found, "h.io", "team/deep/a").await, "deep/secret-pw");
    assert!(by_variable.erase(&target("h.io/team")).await.places.is_empty());
}

#[tokio::test]
async fn an_identity_token_takes_the_passwords_place() {
    let home = tempfile::tempdir().unwrap();
    let logins = logins(&home, &[], None);
    let (password, token) = ("secret-pw".to_owned().into(), SecretString::from("secret-id".to_owned()));
    logins.store(&target("h.io"), "me", &password, Some(&token)).await.unwrap();
    let text = read(&home, ".docker/config.json");
    let want = serde_json::json!({"auths": {"h.io": {"auth": "bWU6", "identitytoken": "secret-id"}}});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), want);
    let found = store(&home, &[], "", None);
    assert_eq!(find(&found, "h.io", "a").await, "token secret-id");
    keep(&logins, "h.io", "me").await;
    assert_eq!(find(&found, "h.io", "a").await, "me/secret-pw");
}

/// A helper that keeps what it is given in files, as the protocol has it.
const KEEPER: &str = r#"d="$(dirname "$0")/kept"; mkdir -p "$d"
name() { printf %s "$1" | tr -c 'a-zA-Z0-9.\n' _; }
case "$1" in
  store) read -r line; s="${line#*ServerURL\":\"}"; s="${s%%\"*}"; printf '%s\n' "$line" > "$d/$(name "$s")";;
  get) read -r s; cat "$d/$(name "$s")" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; };;
  erase) read -r s; rm -f "$d/$(name "$s")";;
esac"#;

#[tokio::test]
async fn a_helper_keeps_the_login_and_gives_it_up() {
    let home = tempfile::tempdir().unwrap();
    helper(&home, "keeper", KEEPER);
    helper(&home, "full", "read l; echo \"no room for $l\" >&2; echo 'secret-pw is too long'; exit 1");
    let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
    let variables = [("PATH", path.as_str())];
    let file = r#"{"credsStore": "keeper", "credHelpers": {"f.io": "full", "g.io": "gone"}, "auths": {"h.io": {"auth": "b2xkOm9sZA=="}}}"#;
    write(&home, ".docker/config.json", file);
    write(&home, ".config/containers/auth.json", r#"{"auths": {"h.io": {"auth": "cG9kOm1hbg=="}}}"#);
    let logins = logins(&home, &variables, None);
    let place = keep(&logins, "h.io", "me").await;
    assert_eq!((place.to_string(), place.is_unencrypted()), ("docker-credential-keeper".to_owned(), false));
    keep(&logins, "h.io/team", "team").await;
    keep(&logins, "docker.io", "hub").await;
    let text = read(&home, ".docker/config.json");
    assert!(!text.contains("auth\":") && text.contains("\"h.io/team\": {}"), "{text}");
    let found = store(&home, &variables, "", None);
    for (registry, repository, want) in [
        ("h.io", "a", "me/secret-pw"),
        ("h.io", "team/a", "team/secret-pw"),
        ("docker.io", "library/nginx", "hub/secret-pw"),
    ] {
        assert_eq!(find(&found, registry, repository).await, want);
    }
    for (host, want) in [("f.io", "too long"), ("g.io", "not installed")] {
        let password = "secret-pw".to_owned().into();
        let error = logins.store(&target(host), "me", &password, None).await.unwrap_err().to_string();
        assert!(error.contains(want) && error.contains(host) && !error.contains("secret-pw"), "{error}");
    }
    let erased = logins.erase(&target("h.io")).await;
    let places: Vec<String> = erased.places.iter().map(ToString::to_string).collect();
    assert_eq!((places.len(), erased.failures.len()), (2, 0), "{erased:?}");
    assert!(places[0] == "docker-credential-keeper" && places[1].ends_with("containers/auth.json"));
    // Answers are kept for a minute, unless somebody says that they are old.
    assert_eq!(find(&found, "h.io", "a").await, "me/secret-pw");
    found.forget().await;
    assert_eq!(find(&found, "h.io", "a").await, "nobody");
    assert_eq!(find(&found, "h.io", "team/a").await, "team/secret-pw");
    assert!(logins.erase(&target("h.io")).await.places.is_empty());
}

#[tokio::test]
async fn an_entry_with_a_password_is_known_to_come_first() {
    let home = tempfile::tempdir().unwrap();
    let yaml = "registries:\n- {name: a, url: h.io/team, username: u, password: x}\n- {name: b, url: g.io}\n\
        - {name: c, url: e.io, username: u, password: x}\n- {name: d, type: local_file, url: d}\n";
    write(&home, "config.yaml", yaml);
    let config = Config::load(Some(&home.path().join("config.yaml")), None).unwrap().config;
    let before = |text: &str| config.password_before(&target(text));
    assert_eq!((before("h.io/team/x"), before("h.io"), before("g.io")), (Some("a"), None, None));
    assert_eq!((before("e.io"), before("e.io/x")), (Some("c"), Some("c")));
    assert_eq!(config.login_target("a").unwrap(), target("h.io/team"));
    assert!(config.login_target("d").unwrap_err().contains("local_file"));
}

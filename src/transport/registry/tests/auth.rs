//! Tokens: one fetch for many, renewal, one re-authentication, and whose error is shown.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::oci::ErrorClass;

const MANIFEST: &str = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;

fn challenge(seen: &Seen) -> Reply {
    let host = seen.header("host").unwrap();
    let value = format!(r#"Bearer realm="http://{host}/token",service="reg",scope="repository:a/b:pull""#);
    coded(401, "UNAUTHORIZED").with("www-authenticate", value)
}

fn manifest() -> Reply {
    reply(200).with("content-type", "application/vnd.oci.image.manifest.v1+json").body(MANIFEST)
}

/// A registry with tokens `t1`, `t2`…, of which the first `refused` are not let in.
async fn guarded(expires: &'static str, refused: usize) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |seen| {
        if seen.path.starts_with("/token") {
            let n = count.fetch_add(1, Ordering::SeqCst) + 1;
            return reply(200)
                .body(format!(r#"{{"access_token":"t{n}"{expires}}}"#))
                .after(Duration::from_millis(50));
        }
        let pass = seen
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer t")?.parse::<usize>().ok());
        match pass {
            Some(n) if n > refused => manifest(),
            _ => challenge(seen),
        }
    })
    .await
}

#[tokio::test]
async fn one_fetch_serves_all_who_wait() {
    let server = guarded(r#","expires_in":300"#, 0).await;
    let (_, repository) = client_of(&server);
    let at = tag("1");
    let answers = join_all((0..12).map(|_| repository.get_manifest(&at))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.count("GET", "/token"), 1);
    repository.get_manifest(&at).await.unwrap();
    let seen = server.seen();
    assert!(seen.last().unwrap().header("authorization").is_some(), "sent with its pass at once");
    let token = seen.iter().find(|seen| seen.path.starts_with("/token")).unwrap();
    assert_eq!(token.path, "/token?service=reg&scope=repository:a/b:pull");
    assert_eq!(token.header("authorization"), None);
}

#[tokio::test]
async fn a_cached_token_that_is_refused_is_renewed_once() {
    let server = guarded("", 0).await;
    let (_, repository) = client_of(&server);
    repository.get_manifest(&tag("1")).await.unwrap();
    let stubborn = guarded("", usize::MAX).await;
    let (_, refused) = client_of(&stubborn);
    let error = refused.get_manifest(&tag("1")).await.unwrap_err();
    let text = format!("get manifest {}/a/b:1: 401 UNAUTHORIZED: said so", stubborn.registry());
    assert_eq!((error.class().as_str(), error.to_string()), ("auth", text));
    assert_eq!(stubborn.log().len(), 3, "ask, token, ask: {:?}", stubborn.log());
    let _ = refused.get_manifest(&tag("1")).await;
    assert_eq!(stubborn.count("GET", "/token"), 2, "exactly one re-authentication: {:?}", stubborn.log());
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_it_is_used() {
    let server = guarded(r#","expires_in":1"#, 0).await;
    let (_, repository) = client_of(&server);
    repository.get_manifest(&tag("1")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    repository.get_manifest(&tag("1")).await.unwrap();
    assert_eq!((server.count("GET", "/token"), server.count("GET", "/v2")), (2, 3));
}

#[tokio::test]
async fn the_token_servers_error_is_the_error_shown() {
    let server = Server::start(|seen| match seen.path.starts_with("/token") {
        true if seen.header("authorization") == Some("Basic bWU6cmlnaHQ=") => {
            reply(200).body(r#"{"token":"t"}"#)
        }
        true => reply(401)
            .body(r#"{"details":"incorrect username or password"}"#)
            .after(Duration::from_millis(50)),
        false if seen.header("authorization") == Some("Bearer t") => manifest(),
        false => challenge(seen),
    })
    .await;
    let (_, right) =
        client_with(&server, ClientOptions { credentials: password("right"), ..ClientOptions::default() });
    right.get_manifest(&tag("1")).await.unwrap();
    let options = ClientOptions { credentials: password("wrong"), ..ClientOptions::default() };
    let (_, wrong) = client_with(&server, options);
    let before = server.count("GET", "/token");
    let at = tag("1");
    let errors = join_all((0..5).map(|_| wrong.get_manifest(&at))).await;
    let want = format!("get a token for {}: 401 incorrect username or password", server.registry());
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!((error.to_string(), error.class().as_str()), (want.clone(), "auth"));
    }
    assert_eq!(server.count("GET", "/token") - before, 1, "a failure is shared as well");
    assert!(
        !format!("{:?}{:?}", wrong, password("x").find(&server.registry(), None).await).contains("wrong")
    );
}

#[tokio::test]
async fn an_identity_token_goes_by_post() {
    let server = Server::start(|seen| match (seen.path.as_str(), seen.method.as_str()) {
        ("/token", "POST") => reply(200).body(r#"{"access_token":"t","expires_in":"600"}"#),
        _ if seen.header("authorization") == Some("Bearer t") => manifest(),
        _ => challenge(seen),
    })
    .await;
    let credentials: Arc<dyn Credentials> = Arc::new(Always(Credential::Basic {
        username: "<token>".to_owned(),
        password: "re+fresh".to_owned().into(),
    }));
    let (_, repository) = client_with(&server, ClientOptions { credentials, ..ClientOptions::default() });
    repository.get_manifest(&tag("1")).await.unwrap();
    let post = server.seen().into_iter().find(|seen| seen.method == "POST").unwrap();
    let form = String::from_utf8(post.body.unwrap().to_vec()).unwrap();
    assert_eq!(
        form,
        "grant_type=refresh_token&client_id=wharf&service=reg&scope=repository:a/b:pull&refresh_token=re%2Bfresh"
    );
}

#[tokio::test]
async fn basic_is_remembered_and_its_absence_or_refusal_is_an_auth_error() {
    let server = Server::start(|seen| match seen.header("authorization") {
        Some("Basic bWU6cmlnaHQ=") => manifest(),
        _ => coded(401, "UNAUTHORIZED").with("www-authenticate", "Basic realm=\"x\""),
    })
    .await;
    let (_, right) =
        client_with(&server, ClientOptions { credentials: password("right"), ..ClientOptions::default() });
    right.get_manifest(&tag("1")).await.unwrap();
    right.get_manifest(&tag("1")).await.unwrap();
    assert_eq!(server.log().len(), 3);
    for (credentials, requests) in [(password("wrong"), 2), (Arc::new(Anonymous) as Arc<dyn Credentials>, 1)]
    {
        let before = server.log().len();
        let (_, wrong) = client_with(&server, ClientOptions { credentials, ..ClientOptions::default() });
        assert_eq!(wrong.get_manifest(&tag("1")).await.unwrap_err().class().as_str(), "auth");
        assert_eq!(server.log().len() - before, requests);
    }
}

#[tokio::test]
async fn pushes_ask_to_push_and_mounts_for_both_repositories() {
    let server = Server::start(|seen| match seen.path.starts_with("/token") {
        true => reply(200).body(r#"{"token":"t","expires_in":300}"#),
        false if seen.header("authorization").is_none() => challenge(seen),
        false if seen.path.contains("mount=") => reply(201),
        false => reply(404),
    })
    .await;
    let (_, to) = client_of(&server);
    let begun = to.begin_blob(&blob_of(b"x"), Some(&repository("other/one"))).await.unwrap();
    assert!(matches!(begun, crate::transport::Begin::Mounted));
    let log = server.log();
    let tokens: Vec<&String> = log.iter().filter(|line| line.contains("/token")).collect();
    assert_eq!(
        tokens,
        ["GET /token?service=reg&scope=repository:a/b:pull,push&scope=repository:other/one:pull"]
    );
}

#[tokio::test]
async fn authorization_stays_with_its_host() {
    let other = Server::start(|_| reply(200).body("blob")).await;
    let elsewhere = format!("http://{}/storage?sig=1", other.address);
    let server = Server::start(move |seen| match seen.header("authorization") {
        None => coded(401, "UNAUTHORIZED").with("www-authenticate", "Basic realm=\"x\""),
        Some(_) if seen.path.contains("/blobs/") => reply(307).with("location", "/moved?x=1"),
        Some(_) => reply(302).with("location", elsewhere.clone()),
    })
    .await;
    let (_, repository) =
        client_with(&server, ClientOptions { credentials: password("p"), ..ClientOptions::default() });
    let (start, stream) = repository.get_blob(&blob_of(b"blob"), 0).await.unwrap();
    assert_eq!((start, read(stream).await.unwrap()), (0, b"blob".to_vec()));
    assert!(server.seen().last().unwrap().is("GET", "/moved?x=1"));
    assert!(server.seen().last().unwrap().header("authorization").is_some());
    assert_eq!(other.seen()[0].header("authorization"), None);
}

/// Credentials that can change, counted as they are asked for.
struct Changing {
    password: Mutex<&'static str>,
    asked: AtomicUsize,
    forgotten: AtomicUsize,
}

impl Credentials for Changing {
    fn find<'a>(
        &'a self,
        _: &'a Registry,
        _: Option<&'a Repository>,
    ) -> BoxFuture<'a, std::result::Result<Option<Credential>, String>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let password = SecretString::from((*self.password.lock().unwrap()).to_owned());
        Box::pin(async { Ok(Some(Credential::Basic { username: "me".to_owned(), password })) })
    }

    fn forget<'a>(&'a self, _: &'a Registry) -> BoxFuture<'a, ()> {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {})
    }
}

#[tokio::test]
async fn a_login_is_checked_apart_and_a_new_one_counts_at_once() {
    let server = Server::start(|seen| {
        let right = format!("Basic {}", STANDARD.encode("me:right"));
        match (seen.path.starts_with("/token"), seen.header("authorization")) {
            (true, Some(shown)) if shown == right && seen.path.contains("offline_token=true") => {
                reply(200).body(r#"{"token":"t","refresh_token":"for-later","expires_in":300}"#)
            }
            (true, Some(shown)) if shown == right => reply(200).body(r#"{"token":"t","expires_in":300}"#),
            (true, _) => coded(401, "UNAUTHORIZED"),
            (false, Some("Bearer t")) if seen.path == "/v2/" => reply(200),
            (false, Some("Bearer t")) => manifest(),
            _ => challenge(seen),
        }
    })
    .await;
    let changing = Arc::new(Changing {
        password: Mutex::new("wrong"),
        asked: AtomicUsize::new(0),
        forgotten: AtomicUsize::new(0),
    });
    let options = ClientOptions { credentials: changing.clone(), ..ClientOptions::default() };
    let (client, repository) = client_with(&server, options);
    assert_eq!(repository.get_manifest(&tag("1")).await.unwrap_err().class(), ErrorClass::Auth);
    let asked = changing.asked.load(Ordering::SeqCst);
    // The check knows of no other credential, and nobody learns of the one it has.
    let check = async |password: &str| {
        let password = SecretString::from(password.to_owned());
        client.check_login(&server.registry(), None, "me", &password).await
    };
    let error = check("hunter2").await.unwrap_err();
    assert!(error.class() == ErrorClass::Auth && !error.to_string().contains("hunter2"), "{error}");
    let checked = check("right").await.unwrap();
    let kept = checked.identity_token.as_ref().map(|token| token.expose_secret().to_owned());
    assert_eq!((checked.was_asked, kept.as_deref()), (true, Some("for-later")));
    assert!(!format!("{checked:?}").contains("for-later"));
    assert_eq!(changing.asked.load(Ordering::SeqCst), asked);
    assert!(repository.get_manifest(&tag("1")).await.is_err());
    *changing.password.lock().unwrap() = "right";
    client.forget_login(&server.registry()).await;
    repository.get_manifest(&tag("1")).await.unwrap();
    assert_eq!(changing.forgotten.load(Ordering::SeqCst), 1);
    // A pass that is held is forgotten, too.
    *changing.password.lock().unwrap() = "wrong";
    repository.get_manifest(&tag("1")).await.unwrap();
    client.forget_login(&server.registry()).await;
    assert!(repository.get_manifest(&tag("1")).await.is_err());
    let open = Server::start(|_| reply(200)).await;
    let (client, _) = client_of(&open);
    let checked = client.check_login(&open.registry(), None, "me", &"x".to_owned().into()).await.unwrap();
    assert!(!checked.was_asked && checked.identity_token.is_none());
    let site =
        Server::start(|_| reply(200).with("Content-Type", "text/html; charset=utf-8").body("<html>")).await;
    let (client, _) = client_of(&site);
    let error = client.check_login(&site.registry(), None, "me", &"x".to_owned().into()).await.unwrap_err();
    assert!(error.to_string().ends_with("expected a registry's answer, got a web page"), "{error}");
}

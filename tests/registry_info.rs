//! What is known of a registry: `wharf inspect --registry`, rate limits, and the upload ladder's memory.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::Recipe;
use crate::support::wharf::{Home, Registry};

async fn image(registry: &Registry, home: &Home) {
    let image = Recipe::layers(&[30_000]).write(&home.path("made"), "1").unwrap();
    image.push(&registry.host(), "a", &["1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_pinged_and_what_was_learned_is_shown() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    image(&from, &home).await;
    let info = |host: String| {
        let home = &home;
        async move { home.ok(&["inspect", "--registry", &host, "--output", "json"]).await.json() }
    };
    let fresh = info(to.host()).await;
    assert_eq!((&fresh["asks"], &fresh["refused"]), (&"nothing".into(), &serde_json::Value::Null), "{fresh}");
    assert_eq!(fresh["url"], format!("http://{}/v2/", to.host()), "{fresh}");
    assert!(fresh["latency"].is_u64() && fresh["learned"]["honours_self_mount"].is_null(), "{fresh}");
    assert!(!home.path(".local/share/wharf/ledger.db").exists(), "a question makes no ledger");
    // Who does not know that it is there asks for it with a mount: that shows whether those are honoured.
    let (source, to_tag) = (format!("{}/a:1", from.host()), |tag: &str| format!("{}/a:{tag}", to.host()));
    home.ok(&["copy", &source, &to_tag("1"), "--no-ledger"]).await;
    home.ok(&["copy", &source, &to_tag("2")]).await;
    let known = info(to.host()).await;
    assert_eq!(known["learned"]["honours_self_mount"], true, "{known}");
    let shown = home.ok(&["inspect", "--registry", &to.host()]).await.stdout;
    assert!(shown.contains("self-mount  yes\n") && shown.contains("asks for    nothing\n"), "{shown}");
    let run = home.run(&["inspect", "--registry", "127.0.0.1:1"]).await;
    assert!(run.failed(1).0.starts_with("ping 127.0.0.1:1: "), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_accepted_or_refused() {
    let home = Home::new();
    let basic_auth = Some(("robot".to_owned(), SecretString::from("right".to_owned())));
    let closed = Registry::with(ServeOptions { basic_auth, ..ServeOptions::default() }).await;
    let host = closed.host();
    for (options, has, refused) in [
        (&[][..], false, true),
        (&["--creds", "robot:wrong"], true, true),
        (&["--creds", "robot:right"], true, false),
    ] {
        let args = [&["inspect", "--registry", &host, "--output", "json"], options].concat();
        let info = home.ok(&args).await.json();
        assert_eq!((&info["asks"], &info["has_credential"]), (&"basic".into(), &has.into()), "{info}");
        assert_eq!(info["refused"].is_object(), refused, "{info}");
        assert!(!info.to_string().contains("right") && !info.to_string().contains("wrong"), "{info}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pulls_wait_before_the_reserve_is_touched() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    image(&from, &home).await;
    let source = Proxy::start(&from.host()).await;
    source.add(on("GET", Kind::Manifest).then(Fault::Header("ratelimit-limit", "100;w=3")));
    source.add(on("GET", Kind::Manifest).then(Fault::Header("ratelimit-remaining", "9;w=3")));
    let host = source.host();
    // Without a reserve nothing waits, and what little is left is said in the log and remembered.
    home.ok(&["copy", &format!("{host}/a:1"), &format!("{}/b:1", to.host())]).await;
    let log = home.ok(&["history", "1", "--output", "json"]).await.json()["log"].to_string();
    assert!(log.contains("9 of 100 pulls are left (3 s window)"), "{log}");
    let info = home.ok(&["inspect", "--registry", &host, "--output", "json"]).await.json();
    assert_eq!(info["rate_limit"]["remaining"], 9, "{info}");
    assert!(info["rate_limit_at"].is_string(), "{info}");
    // With one, the manifests of an index's platforms wait for the window's end.
    home.config(&format!("registries: [{{name: hub, url: \"{host}\", rate_limit_reserve: 9}}]\n"));
    let index = Recipe::layers(&[8_000]).platforms(&["linux/amd64", "linux/arm64"]);
    index.write(&home.path("index"), "i").unwrap().push(&from.host(), "a", &["i"]).await;
    let began = Instant::now();
    let run = home.ok(&["copy", &format!("{host}/a:i"), &format!("{}/c:1", to.host())]).await;
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let told = run.stderr.matches("9 pulls are left and 9 are to be kept; going on at ").count();
    assert_eq!(told, 1, "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_that_uploads_must_take_is_remembered_with_its_time() {
    let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
    image(&from, &home).await;
    let target = Proxy::start(&to.host()).await;
    let refusal = target.add(on("PUT", Kind::Upload).first(1).then(Fault::Status(405)));
    home.ok(&["copy", &format!("{}/a:1", from.host()), &format!("{}/b:1", target.host())]).await;
    assert_eq!(refusal.happened(), 1);
    let info = home.ok(&["inspect", "--registry", &target.host(), "--output", "json"]).await.json();
    assert_eq!(info["learned"]["upload"], "stream", "{info}");
    assert!(info["upload_since"].is_string(), "{info}");
    // The next process begins there.
    let other = Recipe::layers(&[9_000]).seed(5).write(&home.path("other"), "2").unwrap();
    other.push(&from.host(), "a", &["2"]).await;
    target.forget();
    home.ok(&["copy", &format!("{}/a:2", from.host()), &format!("{}/b:2", target.host())]).await;
    assert_eq!(target.count("PATCH", Kind::Upload), other.blobs.len(), "{:?}", target.counts());
}

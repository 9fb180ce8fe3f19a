//! Ways to a registry: proxies that must be used, proxies that are down, mirrors.

use std::net::TcpListener;

use secrecy::SecretString;
use wharf::serve::ServeOptions;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::gateway::{GUEST, Gateway};
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{DockerRegistry, PASSWORD, Setup, USER};
use crate::support::token::pem;
use crate::support::wharf::{Home, Registry, Run};

/// A registry with an image `a:1`, and an empty one.
async fn harbour(home: &Home) -> (Registry, Registry, TestImage) {
    let (from, to) = (Registry::start().await, Registry::start().await);
    let recipe = Recipe::layers(&[60_000, 300]).platforms(&["linux/amd64", "linux/arm64"]);
    let image = recipe.write(&home.path("made"), "1").unwrap();
    image.push(&from.host(), "a", &["1"]).await;
    (from, to, image)
}

/// An address where nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn entry(url: &str, more: &str) -> String {
    format!("- {{name: \"{url}\", url: \"{url}\", {more}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_must_be_used_is_used() {
    let home = Home::new();
    let (from, to, image) = harbour(&home).await;
    for (n, scheme) in ["http", "socks5h"].into_iter().enumerate() {
        let gateway = Gateway::closed(&from.host()).await;
        let proxy = format!("proxy: {{http_proxy: \"{}\"}}", gateway.url(scheme));
        home.config(&format!("registries:\n{}", entry("http://registry.test:5000", &proxy)));
        let target = format!("{}/by{n}:1", to.host());
        let run = home.ok(&["copy", "registry.test:5000/a:1", &target, "-vvv", "--output", "json"]).await;
        image.assert_at(&to.host(), &format!("by{n}"), "1").await;
        let asked = gateway.asked();
        let want = if scheme == "http" {
            "forward http://registry.test:5000/v2/"
        } else {
            "socks registry.test:5000"
        };
        assert!(!asked.is_empty() && asked.iter().all(|asked| asked.starts_with(want)), "{asked:?}");
        assert!(!format!("{run}").contains(GUEST.1), "{run}");
        // The destination has no proxy of its own; and nothing is forwarded of the way in.
        home.ok(&["copy", &target, "registry.test:5000/back:1"]).await;
        image.assert_at(&from.host(), "back", "1").await;
    }
    // This machine's own registries: never by the environment's proxy, but by one that is meant for them.
    let gateway = Gateway::start(&from.host()).await;
    let with_environment = async |args: &[&str]| {
        let mut command = home.command(args);
        command.env("HTTP_PROXY", format!("http://{}", gateway.host()));
        Run::of(args, command.spawn().unwrap()).await
    };
    home.config("");
    let source = format!("{}/a:1", from.host());
    assert_eq!(with_environment(&["inspect", &source]).await.code, Some(0));
    assert_eq!(gateway.asked(), [""; 0]);
    home.config(&format!("registries:\n{}", entry("registry.test:5000", "tls: plain")));
    assert_eq!(with_environment(&["inspect", "registry.test:5000/a:1"]).await.code, Some(0));
    assert!(!gateway.asked().is_empty());
    let before = gateway.asked().len();
    let meant = format!("proxy: {{http_proxy: \"http://{}\"}}", gateway.host());
    home.config(&format!("registries:\n{}", entry(&from.host(), &meant)));
    home.ok(&["inspect", &source]).await;
    assert!(gateway.asked().len() > before);
    // Unless it is not for this host.
    let meant =
        format!("proxy: {{http_proxy: \"http://{}\", no_proxy: \".x.test,registry.test\"}}", gateway.host());
    home.config(&format!("registries:\n{}", entry("http://registry.test:5000", &meant)));
    let before = gateway.asked().len();
    let run = home.run(&["inspect", "registry.test:5000/a:1"]).await;
    assert!(!run.failed(1).0.contains("proxy"), "{run}");
    assert_eq!(gateway.asked().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_down_or_says_no_is_named() {
    let home = Home::new();
    let (from, _, _) = harbour(&home).await;
    let closed = Gateway::closed(&from.host()).await;
    let down = nobody();
    let known =
        |scheme: &str, host: &str| (format!("{scheme}://me:hunter2@{host}"), format!("{scheme}://…@{host}"));
    for ((proxy, shown), url, want) in [
        (known("http", &down), "http://registry.test:5000", "connection refused"),
        (known("http", &down), "https://registry.test:5000", "connection refused"),
        (known("socks5h", &down), "http://registry.test:5000", ""),
        (known("http", &closed.host()), "http://registry.test:5000", "it wants a user name and a password"),
        (known("http", &closed.host()), "https://registry.test:5000", "it wants a user name and a password"),
        (known("socks5h", &closed.host()), "http://registry.test:5000", ""),
    ] {
        let both = format!("proxy: {{http_proxy: \"{proxy}\", https_proxy: \"{proxy}\"}}");
        home.config(&format!("registries:\n{}", entry(url, &both)));
        let run = home.run(&["inspect", "registry.test:5000/a:1", "-vvv", "--output", "json"]).await;
        let (error, hint) = run.failed(1);
        let start = format!("get manifest registry.test:5000/a:1: the proxy {shown}: {want}");
        assert!(error.starts_with(&start) && error.len() > start.len() - want.len(), "{proxy}: {run}");
        assert!(hint.contains("`proxy:`") && hint.contains("HTTPS_PROXY"), "{run}");
        assert_eq!(run.json()["error"]["class"], "network");
        assert!(!format!("{run}").contains("hunter2"), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn tls_goes_through_a_proxy_to_a_registry_with_a_password() {
    let home = Home::new();
    let (from, _, image) = harbour(&home).await;
    let private = tokio::task::spawn_blocking(|| {
        DockerRegistry::with(Setup { tls: true, password: true, ..Setup::default() })
    });
    let private = private.await.unwrap();
    let ca = pem("ca.pem");
    for (n, scheme) in ["http", "socks5h"].into_iter().enumerate() {
        let gateway = Gateway::closed(&private.host()).await;
        let more = format!(
            "username: {USER}, password: {PASSWORD}, tls: {{ca_file: {ca:?}}}, proxy: {{https_proxy: \"{}\"}}",
            gateway.url(scheme)
        );
        home.config(&format!("registries:\n{}", entry("https://registry.test", &more)));
        home.ok(&["copy", &format!("{}/a:1", from.host()), &format!("registry.test/b{n}:1")]).await;
        home.ok(&["copy", &format!("registry.test/b{n}:1"), &format!("{}/back{n}:1", from.host())]).await;
        image.assert_at(&from.host(), &format!("back{n}"), "1").await;
        let asked = gateway.asked();
        let is_meant = |asked: &String| asked.ends_with(" registry.test:443");
        assert!(!asked.is_empty() && asked.iter().all(is_meant), "{asked:?}");
    }
}

/// The log of the last job.
async fn log(home: &Home) -> String {
    let jobs = home.ok(&["history", "-n", "1", "--output", "json"]).await.json();
    let id = jobs.pointer("/jobs/0/id").or(jobs.pointer("/0/id")).unwrap().to_string();
    home.ok(&["history", &id, "--output", "json"]).await.json()["log"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrors_are_read_in_order_and_the_registry_itself_at_last() {
    let home = Home::new();
    let (own, to, image) = harbour(&home).await;
    let (empty, full) = (Registry::start().await, Registry::start().await);
    image.push(&full.host(), "docker/hub/a", &["1"]).await;
    let (own, empty, full) = (
        Proxy::start(&own.host()).await,
        Proxy::start(&empty.host()).await,
        Proxy::start(&full.host()).await,
    );
    let dead = nobody();
    let mirrors = |list: &[&str]| {
        let list: Vec<String> = list.iter().map(|url| format!("\"{url}\"")).collect();
        format!("registries:\n{}", entry(&own.host(), &format!("mirrors: [{}]", list.join(", "))))
    };
    let below = format!("{}/docker/hub", full.host());
    let source = format!("{}/a:1", own.host());
    // Each time to a registry that has nothing yet.
    let copied = async |name: &str| {
        own.forget();
        let to = Registry::start().await;
        home.ok(&["copy", &source, &format!("{}/{name}:1", to.host())]).await;
        image.assert_at(&to.host(), name, "1").await;
        log(&home).await
    };
    // The first that has it; the registry itself is not asked at all.
    home.config(&mirrors(&[&dead, &empty.host(), &below]));
    let said = copied("second").await;
    assert_eq!(own.seen().len(), 0, "{:?}", own.counts());
    assert!(said.contains(&format!("{}/a is read from the mirror {}", own.host(), full.host())), "{said}");
    assert!(said.contains(&format!("the mirror {dead} of {}/a is passed over: ", own.host())), "{said}");
    assert!(said.contains("connection refused") && said.contains("it does not have everything"), "{said}");
    // None has it, or answers.
    home.config(&mirrors(&[&dead, &empty.host()]));
    let said = copied("own").await;
    assert!(!said.contains("is read from the mirror") && own.count("GET", Kind::Blob) > 2, "{said}");
    // A mirror that has the manifests and half of the blobs; one that is out of order.
    let layer = image.blobs.iter().max_by_key(|blob| blob.size).unwrap().digest.to_string();
    home.config(&mirrors(&[&below]));
    full.add(on("GET", Kind::Blob).path(&layer).then(Fault::Status(404)));
    copied("partly").await;
    assert_eq!(own.seen().len(), 1, "the layer alone: {:?}", own.counts());
    full.mend();
    full.add(on("GET", Kind::Blob).path(&layer).then(Fault::Status(503)));
    copied("ailing").await;
    full.mend();
    // One that lies: of a layer, of a configuration's length, of a manifest.
    for (name, rule) in [
        ("flipped", on("GET", Kind::Blob).path(&layer).then(Fault::Flip(20))),
        ("garbled", on("GET", Kind::Blob).then(Fault::Garble)),
        ("shorter", on("GET", Kind::Blob).path(&layer).then(Fault::Shorten(7))),
        ("longer", on("GET", Kind::Blob).path(&layer).then(Fault::Lengthen(7))),
        ("manifest", on("GET", Kind::Manifest).then(Fault::Flip(20))),
        ("cut", on("GET", Kind::Blob).path(&layer).then(Fault::CutResponse(9_000))),
    ] {
        let rule = full.add(rule);
        let said = copied(name).await;
        assert!(rule.happened() > 0, "{name}");
        assert!(name == "cut" || !own.seen().is_empty(), "{name}: {said}");
        if matches!(name, "flipped" | "garbled" | "longer") {
            let lied = format!("the mirror {} sent wrong bytes of {}/a", full.host(), own.host());
            assert!(said.contains(&lied), "{name}: {said}");
        }
        full.mend();
    }
    // A file is as right, and so is what is shown.
    let rule = full.add(on("GET", Kind::Blob).then(Fault::Garble));
    home.ok(&["export", &source, "--platform", "linux/amd64", "-o", "a.tar"]).await;
    let shown = home.ok(&["inspect", &source]).await.stdout;
    assert!(shown.contains(image.root.digest.as_str()) && rule.happened() > 2);
    full.mend();
    // What is written goes to the registry itself, and to it alone.
    full.forget();
    own.forget();
    let other = Recipe::layers(&[9_000]).seed(7).write(&home.path("other"), "2").unwrap();
    other.push(&to.host(), "other", &["2"]).await;
    home.ok(&["copy", &format!("{}/other:2", to.host()), &format!("{}/new:1", own.host())]).await;
    assert!(full.seen().is_empty() && own.count("PUT", Kind::Manifest) > 0, "{:?}", full.counts());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_read_where_it_really_is() {
    let home = Home::new();
    let (_, to, image) = harbour(&home).await;
    let basic_auth = Some(("robot".to_owned(), SecretString::from("hunter2".to_owned())));
    let open = Registry::start().await;
    image.push(&open.host(), "hub/team/a", &["1", "2"]).await;
    image.push(&open.host(), "elsewhere", &["1"]).await;
    // The place has a password of its own.
    let closed =
        Registry::at_with(&open.store(), ServeOptions { basic_auth, ..ServeOptions::default() }).await;
    let there = closed.host();
    home.config(&format!(
        "registries:\n{}{}",
        entry("gone.test", &format!("location: \"http://{there}/hub\"")),
        entry(&there, "username: robot, password: hunter2")
    ));
    home.ok(&["copy", "gone.test/team/a:1", &format!("{}/a:1", to.host())]).await;
    image.assert_at(&to.host(), "a", "1").await;
    assert_eq!(home.ok(&["tags", "gone.test/team/a"]).await.stdout, "1\n2\n");
    assert_eq!(home.ok(&["repos", "gone.test"]).await.stdout, "team/a\n");
    let missing = home.run(&["inspect", "gone.test/team/a:3"]).await;
    assert!(missing.failed(1).0.contains(&format!("{there}/hub/team/a:3")), "{missing}");
    let told = home.ok(&["config", "check"]).await.stdout;
    assert!(told.contains(&format!("http://{there}/hub")), "{told}");
    for (text, want) in [
        ("- {name: a, url: h.io, mirrors: [h.io/x]}", "this is the registry itself"),
        ("- {name: a, url: h.io, mirrors: ['https://u:hunter2@m.io']}", "user name and password"),
        ("- {name: a, url: d, type: local_file, location: m.io}", "only a registry"),
    ] {
        home.config(&format!("registries:\n{text}\n"));
        let run = home.run(&["config", "check"]).await;
        assert!(
            run.code == Some(2) && format!("{run}").contains(want) && !format!("{run}").contains("hunter2"),
            "{run}"
        );
    }
}

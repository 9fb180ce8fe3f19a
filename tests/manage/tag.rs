//! `wharf tag`: new names in place, with a manifest's GET and a PUT for each.

use crate::support::fault::{Kind, Proxy};
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{DockerRegistry, run};
use crate::support::wharf::{Home, Registry};

async fn made(home: &Home, seed: u64) -> TestImage {
    let recipe = Recipe::layers(&[20_000, 500]).seed(seed).platforms(&["linux/amd64", "linux/arm64"]);
    recipe.write(&home.path(&format!("made/{seed}")), "1").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_costs_one_put_and_the_image_stays_byte_for_byte() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let (one, two) = (made(&home, 1).await, made(&home, 2).await);
    one.push(&registry.host(), "team/a", &["1"]).await;
    two.push(&registry.host(), "team/a", &["taken"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    let name = |tag: &str| format!("{}/team/a:{tag}", proxy.host());
    let run = home.ok(&["tag", &name("1"), "stable", "1.0", &name("third")]).await;
    let (get, put) = (proxy.count("GET", Kind::Manifest), proxy.count("PUT", Kind::Manifest));
    assert_eq!((get, put), (1, 3), "{:?}", proxy.counts());
    assert_eq!(proxy.count("POST", Kind::Upload) + proxy.count("GET", Kind::Blob), 0, "{:?}", proxy.counts());
    let lines: Vec<&str> = run.stdout.lines().collect();
    let want = ["stable", "1.0", "third"].map(|tag| format!("{}@{}", name(tag), one.root.digest));
    assert_eq!(lines, want, "{run}");
    for tag in ["1", "stable", "1.0", "third"] {
        one.assert_at(&registry.host(), "team/a", tag).await;
    }
    // What is another image's stays its own, without --force: nothing at all is set then.
    let refused = home.run(&["tag", &name("1"), "new", "taken", "--output", "json"]).await;
    let (error, hint) = refused.failed(1);
    let want = format!("{} is another image: {}, not {}", name("taken"), two.root.digest, one.root.digest);
    assert_eq!(error, want);
    assert!(hint.contains("--force"), "{refused}");
    assert_eq!(refused.json()["error"]["class"], "conflict");
    assert_eq!(registry.tags("team/a").await, ["1", "1.0", "stable", "taken", "third"]);
    // With it, what the tag was is remembered.
    home.ok(&["tag", &name("1"), "taken", "--force"]).await;
    one.assert_at(&registry.host(), "team/a", "taken").await;
    let jobs = home.ok(&["history", "--output", "json"]).await.json();
    let record = home.ok(&["history", &jobs["jobs"][0]["id"].to_string(), "--output", "json"]).await.json();
    let moved = &record["overwritten"][0];
    assert_eq!(moved["tag"], "taken", "{record}");
    assert_eq!(
        (&moved["old"], &moved["new"]),
        (&two.root.digest.as_str().into(), &one.root.digest.as_str().into())
    );
    // Nothing to do is nothing done.
    proxy.forget();
    home.ok(&["tag", &name("1"), "stable"]).await;
    assert_eq!(proxy.count("PUT", Kind::Manifest), 0, "{:?}", proxy.counts());
    let none = home.run(&["tag", &name("none"), "x"]).await;
    assert!(none.failed(1).0.contains("not found"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_repository_of_the_registry_mounts_the_blobs() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = made(&home, 1).await;
    image.push(&registry.host(), "a", &["1"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    let (source, other) = (format!("{}/a:1", proxy.host()), format!("{}/b/c", proxy.host()));
    home.ok(&["tag", &source, "2", &other]).await;
    image.assert_at(&registry.host(), "a", "2").await;
    image.assert_at(&registry.host(), "b/c", "1").await;
    assert_eq!(proxy.count("GET", Kind::Blob), 0, "{:?}", proxy.counts());
    assert_eq!(
        proxy.count("PATCH", Kind::Upload) + proxy.count("PUT", Kind::Upload),
        0,
        "{:?}",
        proxy.counts()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_and_layouts_are_tagged_too_and_what_is_read_only_is_not() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = made(&home, 1).await;
    image.push(&registry.host(), "a", &["1"]).await;
    let source = format!("{}/a:1", registry.host());
    home.ok(&["copy", &source, "store:kept/a:1", "oci:layout:1"]).await;
    home.ok(&["tag", "store:kept/a:1", "2", "store:other:3"]).await;
    home.ok(&["tag", "oci:layout:1", "2"]).await;
    for name in ["store:kept/a:2", "store:other:3", "oci:layout:2"] {
        let shown = home.ok(&["inspect", name, "--output", "json"]).await.json();
        assert_eq!(shown["descriptor"]["digest"], image.root.digest.as_str(), "{name}");
    }
    assert_eq!(home.ok(&["tags", "store:kept/a"]).await.stdout, "1\n2\n");
    home.config(&format!("registries: [{{name: prod, url: \"{}\", read_only: true}}]\n", registry.host()));
    let refused = home.run(&["tag", &source, "x"]).await;
    assert!(refused.failed(2).0.contains("\"prod\" is read_only"), "{refused}");
    assert_eq!(registry.tags("a").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry and skopeo"]
async fn docker_registry_takes_new_tags() {
    let (home, registry) = (Home::new(), DockerRegistry::start());
    let image = made(&home, 1).await;
    image.push(&registry.host(), "a", &["1"]).await;
    let source = format!("{}/a:1", registry.host());
    home.ok(&["tag", &source, "2", &format!("{}/b:1", registry.host())]).await;
    image.assert_at(&registry.host(), "a", "2").await;
    image.assert_at(&registry.host(), "b", "1").await;
    let raw = run(
        "skopeo",
        &["inspect", "--raw", "--tls-verify=false", &format!("docker://{}/a:2", registry.host())],
    );
    assert!(image.root.digest.matches(raw.as_bytes()));
}

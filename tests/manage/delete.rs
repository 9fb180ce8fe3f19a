//! `wharf delete`: a tag alone where that can be, else by digest once it is clear what goes with it.

use std::time::Duration;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{DockerRegistry, run};
use crate::support::pty::Spawn;
use crate::support::wharf::{Home, Registry, names};

fn made(home: &Home, seed: u64) -> TestImage {
    let recipe = Recipe::layers(&[20_000, 500]).seed(seed).platforms(&["linux/amd64", "linux/arm64"]);
    recipe.write(&home.path(&format!("made/{seed}")), "1").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_goes_alone_and_a_digest_takes_its_tags_along_when_that_is_agreed() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let (one, two) = (made(&home, 1), made(&home, 2));
    one.push(&registry.host(), "a", &["1", "stable", "old"]).await;
    two.push(&registry.host(), "a", &["2"]).await;
    let name = |tag: &str| format!("{}/a:{tag}", registry.host());
    let dry = home.ok(&["delete", &name("old"), "--dry-run"]).await;
    let want = format!("{}  {}  the tag; its manifest has 1, stable too\n", name("old"), one.root.digest);
    assert_eq!(dry.stdout, want);
    let done = home.ok(&["delete", &name("old")]).await;
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), (&*format!("deleted {}\n", name("old")), ""));
    assert_eq!(registry.tags("a").await, ["1", "2", "stable"]);
    // Nobody can be asked here.
    let by_digest = format!("{}/a@{}", registry.host(), one.root.digest);
    let refused = home.run(&["delete", &name("1"), "--by-digest", "--output", "json"]).await;
    let (error, hint) = refused.failed(1);
    let want = format!("{}: with the manifest {} go the tags stable", name("1"), one.root.digest);
    assert_eq!((error, hint), (want.as_str(), "--yes deletes them, too"));
    assert_eq!(refused.json()["failed"][0]["class"], "conflict");
    home.run(&["delete", &by_digest]).await.failed(1);
    assert_eq!(registry.tags("a").await, ["1", "2", "stable"]);
    // Both tags of it named: nothing else goes.
    let done = home.ok(&["delete", &name("1"), &name("stable"), "--by-digest"]).await;
    assert_eq!(done.stdout, format!("deleted {by_digest}  with 1, stable\n"), "{done}");
    assert_eq!(registry.tags("a").await, ["2"]);
    two.assert_at(&registry.host(), "a", "2").await;
    // All that can be is done, and the rest is told.
    two.push(&registry.host(), "b", &["1", "2"]).await;
    let (b, none) = (format!("{}/b@{}", registry.host(), two.root.digest), name("none"));
    let run = home.run(&["delete", &none, &name("2"), &b, "--yes", "--output", "json"]).await;
    let told = run.json();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(told["summary"]["deleted"], 2, "{told}");
    assert_eq!(told["failed"][0]["class"], "not-found", "{told}");
    assert_eq!(told["deleted"][1]["tags"], serde_json::json!(["1", "2"]), "{told}");
    assert!(run.stderr.contains("note: 2 deleted, 1 failed"), "{run}");
    assert!(registry.tags("b").await.is_empty() && registry.tags("a").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_did_besides_is_said() {
    let (home, registry) = (Home::new(), Registry::start().await);
    made(&home, 1).push(&registry.host(), "a", &["1", "2", "3"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    let name = |tag: &str| format!("{}/a:{tag}", proxy.host());
    // It deletes the manifest with the tag.
    proxy.add(on("HEAD", Kind::Manifest).path("sha256:").then(Fault::Status(404)));
    proxy.add(on("GET", Kind::Manifest).path("sha256:").then(Fault::Status(404)));
    let run = home.ok(&["delete", &name("1")]).await;
    assert!(run.stderr.contains("with the tag, and with it every other tag"), "{run}");
    // It promises and does nothing.
    proxy.mend();
    proxy.add(on("DELETE", Kind::Manifest).then(Fault::Status(202)));
    let run = home.ok(&["delete", &name("2")]).await;
    assert!(run.stderr.contains(&format!("{} is still there", name("2"))), "{run}");
    // It may not be done.
    proxy.mend();
    proxy.add(on("DELETE", Kind::Manifest).then(Fault::Status(401)));
    assert!(home.run(&["delete", &name("3")]).await.failed(3).0.contains("delete tag"));
    assert_eq!(registry.tags("a").await, ["2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_about_what_goes_along_and_no_is_no() {
    let (home, registry) = (Home::new(), Registry::start().await);
    made(&home, 1).push(&registry.host(), "a", &["1", "stable"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    // As docker-registry answers for a tag.
    proxy.add(on("DELETE", Kind::Manifest).path("manifests/1").then(Fault::Status(405)));
    let name = format!("{}/a:1", proxy.host());
    let limit = Duration::from_secs(30);
    for (answer, left) in [("", vec!["1", "stable"]), ("n", vec!["1", "stable"]), ("yes", vec![])] {
        let mut pty = Spawn::wharf().args(["delete", &name]).size(400, 30).start();
        let question = pty.wait_for("[y/N]", limit);
        assert!(question.contains("go the tags stable"), "{}", question.text());
        pty.send(format!("{answer}\r").as_bytes());
        let ended = pty.wait_exit(limit);
        assert_eq!(ended.success(), left.is_empty(), "{answer:?}: {}", pty.screen().text());
        assert_eq!(registry.tags("a").await, left, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_entries_need_their_name_and_read_only_ones_refuse() {
    let (home, registry) = (Home::new(), Registry::start().await);
    made(&home, 1).push(&registry.host(), "a", &["1"]).await;
    let name = format!("{}/a:1", registry.host());
    let entry = |more: &str| format!("registries: [{{name: prod, url: \"{}\", {more}}}]\n", registry.host());
    home.config(&entry("protected: true"));
    let refused = home.run(&["delete", &name]).await;
    let (error, hint) = refused.failed(2);
    assert!(error.contains("\"prod\" is protected") && hint == "--confirm prod deletes there", "{refused}");
    home.run(&["delete", &name, "--confirm", "test"]).await.failed(2);
    home.ok(&["delete", &name, "--dry-run"]).await;
    home.config(&entry("read_only: true"));
    let refused = home.run(&["delete", &name, "--yes"]).await;
    assert!(refused.failed(2).0.contains("\"prod\" is read_only"), "{refused}");
    assert_eq!(registry.tags("a").await, ["1"]);
    home.config(&entry("protected: true"));
    home.ok(&["delete", &name, "--confirm", "prod"]).await;
    assert!(registry.tags("a").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_and_layouts_give_the_space_back() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let (one, two) = (made(&home, 1), made(&home, 2));
    one.push(&registry.host(), "a", &["1"]).await;
    two.push(&registry.host(), "a", &["2"]).await;
    let source = |tag: &str| format!("{}/a:{tag}", registry.host());
    for tag in ["1", "2"] {
        let (store, layout) = (format!("store:a:{tag}"), format!("oci:layout:{tag}"));
        home.ok(&["copy", &source(tag), &store, &layout]).await;
    }
    home.ok(&["tag", "store:a:1", "also"]).await;
    let run = home.ok(&["delete", "store:a:1"]).await;
    assert_eq!(run.stdout, "deleted store:a:1  0 B freed\n");
    let done = home.ok(&["delete", "store:a:also", "oci:layout:1", "--output", "json"]).await.json();
    // The blobs, two manifests and the index.
    let manifests: u64 = one.manifests.iter().map(|(_, m)| m.size).sum();
    for deleted in done["deleted"].as_array().unwrap() {
        let freed = &deleted["freed"];
        assert_eq!(freed["bytes"], one.blob_bytes() + manifests + one.root.size, "{done}");
        assert_eq!(freed["blobs"], one.blobs.len() + 3, "{done}");
    }
    let layout = home.path("layout/blobs/sha256");
    assert_eq!(names(&layout).len(), two.blobs.len() + 3);
    for kept in ["store:a:2", "oci:layout:2"] {
        home.ok(&["copy", kept, &format!("{}/back:{}", registry.host(), &kept[..3])]).await;
    }
    two.assert_at(&registry.host(), "back", "oci").await;
    home.ok(&["delete", "store:a:2", "oci:layout:2"]).await;
    assert!(names(&layout).is_empty());
    assert_eq!(home.ok(&["repos", "store:"]).await.stdout, "");
    for (name, why) in [("docker-archive:x.tar", "remove the file"), ("store:none:1", "not found")] {
        let run = home.run(&["delete", name]).await;
        assert!(run.failed(1).0.contains(why), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry and skopeo"]
async fn docker_registry_deletes_by_digest_or_says_that_it_does_not() {
    let (home, registry, closed) =
        (Home::new(), DockerRegistry::start(), DockerRegistry::start_without_deletes());
    let (one, two) = (made(&home, 1), made(&home, 2));
    one.push(&registry.host(), "a", &["1", "stable"]).await;
    two.push(&registry.host(), "a", &["2"]).await;
    let name = |tag: &str| format!("{}/a:{tag}", registry.host());
    let refused = home.run(&["delete", &name("1")]).await;
    assert!(refused.failed(1).0.ends_with("go the tags stable"), "{refused}");
    assert!(refused.stderr.contains("a tag cannot be deleted alone there"), "{refused}");
    one.assert_at(&registry.host(), "a", "1").await;
    let done = home.ok(&["delete", &name("1"), "--yes"]).await;
    assert!(done.stdout.ends_with("with 1, stable\n"), "{done}");
    let left =
        run("skopeo", &["list-tags", "--tls-verify=false", &format!("docker://{}/a", registry.host())]);
    assert!(left.contains("\"2\"") && !left.contains("stable"), "{left}");
    // Its only tag needs no question.
    home.ok(&["delete", &name("2")]).await;
    one.push(&closed.host(), "a", &["1"]).await;
    let refused = home.run(&["delete", &format!("{}/a:1", closed.host())]).await;
    let (error, hint) = refused.failed(1);
    assert!(error.contains("the registry does not delete manifests: ") && error.contains("405"), "{refused}");
    assert!(hint.contains("REGISTRY_STORAGE_DELETE_ENABLED"), "{refused}");
    one.assert_at(&closed.host(), "a", "1").await;
}

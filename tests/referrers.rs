//! `--referrers`, `--digest-tags`, `--all-tags`, `--all-repos`: what travels beside an image, and all of a place.

use serde_json::{Value, json};

use crate::support::artifact::{INDEX, SIGNATURE, Shelf, descriptor, digest, digests};
use crate::support::fault::{Fault, Kind, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::pair::Pair as Quay;
use crate::support::wharf::Run;

/// An image with signatures in all the usual places.
struct Signed {
    image: TestImage,
    root: Value,
    one: Value,
    /// On the index, on one platform, and on that one.
    signatures: [Value; 3],
    /// cosign's tag, and what is there.
    tag: (String, Value),
}

impl Quay {
    async fn signed(&self, repository: &str) -> Signed {
        let recipe = Recipe::layers(&[30_000]).platforms(&["linux/amd64", "linux/arm64", "linux/arm/v7"]);
        let image = self.image(&recipe, repository, &["1"]).await;
        let shelf = Shelf::at(&self.from.host(), repository);
        let of = |digest, kind: &str| descriptor(kind, &image.bytes(digest));
        let root = of(&image.root.digest, &image.root.media_type);
        let one = of(&image.manifests[0].1.digest, &image.manifests[0].1.media_type);
        let on_root = shelf.sign(&root, "of the index").await;
        let sbom = shelf.artifact("application/vnd.example.sbom", "an sbom", Some(&one), None).await;
        let on_sbom = shelf.sign(&sbom, "of the sbom").await;
        let tag = shelf.cosign(digest(&root), ".sig").await;
        Signed { image, root, one, signatures: [on_root, sbom, on_sbom], tag }
    }
}

/// Checks that all of it is there, byte for byte, and listed.
async fn assert_all_at(signed: &Signed, from: &Shelf, to: &Shelf) {
    let [on_root, sbom, on_sbom] = &signed.signatures;
    for one in [on_root, sbom, on_sbom] {
        assert!(
            to.get(digest(one)).await.is_some_and(|bytes| digest(&descriptor("", &bytes)) == digest(one))
        );
    }
    assert_eq!(to.referrers(digest(&signed.root)).await, [digest(on_root)]);
    assert_eq!(to.referrers(digest(&signed.one)).await, [digest(sbom)]);
    assert_eq!(to.referrers(digest(sbom)).await, [digest(on_sbom)]);
    assert!(from.get(&signed.tag.0).await == to.get(&signed.tag.0).await);
}

fn notes(run: &Run, part: &str) -> usize {
    run.stderr.lines().filter(|line| line.starts_with("note: ") && line.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_and_theirs_travel_behind_the_image_and_only_what_lacks_is_sent() {
    let quay = Quay::new().await;
    let signed = quay.signed("a").await;
    let (from, to) = (Shelf::at(&quay.from.host(), "a"), Shelf::at(&quay.to.host(), "b"));
    let (source, target) = (quay.source("a:1"), quay.target("b:1"));
    // Not unless asked for.
    quay.home.ok(&["copy", &source, &target]).await;
    assert_eq!(to.referrers(digest(&signed.root)).await, [""; 0]);
    assert_eq!(quay.to.tags("b").await, ["1"]);
    // The image is there: nothing of it is asked about, and all beside it arrives.
    quay.target.forget();
    let args = ["copy", &source, &target, "--referrers", "--digest-tags"];
    let run = quay.home.ok(&[&args[..], &["--output", "json"]].concat()).await;
    let report = &run.json()["jobs"][0]["report"];
    assert_eq!(
        (&report["referrers"], &report["outputs"][0]["up_to_date"]),
        (&json!(4), &json!(false)),
        "{run}"
    );
    assert_all_at(&signed, &from, &to).await;
    signed.image.assert_at(&quay.to.host(), "b", "1").await;
    let seen = quay.target.seen();
    let touches = |digest: &str| {
        seen.iter().any(|s| s.method != "HEAD" && s.kind != Kind::Referrers && s.uri.contains(digest))
    };
    assert!(!signed.image.blobs.iter().any(|blob| touches(blob.digest.as_str())), "{seen:?}");
    assert_eq!(quay.target.count("PUT", Kind::Manifest), 4, "{seen:?}");
    assert_eq!(notes(&run, "4 referrers travel along"), 1, "{run}");
    // Nothing lacks any more.
    quay.target.forget();
    let run = quay.home.ok(&[&args[..], &["--output", "json"]].concat()).await;
    assert_eq!(run.json()["jobs"][0]["report"]["outputs"][0]["up_to_date"], true, "{run}");
    assert!(quay.target.seen().iter().all(|seen| matches!(seen.method.as_str(), "GET" | "HEAD")));
    // One more signature, and one more is sent.
    let more = from.sign(&signed.one, "of one, later").await;
    quay.target.forget();
    quay.home.ok(&args).await;
    assert_eq!((quay.target.count("PUT", Kind::Manifest), quay.target.count("PUT", Kind::Upload)), (1, 1));
    assert!(to.referrers(digest(&signed.one)).await.contains(&digest(&more).to_owned()));
    // To a place that has nothing, in one go.
    quay.home.ok(&["copy", &source, &quay.target("c:1"), "--referrers", "--digest-tags"]).await;
    let new = Shelf::at(&quay.to.host(), "c");
    assert_eq!(new.referrers(digest(&signed.one)).await.len(), 2);
    assert!(new.get(&signed.tag.0).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_without_the_referrers_api_keep_lists_at_tags() {
    let quay = Quay::new().await;
    for proxy in [&quay.source, &quay.target] {
        proxy.add(on("GET", Kind::Referrers).then(Fault::Status(404)));
        proxy.add(on("PUT", Kind::Manifest).then(Fault::StripHeader("oci-subject")));
    }
    let signed = quay.signed("a").await;
    let [on_root, sbom, on_sbom] = &signed.signatures;
    let (from, to) = (Shelf::at(&quay.from.host(), "a"), Shelf::at(&quay.to.host(), "b"));
    let list = |of: &Value| digest(of).replace(':', "-");
    for (subject, entry) in [(&signed.root, on_root), (&signed.one, sbom), (sbom, on_sbom)] {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        from.document(&index, Some(&list(subject))).await;
    }
    // The target lists another signature already.
    quay.home.ok(&["copy", &quay.source("a:1"), &quay.target("b:1")]).await;
    let other = to.sign(&signed.root, "somebody else's").await;
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "x-own": 1, "manifests": [other]});
    to.document(&index, Some(&list(&signed.root))).await;
    let args = ["copy", &quay.source("a:1"), &quay.target("b:1"), "--referrers"];
    quay.home.ok(&args).await;
    let listed = to.json(&list(&signed.root)).await;
    let mut both = [digest(&other), digest(on_root)];
    both.sort_unstable();
    assert_eq!(digests(&listed), both);
    assert_eq!(listed["x-own"], 1, "{listed}");
    let new = listed["manifests"].as_array().unwrap().iter().find(|m| digest(m) == digest(on_root)).unwrap();
    assert_eq!((&new["artifactType"], &new["annotations"]["a"]), (&json!(SIGNATURE), &json!("of the index")));
    assert_eq!(digests(&to.json(&list(&signed.one)).await), [digest(sbom)]);
    assert_eq!(digests(&to.json(&list(sbom)).await), [digest(on_sbom)]);
    quay.target.forget();
    quay.home.ok(&args).await;
    assert_eq!(quay.target.count("PUT", Kind::Manifest), 0);
    // Two tags of one image at once do not undo each other's lists.
    quay.home.ok(&["copy", &quay.source("a:1"), &quay.source("a:2")]).await;
    from.sign(&signed.one, "not listed by anybody").await;
    quay.home.ok(&["copy", "--all-tags", &quay.source("a"), &quay.target("c"), "--referrers"]).await;
    let all = Shelf::at(&quay.to.host(), "c");
    assert_eq!(digests(&all.json(&list(&signed.root)).await), [digest(on_root)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn layouts_and_the_store_keep_referrers_and_give_them_back() {
    let quay = Quay::new().await;
    let signed = quay.signed("a").await;
    let (from, layout) = (Shelf::at(&quay.from.host(), "a"), quay.home.text("layout"));
    let with = ["--referrers", "--digest-tags"];
    let copy = async |source: &str, target: &str| {
        quay.home.ok(&[&["copy", source, target], &with[..]].concat()).await
    };
    copy(&quay.source("a:1"), "store:kept:1").await;
    copy("store:kept:1", &format!("oci:{layout}")).await;
    // The signatures are beside the image, which can still be named by the directory alone.
    copy(&format!("oci:{layout}"), &quay.target("b:1")).await;
    assert_all_at(&signed, &from, &Shelf::at(&quay.to.host(), "b")).await;
    signed.image.assert_at(&quay.to.host(), "b", "1").await;
    let again = quay
        .home
        .ok(&["copy", "store:kept:1", &format!("oci:{layout}"), "--referrers", "--output", "json"])
        .await;
    assert_eq!(again.json()["jobs"][0]["report"]["outputs"][0]["up_to_date"], true, "{again}");
    // A docker-archive has no place for them.
    let run = quay
        .home
        .ok(&["copy", "store:kept:1", "docker-archive:a.tar:a:1", "--referrers", "--platform", "amd64"])
        .await;
    assert_eq!(notes(&run, "what Docker loads has no place for them"), 1, "{run}");
    let both = [
        "copy",
        "store:kept:1",
        "docker-archive:b.tar:a:1",
        "store:other:1",
        "--referrers",
        "--platform",
        "amd64",
    ];
    let run = quay.home.run(&both).await;
    assert!(run.failed(1).0.contains("no place for them"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_subset_only_what_speaks_of_it_travels() {
    let quay = Quay::new().await;
    let signed = quay.signed("a").await;
    let [on_root, sbom, on_sbom] = &signed.signatures;
    let to = Shelf::at(&quay.to.host(), "b");
    let args =
        ["copy", &quay.source("a:1"), &quay.target("b:1"), "--referrers", "--digest-tags", "--platform"];
    let run = quay.home.ok(&[&args[..], &["amd64,arm64"]].concat()).await;
    // One by the API and cosign's.
    assert_eq!(notes(&run, "2 referrers of sha256:"), 1, "{run}");
    assert!(to.get(digest(on_root)).await.is_none() && to.get(&signed.tag.0).await.is_none());
    assert_eq!(to.referrers(digest(&signed.one)).await, [digest(sbom)]);
    assert_eq!(to.referrers(digest(sbom)).await, [digest(on_sbom)]);
    // So it is for another format, which changes every digest.
    let run = quay
        .home
        .ok(&["copy", &quay.source("a:1"), &quay.target("c:1"), "--referrers", "--format", "docker"])
        .await;
    assert_eq!(notes(&run, " behind: what arrives"), 2, "{run}");
    assert_eq!(quay.to.tags("c").await, ["1"]);
    // Of another platform there is nothing.
    let run = quay
        .home
        .ok(&["copy", &quay.source("a:1"), &quay.target("d:1"), "--referrers", "--platform", "arm/v7"])
        .await;
    assert_eq!((notes(&run, "travel along"), notes(&run, "1 referrer of")), (0, 1), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_of_referrers_and_a_list_that_lies_is_told_of() {
    let quay = Quay::new().await;
    let signed = quay.signed("a").await;
    let args =
        ["copy", &quay.source("a:1"), &quay.target("b:1"), "--referrers", "--digest-tags", "--dry-run"];
    let run = quay.home.ok(&args).await;
    assert!(run.stdout.contains("referrers   4 to send, 0 present"), "{run}");
    assert!(run.stdout.contains(&format!("{}  new", signed.tag.0)), "{run}");
    let plan = quay.home.ok(&[&args[..], &["--output", "json"]].concat()).await.json();
    assert_eq!(plan["referrers"].as_array().unwrap().len(), 4, "{plan}");
    assert_eq!(plan["destinations"][0]["referrers"], json!(["absent", "absent", "absent", "absent"]));
    assert!(quay.to.tags("b").await.is_empty());
    // A list that names what is not there, and what refers to something else.
    quay.source.add(on("GET", Kind::Referrers).then(Fault::Status(404)));
    let shelf = Shelf::at(&quay.from.host(), "a");
    let index = |entries: Value| json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    let gone = shelf.sign(&signed.root, "gone").await;
    let tag = digest(&signed.root).replace(':', "-");
    shelf.document(&index(json!([gone, signed.signatures[1], signed.signatures[0]])), Some(&tag)).await;
    let url = format!("http://{}/v2/a/manifests/{}", quay.from.host(), digest(&gone));
    assert_eq!(crate::support::image::client().delete(url).send().await.unwrap().status(), 202);
    let run = quay.home.ok(&["copy", &quay.source("a:1"), &quay.target("c:1"), "--referrers"]).await;
    assert_eq!((notes(&run, "and is not there"), notes(&run, "does not refer to it")), (1, 1), "{run}");
    assert_eq!(
        Shelf::at(&quay.to.host(), "c").referrers(digest(&signed.root)).await,
        [digest(&signed.signatures[0])]
    );
    // One that is all lies is told of in few words.
    let mut many = Vec::new();
    for at in 0..9 {
        many.push(shelf.sign(&signed.root, &format!("gone {at}")).await);
    }
    shelf.document(&index(json!(many)), Some(&tag)).await;
    for one in &many {
        let url = format!("http://{}/v2/a/manifests/{}", quay.from.host(), digest(one));
        assert_eq!(crate::support::image::client().delete(url).send().await.unwrap().status(), 202);
    }
    let run = quay.home.ok(&["copy", &quay.source("a:1"), &quay.target("d:1"), "--referrers"]).await;
    assert_eq!((notes(&run, "and is not there"), notes(&run, "3 more listed referrers")), (6, 1), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cosign_tag_that_moves_is_told_and_remembered() {
    let quay = Quay::new().await;
    let signed = quay.signed("a").await;
    let to = Shelf::at(&quay.to.host(), "b");
    let old = to.artifact("application/x.old", "an older signature", None, Some(&signed.tag.0)).await;
    let args = ["copy", &quay.source("a:1"), &quay.target("b:1"), "--digest-tags", "--output", "json"];
    let run = quay.home.ok(&args).await;
    let overwritten = &run.json()["jobs"][0]["report"]["outputs"][0]["overwritten"];
    assert_eq!(*overwritten, json!([[signed.tag.0, digest(&old)]]), "{run}");
    assert_eq!(to.referrers(digest(&signed.root)).await, [""; 0], "only cosign's were asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tags_of_a_repository_and_all_repositories_of_a_place() {
    let quay = Quay::new().await;
    let signed = quay.signed("team/a").await;
    let more = quay.image(&Recipe::layers(&[9_000]).seed(7), "team/a", &["2", "stable"]).await;
    let other = quay.image(&Recipe::layers(&[8_000]).seed(8), "other/b", &["1"]).await;
    let hosts = (quay.from.host(), quay.to.host());
    // Tags that speak of other images stay behind, and that is said.
    let line = ["copy", "--all-tags", &quay.source("team/a"), &quay.target("x"), "store:y"];
    let dry = quay.home.ok(&[&line[..], &["--dry-run"]].concat()).await;
    assert!(dry.stdout.contains("images         3") && quay.to.tags("x").await.is_empty(), "{dry}");
    let run = quay.home.ok(&line).await;
    assert_eq!(notes(&run, "1 tag sha256-…, which speaks of other images"), 1, "{run}");
    assert_eq!(quay.to.tags("x").await, ["1", "2", "stable"]);
    signed.image.assert_at(&hosts.1, "x", "1").await;
    more.assert_at(&hosts.1, "x", "stable").await;
    quay.home.ok(&["copy", "--all-tags", "store:y", &quay.target("from-store")]).await;
    more.assert_at(&hosts.1, "from-store", "2").await;
    quay.home.ok(&["copy", "--all-tags", "store:y", "oci:layout"]).await;
    quay.home.ok(&["copy", "oci:layout:stable", &quay.target("from-layout:1")]).await;
    more.assert_at(&hosts.1, "from-layout", "1").await;
    quay.home.ok(&["copy", "--all-tags", &quay.source("team/a"), &quay.target("z"), "--digest-tags"]).await;
    assert_eq!(quay.to.tags("z").await, ["1", "2", &signed.tag.0, "stable"]);
    // Everything, and what is below a path; names stay.
    quay.home.ok(&["copy", "--all-repos", &quay.source.host(), &quay.target("mirror"), "--referrers"]).await;
    signed.image.assert_at(&hosts.1, "mirror/team/a", "1").await;
    other.assert_at(&hosts.1, "mirror/other/b", "1").await;
    assert_eq!(Shelf::at(&hosts.1, "mirror/team/a").referrers(digest(&signed.root)).await.len(), 1);
    let below = [&quay.source("other"), "store:part"];
    quay.home.ok(&["copy", "--all-repos", below[0], below[1]]).await;
    assert_eq!(quay.home.ok(&["repos", "store:"]).await.stdout, "part/other/b\ny\n");
    // The same again does nothing.
    let run = quay.home.ok(&["copy", "--all-repos", &quay.source.host(), &quay.target("mirror")]).await;
    assert!(run.stderr.contains("4 images: 4 up to date"), "{run}");
    let run = quay.home.run(&["copy", "--all-tags", &quay.source("no/such"), &quay.target("x")]).await;
    assert!(run.failed(1).0.contains("no/such"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_images_takes_its_referrers_along_and_an_interrupted_job_keeps_its_wishes() {
    let quay = Quay::new().await;
    let signed = quay.signed("a").await;
    std::fs::write(quay.home.path("list"), format!("{}\n", quay.source("a:1"))).unwrap();
    quay.home.ok(&["sync", "list", "--to", &quay.target("m"), "--referrers", "--digest-tags"]).await;
    let to = Shelf::at(&quay.to.host(), "m/a");
    assert_all_at(&signed, &Shelf::at(&quay.from.host(), "a"), &to).await;
    let record = quay.home.ok(&["history", "1", "--output", "json"]).await.stdout;
    assert!(
        record.replace(' ', "").contains(r#""extras":{"referrers":true,"digest_tags":true}"#),
        "{record}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn docker_registry_has_no_referrers_api_and_gets_lists() {
    use crate::support::peers::DockerRegistry;

    let start = || tokio::task::spawn_blocking(DockerRegistry::start);
    let (quay, to) = (Quay::new().await, start().await.unwrap());
    let signed = quay.signed("a").await;
    let [on_root, sbom, on_sbom] = &signed.signatures;
    let target = format!("{}/b:1", to.host());
    let args = ["copy", &quay.source("a:1"), &target, "--referrers", "--digest-tags"];
    quay.home.ok(&args).await;
    let shelf = Shelf::at(&to.host(), "b");
    let list = |of: &Value| digest(of).replace(':', "-");
    for (subject, entry) in [(&signed.root, on_root), (&signed.one, sbom), (sbom, on_sbom)] {
        assert_eq!(digests(&shelf.json(&list(subject)).await), [digest(entry)]);
    }
    assert!(shelf.get(&signed.tag.0).await.is_some());
    let run = quay.home.ok(&[&args[..], &["--output", "json"]].concat()).await;
    assert_eq!(run.json()["jobs"][0]["report"]["outputs"][0]["up_to_date"], true, "{run}");
    // And from its lists back to one that has the API.
    quay.home.ok(&["copy", &target, &quay.target("back:1"), "--referrers", "--digest-tags"]).await;
    assert_all_at(&signed, &Shelf::at(&quay.from.host(), "a"), &Shelf::at(&quay.to.host(), "back")).await;
}

//! `wharf sync`: a list of images as one batch.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::Recipe;
use crate::support::pair::Pair as Fleet;
use crate::support::wharf::Run;

impl Fleet {
    /// Writes a list of lines, `@/` standing for the source.
    fn list(&self, lines: &str) -> String {
        let text = lines.replace("@/", &format!("{}/", self.source.host()));
        std::fs::write(self.home.path("list"), text).unwrap();
        "list".to_owned()
    }
}

/// Uploads at a proxy by the digest that they were committed under: how many times each was sent whole.
fn puts(proxy: &Proxy) -> BTreeMap<String, usize> {
    let mut puts = BTreeMap::new();
    for seen in proxy.seen().iter().filter(|seen| seen.method == "PUT" && seen.kind == Kind::Upload) {
        let digest = seen.uri.split("digest=").nth(1).unwrap().split('&').next().unwrap();
        *puts.entry(digest.replace("%3A", ":")).or_default() += 1;
    }
    puts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_one_batch_and_a_second_run_finds_everything_there() {
    let fleet = Fleet::new().await;
    let index = Recipe::layers(&[30_000]).platforms(&["linux/amd64", "linux/arm64"]);
    let one = fleet.image(&index, "library/one", &["1"]).await;
    let two = fleet.image(&Recipe::layers(&[20_000]).seed(2), "team/two", &["1"]).await;
    let by_digest = format!("@/team/two@{}", two.root.digest);
    let list = fleet.list(&format!(
        "\u{feff}# what we need\r\n@/library/one:1\r\n\r\ndocker://@/team/two:1 # two\r\n@/library/one:1\r\n{by_digest}\r\n"
    ));
    let prefix = format!("{}/mirror", fleet.target.host());
    let run = fleet.home.ok(&["sync", &list, "--to", &prefix]).await;
    one.assert_at(&fleet.to.host(), "mirror/library/one", "1").await;
    two.assert_at(&fleet.to.host(), "mirror/team/two", "1").await;
    two.assert_at(&fleet.to.host(), "mirror/team/two", two.root.digest.as_str()).await;
    assert_eq!(run.stdout.lines().next().unwrap(), format!("{prefix}/library/one:1@{}", one.root.digest));
    assert!(run.stderr.contains("note: list: line 5 repeats an image that stands above"), "{run}");
    assert!(run.stderr.contains("note: 3 images: 3 copied; "), "{run}");
    fleet.forget();
    let run = fleet.home.ok(&["sync", &list, "--to", &prefix, "--output", "json"]).await;
    assert_eq!((fleet.source.seen().len(), fleet.target.seen().len()), (3, 3));
    let summary = &run.json()["summary"];
    assert_eq!(
        (&summary["jobs"], &summary["up_to_date"], &summary["wire"]),
        (&3.into(), &3.into(), &0.into())
    );
    // Into the store, one platform, the list on standard input, the place from the configuration.
    fleet.home.config("target: kept\nregistries:\n- {name: kept, type: store}\n");
    let args = ["sync", "-", "--platform", "arm64"];
    let mut child = fleet.home.command(&args).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let line = format!("{}/library/one:1", fleet.source.host());
    child.stdin.take().unwrap().write_all(line.as_bytes()).await.unwrap();
    let run = Run::of(&args, child).await;
    assert_eq!(run.stdout, format!("store:library/one:1@{}\n", one.manifests[1].1.digest), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_until_the_list_is_right() {
    let fleet = Fleet::new().await;
    fleet.image(&Recipe::layers(&[9_000]), "a", &["1"]).await;
    let list = fleet.list("@/a:1\nUPPER\nother.example/a:1\n  b c\n");
    let args = ["sync", &list, "--to", &fleet.target.host()];
    let run = fleet.home.run(&args).await;
    assert_eq!(run.code, Some(2), "{run}");
    let errors = run.errors();
    assert_eq!(errors.len(), 3, "{run}");
    assert!(errors[0].starts_with("list:2:1: \"UPPER\""), "{run}");
    let both = format!("list:3:1: other.example/a:1 would land on {}/a:1, and so does ", fleet.target.host());
    assert!(errors[1].starts_with(&both) && errors[1].ends_with("/a:1 of line 1"), "{run}");
    assert!(errors[2].starts_with("list:4:3: one reference a line"), "{run}");
    let run = fleet.home.run(&[&args[..], &["--output", "json"]].concat()).await;
    assert_eq!(run.json()["error"]["faults"][1]["line"], 3, "{run}");
    assert!(fleet.source.seen().is_empty() && fleet.target.seen().is_empty());
    assert!(fleet.home.ok(&["history"]).await.stdout.is_empty(), "no job was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_does_not_stop_the_others_and_the_same_failures_are_told_once() {
    let fleet = Fleet::new().await;
    let image = fleet.image(&Recipe::layers(&[9_000]), "good", &["1"]).await;
    fleet.target.add(on("POST", Kind::Upload).path("/sealed/").then(Fault::Status(403)));
    fleet.image(&Recipe::layers(&[8_000]).seed(2), "sealed", &["1"]).await;
    let list = fleet.list("@/none:1\n@/gone:1\n@/good:1\n@/sealed:1\n");
    let args = ["sync", &list, "--to", &fleet.target.host()];
    let run = fleet.home.run(&args).await;
    assert_eq!(run.code, Some(1), "{run}");
    image.assert_at(&fleet.to.host(), "good", "1").await;
    assert_eq!(run.stdout, format!("{}/good:1@{}\n", fleet.target.host(), image.root.digest));
    let errors = run.errors();
    assert_eq!(errors.len(), 2, "{run}");
    let source = fleet.source.host();
    assert!(errors[0].starts_with(&format!("get manifest {source}/none:1: 404 ")), "{run}");
    let others =
        format!("\n    the same of 1 more image:\n    {source}/gone:1\nhint: `wharf tags {source}/none`");
    assert!(run.stderr.contains(&others), "{run}");
    assert!(errors[1].contains("/sealed") && errors[1].contains("403 DENIED"), "{run}");
    assert!(run.stderr.contains("note: 4 images: 1 copied, 3 failed; "), "{run}");
    let run = fleet.home.run(&[&args[..], &["--output", "json"]].concat()).await;
    let json = run.json();
    let states: Vec<_> =
        json["jobs"].as_array().unwrap().iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["failed", "failed", "succeeded", "failed"]);
    assert_eq!(json["summary"]["up_to_date"], 1, "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_one_plan_of_all_images() {
    let fleet = Fleet::new().await;
    let recipe = |seed| Recipe::layers(&[20_000]).shared(&[90_000]).seed(seed);
    let (one, two) =
        (fleet.image(&recipe(1), "one", &["1"]).await, fleet.image(&recipe(2), "two", &["1"]).await);
    let three = fleet.image(&recipe(3), "three", &["1"]).await;
    three.push(&fleet.to.host(), "three", &["1"]).await;
    let list = fleet.list("@/one:1\n@/two:1\n@/three:1\n@/none:1\n");
    let args = ["sync", &list, "--to", &fleet.target.host(), "--dry-run"];
    let run = fleet.home.run(&[&args[..], &["--output", "json"]].concat()).await;
    assert_eq!(run.code, Some(1), "{run}");
    let json = run.json();
    let blobs = [&one, &two].into_iter().flat_map(|image| &image.blobs);
    let unique: BTreeMap<_, u64> = blobs.map(|blob| (blob.digest.to_string(), blob.size)).collect();
    assert_eq!(json["totals"]["images"], 4, "{run}");
    assert_eq!((&json["totals"]["up_to_date"], &json["totals"]["failed"]), (&1.into(), &1.into()), "{run}");
    assert_eq!(json["totals"]["blobs_to_send"], unique.len(), "{run}");
    let bytes: u64 = unique.values().sum();
    assert_eq!(json["totals"]["bytes_to_send"], bytes, "{run}");
    assert_eq!(json["plans"].as_array().unwrap().len(), 3, "{run}");
    assert_eq!(json["failures"][0]["failure"]["class"], "not-found", "{run}");
    let run = fleet.home.run(&args).await;
    assert!(run.stdout.contains(&format!("to send        {} blobs", unique.len())), "{run}");
    assert!(fleet.target.seen().iter().all(|seen| matches!(seen.method.as_str(), "HEAD" | "GET")));
    assert!(fleet.to.tags("one").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_images_on_five_bases_upload_each_blob_once() {
    let fleet = Fleet::new().await;
    let (mut lines, mut images) = (String::new(), Vec::new());
    for n in 0..50 {
        // Five base layers below all of them, and one of its own.
        let bases = [40_000, 30_000, 20_000, 10_000, 5_000];
        let recipe = Recipe::layers(&[2_000]).shared(&bases).seed(n);
        let name = format!("team{}/image{n}", n % 3);
        images.push((fleet.image(&recipe, &name, &["1"]).await, name.clone()));
        lines += &format!("@/{name}:1\n");
    }
    let list = fleet.list(&lines);
    fleet.home.ok(&["sync", &list, "--to", &fleet.target.host()]).await;
    let unique: HashSet<_> = images.iter().flat_map(|(image, _)| &image.blobs).map(|b| &b.digest).collect();
    // Fifty configurations and layers, and the five bases.
    assert_eq!(unique.len(), 105);
    let puts = puts(&fleet.target);
    assert!(puts.values().all(|times| *times == 1), "{puts:?}");
    assert_eq!(puts.len(), unique.len());
    assert_eq!(fleet.source.count("GET", Kind::Blob), unique.len(), "each is read once, too");
    for (image, name) in &images {
        image.assert_at(&fleet.to.host(), name, "1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_references_are_quick() {
    let fleet = Fleet::new().await;
    let image = fleet.image(&Recipe::layers(&[3_000]), "a", &["1"]).await;
    let mut lines = String::new();
    for n in 0..200 {
        let tag = format!("v{n}");
        image.push(&fleet.from.host(), &format!("a/{}", n % 20), &[&tag]).await;
        lines += &format!("@/a/{}:{tag}\n", n % 20);
    }
    let list = fleet.list(&lines);
    let began = Instant::now();
    let run = fleet.home.ok(&["sync", &list, "--to", &fleet.target.host()]).await;
    let took = began.elapsed();
    assert_eq!(run.stdout.lines().count(), 200);
    // A debug build on a busy machine; what is quadratic would take minutes.
    assert!(took < Duration::from_secs(20), "{took:?}");
    println!("200 references in {took:?}, {:?}", fleet.target.counts());
}

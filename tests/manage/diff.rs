//! `wharf diff`: what two images differ in, wherever they are.

use serde_json::Value;

use crate::support::fault::{Kind, Proxy};
use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::{Home, Registry, Run};

const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

fn made(home: &Home, seed: u64, platforms: &[&str]) -> TestImage {
    let recipe = Recipe::layers(&[20_000]).shared(&[9_000]).seed(seed).platforms(platforms);
    recipe.write(&home.path(&format!("made/{seed}/{}", platforms.len())), "1").unwrap()
}

async fn json(home: &Home, args: &[&str]) -> (Run, Value) {
    let run = home.run(&[&["diff"], args, &["--output", "json"]].concat()).await;
    let value = run.json();
    (run, value)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_told_and_is_exit_code_one() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let (one, two, less) =
        (made(&home, 1, &PLATFORMS), made(&home, 2, &PLATFORMS), made(&home, 1, &PLATFORMS[..1]));
    for (image, tag) in [(&one, "1"), (&one, "same"), (&two, "2"), (&less, "less")] {
        image.push(&registry.host(), "a", &[tag]).await;
    }
    let name = |tag: &str| format!("{}/a:{tag}", registry.host());
    let same = home.ok(&["diff", &name("1"), &name("same")]).await;
    assert!(same.stdout.starts_with(&format!("the same  {}  ", one.root.digest)), "{same}");
    let (run, diff) = json(&home, &[&name("1"), &name("2")]).await;
    assert_eq!((run.code, &diff["same"]), (Some(1), &Value::Bool(false)), "{run}");
    let platforms = diff["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2, "{diff}");
    for platform in platforms {
        let layers = &platform["layers"];
        let count = |key: &str| layers[key].as_array().unwrap().len();
        assert_eq!((count("common"), count("only_a"), count("only_b"), count("recompressed")), (1, 1, 1, 0));
    }
    assert_eq!(diff["size_a"].as_u64(), Some(one.blob_bytes()), "{diff}");
    // A platform that only one has; the other is the same manifest, whatever stands around it.
    let (run, diff) = json(&home, &[&name("1"), &name("less")]).await;
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(diff["only_a"][0]["platform"], "linux/arm64", "{diff}");
    assert_eq!(
        (&diff["platforms"][0]["platform"], &diff["platforms"][0]["same"]),
        (&"linux/amd64".into(), &true.into())
    );
    home.ok(&["diff", &name("1"), &name("less"), "--platform", "linux/amd64"]).await;
    let run = home.run(&["diff", &name("1"), &name("less"), "--platform", "s390x"]).await;
    assert!(run.failed(1).0.contains("no linux/s390x"), "{run}");
    let run = home.run(&["diff", &name("1"), &name("none")]).await;
    assert!(run.failed(1).0.contains("MANIFEST_UNKNOWN"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_two_places_can_be_compared_and_what_is_the_same_is_not_read() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = made(&home, 1, &PLATFORMS);
    image.push(&registry.host(), "a", &["1"]).await;
    let proxy = Proxy::start(&registry.host()).await;
    let source = format!("{}/a:1", proxy.host());
    home.ok(&["copy", &source, "store:a:1", "oci:layout:1"]).await;
    home.ok(&["export", &source, "-o", "one.tar", "--platform", "linux/amd64"]).await;
    proxy.forget();
    for other in ["store:a:1", "oci:layout:1"] {
        home.ok(&["diff", &source, other]).await;
    }
    assert_eq!(proxy.count("GET", Kind::Blob), 0, "{:?}", proxy.counts());
    home.ok(&["diff", &source, "docker-archive:one.tar", "--platform", "linux/amd64"]).await;
    let (run, diff) = json(&home, &["docker-archive:one.tar", &source]).await;
    assert_eq!((run.code, &diff["only_b"][0]["platform"]), (Some(1), &"linux/arm64".into()), "{run}");
    let shown = home.run(&["diff", "docker-archive:one.tar", &source]).await;
    assert!(
        shown.stdout.contains("\n+ linux/arm64  ") && shown.stdout.contains("\n= linux/amd64  "),
        "{shown}"
    );
}

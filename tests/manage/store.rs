//! The local image store: in and out, listed, collected while others write, and read by other tools.

use crate::support::image::{Recipe, TestImage};
use crate::support::peers::run;
use crate::support::wharf::{Home, Registry};

fn made(home: &Home, seed: u64) -> TestImage {
    let recipe =
        Recipe::layers(&[20_000]).shared(&[50_000]).seed(seed).platforms(&["linux/amd64", "linux/arm64"]);
    recipe.write(&home.path(&format!("made/{seed}")), "1").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn images_go_in_and_out_and_what_nothing_needs_is_collected() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let (one, two) = (made(&home, 1), made(&home, 2));
    one.push(&registry.host(), "a", &["1"]).await;
    two.push(&registry.host(), "a", &["2"]).await;
    let source = |tag: &str| format!("{}/a:{tag}", registry.host());
    home.ok(&["copy", &source("1"), "store:kept/a:latest", "store:b:1"]).await;
    home.ok(&["copy", &source("2"), "store:kept/a:latest"]).await;
    let usage = home.ok(&["store", "--output", "json"]).await.json();
    let names: Vec<_> = usage["repositories"].as_array().unwrap().iter().map(|r| &r["repository"]).collect();
    assert_eq!(names, ["b", "kept/a"], "{usage}");
    assert_eq!(
        (&usage["repositories"][1]["tags"], &usage["repositories"][1]["manifests"]),
        (&1.into(), &6.into())
    );
    let on_disk = usage["bytes"].as_u64().unwrap();
    let shown = home.ok(&["store"]).await.stdout;
    assert!(shown.contains("directory   ") && shown.contains("store:kept/a\n"), "{shown}");
    // What the moved tag was is nobody's by a tag, and too recent.
    let gc = |more: &'static [&'static str]| {
        let home = &home;
        async move { home.ok(&[&["store", "gc", "--output", "json"], more].concat()).await.json() }
    };
    assert_eq!(gc(&[]).await["bytes"], 0);
    assert_eq!(gc(&["--untagged"]).await["untagged"], 0);
    let dry = gc(&["--untagged", "--age", "0s", "--dry-run"]).await;
    let done = gc(&["--untagged", "--age", "0s"]).await;
    assert_eq!(
        (&dry["untagged"], &dry["blobs"], &dry["bytes"]),
        (&done["untagged"], &done["blobs"], &done["bytes"])
    );
    // The other repository has the same image: its names are all that went.
    assert_eq!((&done["untagged"], &done["bytes"]), (&3.into(), &0.into()), "{done}");
    let gone = home.ok(&["delete", "store:b:1", "--output", "json"]).await.json();
    let later = gc(&["--age", "0s"]).await;
    let freed = gone["summary"]["freed"].as_u64().unwrap() + later["bytes"].as_u64().unwrap();
    let usage = home.ok(&["store", "--output", "json"]).await.json();
    assert_eq!(usage["bytes"].as_u64(), Some(on_disk - freed), "{gone} {later}");
    assert!(freed > 40_000, "{gone} {later}");
    home.ok(&["copy", "store:kept/a", &source("back")]).await;
    two.assert_at(&registry.host(), "a", "back").await;
    let wrong = home.run(&["store", "gc", "--age", "soon"]).await;
    assert!(wrong.failed(2).0.contains("24h"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_harms_nobody_who_writes_meanwhile() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let mut list = String::new();
    let mut images = Vec::new();
    for seed in 1..=12 {
        let image = made(&home, seed);
        image.push(&registry.host(), &format!("r{}", seed % 3), &[&format!("t{seed}")]).await;
        list += &format!("{}/r{}:t{seed}\n", registry.host(), seed % 3);
        images.push((seed, image));
    }
    std::fs::write(home.path("list"), list).unwrap();
    let copies = async {
        let (one, two) = (["sync", "list", "--to", "store:one"], ["sync", "list", "--to", "store:two"]);
        tokio::join!(home.ok(&one), home.ok(&two));
    };
    let collections = async {
        for _ in 0..15 {
            home.ok(&["store", "gc", "--untagged"]).await;
        }
    };
    tokio::join!(copies, collections);
    let usage = home.ok(&["store", "--output", "json"]).await.json();
    assert_eq!(usage["unfinished"], 0, "{usage}");
    for (seed, image) in &images {
        for copy in ["one", "two"] {
            let from = format!("store:{copy}/r{}:t{seed}", seed % 3);
            home.ok(&["copy", &from, &format!("{}/back/{copy}:t{seed}", registry.host())]).await;
            image.assert_at(&registry.host(), &format!("back/{copy}"), &format!("t{seed}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs skopeo"]
async fn skopeo_reads_every_repository_as_a_layout() {
    let (home, registry) = (Home::new(), Registry::start().await);
    let image = made(&home, 1);
    image.push(&registry.host(), "a", &["1"]).await;
    home.ok(&["copy", &format!("{}/a:1", registry.host()), "store:team/a:1.0"]).await;
    let usage = home.ok(&["store", "--output", "json"]).await.json();
    let layout = format!("oci:{}/team/a/_image:1.0", usage["root"].as_str().unwrap());
    let raw = run("skopeo", &["inspect", "--raw", &layout]);
    assert!(image.root.digest.matches(raw.as_bytes()), "{raw}");
    let to = format!("docker://{}/by-skopeo:1", registry.host());
    run("skopeo", &["--insecure-policy", "copy", "--all", "--dest-tls-verify=false", &layout, &to]);
    image.assert_at(&registry.host(), "by-skopeo", "1").await;
    // What is deleted is gone for it, too; what is left is read as before.
    home.ok(&["tag", "store:team/a:1.0", "2.0"]).await;
    home.ok(&["delete", "store:team/a:1.0"]).await;
    let listed = run("skopeo", &["inspect", "--raw", &layout.replace(":1.0", ":2.0")]);
    assert_eq!(raw, listed);
}

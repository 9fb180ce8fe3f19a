//! What is remembered of a job: `wharf history ID`.

use std::time::{Duration, Instant};

use crate::support::fault::{Fault, Kind, Proxy, on};
use crate::support::image::Recipe;
use crate::support::wharf::{Home, Registry, Run};

struct Pier {
    home: Home,
    _registries: [Registry; 2],
    source: Proxy,
    target: Proxy,
}

impl Pier {
    /// An image in a registry behind a proxy, and an empty registry behind another.
    async fn new(config: &str) -> Pier {
        let (home, from, to) = (Home::new(), Registry::start().await, Registry::start().await);
        home.config(config);
        for seed in [1, 2] {
            let image = Recipe::layers(&[40_000, 30_000, 20_000]).seed(seed);
            let image = image.write(&home.path(&format!("made{seed}")), "1").unwrap();
            image.push(&from.host(), "a", &[&seed.to_string()]).await;
        }
        let (source, target) = (Proxy::start(&from.host()).await, Proxy::start(&to.host()).await);
        Pier { home, _registries: [from, to], source, target }
    }

    async fn copy(&self, tag: &str) -> Run {
        let (from, to) = (format!("{}/a:{tag}", self.source.host()), format!("{}/b:1", self.target.host()));
        self.home.run(&["copy", &from, &to]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_retry_is_in_the_log_with_its_reason() {
    let pier = Pier::new("attempts: 3\n").await;
    assert_eq!(pier.copy("1").await.code, Some(0));
    // One of the client's own retries, one of a body that breaks, and a tag that moves.
    pier.source.add(on("GET", Kind::Blob).first(1).then(Fault::Status(503)));
    pier.source.add(on("GET", Kind::Blob).nth(3).then(Fault::CutResponse(100)));
    pier.target.add(on("PUT", Kind::Manifest).first(1).then(Fault::Status(500)));
    let run = pier.copy("2").await;
    assert_eq!(run.code, Some(0), "{run}");
    let record = pier.home.ok(&["history", "2", "--output", "json"]).await.json();
    let log: Vec<(&str, &str)> = record["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["level"].as_str().unwrap(), line["text"].as_str().unwrap()))
        .collect();
    let retries: Vec<&str> =
        log.iter().filter(|(level, _)| *level == "warn").map(|(_, text)| *text).collect();
    assert_eq!(retries.len(), 3, "{log:?}");
    for reason in ["503", "closed in the middle", "put manifest"] {
        let of_it = |text: &&&str| text.starts_with("attempt 2 of 3 in ") && text.contains(reason);
        assert_eq!(retries.iter().filter(of_it).count(), 1, "{reason}: {log:?}");
    }
    assert!(
        log.iter().any(|(level, text)| *level == "info" && text.contains("tag 1 was sha256:")),
        "{log:?}"
    );
    assert!(record["log"].as_array().unwrap().iter().all(|line| line["attempt"] == 1), "{record}");
    assert_eq!(record["report"]["retries"], 3, "{record}");
    assert_eq!(record["overwritten"][0]["tag"], "1", "{record}");
    assert_eq!(record["attempts"][0]["outcome"], "succeeded", "{record}");
    let shown = pier.home.ok(&["history", "2"]).await.stdout;
    assert!(
        shown.contains("  attempt 1   ") && shown.contains("  overwritten ") && shown.contains("warn "),
        "{shown}"
    );
    assert!(pier.home.run(&["history", "99"]).await.failed(1).0.contains("99"));
    // An export's file.
    let source = format!("{}/a:1", pier.source.host());
    pier.home.ok(&["export", &source, "-o", "a.tar"]).await;
    let record = pier.home.ok(&["history", "3", "--output", "json"]).await.json();
    assert!(record["files"][0]["path"].as_str().unwrap().ends_with("a.tar"), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_used_its_retries_up_ends_and_says_so() {
    let pier = Pier::new("attempts: 20\nretries_per_job: 3\n").await;
    for (proxy, rule) in [
        // The client's own retries, and those of a body that breaks at once.
        (&pier.target, on("POST", Kind::Upload).then(Fault::Status(500))),
        (&pier.source, on("GET", Kind::Blob).then(Fault::CutResponse(100))),
    ] {
        let rule = proxy.add(rule);
        let began = Instant::now();
        let run = pier.copy("1").await;
        let (error, _) = (run.errors()[0], assert_eq!(run.code, Some(1), "{run}"));
        assert!(error.ends_with("; the job's 3 retries are used up"), "{run}");
        assert!(run.stderr.contains("hint: `retries_per_job` in config.yaml allows more"), "{run}");
        // Four blobs begin, each with a mount that fails before its upload, and three of all attempts are second ones.
        assert!(rule.happened() <= 2 * 4 + 3, "{} times", rule.happened());
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        proxy.mend();
    }
    let log = pier.home.ok(&["history", "1", "--output", "json"]).await.json()["log"].clone();
    let retries = log.as_array().unwrap().iter().filter(|line| line["level"] == "warn").count();
    assert_eq!(retries, 3, "{log}");
    assert_eq!(pier.copy("1").await.code, Some(0));
}

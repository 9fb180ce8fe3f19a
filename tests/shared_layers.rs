//! Many jobs with shared layers into the same repositories of one registry, at once: docker-registry writes the link of
//! a blob anew when it is mounted where it is already, empty for a moment, and who puts a manifest then is told that the
//! blob is not there (400 DIGEST_INVALID or MANIFEST_BLOB_UNKNOWN).
//!
//! `WHARF_ROUNDS=200 cargo test --test wharf shared_layers -- --ignored --nocapture` looks longer.

use std::collections::BTreeMap;
use std::path::Path;

use wharf::engine::Engine;
use wharf::job::{JobSpec, JobState};
use wharf::transport::registry::ClientOptions;

use crate::chaos::engine;
use crate::support::image::{Recipe, TestImage};
use crate::support::peers::{DockerRegistry, Request};

/// Images of one round.
const IMAGES: u64 = 12;

/// Images of one round: all but one small layer and the configuration of each is shared by all of them.
fn images(directory: &Path, round: u64) -> Vec<TestImage> {
    let image = |n: u64| {
        let shared: Vec<u64> = (0..6).map(|layer| 300 + round * 10 + layer).collect();
        let recipe = Recipe::layers(&[200 + n]).shared(&shared).seed(n);
        recipe.write(&directory.join(format!("r{round}i{n}")), "1").unwrap()
    };
    (0..IMAGES).map(image).collect()
}

/// Copies them all, each from its layout, into as many repositories; what failed.
async fn copy_all(
    engines: &[Engine],
    host: &str,
    images: &[TestImage],
    (repositories, tag): (usize, &str),
) -> Vec<String> {
    let mut ids = Vec::new();
    for (n, image) in images.iter().enumerate() {
        let source = format!("oci:{}:1", image.directory.display());
        let target = format!("{host}/r{}:{tag}{n}", n % repositories);
        let engine = &engines[n % engines.len()];
        let spec = JobSpec::copy(source.parse().unwrap(), target.parse().unwrap());
        ids.push((engine, engine.submit(spec).await.unwrap()));
    }
    let mut failed = Vec::new();
    for (engine, id) in ids {
        let job = engine.wait(id).await.unwrap();
        if job.state != JobState::Succeeded {
            failed.push(job.failure.map(|failure| failure.message).unwrap_or_default());
        }
    }
    failed
}

/// `PUT manifest 400: 3`
fn tally(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for request in requests {
        let what = match &request.path {
            path if path.contains("/manifests/") => "manifest",
            path if path.contains("mount=") => "mount",
            path if path.contains("/uploads/") => "upload",
            _ => "blob",
        };
        *tally.entry(format!("{} {what} {}", request.method, request.status)).or_default() += 1;
    }
    tally
}

/// Rounds of jobs in as many engines, which know nothing of each other; the puts of manifests that were refused.
fn stress(processes: usize, repositories: usize) -> usize {
    let rounds = std::env::var("WHARF_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap());
    let registry = DockerRegistry::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (mut failed, mut refused) = (Vec::new(), 0);
    for number in 0..rounds {
        let images = images(directory.path(), number);
        runtime.block_on(async {
            // Where nothing is yet, and then by others who do not know what is there.
            for tag in ["a", "b"] {
                let engine = |_| engine(directory.path(), ClientOptions::default(), None);
                let engines: Vec<_> = (0..processes).map(engine).collect();
                let before = failed.len();
                failed.extend(copy_all(&engines, &registry.host(), &images, (repositories, tag)).await);
                for (n, image) in images.iter().enumerate().filter(|_| failed.len() == before) {
                    let repository = format!("r{}", n % repositories);
                    image.assert_at(&registry.host(), &repository, &format!("{tag}{n}")).await;
                }
            }
        });
    }
    let requests = registry.settled_requests();
    for request in &requests {
        let is_put = request.method == "PUT" && request.path.contains("/manifests/");
        refused += usize::from(is_put && request.status != 201);
    }
    println!("{processes} processes, {repositories} repositories, {rounds} rounds: {:#?}", tally(&requests));
    assert!(failed.is_empty(), "{} failed ({refused} refused), such as {:?}", failed.len(), failed.first());
    refused
}

#[test]
#[ignore = "needs docker-registry"]
fn jobs_of_one_process_do_not_disturb_each_other() {
    assert_eq!(stress(1, 1), 0);
    assert_eq!(stress(1, 3), 0);
}

#[test]
#[ignore = "needs docker-registry"]
fn processes_that_disturb_each_other_all_arrive() {
    stress(4, 1);
    stress(4, 3);
}

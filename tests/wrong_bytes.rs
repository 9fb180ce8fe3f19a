//! Wrong bytes from a source never get a name at a destination: whatever part of an image is wrong, however it is wrong,
//! wherever it goes.

use std::path::Path;
use std::time::{Duration, Instant};

use wharf::engine::{Engine, EngineOptions};
use wharf::job::{JobSpec, JobState};
use wharf::oci::{ErrorClass, Location, Platforms};
use wharf::transport::registry::ClientOptions;

use crate::support::fault::{Fault, Kind, Proxy, Rule, on};
use crate::support::image::{Recipe, TestImage};
use crate::support::visible::{self, Names};
use crate::support::wharf::Registry;

/// Which part of the image is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Layer,
    Config,
    /// The image asked for by its tag: the registry says the digest with it.
    ByTag,
    /// The image asked for by its digest.
    ByDigest,
    /// One platform's manifest, which the index names.
    Child,
}

const PARTS: [Part; 5] = [Part::Layer, Part::Config, Part::ByTag, Part::ByDigest, Part::Child];
const WRONGS: [Fault; 4] = [Fault::Flip(20), Fault::Garble, Fault::Shorten(7), Fault::Lengthen(7)];

/// Where it goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum To {
    Registry,
    DockerArchive,
    Oci,
    Store,
}

/// An image with two platforms behind a proxy, an empty registry, and a directory.
struct Passage {
    directory: tempfile::TempDir,
    image: TestImage,
    source: Proxy,
    to: Registry,
    _from: Registry,
}

impl Passage {
    async fn new() -> Passage {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (Registry::start().await, Registry::start().await);
        let recipe = Recipe::layers(&[40_000, 300]).platforms(&["linux/amd64", "linux/arm64"]);
        let image = recipe.write(&directory.path().join("made"), "1").unwrap();
        image.push(&from.host(), "a", &["1"]).await;
        let source = Proxy::start(&from.host()).await;
        Passage { directory, image, source, to, _from: from }
    }

    /// One that knows of nothing, with a store of its own: nothing need be read that is there already.
    fn engine(&self, name: &str) -> Engine {
        let client =
            ClientOptions { attempts: 2, first_wait: Duration::from_millis(1), ..ClientOptions::default() };
        Engine::new(EngineOptions {
            client,
            store: self.path(name),
            spool: std::env::temp_dir(),
            workers: 4,
            workers_per_host: 4,
            host_limits: Default::default(),
            forbids: std::sync::Arc::new(|_| None),
            attempts: 2,
            retries_per_job: 100,
            bandwidth: None,
            host_bandwidths: Default::default(),
            daemons: Default::default(),
            host_platform: "linux/amd64".parse().unwrap(),
            standard_output: None,
            ledger: None,
        })
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// The rule that spoils a part.
    fn spoil(&self, part: Part, wrong: &Fault) -> Rule {
        let of = |kind: &str| {
            let is = |blob: &&crate::support::image::Blob| blob.media_type.contains(kind);
            self.image.blobs.iter().find(is).unwrap().digest.to_string()
        };
        let rule = match part {
            Part::Layer => on("GET", Kind::Blob).path(&of("layer")),
            Part::Config => on("GET", Kind::Blob).path(&of("config")),
            Part::ByTag => on("GET", Kind::Manifest).path("/manifests/1"),
            Part::ByDigest => on("GET", Kind::Manifest).path(self.image.root.digest.as_str()),
            Part::Child => on("GET", Kind::Manifest).path(self.image.manifests[0].1.digest.as_str()),
        };
        rule.then(wrong.clone())
    }

    fn spec(&self, part: Part, to: To, name: &str) -> JobSpec {
        let at = match part {
            Part::ByDigest => format!("@{}", self.image.root.digest),
            _ => ":1".to_owned(),
        };
        let source = format!("{}/a{at}", self.source.host()).parse().unwrap();
        let target = match to {
            To::Registry => format!("{}/{name}:1", self.to.host()),
            To::DockerArchive => format!("docker-archive:{}", self.path(name).join("a.tar").display()),
            To::Oci => format!("oci:{}:1", self.path(name).display()),
            To::Store => format!("store:{name}:1"),
        };
        let mut spec = JobSpec::copy(source, target.parse::<Location>().unwrap());
        if to == To::DockerArchive {
            spec.platforms = Platforms::Only(vec!["linux/amd64".parse().unwrap()]);
        }
        spec
    }

    /// What has a name at the destination; what is there and not whole is an error. What a thread is just writing is
    /// gone in a moment.
    async fn seen(&self, to: To, name: &str) -> Names {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match self.look(to, name).await {
                Ok(seen) => return seen,
                Err(wrong) if Instant::now() > deadline => panic!("{name}: {wrong}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    async fn look(&self, to: To, name: &str) -> Result<Names, String> {
        match to {
            To::Registry => visible::in_registry(&self.to.host(), name).await,
            To::DockerArchive => visible::in_archives(&self.path(name)).await,
            To::Oci => visible::in_layout(&self.path(name)).await,
            To::Store => visible::in_store(&self.path(name)).await,
        }
    }
}

/// That nothing is in a directory, if it is there at all.
fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
}

async fn nothing_wrong_arrives(to: To) {
    let passage = Passage::new().await;
    for (n, (part, wrong)) in PARTS.iter().flat_map(|p| WRONGS.iter().map(move |w| (*p, w))).enumerate() {
        for chunked in [false, true] {
            let name = format!("case{n}{}", if chunked { "chunked" } else { "sized" });
            let told = format!("{part:?} {wrong:?} {to:?} {name}");
            let spoiled = passage.source.add(passage.spoil(part, wrong));
            if chunked {
                passage.source.add(on("GET", Kind::Blob).then(Fault::StripHeader("content-length")));
                passage.source.add(on("GET", Kind::Manifest).then(Fault::StripHeader("content-length")));
            }
            let engine = passage.engine(&name);
            let id = engine.submit(passage.spec(part, to, &name)).await.unwrap();
            let job = engine.wait(id).await.unwrap();
            assert_eq!(job.state, JobState::Failed, "{told}");
            assert!(spoiled.happened() > 0, "{told}: nothing was wrong");
            let failure = job.failure.unwrap();
            let of_blob = matches!(part, Part::Layer | Part::Config);
            let (class, says) = match wrong {
                // Fewer bytes than the descriptor says are a connection that was cut, worth another try.
                Fault::Shorten(_) if of_blob => (ErrorClass::Network, "ended after "),
                Fault::Lengthen(_) if of_blob => (ErrorClass::Digest, " bytes, got more"),
                _ => (ErrorClass::Digest, "expected sha256:"),
            };
            assert!(failure.class == class && failure.message.contains(says), "{told}: {failure:?}");
            assert!(failure.message.contains(&passage.source.host()), "{told}: {failure:?}");
            assert_eq!(passage.seen(to, &name).await, Names::new(), "{told}");
            if to == To::DockerArchive {
                assert!(is_empty(&passage.path(&name)), "{told}: a file is left");
            }
            passage.source.mend();
            // The wrong bytes are not remembered either.
            engine.retry(id).await.unwrap();
            let job = engine.wait(id).await.unwrap();
            assert_eq!(job.state, JobState::Succeeded, "{told}: {:?}", job.failure);
            let want = match to {
                To::DockerArchive => &passage.image.manifests[0].1.digest,
                _ => &passage.image.root.digest,
            };
            let seen = passage.seen(to, &name).await;
            assert_eq!(seen.values().collect::<Vec<_>>(), [want], "{told}");
            engine.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_registry() {
    nothing_wrong_arrives(To::Registry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_docker_archive() {
    nothing_wrong_arrives(To::DockerArchive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_oci_layout() {
    nothing_wrong_arrives(To::Oci).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_store() {
    nothing_wrong_arrives(To::Store).await;
}

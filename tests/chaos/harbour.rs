//! What all voyages share: images, a registry that has them, archives of them. Nothing here goes wrong.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use wharf::engine::{Engine, EngineOptions};
use wharf::job::{JobSpec, JobState};
use wharf::ledger::Ledger;
use wharf::oci::{Digest, Platform};
use wharf::serve::ServeOptions;
use wharf::transport::registry::ClientOptions;

use crate::support::artifact::{Shelf, descriptor, digest};
use crate::support::image::{Recipe, TestImage};
use crate::support::wharf::Registry;

/// An image and where it can be had.
pub struct Cargo {
    /// Its repository in the registry; its tag is `1`.
    pub repository: &'static str,
    pub image: TestImage,
    /// Docker-archives of its amd64, the second one compressed.
    pub archives: [PathBuf; 2],
    /// An OCI archive of all of it.
    pub oci: PathBuf,
    /// What refers to it in the registry.
    pub signature: Digest,
}

impl Cargo {
    pub fn root(&self) -> Digest {
        self.image.root.digest.clone()
    }

    pub fn is_index(&self) -> bool {
        self.image.manifests.len() > 1
    }

    /// What arrives where only these platforms go.
    pub fn subset(&self, platforms: &[&str]) -> Digest {
        let of = |(name, _): &&(String, _)| platforms.contains(&name.as_str());
        let keep: Vec<Digest> =
            self.image.manifests.iter().filter(of).map(|(_, blob)| blob.digest.clone()).collect();
        match &keep[..] {
            [one] => return one.clone(),
            all if all.len() == self.image.manifests.len() => return self.root(),
            _ => {}
        }
        // As it is to be: the same JSON, its fields in their order, without the other entries.
        let bytes = self.image.bytes(&self.image.root.digest);
        let mut index: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let entries = index["manifests"].as_array_mut().unwrap();
        entries.retain(|entry| keep.iter().any(|kept| entry["digest"] == kept.as_str()));
        Digest::of(&serde_json::to_vec(&index).unwrap())
    }
}

/// See the module's page.
pub struct Harbour {
    /// Registries live here.
    pub runtime: Runtime,
    pub registry: Registry,
    pub cargo: Vec<Cargo>,
    /// A registry that takes everything, if not each voyage has one of its own.
    pub target: Option<String>,
    _directory: TempDir,
}

impl Harbour {
    pub fn open(target: Option<String>) -> Harbour {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (registry, cargo) = runtime.block_on(async {
            let registry = Registry::start().await;
            let mut cargo = Vec::new();
            for (repository, recipe) in recipes() {
                cargo.push(load(directory.path(), &registry, repository, &recipe).await);
            }
            (registry, cargo)
        });
        Harbour { runtime, registry, cargo, target, _directory: directory }
    }

    /// An empty registry; some are slow, so that there is a middle to be interrupted in.
    pub fn registry(&self, slow: bool) -> Registry {
        let bandwidth = if slow { NonZeroU64::new(1_000_000) } else { None };
        self.runtime.block_on(Registry::with(ServeOptions { bandwidth, ..ServeOptions::default() }))
    }
}

/// Small ones, as moving many matters more than moving much; but one blob is larger than a proxy lets through, and one
/// takes several pieces.
fn recipes() -> [(&'static str, Recipe); 4] {
    let two = ["linux/amd64", "linux/arm64"];
    let three = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
    [
        ("two", Recipe::layers(&[60_000, 3_000]).shared(&[90_000]).platforms(&two)),
        ("docker", Recipe::layers(&[150_000, 10]).docker()),
        ("three", Recipe::layers(&[20_000]).shared(&[90_000, 400_000]).platforms(&three).seed(2)),
        ("large", Recipe::layers(&[1_500_000, 5_000]).seed(3)),
    ]
}

async fn load(directory: &Path, registry: &Registry, repository: &'static str, recipe: &Recipe) -> Cargo {
    let image = recipe.write(&directory.join(repository), "1").unwrap();
    image.push(&registry.host(), repository, &["1"]).await;
    let root = descriptor(&image.root.media_type, &image.bytes(&image.root.digest));
    let signature = Shelf::at(&registry.host(), repository).sign(&root, repository).await;
    let signature = digest(&signature).parse().unwrap();
    let file = |end: &str| directory.join(format!("{repository}{end}"));
    let (archives, oci) = ([file(".tar"), file(".tar.gz")], file(".oci.tar"));
    let engine = engine(directory, ClientOptions::default(), None);
    let kinds = [("docker-archive", &archives[0]), ("docker-archive", &archives[1]), ("oci-archive", &oci)];
    for (kind, path) in kinds {
        let source = format!("{}/{repository}:1", registry.host()).parse().unwrap();
        let target = format!("{kind}:{}", path.display()).parse().unwrap();
        let job = engine.submit(JobSpec::copy(source, target)).await.unwrap();
        assert_eq!(engine.wait(job).await.unwrap().state, JobState::Succeeded);
    }
    Cargo { repository, image, archives, oci, signature }
}

/// An engine that has nothing but a directory, and perhaps a ledger.
pub fn engine(directory: &Path, client: ClientOptions, ledger: Option<Ledger>) -> Engine {
    Engine::new(EngineOptions {
        attempts: client.attempts,
        retries_per_job: 100,
        bandwidth: None,
        host_bandwidths: Default::default(),
        client,
        store: directory.join("store"),
        spool: directory.join("spool"),
        workers: 6,
        workers_per_host: 4,
        host_limits: Default::default(),
        forbids: std::sync::Arc::new(|_| None),
        daemons: Default::default(),
        host_platform: "linux/amd64".parse::<Platform>().unwrap(),
        standard_output: None,
        ledger,
    })
}

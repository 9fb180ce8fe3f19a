//! Images to move: real ones, with gzipped tars as layers and configurations that name them, the same bytes
//! for the same recipe. An image is an OCI layout on the disk, from where it can be pushed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use wharf::oci::{Digest, Hasher};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// What an image is to be like.
#[derive(Debug, Clone)]
pub struct Recipe {
    layers: Vec<u64>,
    shared: Vec<u64>,
    platforms: Vec<String>,
    seed: u64,
    docker: bool,
}

impl Recipe {
    /// An image for linux/amd64 with layers of these sizes in bytes (what is in them does not compress: the blobs
    /// are a little larger).
    pub fn layers(sizes: &[u64]) -> Recipe {
        let platforms = vec!["linux/amd64".to_owned()];
        Recipe { layers: sizes.to_vec(), shared: Vec::new(), platforms, seed: 1, docker: false }
    }

    /// For these platforms (`linux/arm/v7`), each with layers of its own; more than one gives an index.
    pub fn platforms(mut self, platforms: &[&str]) -> Recipe {
        self.platforms = platforms.iter().map(|p| (*p).to_owned()).collect();
        self
    }

    /// Further layers, in front, that are the same for every platform and every seed.
    pub fn shared(mut self, sizes: &[u64]) -> Recipe {
        self.shared = sizes.to_vec();
        self
    }

    /// Other bytes for another seed.
    pub fn seed(mut self, seed: u64) -> Recipe {
        self.seed = seed;
        self
    }

    /// With Docker's media types instead of OCI's.
    pub fn docker(mut self) -> Recipe {
        self.docker = true;
        self
    }

    /// Makes the image, as an OCI layout in `directory` under the name `tag`.
    pub fn write(&self, directory: &Path, tag: &str) -> io::Result<TestImage> {
        std::fs::create_dir_all(directory.join("blobs/sha256"))?;
        let mut image = TestImage {
            directory: directory.to_owned(),
            root: Blob { media_type: String::new(), digest: Digest::of(b""), size: 0 },
            manifests: Vec::new(),
            blobs: Vec::new(),
        };
        for (n, platform) in self.platforms.iter().enumerate() {
            let manifest = self.write_platform(&mut image, n as u64, platform)?;
            image.manifests.push((platform.clone(), manifest));
        }
        image.root = match image.manifests.as_slice() {
            [(_, only)] => only.clone(),
            several => {
                let entries: Vec<Value> = several
                    .iter()
                    .map(|(platform, manifest)| {
                        let mut entry = manifest.descriptor();
                        entry["platform"] = platform_json(platform);
                        entry
                    })
                    .collect();
                let media_type = if self.docker { DOCKER_INDEX } else { INDEX };
                let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
                image.put(media_type, &pretty(&index))?
            }
        };
        let mut entry = image.root.descriptor();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        std::fs::write(
            directory.join("index.json"),
            pretty(&json!({"schemaVersion": 2, "manifests": [entry]})),
        )?;
        std::fs::write(directory.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}")?;
        let mut seen = HashSet::new();
        image.blobs.retain(|blob| seen.insert(blob.digest.clone()));
        Ok(image)
    }

    fn write_platform(&self, image: &mut TestImage, number: u64, platform: &str) -> io::Result<Blob> {
        let layer_type = if self.docker { DOCKER_LAYER } else { LAYER };
        let mut layers = Vec::new();
        let mut diff_ids = Vec::new();
        let shared = self.shared.iter().enumerate().map(|(n, size)| (*size, 1_000 + n as u64));
        let own = self
            .layers
            .iter()
            .enumerate()
            .map(|(n, size)| (*size, (self.seed << 32) + (number << 16) + n as u64 + 1));
        for (size, seed) in shared.chain(own) {
            let (blob, diff_id) = image.put_layer(layer_type, size, seed)?;
            layers.push(blob.descriptor());
            diff_ids.push(diff_id.to_string());
            image.blobs.push(blob);
        }
        let mut config = platform_json(platform);
        config["created"] = json!("2024-01-02T03:04:05Z");
        config["config"] =
            json!({"Env": ["PATH=/bin"], "Cmd": ["/layer-0"], "Labels": {"seed": self.seed.to_string()}});
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        config["history"] = diff_ids
            .iter()
            .map(|_| json!({"created": "2024-01-02T03:04:05Z", "created_by": "wharf test"}))
            .collect();
        let config = image.put(if self.docker { DOCKER_CONFIG } else { CONFIG }, &pretty(&config))?;
        let media_type = if self.docker { DOCKER_MANIFEST } else { MANIFEST };
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config.descriptor(), "layers": layers});
        image.blobs.push(config);
        image.put(media_type, &pretty(&manifest))
    }
}

/// Indented, as build tools write it: who re-serialises a document changes its bytes.
fn pretty(value: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap()
}

fn platform_json(platform: &str) -> Value {
    let mut parts = platform.split('/');
    let mut out = json!({"architecture": "", "os": parts.next()});
    out["architecture"] = json!(parts.next());
    if let Some(variant) = parts.next() {
        out["variant"] = json!(variant);
    }
    out
}

/// Content on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
}

impl Blob {
    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest.to_string(), "size": self.size})
    }
}

/// An image that was made.
#[derive(Debug, Clone)]
pub struct TestImage {
    /// Where it is, as an OCI layout.
    pub directory: PathBuf,
    /// Its index, or its one manifest.
    pub root: Blob,
    /// Each platform's manifest.
    pub manifests: Vec<(String, Blob)>,
    /// Configurations and layers, each once.
    pub blobs: Vec<Blob>,
}

impl TestImage {
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs").join(digest.algorithm()).join(digest.hex())
    }

    pub fn bytes(&self, digest: &Digest) -> Vec<u8> {
        std::fs::read(self.path(digest)).unwrap()
    }

    /// Bytes of configurations and layers.
    pub fn blob_bytes(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }

    /// Pushes it over plain HTTP to `registry` (`127.0.0.1:5000`), with nothing of wharf's in the way.
    pub async fn push(&self, registry: &str, repository: &str, tags: &[&str]) {
        let client = client();
        let base = format!("http://{registry}/v2/{repository}");
        for blob in &self.blobs {
            let opened = client.post(format!("{base}/blobs/uploads/")).send().await.unwrap();
            assert_eq!(opened.status(), 202, "POST {base}/blobs/uploads/");
            let location = opened.headers()["location"].to_str().unwrap();
            let mut url = opened.url().join(location).unwrap();
            url.query_pairs_mut().append_pair("digest", blob.digest.as_str());
            let file = tokio::fs::File::open(self.path(&blob.digest)).await.unwrap();
            let body =
                reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(file, 256 * 1024));
            let put = client.put(url).header("content-length", blob.size).body(body).send().await.unwrap();
            assert_eq!(put.status(), 201, "PUT {}: {}", blob.digest, put.text().await.unwrap());
        }
        for (_, manifest) in &self.manifests {
            self.put_manifest(&client, &format!("{base}/manifests/{}", manifest.digest), manifest).await;
        }
        for tag in tags {
            self.put_manifest(&client, &format!("{base}/manifests/{tag}"), &self.root).await;
        }
    }

    async fn put_manifest(&self, client: &reqwest::Client, url: &str, manifest: &Blob) {
        let request =
            client.put(url).header("content-type", &manifest.media_type).body(self.bytes(&manifest.digest));
        let put = request.send().await.unwrap();
        assert_eq!(put.status(), 201, "PUT {url}: {}", put.text().await.unwrap());
    }

    /// Checks that a registry has the image, byte for byte, under that tag; panics with the first difference.
    pub async fn assert_at(&self, registry: &str, repository: &str, tag: &str) {
        let client = client();
        let base = format!("http://{registry}/v2/{repository}");
        let accept = [INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].join(", ");
        let below = self.manifests.iter().map(|(_, m)| (m.digest.to_string(), m));
        for (at, manifest) in std::iter::once((tag.to_owned(), &self.root)).chain(below) {
            let url = format!("{base}/manifests/{at}");
            let got = client.get(&url).header("accept", &accept).send().await.unwrap();
            assert_eq!(got.status(), 200, "GET {url}");
            assert_eq!(got.headers()["content-type"], manifest.media_type.as_str(), "GET {url}");
            assert!(got.bytes().await.unwrap() == self.bytes(&manifest.digest), "GET {url}: other bytes");
        }
        for blob in &self.blobs {
            let url = format!("{base}/blobs/{}", blob.digest);
            let mut got = client.get(&url).send().await.unwrap();
            assert_eq!(got.status(), 200, "GET {url}");
            let mut hasher = Hasher::sha256();
            while let Some(chunk) = got.chunk().await.unwrap() {
                hasher.update(&chunk);
            }
            assert_eq!(hasher.finish(), blob.digest, "GET {url}");
        }
    }

    fn put(&self, media_type: &str, bytes: &[u8]) -> io::Result<Blob> {
        let digest = Digest::of(bytes);
        std::fs::write(self.path(&digest), bytes)?;
        Ok(Blob { media_type: media_type.to_owned(), digest, size: bytes.len() as u64 })
    }

    /// Writes a layer; the answer is the blob and its DiffID.
    fn put_layer(&self, media_type: &str, size: u64, seed: u64) -> io::Result<(Blob, Digest)> {
        let file = tempfile::NamedTempFile::new_in(&self.directory)?;
        let blob = Hashing::new(BufWriter::with_capacity(1 << 20, file.reopen()?));
        // GzEncoder::new writes no time, so the bytes are the recipe's.
        let tar = Hashing::new(GzEncoder::new(blob, Compression::fast()));
        let mut builder = tar::Builder::new(tar);
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o755);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, format!("layer-{seed}"), Noise::new(seed).take(size))?;
        let tar = builder.into_inner()?;
        let diff_id = tar.hasher.finish();
        let mut blob = tar.inner.finish()?;
        blob.inner.flush()?;
        let (digest, size) = (blob.hasher.finish(), blob.count);
        file.persist(self.path(&digest)).map_err(|e| e.error)?;
        Ok((Blob { media_type: media_type.to_owned(), digest, size }, diff_id))
    }
}

/// A client that goes straight to loopback, with nothing of wharf's.
pub fn client() -> reqwest::Client {
    // The tests run with reqwest's rustls-no-provider: somebody has to be first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Bytes that do not compress, the same for the same seed (SplitMix64).
struct Noise {
    state: u64,
    left: [u8; 8],
    used: usize,
}

impl Noise {
    fn new(seed: u64) -> Noise {
        Noise { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), left: [0; 8], used: 8 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Read for Noise {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // A reader that is cut anywhere must go on with the same bytes: the rest of a word is kept.
        let mut filled = 0;
        while filled < out.len() {
            if self.used == 8 {
                self.left = self.next().to_le_bytes();
                self.used = 0;
            }
            let n = (8 - self.used).min(out.len() - filled);
            out[filled..filled + n].copy_from_slice(&self.left[self.used..self.used + n]);
            self.used += n;
            filled += n;
        }
        Ok(out.len())
    }
}

/// Hashes and counts what is written through it.
struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    count: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Hashing<W> {
        Hashing { inner, hasher: Hasher::sha256(), count: 0 }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.count += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

mod tests {
    use super::*;

    #[test]
    fn the_same_recipe_gives_the_same_image() {
        let recipe =
            Recipe::layers(&[70_000, 10]).shared(&[5_000]).platforms(&["linux/amd64", "linux/arm/v7"]);
        let (a, b, c) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let one = recipe.write(a.path(), "1").unwrap();
        let two = recipe.write(b.path(), "1").unwrap();
        assert_eq!((&one.root, &one.blobs), (&two.root, &two.blobs));
        let other = recipe.clone().seed(2).write(c.path(), "1").unwrap();
        let shared: Vec<_> = other.blobs.iter().filter(|blob| one.blobs.contains(blob)).collect();
        assert_eq!(shared.len(), 1, "only the shared layer is the same");
        // Two platforms with two layers and a configuration each, and the shared one.
        assert_eq!(one.blobs.len(), 7);
        assert_eq!(one.root.media_type, INDEX);
    }

    #[test]
    fn layers_are_tars_that_the_configuration_names() {
        let dir = tempfile::tempdir().unwrap();
        let image = Recipe::layers(&[100_000]).docker().write(dir.path(), "x").unwrap();
        assert_eq!(image.root.media_type, DOCKER_MANIFEST);
        let layer = image.blobs.iter().find(|blob| blob.media_type == DOCKER_LAYER).unwrap();
        assert!(layer.size > 100_000 && layer.digest.matches(&image.bytes(&layer.digest)));
        let mut plain = Vec::new();
        let file = File::open(image.path(&layer.digest)).unwrap();
        flate2::read::GzDecoder::new(file).read_to_end(&mut plain).unwrap();
        let config = image.blobs.iter().find(|blob| blob.media_type == DOCKER_CONFIG).unwrap();
        let config: Value = serde_json::from_slice(&image.bytes(&config.digest)).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], Digest::of(&plain).as_str());
        let mut archive = tar::Archive::new(plain.as_slice());
        assert_eq!(archive.entries().unwrap().next().unwrap().unwrap().size(), 100_000);
    }
}

//! The demo's images: invented, the same every time, multi-platform, in several repositories that share layers.
//! They are made one at a time, so that memory holds one image and not the registry.

mod catalogue;
mod layer;

use std::collections::HashMap;
use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::oci::{Descriptor, Digest, Platform, RawManifest, Repository, TagOrDigest, media_type};
use crate::transport::{Begin, Destination, Error, Result};
use catalogue::{VERSIONS, Version};
use layer::Recipe;

/// The type of an empty configuration (image specification, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
const SIGNATURE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// One image of the demo, all platforms.
#[derive(Debug, Clone)]
pub struct DemoImage {
    /// Where it belongs.
    pub repository: Repository,
    /// Its blobs, each digest once.
    pub blobs: Vec<DemoBlob>,
    /// Its manifests in the order of pushing, each with what it is put at.
    pub manifests: Vec<(RawManifest, Vec<TagOrDigest>)>,
}

/// A blob of a [`DemoImage`].
#[derive(Debug, Clone)]
pub struct DemoBlob {
    /// Type, digest and size.
    pub descriptor: Descriptor,
    /// A repository of an earlier image that has it.
    pub known: Option<Repository>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Ready(Bytes),
    /// Made again where it is needed: it came with an earlier image.
    Again(Recipe),
}

impl DemoBlob {
    /// The blob's bytes. A layer that came with an earlier image is made anew.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Ready(bytes) => Ok(bytes.clone()),
            Content::Again(recipe) => recipe.build(false).map(|layer| layer.bytes),
        }
    }
}

/// All images of the demo, oldest version first.
pub struct DemoImages {
    versions: std::slice::Iter<'static, Version>,
    /// Sizes are divided by this.
    shrink: u64,
    /// Layers that were made already.
    made: HashMap<Recipe, Made>,
}

struct Made {
    digest: Digest,
    size: u64,
    diff_id: Digest,
    repository: Repository,
}

impl DemoImages {
    /// The images in full size, some 100 MB.
    pub fn full() -> DemoImages {
        DemoImages { versions: VERSIONS.iter(), shrink: 1, made: HashMap::new() }
    }

    /// The same images with layers a sixty-fourth as large, for tests.
    pub fn small() -> DemoImages {
        DemoImages { shrink: 64, ..DemoImages::full() }
    }

    fn image(&mut self, version: &Version) -> io::Result<DemoImage> {
        let repository: Repository = version.repository.parse().map_err(io::Error::other)?;
        let mut image = DemoImage { repository, blobs: Vec::new(), manifests: Vec::new() };
        let mut entries = Vec::new();
        for platform in version.platforms {
            let platform: Platform = platform.parse().map_err(io::Error::other)?;
            let manifest = self.platform(version, &platform, &mut image)?;
            entries.push((to_json(&manifest.descriptor()), platform));
        }
        let attested = if version.attested { entries.len() } else { 0 };
        let mut list: Vec<Value> =
            entries.iter().map(|(entry, platform)| with_platform(entry, platform)).collect();
        for (entry, _) in &entries[..attested] {
            list.push(attestation(&mut image, entry, version.created));
        }
        let kind = if version.docker { media_type::DOCKER_LIST } else { media_type::OCI_INDEX };
        let index = manifest(kind, json!({"schemaVersion": 2, "mediaType": kind, "manifests": list}));
        let subject = to_json(&index.descriptor());
        let tags: std::result::Result<Vec<TagOrDigest>, _> =
            version.tags.iter().map(|tag| tag.parse()).collect();
        image.manifests.push((index, tags.map_err(io::Error::other)?));
        if version.signed {
            sign(&mut image, &subject);
        }
        Ok(image)
    }

    /// One platform's layers, configuration and manifest.
    fn platform(
        &mut self,
        version: &Version,
        platform: &Platform,
        image: &mut DemoImage,
    ) -> io::Result<RawManifest> {
        let (mut layers, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
        for (recipe, command) in version.recipes(platform, self.shrink) {
            let (descriptor, diff_id) = self.layer(recipe, version.docker, image)?;
            layers.push(to_json(&descriptor));
            diff_ids.push(diff_id.to_string());
            history.push(json!({"created": version.created, "created_by": command, "comment": "wharf demo"}));
        }
        let mut config = json!({
            "created": version.created, "architecture": platform.architecture, "os": platform.os,
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": version.entrypoint,
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.title": image.repository.name(),
                    "org.opencontainers.image.version": version.name(),
                    "org.opencontainers.image.created": version.created,
                    "org.opencontainers.image.description": "invented for the wharf demo",
                },
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        if let Some(variant) = &platform.variant {
            config["variant"] = json!(variant);
        }
        let (config_kind, kind) = match version.docker {
            true => (media_type::DOCKER_CONFIG, media_type::DOCKER_MANIFEST),
            false => (media_type::OCI_CONFIG, media_type::OCI_MANIFEST),
        };
        let config = image.add_json(config_kind, &config);
        let document =
            json!({"schemaVersion": 2, "mediaType": kind, "config": to_json(&config), "layers": layers});
        let manifest = manifest(kind, document);
        image.manifests.push((manifest.clone(), vec![TagOrDigest::Digest(manifest.digest.clone())]));
        Ok(manifest)
    }

    fn layer(
        &mut self,
        recipe: Recipe,
        docker: bool,
        image: &mut DemoImage,
    ) -> io::Result<(Descriptor, Digest)> {
        let kind = if docker { media_type::DOCKER_LAYER_GZIP } else { media_type::OCI_LAYER_GZIP };
        if let Some(made) = self.made.get(&recipe) {
            let descriptor = Descriptor::new(kind, made.digest.clone(), made.size);
            let known = Some(made.repository.clone());
            image.add(DemoBlob { descriptor: descriptor.clone(), known, content: Content::Again(recipe) });
            return Ok((descriptor, made.diff_id.clone()));
        }
        let layer = recipe.build(docker)?;
        let made = Made {
            digest: layer.descriptor.digest.clone(),
            size: layer.descriptor.size,
            diff_id: layer.diff_id.clone(),
            repository: image.repository.clone(),
        };
        self.made.insert(recipe, made);
        let content = Content::Ready(layer.bytes);
        image.add(DemoBlob { descriptor: layer.descriptor.clone(), known: None, content });
        Ok((layer.descriptor, layer.diff_id))
    }
}

impl Iterator for DemoImages {
    type Item = io::Result<DemoImage>;

    fn next(&mut self) -> Option<io::Result<DemoImage>> {
        let version = self.versions.next()?;
        Some(self.image(version))
    }
}

impl DemoImage {
    fn add(&mut self, blob: DemoBlob) {
        if !self.blobs.iter().any(|there| there.descriptor.digest == blob.descriptor.digest) {
            self.blobs.push(blob);
        }
    }

    fn add_json(&mut self, kind: &str, document: &Value) -> Descriptor {
        let bytes = Bytes::from(document.to_string());
        let descriptor = Descriptor::new(kind, Digest::of(&bytes), bytes.len() as u64);
        self.add(DemoBlob { descriptor: descriptor.clone(), known: None, content: Content::Ready(bytes) });
        descriptor
    }

    /// Puts the image into a repository.
    pub async fn put(&self, destination: &dyn Destination) -> Result<()> {
        let descriptors: Vec<Descriptor> = self.blobs.iter().map(|blob| blob.descriptor.clone()).collect();
        destination.prepare(&descriptors).await?;
        for blob in &self.blobs {
            if let Begin::Write(mut writer) = destination.begin(&blob.descriptor, blob.known.as_ref()).await?
            {
                let bytes =
                    blob.bytes().map_err(|e| Error::file("make", blob.descriptor.digest.as_str(), e))?;
                writer.write(0, stream::iter(pieces(bytes)).boxed()).await?;
                writer.commit().await?;
            }
        }
        for (manifest, places) in &self.manifests {
            for at in places {
                destination.put_manifest(manifest, at).await?;
            }
        }
        destination.finish().await.map(|_| ())
    }
}

/// Puts every image into the destination that `repository` opens for it.
pub async fn seed(
    mut images: DemoImages,
    repository: &(dyn Fn(&Repository) -> Box<dyn Destination> + Sync),
) -> Result<()> {
    loop {
        // Making an image keeps a core busy for a while.
        let made = tokio::task::spawn_blocking(move || (images.next(), images)).await;
        let (image, rest) = made.map_err(|e| Error::file("make", "demo image", io::Error::other(e)))?;
        let Some(image) = image else { return Ok(()) };
        let image = image.map_err(|e| Error::file("make", "demo image", e))?;
        image.put(repository(&image.repository).as_ref()).await?;
        images = rest;
    }
}

/// A blob as a network would bring it.
fn pieces(bytes: Bytes) -> impl Iterator<Item = Result<Bytes>> + Send + 'static {
    const PIECE: usize = 256 << 10;
    let count = bytes.len().div_ceil(PIECE);
    (0..count).map(move |n| Ok(bytes.slice(n * PIECE..bytes.len().min((n + 1) * PIECE))))
}

fn manifest(kind: &str, document: Value) -> RawManifest {
    RawManifest::new(Bytes::from(document.to_string()), kind)
}

fn to_json(descriptor: &Descriptor) -> Value {
    json!({"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size})
}

fn with_platform(entry: &Value, platform: &Platform) -> Value {
    let mut entry = entry.clone();
    entry["platform"] = json!({"architecture": platform.architecture, "os": platform.os});
    if let Some(variant) = &platform.variant {
        entry["platform"]["variant"] = json!(variant);
    }
    entry
}

/// BuildKit's provenance for one entry of the index; the answer is its own entry.
fn attestation(image: &mut DemoImage, of: &Value, created: &str) -> Value {
    const IN_TOTO: &str = "application/vnd.in-toto+json";
    let digest = of["digest"].as_str().unwrap_or_default().to_owned();
    let hex = digest.trim_start_matches("sha256:");
    let statement = image.add_json(
        IN_TOTO,
        &json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{"name": image.repository.to_string(), "digest": {"sha256": hex}}],
            "predicate": {"builder": {"id": ""}, "buildType": "https://mobyproject.org/buildkit@v1"},
        }),
    );
    let config = image.add_json(
        media_type::OCI_CONFIG,
        &json!({
            "created": created, "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [statement.digest]},
        }),
    );
    let mut layer = to_json(&statement);
    layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
    let kind = media_type::OCI_MANIFEST;
    let document =
        json!({"schemaVersion": 2, "mediaType": kind, "config": to_json(&config), "layers": [layer]});
    let manifest = manifest(kind, document);
    let mut entry = to_json(&manifest.descriptor());
    entry["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    entry["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest,
    });
    image.manifests.push((manifest.clone(), vec![TagOrDigest::Digest(manifest.digest)]));
    entry
}

/// A signature that refers to the image, as cosign stores one with OCI 1.1. It signs nothing: it is invented.
fn sign(image: &mut DemoImage, subject: &Value) {
    let config = image.add_json(EMPTY_CONFIG, &json!({}));
    let payload = image.add_json(
        "application/vnd.dev.cosign.simplesigning.v1+json",
        &json!({
            "critical": {
                "identity": {"docker-reference": image.repository.to_string()},
                "image": {"docker-manifest-digest": subject["digest"]},
                "type": "cosign container image signature",
            },
            "optional": null,
        }),
    );
    let mut layer = to_json(&payload);
    layer["annotations"] =
        json!({"dev.cosignproject.cosign/signature": "aW52ZW50ZWQgZm9yIHRoZSB3aGFyZiBkZW1v"});
    let kind = media_type::OCI_MANIFEST;
    let signature = manifest(
        kind,
        json!({
            "schemaVersion": 2, "mediaType": kind, "artifactType": SIGNATURE, "config": to_json(&config),
            "layers": [layer], "subject": subject,
        }),
    );
    let at = TagOrDigest::Digest(signature.digest.clone());
    image.manifests.push((signature, vec![at]));
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read;

    use super::*;
    use crate::oci::{Document, ImageManifest};

    fn images() -> Vec<DemoImage> {
        DemoImages::small().map(|image| image.unwrap()).collect()
    }

    /// Diff IDs of the configuration are those of the layers' real tars.
    fn check_layers(image: &ImageManifest, content: &HashMap<Digest, Bytes>) {
        let config: Value = serde_json::from_slice(&content[&image.config.digest]).unwrap();
        assert!(config["config"]["Entrypoint"].is_array() && config["config"]["Labels"].is_object());
        let ids = config["rootfs"]["diff_ids"].as_array().unwrap();
        assert_eq!(ids.len(), image.layers.len());
        for (layer, id) in image.layers.iter().zip(ids) {
            let mut tar = Vec::new();
            flate2::read::GzDecoder::new(&content[&layer.digest][..]).read_to_end(&mut tar).unwrap();
            assert_eq!(Digest::of(&tar).as_str(), id.as_str().unwrap());
            assert!(tar::Archive::new(tar.as_slice()).entries().unwrap().all(|entry| entry.is_ok()));
        }
    }

    #[test]
    fn manifests_point_at_what_is_there_and_layers_are_what_they_say() {
        let (mut indexes, mut attestations, mut signatures) = (0, 0, 0);
        for image in images() {
            let content: HashMap<Digest, Bytes> =
                image.blobs.iter().map(|b| (b.descriptor.digest.clone(), b.bytes().unwrap())).collect();
            assert!(image.blobs.iter().all(|b| b.descriptor.digest.matches(&content[&b.descriptor.digest])));
            let mut put = HashSet::new();
            for (manifest, places) in &image.manifests {
                assert!(!places.is_empty());
                let document = manifest.parse().unwrap();
                assert!(document.subject().is_none_or(|subject| put.contains(&subject.digest)));
                match document {
                    Document::Index(index) => {
                        indexes += 1;
                        attestations +=
                            index.manifests.iter().filter(|entry| entry.attests().is_some()).count();
                        assert!(index.manifests.iter().all(|entry| put.contains(&entry.digest)));
                        assert!(places.iter().all(|at| matches!(at, TagOrDigest::Tag(_))));
                    }
                    Document::Image(one) => {
                        assert!(
                            one.blobs().iter().all(|blob| content[&blob.digest].len() as u64 == blob.size)
                        );
                        let runs = one.layers.iter().all(|layer| layer.media_type.contains(".tar"));
                        match (runs, one.subject.as_ref()) {
                            (true, None) => check_layers(&one, &content),
                            (false, Some(_)) => signatures += 1,
                            (runs, subject) => assert!(!runs && subject.is_none()),
                        }
                    }
                }
                put.insert(manifest.digest.clone());
            }
        }
        assert_eq!((indexes, attestations, signatures), (VERSIONS.len(), 2, 1));
    }

    #[test]
    fn layers_are_shared_and_everything_is_the_same_every_time() {
        let (first, second) = (images(), images());
        let manifests = |images: &[DemoImage]| -> Vec<Digest> {
            images.iter().flat_map(|i| i.manifests.iter().map(|(m, _)| m.digest.clone())).collect()
        };
        assert_eq!(manifests(&first), manifests(&second));
        let mut homes: HashMap<&Digest, HashSet<&Repository>> = HashMap::new();
        for image in &first {
            for blob in &image.blobs {
                homes.entry(&blob.descriptor.digest).or_default().insert(&image.repository);
            }
        }
        assert!(homes.values().any(|repositories| repositories.len() >= 4));
        let tags: usize = first.iter().flat_map(|i| &i.manifests).map(|(_, places)| places.len()).sum();
        assert!(tags > 25, "{tags}");
    }

    #[test]
    fn the_demo_is_some_hundred_megabytes() {
        let mut seen = HashSet::new();
        let blobs = images().into_iter().flat_map(|image| image.blobs).map(|blob| blob.descriptor);
        let bytes: u64 = blobs.filter(|blob| seen.insert(blob.digest.clone())).map(|blob| blob.size).sum();
        assert!((80 << 20..125 << 20).contains(&(bytes * 64)), "{bytes}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_seeded_into_repositories() {
        use crate::transport::archive::OciLayout;

        let dir = tempfile::tempdir().unwrap();
        let open = |repository: &Repository| -> Box<dyn Destination> {
            Box::new(OciLayout::create(&dir.path().join(repository.as_str()), None).unwrap())
        };
        seed(DemoImages::small(), &open).await.unwrap();
        for (repository, count) in [("library/nginx", 8), ("team-a/api", 4), ("team-b/web", 4)] {
            let images = OciLayout::images(&dir.path().join(repository)).await.unwrap();
            assert_eq!(images.len(), count, "{repository}: {images:?}");
        }
    }
}

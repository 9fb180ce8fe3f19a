//! Documents that no recipe makes: artifacts, signatures as cosign and notation leave them, odd indexes. They are put
//! over plain HTTP, with nothing of wharf's in the way.

use serde_json::{Value, json};
use wharf::oci::Digest;

use super::image::client;

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DRAFT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// What [`Shelf::sign`] puts is of this type.
pub const SIGNATURE: &str = "application/vnd.example.signature";

/// A repository of a registry.
pub struct Shelf {
    base: String,
}

impl Shelf {
    pub fn at(host: &str, repository: &str) -> Shelf {
        Shelf { base: format!("http://{host}/v2/{repository}") }
    }

    /// Puts a blob.
    pub async fn blob(&self, bytes: &[u8]) {
        let opened = client().post(format!("{}/blobs/uploads/", self.base)).send().await.unwrap();
        assert_eq!(opened.status(), 202, "{}", self.base);
        let location = opened.headers()["location"].to_str().unwrap();
        let mut url = opened.url().join(location).unwrap();
        url.query_pairs_mut().append_pair("digest", Digest::of(bytes).as_str());
        assert_eq!(client().put(url).body(bytes.to_vec()).send().await.unwrap().status(), 201);
    }

    /// Puts a document at its digest, or at a tag; the answer is a descriptor of it.
    pub async fn document(&self, document: &Value, at: Option<&str>) -> Value {
        let bytes = serde_json::to_vec_pretty(document).unwrap();
        let kind = document["mediaType"].as_str().unwrap();
        let digest = Digest::of(&bytes);
        let url = format!("{}/manifests/{}", self.base, at.unwrap_or(digest.as_str()));
        let put = client().put(&url).header("content-type", kind).body(bytes.clone()).send().await.unwrap();
        assert_eq!(put.status(), 201, "PUT {url}: {}", put.text().await.unwrap());
        descriptor(kind, &bytes)
    }

    /// Puts an artifact with one blob; `subject` is what it refers to.
    pub async fn artifact(&self, kind: &str, text: &str, subject: Option<&Value>, at: Option<&str>) -> Value {
        self.blob(b"{}").await;
        self.blob(text.as_bytes()).await;
        let mut document = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
            "config": descriptor(EMPTY, b"{}"), "layers": [descriptor("application/x.text", text.as_bytes())],
            "annotations": {"z": "1", "a": text}});
        if let Some(subject) = subject {
            document["subject"] = subject.clone();
        }
        self.document(&document, at).await
    }

    /// Puts something that refers to `subject`.
    pub async fn sign(&self, subject: &Value, text: &str) -> Value {
        self.artifact(SIGNATURE, text, Some(subject), None).await
    }

    /// Puts a signature as cosign does: an image that a tag of its own says the subject of.
    pub async fn cosign(&self, subject: &str, suffix: &str) -> (String, Value) {
        let tag = format!("{}{suffix}", subject.replace(':', "-"));
        let (config, layer) = (br#"{"architecture":"","os":"","rootfs":{"type":"layers"}}"#, tag.as_bytes());
        self.blob(config).await;
        self.blob(layer).await;
        let document = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config),
            "layers": [descriptor("application/vnd.dev.cosign.simplesigning.v1+json", layer)]});
        let put = self.document(&document, Some(&tag)).await;
        (tag, put)
    }

    /// Puts an image of one layer.
    pub async fn image(&self, platform: &str, layer: &Value, at: Option<&str>) -> Value {
        let (os, architecture) = platform.split_once('/').unwrap();
        let config = json!({"architecture": architecture, "os": os,
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(platform.as_bytes()).as_str()]}});
        let config = config.to_string();
        self.blob(config.as_bytes()).await;
        let document = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, config.as_bytes()), "layers": [layer]});
        self.document(&document, at).await
    }

    /// A manifest's bytes; none if it is not there.
    pub async fn get(&self, at: &str) -> Option<Vec<u8>> {
        let accept = [INDEX, MANIFEST, DRAFT, DOCKER_LIST, DOCKER_MANIFEST].join(", ");
        let url = format!("{}/manifests/{at}", self.base);
        let got = client().get(url).header("accept", accept).send().await.unwrap();
        match got.status().as_u16() {
            200 => Some(got.bytes().await.unwrap().to_vec()),
            404 => None,
            other => panic!("GET {at}: {other}"),
        }
    }

    /// The same as JSON.
    pub async fn json(&self, at: &str) -> Value {
        let bytes = self.get(at).await.unwrap_or_else(|| panic!("{} has no {at}", self.base));
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Whether a blob is there.
    pub async fn has_blob(&self, digest: &str) -> bool {
        client().head(format!("{}/blobs/{digest}", self.base)).send().await.unwrap().status() == 200
    }

    /// The referrers that the registry lists, sorted.
    pub async fn referrers(&self, subject: &str) -> Vec<String> {
        let got = client().get(format!("{}/referrers/{subject}", self.base)).send().await.unwrap();
        assert_eq!(got.status(), 200);
        digests(&serde_json::from_str(&got.text().await.unwrap()).unwrap())
    }
}

/// The digests of an index's entries, sorted.
pub fn digests(index: &Value) -> Vec<String> {
    let entries = index["manifests"].as_array().unwrap().iter();
    let mut digests: Vec<String> = entries.map(|m| m["digest"].as_str().unwrap().to_owned()).collect();
    digests.sort();
    digests
}

/// A descriptor of some bytes.
pub fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
}

/// A descriptor's digest.
pub fn digest(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap()
}

//! The registry as its clients see it, over loopback.

mod pull;
mod push;
mod skopeo;
mod whole;

use std::net::SocketAddr;

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;
use crate::oci::{Digest, media_type};

struct Bench {
    dir: tempfile::TempDir,
    addr: SocketAddr,
    client: Client,
    _running: DropGuard,
}

async fn serve() -> Bench {
    serve_with(ServeOptions::default()).await
}

async fn serve_with(options: ServeOptions) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    serve_store(dir, store, options).await
}

async fn serve_store(dir: tempfile::TempDir, store: Store, options: ServeOptions) -> Bench {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::bind(([127, 0, 0, 1], 0).into(), store, options).await.unwrap();
    let (addr, shutdown) = (server.addr(), CancellationToken::new());
    tokio::spawn(server.run(shutdown.clone()));
    let client = Client::builder().no_proxy().build().unwrap();
    Bench { dir, addr, client, _running: shutdown.drop_guard() }
}

impl Bench {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(method, path).body(body).send().await.unwrap()
    }

    async fn push_blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
        let answer = self.send(Method::POST, &path, bytes.to_vec()).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        digest
    }

    async fn put_manifest(&self, name: &str, reference: &str, manifest: &Value) -> Response {
        let kind = manifest["mediaType"].as_str().unwrap().to_owned();
        let request = self.request(Method::PUT, &format!("/v2/{name}/manifests/{reference}"));
        request.header("content-type", kind).body(manifest.to_string()).send().await.unwrap()
    }

    /// Pushes an image with one layer; the answer is its manifest and digest.
    async fn push_image(&self, name: &str, tag: &str, seed: &str) -> (Value, Digest) {
        let config = self.push_blob(name, format!("config {seed}").as_bytes()).await;
        let layer = self.push_blob(name, format!("layer {seed}").as_bytes()).await;
        let manifest = image(&config, &[&layer]);
        let answer = self.put_manifest(name, tag, &manifest).await;
        let digest = Digest::of(manifest.to_string().as_bytes());
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(header(&answer, "docker-content-digest"), digest.as_str());
        assert_eq!(header(&answer, "location"), format!("/v2/{name}/manifests/{digest}"));
        (manifest, digest)
    }

    async fn begin(&self, name: &str) -> String {
        let answer = self.send(Method::POST, &format!("/v2/{name}/blobs/uploads/"), "").await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(header(&answer, "range"), "0-0");
        header(&answer, "location")
    }

    fn uploads(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("_uploads")).map_or(0, Iterator::count)
    }
}

fn image(config: &Digest, layers: &[&Digest]) -> Value {
    let layers: Vec<_> = layers.iter().map(|d| json!({"mediaType": "l", "digest": d, "size": 1})).collect();
    json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": "c", "digest": config, "size": 1}, "layers": layers})
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// The status and the envelope's code.
async fn refusal(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(header(&answer, "content-type"), "application/json");
    let body: Value = answer.json().await.unwrap();
    assert!(body["errors"][0]["message"].is_string(), "{body}");
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}

fn no(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn bytes(answer: Response) -> Bytes {
    answer.bytes().await.unwrap()
}

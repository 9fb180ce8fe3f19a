//! The proxy before a tiny registry of its own.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};

use super::*;
use crate::support::image::client;

const CONTENT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// One blob with ranges, one session that takes uploads and tells how much it got.
async fn tiny() -> String {
    async fn blob(headers: HeaderMap) -> impl IntoResponse {
        let from = headers
            .get("range")
            .and_then(|v| v.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let digest = [("docker-content-digest", "sha256:x")];
        match from {
            Some(from) => (StatusCode::PARTIAL_CONTENT, digest, CONTENT[from..].to_vec()),
            None => (StatusCode::OK, digest, CONTENT.to_vec()),
        }
    }
    async fn open(request: Request) -> impl IntoResponse {
        let mounts = request.uri().query().is_some_and(|q| q.contains("mount="));
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let status = if mounts { StatusCode::CREATED } else { StatusCode::ACCEPTED };
        (status, [("location", format!("http://{host}/v2/r/blobs/uploads/1?state=s"))])
    }
    async fn upload(body: Bytes) -> impl IntoResponse {
        (StatusCode::CREATED, body.len().to_string())
    }
    let app = Router::new()
        .route("/v2/r/blobs/{digest}", get(blob))
        .route("/v2/r/blobs/uploads/", post(open))
        .route("/v2/r/blobs/uploads/1", axum::routing::put(upload));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address.to_string()
}

async fn start() -> (Proxy, String) {
    let proxy = Proxy::start(&tiny().await).await;
    let base = format!("http://{}/v2/r/blobs", proxy.host());
    (proxy, base)
}

#[test]
fn paths_have_kinds() {
    for (path, kind) in [
        ("/v2/", Kind::Ping),
        ("/v2", Kind::Ping),
        ("/v2/_catalog", Kind::Catalog),
        ("/v2/a/b/tags/list", Kind::Tags),
        ("/v2/a/manifests/1", Kind::Manifest),
        ("/v2/a/blobs/sha256:00", Kind::Blob),
        ("/v2/a/blobs/uploads/", Kind::Upload),
        ("/v2/a/referrers/sha256:00", Kind::Referrers),
        ("/token", Kind::Other),
    ] {
        assert_eq!(Kind::of(path), kind, "{path}");
    }
}

#[tokio::test]
async fn what_no_rule_is_for_passes_whole() {
    let (proxy, base) = start().await;
    let got = client().get(format!("{base}/x")).header("range", "bytes=10-").send().await.unwrap();
    assert_eq!((got.status().as_u16(), got.content_length()), (206, Some(26)));
    assert_eq!(got.headers()["docker-content-digest"], "sha256:x");
    assert_eq!(got.bytes().await.unwrap(), CONTENT[10..]);
    let opened = client().post(format!("{base}/uploads/")).send().await.unwrap();
    let location = opened.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("http://{}/", proxy.host())), "{location}");
    let put = client().put(location).body(vec![7; 300_000]).send().await.unwrap();
    assert_eq!(put.text().await.unwrap(), "300000");
    assert_eq!(proxy.count("GET", Kind::Blob), 1);
    assert_eq!(proxy.seen()[0].range.as_deref(), Some("bytes=10-"));
    assert_eq!(proxy.counts().values().sum::<usize>(), 3);
}

#[tokio::test]
async fn statuses_are_injected_where_the_rule_says() {
    let (proxy, base) = start().await;
    let rule = proxy.add(on("GET", Kind::Blob).nth(2).then(Fault::Status(500)));
    proxy.add(on("GET", Kind::Blob).path("busy").first(1).then(Fault::TooManyRequests(7)));
    let status =
        async |path: &str| client().get(format!("{base}/{path}")).send().await.unwrap().status().as_u16();
    assert_eq!([status("x").await, status("x").await, status("x").await], [200, 500, 200]);
    assert_eq!(rule.happened(), 1);
    let busy = client().get(format!("{base}/busy")).send().await.unwrap();
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert!(busy.text().await.unwrap().contains("TOOMANYREQUESTS"));
    assert_eq!(status("busy").await, 200);
    proxy.add(any().then(Fault::Status(401)));
    let refused = client().get(format!("{base}/x")).send().await.unwrap();
    assert!(refused.headers().contains_key("www-authenticate"));
    proxy.mend();
    assert_eq!(status("x").await, 200);
}

#[tokio::test]
async fn bodies_are_cut_both_ways() {
    let (proxy, base) = start().await;
    proxy.add(on("GET", Kind::Blob).then(Fault::CutResponse(10)));
    let mut got = client().get(format!("{base}/x")).send().await.unwrap();
    assert_eq!(got.content_length(), Some(36));
    let mut bytes = Vec::new();
    let error = loop {
        match got.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => panic!("the body ended as if it were whole"),
            Err(e) => break e,
        }
    };
    assert_eq!(bytes, CONTENT[..10], "{error}");

    proxy.add(on("PUT", Kind::Upload).first(1).then(Fault::CutRequest(100_000)));
    let put = || client().put(format!("{base}/uploads/1")).body(vec![7; 1_500_000]).send();
    assert!(put().await.is_err());
    assert_eq!(put().await.unwrap().text().await.unwrap(), "1500000");

    proxy.add(on("GET", Kind::Blob).path("gone").then(Fault::Drop));
    assert!(client().get(format!("{base}/gone")).send().await.is_err());
}

#[tokio::test]
async fn answers_are_changed() {
    let (proxy, base) = start().await;
    proxy.add(on("GET", Kind::Blob).path("flip").then(Fault::Flip(3)));
    proxy.add(on("GET", Kind::Blob).path("all").then(Fault::IgnoreRange));
    proxy.add(on("GET", Kind::Blob).path("all").then(Fault::StripDigest));
    let get = async |path: &str| {
        client().get(format!("{base}/{path}")).header("range", "bytes=4-").send().await.unwrap()
    };
    let mut want = CONTENT[4..].to_vec();
    want[3] ^= 1;
    assert_eq!(get("flip").await.bytes().await.unwrap(), want);
    let all = get("all").await;
    assert_eq!((all.status().as_u16(), all.headers().contains_key("docker-content-digest")), (200, false));
    assert_eq!(all.bytes().await.unwrap(), CONTENT);

    let open = async |query: &str| {
        let opened = client().post(format!("{base}/uploads/{query}")).send().await.unwrap();
        (opened.status().as_u16(), opened.headers()["location"].to_str().unwrap().to_owned())
    };
    assert_eq!(open("?mount=sha256:x&from=other").await.0, 201);
    proxy.add(on("POST", Kind::Upload).then(Fault::RefuseMount));
    proxy.add(on("POST", Kind::Upload).then(Fault::RelativeLocation));
    assert_eq!(open("?mount=sha256:x&from=other").await, (202, "/v2/r/blobs/uploads/1?state=s".to_owned()));
    proxy.add(on("POST", Kind::Upload).then(Fault::AbsoluteLocation));
    assert_eq!(open("").await.1, format!("http://{}/v2/r/blobs/uploads/1?state=s", proxy.host()));
}

#[tokio::test]
async fn slow_answers_come_in_pieces() {
    let (proxy, base) = start().await;
    proxy.add(on("GET", Kind::Blob).then(Fault::Trickle(6, Duration::from_millis(10))));
    let started = Instant::now();
    let got = client().get(format!("{base}/x")).send().await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), CONTENT);
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn redirects_lead_to_another_host_name() {
    let (proxy, base) = start().await;
    proxy.add(on("GET", Kind::Blob).then(Fault::Redirect));
    let got = client().get(format!("{base}/x")).basic_auth("u", Some("p")).send().await.unwrap();
    assert_eq!(got.url().host_str(), Some("localhost"));
    assert_eq!(got.bytes().await.unwrap(), CONTENT);
    let authorized: Vec<_> = proxy.seen().iter().map(|seen| (seen.kind, seen.authorized)).collect();
    assert_eq!(authorized, [(Kind::Blob, true), (Kind::Redirected, false)]);
}

#[tokio::test]
async fn chances_are_the_same_for_the_same_seed() {
    let happened = async |seed| {
        let (proxy, base) = start().await;
        proxy.add(on("GET", Kind::Blob).chance(0.3, seed).then(Fault::Status(503)));
        let client = client();
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(client.get(format!("{base}/x")).send().await.unwrap().status().as_u16());
        }
        statuses
    };
    let first = happened(1).await;
    assert_eq!(first, happened(1).await);
    let bad = first.iter().filter(|status| **status == 503).count();
    assert!((4..=20).contains(&bad), "{bad} of 40");
    assert_ne!(first, happened(2).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs docker-registry"]
async fn a_real_registry_can_be_behind_it() {
    let registry = crate::support::peers::DockerRegistry::start();
    let proxy = Proxy::start(&registry.host()).await;
    let dir = tempfile::tempdir().unwrap();
    let image = crate::support::image::Recipe::layers(&[3_000_000, 10]).write(dir.path(), "1").unwrap();
    image.push(&proxy.host(), "a/b", &["1"]).await;
    image.assert_at(&proxy.host(), "a/b", "1").await;
    // Two layers and a configuration; the upload sessions led back to the proxy.
    assert_eq!((proxy.count("POST", Kind::Upload), proxy.count("PUT", Kind::Upload)), (3, 3));
    assert_eq!(proxy.count("PUT", Kind::Manifest), 2);
}

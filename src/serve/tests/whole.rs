//! The server as a whole: names, deletes, access, methods, its end.

use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn the_base_answers_and_other_paths_do_not() {
    let bench = serve().await;
    for path in ["/v2/", "/v2"] {
        let answer = bench.get(path).await;
        assert_eq!(header(&answer, "docker-distribution-api-version"), "registry/2.0");
        assert_eq!((answer.status(), bytes(answer).await), (StatusCode::OK, Bytes::from("{}")));
    }
    for path in ["/", "/v1/", "/v2/x", "/v2/a/b/c"] {
        assert_eq!(refusal(bench.get(path).await).await.0, 404, "{path}");
    }
    let answer = bench.send(Method::POST, "/v2/a/tags/list", "").await;
    assert_eq!(header(&answer, "allow"), "GET, HEAD");
    assert_eq!(refusal(answer).await, no(405, "UNSUPPORTED"));
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let bench = serve().await;
    let digest = Digest::of(b"");
    let long = "a".repeat(256);
    for name in
        ["A", "a//b", "_image", "a/_image", "..", "a/../b", "%2e%2e/a", "a%00", "a%ff", "-a", "a/", &long]
    {
        // Built by hand: a URL type would tidy the path up.
        let mut wire = tokio::net::TcpStream::connect(bench.addr).await.unwrap();
        for (method, rest) in [
            ("GET", "tags/list".to_owned()),
            ("GET", format!("blobs/{digest}")),
            ("PUT", "manifests/t".to_owned()),
            ("POST", "blobs/uploads/".to_owned()),
            ("GET", format!("referrers/{digest}")),
        ] {
            let head = format!("{method} /v2/{name}/{rest} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
            wire.write_all(head.as_bytes()).await.unwrap();
            let mut answer = vec![0; 4096];
            let read = wire.read(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
            assert!(
                answer.starts_with("HTTP/1.1 400") && answer.contains("NAME_INVALID"),
                "{name} {rest}: {answer}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(bench.dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn repositories_may_be_called_like_endpoints() {
    let bench = serve().await;
    for name in [
        "blobs",
        "manifests",
        "tags/list",
        "a/blobs/uploads",
        "a/manifests",
        "referrers/blobs",
        "uploads",
        "v2",
    ] {
        let (manifest, digest) = bench.push_image(name, "list", name).await;
        let path = format!("/v2/{name}/manifests/{digest}");
        assert_eq!(bytes(bench.get(&path).await).await, manifest.to_string(), "{name}");
        let tags: Value = bench.get(&format!("/v2/{name}/tags/list")).await.json().await.unwrap();
        assert_eq!(tags["tags"], json!(["list"]), "{name}");
    }
}

#[tokio::test]
async fn deletes_take_the_tag_the_manifest_or_the_blob() {
    let bench = serve().await;
    let (manifest, digest) = bench.push_image("a", "one", "1").await;
    bench.put_manifest("a", "two", &manifest).await;
    let delete = async |what: String| bench.send(Method::DELETE, &format!("/v2/a/{what}"), "").await;
    assert_eq!(delete("manifests/one".to_owned()).await.status(), StatusCode::ACCEPTED);
    assert_eq!(refusal(delete("manifests/one".to_owned()).await).await, no(404, "MANIFEST_UNKNOWN"));
    assert_eq!(bench.get("/v2/a/manifests/two").await.status(), StatusCode::OK);
    assert_eq!(refusal(delete(format!("blobs/{digest}")).await).await, no(405, "UNSUPPORTED"));
    assert_eq!(delete(format!("manifests/{digest}")).await.status(), StatusCode::ACCEPTED);
    for reference in ["two", digest.as_str()] {
        assert_eq!(bench.get(&format!("/v2/a/manifests/{reference}")).await.status(), StatusCode::NOT_FOUND);
    }
    let tags: Value = bench.get("/v2/a/tags/list").await.json().await.unwrap();
    assert_eq!(tags["tags"], json!([]));
    let layer = Digest::of(b"layer 1");
    assert_eq!(delete(format!("blobs/{layer}")).await.status(), StatusCode::ACCEPTED);
    assert_eq!(refusal(delete(format!("blobs/{layer}")).await).await, no(404, "BLOB_UNKNOWN"));
    assert_eq!(bench.get(&format!("/v2/a/blobs/{layer}")).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_read_only_registry_only_reads() {
    let first = serve().await;
    let (_, digest) = first.push_image("a", "t", "1").await;
    let options = ServeOptions { read_only: true, ..ServeOptions::default() };
    let bench = serve_store(tempfile::tempdir().unwrap(), Store::open(first.dir.path()), options).await;
    assert_eq!(bench.get("/v2/a/manifests/t").await.status(), StatusCode::OK);
    for (method, path) in [
        (Method::POST, "blobs/uploads/".to_owned()),
        (Method::PUT, "manifests/t".to_owned()),
        (Method::DELETE, format!("manifests/{digest}")),
        (Method::DELETE, format!("blobs/{digest}")),
    ] {
        let answer = bench.send(method, &format!("/v2/a/{path}"), "x").await;
        assert_eq!(refusal(answer).await, no(405, "UNSUPPORTED"), "{path}");
    }
}

#[tokio::test]
async fn everything_needs_the_password_where_there_is_one() {
    let basic_auth = Some(("user".to_owned(), SecretString::from("secret")));
    let options = ServeOptions { basic_auth, ..ServeOptions::default() };
    assert!(!format!("{options:?}").contains("secret"));
    let bench = serve_with(options).await;
    for (method, path) in [(Method::GET, "/v2/"), (Method::POST, "/v2/a/blobs/uploads/"), (Method::GET, "/")]
    {
        for password in [None, Some("wrong")] {
            let mut request = bench.request(method.clone(), path);
            if let Some(password) = password {
                request = request.basic_auth("user", Some(password));
            }
            let answer = request.body(vec![0; 300_000]).send().await.unwrap();
            assert_eq!(header(&answer, "www-authenticate"), "Basic realm=\"wharf\"");
            assert_eq!(refusal(answer).await, no(401, "UNAUTHORIZED"));
        }
    }
    let answer = bench.request(Method::GET, "/v2/").basic_auth("user", Some("secret")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn latency_bandwidth_and_chunks_are_as_asked() {
    let options = ServeOptions {
        latency: Duration::from_millis(30),
        bandwidth: NonZeroU64::new(1_000_000),
        chunk_min_length: NonZeroU64::new(4096),
        ..ServeOptions::default()
    };
    let bench = serve_with(options).await;
    let began = Instant::now();
    bench.get("/v2/").await;
    assert!(began.elapsed() >= Duration::from_millis(30));
    let answer = bench.send(Method::POST, "/v2/a/blobs/uploads/", "").await;
    assert_eq!(header(&answer, "oci-chunk-min-length"), "4096");
    let began = Instant::now();
    bench.push_blob("a", &[0; 100_000]).await;
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let bench = serve().await;
    let mut wire = tokio::net::TcpStream::connect(bench.addr).await.unwrap();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    wire.write_all(format!("{}{}{}", one("/v2/"), one("/v2/_catalog"), one("/v2/a/tags/list")).as_bytes())
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("NAME_UNKNOWN") {
        let mut piece = [0; 4096];
        let read = wire.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "{seen}");
        seen += &String::from_utf8_lossy(&piece[..read]);
    }
    let at = |text: &str| seen.find(text).unwrap();
    assert!(at("{}") < at("repositories") && at("repositories") < at("NAME_UNKNOWN"));
}

#[tokio::test]
async fn a_shutdown_lets_requests_end() {
    let dir = tempfile::tempdir().unwrap();
    let options = ServeOptions { latency: Duration::from_millis(200), ..ServeOptions::default() };
    let server = Server::bind(([127, 0, 0, 1], 0).into(), Store::open(dir.path()), options).await.unwrap();
    let (addr, shutdown) = (server.addr(), CancellationToken::new());
    let running = tokio::spawn(server.run(shutdown.clone()));
    let mut wire = tokio::net::TcpStream::connect(addr).await.unwrap();
    wire.write_all(b"GET /v2/ HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    shutdown.cancel();
    running.await.unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

//! Uploads and manifests on their way in.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn a_blob_is_pushed_by_post_and_put() {
    let bench = serve().await;
    let (blob, digest) = (vec![7u8; 1_300_000], Digest::of(&[7u8; 1_300_000]));
    let location = bench.begin("team/api").await;
    assert!(location.starts_with("/v2/team/api/blobs/uploads/"));
    let answer = bench.send(Method::PUT, &format!("{location}?digest={digest}"), blob.clone()).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(header(&answer, "location"), format!("/v2/team/api/blobs/{digest}"));
    assert_eq!(header(&answer, "docker-content-digest"), digest.as_str());
    let back = bench.get(&header(&answer, "location")).await;
    assert_eq!((back.status(), header(&back, "content-length")), (StatusCode::OK, blob.len().to_string()));
    assert_eq!(bytes(back).await, blob);
    assert_eq!(refusal(bench.get(&location).await).await, no(404, "BLOB_UPLOAD_UNKNOWN"));
    assert_eq!(bench.uploads(), 0);
}

#[tokio::test]
async fn a_blob_is_pushed_in_chunks_and_out_of_order_is_refused() {
    let bench = serve().await;
    let location = bench.begin("a").await;
    let patch = |range: &'static str, body: &'static str| {
        bench.request(Method::PATCH, &location).header("content-range", range).body(body).send()
    };
    let answer = patch("0-3", "0123").await.unwrap();
    assert_eq!((answer.status(), header(&answer, "range")), (StatusCode::ACCEPTED, "0-3".to_owned()));
    for range in ["0-3", "5-8"] {
        let answer = patch(range, "4567").await.unwrap();
        assert_eq!(header(&answer, "range"), "0-3");
        assert_eq!(header(&answer, "location"), location);
        assert_eq!(refusal(answer).await, no(416, "BLOB_UPLOAD_INVALID"), "{range}");
    }
    assert_eq!(refusal(patch("4-6", "4567").await.unwrap()).await, no(400, "SIZE_INVALID"));
    assert_eq!(refusal(patch("x", "4567").await.unwrap()).await, no(400, "BLOB_UPLOAD_INVALID"));
    assert_eq!(patch("bytes 4-7/*", "4567").await.unwrap().status(), StatusCode::ACCEPTED);
    // Without a range it is appended; with the length unknown too.
    let pieces = futures_util::stream::iter([Ok::<_, io::Error>("89"), Ok("ab")]);
    let answer = bench.send(Method::PATCH, &location, reqwest::Body::wrap_stream(pieces)).await;
    assert_eq!((answer.status(), header(&answer, "range")), (StatusCode::ACCEPTED, "0-11".to_owned()));
    let status = bench.get(&location).await;
    assert_eq!((status.status(), header(&status, "range")), (StatusCode::NO_CONTENT, "0-11".to_owned()));
    let digest = Digest::of(b"0123456789abcd");
    assert_eq!(refusal(bench.send(Method::PUT, &location, "cd").await).await, no(400, "DIGEST_INVALID"));
    let last =
        bench.request(Method::PUT, &format!("{location}?digest={digest}")).header("content-range", "12-13");
    assert_eq!(last.body("cd").send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(bytes(bench.get(&format!("/v2/a/blobs/{digest}")).await).await, "0123456789abcd");
}

#[tokio::test]
async fn a_chunk_of_unknown_length_keeps_to_its_range() {
    let bench = serve().await;
    for (body, range) in [("01234", "0-0"), ("012", "0-2")] {
        let location = bench.begin("a").await;
        let pieces = futures_util::stream::iter([Ok::<_, io::Error>(body)]);
        let request = bench.request(Method::PATCH, &location).header("content-range", "0-3");
        let answer = request.body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
        assert_eq!(refusal(answer).await, no(400, "SIZE_INVALID"));
        assert_eq!(header(&bench.get(&location).await, "range"), range);
    }
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let bench = serve().await;
    let wrong = Digest::of(b"other");
    let location = bench.begin("a").await;
    let answer = bench.send(Method::PUT, &format!("{location}?digest={wrong}"), "text").await;
    assert_eq!(refusal(answer).await, no(400, "DIGEST_INVALID"));
    assert_eq!(refusal(bench.get(&location).await).await, no(404, "BLOB_UPLOAD_UNKNOWN"));
    let answer = bench.send(Method::POST, &format!("/v2/a/blobs/uploads/?digest={wrong}"), "text").await;
    assert_eq!(refusal(answer).await, no(400, "DIGEST_INVALID"));
    for odd in ["sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e", "x"] {
        let answer = bench.send(Method::POST, &format!("/v2/a/blobs/uploads/?digest={odd}"), "text").await;
        assert_eq!(refusal(answer).await, no(400, "DIGEST_INVALID"), "{odd}");
    }
    for blob in [&wrong, &Digest::of(b"text")] {
        assert_eq!(bench.get(&format!("/v2/a/blobs/{blob}")).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(bench.uploads(), 0);
    assert!(!bench.dir.path().join("a").exists());
}

#[tokio::test]
async fn blobs_are_mounted_where_they_are_known() {
    let bench = serve().await;
    let digest = bench.push_blob("a", b"shared").await;
    let post = async |name: &str, query: String| {
        bench.send(Method::POST, &format!("/v2/{name}/blobs/uploads/?{query}"), "").await
    };
    // The repository itself, another one, and any.
    for (name, query) in [("a", "&from=a"), ("b/c", "&from=a"), ("d", "")] {
        let answer = post(name, format!("mount={digest}{query}")).await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{name}");
        assert_eq!(header(&answer, "location"), format!("/v2/{name}/blobs/{digest}"));
        assert_eq!(bytes(bench.get(&format!("/v2/{name}/blobs/{digest}")).await).await, "shared");
    }
    let unknown = Digest::of(b"unknown");
    for query in [
        format!("mount={unknown}&from=a"),
        format!("mount={digest}&from=nowhere"),
        format!("mount={unknown}"),
    ] {
        let answer = post("e", query.clone()).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{query}");
        assert!(header(&answer, "location").contains("/v2/e/blobs/uploads/"));
    }
    let answer = post("e", format!("mount={digest}&from=e")).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED, "it is not there yet");
    assert_eq!(refusal(post("e", "mount=x&from=a".to_owned()).await).await, no(400, "DIGEST_INVALID"));
    assert_eq!(refusal(post("e", format!("mount={digest}&from=A")).await).await, no(400, "NAME_INVALID"));
}

/// Sends the head of a request and a part of its body, then hangs up.
async fn cut(bench: &Bench, method: &str, path: &str, announced: usize, sent: &[u8]) {
    let mut wire = tokio::net::TcpStream::connect(bench.addr).await.unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {announced}\r\n\r\n");
    wire.write_all(head.as_bytes()).await.unwrap();
    wire.write_all(sent).await.unwrap();
    wire.shutdown().await.unwrap();
    let _ = wire.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_cut_upload_goes_on_where_it_stood_also_after_a_restart() {
    let bench = serve().await;
    let blob: Vec<u8> = (0..2_000_000u32).map(|n| (n / 3) as u8).collect();
    let digest = Digest::of(&blob);
    let location = bench.begin("a/b").await;
    cut(&bench, "PATCH", &location, blob.len(), &blob[..700_001]).await;
    assert_eq!(header(&bench.get(&location).await, "range"), "0-700000");
    cut(&bench, "PUT", &format!("{location}?digest={digest}"), blob.len() - 700_001, &blob[700_001..800_000])
        .await;
    assert_eq!(header(&bench.get(&location).await, "range"), "0-799999");

    let again =
        serve_store(tempfile::tempdir().unwrap(), Store::open(bench.dir.path()), ServeOptions::default())
            .await;
    let elsewhere = location.replace("a/b", "a");
    assert_eq!(refusal(again.get(&elsewhere).await).await, no(404, "BLOB_UPLOAD_UNKNOWN"));
    let rest = again.request(Method::PATCH, &location).header("content-range", "800000-1999999");
    let answer = rest.body(blob[800_000..].to_vec()).send().await.unwrap();
    assert_eq!((answer.status(), header(&answer, "range")), (StatusCode::ACCEPTED, "0-1999999".to_owned()));
    let answer = again.send(Method::PUT, &format!("{location}?digest={digest}"), "").await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(bytes(bench.get(&format!("/v2/a/b/blobs/{digest}")).await).await, blob);
}

#[tokio::test]
async fn an_upload_is_cancelled() {
    let bench = serve().await;
    let location = bench.begin("a").await;
    assert_eq!(bench.send(Method::DELETE, &location, "").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        refusal(bench.send(Method::DELETE, &location, "").await).await,
        no(404, "BLOB_UPLOAD_UNKNOWN")
    );
    assert_eq!(
        refusal(bench.send(Method::PATCH, &location, "x").await).await,
        no(404, "BLOB_UPLOAD_UNKNOWN")
    );
    assert_eq!(bench.uploads(), 0);
}

#[tokio::test]
async fn a_manifest_is_checked_before_it_is_taken() {
    let bench = serve().await;
    let config = bench.push_blob("a", b"{}").await;
    let missing = Digest::of(b"missing");
    let answer = bench.put_manifest("a", "t", &image(&config, &[&missing])).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let text = answer.text().await.unwrap();
    assert!(text.contains("MANIFEST_BLOB_UNKNOWN") && text.contains(missing.as_str()), "{text}");
    assert!(!text.contains(config.as_str()));
    let good = image(&config, &[]);
    let answer = bench.put_manifest("a", missing.as_str(), &good).await;
    assert_eq!(refusal(answer).await, no(400, "DIGEST_INVALID"));
    assert_eq!(refusal(bench.put_manifest("a", "-t", &good).await).await, no(400, "MANIFEST_INVALID"));
    let send = |body: String| {
        let request =
            bench.request(Method::PUT, "/v2/a/manifests/t").header("content-type", media_type::OCI_MANIFEST);
        request.body(body).send()
    };
    let mut other = good.clone();
    other["mediaType"] = json!(media_type::DOCKER_MANIFEST);
    let mut both = good.clone();
    both["manifests"] = json!([]);
    for odd in [String::new(), "[]".to_owned(), "{".to_owned(), other.to_string(), both.to_string()] {
        assert_eq!(refusal(send(odd.clone()).await.unwrap()).await, no(400, "MANIFEST_INVALID"), "{odd}");
    }
    let large = "x".repeat((4 << 20) + 1);
    assert_eq!(refusal(send(large.clone()).await.unwrap()).await, no(413, "MANIFEST_INVALID"));
    let unknown_length = futures_util::stream::iter([Ok::<_, io::Error>(large)]);
    let answer =
        bench.send(Method::PUT, "/v2/a/manifests/t", reqwest::Body::wrap_stream(unknown_length)).await;
    assert_eq!(refusal(answer).await, no(413, "MANIFEST_INVALID"));
    assert_eq!(refusal(bench.get("/v2/a/tags/list").await).await, no(404, "NAME_UNKNOWN"));
    assert_eq!(bench.put_manifest("a", "t", &good).await.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_push_the_same_at_once() {
    let bench = serve().await;
    let pushes = (0..16).map(|n| {
        let bench = &bench;
        async move {
            bench.push_image("same/repo", "latest", "same").await;
            bench.push_image("same/repo", &format!("t{n}"), &format!("{}", n % 3)).await;
        }
    });
    futures_util::future::join_all(pushes).await;
    let tags: Value = bench.get("/v2/same/repo/tags/list").await.json().await.unwrap();
    assert_eq!(tags["tags"].as_array().unwrap().len(), 17);
    let (_, digest) = bench.push_image("same/repo", "latest", "same").await;
    assert_eq!(
        header(&bench.get("/v2/same/repo/manifests/latest").await, "docker-content-digest"),
        digest.as_str()
    );
    assert_eq!(bench.uploads(), 0);
}

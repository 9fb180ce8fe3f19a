//! Reads: manifests, blobs and their parts, lists, referrers.

use super::*;

#[tokio::test]
async fn manifests_come_with_their_bytes_and_type() {
    let bench = serve().await;
    let (manifest, digest) = bench.push_image("a/b", "v1", "1").await;
    for reference in ["v1", digest.as_str()] {
        let path = format!("/v2/a/b/manifests/{reference}");
        let head = bench.send(Method::HEAD, &path, "").await;
        assert_eq!(header(&head, "content-length"), manifest.to_string().len().to_string());
        let whole = bench.get(&path).await;
        for answer in [&head, &whole] {
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(header(answer, "content-type"), media_type::OCI_MANIFEST);
            assert_eq!(header(answer, "docker-content-digest"), digest.as_str());
        }
        let known = bench.request(Method::GET, &path).header("if-none-match", header(&whole, "etag"));
        assert_eq!(bytes(whole).await, manifest.to_string());
        assert_eq!(known.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
    }
    for (reference, want) in [
        ("v2", no(404, "MANIFEST_UNKNOWN")),
        (".x", no(404, "MANIFEST_UNKNOWN")),
        ("sha256:12", no(400, "DIGEST_INVALID")),
        (Digest::of(b"").as_str(), no(404, "MANIFEST_UNKNOWN")),
    ] {
        let path = format!("/v2/a/b/manifests/{reference}");
        assert_eq!(refusal(bench.get(&path).await).await, want, "{reference}");
        let head = bench.send(Method::HEAD, &path, "").await;
        assert_eq!((head.status().as_u16(), bytes(head).await.len()), (want.0, 0));
    }
}

#[tokio::test]
async fn an_index_keeps_its_type_and_its_images() {
    let bench = serve().await;
    let (_, child) = bench.push_image("a", "child", "1").await;
    let list = json!({"schemaVersion": 2, "mediaType": media_type::DOCKER_LIST, "manifests": [
        {"mediaType": media_type::OCI_MANIFEST, "digest": child, "size": 1}]});
    assert_eq!(bench.put_manifest("a", "list", &list).await.status(), StatusCode::CREATED);
    let back = bench.get("/v2/a/manifests/list").await;
    assert_eq!(header(&back, "content-type"), media_type::DOCKER_LIST);
    let other = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [
        {"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(b"x"), "size": 1}]});
    assert_eq!(refusal(bench.put_manifest("a", "o", &other).await).await, no(400, "MANIFEST_BLOB_UNKNOWN"));
}

#[tokio::test]
async fn blobs_come_whole_or_in_part() {
    let bench = serve().await;
    let blob: Vec<u8> = (0..700_000u32).map(|n| (n / 5) as u8).collect();
    let digest = bench.push_blob("a", &blob).await;
    let path = format!("/v2/a/blobs/{digest}");
    let part = |range: &str| bench.request(Method::GET, &path).header("range", range).send();
    for (range, want, content) in [
        ("bytes=0-9", &blob[..10], "bytes 0-9/700000"),
        ("bytes=300000-", &blob[300_000..], "bytes 300000-699999/700000"),
        ("bytes=-7", &blob[699_993..], "bytes 699993-699999/700000"),
        ("bytes=699990-800000", &blob[699_990..], "bytes 699990-699999/700000"),
    ] {
        let answer = part(range).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(header(&answer, "content-range"), content);
        assert_eq!(header(&answer, "content-length"), want.len().to_string());
        assert_eq!(bytes(answer).await, want);
    }
    let answer = part("bytes=700000-").await.unwrap();
    assert_eq!(header(&answer, "content-range"), "bytes */700000");
    assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    for odd in ["lines=1-2", "bytes=5-2", "bytes=0-1,4-5"] {
        let answer = part(odd).await.unwrap();
        assert_eq!((answer.status(), bytes(answer).await.len()), (StatusCode::OK, blob.len()), "{odd}");
    }
    let head = bench.send(Method::HEAD, &path, "").await;
    assert_eq!(header(&head, "content-length"), "700000");
    assert_eq!(
        (header(&head, "accept-ranges"), header(&head, "docker-content-digest")),
        ("bytes".into(), digest.to_string())
    );
    let stale =
        bench.request(Method::GET, &path).header("range", "bytes=0-1").header("if-range", "\"other\"");
    assert_eq!(stale.send().await.unwrap().status(), StatusCode::OK);
    let empty = bench.push_blob("a", b"").await;
    let answer = bench.get(&format!("/v2/a/blobs/{empty}")).await;
    assert_eq!((header(&answer, "content-length"), bytes(answer).await.len()), ("0".to_owned(), 0));
    assert_eq!(refusal(bench.get(&format!("/v2/b/blobs/{digest}")).await).await, no(404, "BLOB_UNKNOWN"));
    assert_eq!(refusal(bench.get("/v2/a/blobs/nonsense").await).await, no(400, "DIGEST_INVALID"));
}

async fn walk(bench: &Bench, first: &str, key: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), first.to_owned());
    loop {
        let answer = bench.get(&next).await;
        let link = header(&answer, "link");
        let page: Value = answer.json().await.unwrap();
        pages.push(page[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect());
        match link.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")) {
            Some(link) => next = link.to_owned(),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn lists_come_by_pages() {
    let bench = serve().await;
    let empty: Value = bench.get("/v2/_catalog").await.json().await.unwrap();
    assert_eq!(empty, json!({"repositories": []}));
    for (name, tag) in [("b", "c"), ("b", "B"), ("b", "a"), ("b", "10"), ("b", "9"), ("a/x", "t"), ("a", "t")]
    {
        bench.push_image(name, tag, "1").await;
    }
    let tags: Value = bench.get("/v2/b/tags/list").await.json().await.unwrap();
    assert_eq!(tags, json!({"name": "b", "tags": ["10", "9", "B", "a", "c"]}));
    let pages = walk(&bench, "/v2/b/tags/list?n=2", "tags").await;
    assert_eq!(pages, [vec!["10", "9"], vec!["B", "a"], vec!["c"]]);
    assert_eq!(walk(&bench, "/v2/b/tags/list?n=3&last=A", "tags").await, [["B", "a", "c"]]);
    assert_eq!(walk(&bench, "/v2/b/tags/list?last=B", "tags").await, [["a", "c"]]);
    assert_eq!(walk(&bench, "/v2/b/tags/list?n=0", "tags").await, [Vec::<String>::new()]);
    assert_eq!(walk(&bench, "/v2/_catalog?n=1", "repositories").await, [["a"], ["a/x"], ["b"]]);
    assert_eq!(refusal(bench.get("/v2/b/tags/list?n=-1").await).await, no(400, "PAGINATION_NUMBER_INVALID"));
    assert_eq!(refusal(bench.get("/v2/none/tags/list").await).await, no(404, "NAME_UNKNOWN"));
}

#[tokio::test]
async fn referrers_are_listed_and_filtered() {
    let bench = serve().await;
    let (_, subject) = bench.push_image("a", "s", "s").await;
    let path = format!("/v2/a/referrers/{subject}");
    let answer = bench.get(&path).await;
    assert_eq!(
        (answer.status(), header(&answer, "content-type")),
        (StatusCode::OK, media_type::OCI_INDEX.to_owned())
    );
    let empty = bench.push_blob("a", b"{}").await;
    for kind in ["x/a+json", "x/b"] {
        let mut manifest = image(&empty, &[]);
        manifest["artifactType"] = json!(kind);
        manifest["annotations"] = json!({"kind": kind});
        manifest["subject"] = json!({"mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": 1});
        let answer =
            bench.put_manifest("a", Digest::of(manifest.to_string().as_bytes()).as_str(), &manifest).await;
        assert_eq!(
            (answer.status(), header(&answer, "oci-subject")),
            (StatusCode::CREATED, subject.to_string())
        );
    }
    let all: Value = bench.get(&path).await.json().await.unwrap();
    assert_eq!((all["schemaVersion"].as_u64(), all["manifests"].as_array().unwrap().len()), (Some(2), 2));
    for query in ["x/a+json", "x%2Fa%2Bjson"] {
        let answer = bench.get(&format!("{path}?artifactType={query}")).await;
        assert_eq!(header(&answer, "oci-filters-applied"), "artifactType");
        let one: Value = answer.json().await.unwrap();
        assert_eq!(one["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(one["manifests"][0]["artifactType"], "x/a+json");
        assert_eq!(one["manifests"][0]["annotations"]["kind"], "x/a+json");
    }
    let none: Value = bench.get(&format!("/v2/none/referrers/{subject}")).await.json().await.unwrap();
    assert_eq!(none["manifests"], json!([]));
    assert_eq!(refusal(bench.get("/v2/a/referrers/x").await).await, no(400, "DIGEST_INVALID"));
}

#[tokio::test]
async fn many_referrers_come_by_pages_that_clients_can_read() {
    let bench = serve().await;
    let (_, subject) = bench.push_image("a", "s", "s").await;
    let empty = bench.push_blob("a", b"{}").await;
    for n in 0..5 {
        let mut manifest = image(&empty, &[]);
        manifest["annotations"] = json!({"n": n.to_string(), "long": "x".repeat(1_000_000)});
        manifest["subject"] = json!({"mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": 1});
        bench.put_manifest("a", &format!("r{n}"), &manifest).await;
    }
    let first = bench.get(&format!("/v2/a/referrers/{subject}?artifactType=c")).await;
    let next = header(&first, "link");
    let next = next.strip_prefix('<').and_then(|l| l.strip_suffix(">; rel=\"next\"")).unwrap();
    let (first, second) = (bytes(first).await, bench.get(next).await);
    assert_eq!(header(&second, "link"), "");
    let second = bytes(second).await;
    assert!(first.len() < 4 << 20 && second.len() < 4 << 20);
    let count =
        |b: &Bytes| serde_json::from_slice::<Value>(b).unwrap()["manifests"].as_array().unwrap().len();
    assert_eq!((count(&first), count(&second)), (3, 2));
}

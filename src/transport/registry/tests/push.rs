//! Uploads: mounts, the ladder, broken bodies, resumption.

use super::*;
use crate::oci::{ErrorClass, RawManifest, media_type};
use crate::transport::{Begin, BlobWriter};

const BYTES: &[u8] = b"some blob's bytes";

fn session() -> Reply {
    reply(202).with("location", "uploads/1?_state=a%2Bb").with("range", "0-0")
}

async fn writer(repository: &RepositoryClient, blob: &Descriptor) -> Box<dyn BlobWriter> {
    match repository.begin_blob(blob, None).await.unwrap() {
        Begin::Write(writer) => writer,
        _ => panic!("nothing is there yet"),
    }
}

async fn push(repository: &RepositoryClient, bytes: &[u8]) -> Result<()> {
    let blob = blob_of(bytes);
    let mut writer = writer(repository, &blob).await;
    writer.write(0, body_of(bytes)).await?;
    assert_eq!(writer.accepted(), blob.size);
    writer.commit().await
}

/// A registry that honours mounts from the repository itself, or does not; docker/distribution, or another.
async fn ordinary(self_mounts: bool, is_distribution: bool) -> Server {
    let there: Arc<Mutex<Vec<String>>> = Arc::default();
    Server::start(move |seen| {
        let digest = seen.path.split(['=', '&', '/']).find(|part| part.starts_with("sha256:"));
        let has = digest.is_some_and(|digest| there.lock().unwrap().iter().any(|d| d == digest));
        match seen.method.as_str() {
            "HEAD" if has => reply(200),
            "HEAD" => reply(404),
            "POST" if self_mounts && has => reply(201),
            "POST" if is_distribution => session(),
            "POST" => reply(202).with("location", "uploads/1"),
            "PUT" => {
                there.lock().unwrap().extend(digest.map(str::to_owned));
                reply(201)
            }
            _ => reply(204),
        }
    })
    .await
}

#[tokio::test]
async fn distributions_are_believed_that_they_honour_mounts_and_put_to_the_proof() {
    for honours in [true, false] {
        let server = ordinary(honours, true).await;
        let (client, repository) = client_of(&server);
        push(&repository, BYTES).await.unwrap();
        let digest = Digest::of(BYTES);
        let put = format!("PUT /v2/a/b/blobs/uploads/uploads/1?_state=a%2Bb&digest={digest}");
        let ask = format!("POST /v2/a/b/blobs/uploads/?mount={digest}&from=a/b");
        // Two requests for a missing blob, even from one who knows nothing yet.
        assert_eq!(server.log(), [ask.clone(), put]);
        let put = &server.seen()[1];
        assert_eq!(put.header("content-length"), Some("17"));
        assert_eq!((put.header("transfer-encoding"), put.body.as_deref()), (None, Some(BYTES)));
        assert_eq!(server.seen()[0].header("content-length"), Some("0"));
        assert_eq!(client.profile(&server.registry()).honours_self_mount, None);
        // With more to send, it is asked for what it must have, and nobody was told of yet.
        push(&repository, b"more").await.unwrap();
        assert_eq!(client.profile(&server.registry()).honours_self_mount, Some(honours));
        assert_eq!(server.log()[4], ask.replace(digest.as_str(), Digest::of(b"more").as_str()));
        let ended = server.count("DELETE", "/v2/a/b/blobs/uploads/");
        assert_eq!((ended, server.count("HEAD", "/")), if honours { (0, 0) } else { (1, 0) });
        // What is there is not sent again, whatever the registry makes of mounts.
        for blob in [BYTES, b"more"] {
            assert!(matches!(repository.begin_blob(&blob_of(blob), None).await.unwrap(), Begin::Present));
        }
    }
}

#[tokio::test]
async fn others_are_asked_after_their_first_answer() {
    for honours in [true, false] {
        let server = ordinary(honours, false).await;
        let (client, repository) = client_of(&server);
        push(&repository, BYTES).await.unwrap();
        let methods = |server: &Server| server.seen().into_iter().map(|s| s.method).collect::<Vec<_>>();
        let mut want = vec!["POST", "HEAD", "PUT", "POST"];
        want.extend(Some("DELETE").filter(|_| !honours));
        assert_eq!(methods(&server), want);
        assert_eq!(client.profile(&server.registry()).honours_self_mount, Some(honours));
        // Somebody else knows nothing of it, and finds out with what is there.
        let (client, repository) = client_of(&server);
        assert!(matches!(repository.begin_blob(&blob_of(BYTES), None).await.unwrap(), Begin::Present));
        assert_eq!(client.profile(&server.registry()).honours_self_mount, Some(honours));
        let more = if honours { vec!["POST"] } else { vec!["POST", "HEAD", "DELETE"] };
        assert_eq!(methods(&server)[want.len()..], more);
    }
}

#[tokio::test]
async fn a_blob_that_should_be_there_is_asked_for_and_not_touched() {
    // A mount would be a question, too, and write its link anew.
    let server = ordinary(true, true).await;
    let (_, repository) = client_of(&server);
    push(&repository, BYTES).await.unwrap();
    let (_, repository) = client_of(&server);
    let (own, before) = (super::repository("a/b"), server.log().len());
    let begun = repository.begin_blob(&blob_of(BYTES), Some(&own)).await.unwrap();
    assert!(matches!(begun, Begin::Present));
    assert_eq!(server.log()[before..], [format!("HEAD /v2/a/b/blobs/{}", Digest::of(BYTES))]);
    assert!(matches!(repository.begin_blob(&blob_of(b"x"), Some(&own)).await.unwrap(), Begin::Write(_)));
}

#[tokio::test]
async fn mounts_succeed_open_a_session_or_fall_back() {
    let other = repository("other");
    for (status, requests) in [(201, 1), (202, 2), (404, 3), (403, 3), (500, 3), (400, 3)] {
        let server = Server::start(move |seen| match (seen.path.contains("mount="), seen.method.as_str()) {
            (true, _) if status == 202 => session(),
            (true, _) => reply(status),
            (_, "HEAD") => reply(404),
            (_, "POST") => session(),
            _ => reply(201),
        })
        .await;
        let (_, repository) = client_of(&server);
        let begun = repository.begin_blob(&blob_of(BYTES), Some(&other)).await.unwrap();
        assert_eq!(matches!(begun, Begin::Mounted), status == 201, "{status}");
        assert_eq!(server.log().len(), requests, "{status}: {:?}", server.log());
        if let Begin::Write(mut writer) = begun {
            writer.write(0, body_of(BYTES)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_empty_blob_and_a_big_one_arrive_whole() {
    let server = ordinary(true, true).await;
    let (_, repository) = client_of(&server);
    push(&repository, b"").await.unwrap();
    let big = vec![7; 3 << 20];
    let mut writer = match repository.begin_blob(&blob_of(&big), Some(&super::repository("x"))).await.unwrap()
    {
        Begin::Write(writer) => writer,
        _ => {
            // The script mounts everything: go around it.
            let session = repository.open(&blob_of(&big)).await.unwrap();
            writer_of(&repository, &big, session)
        }
    };
    writer.write(0, body_of(&big)).await.unwrap();
    let puts: Vec<_> = server.seen().into_iter().filter(|seen| seen.method == "PUT").collect();
    assert_eq!(puts.iter().map(|put| put.body.as_ref().unwrap().len()).collect::<Vec<_>>(), [0, 3 << 20]);
}

fn writer_of(
    repository: &RepositoryClient,
    bytes: &[u8],
    session: super::super::upload::Session,
) -> Box<dyn BlobWriter> {
    Box::new(super::super::upload::Writer::new(repository.clone(), blob_of(bytes), session))
}

#[tokio::test]
async fn the_sources_own_error_comes_back_and_nothing_is_committed() {
    let server = ordinary(true, true).await;
    let (_, repository) = client_of(&server);
    let wrong = || Error::Content {
        attempted: "read blob",
        at: "src/a".to_owned(),
        expected: "x".to_owned(),
        found: "y".to_owned(),
    };
    let blob = blob_of(BYTES);
    let mut writer = writer(&repository, &blob).await;
    let body = stream::iter([Ok(Bytes::from_static(b"some")), Err(wrong())]).boxed();
    let error = writer.write(0, body).await.unwrap_err();
    assert_eq!(error.to_string(), wrong().to_string());
    assert_eq!(writer.accepted(), 0);
    let short = writer.write(0, body_of(b"some")).await.unwrap_err();
    assert!(short.is_retryable() && short.to_string().contains("ended after 4 of 17 bytes"), "{short}");
    assert_eq!(server.count("POST", "/v2/a/b/blobs/uploads/"), 2, "a fresh session for a fresh start");
    assert!(writer.commit().await.is_err());
    let puts = server.seen().into_iter().filter(|seen| seen.method == "PUT" && seen.body.is_some());
    assert_eq!(puts.count(), 0);
}

/// Says no to everything above `rung`, and keeps what PATCHes bring.
async fn picky(refuse_put: u16, refuse_stream: bool, max: usize) -> (Server, Arc<Mutex<Vec<u8>>>) {
    let held: Arc<Mutex<Vec<u8>>> = Arc::default();
    let store = held.clone();
    let server = Server::start(move |seen| {
        let body = seen.body.clone().unwrap_or_default();
        let mut held = store.lock().unwrap();
        let at = |held: &[u8]| format!("0-{}", held.len().max(1) - 1);
        match seen.method.as_str() {
            "HEAD" => reply(404),
            "POST" if seen.path.contains("mount=") => reply(404),
            "POST" => {
                held.clear();
                session()
            }
            "PUT" if !body.is_empty() => reply(refuse_put),
            "PUT" => reply(201),
            "PATCH" if refuse_stream && seen.header("content-range").is_none() => reply(405),
            "PATCH" if body.len() > max => reply(413),
            "PATCH" => {
                let start =
                    seen.header("content-range").and_then(|range| range.split('-').next()?.parse().ok());
                if start.is_some_and(|start: usize| start != held.len()) {
                    return reply(416).with("range", at(&held));
                }
                held.extend_from_slice(&body);
                reply(202).with("location", "/v2/a/b/moved/2?s=1").with("range", at(&held))
            }
            _ => reply(204).with("range", at(&held)).with("location", "/v2/a/b/moved/2?s=1"),
        }
    })
    .await;
    (server, held)
}

async fn down_the_ladder(repository: &RepositoryClient, bytes: &[u8]) -> usize {
    let blob = blob_of(bytes);
    let mut writer = writer(repository, &blob).await;
    for attempt in 1..=4 {
        match writer.write(0, body_of(bytes)).await {
            Ok(()) => {
                writer.commit().await.unwrap();
                return attempt;
            }
            Err(error) => assert!(error.is_retryable() && writer.accepted() == 0, "{error}"),
        }
    }
    panic!("four attempts are enough");
}

#[tokio::test]
async fn the_ladder_is_gone_down_and_the_rung_remembered() {
    let bytes: Vec<u8> = (0..(9 << 20)).map(|n| (n % 251) as u8).collect();
    for (refuse_put, refuse_stream, max, rung, attempts) in [
        (405, false, usize::MAX, Rung::Stream, 2),
        (404, true, usize::MAX, Rung::Chunks, 3),
        (413, true, usize::MAX, Rung::Chunks, 2),
        (413, true, 1 << 20, Rung::Chunks, 2),
    ] {
        let (server, held) = picky(refuse_put, refuse_stream, max).await;
        let told = Arc::new(Told::default());
        let (client, repository) =
            client_with(&server, ClientOptions { observer: told.clone(), ..ClientOptions::default() });
        assert_eq!(down_the_ladder(&repository, &bytes).await, attempts);
        assert!(*held.lock().unwrap() == bytes);
        assert_eq!(client.profile(&server.registry()).upload, rung);
        assert_eq!(told.notes.lock().unwrap().len(), attempts - 1);
        assert!(server.count("PUT", "/v2/a/b/moved/2?s=1&digest=sha256:") >= 1, "always the latest location");
        assert_eq!(down_the_ladder(&repository, &bytes).await, 1);
        assert!(*held.lock().unwrap() == bytes);
    }
}

#[tokio::test]
async fn a_registry_that_names_a_least_chunk_gets_chunks() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "HEAD" => reply(404),
        "POST" => session().with("oci-chunk-min-length", (5 << 20).to_string()),
        // As ECR: 201 for a PATCH, and no Range.
        "PATCH" => reply(201).with("location", "/v2/a/b/blobs/uploads/1"),
        _ => reply(201),
    })
    .await;
    let (_, repository) = client_of(&server);
    push(&repository, &vec![1; 12 << 20]).await.unwrap();
    let ranges: Vec<_> =
        server.seen().iter().filter_map(|seen| seen.header("content-range").map(str::to_owned)).collect();
    assert_eq!(ranges, ["0-5242879", "5242880-10485759", "10485760-12582911"]);
}

#[tokio::test]
async fn a_broken_upload_goes_on_where_the_session_stands() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "HEAD" => reply(404),
        "POST" => session(),
        "PUT" if seen.body.as_ref().is_none_or(|body| !body.is_empty()) => reply(500),
        "GET" => reply(204).with("range", "0-9").with("location", "/v2/a/b/later"),
        "PATCH" => reply(202),
        _ => reply(201),
    })
    .await;
    let (_, repository) = client_of(&server);
    let blob = blob_of(BYTES);
    let mut writer = writer(&repository, &blob).await;
    assert!(writer.write(0, body_of(BYTES)).await.unwrap_err().is_retryable());
    assert_eq!(writer.accepted(), 10);
    assert!(matches!(writer.write(5, body_of(&BYTES[5..])).await, Err(Error::Conflict { .. })));
    writer.write(10, body_of(&BYTES[10..])).await.unwrap();
    let patch = server.seen().into_iter().find(|seen| seen.method == "PATCH").unwrap();
    assert_eq!((patch.path.as_str(), patch.header("content-range")), ("/v2/a/b/later", Some("10-16")));
    assert_eq!(patch.body.as_deref(), Some(&BYTES[10..]));
    writer.commit().await.unwrap();
}

#[tokio::test]
async fn a_wrong_digest_and_a_lost_session_are_told_apart() {
    let server = Server::start(|seen| match (seen.method.as_str(), &seen.body) {
        ("HEAD", _) => reply(404),
        ("POST", _) => session(),
        ("PUT", Some(body)) if body.starts_with(b"lost") => coded(404, "BLOB_UPLOAD_UNKNOWN"),
        ("PUT", Some(body)) if body.starts_with(b"other") => {
            reply(201).with("docker-content-digest", Digest::of(b"x").to_string())
        }
        ("PUT", _) => coded(400, "DIGEST_INVALID"),
        _ => reply(204),
    })
    .await;
    let (client, repository) = client_of(&server);
    let error = push(&repository, b"wrong").await.unwrap_err();
    assert_eq!((error.class(), error.is_retryable()), (ErrorClass::Digest, false), "{error}");
    assert!(push(&repository, b"lost").await.unwrap_err().is_retryable());
    assert_eq!(client.profile(&server.registry()).upload, Rung::Whole, "that was not the way's fault");
    assert!(matches!(push(&repository, b"other").await, Err(Error::Content { .. })));
}

#[tokio::test]
async fn a_registry_that_takes_nothing_is_a_stall() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut kept = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let n = socket.read(&mut head).await.unwrap_or(0);
            let answer: &[u8] = match &head[..n.min(4)] {
                b"HEAD" => b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                b"POST" => {
                    b"HTTP/1.1 202 Accepted\r\nconnection: close\r\nlocation: /u\r\ncontent-length: 0\r\n\r\n"
                }
                _ => b"",
            };
            let _ = socket.write_all(answer).await;
            kept.push(socket);
        }
    });
    let client = Client::new(ClientOptions {
        stall_timeout: Duration::from_millis(200),
        attempts: 1,
        ..ClientOptions::default()
    });
    let repository = client.repository(&address.to_string().parse().unwrap(), &repository("a"));
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 20]))).boxed();
    let blob = Descriptor { size: 1 << 40, ..blob_of(b"x") };
    let mut writer = writer(&repository, &blob).await;
    let error = writer.write(0, endless).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("nothing was taken for 0.2 s"), "{error}");
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_the_body_is_heard() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let n = socket.read(&mut head).await.unwrap_or(0);
                let answer: &[u8] = match &head[..n.min(4)] {
                    b"HEAD" => b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                    b"POST" => b"HTTP/1.1 202 Accepted\r\nconnection: close\r\nlocation: /u\r\ncontent-length: 0\r\n\r\n",
                    _ => b"HTTP/1.1 413 Request Entity Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                };
                let _ = socket.write_all(answer).await;
                // As nginx: what still comes is read away for a while.
                let _ = tokio::time::timeout(Duration::from_millis(300), async {
                    while socket.read(&mut head).await.is_ok_and(|n| n > 0) {}
                })
                .await;
            });
        }
    });
    let client = Client::new(ClientOptions::default());
    let registry: Registry = address.to_string().parse().unwrap();
    let repository = client.repository(&registry, &repository("a"));
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1 << 16]))).boxed();
    let mut writer = writer(&repository, &Descriptor { size: 1 << 40, ..blob_of(b"x") }).await;
    let error = writer.write(0, endless).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("413"), "{error}");
    assert_eq!(client.profile(&registry).upload, Rung::Chunks);
}

#[tokio::test]
async fn a_manifest_is_put_as_it_is() {
    let bytes: &[u8] = b"{ \"schemaVersion\": 2,\n \"config\":{} }";
    let server = Server::start(|seen| match seen.path.rsplit('/').next() {
        Some("lie") => reply(201).with("docker-content-digest", Digest::of(b"").to_string()),
        Some("bad") => coded(400, "MANIFEST_BLOB_UNKNOWN"),
        _ => reply(201),
    })
    .await;
    let (_, repository) = client_of(&server);
    let manifest = RawManifest::new(Bytes::from_static(bytes), media_type::DOCKER_MANIFEST);
    assert_eq!(repository.put_manifest_bytes(&manifest, &tag("1")).await.unwrap(), Digest::of(bytes));
    let put = &server.seen()[0];
    assert_eq!((put.line().as_str(), put.body.as_deref()), ("PUT /v2/a/b/manifests/1", Some(bytes)));
    assert_eq!(put.header("content-type"), Some(media_type::DOCKER_MANIFEST));
    assert!(matches!(
        repository.put_manifest_bytes(&manifest, &tag("lie")).await,
        Err(Error::Content { .. })
    ));
    assert!(repository.put_manifest_bytes(&manifest, &tag("bad")).await.unwrap_err().is_not_found());
    let other = TagOrDigest::Digest(Digest::of(b"other"));
    assert!(matches!(repository.put_manifest_bytes(&manifest, &other).await, Err(Error::Content { .. })));
    assert_eq!(server.log().len(), 3);
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_ended() {
    let server = ordinary(false, true).await;
    let (_, repository) = client_of(&server);
    drop(writer(&repository, &blob_of(BYTES)).await);
    for _ in 0..100 {
        if server.count("DELETE", "/v2/a/b/blobs/uploads/uploads/1") == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no DELETE: {:?}", server.log());
}

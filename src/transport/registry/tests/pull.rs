//! Manifests and blobs on the way out: digests, ranges, cuts, stalls, retries.

use super::*;
use crate::oci::{ErrorClass, media_type};

const MANIFEST: &[u8] = br#"{"schemaVersion":2,"config":{},"layers":[]}"#;

#[tokio::test]
async fn a_manifest_is_verified_by_what_was_asked_and_what_was_said() {
    let server = Server::start(|seen| {
        let reply =
            reply(200).with("content-type", "application/vnd.oci.image.manifest.v1+json; charset=utf-8");
        match seen.path.ends_with("/lie") {
            true => reply.with("docker-content-digest", Digest::of(b"other").to_string()).body(MANIFEST),
            false => reply.with("docker-content-digest", Digest::of(MANIFEST).to_string()).body(MANIFEST),
        }
    })
    .await;
    let (_, repository) = client_of(&server);
    let manifest = repository.get_manifest(&tag("1")).await.unwrap();
    assert_eq!((manifest.digest, &manifest.bytes[..]), (Digest::of(MANIFEST), MANIFEST));
    assert_eq!(manifest.media_type, media_type::OCI_MANIFEST);
    assert_eq!(server.seen()[0].header("accept"), Some(media_type::ACCEPT));
    for at in [tag("lie"), TagOrDigest::Digest(Digest::of(b"asked"))] {
        let error = repository.get_manifest(&at).await.unwrap_err();
        assert!(matches!(error, Error::Content { .. }) && error.class() == ErrorClass::Digest, "{error}");
    }
    assert_eq!(server.log().len(), 3, "a lie is not asked for again");
}

#[tokio::test]
async fn a_lookup_without_a_digest_header_reads_and_hashes() {
    let server = Server::start(|seen| {
        let kind = reply(200).with("content-type", media_type::OCI_MANIFEST);
        match (seen.method.as_str(), seen.path.rsplit('/').next()) {
            (_, Some("full")) => {
                let length = MANIFEST.len().to_string();
                let full = kind.with("docker-content-digest", Digest::of(MANIFEST).to_string());
                full.with("content-length", length)
            }
            ("HEAD", Some("bare")) => kind.with("content-length", "42"),
            ("HEAD", Some("nohead")) => reply(405),
            ("HEAD", Some("denied")) => reply(403),
            (_, Some("none")) => reply(404),
            _ => kind.body(MANIFEST),
        }
    })
    .await;
    let (_, repository) = client_of(&server);
    for (name, requests) in [("full", 1), ("bare", 2), ("nohead", 2)] {
        let before = server.log().len();
        let found = repository.head_manifest(&tag(name)).await.unwrap().unwrap();
        assert_eq!((found.digest, found.size), (Digest::of(MANIFEST), MANIFEST.len() as u64), "{name}");
        assert_eq!(server.log().len() - before, requests, "{name}");
    }
    assert!(repository.head_manifest(&tag("none")).await.unwrap().is_none());
    assert_eq!(repository.head_manifest(&tag("denied")).await.unwrap_err().class(), ErrorClass::Auth);
}

#[tokio::test]
async fn manifests_have_a_limit() {
    let server = Server::start(|_| reply(200).body(vec![b' '; (8 << 20) + 1])).await;
    let (_, repository) = client_of(&server);
    let error = repository.get_manifest(&tag("1")).await.unwrap_err();
    assert!(error.to_string().contains("at most 8192 KiB"), "{error}");
}

#[tokio::test]
async fn ranges_are_honoured_ignored_or_wrong() {
    let bytes: &[u8] = b"0123456789";
    let server = Server::start(move |seen| {
        let from: usize = match seen
            .header("range")
            .and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        {
            Some(from) => from,
            None => return reply(200).body(bytes),
        };
        match from {
            3 => reply(206).with("content-range", "bytes 3-9/10").body(&bytes[3..]),
            4 => reply(200).body(bytes),
            5 => reply(206).with("content-range", "bytes 2-9/10").body(&bytes[2..]),
            _ => reply(416),
        }
    })
    .await;
    let (_, repository) = client_of(&server);
    let blob = blob_of(bytes);
    for (from, start) in [(0, 0), (3, 3), (4, 0), (6, 0)] {
        let (real, stream) = repository.get_blob(&blob, from).await.unwrap();
        assert_eq!(
            (real, read(stream).await.unwrap().as_slice()),
            (start, &bytes[start as usize..]),
            "{from}"
        );
    }
    assert!(matches!(repository.get_blob(&blob, 5).await, Err(Error::Content { .. })));
    let before = server.log().len();
    let (real, stream) = repository.get_blob(&blob, 10).await.unwrap();
    assert_eq!((real, read(stream).await.unwrap().len(), server.log().len() - before), (10, 0, 0));
}

#[tokio::test]
async fn a_cut_body_and_a_silent_one_are_worth_another_try() {
    for (answer, word) in [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123" as &[u8], "closed in the middle"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n0123\r\n", ""),
    ] {
        let address = raw(answer).await;
        let client = Client::new(ClientOptions::default());
        let repository = client.repository(&address.to_string().parse().unwrap(), &repository("a"));
        let (_, stream) = repository.get_blob(&blob_of(b"0123456789"), 0).await.unwrap();
        let error = read(stream).await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains(word), "{error}");
        assert!(error.to_string().starts_with(&format!("get blob {address}/a@sha256:")), "{error}");
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123").await;
        std::future::pending::<()>().await;
    });
    let client =
        Client::new(ClientOptions { stall_timeout: Duration::from_millis(150), ..ClientOptions::default() });
    let repository = client.repository(&address.to_string().parse().unwrap(), &repository("a"));
    let (_, stream) = repository.get_blob(&blob_of(b"0123456789"), 0).await.unwrap();
    let error = read(stream).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("nothing came for 0.15 s"), "{error}");
}

#[tokio::test]
async fn a_document_that_breaks_off_is_asked_for_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let body = r#"{"tags":["1"]}"#;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        for cut in [true, false, true, false] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
            let sent = if cut { &body[..5] } else { body };
            socket.write_all(format!("{head}{sent}").as_bytes()).await.unwrap();
        }
    });
    let first_wait = Duration::from_millis(1);
    let client = Client::new(ClientOptions { first_wait, ..ClientOptions::default() });
    let registry: Registry = address.to_string().parse().unwrap();
    let manifest = client.repository(&registry, &repository("a")).get_manifest(&tag("1")).await.unwrap();
    assert_eq!(manifest.bytes, r#"{"tags":["1"]}"#);
    let tags = client.tags(&registry, &repository("a")).next().await.unwrap().unwrap();
    assert_eq!(tags, ["1"]);
}

#[tokio::test]
async fn server_faults_are_retried_and_announced() {
    let server = {
        let count = std::sync::atomic::AtomicUsize::new(0);
        Server::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => reply(503).with("content-type", "text/html").body("<html><b>busy</b></html>"),
            _ => reply(200).with("content-type", media_type::OCI_MANIFEST).body(MANIFEST),
        })
        .await
    };
    let told = Arc::new(Told::default());
    let (_, repository) =
        client_with(&server, ClientOptions { observer: told.clone(), ..ClientOptions::default() });
    repository.get_manifest(&tag("1")).await.unwrap();
    let retries = told.retries.lock().unwrap();
    let want = format!("get manifest {}/a/b:1: 503 Service Unavailable", server.registry());
    assert_eq!(
        (retries.len(), retries[0].reason.as_str(), retries[0].attempt, retries[0].of),
        (1, want.as_str(), 2, 5)
    );
}

#[tokio::test]
async fn patience_is_asked_for_and_given_and_refusals_are_final() {
    let server = Server::start(|seen| match seen.path.rsplit('/').next() {
        Some("busy") => coded(429, "TOOMANYREQUESTS").with("retry-after", "7"),
        Some(status) => reply(status.parse().unwrap()),
        None => reply(400),
    })
    .await;
    let told = Arc::new(Told::default());
    let (_, repository) =
        client_with(&server, ClientOptions { observer: told.clone(), ..ClientOptions::default() });
    let at = tag("busy");
    let waiting = tokio::time::timeout(Duration::from_millis(300), repository.get_manifest(&at)).await;
    assert!(waiting.is_err());
    let first = told.retries.lock().unwrap()[0].clone();
    assert_eq!((first.delay, first.class), (Duration::from_secs(7), ErrorClass::RateLimit));
    for (status, class) in [
        ("400", ErrorClass::Network),
        ("401", ErrorClass::Auth),
        ("403", ErrorClass::Auth),
        ("404", ErrorClass::NotFound),
    ] {
        let before = server.log().len();
        let error = repository.get_manifest(&tag(status)).await.unwrap_err();
        assert_eq!(
            (error.class(), error.is_retryable(), server.log().len() - before),
            (class, false, 1),
            "{error}"
        );
    }
    assert_eq!(told.retries.lock().unwrap().len(), 1);
    let (_, single) = client_with(&server, ClientOptions { attempts: 1, ..ClientOptions::default() });
    let error = single.get_manifest(&at).await.unwrap_err();
    assert_eq!((error.retry_after(), error.is_retryable()), (Some(Duration::from_secs(7)), true));
}

#[tokio::test]
async fn connections_are_used_again_after_errors() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while socket.read(&mut head).await.is_ok_and(|n| n > 0) {
                    let _ =
                        socket.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nnope\n").await;
                }
            });
        }
    });
    let client = Client::new(ClientOptions::default());
    let repository = client.repository(&address.to_string().parse().unwrap(), &repository("a"));
    for _ in 0..4 {
        assert!(repository.get_manifest(&tag("1")).await.unwrap_err().is_not_found());
        assert!(!repository.head_blob(&Digest::of(b"")).await.unwrap_or(true));
    }
    // HEAD's answer has no body although the script sends one; its connection may be dropped for that.
    assert!(accepted.load(std::sync::atomic::Ordering::SeqCst) <= 5);
}

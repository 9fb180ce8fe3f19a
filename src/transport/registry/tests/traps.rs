//! Hosts that are not there, TLS where there is none and the other way round, endless redirects, proxies.

use super::*;
use crate::oci::ErrorClass;

async fn error_of(client: &Client, registry: &str) -> Error {
    let repository = client.repository(&registry.parse().unwrap(), &repository("a"));
    repository.get_manifest(&tag("1")).await.unwrap_err()
}

fn client(registry: &str, url: &str, tls: Option<TlsOptions>, told: &Arc<Told>) -> Client {
    let own =
        RegistryOptions { url: Some(url.to_owned()), tls, ..RegistryOptions::new(registry.parse().unwrap()) };
    Client::new(ClientOptions { registries: vec![own], observer: told.clone(), ..ClientOptions::default() })
}

#[tokio::test]
async fn nobody_listening_is_said_shortly_and_soon() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = Arc::new(Told::default());
    let client = Client::new(ClientOptions { observer: told.clone(), ..ClientOptions::default() });
    let begun = std::time::Instant::now();
    let error = error_of(&client, &address.to_string()).await;
    assert_eq!(error.to_string(), format!("get manifest {address}/a:1: connection refused"));
    assert_eq!(error.class(), ErrorClass::Network);
    assert!(begun.elapsed() < Duration::from_secs(3) && told.retries.lock().unwrap().len() == 2);
}

#[tokio::test]
async fn tls_spoken_to_a_plain_server_is_named() {
    let server = Server::start(|_| reply(200)).await;
    let garbage = raw(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    for address in [server.address, garbage] {
        let told = Arc::new(Told::default());
        let client = client(&address.to_string(), &format!("https://{address}"), None, &told);
        let error = error_of(&client, &address.to_string()).await;
        assert_eq!(error.class(), ErrorClass::Tls, "{error}");
        assert!(
            error.to_string().contains("does not speak it") && error.to_string().contains("http://"),
            "{error}"
        );
        assert_eq!(told.retries.lock().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn plain_http_spoken_to_a_tls_server_is_named() {
    let go = raw(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n").await;
    let alert = raw(b"\x15\x03\x01\x00\x02\x02\x16").await;
    for address in [go, alert] {
        let told = Arc::new(Told::default());
        let client = Client::new(ClientOptions { observer: told.clone(), ..ClientOptions::default() });
        let error = error_of(&client, &address.to_string()).await;
        assert_eq!(error.class(), ErrorClass::Tls, "{error}");
        assert!(error.to_string().contains("https://"), "{error}");
        assert_eq!(told.retries.lock().unwrap().len(), 0);
    }
}

/// A TLS server with a certificate of its own making; what it answers to.
async fn tls_server(directory: &std::path::Path) -> Option<(std::net::SocketAddr, std::path::PathBuf)> {
    let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=wharf test", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .output()
        .ok()?;
    assert!(made.status.success(), "{made:?}");
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&cert).unwrap()],
            PrivateKeyDer::from_pem_file(&key).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // One thread a connection, blocking: rustls without a tokio adapter.
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for socket in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, socket);
                let mut head = [0; 4096];
                if stream.read(&mut head).is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
                    let _ = stream.flush();
                    let _ = stream.read(&mut head);
                }
            });
        }
    });
    Some((address, cert))
}

#[tokio::test]
async fn certificates_are_trusted_by_the_settings() {
    let directory = tempfile::tempdir().unwrap();
    let Some((address, cert)) = tls_server(directory.path()).await else { return };
    let registry = address.to_string();
    let told = Arc::new(Told::default());
    let with = |tls: TlsOptions| client(&registry, &format!("https://{address}"), Some(tls), &told);
    let error = error_of(&with(TlsOptions::default()), &registry).await;
    assert_eq!(error.class(), ErrorClass::Tls);
    assert!(error.to_string().contains("the certificate is not trusted: its issuer is unknown"), "{error}");
    let insecure = TlsOptions { insecure: true, ..TlsOptions::default() };
    assert!(error_of(&with(insecure), &registry).await.is_not_found());
    let own = TlsOptions { ca_file: Some(cert), ..TlsOptions::default() };
    assert!(error_of(&with(own), &registry).await.is_not_found());
    let missing = TlsOptions { ca_file: Some(directory.path().join("none.pem")), ..TlsOptions::default() };
    let error = error_of(&with(missing), &registry).await;
    assert!(matches!(error, Error::Settings { .. }) && error.to_string().contains("none.pem: "), "{error}");
    let plain = Client::new(ClientOptions::default());
    assert!(!error_of(&plain, &registry).await.is_not_found());
    assert_eq!(told.retries.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::start(|seen| reply(307).with("location", format!("{}x", seen.path))).await;
    let error = error_of(&Client::new(ClientOptions::default()), &server.registry().to_string()).await;
    assert!(error.to_string().contains("more than 10 redirects"), "{error}");
    assert_eq!(server.log().len(), 11);
}

#[tokio::test]
async fn proxies_are_for_others_than_loopback() {
    let proxy = Server::start(|_| reply(404)).await;
    let server = Server::start(|_| reply(404)).await;
    let settings = ProxySettings {
        http_proxy: Some(format!("http://me:secret@{}", proxy.address)),
        no_proxy: Some("skipped.test".to_owned()),
        ..ProxySettings::default()
    };
    let plain = |registry: &str| {
        let tls = Some(TlsOptions { plain: true, ..TlsOptions::default() });
        RegistryOptions { tls, ..RegistryOptions::new(registry.parse().unwrap()) }
    };
    let client = Client::new(ClientOptions {
        registries: vec![plain("far.test"), plain("skipped.test")],
        proxy: settings,
        ..ClientOptions::default()
    });
    assert!(error_of(&client, &server.registry().to_string()).await.is_not_found());
    assert_eq!((server.log().len(), proxy.log().len()), (1, 0));
    assert!(error_of(&client, "far.test").await.is_not_found());
    assert_eq!(proxy.seen()[0].header("host"), Some("far.test"));
    let error = error_of(&client, "skipped.test").await;
    assert_eq!((error.class(), proxy.log().len()), (ErrorClass::Network, 1), "{error}");
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn a_registrys_own_proxy_is_instead_of_the_others() {
    let (own, general) = (Server::start(|_| reply(404)).await, Server::start(|_| reply(404)).await);
    let to = |server: &Server| ProxySettings {
        http_proxy: Some(format!("http://me:secret@{}", server.address)),
        ..ProxySettings::default()
    };
    let tls = Some(TlsOptions { plain: true, ..TlsOptions::default() });
    let named = |registry: &str, proxy| RegistryOptions {
        tls: tls.clone(),
        proxy,
        ..RegistryOptions::new(registry.parse().unwrap())
    };
    let client = Client::new(ClientOptions {
        registries: vec![
            named("own.test", Some(to(&own))),
            named("other.test", None),
            named("127.0.0.2:1", Some(ProxySettings::default())),
        ],
        proxy: to(&general),
        ..ClientOptions::default()
    });
    assert!(!format!("{client:?}").contains("secret"));
    assert!(error_of(&client, "own.test").await.is_not_found());
    assert_eq!((own.log().len(), general.log().len()), (1, 0));
    assert!(error_of(&client, "other.test").await.is_not_found());
    assert_eq!((own.log().len(), general.log().len()), (1, 1));
}

#[tokio::test]
async fn insecure_falls_back_on_plain_http_and_remembers() {
    let server = Server::start(|_| reply(404)).await;
    let insecure = Some(TlsOptions { insecure: true, ..TlsOptions::default() });
    let (registry, told) = (server.registry(), Arc::new(Told::default()));
    let own = RegistryOptions { tls: insecure.clone(), ..RegistryOptions::new(registry.clone()) };
    let client = Client::new(ClientOptions {
        registries: vec![own],
        observer: told.clone(),
        ..ClientOptions::default()
    });
    for count in [1, 2] {
        let error = error_of(&client, &registry.to_string()).await;
        assert!(error.is_not_found(), "{error}");
        assert_eq!(server.log().len(), count);
    }
    let notes = told.notes.lock().unwrap().clone();
    assert_eq!(notes, [format!("{registry} does not speak TLS; plain HTTP is spoken to it")]);
    assert_eq!(told.retries.lock().unwrap().len(), 0);
    // Not where https:// is written, and not for a certificate that is to be looked at.
    for (url, tls) in [(Some(format!("https://{registry}")), insecure), (None, Some(TlsOptions::default()))] {
        let own = RegistryOptions { url, tls, ..RegistryOptions::new(registry.clone()) };
        let client = Client::new(ClientOptions { registries: vec![own], ..ClientOptions::default() });
        let error = error_of(&client, &registry.to_string()).await;
        assert_eq!((error.class(), server.log().len()), (ErrorClass::Tls, 2), "{error}");
    }
}

#[tokio::test]
async fn credentials_follow_the_fall_back() {
    let server = Server::start(|seen| match seen.header("authorization") {
        None => reply(401).with("www-authenticate", "Basic realm=\"r\""),
        Some(_) => reply(404),
    })
    .await;
    let tls = Some(TlsOptions { insecure: true, ..TlsOptions::default() });
    let own = RegistryOptions { tls, ..RegistryOptions::new(server.registry()) };
    let client = Client::new(ClientOptions {
        registries: vec![own],
        credentials: password("p"),
        ..ClientOptions::default()
    });
    let error = error_of(&client, &server.registry().to_string()).await;
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn a_host_that_swallows_everything_is_not_waited_for_again() {
    // A queue of one that nobody empties: further connections are never answered.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        queue.push(stream);
    }
    let options = ClientOptions { connect_timeout: Duration::from_millis(300), ..ClientOptions::default() };
    let begun = std::time::Instant::now();
    let error = error_of(&Client::new(options), &address.to_string()).await;
    assert_eq!(error.to_string(), format!("get manifest {address}/a:1: no connection in time"));
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
}

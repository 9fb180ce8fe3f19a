//! The client against Debian's docker-registry.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::oci::{RawManifest, media_type};
use crate::transport::Begin;

struct Peer {
    process: Child,
    address: std::net::SocketAddr,
    _directory: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn start() -> Peer {
    let directory = tempfile::tempdir().unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let root = directory.path().join("data");
    let config = directory.path().join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\nstorage:\n  delete: {{enabled: true}}\n  filesystem: {{rootdirectory: '{}'}}\n",
        root.display()
    );
    std::fs::write(&config, text).unwrap();
    let process = Command::new("docker-registry")
        .args(["serve".as_ref(), config.as_os_str()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let peer = Peer { process, address, _directory: directory };
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return peer;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("docker-registry did not start");
}

async fn put(repository: &RepositoryClient, bytes: &[u8]) {
    if let Begin::Write(mut writer) = repository.begin_blob(&blob_of(bytes), None).await.unwrap() {
        writer.write(0, body_of(bytes)).await.unwrap();
        writer.commit().await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs docker-registry"]
async fn push_mount_pull_list_and_delete() {
    let peer = start().await;
    let registry: Registry = peer.address.to_string().parse().unwrap();
    let client = Client::new(ClientOptions::default());
    let (one, two) = (repository("team/one"), repository("team/two"));
    let (a, b) = (client.repository(&registry, &one), client.repository(&registry, &two));
    let layer: Vec<u8> = (0..(6 << 20)).map(|n| (n % 253) as u8).collect();
    put(&a, b"{}").await;
    put(&a, &layer).await;
    assert_eq!(client.profile(&registry).honours_self_mount, Some(true));
    assert!(matches!(a.begin_blob(&blob_of(&layer), None).await.unwrap(), Begin::Present));
    for bytes in [b"{}" as &[u8], &layer] {
        assert!(matches!(b.begin_blob(&blob_of(bytes), Some(&one)).await.unwrap(), Begin::Mounted));
    }
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{m}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{c}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{l}","size":{s}}}]}}"#,
        m = media_type::OCI_MANIFEST,
        c = Digest::of(b"{}"),
        l = Digest::of(&layer),
        s = layer.len(),
    );
    let manifest = RawManifest::new(Bytes::from(text), media_type::OCI_MANIFEST);
    for repository in [&a, &b] {
        for name in ["1", "2"] {
            assert_eq!(repository.put_manifest_bytes(&manifest, &tag(name)).await.unwrap(), manifest.digest);
        }
    }
    assert_eq!(b.get_manifest(&tag("2")).await.unwrap(), manifest);
    assert_eq!(b.head_manifest(&tag("1")).await.unwrap().unwrap(), manifest.descriptor());
    assert!(b.head_manifest(&tag("none")).await.unwrap().is_none());
    for from in [0, 5 << 20] {
        let (start, stream) = b.get_blob(&blob_of(&layer), from).await.unwrap();
        assert_eq!(start, from);
        assert!(read(stream).await.unwrap() == layer[from as usize..]);
    }
    let repositories: Vec<_> = client.repositories(&registry).collect().await;
    assert_eq!(
        repositories.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(),
        ["team/one", "team/two"]
    );
    let tags: Vec<_> = client.tags(&registry, &two).collect().await;
    let mut tags = tags.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat();
    tags.sort();
    assert_eq!(tags, ["1", "2"]);
    assert!(b.referrers(&manifest.digest).await.unwrap().is_empty());
    b.delete_manifest(&TagOrDigest::Digest(manifest.digest.clone())).await.unwrap();
    assert!(b.get_manifest(&tag("1")).await.unwrap_err().is_not_found());
    assert!(matches!(a.delete_manifest(&tag("1")).await, Err(Error::Unsupported { .. })));
}

#[tokio::test]
#[ignore = "needs docker-registry"]
async fn every_rung_works_and_an_oracle_agrees() {
    let peer = start().await;
    let registry: Registry = peer.address.to_string().parse().unwrap();
    for (n, rung) in [Rung::Whole, Rung::Stream, Rung::Chunks].into_iter().enumerate() {
        let client = Client::new(ClientOptions::default());
        client.set_profile(&registry, Profile { upload: rung, ..Profile::default() });
        let to = client.repository(&registry, &repository("rungs"));
        let bytes: Vec<u8> = (0..(9 << 20) + n).map(|at| (at % (200 + n)) as u8).collect();
        put(&to, &bytes).await;
        let (_, stream) = to.get_blob(&blob_of(&bytes), 0).await.unwrap();
        assert!(read(stream).await.unwrap() == bytes, "{rung:?}");
        let wrong = Descriptor { digest: Digest::of(b"something else"), ..blob_of(&bytes) };
        let Begin::Write(mut writer) = to.begin_blob(&wrong, None).await.unwrap() else {
            panic!("it is not there")
        };
        let error = writer.write(0, body_of(&bytes)).await.unwrap_err();
        assert_eq!(error.class(), crate::oci::ErrorClass::Digest, "{rung:?}: {error}");
    }
}

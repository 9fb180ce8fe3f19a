//! Whole archives, written by many hands and read back by the `tar` crate.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::super::tar_layout;
use super::*;
use crate::oci::media_type::*;
use crate::transport::{ByteStream, Error};

struct Blob {
    descriptor: Descriptor,
    bytes: Bytes,
}

struct Fixture {
    blobs: Vec<Blob>,
    manifest: RawManifest,
}

fn blob(kind: &str, bytes: Vec<u8>) -> Blob {
    let bytes = Bytes::from(bytes);
    Blob { descriptor: Descriptor::new(kind, Digest::of(&bytes), bytes.len() as u64), bytes }
}

/// A layer's tar with one file.
fn layer(name: &str, size: usize) -> Vec<u8> {
    let mut seed = name.bytes().fold(7u32, |n, b| n.wrapping_mul(31).wrapping_add(b.into()));
    let content: Vec<u8> = (0..size)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 28) as u8
        })
        .collect();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content.as_slice()).unwrap();
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image of these tars, each packed as its media type says.
fn image(layers: &[(&str, Vec<u8>)], mislabel: bool) -> Fixture {
    let packed = |kind: &str, tar: &[u8]| match kind {
        OCI_LAYER_ZSTD => zstd::encode_all(tar, 3).unwrap(),
        OCI_LAYER => tar.to_vec(),
        _ if mislabel => zstd::encode_all(tar, 3).unwrap(),
        _ => gzip(tar),
    };
    let diff_ids: Vec<String> = layers.iter().map(|(_, tar)| Digest::of(tar).to_string()).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let mut blobs = vec![blob(OCI_CONFIG, config.to_string().into_bytes())];
    blobs.extend(layers.iter().map(|(kind, tar)| blob(kind, packed(kind, tar))));
    let entry = |b: &Blob| json!({"mediaType": b.descriptor.media_type, "digest": b.descriptor.digest, "size": b.descriptor.size});
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": entry(&blobs[0]),
        "layers": blobs[1..].iter().map(entry).collect::<Vec<_>>()});
    let manifest = RawManifest::new(Bytes::from(manifest.to_string()), OCI_MANIFEST);
    Fixture { blobs, manifest }
}

fn body(bytes: &Bytes) -> ByteStream {
    let pieces: Vec<Result<Bytes>> = bytes.chunks(10_007).map(|p| Ok(Bytes::copy_from_slice(p))).collect();
    stream::iter(pieces).boxed()
}

/// Writes all blobs at the same time, as the workers do.
async fn write_blobs(archive: &DockerArchive, fixture: &Fixture) {
    let write = |blob: &Blob| {
        let (archive, descriptor, bytes) = (archive.clone(), blob.descriptor.clone(), blob.bytes.clone());
        tokio::spawn(async move {
            if let Begin::Write(mut writer) = archive.begin(&descriptor, None).await.unwrap() {
                writer.write(0, body(&bytes)).await.unwrap();
                writer.commit().await.unwrap();
            }
        })
    };
    for task in fixture.blobs.iter().map(write).collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn write(archive: &DockerArchive, fixture: &Fixture, tags: &[&str]) -> Digest {
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    write_blobs(archive, fixture).await;
    let mut digest = None;
    for at in tags {
        digest = Some(archive.put_manifest(&fixture.manifest, &at.parse().unwrap()).await.unwrap());
    }
    digest.unwrap()
}

fn exact(path: &Path) -> Naming {
    Naming::Exact { path: path.to_owned(), overwrite: false }
}

/// Entries by path; a path that comes twice is a failure.
fn entries(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!((entry.header().uid().unwrap(), entry.header().mtime().unwrap()), (0, 0));
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(found.insert(name.clone(), content).is_none(), "{name} comes twice");
    }
    found
}

fn document(entries: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&entries[path]).unwrap()
}

fn plain() -> Fixture {
    let shared = layer("shared", 700_000);
    image(&[(OCI_LAYER_GZIP, shared.clone()), (OCI_LAYER, layer("b", 3000)), (OCI_LAYER_GZIP, shared)], false)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_two_tags_is_written_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/a.tar");
    let archive = DockerArchive::create(exact(&path), Some("nginx".parse().unwrap())).unwrap();
    let fixture = plain();
    let digest = write(&archive, &fixture, &["1.27", "latest", fixture.manifest.digest.as_str()]).await;
    assert_eq!(digest, fixture.manifest.digest);
    assert!(!path.exists());
    let finished = archive.finish().await.unwrap();
    assert_eq!(finished, Finished { path: Some(path.clone()), digest: None, notes: vec![] });

    let entries = entries(&path);
    for blob in &fixture.blobs {
        assert!(entries[&tar_layout::blob_path(&blob.descriptor.digest)] == blob.bytes);
    }
    assert!(entries[&tar_layout::blob_path(&digest)] == fixture.manifest.bytes);
    let docker = document(&entries, "manifest.json");
    assert_eq!(docker[0]["RepoTags"], json!(["nginx:1.27", "nginx:latest"]));
    let paths: Vec<String> =
        fixture.blobs.iter().map(|b| tar_layout::blob_path(&b.descriptor.digest)).collect();
    assert_eq!(docker[0]["Config"], json!(paths[0]));
    assert_eq!(docker[0]["Layers"], json!(paths[1..]));
    let index = document(&entries, "index.json");
    assert_eq!(
        index["manifests"][0]["annotations"],
        json!({"io.containerd.image.name": "docker.io/library/nginx:1.27", "org.opencontainers.image.ref.name": "1.27"})
    );
    assert_eq!(document(&entries, "oci-layout")["imageLayoutVersion"], "1.0.0");
    assert!(document(&entries, "repositories")["nginx"]["latest"].is_string());
    let whole = std::fs::read(&path).unwrap();
    let sum = std::fs::read_to_string(dir.path().join("deep/a.tar.sha256")).unwrap();
    assert_eq!(sum, format!("{}  a.tar\n", Digest::of(&whole).hex()));
    assert_eq!(std::fs::read_dir(dir.path().join("deep")).unwrap().count(), 2);

    // The same image gives the same file.
    let again = dir.path().join("b.tar");
    let archive = DockerArchive::create(exact(&again), Some("nginx".parse().unwrap())).unwrap();
    write(&archive, &fixture, &["1.27", "latest"]).await;
    archive.finish().await.unwrap();
    assert!(std::fs::read(&again).unwrap() == whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd_layers_become_gzip_whatever_their_type_says() {
    let dir = tempfile::tempdir().unwrap();
    let tars = [layer("a", 900_000), layer("b", 3000)];
    for (n, kind) in [OCI_LAYER_ZSTD, OCI_LAYER_GZIP].into_iter().enumerate() {
        let fixture = image(&[(kind, tars[0].clone()), (OCI_LAYER, tars[1].clone())], true);
        let path = dir.path().join(format!("{n}.tar"));
        let archive = DockerArchive::create(exact(&path), Some("a".parse().unwrap())).unwrap();
        let digest = write(&archive, &fixture, &["1", "2"]).await;
        let finished = archive.finish().await.unwrap();
        assert_ne!(digest, fixture.manifest.digest);
        assert_eq!(finished.digest.as_ref(), Some(&digest));
        assert_eq!(finished.notes.len(), 2, "{:?}", finished.notes);
        let entries = entries(&path);
        let docker = document(&entries, "manifest.json");
        let gzip = &entries[docker[0]["Layers"][0].as_str().unwrap()];
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut tar).unwrap();
        assert!(tar == tars[0]);
        let manifest = document(&entries, &tar_layout::blob_path(&digest));
        assert_eq!(manifest["layers"][0]["mediaType"], OCI_LAYER_GZIP);
        assert_eq!(manifest["layers"][0]["size"], gzip.len());
        assert_eq!(manifest["layers"][0]["digest"], Digest::of(gzip).as_str());
        assert_eq!(document(&entries, "index.json")["manifests"][1]["digest"], digest.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_images_share_their_layers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let base = layer("base", 5000);
    let (one, two) = (
        image(&[(OCI_LAYER_ZSTD, base.clone()), (OCI_LAYER, layer("1", 10))], false),
        image(&[(OCI_LAYER_ZSTD, base)], false),
    );
    let archive = DockerArchive::create(exact(&path), Some("ghcr.io/o/one".parse().unwrap())).unwrap();
    write(&archive, &one, &["1"]).await;
    let other = archive.image(None);
    write(&other, &two, &["1"]).await;
    other.finish().await.unwrap();
    let entries = entries(&path);
    let docker = document(&entries, "manifest.json");
    assert_eq!((&docker[0]["RepoTags"], &docker[1]["RepoTags"]), (&json!(["ghcr.io/o/one:1"]), &Value::Null));
    assert_eq!(docker[0]["Layers"][0], docker[1]["Layers"][0]);
    assert!(archive.finish().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_blob_goes_on_and_a_dropped_writer_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let archive = DockerArchive::create(exact(&path), None).unwrap();
    let fixture = plain();
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    let large = &fixture.blobs[1];
    let begin = || async {
        match archive.begin(&large.descriptor, None).await.unwrap() {
            Begin::Write(writer) => writer,
            _ => panic!("it is there already"),
        }
    };
    let cut = || Error::file("read", "x", std::io::Error::other("cut"));
    let half = large.bytes.len() / 2;
    let broken = body(&large.bytes.slice(..half)).chain(stream::iter([Err(cut())])).boxed();
    let mut first = begin().await;
    assert!(first.write(0, broken).await.is_err());
    assert_eq!(first.accepted(), half as u64);
    drop(first);
    let wrong = Bytes::from(vec![b'x'; half]);
    let mut second = begin().await;
    assert!(second.write(0, body(&wrong)).await.is_err());
    second
        .write(0, body(&large.bytes.slice(..half)).chain(stream::iter([Err(cut())])).boxed())
        .await
        .unwrap_err();
    let mut third = begin().await;
    let waiting = tokio::spawn(async move {
        third
            .write(
                0,
                stream::iter([Err(Error::file("read", "x", std::io::Error::other("not read")))]).boxed(),
            )
            .await?;
        third.commit().await
    });
    second.write(half as u64, body(&large.bytes.slice(half..))).await.unwrap();
    second.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
    write_blobs(&archive, &fixture).await;
    archive
        .put_manifest(&fixture.manifest, &TagOrDigest::Digest(fixture.manifest.digest.clone()))
        .await
        .unwrap();
    archive.finish().await.unwrap();
    let entries = entries(&path);
    assert!(entries[&tar_layout::blob_path(&large.descriptor.digest)] == large.bytes);
    assert!(!entries.contains_key("repositories"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let fixture = plain();
    let left = || std::fs::read_dir(dir.path()).unwrap().count();
    let create = || DockerArchive::create(exact(&path), Some("a".parse().unwrap())).unwrap();
    let at: TagOrDigest = "1".parse().unwrap();

    // Full disk.
    let huge = Descriptor::new(OCI_LAYER, Digest::of(b"huge"), 1 << 59);
    let stream = Naming::Stream { spool: Some(dir.path().to_owned()) };
    let error = DockerArchive::create(stream, None).unwrap().prepare(std::slice::from_ref(&huge)).await;
    assert!(error.unwrap_err().to_string().contains("bytes are needed"));
    let error = create().prepare(&[huge]).await.unwrap_err();
    assert!(
        matches!(&error, Error::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull),
        "{error}"
    );
    assert!(error.to_string().contains("bytes are needed"), "{error}");
    assert_eq!(left(), 0);
    // Artifacts, before a byte moves.
    let helm = Descriptor::new("application/vnd.cncf.helm.config.v1+json", Digest::of(b"{}"), 2);
    assert!(matches!(create().prepare(&[helm]).await, Err(Error::Unsupported { .. })));
    // An index.
    let index = RawManifest::new(Bytes::from_static(br#"{"schemaVersion":2,"manifests":[]}"#), OCI_INDEX);
    assert!(matches!(create().put_manifest(&index, &at).await, Err(Error::Unsupported { .. })));
    // A blob that never came; a job that is given up half-way.
    let archive = create();
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    assert!(archive.put_manifest(&fixture.manifest, &at).await.is_err());
    assert_eq!(left(), 1);
    drop(archive);
    assert_eq!(left(), 0);
    let archive = create();
    write(&archive, &fixture, &["1"]).await;
    archive.prepare(&[Descriptor::new(OCI_LAYER, Digest::of(b"more"), 4)]).await.unwrap();
    assert!(archive.finish().await.is_err());
    assert_eq!(left(), 0);
    // A configuration that lies about its layers' content.
    let mut lying = image(&[(OCI_LAYER_ZSTD, layer("a", 100))], false);
    lying.blobs[1] = blob(OCI_LAYER_ZSTD, zstd::encode_all(&b"another"[..], 3).unwrap());
    let text = String::from_utf8(lying.manifest.bytes.to_vec()).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["layers"][0]["digest"] = json!(lying.blobs[1].descriptor.digest);
    value["layers"][0]["size"] = json!(lying.blobs[1].descriptor.size);
    lying.manifest = RawManifest::new(Bytes::from(value.to_string()), OCI_MANIFEST);
    let archive = create();
    write_blobs(&archive, &lying).await;
    assert!(matches!(archive.put_manifest(&lying.manifest, &at).await, Err(Error::Content { .. })));
    drop(archive);
    // A directory that is a file.
    std::fs::write(dir.path().join("file"), b"").unwrap();
    let inside = DockerArchive::create(exact(&dir.path().join("file/a.tar")), None).unwrap();
    let error = inside.prepare(&blobs).await.unwrap_err();
    assert_eq!(error.class(), crate::oci::ErrorClass::Disk, "{error}");
}

/// Layers that differ.
fn mixed() -> Fixture {
    let large = (OCI_LAYER_GZIP, layer("large", 700_000));
    image(&[(OCI_LAYER, layer("b", 3000)), large, (OCI_LAYER_GZIP, layer("c", 60_000))], false)
}

/// Begins an archive, writes all blobs but the largest, half of that, and dies: what a kill leaves is in the file.
/// The answer is the number of the blob that is there in part.
async fn die_midway(archive: DockerArchive, fixture: &Fixture, partial: &Path) -> usize {
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    let largest = (0..blobs.len()).max_by_key(|n| blobs[*n].size).unwrap();
    for (n, blob) in fixture.blobs.iter().enumerate() {
        let Begin::Write(mut writer) = archive.begin(&blob.descriptor, None).await.unwrap() else { continue };
        assert_eq!(writer.accepted(), 0);
        if n == largest {
            let cut = stream::iter([Err(Error::file("read", "x", std::io::Error::other("cut")))]);
            let half = blob.bytes.slice(..blob.bytes.len() / 2);
            writer.write(0, body(&half).chain(cut).boxed()).await.unwrap_err();
        } else {
            writer.write(0, body(&blob.bytes)).await.unwrap();
            writer.commit().await.unwrap();
        }
    }
    let left = std::fs::read(partial).unwrap();
    drop(archive);
    assert!(!partial.exists());
    std::fs::write(partial, left).unwrap();
    largest
}

/// Writes what an archive lacks; the answer is how many bytes it took for each blob.
async fn go_on(archive: &DockerArchive, fixture: &Fixture) -> Vec<u64> {
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    let mut taken = Vec::new();
    for blob in &fixture.blobs {
        taken.push(match archive.begin(&blob.descriptor, None).await.unwrap() {
            Begin::Write(mut writer) => {
                let from = writer.accepted();
                writer.write(from, body(&blob.bytes.slice(from as usize..))).await.unwrap();
                writer.commit().await.unwrap();
                blob.descriptor.size - from
            }
            _ => 0,
        });
    }
    archive.put_manifest(&fixture.manifest, &"1".parse().unwrap()).await.unwrap();
    taken
}

fn named(naming: Naming) -> DockerArchive {
    DockerArchive::create(naming, Some("a".parse().unwrap())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_writer_left_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (path, fixture) = (dir.path().join("a.tar"), mixed());
    let partial = dir.path().join("a.tar.partial");
    let once = dir.path().join("once.tar");
    let archive = named(exact(&once));
    go_on(&archive, &fixture).await;
    archive.finish().await.unwrap();
    let once = std::fs::read(once).unwrap();

    let largest = die_midway(named(exact(&path)), &fixture, &partial).await;
    let archive = named(exact(&path));
    let mut missing = vec![0; fixture.blobs.len()];
    missing[largest] = fixture.blobs[largest].descriptor.size.div_ceil(2);
    assert_eq!(go_on(&archive, &fixture).await, missing);
    archive.finish().await.unwrap();
    assert!(std::fs::read(&path).unwrap() == once, "it is another file than one made in one go");

    // One that died while it wrote the documents: the journal is gone, the blobs are all there.
    std::fs::remove_file(&path).unwrap();
    let mut left = once[..once.len() - 600].to_vec();
    left.extend([7; 2000]);
    std::fs::write(&partial, &left).unwrap();
    let archive = named(exact(&path));
    assert_eq!(go_on(&archive, &fixture).await, vec![0; fixture.blobs.len()]);
    archive.finish().await.unwrap();
    assert!(std::fs::read(&path).unwrap() == once);

    // Another image's is replaced.
    std::fs::remove_file(&path).unwrap();
    let other = image(&[(OCI_LAYER, layer("other", 900_000))], false);
    die_midway(named(exact(&path)), &other, &partial).await;
    let archive = named(exact(&path));
    let sizes: Vec<u64> = fixture.blobs.iter().map(|b| b.descriptor.size).collect();
    assert_eq!(go_on(&archive, &fixture).await, sizes);
    archive.finish().await.unwrap();
    assert!(std::fs::read(&path).unwrap() == once);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_leftovers_are_never_made_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (path, fixture) = (dir.path().join("a.tar"), mixed());
    let partial = dir.path().join("a.tar.partial");
    let largest = die_midway(named(exact(&path)), &fixture, &partial).await;
    let mut left = std::fs::read(&partial).unwrap();
    for blob in &fixture.blobs {
        let start = &blob.bytes[..32];
        let at = left.windows(32).position(|window| window == start).unwrap();
        left[at + 10] ^= 1;
    }
    std::fs::write(&partial, left).unwrap();
    let archive = named(exact(&path));
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    let begin = |n: usize| archive.begin(&fixture.blobs[n].descriptor, None);
    for (n, blob) in fixture.blobs.iter().enumerate() {
        let Begin::Write(mut writer) = begin(n).await.unwrap() else { continue };
        let half = blob.bytes.len() as u64 / 2;
        assert_eq!(writer.accepted(), if n == largest { half } else { 0 }, "what is all there shows at once");
        if n == largest {
            writer.write(half, body(&blob.bytes.slice(half as usize..))).await.unwrap();
            assert!(writer.commit().await.unwrap_err().is_retryable());
            assert!(!archive.has_blob(&blob.descriptor).await.unwrap());
            let Begin::Write(again) = begin(n).await.unwrap() else { panic!("it is there") };
            writer = again;
            assert_eq!(writer.accepted(), 0);
        }
        writer.write(0, body(&blob.bytes)).await.unwrap();
        writer.commit().await.unwrap();
    }
    archive.put_manifest(&fixture.manifest, &"1".parse().unwrap()).await.unwrap();
    archive.finish().await.unwrap();
    let entries = entries(&path);
    assert!(fixture.blobs.iter().all(|b| entries[&tar_layout::blob_path(&b.descriptor.digest)] == b.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dated_leftover_is_found_by_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let series = |time: &'static str| Naming::Exclusive {
        directory: dir.path().to_owned(),
        name: Box::new(move |copy| format!("a_{time}_{copy}.tar")),
    };
    let (fixture, other) = (mixed(), image(&[(OCI_LAYER, layer("other", 9000))], false));
    let third = image(&[(OCI_LAYER, layer("third", 9000))], false);
    die_midway(named(series("1200")), &fixture, &at("a_1200_1.tar.partial")).await;
    die_midway(named(series("1100")), &other, &at("a_1100_1.tar.partial")).await;
    die_midway(named(series("1000")), &third, &at("a_1000_1.tar.partial")).await;
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600);
    std::fs::write(at("somebody.partial"), b"precious").unwrap();
    for name in ["a_1000_1.tar.partial", "somebody.partial"] {
        std::fs::File::options().write(true).open(at(name)).unwrap().set_modified(yesterday).unwrap();
    }
    let archive = named(series("1300"));
    let total: u64 = fixture.blobs.iter().map(|b| b.descriptor.size).sum();
    assert!(go_on(&archive, &fixture).await.iter().sum::<u64>() < total / 2);
    // While it is at it, another one of the same image makes a file of its own.
    let second = named(series("1300"));
    assert!(go_on(&second, &fixture).await.iter().sum::<u64>() > total / 2);
    let ended = [archive.finish().await.unwrap(), second.finish().await.unwrap()];
    assert!(matches!(&ended[0].notes[..], [note] if note.ends_with("a_1200_1.tar.partial")), "{ended:?}");
    assert_eq!(ended[1].notes, [""; 0]);
    assert_eq!(ended.map(|f| f.path.unwrap()), [at("a_1300_1.tar"), at("a_1300_2.tar")]);
    assert!(std::fs::read(at("a_1300_1.tar")).unwrap() == std::fs::read(at("a_1300_2.tar")).unwrap());
    let mut left: Vec<String> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".partial"))
        .collect();
    left.sort();
    assert_eq!(left, ["a_1100_1.tar.partial", "somebody.partial"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_keeps_what_came_if_it_is_worth_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, partial) = (dir.path().join("a.tar"), dir.path().join("a.tar.partial"));
    let fixture = image(&[(OCI_LAYER, layer("large", 3_000_000))], false);
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    for (length, kept) in [(100_000, false), (2_000_000, true)] {
        let archive = named(exact(&path));
        archive.prepare(&blobs).await.unwrap();
        let Begin::Write(mut writer) = archive.begin(&blobs[1], None).await.unwrap() else { panic!() };
        let cut = stream::iter([Err(Error::file("read", "x", std::io::Error::other("cut")))]);
        let part = fixture.blobs[1].bytes.slice(..length);
        writer.write(0, body(&part).chain(cut).boxed()).await.unwrap_err();
        let told = archive.keep();
        assert_eq!(told.is_some(), kept, "{told:?}");
        drop((writer, archive));
        assert_eq!(partial.exists(), kept);
    }
    let archive = named(exact(&path));
    let size = blobs[1].size;
    assert_eq!(go_on(&archive, &fixture).await, [blobs[0].size, size - 2_000_000]);
    archive.finish().await.unwrap();
    assert!(entries(&path)[&tar_layout::blob_path(&blobs[1].digest)] == fixture.blobs[1].bytes);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs skopeo"]
async fn skopeo_reads_it_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar");
    let archive = DockerArchive::create(exact(&path), Some("ghcr.io/o/r".parse().unwrap())).unwrap();
    let base = (OCI_LAYER_GZIP, layer("a", 90_000));
    let fixture = image(&[base.clone(), (OCI_LAYER_ZSTD, layer("b", 3000)), base], false);
    write(&archive, &fixture, &["1"]).await;
    archive.finish().await.unwrap();
    if let Ok(keep) = std::env::var("WHARF_KEEP") {
        std::fs::copy(&path, keep).unwrap();
    }
    for transport in ["docker-archive", "oci-archive"] {
        let location = format!("{transport}:{}", path.display());
        let output = std::process::Command::new("skopeo").args(["inspect", &location]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["Layers"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_archive_is_the_plain_one_and_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let base = (OCI_LAYER_GZIP, layer("a", 3_000_000));
    let fixture =
        image(&[base, (OCI_LAYER_ZSTD, layer("b", 30_000)), (OCI_LAYER, layer("c", 900_000))], false);
    let archive = named(exact(&at("plain.tar")));
    go_on(&archive, &fixture).await;
    archive.finish().await.unwrap();
    let plain = std::fs::read(at("plain.tar")).unwrap();
    for name in ["a.tar.gz", "a.tgz", "a.tar.zst"] {
        // A killed writer leaves both its files.
        let partial = at(&format!("{name}.partial"));
        die_midway(named(exact(&at(name))), &fixture, &partial).await;
        std::fs::write(at(&format!("{name}.partial.packed")), b"the beginning of it").unwrap();
        let archive = named(exact(&at(name)));
        let total: u64 = fixture.blobs.iter().map(|b| b.descriptor.size).sum();
        assert!(go_on(&archive, &fixture).await.iter().sum::<u64>() < total, "nothing of it was used");
        assert!(!at(name).exists());
        archive.finish().await.unwrap();
        let packed = std::fs::read(at(name)).unwrap();
        let mut back = Vec::new();
        match name.ends_with("zst") {
            true => zstd::stream::read::Decoder::new(&packed[..]).unwrap().read_to_end(&mut back),
            false => flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut back),
        }
        .unwrap();
        assert!(back == plain, "{name}");
        let sum = std::fs::read_to_string(at(&format!("{name}.sha256"))).unwrap();
        assert_eq!(sum, format!("{}  {name}\n", Digest::of(&packed).hex()));
    }
    // A layer that has to come again: what was compressed of it counts for nothing.
    let archive = named(exact(&at("c.tgz")));
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    for n in [0, 3] {
        let Begin::Write(mut writer) = archive.begin(&blobs[n], None).await.unwrap() else { panic!() };
        writer.write(0, body(&fixture.blobs[n].bytes)).await.unwrap();
        writer.commit().await.unwrap();
    }
    let Begin::Write(mut writer) = archive.begin(&blobs[1], None).await.unwrap() else { panic!() };
    let cut = stream::iter([Err(Error::file("read", "x", std::io::Error::other("cut")))]);
    let wrong = Bytes::from(vec![7; blobs[1].size as usize / 2]);
    writer.write(0, body(&wrong).chain(cut).boxed()).await.unwrap_err();
    writer.write(0, body(&fixture.blobs[1].bytes)).await.unwrap();
    writer.commit().await.unwrap();
    go_on(&archive, &fixture).await;
    archive.finish().await.unwrap();
    let mut back = Vec::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(at("c.tgz")).unwrap())
        .read_to_end(&mut back)
        .unwrap();
    assert!(back == plain);
    // One that is given up leaves nothing.
    let archive = named(exact(&at("b.tgz")));
    let blobs: Vec<Descriptor> = fixture.blobs.iter().map(|b| b.descriptor.clone()).collect();
    archive.prepare(&blobs).await.unwrap();
    assert!(at("b.tgz.partial.packed").exists());
    drop(archive);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2 * 5);
}

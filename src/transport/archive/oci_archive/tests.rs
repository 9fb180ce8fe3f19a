//! Archives of anything an OCI layout holds, read back by the `tar` crate and by wharf's own reader.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::super::{OciLayout, TarArchive};
use super::*;
use crate::oci::media_type::*;
use crate::transport::{ByteStream, Source};

fn blob(kind: &str, bytes: &[u8]) -> (Descriptor, Bytes) {
    (Descriptor::new(kind, Digest::of(bytes), bytes.len() as u64), Bytes::copy_from_slice(bytes))
}

fn body(bytes: Bytes) -> ByteStream {
    stream::iter([Ok(bytes)]).boxed()
}

/// A zstd layer, an artifact's blob, manifests for both, an index of them within an index.
fn nested() -> (Vec<(Descriptor, Bytes)>, Vec<RawManifest>) {
    let blobs = vec![
        blob(OCI_CONFIG, b"{}"),
        blob(OCI_LAYER_ZSTD, &zstd::encode_all(&b"a layer"[..], 3).unwrap()),
        blob("application/vnd.in-toto+json", b"{\"an\": \"attestation\"}"),
    ];
    let entry = |d: &Descriptor| json!({"mediaType": d.media_type, "digest": d.digest, "size": d.size});
    let manifest = |layer: &Descriptor| {
        let value = json!({"schemaVersion": 2, "config": entry(&blobs[0].0), "layers": [entry(layer)]});
        RawManifest::new(Bytes::from(serde_json::to_vec_pretty(&value).unwrap()), OCI_MANIFEST)
    };
    let index = |of: &[&RawManifest]| {
        let list: Vec<Value> = of.iter().map(|raw| entry(&raw.descriptor())).collect();
        let value = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list});
        RawManifest::new(Bytes::from(serde_json::to_vec_pretty(&value).unwrap()), OCI_INDEX)
    };
    let (image, attestation) = (manifest(&blobs[1].0), manifest(&blobs[2].0));
    let inner = index(&[&image, &attestation]);
    let root = index(&[&inner]);
    (blobs, vec![image, attestation, inner, root])
}

async fn put(to: &dyn Destination, tags: &[&str], backwards: bool) -> Finished {
    let (blobs, mut manifests) = nested();
    let all: Vec<Descriptor> = blobs.iter().map(|(d, _)| d.clone()).collect();
    to.prepare(&all).await.unwrap();
    for (descriptor, bytes) in blobs {
        let Begin::Write(mut writer) = to.begin(&descriptor, None).await.unwrap() else { panic!() };
        writer.write(0, body(bytes)).await.unwrap();
        writer.commit().await.unwrap();
        assert!(to.has_blob(&descriptor).await.unwrap());
    }
    if backwards {
        manifests[..2].reverse();
    }
    for raw in &manifests {
        to.put_manifest(raw, &TagOrDigest::Digest(raw.digest.clone())).await.unwrap();
    }
    for tag in tags {
        to.put_manifest(manifests.last().unwrap(), &tag.parse().unwrap()).await.unwrap();
    }
    to.finish().await.unwrap()
}

fn create(path: &Path, reference: &str) -> OciArchiveWriter {
    let naming = Naming::Exact { path: path.to_owned(), overwrite: false };
    OciArchiveWriter::create(naming, Some(reference)).unwrap()
}

fn entries(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    let mut found = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let (mut entry, mut content) = (entry.unwrap(), Vec::new());
        entry.read_to_end(&mut content).unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        assert!(found.insert(name.clone(), content).is_none(), "{name} comes twice");
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_kept_byte_for_byte_under_the_layouts_names() {
    let dir = tempfile::tempdir().unwrap();
    let (path, again, layout) =
        (dir.path().join("a.tar"), dir.path().join("b.tar"), dir.path().join("layout"));
    for (reference, tags) in [("v1", &["v1", "stable"][..]), ("ghcr.io/o/r:1", &["1", "2"]), ("named", &[])] {
        let finished = put(&create(&path, reference), tags, false).await;
        assert_eq!(finished, Finished { path: Some(path.clone()), ..Finished::default() });
        let found = entries(&path);
        let (blobs, manifests) = nested();
        let contents = blobs.iter().map(|(d, bytes)| (&d.digest, bytes));
        for (digest, bytes) in contents.chain(manifests.iter().map(|raw| (&raw.digest, &raw.bytes))) {
            assert!(found[&blob_path(digest)] == *bytes);
        }
        assert_eq!(found.len(), 2 + blobs.len() + manifests.len() + 2, "{:?}", found.keys());
        // A directory of the same image has the same documents.
        put(&OciLayout::create(&layout, Some(reference)).unwrap(), tags, false).await;
        for name in ["index.json", "oci-layout"] {
            assert_eq!(found[name], std::fs::read(layout.join(name)).unwrap(), "{reference} {name}");
        }
        let read = TarArchive::open(&path, Some(reference)).await.unwrap();
        assert_eq!(read.chosen().digest, manifests[3].digest);
        let root = read.manifest(&TagOrDigest::Digest(read.chosen().digest.clone())).await.unwrap();
        assert_eq!(root.bytes, manifests[3].bytes);
        // Whoever is first, the file is the same.
        put(&create(&again, reference), tags, true).await;
        assert!(std::fs::read(&again).unwrap() == std::fs::read(&path).unwrap());
        std::fs::remove_dir_all(&layout).unwrap();
        [&path, &again].into_iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_never_came_is_told_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let archive = create(&dir.path().join("a.tar"), "v1");
    let (blobs, manifests) = nested();
    archive.prepare(&[blobs[0].0.clone()]).await.unwrap();
    archive.put_manifest(&manifests[3], &"v1".parse().unwrap()).await.unwrap();
    assert_eq!(archive.resolve(&"v1".parse().unwrap()).await.unwrap().unwrap().digest, manifests[3].digest);
    assert!(archive.finish().await.unwrap_err().to_string().contains("never came"));
    drop(archive);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let naming = Naming::Stream { spool: None };
    let closed = OciArchiveWriter::create(naming, None).unwrap();
    let error = closed.prepare(&[blobs[0].0.clone()]).await.unwrap_err();
    assert!(error.to_string().starts_with("standard output"), "{error}");
}

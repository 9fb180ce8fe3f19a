//! Whole layouts, written and read back.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::*;
use crate::oci::Digest;
use crate::oci::media_type::*;
use crate::transport::{Begin, Destination};

fn descriptor(kind: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(kind, Digest::of(bytes), bytes.len() as u64)
}

async fn put_blob(writer: &OciLayoutWriter, bytes: &'static [u8]) -> Descriptor {
    let blob = descriptor(OCI_LAYER, bytes);
    if let Begin::Write(mut blob_writer) = writer.begin(&blob, None).await.unwrap() {
        blob_writer.write(0, stream::iter([Ok(Bytes::from_static(bytes))]).boxed()).await.unwrap();
        blob_writer.commit().await.unwrap();
    }
    blob
}

fn manifest(layer: &Descriptor) -> RawManifest {
    let entry = |d: &Descriptor| json!({"mediaType": d.media_type, "digest": d.digest, "size": d.size});
    let text = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": entry(layer), "layers": [entry(layer)]});
    RawManifest::new(Bytes::from(text.to_string()), OCI_MANIFEST)
}

fn index(manifests: &[&RawManifest]) -> RawManifest {
    let entry =
        |m: &&RawManifest| json!({"mediaType": m.media_type, "digest": m.digest, "size": m.bytes.len()});
    let entries: Vec<_> = manifests.iter().map(entry).collect();
    RawManifest::new(Bytes::from(json!({"schemaVersion": 2, "manifests": entries}).to_string()), OCI_INDEX)
}

fn tag(text: &str) -> TagOrDigest {
    text.parse().unwrap()
}

fn files(path: &Path) -> Vec<String> {
    let mut found: Vec<String> =
        std::fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    found
}

#[tokio::test]
async fn what_is_written_is_read_back_and_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/layout");
    let writer = OciLayout::create(&path, None).unwrap();
    assert!(writer.resolve(&tag("1")).await.unwrap().is_none());
    assert!(!path.exists());
    let layer = put_blob(&writer, b"one").await;
    let image = manifest(&layer);
    let whole = index(&[&image]);
    writer.put_manifest(&image, &TagOrDigest::Digest(image.digest.clone())).await.unwrap();
    for name in ["1", "latest"] {
        writer.put_manifest(&whole, &tag(name)).await.unwrap();
    }
    writer.finish().await.unwrap();
    assert_eq!(writer.resolve(&tag("1")).await.unwrap().unwrap().digest, whole.digest);
    assert!(matches!(writer.begin(&layer, None).await.unwrap(), Begin::Present));

    // Two names of one image are one image.
    let layout = OciLayout::open(&path, None).await.unwrap();
    assert_eq!(layout.chosen().digest, whole.digest);
    for at in [tag("latest"), TagOrDigest::Digest(image.digest.clone())] {
        assert!(layout.manifest(&at).await.is_ok());
    }
    assert!(layout.manifest(&tag("2")).await.unwrap_err().is_not_found());
    let (start, body) = layout.blob(&layer, 1).await.unwrap();
    let pieces: Vec<Bytes> = body.map(|p| p.unwrap()).collect().await;
    assert_eq!((start, pieces.concat().as_slice()), (1, &b"ne"[..]));

    // A second job adds an image and takes a name over.
    let writer = OciLayout::create(&path, Some("ghcr.io/o/r:v2")).unwrap();
    let other = manifest(&put_blob(&writer, b"two").await);
    writer.put_manifest(&other, &TagOrDigest::Digest(other.digest.clone())).await.unwrap();
    writer.finish().await.unwrap();
    OciLayout::create(&path, None).unwrap().put_manifest(&other, &tag("latest")).await.unwrap();
    let images = OciLayout::images(&path).await.unwrap();
    let listed: Vec<_> = images.iter().map(|i| (i.names[0].as_str(), &i.descriptor.digest)).collect();
    assert_eq!(listed, [("1", &whole.digest), ("latest", &other.digest), ("ghcr.io/o/r:v2", &other.digest)]);
    let error = OciLayout::open(&path, None).await.unwrap_err();
    assert!(error.to_string().contains("1, latest, ghcr.io/o/r:v2"), "{error}");
    assert_eq!(OciLayout::open(&path, Some("ghcr.io/o/r:v2")).await.unwrap().chosen().digest, other.digest);
    assert_eq!(
        OciLayout::open(&path, Some(image.digest.as_str())).await.unwrap().chosen().digest,
        image.digest
    );
    assert!(OciLayout::open(&path, Some("v9")).await.unwrap_err().is_not_found());
    assert_eq!(files(&path), ["blobs", "index.json", "oci-layout"]);
    assert!(files(&path.join("blobs/sha256")).iter().all(|name| name.len() == 64));
}

#[tokio::test]
async fn a_killed_writers_blob_is_gone_on_with_and_an_old_one_removed() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = dir.path().join("layout/blobs/sha256");
    let (all, half): (&'static [u8], usize) = (b"all of the blob", 7);
    let blob = descriptor(OCI_LAYER, all);
    let left = |digest: &Digest, bytes: &[u8]| {
        std::fs::create_dir_all(&blobs).unwrap();
        let path = blobs.join(format!("{}.partial", digest.hex()));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let begin = || async {
        let writer = OciLayout::create(&dir.path().join("layout"), None).unwrap();
        writer.prepare(std::slice::from_ref(&blob)).await.unwrap();
        writer.begin(&blob, None).await.unwrap()
    };
    let rest = |from: usize| stream::iter([Ok(Bytes::from_static(&all[from..]))]).boxed();
    drop(begin().await);
    let old = left(&Digest::of(b"another"), b"anot");
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600);
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(yesterday).unwrap();
    let new = left(&Digest::of(b"a third"), b"a th");
    // Half of it, right and wrong; all of it, right and wrong.
    left(&blob.digest, &all[..half]);
    let Begin::Write(mut writer) = begin().await else { panic!("half of it is no blob") };
    assert_eq!(writer.accepted(), half as u64);
    writer.write(half as u64, rest(half)).await.unwrap();
    writer.commit().await.unwrap();
    assert!(matches!(begin().await, Begin::Present));
    assert!(!old.exists() && new.exists());
    std::fs::remove_file(&new).unwrap();
    std::fs::remove_file(blobs.join(blob.digest.hex())).unwrap();
    left(&blob.digest, b"ALL of ");
    let Begin::Write(mut writer) = begin().await else { panic!("half of it is no blob") };
    writer.write(half as u64, rest(half)).await.unwrap();
    assert!(writer.commit().await.unwrap_err().is_retryable());
    assert_eq!(files(&blobs), [""; 0]);
    for wrong in [&b"ALL of the blob"[..], b"all of the blob and more"] {
        left(&blob.digest, wrong);
        let Begin::Write(writer) = begin().await else { panic!("wrong bytes are no blob") };
        assert_eq!(writer.accepted(), 0);
    }
    left(&blob.digest, all);
    assert!(matches!(begin().await, Begin::Present));
    assert_eq!(std::fs::read(blobs.join(blob.digest.hex())).unwrap(), all);
}

#[tokio::test]
async fn a_blob_put_in_parts_is_whole_as_far_as_its_journal_says() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = Bytes::from((0..900_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let blob = descriptor(OCI_LAYER, &bytes);
    let layout = OciLayout::create(dir.path(), None).unwrap();
    let cut = || stream::iter([Err(Error::file("read", "x", std::io::Error::other("cut")))]);
    let partial = dir.path().join(format!("{}.partial", index::blob_path(&blob.digest)));
    let begin = || async {
        let Begin::Write(writer) = layout.begin(&blob, None).await.unwrap() else { panic!("it is there") };
        writer
    };
    let mut writer = begin().await;
    let place = writer.place().unwrap();
    place.filled_from(500_000);
    place.put(700_000, bytes.slice(700_000..)).await.unwrap();
    writer.write(0, stream::iter([Ok(bytes.slice(..300_000))]).chain(cut()).boxed()).await.unwrap_err();
    let left = std::fs::read(&partial).unwrap();
    drop((writer, place));
    std::fs::write(&partial, left).unwrap();
    // Killed, and begun again: what lies behind the hole does not count.
    let mut writer = begin().await;
    assert_eq!(writer.accepted(), 300_000);
    let place = writer.place().unwrap();
    place.filled_from(400_000);
    place.put(400_000, bytes.slice(400_000..)).await.unwrap();
    writer.write(300_000, stream::iter([Ok(bytes.slice(300_000..))]).boxed()).await.unwrap();
    writer.commit().await.unwrap();
    drop(place);
    let file = dir.path().join(index::blob_path(&blob.digest));
    assert!(std::fs::read(file).unwrap() == bytes && !partial.exists());
}

#[tokio::test]
async fn what_may_pass_keeps_the_blobs_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = Bytes::from(vec![7; 3_000_000]);
    let blob = descriptor(OCI_LAYER, &bytes);
    let cut = || stream::iter([Err(Error::file("read", "x", std::io::Error::other("cut")))]);
    for (length, kept) in [(500_000, false), (2_000_000, true)] {
        let layout = OciLayout::create(dir.path(), None).unwrap();
        let Begin::Write(mut writer) = layout.begin(&blob, None).await.unwrap() else {
            panic!("it is there")
        };
        assert_eq!(writer.accepted(), 0);
        let part = stream::iter([Ok(bytes.slice(..length))]).chain(cut()).boxed();
        writer.write(0, part).await.unwrap_err();
        assert_eq!(layout.keep().is_some(), kept);
        drop(writer);
        assert_eq!(files(&dir.path().join("blobs/sha256")).len(), usize::from(kept));
    }
    let layout = OciLayout::create(dir.path(), None).unwrap();
    let Begin::Write(writer) = layout.begin(&blob, None).await.unwrap() else { panic!("it is there") };
    assert_eq!(writer.accepted(), 2_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layout");
    let image = manifest(&descriptor(OCI_LAYER, b""));
    let put = |n: u32| {
        let (path, image) = (path.clone(), image.clone());
        tokio::spawn(async move {
            let writer = OciLayout::create(&path, None).unwrap();
            put_blob(&writer, b"").await;
            writer.put_manifest(&image, &tag(&format!("t{n}"))).await.unwrap();
        })
    };
    for task in (0..20).map(put).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(OciLayout::images(&path).await.unwrap().len(), 20);
}

#[tokio::test]
async fn nothing_outside_is_read_and_nothing_of_others_touched() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("letters"), b"mine").unwrap();
    assert!(matches!(OciLayout::create(dir.path(), None), Err(Error::Conflict { .. })));
    assert!(matches!(OciLayout::open(dir.path(), None).await, Err(Error::Format { .. })));
    assert!(OciLayout::open(&dir.path().join("none"), None).await.unwrap_err().is_not_found());

    let path = dir.path().join("layout");
    let writer = OciLayout::create(&path, None).unwrap();
    let image = manifest(&put_blob(&writer, b"x").await);
    writer.put_manifest(&image, &tag("1")).await.unwrap();
    // A blob that is given up leaves nothing; a link out is not followed; wrong bytes are no manifest.
    let lost = descriptor(OCI_LAYER, b"lost");
    let begun = writer.begin(&lost, None).await.unwrap();
    drop(begun);
    assert_eq!(files(&path.join("blobs/sha256")).len(), 2);
    let secret = descriptor(OCI_LAYER, b"mine");
    std::os::unix::fs::symlink(dir.path().join("letters"), path.join(index::blob_path(&secret.digest)))
        .unwrap();
    let layout = OciLayout::open(&path, Some("1")).await.unwrap();
    assert!(matches!(layout.blob(&secret, 0).await, Err(Error::Format { .. })));
    assert!(matches!(layout.blob(&lost, 0).await, Err(Error::NotFound { .. })));
    std::fs::write(path.join(index::blob_path(&image.digest)), b"{}").unwrap();
    assert!(matches!(layout.manifest(&tag("1")).await, Err(Error::Content { .. })));
    // An index that cannot be read is left alone.
    std::fs::write(path.join("index.json"), b"[]").unwrap();
    assert!(writer.put_manifest(&image, &tag("2")).await.is_err());
    assert_eq!(std::fs::read(path.join("index.json")).unwrap(), b"[]");
}

#[tokio::test]
async fn with_an_images_last_name_go_the_blobs_that_only_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("layout");
    let writer = OciLayout::create(&path, None).unwrap();
    let (image, other) =
        (manifest(&put_blob(&writer, b"one").await), manifest(&put_blob(&writer, b"two").await));
    let whole = index(&[&image]);
    for (name, document) in [("1", &whole), ("also", &whole), ("part", &image), ("other", &other)] {
        writer.put_manifest(document, &tag(name)).await.unwrap();
    }
    writer.finish().await.unwrap();
    let remove = |digest: &Digest, name: Option<&'static str>| {
        let (path, digest) = (path.clone(), digest.clone());
        async move { OciLayout::remove(&path, &digest, name).await.unwrap() }
    };
    assert_eq!(remove(&whole.digest, Some("none")).await, None);
    assert_eq!(remove(&whole.digest, Some("1")).await, Some(Default::default()), "it has another name");
    // The index goes; the image in it has a name of its own.
    let size = whole.bytes.len() as u64;
    let removed = remove(&whole.digest, None).await.unwrap();
    assert_eq!((removed.manifests, removed.blobs, removed.bytes), (1, 1, size));
    assert!(OciLayout::open(&path, Some("part")).await.is_ok());
    // Somebody writes: nothing but the name goes.
    let partial = path.join("blobs/sha256/ff.partial");
    std::fs::write(&partial, vec![1; 4096]).unwrap();
    let removed = remove(&image.digest, Some("part")).await.unwrap();
    assert_eq!((removed.blobs, removed.left), (0, image.bytes.len() as u64 + 3));
    std::fs::remove_file(&partial).unwrap();
    // A damaged manifest protects what it may need.
    std::fs::write(path.join(index::blob_path(&other.digest)), "damaged").unwrap();
    assert_eq!(remove(&other.digest, Some("other")).await, Some(Default::default()));
    assert!(OciLayout::images(&path).await.unwrap().is_empty());
    assert_eq!(files(&path.join("blobs/sha256")).len(), 4);
}

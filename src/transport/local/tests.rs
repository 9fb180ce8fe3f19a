//! The store as its users see it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, future, stream};
use serde_json::json;

use super::*;
use crate::oci::{Descriptor, ErrorClass, RawManifest, TagOrDigest, media_type};
use crate::transport::{Begin, BlobWriter, ByteStream, Destination, Source};

struct Bench {
    dir: tempfile::TempDir,
    store: Store,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path().join("store"));
    Bench { dir, store }
}

fn name(text: &str) -> Repository {
    text.parse().unwrap()
}

fn at(text: &str) -> TagOrDigest {
    text.parse().unwrap()
}

fn body(bytes: &[u8]) -> ByteStream {
    let pieces: Vec<Result<Bytes>> = bytes.chunks(100_000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
    stream::iter(pieces).boxed()
}

fn cut(bytes: &[u8]) -> ByteStream {
    let lost = Error::Unreachable {
        attempted: "read blob",
        at: String::new(),
        reason: "cut".to_owned(),
        class: ErrorClass::Network,
    };
    body(bytes).chain(stream::iter([Err(lost)])).boxed()
}

fn blob(bytes: &[u8]) -> Descriptor {
    Descriptor::new("application/octet-stream", Digest::of(bytes), bytes.len() as u64)
}

async fn read(repository: &StoreRepository, bytes: &[u8], from: u64) -> Vec<u8> {
    let (start, stream) = repository.blob(&blob(bytes), from).await.unwrap();
    assert_eq!(start, from);
    stream.try_collect::<Vec<_>>().await.unwrap().concat()
}

async fn writer(repository: &StoreRepository, blob: &Descriptor) -> Box<dyn BlobWriter> {
    match repository.begin(blob, None).await.unwrap() {
        Begin::Write(writer) => writer,
        _ => unreachable!("nothing was there"),
    }
}

async fn push(repository: &StoreRepository, bytes: &[u8]) -> Descriptor {
    let blob = blob(bytes);
    if let Begin::Write(mut writer) = repository.begin(&blob, None).await.unwrap() {
        writer.write(0, body(bytes)).await.unwrap();
        writer.commit().await.unwrap();
    }
    blob
}

fn image(config: &Descriptor, layers: &[&Descriptor], more: serde_json::Value) -> RawManifest {
    let one = |d: &Descriptor, t: &str| json!({"mediaType": t, "digest": d.digest, "size": d.size});
    let layers: Vec<_> = layers.iter().map(|l| one(l, &l.media_type)).collect();
    let mut value = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": one(config, "application/x-config"), "layers": layers});
    for (key, more) in more.as_object().unwrap() {
        value[key] = more.clone();
    }
    RawManifest::new(Bytes::from(value.to_string()), media_type::OCI_MANIFEST)
}

async fn push_image(repository: &StoreRepository, seed: &str, tag: &str) -> RawManifest {
    let config = push(repository, format!("config {seed}").as_bytes()).await;
    let layer = push(repository, format!("layer {seed}").as_bytes()).await;
    let manifest = image(&config, &[&layer], json!({}));
    assert_eq!(repository.put_manifest(&manifest, &at(tag)).await.unwrap(), manifest.digest);
    manifest
}

fn names(path: &std::path::Path) -> BTreeSet<String> {
    let list = fs::read_dir(path).into_iter().flatten();
    list.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn uploads(bench: &Bench) -> usize {
    names(&bench.store.root().join("_uploads")).len()
}

fn make_old(path: &std::path::Path, age: Duration) {
    fs::File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

#[tokio::test]
async fn nothing_is_made_before_something_is_written() {
    let bench = bench();
    let repository = bench.store.repository(&name("a/b"));
    assert!(bench.store.repositories().await.unwrap().is_empty());
    assert!(bench.store.tags(&name("a/b")).await.unwrap_err().is_not_found());
    assert!(repository.manifest(&at("x")).await.unwrap_err().is_not_found());
    assert!(repository.resolve(&at("x")).await.unwrap().is_none());
    assert!(!repository.delete_manifest(&at("x")).await.unwrap());
    assert!(!repository.delete_blob(&Digest::of(b"")).await.unwrap());
    assert!(!repository.mount(&Digest::of(b""), None).await.unwrap());
    assert!(repository.upload("nonsense").await.unwrap_err().is_not_found());
    assert_eq!(
        bench.store.collect_garbage(Collection::older_than(Duration::ZERO)).await.unwrap(),
        Garbage::default()
    );
    repository.prepare(&[blob(b"x")]).await.unwrap();
    assert!(!bench.store.root().exists());
}

#[tokio::test]
async fn an_image_goes_in_and_comes_out_with_its_bytes_and_type() {
    let bench = bench();
    let repository = bench.store.repository(&name("team/api"));
    let manifest = push_image(&repository, "1", "v1").await;
    let back = repository.manifest(&at("v1")).await.unwrap();
    assert_eq!(back, manifest);
    assert_eq!(repository.resolve(&at(manifest.digest.as_str())).await.unwrap(), Some(manifest.descriptor()));
    assert_eq!(read(&repository, b"layer 1", 3).await, b"er 1");
    assert!(read(&repository, b"layer 1", 100).await.is_empty());
    let image = bench.store.root().join("team/api/_image");
    let want = ["blobs", "index.json", "oci-layout"].map(str::to_owned);
    assert_eq!(names(&image), want.into());
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(image.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "v1");
    for digest in [Digest::of(b"layer 1"), manifest.digest] {
        let own = fs::metadata(image.join("blobs/sha256").join(digest.hex())).unwrap();
        assert_eq!(own.nlink(), 2, "a hard link of the shared blob");
    }
    assert_eq!(uploads(&bench), 0);
    // Another process sees the same.
    let other = Store::open(bench.store.root());
    assert_eq!(other.tags(&name("team/api")).await.unwrap(), ["v1".parse().unwrap()]);
}

#[tokio::test]
async fn repositories_are_found_within_one_another_but_not_behind_links() {
    let bench = bench();
    for repository in ["b", "a/b/c", "a/b", "a-b"] {
        push_image(&bench.store.repository(&name(repository)), repository, "t").await;
    }
    let outside = bench.dir.path().join("outside");
    fs::create_dir_all(outside.join("x/_image")).unwrap();
    fs::write(outside.join("x/_image/index.json"), "{}").unwrap();
    std::os::unix::fs::symlink(&outside, bench.store.root().join("link")).unwrap();
    fs::create_dir_all(bench.store.root().join("Not A Name/_image")).unwrap();
    let found = bench.store.repositories().await.unwrap();
    assert_eq!(found, ["a-b", "a/b", "a/b/c", "b"].map(name));
}

#[tokio::test]
async fn a_manifest_needs_what_it_points_at() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let (config, layer) = (push(&repository, b"config").await, blob(b"nowhere"));
    let error = repository.put_manifest(&image(&config, &[&layer], json!({})), &at("t")).await.unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains(layer.digest.as_str()), "{error}");
    assert!(!error.to_string().contains(config.digest.as_str()));
    let mut foreign = layer.clone();
    foreign.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".to_owned();
    let manifest = image(
        &config,
        &[&foreign],
        json!({"subject": {"mediaType": "x", "digest": layer.digest, "size": 1}}),
    );
    repository.put_manifest(&manifest, &at("t")).await.unwrap();

    let list = |child: &Digest| {
        let value = json!({"schemaVersion": 2, "manifests": [
            {"mediaType": media_type::OCI_MANIFEST, "digest": child, "size": 1}]});
        RawManifest::new(Bytes::from(value.to_string()), media_type::OCI_INDEX)
    };
    let error = repository.put_manifest(&list(&layer.digest), &at("l")).await.unwrap_err();
    assert!(error.to_string().contains(&format!("manifest {}", layer.digest)), "{error}");
    repository.put_manifest(&list(&manifest.digest), &at("l")).await.unwrap();

    let wrong = at(Digest::of(b"other").as_str());
    assert!(matches!(repository.put_manifest(&manifest, &wrong).await, Err(Error::Content { .. })));
    let nonsense = RawManifest::new(Bytes::from_static(b"[]"), media_type::OCI_MANIFEST);
    assert!(matches!(repository.put_manifest(&nonsense, &at("n")).await, Err(Error::Manifest { .. })));
    assert_eq!(bench.store.tags(&name("a")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn tags_move_and_deletes_take_what_they_should() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let first = push_image(&repository, "1", "latest").await;
    let second = push_image(&repository, "2", "latest").await;
    repository.put_manifest(&second, &at("v2")).await.unwrap();
    assert_eq!(repository.manifest(&at("latest")).await.unwrap().digest, second.digest);
    assert_eq!(repository.manifest(&at(first.digest.as_str())).await.unwrap(), first);
    assert!(repository.delete_manifest(&at("v2")).await.unwrap());
    assert!(!repository.delete_manifest(&at("v2")).await.unwrap());
    assert!(repository.manifest(&at(second.digest.as_str())).await.is_ok());
    assert!(matches!(repository.delete_blob(&second.digest).await, Err(Error::Conflict { .. })));
    assert!(repository.delete_manifest(&at(second.digest.as_str())).await.unwrap());
    assert!(repository.manifest(&at("latest")).await.unwrap_err().is_not_found());
    assert!(repository.manifest(&at(second.digest.as_str())).await.unwrap_err().is_not_found());
    assert!(bench.store.tags(&name("a")).await.unwrap().is_empty());
    assert!(repository.delete_blob(&Digest::of(b"layer 2")).await.unwrap());
    assert!(repository.blob_size(&Digest::of(b"layer 2")).await.unwrap().is_none());
    assert!(!bench.store.root().join("_blobs/sha256").join(Digest::of(b"layer 2").hex()).exists());
}

#[tokio::test]
async fn blobs_are_mounted_by_a_link_and_only_where_they_are() {
    let bench = bench();
    let (a, b) = (bench.store.repository(&name("a")), bench.store.repository(&name("b")));
    let shared = push(&a, b"shared").await;
    assert!(b.blob_size(&shared.digest).await.unwrap().is_none());
    assert!(!b.mount(&shared.digest, Some(&name("b"))).await.unwrap());
    assert!(!b.mount(&shared.digest, Some(&name("c"))).await.unwrap());
    assert!(b.mount(&shared.digest, Some(&name("a"))).await.unwrap());
    assert!(b.mount(&shared.digest, Some(&name("b"))).await.unwrap());
    let path = bench.store.root().join("_blobs/sha256").join(shared.digest.hex());
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 3);
    assert!(a.delete_blob(&shared.digest).await.unwrap());
    assert_eq!(bench.store.holder(&shared.digest).await.unwrap(), Some(name("b")));
    let c = bench.store.repository(&name("c"));
    assert!(matches!(c.begin(&shared, None).await.unwrap(), Begin::Mounted));
    assert!(matches!(c.begin(&shared, None).await.unwrap(), Begin::Present));
    assert_eq!(read(&c, b"shared", 0).await, b"shared");
}

#[tokio::test]
async fn a_session_takes_pieces_and_survives_cuts_and_restarts() {
    let bench = bench();
    let bytes: Vec<u8> = (0..1_500_000u32).map(|n| (n / 7) as u8).collect();
    let repository = bench.store.repository(&name("a"));
    let upload = repository.begin_upload(None).await.unwrap();
    let id = upload.id().as_str().to_owned();
    assert_eq!(upload.append(Some(0), body(&bytes[..700_000])).await.unwrap(), 700_000);
    assert!(upload.append(None, cut(&bytes[700_000..900_001])).await.is_err());
    assert_eq!(upload.offset().await.unwrap(), 900_001);
    assert!(matches!(upload.append(Some(5), body(b"x")).await, Err(Error::Conflict { .. })));
    assert!(bench.store.repository(&name("b")).upload(&id).await.unwrap_err().is_not_found());

    let later = Store::open(bench.store.root()).repository(&name("a"));
    let upload = later.upload(&id).await.unwrap();
    assert_eq!(upload.append(Some(900_001), body(&bytes[900_001..])).await.unwrap(), 1_500_000);
    assert_eq!(upload.finish(&Digest::of(&bytes)).await.unwrap(), 1_500_000);
    assert_eq!(read(&repository, &bytes, 1).await, bytes[1..]);
    assert!(repository.upload(&id).await.unwrap_err().is_not_found());
    assert_eq!(uploads(&bench), 0);
}

#[tokio::test]
async fn a_session_with_another_digest_is_gone_and_leaves_nothing() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let upload = repository.begin_upload(None).await.unwrap();
    upload.append(None, body(b"text")).await.unwrap();
    let error = upload.clone().finish(&Digest::of(b"other")).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Digest);
    assert!(upload.offset().await.unwrap_err().is_not_found());
    assert!(upload.append(None, body(b"x")).await.unwrap_err().is_not_found());
    let upload = repository.begin_upload(None).await.unwrap();
    upload.clone().cancel().await.unwrap();
    assert!(upload.cancel().await.unwrap_err().is_not_found());
    assert_eq!(uploads(&bench), 0);
    assert!(!bench.store.root().join("a").exists());
}

#[tokio::test]
async fn sha512_is_a_digest_like_any_other() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let zero: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    let mut hasher = zero.hasher();
    hasher.update(b"text");
    let digest = hasher.finish();
    for expected in [None, Some(&digest)] {
        let upload = repository.begin_upload(expected).await.unwrap();
        upload.append(None, body(b"text")).await.unwrap();
        assert_eq!(upload.finish(&digest).await.unwrap(), 4);
    }
    assert_eq!(repository.blob_size(&digest).await.unwrap(), Some(4));
}

#[tokio::test]
async fn a_writer_goes_on_after_a_kill_and_leaves_nothing_when_dropped() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let wanted = blob(b"all of it");
    let mut first = writer(&repository, &wanted).await;
    assert!(first.write(0, cut(b"all ")).await.is_err());
    assert_eq!(first.accepted(), 4);
    // A second writer of the same blob does not disturb the first.
    let mut second = writer(&repository, &wanted).await;
    assert_eq!((second.accepted(), uploads(&bench)), (0, 2));
    second.write(0, body(b"all of it")).await.unwrap();
    drop(second);
    assert_eq!(uploads(&bench), 1);
    // A kill leaves the file and takes the lock away.
    let left = names(&bench.store.root().join("_uploads")).pop_first().unwrap();
    let path = bench.store.root().join("_uploads").join(left);
    let kept = fs::read(&path).unwrap();
    drop(first);
    assert_eq!(uploads(&bench), 0);
    fs::write(&path, kept).unwrap();
    let mut again = writer(&repository, &wanted).await;
    assert_eq!(again.accepted(), 4);
    again.write(4, body(b"of it")).await.unwrap();
    again.commit().await.unwrap();
    assert_eq!(read(&repository, b"all of it", 0).await, b"all of it");
    // All of it, before the writer could say so; and wrong bytes, in part and in all.
    let third = blob(b"the third");
    let path = {
        let begun = writer(&repository, &third).await;
        let left = names(&bench.store.root().join("_uploads")).pop_first().unwrap();
        drop(begun);
        bench.store.root().join("_uploads").join(left)
    };
    let uploaded = |left: &[u8]| fs::write(&path, left).unwrap();
    uploaded(b"The t");
    let mut begun = writer(&repository, &third).await;
    assert_eq!(begun.accepted(), 5);
    begun.write(5, body(b"hird")).await.unwrap();
    assert!(begun.commit().await.unwrap_err().is_retryable());
    uploaded(b"The third");
    assert_eq!(writer(&repository, &third).await.accepted(), 0);
    // A failure that may pass leaves it, if it is worth it.
    let large = vec![7; 3 << 20];
    let fourth = blob(&large);
    for (came, kept) in [(&large[..2 << 20], 2 << 20), (&large[..4], 0)] {
        let repository = bench.store.repository(&name("a"));
        let mut begun = writer(&repository, &fourth).await;
        assert!(begun.write(0, cut(came)).await.is_err());
        assert!(repository.keep().is_some());
        drop(begun);
        assert_eq!(writer(&repository, &fourth).await.accepted(), kept);
    }
    uploaded(b"the third");
    assert!(matches!(repository.begin(&third, None).await.unwrap(), Begin::Present));
    let repository = bench.store.repository(&name("a"));
    // What a retry writes from the start replaces what was there.
    let other = blob(b"other");
    let mut writer = writer(&repository, &other).await;
    assert!(writer.write(0, cut(b"wrong wrong")).await.is_err());
    writer.write(0, body(b"other")).await.unwrap();
    writer.commit().await.unwrap();
    assert_eq!((read(&repository, b"other", 0).await, uploads(&bench)), (b"other".to_vec(), 0));
}

#[test]
fn a_writer_that_nobody_waits_for_any_more_leaves_nothing() {
    let bench = bench();
    // One blocking thread: what is asked of it next comes when the first is done.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let digest = Digest::of(b"x");
        let begun = upload::Incoming::begin(&bench.store, &name("a"), &digest, Arc::default()).now_or_never();
        assert!(begun.is_none(), "it takes a moment");
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    });
    assert_eq!(fs::read_dir(bench.dir.path().join("store/_uploads")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_write_the_same_at_once() {
    let bench = bench();
    let other = Store::open(bench.store.root());
    let push = |n: usize| {
        let store = if n.is_multiple_of(2) { bench.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            let repository = store.repository(&name(if n.is_multiple_of(3) { "a" } else { "b" }));
            push_image(&repository, "same", "latest").await;
            push_image(&repository, &format!("{}", n % 5), &format!("t{n}")).await;
        })
    };
    for done in future::join_all((0..24).map(push)).await {
        done.unwrap();
    }
    let (a, b) = (bench.store.tags(&name("a")).await.unwrap(), other.tags(&name("b")).await.unwrap());
    assert_eq!((a.len(), b.len()), (9, 17));
    for tag in a {
        bench.store.repository(&name("a")).manifest(&TagOrDigest::Tag(tag)).await.unwrap();
    }
    assert_eq!(uploads(&bench), 0);
}

#[tokio::test]
async fn referrers_are_found_with_type_and_annotations() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let subject = push_image(&repository, "s", "s").await;
    let empty = push(&repository, b"{}").await;
    let of = json!({"mediaType": subject.media_type, "digest": subject.digest, "size": subject.bytes.len()});
    let signature =
        image(&empty, &[], json!({"subject": of, "artifactType": "x/sig", "annotations": {"k": "v"}}));
    let plain = image(&empty, &[], json!({"subject": of}));
    let list = json!({"schemaVersion": 2, "manifests": [], "subject": of});
    let list = RawManifest::new(Bytes::from(list.to_string()), media_type::OCI_INDEX);
    assert!(repository.referrers(&subject.digest, None).await.unwrap().is_empty());
    for manifest in [&signature, &plain, &list] {
        repository.put_manifest(manifest, &at(manifest.digest.as_str())).await.unwrap();
    }
    let found = repository.referrers(&subject.digest, None).await.unwrap();
    assert!(found.is_sorted_by(|a, b| a.digest < b.digest));
    let mut types: Vec<_> = found.iter().map(|d| d.artifact_type.as_deref()).collect();
    types.sort_unstable();
    assert_eq!(types, [None, Some("application/x-config"), Some("x/sig")]);
    let found = repository.referrers(&subject.digest, Some("x/sig")).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].digest, found[0].annotation("k")), (&signature.digest, Some("v")));
    repository.delete_manifest(&at(signature.digest.as_str())).await.unwrap();
    assert_eq!(repository.referrers(&subject.digest, None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn garbage_is_what_no_manifest_points_at_and_nobody_touched() {
    let bench = bench();
    let repository = bench.store.repository(&name("a/b"));
    let kept = push_image(&repository, "kept", "kept").await;
    let gone = push_image(&repository, "gone", "gone").await;
    repository.delete_manifest(&at(gone.digest.as_str())).await.unwrap();
    push(&repository, b"on its way").await;
    let recent = bench.store.collect_garbage(Collection::older_than(GARBAGE_AGE)).await.unwrap();
    assert_eq!(recent, Garbage { recent: 11 + 10 + 10, ..Garbage::default() });
    let dry = Collection { dry_run: true, ..Collection::older_than(Duration::ZERO) };
    let would = bench.store.collect_garbage(dry).await.unwrap();
    assert_eq!(would, Garbage { blobs: 3, bytes: 11 + 10 + 10, ..Garbage::default() });
    assert_eq!(names(&bench.store.root().join("_blobs/sha256")).len(), 6, "nothing is gone");
    let found = bench.store.collect_garbage(Collection::older_than(Duration::ZERO)).await.unwrap();
    assert_eq!(found, would);
    assert_eq!(repository.manifest(&at("kept")).await.unwrap(), kept);
    assert_eq!(read(&repository, b"layer kept", 0).await, b"layer kept");
    assert_eq!(names(&bench.store.root().join("_blobs/sha256")).len(), 3);
    // A repository with nothing in it goes as a whole.
    repository.delete_manifest(&at(kept.digest.as_str())).await.unwrap();
    bench.store.collect_garbage(Collection::older_than(Duration::ZERO)).await.unwrap();
    assert!(bench.store.repositories().await.unwrap().is_empty());
    assert!(
        !bench.store.root().join("a").exists() && names(&bench.store.root().join("_blobs/sha256")).is_empty()
    );
    push_image(&repository, "again", "t").await;
}

#[tokio::test]
async fn what_was_damaged_by_hand_is_made_whole_by_copying_it_again() {
    let bench = bench();
    let repository = bench.store.repository(&name("a/b"));
    let kept = push_image(&repository, "kept", "kept").await;
    let destination: &dyn Destination = &repository;
    let layer = blob(b"layer kept");
    let file = bench.store.root().join("a/b/_image/blobs/sha256").join(layer.digest.hex());
    let damages: [fn(&std::path::Path); 2] =
        [|file| std::fs::remove_file(file).unwrap(), |file| std::fs::write(file, "cut").unwrap()];
    for damage in damages {
        assert_eq!(destination.resolve(&at("kept")).await.unwrap().unwrap().digest, kept.digest);
        damage(&file);
        assert_eq!(destination.resolve(&at("kept")).await.unwrap(), None);
        assert!(!destination.has_blob(&layer).await.unwrap());
        let error = repository.blob(&layer, 0).await.err().unwrap();
        assert!(error.is_not_found() || matches!(error, Error::Content { .. }), "{error}");
        push_image(&repository, "kept", "kept").await;
        assert_eq!(read(&repository, b"layer kept", 0).await, b"layer kept");
    }
}

#[tokio::test]
async fn a_damaged_manifest_protects_its_repository_from_the_collection() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let manifest = push_image(&repository, "1", "t").await;
    let path = bench.store.root().join("a/_image/blobs/sha256").join(manifest.digest.hex());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "damaged").unwrap();
    assert!(matches!(repository.manifest(&at("t")).await, Err(Error::Content { .. })));
    bench.store.collect_garbage(Collection::older_than(Duration::ZERO)).await.unwrap();
    assert_eq!(read(&repository, b"layer 1", 0).await, b"layer 1");
    // A push of the same heals it.
    repository.put_manifest(&manifest, &at("t")).await.unwrap();
    assert_eq!(repository.manifest(&at("t")).await.unwrap(), manifest);
}

#[tokio::test]
async fn stale_sessions_are_swept_when_the_store_is_first_written_to() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let (old, new) =
        (repository.begin_upload(None).await.unwrap(), repository.begin_upload(None).await.unwrap());
    make_old(&bench.store.root().join("_uploads").join(old.id().as_str()), Duration::from_secs(90_000));
    assert!(old.offset().await.is_ok());
    let later = Store::open(bench.store.root()).repository(&name("b"));
    later.begin_upload(None).await.unwrap();
    assert!(old.offset().await.unwrap_err().is_not_found());
    assert!(new.offset().await.is_ok());
}

#[tokio::test]
async fn a_disk_without_room_is_told_before_anything_is_written() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let huge = Descriptor::new("x", Digest::of(b"huge"), u64::MAX / 2);
    let error = repository.prepare(&[huge.clone(), huge]).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Disk);
    assert!(error.to_string().contains("bytes are needed"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_for_a_moment_is_waited_for() {
    // What a process that this one starts does to every lock, until its exec.
    let bench = bench();
    let upload = bench.store.repository(&name("a")).begin_upload(None).await.unwrap();
    upload.append(None, body(b"text")).await.unwrap();
    let held = std::fs::File::open(bench.store.root().join("_uploads").join(upload.id().as_str())).unwrap();
    held.try_lock().unwrap();
    let release = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        drop(held);
    });
    assert_eq!(upload.finish(&Digest::of(b"text")).await.unwrap(), 4);
    release.await.unwrap();
}

/// An index of two images, with a referrer to the index; the digests of all four, the index first.
async fn push_index(repository: &StoreRepository, tag: &str) -> Vec<Digest> {
    let mut digests = Vec::new();
    for child in ["x", "y"] {
        digests.push(push_image(repository, &format!("{tag}-{child}"), "child").await.digest);
    }
    repository.delete_manifest(&at("child")).await.unwrap();
    let entry = |d: &Digest| json!({"mediaType": media_type::OCI_MANIFEST, "digest": d, "size": 3});
    let entries: Vec<_> = digests.iter().map(entry).collect();
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
    let index = RawManifest::new(Bytes::from(index.to_string()), media_type::OCI_INDEX);
    repository.put_manifest(&index, &at(tag)).await.unwrap();
    let config = push(repository, format!("signature of {tag}").as_bytes()).await;
    let subject = json!({"subject": entry(&index.digest)});
    let signature = image(&config, &[], subject);
    repository.put_manifest(&signature, &at(signature.digest.as_str())).await.unwrap();
    digests.insert(0, index.digest);
    digests.push(signature.digest);
    digests
}

#[tokio::test]
async fn with_the_last_name_goes_all_that_only_it_led_to() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let all = push_index(&repository, "one").await;
    let index = repository.manifest(&at("one")).await.unwrap();
    repository.put_manifest(&index, &at("two")).await.unwrap();
    let alone = push_image(&repository, "one-x", "alone").await;
    assert_eq!(alone.digest, all[1], "it is a part of the index, with a name of its own");
    let remove = |what: &str| {
        let (store, what) = (bench.store.clone(), at(what));
        async move { store.remove_image(&name("a"), &what).await.unwrap() }
    };
    assert_eq!(remove("none").await, None);
    assert_eq!(remove("one").await, Some(Removed::default()), "another name leads there");
    let usage = bench.store.usage().await.unwrap();
    assert_eq!((usage.repositories[0].tags, usage.repositories[0].manifests), (2, 4));
    let removed = remove("two").await.unwrap();
    // The index, one child with its configuration and layer, the signature with its configuration.
    assert_eq!((removed.manifests, removed.blobs, removed.left), (3, 6, 0));
    let after = bench.store.usage().await.unwrap();
    assert_eq!(usage.bytes - after.bytes, removed.bytes);
    assert_eq!(read(&repository, b"layer one-x", 0).await, b"layer one-x");
    for gone in [&all[0], &all[2], &all[3]] {
        assert!(repository.resolve(&at(gone.as_str())).await.unwrap().is_none());
    }
    // The last image takes the repository with it.
    remove(alone.digest.as_str()).await.unwrap();
    assert!(bench.store.repositories().await.unwrap().is_empty() && !bench.store.root().join("a").exists());
    assert_eq!(bench.store.usage().await.unwrap().bytes, 0);
}

#[tokio::test]
async fn a_blob_that_another_repository_has_stays_on_the_disk() {
    let bench = bench();
    for repository in ["a", "b"] {
        push_image(&bench.store.repository(&name(repository)), "same", "t").await;
    }
    let removed = bench.store.remove_image(&name("a"), &at("t")).await.unwrap().unwrap();
    assert_eq!((removed.manifests, removed.bytes), (1, 0));
    assert_eq!(read(&bench.store.repository(&name("b")), b"layer same", 0).await, b"layer same");
    let collected = bench.store.collect_garbage(Collection::older_than(Duration::ZERO)).await.unwrap();
    assert_eq!(collected.bytes, 0);
    assert_eq!(bench.store.repositories().await.unwrap(), [name("b")]);
}

#[tokio::test]
async fn images_without_a_tag_are_garbage_only_when_it_is_asked_for() {
    let bench = bench();
    let repository = bench.store.repository(&name("a"));
    let all = push_index(&repository, "kept").await;
    let old = push_image(&repository, "old", "moving").await;
    push_image(&repository, "new", "moving").await;
    let now = Collection::older_than(Duration::ZERO);
    assert_eq!(bench.store.collect_garbage(now).await.unwrap(), Garbage::default());
    let later = Collection { untagged: true, ..Collection::older_than(GARBAGE_AGE) };
    assert_eq!(bench.store.collect_garbage(later).await.unwrap(), Garbage::default());
    let dry = Collection { untagged: true, dry_run: true, ..now };
    let would = bench.store.collect_garbage(dry).await.unwrap();
    assert_eq!((would.manifests, would.blobs), (1, 3));
    assert!(repository.resolve(&at(old.digest.as_str())).await.unwrap().is_some());
    let found = bench.store.collect_garbage(Collection { untagged: true, ..now }).await.unwrap();
    assert_eq!(found, would);
    assert!(repository.resolve(&at(old.digest.as_str())).await.unwrap().is_none());
    for kept in &all {
        assert!(repository.resolve(&at(kept.as_str())).await.unwrap().is_some());
    }
}

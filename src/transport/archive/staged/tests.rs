//! Streams and compressed files, good and bad.

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use serde_json::{Value, json};

use super::super::tar_source::tape::{Tape, config, gzip, layer, list};
use super::super::tar_source::{Tar, TarArchive};
use super::*;
use crate::oci::{
    Descriptor, Digest, Document, ErrorClass, ImageManifest, RawManifest, TagOrDigest, media_type,
};
use crate::transport::{Source, verified};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("spool")).unwrap();
        Home(home)
    }

    fn spool(&self) -> Spool {
        Spool::new(self.0.path().join("spool"))
    }

    async fn open(&self, bytes: impl AsRef<[u8]>) -> Result<TarFile> {
        let path = self.0.path().join("a.tar");
        fs::write(&path, bytes).unwrap();
        let opened = TarFile::open(&path, &self.spool()).await;
        self.assert_nothing_is_left();
        opened
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(fs::read_dir(self.0.path().join("spool")).unwrap().count(), 0);
    }
}

fn saved() -> Vec<u8> {
    let (a, b) = (layer("a"), layer("b"));
    let tape = Tape::default().file("a.tar", &a).file("b.tar", &b).file("c.json", config(&[&a, &b, &a]));
    tape.file("manifest.json", list("c.json", json!(["a:1"]), &["a.tar", "b.tar", "a.tar"])).end()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn pieces(bytes: &[u8], length: usize) -> Vec<Result<Bytes>> {
    bytes.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect()
}

async fn image(source: &dyn Source, digest: &Digest) -> (RawManifest, ImageManifest) {
    let raw = source.manifest(&TagOrDigest::Digest(digest.clone())).await.unwrap();
    let Document::Image(image) = raw.parse().unwrap() else { panic!("an index") };
    (raw, *image)
}

async fn bytes(source: &dyn Source, blob: &Descriptor) -> Vec<u8> {
    let (_, body) = source.blob(blob, 0).await.unwrap();
    verified(blob, String::new(), body).try_collect::<Vec<_>>().await.unwrap().concat()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn every_packing_and_every_stream_gives_the_same_image() {
    let (home, tar) = (Home::new(), saved());
    let (head, tail) = tar.split_at(1000);
    let plain = home.open(&tar).await.unwrap();
    assert!(!plain.is_staged());
    let want = plain.image(None).unwrap().chosen().clone();
    for packed in [
        gzip(&tar),
        [gzip(head), gzip(b""), gzip(tail)].concat(),
        zstd(&tar),
        [zstd(head), zstd(tail)].concat(),
        [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7][..], &zstd(&tar)].concat(),
        tar.clone(),
    ] {
        let files = [
            home.open(&packed).await.unwrap(),
            TarFile::stage(stream::iter(pieces(&packed, 7)).boxed(), "it", &home.spool()).await.unwrap(),
        ];
        for file in files {
            let archive = file.image(Some("a:1")).unwrap();
            assert_eq!(*archive.chosen(), want);
            let (_, image) = image(&archive, &want.digest).await;
            assert!(bytes(&archive, &image.layers[1]).await == layer("b"));
            assert!(file.is_staged() || packed == tar);
        }
    }
    home.assert_nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_short_broken_or_no_tar_says_so() {
    let (home, tar) = (Home::new(), saved());
    let packed = gzip(&tar);
    let mut broken = packed.clone();
    broken[30..60].fill(0xff);
    for (bytes, want) in [
        (packed[..packed.len() / 2].to_vec(), "cut short"),
        (zstd(&tar)[..40].to_vec(), "cut short"),
        (broken, "it cannot be unpacked"),
        (gzip(&tar[..900]), "cut short: its last entry is not whole"),
        (gzip(b"hello, this is no tar at all"), "no tar that can be read"),
        (gzip(&[7; 100_000]), "no tar that can be read"),
        (gzip(&gzip(&tar)), "no tar that can be read"),
        (gzip(&Tape::default().file("../evil", "x").end()), "../evil would lie outside"),
        (gzip(b"BZh9"), "no tar that can be read"),
        (b"BZh91AY&SY".to_vec(), "bzip2 -d"),
    ] {
        for bytes in [bytes.clone(), [gzip(b""), bytes].concat()] {
            let error = match home.open(&bytes).await {
                Err(error) => error,
                // A member in front changes what is no gzip.
                Ok(_) => panic!("{want}"),
            };
            let garbage = bytes.len() > 20 && error.to_string().contains("it cannot be unpacked");
            assert!(error.to_string().contains(want) || garbage, "{want}: {error}");
            assert!(matches!(error.class(), ErrorClass::Digest | ErrorClass::Config), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_ends_with_the_tar_or_at_its_first_block() {
    let home = Home::new();
    // Zeros are the end of a tar: they are not written, however many there are.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&saved()).unwrap();
    (0..300).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
    let file = home.open(encoder.finish().unwrap()).await.unwrap();
    assert!(file.size() < 4 << 20, "{}", file.size());
    assert!(file.image(None).is_ok());
    // A stream that never ends is one that was read to the tar's end.
    let endless =
        stream::iter(pieces(&saved(), 4096)).chain(stream::repeat_with(|| Ok(Bytes::from(vec![0; 4096]))));
    let spool = home.spool();
    let staged = TarFile::stage(endless.boxed(), "it", &spool);
    let file = tokio::time::timeout(Duration::from_secs(20), staged).await.unwrap().unwrap();
    assert!(file.size() < 4 << 20 && file.image(None).is_ok());
    let header = Tape::default().file("a", "").0;
    let many = stream::repeat_with(move || Ok(Bytes::from(header.repeat(100))));
    let error = TarFile::stage(many.boxed(), "it", &home.spool()).await.unwrap_err();
    assert!(error.to_string().contains("more than 100000 entries"), "{error}");
    home.assert_nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_says_why_and_one_that_is_given_up_ends() {
    let home = Home::new();
    let mut items = pieces(&saved(), 512);
    items.truncate(3);
    let reason = "the engine went away".to_owned();
    items.push(Err(Error::Unreachable {
        attempted: "save",
        at: "e".to_owned(),
        reason,
        class: ErrorClass::Network,
    }));
    let error = TarFile::stage(stream::iter(items).boxed(), "it", &home.spool()).await.unwrap_err();
    assert_eq!(error.to_string(), "save e: the engine went away");

    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let begun = stream::iter(pieces(&saved(), 512)).take(3);
    let hung = begun.chain(stream::pending()).inspect(|_| _ = ASKED.fetch_add(1, SeqCst));
    let (name, spool) = ("it".to_owned(), home.spool());
    let staging = tokio::spawn(async move { TarFile::stage(hung.boxed(), &name, &spool).await });
    while ASKED.load(SeqCst) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    staging.abort();
    assert!(staging.await.unwrap_err().is_cancelled());
    home.assert_nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_layers_are_gzipped_once_and_the_diff_ids_stay() {
    let home = Home::new();
    let (a, b) = (layer("a"), layer("b"));
    let two = json!([
        {"Config": "1", "RepoTags": ["a:1"], "Layers": ["a.tar", "b.tgz", "a.tar"]},
        {"Config": "2", "RepoTags": ["a:2"], "Layers": ["a.tar"]},
    ]);
    let tape = Tape::default().file("a.tar", &a).file("b.tgz", gzip(&b));
    let tape = tape.file("1", config(&[&a, &b, &a])).file("2", config(&[&a]));
    let file = home.open(tape.file("manifest.json", two.to_string()).end()).await.unwrap();
    let mut layers = Vec::new();
    for name in ["a:1", "a:2", "a:1"] {
        let archive = file.image(Some(name)).unwrap();
        let gzipped = archive.gzipped().await.unwrap().unwrap();
        assert!(gzipped.note.contains("1 layer lies uncompressed"), "{}", gzipped.note);
        let (raw, image) = image(&*gzipped.source, &gzipped.digest).await;
        assert_eq!((raw.media_type.as_str(), &raw.digest), (media_type::DOCKER_MANIFEST, &gzipped.digest));
        assert!(image.layers.iter().all(|layer| layer.media_type == media_type::DOCKER_LAYER_GZIP));
        assert!(bytes(&*gzipped.source, &image.config).await.starts_with(b"{\"architecture\""));
        let first = bytes(&*gzipped.source, &image.layers[0]).await;
        assert!(gunzip(&first) == a);
        let (from, rest) = gzipped.source.blob(&image.layers[0], 7).await.unwrap();
        let rest: Vec<_> = rest.try_collect().await.unwrap();
        assert!(from == 7 && rest.concat() == first[7..]);
        if let Some(second) = image.layers.get(1) {
            // It was gzip already: its bytes are kept.
            assert!(bytes(&*gzipped.source, second).await == gzip(&b));
            assert_eq!(image.layers[0], image.layers[2]);
        }
        layers.push(image.layers[0].clone());
    }
    assert!(layers.iter().all(|layer| *layer == layers[0]));
    assert_eq!(home.spool().passed(), 0, "another spool counts by itself");
    home.assert_nothing_is_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_is_another_is_found_out_while_it_is_gzipped() {
    let (home, a, b) = (Home::new(), layer("a"), layer("b"));
    let tape = Tape::default().file("a.tar", &a).file("c", config(&[&b]));
    let file = home.open(tape.file("manifest.json", list("c", Value::Null, &["a.tar"])).end()).await.unwrap();
    let error = file.image(None).unwrap().gzipped().await.map(|_| ()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Digest);
    assert!(
        error.to_string().contains(&format!("expected {}, got {}", Digest::of(&b), Digest::of(&a))),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_keeps_its_digests_unless_an_engine_made_it() {
    let (home, a) = (Home::new(), layer("a"));
    let (config, digest) = (config(&[&a]), Digest::of(&a));
    let entry = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "x": 1,
        "config": entry(media_type::OCI_CONFIG, &config), "layers": [entry(media_type::OCI_LAYER, &a)]});
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"schemaVersion": 2, "manifests": [entry(media_type::OCI_MANIFEST, &manifest)]});
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    for (by_engine, sources) in
        [(false, Value::Null), (false, json!({})), (true, json!({digest.as_str(): {"size": 1}}))]
    {
        let docker = json!([{"Config": path(&config), "RepoTags": null, "Layers": [path(&a)], "LayerSources": sources}]);
        let tape = Tape::default()
            .file(&path(&a), &a)
            .file(&path(&config), &config)
            .file(&path(&manifest), &manifest);
        let tape = tape.file("index.json", index.to_string()).file("manifest.json", docker.to_string());
        let file = home.open(tape.end()).await.unwrap();
        let archive: TarArchive = file.image(None).unwrap();
        assert_eq!(archive.chosen().digest, Digest::of(&manifest));
        let gzipped = archive.gzipped().await.unwrap();
        assert_eq!(gzipped.is_some(), by_engine);
        if let Some(gzipped) = gzipped {
            let (raw, image) = image(&*gzipped.source, &gzipped.digest).await;
            assert!(raw.bytes.starts_with(
                br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","x":1"#
            ));
            assert_eq!(image.layers[0].media_type, media_type::OCI_LAYER_GZIP);
            assert!(gunzip(&bytes(&*gzipped.source, &image.layers[0]).await) == a);
        }
    }
}

/// Nothing but the type: a tar that was staged is one like any other.
#[test]
fn a_staged_tar_can_be_sent_between_threads() {
    fn assert_send<T: Send + Sync>() {}
    assert_send::<Tar>();
}

//! Tars of every kind, well made and hostile.

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use tar::EntryType;

use super::tape::{Tape, config, gzip, layer, list};
use super::*;
use crate::oci::{Document, ErrorClass, ImageManifest, media_type};
use crate::transport::verified;

async fn open(path: &Path, reference: Option<&str>) -> Result<TarArchive> {
    TarFile::open(path, &spool()).await?.image(reference)
}

async fn images(path: &Path) -> Vec<LayoutImage> {
    TarFile::open(path, &spool()).await.unwrap().images()
}

fn spool() -> Spool {
    Spool::new(std::env::temp_dir())
}

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Disk {
        Disk(tempfile::tempdir().unwrap())
    }

    fn put(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join("a.tar");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    async fn open(&self, bytes: impl AsRef<[u8]>) -> Result<TarArchive> {
        open(&self.put(bytes), None).await
    }

    async fn refused(&self, bytes: impl AsRef<[u8]>) -> String {
        let error = self.open(bytes).await.unwrap_err();
        let kind = matches!(error.class(), ErrorClass::Digest | ErrorClass::Config);
        assert!(kind, "{error}: {:?}", error.class());
        assert_eq!(std::fs::read_dir(self.0.path()).unwrap().count(), 1, "something was written");
        error.to_string()
    }
}

#[tokio::test]
async fn hashing_a_compressed_layer_is_counted_and_ends_when_nobody_waits() {
    let (disk, zeros) = (Disk::new(), vec![0; 4 << 20]);
    let packed = gzip(&zeros);
    let tape = Tape::default().file("a.tgz", &packed).file("c", config(&[&zeros]));
    let path = disk.put(tape.file("manifest.json", list("c", Value::Null, &["a.tgz"])).end());
    let spool = spool();
    TarFile::open(&path, &spool).await.unwrap();
    assert_eq!(spool.passed(), packed.len() as u64);

    let mut contents = Contents::empty(std::fs::File::open(&path).unwrap(), &path);
    contents.grow(std::fs::metadata(&path).unwrap().len(), true).unwrap();
    let stop = Stop::default();
    drop(stop.on_drop());
    let error = Tar::new(contents, &spool, false, &stop).unwrap_err();
    assert!(error.to_string().contains("nobody waits"), "{error}");
}

async fn image(archive: &TarArchive) -> (RawManifest, ImageManifest) {
    let raw = archive.manifest(&TagOrDigest::Digest(archive.chosen().digest.clone())).await.unwrap();
    match raw.parse().unwrap() {
        Document::Image(image) => (raw, *image),
        Document::Index(_) => panic!("an index"),
    }
}

/// A blob's bytes, verified as the engine does it.
async fn bytes(archive: &TarArchive, blob: &Descriptor) -> Result<Vec<u8>> {
    let (_, body) = archive.blob(blob, 0).await?;
    let pieces: Vec<_> = verified(blob, "a.tar".to_owned(), body).try_collect().await?;
    Ok(pieces.concat())
}

fn index(manifest: &Digest, size: usize) -> String {
    json!({"manifests": [{"mediaType": "", "digest": manifest, "size": size,
        "annotations": {"io.containerd.image.name": "docker.io/library/a:1"}}]})
    .to_string()
}

#[tokio::test]
async fn blobs_are_read_where_they_lie_and_links_followed_inside() {
    let (layer, manifest) = (b"layer".as_slice(), br#"{"schemaVersion":2,"layers":[]}"#.as_slice());
    let (layer_at, manifest_at) =
        (index::blob_path(&Digest::of(layer)), index::blob_path(&Digest::of(manifest)));
    let tar = Tape::default()
        .file("index.json", "an older one")
        .file("x/layer.tar", layer)
        .symlink(&layer_at, "../../x/layer.tar")
        .file(&manifest_at, manifest)
        // Docker's list counts for nothing beside an index.
        .file("manifest.json", "[]")
        .file("./index.json", index(&Digest::of(manifest), manifest.len()));
    let path = Disk::new();
    let path = (path.put(tar.end()), path);
    for reference in [None, Some("a:1")] {
        let archive = open(&path.0, reference).await.unwrap();
        let raw = archive.manifest(&TagOrDigest::Digest(archive.chosen().digest.clone())).await.unwrap();
        assert!(raw.bytes == manifest);
        let blob = Descriptor::new("", Digest::of(layer), 5);
        let (start, body) = archive.blob(&blob, 2).await.unwrap();
        let pieces: Vec<_> = body.try_collect().await.unwrap();
        assert_eq!((start, pieces.concat().as_slice()), (2, b"yer".as_slice()));
        assert!(archive.manifest(&"1".parse().unwrap()).await.is_ok());
    }
    assert!(open(&path.0, Some("b")).await.unwrap_err().is_not_found());
    assert_eq!(images(&path.0).await[0].names, ["docker.io/library/a:1"]);
}

#[tokio::test]
async fn what_docker_save_wrote_gets_a_manifest() {
    let (a, b) = (layer("a"), layer("b"));
    let config = config(&[&a, &b, &a]);
    let name = format!("{}.json", Digest::of(&config).hex());
    // The layer that comes twice lies there once; the second name is a link, as Docker's own are.
    let layers = ["0a/layer.tar", "0b/layer.tar", "0c/layer.tar"];
    let parts = |tape: Tape| {
        tape.entry(EntryType::Directory, "0a/", "", b"")
            .file("./0a/layer.tar", &a)
            .file("0a/VERSION", "1.0")
            .file("0b/layer.tar", "an older one")
            .file("0b/layer.tar", &b)
            .symlink("0c/layer.tar", "../0a/layer.tar")
            .file(&name, &config)
    };
    let names = list(&name, json!(["a:1", "ghcr.io/o/a:2"]), &layers);
    let disk = Disk::new();
    let first = parts(Tape::default().file("manifest.json", &names)).end();
    let last = parts(Tape::default()).file("./manifest.json", &names).end();
    let mut found = Vec::new();
    for tar in [first, last] {
        let archive = disk.open(tar).await.unwrap();
        let (raw, image) = image(&archive).await;
        assert_eq!(raw.media_type, media_type::DOCKER_MANIFEST);
        assert_eq!(image.config.media_type, media_type::DOCKER_CONFIG);
        assert!(bytes(&archive, &image.config).await.unwrap() == config);
        for (layer, want) in image.layers.iter().zip([&a, &b, &a]) {
            assert_eq!(layer.media_type, media_type::DOCKER_LAYER);
            assert_eq!(layer.digest, Digest::of(want));
            assert!(bytes(&archive, layer).await.unwrap() == *want);
        }
        found.push(raw.digest);
    }
    assert_eq!(found[0], found[1], "the same image, the same manifest");
    let path = disk.0.path().join("a.tar");
    let images = images(&path).await;
    let listed: Vec<_> = images.iter().map(|image| image.names[0].as_str()).collect();
    assert_eq!(listed, ["docker.io/library/a:1", "ghcr.io/o/a:2"]);
    for name in ["a:1", "ghcr.io/o/a:2", found[0].as_str()] {
        assert_eq!(open(&path, Some(name)).await.unwrap().chosen().digest, found[0], "{name}");
    }
    assert!(open(&path, Some("a:2")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn layers_may_be_compressed_linked_hard_and_nameless() {
    let (a, b) = (layer("a"), layer("b"));
    let disk = Disk::new();
    for (zstd, kind, config_kind) in [
        (false, media_type::DOCKER_LAYER_GZIP, media_type::DOCKER_CONFIG),
        (true, media_type::OCI_LAYER_ZSTD, media_type::OCI_CONFIG),
    ] {
        let packed = if zstd { zstd::encode_all(a.as_slice(), 3).unwrap() } else { gzip(&a) };
        let tar = Tape::default()
            .file("x.tar", &packed)
            .entry(EntryType::Link, "deep/a.tar", "x.tar", b"")
            .file("b.tar", &b)
            .file("config.json", config(&[&a, &b, &a]))
            .file("manifest.json", list("config.json", Value::Null, &["deep/a.tar", "b.tar", "x.tar"]));
        let archive = disk.open(tar.end()).await.unwrap();
        let (_, image) = image(&archive).await;
        assert_eq!((image.layers[0].media_type.as_str(), &*image.config.media_type), (kind, config_kind));
        assert_eq!(image.layers[0].digest, Digest::of(&packed));
        assert_eq!(image.layers[0], image.layers[2]);
        assert!(bytes(&archive, &image.layers[0]).await.unwrap() == packed);
        assert!(images(&disk.0.path().join("a.tar")).await[0].names.is_empty());
    }
}

#[tokio::test]
async fn long_names_of_either_kind_are_read() {
    let a = layer("a");
    let (long, longer) = (format!("{}/layer.tar", "l".repeat(200)), format!("{}/config", "c".repeat(300)));
    let record = format!("path={longer}\n");
    let length = record.len() + 4;
    let tar = Tape::default()
        .entry(EntryType::GNULongName, "././@LongLink", "", format!("{long}\0").as_bytes())
        .file(&long[..100], &a)
        .entry(EntryType::XHeader, "pax", "", format!("{length} {record}").as_bytes())
        .file(&longer[..100], config(&[&a]))
        .file("manifest.json", list(&longer, json!(["a:1"]), &[&long]));
    let disk = Disk::new();
    let archive = disk.open(tar.end()).await.unwrap();
    let (_, image) = image(&archive).await;
    assert!(bytes(&archive, &image.layers[0]).await.unwrap() == a);
}

#[tokio::test]
async fn an_image_that_is_not_what_it_says_is_refused() {
    let (a, b) = (layer("a"), layer("b"));
    let disk = Disk::new();
    let tar = |config: &[u8], layers: &[&str]| {
        let tape = Tape::default().file("a.tar", &a).file("b.tar", gzip(&b)).file("config.json", config);
        tape.file("manifest.json", list("config.json", json!(["a:1"]), layers)).end()
    };
    for (config, layers, want) in [
        (config(&[&a, &b]), &["a.tar"][..], "names 2 layers, manifest.json lists 1"),
        (config(&[&a]), &["a.tar", "b.tar"], "names 1 layers, manifest.json lists 2"),
        (config(&[&a, &b]), &["a.tar", "c.tar"], "layer c.tar is not in the archive"),
        (config(&[&a]), &["../a.tar"], "layer ../a.tar is not in the archive"),
        (config(&[&a]), &["/etc/hostname"], "layer /etc/hostname is not in the archive"),
        (config(&[&a, &a]), &["a.tar", "b.tar"], "expected the layer sha256:"),
        (b"{".to_vec(), &["a.tar"], "config.json is no JSON"),
        (br#"{"rootfs":{"diff_ids":["x"]}}"#.to_vec(), &["a.tar"], "a DiffID that is none"),
    ] {
        let error = disk.refused(tar(&config, layers)).await;
        assert!(error.contains(want), "{error}");
    }
    // A plain layer is found out where it is read: its bytes are not looked at before.
    let archive = disk.open(tar(&config(&[&b]), &["a.tar"])).await.unwrap();
    let (_, image) = image(&archive).await;
    let error = bytes(&archive, &image.layers[0]).await.unwrap_err();
    assert!(error.to_string().contains(&format!("expected {}, got {}", Digest::of(&b), Digest::of(&a))));

    let wrong = format!("{}.json", Digest::of(b"another").hex());
    let tape = Tape::default().file("a.tar", &a).file(&wrong, config(&[&a]));
    let error = disk.refused(tape.file("manifest.json", list(&wrong, json!([]), &["a.tar"])).end()).await;
    assert!(error.contains(&format!("expected {}, got sha256:", Digest::of(b"another"))), "{error}");

    let broken = Tape::default().file("a.tar", &gzip(&a)[..60]).file("config.json", config(&[&a]));
    let error =
        disk.refused(broken.file("manifest.json", list("config.json", json!([]), &["a.tar"])).end()).await;
    assert!(error.contains("layer a.tar cannot be unpacked"), "{error}");
    for (name, want) in [("repositories", "before 1.10"), ("hello", "neither index.json nor manifest.json")] {
        let error = disk.refused(Tape::default().file(name, "{}").end()).await;
        assert!(error.contains(want), "{error}");
    }
    let error = disk.refused(Tape::default().file("manifest.json", "{\u{1b}[31m").end()).await;
    assert!(error.contains("manifest.json: ") && !error.contains('\u{1b}'), "{error}");
    assert!(disk.open(Tape::default().file("manifest.json", "[]").end()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_leads_out_or_in_circles_is_refused() {
    let disk = Disk::new();
    for (tape, want) in [
        (Tape::default().symlink("index.json", "a").symlink("a", "index.json"), "lead in a circle"),
        (Tape::default().symlink("a", "a").file("index.json", "{}"), "lead in a circle"),
        (Tape::default().entry(EntryType::Link, "a", "a", b""), "lead in a circle"),
        (Tape::default().symlink("index.json", "/etc/hostname"), "leads outside, to \"/etc/hostname\""),
        (Tape::default().symlink("a/b", "../../etc/hostname"), "leads outside"),
        (Tape::default().entry(EntryType::Link, "a/b", "../x", b""), "leads outside"),
        (Tape::default().file("../../evil", "x").file("index.json", "{}"), "../../evil would lie outside"),
        (Tape::default().file("a/../../evil", "x"), "a/../../evil would lie outside"),
        (Tape::default().file("/tmp/evil", "x").file("index.json", "{}"), "/tmp/evil would lie outside"),
        (Tape::default().entry(EntryType::GNUSparse, "a", "", b""), "a is a sparse file"),
    ] {
        let error = disk.refused(tape.end()).await;
        assert!(error.contains(want), "{error}");
    }
    for (bytes, want) in [
        (b"not a tar at all".to_vec(), "no tar that can be read"),
        (vec![7; 5000], "no tar that can be read"),
        (Vec::new(), "no tar that can be read"),
        (b"\x1f\x8b\x08\x00".to_vec(), "the compressed stream ends too early"),
        (b"\xfd7zXZ\0".to_vec(), "unpack it first (xz -d)"),
    ] {
        let error = disk.refused(bytes).await;
        assert!(error.contains(want), "{error}");
    }
    let error = open(disk.0.path(), None).await.unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error}");
}

#[tokio::test]
async fn what_is_cut_short_damaged_or_a_bomb_is_refused() {
    let disk = Disk::new();
    let a = layer("a");
    let whole = Tape::default().file("manifest.json", list("c", json!([]), &["l"])).file("l", &a).0;
    for (cut, want) in
        [(whole.len() - 600, "l is not whole"), (whole.len() - a.len() - 100, "middle of a header")]
    {
        let error = disk.refused(&whole[..cut]).await;
        assert!(error.contains(want), "{error}");
    }
    let mut damaged = whole.clone();
    damaged[1024 + 3] ^= 1;
    let error = disk.refused(damaged).await;
    assert!(error.contains("damaged behind its entry number 1"), "{error}");

    // A name that says it is longer than any memory; a size that ends behind the file, or behind all numbers.
    for size in [2 << 20, 5 << 30, u64::MAX] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(size);
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.resize(3 << 20, 0);
        let error = disk.refused(tar).await;
        assert!(error.contains("a name or an extended header") || error.contains("cut short"), "{error}");
    }
    let many = Tape::default().file("a", "").0.repeat(100_001);
    let error = disk.refused(many).await;
    assert!(error.contains("more than 100000 entries"), "{error}");

    let large = vec![b' '; (8 << 20) + 1];
    for name in ["index.json", "manifest.json"] {
        let error = disk.refused(Tape::default().file(name, &large).end()).await;
        assert!(error.contains("larger than"), "{error}");
    }
    // The same large configuration again and again.
    let image = json!({"Config": "c", "RepoTags": null, "Layers": []});
    let mut config = br#"{"rootfs":{"diff_ids":[]},"x":""#.to_vec();
    config.resize((4 << 20) - 2, b'x');
    config.extend_from_slice(b"\"}");
    let images = Value::Array(vec![image; 9_000]).to_string();
    let error = disk.refused(Tape::default().file("c", config).file("manifest.json", images).end()).await;
    assert!(error.contains("more than 256 MiB"), "{error}");
}

/// An archive with everything in it, to be spoiled.
fn everything() -> Vec<u8> {
    let (a, b) = (layer("a"), layer("b"));
    let config = config(&[&a, &b]);
    Tape::default()
        .entry(EntryType::GNULongName, "././@LongLink", "", b"a/layer.tar\0")
        .file("short", &a)
        .entry(EntryType::XHeader, "pax", "", b"16 path=b/b.tgz\n")
        .file("b", gzip(&b))
        .symlink("c/layer.tar", "../a/layer.tar")
        .file("config.json", config)
        .file("manifest.json", list("config.json", json!(["a:1"]), &["c/layer.tar", "b/b.tgz"]))
        .end()
}

/// Opens and reads everything; whatever comes of it, it comes to an end.
fn read_all(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let disk = Disk::new();
        let Ok(archive) = disk.open(bytes).await else { return };
        let digest = TagOrDigest::Digest(archive.chosen().digest.clone());
        let Ok(raw) = archive.manifest(&digest).await else { return };
        let Ok(Document::Image(image)) = raw.parse() else { return };
        for blob in image.blobs() {
            let _ = super::tests::bytes(&archive, blob).await;
        }
    });
}

#[test]
fn the_archive_that_is_spoiled_below_is_good() {
    let disk = Disk::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(disk.open(everything())).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        read_all(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(cut in 0..8192usize, spots in proptest::collection::vec((0..8192usize, any::<u8>()), 0..6), mend in any::<bool>()) {
        let mut bytes = everything();
        for (at, value) in spots {
            let at = at % bytes.len();
            bytes[at] = value;
            // Else nearly all damage ends at the header's checksum.
            let block = at / 512 * 512;
            if mend && let Some(header) = bytes.get_mut(block..block + 512) && &header[257..262] == b"ustar" {
                let mut mended = tar::Header::new_old();
                mended.as_mut_bytes().copy_from_slice(header);
                mended.set_cksum();
                header.copy_from_slice(mended.as_bytes());
            }
        }
        read_all(&bytes);
        bytes.truncate(bytes.len().saturating_sub(cut));
        read_all(&bytes);
    }
}

//! The images of a `docker save` archive without an OCI index (Docker 1.10 to 24, podman, skopeo): what
//! `manifest.json` lists, and the manifests that such an image never had.
//!
//! They are made in Docker's schema 2, as `docker push` and skopeo make them: the configuration is Docker's, its
//! bytes and so its digest stay, and every registry takes them. Only an image with a zstd layer gets an OCI manifest,
//! for Docker's has no such type. A plain layer's digest is its DiffID, which the configuration names: that the
//! bytes are these is checked where every blob is, while it is read.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::super::oci_layout::index::{FULL_NAME, REF_NAME};
use super::contents::{Contents, Extent, Section, inside};
use crate::oci::{Descriptor, Digest, Hasher, RawManifest, Reference, media_type, printable};
use crate::transport::{Error, Result};

/// Bytes that the configurations and manifests of all images may have together: memory and time stay bounded,
/// however often `manifest.json` names the same.
const DOCUMENTS_LIMIT: usize = 256 << 20;

/// Images that an archive may have.
const IMAGES_LIMIT: usize = 10_000;

/// The list of images.
pub(super) const LIST: &str = "manifest.json";

/// The images of the archive, and what they are made of.
#[derive(Debug, Default)]
pub(super) struct Saved {
    /// One entry a name; one without for an image that has none.
    pub(super) entries: Vec<Descriptor>,
    /// The manifests that were made.
    pub(super) manifests: HashMap<Digest, RawManifest>,
    /// Where configurations and layers lie.
    pub(super) blobs: HashMap<Digest, Extent>,
    /// Configurations of images that an engine saved.
    pub(super) saved: HashSet<Digest>,
}

/// One image, as `manifest.json` has it.
#[derive(Debug, Deserialize)]
struct Image {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "Layers", default)]
    layers: Option<Vec<String>>,
    /// What an engine since Docker 25 says of each layer; who keeps a registry's bytes does not write it.
    #[serde(rename = "LayerSources", default)]
    sources: Option<HashMap<String, IgnoredAny>>,
}

/// How a layer's tar is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A layer's file.
#[derive(Debug, Clone)]
struct Layer {
    packing: Packing,
    digest: Digest,
    size: u64,
}

/// What is told how many bytes of a layer were read to know its digest; its error ends the reading.
pub(super) type Seen<'a> = &'a dyn Fn(usize) -> io::Result<()>;

/// Reads the list and makes the manifests.
pub(super) fn read(contents: &Contents, seen: Seen<'_>) -> Result<Saved> {
    let Some(list) = contents.document(LIST)? else {
        return Err(contents.wrong(format!("{LIST} is not there")));
    };
    let images: Vec<Image> = serde_json::from_slice(&list)
        .map_err(|e| contents.wrong(format!("{LIST}: {}", printable(&e.to_string(), 200))))?;
    if images.len() > IMAGES_LIMIT {
        return Err(contents.wrong(format!("it lists more than {IMAGES_LIMIT} images")));
    }
    let saved = Saved::default();
    let mut reader = Reader { contents, seen, saved, unpacked: HashMap::new(), documents: 0 };
    images.iter().try_for_each(|image| reader.add(image))?;
    Ok(reader.saved)
}

/// The configurations of the images that an engine saved into an archive with an index: the layers lie in it as the
/// engine has them, and so do the manifests that speak of them. Others keep what a registry gave.
pub(super) fn by_engines(contents: &Contents) -> HashSet<Digest> {
    let list = contents.document(LIST).ok().flatten().unwrap_or_default();
    let images: Vec<Image> = serde_json::from_slice(&list).unwrap_or_default();
    let saved =
        images.iter().filter(|image| image.sources.as_ref().is_some_and(|sources| !sources.is_empty()));
    let named = saved.filter_map(|image| image.config.strip_prefix("blobs/sha256/"));
    named.filter_map(|hex| format!("sha256:{hex}").parse().ok()).collect()
}

struct Reader<'a> {
    contents: &'a Contents,
    seen: Seen<'a>,
    saved: Saved,
    /// Digest of each compressed layer, and of the tar in it: such a layer is read once.
    unpacked: HashMap<Extent, (Digest, Digest)>,
    documents: usize,
}

impl Reader<'_> {
    fn add(&mut self, image: &Image) -> Result<()> {
        let (config, ids) = self.config(&image.config)?;
        let files = image.layers.as_deref().unwrap_or_default();
        if files.len() != ids.len() {
            let reason =
                format!("the image's configuration names {} layers, {LIST} lists {}", ids.len(), files.len());
            return Err(self.wrong_image(image, &reason));
        }
        let layers = files.iter().zip(&ids).map(|(file, id)| self.layer(image, file, id));
        let layers: Vec<Layer> = layers.collect::<Result<_>>()?;
        let manifest = manifest_of(&config, &layers);
        self.count(manifest.bytes.len())?;
        for name in named(image.names.as_deref().unwrap_or_default()) {
            self.saved.entries.push(Descriptor { annotations: name, ..manifest.descriptor() });
        }
        self.saved.manifests.insert(manifest.digest.clone(), manifest);
        self.saved.saved.insert(config.digest);
        Ok(())
    }

    /// The configuration and the DiffIDs in it.
    fn config(&mut self, name: &str) -> Result<(Descriptor, Vec<Digest>)> {
        let contents = self.contents;
        let shown = printable(name, 200);
        let place = inside("", name);
        let extent = place.as_deref().map(|place| contents.find(place)).transpose()?.flatten();
        let (Some(place), Some(extent)) = (place, extent) else {
            return Err(contents.wrong(format!("the configuration {shown} is not in the archive")));
        };
        let bytes = contents.document(&place)?.unwrap_or_default();
        self.count(bytes.len())?;
        let digest = Digest::of(&bytes);
        let stem = place.rsplit('/').next().map_or("", |last| last.strip_suffix(".json").unwrap_or(last));
        if let Ok(named) = format!("sha256:{stem}").parse::<Digest>()
            && named != digest
        {
            let at = format!("{} {shown}", contents.at());
            let (expected, found) = (named.to_string(), digest.to_string());
            return Err(Error::Content { attempted: "read configuration", at, expected, found });
        }
        let broken = |reason: String| contents.wrong(format!("the configuration {shown} {reason}"));
        let config: Value = serde_json::from_slice(&bytes)
            .map_err(|e| broken(format!("is no JSON: {}", printable(&e.to_string(), 200))))?;
        let ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).into_iter().flatten();
        let ids = ids.map(|id| id.as_str().and_then(|id| id.parse::<Digest>().ok()));
        let ids =
            ids.collect::<Option<Vec<_>>>().ok_or_else(|| broken("has a DiffID that is none".to_owned()))?;
        self.saved.blobs.insert(digest.clone(), extent);
        Ok((Descriptor::new(media_type::DOCKER_CONFIG, digest, bytes.len() as u64), ids))
    }

    /// A layer's file, which has to hold the tar that the configuration names.
    fn layer(&mut self, image: &Image, file: &str, id: &Digest) -> Result<Layer> {
        let contents = self.contents;
        let shown = printable(file, 200);
        let extent = inside("", file).map(|place| contents.find(&place)).transpose()?.flatten();
        let Some(extent) = extent else {
            return Err(self.wrong_image(image, &format!("its layer {shown} is not in the archive")));
        };
        let packing = Packing::of(contents, extent)?;
        let digest = match packing {
            Packing::Plain => id.clone(),
            packed => {
                let known = self.unpacked.get(&extent).cloned();
                let (digest, inner) = match known {
                    Some(known) => known,
                    None => {
                        let found = unpacked(packed, contents.section(extent), id, self.seen)
                            .map_err(|e| unreadable(contents, &shown, &e))?;
                        self.unpacked.insert(extent, found.clone());
                        found
                    }
                };
                if inner != *id {
                    let at = format!("{} {shown}", contents.at());
                    let (expected, found) = (format!("the layer {id}"), inner.to_string());
                    return Err(Error::Content { attempted: "unpack layer", at, expected, found });
                }
                digest
            }
        };
        self.saved.blobs.insert(digest.clone(), extent);
        Ok(Layer { packing, digest, size: extent.size })
    }

    fn count(&mut self, bytes: usize) -> Result<()> {
        self.documents += bytes;
        match self.documents > DOCUMENTS_LIMIT {
            true => {
                let limit = DOCUMENTS_LIMIT >> 20;
                Err(self
                    .contents
                    .wrong(format!("its configurations and manifests have more than {limit} MiB")))
            }
            false => Ok(()),
        }
    }

    fn wrong_image(&self, image: &Image, reason: &str) -> Error {
        let name = image.names.iter().flatten().next().unwrap_or(&image.config);
        self.contents.wrong(format!("image {}: {reason}", printable(name, 200)))
    }
}

impl Packing {
    fn of(contents: &Contents, extent: Extent) -> Result<Packing> {
        let mut start = Vec::with_capacity(4);
        let read = contents.section(extent).take(4).read_to_end(&mut start);
        read.map_err(|e| Error::file("read", contents.path(), e))?;
        Ok(match start.as_slice() {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Packing::Zstd,
            _ => Packing::Plain,
        })
    }
}

/// Digest of a compressed layer, and of the tar in it.
fn unpacked(packing: Packing, section: Section, id: &Digest, seen: Seen<'_>) -> io::Result<(Digest, Digest)> {
    let mut outer = Hashing { section, hasher: Hasher::sha256(), seen };
    let mut inner = id.hasher();
    let mut piece = vec![0; 256 << 10];
    let mut hash = |from: &mut dyn Read| -> io::Result<()> {
        loop {
            match from.read(&mut piece)? {
                0 => return Ok(()),
                read => {
                    // Little may become much: for who stops it what comes out counts as well.
                    seen(0)?;
                    inner.update(&piece[..read]);
                }
            }
        }
    };
    match packing {
        Packing::Zstd => hash(&mut zstd::stream::read::Decoder::new(&mut outer)?)?,
        _ => hash(&mut flate2::read::MultiGzDecoder::new(&mut outer))?,
    }
    // What lies behind the compressed stream is the layer's as well.
    io::copy(&mut outer, &mut io::sink())?;
    Ok((outer.hasher.finish(), inner.finish()))
}

struct Hashing<'a> {
    section: Section,
    hasher: Hasher,
    seen: Seen<'a>,
}

impl Read for Hashing<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.section.read(bytes)?;
        (self.seen)(read)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}

/// A file system's errors have a number, a decoder's have none.
fn unreadable(contents: &Contents, layer: &str, error: &io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::file("read", contents.path(), io::Error::from(error.kind())),
        None => {
            let reason = printable(&error.to_string(), 200);
            contents.wrong(format!("layer {layer} cannot be unpacked: {reason}"))
        }
    }
}

fn manifest_of(config: &Descriptor, layers: &[Layer]) -> RawManifest {
    let is_oci = layers.iter().any(|layer| layer.packing == Packing::Zstd);
    let (kind, config_kind) = match is_oci {
        true => (media_type::OCI_MANIFEST, media_type::OCI_CONFIG),
        false => (media_type::DOCKER_MANIFEST, media_type::DOCKER_CONFIG),
    };
    let layer_kind = |packing| match (packing, is_oci) {
        (Packing::Plain, false) => media_type::DOCKER_LAYER,
        (Packing::Gzip, false) => media_type::DOCKER_LAYER_GZIP,
        (Packing::Plain, true) => media_type::OCI_LAYER,
        (Packing::Gzip, true) => media_type::OCI_LAYER_GZIP,
        (Packing::Zstd, _) => media_type::OCI_LAYER_ZSTD,
    };
    let entry =
        |kind: &str, size: u64, digest: &Digest| json!({"mediaType": kind, "size": size, "digest": digest});
    let layers = layers.iter().map(|layer| entry(layer_kind(layer.packing), layer.size, &layer.digest));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind,
        "config": entry(config_kind, config.size, &config.digest),
        "layers": layers.collect::<Vec<_>>(),
    });
    RawManifest::new(Bytes::from(manifest.to_string()), kind)
}

/// The annotations that name an image in an index: one set a name, an empty one for an image without.
fn named(names: &[String]) -> Vec<Vec<(String, String)>> {
    let annotations = |name: &String| match name.parse::<Reference>() {
        Ok(full) => {
            let tag = full.target();
            vec![(FULL_NAME.to_owned(), full.to_string()), (REF_NAME.to_owned(), tag.as_str().to_owned())]
        }
        Err(_) => vec![(REF_NAME.to_owned(), name.clone())],
    };
    match names.is_empty() {
        true => vec![Vec::new()],
        false => names.iter().map(annotations).collect(),
    }
}

//! An archive's image as it goes to a registry, the store or a layout: its plain layers gzipped, as docker push and
//! skopeo do it, each on all cores into the [`super::Spool`]. Its manifest is a new one; the configuration, and with it the
//! DiffIDs, stay. A layer whose bytes are not what the configuration says is found out here.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::packing::{Packer, Packing};
use super::spool::Stop;
use super::summed::Summed;
use super::tar_source::TarArchive;
use super::{blocking, pieces};
use crate::oci::{Descriptor, Digest, Document, ManifestError, RawManifest, TagOrDigest, media_type};
use crate::transport::{ByteStream, Error, Gzipped, Result, Source};

/// Bytes that are read at once: few enough to stay in a core's cache.
const READ: usize = 256 << 10;

/// Layers that were gzipped, by the digest they had: images of one archive share them.
#[derive(Debug, Default)]
pub(super) struct PackedLayers(Mutex<HashMap<Digest, Arc<OnceCell<Layer>>>>);

/// A gzipped layer in the spool.
#[derive(Debug, Clone)]
struct Layer {
    file: Arc<File>,
    digest: Digest,
    size: u64,
}

impl PackedLayers {
    fn cell(&self, digest: &Digest) -> Arc<OnceCell<Layer>> {
        let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(layers.entry(digest.clone()).or_default())
    }
}

/// See the page above.
struct PackedImage {
    archive: TarArchive,
    manifest: RawManifest,
    layers: HashMap<Digest, Layer>,
}

/// Gzips an image's plain layers; `None` if it has none.
pub(super) async fn pack(archive: &TarArchive) -> Result<Option<Gzipped>> {
    let raw = archive.manifest(&TagOrDigest::Digest(archive.chosen().digest.clone())).await?;
    let wrong = |source| Error::Manifest { at: archive.name(), source };
    let Document::Image(image) = raw.parse().map_err(wrong)? else { return Ok(None) };
    let is_plain = |layer: &&Descriptor| media_type::gzip_of_plain(&layer.media_type).is_some();
    let plain: Vec<&Descriptor> = image.blobs().into_iter().filter(is_plain).collect();
    if plain.is_empty() || !archive.is_saved(&image.config.digest) {
        return Ok(None);
    }
    let mut replaced = HashMap::new();
    let layers = plain.iter().map(|layer| gzipped(archive, layer));
    for (layer, packed) in plain.iter().zip(futures_util::future::try_join_all(layers).await?) {
        replaced.insert(layer.digest.clone(), packed);
    }
    let manifest = rewrite(&raw, &replaced).map_err(wrong)?;
    // A manifest that was made for the archive has no digest that anybody knows.
    let was = match archive.is_made(&raw.digest) {
        true => String::new(),
        false => format!(" ({} becomes {})", raw.digest, manifest.digest),
    };
    let bytes: u64 = plain.iter().map(|layer| layer.size).sum();
    let note = format!(
        "{} {} uncompressed ({:.1} MB) and travel gzipped: their digests change, their DiffIDs and the image's ID stay{was}",
        plain.len(),
        if plain.len() == 1 { "layer lies" } else { "layers lie" },
        bytes as f64 / 1e6,
    );
    let digest = manifest.digest.clone();
    let layers = replaced.into_values().map(|layer| (layer.digest.clone(), layer)).collect();
    let source = Arc::new(PackedImage { archive: archive.clone(), manifest, layers });
    Ok(Some(Gzipped { source, digest, note }))
}

async fn gzipped(archive: &TarArchive, layer: &Descriptor) -> Result<Layer> {
    let cell = archive.packed().cell(&layer.digest);
    let pack = || async {
        let (spool, stop) = (archive.spool().clone(), Stop::default());
        let _turn = spool.turn().await;
        let _guard = stop.on_drop();
        let (archive, layer) = (archive.clone(), layer.clone());
        blocking(move || gzip_layer(&archive, &layer, stop)).await
    };
    cell.get_or_try_init(pack).await.cloned()
}

/// Blocks.
fn gzip_layer(archive: &TarArchive, layer: &Descriptor, stop: Stop) -> Result<Layer> {
    let (spool, mut section) = (archive.spool(), archive.section(layer)?);
    let failed = |e| spool.error(e);
    let mut packer = Packer::new(Packing::Layer, Summed::new(spool.create(0, stop.clone())?));
    let mut inner = layer.digest.hasher();
    let mut piece = vec![0; READ];
    loop {
        stop.check().map_err(failed)?;
        let read = section.read(&mut piece).map_err(failed)?;
        if read == 0 {
            break;
        }
        // The chunks before it are compressed meanwhile.
        packer.write_all(&piece[..read]).map_err(failed)?;
        inner.update(&piece[..read]);
        spool.note(read);
    }
    let (file, digest, size) = packer.finish().map_err(failed)?.finish();
    let found = inner.finish();
    if found != layer.digest {
        let at = format!("{} {}", archive.name(), layer.digest);
        let (expected, found) = (layer.digest.to_string(), found.to_string());
        return Err(Error::Content { attempted: "read layer", at, expected, found });
    }
    let file = Arc::new(file.reader().map_err(failed)?);
    Ok(Layer { file, digest, size })
}

/// The manifest with the gzipped layers; fields, their order and everything unknown stay.
fn rewrite(manifest: &RawManifest, layers: &HashMap<Digest, Layer>) -> Result<RawManifest, ManifestError> {
    let malformed = |e: serde_json::Error| ManifestError::Malformed {
        digest: manifest.digest.clone(),
        reason: e.to_string(),
    };
    let mut value: Value = serde_json::from_slice(&manifest.bytes).map_err(malformed)?;
    let listed = value.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten();
    for layer in listed.filter_map(Value::as_object_mut) {
        let text = |key: &str| layer.get(key).and_then(Value::as_str);
        let digest = text("digest").and_then(|digest| digest.parse::<Digest>().ok());
        let Some(packed) = digest.and_then(|digest| layers.get(&digest)) else { continue };
        let Some(kind) = text("mediaType").and_then(media_type::gzip_of_plain) else { continue };
        layer.insert("mediaType".to_owned(), Value::from(kind));
        layer.insert("size".to_owned(), Value::from(packed.size));
        layer.insert("digest".to_owned(), Value::from(packed.digest.as_str()));
    }
    let bytes = serde_json::to_vec(&value).map_err(malformed)?;
    Ok(RawManifest::new(Bytes::from(bytes), &manifest.media_type))
}

impl Source for PackedImage {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        match at {
            TagOrDigest::Digest(digest) if *digest != self.manifest.digest => self.archive.manifest(at),
            // The image is one, whatever its name.
            _ => Box::pin(async { Ok(self.manifest.clone()) }),
        }
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        let Some(layer) = self.layers.get(&blob.digest) else { return self.archive.blob(blob, from) };
        let from = from.min(layer.size);
        // Only for errors: the file has no name.
        let path = PathBuf::from(self.archive.name());
        let bytes = pieces::read_range(Arc::clone(&layer.file), path, from, layer.size);
        Box::pin(async move { Ok((from, bytes)) })
    }
}

//! What may go into an archive, and what becomes of a manifest whose layers were compressed anew.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;

use crate::oci::{Descriptor, Digest, ManifestError, RawManifest, Reference, media_type, printable};

/// An image of the archive, as it is written.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// The manifest in the archive.
    pub(super) manifest: RawManifest,
    /// The digest it came with.
    pub(super) original: Digest,
    pub(super) config: Digest,
    /// Base first, as the archive has them.
    pub(super) layers: Vec<Digest>,
    /// Names with tags, in the order they were given.
    pub(super) names: Vec<Reference>,
}

/// What stands in a layer's place.
#[derive(Debug, Clone)]
pub(super) struct Replacement {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// Why a blob does not belong into an archive that Docker loads. An empty media type is given the benefit of the
/// doubt.
pub(super) fn check_blob(blob: &Descriptor) -> Result<(), String> {
    let kind = blob.media_type.as_str();
    if kind.is_empty() || media_type::is_image_config(kind) {
        return Ok(());
    }
    check_layer(blob)
}

/// Why a layer cannot be in an archive that Docker loads.
pub(super) fn check_layer(layer: &Descriptor) -> Result<(), String> {
    let kind = layer.media_type.as_str();
    if media_type::is_foreign_layer(kind) && !layer.urls.is_empty() {
        return Err(format!(
            "layer {} lies outside the registry ({}); Docker needs every layer's data: --foreign-layers copies it, too",
            layer.digest,
            printable(&layer.urls.join(" "), 200)
        ));
    }
    if kind.ends_with("+encrypted") {
        return Err(format!("layer {} is encrypted; Docker cannot load it", layer.digest));
    }
    match kind.is_empty() || kind.contains(".tar") {
        true => Ok(()),
        false => Err(format!(
            "{} of type {} is no image's part; Docker takes only images (an oci: layout takes everything)",
            layer.digest,
            printable(kind, 100)
        )),
    }
}

/// Why a configuration is not that of a runnable image with these layers.
pub(super) fn check_config(kind: &str, bytes: &[u8], layers: usize) -> Result<Vec<Digest>, String> {
    if !kind.is_empty() && !media_type::is_image_config(kind) {
        return Err(format!(
            "this is no image but an artifact ({}); Docker takes only images",
            printable(kind, 100)
        ));
    }
    let config: Value =
        serde_json::from_slice(bytes).map_err(|e| format!("the image's configuration is no JSON: {e}"))?;
    let ids =
        config.pointer("/rootfs/diff_ids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<Digest> = ids.iter().filter_map(|id| id.as_str()?.parse().ok()).collect();
    match ids.len() == layers {
        true => Ok(ids),
        false => Err(format!("the image's configuration names {} layers, its manifest {layers}", ids.len())),
    }
}

/// The manifest with replaced layers; fields, their order and everything unknown stay.
pub(super) fn rewrite(
    manifest: &RawManifest,
    replaced: &HashMap<Digest, Replacement>,
) -> Result<RawManifest, ManifestError> {
    let malformed = |reason: String| ManifestError::Malformed { digest: manifest.digest.clone(), reason };
    let mut value: Value =
        serde_json::from_slice(&manifest.bytes).map_err(|e| malformed(format!("not JSON: {e}")))?;
    let layers = value.get_mut("layers").and_then(Value::as_array_mut).into_iter().flatten();
    for layer in layers.filter_map(Value::as_object_mut) {
        let digest = layer.get("digest").and_then(Value::as_str).and_then(|d| d.parse::<Digest>().ok());
        let Some(new) = digest.and_then(|digest| replaced.get(&digest)) else { continue };
        let kind = layer.get("mediaType").and_then(Value::as_str).map(media_type::gzip_of_zstd);
        if let Some(kind) = kind {
            layer.insert("mediaType".to_owned(), Value::from(kind));
        }
        layer.insert("digest".to_owned(), Value::from(new.digest.as_str()));
        layer.insert("size".to_owned(), Value::from(new.size));
        // These speak of the old bytes.
        layer.shift_remove("data");
        if let Some(annotations) = layer.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !key.starts_with("io.github.containers.zstd-chunked."));
        }
    }
    let bytes = serde_json::to_vec(&value).map_err(|e| malformed(e.to_string()))?;
    Ok(RawManifest::new(Bytes::from(bytes), &manifest.media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_replaced_layers_change() {
        let (old, kept, new) = (Digest::of(b"old"), Digest::of(b"kept"), Digest::of(b"new"));
        let text = format!(
            r#"{{"z":1,"schemaVersion":2,"layers":[{{"size":9,"mediaType":"{}","digest":"{kept}"}},
            {{"size":9,"mediaType":"{}","digest":"{old}","x":2,"data":"AA==",
            "annotations":{{"a":"b","io.github.containers.zstd-chunked.manifest-position":"1"}}}}],"a":{{"c":1,"b":2}}}}"#,
            media_type::OCI_LAYER_GZIP,
            media_type::OCI_LAYER_ZSTD,
        );
        let raw = RawManifest::new(Bytes::from(text), media_type::OCI_MANIFEST);
        let replaced = HashMap::from([(old, Replacement { digest: new.clone(), size: 5 })]);
        let want = format!(
            r#"{{"z":1,"schemaVersion":2,"layers":[{{"size":9,"mediaType":"{gzip}","digest":"{kept}"}},{{"size":5,"mediaType":"{gzip}","digest":"{new}","x":2,"annotations":{{"a":"b"}}}}],"a":{{"c":1,"b":2}}}}"#,
            gzip = media_type::OCI_LAYER_GZIP
        );
        assert_eq!(std::str::from_utf8(&rewrite(&raw, &replaced).unwrap().bytes).unwrap(), want);
    }

    #[test]
    fn what_docker_cannot_load_is_refused_with_the_reason() {
        let blob = |kind: &str| Descriptor::new(kind, Digest::of(b""), 0);
        for kind in [
            media_type::OCI_CONFIG,
            media_type::OCI_LAYER_GZIP,
            media_type::OCI_LAYER_ZSTD,
            media_type::DOCKER_LAYER_GZIP,
            "",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ] {
            assert_eq!(check_blob(&blob(kind)), Ok(()), "{kind}");
        }
        for kind in [
            "application/vnd.cncf.helm.config.v1+json",
            "application/vnd.in-toto+json",
            "application/vnd.oci.empty.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
            "application/vnd.dev.cosign.simplesigning.v1+json",
        ] {
            assert!(check_blob(&blob(kind)).is_err(), "{kind}");
        }
        let mut foreign = blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
        foreign.urls.push("https://mcr.example/x".to_owned());
        assert!(check_blob(&foreign).unwrap_err().contains("https://mcr.example/x"));
    }
}

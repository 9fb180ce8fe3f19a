//! The archive's own documents: `index.json` and `oci-layout` for readers of OCI layouts, `manifest.json` and
//! `repositories` for `docker load`, old and new.

use serde_json::{Map, Value, json};

use super::super::tar_layout::blob_path;
use super::image::Image;
use crate::oci::media_type;

/// Every entry behind the blobs, in order: path and content.
pub(super) fn entries(images: &[Image]) -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<(String, Vec<u8>)> = Vec::with_capacity(images.len() + 4);
    for image in images {
        let path = blob_path(&image.manifest.digest);
        if !entries.iter().any(|(there, _)| *there == path) {
            entries.push((path, image.manifest.bytes.to_vec()));
        }
    }
    let mut document =
        |path: &str, value: Value| entries.push((path.to_owned(), value.to_string().into_bytes()));
    document("index.json", index(images));
    document("manifest.json", Value::Array(images.iter().map(docker_entry).collect()));
    document("oci-layout", json!({"imageLayoutVersion": "1.0.0"}));
    let repositories = repositories(images);
    if !repositories.is_empty() {
        document("repositories", Value::Object(repositories));
    }
    entries
}

/// One entry a name, as containerd and `docker save` write it; one without for an image that has none.
fn index(images: &[Image]) -> Value {
    let mut manifests = Vec::new();
    for image in images {
        let descriptor = json!({
            "mediaType": image.manifest.media_type,
            "digest": image.manifest.digest.as_str(),
            "size": image.manifest.bytes.len(),
        });
        if image.names.is_empty() {
            manifests.push(descriptor);
            continue;
        }
        for name in &image.names {
            let mut named = descriptor.clone();
            named["annotations"] = json!({
                "io.containerd.image.name": name.to_string(),
                "org.opencontainers.image.ref.name": name.target().as_str(),
            });
            manifests.push(named);
        }
    }
    json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": manifests})
}

/// What `docker load` goes by. `null` is what `docker save` writes for an image without names.
fn docker_entry(image: &Image) -> Value {
    let tags: Vec<String> = image.names.iter().map(|name| name.familiar()).collect();
    json!({
        "Config": blob_path(&image.config),
        "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
        "Layers": image.layers.iter().map(blob_path).collect::<Vec<_>>(),
    })
}

/// The oldest form: repository → tag → the top layer.
fn repositories(images: &[Image]) -> Map<String, Value> {
    let mut repositories = Map::new();
    for image in images {
        let top = image.layers.last().unwrap_or(&image.config);
        for name in &image.names {
            let plain = crate::oci::Reference { tag: None, digest: None, ..name.clone() };
            let tags = repositories.entry(plain.familiar()).or_insert_with(|| Value::Object(Map::new()));
            tags[name.target().as_str()] = Value::from(top.hex());
        }
    }
    repositories
}

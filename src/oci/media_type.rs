//! Media types of manifests and layers, and what can be told from them.

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI artifact manifest: only of a draft of the specification 1.1, and found in registries all the same.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// The empty configuration, `{}`, of an artifact that has none.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// OCI layer, a gzip tar.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// OCI layer, a plain tar.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// OCI layer, a zstd tar.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker layer, a gzip tar.
pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// Docker layer, a plain tar.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
/// Docker manifest, schema 1 (refused, with an explanation).
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker manifest, schema 1, signed (refused, with an explanation).
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// What a manifest request accepts, in the order of preference. Schema 1 is listed last so that a
/// registry that has nothing else says so by sending it.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
application/vnd.oci.image.manifest.v1+json, \
application/vnd.docker.distribution.manifest.list.v2+json, \
application/vnd.docker.distribution.manifest.v2+json, \
application/vnd.oci.artifact.manifest.v1+json, \
application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1, \
*/*;q=0.01";

/// A header's value without its parameters, lower-cased: `application/json; charset=utf-8` →
/// `application/json`.
pub fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether this is an index or a manifest list.
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// Whether this is one image's manifest (or an artifact's).
pub fn is_image_manifest(media_type: &str) -> bool {
    matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST | OCI_ARTIFACT)
}

/// Whether an index's entry of this type is a manifest or an index, or may be one as it does not say. Every other one is
/// a blob: an index may point at anything.
pub fn may_be_manifest(media_type: &str) -> bool {
    media_type.is_empty()
        || media_type == "application/json"
        || is_index(media_type)
        || is_image_manifest(media_type)
        || is_schema1(media_type)
}

/// Whether this is Docker's schema 1, which cannot be copied with its bytes kept.
pub fn is_schema1(media_type: &str) -> bool {
    matches!(media_type, DOCKER_SCHEMA1 | DOCKER_SCHEMA1_SIGNED)
}

/// Whether a configuration of this type describes a runnable image rather than some other artifact.
pub fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG)
}

/// Whether a layer of this type is a zstd-compressed tar.
pub fn is_zstd_layer(media_type: &str) -> bool {
    media_type.ends_with("+zstd") || media_type.ends_with(".tar.zstd")
}

/// Whether a layer of this type is fetched from its `urls`, not from the registry (Windows base layers).
pub fn is_foreign_layer(media_type: &str) -> bool {
    media_type.contains("rootfs.foreign.") || media_type.contains(".layer.nondistributable.")
}

/// The gzip type of a plain layer's type, in the same family; `None` if that is no plain layer's.
pub fn gzip_of_plain(media_type: &str) -> Option<&'static str> {
    match media_type {
        OCI_LAYER => Some(OCI_LAYER_GZIP),
        DOCKER_LAYER => Some(DOCKER_LAYER_GZIP),
        _ => None,
    }
}

/// The gzip type that stands for a zstd layer's type, in the same family.
pub fn gzip_of_zstd(media_type: &str) -> String {
    if let Some(head) = media_type.strip_suffix("+zstd") {
        format!("{head}+gzip")
    } else if let Some(head) = media_type.strip_suffix(".tar.zstd") {
        format!("{head}.tar.gzip")
    } else {
        media_type.to_owned()
    }
}

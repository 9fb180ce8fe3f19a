//! What an image is made of, for `inspect` and the Details pane.

use serde::Serialize;

use crate::oci::{Descriptor, Digest, Platform};

/// An image, with all its platforms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// As it is written on the command line.
    pub location: String,
    /// Its manifest or index.
    pub descriptor: Descriptor,
    /// One entry for each manifest of the index, or the only one. Attestations are among them.
    pub platforms: Vec<ImagePlatform>,
    /// Bytes of all blobs of all platforms, each once.
    pub size: u64,
    /// Annotations of its manifest or index.
    pub annotations: Vec<(String, String)>,
}

/// Something that refers to an image: a signature, an SBOM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Referrer {
    /// What it is, by its artifact type, or by the ending of cosign's tag.
    pub kind: String,
    /// Its manifest.
    pub digest: Digest,
    /// Bytes of its manifest.
    pub size: u64,
}

/// One platform's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImagePlatform {
    /// The platform, by the index or by the configuration; `None` for an artifact.
    pub platform: Option<Platform>,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's media type.
    pub media_type: String,
    /// The configuration's digest: what `docker images` calls the image's ID.
    pub config: Digest,
    /// Layers, base first, with compressed sizes in bytes.
    pub layers: Vec<Descriptor>,
    /// Bytes of configuration and layers.
    pub size: u64,
    /// When it was built, RFC 3339, as the configuration says.
    pub created: Option<String>,
    /// Entry point and command, as the configuration says.
    pub command: Vec<String>,
    /// Labels, in order.
    pub labels: Vec<(String, String)>,
    /// Everything that the configuration says, by name: `env PATH`, `user`, `port 80/tcp`.
    pub settings: Vec<(String, String)>,
    /// What made each layer, by the configuration's history; empty where that does not fit the layers.
    pub history: Vec<String>,
    /// Annotations of the manifest, where an index is above it.
    pub annotations: Vec<(String, String)>,
    /// The manifest this one attests, if it is an attestation.
    pub attests: Option<Digest>,
}

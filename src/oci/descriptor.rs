//! Descriptors: what a manifest says of the content it points at.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Digest, Platform};

/// The largest size that is believed, in bytes: a pebibyte. A manifest's blobs cannot overflow a sum.
const SIZE_LIMIT: u64 = 1 << 50;

/// An OCI content descriptor (image specification, "OCI Content Descriptors"), as far as wharf reads it.
/// The document it came from keeps its own bytes; this is never written back in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Media type, lower-cased, without parameters.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// The content's size in bytes.
    pub size: u64,
    /// The platform, in an index's entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Where a foreign layer is fetched from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// The artifact's type, in a referrers list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations that are text, in the document's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<(String, String)>,
}

impl Descriptor {
    /// A plain descriptor.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            urls: Vec::new(),
            artifact_type: None,
            annotations: Vec::new(),
        }
    }

    /// Reads a descriptor from a document; the error says which field is wrong.
    pub fn from_json(value: &Value) -> Result<Descriptor, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let digest = text("digest").ok_or("a descriptor has no digest")?;
        let digest = digest.parse::<Digest>().map_err(|e| format!("a descriptor's digest: {e}"))?;
        let size = value.get("size").ok_or_else(|| format!("the descriptor of {digest} has no size"))?;
        let fits = size.as_u64().filter(|size| *size <= SIZE_LIMIT);
        let size = fits.ok_or_else(|| format!("the descriptor of {digest} has the size {size}"))?;
        let platform = value.get("platform").filter(|p| p.is_object()).map(|p| {
            let field = |key: &str| p.get(key).and_then(Value::as_str);
            let platform = Platform::new(
                field("os").unwrap_or("unknown"),
                field("architecture").unwrap_or("unknown"),
                field("variant"),
            );
            platform.with_os_version(field("os.version"))
        });
        let list = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
        let annotations = value.get("annotations").and_then(Value::as_object);
        Ok(Descriptor {
            media_type: super::media_type::essence(text("mediaType").unwrap_or_default()),
            digest,
            size,
            platform,
            urls: list("urls").filter_map(Value::as_str).map(str::to_owned).collect(),
            artifact_type: text("artifactType").map(str::to_owned),
            annotations: annotations
                .into_iter()
                .flatten()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// An annotation's text.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Whether this entry of an index is BuildKit's attestation of another entry, and of which.
    pub fn attests(&self) -> Option<Digest> {
        if self.annotation("vnd.docker.reference.type") != Some("attestation-manifest") {
            return None;
        }
        self.annotation("vnd.docker.reference.digest")?.parse().ok()
    }
}

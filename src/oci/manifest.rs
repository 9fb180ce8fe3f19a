//! Manifests and indexes, with the bytes they were received in.

use bytes::Bytes;
use serde_json::Value;

use super::{Descriptor, Digest, Platform, Platforms, media_type, printable};

/// The largest manifest that wharf reads, in bytes. Registries accept 4 MiB; twice that is read.
pub const MANIFEST_LIMIT: usize = 8 << 20;

/// A manifest or index exactly as it was received: what is pushed on, and what the digest is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    /// The document's bytes.
    pub bytes: Bytes,
    /// Media type, without parameters.
    pub media_type: String,
    /// Digest of `bytes`.
    pub digest: Digest,
}

/// Why bytes are no manifest that wharf can move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or a field is missing or wrong.
    #[error("manifest {digest}: {reason}")]
    Malformed {
        /// Of the bytes at hand.
        digest: Digest,
        /// What is wrong with them.
        reason: String,
    },
    /// Docker's schema 1.
    #[error(
        "manifest {digest} is Docker's schema 1, whose digest is of a part of its bytes and whose layers have no sizes: it cannot be moved as it is, and nothing was moved"
    )]
    Schema1 {
        /// Of the bytes at hand.
        digest: Digest,
    },
    /// A media type that is neither manifest nor index.
    #[error("{media_type:?} is neither an image manifest nor an index")]
    MediaType {
        /// What the document says it is.
        media_type: String,
    },
    /// A manifest that cannot be made another format's.
    #[error("manifest {digest} cannot be converted: {reason}")]
    Format {
        /// The manifest's.
        digest: Digest,
        /// Why not.
        reason: String,
    },
    /// An index without an entry for a platform that was asked for.
    #[error("no {wanted}; the image has {}", list(available))]
    Platform {
        /// What was asked for. Boxed: it is by far the largest part of any error.
        wanted: Box<Platform>,
        /// What there is.
        available: Vec<Platform>,
    },
}

fn list(platforms: &[Platform]) -> String {
    match platforms.is_empty() {
        true => "no platform at all".to_owned(),
        false => platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// A manifest's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image or artifact.
    Image(Box<ImageManifest>),
    /// Several, by platform.
    Index(Box<Index>),
}

/// One image's manifest, or an artifact's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// The configuration. An artifact manifest (the draft's) has none: the empty one stands here, and is no blob of it.
    pub config: Descriptor,
    /// Whether there is a configuration.
    pub has_config: bool,
    /// The layers, base first (an artifact manifest's blobs). A layer may be listed more than once.
    pub layers: Vec<Descriptor>,
    /// The manifest this one refers to (OCI 1.1 referrers).
    pub subject: Option<Descriptor>,
    /// `artifactType`, if one is given.
    pub artifact_type: Option<String>,
}

/// An image index or manifest list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its entries, in order.
    pub manifests: Vec<Descriptor>,
    /// The manifest this one refers to.
    pub subject: Option<Descriptor>,
}

impl RawManifest {
    /// Wraps received bytes. `content_type` is the header's or the pointing descriptor's; where it is empty
    /// or says nothing (`application/json`, `text/plain`), the document's own `mediaType` or its shape decides.
    pub fn new(bytes: Bytes, content_type: &str) -> RawManifest {
        let digest = Digest::of(&bytes);
        RawManifest::with_digest(bytes, content_type, digest)
    }

    /// The same, for bytes whose digest is known (and was verified).
    pub fn with_digest(bytes: Bytes, content_type: &str, digest: Digest) -> RawManifest {
        let given = media_type::essence(content_type);
        let telling = media_type::is_index(&given)
            || media_type::is_image_manifest(&given)
            || media_type::is_schema1(&given);
        let media_type = match telling {
            true => given,
            false => own_media_type(&bytes).unwrap_or(given),
        };
        RawManifest { bytes, media_type, digest }
    }

    /// A descriptor of this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(&self.media_type, self.digest.clone(), self.bytes.len() as u64)
    }

    /// Reads the document.
    pub fn parse(&self) -> Result<Document, ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { digest: self.digest.clone(), reason };
        if media_type::is_schema1(&self.media_type) {
            return Err(ManifestError::Schema1 { digest: self.digest.clone() });
        }
        let value: Value =
            serde_json::from_slice(&self.bytes).map_err(|e| malformed(format!("not JSON: {e}")))?;
        if value.get("schemaVersion").and_then(Value::as_u64) == Some(1) {
            return Err(ManifestError::Schema1 { digest: self.digest.clone() });
        }
        let one = |value: &Value| Descriptor::from_json(value).map_err(malformed);
        let all = |key: &str| -> Result<Vec<Descriptor>, ManifestError> {
            match value.get(key) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::Array(list)) => list.iter().map(one).collect(),
                Some(_) => Err(malformed(format!("{key} is no list"))),
            }
        };
        let subject = value.get("subject").filter(|s| !s.is_null()).map(one).transpose()?;
        if media_type::is_index(&self.media_type) {
            if value.get("manifests").is_none() {
                return Err(malformed("an index without manifests".to_owned()));
            }
            return Ok(Document::Index(Box::new(Index { manifests: all("manifests")?, subject })));
        }
        if !media_type::is_image_manifest(&self.media_type) {
            return Err(ManifestError::MediaType { media_type: printable(&self.media_type, 100) });
        }
        let is_artifact = self.media_type == media_type::OCI_ARTIFACT;
        let config = match (value.get("config"), is_artifact) {
            (_, true) => Descriptor::new(media_type::OCI_EMPTY, Digest::of(b"{}"), 2),
            (Some(config), false) => one(config)?,
            (None, false) => return Err(malformed("a manifest without config".to_owned())),
        };
        Ok(Document::Image(Box::new(ImageManifest {
            config,
            has_config: !is_artifact,
            layers: all(if is_artifact { "blobs" } else { "layers" })?,
            subject,
            artifact_type: value.get("artifactType").and_then(Value::as_str).map(str::to_owned),
        })))
    }
}

impl Document {
    /// What it refers to, if it is a referrer.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Document::Image(image) => image.subject.as_ref(),
            Document::Index(index) => index.subject.as_ref(),
        }
    }
}

impl ImageManifest {
    /// Configuration and layers, each digest once, in order.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        let mut seen: Vec<&Descriptor> = Vec::with_capacity(self.layers.len() + 1);
        for blob in Some(&self.config).filter(|_| self.has_config).into_iter().chain(&self.layers) {
            if !seen.iter().any(|other| other.digest == blob.digest) {
                seen.push(blob);
            }
        }
        seen
    }
}

impl Index {
    /// The platforms that can be chosen: every entry's but attestations'.
    pub fn platforms(&self) -> Vec<Platform> {
        let mut platforms = Vec::new();
        for platform in self.manifests.iter().filter_map(|entry| entry.platform.as_ref()) {
            if !platform.is_unknown() && !platforms.contains(platform) {
                platforms.push(platform.clone());
            }
        }
        platforms
    }

    /// The entries for the wanted platforms, with the attestations that belong to them, in order.
    /// A wanted platform without an entry is an error that lists what there is.
    pub fn select(&self, platforms: &Platforms) -> Result<Vec<&Descriptor>, ManifestError> {
        let Platforms::Only(wanted) = platforms else {
            return Ok(self.manifests.iter().collect());
        };
        for wanted in wanted {
            let found =
                self.manifests.iter().any(|e| e.platform.as_ref().is_some_and(|p| p.satisfies(wanted)));
            if !found {
                return Err(ManifestError::Platform {
                    wanted: Box::new(wanted.clone()),
                    available: self.platforms(),
                });
            }
        }
        let chosen = |entry: &Descriptor| entry.platform.as_ref().is_some_and(|p| platforms.wants(p));
        Ok(self
            .manifests
            .iter()
            .filter(|entry| {
                chosen(entry)
                    || entry.attests().is_some_and(|of| {
                        self.manifests.iter().any(|other| other.digest == of && chosen(other))
                    })
            })
            .collect())
    }
}

/// The document's own word on its type, or what its shape tells.
fn own_media_type(bytes: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    if let Some(own) = value.get("mediaType").and_then(Value::as_str) {
        return Some(media_type::essence(own));
    }
    let has = |key: &str| value.get(key).is_some();
    match value.get("schemaVersion").and_then(Value::as_u64) {
        Some(1) => Some(media_type::DOCKER_SCHEMA1.to_owned()),
        Some(2) if has("manifests") => Some(media_type::OCI_INDEX.to_owned()),
        Some(2) if has("config") || has("layers") => Some(media_type::OCI_MANIFEST.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> String {
        Digest::of(&[n]).to_string()
    }

    fn index() -> RawManifest {
        let text = format!(
            r#"{{ "schemaVersion": 2, "x-own": {{"b":1,"a":2}}, "mediaType": "{}", "manifests": [
              {{"mediaType":"{m}","digest":"{}","size":10,"platform":{{"architecture":"amd64","os":"linux"}},"z":1,"a":2}},
              {{"mediaType":"{m}","digest":"{}","size":11,"platform":{{"architecture":"arm","os":"linux","variant":"v7"}}}},
              {{"mediaType":"{m}","digest":"{}","size":12,"platform":{{"architecture":"unknown","os":"unknown"}},
                "annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{}"}}}}
            ]}}"#,
            media_type::OCI_INDEX,
            digest(1),
            digest(2),
            digest(3),
            digest(2),
            m = media_type::OCI_MANIFEST,
        );
        RawManifest::new(Bytes::from(text), "application/vnd.oci.image.index.v1+json; charset=utf-8")
    }

    fn parsed(raw: &RawManifest) -> Index {
        match raw.parse().unwrap() {
            Document::Index(index) => *index,
            Document::Image(_) => unreachable!("an index was made"),
        }
    }

    #[test]
    fn a_subset_keeps_attestations_of_its_own_and_refuses_what_is_lacking() {
        let index = parsed(&index());
        let chosen = index.select(&Platforms::Only(vec!["arm/v7".parse().unwrap()])).unwrap();
        assert_eq!(chosen.iter().map(|d| d.size).collect::<Vec<_>>(), [11, 12]);
        let error = index.select(&Platforms::Only(vec!["s390x".parse().unwrap()])).unwrap_err();
        assert_eq!(error.to_string(), "no linux/s390x; the image has linux/amd64, linux/arm/v7");
    }

    #[test]
    fn the_shape_decides_where_the_header_does_not() {
        let raw = RawManifest::new(
            Bytes::from_static(br#"{"schemaVersion":2,"manifests":[]}"#),
            "application/json",
        );
        assert_eq!(raw.media_type, media_type::OCI_INDEX);
        let schema1 = RawManifest::new(Bytes::from_static(br#"{"schemaVersion":1,"fsLayers":[]}"#), "");
        assert!(matches!(schema1.parse(), Err(ManifestError::Schema1 { .. })));
    }

    #[test]
    fn broken_documents_are_errors() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"schemaVersion":2}"#,
            r#"{"schemaVersion":2,"config":{}}"#,
            r#"{"schemaVersion":2,"config":{"digest":"sha256:00","size":1}}"#,
            r#"{"schemaVersion":2,"manifests":{}}"#,
        ] {
            assert!(RawManifest::new(Bytes::from(text.to_owned()), "").parse().is_err(), "{text}");
        }
    }
}

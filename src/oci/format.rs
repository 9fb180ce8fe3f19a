//! Making OCI's documents Docker's and the other way round. Layers and configurations keep their bytes, so DiffIDs and
//! image IDs stay; only media types change, and with them the manifests' digests.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Descriptor, Digest, ManifestError, RawManifest, media_type, printable};

/// The family of documents that an image is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// OCI image manifests and indexes.
    Oci,
    /// Docker's schema 2 and manifest lists.
    Docker,
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no format: oci or docker is")]
pub struct FormatError {
    text: String,
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Format, FormatError> {
        match text {
            "oci" => Ok(Format::Oci),
            // skopeo's name.
            "docker" | "v2s2" => Ok(Format::Docker),
            _ => Err(FormatError { text: printable(text, 60) }),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Oci => "oci",
            Format::Docker => "docker",
        })
    }
}

/// Media types that mean the same, OCI's and Docker's.
const TYPES: [(&str, &str); 9] = [
    (media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST),
    (media_type::OCI_INDEX, media_type::DOCKER_LIST),
    (media_type::OCI_CONFIG, media_type::DOCKER_CONFIG),
    (media_type::OCI_LAYER_GZIP, media_type::DOCKER_LAYER_GZIP),
    (media_type::OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar"),
    // Of no Docker that could be relied on: only ever made OCI's.
    (media_type::OCI_LAYER_ZSTD, DOCKER_ZSTD),
    (media_type::OCI_LAYER_ZSTD, "application/vnd.docker.image.rootfs.diff.tar+zstd"),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ),
];

/// BuildKit's name for a zstd layer in a Docker manifest.
const DOCKER_ZSTD: &str = "application/vnd.docker.image.rootfs.diff.tar.zstd";

/// What of a document Docker's format has no place for; a reason where that is too much to leave out.
const ANNOTATIONS: &str = "annotations are left out: Docker's format has none";

impl Format {
    /// The type that stands for another format's; `None` where it is of this format, or of neither.
    fn of(self, kind: &str) -> Option<&'static str> {
        let pair = |(oci, docker): &(&'static str, &'static str)| match self {
            Format::Oci => (*docker == kind).then_some(*oci),
            Format::Docker => (*oci == kind).then_some(*docker),
        };
        TYPES.iter().find_map(pair)
    }
}

/// What becomes of an index's entries: the new manifest, or nothing where it is left out.
pub type Converted = HashMap<Digest, Option<RawManifest>>;

impl RawManifest {
    /// The manifest in `format`; with its own bytes where it is in that format already. An index needs to know what
    /// became of its entries. What gets lost is added to `lost`, for people; what must not get lost is an error.
    pub fn to_format(
        &self,
        format: Format,
        entries: &Converted,
        lost: &mut BTreeSet<String>,
    ) -> Result<RawManifest, ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { digest: self.digest.clone(), reason };
        let mut value: Map<String, Value> =
            serde_json::from_slice(&self.bytes).map_err(|e| malformed(format!("not JSON: {e}")))?;
        let changed = match media_type::is_index(&self.media_type) {
            true => self.convert_entries(format, &mut value, entries, lost)?,
            false => self.convert_parts(format, &mut value)?,
        };
        let own = format.of(&self.media_type);
        if !changed && own.is_none() {
            return Ok(self.clone());
        }
        let own = own.unwrap_or(&self.media_type);
        if format == Format::Docker {
            self.drop_what_docker_lacks(&mut value, lost)?;
        }
        let value = with_media_type(value, own);
        let bytes = serde_json::to_vec(&value).map_err(|e| malformed(e.to_string()))?;
        Ok(RawManifest::new(Bytes::from(bytes), own))
    }

    fn refused(&self, reason: impl Into<String>) -> ManifestError {
        ManifestError::Format { digest: self.digest.clone(), reason: reason.into() }
    }

    /// Configuration and layers get the format's types. Whether any changed.
    fn convert_parts(&self, format: Format, value: &mut Map<String, Value>) -> Result<bool, ManifestError> {
        let becomes_another = format.of(&self.media_type).is_some();
        let mut parts: Vec<&mut Value> = Vec::new();
        for (key, field) in value.iter_mut() {
            match (key.as_str(), field) {
                ("config", config) => parts.push(config),
                ("layers", Value::Array(layers)) => parts.extend(layers),
                _ => {}
            }
        }
        let mut changed = false;
        for part in parts.into_iter().filter_map(Value::as_object_mut) {
            let kind = media_type::essence(part.get("mediaType").and_then(Value::as_str).unwrap_or_default());
            match format.of(&kind) {
                Some(new) => {
                    if new == DOCKER_ZSTD {
                        let digest = part.get("digest").and_then(Value::as_str).unwrap_or_default();
                        let reason = format!("layer {digest} is zstd, which Docker's format does not know");
                        return Err(self.refused(reason));
                    }
                    part.insert("mediaType".to_owned(), Value::from(new));
                    changed = true;
                }
                // What is of neither format can be named in OCI's documents, and in Docker's only by them.
                None if format == Format::Docker && becomes_another => {
                    let known = TYPES.iter().any(|(_, docker)| *docker == kind);
                    if !known {
                        let kind = printable(&kind, 100);
                        return Err(self.refused(format!(
                            "it has a part of type {kind:?}, which only OCI's documents can have"
                        )));
                    }
                }
                None => {}
            }
        }
        Ok(changed)
    }

    /// Entries point at what they became. Whether anything changed.
    fn convert_entries(
        &self,
        format: Format,
        value: &mut Map<String, Value>,
        entries: &Converted,
        lost: &mut BTreeSet<String>,
    ) -> Result<bool, ManifestError> {
        let becomes_docker = format == Format::Docker && format.of(&self.media_type).is_some();
        let list = value.get_mut("manifests").and_then(Value::as_array_mut);
        let list = list.ok_or_else(|| ManifestError::Malformed {
            digest: self.digest.clone(),
            reason: "an index without manifests".to_owned(),
        })?;
        let digest_of = |entry: &Value| entry.get("digest")?.as_str()?.parse::<Digest>().ok();
        let before = list.len();
        list.retain(|entry| !digest_of(entry).is_some_and(|d| matches!(entries.get(&d), Some(None))));
        let mut changed = list.len() != before;
        for entry in list {
            let Some(digest) = digest_of(entry) else { continue };
            let new = entries.get(&digest).and_then(Option::as_ref);
            if becomes_docker && let Some(reason) = why_not_docker(entry, new) {
                return Err(self.refused(format!("its entry {digest} {reason}")));
            }
            let Some(entry) = entry.as_object_mut() else { continue };
            if let Some(new) = new.filter(|new| new.digest != digest) {
                entry.insert("mediaType".to_owned(), Value::from(new.media_type.as_str()));
                entry.insert("digest".to_owned(), Value::from(new.digest.as_str()));
                entry.insert("size".to_owned(), Value::from(new.bytes.len()));
                // The old bytes.
                entry.shift_remove("data");
                changed = true;
            }
            if becomes_docker {
                if entry.shift_remove("annotations").is_some() {
                    lost.insert(ANNOTATIONS.to_owned());
                }
                entry.shift_remove("artifactType");
            } else if let Some(of) =
                entry.get_mut("annotations").and_then(|a| a.get_mut("vnd.docker.reference.digest"))
            {
                // BuildKit's attestation of an entry that is another one now.
                let old = of.as_str().and_then(|old| old.parse::<Digest>().ok());
                let now = old.as_ref().and_then(|old| entries.get(old)).and_then(Option::as_ref);
                if let (Some(old), Some(now)) = (&old, now)
                    && *old != now.digest
                {
                    *of = Value::from(now.digest.as_str());
                    changed = true;
                    lost.insert(
                        "attestations are kept, and what they say inside is of the digests before the change"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(changed)
    }

    /// Docker's documents have no annotations, which are only said of; a subject or an artifact type is what the
    /// document is for.
    fn drop_what_docker_lacks(
        &self,
        value: &mut Map<String, Value>,
        lost: &mut BTreeSet<String>,
    ) -> Result<(), ManifestError> {
        for (key, what) in [("subject", "refers to another one"), ("artifactType", "is an artifact")] {
            if value.get(key).is_some_and(|field| !field.is_null()) {
                return Err(self.refused(format!("it {what}, which Docker's format cannot say")));
            }
        }
        let mut dropped = value.shift_remove("annotations").is_some();
        for (_, field) in value.iter_mut() {
            let parts: Vec<&mut Value> = match field {
                Value::Array(list) => list.iter_mut().collect(),
                one => vec![one],
            };
            for part in parts.into_iter().filter_map(Value::as_object_mut) {
                dropped |= part.shift_remove("annotations").is_some();
            }
        }
        if dropped {
            lost.insert(ANNOTATIONS.to_owned());
        }
        Ok(())
    }
}

/// Why an entry cannot be in a manifest list, if it cannot.
fn why_not_docker(entry: &Value, new: Option<&RawManifest>) -> Option<&'static str> {
    let platform = |key: &str| entry.get("platform")?.get(key)?.as_str().filter(|text| !text.is_empty());
    match new {
        None => Some("is no image manifest"),
        Some(new) if media_type::is_index(&new.media_type) => {
            Some("is an index, and Docker's manifest lists hold images alone")
        }
        Some(_) if platform("os").is_none() || platform("architecture").is_none() => {
            Some("has no platform, which Docker's manifest lists need")
        }
        Some(_) => None,
    }
}

/// The document with its own type, behind the schema's version where it had none.
fn with_media_type(mut value: Map<String, Value>, kind: &str) -> Map<String, Value> {
    if let Some(own) = value.get_mut("mediaType") {
        *own = Value::from(kind);
        return value;
    }
    let version = value.shift_remove("schemaVersion").unwrap_or_else(|| Value::from(2));
    let head = [("schemaVersion".to_owned(), version), ("mediaType".to_owned(), Value::from(kind))];
    head.into_iter().chain(value).collect()
}

/// The entries of an index that attest others and have no place in a Docker manifest list.
pub fn attestations(entries: &[Descriptor]) -> impl Iterator<Item = &Digest> {
    entries.iter().filter(|entry| entry.attests().is_some()).map(|entry| &entry.digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(own: &str, config: &str, layers: &[&str], more: &str) -> RawManifest {
        let part = |kind: &str| {
            format!(r#"{{"x":1,"mediaType":"{kind}","size":3,"digest":"{}"}}"#, Digest::of(b"x"))
        };
        let layers: Vec<String> = layers.iter().map(|kind| part(kind)).collect();
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{own}",{more}"config":{},"layers":[{}],"z":{{"b":1,"a":2}}}}"#,
            part(config),
            layers.join(",")
        );
        RawManifest::new(Bytes::from(text), own)
    }

    fn oci(layers: &[&str], more: &str) -> RawManifest {
        manifest(media_type::OCI_MANIFEST, media_type::OCI_CONFIG, layers, more)
    }

    fn to(raw: &RawManifest, format: Format) -> Result<(RawManifest, Vec<String>), ManifestError> {
        let mut lost = BTreeSet::new();
        let made = raw.to_format(format, &Converted::new(), &mut lost)?;
        Ok((made, lost.into_iter().collect()))
    }

    #[test]
    fn there_and_back_again_are_the_same_bytes() {
        let layers = [
            media_type::OCI_LAYER_GZIP,
            media_type::OCI_LAYER,
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        ];
        let before = oci(&layers, "");
        let (docker, lost) = to(&before, Format::Docker).unwrap();
        assert_eq!((docker.media_type.as_str(), lost.len()), (media_type::DOCKER_MANIFEST, 0));
        let text = std::str::from_utf8(&docker.bytes).unwrap();
        assert!(!text.contains("vnd.oci") && text.contains("rootfs.foreign.diff.tar.gzip"), "{text}");
        assert!(text.contains(r#""z":{"b":1,"a":2}"#), "{text}");
        assert_eq!(to(&docker, Format::Oci).unwrap().0, before);
        // What is in that format already keeps its bytes, whatever is in it.
        for raw in [oci(&["application/x.own"], "\"annotations\":{\"a\":\"b\"},\n  "), before.clone()] {
            assert_eq!(to(&raw, Format::Oci).unwrap().0, raw);
        }
        let plugin = manifest(media_type::DOCKER_MANIFEST, "application/vnd.docker.plugin.v1+json", &[], "");
        assert_eq!(to(&plugin, Format::Docker).unwrap().0, plugin);
        assert_eq!(to(&docker, Format::Docker).unwrap().0, docker);
    }

    #[test]
    fn a_manifest_without_a_type_gets_one_where_it_belongs() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{}","size":1}},"layers":[]}}"#,
            media_type::OCI_CONFIG,
            Digest::of(b"x")
        );
        let (made, _) = to(&RawManifest::new(Bytes::from(text), ""), Format::Docker).unwrap();
        let text = std::str::from_utf8(&made.bytes).unwrap();
        let want = format!(r#"{{"schemaVersion":2,"mediaType":"{}","config""#, media_type::DOCKER_MANIFEST);
        assert!(text.starts_with(&want), "{text}");
    }

    #[test]
    fn what_docker_cannot_say_is_refused_or_told() {
        let subject = format!(
            r#""subject":{{"mediaType":"{}","digest":"{}","size":1}},"#,
            media_type::OCI_MANIFEST,
            Digest::of(b"s")
        );
        for (raw, want) in [
            (oci(&[media_type::OCI_LAYER_ZSTD], ""), "zstd"),
            (oci(&["application/vnd.in-toto+json"], ""), "in-toto"),
            (oci(&["application/vnd.oci.image.layer.v1.tar+gzip+encrypted"], ""), "encrypted"),
            (oci(&[], &subject), "refers to another"),
            (oci(&[], r#""artifactType":"application/x","#), "artifact"),
            (manifest(media_type::OCI_MANIFEST, "application/vnd.cncf.helm.config.v1+json", &[], ""), "helm"),
        ] {
            let error = to(&raw, Format::Docker).unwrap_err();
            assert!(
                matches!(error, ManifestError::Format { .. }) && error.to_string().contains(want),
                "{error}"
            );
        }
        let (made, lost) = to(&oci(&[], r#""annotations":{"a":"b"},"#), Format::Docker).unwrap();
        assert!(!made.bytes.windows(11).any(|w| w == b"annotations") && lost.len() == 1);
        // zstd in a Docker manifest is nothing that OCI lacks.
        let raw = manifest(media_type::DOCKER_MANIFEST, media_type::DOCKER_CONFIG, &[DOCKER_ZSTD], "");
        assert!(std::str::from_utf8(&to(&raw, Format::Oci).unwrap().0.bytes).unwrap().contains("tar+zstd"));
    }

    #[test]
    fn an_index_points_at_what_its_entries_became() {
        let image = oci(&[media_type::OCI_LAYER_GZIP], "");
        let attestation = oci(&["application/vnd.in-toto+json"], "");
        let entry = |raw: &RawManifest, rest: &str| {
            format!(
                r#"{{"mediaType":"{}","digest":"{}","size":{}{rest}}}"#,
                raw.media_type,
                raw.digest,
                raw.bytes.len()
            )
        };
        let platform = r#","platform":{"os":"windows","architecture":"amd64","os.version":"10.0"}"#;
        let attests = format!(
            r#","platform":{{"os":"unknown","architecture":"unknown"}},"annotations":{{"vnd.docker.reference.type":"attestation-manifest","vnd.docker.reference.digest":"{}"}}"#,
            image.digest
        );
        let index = |entries: &[String]| {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
                media_type::OCI_INDEX,
                entries.join(",")
            );
            RawManifest::new(Bytes::from(text), "")
        };
        let whole = index(&[entry(&image, platform), entry(&attestation, &attests)]);
        let docker = to(&image, Format::Docker).unwrap().0;
        let mut lost = BTreeSet::new();
        let entries = Converted::from([
            (image.digest.clone(), Some(docker.clone())),
            (attestation.digest.clone(), None),
        ]);
        let list = whole.to_format(Format::Docker, &entries, &mut lost).unwrap();
        let value: Value = serde_json::from_slice(&list.bytes).unwrap();
        assert_eq!(
            (list.media_type.as_str(), value["manifests"].as_array().unwrap().len()),
            (media_type::DOCKER_LIST, 1)
        );
        assert_eq!(value["manifests"][0]["digest"], docker.digest.as_str());
        assert_eq!(value["manifests"][0]["platform"]["os.version"], "10.0");
        // Back: the attestation of an entry that became another one follows it.
        let mixed = index(&[
            entry(&docker, platform),
            entry(&attestation, &attests.replace(image.digest.as_str(), docker.digest.as_str())),
        ]);
        let entries = Converted::from([
            (docker.digest.clone(), Some(image.clone())),
            (attestation.digest.clone(), Some(attestation.clone())),
        ]);
        let made = mixed.to_format(Format::Oci, &entries, &mut lost).unwrap();
        assert_eq!(made, whole);
        for (raw, entries, want) in [
            (
                index(&[entry(&image, "")]),
                Converted::from([(image.digest.clone(), Some(docker))]),
                "no platform",
            ),
            (
                index(&[entry(&whole, platform)]),
                Converted::from([(whole.digest.clone(), Some(list))]),
                "is an index",
            ),
            (index(&[entry(&image, platform)]), Converted::new(), "no image manifest"),
        ] {
            let error = raw.to_format(Format::Docker, &entries, &mut lost).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
        }
    }
}

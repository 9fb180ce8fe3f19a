//! Referrers: manifests that name another one as their subject (signatures, SBOMs), and the tags that stand for the
//! same where a registry knows no subjects: `sha256-HEX` for the list of all of them (distribution specification 1.1,
//! "Referrers Tag Schema"), `sha256-HEX.sig` and the like for cosign's.

use serde_json::{Map, Value, json};

use super::{Descriptor, Digest, RawManifest, Tag, media_type};

/// What a manifest with a subject is to that subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// What it refers to.
    pub subject: Digest,
    /// As its subject's referrers list it: with artifact type and annotations.
    pub descriptor: Descriptor,
}

impl RawManifest {
    /// What this manifest refers to; `None` where it has no subject. The artifact type is its own, or else its
    /// configuration's media type (distribution specification 1.1, "Listing Referrers").
    pub fn referrer(&self) -> Option<Referrer> {
        let value: Value = serde_json::from_slice(&self.bytes).ok()?;
        let subject = Descriptor::from_json(value.get("subject")?).ok()?.digest;
        let text = |value: Option<&Value>| {
            value.and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned)
        };
        let mut descriptor = self.descriptor();
        descriptor.artifact_type = text(value.get("artifactType")).or_else(|| {
            let config = value.get("config").filter(|_| media_type::is_image_manifest(&self.media_type));
            text(config.and_then(|config| config.get("mediaType")))
        });
        let annotations = value.get("annotations").and_then(Value::as_object).into_iter().flatten();
        descriptor.annotations =
            annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        Some(Referrer { subject, descriptor })
    }
}

impl Descriptor {
    /// The descriptor as an entry of a referrers list.
    pub fn to_json(&self) -> Value {
        let mut value =
            json!({ "mediaType": self.media_type, "digest": self.digest.as_str(), "size": self.size });
        if let Some(artifact_type) = &self.artifact_type {
            value["artifactType"] = json!(artifact_type);
        }
        if !self.annotations.is_empty() {
            let annotations = self.annotations.iter().map(|(key, text)| (key.clone(), json!(text)));
            value["annotations"] = Value::Object(annotations.collect::<Map<_, _>>());
        }
        value
    }
}

/// The tag of the index that lists a manifest's referrers where there is no API for them.
pub fn referrers_tag(subject: &Digest) -> Option<Tag> {
    let cut = |text: &str, most: usize| text.get(..most.min(text.len())).unwrap_or_default().to_owned();
    format!("{}-{}", cut(subject.algorithm(), 32), cut(subject.hex(), 64)).parse().ok()
}

/// Such an index with further entries; what is in it stays, byte for byte of meaning and in its order. `Ok(None)`
/// where nothing is new; the error is a reason, for people.
pub fn with_referrers(old: Option<&[u8]>, more: &[Descriptor]) -> Result<Option<Vec<u8>>, String> {
    let mut index: Value = match old {
        None => json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] }),
        Some(bytes) => serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?,
    };
    let list = index.get_mut("manifests").and_then(Value::as_array_mut).ok_or("it is no index")?;
    let before = list.len();
    for entry in more {
        let is_same =
            |there: &Value| there.get("digest").and_then(Value::as_str) == Some(entry.digest.as_str());
        if !list.iter().any(is_same) {
            list.push(entry.to_json());
        }
    }
    if old.is_some() && list.len() == before {
        return Ok(None);
    }
    serde_json::to_vec(&index).map(Some).map_err(|e| e.to_string())
}

impl Tag {
    /// The manifest that a tag of the form `sha256-HEX` or `sha256-HEX.sig` speaks of, and what stands behind the
    /// digest: nothing, or `.sig`, `.att`, `.sbom`, …
    pub fn speaks_of(&self) -> Option<(Digest, &str)> {
        let (algorithm, rest) = self.as_str().split_once('-')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        let (hex, suffix) = (rest.get(..length)?, rest.get(length..)?);
        let fits = suffix.is_empty() || (suffix.starts_with('.') && suffix.len() > 1);
        fits.then_some(())?;
        Some((format!("{algorithm}:{hex}").parse().ok()?, suffix))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn tags_that_speak_of_a_digest_are_told_from_others() {
        let digest = Digest::of(b"x");
        let of = |tag: &str| {
            tag.parse::<Tag>().unwrap().speaks_of().map(|(digest, suffix)| (digest, suffix.to_owned()))
        };
        let hex = digest.hex();
        assert_eq!(referrers_tag(&digest).unwrap().as_str(), format!("sha256-{hex}"));
        assert_eq!(of(&format!("sha256-{hex}")), Some((digest.clone(), String::new())));
        for suffix in [".sig", ".att", ".sbom", ".own"] {
            let (found, behind) = of(&format!("sha256-{hex}{suffix}")).unwrap();
            assert_eq!((found, behind.as_str()), (digest.clone(), suffix));
        }
        for tag in ["1.27", "sha256-abc", "sha256-.sig", "sha512-ab.sig"] {
            assert_eq!(of(tag), None, "{tag}");
        }
        assert_eq!(of(&format!("sha256-{hex}.")), None);
        assert_eq!(of(&format!("sha256-{hex}x")), None);
        assert_eq!(of(&format!("md5-{hex}")), None);
        // A tag has 128 characters at most, so the specification cuts longer digests.
        let long: Digest = format!("sha512:{}", "ab".repeat(64)).parse().unwrap();
        assert_eq!(referrers_tag(&long).unwrap().as_str().len(), "sha512-".len() + 64);
    }

    #[test]
    fn a_referrer_is_listed_with_type_and_annotations() {
        let raw = |more: &str| {
            let text = format!(
                r#"{{"schemaVersion":2,"mediaType":"{m}",{more}"config":{{"mediaType":"application/x.config","digest":"{d}","size":2}},
                "subject":{{"mediaType":"{m}","digest":"{d}","size":2}},"annotations":{{"z":"1","a":"2"}}}}"#,
                m = media_type::OCI_MANIFEST,
                d = Digest::of(b"{}")
            );
            RawManifest::new(Bytes::from(text), "")
        };
        let found = raw("").referrer().unwrap();
        assert_eq!(found.subject, Digest::of(b"{}"));
        assert_eq!(found.descriptor.artifact_type.as_deref(), Some("application/x.config"));
        let own = raw(r#""artifactType":"application/x.own","#).referrer().unwrap().descriptor;
        assert_eq!(own.artifact_type.as_deref(), Some("application/x.own"));
        assert!(own.to_json().to_string().ends_with(r#""annotations":{"z":"1","a":"2"}}"#));
        let plain = RawManifest::new(Bytes::from_static(b"{\"schemaVersion\":2,\"layers\":[]}"), "");
        assert_eq!(plain.referrer(), None);
    }

    #[test]
    fn what_a_list_has_stays() {
        let entry = |text: &str| Descriptor::new(media_type::OCI_MANIFEST, Digest::of(text.as_bytes()), 1);
        let (a, b) = (entry("a"), entry("b"));
        let old = format!(
            r#"{{"x":1,"manifests":[{{"digest":"{}","size":1,"y":2}}],"annotations":{{"k":"v"}}}}"#,
            a.digest
        );
        let new = with_referrers(Some(old.as_bytes()), &[a.clone(), b.clone()]).unwrap().unwrap();
        let text = std::str::from_utf8(&new).unwrap();
        assert!(text.starts_with(r#"{"x":1,"manifests":["#) && text.contains(r#""y":2"#), "{text}");
        assert_eq!(text.matches("sha256:").count(), 2);
        assert_eq!(with_referrers(Some(&new), &[b, a.clone()]), Ok(None));
        assert!(with_referrers(None, std::slice::from_ref(&a)).unwrap().is_some());
        assert!(with_referrers(Some(b"{}"), &[a]).is_err());
    }
}

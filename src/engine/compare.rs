//! Reading two images to compare them: manifests, and the configurations of what differs.

use std::collections::{HashMap, HashSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::diff::{ImageDiff, PlatformSide, Side};
use super::door::SourceDoor;
use super::question::{platform_of, small_blob};
use super::{Inner, Result, tree};
use crate::oci::{
    Descriptor, Digest, Document, ImageManifest, Location, Platform, Platforms, RawManifest, media_type,
};
use crate::transport;

/// Configurations that are read at the same time.
const AT_ONCE: usize = 8;

/// One platform's manifest, read.
struct Part {
    raw: RawManifest,
    image: ImageManifest,
    /// The index's entry for it.
    entry: Option<Descriptor>,
}

/// One side, without configurations.
struct Opened {
    door: SourceDoor,
    location: String,
    root: RawManifest,
    parts: Vec<Part>,
}

impl Inner {
    /// Compares two images; with platforms, only those.
    pub(super) async fn compare(
        &self,
        a: &Location,
        b: &Location,
        platforms: &Platforms,
    ) -> Result<ImageDiff> {
        let (a, b) = tokio::try_join!(self.open_side(a, platforms), self.open_side(b, platforms))?;
        let manifests =
            |side: &Opened| side.parts.iter().map(|p| p.raw.digest.clone()).collect::<HashSet<_>>();
        let (in_a, in_b) = (manifests(&a), manifests(&b));
        let (side_a, side_b) = tokio::try_join!(a.read(&in_b), b.read(&in_a))?;
        Ok(ImageDiff::between(&side_a, &side_b))
    }

    async fn open_side(&self, location: &Location, platforms: &Platforms) -> Result<Opened> {
        let door = self.open_source(location).await?;
        let root = door.source.manifest(&door.at).await?;
        let wrong = |source| transport::Error::Manifest { at: location.to_string(), source };
        let mut parts = Vec::new();
        let mut root = root;
        match root.parse().map_err(wrong)? {
            Document::Image(image) => parts.push(Part { raw: root.clone(), image: *image, entry: None }),
            Document::Index(index) => {
                let chosen: Vec<Descriptor> =
                    index.select(platforms).map_err(wrong)?.into_iter().cloned().collect();
                let entries: HashMap<Digest, Descriptor> =
                    chosen.iter().map(|entry| (entry.digest.clone(), entry.clone())).collect();
                for (raw, _) in tree::below(&*door.source, &chosen).await?.manifests {
                    // A nested index is the sum of its parts.
                    if let Document::Image(image) = raw.parse().map_err(wrong)? {
                        let entry = entries.get(&raw.digest).cloned();
                        parts.push(Part { raw, image: *image, entry });
                    }
                }
                // One platform asked for is compared as such, whatever index it is in.
                if let (Platforms::Only(_), [one]) = (platforms, parts.as_slice()) {
                    root = one.raw.clone();
                }
            }
        }
        Ok(Opened { door, location: location.to_string(), root, parts })
    }
}

impl Opened {
    /// The side with its configurations, but for those of manifests that the other side has too.
    async fn read(&self, of_both: &HashSet<Digest>) -> Result<Side> {
        // Collected first: a closure within the stream would keep whoever asks from being spawned.
        let asked: Vec<_> = self.parts.iter().map(|part| self.part(part, of_both)).collect();
        let mut platforms: Vec<PlatformSide> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        self.name_attestations(&mut platforms);
        Ok(Side {
            location: self.location.clone(),
            descriptor: self.root.descriptor(),
            annotations: annotations(&self.root),
            platforms,
        })
    }

    async fn part(&self, part: &Part, of_both: &HashSet<Digest>) -> Result<PlatformSide> {
        let Part { raw, image, entry } = part;
        let from_index = entry.as_ref().and_then(|entry| entry.platform.clone()).filter(|p| !p.is_unknown());
        let attests = entry.as_ref().and_then(Descriptor::attests).is_some();
        let is_image = media_type::is_image_config(&image.config.media_type) && !attests;
        let mut side = PlatformSide {
            name: from_index.as_ref().map(Platform::to_string).unwrap_or_default(),
            digest: raw.digest.clone(),
            size: image.blobs().iter().map(|blob| blob.size).sum(),
            layers: image.layers.clone(),
            diff_ids: Vec::new(),
            config: Vec::new(),
            // A manifest alone is the root, whose annotations are told of already.
            annotations: if raw.digest == self.root.digest { Vec::new() } else { annotations(raw) },
        };
        if is_image && (!of_both.contains(&raw.digest) || side.name.is_empty()) {
            let bytes = small_blob(&self.door, &image.config).await?;
            if side.name.is_empty() {
                side.name = platform_of(&bytes).map(|platform| platform.to_string()).unwrap_or_default();
            }
            if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
                (side.config, side.diff_ids) = (described(&value), diff_ids(&value));
            }
        }
        if side.name.is_empty() {
            side.name = match &image.artifact_type {
                _ if attests => "attestation".to_owned(),
                Some(kind) => format!("artifact {kind}"),
                None if is_image => "unknown".to_owned(),
                None => format!("artifact {}", image.config.media_type),
            };
        }
        Ok(side)
    }

    /// An attestation is named after what it attests.
    fn name_attestations(&self, platforms: &mut [PlatformSide]) {
        let names: HashMap<Digest, String> =
            platforms.iter().map(|p| (p.digest.clone(), p.name.clone())).collect();
        for (part, side) in self.parts.iter().zip(platforms) {
            let of = part.entry.as_ref().and_then(Descriptor::attests);
            if let Some(name) = of.and_then(|of| names.get(&of)) {
                side.name = format!("attestation of {name}");
            }
        }
    }
}

/// A document's annotations that are text.
pub(super) fn annotations(raw: &RawManifest) -> Vec<(String, String)> {
    let value: Value = serde_json::from_slice(&raw.bytes).unwrap_or_default();
    let all = value.get("annotations").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    all.into_iter().flatten().filter_map(text).collect()
}

fn diff_ids(config: &Value) -> Vec<String> {
    let ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a configuration says, as keys and values. What is not there has no key.
pub(super) fn described(config: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut add = |key: String, value: Option<String>| all.extend(value.map(|value| (key, value)));
    let text = |value: Option<&Value>| match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(list) if !list.is_empty() => Some(Value::Array(list.clone()).to_string()),
        Value::Bool(true) => Some("true".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) if !object.is_empty() => Some(Value::Object(object.clone()).to_string()),
        _ => None,
    };
    for key in ["created", "author", "architecture", "os", "os.version", "variant"] {
        add(key.to_owned(), text(config.get(key)));
    }
    let history = config.get("history").and_then(Value::as_array).map(Vec::len).filter(|steps| *steps > 0);
    add("history steps".to_owned(), history.map(|steps| steps.to_string()));
    let Some(inner) = config.get("config").and_then(Value::as_object) else { return all };
    for (key, value) in inner {
        match (key.as_str(), value) {
            // One line each, so that what changed stands by itself.
            ("Env", Value::Array(list)) => {
                for word in list.iter().filter_map(Value::as_str) {
                    let (name, value) = word.split_once('=').unwrap_or((word, ""));
                    add(format!("env {name}"), Some(value.to_owned()));
                }
            }
            ("Labels", Value::Object(labels)) => {
                for (name, value) in labels {
                    add(format!("label {name}"), value.as_str().map(str::to_owned));
                }
            }
            ("ExposedPorts" | "Volumes", Value::Object(set)) => {
                let one = if key == "Volumes" { "volume" } else { "port" };
                set.keys().for_each(|name| add(format!("{one} {name}"), Some("yes".to_owned())));
            }
            _ => {
                let name = match key.as_str() {
                    "Cmd" => "command".to_owned(),
                    "WorkingDir" => "working directory".to_owned(),
                    "StopSignal" => "stop signal".to_owned(),
                    _ => key.to_lowercase(),
                };
                add(name, text(Some(value)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_keys_and_values() {
        let config = json!({
            "created": "2026-01-02T03:04:05Z", "os": "linux", "history": [{}, {}], "rootfs": {"diff_ids": ["x", 3]},
            "config": {"Env": ["PATH=/bin:/a=b", "EMPTY"], "Cmd": ["sh", "-c"], "Entrypoint": null, "User": "",
                "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}}, "WorkingDir": "/w", "Odd": {"x": 1}}
        });
        let said: Vec<String> =
            described(&config).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let want = [
            "created=2026-01-02T03:04:05Z",
            "os=linux",
            "history steps=2",
            "env PATH=/bin:/a=b",
            "env EMPTY=",
            "command=[\"sh\",\"-c\"]",
            "label a=b",
            "port 80/tcp=yes",
            "working directory=/w",
            "odd={\"x\":1}",
        ];
        assert_eq!(said, want);
        assert_eq!(diff_ids(&config), ["x"]);
        assert!(described(&json!([1])).is_empty() && described(&json!({"config": 3})).is_empty());
    }
}

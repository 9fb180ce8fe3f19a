//! What two images differ in, as data: platforms, layers, configurations, annotations. Pure: whoever has read both
//! sides gets the same answer.

use std::collections::HashMap;

use serde::Serialize;

use crate::oci::{Descriptor, Digest};

/// One of two images that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// As it is written on the command line.
    pub location: String,
    /// Its manifest or index.
    pub descriptor: Descriptor,
    /// The index's annotations, or the manifest's.
    pub annotations: Vec<(String, String)>,
    /// Its platforms' images, attestations among them.
    pub platforms: Vec<PlatformSide>,
}

/// One platform's image of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSide {
    /// What it is compared by: `linux/amd64`, `attestation of linux/amd64`, an artifact's type.
    pub name: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// Bytes of configuration and layers, each blob once.
    pub size: u64,
    /// Layers, base first.
    pub layers: Vec<Descriptor>,
    /// The layers' contents without compression, base first, where the configuration names them.
    pub diff_ids: Vec<String>,
    /// What the configuration says, by name; several under one name stand in their order.
    pub config: Vec<(String, String)>,
    /// The manifest's annotations.
    pub annotations: Vec<(String, String)>,
}

/// What two images differ in. `a` and `b` are the first and the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageDiff {
    /// The first image as it was named.
    pub a: String,
    /// The second.
    pub b: String,
    /// Whether both are the same, byte for byte: one digest.
    pub same: bool,
    /// The first one's manifest or index.
    pub descriptor_a: Descriptor,
    /// The second one's.
    pub descriptor_b: Descriptor,
    /// Bytes of all blobs of the first, each once.
    pub size_a: u64,
    /// The same of the second.
    pub size_b: u64,
    /// Annotations of the index (or of the only manifest) that differ.
    pub annotations: Vec<Change>,
    /// Platforms that only the first has.
    pub only_a: Vec<PlatformLine>,
    /// Platforms that only the second has.
    pub only_b: Vec<PlatformLine>,
    /// Platforms that both have.
    pub platforms: Vec<PlatformDiff>,
}

/// A platform that one side has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformLine {
    /// Its name.
    pub platform: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// Bytes of configuration and layers.
    pub size: u64,
}

/// A platform that both sides have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformDiff {
    /// Its name.
    pub platform: String,
    /// Whether both are one manifest.
    pub same: bool,
    /// The first one's manifest.
    pub digest_a: Digest,
    /// The second one's.
    pub digest_b: Digest,
    /// Bytes of configuration and layers of the first.
    pub size_a: u64,
    /// The same of the second.
    pub size_b: u64,
    /// Its layers.
    pub layers: LayerDiff,
    /// What the configurations say differently.
    pub config: Vec<Change>,
    /// The manifests' annotations that differ.
    pub annotations: Vec<Change>,
}

/// Layers of two images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LayerDiff {
    /// Layers that both have, base first.
    pub common: Vec<LayerLine>,
    /// Layers that only the first has.
    pub only_a: Vec<LayerLine>,
    /// Layers that only the second has.
    pub only_b: Vec<LayerLine>,
    /// Layers whose content is the same and whose compression is not.
    pub recompressed: Vec<Recompressed>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerLine {
    /// Its digest.
    pub digest: Digest,
    /// Bytes, as it is stored.
    pub size: u64,
}

/// A layer that both have, compressed differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recompressed {
    /// The first one's.
    pub a: LayerLine,
    /// The second one's.
    pub b: LayerLine,
}

/// Something that is said differently, or by one side only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What: `env PATH`, `label version`, an annotation's key.
    pub key: String,
    /// The first one's word.
    pub a: Option<String>,
    /// The second one's.
    pub b: Option<String>,
}

impl ImageDiff {
    /// Compares two images.
    pub fn between(a: &Side, b: &Side) -> ImageDiff {
        let mut platforms = Vec::new();
        let mut only_a: Vec<&PlatformSide> = Vec::new();
        let mut rest: Vec<&PlatformSide> = b.platforms.iter().collect();
        for one in &a.platforms {
            // Where several have one name, those with one digest belong together.
            let same = |other: &&PlatformSide| other.name == one.name;
            let at = rest
                .iter()
                .position(|other| same(other) && other.digest == one.digest)
                .or_else(|| rest.iter().position(same));
            match at {
                Some(at) => platforms.push(PlatformDiff::between(one, rest.remove(at))),
                None => only_a.push(one),
            }
        }
        let lines = |platforms: &[&PlatformSide]| platforms.iter().map(|p| p.line()).collect();
        ImageDiff {
            a: a.location.clone(),
            b: b.location.clone(),
            same: a.descriptor.digest == b.descriptor.digest,
            descriptor_a: a.descriptor.clone(),
            descriptor_b: b.descriptor.clone(),
            size_a: a.size(),
            size_b: b.size(),
            annotations: changes(&a.annotations, &b.annotations),
            only_a: lines(&only_a),
            only_b: lines(&rest),
            platforms,
        }
    }
}

impl Side {
    /// Bytes of all layers, each once, and of the configurations.
    fn size(&self) -> u64 {
        let mut seen = std::collections::HashSet::new();
        let manifests = self.platforms.iter().filter(|platform| seen.insert(&platform.digest));
        let mut layers: HashMap<&Digest, u64> = HashMap::new();
        let mut configs = 0;
        for platform in manifests {
            let mut own: HashMap<&Digest, u64> = HashMap::new();
            own.extend(platform.layers.iter().map(|layer| (&layer.digest, layer.size)));
            configs += platform.size.saturating_sub(own.values().sum());
            layers.extend(own);
        }
        configs + layers.values().sum::<u64>()
    }
}

impl PlatformSide {
    fn line(&self) -> PlatformLine {
        PlatformLine { platform: self.name.clone(), digest: self.digest.clone(), size: self.size }
    }
}

impl PlatformDiff {
    fn between(a: &PlatformSide, b: &PlatformSide) -> PlatformDiff {
        PlatformDiff {
            platform: a.name.clone(),
            same: a.digest == b.digest,
            digest_a: a.digest.clone(),
            digest_b: b.digest.clone(),
            size_a: a.size,
            size_b: b.size,
            layers: LayerDiff::between(a, b),
            config: changes(&a.config, &b.config),
            annotations: changes(&a.annotations, &b.annotations),
        }
    }
}

/// A layer with its uncompressed content's digest, if it is known.
type Known<'a> = (&'a Descriptor, Option<&'a str>);

impl LayerDiff {
    fn between(a: &PlatformSide, b: &PlatformSide) -> LayerDiff {
        let known = |side: &'_ PlatformSide| {
            // Only where there is one for each layer is it known which is whose.
            let ids = side.diff_ids.len() == side.layers.len();
            let id = |n: usize| side.diff_ids.get(n).filter(|_| ids).cloned();
            (0..side.layers.len()).map(id).collect::<Vec<_>>()
        };
        let (ids_a, ids_b) = (known(a), known(b));
        let with_ids =
            |side: &'_ [Descriptor], ids: &'_ [Option<String>]| -> Vec<(Descriptor, Option<String>)> {
                side.iter().cloned().zip(ids.iter().cloned()).collect()
            };
        let mut diff = LayerDiff::default();
        let mut rest = with_ids(&b.layers, &ids_b);
        let mut left = Vec::new();
        for (layer, id) in with_ids(&a.layers, &ids_a) {
            match rest.iter().position(|(other, _)| other.digest == layer.digest) {
                Some(at) => {
                    rest.remove(at);
                    diff.common.push(line(&layer));
                }
                None => left.push((layer, id)),
            }
        }
        for (layer, id) in &left {
            let known: Known<'_> = (layer, id.as_deref());
            match rest.iter().position(|(_, other)| known.1.is_some() && other.as_deref() == known.1) {
                Some(at) => {
                    let (other, _) = rest.remove(at);
                    diff.recompressed.push(Recompressed { a: line(known.0), b: line(&other) });
                }
                None => diff.only_a.push(line(known.0)),
            }
        }
        diff.only_b = rest.iter().map(|(layer, _)| line(layer)).collect();
        diff
    }
}

fn line(layer: &Descriptor) -> LayerLine {
    LayerLine { digest: layer.digest.clone(), size: layer.size }
}

/// What differs between two lists of keys and values, in the first one's order, then the second's.
fn changes(a: &[(String, String)], b: &[(String, String)]) -> Vec<Change> {
    let find = |list: &[(String, String)], key: &str| {
        list.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone())
    };
    let mut changes: Vec<Change> = Vec::new();
    for (key, _) in a.iter().chain(b) {
        let (of_a, of_b) = (find(a, key), find(b, key));
        if of_a != of_b && changes.iter().all(|change| change.key != *key) {
            changes.push(Change { key: key.clone(), a: of_a, b: of_b });
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media_type;

    fn layer(name: &str, size: u64) -> Descriptor {
        Descriptor::new("layer", Digest::of(name.as_bytes()), size)
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn platform(name: &str, layers: &[&str], config: &[(&str, &str)]) -> PlatformSide {
        let layers: Vec<Descriptor> = layers.iter().map(|name| layer(name, 10)).collect();
        let text = format!("{name}{layers:?}{config:?}");
        PlatformSide {
            name: name.to_owned(),
            digest: Digest::of(text.as_bytes()),
            size: 3 + layers.len() as u64 * 10,
            layers,
            diff_ids: Vec::new(),
            config: pairs(config),
            annotations: Vec::new(),
        }
    }

    fn side(name: &str, platforms: Vec<PlatformSide>) -> Side {
        let text = format!("{platforms:?}");
        Side {
            location: name.to_owned(),
            descriptor: Descriptor::new(media_type::OCI_INDEX, Digest::of(text.as_bytes()), 5),
            annotations: Vec::new(),
            platforms,
        }
    }

    fn digests(lines: &[LayerLine]) -> Vec<Digest> {
        lines.iter().map(|line| line.digest.clone()).collect()
    }

    #[test]
    fn one_digest_is_the_same_and_shared_layers_count_once() {
        let a =
            side("a", vec![platform("amd64", &["base", "x"], &[]), platform("arm64", &["base", "y"], &[])]);
        let diff = ImageDiff::between(&a, &a);
        assert!(diff.same && diff.platforms.iter().all(|p| p.same && p.layers.only_a.is_empty()));
        assert_eq!(diff.size_a, 3 + 3 + 30);
    }

    #[test]
    fn platforms_are_matched_by_name_and_layers_by_digest() {
        let env = [("user", "root"), ("env PATH", "/bin"), ("gone", "1")];
        let other = [("user", "app"), ("env PATH", "/bin"), ("new", "2")];
        let a = side("a", vec![platform("amd64", &["base", "x", "x"], &env), platform("s390x", &["z"], &[])]);
        let b =
            side("b", vec![platform("arm64", &["w"], &[]), platform("amd64", &["base", "x", "y"], &other)]);
        let diff = ImageDiff::between(&a, &b);
        assert!(!diff.same);
        assert_eq!((diff.only_a[0].platform.as_str(), diff.only_b[0].platform.as_str()), ("s390x", "arm64"));
        let [amd] = diff.platforms.as_slice() else { unreachable!("both have one") };
        assert_eq!(digests(&amd.layers.common), [Digest::of(b"base"), Digest::of(b"x")]);
        assert_eq!(digests(&amd.layers.only_a), [Digest::of(b"x")], "it is there twice");
        assert_eq!(digests(&amd.layers.only_b), [Digest::of(b"y")]);
        let change = |key: &str, a: Option<&str>, b: Option<&str>| Change {
            key: key.to_owned(),
            a: a.map(str::to_owned),
            b: b.map(str::to_owned),
        };
        let want = [
            change("user", Some("root"), Some("app")),
            change("gone", Some("1"), None),
            change("new", None, Some("2")),
        ];
        assert_eq!(amd.config, want);
    }

    #[test]
    fn a_layer_that_was_compressed_again_is_known_by_its_content() {
        let (mut a, mut b) = (platform("p", &["gzip", "own"], &[]), platform("p", &["zstd", "other"], &[]));
        a.diff_ids = vec!["same".to_owned(), "one".to_owned()];
        b.diff_ids = vec!["same".to_owned(), "two".to_owned()];
        let layers = LayerDiff::between(&a, &b);
        assert_eq!(layers.recompressed[0].a.digest, Digest::of(b"gzip"));
        assert_eq!(layers.recompressed[0].b.digest, Digest::of(b"zstd"));
        assert_eq!(
            (digests(&layers.only_a), digests(&layers.only_b)),
            (vec![Digest::of(b"own")], vec![Digest::of(b"other")])
        );
        // Fewer of them than layers: nobody knows which is whose.
        b.diff_ids.pop();
        assert!(LayerDiff::between(&a, &b).recompressed.is_empty());
    }
}

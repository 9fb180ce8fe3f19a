//! A repository's `index.json`: which manifests there are, and which tags name them.
//!
//! A manifest has one entry for each of its tags, or one entry without a tag. What other tools wrote there
//! (fields, annotations, names that are no tags) is kept.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::oci::{Descriptor, Digest, Tag, media_type};
use crate::transport::{Error, Result};

/// The annotation that holds a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The largest index that is read, in bytes: some 500,000 tags.
const INDEX_LIMIT: u64 = 256 << 20;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Document {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<Entry>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One line of the index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "mediaType", default)]
    pub(super) media_type: String,
    // As text: another tool's entry with a digest that wharf cannot verify must not spoil the others.
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    annotations: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Entry {
    fn new(manifest: &Descriptor) -> Entry {
        Entry {
            media_type: manifest.media_type.clone(),
            digest: manifest.digest.to_string(),
            size: manifest.size,
            annotations: Map::new(),
            rest: Map::new(),
        }
    }

    fn name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).and_then(Value::as_str)
    }

    fn tag(&self) -> Option<Tag> {
        self.name()?.parse().ok()
    }

    /// The entry as a descriptor; `None` if its digest is one that wharf cannot verify.
    pub(super) fn descriptor(&self) -> Option<Descriptor> {
        Some(Descriptor::new(&self.media_type, self.digest.parse().ok()?, self.size))
    }
}

/// A parsed index, with its entries findable.
#[derive(Debug, Clone)]
pub(super) struct Index {
    document: Document,
    /// Tag → entry. Where another tool wrote a tag twice, the first counts, as it does for skopeo.
    tags: HashMap<String, usize>,
    /// Digest → an entry of that digest.
    digests: HashMap<String, usize>,
}

impl Default for Index {
    fn default() -> Index {
        Index::of(Document {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            manifests: Vec::new(),
            rest: Map::new(),
        })
    }
}

impl Index {
    fn of(document: Document) -> Index {
        let mut index = Index { document, tags: HashMap::new(), digests: HashMap::new() };
        index.find_again();
        index
    }

    fn find_again(&mut self) {
        self.tags.clear();
        self.digests.clear();
        for (n, entry) in self.document.manifests.iter().enumerate() {
            if let Some(name) = entry.name() {
                self.tags.entry(name.to_owned()).or_insert(n);
            }
            self.digests.entry(entry.digest.clone()).or_insert(n);
        }
    }

    /// What a tag names.
    pub(super) fn tagged(&self, tag: &Tag) -> Option<&Entry> {
        self.document.manifests.get(*self.tags.get(tag.as_str())?)
    }

    /// The manifest with this digest.
    pub(super) fn manifest(&self, digest: &Digest) -> Option<&Entry> {
        self.document.manifests.get(*self.digests.get(digest.as_str())?)
    }

    /// Every tag, in byte order.
    pub(super) fn tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self.document.manifests.iter().filter_map(Entry::tag).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Every manifest once, in the order of their digests.
    pub(super) fn manifests(&self) -> Vec<Descriptor> {
        let mut all: Vec<Descriptor> =
            self.digests.values().filter_map(|n| self.document.manifests.get(*n)?.descriptor()).collect();
        all.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
        all
    }

    /// The manifests that have a name, also one that is no tag.
    pub(super) fn named(&self) -> impl Iterator<Item = Digest> {
        self.document.manifests.iter().filter(|e| e.name().is_some()).filter_map(|e| e.digest.parse().ok())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.document.manifests.is_empty()
    }

    /// Records a manifest, under a tag or only by its digest. A manifest that the tag named before stays, without
    /// a tag. Whether anything changed.
    pub(super) fn put(&mut self, manifest: &Descriptor, tag: Option<&Tag>) -> bool {
        let digest = manifest.digest.as_str();
        let known = self.manifest(&manifest.digest).is_some_and(|e| e.media_type == manifest.media_type);
        let named = tag.is_none_or(|tag| self.tagged(tag).is_some_and(|e| e.digest == digest));
        if known && named {
            return false;
        }
        for entry in self.document.manifests.iter_mut().filter(|e| e.digest == digest) {
            entry.media_type.clone_from(&manifest.media_type);
        }
        if let Some(tag) = tag.filter(|_| !named) {
            self.untag(tag);
            let name = Value::String(tag.as_str().to_owned());
            let free = self.document.manifests.iter_mut().find(|e| e.digest == digest && e.name().is_none());
            match free {
                Some(entry) => {
                    entry.annotations.insert(REF_NAME.to_owned(), name);
                }
                None => {
                    let mut entry = Entry::new(manifest);
                    entry.annotations.insert(REF_NAME.to_owned(), name);
                    self.document.manifests.push(entry);
                }
            }
        } else if self.manifest(&manifest.digest).is_none() {
            self.document.manifests.push(Entry::new(manifest));
        }
        self.find_again();
        true
    }

    /// Takes a tag away; its manifest stays. Whether the tag was there.
    pub(super) fn remove_tag(&mut self, tag: &Tag) -> bool {
        let there = self.tags.contains_key(tag.as_str());
        self.untag(tag);
        self.find_again();
        there
    }

    /// Takes a manifest away with all its tags. Whether it was there.
    pub(super) fn remove_manifest(&mut self, digest: &Digest) -> bool {
        let before = self.document.manifests.len();
        self.document.manifests.retain(|e| e.digest != digest.as_str());
        self.find_again();
        self.document.manifests.len() < before
    }

    /// Leaves no entry with this tag, and no digest without an entry. The lookup tables are stale afterwards.
    fn untag(&mut self, tag: &Tag) {
        let manifests = &mut self.document.manifests;
        while let Some(n) = manifests.iter().position(|e| e.name() == Some(tag.as_str())) {
            let elsewhere =
                manifests.iter().enumerate().any(|(m, e)| m != n && e.digest == manifests[n].digest);
            if elsewhere {
                manifests.remove(n);
            } else {
                manifests[n].annotations.remove(REF_NAME);
            }
        }
    }
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Signature {
    pub(super) fn of(metadata: &fs::Metadata) -> Signature {
        Signature {
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Reads an index; `None` if there is no such file. Blocking.
pub(super) fn read(path: &Path) -> Result<Option<(Index, Signature)>> {
    let read = |e| Error::file("read", path, e);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(read(e)),
    };
    let signature = Signature::of(&file.metadata().map_err(read)?);
    let mut bytes = Vec::with_capacity(signature.size.min(INDEX_LIMIT) as usize);
    (&file).take(INDEX_LIMIT + 1).read_to_end(&mut bytes).map_err(read)?;
    let wrong = |reason: String| Error::Format { path: path.to_owned(), reason };
    if bytes.len() as u64 > INDEX_LIMIT {
        return Err(wrong(format!("an index of more than {} MiB", INDEX_LIMIT >> 20)));
    }
    let document = serde_json::from_slice(&bytes).map_err(|e| wrong(format!("no image index: {e}")))?;
    Ok(Some((Index::of(document), signature)))
}

/// Writes an index, whole or not at all. The caller has locked the repository. Blocking.
pub(super) fn write(path: &Path, index: &Index) -> Result<Signature> {
    let wrong = |e: serde_json::Error| Error::Format { path: path.to_owned(), reason: e.to_string() };
    write_whole(path, &serde_json::to_vec(&index.document).map_err(wrong)?)
}

/// Writes a file as a partial one beside it, makes it durable and renames it. Blocking.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<Signature> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let written = || -> io::Result<Signature> {
        let mut file = File::create(partial)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        let signature = Signature::of(&file.metadata()?);
        fs::rename(partial, path)?;
        if let Some(directory) = path.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(signature)
    };
    written().map_err(|e| {
        let _ = fs::remove_file(partial);
        Error::file("write", path, e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media_type::{DOCKER_MANIFEST, OCI_MANIFEST};

    fn manifest(n: u8) -> Descriptor {
        Descriptor::new(OCI_MANIFEST, Digest::of(&[n]), 1)
    }

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn shape(index: &Index) -> Vec<(u8, Option<&str>)> {
        let number = |e: &Entry| (0..9).find(|n| Digest::of(&[*n]).as_str() == e.digest).unwrap();
        index.document.manifests.iter().map(|e| (number(e), e.name())).collect()
    }

    #[test]
    fn tags_move_and_what_they_named_stays() {
        let mut index = Index::default();
        assert!(index.put(&manifest(1), None));
        assert!(!index.put(&manifest(1), None));
        assert!(index.put(&manifest(1), Some(&tag("a"))));
        assert!(!index.put(&manifest(1), Some(&tag("a"))) && !index.put(&manifest(1), None));
        assert!(index.put(&manifest(1), Some(&tag("b"))));
        assert_eq!(shape(&index), [(1, Some("a")), (1, Some("b"))]);
        assert!(index.put(&manifest(2), Some(&tag("a"))));
        assert_eq!(shape(&index), [(1, Some("b")), (2, Some("a"))]);
        assert!(index.put(&manifest(2), Some(&tag("b"))));
        assert_eq!(shape(&index), [(1, None), (2, Some("a")), (2, Some("b"))]);
        assert_eq!(index.tags(), [tag("a"), tag("b")]);
        assert!(index.remove_tag(&tag("a")) && !index.remove_tag(&tag("a")));
        assert!(index.remove_tag(&tag("b")));
        assert_eq!(shape(&index), [(1, None), (2, None)]);
        assert!(index.remove_manifest(&Digest::of(&[2])) && index.tagged(&tag("b")).is_none());
        assert_eq!(shape(&index), [(1, None)]);
    }

    #[test]
    fn the_latest_media_type_counts() {
        let mut index = Index::default();
        index.put(&manifest(1), Some(&tag("a")));
        let other = Descriptor::new(DOCKER_MANIFEST, Digest::of(&[1]), 1);
        assert!(index.put(&other, None));
        assert_eq!(index.tagged(&tag("a")).unwrap().media_type, DOCKER_MANIFEST);
        assert_eq!(shape(&index), [(1, Some("a"))]);
    }

    #[test]
    fn what_other_tools_wrote_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.json");
        let theirs = format!(
            r#"{{"schemaVersion":2,"x":1,"annotations":{{"k":"v"}},"manifests":[
                {{"mediaType":"{OCI_MANIFEST}","digest":"{}","size":1,"platform":{{"os":"linux"}},
                  "annotations":{{"{REF_NAME}":"docker.io/library/a:1","z":"y"}}}},
                {{"mediaType":"t","digest":"blake3:00","size":2}}]}}"#,
            Digest::of(&[3])
        );
        fs::write(&path, theirs).unwrap();
        let (mut index, before) = read(&path).unwrap().unwrap();
        assert!(index.tags().is_empty() && index.manifest(&Digest::of(&[3])).is_some());
        index.put(&manifest(4), Some(&tag("t")));
        let after = write(&path, &index).unwrap();
        assert_ne!(before, after);
        let text = fs::read_to_string(&path).unwrap();
        for part in [
            r#""x":1"#,
            r#""k":"v""#,
            r#""z":"y""#,
            r#""platform":{"os":"linux"}"#,
            "docker.io/library/a:1",
            "blake3",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(read(&path).unwrap().unwrap().1, after);
        assert!(read(&dir.path().join("none")).unwrap().is_none());
        fs::write(&path, "{").unwrap();
        assert!(matches!(read(&path), Err(Error::Format { .. })));
    }
}

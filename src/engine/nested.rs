//! Indexes within an index, seen as one list where some of its images are chosen.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Result, tree};
use crate::oci::{Descriptor, Digest, Document, Index, ManifestError, RawManifest, media_type};
use crate::transport::{self, Source};

/// An index with the entries of the indexes within it.
pub(super) struct Flat {
    /// Its images, in order, whatever index they stand in.
    pub(super) index: Index,
    /// The indexes within, by digest.
    nested: HashMap<Digest, RawManifest>,
}

impl Flat {
    /// An index whose entries are taken as they stand.
    pub(super) fn plain(index: Index) -> Flat {
        Flat { index, nested: HashMap::new() }
    }

    /// Reads the indexes within an index. One request each; none where there are none.
    pub(super) async fn of(source: &dyn Source, index: Index) -> Result<Flat> {
        let mut flat =
            Flat { index: Index { manifests: Vec::new(), subject: index.subject }, nested: HashMap::new() };
        flat.add(source, index.manifests, 1).await?;
        Ok(flat)
    }

    fn add<'a>(
        &'a mut self,
        source: &'a dyn Source,
        entries: Vec<Descriptor>,
        depth: usize,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for entry in entries {
                if !media_type::is_index(&entry.media_type) {
                    self.index.manifests.push(entry);
                    continue;
                }
                let wrong =
                    |digest: &Digest, source| transport::Error::Manifest { at: digest.to_string(), source };
                if depth >= tree::DEPTH || self.nested.len() >= tree::MANIFESTS {
                    let reason = "indexes are nested too deep, or are too many".to_owned();
                    let error = ManifestError::Malformed { digest: entry.digest.clone(), reason };
                    return Err(wrong(&entry.digest, error).into());
                }
                let raw = tree::fetch(source, &entry).await?;
                let Document::Index(inner) = raw.parse().map_err(|error| wrong(&entry.digest, error))? else {
                    self.index.manifests.push(entry);
                    continue;
                };
                self.nested.insert(entry.digest.clone(), raw);
                let inherit = |mut inner: Descriptor| {
                    inner.platform = inner.platform.or_else(|| entry.platform.clone());
                    inner
                };
                self.add(source, inner.manifests.into_iter().map(inherit).collect(), depth + 1).await?;
            }
            Ok(())
        })
    }

    /// The root with only the images of `keep`, and its entries then. An index within that is wanted whole stays; of
    /// another one the wanted entries stand in its place. With all of them kept the root is as it was.
    pub(super) fn keep(
        &self,
        root: &RawManifest,
        keep: &HashSet<Digest>,
    ) -> Result<(RawManifest, Vec<Descriptor>), ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { digest: root.digest.clone(), reason };
        let mut value = json(root)?;
        let entries = value.get("manifests").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (kept, is_all) = self.kept(entries, keep)?;
        let read = |entry: &Value| Descriptor::from_json(entry).map_err(malformed);
        let entries = kept.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if is_all {
            return Ok((root.clone(), entries));
        }
        if let Some(list) = value.get_mut("manifests") {
            *list = Value::Array(kept);
        }
        let bytes = serde_json::to_vec(&value).map_err(|e| malformed(e.to_string()))?;
        Ok((RawManifest::new(Bytes::from(bytes), &root.media_type), entries))
    }

    /// The entries that stay, and whether those are all.
    fn kept(&self, entries: &[Value], keep: &HashSet<Digest>) -> Result<(Vec<Value>, bool), ManifestError> {
        let (mut kept, mut is_all) = (Vec::new(), true);
        for entry in entries {
            let digest = entry.get("digest").and_then(Value::as_str).and_then(|d| d.parse::<Digest>().ok());
            let nested = digest.as_ref().and_then(|digest| self.nested.get(digest));
            if let Some(raw) = nested {
                let inner = json(raw)?;
                let inner = inner.get("manifests").and_then(Value::as_array).map(Vec::as_slice);
                let (inner, is_whole) = self.kept(inner.unwrap_or_default(), keep)?;
                match is_whole {
                    true => kept.push(entry.clone()),
                    false => kept.extend(inner),
                }
                is_all &= is_whole;
            } else if digest.is_some_and(|digest| keep.contains(&digest)) {
                kept.push(entry.clone());
            } else {
                is_all = false;
            }
        }
        Ok((kept, is_all))
    }
}

fn json(raw: &RawManifest) -> Result<Value, ManifestError> {
    let malformed = |e: serde_json::Error| ManifestError::Malformed {
        digest: raw.digest.clone(),
        reason: format!("not JSON: {e}"),
    };
    serde_json::from_slice(&raw.bytes).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_index_keeps_fields_and_their_order() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let m = media_type::OCI_MANIFEST;
        let text = format!(
            r#"{{"schemaVersion":2, "x-own":{{"b":1,"a":2}}, "manifests":[
              {{"mediaType":"{m}","digest":"{one}","size":1,"z":1,"a":2}},
              {{"mediaType":"{m}","digest":"{two}","size":1}}],"annotations":{{"k":"v"}}}}"#
        );
        let root = RawManifest::new(text.into(), media_type::OCI_INDEX);
        let Ok(Document::Index(index)) = root.parse() else { unreachable!() };
        let flat = Flat::plain(*index);
        let (less, entries) = flat.keep(&root, &HashSet::from([one.clone()])).unwrap();
        let want = format!(
            r#"{{"schemaVersion":2,"x-own":{{"b":1,"a":2}},"manifests":[{{"mediaType":"{m}","digest":"{one}","size":1,"z":1,"a":2}}],"annotations":{{"k":"v"}}}}"#
        );
        assert_eq!((std::str::from_utf8(&less.bytes).unwrap(), entries.len()), (want.as_str(), 1));
        let (all, _) = flat.keep(&root, &HashSet::from([one, two])).unwrap();
        assert_eq!(all, root);
    }
}

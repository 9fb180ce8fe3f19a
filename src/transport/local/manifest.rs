//! Manifests of a repository on the disk: read, put with everything checked, deleted.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::index::{self, Index, Signature};
use super::layout::Layout;
use super::partial::read_small;
use super::{UploadId, blob};
use crate::oci::{
    Descriptor, Digest, Document, MANIFEST_LIMIT, RawManifest, Repository, Tag, TagOrDigest, media_type,
};
use crate::transport::{Error, Result};

/// Repositories whose index is kept parsed.
const CACHED: usize = 256;

/// How deep indexes within an index are looked into.
const DEPTH: usize = 4;

/// Indexes as they were last read or written by this process; each is asked for again if its file has changed.
#[derive(Debug, Default)]
pub(super) struct Indexes(Mutex<HashMap<Repository, (Signature, Arc<Index>)>>);

impl Indexes {
    /// A repository's index; `None` if it has none. Blocking.
    pub(super) fn get(&self, layout: &Layout, repository: &Repository) -> Result<Option<Arc<Index>>> {
        let path = layout.index(repository);
        let now = match fs::metadata(&path) {
            Ok(metadata) => Signature::of(&metadata),
            Err(e) if blob::is_absent(&e) => return Ok(None),
            Err(e) => return Err(Error::file("read", path, e)),
        };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(repository).cloned();
        if let Some((_, index)) = known.filter(|(then, _)| *then == now) {
            return Ok(Some(index));
        }
        let Some((index, signature)) = index::read(&path)? else { return Ok(None) };
        Ok(Some(self.keep(repository, signature, index)))
    }

    /// Writes a repository's index. The caller has locked the repository. Blocking.
    pub(super) fn set(&self, layout: &Layout, repository: &Repository, index: Index) -> Result<()> {
        let signature = index::write(&layout.index(repository), &index)?;
        self.keep(repository, signature, index);
        Ok(())
    }

    fn keep(&self, repository: &Repository, signature: Signature, index: Index) -> Arc<Index> {
        let index = Arc::new(index);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CACHED && !all.contains_key(repository) {
            all.clear();
        }
        all.insert(repository.clone(), (signature, index.clone()));
        index
    }
}

/// One repository on the disk, for the blocking side.
pub(super) struct Manifests<'a> {
    pub(super) layout: &'a Layout,
    pub(super) indexes: &'a Indexes,
    pub(super) repository: &'a Repository,
}

impl Manifests<'_> {
    /// The place as a person would write it.
    fn at(&self, at: &TagOrDigest) -> String {
        let mark = if matches!(at, TagOrDigest::Digest(_)) { '@' } else { ':' };
        format!("store:{}{mark}{at}", self.repository)
    }

    /// What is at a tag or digest.
    pub(super) fn resolve(&self, at: &TagOrDigest) -> Result<Option<Descriptor>> {
        let index = self.indexes.get(self.layout, self.repository)?;
        Ok(index.and_then(|index| {
            let entry = match at {
                TagOrDigest::Tag(tag) => index.tagged(tag),
                TagOrDigest::Digest(digest) => index.manifest(digest),
            };
            entry?.descriptor()
        }))
    }

    /// What is at a tag or digest, if all is here that it needs. What was damaged by hand counts as not there: who copies
    /// the image again makes it whole.
    pub(super) fn resolve_whole(&self, at: &TagOrDigest) -> Result<Option<Descriptor>> {
        match self.resolve(at)? {
            Some(found) if self.is_whole(&found, 0)? => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    fn is_whole(&self, found: &Descriptor, depth: usize) -> Result<bool> {
        let raw = match self.read_exactly(found) {
            Ok(raw) => raw,
            Err(Error::Content { .. }) => return Ok(false),
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error),
        };
        let has = |blob: &Descriptor| -> Result<bool> {
            Ok(blob::size(self.layout, self.repository, &blob.digest)? == Some(blob.size))
        };
        // What cannot be understood was put by somebody else: whether it is whole is theirs to say.
        match raw.parse() {
            Err(_) => Ok(true),
            Ok(Document::Image(image)) => {
                for blob in image.blobs() {
                    if !media_type::is_foreign_layer(&blob.media_type) && !has(blob)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Ok(Document::Index(list)) => {
                for child in &list.manifests {
                    let whole = match media_type::may_be_manifest(&child.media_type) && depth < DEPTH {
                        true => self.is_whole(child, depth + 1)?,
                        false => has(child)?,
                    };
                    if !whole {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// A manifest's bytes, verified.
    pub(super) fn read(&self, at: &TagOrDigest) -> Result<RawManifest> {
        let missing = || Error::NotFound { what: "manifest".to_owned(), at: self.at(at) };
        let found = self.resolve(at)?.ok_or_else(missing)?;
        self.read_exactly(&found).map_err(|e| match e.is_not_found() {
            true => missing(),
            false => e,
        })
    }

    /// The manifest that a descriptor of the index points at.
    pub(super) fn read_exactly(&self, found: &Descriptor) -> Result<RawManifest> {
        let path = self.layout.blob(self.repository, &found.digest);
        let bytes = read_small(&path, MANIFEST_LIMIT).map_err(|e| Error::file("read", &path, e))?;
        let bytes = bytes.ok_or_else(|| Error::file("read", &path, std::io::ErrorKind::NotFound.into()))?;
        if !found.digest.matches(&bytes) {
            return Err(Error::Content {
                attempted: "get manifest",
                at: format!("store:{}", self.repository),
                expected: found.digest.to_string(),
                found: Digest::of(&bytes).to_string(),
            });
        }
        Ok(RawManifest::with_digest(Bytes::from(bytes), &found.media_type, found.digest.clone()))
    }

    /// Puts manifests, in their order, and writes the index once. What each points at must be there; its error lists what
    /// is missing. The caller has locked the repository.
    pub(super) fn put_all(&self, puts: &[(RawManifest, TagOrDigest)]) -> Vec<Result<Digest>> {
        let before = match self.indexes.get(self.layout, self.repository) {
            Ok(index) => index,
            Err(error) => return puts.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut index = before.map_or_else(Index::default, Arc::unwrap_or_clone);
        let mut changed = false;
        let put = |(manifest, at): &(RawManifest, TagOrDigest)| {
            let (digest, is_new) = self.put(manifest, at, &mut index)?;
            changed |= is_new;
            Ok(digest)
        };
        let results: Vec<Result<Digest>> = puts.iter().map(put).collect();
        match changed.then(|| self.indexes.set(self.layout, self.repository, index)) {
            // Nobody's tag is set unless the index is written.
            Some(Err(error)) => results.into_iter().map(|put| put.and(Err(error.clone()))).collect(),
            _ => results,
        }
    }

    /// Puts a manifest into an index at hand. Whether that changed the index.
    fn put(&self, manifest: &RawManifest, at: &TagOrDigest, index: &mut Index) -> Result<(Digest, bool)> {
        let (digest, tag): (_, Option<&Tag>) = match at {
            TagOrDigest::Digest(digest) => (digest, None),
            TagOrDigest::Tag(tag) => (&manifest.digest, Some(tag)),
        };
        if !digest.matches(&manifest.bytes) {
            return Err(Error::Content {
                attempted: "put manifest",
                at: self.at(at),
                expected: digest.to_string(),
                found: Digest::of(&manifest.bytes).to_string(),
            });
        }
        self.check(manifest, at, index)?;
        let held = blob::size(self.layout, self.repository, digest)?;
        if held != Some(manifest.bytes.len() as u64) {
            self.store_bytes(&manifest.bytes, digest)?;
        }
        let entry = Descriptor::new(&manifest.media_type, digest.clone(), manifest.bytes.len() as u64);
        Ok((digest.clone(), index.put(&entry, tag)))
    }

    /// That the document can be understood, and that nothing is missing which it points at.
    fn check(&self, manifest: &RawManifest, at: &TagOrDigest, index: &Index) -> Result<()> {
        let document = manifest.parse().map_err(|source| Error::Manifest { at: self.at(at), source })?;
        let mut missing: Vec<String> = Vec::new();
        match &document {
            Document::Image(image) => {
                for blob in image.blobs() {
                    // A foreign layer is fetched from elsewhere: it need not be here, but may.
                    let foreign = media_type::is_foreign_layer(&blob.media_type);
                    if !foreign && blob::size(self.layout, self.repository, &blob.digest)?.is_none() {
                        missing.push(format!("blob {}", blob.digest));
                    }
                }
            }
            Document::Index(list) => {
                for child in &list.manifests {
                    if !media_type::may_be_manifest(&child.media_type) {
                        if blob::size(self.layout, self.repository, &child.digest)?.is_none() {
                            missing.push(format!("blob {}", child.digest));
                        }
                        continue;
                    }
                    if index.manifest(&child.digest).is_none() {
                        missing.push(format!("manifest {}", child.digest));
                    }
                }
            }
        }
        missing.dedup();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::NotFound { what: missing.join(", "), at: self.at(at) }),
        }
    }

    fn store_bytes(&self, bytes: &[u8], digest: &Digest) -> Result<()> {
        let path = self.layout.upload(&UploadId::random());
        index::write_whole(&path, bytes)?;
        blob::publish(self.layout, self.repository, digest, &path).inspect_err(|_| {
            let _ = fs::remove_file(&path);
        })
    }

    /// Takes a tag away, or a manifest with its tags. Whether it was there. The caller has locked the
    /// repository.
    pub(super) fn delete(&self, at: &TagOrDigest) -> Result<bool> {
        let Some(index) = self.indexes.get(self.layout, self.repository)? else { return Ok(false) };
        let mut index = Arc::unwrap_or_clone(index);
        let there = match at {
            TagOrDigest::Tag(tag) => index.remove_tag(tag),
            TagOrDigest::Digest(digest) => index.remove_manifest(digest),
        };
        if there {
            self.indexes.set(self.layout, self.repository, index)?;
            if let TagOrDigest::Digest(digest) = at {
                blob::remove(self.layout, self.repository, digest)?;
            }
        }
        Ok(there)
    }
}

//! What leads to what in one repository: indexes to their manifests, subjects to their referrers.

use std::collections::HashSet;

use super::index::Index;
use super::manifest::Manifests;
use crate::oci::{Descriptor, Digest, Document, RawManifest};
use crate::transport::{Error, Result};

/// Every manifest that a repository lists, read.
pub(super) struct Graph(Vec<(Descriptor, Document)>);

impl Graph {
    /// Reads them all. One that cannot be read is an error: what it leads to is unknown. Blocking.
    pub(super) fn read(manifests: &Manifests<'_>, index: &Index) -> Result<Graph> {
        let wrong = |source| Error::Manifest { at: format!("store:{}", manifests.repository), source };
        let read = |found: Descriptor| {
            let raw: RawManifest = manifests.read_exactly(&found)?;
            Ok((found, raw.parse().map_err(wrong)?))
        };
        index.manifests().into_iter().map(read).collect::<Result<_>>().map(Graph)
    }

    /// The manifests that can be reached from `roots`: they themselves, what an index of them lists, and what refers to
    /// any of them.
    pub(super) fn reached(&self, roots: impl IntoIterator<Item = Digest>) -> HashSet<Digest> {
        let mut reached: HashSet<Digest> = roots.into_iter().collect();
        loop {
            let before = reached.len();
            for (found, document) in &self.0 {
                let of_these = document.subject().is_some_and(|subject| reached.contains(&subject.digest));
                if of_these {
                    reached.insert(found.digest.clone());
                }
                if let (true, Document::Index(index)) = (reached.contains(&found.digest), document) {
                    reached.extend(index.manifests.iter().map(|entry| entry.digest.clone()));
                }
            }
            if reached.len() == before {
                return reached;
            }
        }
    }

    /// Every listed manifest's digest.
    pub(super) fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.0.iter().map(|(found, _)| &found.digest)
    }

    /// The blobs of a listed manifest, itself the last.
    pub(super) fn blobs(&self, digest: &Digest) -> Vec<Digest> {
        let found = self.0.iter().find(|(found, _)| found.digest == *digest);
        let blobs = match found {
            Some((_, Document::Image(image))) => {
                image.blobs().into_iter().map(|b| b.digest.clone()).collect()
            }
            _ => Vec::new(),
        };
        blobs.into_iter().chain([digest.clone()]).collect()
    }
}

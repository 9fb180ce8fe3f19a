//! Referrers: which manifests of a repository name another one as their subject.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::manifest::Manifests;
use crate::oci::{Descriptor, Digest, Referrer, Repository};
use crate::transport::Result;

/// Repositories whose referrers are remembered.
const CACHED: usize = 256;

/// By manifest: what it refers to, if anything. A digest's content never changes, so what is known stays true.
type Known = Arc<Mutex<HashMap<Digest, Option<Arc<Referrer>>>>>;

/// What this process knows of the referrers of its repositories.
#[derive(Debug, Default)]
pub(super) struct Referrers(Mutex<HashMap<Repository, Known>>);

impl Referrers {
    /// The referrers of `subject`, in the order of their digests, of one artifact type if one is given.
    /// A manifest is read once in the life of the process. Blocking.
    pub(super) fn of(
        &self,
        manifests: &Manifests<'_>,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>> {
        let Some(index) = manifests.indexes.get(manifests.layout, manifests.repository)? else {
            return Ok(Vec::new());
        };
        let known = self.known(manifests.repository);
        let mut found = Vec::new();
        for manifest in index.manifests() {
            let before = known.lock().unwrap_or_else(PoisonError::into_inner).get(&manifest.digest).cloned();
            let referrer = match before {
                Some(known) => known,
                None => {
                    let read = match manifests.read_exactly(&manifest) {
                        Ok(raw) => raw.referrer().map(Arc::new),
                        // One damaged or just deleted manifest hides only itself.
                        Err(e) => {
                            tracing::warn!(error = %e, "a manifest was passed over among the referrers");
                            continue;
                        }
                    };
                    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(manifest.digest.clone(), read.clone());
                    read
                }
            };
            let wanted = |r: &&Arc<Referrer>| {
                r.subject == *subject
                    && artifact_type.is_none_or(|t| r.descriptor.artifact_type.as_deref() == Some(t))
            };
            // The index's media type is the one it is served with.
            found.extend(referrer.as_ref().filter(wanted).map(|r| {
                let mut descriptor = r.descriptor.clone();
                descriptor.media_type.clone_from(&manifest.media_type);
                descriptor
            }));
        }
        Ok(found)
    }

    fn known(&self, repository: &Repository) -> Known {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CACHED && !all.contains_key(repository) {
            all.clear();
        }
        all.entry(repository.clone()).or_default().clone()
    }
}

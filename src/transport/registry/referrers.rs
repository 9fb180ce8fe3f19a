//! Referrers: signatures, SBOMs and the like that point at a manifest (distribution specification 1.1,
//! "Listing Referrers").

use reqwest::Method;
use reqwest::header::ACCEPT;

use super::auth::Scopes;
use super::client::RepositoryClient;
use super::header;
use super::http::{Call, Whole};
use crate::oci::{self, Descriptor, Digest, Document, MANIFEST_LIMIT, RawManifest, TagOrDigest, media_type};
use crate::transport::{Error, Result};

/// Pages of one list at most.
const PAGES: usize = 1000;

impl RepositoryClient {
    /// The manifests that refer to `subject`. Where there is no referrers API, the index at the tag
    /// `sha256-…` is read; where there is none either, nothing refers to it.
    pub async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        match self.referrers_api(subject).await? {
            Some(list) => {
                self.host.learn(|profile| profile.referrers = Some(true));
                Ok(list)
            }
            None => {
                // Not believed the next time: a repository that is not there yet may have said so, or an older version.
                self.host.learn(|profile| profile.referrers = Some(false));
                self.referrers_tag(subject).await
            }
        }
    }

    /// `None` if the registry has no such API.
    async fn referrers_api(&self, subject: &Digest) -> Result<Option<Vec<Descriptor>>> {
        let url = self.host.url(&format!("{}/referrers/{subject}", self.repository))?;
        let scopes = Scopes::pull(&self.repository);
        let call = Call::new("list referrers of", self.place_of(subject), Method::GET, url, scopes);
        let mut call = call.header(ACCEPT, media_type::OCI_INDEX);
        let mut list = Vec::new();
        for _ in 0..PAGES {
            let Whole { url, headers, bytes } = match self.host.read(&call, MANIFEST_LIMIT).await {
                Ok(whole) => whole,
                Err(failure) if matches!(failure.status(), Some(400 | 404 | 405 | 406 | 501)) => {
                    return Ok(None);
                }
                Err(failure) => return Err(failure.into()),
            };
            let next = header::next_link(&headers).and_then(|link| header::join(&url, &link));
            let index = RawManifest::new(bytes, media_type::OCI_INDEX);
            // A registry without the API may answer 200 with a page of its own.
            let Ok(Document::Index(index)) = index.parse() else { return Ok(None) };
            list.extend(index.manifests);
            match next {
                Some(next) if next != call.url => call.url = next,
                _ => break,
            }
        }
        Ok(Some(list))
    }

    async fn referrers_tag(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let Some(tag) = oci::referrers_tag(subject) else { return Ok(Vec::new()) };
        let at = TagOrDigest::Tag(tag);
        let manifest = match self.get_manifest(&at).await {
            Ok(manifest) => manifest,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        match manifest.parse() {
            Ok(Document::Index(index)) => Ok(index.manifests),
            // Somebody else's tag of that form.
            Ok(_) => Ok(Vec::new()),
            // No list would read as no signature.
            Err(source) => {
                Err(Error::Manifest { at: format!("{} (a list of referrers)", self.place(&at)), source })
            }
        }
    }

    /// Adds manifests to the index at the tag `sha256-…`, which lists the referrers of `subject` where the registry
    /// does not: it is read, and put again with what is new. Everything in it stays.
    pub(super) async fn add_to_referrers_tag(&self, subject: &Digest, more: &[Descriptor]) -> Result<()> {
        let Some(tag) = oci::referrers_tag(subject) else { return Ok(()) };
        let at = TagOrDigest::Tag(tag);
        let old = match self.get_manifest(&at).await {
            Ok(old) => Some(old.bytes),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let reason = |reason: String| Error::Conflict {
            at: self.place(&at),
            reason: format!("the tag should list the referrers of {subject}: {reason}"),
        };
        match oci::with_referrers(old.as_deref(), more).map_err(reason)? {
            None => Ok(()),
            Some(bytes) => {
                let index = RawManifest::new(bytes.into(), media_type::OCI_INDEX);
                self.put_manifest_bytes(&index, &at).await.map(drop)
            }
        }
    }
}

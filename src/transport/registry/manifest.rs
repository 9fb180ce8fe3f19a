//! Manifests as bytes: got, looked up, put, deleted.

use oci_client::errors::OciErrorCode;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::auth::Scopes;
use super::client::RepositoryClient;
use super::error::Failure;
use super::header;
use super::http::{Call, Whole};
use crate::oci::{Descriptor, Digest, MANIFEST_LIMIT, RawManifest, TagOrDigest, media_type, printable};
use crate::transport::{Error, Result};

/// How the refusal of a registry that does not delete begins.
pub const NO_DELETION: &str = "the registry does not delete";

impl RepositoryClient {
    fn manifest_call(&self, attempted: &'static str, method: Method, at: &TagOrDigest) -> Result<Call> {
        let url = self.host.url(&format!("{}/manifests/{at}", self.repository))?;
        let call = Call::new(attempted, self.place(at), method, url, Scopes::pull(&self.repository));
        Ok(call.header(ACCEPT, media_type::ACCEPT).attempts(self.attempts()))
    }

    /// The manifest or index at a tag or digest, as the registry sent it. Bytes that do not have the digest
    /// asked for, or the one the registry gave with them, are a `Content` error; more than
    /// [`MANIFEST_LIMIT`] bytes are not read.
    pub async fn get_manifest(&self, at: &TagOrDigest) -> Result<RawManifest> {
        let call = self.manifest_call("get manifest", Method::GET, at)?;
        self.host.keep_reserve().await;
        let Whole { headers, bytes, .. } = self.host.read(&call, MANIFEST_LIMIT).await?;
        let given = header::content_digest(&headers);
        let manifest = RawManifest::new(bytes, header::text(&headers, "content-type").unwrap_or_default());
        if media_type::is_schema1(&manifest.media_type) {
            // Its digest is of the signed payload, not of these bytes. `parse` says what is wrong with it.
            return Ok(manifest);
        }
        let mut digest = manifest.digest;
        let asked = match at {
            TagOrDigest::Digest(digest) => Some(digest.clone()),
            TagOrDigest::Tag(_) => None,
        };
        for expected in [given, asked].into_iter().flatten() {
            if expected != digest && !expected.matches(&manifest.bytes) {
                let (expected, found) = (expected.to_string(), digest.to_string());
                return Err(Error::Content { attempted: call.attempted, at: call.at, expected, found });
            }
            digest = expected;
        }
        Ok(RawManifest::with_digest(manifest.bytes, &manifest.media_type, digest))
    }

    /// What is at a tag or digest: with HEAD alone where the registry says the digest and the size, else by
    /// reading it. `None` if nothing is there.
    pub async fn head_manifest(&self, at: &TagOrDigest) -> Result<Option<Descriptor>> {
        self.head(at, self.manifest_call("look up manifest", Method::HEAD, at)?).await
    }

    /// The same for a repository that is about to be written to: with the scopes of the pushes that follow, so that one
    /// token serves them all and a credential that may only push is enough. A registry that refuses to say (403)
    /// is taken to have nothing: some answer so for what is not there, and the push itself tells of missing rights.
    pub(super) async fn head_before_push(&self, at: &TagOrDigest) -> Result<Option<Descriptor>> {
        let mut call = self.manifest_call("look up manifest", Method::HEAD, at)?;
        call.scopes = Scopes::push(&self.repository);
        match self.head(at, call).await {
            Err(Error::Answered { status: 403, .. }) => Ok(None),
            answer => answer,
        }
    }

    async fn head(&self, at: &TagOrDigest, call: Call) -> Result<Option<Descriptor>> {
        match self.host.call(&call).await {
            Ok(answer) => {
                let headers = answer.headers();
                let given = header::content_digest(headers);
                let asked = match at {
                    TagOrDigest::Digest(digest) => Some(digest),
                    TagOrDigest::Tag(_) => None,
                };
                if let (Some(given), Some(asked)) = (&given, asked)
                    && given != asked
                    && given.algorithm() == asked.algorithm()
                {
                    let (expected, found) = (asked.to_string(), given.to_string());
                    return Err(Error::Content { attempted: call.attempted, at: call.at, expected, found });
                }
                let size = header::number(headers, "content-length").filter(|size| *size > 0);
                let kind = media_type::essence(header::text(headers, "content-type").unwrap_or_default());
                let digest = asked.cloned().or(given);
                let known = media_type::is_index(&kind)
                    || media_type::is_image_manifest(&kind)
                    || media_type::is_schema1(&kind);
                if let (Some(digest), Some(size), true) = (digest, size, known) {
                    answer.drain().await;
                    return Ok(Some(Descriptor::new(&kind, digest, size)));
                }
            }
            // 400 and 405: registries and proxies that know no HEAD.
            Err(failure) if matches!(failure.status(), Some(400 | 405 | 501)) => {}
            Err(failure) if failure.error.is_not_found() => return Ok(None),
            Err(failure) => return Err(failure.into()),
        }
        match self.get_manifest(at).await {
            Ok(manifest) => Ok(Some(manifest.descriptor())),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts exactly these bytes at a tag or digest. The answer is the digest that the registry knows them by.
    pub async fn put_manifest_bytes(&self, manifest: &RawManifest, at: &TagOrDigest) -> Result<Digest> {
        self.put_manifest_heard(manifest, at).await.map(|(digest, _)| digest)
    }

    /// The same, and whether the registry said that it knows what the manifest refers to (`OCI-Subject`, distribution
    /// specification 1.1, "Pushing Manifests with Subject").
    pub(super) async fn put_manifest_heard(
        &self,
        manifest: &RawManifest,
        at: &TagOrDigest,
    ) -> Result<(Digest, bool)> {
        let attempted = "put manifest";
        if let TagOrDigest::Digest(digest) = at
            && *digest != manifest.digest
            && !digest.matches(&manifest.bytes)
        {
            let (expected, found) = (digest.to_string(), manifest.digest.to_string());
            return Err(Error::Content { attempted, at: self.place(at), expected, found });
        }
        let url = self.host.url(&format!("{}/manifests/{at}", self.repository))?;
        let call = Call::new(attempted, self.place(at), Method::PUT, url, Scopes::push(&self.repository))
            .header(CONTENT_TYPE, &manifest.media_type)
            .body(manifest.bytes.clone())
            // A registry may look at every blob of the image before it answers.
            .patience(self.patience());
        let answer = self.host.call(&call).await.map_err(lacking)?;
        let given = header::content_digest(answer.headers());
        let knows_subject = header::text(answer.headers(), "oci-subject").is_some();
        answer.drain().await;
        match given {
            Some(given) if given != manifest.digest && !given.matches(&manifest.bytes) => {
                Err(Error::Content {
                    attempted,
                    at: call.at,
                    expected: manifest.digest.to_string(),
                    found: given.to_string(),
                })
            }
            _ => Ok((manifest.digest.clone(), knows_subject)),
        }
    }

    /// Deletes a tag or, by digest, a manifest with all its tags. What is not there is a `NotFound` error; a
    /// registry that does not delete is `Unsupported`.
    pub async fn delete_manifest(&self, at: &TagOrDigest) -> Result<()> {
        let url = self.host.url(&format!("{}/manifests/{at}", self.repository))?;
        let attempted = match at {
            TagOrDigest::Tag(_) => "delete tag",
            TagOrDigest::Digest(_) => "delete manifest",
        };
        let call =
            Call::new(attempted, self.place(at), Method::DELETE, url, Scopes::delete(&self.repository));
        match self.host.call(&call).await {
            Ok(answer) => {
                answer.drain().await;
                Ok(())
            }
            Err(failure) if unsupported(&failure, at) => Err(Error::Unsupported {
                at: call.at,
                reason: format!(
                    "{NO_DELETION} {}: {}",
                    if matches!(at, TagOrDigest::Tag(_)) { "a tag alone" } else { "manifests" },
                    printable(&failure.error.to_string(), 200)
                ),
            }),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// A refused manifest, where what it names is the reason. docker-registry says so with DIGEST_INVALID where it finds the
/// link of a blob empty, because somebody is writing it.
fn lacking(failure: Failure) -> Error {
    use OciErrorCode::{BlobUnknown, DigestInvalid, ManifestBlobUnknown, ManifestUnknown};
    let is_lacking =
        matches!(failure.code, Some(ManifestBlobUnknown | BlobUnknown | ManifestUnknown | DigestInvalid));
    match failure.error {
        Error::Answered { attempted, at, status, answer, class, exchange, .. } if is_lacking => {
            Error::Lacking { attempted, at, status, answer, class, exchange }
        }
        error => error,
    }
}

/// docker-registry answers a tag's deletion with 400 DIGEST_INVALID, or with 405 where it deletes nothing at all; others
/// with 405, or with 400 and a code of their own.
fn unsupported(failure: &Failure, at: &TagOrDigest) -> bool {
    let by_tag = matches!(at, TagOrDigest::Tag(_));
    matches!(failure.status(), Some(405 | 501))
        || failure.code == Some(OciErrorCode::Unsupported)
        || (by_tag && failure.status() == Some(400))
}

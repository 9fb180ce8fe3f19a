//! Blobs on their way out of a registry.

use reqwest::Method;
use reqwest::header::{ACCEPT_ENCODING, RANGE};

use super::auth::Scopes;
use super::client::RepositoryClient;
use super::header;
use super::http::Call;
use crate::oci::{Descriptor, Digest};
use crate::transport::{ByteStream, Error, Result};

impl RepositoryClient {
    pub(super) fn blob_call(
        &self,
        attempted: &'static str,
        method: Method,
        digest: &Digest,
        scopes: Scopes,
    ) -> Result<Call> {
        let url = self.host.url(&format!("{}/blobs/{digest}", self.repository))?;
        Ok(Call::new(attempted, self.place_of(digest), method, url, scopes).attempts(self.attempts()))
    }

    /// A blob's bytes from offset `from` on, and where the stream really starts: 0 where the registry ignored
    /// the range. An offset at or behind the blob's end is an empty stream at `from`.
    pub async fn get_blob(&self, blob: &Descriptor, from: u64) -> Result<(u64, ByteStream)> {
        if from > 0 && from >= blob.size {
            return Ok((from, Box::pin(futures_util::stream::empty())));
        }
        // Bytes as they are stored: a proxy that compresses on the way would change what the digest is of.
        let mut call = self
            .blob_call("get blob", Method::GET, &blob.digest, Scopes::pull(&self.repository))?
            .header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            call = call.header(RANGE, &format!("bytes={from}-"));
        }
        let answer = self.host.call(&call).await;
        let answer = match answer {
            // A range that is refused though it lies within the blob: from the start, then.
            Err(failure) if from > 0 && failure.status() == Some(416) => {
                call.headers.remove(RANGE);
                self.host.call(&call).await?
            }
            other => other?,
        };
        let start = match answer.status().as_u16() {
            206 => header::content_range_start(answer.headers()).unwrap_or(from),
            _ => 0,
        };
        if start != 0 && start != from {
            return Err(Error::Content {
                attempted: call.attempted,
                at: call.at,
                expected: format!("bytes from {from} on"),
                found: format!("bytes from {start} on"),
            });
        }
        Ok((start, answer.stream()))
    }

    /// A blob's bytes from offset `from` up to `until`; `None` if the registry does not answer this range.
    pub async fn get_blob_part(
        &self,
        blob: &Descriptor,
        from: u64,
        until: u64,
    ) -> Result<Option<ByteStream>> {
        let Some(last) = until.checked_sub(1).filter(|last| from <= *last) else {
            return Ok(Some(Box::pin(futures_util::stream::empty())));
        };
        let call = self
            .blob_call("get blob", Method::GET, &blob.digest, Scopes::pull(&self.repository))?
            .header(ACCEPT_ENCODING, "identity")
            .header(RANGE, &format!("bytes={from}-{last}"));
        let answer = match self.host.call(&call).await {
            Err(failure) if failure.status() == Some(416) => return Ok(None),
            answer => answer?,
        };
        // Where it begins must be said: bytes in the wrong place would spoil all of the blob.
        let is_asked = answer.status() == 206 && header::content_range_start(answer.headers()) == Some(from);
        Ok(is_asked.then(|| answer.stream()))
    }

    /// Whether the repository has a blob.
    pub async fn head_blob(&self, digest: &Digest) -> Result<bool> {
        self.ask_blob(digest, Scopes::pull(&self.repository)).await
    }

    pub(super) async fn ask_blob(&self, digest: &Digest, scopes: Scopes) -> Result<bool> {
        let call = self.blob_call("look up blob", Method::HEAD, digest, scopes)?;
        match self.host.call(&call).await {
            Ok(answer) => {
                answer.drain().await;
                Ok(true)
            }
            Err(failure) if failure.error.is_not_found() => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }
}

//! Foreign layers: blobs that lie at URLs of a manifest's own, outside of every registry (image specification,
//! "Non-Distributable Layers"). They are fetched without any credential, and only by who was asked to.

use reqwest::header::{ACCEPT_ENCODING, RANGE};
use reqwest::{Method, Url};

use super::auth::Scopes;
use super::client::Client;
use super::header;
use super::http::Call;
use crate::oci::{Descriptor, Registry, printable};
use crate::transport::{ByteStream, Error, Result};

impl Client {
    /// The bytes at a URL from offset `from` on, and where the stream really starts: 0 where the range was ignored. Only
    /// `http` and `https`; no credential is sent, wherever redirects lead. Not verified, as [`super::RepositoryClient::get_blob`].
    pub async fn fetch_url(&self, url: &str, blob: &Descriptor, from: u64) -> Result<(u64, ByteStream)> {
        if from > 0 && from >= blob.size {
            return Ok((from, Box::pin(futures_util::stream::empty())));
        }
        let (url, registry) = checked(url, blob)?;
        // The host's own TLS and proxy settings hold, if it has any; its credentials are not asked for.
        let host = self.host(&registry);
        let at = format!("{} from {}", blob.digest, printable(url.as_str(), 300));
        let mut call = Call::new("get foreign layer", at, Method::GET, url.clone(), Scopes::catalog())
            .header(ACCEPT_ENCODING, "identity");
        if from > 0 {
            call = call.header(RANGE, &format!("bytes={from}-"));
        }
        let (mut attempt, mut wait) = (1, host.options.first_wait);
        let answer = loop {
            let answer = match host.follow(&call, &url, None).await {
                Ok(answer) => answer.success().await,
                Err(failure) => Err(failure),
            };
            match answer {
                Ok(answer) => break answer,
                Err(failure) if failure.error.is_retryable() && attempt < host.options.attempts => {
                    tokio::time::sleep(failure.error.retry_after().unwrap_or_default().max(wait)).await;
                    (attempt, wait) = (attempt + 1, wait.saturating_mul(2));
                }
                Err(failure) => return Err(failure.into()),
            }
        };
        let start = match answer.status().as_u16() {
            206 => header::content_range_start(answer.headers()).unwrap_or(from),
            _ => 0,
        };
        Ok((start, answer.stream()))
    }
}

/// The URL and the host it is at.
fn checked(text: &str, blob: &Descriptor) -> Result<(Url, Registry)> {
    let wrong = |reason: &str| Error::Unsupported {
        // The URL may hold a password.
        at: format!("foreign layer {}", blob.digest),
        reason: reason.to_owned(),
    };
    let url: Url = text.parse().map_err(|_| wrong("this is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only http and https are fetched from"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a URL with a user name or password is not fetched from"));
    }
    let host = url.host_str().ok_or_else(|| wrong("the URL has no host"))?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let registry = host.parse().map_err(|_| wrong("its host is none"))?;
    Ok((url, registry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    #[test]
    fn only_plain_urls_are_fetched_from() {
        let blob = Descriptor::new("", Digest::of(b"x"), 1);
        let (_, at) = checked("https://mcr.microsoft.com/v2/x/blobs/y", &blob).unwrap();
        assert_eq!(at.as_str(), "mcr.microsoft.com");
        assert_eq!(checked("http://127.0.0.1:5000/x", &blob).unwrap().1.as_str(), "127.0.0.1:5000");
        for url in ["file:///etc/passwd", "ftp://h.io/x", "x", "", "https://u:hunter2@h.io/x"] {
            assert!(matches!(checked(url, &blob), Err(Error::Unsupported { .. })), "{url}");
        }
    }
}

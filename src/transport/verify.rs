//! Verification on the fly: a blob's stream that ends well only if its digest and size are right.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use super::{ByteStream, Error, Result};
use crate::oci::{Descriptor, Hasher};

/// Wraps the whole stream of `blob`: bytes are hashed as they pass, and the last piece is held back until digest
/// and size are known to be right, so that a reader never sees a wrong blob end well. `at` names the
/// source in errors.
pub fn verified(blob: &Descriptor, at: String, stream: ByteStream) -> Verified {
    Verified { hasher: Some(blob.digest.hasher()), blob: blob.clone(), at, stream, seen: 0, held: None }
}

/// See [`verified`].
pub struct Verified {
    stream: ByteStream,
    blob: Descriptor,
    at: String,
    /// Taken when the stream has ended.
    hasher: Option<Hasher>,
    seen: u64,
    held: Option<Bytes>,
}

impl Verified {
    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes>>> {
        self.hasher = None;
        self.held = None;
        Poll::Ready(Some(Err(error)))
    }

    fn wrong(&self, expected: String, found: String) -> Error {
        let at = format!("{} {}", self.at, self.blob.digest);
        Error::Content { attempted: "read blob", at, expected, found }
    }
}

impl Stream for Verified {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        loop {
            let Some(hasher) = this.hasher.as_mut() else {
                return Poll::Ready(None);
            };
            match this.stream.as_mut().poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return this.fail(error),
                Poll::Ready(Some(Ok(piece))) if piece.is_empty() => {}
                Poll::Ready(Some(Ok(piece))) => {
                    this.seen += piece.len() as u64;
                    if this.seen > this.blob.size {
                        let error = this.wrong(format!("{} bytes", this.blob.size), "more".to_owned());
                        return this.fail(error);
                    }
                    hasher.update(&piece);
                    if let Some(before) = this.held.replace(piece) {
                        return Poll::Ready(Some(Ok(before)));
                    }
                }
                Poll::Ready(None) => {
                    if this.seen < this.blob.size {
                        // A cut, not a lie: worth another try.
                        let error = Error::Unreachable {
                            attempted: "read blob",
                            at: format!("{} {}", this.at, this.blob.digest),
                            reason: format!(
                                "the stream ended after {} of {} bytes",
                                this.seen, this.blob.size
                            ),
                            class: crate::oci::ErrorClass::Network,
                        };
                        return this.fail(error);
                    }
                    let Some(hasher) = this.hasher.take() else { return Poll::Ready(None) };
                    let found = hasher.finish();
                    if found != this.blob.digest {
                        let error = this.wrong(this.blob.digest.to_string(), found.to_string());
                        return this.fail(error);
                    }
                    return Poll::Ready(this.held.take().map(Ok));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::oci::Digest;

    async fn read(blob: &Descriptor, pieces: &[&'static [u8]]) -> (Vec<u8>, Option<Error>) {
        let pieces: Vec<Result<Bytes>> = pieces.iter().map(|p| Ok(Bytes::from_static(p))).collect();
        let mut stream = verified(blob, "r/a".to_owned(), stream::iter(pieces).boxed());
        let (mut bytes, mut error) = (Vec::new(), None);
        while let Some(item) = stream.next().await {
            match item {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(e) => error = Some(e),
            }
        }
        (bytes, error)
    }

    #[tokio::test]
    async fn right_bytes_pass_and_wrong_ones_never_end_well() {
        let blob = Descriptor::new("", Digest::of(b"abcdef"), 6);
        assert!(matches!(read(&blob, &[b"abc", b"", b"def"]).await, (bytes, None) if bytes == b"abcdef"));
        for pieces in [&[b"abc" as &[u8], b"dex"] as &[&'static [u8]], &[b"abcdefg"], &[b"abcdef", b"g"]] {
            let (bytes, error) = read(&blob, pieces).await;
            assert!(bytes.len() < 6 && matches!(error, Some(Error::Content { .. })), "{pieces:?}");
        }
        let (_, error) = read(&blob, &[b"abc"]).await;
        assert!(error.is_some_and(|e| e.is_retryable()));
        let empty = Descriptor::new("", Digest::of(b""), 0);
        assert!(matches!(read(&empty, &[]).await, (bytes, None) if bytes.is_empty()));
    }
}

//! Verification on the fly: a blob's stream that ends well only if its digest and size are right.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use super::{ByteStream, Error, Result};
use crate::oci::{Descriptor, Digest, Hasher};

/// Wraps the whole stream of `blob`: bytes are hashed as they pass, and the last piece is held back until digest
/// and size are known to be right, so that a reader never sees a wrong blob end well. `at` names the
/// source in errors.
pub fn verified(blob: &Descriptor, at: String, stream: ByteStream) -> Verified {
    verified_from(blob, at, 0, stream, &Hashed::new(blob))
}

/// The same for a stream that begins at the blob's byte `from`, of a blob that is read in several goes: `hashed` knows
/// what passed in earlier ones. Bytes that pass again are not hashed again, so what took the earlier ones has to check
/// the whole; and where nobody has hashed what comes before `from`, it is the only one that can.
pub fn verified_from(
    blob: &Descriptor,
    at: String,
    from: u64,
    stream: ByteStream,
    hashed: &Hashed,
) -> Verified {
    if from == 0 {
        hashed.with(|state| *state = (blob.digest.hasher(), 0));
    }
    Verified { hashed: hashed.clone(), blob: blob.clone(), at, stream, seen: from, held: None, ended: false }
}

/// How much of a blob has been hashed.
#[derive(Clone)]
pub struct Hashed(Arc<Mutex<(Hasher, u64)>>);

impl Hashed {
    /// Nothing of `blob` yet.
    pub fn new(blob: &Descriptor) -> Hashed {
        Hashed(Arc::new(Mutex::new((blob.digest.hasher(), 0))))
    }

    // Nobody else holds the lock while a stream is read: it costs nothing.
    fn with<T>(&self, work: impl FnOnce(&mut (Hasher, u64)) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a piece that begins at the blob's byte `start`, as far as it is new and follows what is there.
    fn add(&self, start: u64, piece: &[u8]) {
        self.with(|(hasher, hashed)| {
            let known = hashed.checked_sub(start).and_then(|known| usize::try_from(known).ok());
            if let Some(fresh) = known.and_then(|known| piece.get(known..)) {
                hasher.update(fresh);
                *hashed += fresh.len() as u64;
            }
        });
    }

    /// The digest, if all `size` bytes were hashed.
    fn digest(&self, size: u64) -> Option<Digest> {
        self.with(|(hasher, hashed)| (*hashed == size).then(|| hasher.clone().finish()))
    }
}

/// See [`verified`].
pub struct Verified {
    stream: ByteStream,
    blob: Descriptor,
    at: String,
    hashed: Hashed,
    /// Where in the blob the stream is.
    seen: u64,
    held: Option<Bytes>,
    ended: bool,
}

impl Verified {
    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes>>> {
        self.ended = true;
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
            if this.ended {
                return Poll::Ready(None);
            }
            match this.stream.as_mut().poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return this.fail(error),
                Poll::Ready(Some(Ok(piece))) if piece.is_empty() => {}
                Poll::Ready(Some(Ok(piece))) => {
                    let start = this.seen;
                    this.seen += piece.len() as u64;
                    if this.seen > this.blob.size {
                        let error = this.wrong(format!("{} bytes", this.blob.size), "more".to_owned());
                        return this.fail(error);
                    }
                    this.hashed.add(start, &piece);
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
                    this.ended = true;
                    let found = this.hashed.digest(this.blob.size);
                    if let Some(found) = found.filter(|found| *found != this.blob.digest) {
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

    #[tokio::test]
    async fn a_blob_that_is_read_in_two_goes_is_verified_as_one() {
        let blob = Descriptor::new("", Digest::of(b"abcdefgh"), 8);
        let go = async |hashed: &Hashed, from, pieces: &[&'static [u8]], cut: bool| {
            let mut items: Vec<Result<Bytes>> = pieces.iter().map(|p| Ok(Bytes::from_static(p))).collect();
            if cut {
                items.push(Err(Error::NotFound { what: String::new(), at: String::new() }));
            }
            verified_from(&blob, String::new(), from, stream::iter(items).boxed(), hashed)
                .collect::<Vec<_>>()
                .await
                .into_iter()
                .all(|item| item.is_ok())
        };
        for (from, pieces, is_right) in [
            (2, &[b"cde" as &[u8], b"fgh"] as &[&'static [u8]], true),
            (4, &[b"efgh"], true),
            (2, &[b"cdefgX"], false),
            // From the start again everything is hashed again.
            (0, &[b"abcdefgh"], true),
            (0, &[b"Xbcdefgh"], false),
            // What nobody has hashed is for the destination to check: only the length counts.
            (6, &[b"gX"], true),
            (6, &[b"g"], false),
        ] {
            let hashed = Hashed::new(&blob);
            assert!(!go(&hashed, 0, &[b"abc", b"d"], true).await);
            assert_eq!(go(&hashed, from, pieces, false).await, is_right, "from {from}: {pieces:?}");
        }
    }
}

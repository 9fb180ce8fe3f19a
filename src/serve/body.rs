//! Bodies between the wire and the store: errors made the store's, lengths held to, silence bounded, speed
//! where it is limited.

use std::num::NonZeroU64;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::header;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep_until, timeout};

use super::call::Call;
use crate::oci::ErrorClass;
use crate::transport::{ByteStream, Error, Result};

/// How long a client may be silent in the middle of a body before the request ends. Its session stays.
const SILENCE: Duration = Duration::from_secs(120);

/// How much of a body that nobody wants is read all the same, in bytes, and for how long.
const DRAIN: (usize, Duration) = (8 << 20, Duration::from_secs(5));

/// Reads what is left of a body and forgets it, within bounds.
pub(super) async fn drain(call: &Call, body: &mut BodyDataStream) {
    if call.headers.contains_key(header::EXPECT) {
        // The client waits with its body until it is asked for it, and reading asks.
        return;
    }
    let reading = async {
        let mut left = DRAIN.0;
        while let Some(Ok(piece)) = body.next().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(DRAIN.1, reading).await;
}

/// Takes the body out of a request, to be read elsewhere.
pub(super) fn take(body: &mut BodyDataStream) -> BodyDataStream {
    std::mem::replace(body, Body::empty().into_data_stream())
}

/// A request's body as the store takes it.
pub(super) fn incoming(body: BodyDataStream, bandwidth: Option<NonZeroU64>) -> ByteStream {
    let pieces = stream::unfold(Some(body), |body| async {
        let mut body = body?;
        match timeout(SILENCE, body.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(body))),
            Ok(Some(Err(_))) => Some((Err(cut("the body was cut short")), None)),
            Ok(None) => None,
            Err(_) => Some((Err(cut("nothing came for two minutes")), None)),
        }
    });
    paced(pieces.boxed(), bandwidth)
}

fn cut(reason: &str) -> Error {
    Error::Unreachable {
        attempted: "receive",
        at: "the request's body".to_owned(),
        reason: reason.to_owned(),
        class: ErrorClass::Network,
    }
}

/// A stream that must have exactly `length` bytes: more or fewer are [`Error::Content`].
pub(super) fn exactly(length: u64, body: ByteStream) -> ByteStream {
    let wrong = move |found: &str| Error::Content {
        attempted: "receive",
        at: "the request's body".to_owned(),
        expected: format!("{length} bytes"),
        found: found.to_owned(),
    };
    let pieces = stream::unfold(Some((body, length)), move |state| async move {
        let (mut body, left) = state?;
        let item: Result<Bytes> = match body.next().await {
            None if left == 0 => return None,
            None => Err(wrong("fewer")),
            Some(Ok(piece)) if piece.len() as u64 > left => Err(wrong("more")),
            Some(item) => item,
        };
        let state = item.as_ref().ok().map(|piece| left - piece.len() as u64).map(|left| (body, left));
        Some((item, state))
    });
    pieces.boxed()
}

/// A stream that is no faster than `bandwidth` bytes a second.
pub(super) fn paced(body: ByteStream, bandwidth: Option<NonZeroU64>) -> ByteStream {
    let Some(bandwidth) = bandwidth else { return body };
    let began = Instant::now();
    let mut sent = 0u64;
    let pieces = body.then(move |piece| {
        sent += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let due = began + Duration::from_secs_f64(sent as f64 / bandwidth.get() as f64);
        async move {
            sleep_until(due).await;
            piece
        }
    });
    pieces.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: &[&'static [u8]]) -> ByteStream {
        let pieces: Vec<Result<Bytes>> = pieces.iter().map(|p| Ok(Bytes::from_static(p))).collect();
        stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn a_chunk_has_exactly_its_length() {
        for (pieces, good) in
            [(&[b"ab" as &[u8], b"cd"] as &[&'static [u8]], 2), (&[b"ab"], 1), (&[b"ab", b"cde"], 1)]
        {
            let all: Vec<Result<Bytes>> = exactly(4, body(pieces)).collect().await;
            assert_eq!(all.iter().filter(|p| p.is_ok()).count(), good);
            assert_eq!(all.last().unwrap().is_ok(), pieces.concat().len() == 4, "{pieces:?}");
        }
        assert!(exactly(0, body(&[])).next().await.is_none());
    }

    #[tokio::test]
    async fn a_pace_is_kept() {
        let began = Instant::now();
        let all: Vec<Result<Bytes>> =
            paced(body(&[b"12345", b"12345"]), NonZeroU64::new(100)).collect().await;
        assert_eq!(all.len(), 2);
        assert!(began.elapsed() >= Duration::from_millis(100));
    }
}

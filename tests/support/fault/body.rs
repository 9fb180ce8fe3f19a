//! Bodies on their way through, spoiled as they stream.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, StreamExt};

pub type Stream = BoxStream<'static, io::Result<Bytes>>;

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault")
}

/// The first `limit` bytes, then an error; also where the body would end right there or before.
pub fn cut_after(body: Stream, limit: u64) -> Stream {
    let end = futures_util::stream::once(async {
        // hyper throws away what it has not written when a body fails: the bytes go out first.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(cut())
    });
    end_after(body, limit).chain(end).boxed()
}

/// The same with one byte changed.
pub fn flip(body: Stream, at: u64) -> Stream {
    let flipped = body.scan(0_u64, move |offset, piece| {
        let piece = piece.map(|bytes| {
            let here =
                at.checked_sub(*offset).and_then(|n| usize::try_from(n).ok()).filter(|n| *n < bytes.len());
            *offset += bytes.len() as u64;
            let Some(here) = here else { return bytes };
            let mut bytes = BytesMut::from(bytes);
            bytes[here] ^= 0x01;
            bytes.freeze()
        });
        std::future::ready(Some(piece))
    });
    flipped.boxed()
}

/// The first `length` bytes, and the body ends there as if it were whole.
pub fn end_after(body: Stream, length: u64) -> Stream {
    let ended = body.scan(length, |left, piece| {
        let piece = piece.map(|mut bytes| {
            bytes.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= bytes.len() as u64;
            bytes
        });
        let is_over = matches!(&piece, Ok(bytes) if bytes.is_empty());
        std::future::ready((!is_over).then_some(piece))
    });
    ended.boxed()
}

/// The same with so many bytes more.
pub fn lengthen(body: Stream, more: u64) -> Stream {
    let more = Bytes::from(vec![b' '; usize::try_from(more).unwrap_or(0)]);
    body.chain(futures_util::stream::once(std::future::ready(Ok(more)))).boxed()
}

/// As many bytes, every one another.
pub fn garble(body: Stream) -> Stream {
    body.map(|piece| piece.map(|bytes| bytes.iter().map(|byte| byte ^ 0x55).collect())).boxed()
}

/// Pieces of `size` bytes with a pause after each.
pub fn trickle(body: Stream, size: usize, pause: Duration) -> Stream {
    let pieces = body.flat_map(move |piece| {
        let pieces: Vec<io::Result<Bytes>> = match piece {
            Ok(bytes) => (0..bytes.len())
                .step_by(size)
                .map(|n| Ok(bytes.slice(n..bytes.len().min(n + size))))
                .collect(),
            Err(e) => vec![Err(e)],
        };
        futures_util::stream::iter(pieces)
    });
    pieces
        .then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece
        })
        .boxed()
}

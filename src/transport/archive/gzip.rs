//! gzip on all cores, with the same bytes for the same input wherever it runs: the input is cut into blocks of one
//! size, each is deflated by itself and ends at a whole byte, and together they are one member (RFC 1952), as pigz
//! does it. Every reader of gzip reads it.

use std::io::{self, Read, Write};
use std::num::NonZero;
use std::thread;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Bytes of input that are compressed as one. The digest of every layer that is gzipped depends on it.
const BLOCK: usize = 1 << 20;

/// What docker push and skopeo take as well: zlib's default.
const LEVEL: u32 = 6;

/// Cores that one stream is compressed on at most; memory is bounded by it.
const CORES: usize = 8;

/// Deflate, no time, no name, an unknown system: nothing in it tells who wrote it, and when.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Compresses `from` into `to`; every byte that is read passes `seen` first.
pub(super) fn compress(
    mut from: impl Read,
    to: &mut impl Write,
    mut seen: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(CORES);
    to.write_all(&HEADER)?;
    let mut sum = Crc::new();
    let mut ahead = Some(block(&mut from)?);
    while let Some(first) = ahead.take() {
        let mut batch = vec![first];
        // Only an empty or a short block is known to be the last; one more is read to know of a full one.
        while batch.len() < cores && batch.last().is_some_and(|block| block.len() == BLOCK) {
            batch.push(block(&mut from)?);
        }
        if batch.last().is_some_and(|block| block.len() == BLOCK) {
            ahead = Some(block(&mut from)?);
        }
        let is_last = |at: usize| ahead.is_none() && at + 1 == batch.len();
        let packed = thread::scope(|scope| {
            let work = |(at, block): (usize, &Vec<u8>)| {
                let (block, is_last) = (block.clone(), is_last(at));
                scope.spawn(move || deflate(&block, is_last))
            };
            let running: Vec<_> = batch.iter().enumerate().map(work).collect();
            batch.iter().try_for_each(|block| seen(block))?;
            let ended = running.into_iter().map(|one| one.join().map_err(|_| lost()).and_then(|done| done));
            ended.collect::<io::Result<Vec<_>>>()
        })?;
        for (bytes, part) in &packed {
            to.write_all(bytes)?;
            sum.combine(part);
        }
    }
    to.write_all(&sum.sum().to_le_bytes())?;
    to.write_all(&sum.amount().to_le_bytes())
}

/// The next block; a short one is the last.
fn block(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK);
    from.take(BLOCK as u64).read_to_end(&mut block)?;
    Ok(block)
}

fn deflate(block: &[u8], is_last: bool) -> io::Result<(Vec<u8>, Crc)> {
    let mut sum = Crc::new();
    sum.update(block);
    let mut deflate = Compress::new(Compression::new(LEVEL), false);
    let flush = if is_last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut packed = Vec::with_capacity(block.len() / 2 + 4096);
    loop {
        let taken = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        let status = deflate.compress_vec(&block[taken..], &mut packed, flush).map_err(io::Error::other)?;
        // Room that is left says that there was nothing more to write.
        let is_done = match is_last {
            true => status == Status::StreamEnd,
            false => packed.len() < packed.capacity(),
        };
        if is_done {
            return Ok((packed, sum));
        }
        packed.reserve(block.len() / 4 + 4096);
    }
}

fn lost() -> io::Error {
    io::Error::other("a compressing thread panicked")
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;
    use crate::oci::Digest;

    #[test]
    fn any_length_comes_back_as_one_member_with_the_same_bytes_each_time() {
        let mut state = 1u32;
        let noise = (0..3 * BLOCK).map(|n| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Compressible in one half, not in the other.
            if n % BLOCK < BLOCK / 2 { (state >> 30) as u8 } else { (state >> 24) as u8 }
        });
        let content: Vec<u8> = noise.collect();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK - 7, 3 * BLOCK] {
            let (mut packed, mut again, mut passed) = (Vec::new(), Vec::new(), 0);
            let count = |piece: &[u8]| {
                passed += piece.len();
                Ok(())
            };
            compress(&content[..length], &mut packed, count).unwrap();
            compress(&content[..length], &mut again, |_| Ok(())).unwrap();
            assert!(packed == again && passed == length, "{length}");
            let mut back = Vec::new();
            let mut decoder = GzDecoder::new(packed.as_slice());
            decoder.read_to_end(&mut back).unwrap();
            assert!(back == content[..length], "{length}");
            assert!(decoder.into_inner().is_empty(), "{length}: something lies behind the one member");
        }
    }

    #[test]
    fn the_bytes_are_those_of_every_build() {
        // Who changes them changes the digest of every layer that was ever gzipped: then say so to the users.
        let mut packed = Vec::new();
        compress(b"the same bytes".as_slice(), &mut packed, |_| Ok(())).unwrap();
        assert_eq!(Digest::of(&packed).short(12), "d66e68daa092");
    }

    #[test]
    fn who_stops_it_ends_it() {
        let stop = |_: &[u8]| Err(io::Error::other("enough"));
        assert!(compress([7; 100].as_slice(), &mut Vec::new(), stop).is_err());
    }
}

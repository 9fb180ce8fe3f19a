//! gzip in blocks, with the same bytes for the same input wherever it runs: each block of the input is deflated by
//! itself and ends at a whole byte, and together they are one member (RFC 1952), as pigz does it. Every reader of gzip
//! reads it. [`super::packing`] has the cores do it.

use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// What docker push and skopeo take as well: zlib's default.
const LEVEL: u32 = 6;

/// Deflate, no time, no name, an unknown system: nothing in it tells who wrote it, and when.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A member's end, after its last block: the checksum and the length of what went in.
pub(super) fn trailer(sum: &Crc) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&sum.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&sum.amount().to_le_bytes());
    trailer
}

/// One block of a member, which may be empty, and its checksum.
pub(super) fn deflate(block: &[u8], is_last: bool) -> io::Result<(Vec<u8>, Crc)> {
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

//! One stream unpacked into a file. Blocks.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use super::super::pieces::PIECE;
use super::super::spool::SpoolFile;
use crate::oci::printable;
use crate::transport::{Error, Result};

/// First bytes that tell a compression.
pub(super) const MAGIC: usize = 6;

/// Bytes that are written between two looks at the tar's headers.
const LOOK: u64 = 1 << 20;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
    /// One that wharf does not read, and the program that does.
    Other(&'static str),
}

impl Compression {
    /// What the first bytes tell.
    pub(super) fn of(start: &[u8]) -> Compression {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
            // What a seekable zstd file may begin with: a frame to be skipped.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Other("xz -d"),
            [b'B', b'Z', b'h', ..] => Compression::Other("bzip2 -d"),
            _ => Compression::None,
        }
    }
}

/// Unpacks `from` into `to`. `look` is told how many bytes are there now, and answers whether no more are wanted. An
/// error of wharf's own comes inside the I/O error.
pub(super) fn unpack(
    mut from: impl BufRead,
    name: &Path,
    to: &mut SpoolFile,
    look: impl FnMut(u64) -> Result<bool>,
) -> io::Result<()> {
    let (start, from) = {
        let mut start = Vec::with_capacity(MAGIC);
        (&mut from).take(MAGIC as u64).read_to_end(&mut start)?;
        (start.clone(), io::Cursor::new(start).chain(from))
    };
    match Compression::of(&start) {
        Compression::None => pour(from, name, to, look),
        Compression::Gzip => pour(flate2::bufread::MultiGzDecoder::new(from), name, to, look),
        Compression::Zstd => pour(zstd::stream::read::Decoder::with_buffer(from)?, name, to, look),
        Compression::Other(program) => {
            let reason =
                format!("it is compressed in a way that wharf does not read; unpack it first ({program})");
            Err(io::Error::other(Error::Unsupported { at: name.display().to_string(), reason }))
        }
    }
}

fn pour(
    mut from: impl Read,
    name: &Path,
    to: &mut SpoolFile,
    mut look: impl FnMut(u64) -> Result<bool>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    // Early at first: most of what is no tar shows in its first block.
    let mut next_look = 512;
    loop {
        let read = match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(told(e, name)),
        };
        to.write_all(&piece[..read])?;
        if to.size() >= next_look {
            if look(to.size()).map_err(io::Error::other)? {
                return Ok(());
            }
            next_look = to.size() + LOOK;
        }
    }
}

/// A file system's errors have a number, wharf's own are errors inside; all others are the decoder's.
fn told(error: io::Error, name: &Path) -> io::Error {
    if error.raw_os_error().is_some() {
        return io::Error::other(Error::file("read", name, error));
    }
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short: the compressed stream ends too early".to_owned(),
        _ => format!("it cannot be unpacked: {}", printable(&error.to_string(), 200)),
    };
    io::Error::other(Error::Format { path: name.to_owned(), reason })
}

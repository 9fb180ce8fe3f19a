//! A writer that hashes what goes through it.

use std::io::{self, Write};

use crate::oci::{Digest, Hasher};

/// Passes everything on to a writer, and keeps its SHA-256 and its length.
pub(super) struct Summed<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Summed<W> {
    pub(super) fn new(out: W) -> Summed<W> {
        Summed { out, hasher: Hasher::sha256(), size: 0 }
    }

    /// The writer, the digest of what went through, and its bytes.
    pub(super) fn finish(self) -> (W, Digest, u64) {
        (self.out, self.hasher.finish(), self.size)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hasher.update(&bytes[..taken]);
        self.size += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

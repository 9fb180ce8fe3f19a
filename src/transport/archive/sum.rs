//! The archive's SHA-256, made while the archive is written: whenever its beginning is whole, that part is read
//! back from the page cache and hashed, so that little is left to do at the end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::oci::{Digest, Hasher};

/// Bytes that are read back at once: few enough to stay in a core's cache.
const READ: usize = 256 << 10;

/// The hash of the file's beginning.
#[derive(Debug)]
pub(super) struct Sum {
    hasher: Hasher,
    hashed: u64,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum { hasher: Hasher::sha256(), hashed: 0 }
    }
}

impl Sum {
    /// Bytes that are hashed.
    pub(super) fn hashed(&self) -> u64 {
        self.hashed
    }

    /// Hashes on until byte `until`; what is before it will not change any more.
    pub(super) fn advance(&mut self, file: &File, until: u64) -> io::Result<()> {
        let mut piece = vec![0; READ.min(until.saturating_sub(self.hashed) as usize)];
        while self.hashed < until {
            let length = (READ as u64).min(until - self.hashed) as usize;
            file.read_exact_at(&mut piece[..length], self.hashed)?;
            self.hasher.update(&piece[..length]);
            self.hashed += length as u64;
        }
        Ok(())
    }

    /// The digest of everything hashed so far.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }
}

//! zstd layers made gzip: Docker before 23 cannot load zstd. The size is known only at the end, so such a layer
//! goes through a file of its own.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::packing::{Packer, Packing};
use super::partial;
use super::pieces::{PIECE, Sink};
use super::summed::Summed;
use crate::oci::{Digest, printable};
use crate::transport::{Error, Result};

/// Whether bytes begin a zstd frame (RFC 8878, 3.1.1).
pub(super) fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// A layer in a file without a name: it vanishes when it is dropped, even if the process is killed.
#[derive(Debug)]
pub(super) struct SpooledLayer {
    file: File,
    /// Of what is in the file.
    pub(super) digest: Digest,
    /// Bytes in the file.
    pub(super) size: u64,
    /// Digest of the layer's tar, uncompressed; `None` if the layer was no zstd and is kept as it is.
    pub(super) diff_id: Option<Digest>,
}

/// Takes a zstd layer piece by piece and compresses it anew. What turns out not to be zstd is kept.
pub(super) struct Recompress {
    digest: Digest,
    /// The archive's partial file: the spool lies beside it.
    beside: PathBuf,
    stage: Stage,
    at: u64,
}

enum Stage {
    Empty,
    /// Hashed plain, between the one compression and the other.
    Zstd(Box<zstd::stream::write::Decoder<'static, Summed<Packer<Output>>>>),
    Kept(Output),
}

/// What is written into the file without a name.
type Output = Summed<File>;

impl Recompress {
    pub(super) fn new(digest: &Digest, beside: &Path) -> Recompress {
        Recompress { digest: digest.clone(), beside: beside.to_owned(), stage: Stage::Empty, at: 0 }
    }

    /// The whole layer, after its last piece.
    pub(super) fn finish(self) -> Result<SpooledLayer> {
        let failed = |e| failed(&self.digest, &self.beside, e);
        let (output, diff_id) = match self.stage {
            Stage::Empty => (output(&self.beside)?, None),
            Stage::Kept(output) => (output, None),
            Stage::Zstd(mut decoder) => {
                decoder.flush().map_err(failed)?;
                let (packer, diff_id, _) = decoder.into_inner().finish();
                (packer.finish().map_err(failed)?, Some(diff_id))
            }
        };
        let (file, digest, size) = output.finish();
        Ok(SpooledLayer { file, digest, size, diff_id })
    }

    fn begin(&mut self, first: &[u8]) -> Result<()> {
        let output = output(&self.beside)?;
        self.stage = match is_zstd(first) {
            false => Stage::Kept(output),
            true => {
                let plain = Summed::new(Packer::new(Packing::Layer, output));
                let decoder = zstd::stream::write::Decoder::new(plain);
                Stage::Zstd(Box::new(decoder.map_err(|e| failed(&self.digest, &self.beside, e))?))
            }
        };
        self.at = 0;
        Ok(())
    }
}

impl Sink for Recompress {
    fn put(&mut self, at: u64, piece: &[u8]) -> Result<()> {
        if at == 0 {
            self.begin(piece)?;
        } else if at != self.at {
            let found = io::Error::other(format!("byte {at} came where byte {} was due", self.at));
            return Err(failed(&self.digest, &self.beside, found));
        }
        let written = match &mut self.stage {
            Stage::Empty => Err(io::Error::other("the layer has no beginning")),
            Stage::Kept(output) => output.write_all(piece),
            Stage::Zstd(decoder) => decoder.write_all(piece),
        };
        written.map_err(|e| failed(&self.digest, &self.beside, e))?;
        self.at += piece.len() as u64;
        Ok(())
    }
}

/// A file system's errors have a number, zstd's have none.
fn failed(digest: &Digest, beside: &Path, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::file("write", beside, error),
        None => Error::Format {
            path: beside.to_owned(),
            reason: format!("layer {digest} cannot be made gzip: {}", printable(&error.to_string(), 200)),
        },
    }
}

/// A file without a name, beside the archive.
fn output(beside: &Path) -> Result<Output> {
    Ok(Summed::new(partial::nameless(beside)?))
}

impl SpooledLayer {
    /// Copies the layer into the archive.
    pub(super) fn copy_to(&self, archive: &File, offset: u64) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut at = 0;
        while at < self.size {
            let length = (PIECE as u64).min(self.size - at) as usize;
            self.file.read_exact_at(&mut piece[..length], at)?;
            archive.write_all_at(&piece[..length], offset + at)?;
            at += length as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    fn through(content: &[u8], restart: bool) -> Result<(SpooledLayer, Vec<u8>)> {
        let dir = tempfile::tempdir().unwrap();
        let partial = dir.path().join("a.tar.partial");
        let mut layer = Recompress::new(&Digest::of(content), &partial);
        if restart {
            layer.put(0, &content[..content.len() / 2])?;
        }
        let mut at = 0;
        for piece in content.chunks(1000) {
            layer.put(at, piece)?;
            at += piece.len() as u64;
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the spool has a name");
        let spool = layer.finish()?;
        let copy = tempfile::tempfile().unwrap();
        spool.copy_to(&copy, 0).unwrap();
        let mut bytes = vec![0; spool.size as usize];
        copy.read_exact_at(&mut bytes, 0).unwrap();
        Ok((spool, bytes))
    }

    #[test]
    fn zstd_becomes_gzip_with_the_same_content() {
        let content: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let mut packed = zstd::encode_all(&content[..5_000_000], 3).unwrap();
        packed.extend(zstd::encode_all(&content[5_000_000..], 3).unwrap());
        for restart in [false, true] {
            let (spool, bytes) = through(&packed, restart).unwrap();
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut back).unwrap();
            assert!(back == content);
            assert_eq!(spool.digest, Digest::of(&bytes));
            assert_eq!(spool.diff_id, Some(Digest::of(&content)));
        }
    }

    #[test]
    fn what_is_no_zstd_is_kept_and_what_is_broken_refused() {
        let (spool, bytes) = through(b"\x1f\x8b plain", false).unwrap();
        assert_eq!((bytes.as_slice(), spool.diff_id), (&b"\x1f\x8b plain"[..], None));
        let mut broken = zstd::encode_all(&[7u8; 100_000][..], 3).unwrap();
        broken[6] ^= 0xff;
        broken.extend([0xff; 64]);
        assert!(matches!(through(&broken, false), Err(Error::Format { .. })));
    }
}

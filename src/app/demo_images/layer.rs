//! Layers from recipes: a tar of invented files, packed with gzip. The same recipe always gives the same bytes.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::oci::{Descriptor, Digest, Hasher, media_type};

/// When every file was last changed: 2026-01-01, in seconds.
const CHANGED: u64 = 1_767_225_600;

/// What a layer is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Recipe {
    /// Says which bytes the files hold: another seed, another layer.
    pub(super) seed: String,
    pub(super) files: Vec<File>,
}

/// A file of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct File {
    /// Relative to the root.
    pub(super) path: String,
    pub(super) content: Content,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// A text.
    Text(String),
    /// That many bytes of noise, as large and as incompressible as programs' code.
    Noise(u64),
}

/// A packed layer.
pub(super) struct Layer {
    pub(super) bytes: Bytes,
    pub(super) descriptor: Descriptor,
    /// Digest of the tar.
    pub(super) diff_id: Digest,
}

impl Recipe {
    /// Packs the layer; `docker` chooses Docker's media type.
    pub(super) fn build(&self, docker: bool) -> io::Result<Layer> {
        let size: u64 = self.files.iter().map(File::size).sum();
        // Noise does not get smaller: packing it only costs time.
        let level = if size > 64 << 10 { Compression::none() } else { Compression::fast() };
        let packed = GzEncoder::new(Vec::with_capacity(size as usize + (64 << 10)), level);
        let mut builder = tar::Builder::new(Tar { packed, hasher: Hasher::sha256() });
        for file in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(file.size());
            header.set_mode(if file.path.contains("bin/") { 0o755 } else { 0o644 });
            header.set_mtime(CHANGED);
            match &file.content {
                Content::Text(text) => builder.append_data(&mut header, &file.path, text.as_bytes())?,
                Content::Noise(size) => {
                    let noise = Noise::new(&self.seed, &file.path, *size);
                    builder.append_data(&mut header, &file.path, noise)?;
                }
            }
        }
        let Tar { packed, hasher } = builder.into_inner()?;
        let bytes = Bytes::from(packed.finish()?);
        let kind = if docker { media_type::DOCKER_LAYER_GZIP } else { media_type::OCI_LAYER_GZIP };
        let descriptor = Descriptor::new(kind, Digest::of(&bytes), bytes.len() as u64);
        Ok(Layer { bytes, descriptor, diff_id: hasher.finish() })
    }
}

impl File {
    fn size(&self) -> u64 {
        match &self.content {
            Content::Text(text) => text.len() as u64,
            Content::Noise(size) => *size,
        }
    }
}

/// The tar on its way into gzip.
struct Tar {
    packed: GzEncoder<Vec<u8>>,
    hasher: Hasher,
}

impl Write for Tar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.packed.write(bytes)?;
        self.hasher.update(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Marsaglia's xorshift: fast, and the same everywhere.
struct Noise {
    state: u64,
    left: u64,
}

impl Noise {
    fn new(seed: &str, path: &str, size: u64) -> Noise {
        // FNV-1a spreads the texts over the state, which must not be 0.
        let state =
            seed.bytes().chain([0]).chain(path.bytes()).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Noise { state: state.max(1), left: size }
    }
}

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = (buffer.len() as u64).min(self.left) as usize;
        for chunk in buffer[..length].chunks_mut(8) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            let word = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        self.left -= length as u64;
        Ok(length)
    }
}

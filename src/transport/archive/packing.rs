//! Compressing on several cores: the bytes are cut into chunks of one size. Of a whole archive each becomes a gzip member
//! or a zstd frame of its own; gunzip, zstd and `docker load` read a row of them as one stream. Of a layer, whose
//! digest many tools will see, they become one member. What comes out depends on the bytes alone, however many cores
//! there are.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::thread::{self, JoinHandle};

use flate2::write::GzEncoder;
use flate2::{Compression, Crc};

use super::gzip;

/// Bytes that are compressed as one. The digest of every layer that is gzipped depends on it.
const CHUNK: usize = 1 << 20;
/// Bytes of a chunk's ends that tell whether it can be compressed.
const SAMPLE: usize = 32 << 10;
/// Chunks that are under way at the same time at most.
const AT_ONCE: usize = 8;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// What bytes become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// A whole archive: a row of gzip members.
    Gzip,
    /// A whole archive: a row of zstd frames.
    Zstd,
    /// A layer: one gzip member.
    Layer,
}

/// A chunk that is compressed.
struct Packed {
    bytes: Vec<u8>,
    /// Of a part of a member: the checksum of what is in it.
    sum: Option<Crc>,
}

impl Packing {
    /// What an archive's name asks for: `.gz`, `.tgz`, `.zst`, `.tzst`.
    pub(super) fn of(path: &Path) -> Option<Packing> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "gz" | "tgz" => Some(Packing::Gzip),
            "zst" | "tzst" => Some(Packing::Zstd),
            _ => None,
        }
    }

    fn pack(self, chunk: &[u8], is_last: bool) -> io::Result<Packed> {
        let bytes = match self {
            // Layers are compressed already, as a rule: looking for what is not there takes most of the time.
            Packing::Gzip if is_compressed(chunk)? => member(chunk, Compression::none())?,
            Packing::Gzip => member(chunk, Compression::default())?,
            Packing::Zstd => zstd::bulk::compress(chunk, ZSTD_LEVEL)?,
            Packing::Layer => {
                let (bytes, sum) = gzip::deflate(chunk, is_last)?;
                return Ok(Packed { bytes, sum: Some(sum) });
            }
        };
        Ok(Packed { bytes, sum: None })
    }
}

/// Whether a chunk does not get smaller, as far as its beginning and its end tell.
fn is_compressed(chunk: &[u8]) -> io::Result<bool> {
    let sample = SAMPLE.min(chunk.len());
    for part in [&chunk[..sample], &chunk[chunk.len() - sample..]] {
        if member(part, Compression::fast())?.len() <= sample / 100 * 98 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn member(bytes: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut member = GzEncoder::new(Vec::with_capacity(bytes.len()), level);
    member.write_all(bytes)?;
    member.finish()
}

/// Compresses what is written into it.
pub(super) struct Packer<W> {
    packing: Packing,
    out: W,
    chunk: Vec<u8>,
    /// In the order of the bytes.
    under_way: VecDeque<JoinHandle<io::Result<Packed>>>,
    at_once: usize,
    /// Nothing was handed over yet.
    is_empty: bool,
    /// Of a member: the checksum of what is written of it.
    sum: Crc,
}

impl<W: Write> Packer<W> {
    pub(super) fn new(packing: Packing, out: W) -> Packer<W> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (chunk, under_way, at_once) = (Vec::with_capacity(CHUNK), VecDeque::new(), cores.min(AT_ONCE));
        Packer { packing, out, chunk, under_way, at_once, is_empty: true, sum: Crc::new() }
    }

    /// Writes what is under way, and gives back where to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        // A member has to end: with an empty block where the last one was full.
        if self.is_empty || !self.chunk.is_empty() || self.packing == Packing::Layer {
            self.hand_over(true)?;
        }
        while self.write_first()? {}
        if self.packing == Packing::Layer {
            self.out.write_all(&gzip::trailer(&self.sum))?;
        }
        Ok(self.out)
    }

    /// Lets a thread compress the chunk at hand; the first is waited for where all are busy.
    fn hand_over(&mut self, is_last: bool) -> io::Result<()> {
        if self.is_empty && self.packing == Packing::Layer {
            self.out.write_all(&gzip::HEADER)?;
        }
        if self.under_way.len() >= self.at_once {
            self.write_first()?;
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK));
        let packing = self.packing;
        // A thread a chunk: starting one takes a thousandth of the time that its chunk does.
        let thread =
            thread::Builder::new().name("packing".to_owned()).spawn(move || packing.pack(&chunk, is_last))?;
        self.under_way.push_back(thread);
        self.is_empty = false;
        Ok(())
    }

    /// Writes the oldest chunk that is under way, if there is one.
    fn write_first(&mut self) -> io::Result<bool> {
        let Some(first) = self.under_way.pop_front() else { return Ok(false) };
        let packed = first.join().map_err(|_| io::Error::other("the compressing thread panicked"))??;
        self.out.write_all(&packed.bytes)?;
        if let Some(sum) = &packed.sum {
            self.sum.combine(sum);
        }
        Ok(true)
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.hand_over(false)?;
        }
        Ok(taken)
    }

    // A chunk ends where it is full; `finish` writes the last one.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn packed(packing: Packing, content: &[u8], piece: usize) -> Vec<u8> {
        let mut packer = Packer::new(packing, Vec::new());
        content.chunks(piece).for_each(|piece| packer.write_all(piece).unwrap());
        packer.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_one_stream_and_the_same_every_time() {
        let content: Vec<u8> = (0..1_500_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, content.len()] {
            let content = &content[..length];
            for packing in [Packing::Gzip, Packing::Zstd, Packing::Layer] {
                let once = packed(packing, content, 300_000);
                assert!(once == packed(packing, content, 7_001), "the pieces that come do not matter");
                let mut back = Vec::new();
                match packing {
                    Packing::Gzip => flate2::read::MultiGzDecoder::new(&once[..]).read_to_end(&mut back),
                    Packing::Zstd => {
                        zstd::stream::read::Decoder::new(&once[..]).unwrap().read_to_end(&mut back)
                    }
                    Packing::Layer => {
                        let mut member = flate2::read::GzDecoder::new(&once[..]);
                        let read = member.read_to_end(&mut back);
                        assert!(member.into_inner().is_empty(), "something lies behind the one member");
                        read
                    }
                }
                .unwrap();
                assert!(back == content, "{packing:?} {length}");
            }
        }
    }

    #[test]
    fn a_layer_has_the_bytes_of_every_build() {
        // Who changes them changes the digest of every layer that was ever gzipped: then say so to the users.
        let packed = packed(Packing::Layer, b"the same bytes", 5);
        assert_eq!(crate::oci::Digest::of(&packed).short(12), "d66e68daa092");
    }

    #[test]
    fn what_is_compressed_already_is_not_looked_at_for_long_and_grows_by_nothing() {
        let text: Vec<u8> =
            (0..600_000u32).flat_map(|n| n.to_string().into_bytes()).take(2 * CHUNK).collect();
        let packed_once = packed(Packing::Zstd, &text, CHUNK);
        let mut noise: Vec<u8> = Vec::new();
        while noise.len() < CHUNK {
            noise.extend(&packed_once);
        }
        let size = packed(Packing::Gzip, &noise[..CHUNK], CHUNK).len();
        assert!(size < CHUNK + CHUNK / 1000, "{size}");
        // A chunk that begins so and goes on otherwise is worth it.
        noise.truncate(CHUNK / 2);
        noise.extend(&text[..CHUNK / 2]);
        let size = packed(Packing::Gzip, &noise, CHUNK).len();
        assert!(size < CHUNK / 4 * 3, "{size}");
    }

    #[test]
    fn the_name_says_how() {
        for (name, want) in [
            ("a.tar", None),
            ("a", None),
            ("a.tar.gz", Some(Packing::Gzip)),
            ("a.TGZ", Some(Packing::Gzip)),
            ("a.tar.zst", Some(Packing::Zstd)),
            ("gz", None),
            ("a.gz/b", None),
        ] {
            assert_eq!(Packing::of(Path::new(name)), want, "{name}");
        }
    }
}

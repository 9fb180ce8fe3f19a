//! Where every blob lies in the archive: offsets are known before the first byte comes, so that blobs are written
//! side by side. Only layers that must be compressed anew have no place until the end.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::tar_entry::{self, BLOCK};
use crate::oci::{Descriptor, Digest, media_type};

/// The first entry of every archive.
pub(super) const FIRST_DIRECTORY: &str = "blobs/";

/// The archive's blobs and their places, in bytes from the file's start.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    slots: HashMap<Digest, Slot>,
    /// Blobs with a place, as they follow each other.
    placed: Vec<Digest>,
    /// Layers without one, in the order they were announced.
    spooled: Vec<Digest>,
    /// Algorithms whose directory is there.
    directories: Vec<String>,
    end: u64,
}

/// A blob of the archive.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) size: u64,
    pub(super) place: Place,
    /// All of it is written.
    pub(super) done: bool,
    /// Held while somebody writes it, so that a second writer waits instead of writing over the first.
    pub(super) turn: Arc<Mutex<()>>,
}

/// Where a blob is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At this offset of the archive.
    At {
        /// The offset.
        base: u64,
        /// How many blobs have a place before it.
        nth: usize,
    },
    /// Into a file of its own, compressed anew.
    Spool,
}

/// Blocks to write at an offset.
pub(super) type Blocks = Vec<(u64, Vec<u8>)>;

impl Layout {
    /// Gives places to blobs that have none yet; the answer is the headers to write. Small blobs come first:
    /// sent side by side they are whole first, so the part of the file that is whole grows from its beginning. With
    /// `recompresses` zstd layers get no place: they become gzip.
    pub(super) fn add(&mut self, blobs: &[Descriptor], recompresses: bool) -> Blocks {
        let mut blocks = Blocks::new();
        if self.end == 0 {
            self.header(&mut blocks, tar_entry::directory_header(FIRST_DIRECTORY));
            self.directory(&mut blocks, "sha256");
        }
        let mut fresh: Vec<&Descriptor> =
            blobs.iter().filter(|b| !self.slots.contains_key(&b.digest)).collect();
        fresh.sort_by(|a, b| a.size.cmp(&b.size).then_with(|| a.digest.cmp(&b.digest)));
        fresh.dedup_by(|a, b| a.digest == b.digest);
        for blob in fresh {
            let place = match recompresses && media_type::is_zstd_layer(&blob.media_type) {
                true => {
                    self.spooled.push(blob.digest.clone());
                    Place::Spool
                }
                false => {
                    let nth = self.placed.len();
                    Place::At { base: self.place(&mut blocks, &blob.digest, blob.size), nth }
                }
            };
            self.slots.insert(
                blob.digest.clone(),
                Slot { size: blob.size, place, done: false, turn: Arc::default() },
            );
        }
        blocks
    }

    /// Gives a place to content that comes at the end; the answer is its offset.
    pub(super) fn append(&mut self, blocks: &mut Blocks, path: &str, size: u64) -> u64 {
        self.header(blocks, tar_entry::file_header(path, size));
        let data = self.end;
        self.end += tar_entry::padded(size);
        data
    }

    fn place(&mut self, blocks: &mut Blocks, digest: &Digest, size: u64) -> u64 {
        self.directory(blocks, digest.algorithm());
        let data = self.append(blocks, &blob_path(digest), size);
        self.placed.push(digest.clone());
        data
    }

    fn directory(&mut self, blocks: &mut Blocks, algorithm: &str) {
        if !self.directories.iter().any(|there| there == algorithm) {
            self.header(blocks, tar_entry::directory_header(&format!("{FIRST_DIRECTORY}{algorithm}/")));
            self.directories.push(algorithm.to_owned());
        }
    }

    fn header(&mut self, blocks: &mut Blocks, header: Vec<u8>) {
        let at = self.end;
        self.end += header.len() as u64;
        blocks.push((at, header));
    }

    /// Ends the archive.
    pub(super) fn close(&mut self) {
        self.end += tar_entry::END;
    }

    /// The sizes of the blobs that have a place, as they follow each other.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.placed.iter().filter_map(|digest| self.slots.get(digest)).map(|slot| slot.size)
    }

    /// The zeros between the places' ends and the next header.
    pub(super) fn padding(&self) -> Blocks {
        let places = self.placed.iter().filter_map(|digest| self.slots.get(digest));
        let padding = places.filter_map(|slot| match slot.place {
            Place::At { base, .. } => {
                Some((base + slot.size, vec![0; (tar_entry::padded(slot.size) - slot.size) as usize]))
            }
            Place::Spool => None,
        });
        padding.collect()
    }

    /// The archive's length so far.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn slot(&self, digest: &Digest) -> Option<&Slot> {
        self.slots.get(digest)
    }

    /// Notes that a blob is whole.
    pub(super) fn done(&mut self, digest: &Digest) {
        if let Some(slot) = self.slots.get_mut(digest) {
            slot.done = true;
        }
    }

    /// A blob that was announced and is not whole.
    pub(super) fn missing(&self) -> Option<&Digest> {
        self.placed
            .iter()
            .chain(&self.spooled)
            .find(|digest| !self.slots.get(*digest).is_some_and(|s| s.done))
    }

    /// How far the file will not change any more.
    pub(super) fn whole_until(&self) -> u64 {
        let open = self.placed.iter().filter_map(|digest| self.slots.get(digest)).find(|slot| !slot.done);
        match open.map(|slot| slot.place) {
            Some(Place::At { base, .. }) => base,
            _ => self.end,
        }
    }

    /// Bytes that the blobs need on disk, as far as they are known: a layer that is compressed anew lies there
    /// twice for a moment.
    pub(super) fn needs(&self) -> u64 {
        let spooled = self.spooled.iter().filter_map(|digest| self.slots.get(digest));
        self.end + spooled.map(|slot| 2 * (slot.size + BLOCK)).sum::<u64>()
    }
}

/// A blob's path in an OCI layout.
pub(super) fn blob_path(digest: &Digest) -> String {
    format!("{FIRST_DIRECTORY}{}/{}", digest.algorithm(), digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(content: &str, size: u64) -> Descriptor {
        Descriptor::new(media_type::OCI_LAYER_GZIP, Digest::of(content.as_bytes()), size)
    }

    #[test]
    fn every_blob_has_one_place_and_small_ones_come_first() {
        let (small, large) = (blob("small", 1), blob("large", 9 << 30));
        let zstd = Descriptor::new(media_type::OCI_LAYER_ZSTD, Digest::of(b"zstd"), 1000);
        let mut layout = Layout::default();
        let blocks = layout.add(&[small.clone(), large.clone(), small.clone(), zstd.clone()], true);
        assert_eq!(blocks.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 512, 1024, 2048]);
        assert_eq!(layout.slot(&large.digest).unwrap().place, Place::At { base: 2560, nth: 1 });
        assert_eq!(layout.slot(&zstd.digest).unwrap().place, Place::Spool);
        assert_eq!(layout.end(), 2560 + (9 << 30));
        assert!(layout.needs() > layout.end() + 2000);
        assert_eq!(layout.whole_until(), 1536);
        layout.done(&small.digest);
        assert_eq!(layout.whole_until(), 2560);
        layout.done(&large.digest);
        assert_eq!(layout.missing(), Some(&zstd.digest));
        let end = layout.end();
        assert!(layout.add(&[small], true).is_empty());
        assert_eq!(layout.end(), end);
        let mut kept = Layout::default();
        kept.add(std::slice::from_ref(&zstd), false);
        assert!(matches!(kept.slot(&zstd.digest).unwrap().place, Place::At { .. }));
    }
}

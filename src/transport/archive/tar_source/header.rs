//! A tar's headers, one after the other: where each entry's content lies, without reading it. The `tar` crate knows
//! the fields; the walk is wharf's own because the crate reads long names and extended headers into memory whole,
//! and they may claim any size.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use tar::{EntryType, Header};

use super::super::tar_entry::{BLOCK, padded};
use crate::oci::printable;
use crate::transport::{Error, Result};

/// Headers that an archive may have: far more than any image needs, and little enough for memory.
const ENTRY_LIMIT: usize = 100_000;

/// Bytes that all names and link targets may have together.
const NAMES_LIMIT: usize = 32 << 20;

/// Bytes that a long name or an extended header may have.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// An entry of the tar.
#[derive(Debug)]
pub(super) struct Found {
    /// As it is written.
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryType,
    /// A link's target.
    pub(super) target: Vec<u8>,
    /// Where its content lies, in bytes from the file's beginning.
    pub(super) at: u64,
    pub(super) size: u64,
}

/// Goes through the headers of a file, which may still grow.
#[derive(Debug)]
pub(super) struct Headers {
    file: Arc<File>,
    path: PathBuf,
    /// Bytes that are there.
    length: u64,
    /// Whether these are all.
    is_whole: bool,
    place: Place,
}

/// Where the walk is.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    at: u64,
    /// Where the last entry's content ends, which may not have come yet.
    end: u64,
    seen: usize,
    names: usize,
    /// The archive's end was found.
    is_end: bool,
}

/// What headers in front of an entry say of it.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Headers {
    /// The headers of `file`; `path` names it in errors.
    pub(super) fn new(file: Arc<File>, path: PathBuf) -> Headers {
        Headers { file, path, length: 0, is_whole: false, place: Place::default() }
    }

    /// The file has `length` bytes now; `is_whole` says that no more will come.
    pub(super) fn grown(&mut self, length: u64, is_whole: bool) {
        (self.length, self.is_whole) = (length, is_whole);
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether the archive's end was found: nothing behind it counts.
    pub(super) fn is_at_end(&self) -> bool {
        self.place.is_end
    }

    /// The next entry that is more than a header's extension; `None` at the end, and where its header has not come
    /// yet.
    pub(super) fn next(&mut self) -> Result<Option<Found>> {
        let before = self.place;
        let found = self.step()?;
        if found.is_none() && !self.place.is_end {
            self.place = before;
        }
        Ok(found)
    }

    fn step(&mut self) -> Result<Option<Found>> {
        let mut extension = Extension::default();
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.entry_type();
            let own = header.entry_size().map_err(|_| self.broken())?;
            let size = extension.size.filter(|_| !is_extension(kind)).unwrap_or(own);
            let at = self.place.at;
            let name = || printable(&String::from_utf8_lossy(&header.path_bytes()), 200);
            let end = at.checked_add(size).filter(|end| *end <= u64::MAX / 2);
            let end = end.filter(|end| !self.is_whole || *end <= self.length);
            let Some(end) = end else {
                return Err(self.wrong(format!("it is cut short: {} is not whole", name())));
            };
            if is_extension(kind) && size > EXTENSION_LIMIT {
                return Err(self.wrong(format!("a name or an extended header has {size} bytes")));
            }
            if is_extension(kind) && end > self.length {
                return Ok(None);
            }
            (self.place.at, self.place.end) = (padded(end), end);
            match kind {
                EntryType::GNULongName => extension.name = Some(text(self.small(at, size)?)),
                EntryType::GNULongLink => extension.target = Some(text(self.small(at, size)?)),
                EntryType::XHeader => extension.read(&self.small(at, size)?),
                // Defaults for all that follow: nothing that matters here.
                EntryType::XGlobalHeader => {}
                EntryType::GNUSparse => {
                    return Err(self.wrong(format!("{} is a sparse file, which no image has", name())));
                }
                kind => {
                    let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
                    let linked = || header.link_name_bytes().map(|t| t.into_owned()).unwrap_or_default();
                    let target = extension.target.unwrap_or_else(linked);
                    self.place.names += name.len() + target.len();
                    if self.place.names > NAMES_LIMIT {
                        return Err(self.wrong(format!("its names are longer than {NAMES_LIMIT} bytes")));
                    }
                    return Ok(Some(Found { name, kind, target, at, size }));
                }
            }
        }
    }

    /// The header at hand; `None` at the archive's end, or where it has not come yet.
    fn header(&mut self) -> Result<Option<Header>> {
        let left = self.length.saturating_sub(self.place.at);
        if self.place.is_end || (left < BLOCK && !self.is_whole) {
            return Ok(None);
        }
        if self.is_whole && self.place.end > self.length {
            return Err(self.wrong("it is cut short: its last entry is not whole".to_owned()));
        }
        if left == 0 && self.place.seen > 0 {
            self.place.is_end = true;
            return Ok(None);
        }
        if left < BLOCK {
            return Err(match self.place.seen {
                0 => self.broken(),
                _ => self.wrong("it is cut short: it ends in the middle of a header".to_owned()),
            });
        }
        let mut header = Header::new_old();
        self.read(header.as_mut_bytes(), self.place.at)?;
        self.place.at += BLOCK;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            self.place.is_end = true;
            return Ok(None);
        }
        // The field itself counts as blanks.
        let sum = |range: &[u8]| range.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        let bytes = header.as_bytes();
        let found = sum(&bytes[..148]) + sum(&bytes[156..]) + 8 * u32::from(b' ');
        if header.cksum().ok() != Some(found) {
            return Err(self.broken());
        }
        self.place.seen += 1;
        if self.place.seen > ENTRY_LIMIT {
            return Err(self.wrong(format!("it has more than {ENTRY_LIMIT} entries")));
        }
        Ok(Some(header))
    }

    /// An extension's content.
    fn small(&self, at: u64, size: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; size as usize];
        self.read(&mut bytes, at)?;
        Ok(bytes)
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file.read_exact_at(bytes, at).map_err(|e| Error::file("read", &self.path, e))
    }

    fn broken(&self) -> Error {
        self.wrong(match self.place.seen {
            0 => "this is no tar that can be read".to_owned(),
            seen => format!("the tar is damaged behind its entry number {seen}"),
        })
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Format { path: self.path.clone(), reason }
    }
}

impl Extension {
    /// A POSIX extended header (pax): only what says where content lies and what it is called.
    fn read(&mut self, records: &[u8]) {
        for record in tar::PaxExtensions::new(records).flatten() {
            let value = record.value_bytes();
            match record.key_bytes() {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"size" => self.size = record.value().ok().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
    }
}

fn is_extension(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
    )
}

/// A long name without the zero behind it.
fn text(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

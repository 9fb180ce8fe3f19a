//! What lies where in a tar. Nothing is unpacked, so no entry can be written anywhere; links count only inside the
//! archive. All functions block.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::header::{Found, Headers};
use crate::oci::{MANIFEST_LIMIT, printable};
use crate::transport::{Error, Result};

/// Links that are followed from one name.
const LINK_LIMIT: usize = 16;

/// A tar's names and where their content lies.
#[derive(Debug)]
pub(in super::super) struct Contents {
    path: PathBuf,
    file: Arc<File>,
    headers: Headers,
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    File(Extent),
    /// Another name's content.
    Link(String),
}

/// Content at an offset of the file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Extent {
    pub(super) at: u64,
    pub(super) size: u64,
}

impl Contents {
    /// An open file, of which nothing is known yet; `path` names it in errors.
    pub(in super::super) fn empty(file: File, path: &Path) -> Contents {
        let file = Arc::new(file);
        let headers = Headers::new(Arc::clone(&file), path.to_owned());
        Contents { path: path.to_owned(), file, headers, entries: HashMap::new() }
    }

    /// Reads the headers that have come: of `length` bytes, which are all of the file if `is_whole`. The answer is
    /// whether the archive's end was found.
    pub(in super::super) fn grow(&mut self, length: u64, is_whole: bool) -> Result<bool> {
        self.headers.grown(length, is_whole);
        while let Some(found) = self.headers.next()? {
            self.note(&found)?;
        }
        if is_whole {
            // Those that nobody asks for as well: what is made to mislead is not read at all.
            let links = self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Link(_)));
            for (name, _) in links {
                self.find(name)?;
            }
        }
        Ok(self.headers.is_at_end())
    }

    /// Notes an entry. Of two with one name the last counts, as for tar.
    fn note(&mut self, found: &Found) -> Result<()> {
        // What is asked for has plain names; the others need only be no attack.
        let name = String::from_utf8_lossy(&found.name);
        let shown = || printable(&name, 200);
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return Err(self.wrong(format!("its entry {} would lie outside; it is not read", shown())));
        }
        let Some(place) = inside("", &name) else { return Ok(()) };
        let kind = found.kind;
        let entry = if kind.is_file() && name.ends_with('/') {
            // How tar wrote directories before it had a type for them.
            None
        } else if kind.is_file() || kind.is_contiguous() {
            Some(Entry::File(Extent { at: found.at, size: found.size }))
        } else if kind.is_symlink() || kind.is_hard_link() {
            let target = String::from_utf8_lossy(&found.target);
            // A hard link's target is written from the archive's root.
            let from = if kind.is_symlink() { place.rsplit_once('/').map_or("", |(dir, _)| dir) } else { "" };
            let Some(target) = inside(from, &target) else {
                let target = printable(&target, 200);
                return Err(self.wrong(format!("its link {} leads outside, to {target:?}", shown())));
            };
            Some(Entry::Link(target))
        } else {
            None
        };
        match entry {
            Some(entry) => self.entries.insert(place, entry),
            None => self.entries.remove(&place),
        };
        Ok(())
    }

    /// The archive for people.
    pub(super) fn at(&self) -> String {
        self.path.display().to_string()
    }

    /// Bytes of the tar that were read.
    pub(super) fn length(&self) -> u64 {
        self.headers.length()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// An error about the archive.
    pub(super) fn wrong(&self, reason: String) -> Error {
        Error::Format { path: self.path.clone(), reason }
    }

    /// Whether a name is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Where a name's content lies, through the archive's own links.
    pub(super) fn find(&self, name: &str) -> Result<Option<Extent>> {
        let mut at = name;
        for _ in 0..LINK_LIMIT {
            match self.entries.get(at) {
                None => return Ok(None),
                Some(Entry::File(extent)) => return Ok(Some(*extent)),
                Some(Entry::Link(target)) => at = target,
            }
        }
        Err(self.wrong(format!("the links from {} lead in a circle", printable(name, 200))))
    }

    /// A small file, whole.
    pub(super) fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(extent) = self.find(name)? else { return Ok(None) };
        if extent.size > MANIFEST_LIMIT as u64 {
            let name = printable(name, 200);
            return Err(self.wrong(format!("{name} is larger than {MANIFEST_LIMIT} bytes")));
        }
        let mut bytes = vec![0; extent.size as usize];
        self.section(extent).read_exact(&mut bytes).map_err(|e| Error::file("read", &self.path, e))?;
        Ok(Some(bytes))
    }

    /// Reads content from its beginning.
    pub(super) fn section(&self, extent: Extent) -> Section {
        Section { file: Arc::clone(&self.file), at: extent.at, end: extent.at + extent.size }
    }
}

/// A part of a file, read in order.
#[derive(Debug)]
pub(in super::super) struct Section {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = bytes.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut bytes[..wanted], self.at)?;
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// A name inside the archive, from its root; `None` if it leads out or is the root itself.
pub(super) fn inside(directory: &str, name: &str) -> Option<String> {
    if name.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

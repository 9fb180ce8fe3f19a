//! Which repositories there are: the directories under the root, never through a symbolic link.

use std::fs;
use std::path::{Path, PathBuf};

use super::blob::is_absent;
use super::layout::IMAGE;
use crate::oci::Repository;
use crate::transport::{Error, Result};

/// A name in a directory. What is neither file nor directory is a link or a device, and none of the store's.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) is_directory: bool,
    pub(super) is_file: bool,
}

/// A directory's entries; none if it is not there. Blocking.
pub(super) fn entries(directory: &Path) -> Result<Vec<Entry>> {
    let failed = |e| Error::file("list", directory, e);
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(e) if is_absent(&e) => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut all = Vec::new();
    for entry in listed {
        let entry = entry.map_err(failed)?;
        // No name of the store's is other than text.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let kind = entry.file_type().map_err(failed)?;
        let (is_directory, is_file) = (kind.is_dir(), kind.is_file());
        all.push(Entry { path: entry.path(), name, is_directory, is_file });
    }
    Ok(all)
}

/// Every repository with an `_image` directory, whatever is in it, sorted. Blocking.
pub(super) fn image_directories(root: &Path) -> Result<Vec<Repository>> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((directory, name)) = open.pop() {
        for entry in entries(&directory)?.into_iter().filter(|e| e.is_directory) {
            if entry.name == IMAGE {
                found.extend(name.parse::<Repository>().ok());
                continue;
            }
            let name = match name.is_empty() {
                true => entry.name,
                false => format!("{name}/{}", entry.name),
            };
            // A directory whose name no repository can have holds none either.
            if name.parse::<Repository>().is_ok() {
                open.push((entry.path, name));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

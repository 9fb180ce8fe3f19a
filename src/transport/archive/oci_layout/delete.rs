//! Taking an image out of a layout: its name from the index, and what nothing else there needs.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use super::super::blocking;
use super::OciLayout;
use super::directory::{Directory, INDEX, MARKER};
use super::index;
use crate::oci::{Descriptor, Digest, Document, Reference};
use crate::transport::{Error, Removed, Result};

impl OciLayout {
    /// Takes an image off the layout at `path`: under one name, or wherever it is listed. With its last name go its
    /// blobs that nothing else there needs, unless somebody is writing. `None` if it was not listed.
    pub async fn remove(path: &Path, digest: &Digest, name: Option<&str>) -> Result<Option<Removed>> {
        let (directory, digest) = (Directory::new(path), digest.clone());
        let name = name.map(str::to_owned);
        blocking(move || remove(&directory, &digest, name.as_deref())).await
    }
}

fn remove(directory: &Directory, digest: &Digest, name: Option<&str>) -> Result<Option<Removed>> {
    // One at a time reads, changes and replaces the index; a file system without locks has to do without.
    let lock = File::open(directory.root().join(MARKER)).ok();
    if let Some(lock) = &lock {
        let _ = lock.lock();
    }
    let wrong = |reason: String| Error::Format { path: directory.root().join(INDEX), reason };
    let bytes = directory.read(INDEX)?;
    let mut value: Value = serde_json::from_slice(&bytes).map_err(|e| wrong(format!("not JSON: {e}")))?;
    let Some(list) = value.get_mut("manifests").and_then(Value::as_array_mut) else { return Ok(None) };
    let (before, mut image) = (list.len(), None);
    list.retain(|entry| {
        let Ok(found) = Descriptor::from_json(entry) else { return true };
        let goes = found.digest == *digest && name.is_none_or(|name| is_called(&found, name));
        if goes {
            image = Some(found);
        }
        !goes
    });
    let Some(image) = image.filter(|_| list.len() < before) else { return Ok(None) };
    let bytes = serde_json::to_vec(&value).map_err(|e| wrong(e.to_string()))?;
    directory.write_whole(INDEX, &bytes, super::super::partial::Existing::Replace)?;
    let entries = index::entries(&bytes).map_err(wrong)?;
    Ok(Some(sweep(directory, image, entries)?))
}

/// Whether an entry has this name, written in full or as people write it.
fn is_called(entry: &Descriptor, name: &str) -> bool {
    let full = name.parse::<Reference>().ok();
    index::names(entry).any(|own| own == name || (full.is_some() && own.parse::<Reference>().ok() == full))
}

/// Removes what the image needed and the entries that are left do not.
fn sweep(directory: &Directory, image: Descriptor, entries: Vec<Descriptor>) -> Result<Removed> {
    let mut removed = Removed::default();
    // What a damaged manifest needs is unknown; and what is being written may need anything.
    let (Ok(needed), Ok(kept)) = (needed(directory, vec![image]), needed(directory, entries)) else {
        return Ok(removed);
    };
    let busy = directory.unfinished_bytes() > 0;
    for (digest, is_manifest) in needed.iter().filter(|(digest, _)| !kept.contains_key(*digest)) {
        let path = directory.root().join(index::blob_path(digest));
        let Ok(there) = fs::symlink_metadata(&path) else { continue };
        if busy {
            removed.left += there.len();
            continue;
        }
        fs::remove_file(&path).map_err(|e| Error::file("delete", &path, e))?;
        removed.manifests += u64::from(*is_manifest);
        removed.blobs += 1;
        removed.bytes += if there.nlink() == 1 { there.len() } else { 0 };
    }
    Ok(removed)
}

/// Everything that images are made of, and whether it is a manifest. A part of an index that is not there, because only
/// some platforms were copied, needs nothing.
fn needed(directory: &Directory, mut open: Vec<Descriptor>) -> Result<HashMap<Digest, bool>> {
    let mut needed = HashMap::new();
    while let Some(next) = open.pop() {
        if needed.insert(next.digest.clone(), true) == Some(true) {
            continue;
        }
        let raw = match directory.manifest(&next.digest, &next.media_type) {
            Err(e) if e.is_not_found() => continue,
            other => other?,
        };
        match raw.parse().map_err(|source| Error::Manifest { at: directory.at(), source })? {
            Document::Index(index) => open.extend(index.manifests),
            Document::Image(image) => {
                for blob in image.blobs() {
                    needed.entry(blob.digest.clone()).or_insert(false);
                }
            }
        }
    }
    Ok(needed)
}

//! A layout's directory on disk: reading without leaving it, writing without half-written names.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::super::journal;
use super::super::partial::{self, Claim, Existing, Partial};
use super::index;
use crate::oci::{Descriptor, Digest, MANIFEST_LIMIT, RawManifest};
use crate::transport::{Error, Result};

pub(super) const MARKER: &str = "oci-layout";
pub(super) const INDEX: &str = "index.json";

/// Partial files that are tried for one blob before giving up: one for each process that writes it.
const WRITERS: u32 = 100;

/// How long what nobody goes on with is left lying.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// A layout's directory. All of its functions block.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) fn new(root: &Path) -> Directory {
        Directory { root: root.to_owned() }
    }

    /// The layout for people.
    pub(super) fn at(&self) -> String {
        format!("oci:{}", self.root.display())
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Opens a regular file of the layout, whatever links there are on the way, as long as they stay inside.
    pub(super) fn open(&self, relative: &str) -> Result<(File, u64)> {
        let path = self.root.join(relative);
        let failed = |e| Error::file("read", &path, e);
        let root = self.root.canonicalize().map_err(failed)?;
        let real = path.canonicalize().map_err(failed)?;
        if !real.starts_with(&root) {
            return Err(Error::Format { path, reason: "a link leads out of the layout".to_owned() });
        }
        // Never waiting for the other end of a FIFO.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&real).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        match there.is_file() {
            true => Ok((file, there.len())),
            false => Err(Error::Format { path, reason: "this is no regular file".to_owned() }),
        }
    }

    /// A whole small file.
    pub(super) fn read(&self, relative: &str) -> Result<Vec<u8>> {
        let (file, _) = self.open(relative)?;
        let path = self.root.join(relative);
        let mut bytes = Vec::new();
        file.take(MANIFEST_LIMIT as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::file("read", &path, e))?;
        match bytes.len() > MANIFEST_LIMIT {
            true => Err(Error::Format { path, reason: format!("it is larger than {MANIFEST_LIMIT} bytes") }),
            false => Ok(bytes),
        }
    }

    /// The entries of `index.json`. A directory that is no layout is an error that says so.
    pub(super) fn entries(&self) -> Result<Vec<Descriptor>> {
        fs::read_dir(&self.root).map_err(|e| Error::file("read", &self.root, e))?;
        let bytes = self.read(INDEX).map_err(|e| match e {
            Error::File { source, .. } if source.kind() == io::ErrorKind::NotFound => Error::Format {
                path: self.root.clone(),
                reason: "this is no OCI layout: it has no index.json".to_owned(),
            },
            other => other,
        })?;
        self.check_version()?;
        index::entries(&bytes).map_err(|reason| Error::Format { path: self.root.join(INDEX), reason })
    }

    /// The version is 1.x, or not said: some tools forget the file.
    fn check_version(&self) -> Result<()> {
        let bytes = match self.read(MARKER) {
            Ok(bytes) => bytes,
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let version = value.as_ref().and_then(|v| v.get("imageLayoutVersion")?.as_str());
        match version.is_some_and(|version| version.starts_with("1.")) {
            true => Ok(()),
            false => {
                let reason = "this is no version 1 of the OCI image layout".to_owned();
                Err(Error::Format { path: self.root.join(MARKER), reason })
            }
        }
    }

    /// A manifest's bytes, verified. `kind` is its media type where something told it, else empty.
    pub(super) fn manifest(&self, digest: &Digest, kind: &str) -> Result<RawManifest> {
        let bytes = self.read(&index::blob_path(digest)).map_err(|e| match e {
            Error::File { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Error::NotFound { what: format!("manifest {digest}"), at: self.at() }
            }
            other => other,
        })?;
        if !digest.matches(&bytes) {
            let at = format!("{} {digest}", self.at());
            let found = Digest::of(&bytes).to_string();
            return Err(Error::Content {
                attempted: "read manifest",
                at,
                expected: digest.to_string(),
                found,
            });
        }
        Ok(RawManifest::with_digest(bytes.into(), kind, digest.clone()))
    }

    /// Whether a blob is there with its size.
    pub(super) fn has_blob(&self, blob: &Descriptor) -> bool {
        fs::symlink_metadata(self.root.join(index::blob_path(&blob.digest)))
            .is_ok_and(|there| there.is_file() && there.len() == blob.size)
    }

    /// A directory that can become a layout or is one; anything else in it is somebody's.
    pub(super) fn check_writable(&self) -> Result<()> {
        let inside = match fs::read_dir(&self.root) {
            Ok(inside) => inside,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::file("open", &self.root, e)),
        };
        let is_layout = [MARKER, INDEX].iter().any(|name| self.root.join(name).is_file());
        // A layout that another process is just making holds only its partial marker.
        let is_begun = |name: &std::ffi::OsStr| {
            name.to_str().is_some_and(|name| name.starts_with(MARKER) && name.ends_with(".partial"))
        };
        let mut others =
            inside.filter(|entry| !entry.as_ref().is_ok_and(|entry| is_begun(&entry.file_name())));
        // It may have become a layout since the first look.
        if !is_layout && others.next().is_some() && !self.root.join(MARKER).is_file() {
            let reason = "the directory is not empty and no OCI layout".to_owned();
            return Err(Error::Conflict { at: self.root.display().to_string(), reason });
        }
        self.check_version()
    }

    /// Makes the layout where there is none.
    pub(super) fn make(&self) -> Result<()> {
        self.check_writable()?;
        partial::make_directory(&self.root)?;
        if !self.root.join(MARKER).exists() {
            // Never replaced: others may hold the lock on it already.
            self.write_whole(MARKER, index::OCI_LAYOUT, Existing::Keep)?;
        }
        Ok(())
    }

    /// A partial file for a blob, with what a dead writer of it left.
    pub(super) fn claim_blob(&self, digest: &Digest) -> Result<Partial> {
        let path = self.root.join(index::blob_path(digest));
        partial::make_directory(partial::directory_of(&path))?;
        self.claim(&index::blob_path(digest))
    }

    fn claim(&self, relative: &str) -> Result<Partial> {
        for n in 1..=WRITERS {
            let again = if n > 1 { format!(".{n}") } else { String::new() };
            let path = self.root.join(format!("{relative}{again}.partial"));
            // Nobody but writers of layouts has business with such names in here.
            if let Claim::Ours(partial) = partial::claim(&path, |_| Ok(true))? {
                return Ok(partial);
            }
        }
        let reason = format!("{WRITERS} others are writing it");
        Err(Error::Conflict { at: self.root.join(relative).display().to_string(), reason })
    }

    /// The partial files among the blobs.
    fn unfinished(&self) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
        let directories = ["sha256", "sha512"].map(|algorithm| self.root.join("blobs").join(algorithm));
        let entries = directories.into_iter().filter_map(|path| fs::read_dir(path).ok()).flatten().flatten();
        entries.filter_map(|entry| {
            let is_partial = entry.path().extension().is_some_and(|extension| extension == "partial");
            let there = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            is_partial.then(|| (entry.path(), there))
        })
    }

    /// Bytes of blobs that are there in part.
    pub(super) fn unfinished_bytes(&self) -> u64 {
        // Not their lengths: there may be holes in them.
        self.unfinished().map(|(_, there)| there.blocks().saturating_mul(512)).sum()
    }

    /// Removes what dead writers left of blobs that are not among those to come, once it is a day old.
    pub(super) fn sweep(&self, coming: &[Descriptor]) {
        for (path, there) in self.unfinished() {
            let age = there.modified().ok().and_then(|time| time.elapsed().ok()).unwrap_or_default();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if age > STALE && !coming.iter().any(|blob| name.starts_with(blob.digest.hex())) {
                // Dropped, it is removed.
                drop(partial::claim(&path, |_| Ok(true)));
            }
        }
    }

    /// How many bytes of a blob a dead writer left in its partial file.
    pub(super) fn left(&self, partial: &Partial, blob: &Descriptor) -> Result<u64> {
        // Written in order there is no journal, and all that is there is the blob's beginning.
        let journal = journal::read(partial.file(), blob.size, 1);
        match journal.as_deref() {
            Some([accepted]) => Ok(*accepted),
            _ => partial.len(),
        }
    }

    /// Gives a whole blob its name.
    pub(super) fn commit_blob(&self, mut partial: Partial, digest: &Digest) -> Result<()> {
        let path = self.root.join(index::blob_path(digest));
        partial.file().sync_all().map_err(|e| Error::file("write", partial.path(), e))?;
        partial.persist(&path, Existing::Replace).map_err(|e| Error::file("rename", &path, e))
    }

    /// Writes a small file, whole or not at all.
    pub(super) fn write_whole(&self, relative: &str, bytes: &[u8], existing: Existing) -> Result<()> {
        let path = self.root.join(relative);
        let mut partial = self.claim(relative)?;
        partial.clear()?;
        let written = partial.file().as_ref().write_all(bytes).and_then(|()| partial.file().sync_all());
        written.map_err(|e| Error::file("write", partial.path(), e))?;
        match partial.persist(&path, existing) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && existing == Existing::Keep => Ok(()),
            result => result.map_err(|e| Error::file("rename", &path, e)),
        }
    }

    /// Writes a manifest as a blob.
    pub(super) fn put_manifest(&self, manifest: &RawManifest) -> Result<()> {
        if self.has_blob(&manifest.descriptor()) {
            return Ok(());
        }
        let partial = self.claim_blob(&manifest.digest)?;
        partial.clear()?;
        let written = partial.file().as_ref().write_all(&manifest.bytes);
        written.map_err(|e| Error::file("write", partial.path(), e))?;
        self.commit_blob(partial, &manifest.digest)
    }

    /// Lists images in `index.json`. Everything that they are made of is there and lasting before it.
    pub(super) fn list(&self, images: &[(Descriptor, Option<String>)]) -> Result<()> {
        for algorithm in ["sha256", "sha512"] {
            partial::sync_directory(&self.root.join("blobs").join(algorithm));
        }
        // One at a time reads, changes and replaces the index. The index itself cannot carry the lock: it is
        // replaced. A file system without locks has to do without.
        let marker = self.root.join(MARKER);
        let lock = File::open(&marker).map_err(|e| Error::file("open", &marker, e))?;
        let _ = lock.lock();
        let mut bytes = match self.read(INDEX) {
            Ok(bytes) => Some(bytes),
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        for (entry, name) in images {
            bytes = index::with_entry(bytes.as_deref(), entry, name.as_deref());
            if bytes.is_none() {
                let reason = "this is no index; it is left as it is".to_owned();
                return Err(Error::Format { path: self.root.join(INDEX), reason });
            }
        }
        if let Some(bytes) = bytes {
            self.write_whole(INDEX, &bytes, Existing::Replace)?;
        }
        partial::sync_directory(&self.root);
        Ok(())
    }
}

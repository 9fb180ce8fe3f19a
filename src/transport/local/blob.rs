//! Blobs on the disk: read in pieces, linked between the shared blobs and the repositories.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::layout::Layout;
use super::{blocking, index};
use crate::oci::{Digest, Repository};
use crate::transport::{ByteStream, Error, Result};

/// Bytes read at once.
const PIECE: u64 = 256 << 10;

/// How old a blob's last sign of interest may grow before it is renewed; well under any age at which garbage is
/// collected.
const FRESH: Duration = Duration::from_secs(600);

/// The size of a repository's blob in bytes; `None` if it has no such blob. Blocking.
pub(super) fn size(layout: &Layout, repository: &Repository, digest: &Digest) -> Result<Option<u64>> {
    let path = layout.blob(repository, digest);
    match fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(Error::file("read", path, e)),
    }
}

/// Opens a blob at an offset; `None` if it is not there. Blocking.
pub(super) fn open(path: &Path, from: u64) -> Result<Option<(u64, File)>> {
    let opened = || -> io::Result<(u64, File)> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        if from > 0 {
            file.seek(SeekFrom::Start(from))?;
        }
        Ok((size, file))
    };
    match opened() {
        Ok(opened) => Ok(Some(opened)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(Error::file("read", path, e)),
    }
}

/// The next `length` bytes of a file as a stream.
pub(super) fn stream(file: File, path: &Path, length: u64) -> ByteStream {
    let path = path.to_owned();
    let pieces = stream::try_unfold((file, length), move |(file, left)| {
        let path = path.clone();
        async move {
            if left == 0 {
                return Ok(None);
            }
            let read = move || {
                let mut piece = Vec::with_capacity(left.min(PIECE) as usize);
                let read = (&file).take(left.min(PIECE)).read_to_end(&mut piece);
                match read {
                    Ok(0) => Err(Error::file("read", &path, io::ErrorKind::UnexpectedEof.into())),
                    Ok(_) => Ok((piece, file)),
                    Err(e) => Err(Error::file("read", &path, e)),
                }
            };
            let (piece, file) = blocking(read).await?;
            let left = left - piece.len() as u64;
            Ok(Some((Bytes::from(piece), (file, left))))
        }
    });
    pieces.boxed()
}

/// Moves a verified file into a repository and among the shared blobs, which keep what they have already. The
/// caller has locked the repository. Blocking.
pub(super) fn publish(layout: &Layout, repository: &Repository, digest: &Digest, from: &Path) -> Result<()> {
    let (shared, own) = (layout.shared_blob(digest), layout.blob(repository, digest));
    let failed = |e| Error::file("write", &own, e);
    let size = fs::metadata(from).map_err(failed)?.len();
    make_layout(layout, repository)?;
    make_parent(&own)?;
    if fs::metadata(&own).is_ok_and(|m| m.len() != size) {
        // Damaged, by hand or by a crash: the verified bytes take its place.
        fs::remove_file(&own).map_err(failed)?;
    }
    if fs::metadata(&shared).is_ok_and(|m| m.len() == size) && place(&shared, &own).is_ok() {
        return fs::remove_file(from).map_err(failed);
    }
    // The repository's link comes before the shared name: whoever sees the shared blob sees it in use.
    place(from, &own).map_err(failed)?;
    make_parent(&shared)?;
    fs::rename(from, &shared).map_err(|e| Error::file("write", &shared, e))
}

/// Links another repository's blob. `false` if that repository has none. The caller has locked the
/// repository that it is linked into. Blocking.
pub(super) fn mount(layout: &Layout, into: &Repository, from: &Repository, digest: &Digest) -> Result<bool> {
    let (theirs, own) = (layout.blob(from, digest), layout.blob(into, digest));
    if into == from || fs::metadata(&theirs).map_or_else(|e| is_absent(&e), |m| !m.is_file()) {
        return Ok(into == from && size(layout, into, digest)?.is_some());
    }
    make_layout(layout, into)?;
    make_parent(&own)?;
    match place(&theirs, &own) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::file("link", own, e)),
    }
}

/// Takes a blob out of a repository, and off the disk if no other repository has it. Whether it was there.
/// The caller has locked the repository. Blocking.
pub(super) fn remove(layout: &Layout, repository: &Repository, digest: &Digest) -> Result<bool> {
    let (own, shared) = (layout.blob(repository, digest), layout.shared_blob(digest));
    match fs::remove_file(&own) {
        Err(e) if is_absent(&e) => return Ok(false),
        Err(e) => return Err(Error::file("delete", own, e)),
        Ok(()) => {}
    }
    if fs::metadata(&shared).is_ok_and(|m| m.nlink() == 1) {
        // Best effort: what stays is garbage that the next collection finds.
        let _ = fs::remove_file(&shared);
    }
    Ok(true)
}

/// Tells a later garbage collection that somebody was told of this blob and may refer to it soon. Blocking.
pub(super) fn keep_fresh(path: &Path) {
    let renew = || -> io::Result<()> {
        let file = File::open(path)?;
        if age(&file.metadata()?) > FRESH {
            file.set_modified(SystemTime::now())?;
        }
        Ok(())
    };
    if let Err(e) = renew() {
        tracing::debug!(path = %path.display(), error = %e, "a blob's time stamp could not be renewed");
    }
}

/// How long ago a file was last written, linked or renewed.
pub(super) fn age(metadata: &fs::Metadata) -> Duration {
    let changed =
        Duration::new(metadata.ctime().max(0) as u64, metadata.ctime_nsec().clamp(0, 999_999_999) as u32);
    (SystemTime::UNIX_EPOCH + changed).elapsed().unwrap_or_default()
}

/// Gives a file a second name: a hard link, or a copy where the file system has none. A name that exists stays.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) if cannot_link(&e) => copy(from, to),
        Err(e) => Err(e),
    }
}

/// No links here, not between these file systems, or no more of them for this file.
fn cannot_link(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let partial = to.with_extension(format!("{}.partial", super::UploadId::random().as_str()));
    let copied = || {
        fs::copy(from, &partial)?;
        File::open(&partial)?.sync_data()?;
        fs::rename(&partial, to)
    };
    copied().inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|e| Error::file("create", parent, e)),
        None => Ok(()),
    }
}

/// Makes the repository's directory an OCI layout.
fn make_layout(layout: &Layout, repository: &Repository) -> Result<()> {
    let marker = layout.image(repository).join("oci-layout");
    if marker.exists() {
        return Ok(());
    }
    make_parent(&marker)?;
    index::write_whole(&marker, br#"{"imageLayoutVersion":"1.0.0"}"#).map(|_| ())
}

/// Not there, or a file where a directory would be.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    #[test]
    fn a_copy_takes_the_place_of_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&from, "text").unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"text");
        assert_eq!(fs::metadata(&to).unwrap().nlink(), 1);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        for code in [libc_exdev(), libc_emlink()] {
            assert!(cannot_link(&io::Error::from_raw_os_error(code)));
        }
        assert!(!cannot_link(&io::ErrorKind::NotFound.into()));
    }

    fn libc_exdev() -> i32 {
        rustix::io::Errno::XDEV.raw_os_error()
    }

    fn libc_emlink() -> i32 {
        rustix::io::Errno::MLINK.raw_os_error()
    }

    #[tokio::test]
    async fn a_part_of_a_file_comes_in_pieces_and_a_cut_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let bytes: Vec<u8> = (0..600_000u32).map(|n| n as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let (size, file) = open(&path, 10).unwrap().unwrap();
        assert_eq!(size, 600_000);
        let pieces: Vec<Bytes> = stream(file, &path, 500_000).try_collect().await.unwrap();
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [262_144, 237_856]);
        assert_eq!(pieces.concat(), bytes[10..500_010]);
        let (_, file) = open(&path, 599_990).unwrap().unwrap();
        let cut: Result<Vec<Bytes>> = stream(file, &path, 11).try_collect().await;
        assert!(matches!(cut, Err(Error::File { .. })));
        assert!(open(&dir.path().join("none"), 0).unwrap().is_none());
    }
}

//! An image out of an engine: `docker save`. An engine gives one ordered stream and no blob by itself, so the stream is
//! written to a file first, and read as the archive that it is. What the engine keeps is unpacked: its layers come
//! uncompressed, under other digests than those they were pulled with.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use super::error::told;
use super::{Daemon, Error, Inspected, Moved, Result, Trouble};
use crate::oci::{Descriptor, RawManifest, TagOrDigest, printable};
use crate::transport::archive::{TarArchive, room};
use crate::transport::{ByteStream, Source};

/// Bytes that are gathered before they are written.
const PIECE: usize = 1 << 20;

/// An image of an engine, as a source. It is saved when something of it is asked for, once.
pub struct Saved {
    daemon: Daemon,
    /// A name with its tag, or an ID.
    image: String,
    archive: OnceCell<TarArchive>,
    moved: Arc<Moved>,
}

impl Saved {
    /// The image of this name (with its tag) or ID. Nothing is asked yet.
    pub fn new(daemon: Daemon, image: String) -> Saved {
        Saved { daemon, image, archive: OnceCell::new(), moved: Arc::default() }
    }

    /// What the engine tells of the image, without saving it.
    pub async fn inspect(&self) -> Result<Inspected> {
        self.daemon.inspect(&self.image).await
    }

    /// Bytes that came so far, of about how many.
    pub fn moved(&self) -> Arc<Moved> {
        Arc::clone(&self.moved)
    }

    async fn archive(&self) -> Result<&TarArchive> {
        self.archive.get_or_try_init(|| self.save()).await
    }

    async fn save(&self) -> Result<TarArchive> {
        let there = self.inspect().await?;
        let staging = self.daemon.options.staging.clone();
        let made = tokio::task::spawn_blocking(move || spool(&staging, there.size)).await;
        let file = made.map_err(|e| self.wrong(e.to_string()))??;
        self.moved.begin(there.size);
        self.fill(&file).await?;
        let opened = TarArchive::open(&name_of(&file), None).await;
        opened.map_err(|error| match last_words(&file) {
            Some(words) => self.wrong(words),
            None => self.no_archive(error),
        })
    }

    /// Writes the stream into the file. Dropped, it ends the request.
    async fn fill(&self, file: &File) -> Result<()> {
        let copy = file.try_clone().map_err(|e| self.on_disk(e))?;
        let mut to = tokio::fs::File::from_std(copy);
        let mut stream = pin!(self.daemon.docker.export_image(&self.image));
        let mut gathered = BytesMut::with_capacity(PIECE);
        // It writes the whole image to its own disk first.
        let mut limit = self.daemon.patience();
        loop {
            let next = tokio::time::timeout(limit, stream.next()).await;
            let next = next.map_err(|_| self.daemon.silent("save", &self.image, limit))?;
            limit = self.daemon.options.stall_timeout;
            let Some(piece) = next else { break };
            let piece: Bytes = piece.map_err(|error| {
                told("save", &self.daemon.place(&self.image), self.daemon.endpoint(), error)
            })?;
            self.moved.add(piece.len());
            gathered.extend_from_slice(&piece);
            if gathered.len() >= PIECE {
                to.write_all(&gathered).await.map_err(|e| self.on_disk(e))?;
                gathered.clear();
            }
        }
        to.write_all(&gathered).await.map_err(|e| self.on_disk(e))?;
        to.flush().await.map_err(|e| self.on_disk(e))
    }

    fn on_disk(&self, error: io::Error) -> Error {
        Error::file("write", &self.daemon.options.staging, error)
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Daemon {
            attempted: "save",
            at: self.daemon.place(&self.image),
            reason: format!("{}: {reason}", self.daemon.endpoint()),
            trouble: Trouble::Refused,
        }
    }

    /// An error of the archive, without the name that the file does not have.
    fn no_archive(&self, error: Error) -> Error {
        let what = match error {
            Error::Format { reason, .. } | Error::Unsupported { reason, .. } => reason,
            Error::File { source, .. } => return self.on_disk(io::Error::new(source.kind(), source)),
            other => other.to_string(),
        };
        self.wrong(format!("what came cannot be read as an image: {what}"))
    }
}

impl Source for Saved {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        Box::pin(async move {
            let archive = self.archive().await?;
            // Its name chose the image already; a digest may be the image's ID, or of something within an index.
            let chosen = TagOrDigest::Digest(archive.chosen().digest.clone());
            match at {
                TagOrDigest::Digest(digest) if !self.image.ends_with(digest.as_str()) => {
                    archive.manifest(at).await
                }
                _ => archive.manifest(&chosen).await,
            }
        })
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(async move { self.archive().await?.blob(blob, from).await })
    }

    fn saved(&self) -> Option<&Saved> {
        Some(self)
    }
}

/// A file in the staging directory whose name is taken away at once: it vanishes with its last handle, even if the
/// process is killed.
fn spool(staging: &Path, size: u64) -> Result<File> {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    fs::create_dir_all(staging).map_err(|e| Error::file("create", staging, e))?;
    room::check(staging, size)?;
    let serial = SERIAL.fetch_add(1, Relaxed);
    let path = staging.join(format!("save-{}-{serial}.partial", std::process::id()));
    // What a dead process of the same number left is in nobody's way.
    let _ = fs::remove_file(&path);
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let file = file.map_err(|e| Error::file("create", &path, e))?;
    fs::remove_file(&path).map_err(|e| Error::file("remove", &path, e))?;
    Ok(file)
}

/// A path that opens a file without a name.
fn name_of(file: &File) -> PathBuf {
    let directory = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    Path::new(directory).join(file.as_raw_fd().to_string())
}

/// What an engine says whose saving fails when the stream has begun: an object at its end.
fn last_words(file: &File) -> Option<String> {
    const TAIL: u64 = 4096;
    let length = file.metadata().ok()?.len();
    let begins = length.saturating_sub(TAIL);
    let mut tail = vec![0; (length - begins) as usize];
    file.read_exact_at(&mut tail, begins).ok()?;
    let text = String::from_utf8_lossy(&tail);
    let start = text.rfind("{\"errorDetail\"").or_else(|| text.rfind("{\"error\""))?;
    let value: serde_json::Value = serde_json::from_str(text[start..].trim_end()).ok()?;
    let said = value.get("error").and_then(|error| error.as_str())?;
    Some(printable(said, 600))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_spool_has_no_name_and_can_be_read_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let staging = dir.path().join("a/b");
        let mut file = spool(&staging, 10).unwrap();
        file.write_all(b"tar{\"errorDetail\":{\"message\":\"disk\"},\"error\":\"disk gone\"}\r\n").unwrap();
        assert_eq!(fs::read_dir(&staging).unwrap().count(), 0);
        assert!(fs::read(name_of(&file)).unwrap().starts_with(b"tar{"));
        assert_eq!(last_words(&file).as_deref(), Some("disk gone"));
        assert!(matches!(spool(&staging, u64::MAX), Err(Error::File { .. })));
    }
}

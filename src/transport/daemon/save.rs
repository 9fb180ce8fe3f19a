//! An image out of an engine: `docker save`. An engine gives one ordered stream and no blob by itself, so the stream is
//! staged first, and read as the archive that it is. What the engine keeps is unpacked: its layers come uncompressed,
//! under other digests than those they were pulled with.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::error::told;
use super::{Daemon, Error, Inspected, Moved, Result, Trouble};
use crate::oci::{Descriptor, RawManifest, TagOrDigest, printable};
use crate::transport::archive::{Spool, TarArchive, TarFile, room};
use crate::transport::{ByteStream, Gzipped, Source};

/// Bytes of the stream's end that are looked at for an error.
const TAIL: usize = 4096;

/// An image of an engine, as a source. It is saved when something of it is asked for, once.
pub struct Saved {
    daemon: Daemon,
    /// A name with its tag, or an ID.
    image: String,
    spool: Spool,
    told: OnceCell<Inspected>,
    archive: OnceCell<TarArchive>,
    moved: Arc<Moved>,
}

/// The last bytes of a stream.
type Tail = Arc<Mutex<Vec<u8>>>;

impl Saved {
    /// The image of this name (with its tag) or ID, to be staged in `spool`. Nothing is asked yet.
    pub fn new(daemon: Daemon, image: String, spool: Spool) -> Saved {
        let (told, archive) = (OnceCell::new(), OnceCell::new());
        Saved { daemon, image, spool, told, archive, moved: Arc::default() }
    }

    /// What the engine tells of the image, without saving it; asked once.
    pub async fn inspect(&self) -> Result<&Inspected> {
        self.told.get_or_try_init(|| self.daemon.inspect(&self.image)).await
    }

    /// Bytes that came so far, of about how many.
    pub fn moved(&self) -> Arc<Moved> {
        Arc::clone(&self.moved)
    }

    async fn archive(&self) -> Result<&TarArchive> {
        self.archive.get_or_try_init(|| self.save()).await
    }

    /// Stages the stream. Dropped, it ends the request, and nothing is left.
    async fn save(&self) -> Result<TarArchive> {
        let size = self.inspect().await?.size;
        // A directory that is not there yet is on a disk that nobody knows.
        room::check(self.spool.directory(), size)?;
        self.moved.begin(size);
        let (tail, name) = (Tail::default(), self.daemon.place(&self.image));
        let staged = TarFile::stage(self.stream(Arc::clone(&tail)), &name, &self.spool).await;
        // That is over; what is done with it next is told of by itself.
        self.moved.begin(0);
        let opened = staged.and_then(|tar| tar.image(None));
        opened.map_err(|error| match (last_words(&tail), error) {
            (Some(words), Error::Format { .. }) => self.wrong(words),
            (None, Error::Format { reason, .. } | Error::Unsupported { reason, .. }) => {
                self.wrong(format!("what came cannot be read as an image: {reason}"))
            }
            (_, error) => error,
        })
    }

    /// What the engine sends, watched for silence.
    fn stream(&self, tail: Tail) -> ByteStream {
        let body = Box::pin(self.daemon.docker.export_image(&self.image));
        let (daemon, image, moved) = (self.daemon.clone(), self.image.clone(), self.moved());
        // It writes the whole image to its own disk first.
        let first = daemon.patience();
        futures_util::stream::try_unfold((body, first), move |(mut body, limit)| {
            let (daemon, image, moved, tail) =
                (daemon.clone(), image.clone(), Arc::clone(&moved), Arc::clone(&tail));
            async move {
                let next = tokio::time::timeout(limit, body.next()).await;
                let Some(piece) = next.map_err(|_| daemon.silent("save", &image, limit))? else {
                    return Ok(None);
                };
                let piece: Bytes =
                    piece.map_err(|e| told("save", &daemon.place(&image), daemon.endpoint(), e))?;
                moved.add(piece.len());
                keep_tail(&tail, &piece);
                Ok(Some((piece, (body, daemon.options.stall_timeout))))
            }
        })
        .boxed()
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Daemon {
            attempted: "save",
            at: self.daemon.place(&self.image),
            reason: format!("{}: {reason}", self.daemon.endpoint()),
            trouble: Trouble::Refused,
        }
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

    fn gzipped(&self) -> BoxFuture<'_, Result<Option<Gzipped>>> {
        Box::pin(async move { self.archive().await?.gzipped().await })
    }

    fn saved(&self) -> Option<&Saved> {
        Some(self)
    }
}

fn keep_tail(tail: &Tail, piece: &[u8]) {
    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let piece = &piece[piece.len().saturating_sub(TAIL)..];
    let surplus = (tail.len() + piece.len()).saturating_sub(TAIL);
    let surplus = surplus.min(tail.len());
    tail.drain(..surplus);
    tail.extend_from_slice(piece);
}

/// What an engine says whose saving fails when the stream has begun: an object at its end.
fn last_words(tail: &Tail) -> Option<String> {
    let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
    let text = String::from_utf8_lossy(&tail);
    let start = text.rfind("{\"errorDetail\"").or_else(|| text.rfind("{\"error\""))?;
    let value: serde_json::Value = serde_json::from_str(text[start..].trim_end()).ok()?;
    let said = value.get("error").and_then(|error| error.as_str())?;
    Some(printable(said, 600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_heard() {
        let tail = Tail::default();
        for piece in
            [&[0u8; 10_000][..], b"{\"errorDetail\":{\"message\":\"disk\"},", b"\"error\":\"disk gone\"}\r\n"]
        {
            keep_tail(&tail, piece);
        }
        assert_eq!(last_words(&tail).as_deref(), Some("disk gone"));
        assert!(tail.lock().unwrap().len() <= TAIL);
        keep_tail(&tail, &[1; 5000]);
        assert_eq!(last_words(&tail), None);
    }
}

//! Archives that jobs and questions read: opened once for all that read them at the same time, staged first where they
//! are compressed or come on standard input, and said so while it takes long.

use std::collections::HashMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::door::SourceDoor;
use super::voice::JOB;
use super::{Inner, Result};
use crate::job::JobEvent;
use crate::oci::{Location, TagOrDigest, printable};
use crate::transport;
use crate::transport::archive::{STDIN, Spool, TarFile, WeakTarFile};

/// How often it is said that something is still being staged.
const STILL: Duration = Duration::from_secs(5);

/// The archives that are open.
pub(super) struct Archives {
    spool: Spool,
    /// By path and what tells a file from what it was. Who opens one holds its turn, so that it is staged once.
    files: Mutex<HashMap<Key, Arc<Turn<WeakTarFile>>>>,
    /// Standard input (`-`) and FIFOs can be read once.
    streams: Mutex<HashMap<PathBuf, Arc<Turn<Stream>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

#[derive(Default)]
enum Stream {
    #[default]
    Unread,
    /// Somebody began, and did not come to the end.
    Begun,
    Read(transport::Result<TarFile>),
}

impl Archives {
    pub(super) fn new(spool: &Path) -> Archives {
        Archives { spool: Spool::new(spool), files: Mutex::default(), streams: Mutex::default() }
    }

    /// Where streams are staged: an engine's `save` as well.
    pub(super) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Opens the archive at `path`, or takes the one that is open.
    async fn open(&self, path: &Path) -> transport::Result<TarFile> {
        if path == Path::new("-") {
            return self.open_stream(path).await;
        }
        let there = tokio::fs::metadata(path).await.map_err(|e| transport::Error::file("read", path, e))?;
        if there.file_type().is_fifo() {
            return self.open_stream(path).await;
        }
        let key = Key { path: path.to_owned(), length: there.len(), modified: there.modified().ok() };
        let turn = {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody has open any more.
            files.retain(|_, turn| {
                Arc::strong_count(turn) > 1 || turn.try_lock().is_ok_and(|weak| weak.upgrade().is_some())
            });
            Arc::clone(files.entry(key).or_default())
        };
        let mut open = turn.lock().await;
        if let Some(tar) = open.upgrade() {
            return Ok(tar);
        }
        let tar = TarFile::open(path, &self.spool).await?;
        *open = tar.downgrade();
        Ok(tar)
    }

    async fn open_stream(&self, path: &Path) -> transport::Result<TarFile> {
        let turn = {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(streams.entry(path.to_owned()).or_default())
        };
        let mut stream = turn.lock().await;
        match &*stream {
            Stream::Read(read) => return read.clone(),
            Stream::Begun => {
                let reason = "it was read in part, and cannot be read again".to_owned();
                return Err(transport::Error::Conflict { at: stream_name(path), reason });
            }
            Stream::Unread => {}
        }
        // Whoever is cancelled from here on leaves it so.
        *stream = Stream::Begun;
        let read = match path == Path::new("-") {
            true => TarFile::stage_stdin(&self.spool).await,
            false => TarFile::stage_pipe(path, &self.spool).await,
        };
        *stream = Stream::Read(read.clone());
        read
    }

    fn is_stream(&self, path: &Path) -> bool {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).contains_key(path)
    }
}

/// An archive for people.
fn stream_name(path: &Path) -> String {
    if path == Path::new("-") { STDIN.to_owned() } else { path.display().to_string() }
}

impl Inner {
    /// The archive at `path`. What takes long is told of as it goes on.
    pub(super) async fn open_archive(&self, path: &Path) -> Result<TarFile> {
        Ok(self.telling(&format!("{} is staged", stream_name(path)), self.archives.open(path)).await?)
    }

    /// What a plan says of an archive that had to be staged.
    pub(super) async fn staged_note(&self, location: &Location) -> Option<String> {
        let (Location::OciArchive { path, .. } | Location::DockerArchive { path, .. }) = location else {
            return None;
        };
        // It is open: whoever asks has just opened it.
        let staged = self.archives.open(path).await.ok().filter(TarFile::is_staged)?;
        let bytes = staged.size() as f64 / 1e6;
        let why = match self.archives.is_stream(path) {
            true => stream_name(path),
            false => "the compressed archive".to_owned(),
        };
        Some(format!("{why} was staged on the disk first ({bytes:.1} MB)"))
    }

    /// The image with its plain layers gzipped where archives keep them as they lay in an engine.
    pub(super) async fn gzip_layers(&self, door: SourceDoor, notes: &mut Vec<String>) -> Result<SourceDoor> {
        let what = format!("layers of {} are gzipped", door.name);
        match self.telling(&what, door.source.gzipped()).await? {
            None => Ok(door),
            Some(gzipped) => {
                notes.push(gzipped.note);
                Ok(SourceDoor { source: gzipped.source, at: TagOrDigest::Digest(gzipped.digest), ..door })
            }
        }
    }

    /// Waits for `work`; while it goes on, bytes are told of now and then.
    async fn telling<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let mut ticks = interval_at(Instant::now() + STILL, STILL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let before = self.archives.spool().passed();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => {
                    let passed = self.archives.spool().passed().saturating_sub(before);
                    let job = JOB.try_with(|job| *job).ok();
                    self.speaker.say(JobEvent::Staging { job, what: printable(what, 500), bytes: passed });
                }
            }
        }
    }
}

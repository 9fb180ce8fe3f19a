//! Archives that jobs and questions read: opened once for all that read them at the same time, staged first where they
//! are compressed or come on standard input, and said so while it takes long.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex as Turn;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::door::SourceDoor;
use super::voice::JOB;
use super::{Error, Inner, Result};
use crate::job::JobEvent;
use crate::oci::{Descriptor, Location, TagOrDigest, printable};
use crate::transport;
use crate::transport::archive::{OciLayout, STDIN, Spool, TarFile, WeakTarFile};

/// How often it is said that something is still being staged.
const STILL: Duration = Duration::from_secs(5);

/// An image of an archive, for lists.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ArchiveImage {
    /// How a job or a question names it.
    pub location: Location,
    /// Its names there, in full where they are; none if it has only its digest.
    pub names: Vec<String>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
}

/// An archive with its images. While it is kept, what was staged for it is there, and nobody stages it again.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Each image once, in the archive's order.
    pub images: Vec<ArchiveImage>,
    _tar: Option<TarFile>,
}

impl Archive {
    /// Images as somebody lists them, with nothing that has to be kept.
    pub fn listed(images: Vec<ArchiveImage>) -> Archive {
        Archive { images, _tar: None }
    }
}

/// The archives that are open.
pub(super) struct Archives {
    spool: Spool,
    /// By path and what tells a file from what it was. Who opens one holds its turn, so that it is staged once.
    files: Mutex<HashMap<Key, Arc<Turn<WeakTarFile>>>>,
    /// Standard input can be read once.
    stdin: Turn<Stdin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

enum Stdin {
    Unread,
    /// Somebody began, and did not come to the end.
    Begun,
    Read(transport::Result<TarFile>),
}

impl Archives {
    pub(super) fn new(spool: PathBuf) -> Archives {
        Archives { spool: Spool::new(spool), files: Mutex::default(), stdin: Turn::new(Stdin::Unread) }
    }

    /// Where streams are staged: an engine's `save` as well.
    pub(super) fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Opens the archive at `path`, or takes the one that is open.
    async fn open(&self, path: &Path) -> transport::Result<TarFile> {
        if path == Path::new("-") {
            return self.open_stdin().await;
        }
        let there = tokio::fs::metadata(path).await.map_err(|e| transport::Error::file("read", path, e))?;
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

    async fn open_stdin(&self) -> transport::Result<TarFile> {
        let mut stdin = self.stdin.lock().await;
        match &*stdin {
            Stdin::Read(read) => return read.clone(),
            Stdin::Begun => {
                let reason = "it was read in part, and cannot be read again".to_owned();
                return Err(transport::Error::Conflict { at: STDIN.to_owned(), reason });
            }
            Stdin::Unread => {}
        }
        // Whoever is cancelled from here on leaves it so.
        *stdin = Stdin::Begun;
        let read = TarFile::stage_stdin(&self.spool).await;
        *stdin = Stdin::Read(read.clone());
        read
    }
}

impl Inner {
    /// The archive at `path`. What takes long is told of as it goes on.
    pub(super) async fn open_archive(&self, path: &Path) -> Result<TarFile> {
        let name = if path == Path::new("-") { STDIN.to_owned() } else { path.display().to_string() };
        Ok(self.telling(&format!("{name} is staged"), self.archives.open(path)).await?)
    }

    /// What a plan says of an archive that had to be staged.
    pub(super) async fn staged_note(&self, location: &Location) -> Option<String> {
        let (Location::OciArchive { path, .. } | Location::DockerArchive { path, .. }) = location else {
            return None;
        };
        // It is open: whoever asks has just opened it.
        let staged = self.archives.open(path).await.ok().filter(TarFile::is_staged)?;
        let bytes = staged.size() as f64 / 1e6;
        let why = if path == Path::new("-") { STDIN } else { "the compressed archive" };
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

    /// Which kind of archive lies at a path: an OCI layout, or a tar of one kind or the other.
    pub(super) async fn find_archive(&self, path: &Path) -> Result<Archive> {
        let path_is_directory =
            path != Path::new("-") && tokio::fs::metadata(path).await.is_ok_and(|m| m.is_dir());
        let path = path.to_owned();
        if path_is_directory {
            return self.list_archive(&Location::OciLayout { path, reference: None }).await;
        }
        let tar = self.open_archive(&path).await?;
        let location = match tar.is_docker() {
            true => Location::DockerArchive { path, reference: None },
            false => Location::OciArchive { path, reference: None },
        };
        self.list_archive(&location).await
    }

    /// The images of an archive or layout.
    pub(super) async fn list_archive(&self, location: &Location) -> Result<Archive> {
        let (listed, tar) = match location {
            Location::OciLayout { path, .. } => (OciLayout::images(path).await?, None),
            Location::OciArchive { path, .. } | Location::DockerArchive { path, .. } => {
                let tar = self.open_archive(path).await?;
                (tar.images(), Some(tar))
            }
            _ => return Err(Error::Request(format!("{location} is no archive"))),
        };
        let mut images: Vec<ArchiveImage> = Vec::new();
        for image in listed {
            // Referrers that lie beside their images are none.
            if image.descriptor.artifact_type.is_some() {
                continue;
            }
            let name = image.names.into_iter().next();
            if let Some(known) =
                images.iter_mut().find(|one| one.descriptor.digest == image.descriptor.digest)
            {
                known.names.extend(name);
                continue;
            }
            let asked = name.clone().unwrap_or_else(|| image.descriptor.digest.to_string());
            let location = named(location, asked);
            images.push(ArchiveImage {
                location,
                names: name.into_iter().collect(),
                descriptor: image.descriptor,
            });
        }
        Ok(Archive { images, _tar: tar })
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

/// The location of one image of an archive. Only an OCI location can name a digest; every tar is read as one.
fn named(archive: &Location, name: String) -> Location {
    match archive {
        Location::OciLayout { path, .. } => Location::OciLayout { path: path.clone(), reference: Some(name) },
        Location::DockerArchive { path, .. } if name.parse::<crate::oci::Digest>().is_err() => {
            match name.parse() {
                Ok(full) => Location::DockerArchive { path: path.clone(), reference: Some(full) },
                Err(_) => Location::OciArchive { path: path.clone(), reference: Some(name) },
            }
        }
        Location::OciArchive { path, .. } | Location::DockerArchive { path, .. } => {
            Location::OciArchive { path: path.clone(), reference: Some(name) }
        }
        other => other.clone(),
    }
}

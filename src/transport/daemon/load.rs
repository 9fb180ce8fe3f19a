//! An image into an engine: `docker load`. An engine takes one stream that holds everything, so the image is written as
//! a docker-archive first, side by side and with everything that resumes, and is sent as one body then. What its
//! answer holds is looked at: an engine says "200" before it knows, and tells of failures in what follows.

use std::fs::{self, File};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;
use tokio_util::io::ReaderStream;

use super::error::told;
use super::{About, Daemon, Error, Moved, Result, Trouble};
use crate::oci::{
    Descriptor, Digest, Document, Platform, RawManifest, Reference, Repository, Tag, TagOrDigest, printable,
};
use crate::transport::archive::{DockerArchive, Naming};
use crate::transport::{Begin, Destination, Finished};

/// Bytes that are read and sent at once.
const PIECE: usize = 256 << 10;

/// An engine as a destination of one image.
pub struct DaemonLoad {
    daemon: Daemon,
    /// The image's name; tags come with the manifest.
    name: Reference,
    archive: DockerArchive,
    about: OnceCell<About>,
    moved: Arc<Moved>,
    // A std Mutex: it is held for moments, and never across an await.
    arrived: Mutex<Arrived>,
}

#[derive(Default)]
struct Arrived {
    /// Names that the image is to have.
    tags: Vec<Tag>,
    /// What the engine may call the image: its configuration's digest or its manifest's.
    ids: Vec<Digest>,
    finished: Finished,
}

impl DaemonLoad {
    /// An image that is to be called `name`, in this engine. Nothing is asked or written yet.
    pub fn new(daemon: Daemon, name: Reference) -> Result<DaemonLoad> {
        let file = format!("load-{}", name.repository.as_str().replace('/', "_"));
        let naming = Naming::Exclusive {
            directory: daemon.options.staging.clone(),
            name: Box::new(move |copy| format!("{file}-{}-{copy}.tar", std::process::id())),
        };
        let archive = DockerArchive::create(naming, Some(name.clone()))?;
        Ok(DaemonLoad {
            daemon,
            name,
            archive,
            about: OnceCell::new(),
            moved: Arc::default(),
            arrived: Mutex::default(),
        })
    }

    /// What the engine says of itself; asked once.
    pub async fn about(&self) -> Result<&About> {
        self.about.get_or_try_init(|| self.daemon.about()).await
    }

    /// What its images run on, once it was asked.
    pub fn platform(&self) -> Option<&Platform> {
        self.about.get()?.platform.as_ref()
    }

    /// What the engine, which was asked of itself, will call an image.
    pub fn image_id(&self, manifest: &RawManifest) -> Digest {
        let keeps_manifests = self.about.get().is_some_and(|about| about.keeps_manifests);
        match manifest.parse() {
            Ok(Document::Image(image)) if !keeps_manifests => image.config.digest,
            _ => manifest.digest.clone(),
        }
    }

    /// Bytes that were sent so far, of how many.
    pub fn moved(&self) -> Arc<Moved> {
        Arc::clone(&self.moved)
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, image: &str, reason: String) -> Error {
        Error::Daemon {
            attempted: "load",
            at: self.daemon.place(image),
            reason: format!("{}: {reason}", self.daemon.endpoint()),
            trouble: Trouble::Refused,
        }
    }

    /// What an archive refuses, as a refusal of this engine: nobody asked for the file.
    fn own(&self, error: Error) -> Error {
        match error {
            Error::Unsupported { reason, .. } => {
                Error::Unsupported { at: self.daemon.place(&self.name.familiar()), reason }
            }
            other => other,
        }
    }

    /// Sends the archive and reads what the engine says to it.
    async fn send(&self, file: File, name: &str) -> Result<()> {
        let staging = &self.daemon.options.staging;
        let size = file.metadata().map_err(|e| Error::file("read", staging, e))?.len();
        self.moved.begin(size);
        let moved = self.moved();
        let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE);
        let pieces = pieces.inspect(move |piece| moved.add(piece.as_ref().map_or(0, bytes::Bytes::len)));
        let options = ImportImageOptionsBuilder::new().quiet(false).build();
        let body = bollard::body_try_stream(pieces);
        let mut answers = pin!(self.daemon.docker.import_image(options, body, None));
        let mut seen = 0;
        loop {
            // Once all is sent it unpacks, and podman says nothing meanwhile.
            let limit = match self.moved.done() < size {
                true => self.daemon.options.stall_timeout,
                false => self.daemon.patience(),
            };
            match tokio::time::timeout(limit, answers.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(answer))) => {
                    if let Some(detail) = answer.error_detail {
                        return Err(self.refused(name, detail.message.unwrap_or_default()));
                    }
                    if let Some(said) = answer.stream {
                        tracing::debug!("{}: {}", self.daemon.endpoint(), printable(said.trim(), 300));
                    }
                }
                Ok(Some(Err(error))) => {
                    return Err(told("load", &self.daemon.place(name), self.daemon.endpoint(), error));
                }
                Err(_) if self.moved.done() > seen => seen = self.moved.done(),
                Err(_) => return Err(self.daemon.silent("load", name, limit)),
            }
        }
    }

    /// Looks whether every name is there and is the image that was sent; gives the names that are not.
    async fn verify(&self, tags: &[Tag], ids: &[Digest]) -> Result<()> {
        for tag in tags {
            let name = self.name.with_tag(tag.clone());
            let is_it = |id: &Digest| ids.contains(id);
            let now = self.daemon.find(&name.to_string()).await?;
            if now.as_ref().is_some_and(|now| is_it(&now.id)) {
                continue;
            }
            // podman puts a short name below localhost/.
            for id in ids {
                if self.daemon.find(id.as_str()).await?.is_some() {
                    self.daemon.tag_image(id.as_str(), &name).await?;
                    break;
                }
            }
            let now = self.daemon.find(&name.to_string()).await?;
            if !now.as_ref().is_some_and(|now| is_it(&now.id)) {
                let found = now.map_or("nothing".to_owned(), |now| now.id.to_string());
                let reason = format!("it was loaded, but the name stands for {found} and not for {}", ids[0]);
                return Err(self.refused(&name.familiar(), reason));
            }
        }
        Ok(())
    }

    /// The names below `localhost/` that podman gives an image of Docker Hub's short names, and that are not there yet.
    async fn names_of_podman(&self, tags: &[Tag]) -> Result<Vec<String>> {
        let mut names = Vec::new();
        if !self.about().await?.is_podman || !self.name.registry.is_docker_hub() {
            return Ok(names);
        }
        for tag in tags {
            let name = format!("localhost/{}", self.name.with_tag(tag.clone()).familiar());
            if self.daemon.find(&name).await?.is_none() {
                names.push(name);
            }
        }
        Ok(names)
    }
}

impl Destination for DaemonLoad {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>> {
        Box::pin(async move {
            self.about().await?;
            let image = match at {
                TagOrDigest::Tag(tag) => self.name.with_tag(tag.clone()).to_string(),
                TagOrDigest::Digest(digest) => digest.to_string(),
            };
            let found = self.daemon.find(&image).await?;
            Ok(found.map(|found| Descriptor::new("", found.id, found.size)))
        })
    }

    fn has_blob<'a>(&'a self, _: &'a Descriptor) -> BoxFuture<'a, Result<bool>> {
        // It does not tell; whatever it has, a load sends all.
        Box::pin(async { Ok(false) })
    }

    fn prepare<'a>(&'a self, blobs: &'a [Descriptor]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.archive.prepare(blobs).await.map_err(|error| self.own(error)) })
    }

    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        known: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Begin>> {
        self.archive.begin(blob, known)
    }

    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        at: &'a TagOrDigest,
    ) -> BoxFuture<'a, Result<Digest>> {
        Box::pin(async move {
            let there = self.archive.put_manifest(manifest, at).await.map_err(|error| self.own(error))?;
            let mut arrived = self.arrived();
            if let TagOrDigest::Tag(tag) = at
                && !arrived.tags.contains(tag)
            {
                arrived.tags.push(tag.clone());
            }
            let config = match manifest.parse() {
                Ok(Document::Image(image)) => Some(image.config.digest),
                _ => None,
            };
            for id in [Some(self.image_id(manifest)), config, Some(there.clone())].into_iter().flatten() {
                if !arrived.ids.contains(&id) {
                    arrived.ids.push(id);
                }
            }
            Ok(there)
        })
    }

    fn keep(&self) -> Option<String> {
        self.archive.keep()
    }

    fn deliver(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let (tags, ids) = {
                let arrived = self.arrived();
                (arrived.tags.clone(), arrived.ids.clone())
            };
            let finished = self.archive.finish().await?;
            let file = unnamed(finished.path.clone())?;
            let surplus = self.names_of_podman(&tags).await?;
            let name = tags.first().map_or_else(|| self.name.clone(), |tag| self.name.with_tag(tag.clone()));
            self.send(file, &name.familiar()).await?;
            self.verify(&tags, &ids).await?;
            for name in surplus {
                if self.daemon.find(&name).await?.is_some_and(|there| ids.contains(&there.id)) {
                    self.daemon.remove_image(&name).await?;
                }
            }
            self.arrived().finished = Finished { path: None, ..finished };
            Ok(())
        })
    }

    fn finish(&self) -> BoxFuture<'_, Result<Finished>> {
        let finished = std::mem::take(&mut self.arrived().finished);
        Box::pin(async move { Ok(finished) })
    }

    fn daemon(&self) -> Option<&DaemonLoad> {
        Some(self)
    }
}

/// Opens a finished archive and takes its name away, and its checksum: nothing is left, whatever comes.
fn unnamed(path: Option<PathBuf>) -> Result<File> {
    let path = path.unwrap_or_default();
    let file = File::open(&path).map_err(|e| Error::file("read", &path, e))?;
    fs::remove_file(&path).map_err(|e| Error::file("remove", &path, e))?;
    let mut sum = path.into_os_string();
    sum.push(".sha256");
    let _ = fs::remove_file(PathBuf::from(sum));
    Ok(file)
}

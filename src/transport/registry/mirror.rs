//! A registry that is read by way of others: its mirrors in their order, and at last the registry itself (or the place
//! that its configuration says it is really at). Mirrors are read, and never written to.
//!
//! What a mirror lacks, refuses or cannot say is asked of the next. A mirror that is in trouble is left alone for a
//! while, so that not every blob waits for it. By digest every answer is verified; a tag is what the first one that
//! has it says.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::Instant;

use super::client::{Client, RepositoryClient};
use super::options::RegistryPath;
use crate::oci::{Descriptor, Digest, RawManifest, Registry, Repository, Tag, TagOrDigest};
use crate::transport::{ByteStream, Error, Result, Source};

/// How long a mirror in trouble is left alone.
const REST: Duration = Duration::from_secs(60);
/// How often a mirror may begin one blob: a connection that always breaks gets nowhere.
const OPENINGS: u32 = 3;

/// A repository that is read by way of mirrors. Cheap to clone.
#[derive(Clone)]
pub struct MirroredRepository(Arc<Inner>);

struct Inner {
    /// As people write it, without tag.
    name: String,
    mirrors: Vec<RepositoryClient>,
    own: RepositoryClient,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// What was said already.
    told: HashSet<String>,
    blobs: HashMap<Digest, Vec<Reading>>,
}

/// What became of a blob at one mirror.
#[derive(Clone, Copy, Default)]
struct Reading {
    openings: u32,
    /// It brought bytes of it, wrong or right.
    served: bool,
    /// It is not asked for this blob any more.
    bad: bool,
}

impl Client {
    /// A repository as it is to be read; `None` where nothing is in the way of reading it where it is. A path that
    /// would become too long for a name leaves its mirror out.
    pub fn mirrored(&self, registry: &Registry, repository: &Repository) -> Option<MirroredRepository> {
        let options = self.options().registries.iter().find(|own| own.registry == *registry)?;
        if options.mirrors.is_empty() && options.location.is_none() {
            return None;
        }
        let at = |path: &RegistryPath| Some(self.repository(&path.registry, &path.below(repository)?));
        let mirrors = options.mirrors.iter().filter_map(at).map(RepositoryClient::asked_once).collect();
        let own = options.location.as_ref().and_then(at);
        Some(MirroredRepository(Arc::new(Inner {
            name: format!("{registry}/{repository}"),
            mirrors,
            own: own.unwrap_or_else(|| self.repository(registry, repository)),
            memory: Mutex::default(),
        })))
    }

    /// Where a registry's lists are read: there, or at the place that its configuration says it is really at.
    pub(super) fn location(&self, registry: &Registry) -> Option<RegistryPath> {
        let options = self.options().registries.iter().find(|own| own.registry == *registry)?;
        options.location.clone()
    }
}

/// Of a list of repositories those below a path, named as if the path were the registry.
pub(super) fn below(
    path: Option<Repository>,
    pages: BoxStream<'static, Result<Vec<String>>>,
) -> BoxStream<'static, Result<Vec<String>>> {
    let Some(path) = path else { return pages };
    let prefix = format!("{path}/");
    let strip = move |page: Vec<String>| {
        page.iter().filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned)).collect()
    };
    pages.map(move |page| page.map(&strip)).boxed()
}

impl MirroredRepository {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A std Mutex: never held across an await.
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mirrors to be asked, in order.
    fn willing(&self, blob: Option<&Digest>) -> Vec<usize> {
        let is_bad = |n: usize| {
            let memory = self.memory();
            let reading = blob.and_then(|digest| memory.blobs.get(digest)?.get(n).copied());
            reading.is_some_and(|reading| reading.bad)
        };
        (0..self.0.mirrors.len()).filter(|n| !self.0.mirrors[*n].host.rests() && !is_bad(*n)).collect()
    }

    fn reading(&self, blob: &Digest, n: usize, change: impl FnOnce(&mut Reading)) {
        let mut memory = self.memory();
        let readings = memory.blobs.entry(blob.clone()).or_default();
        readings.resize(self.0.mirrors.len(), Reading::default());
        change(&mut readings[n]);
    }

    /// Says it once.
    fn tell(&self, text: String) {
        if self.memory().told.insert(text.clone()) {
            self.0.own.observer().note(&text);
        }
    }

    fn served(&self, n: usize) {
        self.tell(format!("{} is read from the mirror {}", self.0.name, self.0.mirrors[n].host.registry));
    }

    /// A mirror was asked in vain.
    fn passed(&self, n: usize, error: &Error) {
        let mirror = &self.0.mirrors[n];
        let why = match error {
            error if error.is_not_found() => "it does not have everything".to_owned(),
            error => error.to_string(),
        };
        self.tell(format!("the mirror {} of {} is passed over: {why}", mirror.host.registry, self.0.name));
        if !error.is_not_found() && !matches!(error, Error::Content { .. } | Error::Manifest { .. }) {
            mirror.host.rest(error.retry_after().unwrap_or(REST));
        }
    }

    /// What is at a tag or digest; `None` if nothing is anywhere.
    pub async fn head_manifest(&self, at: &TagOrDigest) -> Result<Option<Descriptor>> {
        for n in self.willing(None) {
            match self.0.mirrors[n].head_manifest(at).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => self.passed(n, &error),
            }
        }
        self.0.own.head_manifest(at).await
    }

    async fn get_manifest(&self, at: &TagOrDigest) -> Result<RawManifest> {
        for n in self.willing(None) {
            match self.0.mirrors[n].get_manifest(at).await {
                Ok(manifest) => {
                    self.served(n);
                    return Ok(manifest);
                }
                Err(error) => self.passed(n, &error),
            }
        }
        self.0.own.get_manifest(at).await
    }

    async fn get_blob(&self, blob: &Descriptor, from: u64) -> Result<(u64, ByteStream)> {
        for n in self.willing(Some(&blob.digest)) {
            match self.0.mirrors[n].get_blob(blob, from).await {
                Ok(opened) => {
                    self.served(n);
                    self.reading(&blob.digest, n, |reading| {
                        reading.served = true;
                        reading.openings += 1;
                        reading.bad = reading.openings >= OPENINGS;
                    });
                    return Ok(opened);
                }
                Err(error) => {
                    self.passed(n, &error);
                    self.reading(&blob.digest, n, |reading| reading.bad = true);
                }
            }
        }
        self.0.own.get_blob(blob, from).await
    }

    async fn get_part(&self, blob: &Descriptor, from: u64, until: u64) -> Result<Option<ByteStream>> {
        for n in self.willing(Some(&blob.digest)) {
            match self.0.mirrors[n].get_blob_part(blob, from, until).await {
                Ok(Some(part)) => {
                    self.reading(&blob.digest, n, |reading| reading.served = true);
                    return Ok(Some(part));
                }
                // Others may answer ranges; without, the single stream goes on.
                Ok(None) => {}
                Err(error) => self.passed(n, &error),
            }
        }
        self.0.own.get_blob_part(blob, from, until).await
    }

    /// A list of the registry's own, while it answers: a mirror need not know all that there is.
    async fn list<'a, T>(
        &'a self,
        ask: impl Fn(&'a RepositoryClient) -> BoxFuture<'a, Result<Vec<T>>>,
    ) -> Result<Vec<T>> {
        let own = ask(&self.0.own).await;
        for n in self.willing(None).into_iter().filter(|_| own.is_err()) {
            if let Ok(listed) = ask(&self.0.mirrors[n]).await {
                return Ok(listed);
            }
        }
        own
    }
}

impl Source for MirroredRepository {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        Box::pin(self.get_manifest(at))
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(self.get_blob(blob, from))
    }

    fn round_trip(&self) -> Option<Duration> {
        let first = self.willing(None).first().and_then(|n| self.0.mirrors[*n].host.round_trip());
        first.or_else(|| self.0.own.host.round_trip())
    }

    fn part<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
        until: u64,
    ) -> BoxFuture<'a, Result<Option<ByteStream>>> {
        Box::pin(self.get_part(blob, from, until))
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        Box::pin(self.list(move |repository| Source::referrers(repository, subject)))
    }

    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        Box::pin(self.list(Source::tags))
    }

    fn doubt(&self, blob: &Digest) -> bool {
        let mut doubted = Vec::new();
        if let Some(readings) = self.memory().blobs.get_mut(blob) {
            for (n, reading) in readings.iter_mut().enumerate().filter(|(_, reading)| reading.served) {
                (reading.served, reading.bad) = (false, true);
                doubted.push(n);
            }
        }
        for n in &doubted {
            let mirror = &self.0.mirrors[*n].host.registry;
            self.tell(format!("the mirror {mirror} sent wrong bytes of {} {blob}", self.0.name));
        }
        !doubted.is_empty()
    }
}

/// A time until which a mirror is left alone.
#[derive(Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

impl Rest {
    /// For so long.
    pub fn begin(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// Whether it goes on.
    pub fn goes_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }
}

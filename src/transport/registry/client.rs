//! The client and its view of one repository.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::host::Host;
use super::mirror;
use super::options::{ClientOptions, Observer};
use super::profile::{Profile, RateLimit};
use super::tag;
use crate::oci::{Descriptor, Digest, RawManifest, Registry, Repository, Tag, TagOrDigest};
use crate::transport::{Begin, ByteStream, Destination, Error, Result, Source};

/// A client for all registries. Cheap to make: no file is read and nothing of TLS is set up before the first
/// request. Cheap to clone: every clone shares connections, tokens and what was learned.
#[derive(Clone)]
pub struct Client {
    options: Arc<ClientOptions>,
    /// A std Mutex: never held across an await.
    hosts: Arc<Mutex<HashMap<Registry, Arc<Host>>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with these options.
    pub fn new(options: ClientOptions) -> Client {
        Client { options: Arc::new(options), hosts: Arc::default() }
    }

    pub(super) fn options(&self) -> &ClientOptions {
        &self.options
    }

    pub(super) fn host(&self, registry: &Registry) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(registry.clone());
        host.or_insert_with(|| Arc::new(Host::new(registry.clone(), self.options.clone()))).clone()
    }

    /// A repository of a registry, as a source and as a destination. Nothing is asked yet.
    pub fn repository(&self, registry: &Registry, repository: &Repository) -> RepositoryClient {
        RepositoryClient { host: self.host(registry), repository: repository.clone(), once: false }
    }

    /// A registry's repositories, page by page, as they come. A registry that does not list them ends the
    /// stream with an `Unsupported` error that says so.
    pub fn repositories(&self, registry: &Registry) -> BoxStream<'static, Result<Vec<String>>> {
        match self.location(registry) {
            Some(at) => mirror::below(at.path, tag::repositories(self.host(&at.registry))),
            None => tag::repositories(self.host(registry)),
        }
    }

    /// A repository's tags, page by page, as they come.
    pub fn tags(
        &self,
        registry: &Registry,
        repository: &Repository,
    ) -> BoxStream<'static, Result<Vec<String>>> {
        let at = self.location(registry).and_then(|at| Some((at.below(repository)?, at.registry)));
        match at {
            Some((repository, registry)) => tag::tags(self.host(&registry), repository),
            None => tag::tags(self.host(registry), repository.clone()),
        }
    }

    /// What was learned of a registry so far.
    pub fn profile(&self, registry: &Registry) -> Profile {
        self.host(registry).profile()
    }

    /// Gives back what was learned of a registry earlier.
    pub fn set_profile(&self, registry: &Registry, profile: Profile) {
        self.host(registry).learn(|own| *own = profile);
    }

    /// What a registry last said of its rate limit.
    pub fn rate_limit(&self, registry: &Registry) -> Option<RateLimit> {
        self.host(registry).rate_limit()
    }
}

/// One repository of one registry. Cheap to clone.
#[derive(Clone)]
pub struct RepositoryClient {
    pub(super) host: Arc<Host>,
    pub(super) repository: Repository,
    /// Nothing is asked twice: there is another place to ask.
    pub(super) once: bool,
}

impl std::fmt::Debug for RepositoryClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RepositoryClient({}/{})", self.host.registry, self.repository)
    }
}

impl RepositoryClient {
    /// The same, asked once for everything.
    pub(super) fn asked_once(self) -> RepositoryClient {
        RepositoryClient { once: true, ..self }
    }

    /// How often a request may be sent.
    pub(super) fn attempts(&self) -> u32 {
        if self.once { 1 } else { u32::MAX }
    }

    pub(super) fn observer(&self) -> &dyn Observer {
        &*self.host.options.observer
    }

    /// Its registry.
    pub fn registry(&self) -> &Registry {
        &self.host.registry
    }

    /// Its path there.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// A manifest's place as people write it.
    pub(super) fn place(&self, at: &TagOrDigest) -> String {
        match at {
            TagOrDigest::Tag(tag) => format!("{}/{}:{tag}", self.host.registry, self.repository),
            TagOrDigest::Digest(digest) => self.place_of(digest),
        }
    }

    /// A blob's place as people write it.
    pub(super) fn place_of(&self, digest: &Digest) -> String {
        format!("{}/{}@{digest}", self.host.registry, self.repository)
    }

    /// How long a registry may think about something big that it has got: it hashes it, or moves it to
    /// another store.
    pub(super) fn patience(&self) -> Duration {
        self.host.options.stall_timeout.saturating_mul(10)
    }
}

impl Source for RepositoryClient {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        Box::pin(self.get_manifest(at))
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(self.get_blob(blob, from))
    }

    fn round_trip(&self) -> Option<Duration> {
        self.host.round_trip()
    }

    fn part<'a>(
        &'a self,
        blob: &'a Descriptor,
        from: u64,
        until: u64,
    ) -> BoxFuture<'a, Result<Option<ByteStream>>> {
        Box::pin(self.get_blob_part(blob, from, until))
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        Box::pin(RepositoryClient::referrers(self, subject))
    }

    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        let mut pages = tag::tags(self.host.clone(), self.repository.clone());
        Box::pin(async move {
            let mut tags = Vec::new();
            while let Some(page) = pages.next().await {
                tags.extend(page?.iter().filter_map(|tag| tag.parse().ok()));
            }
            Ok(tags)
        })
    }
}

impl Destination for RepositoryClient {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>> {
        Box::pin(self.head_before_push(at))
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.head_blob(&blob.digest))
    }

    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        known: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Begin>> {
        Box::pin(self.begin_blob(blob, known))
    }

    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        at: &'a TagOrDigest,
    ) -> BoxFuture<'a, Result<Digest>> {
        Box::pin(self.put_manifest_bytes(manifest, at))
    }

    fn doubt_mounts(&self) {
        self.host.learn(|profile| profile.honours_self_mount = Some(false));
    }

    fn listed_referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>>> {
        Box::pin(async move {
            match RepositoryClient::referrers(self, subject).await {
                Ok(list) => Ok(Some(list)),
                // As for a manifest that is looked up before a push: the push itself tells of missing rights.
                Err(Error::Answered { status: 403, .. }) => Ok(Some(Vec::new())),
                Err(error) => Err(error),
            }
        })
    }

    fn put_referrer<'a>(&'a self, manifest: &'a RawManifest) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let at = TagOrDigest::Digest(manifest.digest.clone());
            self.put_manifest_heard(manifest, &at).await.map(|(_, is_listed)| is_listed)
        })
    }

    fn list_referrers<'a>(
        &'a self,
        subject: &'a Digest,
        referrers: &'a [Descriptor],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.add_to_referrers_tag(subject, referrers))
    }

    fn round_trip(&self) -> Option<Duration> {
        self.host.round_trip()
    }
}

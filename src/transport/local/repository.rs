//! One repository of the store, as a source and a destination.

use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::manifest::Manifests;
use super::upload::{Incoming, Keep, Upload};
use super::{Inner, Store, blob, blocking};
use crate::oci::{Descriptor, Digest, ErrorClass, RawManifest, Repository, Tag, TagOrDigest};
use crate::transport::{Begin, BlobWriter, ByteStream, Destination, Error, Result, Source};

/// One repository of a [`Store`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreRepository {
    store: Store,
    repository: Repository,
    /// Unfinished blobs stay for the next try.
    keep: Arc<Keep>,
}

impl StoreRepository {
    pub(super) fn new(store: Store, repository: Repository) -> StoreRepository {
        StoreRepository { store, repository, keep: Arc::default() }
    }

    /// Its name.
    pub fn name(&self) -> &Repository {
        &self.repository
    }

    /// Reads the repository's manifests where blocking is allowed.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &Manifests<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (inner, repository) = (self.store.0.clone(), self.repository.clone());
        blocking(move || work(&inner, &inner.manifests(&repository))).await
    }

    /// Changes the repository's manifests while nobody else does.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Manifests<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (inner, repository) = (self.store.0.clone(), self.repository.clone());
        self.store.0.change(&self.repository, move |_| work(&inner.manifests(&repository))).await
    }

    /// A blob's size in bytes; `None` if the repository has no such blob.
    pub async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>> {
        let digest = digest.clone();
        self.read(move |inner, own| blob::size(&inner.layout, own.repository, &digest)).await
    }

    /// The same, for somebody who may push a manifest with this blob soon: a garbage collection leaves it alone
    /// for a while.
    pub async fn claim_blob(&self, digest: &Digest) -> Result<Option<u64>> {
        let digest = digest.clone();
        self.read(move |inner, own| {
            let size = blob::size(&inner.layout, own.repository, &digest)?;
            if size.is_some() {
                blob::keep_fresh(&inner.layout.blob(own.repository, &digest));
            }
            Ok(size)
        })
        .await
    }

    /// Opens a blob at an offset for `length` bytes, or to its end; with it comes the whole blob's size. An
    /// offset behind the end gives an empty stream.
    pub async fn open_blob(
        &self,
        digest: &Digest,
        from: u64,
        length: Option<u64>,
    ) -> Result<(u64, ByteStream)> {
        let path = self.store.0.layout.blob(&self.repository, digest);
        let opened = blocking({
            let path = path.clone();
            move || blob::open(&path, from)
        });
        let (size, file) = opened.await?.ok_or_else(|| self.no_blob(digest))?;
        let left = size.saturating_sub(from);
        Ok((size, blob::stream(file, &path, length.map_or(left, |length| length.min(left)))))
    }

    /// What is listed at a tag or digest, whole or not.
    pub async fn head_manifest(&self, at: &TagOrDigest) -> Result<Option<Descriptor>> {
        let at = at.clone();
        self.read(move |_, own| own.resolve(&at)).await
    }

    /// Takes a blob over from another repository of the store, or from any that has it. Whether it is there
    /// now; a blob that was there already is.
    pub async fn mount(&self, digest: &Digest, from: Option<&Repository>) -> Result<bool> {
        let from = match from {
            Some(from) => from.clone(),
            None if self.claim_blob(digest).await?.is_some() => return Ok(true),
            None => match self.store.holder(digest).await? {
                Some(holder) => holder,
                None => return Ok(false),
            },
        };
        if from == self.repository {
            return Ok(self.claim_blob(digest).await?.is_some());
        }
        // Asked first without a lock: a mount that cannot be leaves no trace of the repository.
        if self.store.repository(&from).blob_size(digest).await?.is_none() {
            return Ok(false);
        }
        let digest = digest.clone();
        self.change(move |own| blob::mount(own.layout, own.repository, &from, &digest)).await
    }

    /// Begins an upload session; `expected` is the digest to come, where it is known already.
    pub async fn begin_upload(&self, expected: Option<&Digest>) -> Result<Upload> {
        Upload::begin(&self.store, &self.repository, expected).await
    }

    /// Finds an upload session of this repository, also one of an earlier process.
    pub async fn upload(&self, id: &str) -> Result<Upload> {
        Upload::find(&self.store, &self.repository, id).await
    }

    /// Deletes a tag (its manifest stays), or a manifest with all its tags. Whether it was there.
    pub async fn delete_manifest(&self, at: &TagOrDigest) -> Result<bool> {
        let asked = at.clone();
        // Asked first without a lock: what is not there leaves no trace of the repository.
        if self.read(move |_, own| own.resolve(&asked)).await?.is_none() {
            return Ok(false);
        }
        let at = at.clone();
        self.change(move |own| own.delete(&at)).await
    }

    /// Deletes a blob from this repository. Whether it was there. A manifest is not deleted this way:
    /// [`Error::Conflict`].
    pub async fn delete_blob(&self, digest: &Digest) -> Result<bool> {
        if self.blob_size(digest).await?.is_none() {
            return Ok(false);
        }
        let digest = digest.clone();
        self.change(move |own| {
            if own.resolve(&TagOrDigest::Digest(digest.clone()))?.is_some() {
                let reason = "it is a manifest, not a blob".to_owned();
                return Err(Error::Conflict { at: format!("store:{}@{digest}", own.repository), reason });
            }
            blob::remove(own.layout, own.repository, &digest)
        })
        .await
    }

    /// The manifests whose subject is `subject`, in the order of their digests, with artifact type and
    /// annotations; only those of one artifact type if one is given. `subject` itself need not exist.
    pub async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Vec<Descriptor>> {
        let (subject, artifact_type) = (subject.clone(), artifact_type.map(str::to_owned));
        self.read(move |inner, own| inner.referrers.of(own, &subject, artifact_type.as_deref())).await
    }

    /// Whoever had the lock died of it.
    fn not_put(&self) -> Error {
        let reason = "the one who was to write it did not".to_owned();
        Error::Conflict { at: format!("store:{}", self.repository), reason }
    }

    fn no_blob(&self, digest: &Digest) -> Error {
        Error::NotFound { what: format!("blob {digest}"), at: format!("store:{}", self.repository) }
    }
}

impl Inner {
    fn manifests<'a>(&'a self, repository: &'a Repository) -> Manifests<'a> {
        Manifests { layout: &self.layout, indexes: &self.indexes, repository }
    }
}

impl Source for StoreRepository {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        let at = at.clone();
        self.read(move |_, own| own.read(&at)).boxed()
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        async move {
            let (size, stream) = self.open_blob(&blob.digest, from, None).await?;
            if size != blob.size {
                let at = format!("store:{} {}", self.repository, blob.digest);
                let (expected, found) = (format!("{} bytes", blob.size), format!("{size} bytes"));
                return Err(Error::Content { attempted: "read blob", at, expected, found });
            }
            Ok((from, stream))
        }
        .boxed()
    }

    fn referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Descriptor>>> {
        StoreRepository::referrers(self, subject, None).boxed()
    }

    fn tags(&self) -> BoxFuture<'_, Result<Vec<Tag>>> {
        self.store.tags(&self.repository).boxed()
    }
}

impl Destination for StoreRepository {
    fn resolve<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<Option<Descriptor>>> {
        let at = at.clone();
        self.read(move |_, own| own.resolve_whole(&at)).boxed()
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> BoxFuture<'a, Result<bool>> {
        async move { Ok(self.blob_size(&blob.digest).await? == Some(blob.size)) }.boxed()
    }

    fn prepare<'a>(&'a self, blobs: &'a [Descriptor]) -> BoxFuture<'a, Result<()>> {
        let (inner, repository, blobs) = (self.store.0.clone(), self.repository.clone(), blobs.to_vec());
        blocking(move || {
            let mut needed = 0u64;
            for blob in &blobs {
                if blob::size(&inner.layout, &repository, &blob.digest)?.is_none()
                    && !inner.layout.shared_blob(&blob.digest).is_file()
                {
                    needed = needed.saturating_add(blob.size);
                }
            }
            check_room(inner.layout.root(), needed)
        })
        .boxed()
    }

    fn begin<'a>(
        &'a self,
        blob: &'a Descriptor,
        known: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Begin>> {
        async move {
            let is_whole = |size: Option<u64>| size == Some(blob.size);
            let there = self.claim_blob(&blob.digest).await?;
            if is_whole(there) {
                return Ok(Begin::Present);
            }
            // Whoever writes here may read every repository, so any of them is as good as the one that is known. What
            // is damaged here is so everywhere: it is one file.
            if there.is_none()
                && ((known.is_some() && self.mount(&blob.digest, known).await?)
                    || self.mount(&blob.digest, None).await?)
                && is_whole(self.claim_blob(&blob.digest).await?)
            {
                return Ok(Begin::Mounted);
            }
            let begin =
                || Incoming::begin(&self.store, &self.repository, &blob.digest, Arc::clone(&self.keep));
            let mut incoming = begin().await?;
            if incoming.len() > 0 && incoming.len() >= blob.size {
                // All of it came before its writer died, or it is wrong, and gone now.
                match incoming.publish().await {
                    Err(Error::Content { .. }) => incoming = begin().await?,
                    published => return published.map(|()| Begin::Present),
                }
            }
            let taken_over = incoming.len();
            Ok(Begin::Write(Box::new(StoreWriter { incoming, taken_over })))
        }
        .boxed()
    }

    fn put_manifest<'a>(
        &'a self,
        manifest: &'a RawManifest,
        at: &'a TagOrDigest,
    ) -> BoxFuture<'a, Result<Digest>> {
        async move {
            // Whoever gets the lock puts what all have brought meanwhile: an index of many tags is written once for all.
            let put = self.store.0.puts.add(&self.repository, manifest, at);
            let (inner, repository) = (self.store.0.clone(), self.repository.clone());
            self.change(move |own| {
                inner.puts.take(&repository).answer(|puts| own.put_all(puts));
                Ok(())
            })
            .await?;
            put.await.unwrap_or_else(|_| Err(self.not_put()))
        }
        .boxed()
    }

    fn listed_referrers<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<Descriptor>>>> {
        StoreRepository::referrers(self, subject, None).map(|listed| listed.map(Some)).boxed()
    }

    fn keep(&self) -> Option<String> {
        // For a day: then they are swept away like every upload that nobody goes on with.
        let told =
            || format!("store:{} keeps for a day what came: the same copy goes on with it", self.repository);
        self.keep.all().then(told)
    }
}

struct StoreWriter {
    incoming: Incoming,
    /// Bytes of an earlier run that it begins with.
    taken_over: u64,
}

impl BlobWriter for StoreWriter {
    fn accepted(&self) -> u64 {
        self.incoming.len()
    }

    fn write(&mut self, from: u64, body: ByteStream) -> BoxFuture<'_, Result<()>> {
        self.taken_over = self.taken_over.min(from);
        self.incoming.write(from, body).boxed()
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        let StoreWriter { incoming, taken_over } = *self;
        async move {
            match incoming.publish().await {
                // What came now may well be right: the next attempt finds nothing and begins again.
                Err(Error::Content { attempted, at, .. }) if taken_over > 0 => Err(Error::Unreachable {
                    attempted,
                    at,
                    reason: "what an earlier run left of it is damaged; it begins again".to_owned(),
                    class: ErrorClass::Network,
                }),
                published => published,
            }
        }
        .boxed()
    }
}

/// That the disk has room for so many bytes more. Blocking.
fn check_room(root: &Path, needed: u64) -> Result<()> {
    let Some(existing) = root.ancestors().find(|path| path.exists()) else { return Ok(()) };
    let Ok(disk) = rustix::fs::statvfs(existing) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if needed <= free {
        return Ok(());
    }
    let reason = format!("{needed} bytes are needed, {free} are free");
    Err(Error::file("write", root, io::Error::new(io::ErrorKind::StorageFull, reason)))
}

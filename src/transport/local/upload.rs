//! Upload sessions: blobs on their way into a repository, in files that outlive the process.

use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::layout::Layout;
use super::partial::{Hashed, Partial};
use super::{Store, blob, blocking};
use crate::oci::{Digest, Repository};
use crate::transport::{ByteStream, Error, Result};

/// How long a session may lie untouched before it is swept away.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a request waits for another one on the same session. A client that was cut off and comes back may
/// be faster than the end of its own lost request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long another process's lock on a session is waited for, and how often it is asked for.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Bytes that must have come for an unfinished blob to be worth keeping.
const WORTH_KEEPING: u64 = 1 << 20;

/// Sessions whose hash is remembered. More than this many at once are hashed again when they go on.
const REMEMBERED: usize = 1024;

/// An upload session's name: 48 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// The name as it is in a URL and on the disk.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that nobody has or guesses.
    pub(super) fn random() -> UploadId {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let seed = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed), SystemTime::now());
        // The keys of `RandomState` are the operating system's random bytes.
        let (a, b) = (RandomState::new().hash_one(seed), RandomState::new().hash_one((seed, 1u8)));
        UploadId(format!("{a:016x}{b:016x}{:016x}", 0))
    }

    /// A new session's name. Its last part tells whose it is, so that a session is found only in its
    /// repository, by any process and after a restart.
    fn of(repository: &Repository) -> UploadId {
        let random = UploadId::random();
        let head = &random.0[..32];
        UploadId(format!("{head}{}", sign(head, repository)))
    }

    /// The name of the partial file that a blob's writer takes up again after a kill. No session over HTTP has
    /// such a name.
    fn of_writer(repository: &Repository, digest: &Digest) -> UploadId {
        UploadId(Digest::of(format!("writer\n{repository}\n{digest}").as_bytes()).short(48).to_owned())
    }

    /// Reads a name that came from outside.
    fn parse(text: &str, repository: &Repository) -> Option<UploadId> {
        let hex = text.len() == 48 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (hex && text[32..] == sign(&text[..32], repository)).then(|| UploadId(text.to_owned()))
    }
}

fn sign(head: &str, repository: &Repository) -> String {
    Digest::of(format!("upload\n{repository}\n{head}").as_bytes()).short(16).to_owned()
}

type Session = Arc<tokio::sync::Mutex<Hashed>>;

/// What this process knows of the sessions: how far each is hashed, and that one request at a time goes on.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<UploadId, Session>>);

impl Sessions {
    fn of(&self, id: &UploadId, expected: Option<&Digest>) -> Session {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(id) {
            all.retain(|_, session| Arc::strong_count(session) > 1);
        }
        let new = || Arc::new(tokio::sync::Mutex::new(Hashed::nothing(expected)));
        all.entry(id.clone()).or_insert_with(new).clone()
    }

    fn forget(&self, id: &UploadId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

/// One upload session. Dropping it leaves the session as it is, to be found again by its name.
#[derive(Debug, Clone)]
pub struct Upload {
    store: Store,
    repository: Repository,
    id: UploadId,
    session: Session,
}

impl Upload {
    /// Begins a session; `expected` is the digest to come, where it is known.
    pub(super) async fn begin(
        store: &Store,
        repository: &Repository,
        expected: Option<&Digest>,
    ) -> Result<Upload> {
        let id = UploadId::of(repository);
        let (inner, path) = (store.0.clone(), store.0.layout.upload(&id));
        blocking(move || {
            inner.ready()?;
            fs::File::create_new(&path).map(|_| ()).map_err(|e| Error::file("create", path, e))
        })
        .await?;
        let session = store.0.sessions.of(&id, expected);
        Ok(Upload { store: store.clone(), repository: repository.clone(), id, session })
    }

    /// Finds a session of this repository by its name.
    pub(super) async fn find(store: &Store, repository: &Repository, id: &str) -> Result<Upload> {
        let unknown = || unknown(repository, id);
        let id = UploadId::parse(id, repository).ok_or_else(unknown)?;
        let path = store.0.layout.upload(&id);
        if !blocking(move || Ok(path.is_file())).await? {
            return Err(unknown());
        }
        let session = store.0.sessions.of(&id, None);
        Ok(Upload { store: store.clone(), repository: repository.clone(), id, session })
    }

    /// The session's name.
    pub fn id(&self) -> &UploadId {
        &self.id
    }

    /// Bytes that have arrived and are in the file; also while a request is adding to them.
    pub async fn offset(&self) -> Result<u64> {
        let path = self.store.0.layout.upload(&self.id);
        let len =
            blocking(move || fs::metadata(&path).map(|m| m.len()).map_err(|e| Error::file("read", path, e)));
        len.await.map_err(|e| self.gone(e))
    }

    /// Appends a stream and says how many bytes there are then. With `at` it must begin exactly where the
    /// session stands, else the error is [`Error::Conflict`] and nothing is written. What arrived before the
    /// stream's error stays.
    pub async fn append(&self, at: Option<u64>, body: ByteStream) -> Result<u64> {
        let mut hashed = self.exclusive().await?;
        let partial = self.open(hashed.clone()).await?;
        if at.is_some_and(|at| at != partial.len()) {
            return Err(self.conflict(format!("it stands at {} bytes", partial.len())));
        }
        let received = partial.receive(body).await;
        *hashed = partial.hashed();
        received.map(|()| partial.len())
    }

    /// Verifies everything that arrived and makes it a blob of the repository; the answer is its size in bytes.
    /// If the digest is another one the error is [`Error::Content`], and the session is gone.
    pub async fn finish(self, digest: &Digest) -> Result<u64> {
        let hashed = self.exclusive().await?;
        let partial = self.open(hashed.clone()).await?;
        let finished = publish(&self.store, &self.repository, &self.id, &partial, digest).await;
        if matches!(finished, Ok(_) | Err(Error::Content { .. })) {
            self.store.0.sessions.forget(&self.id);
        }
        finished
    }

    /// Ends the session and throws away what arrived.
    pub async fn cancel(self) -> Result<()> {
        self.store.0.sessions.forget(&self.id);
        let path = self.store.0.layout.upload(&self.id);
        let removed = blocking(move || fs::remove_file(&path).map_err(|e| Error::file("delete", path, e)));
        removed.await.map_err(|e| self.gone(e))
    }

    async fn exclusive(&self) -> Result<tokio::sync::OwnedMutexGuard<Hashed>> {
        let turn = tokio::time::timeout(PATIENCE, self.session.clone().lock_owned()).await;
        turn.map_err(|_| self.conflict("another request is writing to it".to_owned()))
    }

    /// Opens the file. A lock is asked for several times: a program that this process starts holds every lock
    /// of its parent for a moment, between fork and exec.
    async fn open(&self, hashed: Hashed) -> Result<Partial> {
        let until = tokio::time::Instant::now() + LOCK_PATIENCE;
        loop {
            let (path, hashed) = (self.store.0.layout.upload(&self.id), hashed.clone());
            let opened = blocking(move || Partial::open(&path, hashed)).await.map_err(|e| self.gone(e))?;
            match opened {
                Some(partial) => return Ok(partial),
                None if tokio::time::Instant::now() < until => tokio::time::sleep(LOCK_PAUSE).await,
                None => return Err(self.conflict("another process is writing to it".to_owned())),
            }
        }
    }

    fn conflict(&self, reason: String) -> Error {
        Error::Conflict { at: format!("upload {} to store:{}", self.id.as_str(), self.repository), reason }
    }

    /// A file that is not there is a session that is over.
    fn gone(&self, error: Error) -> Error {
        match error.is_not_found() {
            true => unknown(&self.repository, self.id.as_str()),
            false => error,
        }
    }
}

fn unknown(repository: &Repository, id: &str) -> Error {
    let what = format!("upload session {}", crate::oci::printable(id, 60));
    Error::NotFound { what, at: format!("store:{repository}") }
}

/// Verifies a partial file and moves it to the blobs; a wrong one is deleted.
async fn publish(
    store: &Store,
    repository: &Repository,
    id: &UploadId,
    partial: &Partial,
    digest: &Digest,
) -> Result<u64> {
    let at = format!("store:{repository} {digest}");
    let path = store.0.layout.upload(id);
    let (check, wanted, file) = (partial.clone(), digest.clone(), path.clone());
    let size = blocking(move || {
        let verified = check.verify(&wanted, &at);
        if matches!(verified, Err(Error::Content { .. })) {
            check.discard().map_err(|e| Error::file("delete", file, e))?;
        }
        verified
    })
    .await?;
    let (held, into, digest) = (partial.clone(), repository.clone(), digest.clone());
    let moved = move |layout: &Layout| {
        // The partial file stays locked until it has its new name.
        let _held = held;
        blob::publish(layout, &into, &digest, &path)
    };
    store.0.change(repository, moved).await?;
    Ok(size)
}

/// A blob on its way in from this process. After a kill the same blob goes on where it stood; dropped without
/// being published, it leaves nothing unless it is to be kept.
#[derive(Debug)]
pub(super) struct Incoming {
    store: Store,
    repository: Repository,
    digest: Digest,
    id: UploadId,
    partial: Partial,
    keep: Arc<Keep>,
    /// It is published, or to be gone on with: nothing is removed.
    stays: bool,
}

/// Whether unfinished blobs stay when they are dropped, for the next try. Shared by those of one destination.
#[derive(Debug, Default)]
pub(super) struct Keep {
    all: AtomicBool,
    any: AtomicBool,
}

impl Keep {
    /// From now on all stay. Whether there are any.
    pub(super) fn all(self: &Arc<Keep>) -> bool {
        self.all.store(true, Ordering::Relaxed);
        self.any.load(Ordering::Relaxed) || Arc::strong_count(self) > 1
    }
}

impl Incoming {
    /// `keep` may let it stay when it is dropped.
    pub(super) async fn begin(
        store: &Store,
        repository: &Repository,
        digest: &Digest,
        keep: Arc<Keep>,
    ) -> Result<Incoming> {
        let (store, into, wanted) = (store.clone(), repository.clone(), digest.clone());
        // Whole when it leaves there: what is made for somebody who has stopped waiting goes with it.
        blocking(move || {
            store.0.ready()?;
            let open = |id: UploadId| -> Result<Option<Incoming>> {
                let path = store.0.layout.upload(&id);
                let partial = Partial::open_or_create(&path, Hashed::nothing(Some(&wanted)))?;
                let (store, repository, digest) = (store.clone(), into.clone(), wanted.clone());
                let keep = Arc::clone(&keep);
                let incoming =
                    |partial| Incoming { store, repository, digest, id, partial, keep, stays: false };
                Ok(partial.map(incoming))
            };
            match open(UploadId::of_writer(&into, &wanted)) {
                Ok(Some(begun)) => return Ok(begun),
                Err(e) if !e.is_not_found() => return Err(e),
                // Somebody else is writing the same blob, or has just finished: this one is written beside it.
                Ok(None) | Err(_) => {}
            }
            let own = open(UploadId::random())?;
            own.ok_or_else(|| {
                let reason = "another process took the upload's file".to_owned();
                Error::Conflict { at: format!("store:{into} {wanted}"), reason }
            })
        })
        .await
    }

    pub(super) fn len(&self) -> u64 {
        self.partial.len()
    }

    /// Appends a stream whose first byte is the blob's byte `from`.
    pub(super) async fn write(&mut self, from: u64, body: ByteStream) -> Result<()> {
        if from > self.len() {
            let at = format!("store:{} {}", self.repository, self.digest);
            return Err(Error::Conflict {
                at,
                reason: format!("{} bytes are there, not {from}", self.len()),
            });
        }
        let partial = self.partial.clone();
        blocking(move || partial.truncate(from)).await?;
        let received = self.partial.receive(body).await;
        if self.len() >= WORTH_KEEPING && received.as_ref().is_err_and(Error::may_pass) {
            self.stays = true;
            self.keep.any.store(true, Ordering::Relaxed);
        }
        received
    }

    pub(super) async fn publish(mut self) -> Result<()> {
        publish(&self.store, &self.repository, &self.id, &self.partial, &self.digest).await?;
        self.stays = true;
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Another name than this one nobody would find.
        let found = || self.id == UploadId::of_writer(&self.repository, &self.digest);
        let kept = self.keep.all.load(Ordering::Relaxed) && self.len() >= WORTH_KEEPING && found();
        if !self.stays && !kept {
            let _ = self.partial.discard();
        }
    }
}

/// Deletes sessions that nobody has touched for a day. Blocking.
pub(super) fn sweep(layout: &Layout) {
    let Ok(entries) = fs::read_dir(layout.uploads()) else { return };
    for entry in entries.flatten() {
        let stale = entry.metadata().is_ok_and(|m| m.is_file() && written_age(&m) > STALE);
        // One that is being written has changed within the day, so no lock is asked for.
        if stale && fs::remove_file(entry.path()).is_ok() {
            tracing::info!(upload = %entry.file_name().to_string_lossy(), "swept a stale upload session");
        }
    }
}

/// By the time of writing alone: reading or locking a session does not keep it.
fn written_age(metadata: &fs::Metadata) -> Duration {
    metadata.modified().ok().and_then(|time| time.elapsed().ok()).unwrap_or_default()
}

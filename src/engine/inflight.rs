//! Once per digest: of two running jobs that need the same blob at the same registry, one uploads it
//! and the other waits, then mounts it. If the first gives up, the second takes over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::oci::{Digest, Repository};

/// A host and a digest.
type Key = (String, Digest);

/// What is on its way, and what is known to have arrived.
#[derive(Default)]
pub(super) struct Inflight {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Blobs that somebody uploads now. The sender is dropped when they are done, for better or worse.
    running: HashMap<Key, watch::Receiver<()>>,
    /// Where blobs are known to be.
    known: HashMap<Key, Repository>,
}

/// The right to upload one blob to one host. Dropping it lets the next one try.
pub(super) struct Claim {
    inflight: Arc<Inflight>,
    key: Key,
    _done: watch::Sender<()>,
}

impl Inflight {
    /// Waits until nobody else uploads the blob to the host, and claims it.
    pub(super) async fn claim(self: &Arc<Inflight>, host: &str, digest: &Digest) -> Claim {
        let key = (host.to_owned(), digest.clone());
        loop {
            let mut other = {
                let mut state = self.lock();
                match state.running.get(&key) {
                    Some(other) => other.clone(),
                    None => {
                        let (done, running) = watch::channel(());
                        state.running.insert(key.clone(), running);
                        return Claim { inflight: Arc::clone(self), key, _done: done };
                    }
                }
            };
            // Ends with an error when the owner drops its claim: that is the signal.
            while other.changed().await.is_ok() {}
        }
    }

    /// A repository of the host that is known to hold the blob.
    pub(super) fn known(&self, host: &str, digest: &Digest) -> Option<Repository> {
        self.lock().known.get(&(host.to_owned(), digest.clone())).cloned()
    }

    /// Remembers where a blob is.
    pub(super) fn learn(&self, host: &str, digest: &Digest, repository: &Repository) {
        self.lock().known.entry((host.to_owned(), digest.clone())).or_insert_with(|| repository.clone());
    }

    /// Forgets where a blob was said to be: a mount from there did not work.
    pub(super) fn forget(&self, host: &str, digest: &Digest) {
        self.lock().known.remove(&(host.to_owned(), digest.clone()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.inflight.lock().running.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_second_waits_and_takes_over() {
        let (inflight, digest) = (Arc::new(Inflight::default()), Digest::of(b"x"));
        let first = inflight.claim("r", &digest).await;
        let second = inflight.claim("r", &digest);
        let third = inflight.claim("r", &digest);
        tokio::pin!(second, third);
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        assert!(inflight.claim("elsewhere", &digest).now_or_never().is_some());
        drop(first);
        let claim = second.await;
        assert!(third.as_mut().now_or_never().is_none());
        drop(claim);
        third.await;
    }

    #[test]
    fn what_arrived_is_known() {
        let (inflight, digest) = (Inflight::default(), Digest::of(b"x"));
        let repository: Repository = "a/b".parse().unwrap();
        assert_eq!(inflight.known("r", &digest), None);
        inflight.learn("r", &digest, &repository);
        assert_eq!(inflight.known("r", &digest), Some(repository));
        inflight.forget("r", &digest);
        assert_eq!(inflight.known("r", &digest), None);
    }
}

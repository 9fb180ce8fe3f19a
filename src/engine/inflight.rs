//! Once per digest: of two running jobs that need the same blob at the same registry, one uploads it
//! and the other waits, then mounts it. If the first gives up, the second takes over.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    /// Where blobs are known to be: what was learned first comes first.
    known: HashMap<Key, Vec<Repository>>,
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

    /// A repository of the host that is known to hold the blob: `own`, if it does, as there is nothing to mount then.
    pub(super) fn known(&self, host: &str, digest: &Digest, own: Option<&Repository>) -> Option<Repository> {
        let state = self.lock();
        let known = state.known.get(&(host.to_owned(), digest.clone()))?;
        known.iter().find(|at| Some(*at) == own).or(known.first()).cloned()
    }

    /// Remembers where a blob is.
    pub(super) fn learn(&self, host: &str, digest: &Digest, repository: &Repository) {
        let mut state = self.lock();
        let known = state.known.entry((host.to_owned(), digest.clone())).or_default();
        if !known.contains(repository) {
            known.push(repository.clone());
        }
    }

    /// Forgets that a blob was said to be somewhere: it is not, or was not lent from there.
    pub(super) fn forget(&self, host: &str, digest: &Digest, repository: &Repository) {
        let mut state = self.lock();
        if let Entry::Occupied(mut known) = state.known.entry((host.to_owned(), digest.clone())) {
            known.get_mut().retain(|at| at != repository);
            if known.get().is_empty() {
                known.remove();
            }
        }
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
        let [one, two]: [Repository; 2] = ["a/b", "c"].map(|name| name.parse().unwrap());
        assert_eq!(inflight.known("r", &digest, Some(&one)), None);
        inflight.learn("r", &digest, &one);
        assert_eq!(inflight.known("r", &digest, Some(&two)), Some(one.clone()));
        inflight.learn("r", &digest, &two);
        assert_eq!(inflight.known("r", &digest, Some(&two)), Some(two.clone()));
        assert_eq!(inflight.known("r", &digest, None), Some(one.clone()));
        inflight.forget("r", &digest, &one);
        assert_eq!(inflight.known("r", &digest, Some(&one)), Some(two.clone()));
        inflight.forget("r", &digest, &two);
        assert_eq!(inflight.known("r", &digest, None), None);
    }
}

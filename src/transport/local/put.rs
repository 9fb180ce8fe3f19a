//! Manifests that wait to be put: those of one repository that came while another one was being written are put together,
//! so that an index of thousands of tags is not written once for each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::oci::{Digest, RawManifest, Repository, TagOrDigest};
use crate::transport::Result;

/// What waits, by repository, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Puts(Mutex<HashMap<Repository, Batch>>);

/// Manifests that are put together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    puts: Vec<(RawManifest, TagOrDigest)>,
    answers: Vec<oneshot::Sender<Result<Digest>>>,
}

impl Puts {
    /// Adds a manifest. Its answer comes from whoever takes the batch next, which is the caller if nobody else does.
    pub(super) fn add(
        &self,
        repository: &Repository,
        manifest: &RawManifest,
        at: &TagOrDigest,
    ) -> oneshot::Receiver<Result<Digest>> {
        let (answer, receiver) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = all.entry(repository.clone()).or_default();
        batch.puts.push((manifest.clone(), at.clone()));
        batch.answers.push(answer);
        receiver
    }

    /// Takes what waits for a repository, perhaps nothing. The caller has locked the repository.
    pub(super) fn take(&self, repository: &Repository) -> Batch {
        let batch = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(repository);
        // Who does not wait any more, because its job was cancelled, does not want it put.
        let wanted = batch.into_iter().flat_map(|batch| batch.puts.into_iter().zip(batch.answers));
        let (puts, answers) = wanted.filter(|(_, answer)| !answer.is_closed()).unzip();
        Batch { puts, answers }
    }
}

impl Batch {
    /// Puts them all and tells everybody.
    pub(super) fn answer(self, put: impl FnOnce(&[(RawManifest, TagOrDigest)]) -> Vec<Result<Digest>>) {
        if self.puts.is_empty() {
            return;
        }
        for (answer, result) in self.answers.into_iter().zip(put(&self.puts)) {
            // Nobody may be waiting by now: it is put all the same.
            let _ = answer.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn those_that_wait_go_together_in_their_order_and_the_cancelled_do_not() {
        let puts = Puts::default();
        let (a, b): (Repository, Repository) = ("a".parse().unwrap(), "b".parse().unwrap());
        let add = |to: &Repository, tag: &str| {
            puts.add(to, &RawManifest::new(Bytes::from_static(b"{}"), ""), &tag.parse().unwrap())
        };
        let (mut one, gone, mut three, mut other) = (add(&a, "1"), add(&a, "2"), add(&a, "3"), add(&b, "1"));
        drop(gone);
        let digest = Digest::of(b"{}");
        let mut seen = Vec::new();
        puts.take(&a).answer(|puts| {
            seen.extend(puts.iter().map(|(_, at)| at.to_string()));
            puts.iter().map(|_| Ok(digest.clone())).collect()
        });
        assert_eq!(seen, ["1", "3"]);
        assert!([&mut one, &mut three].into_iter().all(|put| put.try_recv().unwrap().unwrap() == digest));
        assert!(other.try_recv().is_err(), "nobody has taken it yet");
        puts.take(&a).answer(|_| unreachable!("nothing is left"));
    }
}

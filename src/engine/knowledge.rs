//! What outlives a job: where blobs are, how registries behave, which tags and files were made. It is learned from
//! the ledger before a job runs and told to it afterwards.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use super::Inner;
use super::door::{DestinationDoor, SourceDoor, written};
use super::remembered::Remembered;
use super::run::Running;
use crate::job::{Level, Output, PlannedBlob, TagChange};
use crate::ledger::{self, Ledger, Overwrite};
use crate::oci::{Digest, Registry, Repository};

impl Inner {
    /// A destination in the source's own registry mounts everything from there.
    pub(super) fn learn_source(&self, source: &SourceDoor, door: &DestinationDoor, blobs: &[PlannedBlob]) {
        if let Some(repository) = source.repository.as_ref().filter(|_| source.host == door.host) {
            blobs
                .iter()
                .for_each(|blob| self.inflight.learn(&door.host, &blob.descriptor.digest, repository));
        }
    }

    /// Other repositories of a destination's host that are known to hold its blobs, from this run and the
    /// ledger; with `begun` also those that an upload was on its way to.
    pub(super) async fn known_places(
        &self,
        door: &DestinationDoor,
        blobs: &[PlannedBlob],
        begun: bool,
    ) -> HashMap<Digest, Repository> {
        let Some(own) = &door.repository else { return HashMap::new() };
        let mut unknown = Vec::new();
        for blob in blobs {
            let digest = &blob.descriptor.digest;
            if self.inflight.known(&door.host, digest, Some(own)).is_none() {
                unknown.push(digest.clone());
            }
        }
        if let (Some(ledger), Some(registry), false) = (&self.ledger, &door.registry, unknown.is_empty()) {
            match ledger.blob_locations(registry, &unknown, begun).await {
                Ok(found) => {
                    found.iter().for_each(|(digest, at)| self.inflight.learn(&door.host, digest, at))
                }
                Err(error) => tracing::warn!("blob locations: {error}"),
            }
        }
        let place = |blob: &PlannedBlob| {
            let digest = &blob.descriptor.digest;
            let at = self.inflight.known(&door.host, digest, Some(own)).filter(|at| at != own)?;
            Some((digest.clone(), at))
        };
        blobs.iter().filter_map(place).collect()
    }

    /// Learns from the ledger what helps a job along: where its blobs are, and how its registries behave.
    pub(super) async fn learn_places(&self, running: &Running) {
        for (at, door) in running.destinations.iter().enumerate() {
            if running.needs(at) {
                self.known_places(door, &running.plan.blobs, true).await;
            }
        }
    }

    /// A blob is about to be uploaded: whoever finishes after a kill will look for it there.
    pub(super) async fn begin_place(&self, door: &DestinationDoor, digest: &Digest) {
        if let (Some(ledger), Some(registry), Some(repository)) =
            (&self.ledger, &door.registry, &door.repository)
            && let Err(error) = ledger.begin_blob(registry, digest, repository).await
        {
            tracing::warn!("blob locations: {error}");
        }
    }

    /// A repository that was said to have a blob has not, or did not lend it.
    pub(super) async fn forget_place(&self, door: &DestinationDoor, digest: &Digest, at: &Repository) {
        self.inflight.forget(&door.host, digest, at);
        if let (Some(ledger), Some(registry)) = (&self.ledger, &door.registry)
            && let Err(error) = ledger.forget_blob(registry, digest, at).await
        {
            tracing::warn!("blob locations: {error}");
        }
    }

    /// Gives the client what the ledger remembers of a registry's behaviour, once a process.
    pub(super) async fn learn_profile(&self, registry: &Registry) {
        let Some(ledger) = &self.ledger else { return };
        if self.profiles().contains_key(registry) {
            return;
        }
        let known = match ledger.profile(registry).await {
            // What another version wrote and this one cannot read is learned again.
            Ok(value) => value.and_then(|value| serde_json::from_value::<Remembered>(value).ok()),
            Err(error) => {
                tracing::warn!("profile of {registry}: {error}");
                None
            }
        };
        let known = known.map(|known| known.believed(jiff::Timestamp::now()));
        if let Some(known) = &known {
            self.client.set_profile(registry, known.profile.clone());
        }
        self.profiles().entry(registry.clone()).or_insert(known.unwrap_or_default());
    }

    /// Tells the ledger what was learned of a registry's behaviour, if it is anything new.
    async fn save_profile(&self, ledger: &Ledger, registry: &Registry) -> Saved {
        let learned = self.client.profile(registry);
        let known = self.known_of(registry).learned(learned, jiff::Timestamp::now());
        self.save(ledger, registry, known).await
    }

    /// What the ledger remembers of a registry, once it was asked.
    pub(super) fn known_of(&self, registry: &Registry) -> Remembered {
        self.profiles().get(registry).cloned().unwrap_or_default()
    }

    pub(super) fn profiles(&self) -> MutexGuard<'_, HashMap<Registry, Remembered>> {
        self.profiles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of a record.
pub(super) type Saved = Result<(), ledger::Error>;

impl Running {
    /// Tells the ledger, and whoever listens, that a tag was moved away from something.
    pub(super) async fn remember_overwrite(&self, door: &DestinationDoor, change: &TagChange) {
        let Some(old) = &change.old else { return };
        self.voice.note(Level::Info, &format!("{}: tag {} was {old}", door.name, change.tag));
        let place = (self.engine.ledger_for(self.id), &door.registry, &door.repository);
        let (Some(ledger), Some(registry), Some(repository)) = place else { return };
        let record = Overwrite {
            job: self.id,
            registry: registry.clone(),
            repository: repository.clone(),
            tag: change.tag.clone(),
            old: old.clone(),
            new: change.new.clone(),
            at: jiff::Timestamp::now(),
        };
        if let Err(error) = ledger.record_overwrite(&record).await {
            self.voice.note(Level::Warn, &format!("{}: not remembered: {error}", door.name));
        }
    }

    /// Tells the ledger where the blobs are now, and which file was made. A ledger that cannot be
    /// written to is a warning: the image has arrived.
    pub(super) async fn remember(&self, door: &DestinationDoor, output: &Output) {
        let Some(ledger) = self.engine.ledger_for(self.id) else { return };
        let result = async {
            if let (Some(registry), Some(repository)) = (&door.registry, &door.repository) {
                let places: Vec<_> = self
                    .plan
                    .blobs
                    .iter()
                    .map(|blob| (blob.descriptor.digest.clone(), repository.clone()))
                    .collect();
                ledger.remember_blobs(registry, &places).await?;
                self.engine.save_profile(ledger, registry).await?;
            }
            if let Some(path) = &output.path {
                let size = tokio::fs::metadata(path).await.map_or(0, |file| file.len());
                ledger.record_file(self.id, path, &output.digest, size).await?;
            }
            Ok::<(), ledger::Error>(())
        };
        if let Err(error) = result.await {
            self.voice
                .note(Level::Warn, &format!("{}: not remembered: {error}", written(&door.name, &door.at[0])));
        }
    }
}

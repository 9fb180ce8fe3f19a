//! A manifest that is refused because what it names is not there: it is asked for, sent again, and the manifest is put
//! once more.
//!
//! Every blob was there, or was believed to be, before its manifest is put. It may be gone all the same: the registry's
//! garbage collector ran in between, a mount was answered with 201 and nothing came of it, or somebody else writes the
//! blob's link at that moment (`transport::registry::begin` tells of docker-registry).

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Result;
use super::door::DestinationDoor;
use super::reading::backoff;
use super::run::Running;
use crate::oci::{Descriptor, Document, RawManifest, TagOrDigest};
use crate::transport;

/// How often one manifest is put at most.
const PUTS: u32 = 4;
/// From here on nothing is believed of what the registry says without being asked.
const DOUBTED: u32 = 3;
/// The first wait where nothing is lacking, and only time can help.
const PAUSE: Duration = Duration::from_millis(50);

impl Running {
    /// Puts a manifest. Where the registry says that it lacks what the manifest names, that is sent again before the
    /// manifest is put again.
    pub(super) async fn put_complete<'a, T>(
        &'a self,
        door: &'a DestinationDoor,
        raw: &'a RawManifest,
        put: impl Fn() -> BoxFuture<'a, transport::Result<T>> + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
    {
        let mut attempt = 1;
        loop {
            let error = match put().await {
                Err(error @ transport::Error::Lacking { .. }) => error,
                other => return Ok(other?),
            };
            if attempt >= PUTS || !self.voice.may_retry() {
                return Err(error.into());
            }
            attempt += 1;
            let delay = backoff(PAUSE, attempt, None);
            self.voice.retry(&error, attempt, PUTS, delay);
            if !self.send_again(door, raw, attempt).await? {
                tokio::time::sleep(delay).await;
            }
        }
    }

    /// Sends what a manifest names and a destination lacks; whether it lacked a blob.
    fn send_again<'a>(
        &'a self,
        door: &'a DestinationDoor,
        raw: &'a RawManifest,
        attempt: u32,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
            match raw.parse() {
                Ok(Document::Image(image)) => blobs.extend(image.blobs().into_iter().cloned()),
                Ok(Document::Index(index)) => {
                    let ours = || self.beside.iter().flat_map(|one| &one.manifests).chain(&self.manifests);
                    for entry in index.manifests {
                        match ours().find(|raw| raw.digest == entry.digest) {
                            Some(raw) => manifests.push(raw),
                            None => blobs.push(entry),
                        }
                    }
                }
                Err(_) => {}
            }
            let mut lacked = false;
            for blob in &blobs {
                lacked |= self.send_blob_again(door, blob, attempt).await?;
            }
            for raw in manifests {
                let at = TagOrDigest::Digest(raw.digest.clone());
                if let Err(error) = door.destination.put_manifest(raw, &at).await {
                    let transport::Error::Lacking { .. } = error else { return Err(error.into()) };
                    lacked |= self.send_again(door, raw, attempt).await?;
                    door.destination.put_manifest(raw, &at).await?;
                }
            }
            Ok(lacked)
        })
    }

    /// Sends a blob that a destination lacks; whether it did.
    async fn send_blob_again(&self, door: &DestinationDoor, blob: &Descriptor, attempt: u32) -> Result<bool> {
        let planned = self.plan.blobs.iter().position(|planned| planned.descriptor.digest == blob.digest);
        let at = self.destinations.iter().position(|other| std::ptr::eq(other, door));
        // What was not planned lies elsewhere (a foreign layer), and never was this job's to bring.
        let (Some(planned), Some(at)) = (planned, at) else { return Ok(false) };
        match door.destination.has_blob(blob).await {
            Ok(true) => return Ok(false),
            Ok(false) => {}
            // Who may push may not be allowed to look; the upload asks in its own way.
            Err(transport::Error::Answered { status: ..500, .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(own) = &door.repository {
            self.engine.forget_place(door, &blob.digest, own).await;
        }
        if attempt >= DOUBTED {
            door.destination.doubt_mounts();
            while let Some(place) = self.engine.inflight.known(&door.host, &blob.digest, None) {
                self.engine.forget_place(door, &blob.digest, &place).await;
            }
        }
        self.copy_round(planned, vec![at]).await?;
        Ok(true)
    }
}

//! One run of one job: its blobs through the pool, then its manifests in order, then the end of its files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use futures_util::future::{join_all, try_join_all};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::door::{DestinationDoor, SourceDoor};
use super::planner::Planned;
use super::pool::Rank;
use super::progress::Counters;
use super::referrers::Beside;
use super::voice::{JOB, Voice};
use super::{Error, Inner, Result};
use crate::job::{AsideKind, JobId, Output, Plan, PlannedDestination, Presence, Report, TagChange};
use crate::oci::{Document, RawManifest, TagOrDigest};
use crate::transport::Finished;

/// Manifests that one job pushes to one destination at the same time.
const PUSHES: usize = 8;

/// A job that runs.
pub(super) struct Running {
    pub(super) engine: Arc<Inner>,
    pub(super) id: JobId,
    /// Whose blobs go first.
    pub(super) rank: Rank,
    pub(super) plan: Plan,
    pub(super) manifests: Vec<RawManifest>,
    /// What travels beside the image.
    pub(super) beside: Vec<Beside>,
    pub(super) source: SourceDoor,
    pub(super) destinations: Vec<DestinationDoor>,
    pub(super) counters: Arc<Counters>,
    pub(super) voice: Voice,
    /// True while no new blob may start.
    pub(super) paused: watch::Receiver<bool>,
    /// Whether a destination turned out to have a blob already.
    pub(super) found_some: AtomicBool,
}

impl Running {
    pub(super) fn new(
        engine: Arc<Inner>,
        id: JobId,
        rank: Rank,
        planned: Planned,
        paused: watch::Receiver<bool>,
    ) -> Running {
        let Planned { plan, manifests, beside, source, destinations } = planned;
        let source = engine.bandwidth.source(source);
        // Destinations that need nothing have no counters of their own: their bytes are reused at once.
        let counters = Arc::new(Counters::new(&plan.blobs, destinations.len()));
        for (at, destination) in plan.destinations.iter().enumerate() {
            (0..plan.blobs.len())
                .filter(|blob| !lacks(destination, *blob))
                .for_each(|blob| counters.settle(blob, at, crate::job::BlobStage::Present));
        }
        plan.notes.iter().for_each(|note| counters.note(note.clone()));
        for engine in destinations.iter().filter_map(|door| door.destination.daemon()) {
            counters.set_aside(AsideKind::Loading, engine.moved());
        }
        let voice = Voice { speaker: engine.speaker.clone(), job: id, counters: Arc::clone(&counters) };
        Running {
            engine,
            id,
            rank,
            plan,
            manifests,
            beside,
            source,
            destinations,
            counters,
            voice,
            paused,
            found_some: AtomicBool::new(false),
        }
    }

    /// Whether a destination lacks something.
    pub(super) fn needs(&self, destination: usize) -> bool {
        !self.plan.destinations[destination].up_to_date
    }

    /// Whether a destination may lack a blob.
    pub(super) fn needs_blob(&self, destination: usize, blob: usize) -> bool {
        lacks(&self.plan.destinations[destination], blob)
    }

    /// Whether no new blob may start now.
    pub(super) fn is_paused(&self) -> bool {
        *self.paused.borrow()
    }

    /// Waits while the job is paused.
    pub(super) async fn not_paused(&self) {
        // An error means that the job's entry is gone: then it is cancelled, not paused.
        let _ = self.paused.clone().wait_for(|paused| !paused).await;
    }

    /// Runs to the end, or until `cancel`. `began` is when its planning did: an image that is staged for it, out of an
    /// engine or a compressed archive, moves most of its bytes there.
    pub(super) async fn run(
        self: Arc<Running>,
        began: Instant,
        cancel: &CancellationToken,
    ) -> Result<Report> {
        let mut set = JoinSet::new();
        // In a task of its own, so that a panic is an error of this job and of nothing else.
        set.spawn(JOB.scope(self.id, Arc::clone(&self).work(cancel.clone())));
        let outputs = joined_result(set.join_next().await)?;
        let sample = self.counters.sample();
        Ok(Report {
            outputs,
            wire: sample.wire,
            reused: sample.reused,
            retries: self.counters.retries.load(Relaxed),
            referrers: self.counters.referrers.load(Relaxed),
            millis: began.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
            notes: self.counters.notes(),
        })
    }

    async fn work(self: Arc<Running>, cancel: CancellationToken) -> Result<Vec<Output>> {
        let needed = || self.destinations.iter().enumerate().filter(|(at, _)| self.needs(*at));
        let lacking = |at: usize| -> Vec<_> {
            let blobs = self.plan.blobs.iter().enumerate().filter(|(blob, _)| self.needs_blob(at, *blob));
            blobs.map(|(_, blob)| blob.descriptor.clone()).collect()
        };
        let lacking: Vec<_> = needed().map(|(at, door)| (door, lacking(at))).collect();
        try_join_all(lacking.iter().map(|(door, blobs)| door.destination.prepare(blobs))).await?;
        if needed().next().is_some() {
            self.copy_blobs(&cancel).await?;
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(Error::Cancelled),
            () = self.not_paused() => {}
        }
        // Each to its end, so that what was done is written down even where another one fails.
        let ends = self.destinations.iter().zip(&self.plan.destinations);
        join_all(ends.map(|(door, planned)| self.end(door, planned, &cancel))).await.into_iter().collect()
    }

    /// All blobs, each in a task of its own so that hashing uses every core. The first error, or `cancel`, ends the
    /// others; none of them lives on when this returns.
    async fn copy_blobs(self: &Arc<Running>, cancel: &CancellationToken) -> Result<()> {
        let mut set = JoinSet::new();
        let mut order: Vec<usize> = (0..self.plan.blobs.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.plan.blobs[*at].descriptor.size));
        for blob in order {
            set.spawn(JOB.scope(self.id, Arc::clone(self).copy_blob(blob)));
        }
        let mut result = Ok(());
        while result.is_ok() && !set.is_empty() {
            result = tokio::select! {
                () = cancel.cancelled() => Err(Error::Cancelled),
                joined = set.join_next() => joined_result(joined),
            };
        }
        self.keep_what_came(&result);
        set.shutdown().await;
        result
    }

    /// Manifests, tags and the end of one destination. `cancel` is obeyed until the end begins: a file that is being
    /// given its name is seen through, a stream that nobody reads on is not.
    async fn end(
        &self,
        door: &DestinationDoor,
        planned: &PlannedDestination,
        cancel: &CancellationToken,
    ) -> Result<Output> {
        let arrives = &self.plan.arrives.digest;
        let was = Some(self.plan.found.digest.clone()).filter(|found| found != arrives);
        let mut output = Output {
            location: door.name.clone(),
            digest: arrives.clone(),
            was,
            path: None,
            up_to_date: planned.up_to_date,
            overwritten: Vec::new(),
        };
        if planned.up_to_date {
            return Ok(output);
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(Error::Cancelled),
            pushed = self.push(door, planned) => pushed?,
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(Error::Cancelled),
            delivered = door.destination.deliver() => delivered?,
        }
        let Finished { path, digest, notes } = tokio::select! {
            () = cancel.cancelled(), if door.destination.is_stream() => return Err(Error::Cancelled),
            finished = door.destination.finish() => finished?,
        };
        notes.into_iter().for_each(|note| self.counters.note(note));
        if let Some(changed) = digest.filter(|digest| digest != arrives) {
            output.was = Some(self.plan.found.digest.clone());
            output.digest = changed;
        }
        for change in planned.tags.iter().filter(|change| change.overwrites()) {
            output.overwritten.extend(change.old.clone().map(|old| (change.tag.clone(), old)));
        }
        if let Some(path) = path {
            output.location = path.display().to_string();
            output.path = Some(path);
        }
        self.remember(door, &output).await;
        Ok(output)
    }

    /// The image, if it is lacking, and then what refers to it.
    async fn push(&self, door: &DestinationDoor, planned: &PlannedDestination) -> Result<()> {
        if !planned.image_there {
            self.push_manifests(door, planned).await?;
        }
        self.push_beside(door, planned).await
    }

    /// Images first, then indexes in the order of their nesting, then the root at each of its tags.
    async fn push_manifests(&self, door: &DestinationDoor, planned: &PlannedDestination) -> Result<()> {
        let Some((root, children)) = self.manifests.split_last() else { return Ok(()) };
        let (indexes, images): (Vec<_>, Vec<_>) =
            children.iter().partition(|raw| matches!(raw.parse(), Ok(Document::Index(_))));
        let push = |raw: RawManifest, at: TagOrDigest| async move {
            let put = || door.destination.put_manifest(&raw, &at);
            let known = self.put_complete(door, &raw, put).await?;
            // An archive may have to change the manifest, and says so when it is finished.
            match known == raw.digest || door.single {
                true => Ok(()),
                false => Err(Error::from(crate::transport::Error::Content {
                    attempted: "put manifest",
                    at: door.name.clone(),
                    expected: raw.digest.to_string(),
                    found: known.to_string(),
                })),
            }
        };
        let by_digest = |raw: &RawManifest| push(raw.clone(), TagOrDigest::Digest(raw.digest.clone()));
        stream::iter(images.into_iter().map(by_digest)).buffer_unordered(PUSHES).try_collect::<()>().await?;
        for index in indexes {
            by_digest(index).await?;
        }
        for at in &door.at {
            let at = match at {
                TagOrDigest::Digest(_) => TagOrDigest::Digest(root.digest.clone()),
                tag => tag.clone(),
            };
            push(root.clone(), at.clone()).await?;
            let moved = |change: &&TagChange| change.overwrites() && change.tag.as_str() == at.as_str();
            if let Some(change) = planned.tags.iter().find(moved) {
                // At once: whatever fails after this, the old digest can be found.
                self.remember_overwrite(door, change).await;
            }
        }
        Ok(())
    }
}

/// Whether a destination may lack a blob: what the plan knows to be there is not asked for again.
fn lacks(destination: &PlannedDestination, blob: usize) -> bool {
    !destination.up_to_date && destination.presence.get(blob) != Some(&Presence::Present)
}

/// A task's result; a panic in it is a fault of wharf's, told with what the panic said.
fn joined_result<T>(joined: Option<std::result::Result<Result<T>, tokio::task::JoinError>>) -> Result<T> {
    match joined {
        Some(Ok(result)) => result,
        Some(Err(error)) if error.is_panic() => {
            let panic = error.into_panic();
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(Error::Internal(text.unwrap_or_else(|| "a worker panicked".to_owned())))
        }
        Some(Err(_)) | None => Err(Error::Cancelled),
    }
}

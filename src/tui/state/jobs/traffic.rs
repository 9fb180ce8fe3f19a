//! What goes where once: a blob that several jobs need at one place is sent by one of them, and the others wait for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::job::{BlobStage, Job, JobId, JobState, Target};
use crate::oci::{Digest, Location, Registry};

/// Where a job's blobs go, where that is one registry.
fn place(job: &Job) -> Option<&Registry> {
    match job.spec.destinations.as_slice() {
        [Target::Image(Location::Registry(reference))] => Some(&reference.registry),
        _ => None,
    }
}

/// Bytes of a job that are still to come: what another job sends to the same place is not sent again.
pub(super) fn rest<'a>(job: &'a Job, coming: &mut HashSet<(&'a Digest, &'a Registry)>) -> u64 {
    let whole = job.progress.total.saturating_sub(job.progress.wire + job.progress.reused);
    let Some(place) = place(job).filter(|_| !job.progress.blobs.is_empty()) else { return whole };
    let open = job.progress.blobs.iter().filter(|blob| !blob.stage.is_settled());
    let first = open.filter(|blob| coming.insert((&blob.digest, place)));
    first.map(|blob| blob.size.saturating_sub(blob.done)).sum::<u64>().min(whole)
}

/// Running jobs of which nothing flows, because another one sends what they need.
pub(super) fn waiting(jobs: &[Arc<Job>]) -> HashMap<JobId, JobId> {
    let running = || jobs.iter().filter(|job| job.state == JobState::Running);
    let flows = |job: &&Arc<Job>| job.progress.blobs.iter().any(|blob| blob.stage == BlobStage::Running);
    let mut senders = HashMap::new();
    for job in running().filter(flows) {
        for blob in job.progress.blobs.iter().filter(|blob| blob.stage == BlobStage::Running) {
            senders.insert((&blob.digest, place(job)), job.id);
        }
    }
    let idle = running().filter(|job| !flows(job));
    idle.filter_map(|job| {
        let place = place(job)?;
        let waiting = job.progress.blobs.iter().filter(|blob| blob.stage == BlobStage::Waiting);
        let sender = waiting.filter_map(|blob| senders.get(&(&blob.digest, Some(place)))).next()?;
        Some((job.id, *sender))
    })
    .collect()
}

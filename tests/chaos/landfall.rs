//! What has to be so when a voyage is over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use wharf::job::{BlobProgress, BlobStage, Failure, Job, JobState, Progress};
use wharf::oci::ErrorClass;

use super::voyage::Leg;
use crate::support::held;
use crate::support::visible::{self, Names};

/// How soon after its end an engine has let go of everything.
const SETTLED: Duration = Duration::from_secs(5);

/// Waits until an engine that has ended has no tasks, files and connections any more.
pub fn settle(crew: &Runtime, directory: &Path, ports: &[u16]) -> Result<(), String> {
    let deadline = Instant::now() + SETTLED;
    // Ports are given away again at once: sockets that came later, and those of another voyage's server on such a port, are
    // not this engine's. Without tasks it makes none.
    let own: Vec<u16> = ports.iter().copied().filter(|port| !held::is_listened_on(*port)).collect();
    let begun = held::open(directory, &own);
    loop {
        let tasks = crew.metrics().num_alive_tasks();
        let mut open = held::open(directory, &own);
        open.retain(|what| !what.starts_with("socket:") || begun.contains(what));
        match (tasks, open.is_empty()) {
            (0, true) => return Ok(()),
            _ if Instant::now() > deadline => return Err(format!("left: {tasks} tasks, open {open:?}")),
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Everything that can be seen at the destinations; the error says what is half there.
pub async fn look(directory: &Path, hosts: &[String], seed: u64) -> Result<Names, String> {
    let mut seen = BTreeMap::new();
    for host in hosts {
        let names = visible::in_registry(host, &format!("s{seed}-")).await?;
        seen.extend(names.into_iter().map(|(name, digest)| (format!("{host}/{name}"), digest)));
    }
    let below = |name: &str| -> PathBuf { directory.join(name) };
    let layout = visible::in_layout(&below("layout")).await?;
    seen.extend(layout.into_iter().map(|(name, digest)| (format!("oci:{name}"), digest)));
    let store = visible::in_store(&below("store")).await?;
    seen.extend(store.into_iter().map(|(name, digest)| (format!("store:{name}"), digest)));
    let archives = visible::in_archives(&below("out")).await?;
    if archives.keys().filter(|name| !name.contains(' ')).count() > 1 {
        return Err(format!("more files than were asked for: {archives:?}"));
    }
    for (name, digest) in archives {
        let nth = name.split_once(' ').map(|(_, nth)| format!(" {nth}")).unwrap_or_default();
        seen.insert(format!("file{nth}"), digest);
    }
    Ok(seen)
}

/// That a job ended in one of the ways it may: all there, or told what went wrong.
pub fn check(job: &Job, leg: &Leg, seen: &Names, places: &[String], interrupted: bool) -> Result<(), String> {
    match (job.state, &job.failure) {
        (JobState::Succeeded, None) => is_told(job, leg)?,
        (JobState::Cancelled, None) if interrupted => {}
        (JobState::Failed, Some(failure)) => is_clear(failure, places)?,
        (state, failure) => return Err(format!("it ended {state} with {failure:?}")),
    }
    for (n, name) in leg.names.iter().enumerate() {
        let found = seen.get(name);
        // The third of three tags was not there before.
        let was = leg.was.as_ref().filter(|_| n < 2);
        let right = found == Some(&leg.arrives) || (job.state != JobState::Succeeded && found == was);
        if !right {
            return Err(format!("{name}: {found:?}, where {} should arrive and was {was:?}", leg.arrives));
        }
    }
    for (name, digest) in &leg.also {
        let found = seen.get(name);
        if found != Some(digest) && (job.state == JobState::Succeeded || found.is_some()) {
            return Err(format!("{name}: {found:?}, where {digest} should be besides"));
        }
    }
    Ok(())
}

/// That what is told of a success is so.
fn is_told(job: &Job, leg: &Leg) -> Result<(), String> {
    let arrived = job.report.iter().flat_map(|report| &report.outputs);
    let arrived = arrived.filter(|output| output.digest == leg.arrives).count();
    let settled =
        |blob: &BlobProgress| matches!(blob.stage, BlobStage::Done | BlobStage::Present | BlobStage::Mounted);
    let Progress { total, wire, reused, blobs, .. } = &job.progress;
    match arrived == job.spec.destinations.len() && blobs.iter().all(settled) && wire + reused == *total {
        true => Ok(()),
        false => Err(format!("it tells something else: {:?} {:?}", job.report, job.progress)),
    }
}

/// That an error says what was attempted, on what, and what came back.
fn is_clear(failure: &Failure, places: &[String]) -> Result<(), String> {
    let text = &failure.message;
    let place = places.iter().find_map(|place| text.find(place.as_str()).map(|at| &text[at..]));
    let said = place.and_then(|rest| rest.split_once(": ")).is_some_and(|(_, said)| said.len() > 2);
    let foreign = ["panicked", "unwrap", "called `", "Some(", "Err(", "os error", "Elapsed", "reqwest"];
    let strange = foreign.iter().any(|word| text.contains(word)) || text.chars().any(char::is_control);
    let class = !matches!(failure.class, ErrorClass::Internal | ErrorClass::Cancelled);
    match said && !strange && class && text.len() < 700 {
        true => Ok(()),
        false => Err(format!("not a clear error: {failure:?}")),
    }
}

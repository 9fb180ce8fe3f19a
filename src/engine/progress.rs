//! A job's counters: atomics that the workers add to and that a tick samples.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::job::{Aside, AsideKind, BlobProgress, BlobStage, PlannedBlob, Progress};
use crate::oci::Digest;
use crate::transport::daemon::Moved;

/// The counters of one run of one job.
#[derive(Default)]
pub(super) struct Counters {
    blobs: Vec<BlobCounter>,
    destinations: usize,
    /// Bytes of destinations that needed nothing at all.
    pub(super) spared: AtomicU64,
    /// Requests tried again.
    pub(super) retries: AtomicU32,
    /// Referrers put.
    pub(super) referrers: AtomicU32,
    /// Things the person should know in the end, each once.
    notes: Mutex<Vec<String>>,
    /// What goes on beside the blobs.
    aside: Mutex<Vec<(AsideKind, Arc<Moved>)>>,
}

struct BlobCounter {
    digest: Digest,
    size: u64,
    /// One a destination.
    cells: Vec<Cell>,
}

/// One blob at one destination.
#[derive(Default)]
struct Cell {
    /// Bytes that are there or have passed.
    done: AtomicU64,
    /// Bytes among them that an earlier run left there.
    left: AtomicU64,
    /// A [`BlobStage`].
    stage: AtomicU8,
}

impl Counters {
    /// Counters for a plan's blobs at so many destinations.
    pub(super) fn new(blobs: &[PlannedBlob], destinations: usize) -> Counters {
        let cell = || Cell { stage: AtomicU8::new(BlobStage::Waiting as u8), ..Cell::default() };
        let blobs = blobs.iter().map(|blob| BlobCounter {
            digest: blob.descriptor.digest.clone(),
            size: blob.descriptor.size,
            cells: (0..destinations).map(|_| cell()).collect(),
        });
        Counters { blobs: blobs.collect(), destinations, ..Counters::default() }
    }

    /// A blob begins, or begins again, at a destination that holds `from` bytes of it already.
    pub(super) fn begin(&self, blob: usize, destination: usize, from: u64) {
        if let Some(cell) = self.cell(blob, destination) {
            cell.done.store(from, Relaxed);
            if from == 0 {
                cell.left.store(0, Relaxed);
            }
            cell.stage.store(BlobStage::Running as u8, Relaxed);
        }
    }

    /// Bytes that an earlier run left at a destination.
    pub(super) fn left_there(&self, blob: usize, destination: usize, bytes: u64) {
        if let Some(cell) = self.cell(blob, destination) {
            cell.left.store(bytes, Relaxed);
        }
    }

    /// Bytes passed to a destination.
    pub(super) fn add(&self, blob: usize, destination: usize, bytes: u64) {
        if let Some(cell) = self.cell(blob, destination) {
            cell.done.fetch_add(bytes, Relaxed);
        }
    }

    /// A blob is settled at a destination.
    pub(super) fn settle(&self, blob: usize, destination: usize, as_: BlobStage) {
        if let Some(cell) = self.cell(blob, destination) {
            cell.stage.store(as_ as u8, Relaxed);
        }
    }

    /// Something the person should know in the end.
    pub(super) fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&text) {
            notes.push(text);
        }
    }

    /// All notes.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something goes on beside the blobs.
    pub(super) fn set_aside(&self, kind: AsideKind, moved: Arc<Moved>) {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).push((kind, moved));
    }

    /// What moves beside the blobs: of several that which is not over.
    fn aside(&self) -> Option<Aside> {
        let aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        let all =
            aside.iter().map(|(kind, moved)| Aside { kind: *kind, done: moved.done(), total: moved.total() });
        let begun = all.filter(|aside| aside.done > 0 || aside.total > 0);
        begun.max_by_key(|aside| aside.total.saturating_sub(aside.done))
    }

    fn cell(&self, blob: usize, destination: usize) -> Option<&Cell> {
        self.blobs.get(blob)?.cells.get(destination)
    }

    /// A sample of now.
    pub(super) fn sample(&self) -> Progress {
        let mut progress = Progress { aside: self.aside(), ..Progress::default() };
        progress.reused = self.spared.load(Relaxed);
        progress.total = progress.reused;
        for blob in &self.blobs {
            progress.total =
                progress.total.saturating_add(blob.size.saturating_mul(self.destinations as u64));
            let mut slowest: Option<(u64, BlobStage)> = None;
            for cell in &blob.cells {
                let stage = stage_of(cell.stage.load(Relaxed));
                // A pull that answers more than it announced is about to fail; the bar stays within its size.
                let done = match stage {
                    BlobStage::Done => blob.size,
                    _ => cell.done.load(Relaxed).min(blob.size),
                };
                match stage {
                    BlobStage::Present | BlobStage::Mounted => progress.reused += blob.size,
                    _ => {
                        let left = cell.left.load(Relaxed).min(done);
                        progress.wire += done - left;
                        progress.reused += left;
                    }
                }
                let reached = if stage.is_settled() { blob.size } else { done };
                if slowest
                    .is_none_or(|(least, at)| (reached, !stage.is_settled()) < (least, !at.is_settled()))
                {
                    slowest = Some((reached, stage));
                }
            }
            let (done, stage) = slowest.unwrap_or((0, BlobStage::Waiting));
            progress.blobs.push(BlobProgress { digest: blob.digest.clone(), size: blob.size, done, stage });
        }
        progress
    }
}

fn stage_of(value: u8) -> BlobStage {
    const ALL: [BlobStage; 6] = [
        BlobStage::Waiting,
        BlobStage::Running,
        BlobStage::Done,
        BlobStage::Present,
        BlobStage::Mounted,
        BlobStage::Failed,
    ];
    ALL.into_iter().find(|stage| *stage as u8 == value).unwrap_or(BlobStage::Waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Descriptor;

    #[test]
    fn wire_and_reused_are_counted_apart_and_reach_the_total() {
        let blob = |n: u8, size| PlannedBlob {
            descriptor: Descriptor::new("", Digest::of(&[n]), size),
            is_config: false,
        };
        let counters = Counters::new(&[blob(1, 10), blob(2, 5)], 2);
        counters.begin(0, 0, 0);
        counters.add(0, 0, 4);
        counters.settle(0, 1, BlobStage::Mounted);
        let sample = counters.sample();
        assert_eq!((sample.total, sample.wire, sample.reused), (30, 4, 10));
        assert_eq!((sample.blobs[0].done, sample.blobs[0].stage), (4, BlobStage::Running));
        counters.begin(0, 0, 0);
        assert_eq!(counters.sample().wire, 0, "bytes sent twice count once");
        counters.left_there(0, 0, 7);
        counters.begin(0, 0, 7);
        counters.add(0, 0, 1);
        let sample = counters.sample();
        assert_eq!((sample.wire, sample.reused), (1, 17), "what an earlier run left was not sent now");
        counters.begin(0, 0, 0);
        counters.settle(0, 0, BlobStage::Done);
        counters.settle(1, 0, BlobStage::Present);
        counters.settle(1, 1, BlobStage::Done);
        let sample = counters.sample();
        assert_eq!((sample.wire, sample.reused, sample.settled_blobs()), (15, 15, (2, 2)));
    }
}

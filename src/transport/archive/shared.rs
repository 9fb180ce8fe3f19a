//! The archive behind all handles and writers: its file, its layout, the documents that will end it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;

use super::blob_writer::Target;
use super::documents::Documents;
use super::in_place::InPlace;
use super::journal::{self, Journal};
use super::naming::{Claimed, Naming};
use super::outlet::Outlet;
use super::partial::{self, Keep, WORTH_KEEPING};
use super::recompress::{Recompress, SpooledLayer};
use super::room;
use super::sum::Sum;
use super::tar_layout::{Blocks, Layout, Place, Slot, blob_path};
use crate::oci::{Descriptor, Digest};
use crate::transport::{Error, Finished, Result};

/// Bytes of a blob on its way that are worth hashing at once.
const CHASE: u64 = 8 << 20;

/// Room that is kept for manifests and documents when disk space is checked, in bytes.
const DOCUMENTS: u64 = 64 << 10;

/// An archive that is being written.
pub(super) struct Shared<D> {
    naming: Naming,
    // A std Mutex: it is held for moments, and never across an await.
    state: Mutex<State<D>>,
    sum: Arc<tokio::sync::Mutex<Sum>>,
    keep: Keep,
}

#[derive(Default)]
pub(super) struct State<D> {
    /// The way out, where the file itself is not what is wanted. Before the file: dropped, it is given up first.
    outlet: Option<Outlet>,
    /// The file, from `prepare` to the end.
    claimed: Option<Claimed>,
    /// How far its blobs are, as long as the file is there.
    journal: Option<Journal>,
    layout: Layout,
    /// Layers that were compressed anew, by the digest they came with.
    pub(super) spools: HashMap<Digest, Arc<SpooledLayer>>,
    /// What was put so far.
    pub(super) documents: D,
    pub(super) notes: Vec<String>,
    over: bool,
}

impl<D: Documents> Shared<D> {
    pub(super) fn new(naming: Naming) -> Shared<D> {
        Shared { naming, state: Mutex::default(), sum: Arc::default(), keep: Keep::default() }
    }

    /// The archive for people.
    pub(super) fn at(&self) -> String {
        self.naming.display()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unsupported(&self, reason: String) -> Error {
        Error::Unsupported { at: self.at(), reason }
    }

    pub(super) fn conflict(&self, reason: String) -> Error {
        Error::Conflict { at: self.at(), reason }
    }

    /// Claims the file, looks whether there is room and gives every blob its place.
    pub(super) fn prepare(&self, blobs: &[Descriptor]) -> Result<()> {
        for blob in blobs {
            D::check_blob(blob).map_err(|reason| self.unsupported(reason))?;
        }
        let mut state = self.state();
        if state.over {
            return Err(self.conflict("the archive is finished".to_owned()));
        }
        let mut layout = state.layout.clone();
        let before = layout.needs();
        let blocks = layout.add(blobs, D::RECOMPRESSES);
        let needed = layout.needs() - before + DOCUMENTS;
        match &state.claimed {
            None => {
                let (claimed, journal) = self.begin(&layout, &blocks, needed)?;
                state.outlet = Outlet::begin(&self.naming, &claimed.partial)?;
                // A reader that is not there shows at once.
                state.outlet.iter_mut().for_each(|outlet| outlet.follow(layout.whole_until()));
                if claimed.goes_on && journal.total() > 0 {
                    let path = claimed.partial.path().display();
                    state.notes.push(format!("it went on with what an earlier run left in {path}"));
                }
                (state.claimed, state.journal) = (Some(claimed), Some(journal));
            }
            Some(claimed) => {
                room::check(self.room_at(claimed.partial.path()), needed)?;
                let failed = |e| Error::file("write", claimed.partial.path(), e);
                // The journal's bytes become zeros again before anything else is in their place.
                claimed.partial.file().set_len(state.layout.end()).map_err(failed)?;
                write_blocks(claimed, &blocks)?;
                claimed.partial.file().set_len(layout.end()).map_err(failed)?;
                if let Some(journal) = &state.journal {
                    journal.move_to(layout.end(), layout.sizes().count()).map_err(failed)?;
                }
            }
        }
        state.layout = layout;
        Ok(())
    }

    /// Claims the file: an empty one, or what a dead writer left of the same blobs.
    fn begin(&self, layout: &Layout, blocks: &Blocks, needed: u64) -> Result<(Claimed, Journal)> {
        partial::make_directory(self.naming.directory())?;
        let fits = |file: &File| {
            let long_enough = file.metadata().is_ok_and(|there| there.len() >= layout.end());
            long_enough && blocks.iter().all(|(at, block)| is_at(file, *at, block))
        };
        let Claimed { partial, copy, goes_on } = self.naming.claim(&fits)?;
        let claimed = Claimed { partial: partial.kept_by(&self.keep), copy, goes_on };
        let (file, path) = (claimed.partial.file(), claimed.partial.path());
        let failed = |e| Error::file("write", path, e);
        // What is in the file already takes no more room.
        let taken = file.metadata().map_or(0, |there| there.blocks().saturating_mul(512));
        let packed = if self.naming.packing().is_some() { needed } else { 0 };
        room::check(self.room_at(path), needed.saturating_sub(taken) + packed)?;
        let accepted = match goes_on {
            false => {
                write_blocks(&claimed, blocks)?;
                layout.sizes().map(|_| 0).collect()
            }
            true => {
                tracing::info!("{}: what an earlier run left is gone on with", path.display());
                write_blocks(&claimed, &layout.padding())?;
                // Without a journal its writer died behind the last blob, at the documents: all should be there. The
                // digests will tell.
                let left = journal::read(file, layout.end(), layout.sizes().count());
                let left = left.into_iter().flatten().chain(std::iter::repeat(u64::MAX));
                layout.sizes().zip(left).map(|(size, there)| there.min(size)).collect()
            }
        };
        file.set_len(layout.end()).map_err(failed)?;
        let journal = Journal::new(file.clone(), layout.end(), accepted).map_err(failed)?;
        Ok((claimed, journal))
    }

    /// Where room is looked for: a file without a name is nowhere, but its directory is.
    fn room_at<'a>(&'a self, path: &'a Path) -> &'a Path {
        if self.is_stream() { self.naming.directory() } else { path }
    }

    /// Keeps what came, for the next try. What is kept, for people; nothing if it is not worth it.
    pub(super) fn keep(&self) -> Option<String> {
        let state = self.state();
        let (claimed, journal) = (state.claimed.as_ref()?, state.journal.as_ref()?);
        if self.is_stream() {
            return None;
        }
        let came = journal.total();
        if came < WORTH_KEEPING {
            return None;
        }
        self.keep.set();
        let (path, megabytes) = (claimed.partial.path().display(), came / 1_000_000);
        Some(format!("{path} keeps the {megabytes} MB that came: the same export goes on with it"))
    }

    pub(super) fn slot(&self, digest: &Digest) -> Option<Slot> {
        self.state().layout.slot(digest).cloned()
    }

    /// Whether it goes to standard output.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.naming, Naming::Stream { .. })
    }

    /// Whether all of a blob is there.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.state().layout.slot(digest).is_some_and(|slot| slot.done)
    }

    /// Where a blob's bytes go, and how many of them an earlier run left there; `None` if it is whole already.
    pub(super) fn target(self: &Arc<Self>, digest: &Digest) -> Result<Option<(Target, u64)>> {
        let state = self.state();
        let (Some(claimed), Some(journal), Some(slot)) =
            (&state.claimed, &state.journal, state.layout.slot(digest))
        else {
            return Err(self.conflict("the archive is finished".to_owned()));
        };
        if let Some(failure) = state.outlet.as_ref().and_then(Outlet::failure) {
            return Err(failure);
        }
        let path = claimed.partial.path();
        Ok(match slot.place {
            _ if slot.done => None,
            Place::Spool => Some((Target::Spool(Box::new(Recompress::new(digest, path))), 0)),
            Place::At { base, nth } => {
                let there = journal.accepted(nth).min(slot.size);
                let (journal, archive, mut before) = (journal.clone(), Arc::clone(self), there);
                let sink = InPlace::new(claimed.partial.file().clone(), path.to_owned(), base).telling(
                    Box::new(move |accepted| {
                        journal.note(nth, accepted);
                        if accepted < before {
                            archive.begins_again(base);
                        }
                        archive.chase(base, accepted);
                        before = accepted;
                    }),
                );
                Some((Target::InPlace(Box::new(sink)), there))
            }
        })
    }

    /// Notes that a blob is whole, and hashes the archive as far as that makes its beginning whole.
    pub(super) fn whole(&self, digest: &Digest, spool: Option<SpooledLayer>) {
        let mut state = self.state();
        state.layout.done(digest);
        if let Some(spool) = spool {
            state.spools.insert(digest.clone(), Arc::new(spool));
        }
        let until = state.layout.whole_until();
        if let Some(outlet) = &mut state.outlet {
            return outlet.follow(until);
        }
        drop(state);
        self.hash_until(until, 1);
    }

    /// Follows the archive's beginning where it is a part of the blob at `base`: hashes it, once there is enough of that,
    /// or sends it out.
    fn chase(&self, base: u64, accepted: u64) {
        let mut state = self.state();
        if state.layout.whole_until() != base {
            return;
        }
        if let Some(outlet) = &mut state.outlet {
            return outlet.follow(base + accepted);
        }
        drop(state);
        self.hash_until(base + accepted, CHASE);
    }

    /// Hashes the archive up to byte `until`, in the background, where that is `least` bytes more.
    fn hash_until(&self, until: u64, least: u64) {
        let file = self.state().claimed.as_ref().map(|c| c.partial.file().clone());
        // Whoever holds the sum now is hashing; what it leaves is done with the next bytes or at the end.
        if let (Some(file), Ok(mut sum)) = (file, self.sum.clone().try_lock_owned())
            && sum.hashed() + least <= until
        {
            // An error here comes again, and is told, when the archive is finished.
            spawn_blocking(move || sum.advance(&file, until));
        }
    }

    /// A blob is written once more from its beginning at `base`: what was hashed of it counts for nothing, nor what went
    /// out. Blocking.
    fn begins_again(&self, base: u64) {
        let mut state = self.state();
        if state.outlet.as_ref().is_some_and(|outlet| outlet.is_past(base)) {
            self.send_again(&mut state);
        }
        drop(state);
        let mut sum = self.sum.blocking_lock();
        if sum.hashed() > base {
            *sum = Sum::default();
        }
    }

    /// Begins the way out anew, where that can be.
    fn send_again(&self, state: &mut State<D>) {
        let State { outlet: Some(outlet), claimed: Some(claimed), .. } = state else { return };
        match self.naming {
            Naming::Stream { .. } => {
                let reason = "a layer has to come again, and a part of it is out already".to_owned();
                outlet.fail(self.conflict(reason));
            }
            _ => outlet.begin_again(&self.naming, &claimed.partial),
        }
    }

    /// A blob that lies in the archive: the file, its path, where, how long.
    pub(super) fn placed(&self, digest: &Digest) -> Option<(Arc<File>, PathBuf, u64, u64)> {
        let state = self.state();
        let (claimed, slot) = (state.claimed.as_ref()?, state.layout.slot(digest)?);
        let Place::At { base, .. } = slot.place else { return None };
        Some((claimed.partial.file().clone(), claimed.partial.path().to_owned(), base, slot.size))
    }

    /// Writes what is left, and gives the file its name. Whatever goes wrong, nothing is left behind.
    pub(super) fn finish(&self) -> Result<Finished> {
        let State { outlet, claimed, journal, mut layout, spools, documents, notes, over } =
            std::mem::take(&mut *self.state());
        self.state().over = true;
        let Some(mut claimed) = claimed.filter(|_| !over && !documents.is_empty()) else {
            return Err(self.conflict("no image was put into the archive".to_owned()));
        };
        if let Some(missing) = layout.missing() {
            return Err(self.conflict(format!("blob {missing} was announced and never came")));
        }
        if let Some(journal) = journal {
            journal.close();
        }
        write_rest(&claimed, &mut layout, &spools, &documents)?;
        let path = match outlet {
            None => {
                let sum = self.sum_of(&claimed, layout.end())?;
                Some(self.naming.persist(&mut claimed, sum.hex())?)
            }
            Some(outlet) => match outlet.end(layout.end())? {
                None => None,
                Some((packed, sum)) => {
                    claimed.partial.comes_as(packed);
                    Some(self.naming.persist(&mut claimed, sum.hex())?)
                }
            },
        };
        Ok(Finished { path, digest: documents.changed(), notes })
    }

    /// The whole file's sum, with the file on the disk.
    fn sum_of(&self, claimed: &Claimed, end: u64) -> Result<Digest> {
        let (file, path) = (claimed.partial.file().clone(), claimed.partial.path().to_owned());
        let mut sum = self.sum.blocking_lock();
        // The disk and the hash take their time side by side.
        let (synced, hashed) = std::thread::scope(|scope| {
            let sync = scope.spawn(|| file.sync_all());
            let hashed = sum.advance(&file, end);
            (sync.join().unwrap_or_else(|_| Err(io::Error::other("fsync panicked"))), hashed)
        });
        synced.and(hashed).map_err(|e| Error::file("write", &path, e))?;
        Ok(sum.digest())
    }
}

/// The layers that were compressed anew and the documents, each path once, and the archive's end.
fn write_rest<D: Documents>(
    claimed: &Claimed,
    layout: &mut Layout,
    spools: &HashMap<Digest, Arc<SpooledLayer>>,
    documents: &D,
) -> Result<()> {
    let (file, path) = (claimed.partial.file(), claimed.partial.path());
    // The journal's place is the documents' now.
    file.set_len(layout.end()).map_err(|e| Error::file("write", path, e))?;
    let spooled: HashMap<&Digest, &Arc<SpooledLayer>> =
        spools.values().map(|spool| (&spool.digest, spool)).collect();
    let mut written: Vec<&Digest> = Vec::new();
    for layer in documents.layers() {
        let Some(spool) = spooled.get(layer) else { continue };
        let placed = layout.slot(layer).is_some_and(|slot| matches!(slot.place, Place::At { .. }));
        if placed || written.contains(&layer) {
            continue;
        }
        let mut blocks = Blocks::new();
        let data = layout.append(&mut blocks, &blob_path(layer), spool.size);
        write_blocks(claimed, &blocks)?;
        spool.copy_to(file, data).map_err(|e| Error::file("write", path, e))?;
        written.push(layer);
    }
    for (name, content) in documents.entries() {
        let mut blocks = Blocks::new();
        let data = layout.append(&mut blocks, &name, content.len() as u64);
        blocks.push((data, content));
        write_blocks(claimed, &blocks)?;
    }
    layout.close();
    file.set_len(layout.end()).map_err(|e| Error::file("write", path, e))
}

/// Whether a file has these bytes at an offset.
fn is_at(file: &File, at: u64, block: &[u8]) -> bool {
    let mut found = vec![0; block.len()];
    file.read_exact_at(&mut found, at).is_ok() && found == block
}

fn write_blocks(claimed: &Claimed, blocks: &Blocks) -> Result<()> {
    let partial = &claimed.partial;
    for (at, block) in blocks {
        partial.file().write_all_at(block, *at).map_err(|e| Error::file("write", partial.path(), e))?;
    }
    Ok(())
}

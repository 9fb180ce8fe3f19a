//! How far each blob of an unfinished file is, written into the file's own tail: behind the last blob's place, where in
//! an archive the documents will be. So it needs no file of its own, moves with the file and is gone when that is
//! whole.
//!
//! Which blobs they are is known otherwise: from the headers in front of their places, or the file's name. The journal
//! follows the bytes, and what it says is believed only as far as the digests agree.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The journal's first bytes.
const MAGIC: &[u8; 16] = b"wharf.unfinished";

/// Bytes of one blob's entry: how many of its bytes are there, little-endian.
const ENTRY: u64 = 8;

/// The journal of one file. Clones are the same journal.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    file: Arc<File>,
    // Held while an entry is written: the journal moves when an archive grows, and must not be written where a blob
    // is by then.
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Where it is in the file; none once the documents are there.
    at: Option<u64>,
    accepted: Vec<u64>,
}

impl Journal {
    /// A journal at byte `at` of a file, with what is known of its first blobs.
    pub(super) fn new(file: Arc<File>, at: u64, accepted: Vec<u64>) -> io::Result<Journal> {
        let journal = Journal { file, state: Arc::new(Mutex::new(State { at: None, accepted })) };
        let blobs = journal.state().accepted.len();
        journal.move_to(at, blobs)?;
        Ok(journal)
    }

    /// Puts it at byte `at`, where the file ended before, with room for so many blobs.
    pub(super) fn move_to(&self, at: u64, blobs: usize) -> io::Result<()> {
        let mut state = self.state();
        state.accepted.resize(blobs, 0);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(state.accepted.iter().flat_map(|accepted| accepted.to_le_bytes()));
        state.at = Some(at);
        self.file.write_all_at(&bytes, at)
    }

    /// Notes how many bytes of a blob are there.
    pub(super) fn note(&self, blob: usize, accepted: u64) {
        let mut state = self.state();
        let at = state.at;
        let Some(entry) = state.accepted.get_mut(blob) else { return };
        *entry = accepted;
        if let Some(at) = at {
            // What is not noted is only fetched again.
            let entry = at + MAGIC.len() as u64 + ENTRY * blob as u64;
            let _ = self.file.write_all_at(&accepted.to_le_bytes(), entry);
        }
    }

    /// How many bytes of a blob are there.
    pub(super) fn accepted(&self, blob: usize) -> u64 {
        self.state().accepted.get(blob).copied().unwrap_or(0)
    }

    /// Bytes of all blobs that are there.
    pub(super) fn total(&self) -> u64 {
        self.state().accepted.iter().sum()
    }

    /// Writes no more: its place is needed.
    pub(super) fn close(&self) {
        self.state().at = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the journal that a dead writer left at byte `at`; `None` if there is none for so many blobs.
pub(super) fn read(file: &File, at: u64, blobs: usize) -> Option<Vec<u64>> {
    let mut bytes = vec![0; MAGIC.len() + ENTRY as usize * blobs];
    file.read_exact_at(&mut bytes, at).ok()?;
    let entries = bytes.strip_prefix(MAGIC)?.chunks_exact(ENTRY as usize);
    Some(entries.map(|entry| entry.try_into().map_or(0, u64::from_le_bytes)).collect())
}

/// Whether a file has a journal in its tail, whatever it is a journal of.
pub(super) fn is_in(file: &File) -> io::Result<bool> {
    // It begins at a tar's block and ends the file; a thousand blobs are more than any image has.
    let length = file.metadata()?.len();
    let (block, farthest) = (super::tar_entry::BLOCK, MAGIC.len() as u64 + ENTRY * 1000);
    let mut at = length.saturating_sub(MAGIC.len() as u64) / block * block;
    let mut found = [0; MAGIC.len()];
    while length - at <= farthest {
        file.read_exact_at(&mut found, at)?;
        if found == *MAGIC {
            return Ok(true);
        }
        match at.checked_sub(block) {
            Some(before) => at = before,
            None => break,
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_and_moves_along() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        file.set_len(1024).unwrap();
        assert_eq!((read(&file, 1024, 2), is_in(&file).unwrap()), (None, false));
        let journal = Journal::new(file.clone(), 1024, vec![0, 7]).unwrap();
        journal.note(0, 5);
        journal.note(9, 5);
        assert_eq!((read(&file, 1024, 2), is_in(&file).unwrap()), (Some(vec![5, 7]), true));
        file.set_len(1024).unwrap();
        journal.move_to(4096, 3).unwrap();
        journal.note(2, u64::MAX - 12);
        assert_eq!(read(&file, 4096, 3), Some(vec![5, 7, u64::MAX - 12]));
        assert_eq!((read(&file, 1024, 2), journal.accepted(1)), (None, 7));
        journal.close();
        journal.note(1, 8);
        assert_eq!(read(&file, 4096, 2), Some(vec![5, 7]));
        assert_eq!(journal.accepted(1), 8);
    }
}

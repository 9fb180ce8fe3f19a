//! A blob's bytes in their place in a file, and what a writer that died left of them there.
//!
//! What comes is verified on its way, but only from where it begins: where a blob goes on after bytes of an earlier
//! run, those are hashed on the disk and the hash goes on with what comes, so that a blob is whole only if all of
//! it is right. Parts that come out of order are put by a [`Filling`] of the same place.

use std::any::Any;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::super::{Error, Place, Result};
use super::blocking;
use super::journal::Journal;
use super::pieces::Sink;
use crate::oci::{Descriptor, ErrorClass, Hasher};

/// Bytes that are read back at once.
const READ: usize = 1 << 20;

/// A sink that writes into a file in place, from the offset `base` on.
pub(super) struct InPlace {
    file: Arc<File>,
    /// The file's name for errors.
    path: PathBuf,
    base: u64,
    filled: Filled,
    /// The hash from the blob's beginning, where it begins with bytes of an earlier run or attempt.
    earlier: Option<Hashed>,
    /// Told how far the blob is.
    told: Option<Box<dyn FnMut(u64) + Send>>,
}

/// How far a blob is hashed.
struct Hashed {
    hasher: Hasher,
    upto: u64,
}

/// What an earlier run's bytes are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// All of the blob, and right.
    Whole,
    /// So many bytes; whether they are right shows in the end.
    Part(u64),
}

impl InPlace {
    pub(super) fn new(file: Arc<File>, path: PathBuf, base: u64) -> InPlace {
        InPlace { file, path, base, filled: Filled::default(), earlier: None, told: None }
    }

    /// The same, telling `told` how many bytes of the blob are there after every piece.
    pub(super) fn telling(self, told: Box<dyn FnMut(u64) + Send>) -> InPlace {
        InPlace { told: Some(told), ..self }
    }

    /// From now on a journal behind the blob, at the file's end, says how far it is, and no longer the file's length.
    pub(super) fn journal(&mut self, blob: &Descriptor, accepted: u64) -> Result<()> {
        let journal = Journal::new(self.file.clone(), self.base + blob.size, vec![accepted])
            .map_err(|e| Error::file("write", &self.path, e))?;
        self.told = Some(Box::new(move |accepted| journal.note(0, accepted)));
        Ok(())
    }

    /// The same place, to be filled in any order by the next to write. `right` is held as long as that may go on.
    pub(super) fn filling(&mut self, size: u64, right: Arc<dyn Any + Send + Sync>) -> Filling {
        let turn = self.filled.set(|mark| {
            mark.turn += 1;
            mark.from = u64::MAX;
        });
        let (file, path, filled) = (self.file.clone(), self.path.clone(), self.filled.clone());
        Filling { file, path, base: self.base, size, filled, turn, right }
    }

    /// Looks at the blob's first `there` bytes, which an earlier run wrote. Blocking: they are read and hashed.
    pub(super) fn take_over(&mut self, blob: &Descriptor, there: u64) -> Result<Found> {
        self.earlier = None;
        if there == 0 || there > blob.size {
            return Ok(Found::Part(0));
        }
        let mut hashed = Hashed { hasher: blob.digest.hasher(), upto: 0 };
        self.read_back(&mut hashed, there)?;
        if there == blob.size {
            let right = hashed.hasher.finish() == blob.digest;
            return Ok(if right { Found::Whole } else { Found::Part(0) });
        }
        self.earlier = Some(hashed);
        Ok(Found::Part(there))
    }

    /// Checks a blob whose last byte is there, as far as nobody else did. Blocking. The error is worth another attempt:
    /// that one begins at the blob's first byte.
    pub(super) fn verify(&mut self, blob: &Descriptor) -> Result<()> {
        let Some(mut hashed) = self.earlier.take() else { return Ok(()) };
        self.read_back(&mut hashed, blob.size)?;
        if hashed.hasher.finish() == blob.digest {
            return Ok(());
        }
        if let Some(told) = &mut self.told {
            told(0);
        }
        // What came now may well be right, so this is no `Content`, which nothing can mend.
        Err(Error::Unreachable {
            attempted: "write blob",
            at: format!("{} {}", self.path.display(), blob.digest),
            reason: "what came of it earlier is damaged; it begins again".to_owned(),
            class: ErrorClass::Network,
        })
    }

    fn read_back(&self, hashed: &mut Hashed, until: u64) -> Result<()> {
        let mut piece = vec![0; READ.min(until.saturating_sub(hashed.upto) as usize)];
        while hashed.upto < until {
            let length = (READ as u64).min(until - hashed.upto) as usize;
            self.file
                .read_exact_at(&mut piece[..length], self.base + hashed.upto)
                .map_err(|e| Error::file("read", &self.path, e))?;
            hashed.hasher.update(&piece[..length]);
            hashed.upto += length as u64;
        }
        Ok(())
    }
}

impl Sink for InPlace {
    fn go_on(&mut self, from: u64, hasher: Hasher) {
        // Bytes of this run may be there twice, of two readings: only the disk knows which.
        if self.earlier.as_ref().is_none_or(|hashed| hashed.upto != from) {
            self.earlier = Some(Hashed { hasher, upto: 0 });
        }
    }

    fn put(&mut self, at: u64, piece: &[u8]) -> Result<()> {
        let new = self.filled.get().from.saturating_sub(at).min(piece.len() as u64);
        self.file
            .write_all_at(&piece[..new as usize], self.base + at)
            .map_err(|e| Error::file("write", &self.path, e))?;
        match &mut self.earlier {
            // From the start the bytes are verified on their way.
            _ if at == 0 => self.earlier = None,
            Some(hashed) if hashed.upto == at => {
                hashed.hasher.update(piece);
                hashed.upto += piece.len() as u64;
            }
            _ => {}
        }
        if let Some(told) = &mut self.told {
            told(at + piece.len() as u64);
        }
        Ok(())
    }
}

/// What of a blob others than the writer have put. Locked while they put it, so that nothing comes late.
#[derive(Debug, Clone, Default)]
struct Filled(Arc<RwLock<Mark>>);

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// What is from this byte on lies in its place already.
    from: u64,
    /// Whose turn it is to put anything there.
    turn: u64,
}

impl Default for Mark {
    fn default() -> Mark {
        Mark { from: u64::MAX, turn: 0 }
    }
}

impl Filled {
    fn get(&self) -> RwLockReadGuard<'_, Mark> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Mark)) -> u64 {
        let mut mark = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut mark);
        mark.turn
    }
}

/// See [`Place`].
pub(super) struct Filling {
    file: Arc<File>,
    path: PathBuf,
    base: u64,
    size: u64,
    filled: Filled,
    turn: u64,
    /// The right to write here, kept until the last write that is under way is done.
    right: Arc<dyn Any + Send + Sync>,
}

impl Place for Filling {
    fn put(&self, at: u64, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        let fits = at.checked_add(bytes.len() as u64).is_some_and(|end| end <= self.size);
        let (file, path, base) = (self.file.clone(), self.path.clone(), self.base);
        let (filled, turn, right) = (self.filled.clone(), self.turn, self.right.clone());
        Box::pin(blocking(move || {
            let _right = right;
            let mark = filled.get();
            // Bytes that come late could take the place of verified ones.
            if !fits || mark.turn != turn || at < mark.from {
                let reason = format!("bytes at {at} have no place in the blob now");
                return Err(Error::Conflict { at: path.display().to_string(), reason });
            }
            file.write_all_at(&bytes, base + at).map_err(|e| Error::file("write", path, e))
        }))
    }

    fn read(&self, at: u64, length: usize) -> BoxFuture<'_, Result<Bytes>> {
        let (file, path, base) = (self.file.clone(), self.path.clone(), self.base);
        Box::pin(blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, base + at).map_err(|e| Error::file("read", path, e))?;
            Ok(Bytes::from(bytes))
        }))
    }

    fn filled_from(&self, from: u64) {
        let turn = self.turn;
        self.filled.set(|mark| {
            if mark.turn == turn {
                mark.from = from;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn sink(there: &[u8]) -> InPlace {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(there, 100).unwrap();
        InPlace::new(Arc::new(file), "f".into(), 100)
    }

    #[test]
    fn what_is_there_is_taken_for_what_it_is() {
        let blob = Descriptor::new("", Digest::of(b"abcdef"), 6);
        for (there, found) in [
            (&b"abcdef"[..], Found::Whole),
            (b"abcdeX", Found::Part(0)),
            (b"abc", Found::Part(3)),
            (b"", Found::Part(0)),
            (b"abcdefg", Found::Part(0)),
        ] {
            assert_eq!(sink(there).take_over(&blob, there.len() as u64).unwrap(), found);
        }
    }

    #[test]
    fn a_blob_is_right_only_with_what_was_there_before() {
        let blob = Descriptor::new("", Digest::of(b"abcdef"), 6);
        let mut right = sink(b"abc");
        right.take_over(&blob, 3).unwrap();
        right.put(3, b"def").unwrap();
        right.verify(&blob).unwrap();
        let (mut wrong, told) = (sink(b"abX"), Arc::new(std::sync::Mutex::new(Vec::new())));
        let heard = told.clone();
        wrong = wrong.telling(Box::new(move |at| heard.lock().unwrap().push(at)));
        wrong.take_over(&blob, 3).unwrap();
        wrong.put(3, b"def").unwrap();
        assert!(wrong.verify(&blob).unwrap_err().is_retryable());
        assert_eq!(*told.lock().unwrap(), [6, 0]);
        // Begun again it is verified on its way.
        wrong.take_over(&blob, 3).unwrap();
        wrong.put(0, b"abc").unwrap();
        wrong.put(3, b"def").unwrap();
        wrong.verify(&blob).unwrap();
    }

    #[test]
    fn two_attempts_are_verified_as_one() {
        let blob = Descriptor::new("", Digest::of(b"abcdef"), 6);
        for (rest, is_right) in [(&b"cdef"[..], true), (b"cXef", false)] {
            let mut sink = sink(b"");
            // The first attempt broke off behind what it is gone on from.
            sink.put(0, b"abcd").unwrap();
            sink.go_on(2, blob.digest.hasher());
            sink.put(2, rest).unwrap();
            assert_eq!(sink.verify(&blob).is_ok(), is_right, "{rest:?}");
        }
    }

    #[tokio::test]
    async fn what_lies_in_its_place_is_not_written_twice() {
        let mut sink = sink(b"");
        let place = sink.filling(9, Arc::new(()));
        assert!(place.put(6, Bytes::from_static(b"ghi")).await.is_err(), "nobody said so");
        place.filled_from(6);
        place.put(6, Bytes::from_static(b"ghi")).await.unwrap();
        for at in [5, 7] {
            assert!(place.put(at, Bytes::from_static(b"xyz")).await.is_err(), "that is another's place");
        }
        sink.put(0, b"abc").unwrap();
        sink.put(3, b"defXX").unwrap();
        sink.put(8, b"X").unwrap();
        assert_eq!(place.read(0, 9).await.unwrap(), &b"abcdefghi"[..]);
        place.filled_from(u64::MAX);
        sink.put(8, b"I").unwrap();
        assert_eq!(place.read(6, 3).await.unwrap(), &b"ghI"[..]);
        // Who comes after it is not disturbed by it.
        let next = sink.filling(9, Arc::new(()));
        next.filled_from(3);
        place.filled_from(0);
        assert!(place.put(6, Bytes::from_static(b"old")).await.is_err());
        next.put(6, Bytes::from_static(b"new")).await.unwrap();
    }
}

//! One blob on its way into the archive.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::blocking;
use super::documents::Documents;
use super::in_place::{Found, InPlace};
use super::pieces::{Pump, Sink};
use super::recompress::Recompress;
use super::shared::Shared;
use crate::oci::{Descriptor, Hasher};
use crate::transport::{Begin, BlobWriter, ByteStream, Error, Place, Result};

/// How long the last pieces of a writer that was dropped may take to be down.
const PATIENCE: Duration = Duration::from_millis(300);

/// Writes one blob: in place, or through a spool if it must be compressed anew.
pub(super) struct Writer<D> {
    archive: Arc<Shared<D>>,
    blob: Descriptor,
    turn: Arc<Mutex<()>>,
    stage: Stage,
}

enum Stage {
    /// Nothing has come yet.
    Waiting,
    Writing(Box<Pump<Held>>),
    /// Another writer of the same blob was first.
    Already,
}

/// A sink with the right to write the blob: the right lasts until the last piece in the air is down, even if the
/// writer is dropped before.
struct Held {
    target: Target,
    turn: Arc<OwnedMutexGuard<()>>,
}

/// Where the bytes go.
pub(super) enum Target {
    InPlace(Box<InPlace>),
    Spool(Box<Recompress>),
}

impl Sink for Held {
    fn put(&mut self, at: u64, piece: &[u8]) -> Result<()> {
        match &mut self.target {
            Target::InPlace(sink) => sink.put(at, piece),
            Target::Spool(sink) => sink.put(at, piece),
        }
    }

    fn go_on(&mut self, from: u64, hasher: Hasher) {
        match &mut self.target {
            Target::InPlace(sink) => sink.go_on(from, hasher),
            Target::Spool(sink) => sink.go_on(from, hasher),
        }
    }
}

impl<D: Documents> Writer<D> {
    fn new(archive: Arc<Shared<D>>, blob: &Descriptor, turn: Arc<Mutex<()>>) -> Writer<D> {
        Writer { archive, blob: blob.clone(), turn, stage: Stage::Waiting }
    }

    /// Begins a blob of the archive, and gives it a place where nobody announced it.
    pub(super) async fn begin_blob(archive: Arc<Shared<D>>, blob: &Descriptor) -> Result<Begin> {
        if archive.slot(&blob.digest).is_none() {
            let (archive, blob) = (archive.clone(), blob.clone());
            blocking(move || archive.prepare(std::slice::from_ref(&blob))).await?;
        }
        let Some(slot) = archive.slot(&blob.digest) else {
            return Err(archive.conflict("the archive is finished".to_owned()));
        };
        if slot.size != blob.size {
            let at = format!("{} {}", archive.at(), blob.digest);
            let (expected, found) = (format!("{} bytes", slot.size), format!("{} bytes", blob.size));
            return Err(Error::Content { attempted: "write blob", at, expected, found });
        }
        let mut writer = Writer::new(archive, blob, slot.turn);
        match slot.done || !writer.look().await? {
            true => Ok(Begin::Present),
            false => Ok(Begin::Write(Box::new(writer))),
        }
    }

    /// Begins at once unless another writer is at the same blob. Whether there is anything to write: an earlier run
    /// may have left all of it.
    async fn look(&mut self) -> Result<bool> {
        // Who still finds another writer then waits for it when the bytes are there to be written.
        if let Ok(turn) = tokio::time::timeout(PATIENCE, self.turn.clone().lock_owned()).await {
            self.begin(turn).await?;
        }
        Ok(!matches!(self.stage, Stage::Already))
    }

    /// Waits for another writer of the same blob, and begins if that one left it undone.
    async fn wait(&mut self) -> Result<()> {
        let turn = self.turn.clone().lock_owned().await;
        self.begin(turn).await
    }

    async fn begin(&mut self, turn: OwnedMutexGuard<()>) -> Result<()> {
        self.stage = match self.archive.target(&self.blob.digest)? {
            None => Stage::Already,
            Some((Target::InPlace(mut sink), there)) if there > 0 => {
                let blob = self.blob.clone();
                let (sink, found) =
                    blocking(move || sink.take_over(&blob, there).map(|found| (sink, found))).await?;
                match found {
                    Found::Whole => {
                        self.archive.whole(&self.blob.digest, None);
                        Stage::Already
                    }
                    Found::Part(accepted) => self.writing(Target::InPlace(sink), turn, accepted),
                }
            }
            Some((target, _)) => self.writing(target, turn, 0),
        };
        Ok(())
    }

    fn writing(&self, target: Target, turn: OwnedMutexGuard<()>, accepted: u64) -> Stage {
        Stage::Writing(Box::new(Pump::new(&self.blob, Held { target, turn: Arc::new(turn) }, accepted)))
    }
}

impl<D: Documents> BlobWriter for Writer<D> {
    fn accepted(&self) -> u64 {
        match &self.stage {
            Stage::Waiting => 0,
            Stage::Writing(pump) => pump.accepted(),
            Stage::Already => self.blob.size,
        }
    }

    fn write(&mut self, from: u64, body: ByteStream) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if let Stage::Waiting = self.stage {
                self.wait().await?;
            }
            match &mut self.stage {
                Stage::Writing(pump) => pump.run(from, body).await,
                _ => Ok(()),
            }
        })
    }

    fn place(&mut self) -> Option<Arc<dyn Place>> {
        let Stage::Writing(pump) = &mut self.stage else { return None };
        let Held { target, turn } = pump.sink()?;
        match target {
            Target::InPlace(sink) => Some(Arc::new(sink.filling(self.blob.size, turn.clone()))),
            Target::Spool(_) => None,
        }
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            if let Stage::Waiting = self.stage {
                self.wait().await?;
            }
            let Stage::Writing(pump) = self.stage else { return Ok(()) };
            // The right to write is given back when this is dropped, after the blob is noted as whole.
            let Held { target, turn: _turn } = pump.into_sink().await?;
            match target {
                Target::InPlace(mut sink) => {
                    let blob = self.blob.clone();
                    blocking(move || sink.verify(&blob)).await?;
                    self.archive.whole(&self.blob.digest, None)
                }
                Target::Spool(spool) => {
                    let spool = blocking(move || spool.finish()).await?;
                    self.archive.whole(&self.blob.digest, Some(spool))
                }
            }
            Ok::<(), Error>(())
        })
    }
}

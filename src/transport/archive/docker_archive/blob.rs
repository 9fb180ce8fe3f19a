//! One blob on its way into the archive.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::super::blocking;
use super::super::pieces::{InPlace, Pump, Sink};
use super::recompress::Recompress;
use super::shared::Shared;
use crate::oci::Descriptor;
use crate::transport::{BlobWriter, ByteStream, Error, Result};

/// Writes one blob: in place, or through a spool if it must be compressed anew.
pub(super) struct Writer {
    archive: Arc<Shared>,
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
    _turn: OwnedMutexGuard<()>,
}

/// Where the bytes go.
pub(super) enum Target {
    InPlace(InPlace),
    Spool(Box<Recompress>),
}

impl Sink for Held {
    fn put(&mut self, at: u64, piece: &[u8]) -> Result<()> {
        match &mut self.target {
            Target::InPlace(sink) => sink.put(at, piece),
            Target::Spool(sink) => sink.put(at, piece),
        }
    }
}

impl Writer {
    pub(super) fn new(archive: Arc<Shared>, blob: &Descriptor, turn: Arc<Mutex<()>>) -> Writer {
        Writer { archive, blob: blob.clone(), turn, stage: Stage::Waiting }
    }

    /// Waits for another writer of the same blob, and begins if that one left it undone.
    async fn begin(&mut self) -> Result<()> {
        let turn = self.turn.clone().lock_owned().await;
        self.stage = match self.archive.target(&self.blob.digest)? {
            Some(target) => Stage::Writing(Box::new(Pump::new(&self.blob, Held { target, _turn: turn }))),
            None => Stage::Already,
        };
        Ok(())
    }
}

impl BlobWriter for Writer {
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
                self.begin().await?;
            }
            match &mut self.stage {
                Stage::Writing(pump) => pump.run(from, body).await,
                _ => Ok(()),
            }
        })
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            if let Stage::Waiting = self.stage {
                self.begin().await?;
            }
            let Stage::Writing(pump) = self.stage else { return Ok(()) };
            // The right to write is given back when `_turn` is dropped, after the blob is noted as whole.
            let Held { target, _turn } = pump.into_sink().await?;
            match target {
                Target::InPlace(_) => self.archive.whole(&self.blob.digest, None),
                Target::Spool(spool) => {
                    let spool = blocking(move || spool.finish()).await?;
                    self.archive.whole(&self.blob.digest, Some(spool))
                }
            }
            Ok::<(), Error>(())
        })
    }
}

//! Being asked to end: ctrl-c, or a termination by another process.

use std::io;

use super::{Error, Outcome};

/// Work that changes nothing, so that a signal ends it at once.
pub(super) async fn ends(work: impl Future<Output = Result<Outcome, Error>>) -> Result<Outcome, Error> {
    Ok(or_ended(Box::pin(work)).await?.unwrap_or(Outcome::Interrupted))
}

/// The same of work that only finds something out; `None` if a signal ended it.
pub(super) async fn or_ended<T>(work: impl Future<Output = Result<T, Error>>) -> Result<Option<T>, Error> {
    let mut interrupts = Interrupts::listen()
        .map_err(|source| Error::Io { attempted: "listen for ctrl-c".to_owned(), source })?;
    tokio::select! {
        ended = work => ended.map(Some),
        () = interrupts.next() => Ok(None),
    }
}

/// The signals that ask for the end, from now on.
pub(super) struct Interrupts {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// Takes the signals over; without this they end the process at once.
    pub fn listen() -> io::Result<Interrupts> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Interrupts {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Interrupts {})
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        {
            let one = tokio::select! {
                one = self.interrupt.recv() => one,
                one = self.terminate.recv() => one,
            };
            if one.is_none() {
                std::future::pending::<()>().await;
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

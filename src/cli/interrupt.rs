//! Being asked to end: ctrl-c, or a termination by another process.

use std::io;

use super::{Error, Outcome};

/// Work that changes nothing, so that a signal ends it at once.
pub(super) async fn ends(work: impl Future<Output = Result<Outcome, Error>>) -> Result<Outcome, Error> {
    let mut interrupts = Interrupts::listen()
        .map_err(|source| Error::Io { attempted: "listen for ctrl-c".to_owned(), source })?;
    tokio::select! {
        ended = work => ended,
        () = interrupts.next() => Ok(Outcome::Interrupted),
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

//! Asking a person, where there is one.

use std::io::{self, IsTerminal};

use super::Error;
use super::output;
use crate::oci::printable;

/// Whether somebody can be asked: standard input and standard error are a terminal.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and waits for a line. The end of input is an empty answer.
pub(super) async fn answer(question: &str) -> Result<String, Error> {
    output::complain(&format!("{} ", printable(question, 2000)));
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line.trim().to_owned())
    });
    let attempted = || "read an answer".to_owned();
    let line = read.await.map_err(|e| Error::Io { attempted: attempted(), source: io::Error::other(e) })?;
    line.map_err(|source| Error::Io { attempted: attempted(), source })
}

/// Asks whether to go on; no is what everything but y and yes means.
pub(super) async fn agreed(question: &str) -> Result<bool, Error> {
    let answer = answer(&format!("{question} [y/N]")).await?.to_lowercase();
    Ok(matches!(answer.as_str(), "y" | "yes"))
}

//! What the system says about the terminal: it hung up, or the process was stopped and goes on.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears that the terminal went away (SIGHUP): the SSH connection dropped, the window or the tmux pane closed.
///
/// On it: drop [`super::Input`], then [`super::Screen::hang_up`], which sets its reader free, and go on without a front end until the jobs are done. A headless command
/// calls [`super::let_go`] instead.
pub struct HangUp(Signal);

impl HangUp {
    /// Starts listening. From now on a hang-up does not end the process by itself.
    ///
    /// # Errors
    /// The system's, or the lack of a tokio runtime's signal driver.
    pub fn listen() -> io::Result<HangUp> {
        signal(SignalKind::hangup()).map(HangUp)
    }

    /// Returns once the terminal has hung up. May be dropped and called again without losing one.
    pub async fn recv(&mut self) {
        if self.0.recv().await.is_none() {
            // The driver is gone with its runtime: there will be no signal any more.
            std::future::pending::<()>().await;
        }
    }
}

/// Hears that the process was stopped and goes on (SIGCONT): the screen may be somebody else's by now, and
/// what was held by a lease is to be checked. Comes after [`super::Screen::suspend`] as well, and with a hang-up:
/// an error of [`super::Screen::resume`] means that the terminal is gone.
pub struct Continued(Signal);

impl Continued {
    /// Starts listening.
    ///
    /// # Errors
    /// The system's, or the lack of a tokio runtime's signal driver.
    pub fn listen() -> io::Result<Continued> {
        let kind = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        signal(kind).map(Continued)
    }

    /// Returns once the process goes on. May be dropped and called again without losing one.
    pub async fn recv(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn signals_arrive() {
        let (mut hang_up, mut continued) = (HangUp::listen().unwrap(), Continued::listen().unwrap());
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::HUP).unwrap();
        hang_up.recv().await;
        rustix::process::kill_process(me, rustix::process::Signal::CONT).unwrap();
        continued.recv().await;
    }
}

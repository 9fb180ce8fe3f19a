//! Ways out that nobody chose: the terminal is gone, or the process is told to end.

use std::io;

use futures_util::future::BoxFuture;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::effect::Runner;
use super::terminal::Continued;
use super::{App, Error, Exit};
use crate::engine::Engine;
use crate::job::JobState;

/// The engine, where it is not there yet.
pub(super) type Coming = Option<BoxFuture<'static, Result<Engine, String>>>;

impl App {
    /// The terminal failed. One that is gone may say so before its signal comes, and must not take the jobs with it.
    pub(super) async fn failed(self, error: io::Error, coming: Coming) -> Result<Exit, Error> {
        let gone = error.kind() == io::ErrorKind::BrokenPipe
            || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
        if gone { Ok(Box::pin(self.hung_up(coming)).await) } else { Err(error.into()) }
    }

    /// The terminal is gone: nothing is drawn or read any more, and the jobs are seen to their end. Nobody is left to
    /// resume a paused one, so they all go on; SIGTERM still ends it all.
    pub(super) async fn hung_up(self, coming: Coming) -> Exit {
        let App { screen, mut runner, messages, editor, .. } = self;
        screen.hang_up();
        // Nobody reads answers any more: who sends one must not wait for that. What an editor was given stays in its file.
        drop((messages, editor));
        let Ok(mut end) = signal(SignalKind::terminate()) else {
            see_to_the_end(&mut runner, coming).await;
            return Exit::HungUp;
        };
        tokio::select! {
            () = see_to_the_end(&mut runner, coming) => return Exit::HungUp,
            () = told_to(&mut end) => {}
        }
        if let Some(engine) = runner.engine() {
            stop(engine).await;
        }
        Exit::Terminated
    }

    pub(super) async fn terminated(mut self) -> Result<Exit, Error> {
        if let Some(editor) = self.editor.take() {
            editor.end().await;
        }
        if let Some(engine) = self.runner.engine() {
            stop(engine).await;
        }
        self.screen.close()?;
        Ok(Exit::Terminated)
    }
}

async fn see_to_the_end(runner: &mut Runner, coming: Coming) {
    // What was started before the engine was there is started all the same.
    if let Some(coming) = coming
        && runner.awaits_engine()
        && let Ok(engine) = coming.await
    {
        runner.start(engine);
    }
    let Some(engine) = runner.engine().cloned() else { return };
    engine.left_alone().await;
    runner.ordered().await;
    for job in engine.jobs().iter().filter(|job| job.state == JobState::Paused) {
        if let Err(error) = engine.resume(job.id).await {
            tracing::warn!("job {}: {error}", job.id);
        }
    }
    tokio::select! {
        () = engine.idle() => {}
        () = keep_what_is_ours(&engine) => {}
    }
}

/// After a stop another wharf may have the jobs.
async fn keep_what_is_ours(engine: &Engine) {
    let Ok(mut continued) = Continued::listen() else { return std::future::pending().await };
    loop {
        continued.recv().await;
        engine.check_leases().await;
    }
}

/// Stops the jobs; they can go on later.
async fn stop(engine: &Engine) {
    if let Err(error) = engine.hand_over().await {
        tracing::warn!("the jobs end with this process: {error}");
    }
    engine.shutdown().await;
}

/// Signals that tell the process to end.
pub(super) struct Ends {
    terminate: Signal,
    interrupts: [Signal; 2],
}

/// Which of them came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Terminate,
    /// One that a terminal's keys send, too, to everybody in front of it: while an editor is there it is the editor's.
    Interrupt,
}

impl Ends {
    pub(super) fn listen() -> io::Result<Ends> {
        let interrupts = [signal(SignalKind::interrupt())?, signal(SignalKind::quit())?];
        Ok(Ends { terminate: signal(SignalKind::terminate())?, interrupts })
    }

    pub(super) async fn told(&mut self) -> End {
        let [interrupt, quit] = &mut self.interrupts;
        tokio::select! {
            biased;
            () = told_to(&mut self.terminate) => End::Terminate,
            () = told_to(interrupt) => End::Interrupt,
            () = told_to(quit) => End::Interrupt,
        }
    }
}

/// Waits for a signal.
async fn told_to(signal: &mut Signal) {
    // `None` would mean that no further signal can come: then none is waited for.
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

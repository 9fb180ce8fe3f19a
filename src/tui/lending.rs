//! The terminal is lent to an editor and taken back; or wharf was stopped, and a shell had it meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::process::{Pid, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::event::Msg;
use super::state::document::{Document, Edited};
use super::terminal::Input;
use super::{App, editor};

/// How long an editor that is told to end may take.
const ENOUGH: Duration = Duration::from_secs(2);

/// The terminal is an editor's: what comes of it.
pub(super) struct Lent {
    edited: BoxFuture<'static, Edited>,
    /// The editor's process, 0 where there is none.
    process: Arc<AtomicU32>,
}

impl App {
    /// Lends the terminal to an editor. Jobs go on, and so does the loop, without keys and without drawing.
    pub(super) async fn lend(&mut self, document: Document, keys: &mut Input) -> io::Result<()> {
        keys.pause().await;
        self.screen.lend()?;
        let process = Arc::new(AtomicU32::new(0));
        let edited = editor::edit(document, self.runner.config().clone(), process.clone()).boxed();
        self.editor = Some(Lent { edited, process });
        Ok(())
    }

    pub(super) async fn take_back(&mut self, keys: &mut Input) -> io::Result<()> {
        self.editor = None;
        self.taken_back = Some(Instant::now());
        self.screen.take_back()?;
        keys.resume().await;
        self.seen_again()
    }

    /// Whether an interrupt is the editor's: a key in it sends one to wharf as well, which may hear of its end first.
    pub(super) fn is_the_editors(&self) -> bool {
        const LATE: Duration = Duration::from_secs(1);
        self.editor.is_some() || self.taken_back.is_some_and(|at| at.elapsed() < LATE)
    }

    /// The process was stopped and goes on: the screen may be the shell's by now, and jobs may be somebody else's.
    pub(super) fn continued(&mut self) -> io::Result<()> {
        // After its own ctrl-z the screen is there already.
        // An editor that was stopped, too, has the terminal back.
        let lent = self.editor.is_some();
        if !lent && self.resumed.is_none_or(|at| at.elapsed() > Duration::from_secs(1)) {
            self.screen.resume()?;
            self.seen_again()?;
        }
        if let Some(engine) = self.runner.engine().cloned() {
            tokio::spawn(async move { engine.check_leases().await });
        }
        self.sample_soon();
        Ok(())
    }

    /// The screen is wharf's again, empty, and may have another size: nobody told a program that was not in front.
    pub(super) fn seen_again(&mut self) -> io::Result<()> {
        let (width, height) = crossterm::terminal::size()?;
        for effect in self.take(Msg::Resize(width, height)) {
            self.runner.run(effect);
        }
        self.draw_at = Some(Instant::now());
        Ok(())
    }
}

impl Lent {
    /// Ends the editor, which would have the terminal together with the shell otherwise. What was typed and saved stays
    /// where it is.
    pub(super) async fn end(self) {
        let process = i32::try_from(self.process.load(Ordering::Acquire)).ok().and_then(Pid::from_raw);
        drop(self);
        let Some(process) = process else { return };
        let until = Instant::now() + ENOUGH;
        let mut told = kill_process(process, rustix::process::Signal::TERM);
        while told.is_ok() && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
            told = test_kill_process(process);
        }
    }
}

/// What comes of the editor, once it has ended.
pub(super) async fn edited(editor: &mut Option<Lent>) -> Edited {
    match editor {
        Some(lent) => (&mut lent.edited).await,
        None => std::future::pending().await,
    }
}

//! Where the log goes: standard error for a command, a file for the terminal UI.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::environment::variable;
use crate::cli;
use crate::job::Level;

/// A log file that grew beyond this many bytes is begun anew.
const FILE_LIMIT: u64 = 4 << 20;

/// How much is said: errors with `--quiet`, else what nobody shows otherwise; more with each `-v`. `WHARF_LOG` has the
/// last word, in tracing's syntax.
fn filter(quiet: bool, verbose: u8) -> EnvFilter {
    // The engine's retries and notes are shown as progress; the log repeats them only when it is asked for.
    let level = match (quiet, verbose) {
        (true, _) => "off",
        // Of credential files and helpers that fail nobody else tells.
        (false, 0) => "off,wharf=error,wharf::config=warn,wharf::engine=off",
        (false, 1) => "off,wharf=info",
        (false, 2) => "info,wharf=debug",
        (false, _) => "debug",
    };
    let chosen = variable("WHARF_LOG").unwrap_or_else(|| level.to_owned());
    EnvFilter::try_new(&chosen).unwrap_or_else(|_| EnvFilter::new(level))
}

/// Logs to standard error, above the progress bars.
pub(super) fn to_screen(args: &cli::Args, screen: &cli::Screen) {
    let screen = screen.clone();
    init(filter(args.global.quiet, args.global.verbose), move || screen.writer());
}

/// Warnings that the screen may fall behind before some are in the file alone.
const BACKLOG: usize = 256;

/// Logs to a file, for the terminal UI, whose screen is taken; what it is to show of that comes out of the receiver. A
/// file that cannot be opened is no reason not to start.
pub(super) fn to_file(path: &Path, verbose: u8) -> mpsc::Receiver<(Level, String)> {
    let (sender, heard) = mpsc::channel(BACKLOG);
    let grown = std::fs::metadata(path).is_ok_and(|file| file.len() > FILE_LIMIT);
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(!grown).truncate(grown);
    if let Some(directory) = path.parent()
        && std::fs::create_dir_all(directory).is_ok()
        && let Ok(file) = options.open(path)
    {
        let log = tracing_subscriber::fmt().with_env_filter(filter(false, verbose.max(1)));
        let log = log.with_writer(Mutex::new(file)).with_ansi(false).with_target(false);
        // A full disk is no reason to write on the screen.
        let log = log.log_internal_errors(false);
        // Another subscriber is there only in tests, and then it stays.
        let _ = log.finish().with(Ear(sender)).try_init();
    }
    heard
}

/// Hears warnings for the screen's log. What jobs say comes there as events.
struct Ear(mpsc::Sender<(Level, String)>);

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let level = match level {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            _ => return,
        };
        if target.starts_with("wharf") && target != "wharf::engine::voice" {
            let mut text = Text::default();
            event.record(&mut text);
            // Too many at once: they are in the file.
            let _ = self.0.try_send((level, text.0));
        }
    }
}

/// An event's message.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

fn init(filter: EnvFilter, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // Another subscriber is there only in tests, and then it stays.
    let _ = log.with_target(false).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_heard_and_what_jobs_say_is_not_heard_twice() {
        let (sender, mut heard) = mpsc::channel(2);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Ear(sender)), || {
            tracing::warn!(target: "wharf::config", "the file {} is old", 7);
            tracing::info!(target: "wharf::config", "fine");
            tracing::error!(target: "wharf::engine::voice", "a job's");
            tracing::error!(target: "hyper", "another's");
            tracing::error!(target: "wharf::ledger", "locked");
            tracing::error!(target: "wharf::ledger", "one too many");
        });
        let all: Vec<_> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
        assert_eq!(all, [(Level::Warn, "the file 7 is old".to_owned()), (Level::Error, "locked".to_owned())]);
    }
}

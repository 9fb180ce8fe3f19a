//! Where the log goes: standard error for a command, a file for the terminal UI.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::environment::variable;
use crate::cli;

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

/// Logs to a file, for the terminal UI, whose screen is taken. A file that cannot be opened is no reason not to start.
pub(super) fn to_file(path: &Path, verbose: u8) {
    let grown = std::fs::metadata(path).is_ok_and(|file| file.len() > FILE_LIMIT);
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(!grown).truncate(grown);
    if let Some(directory) = path.parent()
        && std::fs::create_dir_all(directory).is_ok()
        && let Ok(file) = options.open(path)
    {
        init(filter(false, verbose.max(1)), Mutex::new(file));
    }
}

fn init(filter: EnvFilter, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // Another subscriber is there only in tests, and then it stays.
    let _ = log.with_target(false).try_init();
}

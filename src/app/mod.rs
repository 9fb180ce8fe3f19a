//! The wiring: the command line and the configuration become an engine and a front end. This is the only place that
//! reads the environment, sets up logging and hears signals.

mod credentials;
mod demo;
pub mod demo_images;
mod detached;
mod engines;
mod environment;
mod headless;
mod logging;
mod options;
mod serving;
mod terminal;

use std::ffi::OsString;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

use crate::cli::{self, Args, Command, OutputFormat};
use crate::config::{Config, ConfigFaults, Loaded, paths};
use crate::tui::keymap::key_faults;

/// How long the end waits for threads that are in the middle of something.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Runs wharf with these arguments, the program's name first. The answer is the exit code (DESIGN section 2).
pub fn main(arguments: Vec<OsString>) -> u8 {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to standard output and are no error.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
                _ => 2,
            };
        }
    };
    crate::tui::terminal::install_panic_hook();
    let default_config = paths::default_file();
    if let Some(result) = cli::standalone(&args, default_config.as_deref(), &key_faults) {
        return outcome(result, args.global.output);
    }
    let mut loaded =
        match Config::load_checked(args.global.config_file(), default_config.as_deref(), &key_faults) {
            Ok(loaded) => loaded,
            Err(faults) => return refused(&faults, args.global.output),
        };
    loaded.config.read_only |= args.global.read_only;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: start the runtime: {error}");
            return 1;
        }
    };
    let code = runtime.block_on(dispatch(args, loaded));
    // What a cancelled job was just writing is let go of, and its partial file with it; a blocking read of a name
    // server or a slow disk does not hold up the end.
    runtime.shutdown_timeout(LAST_WORDS);
    code
}

async fn dispatch(args: Args, loaded: Loaded) -> u8 {
    if let Some(Command::Jobs(jobs)) = &args.command
        && let Some(ids) = jobs.detached()
    {
        return detached::run(&args, &ids, loaded).await;
    }
    match &args.command {
        None => terminal::run(&args, loaded).await,
        Some(Command::Demo(demo)) if demo.headless => demo::headless(&args).await,
        Some(Command::Demo(_)) => terminal::demo(&args, loaded.config).await,
        Some(Command::Serve(serve)) => serving::run(&args, serve, loaded).await,
        Some(command) => headless::run(&args, command, loaded).await,
    }
}

/// A command's result as an exit code; an error is told.
fn outcome(result: Result<cli::Outcome, cli::Error>, output: OutputFormat) -> u8 {
    match result {
        Ok(outcome) => outcome.exit_code(),
        Err(error) => {
            cli::report(&error, output);
            error.exit_code()
        }
    }
}

/// A configuration that cannot be used: all its faults, and exit code 2.
fn refused(faults: &ConfigFaults, output: OutputFormat) -> u8 {
    let lines = faults.to_string().lines().map(str::to_owned).collect();
    let hint = Some(faults.hint());
    outcome(Err(cli::Error::Usage { class: faults.class(), faults: lines, hint }), output)
}

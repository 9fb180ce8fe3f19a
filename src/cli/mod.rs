//! The headless commands, one file each, on the same engine as the terminal UI. Results go to standard output,
//! progress, notes and errors to standard error.
//!
//! `app` parses [`Args`], runs [`standalone`] commands at once, else loads the configuration, builds the engine
//! (with [`Overrides`] from the command line), and calls [`run`]; an [`Error`] goes to [`report`]. The terminal UI
//! and the demo are `app`'s own; only their arguments are defined here.

mod access;
mod archive_list;
pub mod args;
mod batch;
mod batch_plan;
pub mod completions;
pub mod config;
mod confirm;
pub mod copy;
pub mod delete;
pub mod diff;
mod dry_run;
mod error;
mod everything;
pub mod export;
mod export_batch;
mod extras;
mod failures;
pub mod files;
mod filter;
pub mod history;
pub mod import;
pub mod inspect;
mod interrupt;
mod job_record;
pub mod jobs;
mod jobs_control;
mod jobs_watch;
mod limits;
mod list;
mod load_script;
pub mod login;
pub mod logout;
mod output;
mod progress;
mod prompt;
pub mod question_args;
mod read_only;
mod registry_info;
pub mod repos;
#[cfg(test)]
mod same_job;
#[cfg(test)]
mod sample;
pub mod search;
pub mod store;
mod summary;
pub mod sync;
pub mod tag;
pub mod tags;
mod transfer;
mod typed;
pub mod upkeep_args;

pub use access::Overrides;
pub use args::{Args, Command, OutputFormat, ProgressMode};
pub use error::{Error, Outcome, report};
pub use extras::ExtraArgs;
pub use limits::{LimitOverrides, TransferLimits};
pub use progress::{Screen, ScreenWriter};

use std::io::IsTerminal;
use std::path::Path;

use crate::config::credentials::LoginStore;
use crate::config::{Config, KeyRules};
use crate::engine::Engine;
use crate::oci::{ErrorClass, Location, printable};

/// What a command works with.
pub struct Context {
    /// The engine.
    pub engine: Engine,
    /// The configuration.
    pub config: Config,
    /// How results are written.
    pub output: OutputFormat,
    /// How progress is shown; [`ProgressMode::Auto`] is decided by [`Args::progress`].
    pub progress: ProgressMode,
    /// Errors only.
    pub quiet: bool,
    /// Where logins are kept.
    pub logins: LoginStore,
    /// Standard error: progress bars below, lines (the log's too) above them.
    pub screen: Screen,
}

impl Context {
    /// A note for the person, on standard error.
    fn note(&self, text: &str) {
        if !self.quiet {
            self.screen.line(&format!("note: {}", printable(text, 1000)));
        }
    }
}

impl Args {
    /// How progress is to be shown, decided: bars need a terminal on standard error.
    pub fn progress(&self) -> ProgressMode {
        let global = &self.global;
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match global.progress {
            _ if global.quiet || global.no_progress => ProgressMode::None,
            ProgressMode::Auto if std::io::stderr().is_terminal() && !dumb => ProgressMode::Bars,
            ProgressMode::Auto => ProgressMode::Plain,
            chosen => chosen,
        }
    }
}

/// Runs a command that needs neither the configuration nor an engine; `None` for all others. `default_config` is
/// the platform's configuration file, `keys` are the terminal UI's rules for its keys.
pub fn standalone(
    args: &Args,
    default_config: Option<&Path>,
    keys: KeyRules<'_>,
) -> Option<Result<Outcome, Error>> {
    let global = &args.global;
    match args.command.as_ref()? {
        Command::Config(command) => {
            Some(config::run(*command, global.config_file(), default_config, global.output, keys))
        }
        Command::Completions(args) => Some(completions::run(args)),
        _ => None,
    }
}

/// Runs a command on an engine. What is `app`'s ([`Command::Demo`]) or [`standalone`] is a usage error here.
pub async fn run(command: &Command, context: &Context) -> Result<Outcome, Error> {
    if context.config.read_only {
        read_only::check(command)?;
    }
    match command {
        Command::Copy(args) => copy::run(args, context).await,
        Command::Sync(args) => sync::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
        Command::Import(args) => import::run(args, context).await,
        Command::Inspect(args) => interrupt::ends(inspect::run(args, context)).await,
        Command::Tags(args) => interrupt::ends(tags::run(args, context)).await,
        Command::Repos(args) => interrupt::ends(repos::run(args, context)).await,
        Command::Login(args) => interrupt::ends(login::run(args, context)).await,
        Command::Logout(args) => interrupt::ends(logout::run(args, context)).await,
        Command::Search(args) => interrupt::ends(search::run(args, context)).await,
        Command::Files(args) => interrupt::ends(files::run(args, context)).await,
        Command::Store(args) => store::run(args, context).await,
        Command::Diff(args) => interrupt::ends(diff::run(args, context)).await,
        Command::Tag(args) => tag::run(args, context).await,
        Command::Delete(args) => interrupt::ends(delete::run(args, context)).await,
        Command::History(args) => interrupt::ends(history::run(args, context)).await,
        Command::Jobs(args) => jobs::run(args, context).await,
        Command::Config(_) | Command::Completions(_) | Command::Demo(_) | Command::Serve(_) => {
            Err(Error::usage("this command does not run on an engine"))
        }
    }
}

/// A location that was typed.
fn location(text: &str) -> Result<Location, Error> {
    typed::source(text).map_err(|reason| Error::Usage {
        class: ErrorClass::Reference,
        faults: vec![reason],
        hint: Some("`wharf --help` shows how names are written".to_owned()),
    })
}

//! A headless command, from its arguments to its exit code.

use std::path::Path;

use super::{logging, options, outcome};
use crate::cli::{self, Args, Command};
use crate::config::credentials::{Environment, LoginStore};
use crate::config::{Loaded, paths};
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::tui::terminal::{Continued, HangUp, let_go};

/// Runs a command on an engine of its own.
pub(super) async fn run(args: &Args, command: &Command, loaded: Loaded) -> u8 {
    let screen = cli::Screen::stderr();
    logging::to_screen(args, &screen);
    if !args.global.quiet {
        loaded.warnings.iter().for_each(|warning| screen.line(&format!("warning: {warning}")));
    }
    let overrides = match args.overrides(&loaded.config) {
        Ok(overrides) => overrides,
        Err(error) => return outcome(Err(error), args.global.output),
    };
    let ledger = match open_ledger(args, command).await {
        Ok(ledger) => ledger,
        Err(warning) => {
            if !args.global.quiet {
                screen.line(&format!("warning: {warning}; nothing is recorded"));
            }
            None
        }
    };
    let logins = LoginStore::new(args.global.authfile.clone(), Environment::of_process());
    let engine = Engine::new(options::engine_options(&loaded.config, overrides, ledger));
    if loaded.config.read_only {
        engine.refuse_changes();
    }
    stay_after_hang_up(&engine);
    let context = cli::Context {
        engine: engine.clone(),
        config: loaded.config,
        output: args.global.output,
        progress: args.progress(),
        quiet: args.global.quiet,
        logins,
        screen,
    };
    let code = outcome(cli::run(command, &context).await, args.global.output);
    engine.shutdown().await;
    code
}

/// The ledger, where the command has use for one and it can be opened; commands work without.
async fn open_ledger(args: &Args, command: &Command) -> Result<Option<Ledger>, String> {
    let (records, asks) = match command {
        Command::Copy(args) => (!args.dry_run, true),
        Command::Import(args) => (!args.dry_run, true),
        Command::Sync(args) => (!args.dry_run, true),
        Command::Export(args) => (!args.dry_run, false),
        Command::Tag(_) => (true, true),
        Command::History(_) | Command::Jobs(_) => (true, true),
        Command::Inspect(args) => (false, args.registry.is_some()),
        _ => (false, false),
    };
    if args.global.no_ledger || !(records || asks) {
        return Ok(None);
    }
    let default = || paths::data_directory().map(|directory| directory.join("ledger.db"));
    let Some(path) = args.global.ledger.clone().or_else(default) else {
        return Err("this user has no home directory for the ledger".to_owned());
    };
    // A dry run learns from a ledger what can be mounted, and makes none.
    if !records && !path.exists() {
        return Ok(None);
    }
    open_ledger_at(&path).await
}

/// Opens a ledger; the error is a warning's text.
pub(super) async fn open_ledger_at(path: &Path) -> Result<Option<Ledger>, String> {
    Ledger::open(path).await.map(Some).map_err(|error| error.to_string())
}

/// A dropped SSH session does not end the work: output goes nowhere from then on, and the jobs run to their end.
fn stay_after_hang_up(engine: &Engine) {
    match HangUp::listen() {
        Ok(mut hang_up) => {
            let engine = engine.clone();
            tokio::spawn(async move {
                hang_up.recv().await;
                if let Err(error) = let_go() {
                    tracing::warn!("the terminal went away and could not be let go: {error}");
                }
                engine.left_alone().await;
            });
        }
        Err(error) => tracing::warn!("a hang-up will end this command: {error}"),
    }
    match Continued::listen() {
        Ok(mut continued) => {
            let engine = engine.clone();
            tokio::spawn(async move {
                loop {
                    continued.recv().await;
                    engine.check_leases().await;
                }
            });
        }
        Err(error) => tracing::warn!("what happens while this command is stopped is not heard of: {error}"),
    }
}

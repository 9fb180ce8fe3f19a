//! `--read-only`, and `read_only: true` in the configuration: what a command would change is not changed. The engine
//! refuses it, too; here it is said before anything is asked or read.

use super::upkeep_args::StoreCommand;
use super::{Command, Error};
use crate::oci::ErrorClass;

/// An error for a command that writes.
pub(super) fn check(command: &Command) -> Result<(), Error> {
    let Some((name, dry_run)) = writes(command) else { return Ok(()) };
    let dry_run = if dry_run { "; --dry-run shows what it would do" } else { "" };
    Err(Error::Usage {
        class: ErrorClass::Config,
        faults: vec![format!("read-only: `wharf {name}` would change something")],
        hint: Some(format!("leave out --read-only, or read_only: true in config.yaml{dry_run}")),
    })
}

/// The command's name if it is one that changes something, and whether it could do without.
fn writes(command: &Command) -> Option<(&'static str, bool)> {
    let (name, dry_run) = match command {
        Command::Copy(args) => ("copy", Some(args.dry_run)),
        Command::Sync(args) => ("sync", Some(args.dry_run)),
        Command::Export(args) => ("export", Some(args.dry_run)),
        Command::Import(args) => ("import", Some(args.dry_run)),
        Command::Delete(args) => ("delete", Some(args.dry_run)),
        Command::Store(args) => match args.command.as_ref()? {
            StoreCommand::Gc(args) => ("store gc", Some(args.dry_run)),
        },
        Command::Jobs(args) => ("jobs resume and cancel", args.command.as_ref().map(|_| None)?),
        Command::Tag(_) => ("tag", None),
        Command::Login(_) => ("login", None),
        Command::Logout(_) => ("logout", None),
        Command::Repos(_)
        | Command::Search(_)
        | Command::Tags(_)
        | Command::Inspect(_)
        | Command::Diff(_)
        | Command::Files(_)
        | Command::History(_)
        | Command::Config(_)
        | Command::Completions(_)
        | Command::Demo(_)
        // It reads what it serves: see `app`.
        | Command::Serve(_) => return None,
    };
    (dry_run != Some(true)).then_some((name, dry_run.is_some()))
}

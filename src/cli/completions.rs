//! `wharf completions SHELL`

use clap::CommandFactory;

use super::args::{Args, CompletionsArgs};
use super::{Error, Outcome, output};

/// Prints the shell's completion script.
pub fn run(args: &CompletionsArgs) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "wharf", &mut script);
    output::bytes(&script).map(output::done)
}

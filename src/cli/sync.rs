//! `wharf sync LIST --to PREFIX`

use super::args::SyncArgs;
use super::copy::platforms;
use super::error::Faults;
use super::{Context, Error, Outcome, batch_plan, interrupt, transfer};
use crate::config::{Config, ListedJobs, Prefix};
use crate::oci::{ErrorClass, Platforms};

/// Copies every image of a list below one prefix.
pub async fn run(args: &SyncArgs, context: &Context) -> Result<Outcome, Error> {
    let ListedJobs { specs, notes } = jobs(args, &context.config)?;
    notes.iter().for_each(|note| context.note(note));
    match args.dry_run {
        true => interrupt::ends(batch_plan::run(&specs, context)).await,
        false => transfer::run(specs, context).await,
    }
}

/// The jobs that the list and the command line ask for, or all that is wrong with both.
fn jobs(args: &SyncArgs, config: &Config) -> Result<ListedJobs, Error> {
    let mut faults = Faults::default();
    let prefix = faults.take(ErrorClass::Config, prefix(args, config));
    let platforms = Platforms::from_list(platforms(&args.platform, &mut faults));
    let list = args.list.read();
    let jobs = match &prefix {
        Some(prefix) => list.jobs(config, prefix, &platforms).map_err(Error::from),
        None => Ok(ListedJobs { specs: Vec::new(), notes: Vec::new() }),
    };
    // Faults of the command line come first, and those of the list with them.
    if faults.is_empty() {
        return jobs;
    }
    match jobs {
        Err(error) => error.to_string().lines().for_each(|line| faults.add(ErrorClass::Config, line)),
        Ok(_) => list.faults().iter().for_each(|fault| faults.add(ErrorClass::Config, fault.to_string())),
    }
    faults.finish("`wharf sync --help` shows how it is written")?;
    Ok(ListedJobs { specs: Vec::new(), notes: Vec::new() })
}

/// Where the images go: `--to`, else the configuration's `target`.
pub(super) fn prefix(args: &SyncArgs, config: &Config) -> Result<Prefix, String> {
    match (&args.to, &config.target) {
        (Some(to), _) => config.prefix(to).map_err(|reason| format!("--to {reason}")),
        (None, Some(target)) => {
            config.prefix(target).map_err(|reason| format!("the configuration's target {reason}"))
        }
        (None, None) => {
            Err("no destination: give --to PREFIX, or set `target` in the configuration".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Args, Command};
    use super::*;

    fn parse(list: &str, line: &str) -> Result<ListedJobs, Error> {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("list");
        std::fs::write(&file, list).unwrap();
        let line = format!("wharf sync {} {line}", file.display());
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Sync(args)) = args.command else { unreachable!() };
        jobs(&args, &Config::default())
    }

    #[test]
    fn the_jobs_are_the_lists() {
        let found = parse("nginx:1\nghcr.io/o/r\n", "--to h.io/m --platform arm64,amd64").unwrap();
        let shown: Vec<_> = found.specs.iter().map(ToString::to_string).collect();
        assert_eq!(shown[0], "docker.io/library/nginx:1 → h.io/m/library/nginx:1");
        assert_eq!(shown[1], "ghcr.io/o/r:latest → h.io/m/o/r:latest");
        assert!(matches!(&found.specs[1].platforms, Platforms::Only(only) if only.len() == 2));
    }

    #[test]
    fn faults_of_the_line_and_of_the_list_are_told_together() {
        let error = parse("a b\nUP\n", "--to habor --platform no/such/plat/form").unwrap_err();
        let lines = error.to_string();
        assert_eq!((lines.lines().count(), error.exit_code()), (4, 2), "{lines}");
        let error = parse("x.io/a:1\ny.io/a:1\n", "--to h.io --platform no/such/plat/form").unwrap_err();
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
        let error = parse("x.io/a:1\n", "").unwrap_err();
        assert!(error.to_string().contains("--to PREFIX"), "{error}");
        let error = parse("x.io/a:1\nnot/A\n", "--to h.io").unwrap_err();
        assert!(matches!(&error, Error::Config(faults) if faults.faults().len() == 1), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("one reference a line")));
    }
}

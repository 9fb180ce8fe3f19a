//! `wharf sync FILE`

use std::path::PathBuf;

use super::args::SyncArgs;
use super::copy::platforms;
use super::error::Faults;
use super::interrupt::{self, ends};
use super::{Context, Error, Outcome, batch, batch_plan, transfer};
use crate::config::{BatchJobs, Config, Prefix, Terms};
use crate::job::{Extras, JobSpec, Target};
use crate::oci::{ErrorClass, Location, Platforms};

/// Copies every image of a batch file.
pub async fn run(args: &SyncArgs, context: &Context) -> Result<Outcome, Error> {
    let file = args.file.read();
    batch::warn(file, context);
    let typed = Typed::of(args, &context.config)?;
    let repositories = file.repositories();
    let BatchJobs { mut specs, notes, .. } = match repositories.is_empty() {
        true => file.jobs(&typed.terms(&context.config))?,
        false => {
            let asked = interrupt::or_ended(batch::tag_lists(repositories, context)).await?;
            let Some(tags) = asked else { return Ok(Outcome::Interrupted) };
            file.jobs(&Terms { tags: Some(&tags), ..typed.terms(&context.config) })?
        }
    };
    specs.iter_mut().for_each(|spec| spec.extras = typed.extras.and(spec.extras));
    notes.iter().for_each(|note| context.note(note));
    if args.dry_run {
        return ends(batch_plan::run(&specs, context)).await;
    }
    let made = make_directories(&specs)?;
    let outcome = transfer::run(specs, context).await;
    for directory in made {
        // Nothing came of it: an empty directory is nothing to leave behind. It stays if anything is in it.
        let _ = std::fs::remove_dir(directory);
    }
    outcome
}

/// The jobs of a file that nobody has to be asked for.
#[cfg(test)]
pub(super) fn specs(args: &SyncArgs, config: &Config) -> Result<Vec<JobSpec>, Error> {
    let typed = Typed::of(args, config)?;
    let mut specs = args.file.read().jobs(&typed.terms(config))?.specs;
    specs.iter_mut().for_each(|spec| spec.extras = typed.extras);
    Ok(specs)
}

/// What the command line says, once it and the file are without fault.
#[derive(Debug)]
struct Typed {
    to: Option<Prefix>,
    platforms: Option<Platforms>,
    extras: Extras,
}

impl Typed {
    /// Everything that is wrong with the command line and with the file, as far as it can be known without asking
    /// anybody.
    fn of(args: &SyncArgs, config: &Config) -> Result<Typed, Error> {
        let mut faults = Faults::default();
        let file = args.file.read();
        let to = match (file.needs_destination(), &args.to) {
            (false, None) => None,
            (false, Some(_)) if file.faults().is_empty() => {
                let reason = "--to is for images without a destination, and the file gives every one its own";
                faults.add(ErrorClass::Config, reason);
                None
            }
            _ => faults.take(ErrorClass::Config, prefix(args, config)),
        };
        let platforms = platforms(&args.platform, &mut faults);
        let platforms = (!platforms.is_empty()).then(|| Platforms::from_list(platforms));
        let extras = args.extras.read(&mut faults);
        let typed = Typed { to, platforms, extras };
        let jobs = file.jobs(&typed.terms(config));
        // Faults of the command line come first, and those of the file with them.
        match jobs {
            Ok(_) => {}
            Err(error) if faults.is_empty() => return Err(error.into()),
            Err(error) => error.to_string().lines().for_each(|line| faults.add(ErrorClass::Config, line)),
        }
        faults.finish("`wharf sync --help` shows how it is written")?;
        Ok(typed)
    }

    fn terms<'a>(&'a self, config: &'a Config) -> Terms<'a> {
        Terms { to: self.to.as_ref(), platforms: self.platforms.as_ref(), ..Terms::of(config) }
    }
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

/// Makes the directories that images are written into; the answer is those that were not there before.
fn make_directories(specs: &[JobSpec]) -> Result<Vec<PathBuf>, Error> {
    let mut made = Vec::new();
    for target in specs.iter().flat_map(|spec| &spec.destinations) {
        let directory = match target {
            Target::ExportInto(directory) => Some(directory.as_path()),
            Target::Image(Location::DockerArchive { path, .. }) => path.parent(),
            Target::Image(_) => None,
        };
        let Some(directory) = directory.filter(|path| !path.as_os_str().is_empty()) else { continue };
        if !directory.exists() {
            let attempted = || format!("create directory {}", directory.display());
            std::fs::create_dir_all(directory)
                .map_err(|source| Error::Io { attempted: attempted(), source })?;
            made.push(directory.to_owned());
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Args, Command};
    use super::*;

    fn parse(list: &str, line: &str) -> Result<BatchJobs, Error> {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("list");
        std::fs::write(&file, list).unwrap();
        let line = format!("wharf sync {} {line}", file.display());
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        let Some(Command::Sync(args)) = args.command else { unreachable!() };
        let config = Config::default();
        let typed = Typed::of(&args, &config)?;
        Ok(args.file.read().jobs(&typed.terms(&config))?)
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
    fn a_destination_is_needed_where_the_file_gives_none() {
        let own = "[{source: nginx, target: h.io/a}]";
        let found = parse(own, "").unwrap();
        assert_eq!(found.specs[0].to_string(), "docker.io/library/nginx:latest → h.io/a:latest");
        let error = parse(own, "--to x.io").unwrap_err();
        assert!(error.to_string().contains("every one its own"), "{error}");
        let below = "[{source: nginx, target: a/b}]";
        assert_eq!(
            parse(below, "--to x.io").unwrap().specs[0].to_string(),
            "docker.io/library/nginx:latest → x.io/a/b:latest"
        );
        assert_eq!(parse(below, "").unwrap_err().exit_code(), 2);
        let error = parse("[{source: nginx, platforms: [no/such/plat/form], tgas: 1}]", "").unwrap_err();
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
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

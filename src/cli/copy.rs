//! `wharf copy SRC DST…`

use super::args::CopyArgs;
use super::error::Faults;
use super::{Context, Error, Outcome, dry_run, everything, interrupt, transfer, typed};
use crate::config::Config;
use crate::job::{JobSpec, Target};
use crate::oci::{ErrorClass, Platform, Platforms, Tag};

/// Copies one image to its destinations.
pub async fn run(args: &CopyArgs, context: &Context) -> Result<Outcome, Error> {
    if args.all_tags || args.all_repos {
        return everything::run(args, context).await;
    }
    let spec = spec(args, &context.config)?;
    match args.dry_run {
        true => interrupt::ends(dry_run::run(&[spec], context)).await,
        false => transfer::run(vec![spec], context).await,
    }
}

/// The job that the command line asks for, or all that is wrong with it.
pub(super) fn spec(args: &CopyArgs, config: &Config) -> Result<JobSpec, Error> {
    let mut faults = Faults::default();
    let source = faults.take(ErrorClass::Reference, typed::source(&args.source));
    let mut destinations: Vec<Target> = Vec::new();
    for text in &args.destinations {
        let Some(location) = faults.take(ErrorClass::Reference, typed::destination(text)) else { continue };
        // With --tag it is a way to tag what is there.
        if source.as_ref() == Some(&location) && args.tag.is_empty() {
            faults.add(ErrorClass::Config, format!("{location} is source and destination"));
        }
        let target = Target::Image(location);
        refuse_read_only(&target, config, &mut faults);
        match destinations.contains(&target) {
            true => faults.add(ErrorClass::Config, format!("{target} is given twice")),
            false => destinations.push(target),
        }
    }
    let tags: Vec<Tag> =
        args.tag.iter().filter_map(|t| faults.take(ErrorClass::Reference, t.parse())).collect();
    let platforms = platforms(&args.platform, &mut faults);
    let extras = args.extras.read(&mut faults);
    faults.finish("`wharf copy --help` shows how names are written")?;
    let Some(source) = source else { return Err(Error::usage("no source")) };
    let mut unique = Vec::new();
    for tag in tags {
        if !unique.contains(&tag) {
            unique.push(tag);
        }
    }
    let platforms = Platforms::from_list(platforms);
    Ok(JobSpec {
        source,
        more: Vec::new(),
        destinations,
        platforms,
        tags: unique,
        overwrite: args.overwrite,
        keep_tags: false,
        platform_in_name: false,
        extras,
    })
}

/// Notes a fault where the configuration says that nothing is written to a destination.
pub(super) fn refuse_read_only(target: &Target, config: &Config, faults: &mut Faults) {
    if let Some(entry) = config.forbids(target) {
        faults.add(
            ErrorClass::Config,
            format!("{target}: the configuration's entry {:?} is read_only", entry.name),
        );
    }
}

/// Platforms as they were typed.
pub(super) fn platforms(texts: &[String], faults: &mut Faults) -> Vec<Platform> {
    texts.iter().filter_map(|text| faults.take(ErrorClass::Platform, text.parse::<Platform>())).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Args, Command};
    use super::*;

    fn parse(line: &str) -> Result<JobSpec, Error> {
        let args = Args::try_parse_from(format!("wharf copy {line}").split_whitespace()).unwrap();
        let Some(Command::Copy(args)) = args.command else { unreachable!() };
        spec(&args, &Config::default())
    }

    #[test]
    fn the_job_is_what_was_typed() {
        let spec = parse(
            "nginx:1.27 h.io/a store:b --platform arm64,amd64 --platform linux/arm64 --tag x --tag y --tag x",
        )
        .unwrap();
        assert_eq!(spec.to_string(), "docker.io/library/nginx:1.27 → h.io/a, store:b");
        assert_eq!(spec.platforms, Platforms::Only(vec!["arm64".parse().unwrap(), "amd64".parse().unwrap()]));
        assert_eq!(spec.tags, ["x".parse().unwrap(), "y".parse().unwrap()]);
        assert_eq!(parse("a b").unwrap().platforms, Platforms::All);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let error = parse("UPPER a//b c:1 c:1 --tag=-no --tag .x --platform nonsense/zzz/q/r").unwrap_err();
        let lines = error.to_string();
        assert_eq!(lines.lines().count(), 6, "{lines}");
        assert_eq!((error.class(), error.exit_code()), (ErrorClass::Reference, 2));
        assert!(parse("a:1 a:1 --tag b").is_ok());
        assert!(parse("a:1 a:1").unwrap_err().to_string().contains("source and destination"));
        assert_eq!(parse("a b --platform no/such/plat/form").unwrap_err().class(), ErrorClass::Platform);
    }
}

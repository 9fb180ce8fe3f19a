//! `wharf export --from FILE`: the images of a batch file as files for `docker load`, and the script that loads them.

use std::path::{Path, PathBuf};

use super::args::{ExportArgs, TypedBatch};
use super::copy::{platforms, refuse_read_only};
use super::error::Faults;
use super::export::{Into, into, make_directory};
use super::interrupt::{ends, or_ended};
use super::load_script::{self, Loaded};
use super::{Context, Error, Outcome, batch, batch_plan, transfer};
use crate::config::{BatchImage, Config, Terms};
use crate::job::{Job, JobSpec, Target};
use crate::oci::{ErrorClass, Location, Platforms};

/// Writes every image of a batch file, and each platform of it, as a tar. Where the images would go is only looked at
/// for the script.
pub(super) async fn run(args: &ExportArgs, from: &TypedBatch, context: &Context) -> Result<Outcome, Error> {
    let file = from.read();
    batch::warn(file, context);
    let (directory, platforms) = typed(args, from, &context.config)?;
    let terms = Terms { platforms: platforms.as_ref(), ..Terms::of(&context.config) };
    let repositories = file.repositories();
    let images = match repositories.is_empty() {
        true => file.images(&terms)?,
        false => {
            let Some(tags) = or_ended(batch::tag_lists(repositories, context)).await? else {
                return Ok(Outcome::Interrupted);
            };
            file.images(&Terms { tags: Some(&tags), ..terms })?
        }
    };
    let (specs, whose) = jobs(&images, &directory, args.overwrite);
    if args.dry_run {
        return ends(batch_plan::run(&specs, context)).await;
    }
    let script = args.script.then(|| load_script::path(&directory)).transpose()?;
    let made = make_directory(&directory)?;
    let ended = transfer::followed(context.engine.submit_all(specs), context).await;
    if let (Ok((_, jobs)), Some(path)) = (&ended, script) {
        let loaded: Vec<Loaded<'_>> =
            jobs.iter().zip(whose).filter_map(|(job, n)| loaded(job, images.get(n)?)).collect();
        if !loaded.is_empty() {
            load_script::write(&path, &loaded)?;
            context.note(&format!("{} loads them into Docker, tags and pushes them", path.display()));
        }
    }
    if let Some(made) = made {
        // Nothing came of it: an empty directory is nothing to leave behind. It stays if anything is in it.
        let _ = std::fs::remove_dir(made);
    }
    ended.map(|(outcome, _)| outcome)
}

/// The directory and the platforms that the command line names, or all that is wrong with it and with the file.
fn typed(
    args: &ExportArgs,
    from: &TypedBatch,
    config: &Config,
) -> Result<(PathBuf, Option<Platforms>), Error> {
    let mut faults = Faults::default();
    let into = match &args.into {
        Some(path) => faults.take(ErrorClass::Config, into(path)),
        None => Some(Into::Directory(config.downloads.clone())),
    };
    let directory = match into {
        Some(Into::Directory(path)) => Some(path),
        Some(place @ (Into::File(_) | Into::Stream)) => {
            let reason = format!("{place} is one file; the images of --from go into a directory");
            faults.add(ErrorClass::Config, reason);
            None
        }
        None => None,
    };
    if let Some(path) = &directory {
        refuse_read_only(&Target::ExportInto(path.clone()), config, &mut faults);
    }
    let platforms = platforms(&args.platform, &mut faults);
    let platforms = (!platforms.is_empty()).then(|| Platforms::from_list(platforms));
    match from.read().images(&Terms { platforms: platforms.as_ref(), ..Terms::of(config) }) {
        Ok(_) => {}
        Err(error) if faults.is_empty() => return Err(error.into()),
        Err(error) => error.to_string().lines().for_each(|line| faults.add(ErrorClass::Config, line)),
    }
    faults.finish("`wharf export --help` shows how names are written")?;
    Ok((directory.unwrap_or_default(), platforms))
}

/// The jobs, one a file, and the place of each one's image.
fn jobs(images: &[BatchImage], directory: &Path, overwrite: bool) -> (Vec<JobSpec>, Vec<usize>) {
    let mut jobs = Vec::new();
    for (n, image) in images.iter().enumerate() {
        let specs = JobSpec::exports(&image.source, directory, &image.platforms).into_iter();
        jobs.extend(specs.map(|spec| (JobSpec { overwrite, ..spec }, n)));
    }
    jobs.into_iter().unzip()
}

/// What the script does with a job's file; `None` if there is none.
fn loaded<'a>(job: &'a Job, image: &'a BatchImage) -> Option<Loaded<'a>> {
    let output = job.report.as_ref()?.outputs.iter().find(|output| output.path.is_some())?;
    let platform = match &job.spec.platforms {
        Platforms::Only(list) if job.spec.platform_in_name => list.first(),
        _ => None,
    };
    let targets = image.destinations.iter().filter_map(Location::as_registry).collect();
    Some(Loaded { file: output.path.as_deref()?, source: image.source.as_registry(), targets, platform })
}

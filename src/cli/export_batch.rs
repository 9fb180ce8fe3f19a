//! `wharf export --from FILE`: the images of a batch file as files for `docker load`, and the script that loads them.

use std::path::Path;

use super::args::{ExportArgs, TypedBatch};
use super::copy::{platforms, refuse_read_only};
use super::error::Faults;
use super::export::{Into, file, make_directory, place, refuse_taken};
use super::interrupt::{ends, or_ended};
use super::load_script::{self, Loaded};
use super::{Context, Error, Outcome, batch, batch_plan, dry_run, transfer};
use crate::config::{BatchImage, Config, Terms};
use crate::job::{Extras, Job, JobSpec, Target};
use crate::oci::{ErrorClass, Location, Platforms};

/// Writes every image of a batch file, and each platform of it, as a tar. Where the images would go is only looked at
/// for the script.
pub(super) async fn run(args: &ExportArgs, from: &TypedBatch, context: &Context) -> Result<Outcome, Error> {
    let file = from.read();
    batch::warn(file, context);
    let (into, platforms) = typed(args, from, &context.config)?;
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
    let directory = match &into {
        Into::Directory(path) => path.clone(),
        Into::File(_) | Into::Stream => {
            let spec = together(&images, &into, args)?;
            return match args.dry_run {
                true => ends(dry_run::run(&[spec], context)).await,
                false => transfer::run(vec![spec], context).await,
            };
        }
    };
    let (specs, whose) = jobs(&images, &directory, args);
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

/// The place and the platforms that the command line names, or all that is wrong with it and with the file.
fn typed(args: &ExportArgs, from: &TypedBatch, config: &Config) -> Result<(Into, Option<Platforms>), Error> {
    let mut faults = Faults::default();
    let into = place(args, config, &mut faults);
    if let (false, Some(place @ (Into::File(_) | Into::Stream))) = (args.single, &into) {
        let reason = format!(
            "{place} is one file; give a directory for the images of --from, or --single to put all of them into it"
        );
        faults.add(ErrorClass::Config, reason);
    }
    if let Some(Into::Directory(path) | Into::File(path)) = &into {
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
    let Some(into) = into else { return Err(Error::usage("no place to export to")) };
    refuse_taken(&into, args.overwrite)?;
    Ok((into, platforms))
}

/// One job of all images, each once. A file holds one platform.
fn together(images: &[BatchImage], into: &Into, args: &ExportArgs) -> Result<JobSpec, Error> {
    let [first, ..] = images else { return Err(Error::usage("the file names no image")) };
    let mut sources: Vec<&Location> = Vec::new();
    for image in images {
        if image.platforms != first.platforms
            || matches!(&image.platforms, Platforms::Only(list) if list.len() > 1)
        {
            let reason = format!(
                "{} and {}: one file holds one platform; --platform chooses it for all, and a directory takes several",
                first.source, image.source
            );
            return Err(Error::usage(reason));
        }
        if !sources.contains(&&image.source) {
            sources.push(&image.source);
        }
    }
    let more: Vec<Location> = sources.into_iter().skip(1).cloned().collect();
    let job = JobSpec::copy(first.source.clone(), file(into, &first.source, &more));
    let extras = Extras { foreign_layers: args.foreign_layers, ..Extras::default() };
    Ok(JobSpec { more, platforms: first.platforms.clone(), overwrite: args.overwrite, extras, ..job })
}

/// The jobs, one a file, and the place of each one's image.
fn jobs(images: &[BatchImage], directory: &Path, args: &ExportArgs) -> (Vec<JobSpec>, Vec<usize>) {
    let extras = Extras { foreign_layers: args.foreign_layers, ..Extras::default() };
    let mut jobs = Vec::new();
    for (n, image) in images.iter().enumerate() {
        let specs = JobSpec::exports(&image.source, directory, &image.platforms).into_iter();
        jobs.extend(specs.map(|spec| (JobSpec { overwrite: args.overwrite, extras, ..spec }, n)));
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

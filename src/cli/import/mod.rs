//! `wharf import FILE… DST`

mod chosen;
mod place;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;

use super::args::ImportArgs;
use super::copy::{platforms, refuse_read_only};
use super::error::Faults;
use super::progress::event_line;
use super::{Context, Error, Outcome, batch_plan, interrupt, transfer};
use crate::config::Config;
use crate::engine::{self, ListedImages};
use crate::job::{JobSpec, Target};
use crate::oci::{Digest, ErrorClass, Location, Platforms, Registry, Tag};
use chosen::{Chosen, Rename};
use place::Place;

/// Pushes the images of archives.
pub async fn run(args: &ImportArgs, context: &Context) -> Result<Outcome, Error> {
    let (mut specs, mut kept) = (Vec::new(), Vec::new());
    let read = async {
        let asked = Asked::of(args, &context.config)?;
        let archives = read(&args.files, context).await?;
        specs = asked.jobs(&archives, &context.config)?;
        // What was staged for an archive stays until its last job is over.
        kept = archives;
        match args.dry_run {
            true => batch_plan::run(&specs, context).await,
            false => Ok(Outcome::Done),
        }
    };
    let outcome = interrupt::ends(read).await?;
    if args.dry_run || outcome != Outcome::Done {
        return Ok(outcome);
    }
    let outcome = transfer::run(specs, context).await;
    drop(kept);
    outcome
}

/// The registry that the images go to, for its credentials.
pub(super) fn registry(args: &ImportArgs, config: &Config) -> Option<Registry> {
    Place::of(&args.destination, config).ok()?.registry().cloned()
}

/// An archive that was named, and the image in it if one was.
struct Opened {
    images: ListedImages,
    only: Option<String>,
}

/// Opens the archives one after the other: staging one takes the disk and all cores.
async fn read(files: &[String], context: &Context) -> Result<Vec<Opened>, Error> {
    let mut archives = Vec::with_capacity(files.len());
    for file in files {
        let location = file.parse::<Location>().ok();
        let place = location.as_ref().and_then(engine::Place::around);
        let only = match location {
            Some(Location::OciLayout { reference, .. } | Location::OciArchive { reference, .. }) => reference,
            Some(Location::DockerArchive { reference, .. }) => reference.map(|name| name.to_string()),
            _ => None,
        };
        let place = place.unwrap_or_else(|| engine::Place::at(Path::new(file)));
        let images = telling(context.engine.images(&place), context).await?;
        archives.push(Opened { images, only });
    }
    Ok(archives)
}

/// Waits for the engine; what it says meanwhile is shown.
pub(super) async fn telling<T>(
    work: impl Future<Output = engine::Result<T>>,
    context: &Context,
) -> engine::Result<T> {
    let mut events = context.engine.subscribe();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            event = events.recv() => match event {
                Ok(event) => {
                    if let Some(line) = event_line(&event) {
                        context.note(&line);
                    }
                }
                // What was missed is not waited for, and nothing more will come.
                Err(_) => return work.await,
            },
        }
    }
}

/// What the command line asks for.
struct Asked {
    place: Place,
    wanted: Vec<String>,
    renames: Vec<Rename>,
    tag: Option<Tag>,
    platforms: Platforms,
    force: bool,
}

impl Asked {
    fn of(args: &ImportArgs, config: &Config) -> Result<Asked, Error> {
        let mut faults = Faults::default();
        if args.files.iter().any(|file| file == "-") && std::io::stdin().is_terminal() {
            faults.add(
                ErrorClass::Config,
                "standard input is a terminal; pipe an archive into wharf, or name a file",
            );
        }
        if args.files.iter().filter(|file| *file == "-").count() > 1 {
            faults.add(ErrorClass::Config, "standard input is given twice");
        }
        let place = faults.take(ErrorClass::Config, Place::of(&args.destination, config));
        let renames: Vec<Rename> =
            args.rename.iter().filter_map(|text| faults.take(ErrorClass::Reference, text.parse())).collect();
        let tag = args.tag.as_ref().and_then(|text| faults.take(ErrorClass::Reference, text.parse::<Tag>()));
        let platforms = Platforms::from_list(platforms(&args.platform, &mut faults));
        faults.finish("`wharf import --help` shows how it is written")?;
        let Some(place) = place else { return Err(Error::usage("no destination")) };
        Ok(Asked { place, wanted: args.image.clone(), renames, tag, platforms, force: args.force })
    }

    /// A job for each image and repository, or all that is wrong with what was asked for.
    fn jobs(&self, archives: &[Opened], config: &Config) -> Result<Vec<JobSpec>, Error> {
        let mut faults = Faults::default();
        let chosen = chosen::choose(
            archives.iter().map(|o| (&o.images, o.only.as_deref())),
            &self.wanted,
            &mut faults,
        );
        let single = chosen.len() == 1;
        if !single && !chosen.is_empty() {
            if self.tag.is_some() {
                faults.add(
                    ErrorClass::Config,
                    format!("--tag is for one image, and {} are chosen; --image chooses one", chosen.len()),
                );
            }
            if let Place::Image(location) = &self.place {
                faults.add(
                    ErrorClass::Config,
                    format!(
                        "{location} is one image's name, and {} are chosen; --image chooses one",
                        chosen.len()
                    ),
                );
            }
        }
        let unused = |rename: &&Rename| {
            !chosen
                .iter()
                .any(|image| image.names.iter().any(|name| rename.renames(name)) || rename.is_of(image))
        };
        for rename in self.renames.iter().filter(unused) {
            faults.add(
                ErrorClass::Config,
                format!("--rename {rename}: there is no such image among the chosen"),
            );
        }
        let mut specs: Vec<JobSpec> = Vec::new();
        let mut taken: HashMap<Location, &Digest> = HashMap::new();
        if faults.is_empty() {
            for image in &chosen {
                for (destination, tags) in
                    faults.take(ErrorClass::Config, self.destinations(image)).unwrap_or_default()
                {
                    for location in place::each(&destination, &tags) {
                        if let Some(other) = taken.insert(location.clone(), &image.digest)
                            && *other != image.digest
                        {
                            faults.add(
                                ErrorClass::Config,
                                format!("two images would become {location}: {other} and {}", image.digest),
                            );
                        }
                    }
                    let target = Target::Image(destination.clone());
                    refuse_read_only(&target, config, &mut faults);
                    let spec = JobSpec {
                        tags,
                        platforms: self.platforms.clone(),
                        keep_tags: !self.force,
                        ..JobSpec::copy(image.location.clone(), destination)
                    };
                    // The same image of two archives.
                    if !specs
                        .iter()
                        .any(|other| other.destinations == spec.destinations && other.tags == spec.tags)
                    {
                        specs.push(spec);
                    }
                }
            }
        }
        faults.finish("--image, --rename and --tag choose images and their names")?;
        Ok(specs)
    }

    /// Where an image goes: each repository with a tag, and its further tags.
    fn destinations(&self, image: &Chosen) -> Result<Vec<(Location, Vec<Tag>)>, String> {
        if let Place::Image(location) = &self.place {
            return Ok(vec![(location.clone(), Vec::new())]);
        }
        let mut names = Vec::new();
        for name in &image.names {
            let renamed = self.renames.iter().find(|rename| rename.renames(name));
            names.push(renamed.map_or_else(|| name.clone(), |rename| rename.apply(name)));
        }
        if let Some(rename) = self.renames.iter().find(|rename| rename.is_of(image)) {
            names.push(rename.new_name());
        }
        if let Some(tag) = &self.tag {
            names.iter_mut().for_each(|name| name.tag = Some(tag.clone()));
            if names.is_empty() {
                names.push(chosen::Name { whole: None, repository: None, tag: Some(tag.clone()) });
            }
        }
        if names.is_empty() {
            return Err(format!(
                "{} has no name; give --rename @{}=NAME:TAG, --tag, or a full destination",
                image.location, image.number
            ));
        }
        place::group(&self.place, &names).map_err(|reason| format!("{}: {reason}", image.location))
    }
}

#[cfg(test)]
mod tests;

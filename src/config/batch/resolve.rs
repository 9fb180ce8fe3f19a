//! From a batch file's entries to jobs: each image with its destinations, every fault at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::super::fault::{ConfigFaults, Fault};
use super::super::{Config, Prefix};
use super::rename::Rename;
use super::tags::Tags;
use super::{Batch, Entry, How, Kind, Place, Position, item};
use crate::job::{Extras, JobSpec, Target};
use crate::oci::{Location, Platforms, Reference, Registry, Repository, Tag, TagOrDigest, printable};

/// Lines that a note names one by one.
const NAMED: usize = 10;

/// The tags of repositories; the keys have no tag.
pub type TagLists = HashMap<Location, Vec<Tag>>;

/// Repositories in registries.
type Places = BTreeSet<(Registry, Repository)>;

/// What a batch's jobs depend on besides the file.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Where the images go that the file gives no destination.
    pub to: Option<&'a Prefix>,
    /// Only these platforms, whatever the file says.
    pub platforms: Option<&'a Platforms>,
    /// The tags of [`Batch::repositories`]; without them, images that are chosen are only looked over.
    pub tags: Option<&'a TagLists>,
}

impl Terms<'_> {
    /// Terms that say nothing but the configuration.
    pub fn of(config: &Config) -> Terms<'_> {
        Terms { config, to: None, platforms: None, tags: None }
    }
}

/// What a batch comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchJobs {
    /// One an image (and one a file of an export), in the file's order.
    pub specs: Vec<JobSpec>,
    /// For each of them whether its place is the terms' alone: the file gives it none.
    pub placeless: Vec<bool>,
    /// Things that the person should know.
    pub notes: Vec<String>,
}

/// One image of a batch, for who does something else with it than the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchImage {
    /// Where it is.
    pub source: Location,
    /// What it would be called at its destinations.
    pub destinations: Vec<Location>,
    /// Which of its platforms are wanted.
    pub platforms: Platforms,
}

/// What lands on a name.
struct Landed {
    source: Location,
    platforms: Platforms,
    at: Position,
}

/// A fault of an entry: where, of which field, why.
type Refused = (Position, String, String);

impl Batch {
    /// Whether some image has no destination but what the command line gives.
    pub fn needs_destination(&self) -> bool {
        let needs = |entry: &Entry| {
            let to = &entry.settings.to;
            to.is_empty() || to.iter().any(|to| matches!(to.place, Place::Relative(..)))
        };
        self.entries.iter().any(needs)
    }

    /// The repositories whose tags must be known to choose from them, each once.
    pub fn repositories(&self) -> Vec<Location> {
        let mut seen = HashSet::new();
        let chosen = |entry: &&Entry| matches!(entry.settings.tags, Some(Tags::Chosen(_)));
        let repositories = self.entries.iter().filter(chosen).map(|entry| entry.source.clone());
        repositories.filter(|repository| seen.insert(repository.clone())).collect()
    }

    /// The repositories in registries that are read, and those that are written.
    pub fn places(&self, config: &Config, to: Option<&Prefix>) -> (Places, Places) {
        let (mut sources, mut destinations) = (BTreeSet::new(), BTreeSet::new());
        let name = |reference: &Reference| (reference.registry.clone(), reference.repository.clone());
        for entry in &self.entries {
            sources.extend(entry.source.as_registry().map(name));
            let places = entry.destinations(config, to, &entry.sample());
            destinations.extend(places.iter().flatten().filter_map(Location::as_registry).map(name));
        }
        (sources, destinations)
    }

    /// The jobs. The error has every fault: what the file gets wrong, different images that would land on the same
    /// name, and destinations that the configuration forbids.
    pub fn jobs(&self, terms: &Terms<'_>) -> Result<BatchJobs, ConfigFaults> {
        let Terms { config, to, .. } = *terms;
        let mut work = Work::new(self, config, self.all_faults(terms));
        let (mut specs, mut placeless, mut empty) = (Vec::new(), Vec::new(), Vec::new());
        for entry in &self.entries {
            let platforms = entry.platforms(terms);
            let Some(images) = entry.images(terms.tags) else {
                // Its tags are not known yet: its places are looked over by one that it might have.
                let sample = entry.sample();
                for place in entry.destinations(config, to, &sample) {
                    work.check(entry, &sample, place);
                }
                work.directories(entry, &sample, &platforms);
                continue;
            };
            if images.is_empty() {
                empty.push(self.nothing_chosen(entry, terms.tags));
            }
            for source in images {
                let places = entry.destinations(config, to, &source);
                let places = places.into_iter().filter_map(|place| work.check(entry, &source, place));
                let places: Vec<Location> = places.collect();
                let mut kept = Vec::new();
                for place in places {
                    if work.land(entry, &source, &platforms, &place) {
                        kept.push(Target::Image(place));
                    }
                }
                if let Some(Target::Image(first)) = kept.first() {
                    let spec = entry.settings.how.copy(&source, first);
                    let spec = JobSpec { destinations: kept, platforms: platforms.clone(), ..spec };
                    specs.push((entry.settings.how.priority, spec));
                }
                for directory in work.directories(entry, &source, &platforms) {
                    let exports = entry.settings.how.exports(&source, &directory, &platforms);
                    specs.extend(exports.into_iter().map(|spec| (entry.settings.how.priority, spec)));
                }
                placeless.resize(specs.len(), entry.settings.to.is_empty());
            }
        }
        let Work { mut faults, repeated, .. } = work;
        if specs.is_empty() && faults.is_empty() && terms.tags.is_some() {
            faults = std::mem::take(&mut empty);
        }
        if !faults.is_empty() {
            return Err(self.refused(faults));
        }
        let mut notes: Vec<String> = empty.iter().map(ToString::to_string).collect();
        notes.extend((!repeated.is_empty()).then(|| note(&self.file, &repeated)));
        // Jobs of one batch begin in its order.
        let mut all: Vec<((i32, JobSpec), bool)> = specs.into_iter().zip(placeless).collect();
        all.sort_by_key(|((priority, _), _)| std::cmp::Reverse(*priority));
        let (specs, placeless) = all.into_iter().map(|((_, spec), placeless)| (spec, placeless)).unzip();
        Ok(BatchJobs { specs, placeless, notes })
    }

    /// The images without what the file says of where they go, but with the names they would have there. The same image
    /// comes once. The error has every fault.
    pub fn images(&self, terms: &Terms<'_>) -> Result<Vec<BatchImage>, ConfigFaults> {
        let mut faults = self.all_faults(terms);
        let mut found: Vec<BatchImage> = Vec::new();
        let mut at: HashMap<(Location, Platforms), usize> = HashMap::new();
        let mut empty = Vec::new();
        for entry in &self.entries {
            let platforms = entry.platforms(terms);
            let images = entry.images(terms.tags);
            if images.as_ref().is_some_and(Vec::is_empty) {
                empty.push(self.nothing_chosen(entry, terms.tags));
            }
            let is_known = images.is_some();
            for source in images.unwrap_or_else(|| vec![entry.sample()]) {
                let mut named = Vec::new();
                for place in entry.destinations(terms.config, terms.to, &source) {
                    match place {
                        Ok(place) => named.push(place),
                        Err((at, field, reason)) => faults.push(self.fault(at, &field, reason)),
                    }
                }
                if !is_known {
                    continue;
                }
                let n = *at.entry((source.clone(), platforms.clone())).or_insert(found.len());
                match found.get_mut(n) {
                    Some(image) => image.destinations.extend(named),
                    None => {
                        found.push(BatchImage { source, destinations: named, platforms: platforms.clone() })
                    }
                }
            }
        }
        if found.is_empty() && faults.is_empty() && terms.tags.is_some() {
            faults = empty;
        }
        if !faults.is_empty() {
            return Err(self.refused(faults));
        }
        for image in &mut found {
            let mut seen = HashSet::new();
            image.destinations.retain(|place| seen.insert(place.clone()));
        }
        Ok(found)
    }

    /// What is wrong with the file and with its credentials.
    fn all_faults(&self, terms: &Terms<'_>) -> Vec<Fault> {
        let mut faults = self.faults.clone();
        faults.extend(self.credentials(terms.config, terms.to).err().into_iter().flatten());
        faults
    }

    fn nothing_chosen(&self, entry: &Entry, tags: Option<&TagLists>) -> Fault {
        let all = tags.and_then(|tags| tags.get(&entry.source)).map_or(0, Vec::len);
        let reason = match all {
            0 => format!("{} has no tags", entry.source),
            all => format!("none of the {all} tags of {} fits", entry.source),
        };
        self.fault(entry.at, &entry.field, reason)
    }
}

/// What is known of a batch's jobs so far.
struct Work<'a> {
    batch: &'a Batch,
    config: &'a Config,
    faults: Vec<Fault>,
    landed: HashMap<Location, Landed>,
    exported: HashSet<(Location, PathBuf, Platforms, Option<String>)>,
    forbidden: HashSet<String>,
    /// Lines of images that come again.
    repeated: Vec<usize>,
}

impl<'a> Work<'a> {
    fn new(batch: &'a Batch, config: &'a Config, faults: Vec<Fault>) -> Work<'a> {
        Work {
            batch,
            config,
            faults,
            landed: HashMap::new(),
            exported: HashSet::new(),
            forbidden: HashSet::new(),
            repeated: Vec::new(),
        }
    }

    fn fault(&mut self, at: Position, field: &str, reason: String) {
        self.faults.push(self.batch.fault(at, field, reason));
    }

    /// A destination that an image may go to.
    fn check(
        &mut self,
        entry: &Entry,
        source: &Location,
        place: Result<Location, Refused>,
    ) -> Option<Location> {
        let place = match place {
            Ok(place) => place,
            Err((at, field, reason)) => {
                let reason = match self.batch.kind {
                    Kind::List => format!("{source}: {reason}"),
                    _ => reason,
                };
                self.fault(at, &field, reason);
                return None;
            }
        };
        if place == *source {
            self.fault(entry.at, &entry.field, format!("{source} is source and destination"));
        }
        self.allowed(entry, &Target::Image(place.clone()));
        Some(place)
    }

    /// Notes a fault where the configuration forbids a destination. Said once: it is hardly ever one image alone that
    /// goes there.
    fn allowed(&mut self, entry: &Entry, target: &Target) {
        if let Some(forbids) = self.config.forbids(target)
            && self.forbidden.insert(forbids.name.clone())
        {
            let reason = format!("{target}: the configuration's entry {:?} is read_only", forbids.name);
            self.fault(entry.at, &entry.field, reason);
        }
    }

    /// Whether an image is the first on its name; others are noted, as a fault or as a repetition.
    fn land(&mut self, entry: &Entry, source: &Location, platforms: &Platforms, place: &Location) -> bool {
        let Some(first) = self.landed.get(place) else {
            let landed = Landed { source: source.clone(), platforms: platforms.clone(), at: entry.at };
            self.landed.insert(place.clone(), landed);
            return true;
        };
        let line = first.at.line;
        if first.source != *source {
            let other = &first.source;
            let reason = format!("{source} would land on {place}, and so does {other} of line {line}");
            self.fault(entry.at, &entry.field, reason);
        } else if first.platforms != *platforms {
            let reason = format!("{source} goes to {place} with other platforms on line {line}");
            self.fault(entry.at, &entry.field, reason);
        } else if self.repeated.last() != Some(&entry.at.line) {
            self.repeated.push(entry.at.line);
        }
        false
    }

    /// The directories that an image is written into, those of it that it is not written into already.
    fn directories(&mut self, entry: &Entry, source: &Location, platforms: &Platforms) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for to in &entry.settings.to {
            let Place::Directory(path) = &to.place else { continue };
            self.allowed(entry, &Target::ExportInto(path.clone()));
            let file = entry.settings.how.file.clone();
            if self.exported.insert((source.clone(), path.clone(), platforms.clone(), file)) {
                found.push(path.clone());
            }
        }
        found
    }
}

impl How {
    /// A copy, without its destinations and platforms.
    fn copy(&self, source: &Location, to: &Location) -> JobSpec {
        JobSpec {
            tags: self.add_tags.clone(),
            overwrite: self.overwrite,
            keep_tags: self.keep_tags,
            extras: self.extras,
            ..JobSpec::copy(source.clone(), to.clone())
        }
    }

    /// The files of an export. An archive holds an image as it is, under one name.
    fn exports(&self, source: &Location, directory: &Path, platforms: &Platforms) -> Vec<JobSpec> {
        let foreign_layers = self.extras.foreign_layers;
        let mut specs = JobSpec::exports(source, directory, platforms);
        for spec in &mut specs {
            spec.overwrite = self.overwrite;
            spec.extras = Extras { foreign_layers, ..Extras::default() };
            if *platforms != Platforms::All {
                spec.platform_in_name = self.platform_in_name.unwrap_or(spec.platform_in_name);
            }
            if let Some(file) = &self.file {
                let reference = source.as_registry().cloned();
                let path = directory.join(file);
                spec.destinations = vec![Target::Image(Location::DockerArchive { path, reference })];
            }
        }
        specs
    }
}

impl Entry {
    /// The images; `None` where they are chosen and the tags are not known.
    pub(super) fn images(&self, tags: Option<&TagLists>) -> Option<Vec<Location>> {
        let tagged = |tags: Vec<Tag>| {
            tags.into_iter().map(|tag| item::with(&self.source, TagOrDigest::Tag(tag))).collect()
        };
        match &self.settings.tags {
            None => Some(vec![self.source.clone()]),
            Some(Tags::Named(named)) => Some(tagged(named.clone())),
            Some(Tags::Chosen(filter)) => {
                let all = tags?.get(&self.source).map(Vec::as_slice).unwrap_or_default();
                Some(tagged(filter.choose(all)))
            }
        }
    }

    /// An image that it might be, to look over where it goes.
    pub(super) fn sample(&self) -> Location {
        match item::names_image(&self.source) {
            true => self.source.clone(),
            false => item::with(&self.source, TagOrDigest::Tag(Tag::latest())),
        }
    }

    pub(super) fn platforms(&self, terms: &Terms<'_>) -> Platforms {
        terms.platforms.or(self.settings.platforms.as_ref()).cloned().unwrap_or_default()
    }

    /// Where an image of this entry goes, but for directories. Where the command line gives no destination, nowhere.
    pub(super) fn destinations(
        &self,
        config: &Config,
        to: Option<&Prefix>,
        source: &Location,
    ) -> Vec<Result<Location, Refused>> {
        let settings = &self.settings;
        let below = |prefix: &Prefix| match &settings.rename {
            Rename::Keep => prefix.destination(source),
            rename => prefix.image(&rename.path(source)?, called(source)),
        };
        if settings.to.is_empty() {
            let place = to.map(|prefix| below(prefix).map_err(|why| (self.at, self.field.clone(), why)));
            return place.into_iter().collect();
        }
        let place = |place: &Place| match place {
            Place::Below(text) => Some(config.prefix(text).and_then(|prefix| below(&prefix))),
            Place::Relative(path, tag) => {
                let at = tag.clone().map_or_else(|| called(source), TagOrDigest::Tag);
                Some(to?.image(path.as_str(), at))
            }
            Place::Named(location) if item::names_image(location) => Some(Ok(location.clone())),
            Place::Named(location) => Some(Ok(item::with(location, called(source)))),
            Place::Directory(_) => None,
        };
        let places = settings
            .to
            .iter()
            .filter_map(|to| Some(place(&to.place)?.map_err(|reason| (to.at, to.field.clone(), reason))));
        places.collect()
    }
}

/// What people call an image by: its tag, else its digest.
pub(super) fn called(source: &Location) -> TagOrDigest {
    match source {
        Location::Registry(Reference { tag: Some(tag), .. }) => TagOrDigest::Tag(tag.clone()),
        Location::Registry(reference) => reference.target(),
        Location::Store { target: Some(target), .. } => target.clone(),
        _ => TagOrDigest::Tag(Tag::latest()),
    }
}

fn note(file: &Path, lines: &[usize]) -> String {
    let named: Vec<String> = lines.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match lines.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (noun, verb) = if lines.len() == 1 { ("line", "repeats") } else { ("lines", "repeat") };
    let file = printable(&file.to_string_lossy(), 200);
    format!(
        "{file}: {noun} {}{more} {verb} an image that stands above, which is copied once",
        named.join(", ")
    )
}

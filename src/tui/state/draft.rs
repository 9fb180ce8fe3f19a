//! A draft: a job that is being put together, or a rule that stands for the jobs of a repository's tags. What moves, what
//! for, and how.

use std::path::PathBuf;

use crate::config::TagFilter;
use crate::job::{Extras, JobSpec, Target};
use crate::oci::{Location, Platforms, Reference, Tag, TagOrDigest};

/// A draft's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DraftId(pub u64);

/// What a draft is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Goal {
    /// A copy to these places; to none as long as no target was set.
    Copy(Vec<Location>),
    /// A file for `docker load` in this directory.
    Export(PathBuf),
}

/// How a draft is done. The default is an image as it is, with everything it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which of its platforms go.
    pub platforms: Platforms,
    /// Further tags at every destination that has tags.
    pub tags: Vec<Tag>,
    /// What travels beside the image, and what is made of it on the way.
    pub extras: Extras,
    /// An export replaces a file of its name.
    pub overwrite: bool,
    /// A tag that is there and points elsewhere stays, and the job fails.
    pub keep_tags: bool,
    /// An export's file name; one is found where none is given.
    pub file: Option<String>,
    /// Served before others if it is higher; 0 is the usual one.
    pub priority: i32,
}

/// An image, or a repository's tags, that is to become a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What moves.
    pub source: Location,
    /// Of a rule: which of the repository's tags.
    pub tags: Option<TagFilter>,
    /// How.
    pub options: Options,
    /// Where to; `None` for where the target says.
    pub goal: Option<Goal>,
}

impl Wanted {
    /// All of an image, to where the target says.
    pub fn all(source: Location) -> Wanted {
        Wanted { source, tags: None, options: Options::default(), goal: None }
    }

    /// A rule for a repository's tags, to where the target says.
    pub fn rule(repository: Location, tags: TagFilter) -> Wanted {
        Wanted { tags: Some(tags), ..Wanted::all(repository) }
    }
}

/// A job that is being put together; or a rule, which stands for the jobs of a repository's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its number; the queue gives it.
    pub id: DraftId,
    /// What moves; of a rule the repository, without tag and digest.
    pub source: Location,
    /// Of a rule: which of the repository's tags. They are looked up when the plan is made, so that new ones are taken.
    pub tags: Option<TagFilter>,
    /// Where to.
    pub goal: Goal,
    /// How.
    pub options: Options,
}

impl Draft {
    /// A draft that is not in the queue yet.
    pub fn new(source: Location, goal: Goal, options: Options) -> Draft {
        Draft { id: DraftId(0), source, tags: None, goal, options }
    }

    /// A rule for a repository's tags, not in the queue yet.
    pub fn rule(repository: Location, tags: TagFilter, goal: Goal, options: Options) -> Draft {
        Draft { tags: Some(tags), ..Draft::new(repository, goal, options) }
    }

    /// Whether it waits for a target.
    pub fn lacks_target(&self) -> bool {
        self.goal == Goal::Copy(Vec::new())
    }

    /// A rule's drafts: one for each of its repository's tags that it chooses.
    pub fn images(&self, tags: &[Tag], mut number: impl FnMut() -> DraftId) -> Vec<Draft> {
        let chosen = self.tags.as_ref().map(|filter| filter.choose(tags)).unwrap_or_default();
        // One file's name would be all of theirs.
        let options =
            Options { file: self.options.file.clone().filter(|_| chosen.len() == 1), ..self.options.clone() };
        let one = |tag: &Tag| {
            let goal = match &self.goal {
                Goal::Copy(places) => Goal::Copy(places.iter().map(|to| with_tag(to, tag)).collect()),
                export => export.clone(),
            };
            Draft::new(with_tag(&self.source, tag), goal, options.clone()).split()
        };
        let drafts = chosen.iter().flat_map(one);
        drafts.map(|draft| Draft { id: number(), ..draft }).collect()
    }

    /// An archive holds one platform: an export of several is as many drafts.
    pub fn split(self) -> Vec<Draft> {
        match (&self.goal, &self.options.platforms) {
            (Goal::Export(_), Platforms::Only(list)) if list.len() > 1 => {
                let one = |platform: &crate::oci::Platform| {
                    let mut draft = self.clone();
                    draft.options.platforms = Platforms::Only(vec![platform.clone()]);
                    // Its name would be all of theirs.
                    draft.options.file = None;
                    draft
                };
                list.iter().map(one).collect()
            }
            _ => vec![self],
        }
    }

    /// The job; `None` as long as there is no destination, and for a rule, which is no job of its own.
    pub fn spec(&self) -> Option<JobSpec> {
        if self.tags.is_some() {
            return None;
        }
        let Options { platforms, tags, extras, overwrite, keep_tags, file, priority: _ } = &self.options;
        let destinations: Vec<Target> = match (&self.goal, file) {
            (Goal::Copy(places), _) => places.iter().cloned().map(Target::Image).collect(),
            (Goal::Export(directory), None) => vec![Target::ExportInto(directory.clone())],
            (Goal::Export(directory), Some(file)) => {
                let reference = self.source.as_registry().cloned();
                vec![Target::Image(Location::DockerArchive { path: directory.join(file), reference })]
            }
        };
        if destinations.is_empty() {
            return None;
        }
        let copies = matches!(self.goal, Goal::Copy(_));
        // An archive holds an image as it is, under one name.
        let extras = if copies {
            *extras
        } else {
            Extras { foreign_layers: extras.foreign_layers, ..Extras::default() }
        };
        Some(JobSpec {
            source: self.source.clone(),
            more: Vec::new(),
            destinations,
            platforms: platforms.clone(),
            tags: if copies { tags.clone() } else { Vec::new() },
            overwrite: *overwrite && !copies,
            keep_tags: *keep_tags && copies,
            // A platform that was chosen by hand may be one of several of the same tag.
            platform_in_name: *platforms != Platforms::All,
            extras,
        })
    }

    /// The drafts that say what a job does: one for each of its images and kinds of destination.
    pub fn of_spec(spec: &JobSpec) -> Vec<Draft> {
        let (mut places, mut goals) = (Vec::new(), Vec::new());
        for target in &spec.destinations {
            match target {
                Target::ExportInto(directory) => goals.push((Goal::Export(directory.clone()), None)),
                Target::Image(Location::DockerArchive { path, reference })
                    if spec.more.is_empty() && reference.as_ref() == spec.source.as_registry() =>
                {
                    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
                    let directory = path.parent().map(PathBuf::from).unwrap_or_default();
                    goals.push((Goal::Export(directory), file));
                }
                Target::Image(place) => places.push(place.clone()),
            }
        }
        if !places.is_empty() {
            goals.push((Goal::Copy(places), None));
        }
        let options = |file: &Option<String>| Options {
            platforms: spec.platforms.clone(),
            tags: spec.tags.clone(),
            extras: spec.extras,
            overwrite: spec.overwrite,
            keep_tags: spec.keep_tags,
            file: file.clone(),
            priority: 0,
        };
        let of = |source: &Location| {
            let of = |(goal, file): &(Goal, Option<String>)| {
                Draft::new(source.clone(), goal.clone(), options(file))
            };
            goals.iter().map(of).collect::<Vec<Draft>>()
        };
        spec.sources().flat_map(of).collect()
    }

    /// What makes two drafts the same work.
    pub(super) fn work(&self) -> (&Location, Option<String>, &Goal, &Platforms, &[Tag]) {
        let filter = self.tags.as_ref().map(ToString::to_string);
        (&self.source, filter, &self.goal, &self.options.platforms, &self.options.tags)
    }
}

/// What a name without a tag stands for: its latest, as destinations are called that have it.
pub fn with_its_tag(at: &Location) -> Location {
    match at {
        Location::Registry(Reference { tag: None, digest: None, .. })
        | Location::Store { target: None, .. } => with_tag(at, &Tag::latest()),
        named => named.clone(),
    }
}

/// The same place with this tag.
pub fn with_tag(at: &Location, tag: &Tag) -> Location {
    let renamed = |name: &str| match name.rsplit_once(':') {
        Some((before, last)) if !last.contains('/') => format!("{before}:{tag}"),
        _ => format!("{name}:{tag}"),
    };
    match at {
        Location::Registry(reference) => {
            Location::Registry(Reference { digest: None, ..reference.with_tag(tag.clone()) })
        }
        Location::Store { repository, .. } => {
            Location::Store { repository: repository.clone(), target: Some(TagOrDigest::Tag(tag.clone())) }
        }
        Location::DockerDaemon { host, image } => {
            Location::DockerDaemon { host: host.clone(), image: renamed(image) }
        }
        Location::OciLayout { path, reference } => {
            let reference = reference.as_deref().map(renamed).or_else(|| Some(tag.to_string()));
            Location::OciLayout { path: path.clone(), reference }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(names: &[&str]) -> Platforms {
        Platforms::from_list(names.iter().map(|name| name.parse().unwrap()).collect())
    }

    #[test]
    fn a_job_and_its_draft_say_the_same() {
        let spec = JobSpec {
            destinations: ["h.io/x:1", "store:x:1"].map(|to| Target::Image(to.parse().unwrap())).into(),
            tags: vec!["stable".parse().unwrap()],
            keep_tags: true,
            extras: Extras { referrers: true, ..Extras::default() },
            ..JobSpec::copy("a.io/x:1".parse().unwrap(), "h.io/x:1".parse().unwrap())
        };
        let again = |spec: &JobSpec| Draft::of_spec(spec).iter().filter_map(Draft::spec).collect::<Vec<_>>();
        assert_eq!(again(&spec), std::slice::from_ref(&spec));
        let into = Target::ExportInto("d".into());
        let both = JobSpec { destinations: vec![spec.destinations[0].clone(), into], ..spec.clone() };
        assert_eq!(again(&both).len(), 2);
        let more = vec![spec.destinations[0].to_string().parse().unwrap()];
        assert_eq!(again(&JobSpec { more, ..spec }).len(), 2);
        // An export by its file's name is one again, which may replace the file.
        let options = Options { file: Some("a b.tar".to_owned()), overwrite: true, ..Options::default() };
        let export = Draft::new("nginx:1".parse().unwrap(), Goal::Export("d".into()), options);
        assert_eq!(Draft::of_spec(&export.spec().unwrap()), [export]);
    }

    #[test]
    fn an_export_of_several_platforms_is_a_file_each() {
        let options = Options {
            platforms: platforms(&["amd64", "arm64"]),
            tags: vec!["x".parse().unwrap()],
            file: Some("a.tar".to_owned()),
            overwrite: true,
            ..Options::default()
        };
        let source: Location = "nginx:1".parse().unwrap();
        let export = Draft::new(source.clone(), Goal::Export("d".into()), options.clone());
        let parts = export.clone().split();
        assert_eq!(parts.len(), 2);
        let spec = parts[1].spec().unwrap();
        assert_eq!((spec.platforms, spec.tags.len(), spec.overwrite), (platforms(&["arm64"]), 0, true));
        assert_eq!(spec.destinations, [Target::ExportInto("d".into())]);
        assert_eq!(Draft::new(source, Goal::Copy(Vec::new()), options.clone()).split().len(), 1);
        let one = Draft { options: Options { platforms: platforms(&["arm64"]), ..options }, ..export };
        let to = one.split()[0].spec().unwrap().to_string();
        assert!(to.ends_with("docker-archive:d/a.tar:docker.io/library/nginx:1"), "{to}");
    }
}

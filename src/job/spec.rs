//! What a job is asked to do.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Extras;
use crate::oci::{Location, Platforms, Tag};

/// A job's number: unique in a ledger, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One image's way from a source to its destinations. It never holds a secret: credentials are looked up
/// by registry when the job runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Where the image is.
    pub source: Location,
    /// Further images that go into the same file, a docker-archive: all of them or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Location>,
    /// Where it goes; at least one.
    pub destinations: Vec<Target>,
    /// Which of its platforms go.
    #[serde(default)]
    pub platforms: Platforms,
    /// Further tags at every destination that has tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// Overwrite an existing file.
    #[serde(default)]
    pub overwrite: bool,
    /// A tag that is there and points elsewhere stays, and the job fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_tags: bool,
    /// The platform is part of an exported file's name: it is one of several of the same image.
    #[serde(default)]
    pub platform_in_name: bool,
    /// What travels beside the image, and what is made of it on the way.
    #[serde(default, skip_serializing_if = "Extras::is_none")]
    pub extras: Extras,
}

/// One destination of a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A place with a name. Without a tag it takes the source's, else `latest`.
    Image(Location),
    /// A docker-archive in this directory, named by [`super::ExportName`] when the job runs.
    ExportInto(PathBuf),
}

impl JobSpec {
    /// A copy of everything at `source` to one destination.
    pub fn copy(source: Location, destination: Location) -> JobSpec {
        JobSpec {
            source,
            more: Vec::new(),
            destinations: vec![Target::Image(destination)],
            platforms: Platforms::All,
            tags: Vec::new(),
            overwrite: false,
            keep_tags: false,
            platform_in_name: false,
            extras: Extras::default(),
        }
    }

    /// Exports of `source` into a directory: a job for each platform, as an archive holds one, or one job
    /// that chooses the platform itself.
    pub fn exports(source: &Location, directory: &Path, platforms: &Platforms) -> Vec<JobSpec> {
        let one = |platforms, platform_in_name| JobSpec {
            source: source.clone(),
            more: Vec::new(),
            destinations: vec![Target::ExportInto(directory.to_owned())],
            platforms,
            tags: Vec::new(),
            overwrite: false,
            keep_tags: false,
            platform_in_name,
            extras: Extras::default(),
        };
        match platforms {
            Platforms::All => vec![one(Platforms::All, false)],
            Platforms::Only(list) => {
                let several = list.len() > 1;
                list.iter().map(|p| one(Platforms::Only(vec![p.clone()]), several)).collect()
            }
        }
    }

    /// Every image.
    pub fn sources(&self) -> impl Iterator<Item = &Location> {
        std::iter::once(&self.source).chain(&self.more)
    }

    /// Every image's place that it concerns, the sources first.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        let named = self.destinations.iter().filter_map(|target| match target {
            Target::Image(location) => Some(location),
            Target::ExportInto(_) => None,
        });
        self.sources().chain(named)
    }

    /// The images in a few words.
    pub fn sources_text(&self) -> String {
        match &self.more[..] {
            [] => self.source.to_string(),
            [one] => format!("{} and {one}", self.source),
            more => format!("{} and {} more", self.source, more.len()),
        }
    }

    /// Whether an archive goes to standard output.
    pub fn takes_standard_output(&self) -> bool {
        self.destinations
            .iter()
            .any(|target| matches!(target, Target::Image(place) if place.is_standard_stream()))
    }

    /// Whether every destination is a file that `docker load` takes.
    pub fn is_export(&self) -> bool {
        self.destinations
            .iter()
            .all(|t| matches!(t, Target::ExportInto(_) | Target::Image(Location::DockerArchive { .. })))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Image(location) => write!(f, "{location}"),
            Target::ExportInto(directory) => {
                write!(f, "{}/", directory.to_string_lossy().trim_end_matches('/'))
            }
        }
    }
}

impl fmt::Display for JobSpec {
    /// `SOURCE → DESTINATION, …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → ", self.sources_text())?;
        for (n, target) in self.destinations.iter().enumerate() {
            write!(f, "{}{target}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

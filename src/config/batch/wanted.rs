//! What is wanted of each image of a batch, as who puts a batch together sees it: the queue of the terminal UI. Read
//! from any batch file here, and written as a sync file by [`super::write`].

use std::collections::HashSet;
use std::path::PathBuf;

use super::super::fault::{ConfigFaults, Fault};
use super::tags::{TagFilter, Tags};
use super::{Batch, Place, Settings, Terms};
use crate::job::Extras;
use crate::oci::{Location, Platforms, Tag};

/// What is wanted of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is; the repository alone where its tags are chosen.
    pub source: Location,
    /// Which of the repository's tags.
    pub choice: Option<TagFilter>,
    /// Where it goes. A place of chosen tags stands for as many.
    pub goal: WantedGoal,
    /// Which of its platforms.
    pub platforms: Platforms,
    /// Further tags at every destination that has tags.
    pub tags: Vec<Tag>,
    /// What travels beside it, and what is made of it.
    pub extras: Extras,
    /// A file of its name is replaced.
    pub overwrite: bool,
    /// A tag that is there and points elsewhere stays, and the job fails.
    pub keep_tags: bool,
    /// Higher ones go first.
    pub priority: i32,
}

/// Where an image goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WantedGoal {
    /// To these places; to none where the file says none.
    Copy(Vec<Location>),
    /// Into a file for `docker load`.
    Export {
        /// In this directory.
        directory: PathBuf,
        /// By this name; one is found where none is given.
        file: Option<String>,
    },
}

impl Wanted {
    /// An image as it is, and no more.
    pub fn new(source: Location, goal: WantedGoal) -> Wanted {
        Wanted {
            source,
            choice: None,
            goal,
            platforms: Platforms::All,
            tags: Vec::new(),
            extras: Extras::default(),
            overwrite: false,
            keep_tags: false,
            priority: 0,
        }
    }
}

impl Batch {
    /// Whether the file is sound and names nothing at all: what is left of a queue that was emptied in an editor.
    pub fn is_empty(&self) -> bool {
        let nothing = |fault: &Fault| [super::NOTHING, super::NO_SOURCES].contains(&fault.reason.as_str());
        self.entries.is_empty() && self.faults.iter().all(nothing)
    }

    /// Whether the file has credentials or proxies of its own, which count for `wharf sync` and for nothing else.
    pub fn has_access(&self) -> bool {
        let given = |settings: &Settings| settings.source_auth.is_some() || settings.target_auth.is_some();
        self.proxy.is_some() || self.entries.iter().any(|entry| given(&entry.settings))
    }

    /// What the file wants, in its order; copies and exports of one image are apart, and tags that are chosen stay a
    /// choice. The error has every fault.
    pub fn wanted(&self, terms: &Terms<'_>) -> Result<Vec<Wanted>, ConfigFaults> {
        let mut faults: Vec<Fault> = self.faults.clone();
        let mut wanted = Vec::new();
        for entry in &self.entries {
            let how = &entry.settings.how;
            let choice = match &entry.settings.tags {
                Some(Tags::Chosen(filter)) => Some((**filter).clone()),
                _ => None,
            };
            for source in entry.images(None).unwrap_or_else(|| vec![entry.source.clone()]) {
                let one = |goal| Wanted {
                    choice: choice.clone(),
                    platforms: entry.platforms(terms),
                    tags: how.add_tags.clone(),
                    extras: how.extras,
                    overwrite: how.overwrite,
                    keep_tags: how.keep_tags,
                    priority: how.priority,
                    ..Wanted::new(source.clone(), goal)
                };
                let mut places = Vec::new();
                for place in entry.destinations(terms.config, terms.to, &source) {
                    match place {
                        Ok(place) if place == source => {
                            let reason = format!("{source} is source and destination");
                            faults.push(self.fault(entry.at, &entry.field, reason));
                        }
                        Ok(place) => places.push(place),
                        Err((at, field, reason)) => faults.push(self.fault(at, &field, reason)),
                    }
                }
                let mut seen = HashSet::new();
                places.retain(|place| seen.insert(place.clone()));
                let directories = entry.settings.to.iter().filter_map(|to| match &to.place {
                    Place::Directory(path) => Some(path.clone()),
                    _ => None,
                });
                let exports: Vec<WantedGoal> = directories
                    .map(|directory| WantedGoal::Export { directory, file: how.file.clone() })
                    .collect();
                if !places.is_empty() || exports.is_empty() {
                    wanted.push(one(WantedGoal::Copy(places)));
                }
                wanted.extend(exports.into_iter().map(one));
            }
        }
        match faults.is_empty() {
            true => Ok(wanted),
            false => Err(self.refused(faults)),
        }
    }
}

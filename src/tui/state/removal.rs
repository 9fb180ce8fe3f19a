//! A deletion that is asked about, and a comparison: the popups' contents.

use tui_input::Input;

use super::popup::Scroll;
use crate::engine::{Deletion, ImageDiff};
use crate::job::Failure;
use crate::oci::Location;

/// How far a deletion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What is there is being found.
    Looking,
    /// A person is asked.
    Asking,
    /// It is being done.
    Deleting,
    /// Something failed, and is told of.
    Over,
}

/// Images that are to be deleted.
pub struct Removal {
    /// What the answer is marked with.
    pub request: u64,
    /// How far it is.
    pub stage: Stage,
    /// What was named.
    pub images: Vec<Location>,
    /// What will go, each manifest once.
    pub found: Vec<Deletion>,
    /// What cannot go, and why.
    pub failed: Vec<Failure>,
    /// Whether tags could not be deleted alone, so that their manifests go.
    pub by_digest: bool,
    /// How many are gone already.
    pub gone: usize,
    /// Names of protected entries that are still to be typed.
    pub guards: Vec<String>,
    /// What is typed.
    pub typed: Input,
    /// Whether the last name was another.
    pub mistyped: bool,
    /// Whether the cursor is on the deletion; it starts on the way back.
    pub chosen: bool,
    /// How far the list is scrolled.
    pub scroll: Scroll,
}

impl Removal {
    /// A deletion whose images are being looked at.
    pub fn new(request: u64, images: Vec<Location>, guards: Vec<String>) -> Removal {
        Removal {
            request,
            stage: Stage::Looking,
            images,
            found: Vec::new(),
            failed: Vec::new(),
            by_digest: false,
            gone: 0,
            guards,
            typed: Input::default(),
            mistyped: false,
            chosen: false,
            scroll: Scroll::default(),
        }
    }

    /// Takes what was found: a manifest goes once, whatever names of it were given.
    pub fn take(&mut self, found: Vec<(Location, Result<Deletion, Failure>)>) {
        let mut there = Vec::new();
        for (_, answer) in found {
            match answer {
                Ok(deletion) => there.push(deletion),
                Err(failure) => self.failed.push(failure),
            }
        }
        for deletion in Deletion::with_last_names(there) {
            if !self.found.iter().any(|other| other.covers(&deletion)) {
                self.found.push(deletion);
            }
        }
        self.stage = if self.found.is_empty() { Stage::Over } else { Stage::Asking };
    }

    /// Whether an answer of the engine is awaited.
    pub fn waiting(&self) -> bool {
        matches!(self.stage, Stage::Looking | Stage::Deleting)
    }

    /// Whether a protected entry's name is to be typed.
    pub fn types(&self) -> bool {
        self.stage == Stage::Asking && !self.guards.is_empty()
    }
}

/// Two images that are compared: what the target has, and what would take its place.
pub struct Comparison {
    /// What the answer is marked with.
    pub request: u64,
    /// The target's.
    pub a: Location,
    /// The source.
    pub b: Location,
    /// Whether the target has no such image.
    pub absent: bool,
    /// The answer, once it is there.
    pub answer: Option<Result<Box<ImageDiff>, Failure>>,
    /// How far it is scrolled.
    pub scroll: Scroll,
}

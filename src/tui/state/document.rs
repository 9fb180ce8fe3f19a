//! The queue as a document: what is written for an editor or a file, and what came back.

use std::path::PathBuf;

use super::popup::Scroll;
use super::queue::{Draft, DraftId, Goal, Options};
use crate::config::{Fault, Wanted, WantedGoal};
use crate::job::Extras;

/// The queue for an editor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What the drafts want.
    pub wanted: Vec<(DraftId, Wanted)>,
    /// The text as it was typed before, with its faults; otherwise it is written from the drafts.
    pub text: Option<String>,
    /// Lines above it.
    pub heading: Vec<String>,
    /// What stands in an empty queue's list.
    pub example: String,
}

/// What came back from an editor.
#[derive(Debug)]
pub struct Edited {
    /// What was written, draft by draft.
    pub before: Vec<(DraftId, Wanted)>,
    /// Drafts that no file can say: they stay.
    pub left_out: Vec<DraftId>,
    /// The text as the editor left it.
    pub text: Option<String>,
    /// What it comes to.
    pub outcome: Outcome,
}

/// What an edited text comes to.
#[derive(Debug)]
pub enum Outcome {
    /// It is as it was.
    Unchanged {
        /// The editor ended as soon as it had begun.
        at_once: bool,
    },
    /// What is wanted now, and whether the text has credentials or proxies, which no draft takes.
    Wanted(Vec<Wanted>, bool),
    /// All that is wrong with it.
    Faults(Vec<Fault>),
    /// The editor said that it failed, after something was typed.
    Broken(String),
    /// There is no text, and this is why.
    Failed(String),
}

/// The queue for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Save {
    /// Which file, or the directory for one.
    pub path: PathBuf,
    /// What the drafts want.
    pub wanted: Vec<Wanted>,
    /// Lines above it.
    pub heading: Vec<String>,
    /// Replace a file that is there.
    pub overwrite: bool,
}

/// A queue that was saved.
#[derive(Debug)]
pub struct Saved {
    /// Where.
    pub path: PathBuf,
    /// How many images.
    pub count: usize,
    /// What no file can say, and why.
    pub left_out: Vec<(usize, String)>,
}

/// Why a queue was not saved.
#[derive(Debug)]
pub enum SaveFailure {
    /// There is a file.
    Exists(PathBuf),
    /// Anything else.
    Other(String),
}

/// An edited text that cannot be taken over: what is wrong with it.
#[derive(Debug)]
pub struct Faults {
    /// The text, for the next try.
    pub text: String,
    /// What is wrong, in its order.
    pub faults: Vec<Fault>,
    /// What the editor said.
    pub status: Option<String>,
    /// How far it is scrolled.
    pub scroll: Scroll,
}

impl Draft {
    /// The draft as a line of a sync file says it.
    pub fn wanted(&self) -> Wanted {
        let Options { platforms, tags, extras, overwrite, keep_tags, file, priority } = self.options.clone();
        let copies = matches!(self.goal, Goal::Copy(_));
        let goal = match &self.goal {
            Goal::Copy(places) => WantedGoal::Copy(places.clone()),
            Goal::Export(directory) => WantedGoal::Export { directory: directory.clone(), file },
        };
        // What its job does not do is not said of it.
        let only = Extras { foreign_layers: extras.foreign_layers, ..Extras::default() };
        Wanted {
            choice: self.tags.clone(),
            platforms,
            tags: if copies { tags } else { Vec::new() },
            extras: if copies { extras } else { only },
            overwrite: overwrite && !copies,
            keep_tags: keep_tags && copies,
            priority,
            ..Wanted::new(self.source.clone(), goal)
        }
    }

    /// The draft that a line of a sync file is.
    pub fn of_wanted(wanted: Wanted) -> Draft {
        let Wanted { source, choice, goal, platforms, tags, extras, overwrite, keep_tags, priority } = wanted;
        let (goal, file) = match goal {
            WantedGoal::Copy(places) => (Goal::Copy(places), None),
            WantedGoal::Export { directory, file } => (Goal::Export(directory), file),
        };
        let options = Options { platforms, tags, extras, overwrite, keep_tags, file, priority };
        Draft { tags: choice, ..Draft::new(source, goal, options) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Platforms;

    #[test]
    fn a_draft_and_what_it_wants_are_the_same_job() {
        let platforms = Platforms::from_list(vec!["arm64".parse().unwrap()]);
        let options = Options {
            platforms,
            tags: vec!["stable".parse().unwrap()],
            extras: Extras { referrers: true, foreign_layers: true, ..Extras::default() },
            overwrite: true,
            keep_tags: true,
            file: Some("a.tar".to_owned()),
            priority: 3,
        };
        let source = || "nginx:1".parse().unwrap();
        let to = vec!["h.io/x:1".parse().unwrap(), "store:x:1".parse().unwrap()];
        for goal in [Goal::Copy(Vec::new()), Goal::Copy(to), Goal::Export("d".into())] {
            let draft = Draft::new(source(), goal, options.clone());
            let again = Draft::of_wanted(draft.wanted());
            assert_eq!((again.spec(), again.options.priority), (draft.spec(), 3));
            assert_eq!(again.wanted(), draft.wanted());
        }
        let rule = Draft::rule(
            "a".parse().unwrap(),
            "1.*".parse().unwrap(),
            Goal::Copy(Vec::new()),
            Options::default(),
        );
        assert_eq!(Draft::of_wanted(rule.wanted()), rule);
    }
}

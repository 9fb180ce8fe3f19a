//! A line of text with two ways to take it: rows are marked by a pattern, or a rule is made of it; a repository is opened by
//! its name, or searched for.

use tui_input::Input;

use crate::engine::Place;

/// What the line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A filter of tags, for the rows of the browser's list.
    Pattern {
        /// Rows that match what is typed.
        hits: usize,
        /// Whether it can be a rule: the rows are tags.
        rule: bool,
    },
    /// A repository of a place.
    Repository(Place),
}

/// See the module.
#[derive(Debug)]
pub struct Choosing {
    /// What the line is.
    pub wanted: Wanted,
    /// The text.
    pub input: Input,
    /// Whether the second way is chosen.
    pub second: bool,
    /// What is wrong with the text.
    pub error: Option<String>,
}

impl Choosing {
    /// An empty line.
    pub fn new(wanted: Wanted) -> Choosing {
        Choosing { wanted, input: Input::default(), second: false, error: None }
    }

    /// Whether there are two ways.
    pub fn has_second(&self) -> bool {
        !matches!(self.wanted, Wanted::Pattern { rule: false, .. })
    }

    /// Chooses the other way, if there is one.
    pub fn switch(&mut self) {
        self.second = !self.second && self.has_second();
    }
}

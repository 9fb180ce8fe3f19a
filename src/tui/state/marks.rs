//! What is marked: images by where they are, platforms of them, whole repositories and whole files; so marks survive filters and refreshes
//! and span repositories and places.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::engine::Place;
use crate::oci::{Location, Platform};

/// One image, one of its platforms, or all images of a repository or of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MarkKey {
    /// An image.
    Image {
        /// Where it is.
        at: Location,
        /// The platform; `None` for all of it.
        platform: Option<Platform>,
    },
    /// A repository, with every tag of it: also those that are not there yet.
    Repository(Location),
    /// An archive or a layout, with every image in it.
    Whole(Place),
}

impl MarkKey {
    /// The whole of an image.
    pub fn image(at: Location) -> MarkKey {
        MarkKey::Image { at, platform: None }
    }

    /// The image, if it is one.
    pub fn location(&self) -> Option<&Location> {
        match self {
            MarkKey::Image { at, .. } => Some(at),
            MarkKey::Repository(_) | MarkKey::Whole(_) => None,
        }
    }
}

/// The marks, in the order they were made.
#[derive(Debug, Default)]
pub struct Marks {
    made: HashMap<MarkKey, u64>,
    next: u64,
}

impl Marks {
    /// Whether this is marked.
    pub fn has(&self, key: &MarkKey) -> bool {
        self.made.contains_key(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.made.len()
    }

    /// Whether nothing is marked.
    pub fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// Marks.
    pub fn set(&mut self, key: MarkKey) {
        self.next += 1;
        self.made.entry(key).or_insert(self.next);
    }

    /// Takes a mark away.
    pub fn unset(&mut self, key: &MarkKey) {
        self.made.remove(key);
    }

    /// Marks, or takes the mark away.
    pub fn toggle(&mut self, key: MarkKey) {
        match self.made.entry(key) {
            Entry::Occupied(made) => {
                made.remove();
            }
            Entry::Vacant(free) => {
                self.next += 1;
                free.insert(self.next);
            }
        }
    }

    /// Takes all marks away.
    pub fn clear(&mut self) {
        self.made.clear();
    }

    /// All marks in the order they were made.
    pub fn in_order(&self) -> Vec<MarkKey> {
        let mut all: Vec<(&MarkKey, u64)> = self.made.iter().map(|(key, made)| (key, *made)).collect();
        all.sort_by_key(|(_, made)| *made);
        all.into_iter().map(|(key, _)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(repository: &str, tag: &str) -> MarkKey {
        MarkKey::image(format!("localhost:5000/{repository}:{tag}").parse().unwrap())
    }

    #[test]
    fn marks_keep_their_order_and_tell_repositories_apart() {
        let mut marks = Marks::default();
        for key in [key("b", "1"), key("a", "1"), key("a", "2")] {
            marks.toggle(key);
        }
        marks.toggle(key("a", "1"));
        marks.set(key("b", "1"));
        marks.set(MarkKey::Whole(Place::Archive("a.tar".into())));
        assert_eq!(marks.in_order()[..2], [key("b", "1"), key("a", "2")]);
        assert_eq!(marks.len(), 3);
    }
}

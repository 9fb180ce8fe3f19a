//! What is marked: keyed by place, repository, tag and platform, so that marks survive filters and refreshes and span
//! repositories.

use std::collections::HashMap;

use crate::engine::Place;
use crate::oci::{Location, Platform, Reference, TagOrDigest};

/// One image, or one of its platforms.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MarkKey {
    /// Where it is.
    pub place: Place,
    /// Its repository.
    pub repository: String,
    /// Its tag.
    pub tag: String,
    /// The platform; `None` for all of it.
    pub platform: Option<Platform>,
}

impl MarkKey {
    /// The image as a location; the error says why there is none.
    pub fn location(&self) -> Result<Location, String> {
        let repository = self.repository.parse().map_err(|e| format!("{e}"))?;
        let tag: crate::oci::Tag = self.tag.parse().map_err(|e| format!("{e}"))?;
        match &self.place {
            Place::Registry(registry) => {
                Ok(Location::Registry(Reference::tagged(registry.clone(), repository, tag)))
            }
            Place::Store => Ok(Location::Store { repository, target: Some(TagOrDigest::Tag(tag)) }),
            Place::Engine(host) => {
                Ok(Location::DockerDaemon { host: host.clone(), image: format!("{repository}:{tag}") })
            }
            Place::Directory(_) => Err("an exported file cannot be copied from yet".to_owned()),
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
        match self.has(&key) {
            true => self.unset(&key),
            false => self.set(key),
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
        let place = Place::Registry("localhost:5000".parse().unwrap());
        MarkKey { place, repository: repository.to_owned(), tag: tag.to_owned(), platform: None }
    }

    #[test]
    fn marks_keep_their_order_and_tell_repositories_apart() {
        let mut marks = Marks::default();
        for key in [key("b", "1"), key("a", "1"), key("a", "2")] {
            marks.toggle(key);
        }
        marks.toggle(key("a", "1"));
        marks.set(key("b", "1"));
        assert_eq!(marks.in_order(), [key("b", "1"), key("a", "2")]);
        assert_eq!(key("a/b", "2").location().unwrap().to_string(), "localhost:5000/a/b:2");
        assert!(key("A", "2").location().is_err());
    }
}

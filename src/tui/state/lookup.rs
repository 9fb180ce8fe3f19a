//! What is known of images: their contents and their digests, asked for once and kept, so many at a time.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What is known of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T, E> {
    /// Asked, not answered.
    Asked,
    /// This.
    Is(T),
    /// The asking failed.
    Failed(E),
}

/// Answers by key, the oldest forgotten first.
#[derive(Debug)]
pub struct Lookup<K, T, E> {
    known: HashMap<K, Known<T, E>>,
    order: VecDeque<K>,
    limit: usize,
    changes: u64,
}

impl<K: Clone + Eq + Hash, T, E> Lookup<K, T, E> {
    /// Keeps at most `limit` answers.
    pub fn new(limit: usize) -> Lookup<K, T, E> {
        Lookup { known: HashMap::new(), order: VecDeque::new(), limit, changes: 0 }
    }

    /// What is known.
    pub fn get(&self, key: &K) -> Option<&Known<T, E>> {
        self.known.get(key)
    }

    /// The answer, if there is one.
    pub fn value(&self, key: &K) -> Option<&T> {
        match self.known.get(key) {
            Some(Known::Is(value)) => Some(value),
            _ => None,
        }
    }

    /// Counts everything that changes here: what is the same, was built of the same.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// All answers.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.known.values().filter_map(|known| match known {
            Known::Is(value) => Some(value),
            Known::Asked | Known::Failed(_) => None,
        })
    }

    /// Notes that it is being asked for.
    pub fn ask(&mut self, key: &K) {
        self.set(key, Known::Asked);
    }

    /// Notes an answer.
    pub fn answer(&mut self, key: &K, answer: Result<T, E>) {
        self.set(key, answer.map_or_else(Known::Failed, Known::Is));
    }

    fn set(&mut self, key: &K, known: Known<T, E>) {
        self.changes += 1;
        if self.known.insert(key.clone(), known).is_none() {
            self.order.push_back(key.clone());
        }
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    /// Forgets one answer.
    pub fn forget(&mut self, key: &K) {
        self.changes += 1;
        if self.known.remove(key).is_some() {
            self.order.retain(|kept| kept != key);
        }
    }

    /// Forgets the failures that `gone` chooses.
    pub fn forget_failures(&mut self, gone: impl Fn(&K, &E) -> bool) {
        self.changes += 1;
        self.known.retain(|key, known| !matches!(known, Known::Failed(error) if gone(key, error)));
        self.order.retain(|key| self.known.contains_key(key));
    }

    /// How many are asked for and not answered.
    pub fn asked(&self) -> usize {
        self.known.values().filter(|known| matches!(known, Known::Asked)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answers_are_forgotten() {
        let mut lookup: Lookup<u32, &str, ()> = Lookup::new(2);
        lookup.ask(&1);
        assert_eq!(lookup.asked(), 1);
        lookup.answer(&1, Ok("one"));
        lookup.answer(&2, Err(()));
        lookup.answer(&3, Ok("three"));
        assert_eq!((lookup.get(&1), lookup.value(&2), lookup.value(&3)), (None, None, Some(&"three")));
        lookup.forget(&3);
        assert_eq!((lookup.get(&3), lookup.asked()), (None, 0));
        lookup.forget_failures(|key, ()| *key == 3);
        assert!(lookup.get(&2).is_some());
        lookup.forget_failures(|key, ()| *key == 2);
        assert_eq!((lookup.get(&2), lookup.order.len()), (None, 0));
    }
}

//! Where copies go, and what they are called there: one place or several, and a rule for names. The same answers the
//! queue, the browser's `= ≠ ∅` and what was pasted.

use std::fmt;

use crate::config::{Prefix, Rename};
use crate::oci::Location;

/// What becomes of an image's name below a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Naming {
    /// Its path stays; the host is replaced.
    #[default]
    Keep,
    /// So many parts of the whole name are dropped, of which the host is the first.
    Drop(usize),
    /// Only its last part stays.
    Last,
    /// What an expression for the whole path makes of it.
    Rule {
        /// The regular expression.
        from: String,
        /// What it becomes, with `$1`.
        to: String,
    },
}

impl Naming {
    /// The rule itself. The error is a reason, for people.
    pub fn rename(&self) -> Result<Rename, String> {
        match self {
            Naming::Keep => Ok(Rename::Keep),
            Naming::Drop(parts) => Ok(Rename::Level(*parts)),
            Naming::Last => Rename::rule("(?:.*/)?([^/]+)", "$1"),
            Naming::Rule { from, to } => Rename::rule(from, to),
        }
    }
}

/// Where copies go.
#[derive(Debug, Clone)]
pub struct Aim {
    /// The places; never empty, and the first is the one that images are compared with.
    places: Vec<Prefix>,
    /// What images are called there.
    pub naming: Naming,
    rename: Rename,
}

impl Aim {
    /// One place, where paths stay as they are.
    pub fn at(place: Prefix) -> Aim {
        Aim { places: vec![place], naming: Naming::Keep, rename: Rename::Keep }
    }

    /// A place, further ones, and what images are called there. The error is of the rule.
    pub fn new(first: Prefix, more: Vec<Prefix>, naming: Naming) -> Result<Aim, String> {
        let rename = naming.rename()?;
        let mut places = vec![first];
        for place in more {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(Aim { places, naming, rename })
    }

    /// The places, at least one.
    pub fn places(&self) -> &[Prefix] {
        &self.places
    }

    /// The place, if there is one only and names stay there as they are.
    pub fn alone(&self) -> Option<&Prefix> {
        match (&self.places[..], &self.naming) {
            ([place], Naming::Keep) => Some(place),
            _ => None,
        }
    }

    /// Where an image goes in the first place. The error is a reason, for people.
    pub fn destination(&self, source: &Location) -> Result<Location, String> {
        match self.places.first() {
            Some(place) => place.renamed(source, &self.rename),
            None => Err(String::new()),
        }
    }

    /// Where an image goes. The error is a reason, for people.
    pub fn destinations(&self, source: &Location) -> Result<Vec<Location>, String> {
        self.places.iter().map(|place| place.renamed(source, &self.rename)).collect()
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, place) in self.places.iter().enumerate() {
            write!(f, "{}{place}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_goes_to_every_place_under_its_new_name() {
        let place = |text: &str| Prefix::parse(text, &[]).unwrap();
        let aim = |naming| Aim::new(place("a.io/m"), vec![place("b.io"), place("a.io/m")], naming).unwrap();
        let source: Location = "quay.io/team/sub/app:1".parse().unwrap();
        for (naming, want) in [
            (Naming::Keep, "a.io/m/team/sub/app:1 b.io/team/sub/app:1"),
            (Naming::Drop(0), "a.io/m/quay.io/team/sub/app:1 b.io/quay.io/team/sub/app:1"),
            (Naming::Drop(3), "a.io/m/app:1 b.io/app:1"),
            (Naming::Last, "a.io/m/app:1 b.io/app:1"),
            (
                Naming::Rule { from: "team/(.*)".to_owned(), to: "x/$1".to_owned() },
                "a.io/m/x/sub/app:1 b.io/x/sub/app:1",
            ),
        ] {
            let aim = aim(naming.clone());
            let found: Vec<String> =
                aim.destinations(&source).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), want, "{naming:?}");
            assert_eq!(aim.destination(&source).unwrap().to_string(), found[0]);
            assert_eq!(aim.to_string(), "a.io/m, b.io");
        }
        assert!(aim(Naming::Drop(9)).destinations(&source).is_err());
        let bad = Naming::Rule { from: "(".to_owned(), to: String::new() };
        assert!(Aim::new(place("a.io"), Vec::new(), bad).is_err());
    }
}

//! The registries' pane: the configured places, and wharf's own store.

use std::path::PathBuf;

use crate::config::{Prefix, RegistryEntry, RegistryType};
use crate::engine::Place;
use crate::oci::{Registry, printable};
use crate::tui::setup::Reply;

/// What is known of a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// Nobody asked.
    #[default]
    Unknown,
    /// It was asked just now.
    Asked,
    /// It answered.
    Reached,
    /// It answered, and lets nobody in without a login.
    Refused,
    /// It did not, or with an error: this one.
    Failed(String),
}

/// One row.
#[derive(Debug, Clone)]
pub struct PlaceRow {
    /// The entry's name, printable.
    pub name: String,
    /// What it says of itself, printable.
    pub description: String,
    /// What it is.
    pub kind: RegistryType,
    /// Where it is; the error is an address that is none, so that it cannot be browsed.
    pub place: Result<Place, String>,
    /// What is known of it.
    pub health: Health,
    /// What it said when it was last asked.
    pub reply: Option<Reply>,
    /// Whether nothing is ever written there.
    pub read_only: bool,
    /// Whether destructive acts need its name typed.
    pub protected: bool,
}

impl PlaceRow {
    fn of(entry: &RegistryEntry) -> PlaceRow {
        let place = match entry.kind {
            RegistryType::Registry => match entry.registry() {
                Some(registry) => Ok(Place::Registry(registry)),
                None => Err(printable(&entry.url, 100)),
            },
            RegistryType::LocalFile => Ok(Place::Directory(PathBuf::from(&entry.url))),
            RegistryType::Store => Ok(Place::Store),
            RegistryType::Docker => Ok(Place::Engine(Some(entry.name.clone()))),
        };
        PlaceRow {
            name: printable(&entry.name, 60),
            description: printable(&entry.description, 200),
            kind: entry.kind,
            place,
            health: Health::Unknown,
            reply: None,
            read_only: entry.read_only,
            protected: entry.protected,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Registries {
    /// The configuration's entries.
    pub entries: Vec<RegistryEntry>,
    /// A row for each.
    pub rows: Vec<PlaceRow>,
    /// The cursor's row.
    pub cursor: usize,
    /// First row of the window.
    pub offset: usize,
}

impl Registries {
    /// The configuration's places.
    pub fn new(entries: Vec<RegistryEntry>) -> Registries {
        let rows = entries.iter().map(PlaceRow::of).collect();
        Registries { entries, rows, cursor: 0, offset: 0 }
    }

    /// The cursor's row.
    pub fn current(&self) -> Option<&PlaceRow> {
        self.rows.get(self.cursor)
    }

    /// The user's name that an entry gives for a registry.
    pub fn user_of(&self, registry: &Registry) -> Option<&str> {
        let of = |entry: &&RegistryEntry| {
            entry.registry().as_ref() == Some(registry) && !entry.username.is_empty()
        };
        self.entries.iter().find(of).map(|entry| entry.username.as_str())
    }

    /// How a target is called: by its entry's name, where an entry is just that.
    pub fn name_of(&self, target: &Prefix) -> String {
        let named = |row: &&PlaceRow| match (target, &row.place) {
            (Prefix::Registry(registry, _), Ok(Place::Registry(place))) => registry == place,
            (Prefix::Store(_), Ok(Place::Store)) => true,
            (Prefix::Engine(name), Ok(Place::Engine(Some(place)))) => name == place,
            _ => false,
        };
        match (target, self.rows.iter().find(named)) {
            (Prefix::Registry(_, None) | Prefix::Store(None) | Prefix::Engine(_), Some(row)) => {
                row.name.clone()
            }
            (Prefix::Registry(_, Some(path)) | Prefix::Store(Some(path)), Some(row)) => {
                format!("{}/{path}", row.name)
            }
            _ => printable(&target.to_string(), 200),
        }
    }

    /// Adds an entry for this session: behind the last of its kind, before directories and the store. Where it is.
    pub fn add(&mut self, entry: RegistryEntry) -> usize {
        let goes_before = |row: &PlaceRow| match entry.kind {
            RegistryType::Registry => row.kind != RegistryType::Registry,
            _ => matches!(row.kind, RegistryType::LocalFile | RegistryType::Store),
        };
        let at = self.rows.iter().position(goes_before).unwrap_or(self.rows.len());
        if at <= self.cursor && !self.rows.is_empty() {
            self.cursor += 1;
        }
        self.rows.insert(at, PlaceRow::of(&entry));
        self.entries.insert(at, entry);
        at
    }

    /// A place is being asked.
    pub fn asked(&mut self, place: &Place) {
        self.learn(place, &Health::Asked);
    }

    /// Notes what a place said; nothing if it said nothing.
    pub fn replied(&mut self, place: &Place, reply: Option<Reply>) {
        for row in self.rows.iter_mut().filter(|row| row.place.as_ref() == Ok(place)) {
            row.reply.clone_from(&reply);
        }
    }

    /// Notes how a place answered.
    pub fn learn(&mut self, place: &Place, health: &Health) {
        for row in self.rows.iter_mut().filter(|row| row.place.as_ref() == Ok(place)) {
            row.health = health.clone();
        }
    }
}

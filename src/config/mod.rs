//! `config.yaml`, batch files and credentials: read, validated, explained. Every fault of a file is found at once, each
//! with its line. Nothing here talks to a registry; what is found is adapted to the transports by `app`.

mod batch;
pub mod credentials;
mod document;
mod entry;
mod explain;
mod fault;
mod keys;
mod load;
mod lookup;
pub mod paths;
mod prefix;
mod reader;
mod registries;
mod screen;
mod secret;
mod theme_file;
mod url;
pub mod write;

pub use batch::{
    Batch, BatchImage, BatchJobs, Rename, Rule, SYNC_EXAMPLE, TagFilter, TagLists, Terms, Wanted, WantedGoal,
    Written, write_sync_file,
};
pub use document::Position;
pub use entry::{Language, Notify, Proxy, RegistryEntry, RegistryType, Symbols, Tls};
pub use explain::Setting;
pub use fault::{ConfigFaults, Fault};
pub use keys::{KeyBinding, KeyFault, KeyRules};
pub use load::Loaded;
pub use prefix::Prefix;
pub use reader::nearest;
pub use secret::{Secret, SecretError};
pub use theme_file::{RoleStyle, THEME_LIMIT, ThemeFile};
pub use url::RegistryUrl;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::job::Rate;

/// `config.example.yaml`: every key with its meaning. It parses, and sets nothing but defaults.
pub const EXAMPLE: &str = include_str!("../../config.example.yaml");

/// Themes that wharf brings.
pub const THEMES: [&str; 5] = ["dark", "light", "mono", "high-contrast", "deuteranopia"];

/// The configuration, every value set (DESIGN section 3; `config.example.yaml` documents each key).
#[derive(Debug, Clone)]
pub struct Config {
    /// Places to browse, copy from and copy to, in the file's order.
    pub registries: Vec<RegistryEntry>,
    /// The place that copies go to when none is named: `HOST[/PREFIX]`, or a registry entry's name.
    pub target: Option<String>,
    /// Where exports go. By default `downloads` in the directory that wharf is started in; a relative path
    /// that a file names is relative to that file.
    pub downloads: PathBuf,
    /// The local image store's directory; the platform's data directory if none is given.
    pub store: Option<PathBuf>,
    /// Blobs that move at the same time.
    pub workers: usize,
    /// Blobs that move at the same time to or from one registry host.
    pub workers_per_host: usize,
    /// Bytes a second that are moved in all, if they are limited.
    pub bandwidth: Option<Rate>,
    /// Attempts for what can be retried, the first included.
    pub attempts: u32,
    /// Retries of one job in one run, of all its blobs and requests together.
    pub retries_per_job: u32,
    /// Pulls that are left alone of a registry's rate limit; 0 for none.
    pub rate_limit_reserve: u64,
    /// Seconds without a byte after which a transfer counts as dropped.
    pub stall_timeout: u64,
    /// Nothing is changed: no registry, engine, store, file or login.
    pub read_only: bool,
    /// The theme's name: one of [`THEMES`], or a file of the user's.
    pub theme: String,
    /// Symbols of the terminal UI.
    pub symbols: Symbols,
    /// The terminal UI's language; `None` for the environment's.
    pub language: Option<Language>,
    /// Keys of the terminal UI, where they are not the default ones.
    pub keys: Vec<KeyBinding>,
    /// Whether the terminal UI listens to the mouse.
    pub mouse: bool,
    /// How the terminal UI tells that its jobs are over.
    pub notify: Notify,
    /// The line of each field that the file sets, by its path (`registries[0].url`); all else is a default.
    pub set_at: BTreeMap<String, usize>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            registries: Vec::new(),
            target: None,
            downloads: PathBuf::from("downloads"),
            store: None,
            workers: 16,
            workers_per_host: 16,
            bandwidth: None,
            attempts: 5,
            retries_per_job: 100,
            rate_limit_reserve: 0,
            stall_timeout: 30,
            read_only: false,
            theme: "dark".to_owned(),
            symbols: Symbols::Unicode,
            language: None,
            keys: Vec::new(),
            mouse: true,
            notify: Notify::Bell,
            set_at: BTreeMap::new(),
        }
    }
}

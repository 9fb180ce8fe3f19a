//! `config.yaml`, credentials, and the files that name images in bulk: read, validated, explained.

mod entry;

pub use entry::{RegistryEntry, RegistryType, Secret, Symbols, Tls};

use std::path::PathBuf;

/// The configuration, every value set (DESIGN section 3; `config.example.yaml` documents each key).
#[derive(Debug, Clone)]
pub struct Config {
    /// Places to browse, copy from and copy to, in the file's order.
    pub registries: Vec<RegistryEntry>,
    /// The place that copies go to when none is named: `HOST[/PREFIX]`, or a registry entry's name.
    pub target: Option<String>,
    /// Where exports go.
    pub downloads: PathBuf,
    /// The local image store's directory; the platform's data directory if none is given.
    pub store: Option<PathBuf>,
    /// Blobs that move at the same time.
    pub workers: usize,
    /// Blobs that move at the same time to or from one registry host.
    pub workers_per_host: usize,
    /// Attempts for what can be retried, the first included.
    pub attempts: u32,
    /// Seconds without a byte after which a transfer counts as dropped.
    pub stall_timeout: u64,
    /// The theme's name: dark, light, mono.
    pub theme: String,
    /// Symbols of the terminal UI.
    pub symbols: Symbols,
}

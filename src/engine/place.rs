//! Places that can be browsed.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::oci::Registry;

/// Something that holds images and can list them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A registry.
    Registry(Registry),
    /// wharf's own image store.
    Store,
    /// A directory of image files.
    Directory(PathBuf),
    /// A container engine, by its name in the configuration or among Docker's contexts; the usual one without.
    Engine(Option<String>),
}

/// An image file in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Its whole path.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Option<Timestamp>,
}

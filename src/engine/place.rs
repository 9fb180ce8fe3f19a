//! Places that can be browsed.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::oci::{Descriptor, Location, Registry};
use crate::transport::archive::TarFile;

/// Something that holds images and can list them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A registry.
    Registry(Registry),
    /// wharf's own image store.
    Store,
    /// A directory of image files and layouts.
    Directory(PathBuf),
    /// A container engine, by its name in the configuration or among Docker's contexts; the usual one without.
    Engine(Option<String>),
    /// A tar of images: an OCI archive or a docker-archive.
    Archive(PathBuf),
    /// An OCI layout's directory.
    Layout(PathBuf),
}

/// What a place lists when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Repositories, which have tags: `Engine::repositories`.
    Repositories,
    /// Image files and layouts: `Engine::files`.
    Files,
    /// Images by their names: `Engine::images`.
    Images,
}

impl Place {
    /// What it lists when it is opened.
    pub fn holds(&self) -> Holds {
        match self {
            Place::Registry(_) | Place::Store => Holds::Repositories,
            Place::Directory(_) => Holds::Files,
            Place::Archive(_) | Place::Layout(_) | Place::Engine(_) => Holds::Images,
        }
    }

    /// The file or layout that a location without a name in it means as a whole.
    pub fn of_whole(location: &Location) -> Option<Place> {
        match location {
            Location::OciLayout { path, reference: None } => Some(Place::Layout(path.clone())),
            Location::OciArchive { path, reference: None }
            | Location::DockerArchive { path, reference: None } => Some(Place::Archive(path.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    /// As a person would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Registry(registry) => write!(f, "{registry}"),
            Place::Store => f.write_str("store:"),
            Place::Directory(path) | Place::Archive(path) => write!(f, "{}", path.display()),
            Place::Layout(path) => write!(f, "oci:{}", path.display()),
            Place::Engine(None) => f.write_str("docker-daemon:"),
            Place::Engine(Some(host)) => write!(f, "docker-daemon://{host}/"),
        }
    }
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A tar of images.
    Archive,
    /// An OCI layout's directory.
    Layout,
}

/// An image file or layout in a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Its whole path.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// Bytes; of a layout, those of its blobs.
    pub size: u64,
    /// When it was last written.
    pub modified: Option<Timestamp>,
}

impl FileEntry {
    /// The place that it is.
    pub fn place(&self) -> Place {
        match self.kind {
            FileKind::Archive => Place::Archive(self.path.clone()),
            FileKind::Layout => Place::Layout(self.path.clone()),
        }
    }
}

/// The images of a place. While it is kept, an archive that was staged for it stays staged, and is not read again.
#[derive(Debug, Clone, Default)]
pub struct ListedImages {
    /// In the file's order; of an engine, sorted.
    pub images: Vec<ListedImage>,
    pub(super) _tar: Option<TarFile>,
}

impl From<Vec<ListedImage>> for ListedImages {
    fn from(images: Vec<ListedImage>) -> ListedImages {
        ListedImages { images, _tar: None }
    }
}

/// An image that a place lists by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// Where it is read from.
    pub location: Location,
    /// Its name there; `None` if it has only its digest.
    pub name: Option<String>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
}

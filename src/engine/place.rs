//! Places that can be browsed.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use crate::oci::{Descriptor, Digest, Location, Registry, Repository};
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

    /// The layout or archive at a path; `-` is standard input. Blocks for one look at the disk.
    pub fn at(path: &Path) -> Place {
        match path != Path::new("-") && path.is_dir() {
            true => Place::Layout(path.to_owned()),
            false => Place::Archive(path.to_owned()),
        }
    }

    /// The repository that a location names or is in, and where; `None` where there are no repositories.
    pub fn of_repository(location: &Location) -> Option<(Place, Repository)> {
        match location {
            Location::Registry(reference) => {
                Some((Place::Registry(reference.registry.clone()), reference.repository.clone()))
            }
            Location::Store { repository, .. } => Some((Place::Store, repository.clone())),
            _ => None,
        }
    }

    /// The file or layout that a location is in, whichever of its images it names.
    pub fn around(location: &Location) -> Option<Place> {
        match location {
            Location::OciLayout { path, .. } => Some(Place::Layout(path.clone())),
            Location::OciArchive { path, .. } | Location::DockerArchive { path, .. } => {
                Some(Place::Archive(path.clone()))
            }
            _ => None,
        }
    }

    /// The file or layout that a location without a name in it means as a whole.
    pub fn of_whole(location: &Location) -> Option<Place> {
        match location {
            Location::OciLayout { reference: Some(_), .. }
            | Location::OciArchive { reference: Some(_), .. }
            | Location::DockerArchive { reference: Some(_), .. } => None,
            location => Place::around(location),
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

impl ListedImages {
    /// Each image once, with all of its names.
    pub fn merged(&self) -> Vec<ArchiveImage> {
        let mut merged: Vec<ArchiveImage> = Vec::new();
        let mut known: HashMap<&Digest, usize> = HashMap::new();
        for ListedImage { location, name, descriptor } in &self.images {
            let at = *known.entry(&descriptor.digest).or_insert(merged.len());
            match merged.get_mut(at) {
                Some(image) => image.names.extend(name.clone()),
                None => merged.push(ArchiveImage {
                    location: location.clone(),
                    names: name.iter().cloned().collect(),
                    descriptor: descriptor.clone(),
                }),
            }
        }
        merged
    }
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

/// An image of an archive with all of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveImage {
    /// Where it is read from, by its first name.
    pub location: Location,
    /// Its names there, in full where they are; none if it has only its digest.
    pub names: Vec<String>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
}

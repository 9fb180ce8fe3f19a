//! The browser: a place's repositories, a repository's tags, a tag's platforms; or a directory's files, and a file's
//! images.

use std::collections::{HashMap, HashSet};

use tui_input::Input;

use super::listing::{Listing, Load, Sort};
use super::marks::MarkKey;
use crate::engine::{FileEntry, FileKind, FoundRepository, Holds, Image, ListedImages, Place};
use crate::oci::{Location, Platform, Reference, Registry, Repository, TagOrDigest};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// A place's repositories.
    #[default]
    Repositories,
    /// A repository's tags.
    Tags,
    /// The images of an archive, a layout, or another place that has them by name.
    Images,
    /// An image's platforms.
    Platforms,
    /// A directory's files.
    Files,
}

/// See the module.
#[derive(Default)]
pub struct Browse {
    /// Where; `None` before a place was opened.
    pub place: Option<Place>,
    /// Its name in the registries' pane.
    pub name: String,
    /// What is listed.
    pub level: Level,
    /// The place's repositories, or the directory's file names.
    pub repositories: Listing,
    /// The files behind the names.
    pub files: Vec<FileEntry>,
    /// The directory's file whose images are listed.
    pub file: Option<Place>,
    /// The repository whose tags are listed, or the file's name.
    pub repository: String,
    /// The same as a name, read once for all rows; `None` if it is none.
    home: Option<Repository>,
    /// Its tags, or the names of its images.
    pub tags: Listing,
    /// The images behind the names.
    pub images: ListedImages,
    /// The tag whose platforms are listed.
    pub tag: String,
    /// The image that it is.
    opened: Option<Location>,
    /// Its platforms.
    pub platforms: Listing,
    /// The search whose hits stand in the place of the repositories.
    pub search: Option<Search>,
    /// How many tags repositories have, where that is known.
    pub counts: HashMap<String, usize>,
    /// Registries that have said that it is too much: only the cursor's images are asked for there.
    pub spared: HashSet<Registry>,
    /// Counts the requests.
    generation: u64,
    /// Whether the filter is being typed.
    pub typing: bool,
    /// The filter's text while it is being typed.
    pub input: Input,
}

/// A search, and what it found.
#[derive(Default)]
pub struct Search {
    /// What was looked for.
    pub words: String,
    /// What was found, in the order of the rows' arrival.
    pub found: Vec<FoundRepository>,
    /// The repositories' list as it was before.
    before: Listing,
}

impl Browse {
    /// Opens a place: the answer to the new request has this generation.
    pub fn open(&mut self, place: Place, name: &str) -> u64 {
        let (level, sort) = match place.holds() {
            Holds::Repositories => (Level::Repositories, Sort::Names),
            Holds::Files => (Level::Files, Sort::Arrival),
            Holds::Images => (Level::Images, Sort::Arrival),
        };
        *self = Browse {
            level,
            place: Some(place),
            name: name.to_owned(),
            repositories: Listing::new(sort, false),
            tags: Listing::new(sort, false),
            generation: self.generation,
            spared: std::mem::take(&mut self.spared),
            ..Browse::default()
        };
        self.begin()
    }

    /// Asks (again) for the list on the screen; the answer has this generation.
    pub fn begin(&mut self) -> u64 {
        self.generation += 1;
        let generation = self.generation;
        self.list_mut().begin(generation);
        generation
    }

    /// The list that an answer belongs to; `None` if nobody waits for it any more.
    pub fn awaiting(&mut self, generation: u64) -> Option<&mut Listing> {
        [&mut self.repositories, &mut self.tags].into_iter().find(|list| list.generation == generation)
    }

    /// Opens a repository; `None` if its tags are here (or on their way) already.
    pub fn open_repository(&mut self, repository: &str) -> Option<u64> {
        self.level = Level::Tags;
        self.typing = false;
        if self.repository == repository && matches!(self.tags.load, Load::Loading | Load::Done) {
            return None;
        }
        self.repository = repository.to_owned();
        self.home = repository.parse().ok();
        self.tags = Listing::new(Sort::Versions, true);
        Some(self.begin())
    }

    /// Begins a search: its hits take the place of the repositories.
    pub fn begin_search(&mut self, words: &str) -> u64 {
        let list = std::mem::replace(&mut self.repositories, Listing::new(Sort::Arrival, false));
        let before = self.search.take().map_or(list, |search| search.before);
        self.search = Some(Search { words: words.to_owned(), found: Vec::new(), before });
        self.level = Level::Repositories;
        self.typing = false;
        self.begin()
    }

    /// Leaves the search; whether there was one.
    pub fn end_search(&mut self) -> bool {
        let search = self.search.take();
        let was = search.is_some();
        if let Some(search) = search {
            self.repositories = search.before;
        }
        was
    }

    /// What a search says of a shown row.
    pub fn found_at(&self, position: usize) -> Option<&FoundRepository> {
        self.search.as_ref()?.found.get(self.repositories.arrival(position)?)
    }

    /// Opens a file of the directory; `None` if its images are here (or on their way) already.
    pub fn open_file(&mut self, file: Place, name: &str) -> Option<u64> {
        self.level = Level::Images;
        self.typing = false;
        if self.file.as_ref() == Some(&file) && matches!(self.tags.load, Load::Loading | Load::Done) {
            return None;
        }
        self.file = Some(file);
        self.repository = name.to_owned();
        self.home = None;
        self.tags = Listing::new(Sort::Arrival, false);
        self.images = ListedImages::default();
        Some(self.begin())
    }

    /// The place whose images are listed by name.
    pub fn holder(&self) -> Option<&Place> {
        self.file.as_ref().or(self.place.as_ref()).filter(|place| place.holds() == Holds::Images)
    }

    /// Opens an image that is known.
    pub fn open_tag(&mut self, tag: &str, at: Location, image: &Image) {
        self.level = Level::Platforms;
        self.tag = tag.to_owned();
        self.opened = Some(at);
        let names =
            image.platforms.iter().filter(|p| p.attests.is_none()).filter_map(|p| p.platform.as_ref());
        self.platforms = Listing::of(names.map(Platform::to_string), Sort::Arrival);
        self.typing = false;
    }

    /// Leaves an image's platforms.
    pub fn close_tag(&mut self) {
        self.level = if self.holder().is_some() { Level::Images } else { Level::Tags };
    }

    /// The list on the screen.
    pub fn list(&self) -> &Listing {
        match self.level {
            Level::Repositories | Level::Files => &self.repositories,
            Level::Tags | Level::Images => &self.tags,
            Level::Platforms => &self.platforms,
        }
    }

    /// The list on the screen, to change it.
    pub fn list_mut(&mut self) -> &mut Listing {
        match self.level {
            Level::Repositories | Level::Files => &mut self.repositories,
            Level::Tags | Level::Images => &mut self.tags,
            Level::Platforms => &mut self.platforms,
        }
    }

    /// Whether the rows are images.
    pub fn shows_images(&self) -> bool {
        matches!(self.level, Level::Tags | Level::Images)
    }

    /// What a shown row is for marks; `None` for what has no name that could be asked for.
    pub fn key_at(&self, position: usize) -> Option<MarkKey> {
        let text = self.list().text(position)?;
        match self.level {
            Level::Tags => self.tag_location(text).map(MarkKey::image),
            Level::Images => {
                let image = self.images.images.get(self.tags.arrival(position)?)?;
                Some(MarkKey::image(image.location.clone()))
            }
            Level::Platforms => {
                let platform = Some(text.parse().ok()?);
                Some(MarkKey::Image { at: self.opened.clone()?, platform })
            }
            Level::Files => Some(MarkKey::Whole(self.file_at(position)?.place())),
            Level::Repositories => self.repository_location(text).map(MarkKey::Repository),
        }
    }

    /// A repository of the place, without tag.
    pub fn repository_location(&self, repository: &str) -> Option<Location> {
        let repository = repository.parse().ok()?;
        match self.place.as_ref()? {
            Place::Registry(registry) => Some(Location::Registry(Reference {
                registry: registry.clone(),
                repository,
                tag: None,
                digest: None,
            })),
            Place::Store => Some(Location::Store { repository, target: None }),
            Place::Directory(_) | Place::Archive(_) | Place::Layout(_) | Place::Engine(_) => None,
        }
    }

    fn tag_location(&self, tag: &str) -> Option<Location> {
        let (repository, tag) = (self.home.clone()?, tag.parse().ok()?);
        match self.place.as_ref()? {
            Place::Registry(registry) => {
                Some(Location::Registry(Reference::tagged(registry.clone(), repository, tag)))
            }
            Place::Store => Some(Location::Store { repository, target: Some(TagOrDigest::Tag(tag)) }),
            Place::Directory(_) | Place::Archive(_) | Place::Layout(_) | Place::Engine(_) => None,
        }
    }

    /// The cursor's image, all its platforms.
    pub fn location(&self) -> Option<Location> {
        match self.key_at(self.list().cursor())? {
            MarkKey::Image { at, .. } => Some(at),
            MarkKey::Repository(_) | MarkKey::Whole(_) => None,
        }
    }

    /// A shown row's file.
    pub fn file_at(&self, position: usize) -> Option<&FileEntry> {
        match self.level {
            Level::Files => self.files.get(self.repositories.arrival(position)?),
            _ => None,
        }
    }

    /// The cursor's file.
    pub fn current_file(&self) -> Option<&FileEntry> {
        self.file_at(self.repositories.cursor())
    }

    /// Where the browser is, for its title.
    pub fn path(&self) -> String {
        let inside = |name: &str| match self.repository.is_empty() {
            true => format!("{}:{name}", self.name),
            false => format!("{}/{}:{name}", self.name, self.repository),
        };
        if let (Level::Repositories, Some(search)) = (self.level, &self.search) {
            return format!("{} ? {}", self.name, search.words);
        }
        match self.level {
            Level::Repositories | Level::Files => self.name.clone(),
            Level::Images if self.file.is_none() => self.name.clone(),
            Level::Tags | Level::Images => format!("{}/{}", self.name, self.repository),
            Level::Platforms => inside(&self.tag),
        }
    }
}

/// A file as its row shows it: a directory ends with a slash.
pub fn file_name(file: &FileEntry) -> String {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    match file.kind {
        FileKind::Archive => name.into_owned(),
        FileKind::Layout => format!("{name}/"),
    }
}

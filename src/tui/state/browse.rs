//! The browser: a place's repositories, a repository's tags, a tag's platforms; or a directory's files.

use tui_input::Input;

use super::listing::{Listing, Load, Sort};
use super::marks::MarkKey;
use crate::engine::{FileEntry, Image, Place};
use crate::oci::{Location, Platform};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// A place's repositories.
    #[default]
    Repositories,
    /// A repository's tags.
    Tags,
    /// A tag's platforms.
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
    /// The repository whose tags are listed.
    pub repository: String,
    /// Its tags.
    pub tags: Listing,
    /// The tag whose platforms are listed.
    pub tag: String,
    /// Its platforms.
    pub platforms: Listing,
    /// Counts the requests.
    generation: u64,
    /// Whether the filter is being typed.
    pub typing: bool,
    /// The filter's text while it is being typed.
    pub input: Input,
}

impl Browse {
    /// Opens a place: the answer to the new request has this generation.
    pub fn open(&mut self, place: Place, name: &str) -> u64 {
        let files = matches!(place, Place::Directory(_));
        *self = Browse {
            level: if files { Level::Files } else { Level::Repositories },
            place: Some(place),
            name: name.to_owned(),
            repositories: Listing::new(if files { Sort::Arrival } else { Sort::Names }, false),
            generation: self.generation,
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
        self.tags = Listing::new(Sort::Versions, true);
        Some(self.begin())
    }

    /// Opens a tag whose image is known.
    pub fn open_tag(&mut self, tag: &str, image: &Image) {
        self.level = Level::Platforms;
        self.tag = tag.to_owned();
        let names =
            image.platforms.iter().filter(|p| p.attests.is_none()).filter_map(|p| p.platform.as_ref());
        self.platforms = Listing::of(names.map(Platform::to_string), Sort::Arrival);
        self.typing = false;
    }

    /// The list on the screen.
    pub fn list(&self) -> &Listing {
        match self.level {
            Level::Repositories | Level::Files => &self.repositories,
            Level::Tags => &self.tags,
            Level::Platforms => &self.platforms,
        }
    }

    /// The list on the screen, to change it.
    pub fn list_mut(&mut self) -> &mut Listing {
        match self.level {
            Level::Repositories | Level::Files => &mut self.repositories,
            Level::Tags => &mut self.tags,
            Level::Platforms => &mut self.platforms,
        }
    }

    /// The image of a shown row, for marks; `None` for repositories and files.
    pub fn key_at(&self, position: usize) -> Option<MarkKey> {
        let place = self.place.clone()?;
        let text = self.list().text(position)?;
        let repository = self.repository.clone();
        match self.level {
            Level::Tags => Some(MarkKey { place, repository, tag: text.to_owned(), platform: None }),
            Level::Platforms => {
                let platform = Some(text.parse().ok()?);
                Some(MarkKey { place, repository, tag: self.tag.clone(), platform })
            }
            Level::Repositories | Level::Files => None,
        }
    }

    /// The cursor's image, all its platforms.
    pub fn location(&self) -> Option<Location> {
        let key = self.key_at(self.list().cursor())?;
        MarkKey { platform: None, ..key }.location().ok()
    }

    /// The cursor's file.
    pub fn file(&self) -> Option<&FileEntry> {
        match self.level {
            Level::Files => self.files.get(self.repositories.arrival(self.repositories.cursor())?),
            _ => None,
        }
    }

    /// Where the browser is, for its title.
    pub fn path(&self) -> String {
        match self.level {
            Level::Repositories | Level::Files => self.name.clone(),
            Level::Tags => format!("{}/{}", self.name, self.repository),
            Level::Platforms => format!("{}/{}:{}", self.name, self.repository, self.tag),
        }
    }
}

//! Messages: everything that `update` hears of.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseEvent, MouseEventKind};
use jiff::civil::Time;

use super::completion::Completed;
use super::effect::Left;
use super::import::Imported;
use super::setup::SetupAnswer;
use super::state::clipboard::{Clip, Delivered};
use super::state::document::{Edited, Save, SaveFailure, Saved};
use super::state::queue::DraftId;
use super::themes::ThemeAnswer;
use super::upkeep::Answer;
use crate::config::credentials::LoginTarget;
use crate::engine::{FileEntry, FoundRepository, Image, ListedImages, Place, Remotes};
use crate::job::{Failure, Job, JobEvent, JobId, Plan};
use crate::oci::{Digest, Location};

/// See the module.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// A text was given to tmux, or why it could not be.
    Copied(Clip, Result<Delivered, String>),
    /// A text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time has passed.
    Tick,
    /// A filter may go on.
    Work,
    /// The engine is there.
    Ready,
    /// The engine could not be started.
    NotReady(String),
    /// A sample of all jobs.
    Jobs(Vec<Arc<Job>>),
    /// The engine said something, at this local time.
    Event(Time, JobEvent),
    /// A page of repositories or tags.
    Page {
        /// The request it answers.
        generation: u64,
        /// Names.
        names: Vec<String>,
    },
    /// What a search found.
    Found {
        /// The request it answers.
        generation: u64,
        /// The best first.
        found: Vec<FoundRepository>,
    },
    /// A directory's files.
    Files {
        /// The request it answers.
        generation: u64,
        /// Newest first.
        files: Vec<FileEntry>,
    },
    /// An archive's or a layout's images.
    Images {
        /// The request it answers.
        generation: u64,
        /// By name.
        images: ListedImages,
    },
    /// The images of a file that goes to the queue as a whole.
    Gathered {
        /// Which file.
        place: Place,
        /// Whether they are to be exported.
        export: bool,
        /// The images, or why there are none.
        answer: Result<ListedImages, Failure>,
    },
    /// A list is complete, or ended with an error.
    ListEnd {
        /// The request it answers.
        generation: u64,
        /// The error.
        failure: Option<Failure>,
    },
    /// What an image is made of.
    Inspected(Location, Result<Arc<Image>, Failure>),
    /// What is at a location.
    Resolved(Location, Result<Option<Digest>, Failure>),
    /// A draft's plan.
    Planned {
        /// The request it answers.
        generation: u64,
        /// Whose plan.
        draft: DraftId,
        /// The plan, or why there is none.
        outcome: Result<Box<Plan>, Failure>,
    },
    /// What came of reading a file or a paste.
    Imported(Imported),
    /// Bytes that there is room for in directories that a plan writes into.
    Room {
        /// The request it answers.
        generation: u64,
        /// Directories and bytes.
        room: Vec<(PathBuf, u64)>,
    },
    /// The engine took a draft, or refused it.
    Submitted(DraftId, Result<JobId, Failure>),
    /// The engine refused what was asked for a job.
    Refused(JobId, Failure),
    /// A login was stored there, or why it was not.
    LoggedIn {
        /// The request it answers.
        request: u64,
        /// For what.
        target: LoginTarget,
        /// Where it is kept, for people.
        answer: Result<String, Failure>,
    },
    /// What a logout did, or why it did nothing.
    LoggedOut(LoginTarget, Result<String, Failure>),
    /// What was found, asked or written for a first run.
    Setup(SetupAnswer),
    /// What came of looking at themes.
    Theme(Box<ThemeAnswer>),
    /// What was asked of the past.
    Past(super::past::Answer),
    /// What came of an image's upkeep.
    Upkeep(Answer),
    /// How other processes' jobs stand.
    Others(Remotes),
    /// Whether jobs are recorded.
    Recording(Recording),
    /// The jobs were given to a process in the background; an error means that everything is as it was.
    Left(Result<Left, String>),
    /// A person has edited the queue.
    Edited(Box<Edited>),
    /// How a path goes on.
    Completed(Completed),
    /// The queue was saved, or why not.
    Saved(Box<Save>, Result<Saved, SaveFailure>),
    /// The engine has stopped.
    Stopped,
}

/// Whether jobs are recorded, and what follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// They are.
    pub on: bool,
    /// Why not, though they should be.
    pub fault: Option<String>,
    /// They can be left running in the background.
    pub leaves: bool,
}

impl Msg {
    /// What the terminal said, if it concerns anybody.
    pub fn of(event: Event) -> Option<Msg> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => Some(Msg::Key(key)),
            Event::Mouse(mouse) if mouse.kind != MouseEventKind::Moved => Some(Msg::Mouse(mouse)),
            Event::Paste(text) => Some(Msg::Paste(text)),
            Event::Resize(width, height) => Some(Msg::Resize(width, height)),
            _ => None,
        }
    }

    /// Whether a person waits for the answer on the screen: then it is drawn at once.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Completed(_) | Msg::Mouse(_))
    }

    /// Whether it comes in storms, of which only the last is worth a frame.
    pub fn comes_in_storms(&self) -> bool {
        let stormy = |kind| !matches!(kind, MouseEventKind::Down(_) | MouseEventKind::Up(_));
        match self {
            Msg::Resize(..) => true,
            Msg::Mouse(mouse) => stormy(mouse.kind),
            _ => false,
        }
    }
}

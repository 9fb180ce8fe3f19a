//! Everything the UI knows. Only `update` changes it; the view only reads it. One file a pane.

pub mod aim;
pub mod browse;
pub mod choosing;
pub mod clipboard;
pub mod document;
pub mod draft;
pub mod failures;
pub mod form;
pub mod history;
pub mod jobs;
pub mod limits;
pub mod listing;
pub mod login;
pub mod logs;
pub mod lookup;
pub mod marks;
pub mod meter;
pub mod mouse;
pub mod notices;
pub mod options;
pub mod others;
pub mod paste;
pub mod plan;
pub mod popup;
pub mod preview;
pub mod queue;
pub mod record;
pub mod registries;
pub mod removal;
pub mod target;
pub mod themes;
pub mod welcome;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nucleo_matcher::Matcher;

use self::aim::Aim;
use self::browse::Browse;
use self::clipboard::Clipboard;
use self::jobs::Jobs;
use self::limits::Limits;
use self::listing::Load;
use self::logs::Logs;
use self::lookup::Lookup;
use self::marks::Marks;
use self::mouse::Mouse;
use self::notices::Notices;
use self::popup::Popup;
use self::queue::{Adding, Goal, Queue};
use self::registries::Registries;
use super::action::{Action, Context};
use super::event::Recording;
use super::keymap::Keymap;
use super::symbols::Glyphs;
use super::theme::{ColourDepth, Theme};
use super::view::layout::Layout;
use crate::config::{Config, Language};
use crate::engine::{Image, ListedImages, Place, Referrer};
use crate::job::Failure;
use crate::oci::{Digest, Location};

/// A pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pane {
    /// 1
    Registries,
    /// 2
    Browse,
    /// 3
    Queue,
    /// 4
    Jobs,
    /// 5
    Logs,
    /// 0
    Details,
}

impl Pane {
    /// The panes in the order of `tab`.
    pub const ALL: [Pane; 6] =
        [Pane::Registries, Pane::Browse, Pane::Queue, Pane::Jobs, Pane::Logs, Pane::Details];

    /// The digit that leads to it, and its name.
    pub fn title(self, words: Language) -> (char, &'static str) {
        match self {
            Pane::Registries => ('1', words.pane_registries()),
            Pane::Browse => ('2', words.pane_browse()),
            Pane::Queue => ('3', words.pane_queue()),
            Pane::Jobs => ('4', words.pane_jobs()),
            Pane::Logs => ('5', words.pane_logs()),
            Pane::Details => ('0', words.pane_details()),
        }
    }

    /// The pane's contexts for keys, the innermost first.
    pub fn contexts(self) -> &'static [Context] {
        match self {
            Pane::Registries => &[Context::Registries, Context::List, Context::Everywhere],
            Pane::Browse => &[Context::Browse, Context::List, Context::Everywhere],
            Pane::Queue => &[Context::Queue, Context::List, Context::Everywhere],
            Pane::Jobs => &[Context::Jobs, Context::List, Context::Everywhere],
            Pane::Logs => &[Context::Logs, Context::List, Context::Everywhere],
            Pane::Details => &[Context::List, Context::Everywhere],
        }
    }
}

/// Whether there is an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineState {
    /// Not yet: what is asked of it waits.
    Starting,
    /// Yes.
    Ready,
    /// It could not be started, and this is why.
    Failed(String),
}

/// How weighty the bottom line's message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It worked.
    Good,
    /// Something to know.
    Plain,
    /// It did not work.
    Bad,
}

/// The way out that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leaving {
    /// None.
    #[default]
    No,
    /// When the jobs are over.
    WhenDone,
    /// The jobs are being stopped.
    Stopping,
    /// The jobs are being given to a process in the background.
    HandingOver,
}

/// See the module.
pub struct State {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// Time since the start. The loop sets it before every update.
    pub now: Duration,
    /// The wall clock, for ages. The loop sets it before every update.
    pub clock: Timestamp,
    /// How things look.
    pub theme: Theme,
    /// With which symbols.
    pub glyphs: Glyphs,
    /// The language of every text: `state.words.mark_first()`, see [`super::words`].
    pub words: Language,
    /// The terminal's colours, for themes that are chosen.
    pub depth: ColourDepth,
    /// The first run.
    pub setup: welcome::Setup,
    /// Which key does what.
    pub keymap: Keymap,
    /// Whether there is an engine.
    pub engine: EngineState,
    /// The pane that has the keys.
    pub focus: Pane,
    /// Whether it has the whole screen.
    pub zoom: bool,
    /// Pane 1.
    pub registries: Registries,
    /// Pane 2.
    pub browse: Browse,
    /// Pane 3.
    pub queue: Queue,
    /// Pane 4.
    pub jobs: Jobs,
    /// How much of the link is taken.
    pub limits: Limits,
    /// What the ledger remembers of the job that is looked at.
    pub record: record::Record,
    /// Pane 5.
    pub logs: Logs,
    /// How far pane 0 is scrolled.
    pub details: popup::Scroll,
    /// An image's page, so that it is built once.
    pub pages: super::view::details::kept::Pages,
    /// What is marked.
    pub marks: Marks,
    /// The popups, the top one last.
    pub popups: Vec<Popup>,
    /// Nothing is to be changed, see [`super::action::Entry::writes`].
    pub read_only: bool,
    /// Where copies go.
    pub target: Option<Aim>,
    /// Targets that were set before, the last one first.
    pub recent: Vec<String>,
    /// What is being added to the queue in steps.
    pub adding: Option<Adding>,
    /// Where exports go.
    pub downloads: PathBuf,
    /// Images that were looked into.
    pub images: Lookup<Location, Arc<Image>, Failure>,
    /// What is at a location: for `= ≠ ∅`.
    pub digests: Lookup<Location, Option<Digest>, ()>,
    /// What refers to images, by their digests.
    pub referrers: Lookup<Digest, Vec<Referrer>, Failure>,
    /// The message in the bottom line.
    pub message: Option<(Tone, String)>,
    /// Requests of plans and of logins: an answer to an older one is dropped.
    pub plans: u64,
    /// Files whose images are being listed, to be added to the queue.
    pub gathering: Vec<Place>,
    /// Files that drafts and jobs read, so that they stay open.
    pub kept: Vec<ListedImages>,
    /// The way out.
    pub leaving: Leaving,
    /// Whether jobs are recorded.
    pub recording: Recording,
    /// What is on its way to the clipboard, and which ways there are.
    pub clipboard: Clipboard,
    /// The mouse, and the borders that it moved.
    pub mouse: Mouse,
    /// What is told of outside the screen.
    pub notices: Notices,
    /// When the cursor last came to rest on another image.
    pub(super) rested: Duration,
    /// Whether something is to be asked for once the cursor has rested.
    pub(super) unasked: bool,
    /// The image that the cursor is on.
    pub(super) at: Option<Location>,
    /// The tag to open once its image is known.
    pub(super) opening: Option<Location>,
    /// The filter's matcher.
    pub(super) matcher: Matcher,
}

/// How long the cursor must rest before anything is asked for.
pub const DEBOUNCE: Duration = Duration::from_millis(150);

impl State {
    /// The state of the first frame.
    pub fn new(config: &Config, theme: Theme, keymap: Keymap) -> State {
        let registries = Registries::new(config.registries.clone());
        let target = config.target.as_deref().and_then(|text| config.prefix(text).ok()).map(Aim::at);
        State {
            size: (80, 24),
            now: Duration::ZERO,
            clock: Timestamp::UNIX_EPOCH,
            theme,
            depth: ColourDepth::True,
            setup: welcome::Setup::default(),
            glyphs: Glyphs::of(config.symbols),
            words: config.language.unwrap_or_default(),
            keymap,
            engine: EngineState::Starting,
            focus: Pane::Registries,
            zoom: false,
            registries,
            browse: Browse::default(),
            queue: Queue::default(),
            jobs: Jobs::default(),
            limits: Limits::new(config),
            record: record::Record::default(),
            logs: Logs::default(),
            details: popup::Scroll::default(),
            pages: Default::default(),
            marks: Marks::default(),
            popups: Vec::new(),
            read_only: config.read_only,
            target,
            recent: Vec::new(),
            adding: None,
            downloads: config.downloads.clone(),
            images: Lookup::new(300),
            digests: Lookup::new(4000),
            referrers: Lookup::new(300),
            message: None,
            plans: 0,
            gathering: Vec::new(),
            kept: Vec::new(),
            leaving: Leaving::No,
            recording: Recording::default(),
            clipboard: Clipboard::default(),
            mouse: Mouse::new(config.mouse),
            notices: Notices::new(config.notify),
            rested: Duration::ZERO,
            unasked: false,
            at: None,
            opening: None,
            matcher: Matcher::new(nucleo_matcher::Config::DEFAULT),
        }
    }

    /// Where a key is looked up now, the innermost context first.
    pub fn contexts(&self) -> &'static [Context] {
        match self.popups.last() {
            Some(popup) => popup.contexts(),
            None if self.focus == Pane::Browse && self.browse.typing => &[Context::Filter],
            None => self.focus.contexts(),
        }
    }

    /// Whether keys that do nothing are text.
    pub fn typing(&self) -> bool {
        matches!(self.contexts(), [Context::Filter] | [Context::Prompt])
    }

    /// Whether there is work that waits for no answer: a filter's next step.
    pub fn has_work(&self) -> bool {
        self.adding.is_some() || self.browse.list().has_work()
    }

    /// Whether something on the screen turns while it waits for an answer.
    pub fn spinning(&self) -> bool {
        let opening = self.engine == EngineState::Starting
            || matches!(self.browse.list().load, Load::Loading)
            || self.opening.is_some()
            || self.at.as_ref().is_some_and(|at| matches!(self.images.get(at), Some(lookup::Known::Asked)));
        let planning = self.popups.iter().any(|popup| matches!(popup, Popup::Plan(plan) if plan.waiting()));
        let checking =
            self.popups.iter().any(|popup| matches!(popup, Popup::Login(form) if form.checking.is_some()));
        let upkeep = self.popups.iter().any(|popup| match popup {
            Popup::Removal(removal) => removal.waiting(),
            Popup::Diff(comparison) => comparison.answer.is_none() && !comparison.absent,
            Popup::Paste(preview) => preview.reading.is_some(),
            Popup::Options(form) => super::update::options::asking(self, form),
            _ => false,
        });
        let asking = self.registries.rows.iter().any(|row| row.health == registries::Health::Asked)
            || self.popups.iter().any(|popup| match popup {
                Popup::Offer(offer) => offer.writing,
                Popup::Welcome(_) => self.setup.engine.is_none(),
                _ => false,
            });
        opening
            || asking
            || upkeep
            || planning
            || checking
            || !self.gathering.is_empty()
            || !self.queue.starting.is_empty()
            || matches!(self.leaving, Leaving::Stopping | Leaving::HandingOver)
    }

    /// The copy's destination of what is at a location.
    pub fn destination(&self, source: &Location) -> Option<Location> {
        self.target.as_ref()?.destination(source).ok()
    }

    /// What a copy of this is: without a target it waits for one. The error says why it cannot go there.
    pub fn goal(&self, source: &Location) -> Result<Goal, String> {
        let Some(target) = &self.target else { return Ok(Goal::Copy(Vec::new())) };
        let places = target.destinations(source)?;
        let itself = queue::with_its_tag(source);
        let elsewhere: Vec<Location> = places.into_iter().filter(|place| *place != itself).collect();
        match elsewhere.is_empty() {
            true => Err(self.words.at_the_target(source)),
            false => Ok(Goal::Copy(elsewhere)),
        }
    }

    /// Images that the browser's window shows.
    pub(super) fn visible(&self, height: usize) -> Vec<Location> {
        if !self.browse.shows_images() {
            return Vec::new();
        }
        let list = self.browse.list();
        let window = list.offset..(list.offset + height).min(list.len());
        window.filter_map(|position| self.browse.key_at(position)?.location().cloned()).collect()
    }

    /// Where everything is on the screen.
    pub fn layout(&self) -> Layout {
        Layout::with(self.size, self.focus, self.zoom, &self.mouse.borders)
    }

    /// The key to show for an action; its name in the palette (`:logout`) if it has none.
    pub fn key(&self, action: Action) -> &str {
        self.keymap.way(action)
    }

    /// Sets the bottom line's message.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.message = Some((tone, crate::oci::printable(&text.into(), 300)));
    }
}

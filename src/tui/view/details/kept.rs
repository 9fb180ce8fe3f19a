//! An image's page as it was last built: it may have hundreds of labels with thousands of signs each, and is needed for
//! every key (how far it scrolls) and for every frame. [`refresh`] builds it where something that it shows has changed;
//! `view` takes it as it is, and builds its own where it fits no more.

use std::sync::Arc;

use ratatui::text::Line;

use super::{built, image};
use crate::config::Language;
use crate::engine::Image;
use crate::oci::Location;
use crate::tui::state::browse::Level;
use crate::tui::state::popup::Popup;
use crate::tui::state::{Pane, State};
use crate::tui::symbols::Glyphs;
use crate::tui::theme::Theme;

/// The pane's page and the popup's.
#[derive(Debug, Default)]
pub struct Pages {
    pane: Option<Page>,
    popup: Option<Page>,
}

/// A page, and all that it was built of.
#[derive(Debug)]
struct Page {
    lines: Vec<Line<'static>>,
    at: Option<Location>,
    image: Arc<Image>,
    /// What was known of referrers, see [`crate::tui::state::lookup::Lookup::changes`].
    referrers: u64,
    /// The platform that it is about.
    platform: Option<String>,
    width: u16,
    /// The second: ages are counted from it.
    second: i64,
    theme: Theme,
    glyphs: Glyphs,
    words: Language,
}

impl Page {
    fn build(state: &State, image: Arc<Image>, width: u16, full: bool) -> Page {
        Page {
            lines: built(state, width, full),
            at: state.at.clone(),
            image,
            referrers: state.referrers.changes(),
            platform: platform(state).map(str::to_owned),
            width,
            second: state.clock.as_second(),
            theme: state.theme.clone(),
            glyphs: state.glyphs,
            words: state.words,
        }
    }

    fn fits(&self, state: &State, width: u16) -> bool {
        self.width == width
            && image(state).is_some_and(|image| Arc::ptr_eq(image, &self.image))
            && self.at == state.at
            && self.second == state.clock.as_second()
            && self.referrers == state.referrers.changes()
            && self.platform.as_deref() == platform(state)
            && self.words == state.words
            && self.glyphs == state.glyphs
            && self.theme == state.theme
    }
}

/// On the level of the platforms, the cursor's.
fn platform(state: &State) -> Option<&str> {
    state.browse.list().current().filter(|_| state.browse.level == Level::Platforms)
}

impl Pages {
    /// The page, if what it shows is still the same.
    pub(super) fn get(&self, state: &State, width: u16, full: bool) -> Option<&[Line<'static>]> {
        let page = if full { &self.popup } else { &self.pane };
        page.as_ref().filter(|page| page.fits(state, width)).map(|page| page.lines.as_slice())
    }
}

/// Builds what is seen and has changed.
pub fn refresh(state: &mut State) {
    let Some(image) = image(state).cloned() else {
        state.pages = Pages::default();
        return;
    };
    let layout = state.layout();
    let width = layout.inner(Pane::Details).width;
    if width == 0 {
        state.pages.pane = None;
    } else if state.pages.get(state, width, false).is_none() {
        state.pages.pane = Some(Page::build(state, Arc::clone(&image), width, false));
    }
    let width = super::super::popup::page_columns(&layout);
    if !matches!(state.popups.last(), Some(Popup::Inspect(_))) {
        state.pages.popup = None;
    } else if state.pages.get(state, width, true).is_none() {
        state.pages.popup = Some(Page::build(state, image, width, true));
    }
}

//! Focus, cursors and windows.

use crate::tui::action::Action;
use crate::tui::state::browse::Level;
use crate::tui::state::popup::{Popup, Scroll};
use crate::tui::state::{Pane, State};
use crate::tui::view::layout::{Fold, Layout};
use crate::tui::view::popup as popup_view;

pub(super) fn focus(state: &mut State, pane: Pane) {
    let layout = Layout::new(state.size, state.focus, state.zoom);
    match pane {
        Pane::Details if layout.fold == Fold::Medium => state.popups.push(Popup::Inspect(Scroll::default())),
        _ => state.focus = pane,
    }
}

pub(super) fn cycle(state: &mut State, forward: bool) {
    let medium = Layout::new(state.size, state.focus, state.zoom).fold == Fold::Medium;
    let panes: Vec<Pane> = Pane::ALL.into_iter().filter(|pane| !medium || *pane != Pane::Details).collect();
    let at = panes.iter().position(|pane| *pane == state.focus).unwrap_or(0);
    let step = if forward { 1 } else { panes.len() - 1 };
    state.focus = panes[(at + step) % panes.len()];
}

/// `esc`: one layer at a time.
pub(super) fn back(state: &mut State) {
    if state.focus == Pane::Browse {
        if state.browse.list_mut().drop_range() {
            return;
        }
        if !state.browse.list().filter().is_empty() {
            state.browse.list_mut().set_filter("");
            return;
        }
    }
    if std::mem::take(&mut state.zoom) {
        return;
    }
    if state.opening.take().is_some() {
        return;
    }
    match (state.focus, state.browse.level) {
        (Pane::Browse, _) => super::browse::ascend(state),
        (Pane::Details, Level::Tags | Level::Images | Level::Platforms) => state.focus = Pane::Browse,
        _ => {}
    }
}

/// The rows of the window that the keys scroll.
fn page(state: &State, layout: &Layout) -> usize {
    match popup_view::extent(state, layout) {
        Some((_, height)) => height.max(1),
        None => usize::from(layout.inner(state.focus).height).max(1),
    }
}

pub(super) fn travel(state: &mut State, action: Action) {
    let layout = Layout::new(state.size, state.focus, state.zoom);
    let page = page(state, &layout) as isize;
    let half = (page / 2).max(1);
    let rows = match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::HalfPageDown => half,
        Action::HalfPageUp => -half,
        Action::PageDown => page,
        Action::PageUp => -page,
        Action::Top => isize::MIN,
        _ => isize::MAX,
    };
    let moved = |at: usize| at.saturating_add_signed(rows);
    if let Some(popup) = state.popups.last_mut() {
        if let Some(scroll) = popup.scroll_mut() {
            scroll.top = moved(scroll.top);
        }
        return;
    }
    match state.focus {
        Pane::Registries => {
            let last = state.registries.rows.len().saturating_sub(1);
            state.registries.cursor = moved(state.registries.cursor).min(last);
        }
        Pane::Browse => state.browse.list_mut().move_by(rows),
        Pane::Queue => {
            state.queue.cursor = moved(state.queue.cursor).min(state.queue.drafts().len().saturating_sub(1))
        }
        Pane::Jobs => state.jobs.move_to(moved(state.jobs.cursor())),
        Pane::Logs => state.logs.scroll(rows, page as usize),
        Pane::Details => state.details.top = moved(state.details.top),
    }
}

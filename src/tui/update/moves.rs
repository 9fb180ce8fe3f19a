//! Focus, cursors and windows.

use crate::tui::action::Action;
use crate::tui::state::browse::Level;
use crate::tui::state::popup::{Popup, Scroll};
use crate::tui::state::{Pane, State, Tone};
use crate::tui::view::layout::{Fold, Layout};
use crate::tui::view::{details, popup as popup_view};

pub(super) fn focus(state: &mut State, pane: Pane) {
    let layout = state.layout();
    match pane {
        Pane::Details if layout.fold == Fold::Medium => state.popups.push(Popup::Inspect(Scroll::default())),
        _ if pane == state.focus => {
            state.say(Tone::Plain, state.words.already_there(pane.title(state.words).1))
        }
        _ => state.focus = pane,
    }
}

/// Gives the focused pane the screen, or takes it back.
pub(super) fn zoom(state: &mut State) {
    state.zoom = !state.zoom;
    if Layout::new(state.size, state.focus, false).fold == Fold::Single {
        state.say(Tone::Plain, state.words.one_pane_anyway());
    }
}

pub(super) fn cycle(state: &mut State, forward: bool) {
    let medium = state.layout().fold == Fold::Medium;
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
    if state.focus == Pane::Queue && state.queue.unmark() {
        return state.say(Tone::Plain, state.words.marks_dropped());
    }
    let unwound = match state.focus {
        Pane::Jobs => super::jobs::unwind(state),
        Pane::Logs => super::logs::unwind(state),
        _ => false,
    };
    if unwound || std::mem::take(&mut state.zoom) {
        return;
    }
    if state.opening.take().is_some() {
        return;
    }
    match (state.focus, state.browse.level) {
        (Pane::Browse, _) => super::browse::ascend(state),
        (Pane::Details, Level::Tags | Level::Images | Level::Platforms) => state.focus = Pane::Browse,
        _ => {
            let quit = state.key(Action::Quit);
            state.say(Tone::Plain, state.words.nothing_to_go_back_from(quit));
        }
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
    let layout = state.layout();
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
    let before = position(state);
    move_by(state, rows, page as usize);
    if position(state) == before {
        let words = state.words;
        state.say(Tone::Plain, if rows < 0 { words.at_the_first() } else { words.at_the_last() });
    }
}

/// Where the cursor or the window is that the keys move.
fn position(state: &mut State) -> (usize, bool) {
    match state.popups.last() {
        Some(Popup::Marked(marked)) => return (marked.cursor, false),
        Some(Popup::History(history)) => return (history.cursor(), false),
        Some(Popup::Paste(preview)) => return (preview.cursor, false),
        Some(Popup::Plan(plan)) => return (plan.cursor, false),
        _ => {}
    }
    if let Some(popup) = state.popups.last_mut() {
        return (popup.scroll_mut().map_or(0, |scroll| scroll.top), false);
    }
    match state.focus {
        Pane::Registries => (state.registries.cursor, false),
        Pane::Browse => (state.browse.list().cursor(), false),
        Pane::Queue => (state.queue.cursor, false),
        Pane::Jobs => (state.jobs.cursor(), false),
        Pane::Logs => (state.logs.back, state.logs.follow),
        Pane::Details => (state.details.top, false),
    }
}

fn move_by(state: &mut State, rows: isize, page: usize) {
    let moved = |at: usize| at.saturating_add_signed(rows);
    if let Some(Popup::Marked(marked)) = state.popups.last_mut() {
        marked.cursor = moved(marked.cursor).min(marked.keys.len().saturating_sub(1));
        return;
    }
    match state.popups.last_mut() {
        Some(Popup::History(history)) => return super::past::travel(history, moved),
        Some(Popup::Paste(preview)) => return preview.move_by(rows),
        Some(Popup::Plan(plan)) => return plan.move_by(rows),
        _ => {}
    }
    if !state.popups.is_empty() {
        let layout = state.layout();
        let last = popup_view::extent(state, &layout).map_or(0, |(rows, height)| rows.saturating_sub(height));
        if let Some(scroll) = state.popups.last_mut().and_then(Popup::scroll_mut) {
            scroll.top = moved(scroll.top).min(last);
        }
        return;
    }
    move_rows(state, state.focus, rows, page);
}

/// Scrolls a pane, focused or not.
pub(super) fn scroll(state: &mut State, pane: Pane, rows: isize) {
    let page = usize::from(state.layout().inner(pane).height).max(1);
    move_rows(state, pane, rows, page);
}

fn move_rows(state: &mut State, pane: Pane, rows: isize, page: usize) {
    let moved = |at: usize| at.saturating_add_signed(rows);
    match pane {
        Pane::Registries => {
            let last = state.registries.rows.len().saturating_sub(1);
            state.registries.cursor = moved(state.registries.cursor).min(last);
        }
        Pane::Browse => state.browse.list_mut().move_by(rows),
        Pane::Queue => {
            state.queue.cursor = moved(state.queue.cursor).min(state.queue.drafts().len().saturating_sub(1))
        }
        Pane::Jobs => state.jobs.move_to(moved(state.jobs.cursor())),
        Pane::Logs => state.logs.scroll(rows, page),
        Pane::Details => {
            let layout = state.layout();
            let inner = layout.inner(Pane::Details);
            let all = details::rows(state, inner.width);
            state.details.top = moved(state.details.top).min(all.saturating_sub(inner.height.into()));
        }
    }
}

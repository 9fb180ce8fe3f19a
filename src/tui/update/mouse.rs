//! The mouse: the wheel scrolls what is under it, a click focuses, moves the cursor and presses keys that are shown, two open,
//! a drag moves a border.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use crate::tui::effect::Effect;
use crate::tui::keymap::Key;
use crate::tui::state::browse::Level;
use crate::tui::state::popup::Popup;
use crate::tui::state::{Pane, State, Tone};
use crate::tui::view::layout::{Fold, Spot};
use crate::tui::view::{self, jobs as jobs_view};

/// Rows that a notch of the wheel scrolls.
const NOTCH: isize = 3;
/// Two clicks within this time are one that opens.
const DOUBLE: Duration = Duration::from_millis(400);
/// How far left of a click its key may stand.
const REACH: u16 = 40;

pub(super) fn toggle(state: &mut State) {
    state.mouse.on = !state.mouse.on;
    state.mouse.dragged = None;
    let text = if state.mouse.on { state.words.mouse_on() } else { state.words.mouse_off() };
    state.say(Tone::Plain, text);
}

pub(super) fn event(state: &mut State, event: MouseEvent, effects: &mut Vec<Effect>) {
    let at = (event.column, event.row);
    match event.kind {
        MouseEventKind::ScrollDown => wheel(state, at, NOTCH),
        MouseEventKind::ScrollUp => wheel(state, at, -NOTCH),
        MouseEventKind::Down(MouseButton::Left) => {
            state.message = None;
            let double = state
                .mouse
                .pressed
                .take()
                .is_some_and(|(x, y, when)| (x, y) == at && state.now.saturating_sub(when) <= DOUBLE);
            if !double {
                state.mouse.pressed = Some((at.0, at.1, state.now));
            }
            press(state, at, double, effects);
        }
        MouseEventKind::Drag(MouseButton::Left) => {
            if let Some(edge) = state.mouse.dragged {
                state.layout().drag(&mut state.mouse.borders, edge, at);
            }
        }
        MouseEventKind::Up(MouseButton::Left) => state.mouse.dragged = None,
        _ => {}
    }
}

fn wheel(state: &mut State, (x, y): (u16, u16), rows: isize) {
    match state.popups.last_mut() {
        Some(Popup::Palette(_)) => super::popups::propose(state, rows.signum()),
        Some(popup) => {
            if let Some(scroll) = popup.scroll_mut() {
                scroll.top = scroll.top.saturating_add_signed(rows);
            }
        }
        None => {
            if let Spot::Inside(pane, ..) | Spot::Frame(pane) | Spot::Border(_, pane) =
                state.layout().at(x, y)
            {
                super::moves::scroll(state, pane, rows);
            }
        }
    }
}

fn press(state: &mut State, (x, y): (u16, u16), double: bool, effects: &mut Vec<Effect>) {
    let spot = state.layout().at(x, y);
    if spot == Spot::Hints || !state.popups.is_empty() {
        if let Some(key) = key_at(state, x, y) {
            super::press::press(state, key, effects);
        } else if !state.popups.is_empty() {
            choose(state, (x, y), effects);
        }
        return;
    }
    match spot {
        Spot::Border(edge, pane) => {
            state.mouse.dragged = Some(edge);
            focus(state, pane);
        }
        Spot::Frame(pane) => focus(state, pane),
        Spot::Inside(pane, column, row) => {
            let before = state.focus;
            focus(state, pane);
            // In an accordion the pane opens, and its rows are elsewhere.
            if state.layout().fold == Fold::Accordion && before != pane {
                return;
            }
            let Some(position) = position(state, pane, row) else { return };
            move_to(state, pane, position);
            if double {
                super::press::press(state, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE), effects);
            } else if before == pane && pane == Pane::Browse && column < 2 {
                mark(state, position);
            }
        }
        Spot::Header | Spot::Hints | Spot::Nothing => {}
    }
}

fn focus(state: &mut State, pane: Pane) {
    state.browse.typing = false;
    super::moves::focus(state, pane);
}

fn mark(state: &mut State, position: usize) {
    if state.browse.level != Level::Repositories
        && let Some(key) = state.browse.key_at(position)
    {
        state.marks.toggle(key);
    }
}

/// What a row of a pane is of.
fn position(state: &State, pane: Pane, row: u16) -> Option<usize> {
    let layout = state.layout();
    let row_index = usize::from(row);
    let (position, len) = match pane {
        Pane::Registries => (state.registries.offset + row_index, state.registries.rows.len()),
        Pane::Browse => {
            let window = view::browse::window(state, layout.inner(Pane::Browse));
            let list = state.browse.list();
            (list.offset + row_index, if row < window.height { list.len() } else { 0 })
        }
        Pane::Queue => (state.queue.offset + row_index, state.queue.drafts().len()),
        Pane::Jobs => {
            let across = jobs_view::columns(layout.inner(Pane::Jobs).width);
            let rows = state.jobs.shown();
            let mut below = 0;
            let found = (state.jobs.offset..rows.len()).find(|position| {
                below += state.jobs.height(rows[*position], across);
                row_index < below
            });
            (found?, rows.len())
        }
        Pane::Logs | Pane::Details => return None,
    };
    (position < len).then_some(position)
}

fn move_to(state: &mut State, pane: Pane, position: usize) {
    match pane {
        Pane::Registries => state.registries.cursor = position,
        Pane::Browse => state.browse.list_mut().move_to(position),
        Pane::Queue => state.queue.cursor = position,
        Pane::Jobs => state.jobs.move_to(position),
        Pane::Logs | Pane::Details => {}
    }
}

/// The screen as it is seen: what is clicked on is what is shown there, whoever draws it.
fn painted(state: &State) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, state.size.0, state.size.1));
    view::paint(state, buffer.area, &mut buffer);
    buffer
}

/// The key that is shown at a point, or left of it with the word for what it does.
fn key_at(state: &State, x: u16, y: u16) -> Option<KeyEvent> {
    let buffer = painted(state);
    let theme = &state.theme;
    let colour = theme.key.fg.or(theme.text.fg).unwrap_or_default();
    let is_key = |cell: &Cell| cell.fg == colour && cell.modifier.contains(theme.key.add_modifier);
    let cell = |x: u16| buffer.cell((x, y));
    let blank = |x: u16| cell(x).is_none_or(|cell| cell.symbol() == " ");
    let typing = state.typing();
    let first = x.saturating_sub(REACH);
    let mut at = x;
    loop {
        if cell(at)?.symbol() == state.glyphs.dot {
            return None;
        }
        if !blank(at) && is_key(cell(at)?) {
            let begin = (first..=at).rev().take_while(|x| !blank(*x)).last().unwrap_or(at);
            let end = (at..buffer.area.right()).take_while(|x| !blank(*x)).last().unwrap_or(at);
            let word: String = (begin..=end).filter_map(|x| Some(cell(x)?.symbol())).collect();
            if let Ok(key) = word.parse::<Key>() {
                let event = key.event();
                let text = matches!(event.code, KeyCode::Char(_)) && event.modifiers.is_empty();
                return (!typing || !text).then_some(event);
            }
            at = begin;
        }
        at = at.checked_sub(1).filter(|at| *at >= first)?;
    }
}

/// A click on a choice of the top popup chooses it; on the chosen one it takes it.
fn choose(state: &mut State, (x, y): (u16, u16), effects: &mut Vec<Effect>) {
    let (before, count) = match state.popups.last() {
        Some(Popup::Dialog(dialog)) => (dialog.cursor, dialog.choices.len()),
        Some(Popup::Removal(removal)) if !removal.types() => (usize::from(removal.chosen), 2),
        Some(Popup::Palette(palette)) => return choose_action(state, palette.cursor, (x, y), effects),
        _ => return,
    };
    // Choices may take several rows: the one that has this row when it is chosen is meant.
    for choice in 0..count {
        set_choice(state, choice);
        if has_cursor(state, &painted(state), x, y) {
            if choice == before {
                super::press::press(state, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE), effects);
            }
            return;
        }
    }
    set_choice(state, before);
}

fn set_choice(state: &mut State, choice: usize) {
    match state.popups.last_mut() {
        Some(Popup::Dialog(dialog)) => dialog.cursor = choice,
        Some(Popup::Removal(removal)) => removal.chosen = choice == 1,
        _ => {}
    }
}

/// A row of the palette: rows are one line each, so the distance to the chosen one tells which.
fn choose_action(state: &mut State, before: usize, (x, y): (u16, u16), effects: &mut Vec<Effect>) {
    let buffer = painted(state);
    let rule = state.glyphs.border.horizontal_top;
    let is_rule = |y: u16| buffer.cell((x, y)).is_none_or(|cell| cell.symbol() == rule);
    let Some(chosen) = (0..state.size.1).find(|y| has_cursor(state, &buffer, x, *y)) else { return };
    let between = if y < chosen { y..chosen } else { chosen..y };
    if between.chain([y]).any(is_rule) {
        return;
    }
    let Some(Popup::Palette(palette)) = state.popups.last_mut() else { return };
    let Some(row) = before.checked_add_signed(isize::from(y as i16) - isize::from(chosen as i16)) else {
        return;
    };
    if row == before {
        super::press::press(state, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE), effects);
    } else if row < palette.hits.len() {
        palette.cursor = row;
    }
}

/// Whether a cell looks like the cursor's.
fn has_cursor(state: &State, buffer: &Buffer, x: u16, y: u16) -> bool {
    let cursor = state.theme.cursor;
    buffer.cell((x, y)).is_some_and(|cell| {
        cursor.bg.is_none_or(|bg| cell.bg == bg) && cell.modifier.contains(cursor.add_modifier)
    })
}

//! Pane 2: repositories, tags, platforms, files.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{Pen, age, bytes, wrap};
use super::{advice, spinner};
use crate::oci::Location;
use crate::tui::action::Action;
use crate::tui::state::browse::Level;
use crate::tui::state::listing::Load;
use crate::tui::state::lookup::Known;
use crate::tui::state::marks::MarkKey;
use crate::tui::state::{Pane, State};

/// The rows of the list: the pane without its last line, if that has something to say.
pub fn window(state: &State, area: Rect) -> Rect {
    let list = state.browse.list();
    let footer = state.browse.typing
        || !list.filter().is_empty()
        || !state.marks.is_empty()
        || list.range().is_some()
        || state.opening.is_some()
        || (matches!(list.load, Load::Failed(_)) && list.total() > 0);
    Rect { height: area.height.saturating_sub(u16::from(footer && area.height > 1)), ..area }
}

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let window = window(state, area);
    let list = state.browse.list();
    if window.height < area.height {
        footer(state, Rect { y: window.bottom(), height: 1, ..area }, buffer);
    }
    if list.is_empty() {
        return empty(state, window, buffer);
    }
    let range = list.range();
    for row in 0..window.height {
        let position = list.offset + usize::from(row);
        let Some(text) = list.text(position) else { break };
        let line = Rect { y: window.y + row, height: 1, ..window };
        let in_range = range.is_some_and(|(first, last)| (first..=last).contains(&position));
        draw_row(state, line, (position, text), in_range, buffer);
        if position == list.cursor() {
            buffer.set_style(line, super::cursor_style(state, Pane::Browse));
        } else if in_range {
            buffer.set_style(line, state.theme.cursor_blurred);
        }
    }
}

fn draw_row(state: &State, line: Rect, (position, text): (usize, &str), in_range: bool, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    let mark = state.browse.key_at(position);
    let marked = mark.as_ref().is_some_and(|mark| state.marks.has(mark));
    let lead = if marked || in_range { glyphs.mark } else { " " };
    pen.right("", 1, theme.text).put(" ", theme.text).put(lead, theme.mark);
    match state.browse.level {
        Level::Tags | Level::Images => {
            if let Some(location) = mark.as_ref().and_then(MarkKey::location) {
                tag_columns(state, location, &mut pen);
            }
        }
        Level::Files => file_columns(state, position, &mut pen),
        Level::Platforms => platform_columns(state, position, &mut pen),
        Level::Repositories => {}
    }
    pen.put(text, if marked { theme.mark } else { theme.text });
}

/// What is known of a tag, from the right: against the target, age, size, platforms.
fn tag_columns(state: &State, location: &Location, pen: &mut Pen) {
    let theme = &state.theme;
    let wide = pen.room() >= 50;
    if state.target.is_some() {
        let (sign, style) = compared(state, location);
        let text = if wide && !sign.is_empty() { format!("  {sign} dst") } else { sign.to_owned() };
        pen.right(&text, if wide { 7 } else { 3 }, style);
    }
    let Some(image) = state.images.value(location) else {
        if matches!(state.images.get(location), Some(Known::Asked)) {
            pen.right(spinner(state), 2, theme.dim);
        }
        return;
    };
    let platforms: Vec<_> = image.platforms.iter().filter(|p| p.attests.is_none()).collect();
    if wide {
        let created =
            platforms.iter().filter_map(|p| p.created.as_deref()?.parse::<jiff::Timestamp>().ok()).max();
        let text = created.map(|at| age(state.clock.as_second() - at.as_second())).unwrap_or_default();
        pen.right(&text, 6, theme.dim);
    }
    pen.right(&bytes(image.size), 8, theme.text);
    if wide {
        pen.right(&format!("{} plat", platforms.len()), 8, theme.dim);
    }
}

/// `= ≠ ∅` against the target, `?` where the target does not say; nothing as long as it is not known.
fn compared(state: &State, location: &Location) -> (&'static str, Style) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let here = state.digests.value(location);
    let to = state.destination(location);
    let there = to.as_ref().and_then(|to| state.digests.value(to).cloned());
    if to.is_some_and(|to| matches!(state.digests.get(&to), Some(Known::Failed(())))) {
        return ("?", theme.warn);
    }
    match (here, there) {
        (Some(Some(_)), Some(None)) => (glyphs.absent, theme.dim),
        (Some(Some(here)), Some(Some(there))) if *here == there => (glyphs.same, theme.ok),
        (Some(Some(_)), Some(Some(_))) => (glyphs.differs, theme.warn),
        _ => ("", theme.dim),
    }
}

fn file_columns(state: &State, position: usize, pen: &mut Pen) {
    let Some(file) = state.browse.file_at(position) else { return };
    if let Some(modified) = file.modified {
        // Files are told apart by their day and minute; the person's own time.
        let at = modified.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string();
        let age = age(state.clock.as_second() - modified.as_second());
        let (text, columns) = if pen.room() >= 44 { (at, 18) } else { (age, 6) };
        pen.right(&text, columns, state.theme.dim);
    }
    pen.right(&bytes(file.size), 8, state.theme.text);
}

fn platform_columns(state: &State, position: usize, pen: &mut Pen) {
    let image = state.browse.location().and_then(|at| state.images.value(&at).cloned());
    let shown = image
        .iter()
        .flat_map(|image| image.platforms.iter())
        .filter(|p| p.attests.is_none() && p.platform.is_some());
    let Some(n) = state.browse.list().arrival(position) else { return };
    if let Some(platform) = shown.skip(n).map(|p| (p.size, p.layers.len())).next() {
        pen.right(&bytes(platform.0), 8, state.theme.text);
        pen.right(&format!("{} layers", platform.1), 11, state.theme.dim);
    }
}

/// The last line: the filter, the marks, what went wrong.
fn footer(state: &State, line: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let list = state.browse.list();
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    pen.skip(1);
    if state.browse.typing || !list.filter().is_empty() {
        pen.put("filter: ", theme.dim);
        match state.browse.typing {
            true => super::popup::typed(&mut pen, &state.browse.input, theme.input, glyphs.caret),
            false => pen.write(list.filter(), theme.input),
        }
        pen.put(&format!(" {}/{}", list.len(), list.total()), theme.dim).skip(3);
    }
    if !state.marks.is_empty() {
        pen.put(&format!("marks {}", state.marks.len()), theme.mark).skip(3);
    }
    if let Some((first, last)) = list.range() {
        pen.put(&format!("range {}", last - first + 1), theme.mark).skip(3);
    }
    if state.opening.is_some() {
        pen.put(&format!("{} opening", spinner(state)), theme.dim).skip(3);
    }
    if let Load::Failed(failure) = &list.load {
        pen.put(
            &format!("{} {} ({} asks again)", glyphs.failed, failure.message, state.key(Action::Refresh)),
            theme.error,
        );
    }
}

/// A list without rows says why.
fn empty(state: &State, area: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let list = state.browse.list();
    let what = match state.browse.level {
        Level::Repositories => "repositories",
        Level::Tags => "tags",
        Level::Images => "images",
        Level::Platforms => "platforms",
        Level::Files => "image files",
    };
    let mut lines: Vec<(String, Style)> = Vec::new();
    match (&state.browse.place, &list.load) {
        (None, _) => lines
            .push((format!("choose a registry and press {}", state.key(Action::OpenRegistry)), theme.dim)),
        (_, Load::Loading) => {
            lines.push((format!("{} asking for {what}{}", spinner(state), state.glyphs.ellipsis), theme.dim))
        }
        (_, Load::Failed(failure)) => {
            lines.push((format!("{} {}", state.glyphs.failed, failure.message), theme.error));
            lines.push((advice::class(state, failure), theme.dim));
            lines.extend(advice::hints(state, failure).into_iter().map(|hint| (hint, theme.warn)));
            lines.extend(advice::mends(state, failure).map(|text| (text, theme.key)));
            let by_name = format!("; {} opens a repository by its name", state.key(Action::OpenRepository));
            let more = if state.browse.level == Level::Repositories { by_name } else { String::new() };
            lines.push((format!("{} asks again{more}", state.key(Action::Refresh)), theme.dim));
        }
        _ if list.has_work() => {}
        _ if !list.filter().is_empty() => {
            lines.push((format!("no {what} match; esc drops the filter"), theme.dim))
        }
        (_, _) => {
            lines.push((format!("no {what} here"), theme.dim));
            if state.browse.level == Level::Repositories {
                lines.push((
                    format!("{} opens a repository by its name", state.key(Action::OpenRepository)),
                    theme.dim,
                ));
            }
        }
    }
    let rows = lines.into_iter().flat_map(|(text, style)| {
        wrap(&text, usize::from(area.width).saturating_sub(2)).into_iter().map(move |line| (line, style))
    });
    for (row, (line, style)) in (0..area.height).zip(rows) {
        Pen::new(buffer, area, row, state.glyphs.ellipsis).skip(1).put(&line, style);
    }
}

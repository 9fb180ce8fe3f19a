//! Pane 2: repositories, tags, platforms, files.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::rows::Rows;
use super::text::{Pen, wrap};
use super::{advice, spinner};
use crate::engine::Place;
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::browse::Level;
use crate::tui::state::listing::Load;
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
    let mut rows = Rows::new(state, list.offset, window.height, window.width);
    for row in 0..window.height {
        let position = list.offset + usize::from(row);
        if position >= list.len() {
            break;
        }
        let line = Rect { y: window.y + row, height: 1, ..window };
        let in_range = range.is_some_and(|(first, last)| (first..=last).contains(&position));
        rows.draw(&mut Pen::new(buffer, line, 0, state.glyphs.ellipsis), position, in_range);
        if position == list.cursor() {
            buffer.set_style(line, super::cursor_style(state, Pane::Browse));
        } else if in_range {
            buffer.set_style(line, state.theme.cursor_blurred);
        }
    }
}

/// The last line: the filter, the marks, what went wrong.
fn footer(state: &State, line: Rect, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let list = state.browse.list();
    let mut pen = Pen::new(buffer, line, 0, glyphs.ellipsis);
    pen.skip(1);
    if state.browse.typing || !list.filter().is_empty() {
        pen.put(words.filter_line(), theme.dim);
        match state.browse.typing {
            true => super::popup::typed(&mut pen, &state.browse.input, theme.input, glyphs.caret),
            false => pen.write(list.filter(), theme.input),
        }
        // As long as the rows are being looked at, the count is of what was typed before.
        let busy = if list.has_work() { glyphs.ellipsis } else { "" };
        pen.put(&format!(" {}/{}{busy}", list.len(), list.total()), theme.dim).skip(3);
    }
    if !state.marks.is_empty() {
        pen.put(&words.marks_line(state.marks.len()), theme.mark).skip(3);
    }
    if let Some((first, last)) = list.range() {
        pen.put(&words.range_line(last - first + 1), theme.mark).skip(3);
    }
    if state.opening.is_some() {
        pen.put(&format!("{} {}", spinner(state), words.opening_line()), theme.dim).skip(3);
    }
    if let (Load::Failed(failure), true) = (&list.load, list.total() > 0) {
        let again = words.asks_again(state.key(Action::Refresh));
        pen.put(&format!("{} {} ({again})", glyphs.failed, printable(&failure.message, 500)), theme.error);
    }
}

/// A list without rows says why, and what to press.
fn empty(state: &State, area: Rect, buffer: &mut Buffer) {
    let lines = empty_lines(state);
    let rows = lines.into_iter().flat_map(|(text, style)| {
        let text = printable(&text, 2000);
        wrap(&text, usize::from(area.width).saturating_sub(2)).into_iter().map(move |line| (line, style))
    });
    for (row, (line, style)) in (0..area.height).zip(rows) {
        Pen::new(buffer, area, row, state.glyphs.ellipsis).skip(1).put(&line, style);
    }
}

fn empty_lines(state: &State) -> Vec<(String, Style)> {
    let (theme, words) = (&state.theme, state.words);
    let list = state.browse.list();
    let what = match state.browse.level {
        Level::Repositories => words.level_repositories(),
        Level::Tags => words.level_tags(),
        Level::Images => words.level_images(),
        Level::Platforms => words.level_platforms(),
        Level::Files => words.level_files(),
    };
    let repositories = state.browse.level == Level::Repositories;
    let again = || (words.asks_again(state.key(Action::Refresh)), theme.dim);
    let named = || {
        let open = words.opens_by_name(state.key(Action::OpenRepository));
        [(open, theme.dim), (words.searches(state.key(Action::Search)), theme.dim)]
    };
    let mut lines: Vec<(String, Style)> = Vec::new();
    match (&state.browse.place, &list.load) {
        (None, _) => lines.push((words.choose_registry(state.key(Action::OpenRegistry)), theme.dim)),
        (_, Load::Loading) => lines.push((
            format!("{} {}{}", spinner(state), words.asking_for(what), state.glyphs.ellipsis),
            theme.dim,
        )),
        (place, Load::Failed(failure)) => {
            let hub = matches!(place, Some(Place::Registry(registry)) if registry.is_docker_hub());
            if hub && repositories && state.browse.search.is_none() {
                lines.push((words.no_list_here().to_owned(), theme.dim));
                lines.extend(named());
                return lines;
            }
            lines.push((format!("{} {}", state.glyphs.failed, failure.message), theme.error));
            lines.push((advice::class(state, failure), theme.dim));
            lines.extend(advice::hints(state, failure).into_iter().map(|hint| (hint, theme.warn)));
            lines.extend(advice::mends(state, failure).map(|text| (text, theme.key)));
            lines.push(again());
            if repositories {
                lines.extend(named());
            }
        }
        _ if list.has_work() => {}
        _ if !list.filter().is_empty() => {
            let esc = match state.browse.typing {
                true => state.key(Action::FilterClear),
                false => state.key(Action::Back),
            };
            lines.push((words.no_match(what, esc), theme.dim));
        }
        (_, Load::Idle) => {
            lines.push(again());
            lines.extend(named());
        }
        (_, Load::Done) => {
            if let (Some(search), true) = (&state.browse.search, repositories) {
                lines.push((words.nothing_found(&search.words), theme.dim));
                lines.push((words.back_to_all(state.key(Action::Ascend)), theme.dim));
            } else {
                lines.push((words.none_here(what), theme.dim));
            }
            match state.browse.level {
                Level::Repositories => {
                    lines.push((words.push_one().to_owned(), theme.dim));
                    lines.extend(named());
                }
                Level::Files => lines.push((words.files_come(state.key(Action::Export)), theme.dim)),
                _ => lines.push(again()),
            }
        }
    }
    lines
}

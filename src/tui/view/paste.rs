//! What was pasted or read from a file: source → target a row, in columns; and what is wrong with the rest. Only the
//! window is built.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layout::Layout;
use super::text::{Pen, cut, cut_front, width, wrap};
use super::{popup, queue, spinner};
use crate::engine::Place;
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::paste::Bad;
use crate::tui::state::preview::{Origin, Preview, PreviewRow};

/// The popup's area, and the lines above its rows.
fn frame(state: &State, layout: &Layout, preview: &Preview) -> (Rect, Vec<(String, Style)>) {
    let columns = usize::from(popup::area(layout, true, 0).width).saturating_sub(4);
    let head = head(state, preview, columns);
    (popup::area(layout, true, head.len() + preview.len()), head)
}

/// Rows of the window.
pub fn window(state: &State, layout: &Layout, preview: &Preview) -> usize {
    let (area, head) = frame(state, layout, preview);
    usize::from(area.height).saturating_sub(2 + head.len())
}

pub(super) fn draw(state: &State, layout: &Layout, preview: &Preview, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (area, head) = frame(state, layout, preview);
    let name = match &preview.origin {
        Origin::Paste => words.title_pasted().to_owned(),
        Origin::File(path) => cut_front(&printable(&path.to_string_lossy(), 200), 40, glyphs.ellipsis),
    };
    let title = match preview.len() > 1 {
        true => format!("{name} {}/{}", preview.cursor + 1, preview.len()),
        false => name,
    };
    let inner = popup::open(state, area, &title, &below(state, preview), buffer);
    let mut y = 0;
    for (text, style) in &head {
        if y < inner.height {
            Pen::new(buffer, inner, y, glyphs.ellipsis).skip(1).put(text, *style);
            y += 1;
        }
    }
    let window = usize::from(inner.height.saturating_sub(y));
    let rows = preview.rows.iter().skip(preview.offset).take(window);
    let sources: Vec<String> = rows.map(|row| row.wanted.source.to_string()).collect();
    let widest = sources.iter().map(|source| width(source)).max().unwrap_or(0);
    let column = widest.min(usize::from(inner.width / 2).saturating_sub(3));
    for at in preview.offset..preview.len().min(preview.offset + window) {
        let mut pen = Pen::new(buffer, inner, y, glyphs.ellipsis);
        pen.skip(1);
        let n = at.checked_sub(preview.rows.len());
        match (preview.rows.get(at), n) {
            (Some(row), _) => image(state, preview, row, column, &mut pen),
            (None, Some(n)) => match preview.holding.bad.get(n) {
                Some(bad) => fault(state, bad, &mut pen),
                None => {
                    let note = preview.holding.notes.get(n - preview.holding.bad.len());
                    let note = note.map(|note| printable(note, 400)).unwrap_or_default();
                    pen.put(&format!("{} {note}", glyphs.dot), theme.dim);
                }
            },
            (None, None) => {}
        }
        if at == preview.cursor {
            buffer.set_style(Rect { y: inner.y + y, height: 1, ..inner }, theme.cursor);
        }
        y += 1;
    }
}

fn below(state: &State, preview: &Preview) -> String {
    let words = state.words;
    let mut keys = Vec::new();
    if preview.taken() > 0 && preview.reading.is_none() {
        keys.push((Action::PopupAccept, words.hint_add()));
    }
    if !preview.rows.is_empty() && !preview.holding.refused {
        keys.push((Action::LeaveOut, words.below_leave_out()));
        keys.push((
            Action::PopupExport,
            if preview.export { words.kind_copy() } else { words.kind_export() },
        ));
    }
    keys.push((Action::PopupClose, words.below_back()));
    let shown: String = keys.iter().map(|(action, what)| format!("{} {what} ", state.key(*action))).collect();
    format!(" {shown}")
}

/// What there is in all.
fn head(state: &State, preview: &Preview, columns: usize) -> Vec<(String, Style)> {
    let (theme, words) = (&state.theme, state.words);
    if preview.reading.is_some() {
        return vec![(format!("{} {}", spinner(state), words.reading_it()), theme.dim)];
    }
    let holding = &preview.holding;
    let comma = words.comma();
    let mut head = match preview.rows.len() {
        1 => words.one_reference().to_owned(),
        n => words.so_many_references(n),
    };
    let left_out = preview.rows.iter().filter(|row| row.left_out).count();
    let mut more = |n: usize, text: String| {
        if n > 0 {
            head += comma;
            head += &text;
        }
    };
    more(left_out, words.rows_left_out(left_out));
    more(holding.duplicates, words.came_twice(holding.duplicates));
    match holding.bad.len() {
        _ if holding.refused => {}
        1 => more(1, words.one_is_none().to_owned()),
        n => more(n, words.so_many_are_none(n)),
    }
    if preview.export {
        head += comma;
        head += &words.as_files(state.downloads.display());
    }
    let mut lines = vec![(head, theme.text)];
    if holding.refused {
        lines = vec![(words.faults_first(holding.bad.len()), theme.error)];
    }
    if holding.left_out > 0 {
        let text = words.lines_left_out(holding.left_out);
        lines.extend(wrap(&text, columns).into_iter().map(|line| (line, theme.warn)));
    }
    lines.push((String::new(), theme.text));
    lines
}

fn image(state: &State, preview: &Preview, row: &PreviewRow, column: usize, pen: &mut Pen) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let wanted = &row.wanted;
    let is_whole = Place::of_whole(&wanted.source).is_some();
    let (to, good) = match (preview.export, &wanted.goal) {
        (true, _) => (state.downloads.display().to_string(), true),
        (false, Some(goal)) => (queue::place(state, goal), true),
        (false, None) => match (&state.target, state.goal(&wanted.source)) {
            (None, _) => ("?".to_owned(), true),
            (Some(target), _) if is_whole => (words.all_its_images(target), true),
            (_, Ok(goal)) => (queue::place(state, &goal), true),
            (_, Err(reason)) => (reason, false),
        },
    };
    let (sign, style) = match (row.left_out, good) {
        (true, _) => (glyphs.dash, theme.dim),
        (false, true) => (glyphs.done, theme.ok),
        (false, false) => (glyphs.failed, theme.error),
    };
    let text = if row.left_out { theme.dim } else { theme.text };
    let filter = wanted.tags.as_ref().map(ToString::to_string);
    let options = queue::short_options(state, &wanted.options);
    pen.put(sign, style).skip(1);
    if !options.is_empty() {
        pen.right(&format!(" {options} "), 0, theme.dim);
    }
    if let Some(filter) = &filter {
        pen.right(&format!(" {}", cut(&printable(filter, 200), 24, glyphs.ellipsis)), 0, theme.mark);
    }
    let source = cut_front(&printable(&wanted.source.to_string(), 600), column, glyphs.ellipsis);
    pen.column(&source, column, text).skip(1).put(glyphs.arrow, theme.dim).skip(1);
    let to = printable(&to, 600);
    let to = if good {
        cut_front(&to, pen.room(), glyphs.ellipsis)
    } else {
        cut(&to, pen.room(), glyphs.ellipsis)
    };
    pen.put(&to, if good { text } else { theme.error });
}

fn fault(state: &State, bad: &Bad, pen: &mut Pen) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let lead = bad.line.map(|line| words.line_number(line)).unwrap_or_default();
    let what = if bad.text.is_empty() { String::new() } else { format!("{}: ", bad.text) };
    pen.put(&format!("{} {lead}{what}{}", glyphs.failed, bad.reason), theme.error);
}

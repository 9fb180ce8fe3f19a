//! A form's lines: name, value, and what is wrong right under it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::popup;
use super::text::{Pen, width, wrap};
use crate::tui::state::State;
use crate::tui::state::form::{Form, Item, Value};

/// What is shown of a line.
pub(super) struct Shown {
    /// Its name.
    pub label: String,
    /// What stands for its value, where that is no text.
    pub value: String,
    /// Something behind it.
    pub note: String,
}

/// Rows that a form takes in so many columns.
pub(super) fn rows<F: Copy + PartialEq>(form: &Form<F>, columns: usize) -> usize {
    let errors = |item: &Item<F>| item.error.as_ref().map_or(0, |e| wrap(e, columns.saturating_sub(4)).len());
    form.items.iter().filter(|item| !item.hidden).map(|item| 1 + errors(item)).sum()
}

/// Draws a form, scrolled so that the line that has the keys is seen; the answer is the rows it took.
pub(super) fn draw<F: Copy + PartialEq>(
    state: &State,
    (buffer, inner): (&mut Buffer, Rect),
    form: &Form<F>,
    shown: impl Fn(&Item<F>) -> Shown,
) -> u16 {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let visible: Vec<(usize, &Item<F>, Shown)> = form
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| !item.hidden)
        .map(|(n, item)| (n, item, shown(item)))
        .collect();
    let names = visible.iter().map(|(.., shown)| width(&shown.label)).max().unwrap_or(0) + 2;
    let columns = usize::from(inner.width);
    // A row each, and those of errors; the window holds the current one.
    let mut plan: Vec<(usize, Option<String>)> = Vec::new();
    let mut current = 0;
    for (row, (n, item, _)) in visible.iter().enumerate() {
        if *n == form.at {
            current = plan.len();
        }
        plan.push((row, None));
        for line in item.error.iter().flat_map(|error| wrap(error, columns.saturating_sub(4))) {
            plan.push((row, Some(line)));
        }
    }
    let height = usize::from(inner.height);
    let first = (current + 2).min(plan.len()).saturating_sub(height);
    let mut used = 0;
    for (row, (at, error)) in (0..inner.height).zip(plan.iter().skip(first)) {
        used = row + 1;
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        if let Some(error) = error {
            pen.skip(3).put(error, theme.error);
            continue;
        }
        let Some((n, item, shown)) = visible.get(*at) else { continue };
        let here = *n == form.at;
        pen.skip(1).column(&shown.label, names, if here { theme.accent } else { theme.dim });
        match &item.value {
            Value::Text(input) if here => {
                popup::typed(&mut pen, input, theme.input, glyphs.caret);
                if item.mixed {
                    pen.put(&format!(" {}", state.words.form_mixed()), theme.dim);
                }
            }
            Value::Text(_) if item.mixed => drop(pen.put(state.words.form_mixed(), theme.dim)),
            Value::Text(input) => drop(pen.put(input.value(), theme.text)),
            Value::Switch(on) => {
                let sign = if item.mixed {
                    "[-]"
                } else if *on {
                    "[x]"
                } else {
                    "[ ]"
                };
                pen.put(sign, if here { theme.input } else { theme.text });
            }
            Value::Choice(..) if item.mixed => drop(pen.put(state.words.form_mixed(), theme.dim)),
            Value::Choice(..) => {
                let (left, right) = if here { ("< ", " >") } else { ("", "") };
                pen.put(left, theme.key);
                pen.put(&shown.value, if here { theme.input } else { theme.text });
                pen.put(right, theme.key);
            }
        }
        if !shown.note.is_empty() {
            // A note in an empty line's place begins where its text would.
            let bare =
                matches!(&item.value, Value::Text(input) if !here && !item.mixed && input.value().is_empty());
            pen.skip(if bare { 0 } else { 2 }).put(&shown.note, theme.dim);
        }
        if here {
            let line = Rect { y: inner.y + row, height: 1, ..inner };
            buffer.set_style(line, theme.cursor_blurred);
        }
    }
    used
}

//! What a deletion would take, and the question whether it is to be.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::Layout;
use super::text::{Pen, bytes, wrap};
use super::{advice, popup, spinner};
use crate::config::Language;
use crate::engine::{Deletion, Garbage};
use crate::oci::{Location, printable};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::removal::{Removal, Stage};

/// Rows below the list: the choices, or the line for a name.
fn footer(removal: &Removal) -> usize {
    match removal.stage {
        Stage::Asking => 3,
        _ => 0,
    }
}

/// The popup's area and the list's rows.
fn area(state: &State, layout: &Layout, removal: &Removal) -> (Rect, Vec<Line<'static>>) {
    let columns = usize::from(popup::area(layout, true, 0).width).saturating_sub(3);
    let lines = lines(state, removal, columns);
    (popup::area(layout, true, lines.len() + footer(removal)), lines)
}

/// The rows to scroll through, and those that are seen.
pub(super) fn extent(state: &State, layout: &Layout, removal: &Removal) -> (usize, usize) {
    let (area, lines) = area(state, layout, removal);
    (lines.len(), usize::from(area.height).saturating_sub(2 + footer(removal)))
}

pub(super) fn draw(state: &State, layout: &Layout, removal: &Removal, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let (area, lines) = area(state, layout, removal);
    let below = match removal.stage {
        Stage::Asking if removal.types() => {
            format!(
                " {} {} ",
                words.delete_key(state.key(Action::PromptAccept)),
                words.popup_back(state.key(Action::PromptClose))
            )
        }
        Stage::Asking => {
            format!(
                " {} {} ",
                words.choose_key(state.key(Action::DialogAccept)),
                words.popup_back(state.key(Action::DialogClose))
            )
        }
        _ => format!(" {} ", words.popup_back(state.key(Action::PopupClose))),
    };
    let rows = usize::from(area.height).saturating_sub(2 + footer(removal));
    let title = match lines.len() > rows {
        true => format!(
            "{} {}/{}",
            words.delete_asks(),
            (removal.scroll.top + rows).min(lines.len()),
            lines.len()
        ),
        false if removal.stage == Stage::Asking => words.delete_asks().to_owned(),
        false => words.delete_title().to_owned(),
    };
    let inner = popup::open(state, area, &title, &below, buffer);
    for (row, line) in (0..rows as u16).zip(lines.iter().skip(removal.scroll.top)) {
        buffer.set_line(inner.x, inner.y + row, line, inner.width);
    }
    if removal.stage != Stage::Asking || inner.height < 2 {
        return;
    }
    let first = inner.height - 2;
    if let Some(name) = removal.guards.first() {
        let text = words.protected(printable(name, 60));
        Pen::new(buffer, inner, first, glyphs.ellipsis).skip(1).put(&text, theme.warn);
        let mut pen = Pen::new(buffer, inner, first + 1, glyphs.ellipsis);
        pen.skip(1);
        if removal.mistyped {
            pen.put(words.mistyped(), theme.error);
        }
        popup::typed(&mut pen, &removal.typed, theme.input, glyphs.caret);
        return;
    }
    let count = removal.found.len();
    let delete = if count == 1 { words.delete_one().to_owned() } else { words.delete_all(count) };
    for (n, (choice, chosen)) in
        [(words.delete_cancel(), !removal.chosen), (&delete, removal.chosen)].into_iter().enumerate()
    {
        popup::choice(state, (buffer, inner), first + n as u16, (choice, chosen, true));
    }
}

fn lines(state: &State, removal: &Removal, columns: usize) -> Vec<Line<'static>> {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut push = |lead: &str, text: &str, style: Style| {
        let wrapped = wrap(&printable(text, 4000), columns.saturating_sub(3));
        for (n, line) in wrapped.into_iter().enumerate() {
            let lead = if n == 0 { lead } else { " " };
            lines.push(Line::from(Span::styled(format!(" {lead} {line}"), style)));
        }
    };
    match removal.stage {
        Stage::Looking => {
            let what = match removal.by_digest {
                true => words.looking_all_tags(),
                false => words.looking(),
            };
            push(spinner(state), &format!("{what}{}", glyphs.ellipsis), theme.dim);
        }
        Stage::Deleting => {
            push(spinner(state), &format!("{}{}", words.deleting(), glyphs.ellipsis), theme.dim)
        }
        Stage::Asking if removal.by_digest => {
            push(" ", words.no_tag_alone(), theme.warn);
        }
        Stage::Asking | Stage::Over => {}
    }
    if removal.gone > 0 {
        push(glyphs.done, &words.deleted_n(removal.gone), theme.ok);
    }
    if matches!(removal.stage, Stage::Asking | Stage::Deleting) {
        for deletion in &removal.found {
            push(glyphs.dot, &deletion.location.to_string(), theme.text);
            let (text, style) = what(words, deletion, removal);
            push(" ", &text, if style { theme.warn } else { theme.dim });
        }
    }
    for failure in &removal.failed {
        push(glyphs.failed, &failure.message, theme.error);
        for hint in advice::hints(state, failure) {
            push(" ", &hint, theme.warn);
        }
    }
    lines
}

/// What goes with a name, and whether that is more than the name.
fn what(words: Language, deletion: &Deletion, removal: &Removal) -> (String, bool) {
    let engine = matches!(deletion.location, Location::DockerDaemon { .. });
    let (manifest, tag) = match engine {
        true => (words.an_image(), words.a_name()),
        false => (words.a_manifest(), words.a_tag()),
    };
    let named = |name: &&String| removal.images.iter().any(|at| deletion.is_in_place(name, at));
    let (given, others): (Vec<&String>, Vec<&String>) = deletion.tags.iter().partition(named);
    let list = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let short = deletion.digest.short(12);
    match (deletion.by_digest, others.is_empty()) {
        (true, false) => (words.with_it_also(manifest, short, list(&others)), true),
        (true, true) if given.len() > 1 => (words.with_given(manifest, short, list(&given)), true),
        (true, true) if deletion.is_last_name() => (words.last_of_it(manifest, short, tag), true),
        (true, true) => (words.just_it(manifest, short), true),
        (false, _) if engine => (words.name_alone(manifest, short, list(&others)), false),
        (false, _) => (words.tag_alone(tag, short), false),
    }
}

/// What a collection of the store's garbage would take.
pub(super) fn garbage(state: &State, garbage: &Garbage) -> String {
    let words = state.words;
    let text = words.gc_text(garbage.blobs, bytes(garbage.bytes));
    match garbage.recent {
        0 => text,
        recent => words.sentences(&text, &words.gc_recent(bytes(recent))),
    }
}

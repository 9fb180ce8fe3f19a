//! What a deletion would take, and the question whether it is to be.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::layout::Layout;
use super::text::{Pen, wrap};
use super::{advice, popup, spinner};
use crate::engine::Deletion;
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
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let (area, lines) = area(state, layout, removal);
    let below = match removal.stage {
        Stage::Asking if removal.types() => {
            format!(" {} delete {} back ", state.key(Action::PromptAccept), state.key(Action::PromptClose))
        }
        Stage::Asking => {
            format!(" {} choose {} back ", state.key(Action::DialogAccept), state.key(Action::DialogClose))
        }
        _ => format!(" {} back ", state.key(Action::PopupClose)),
    };
    let rows = usize::from(area.height).saturating_sub(2 + footer(removal));
    let title = match lines.len() > rows {
        true => format!("Delete? {}/{}", (removal.scroll.top + rows).min(lines.len()), lines.len()),
        false if removal.stage == Stage::Asking => "Delete?".to_owned(),
        false => "Delete".to_owned(),
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
        let text = format!("{} is protected: type its name to delete there", printable(name, 60));
        Pen::new(buffer, inner, first, glyphs.ellipsis).skip(1).put(&text, theme.warn);
        let mut pen = Pen::new(buffer, inner, first + 1, glyphs.ellipsis);
        pen.skip(1);
        if removal.mistyped {
            pen.put("another name was typed: ", theme.error);
        }
        popup::typed(&mut pen, &removal.typed, theme.input, glyphs.caret);
        return;
    }
    let count = removal.found.len();
    let delete = if count == 1 { "delete it".to_owned() } else { format!("delete all {count}") };
    for (n, (choice, chosen)) in
        [("cancel", !removal.chosen), (&delete, removal.chosen)].into_iter().enumerate()
    {
        popup::choice(state, (buffer, inner), first + n as u16, (choice, chosen, true));
    }
}

fn lines(state: &State, removal: &Removal, columns: usize) -> Vec<Line<'static>> {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
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
                true => "no tag goes alone there: looking for all tags of the manifest",
                false => "looking at what is there",
            };
            push(spinner(state), &format!("{what}{}", glyphs.ellipsis), theme.dim);
        }
        Stage::Deleting => push(spinner(state), &format!("deleting{}", glyphs.ellipsis), theme.dim),
        Stage::Asking if removal.by_digest => {
            push(
                " ",
                "The registry deletes no tag alone: with it goes its manifest, and all tags of that.",
                theme.warn,
            );
        }
        Stage::Asking | Stage::Over => {}
    }
    if removal.gone > 0 {
        push(glyphs.done, &format!("{} deleted", removal.gone), theme.ok);
    }
    if matches!(removal.stage, Stage::Asking | Stage::Deleting) {
        for deletion in &removal.found {
            push(glyphs.dot, &deletion.location.to_string(), theme.text);
            let (text, style) = what(deletion, removal);
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
fn what(deletion: &Deletion, removal: &Removal) -> (String, bool) {
    let engine = matches!(deletion.location, Location::DockerDaemon { .. });
    let (manifest, tag) = if engine { ("image", "name") } else { ("manifest", "tag") };
    let named = |name: &&String| removal.images.iter().any(|at| deletion.is_in_place(name, at));
    let (given, others): (Vec<&String>, Vec<&String>) = deletion.tags.iter().partition(named);
    let list = |names: &[&String]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let short = deletion.digest.short(12);
    match (deletion.by_digest, others.is_empty()) {
        (true, false) => (format!("the {manifest} {short}, and with it also {}", list(&others)), true),
        (true, true) if given.len() > 1 => (format!("the {manifest} {short}, with {}", list(&given)), true),
        (true, true) if deletion.is_last_name() => {
            (format!("the {manifest} {short}: this is its last {tag}"), true)
        }
        (true, true) => (format!("the {manifest} {short}"), true),
        (false, _) if engine => {
            (format!("the name alone; the {manifest} {short} keeps {}", list(&others)), false)
        }
        (false, _) => (format!("the {tag} alone, at {short}"), false),
    }
}

//! Pane 3: the drafts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text::{Pen, wrap};
use super::{key, spinner};
use crate::oci::{Location, Platforms};
use crate::tui::action::Action;
use crate::tui::state::queue::Goal;
use crate::tui::state::{Pane, State};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let queue = &state.queue;
    if queue.drafts().is_empty() {
        let text = format!(
            "empty: {} adds what is marked, {} adds by typing",
            key(Action::Add),
            key(Action::AddReference)
        );
        for (row, line) in (0..area.height).zip(wrap(&text, usize::from(area.width).saturating_sub(2))) {
            Pen::new(buffer, area, row, glyphs.ellipsis).skip(1).put(&line, theme.dim);
        }
        return;
    }
    for (row, (position, draft)) in (0..area.height).zip(queue.drafts().iter().enumerate().skip(queue.offset))
    {
        let mut pen = Pen::new(buffer, area, row, glyphs.ellipsis);
        let (sign, style) = match () {
            () if queue.starting.contains(&draft.id) => (spinner(state), theme.accent),
            () if queue.refusal(draft.id).is_some() => (glyphs.failed, theme.error),
            () => (" ", theme.text),
        };
        pen.put(sign, style).skip(1);
        let goal = match &draft.goal {
            Goal::Copy(Some(_)) => String::new(),
            Goal::Copy(None) => format!("{} ?", glyphs.arrow),
            Goal::Export(_) => format!("{} tar", glyphs.arrow),
        };
        if !goal.is_empty() {
            pen.right(&format!(" {goal}"), 0, theme.accent);
        }
        if let Platforms::Only(only) = &draft.platforms {
            let text = if only.len() == 1 { only[0].to_string() } else { format!("{} plat", only.len()) };
            pen.right(&format!(" {text}"), 0, theme.dim);
        }
        let name = super::text::cut_front(&short(&draft.source), pen.room(), glyphs.ellipsis);
        pen.put(&name, theme.text);
        if position == queue.cursor {
            buffer.set_style(
                Rect { y: area.y + row, height: 1, ..area },
                super::cursor_style(state, Pane::Queue),
            );
        }
    }
}

/// A location without its host: what tells the rows of a list apart.
pub(super) fn short(location: &Location) -> String {
    match location {
        Location::Registry(reference) => {
            let path = reference.repository.as_str();
            let path = match reference.registry.is_docker_hub() {
                true => path.strip_prefix("library/").unwrap_or(path),
                false => path,
            };
            match (&reference.digest, &reference.tag) {
                (Some(digest), _) => format!("{path}@{}", digest.short(12)),
                (None, Some(tag)) => format!("{path}:{tag}"),
                (None, None) => path.to_owned(),
            }
        }
        other => other.to_string(),
    }
}

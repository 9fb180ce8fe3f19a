//! Pane 3: the drafts.

use std::path::Path;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::spinner;
use super::text::{Pen, wrap};
use crate::oci::{Location, Platforms, Reference, TagOrDigest, printable};
use crate::tui::action::Action;
use crate::tui::state::queue::Goal;
use crate::tui::state::{Pane, State};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let queue = &state.queue;
    if queue.drafts().is_empty() {
        let (add, new) = (state.key(Action::Add), state.key(Action::AddReference));
        let text = state.words.queue_empty(add, new);
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
            Goal::Copy(to) if to.is_empty() => format!("{} ?", glyphs.arrow),
            Goal::Copy(_) => String::new(),
            Goal::Export(_) => format!("{} {}", glyphs.arrow, state.words.goal_tar()),
        };
        if !goal.is_empty() {
            pen.right(&format!(" {goal}"), 0, theme.accent);
        }
        if let Platforms::Only(only) = &draft.options.platforms {
            let text =
                if only.len() == 1 { only[0].to_string() } else { state.words.platforms_count(only.len()) };
            pen.right(&format!(" {text}"), 0, theme.dim);
        }
        if let Some(filter) = &draft.tags {
            pen.right(
                &format!(" {}", super::text::cut(&filter.to_string(), 16, glyphs.ellipsis)),
                0,
                theme.mark,
            );
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

/// A location without its host or directory: what tells the rows of a list apart.
pub(super) fn short(location: &Location) -> String {
    let file = |path: &Path| printable(&path.file_name().unwrap_or_default().to_string_lossy(), 200);
    match location {
        Location::Registry(reference) => short_reference(reference),
        Location::OciLayout { path, reference } | Location::OciArchive { path, reference } => {
            let name = match reference {
                None => return file(path),
                Some(name) => name,
            };
            match (name.parse::<TagOrDigest>(), name.parse::<Reference>()) {
                (Ok(TagOrDigest::Digest(digest)), _) => format!("{}@{}", file(path), digest.short(12)),
                (Err(_), Ok(reference)) => format!("{}:{}", file(path), short_reference(&reference)),
                _ => format!("{}:{name}", file(path)),
            }
        }
        Location::DockerArchive { path, reference: Some(reference) } => {
            format!("{}:{}", file(path), short_reference(reference))
        }
        Location::DockerArchive { path, reference: None } => file(path),
        other @ (Location::DockerDaemon { .. } | Location::Store { .. }) => other.to_string(),
    }
}

fn short_reference(reference: &Reference) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_by_what_stands_at_their_end() {
        let digest = crate::oci::Digest::of(b"x");
        for (text, want) in [
            ("nginx:1", "nginx:1".to_owned()),
            ("ghcr.io/o/r:t", "o/r:t".to_owned()),
            ("docker-archive:/d/all.tar:nginx:1", "all.tar:nginx:1".to_owned()),
            ("docker-archive:/d/all.tar", "all.tar".to_owned()),
            ("oci:/d/lay:v1", "lay:v1".to_owned()),
            ("oci-archive:/d/a.tar:ghcr.io/o/r:t", "a.tar:o/r:t".to_owned()),
            (&format!("oci:/d/lay:{digest}"), format!("lay@{}", digest.short(12))),
            ("store:a/b:1", "store:a/b:1".to_owned()),
        ] {
            assert_eq!(short(&text.parse().unwrap()), want, "{text}");
        }
    }
}

//! Pane 3: the drafts.

use std::path::Path;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::spinner;
use super::text::{Pen, cut_front, width, wrap};
use crate::oci::{Location, Platforms, Reference, TagOrDigest, printable};
use crate::tui::action::Action;
use crate::tui::state::queue::{Goal, Options};
use crate::tui::state::{Pane, State};

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let queue = &state.queue;
    if queue.drafts().is_empty() {
        let (add, new) = (state.key(Action::Add), state.key(Action::AddReference));
        let text = state.words.queue_empty(add, new, state.key(Action::Import));
        for (row, line) in (0..area.height).zip(wrap(&text, usize::from(area.width).saturating_sub(2))) {
            Pen::new(buffer, area, row, glyphs.ellipsis).skip(1).put(&line, theme.dim);
        }
        return;
    }
    let shown: Vec<_> =
        queue.drafts().iter().enumerate().skip(queue.offset).take(area.height.into()).collect();
    // Where there is room for it, the destination stands in a column of its own.
    let wide = area.width >= 56;
    let sources: Vec<String> = shown.iter().map(|(_, draft)| short(&draft.source)).collect();
    let widest = sources.iter().map(|source| width(source)).max().unwrap_or(0);
    let column = widest.min(usize::from(area.width / 2).saturating_sub(4));
    for (row, ((position, draft), source)) in (0..area.height).zip(shown.iter().zip(&sources)) {
        let mut pen = Pen::new(buffer, area, row, glyphs.ellipsis);
        let (sign, style) = match () {
            () if queue.starting.contains(&draft.id) => (spinner(state), theme.accent),
            () if queue.refusal(draft.id).is_some() => (glyphs.failed, theme.error),
            () if queue.is_chosen(*position) => (glyphs.mark, theme.mark),
            () if queue.clashes(draft) => (glyphs.warning, theme.warn),
            () => (" ", theme.text),
        };
        pen.put(sign, style).skip(1);
        let options = short_options(state, &draft.options);
        let goal = match &draft.goal {
            Goal::Copy(to) if to.is_empty() => format!("{} ?", glyphs.arrow),
            Goal::Copy(to) if to.len() > 1 && !wide => format!("{} {}", glyphs.arrow, to.len()),
            Goal::Copy(_) => String::new(),
            Goal::Export(_) => format!("{} {}", glyphs.arrow, state.words.goal_tar()),
        };
        if !goal.is_empty() && !wide {
            pen.right(&format!(" {goal}"), 0, theme.accent);
        }
        if !options.is_empty() {
            pen.right(&format!(" {options}"), 0, theme.dim);
        }
        if let Some(filter) = &draft.tags {
            let filter = super::text::cut(&filter.to_string(), 16, glyphs.ellipsis);
            pen.right(&format!(" {filter}"), 0, theme.mark);
        }
        match wide {
            false => {
                let name = cut_front(source, pen.room(), glyphs.ellipsis);
                pen.put(&name, theme.text);
            }
            true => {
                pen.column(&cut_front(source, column, glyphs.ellipsis), column, theme.text);
                pen.skip(1).put(glyphs.arrow, theme.dim).skip(1);
                let style = if queue.clashes(draft) { theme.warn } else { theme.accent };
                let to = cut_front(&place(state, &draft.goal), pen.room(), glyphs.ellipsis);
                pen.put(&to, style);
            }
        }
        if *position == queue.cursor {
            buffer.set_style(
                Rect { y: area.y + row, height: 1, ..area },
                super::cursor_style(state, Pane::Queue),
            );
        }
    }
}

/// Where a draft goes, in a few words.
pub(super) fn place(state: &State, goal: &Goal) -> String {
    match goal {
        Goal::Copy(to) if to.is_empty() => "?".to_owned(),
        Goal::Copy(to) => to.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Goal::Export(directory) => {
            let directory = printable(&directory.to_string_lossy(), 200);
            format!("{}/ {}", directory.trim_end_matches('/'), state.words.goal_tar())
        }
    }
}

/// What is unusual about a draft, in a few words.
pub(super) fn short_options(state: &State, options: &Options) -> String {
    let words = state.words;
    let mut parts: Vec<String> = Vec::new();
    if let Platforms::Only(only) = &options.platforms {
        parts.push(match &only[..] {
            [one] => one.to_string(),
            several => words.n_plat(several.len()),
        });
    }
    match &options.tags[..] {
        [] => {}
        [one] => parts.push(format!("+{one}")),
        several => parts.push(words.tags_count(several.len())),
    }
    if options.extras.finds_referrers() {
        parts.push(words.key_referrers().to_owned());
    }
    if let Some(format) = options.extras.format {
        parts.push(format.to_string());
    }
    if options.priority != 0 {
        parts.push(format!("{:+}", options.priority));
    }
    parts.join(" ")
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

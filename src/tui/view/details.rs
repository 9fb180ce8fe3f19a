//! Pane 0, and the popup of `i`: everything about the cursor's image.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{age, bytes, cut, wrap};
use super::{advice, spinner};
use crate::engine::{FileKind, Image, ImagePlatform};
use crate::oci::{media_type, printable};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::lookup::Known;

pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let lines = lines(state, area.width, false);
    for (row, line) in (0..area.height).zip(lines.iter().skip(state.details.top)) {
        buffer.set_line(area.x, area.y + row, line, area.width);
    }
}

/// How many rows there are to scroll through.
pub fn rows(state: &State, width: u16) -> usize {
    if width == 0 { 0 } else { lines(state, width, false).len() }
}

/// The rows: the short form for the pane, everything for the popup.
pub(super) fn lines(state: &State, width: u16, full: bool) -> Vec<Line<'static>> {
    let mut page = Page { state, width: usize::from(width), lines: Vec::new() };
    if let Some(file) = state.browse.current_file() {
        page.text(&file.path.display().to_string(), state.theme.text);
        page.pair("size", &bytes(file.size), state.theme.text);
        let written =
            file.modified.map(|at| format!("{} ago", age(state.clock.as_second() - at.as_second())));
        page.pair("written", &written.unwrap_or_default(), state.theme.dim);
        let kind = match file.kind {
            FileKind::Archive => "a tar of images",
            FileKind::Layout => "an OCI layout",
        };
        page.pair("kind", kind, state.theme.dim);
        page.text(
            &format!(
                "{} shows its images, {} adds them all",
                state.key(Action::Descend),
                state.key(Action::Add)
            ),
            state.theme.dim,
        );
        return page.lines;
    }
    let Some(at) = &state.at else {
        page.text("the image under the cursor is shown here", state.theme.dim);
        return page.lines;
    };
    if full {
        page.text(&at.to_string(), state.theme.accent);
    }
    match state.images.get(at) {
        Some(Known::Is(image)) => page.image(image, full),
        Some(Known::Failed(failure)) => {
            page.text(&format!("{} {}", state.glyphs.failed, failure.message), state.theme.error);
            page.text(&advice::class(state, failure), state.theme.dim);
            for hint in advice::hints(state, failure) {
                page.text(&hint, state.theme.warn);
            }
            if let Some(text) = advice::mends(state, failure) {
                page.text(&text, state.theme.key);
            }
            page.text(&format!("{} in the browser asks again", state.key(Action::Refresh)), state.theme.dim);
        }
        Some(Known::Asked) => {
            page.text(&format!("{} asking{}", spinner(state), state.glyphs.ellipsis), state.theme.dim)
        }
        None => page.text("", state.theme.dim),
    }
    page.lines
}

struct Page<'a> {
    state: &'a State,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn text(&mut self, text: &str, style: Style) {
        let lines = wrap(&printable(text, 2000), self.width.saturating_sub(1));
        self.lines.extend(lines.into_iter().map(|line| Line::from(Span::styled(format!(" {line}"), style))));
    }

    fn pair(&mut self, name: &str, value: &str, style: Style) {
        let room = self.width.saturating_sub(name.len() + 2);
        let value = cut(&printable(value, 500), room, self.state.glyphs.ellipsis);
        let name = Span::styled(format!(" {name} "), self.state.theme.dim);
        self.lines.push(Line::from(vec![name, Span::styled(value, style)]));
    }

    fn image(&mut self, image: &Image, full: bool) {
        let theme = &self.state.theme;
        self.pair("digest", image.descriptor.digest.as_str(), theme.text);
        let media_type = image.descriptor.media_type.as_str();
        let kind = match media_type {
            index if !full && media_type::is_index(index) => "index",
            manifest if !full && media_type::is_image_manifest(manifest) => "image",
            other => other,
        };
        self.pair("type", kind, theme.dim);
        self.pair("size", &bytes(image.size), theme.text);
        for platform in image.platforms.iter().filter(|p| p.attests.is_none()) {
            self.platform(platform, full);
        }
        let attestations = image.platforms.iter().filter(|p| p.attests.is_some()).count();
        if attestations > 0 {
            self.pair("attestations", &attestations.to_string(), theme.dim);
        }
    }

    fn platform(&mut self, platform: &ImagePlatform, full: bool) {
        let (theme, glyphs) = (&self.state.theme, &self.state.glyphs);
        let name = platform.platform.as_ref().map_or_else(|| "artifact".to_owned(), ToString::to_string);
        let size = bytes(platform.size);
        let mark = Span::styled(format!(" {}", glyphs.mark), theme.accent);
        let columns = self.width.saturating_sub(size.len() + 4).min(56);
        let gap = columns.saturating_sub(super::text::width(&name)).max(1);
        let text = format!("{name}{}{size}", " ".repeat(gap));
        self.lines.push(Line::from(vec![mark, Span::styled(text, theme.text)]));
        if let Some(created) = &platform.created {
            // In the narrow pane the day says enough.
            let day = created.split('T').next().unwrap_or(created);
            self.pair("  created", if full { created } else { day }, theme.dim);
        }
        if !full {
            self.pair("  layers", &platform.layers.len().to_string(), theme.dim);
            return;
        }
        self.pair("  digest", platform.digest.as_str(), theme.text);
        self.pair("  config", platform.config.as_str(), theme.text);
        if !platform.command.is_empty() {
            self.pair("  command", &platform.command.join(" "), theme.text);
        }
        for layer in &platform.layers {
            let kind = layer.media_type.rsplit('.').next().unwrap_or_default();
            self.pair(
                "  layer",
                &format!("{} {:>8} {kind}", layer.digest.short(12), bytes(layer.size)),
                theme.dim,
            );
        }
        for (label, value) in &platform.labels {
            self.pair("  label", &format!("{label}={value}"), theme.dim);
        }
    }
}

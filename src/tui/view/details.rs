//! Pane 0, and the popup of `i`: everything about the cursor's image. An image's page is built once, see [`kept`].

pub mod kept;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{age, bytes, cut, width, wrap};
use super::{advice, spinner};
use crate::engine::{FileKind, Image, ImagePlatform, Referrer};
use crate::oci::{media_type, printable};
use crate::tui::action::Action;
use crate::tui::state::browse::Level;
use crate::tui::state::lookup::Known;
use crate::tui::state::{Pane, State};

#[cfg(test)]
thread_local! {
    /// Pages of images that were built.
    pub(in crate::tui) static BUILT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Lines of one kind (labels, layers) that are shown: more than any real image has.
const LINES: usize = 200;
/// Lines of a page: sixty platforms with all their layers have room.
const MOST: usize = 5_000;
/// Signs of a page that are broken into lines; what comes behind has a line each.
const BROKEN: usize = 40_000;

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

/// How far the pane is scrolled, for its title; empty if all of it is seen.
pub(super) fn position(state: &State) -> String {
    let inner = state.layout().inner(Pane::Details);
    let (rows, height) = (rows(state, inner.width), usize::from(inner.height));
    match height > 0 && rows > height {
        true => format!("{}/{rows}", (state.details.top + height).min(rows)),
        false => String::new(),
    }
}

/// The rows: the short form for the pane, everything for the popup.
pub(super) fn lines(state: &State, width: u16, full: bool) -> Cow<'_, [Line<'static>]> {
    match state.pages.get(state, width, full) {
        Some(kept) => Cow::Borrowed(kept),
        None => Cow::Owned(built(state, width, full)),
    }
}

/// The image that is shown, if it is known: the one thing here that may be long.
fn image(state: &State) -> Option<&Arc<Image>> {
    let elsewhere = state.browse.current_file().is_some() || state.browse.level == Level::Repositories;
    state.images.value(state.at.as_ref().filter(|_| !elsewhere)?)
}

fn built(state: &State, width: u16, full: bool) -> Vec<Line<'static>> {
    let words = state.words;
    let mut page = Page { state, width: usize::from(width), full, lines: Vec::new(), broken: 0, more: 0 };
    if let Some(file) = state.browse.current_file() {
        page.text(&file.path.display().to_string(), state.theme.text);
        page.pair(words.key_size(), &bytes(file.size), state.theme.text);
        let written = file.modified.map(|at| words.ago(age(state.clock.as_second() - at.as_second())));
        page.pair(words.key_written(), &written.unwrap_or_default(), state.theme.dim);
        let kind = match file.kind {
            FileKind::Archive => words.kind_archive(),
            FileKind::Layout => words.kind_layout(),
        };
        page.pair(words.key_kind(), kind, state.theme.dim);
        let keys = words.details_file(state.key(Action::Descend), state.key(Action::Add));
        page.text(&keys, state.theme.dim);
        return page.lines;
    }
    if state.browse.level == Level::Repositories
        && let Some(name) = state.browse.list().current()
    {
        page.repository(name);
        return page.lines;
    }
    let Some(at) = &state.at else {
        page.text(words.details_empty(), state.theme.dim);
        return page.lines;
    };
    if full {
        page.text(&at.to_string(), state.theme.accent);
    }
    match state.images.get(at) {
        Some(Known::Is(image)) => {
            page.image(image);
            page.end();
        }
        Some(Known::Failed(failure)) => {
            page.text(&format!("{} {}", state.glyphs.failed, failure.message), state.theme.error);
            page.text(&advice::class(state, failure), state.theme.dim);
            for hint in advice::hints(state, failure) {
                page.text(&hint, state.theme.warn);
            }
            if let Some(text) = advice::mends(state, failure) {
                page.text(&text, state.theme.key);
            }
            page.text(&words.again_in_browser(state.key(Action::Refresh)), state.theme.dim);
        }
        Some(Known::Asked) => {
            let text = format!("{} {}{}", spinner(state), words.asking(), state.glyphs.ellipsis);
            page.text(&text, state.theme.dim)
        }
        None => page.text("", state.theme.dim),
    }
    page.lines
}

struct Page<'a> {
    state: &'a State,
    width: usize,
    full: bool,
    lines: Vec<Line<'static>>,
    /// Signs that were broken into lines.
    broken: usize,
    /// Lines that had no room.
    more: usize,
}

impl Page<'_> {
    /// Whether a page has no room for more.
    fn is_full(&mut self) -> bool {
        let full = self.lines.len() >= MOST;
        self.more += usize::from(full);
        full
    }

    /// Says what had no room.
    fn end(&mut self) {
        if self.more > 0 {
            let text = format!("  {}", self.state.words.n_more(self.more));
            self.lines.push(Line::from(Span::styled(text, self.state.theme.dim)));
        }
    }

    fn text(&mut self, text: &str, style: Style) {
        if self.is_full() {
            return;
        }
        let lines = wrap(&printable(text, 2000), self.width.saturating_sub(1));
        self.lines.extend(lines.into_iter().map(|line| Line::from(Span::styled(format!(" {line}"), style))));
    }

    /// A name and its value; the popup has the whole of it, the pane one line.
    fn pair(&mut self, name: &str, value: &str, style: Style) {
        if self.is_full() {
            return;
        }
        let room = self.width.saturating_sub(width(name) + 2);
        let first = Span::styled(format!(" {name} "), self.state.theme.dim);
        if !self.full || room < 12 || self.broken >= BROKEN {
            let value = cut(&printable(value, 500), room, self.state.glyphs.ellipsis);
            return self.lines.push(Line::from(vec![first, Span::styled(value, style)]));
        }
        let indent = " ".repeat(width(name) + 2);
        let value = printable(value, 4000);
        self.broken += value.len();
        for (n, line) in wrap(&value, room).into_iter().enumerate() {
            let lead = if n == 0 { first.clone() } else { Span::raw(indent.clone()) };
            self.lines.push(Line::from(vec![lead, Span::styled(line, style)]));
        }
    }

    /// One line as it is, of text that is printable.
    fn row(&mut self, text: &str, style: Style) {
        if self.is_full() {
            return;
        }
        let text = cut(text, self.width, self.state.glyphs.ellipsis);
        self.lines.push(Line::from(Span::styled(text, style)));
    }

    /// Pairs of one kind, and how many more there are.
    fn pairs(&mut self, kind: &str, all: &[(String, String)], style: Style) {
        for (key, value) in all.iter().take(LINES) {
            let value = format!("{}={}", start(key), start(value));
            self.pair(kind, &value, style);
        }
        self.surplus(all.len());
    }

    fn surplus(&mut self, all: usize) {
        if all > LINES {
            self.text(&format!("  {}", self.state.words.n_more(all - LINES)), self.state.theme.dim);
        }
    }

    fn repository(&mut self, name: &str) {
        let (state, words) = (self.state, self.state.words);
        self.text(name, state.theme.text);
        if let Some(count) = state.browse.counts.get(name) {
            self.pair(words.level_tags(), &count.to_string(), state.theme.text);
        }
        if let Some(found) = state.browse.found_at(state.browse.list().cursor()) {
            if found.official {
                self.text(words.official(), state.theme.ok);
            }
            if let Some(stars) = found.stars {
                self.text(&words.n_stars(stars), state.theme.dim);
            }
            if !found.description.is_empty() {
                self.text(&found.description, state.theme.dim);
            }
        }
        self.text(&words.details_repository(state.key(Action::Descend)), state.theme.dim);
    }

    fn image(&mut self, image: &Image) {
        #[cfg(test)]
        BUILT.set(BUILT.get() + 1);
        let (theme, words) = (&self.state.theme, self.state.words);
        self.pair(words.key_digest(), image.descriptor.digest.as_str(), theme.text);
        let media_type = image.descriptor.media_type.as_str();
        let kind = match media_type {
            index if !self.full && media_type::is_index(index) => words.kind_index(),
            manifest if !self.full && media_type::is_image_manifest(manifest) => words.an_image(),
            other => other,
        };
        self.pair(words.key_type(), kind, theme.dim);
        self.pair(words.key_size(), &bytes(image.size), theme.text);
        self.referrers(image);
        // On the level of the platforms, the cursor's.
        let chosen = match self.state.browse.level {
            Level::Platforms => self.state.browse.list().current(),
            _ => None,
        };
        let named = |p: &&ImagePlatform| {
            chosen.is_none_or(|name| p.platform.as_ref().is_some_and(|platform| platform.to_string() == name))
        };
        let platforms: Vec<_> =
            image.platforms.iter().filter(|p| p.attests.is_none()).filter(named).collect();
        for platform in platforms.iter().take(LINES) {
            self.platform(platform, self.full || platforms.len() == 1);
        }
        self.surplus(platforms.len());
        let attestations = image.platforms.iter().filter(|p| p.attests.is_some()).count();
        if attestations > 0 {
            self.pair(words.key_attestations(), &attestations.to_string(), theme.dim);
        }
        self.pairs(words.key_annotation(), &image.annotations, theme.dim);
        // The pane has room below for what the first one says.
        if let (false, [first, _, ..]) = (self.full, platforms.as_slice()) {
            self.lines.push(Line::default());
            let name = first.platform.as_ref().map(ToString::to_string).unwrap_or_default();
            self.text(&name, theme.accent);
            self.contents(first);
        }
    }

    /// What refers to the image, as far as that is known.
    fn referrers(&mut self, image: &Image) {
        let (state, words) = (self.state, self.state.words);
        let known = match state.referrers.get(&image.descriptor.digest) {
            Some(Known::Is(known)) => known,
            Some(Known::Asked) => {
                return self.pair(words.key_referrers(), state.glyphs.ellipsis, state.theme.dim);
            }
            Some(Known::Failed(failure)) => {
                let text = match self.full {
                    true => failure.message.as_str(),
                    false => words.not_known(),
                };
                return self.pair(words.key_referrers(), text, state.theme.warn);
            }
            None => return,
        };
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        known.iter().for_each(|referrer| *kinds.entry(kind(referrer)).or_default() += 1);
        let text = |(kind, count): (&&str, &usize)| match count {
            1 => (*kind).to_owned(),
            count => format!("{count} {kind}"),
        };
        let texts: Vec<String> = kinds.iter().map(text).collect();
        let text = if texts.is_empty() { words.no_referrers().to_owned() } else { texts.join(", ") };
        self.pair(words.key_referrers(), &text, state.theme.text);
        for referrer in known.iter().take(if self.full { LINES } else { 0 }) {
            let (digest, size) = (referrer.digest.short(12), bytes(referrer.size));
            let text = format!("   {digest} {size:>8}  {}", printable(&referrer.kind, 200));
            self.row(&text, state.theme.dim);
        }
    }

    fn platform(&mut self, platform: &ImagePlatform, whole: bool) {
        let (theme, glyphs, words) = (&self.state.theme, &self.state.glyphs, self.state.words);
        let name = platform
            .platform
            .as_ref()
            .map_or_else(|| words.artifact().to_owned(), |platform| printable(&platform.to_string(), 100));
        let size = bytes(platform.size);
        if self.is_full() {
            return;
        }
        let mark = Span::styled(format!(" {}", glyphs.mark), theme.accent);
        let columns = self.width.saturating_sub(size.len() + 4).min(56);
        let name = cut(&name, columns, glyphs.ellipsis);
        let gap = columns.saturating_sub(width(&name)).max(1);
        let text = format!("{name}{}{size}", " ".repeat(gap));
        self.lines.push(Line::from(vec![mark, Span::styled(text, theme.text)]));
        if let Some(created) = &platform.created {
            // In the narrow pane the day says enough.
            let day = created.split('T').next().unwrap_or(created);
            let then = created.parse::<jiff::Timestamp>().ok();
            let age = then.map(|at| age(self.state.clock.as_second() - at.as_second()));
            let text = match (self.full, age) {
                (true, Some(age)) => format!("{created} ({})", words.ago(age)),
                (false, Some(age)) => format!("{day} ({age})"),
                (full, None) => if full { created } else { day }.to_owned(),
            };
            self.pair(&format!("  {}", words.key_created()), &text, theme.dim);
        }
        match whole {
            true => self.contents(platform),
            false => {
                let layers = platform.layers.len().to_string();
                self.pair(&format!("  {}", words.key_layers()), &layers, theme.dim);
            }
        }
    }

    /// Digests, layers and what the configuration says.
    fn contents(&mut self, platform: &ImagePlatform) {
        let (theme, words) = (&self.state.theme, self.state.words);
        let indented = |name: &str| format!("  {name}");
        self.pair(&indented(words.key_digest()), platform.digest.as_str(), theme.text);
        self.pair(&indented(words.key_config()), platform.config.as_str(), theme.text);
        if platform.settings.is_empty() && !platform.command.is_empty() {
            self.pair(&indented(words.key_command()), &platform.command.join(" "), theme.text);
        }
        for (n, layer) in platform.layers.iter().take(LINES).enumerate() {
            let kind = layer.media_type.rsplit('.').next().unwrap_or_default();
            let (digest, size) = (layer.digest.short(12), bytes(layer.size));
            let text = format!("   {} {digest} {size:>8}  {}", words.key_layer(), printable(kind, 60));
            self.row(&text, theme.dim);
            if let (true, Some(made)) = (self.full, platform.history.get(n).map(|step| command(step)))
                && !made.is_empty()
            {
                self.pair("     ", made, theme.text);
            }
        }
        self.surplus(platform.layers.len());
        // Told of above, or in no need of it.
        let told = ["created", "architecture", "os", "os.version", "variant", "history steps"];
        let settings: Vec<_> =
            platform.settings.iter().filter(|(key, _)| !told.contains(&key.as_str())).collect();
        for (key, value) in settings.iter().take(LINES) {
            self.pair(&indented(&printable(key, 100)), value, theme.text);
        }
        self.surplus(settings.len());
        if platform.settings.is_empty() {
            self.pairs(&indented(words.key_label()), &platform.labels, theme.dim);
        }
        self.pairs(&indented(words.key_annotation()), &platform.annotations, theme.dim);
    }
}

/// As much of a text as a page ever shows.
fn start(text: &str) -> &str {
    text.char_indices().nth(4000).map_or(text, |(end, _)| &text[..end])
}

/// A step of the history without what builders put around it.
fn command(step: &str) -> &str {
    let step = step.strip_prefix("/bin/sh -c ").unwrap_or(step);
    let step = step.trim_start_matches("#(nop) ").trim();
    step.strip_suffix("# buildkit").unwrap_or(step).trim_end()
}

/// What people call it; else its type.
fn kind(referrer: &Referrer) -> &str {
    let kind = referrer.kind.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    match () {
        () if has(&["sbom", "spdx", "cyclonedx"]) => "sbom",
        () if has(&["in-toto", "attest", "provenance", "slsa"]) || kind == "att" => "att",
        () if has(&["signature", "cosign", "notary", "sigstore"]) || kind == "sig" => "sig",
        () => &referrer.kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    #[test]
    fn what_refers_to_an_image_has_a_short_name() {
        for (text, want) in [
            ("sig", "sig"),
            ("application/vnd.dev.cosign.artifact.sig.v1+json", "sig"),
            ("application/vnd.cncf.notary.signature", "sig"),
            ("application/vnd.dev.sigstore.bundle.v0.3+json", "sig"),
            ("application/spdx+json", "sbom"),
            ("application/vnd.cyclonedx+json", "sbom"),
            ("application/vnd.in-toto+json", "att"),
            ("application/x", "application/x"),
        ] {
            let referrer = Referrer { kind: text.to_owned(), digest: Digest::of(b""), size: 0 };
            assert_eq!(kind(&referrer), want);
        }
        assert_eq!(command("/bin/sh -c #(nop) ADD file:x in / "), "ADD file:x in /");
        assert_eq!(command("COPY a /b # buildkit"), "COPY a /b");
    }
}

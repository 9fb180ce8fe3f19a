//! The rows of the browser: a name, and what is known of it in columns. How many columns there are depends on the names:
//! what tells rows apart is cut last.

use std::collections::HashMap;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Matcher, Utf32Str};
use ratatui::style::{Modifier, Style};

use super::spinner;
use super::text::{Pen, age, bytes, cut, width};
use crate::oci::order::is_version;
use crate::oci::{Digest, Location, printable};
use crate::tui::state::State;
use crate::tui::state::browse::Level;
use crate::tui::state::lookup::Known;
use crate::tui::state::marks::MarkKey;

/// What all rows of one frame have in common.
pub(super) struct Rows<'a> {
    state: &'a State,
    /// Columns of the longest name.
    names: usize,
    /// The most telling tag of each digest that several rows have.
    primary: HashMap<&'a Digest, &'a str>,
    /// What is typed, as its matches are shown.
    pattern: Option<(Pattern, Matcher)>,
    shown: Shown,
}

/// Columns beside the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    platforms: bool,
    age: bool,
    size: bool,
    /// The word behind `= ≠ ∅`.
    word: bool,
}

/// Before the name: a blank, and the mark.
const LEAD: usize = 2;
const PLATFORMS: usize = 9;
const SIZE: usize = 8;
const AGE: usize = 6;
const SIGN: usize = 3;

impl<'a> Rows<'a> {
    /// Looks at the rows from `first` on, as many as are seen.
    pub(super) fn new(state: &'a State, first: usize, height: u16, columns: u16) -> Rows<'a> {
        let list = state.browse.list();
        let positions = first..(first + usize::from(height)).min(list.len());
        let mut rows = Rows {
            state,
            names: 0,
            primary: HashMap::new(),
            pattern: None,
            shown: Shown { platforms: false, age: false, size: false, word: false },
        };
        if !list.filter().is_empty() {
            let pattern = Pattern::parse(list.filter(), CaseMatching::Smart, Normalization::Smart);
            rows.pattern = Some((pattern, Matcher::new(nucleo_matcher::Config::DEFAULT)));
        }
        if state.browse.level == Level::Tags {
            rows.find_primaries(positions.clone());
        }
        for position in positions {
            #[cfg(test)]
            built();
            let Some(text) = list.text(position) else { continue };
            let alias = rows.alias(position, text).map_or(0, |alias| width(alias) + 3);
            // A digest's first digits tell enough.
            let own = if text.starts_with("sha256:") { 20 } else { width(text) };
            rows.names = rows.names.max(own + alias);
        }
        rows.shown = rows.fit(columns.into());
        rows
    }

    /// Of the tags of one image the one that says most: the version with the most numbers.
    fn find_primaries(&mut self, positions: std::ops::Range<usize>) {
        let list = self.state.browse.list();
        let telling = |tag: &str| (is_version(tag), tag.matches('.').count(), tag.len());
        for position in positions {
            let (Some(text), Some(digest)) = (list.text(position), self.digest(position)) else { continue };
            let best = self.primary.entry(digest).or_insert(text);
            if telling(text) > telling(best) {
                *best = text;
            }
        }
    }

    fn digest(&self, position: usize) -> Option<&'a Digest> {
        let at = self.state.browse.key_at(position)?;
        self.state.digests.value(at.location()?)?.as_ref()
    }

    /// The tag that stands for the same image, if another one does so better.
    fn alias(&self, position: usize, text: &str) -> Option<&'a str> {
        let primary = self.primary.get(self.digest(position)?)?;
        (*primary != text && is_version(primary)).then_some(*primary)
    }

    /// The columns that there is room for; those that say least go first.
    fn fit(&self, columns: usize) -> Shown {
        let target = self.state.target.is_some();
        let word = width(self.state.words.dst()) + 1;
        let needed = |shown: Shown| {
            let all = [
                (shown.platforms, PLATFORMS),
                (shown.age, AGE),
                (shown.size, SIZE),
                (target, SIGN),
                (target && shown.word, word),
            ];
            all.into_iter().filter(|(is, _)| *is).map(|(_, columns)| columns).sum::<usize>()
        };
        let (yes, no) = (true, false);
        let of = |platforms, age, size, word| Shown { platforms, age, size, word };
        let all = [
            of(yes, yes, yes, yes),
            of(no, yes, yes, yes),
            of(no, yes, yes, no),
            of(no, no, yes, no),
            of(no, no, no, no),
        ];
        // A name that is longer than most of the row is cut rather than leave nothing else.
        let names = self.names.min(columns * 3 / 4);
        let room = columns.saturating_sub(LEAD + 2 + names);
        all.into_iter().find(|shown| needed(*shown) <= room).unwrap_or(all[4])
    }

    /// Writes a row.
    pub(super) fn draw(&mut self, pen: &mut Pen, position: usize, in_range: bool) {
        #[cfg(test)]
        built();
        let state = self.state;
        let (theme, glyphs) = (&state.theme, &state.glyphs);
        let Some(text) = state.browse.list().text(position) else { return };
        let mark = state.browse.key_at(position);
        let marked = mark.as_ref().is_some_and(|mark| state.marks.has(mark));
        let lead = if marked || in_range { glyphs.mark } else { " " };
        pen.right("", 1, theme.text).put(" ", theme.text).put(lead, theme.mark);
        match state.browse.level {
            Level::Tags | Level::Images => {
                if let Some(location) = mark.as_ref().and_then(MarkKey::location) {
                    self.image_columns(location, pen);
                }
            }
            Level::Files => file_columns(state, position, pen),
            Level::Platforms => platform_columns(state, position, pen),
            Level::Repositories => self.repository_columns(position, text, pen),
        }
        let style = if marked { theme.mark } else { theme.text };
        self.name(text, style, pen);
        if let Some(alias) = self.alias(position, text) {
            pen.put(&format!(" {} {alias}", glyphs.arrow), theme.dim);
        }
        if let Some(found) = state.browse.found_at(position) {
            let rest = self.names.saturating_sub(width(text)) + 2;
            pen.skip(rest).put(&printable(&found.description, 300), theme.dim);
        }
    }

    /// The name, with what matches the filter in it.
    fn name(&mut self, text: &str, style: Style, pen: &mut Pen) {
        let Some((pattern, matcher)) = &mut self.pattern else {
            pen.put(text, style);
            return;
        };
        let (mut buffer, mut hits) = (Vec::new(), Vec::new());
        let haystack = Utf32Str::new(text, &mut buffer);
        let found = pattern.indices(haystack, matcher, &mut hits).is_some();
        let text = cut(text, pen.room(), self.state.glyphs.ellipsis);
        // Characters that are made of several count as one for the matcher.
        if !found || haystack.len() < text.chars().count() {
            pen.put(&text, style);
            return;
        }
        let hit = style.patch(self.state.theme.accent).add_modifier(Modifier::UNDERLINED);
        hits.sort_unstable();
        let (mut run, mut is_hit) = (String::new(), false);
        for (n, c) in text.chars().enumerate() {
            let now = hits.binary_search(&(n as u32)).is_ok();
            if now != is_hit && !run.is_empty() {
                pen.put(&run, if is_hit { hit } else { style });
                run.clear();
            }
            is_hit = now;
            run.push(c);
        }
        pen.put(&run, if is_hit { hit } else { style });
    }

    /// What is known of an image, from the right: against the target, age, size, platforms.
    fn image_columns(&self, location: &Location, pen: &mut Pen) {
        let (state, theme, words) = (self.state, &self.state.theme, self.state.words);
        if state.target.is_some() {
            let (sign, style) = compared(state, location);
            let word = width(words.dst()) + 1;
            let text = match self.shown.word && !sign.is_empty() {
                true => format!("{sign} {}", words.dst()),
                false => format!("{sign}{}", if self.shown.word { " ".repeat(word) } else { String::new() }),
            };
            pen.right(&text, SIGN + if self.shown.word { word } else { 0 }, style);
        }
        let Some(image) = state.images.value(location) else {
            if matches!(state.images.get(location), Some(Known::Asked)) {
                pen.right(spinner(state), 2, theme.dim);
            }
            return;
        };
        let platforms: Vec<_> = image.platforms.iter().filter(|p| p.attests.is_none()).collect();
        if self.shown.age {
            let created =
                platforms.iter().filter_map(|p| p.created.as_deref()?.parse::<jiff::Timestamp>().ok()).max();
            let text = created.map(|at| age(state.clock.as_second() - at.as_second())).unwrap_or_default();
            pen.right(&text, AGE, theme.dim);
        }
        if self.shown.size {
            pen.right(&bytes(image.size), SIZE, theme.text);
        }
        if self.shown.platforms {
            pen.right(&words.n_plat(platforms.len()), PLATFORMS, theme.dim);
        }
    }

    /// How many tags a repository has, and what a search says of it.
    fn repository_columns(&self, position: usize, text: &str, pen: &mut Pen) {
        let (state, theme, words) = (self.state, &self.state.theme, self.state.words);
        if let Some(count) = state.browse.counts.get(text) {
            pen.right(&words.n_tags(count), 12, theme.dim);
        }
        let Some(found) = state.browse.found_at(position) else { return };
        if let Some(stars) = found.stars {
            pen.right(&words.n_stars(stars), 12, theme.dim);
        }
        if pen.room() > self.names + 10 {
            let official = if found.official { words.official() } else { "" };
            pen.right(official, width(words.official()) + 2, theme.ok);
        }
    }
}

/// `= ≠ ∅` against the target, `?` where the target does not say; nothing as long as it is not known.
fn compared(state: &State, location: &Location) -> (&'static str, Style) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let here = state.digests.value(location);
    let to = state.destination(location);
    let there = to.as_ref().and_then(|to| state.digests.value(to).cloned());
    if to.is_some_and(|to| matches!(state.digests.get(&to), Some(Known::Failed(())))) {
        return ("?", theme.warn);
    }
    match (here, there) {
        (Some(Some(_)), Some(None)) => (glyphs.absent, theme.dim),
        (Some(Some(here)), Some(Some(there))) if *here == there => (glyphs.same, theme.ok),
        (Some(Some(_)), Some(Some(_))) => (glyphs.differs, theme.warn),
        _ => ("", theme.dim),
    }
}

fn file_columns(state: &State, position: usize, pen: &mut Pen) {
    let Some(file) = state.browse.file_at(position) else { return };
    if let Some(modified) = file.modified {
        // Files are told apart by their day and minute; the person's own time.
        let at = modified.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string();
        let age = age(state.clock.as_second() - modified.as_second());
        let (text, columns) = if pen.room() >= 44 { (at, 18) } else { (age, 6) };
        pen.right(&text, columns, state.theme.dim);
    }
    pen.right(&bytes(file.size), SIZE, state.theme.text);
}

fn platform_columns(state: &State, position: usize, pen: &mut Pen) {
    let image = state.browse.location().and_then(|at| state.images.value(&at).cloned());
    let mut shown = image
        .iter()
        .flat_map(|image| image.platforms.iter())
        .filter(|p| p.attests.is_none() && p.platform.is_some());
    let Some(n) = state.browse.list().arrival(position) else { return };
    if let Some(platform) = shown.nth(n) {
        let wide = pen.room() >= 50;
        pen.right(&bytes(platform.size), SIZE, state.theme.text);
        pen.right(&state.words.n_layers(platform.layers.len()), 11, state.theme.dim);
        if wide {
            pen.right(platform.digest.short(12), 14, state.theme.dim);
        }
    }
}

#[cfg(test)]
thread_local! {
    /// Rows that were looked at or written.
    pub(in crate::tui) static BUILT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn built() {
    BUILT.set(BUILT.get() + 1);
}

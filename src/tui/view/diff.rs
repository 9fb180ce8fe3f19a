//! What two images differ in, as a diff reads: `-` what the target has, `+` what a copy would put there.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{bytes, wrap};
use super::{advice, spinner};
use crate::engine::{Change, ImageDiff, LayerLine, PlatformDiff};
use crate::oci::{Digest, printable};
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::removal::Comparison;
use crate::tui::theme::Theme;

/// The rows so far.
struct Rows<'a> {
    theme: &'a Theme,
    columns: usize,
    lines: Vec<Line<'static>>,
}

impl Rows<'_> {
    /// A row with its sign; what is too long goes on below it.
    fn push(&mut self, indent: usize, sign: &str, text: &str) {
        let style = self.style(sign);
        let wrapped = wrap(&printable(text, 2000), self.columns.saturating_sub(indent + 4));
        for (n, line) in wrapped.into_iter().enumerate() {
            let sign = if n == 0 { sign } else { " " };
            let text = format!(" {:indent$}{sign} {line}", "");
            self.lines.push(Line::from(Span::styled(text, style)));
        }
    }

    fn style(&self, sign: &str) -> Style {
        match sign {
            "-" => self.theme.error,
            "+" => self.theme.ok,
            " " | "=" => self.theme.dim,
            _ => self.theme.text,
        }
    }

    fn changes(&mut self, indent: usize, named: impl Fn(&str) -> String, changes: &[Change]) {
        for change in changes {
            let name = named(&change.key);
            for (sign, value) in [("-", &change.a), ("+", &change.b)] {
                if let Some(value) = value {
                    self.push(indent, sign, &format!("{name}: {value}"));
                }
            }
        }
    }
}

pub(super) fn lines(state: &State, comparison: &Comparison, columns: usize) -> Vec<Line<'static>> {
    let mut rows = Rows { theme: &state.theme, columns, lines: Vec::new() };
    let words = state.words;
    match &comparison.answer {
        _ if comparison.absent => {
            rows.push(0, "-", &format!("{}: {}", comparison.a, words.not_there()));
            rows.push(0, "+", &comparison.b.to_string());
            rows.push(0, " ", &words.target_lacks(&comparison.a));
            rows.push(0, " ", &words.copy_would_bring(state.key(Action::Add)));
        }
        None => {
            rows.push(0, "-", &comparison.a.to_string());
            rows.push(0, "+", &comparison.b.to_string());
            rows.push(
                0,
                " ",
                &format!("{} {}{}", spinner(state), words.reading_both(), state.glyphs.ellipsis),
            );
        }
        Some(Err(failure)) => {
            rows.push(0, state.glyphs.failed, &failure.message);
            for hint in advice::hints(state, failure) {
                rows.push(0, " ", &hint);
            }
        }
        Some(Ok(diff)) => whole(&mut rows, diff, state),
    }
    rows.lines
}

fn whole(rows: &mut Rows, diff: &ImageDiff, state: &State) {
    let words = state.words;
    if diff.same {
        rows.push(0, "=", &words.same_image(&diff.descriptor_a.digest, bytes(diff.size_a)));
        return rows.push(0, " ", &words.these_two(&diff.a, &diff.b));
    }
    let (a, b) = (&diff.descriptor_a, &diff.descriptor_b);
    rows.push(0, "-", &format!("{}  {}  {}", diff.a, short(&a.digest), bytes(diff.size_a)));
    rows.push(0, "+", &format!("{}  {}  {}", diff.b, short(&b.digest), bytes(diff.size_b)));
    if a.media_type != b.media_type {
        rows.push(2, "-", &words.media_type_is(&a.media_type));
        rows.push(2, "+", &words.media_type_is(&b.media_type));
    }
    rows.changes(2, |key| words.annotation_of(key), &diff.annotations);
    for (sign, alone) in [("-", &diff.only_a), ("+", &diff.only_b)] {
        for line in alone {
            rows.push(0, sign, &format!("{}  {}  {}", line.platform, short(&line.digest), bytes(line.size)));
        }
    }
    let (same, other): (Vec<_>, Vec<_>) = diff.platforms.iter().partition(|platform| platform.same);
    other.iter().for_each(|platform| one(rows, platform, state));
    for platform in same {
        let text =
            format!("{}  {}  {}", platform.platform, short(&platform.digest_a), bytes(platform.size_a));
        rows.push(0, "=", &text);
    }
}

fn one(rows: &mut Rows, platform: &PlatformDiff, state: &State) {
    let (arrow, words) = (state.glyphs.arrow, state.words);
    rows.lines.push(Line::default());
    let (a, b) = (bytes(platform.size_a), bytes(platform.size_b));
    let digests = format!("{} {arrow} {}", short(&platform.digest_a), short(&platform.digest_b));
    rows.push(0, state.glyphs.differs, &format!("{}  {digests}  {a} {arrow} {b}", platform.platform));
    let layers = &platform.layers;
    let count = |lines: &[LayerLine]| {
        let size = bytes(lines.iter().map(|line| line.size).sum());
        match lines.len() {
            1 => words.one_layer(size),
            n => words.layers_of(n, size),
        }
    };
    if !layers.common.is_empty() {
        rows.push(2, "=", &count(&layers.common));
    }
    for pair in &layers.recompressed {
        let (a, b) = (&pair.a, &pair.b);
        let sizes = format!("{} {arrow} {}", bytes(a.size), bytes(b.size));
        rows.push(2, "~", &words.recompressed(short(&a.digest), arrow, short(&b.digest), sizes));
    }
    for (sign, lines) in [("-", &layers.only_a), ("+", &layers.only_b)] {
        for line in lines {
            rows.push(2, sign, &words.layer_of(short(&line.digest), bytes(line.size)));
        }
    }
    rows.changes(2, str::to_owned, &platform.config);
    rows.changes(2, |key| words.annotation_of(key), &platform.annotations);
}

fn short(digest: &Digest) -> &str {
    digest.short(12)
}

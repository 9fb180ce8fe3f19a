//! What two images differ in, as a diff reads: `-` what the target has, `+` what a copy would put there.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text::{bytes, wrap};
use super::{advice, spinner};
use crate::engine::{Change, ImageDiff, LayerLine, PlatformDiff};
use crate::oci::{Digest, printable};
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

    fn changes(&mut self, indent: usize, what: &str, changes: &[Change]) {
        for change in changes {
            for (sign, value) in [("-", &change.a), ("+", &change.b)] {
                if let Some(value) = value {
                    self.push(indent, sign, &format!("{what}{}: {value}", change.key));
                }
            }
        }
    }
}

pub(super) fn lines(state: &State, comparison: &Comparison, columns: usize) -> Vec<Line<'static>> {
    let mut rows = Rows { theme: &state.theme, columns, lines: Vec::new() };
    match &comparison.answer {
        None => {
            rows.push(0, "-", &comparison.a.to_string());
            rows.push(0, "+", &comparison.b.to_string());
            rows.push(0, " ", &format!("{} reading both{}", spinner(state), state.glyphs.ellipsis));
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
    if diff.same {
        rows.push(0, "=", &format!("the same image: {}, {}", diff.descriptor_a.digest, bytes(diff.size_a)));
        return rows.push(0, " ", &format!("{} and {}", diff.a, diff.b));
    }
    let (a, b) = (&diff.descriptor_a, &diff.descriptor_b);
    rows.push(0, "-", &format!("{}  {}  {}", diff.a, short(&a.digest), bytes(diff.size_a)));
    rows.push(0, "+", &format!("{}  {}  {}", diff.b, short(&b.digest), bytes(diff.size_b)));
    if a.media_type != b.media_type {
        rows.push(2, "-", &format!("media type {}", a.media_type));
        rows.push(2, "+", &format!("media type {}", b.media_type));
    }
    rows.changes(2, "annotation ", &diff.annotations);
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
    let arrow = state.glyphs.arrow;
    rows.lines.push(Line::default());
    let (a, b) = (bytes(platform.size_a), bytes(platform.size_b));
    let digests = format!("{} {arrow} {}", short(&platform.digest_a), short(&platform.digest_b));
    rows.push(0, state.glyphs.differs, &format!("{}  {digests}  {a} {arrow} {b}", platform.platform));
    let layers = &platform.layers;
    let count = |lines: &[LayerLine]| {
        let size = bytes(lines.iter().map(|line| line.size).sum());
        format!("{} {}  {size}", lines.len(), if lines.len() == 1 { "layer" } else { "layers" })
    };
    if !layers.common.is_empty() {
        rows.push(2, "=", &count(&layers.common));
    }
    for pair in &layers.recompressed {
        let (a, b) = (&pair.a, &pair.b);
        let sizes = format!("{} {arrow} {}", bytes(a.size), bytes(b.size));
        rows.push(
            2,
            "~",
            &format!("layer {} {arrow} {}  {sizes}, the same content", short(&a.digest), short(&b.digest)),
        );
    }
    for (sign, lines) in [("-", &layers.only_a), ("+", &layers.only_b)] {
        for line in lines {
            rows.push(2, sign, &format!("layer {}  {}", short(&line.digest), bytes(line.size)));
        }
    }
    rows.changes(2, "", &platform.config);
    rows.changes(2, "annotation ", &platform.annotations);
}

fn short(digest: &Digest) -> &str {
    digest.short(12)
}

//! The two sets of symbols: Unicode, and nothing beyond ASCII. No other file of the UI holds a symbol.

use ratatui::symbols::border;

use crate::config::Symbols;

/// One set of symbols. State is told by these, never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct Glyphs {
    pub cursor: &'static str,
    pub reached: &'static str,
    pub unknown: &'static str,
    pub directory: &'static str,
    pub hidden: &'static str,
    pub store: &'static str,
    pub mark: &'static str,
    pub running: &'static str,
    pub waiting: &'static str,
    pub paused: &'static str,
    pub done: &'static str,
    pub failed: &'static str,
    pub cancelled: &'static str,
    pub bar: &'static str,
    pub bar_rest: &'static str,
    pub same: &'static str,
    pub differs: &'static str,
    pub absent: &'static str,
    pub ellipsis: &'static str,
    pub arrow: &'static str,
    pub dot: &'static str,
    pub dash: &'static str,
    pub caret: &'static str,
    pub warning: &'static str,
    pub spark: [&'static str; 8],
    pub spinner: &'static [&'static str],
    pub border: border::Set<'static>,
    /// Whether neighbouring borders may be merged into one line.
    pub merge: bool,
}

const UNICODE: Glyphs = Glyphs {
    cursor: "▸",
    reached: "●",
    unknown: "○",
    directory: "▤",
    hidden: "•",
    store: "◆",
    mark: "▌",
    running: "▶",
    waiting: "·",
    paused: "‖",
    done: "✓",
    failed: "✗",
    cancelled: "⊘",
    bar: "█",
    bar_rest: "░",
    same: "=",
    differs: "≠",
    absent: "∅",
    ellipsis: "…",
    arrow: "→",
    dot: "·",
    dash: "—",
    caret: "▏",
    warning: "!",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    border: border::PLAIN,
    merge: true,
};

const ASCII: Glyphs = Glyphs {
    cursor: ">",
    reached: "*",
    unknown: "o",
    directory: "#",
    hidden: "*",
    store: "@",
    mark: "|",
    running: ">",
    waiting: ".",
    paused: "=",
    done: "+",
    failed: "x",
    cancelled: "-",
    bar: "#",
    bar_rest: ".",
    same: "=",
    differs: "!",
    absent: "0",
    ellipsis: "~",
    arrow: "->",
    dot: "-",
    dash: "--",
    caret: "_",
    warning: "!",
    spark: ["_", "_", ".", ".", "-", "=", "#", "#"],
    spinner: &["|", "/", "-", "\\"],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    merge: false,
};

impl Glyphs {
    /// The set that the configuration asks for.
    pub fn of(symbols: Symbols) -> Glyphs {
        match symbols {
            Symbols::Unicode => UNICODE,
            Symbols::Ascii => ASCII,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(format!("{ASCII:?}").is_ascii());
        assert!(!format!("{UNICODE:?}").is_ascii());
    }
}

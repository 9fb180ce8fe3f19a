//! How many cells a text takes, and cuts at cells: by the grapheme, as ratatui draws it. The width of a whole string is
//! not the sum of what its parts take (a combining mark, an Arabic ligature, a family of emoji), so nothing here asks
//! for it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::Span;

/// Columns that `text` takes once it is drawn.
pub fn width(text: &str) -> usize {
    let text = drawable(text);
    if text.is_ascii() {
        return text.len();
    }
    let mut columns = 0;
    let _ = each(&text, |_, w| {
        columns += w;
        ControlFlow::Continue(())
    });
    columns
}

/// `text` cut to `columns`, with `ellipsis` where something is missing.
pub fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    let text = drawable(text);
    let end = reach(&text, columns);
    if end == text.len() {
        return text.into_owned();
    }
    let more = width(ellipsis);
    let (room, ellipsis) = if more <= columns { (columns - more, ellipsis) } else { (columns, "") };
    format!("{}{ellipsis}", &text[..reach(&text[..end], room)])
}

/// `text` cut to `columns` from its front: the end of an image's name is what tells it apart.
pub fn cut_front(text: &str, columns: usize, ellipsis: &str) -> String {
    let text = drawable(text);
    let all = width(&text);
    if all <= columns {
        return text.into_owned();
    }
    let more = width(ellipsis);
    let (room, ellipsis) = if more <= columns { (columns - more, ellipsis) } else { (columns, "") };
    // The first cell from which on the rest has room.
    let (mut begin, mut left) = (0, all);
    let _ = each(&text, |symbol, w| {
        if left <= room {
            return ControlFlow::Break(());
        }
        (begin, left) = (begin + symbol.len(), left - w);
        ControlFlow::Continue(())
    });
    format!("{ellipsis}{}", &text[begin..])
}

/// Where `text` must end so that it takes at most `columns`, in bytes.
fn reach(text: &str, columns: usize) -> usize {
    if text.is_ascii() {
        return text.len().min(columns);
    }
    let (mut end, mut used) = (0, 0);
    let _ = each(text, |symbol, w| {
        if used + w > columns {
            return ControlFlow::Break(());
        }
        (end, used) = (end + symbol.len(), used + w);
        ControlFlow::Continue(())
    });
    end
}

/// Calls `f` with every grapheme of a text that is [`drawable`], and the columns that it takes.
pub(super) fn each(text: &str, mut f: impl FnMut(&str, usize) -> ControlFlow<()>) -> ControlFlow<()> {
    for grapheme in Span::raw(text).styled_graphemes(Style::new()) {
        f(grapheme.symbol, grapheme.symbol.cell_width().into())?;
    }
    ControlFlow::Continue(())
}

/// The text as it is drawn: a tab and a line's end are a blank; what else is no sign, or turns the direction of those
/// around it, is left out. Text from outside came through [`crate::oci::printable`] already; what a person types or
/// what a path holds need not have.
pub(super) fn drawable(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() && !turns(c);
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    out.extend(text.chars().filter_map(|c| match c {
        '\t' | '\n' => Some(' '),
        c => plain(c).then_some(c),
    }));
    Cow::Owned(out)
}

/// Marks that change the direction of the text around them, and separators that a terminal may break the line at.
fn turns(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_what_is_drawn() {
        for (text, want) in [
            ("", 0),
            ("abc", 3),
            ("镜像仓库", 8),
            ("e\u{301}x", 2),
            ("\u{301}x", 1),
            ("👩\u{200d}👩\u{200d}👧", 2),
            ("❤\u{fe0f}!", 3),
            ("❤!", 2),
            ("🇨🇳", 2),
            ("لا", 2),
            ("a\u{202e}b\u{2066}c", 3),
            ("a\tb\nc\r", 5),
            ("\x1b[31m", 4),
        ] {
            assert_eq!(width(text), want, "{text:?}");
        }
    }

    #[test]
    fn cuts_leave_graphemes_whole() {
        assert_eq!(cut("镜像仓库", 8, "…"), "镜像仓库");
        assert_eq!(cut("镜像仓库", 7, "…"), "镜像仓…");
        assert_eq!(cut("镜像仓库", 6, "…"), "镜像…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
        assert_eq!(cut("a👩\u{200d}👧b", 3, ""), "a👩\u{200d}👧");
        assert_eq!(cut("a👩\u{200d}👧b", 3, "…"), "a…");
        assert_eq!(cut_front("镜像仓库", 8, "…"), "镜像仓库");
        assert_eq!(cut_front("镜像仓库", 6, "…"), "…仓库");
        assert_eq!(cut_front("xe\u{301}y", 2, "…"), "…y");
        assert_eq!((cut_front("a/b:1", 4, "…"), cut_front("a/b:1", 0, "…")), ("…b:1".into(), "".into()));
        assert_eq!((cut("abc", 0, "…"), cut("abc", 2, "~")), (String::new(), "a~".to_owned()));
        assert_eq!((cut("abc", 1, "->"), cut("镜像", 1, "…")), ("a".to_owned(), "…".to_owned()));
    }
}

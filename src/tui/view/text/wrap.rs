//! Text broken into lines: Latin at blanks, Chinese and Japanese between any two signs, but never before a sign that
//! ends something (`，。）`) nor behind one that opens it (`（《`).

use std::ops::ControlFlow;

use super::cells::{drawable, each};

/// Signs that do not begin a line.
const CLOSING: &str = "，。、；：？！）】》」』”’〉〕…—·％,.;:?!)]}>%";
/// Signs that do not end one.
const OPENING: &str = "（【《「『“‘〈〔([{<";

/// What is not broken: a word, or a wide sign with what must stay with it.
#[derive(Default)]
struct Piece {
    text: String,
    columns: usize,
    /// Whether a blank stands before it.
    apart: bool,
}

/// `text` broken into lines of at most `columns`. A word that is longer than a line is cut.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for piece in pieces(&drawable(text)) {
        let blank = usize::from(piece.apart && used > 0);
        if used > 0 && used + blank + piece.columns > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if blank > 0 {
            line.push(' ');
            used += 1;
        }
        if piece.columns <= columns {
            line += &piece.text;
            used += piece.columns;
            continue;
        }
        let _ = each(&piece.text, |sign, w| {
            // A sign that is wider than a whole line cannot be drawn at all.
            if w > columns {
                return ControlFlow::Continue(());
            }
            if used + w > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line += sign;
            used += w;
            ControlFlow::Continue(())
        });
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut piece = Piece::default();
    // Whether the sign before is wide, and whether it opens something.
    let (mut wide, mut opens) = (false, false);
    let _ = each(text, |sign, w| {
        let first = sign.chars().next().unwrap_or(' ');
        if first == ' ' {
            if !piece.text.is_empty() {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.apart = true;
            return ControlFlow::Continue(());
        }
        let breaks = (wide || w > 1) && !opens && !CLOSING.contains(first);
        if breaks && !piece.text.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        piece.text += sign;
        piece.columns += w;
        (wide, opens) = (w > 1, OPENING.contains(first));
        ControlFlow::Continue(())
    });
    if !piece.text.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::width;
    use super::*;

    #[test]
    fn lines_break_where_they_may() {
        assert_eq!(wrap("get manifest a/b:1: 401", 12), ["get manifest", "a/b:1: 401"]);
        assert_eq!(wrap("镜像仓库x", 4), ["镜像", "仓库", "x"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("  a   b ", 9), ["a b"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("按 enter 登录镜像仓库", 8), ["按 enter", "登录镜像", "仓库"]);
        assert_eq!(wrap("跨行的 word混排text", 11), ["跨行的 word", "混排text"]);
    }

    #[test]
    fn no_line_begins_with_what_closes_nor_ends_with_what_opens() {
        assert_eq!(wrap("镜像仓库，标签。", 8), ["镜像仓", "库，标", "签。"]);
        assert_eq!(wrap("重试（三次）", 6), ["重试", "（三", "次）"]);
        assert_eq!(wrap("按 S 启动队列。", 13), ["按 S 启动队", "列。"]);
        assert_eq!(wrap("看：镜像", 4), ["看：", "镜像"]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(100))]

        #[test]
        fn nothing_is_lost_and_no_line_is_too_long(
            text in r"([a-z/.:]{1,12}|[镜像仓库，。（）]{1,6}|👩\u{200d}👧|e\u{301}| |\t|\u{202e}|❤\u{fe0f}){0,20}",
            columns in 2usize..40,
        ) {
            let lines = wrap(&text, columns);
            for line in &lines {
                assert!(width(line) <= columns, "{line:?} in {columns}");
                assert!(!line.starts_with(' ') && !line.ends_with(' '), "{line:?}");
            }
            let signs = |text: &str| drawable(text).replace(' ', "");
            assert_eq!(signs(&lines.concat()), signs(&text));
        }
    }
}

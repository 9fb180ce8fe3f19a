//! Text that came from elsewhere, made safe to show.

/// `text` without control characters, escape sequences' lead-ins, bidirectional marks and other
/// invisible formatting, on one line, and at most `limit` characters (an ellipsis marks the cut).
///
/// Registries answer with what they like; this is applied at the edge for the screen, the logs, the
/// clipboard and the terminal's title (DESIGN section 6, trap 8).
pub fn printable(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit * 4));
    let mut count = 0;
    for c in text.chars() {
        let c = match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() || is_invisible(c) => continue,
            c => c,
        };
        if c == ' ' && out.ends_with(' ') {
            continue;
        }
        if count + 1 > limit {
            out.pop();
            out.push('…');
            break;
        }
        out.push(c);
        count += 1;
    }
    out.trim_end().to_owned()
}

/// `text` without control characters and invisible formatting, and otherwise as it is: blanks, line ends and length stay.
/// For the clipboard, which takes a script as well as a name.
pub fn shown(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !(c.is_control() || is_invisible(*c))).collect()
}

/// What somebody wrote where a name belongs, as it may be shown: [`printable`], and without `USER:PASSWORD@`.
pub fn printable_name(text: &str, limit: usize) -> String {
    match login_end(text) {
        Some(end) => printable(&format!("…{}", &text[end..]), limit),
        None => printable(text, limit),
    }
}

/// Whether `USER:PASSWORD@` or a URL's user is in a text. `NAME:TAG@sha256:…` is none.
pub(super) fn holds_login(text: &str) -> bool {
    login_end(text).is_some()
}

/// Where the `@` behind a user and a password is.
fn login_end(text: &str) -> Option<usize> {
    let name = match text.rsplit_once('@') {
        Some((name, digest)) if digest.starts_with("sha256:") || digest.starts_with("sha512:") => name,
        _ => text,
    };
    name.rfind('@').filter(|end| name[..*end].contains(':'))
}

/// Characters that change the order or the width of others without showing anything themselves.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_marks_are_dropped_and_lines_joined() {
        assert_eq!(printable("a\x1b[31mred\x1b[0m\nb\u{202e}c\u{9b}d", 80), "a[31mred[0m bcd");
        assert_eq!(printable("镜像\u{200b}仓库", 80), "镜像仓库");
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(printable("abcdef", 4), "abc…");
        assert_eq!(printable("abcd", 4), "abcd");
        assert_eq!(printable(&"x".repeat(10_000), 5), "xxxx…");
    }
}

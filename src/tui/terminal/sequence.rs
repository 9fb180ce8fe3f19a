//! The escape sequences that take the terminal over and give it back, as plain bytes: the panic hook and a
//! dying terminal must not depend on anybody's buffer.

use crate::oci::{printable, shown};

/// Alternate screen, empty; bracketed paste (ratatui's own `init` forgets it); cursor hidden.
pub(super) const ENTER: &[u8] = b"\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h\x1b[?25l";

/// The modes of [`ENTER`] that another program may have changed meanwhile, without switching screens.
pub(super) const ASSERT: &[u8] = b"\x1b[0m\x1b[?2004h\x1b[?25l";

/// Buttons, the wheel and drags are told, by SGR coordinates. Not motion without a button, which nobody asks for.
pub(super) const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
/// Undoes [`MOUSE_ON`].
pub(super) const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";

/// Modes that wharf does not use and another program may have left on, where it was killed: cursor keys and keypad of
/// an application, all the mouse's moves, focus.
pub(super) const OTHERS_OFF: &[u8] = b"\x1b[?1l\x1b>\x1b[?1003l\x1b[?1004l";

/// Undoes [`ENTER`], and whatever a frame cut in the middle has left behind.
pub(super) const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?2004l\x1b[?1049l\x1b[?25h";

/// Between these two the terminal shows nothing half-drawn ("synchronized output"); who does not know them
/// ignores them.
pub(super) const BEGIN_FRAME: &[u8] = b"\x1b[?2026h";
/// See [`BEGIN_FRAME`].
pub(super) const END_FRAME: &[u8] = b"\x1b[?2026l";

/// Keeps the title on the terminal's stack of titles.
pub(super) const KEEP_TITLE: &[u8] = b"\x1b[22;2t";
/// Takes it back from there. A terminal without that stack is left with an empty title, which most read as
/// "show your own".
pub(super) const RESTORE_TITLE: &[u8] = b"\x1b]2;\x1b\\\x1b[23;2t";

/// Titles longer than this are cut; window lists show less.
const TITLE_LIMIT: usize = 120;

/// Sets the window's title (OSC 2). What is in `title` cannot end the sequence early or begin another.
pub(super) fn title(title: &str) -> Vec<u8> {
    format!("\x1b]2;{}\x1b\\", printable(title, TITLE_LIMIT)).into_bytes()
}

/// Puts what is encoded (base64) into the clipboard.
pub(super) fn osc52(encoded: &str) -> Vec<u8> {
    format!("\x1b]52;c;{encoded}\x07").into_bytes()
}

/// The same for the terminal around GNU screen, which hands strings through in pieces: longer ones than it has room for
/// are dropped.
pub(super) fn osc52_through_screen(encoded: &str) -> Vec<u8> {
    const PIECE: usize = 76;
    let mut out = String::from("\x1bP\x1b]52;c;");
    // base64 is ASCII, so any cut is between characters.
    for (n, piece) in encoded.as_bytes().chunks(PIECE).enumerate() {
        if n > 0 {
            out += "\x1b\\\x1bP";
        }
        out += &String::from_utf8_lossy(piece);
    }
    (out + "\x07\x1b\\").into_bytes()
}

/// Shows a notification (OSC 9). What is in `text` cannot end the sequence early or begin another.
pub(super) fn osc9(text: &str) -> Vec<u8> {
    format!("\x1b]9;{}\x1b\\", printable(text, TITLE_LIMIT)).into_bytes()
}

/// Hands a sequence through tmux to the terminal around it.
pub(super) fn through_tmux(sequence: &[u8]) -> Vec<u8> {
    let mut out = b"\x1bPtmux;".to_vec();
    for byte in sequence {
        if *byte == 0x1b {
            out.push(0x1b);
        }
        out.push(*byte);
    }
    out.extend(b"\x1b\\");
    out
}

/// Lines from a row and the screen's left edge on, each written in one go: where one is wider than the screen the terminal
/// itself wraps it, and joins its rows again when they are selected.
pub(super) fn plain_lines<'a>(lines: impl IntoIterator<Item = (u16, &'a str)>) -> Vec<u8> {
    let mut out = String::from("\x1b[0m\x1b[?7h");
    for (row, line) in lines {
        out += &format!("\x1b[{};1H{}", row + 1, shown(&line.replace('\n', " ")));
    }
    out.into_bytes()
}

/// Whether a terminal of that `TERM` takes titles: a console prints them as text instead.
pub(super) fn takes_titles(term: &str) -> bool {
    let console = ["linux", "dumb", "vt", "cons", "ansi", "cygwin"];
    !term.is_empty() && !console.iter().any(|name| term.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_whole_sequence_whatever_is_in_it() {
        let bytes = title("team/api\x1b]2;pwned\x07\x1b[31m\u{9c}\nv1\u{202e}");
        assert_eq!(String::from_utf8(bytes).as_deref(), Ok("\x1b]2;team/api]2;pwned[31m v1\x1b\\"));
        assert!(title(&"x".repeat(5000)).len() < 140);
    }

    #[test]
    fn consoles_get_no_title() {
        for term in ["linux", "dumb", "vt100", "vt220", "", "cons25"] {
            assert!(!takes_titles(term), "{term}");
        }
        for term in ["xterm-256color", "tmux-256color", "screen", "alacritty", "foot"] {
            assert!(takes_titles(term), "{term}");
        }
    }
}

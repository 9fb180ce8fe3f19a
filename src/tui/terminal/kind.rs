//! What kind of terminal it is: what it takes besides text and colours, as far as the environment tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::sequence;
use crate::config::{Notify, Symbols};

/// A way for text to get into a person's clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipboardWay {
    /// `tmux load-buffer -w`, which passes it on to the terminal outside.
    Tmux,
    /// The terminal's own sequence.
    Osc52,
    /// The same, handed through GNU screen.
    Screen,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TerminalKind {
    /// `TERM`.
    pub term: String,
    /// Whether wharf runs inside tmux.
    pub tmux: bool,
    /// Whether wharf runs inside GNU screen.
    pub screen: bool,
    /// Whether the locale's letters are UTF-8.
    pub utf8: bool,
    /// `TERM_PROGRAM`.
    pub program: String,
}

/// The longest text that is sent by OSC 52, in bytes: what xterm and older terminals take is 100,000 characters of
/// base64 with the sequence's own.
const OSC52_LIMIT: usize = 74_900;

impl TerminalKind {
    /// Finds out from the environment, which `env` looks up.
    pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> TerminalKind {
        let get = |name: &str| env(name).unwrap_or_default();
        let set = |name: &str| !get(name).is_empty();
        // Of the three the first that is set counts, as everywhere.
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].iter().map(|name| get(name)).find(|text| !text.is_empty());
        let locale = locale.unwrap_or_default().to_ascii_lowercase().replace('-', "");
        TerminalKind {
            term: get("TERM"),
            tmux: set("TMUX"),
            screen: set("STY") && !set("TMUX"),
            utf8: locale.contains("utf8"),
            program: get("TERM_PROGRAM"),
        }
    }

    /// Whether it is a plain terminal or a console: what is no key, colour or cursor movement it may print as text.
    pub fn is_plain(&self) -> bool {
        let consoles = ["linux", "dumb", "vt", "cons", "ansi", "cygwin", "wy"];
        self.term.is_empty() || consoles.iter().any(|name| self.term.starts_with(name))
    }

    /// Whether nothing says that it can place text where it belongs.
    pub fn is_dumb(&self) -> bool {
        self.term.is_empty() || matches!(self.term.as_str(), "dumb" | "unknown" | "network")
    }

    /// Within a multiplexer on another machine, which sequences do not get through by default.
    fn is_multiplexed(&self) -> bool {
        self.tmux || self.screen || self.term.starts_with("tmux") || self.term.starts_with("screen")
    }

    /// The symbols that fit, where the configuration does not say.
    pub fn symbols(&self) -> Symbols {
        // A console's fonts have boxes, and few of the other signs.
        if self.utf8 && !self.is_plain() { Symbols::Unicode } else { Symbols::Ascii }
    }

    /// The ways to the clipboard, the best first. Where none is left, the text is shown for copying by hand.
    pub fn clipboard(&self) -> Vec<ClipboardWay> {
        let mut ways = Vec::new();
        if self.tmux {
            ways.push(ClipboardWay::Tmux);
        }
        if self.screen {
            ways.push(ClipboardWay::Screen);
        }
        let deaf = self.is_plain()
            || self.is_multiplexed()
            || self.program == "Apple_Terminal"
            || self.term.starts_with("rxvt");
        if !deaf {
            ways.push(ClipboardWay::Osc52);
        }
        ways
    }

    /// The sequence that puts `text` into the clipboard; `None` where it is too long for that.
    pub fn copy(&self, way: ClipboardWay, text: &str) -> Option<Vec<u8>> {
        if text.len() > OSC52_LIMIT {
            return None;
        }
        let encoded = STANDARD.encode(text);
        Some(match way {
            ClipboardWay::Screen => sequence::osc52_through_screen(&encoded),
            ClipboardWay::Tmux | ClipboardWay::Osc52 => sequence::osc52(&encoded),
        })
    }

    /// What tells a person outside of the screen: a bell, a notification, both, or nothing.
    pub fn notice(&self, how: Notify, text: &str) -> Vec<u8> {
        let (bell, osc9) = match how {
            Notify::Off => return Vec::new(),
            Notify::Bell => (true, false),
            Notify::Osc9 => (false, true),
            Notify::Both => (true, true),
        };
        // tmux drops what is to pass through unless `allow-passthrough` is on, screen knows nothing of it, and a console
        // would print it: there a bell is heard.
        let heard = self.is_multiplexed() || self.is_plain();
        let mut bytes = match () {
            () if !osc9 || self.is_plain() => Vec::new(),
            () if self.tmux => sequence::through_tmux(&sequence::osc9(text)),
            () if self.is_multiplexed() => Vec::new(),
            () => sequence::osc9(text),
        };
        if bell || heard {
            bytes.push(0x07);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(pairs: &[(&str, &str)]) -> TerminalKind {
        TerminalKind::detect(&|name| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_chain_is_tmux_then_osc_52_then_by_hand() {
        use ClipboardWay::{Osc52, Screen, Tmux};
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [ClipboardWay]);
        let table: [Case<'_>; 13] = [
            (&[("TERM", "xterm-256color")], &[Osc52]),
            (&[("TERM", "xterm")], &[Osc52]),
            (&[("TERM", "alacritty")], &[Osc52]),
            (&[("TERM", "tmux-256color"), ("TMUX", "/tmp/x,1,0")], &[Tmux]),
            (&[("TERM", "screen-256color"), ("TMUX", "/tmp/x,1,0")], &[Tmux]),
            (&[("TERM", "xterm-256color"), ("TMUX", "/tmp/x,1,0")], &[Tmux]),
            (&[("TERM", "screen"), ("STY", "1.pts")], &[Screen]),
            // Over ssh from within a multiplexer: nothing gets through by default.
            (&[("TERM", "screen")], &[]),
            (&[("TERM", "tmux-256color")], &[]),
            (&[("TERM", "linux")], &[]),
            (&[("TERM", "dumb")], &[]),
            (&[], &[]),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")], &[]),
        ];
        for (pairs, want) in table {
            assert_eq!(kind(pairs).clipboard(), want, "{pairs:?}");
        }
    }

    #[test]
    fn symbols_fit_the_locale_and_the_terminal() {
        for (pairs, want) in [
            (vec![("TERM", "xterm"), ("LANG", "en_US.UTF-8")], Symbols::Unicode),
            (vec![("TERM", "xterm"), ("LANG", "C.utf8")], Symbols::Unicode),
            (vec![("TERM", "xterm"), ("LANG", "C")], Symbols::Ascii),
            (vec![("TERM", "xterm")], Symbols::Ascii),
            (vec![("TERM", "xterm"), ("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], Symbols::Ascii),
            (vec![("TERM", "xterm"), ("LANG", "C"), ("LC_CTYPE", "zh_CN.UTF-8")], Symbols::Unicode),
            (vec![("TERM", "linux"), ("LANG", "en_US.UTF-8")], Symbols::Ascii),
            (vec![("TERM", "vt100"), ("LANG", "en_US.UTF-8")], Symbols::Ascii),
        ] {
            assert_eq!(kind(&pairs).symbols(), want, "{pairs:?}");
        }
    }

    #[test]
    fn a_notice_reaches_its_terminal_and_is_printed_by_none() {
        let xterm = kind(&[("TERM", "xterm-256color")]);
        assert_eq!(xterm.notice(Notify::Bell, "done"), b"\x07");
        assert_eq!(xterm.notice(Notify::Osc9, "a\x07b\x1b]0;x"), b"\x1b]9;ab]0;x\x1b\\");
        assert_eq!(xterm.notice(Notify::Both, "done"), b"\x1b]9;done\x1b\\\x07");
        let tmux = kind(&[("TERM", "tmux-256color"), ("TMUX", "x")]);
        assert_eq!(tmux.notice(Notify::Osc9, "done"), b"\x1bPtmux;\x1b\x1b]9;done\x1b\x1b\\\x1b\\\x07");
        for term in ["linux", "dumb", "vt220", "", "screen"] {
            let kind = kind(&[("TERM", term)]);
            assert_eq!(kind.notice(Notify::Osc9, "done"), b"\x07", "{term}");
            assert!(kind.notice(Notify::Off, "done").is_empty());
        }
    }

    #[test]
    fn the_clipboard_s_sequence_is_whole_and_bounded() {
        let xterm = kind(&[("TERM", "xterm")]);
        assert_eq!(xterm.copy(ClipboardWay::Osc52, "镜像").unwrap(), b"\x1b]52;c;6ZWc5YOP\x07");
        assert!(xterm.copy(ClipboardWay::Osc52, &"x".repeat(OSC52_LIMIT + 1)).is_none());
        assert!(xterm.copy(ClipboardWay::Osc52, &"x".repeat(OSC52_LIMIT)).unwrap().len() < 100_000);
        let screen = xterm.copy(ClipboardWay::Screen, &"x".repeat(100)).unwrap();
        let text = String::from_utf8(screen).unwrap();
        assert!(text.starts_with("\x1bP\x1b]52;c;eHh4") && text.ends_with("\x07\x1b\\"), "{text:?}");
        assert!(text.split("\x1b\\\x1bP").all(|piece| piece.len() <= 100), "{text:?}");
        let joined = text.replace("\x1b\\\x1bP", "");
        assert!(joined.contains(&STANDARD.encode("x".repeat(100))));
    }
}

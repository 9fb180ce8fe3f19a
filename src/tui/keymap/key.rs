//! A key with its modifiers: how terminals report it, and how it is written.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers, the same for every way terminals report it: `G` is `G`, whether it came as `G`,
/// as shift and `g`, or as shift and `G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

impl Key {
    /// What leaves.
    pub const ESC: Key = Key { code: KeyCode::Esc, modifiers: KeyModifiers::NONE };

    /// The key as a terminal reports it.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    /// Whether it is a character where text is typed.
    pub fn is_text(self) -> bool {
        matches!(self.code, KeyCode::Char(_)) && self.modifiers.is_empty()
    }

    /// Whether somebody pressed it to do something: a lock or a modifier by itself is no order.
    pub fn is_order(self) -> bool {
        use KeyCode::*;
        !matches!(self.code, Null | CapsLock | ScrollLock | NumLock | Modifier(_) | Media(_))
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Key {
        let mut modifiers =
            event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        let code = match event.code {
            KeyCode::Char(c) => {
                let shifted =
                    modifiers.contains(KeyModifiers::SHIFT) && !modifiers.contains(KeyModifiers::CONTROL);
                modifiers.remove(KeyModifiers::SHIFT);
                match modifiers.contains(KeyModifiers::CONTROL) {
                    true => KeyCode::Char(c.to_ascii_lowercase()),
                    false if shifted => KeyCode::Char(c.to_uppercase().next().unwrap_or(c)),
                    false => KeyCode::Char(c),
                }
            }
            KeyCode::BackTab => {
                modifiers.remove(KeyModifiers::SHIFT);
                KeyCode::BackTab
            }
            KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => {
                modifiers.remove(KeyModifiers::SHIFT);
                KeyCode::BackTab
            }
            code => code,
        };
        Key { code, modifiers }
    }
}

/// A text that names no key, or one that terminals cannot tell from another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// None.
    #[error("{0:?} is no key; keys are written j, G, ctrl-d, alt-x, space, enter, S-tab, pgdn, f5")]
    Unknown(String),
    /// Terminals send the same for both.
    #[error("terminals send the same for {0} as for {1}: write {1}")]
    Same(String, &'static str),
}

const NAMES: &[(&str, KeyCode)] = &[
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("S-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("del", KeyCode::Delete),
    ("ins", KeyCode::Insert),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    // Other people's names for them; shown are those above.
    ("return", KeyCode::Enter),
    ("escape", KeyCode::Esc),
    ("backtab", KeyCode::BackTab),
    ("bs", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

const MODIFIERS: &[(&str, KeyModifiers)] = &[
    ("ctrl", KeyModifiers::CONTROL),
    ("alt", KeyModifiers::ALT),
    ("shift", KeyModifiers::SHIFT),
    ("c", KeyModifiers::CONTROL),
    ("a", KeyModifiers::ALT),
    ("m", KeyModifiers::ALT),
    ("s", KeyModifiers::SHIFT),
];

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Key, KeyError> {
        let unknown = || KeyError::Unknown(crate::oci::printable(text, 40));
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        // `ctrl-d`, `ctrl+d`, `C-d`; `-` and `+` alone are keys.
        while let Some((at, _)) = rest.char_indices().find(|(at, c)| *at > 0 && matches!(c, '-' | '+')) {
            let (name, after) = (&rest[..at], &rest[at + 1..]);
            let known = MODIFIERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let Some((_, modifier)) = known.filter(|_| !after.is_empty()) else { break };
            (rest, modifiers) = (after, modifiers | *modifier);
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() => Some(KeyCode::Char(c)),
            _ => {
                let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest));
                named.map(|(_, code)| *code).or_else(|| {
                    let number = rest.strip_prefix(['f', 'F'])?.parse().ok();
                    number.filter(|n| (1..=24).contains(n)).map(KeyCode::F)
                })
            }
        };
        let key = Key::from(KeyEvent::new(code.ok_or_else(unknown)?, modifiers));
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            let same = match key.code {
                KeyCode::Char('i') => Some("tab"),
                KeyCode::Char('m') => Some("enter"),
                KeyCode::Char('[') => Some("esc"),
                _ => None,
            };
            if let Some(same) = same {
                return Err(KeyError::Same(key.to_string(), same));
            }
        }
        Ok(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modifiers =
            [(KeyModifiers::CONTROL, "ctrl-"), (KeyModifiers::ALT, "alt-"), (KeyModifiers::SHIFT, "shift-")];
        for (_, name) in modifiers.iter().filter(|(modifier, _)| self.modifiers.contains(*modifier)) {
            f.write_str(name)?;
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(n)) => write!(f, "f{n}"),
            (None, other) => write!(f, "{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(c: char, modifiers: KeyModifiers) -> Key {
        KeyEvent::new(KeyCode::Char(c), modifiers).into()
    }

    #[test]
    fn a_key_is_the_same_however_the_terminal_reports_it() {
        let want: Key = "G".parse().unwrap();
        assert_eq!(event('G', KeyModifiers::NONE), want);
        assert_eq!(event('G', KeyModifiers::SHIFT), want);
        assert_eq!(event('g', KeyModifiers::SHIFT), want);
        assert_eq!(event('D', KeyModifiers::CONTROL), "ctrl-d".parse().unwrap());
        let back: Key = KeyEvent::new(KeyCode::Tab, KeyModifiers::SHIFT).into();
        assert_eq!(back, "S-tab".parse().unwrap());
        assert_eq!(event('+', KeyModifiers::SHIFT), "+".parse().unwrap());
    }

    #[test]
    fn keys_are_written_in_the_ways_that_people_know() {
        for (text, shown) in [
            ("Insert", "ins"),
            ("ctrl+D", "ctrl-d"),
            ("C-x", "ctrl-x"),
            ("M-x", "alt-x"),
            ("ctrl-alt-x", "ctrl-alt-x"),
            ("ctrl--", "ctrl--"),
            ("-", "-"),
            ("+", "+"),
            ("shift-g", "G"),
            ("shift-tab", "S-tab"),
            ("shift-f5", "shift-f5"),
            ("F12", "f12"),
            ("é", "é"),
            ("#", "#"),
        ] {
            let key: Key = text.parse().unwrap();
            assert_eq!(key.to_string(), shown);
            assert_eq!(shown.parse(), Ok(key));
        }
        for text in ["", "ctrl-", "hello", "f99", "f0", "ctrl-hello", "\u{1b}", "x-y", "ab"] {
            assert!(matches!(text.parse::<Key>(), Err(KeyError::Unknown(_))), "{text}");
        }
        let same: Result<Key, _> = "ctrl-i".parse();
        assert_eq!(same, Err(KeyError::Same("ctrl-i".to_owned(), "tab")));
    }
}

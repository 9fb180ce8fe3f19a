//! From keys to actions: the default keys of the action table, sequences of two keys included.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Context, TABLE};

/// A key with its modifiers, the same for every way terminals report it: `G` is `G`, whether it came as `G`,
/// as shift and `g`, or as shift and `G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
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

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no key; keys are written j, G, ctrl-d, alt-x, space, enter, S-tab, pgdn, f5")]
pub struct KeyError(String);

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
];

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Key, KeyError> {
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-").filter(|after| !after.is_empty()) {
                (rest, modifiers) = (after, modifiers | KeyModifiers::CONTROL);
            } else if let Some(after) = rest.strip_prefix("alt-").filter(|after| !after.is_empty()) {
                (rest, modifiers) = (after, modifiers | KeyModifiers::ALT);
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) => Some(KeyCode::Char(c)),
            _ => NAMES.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code).or_else(|| {
                rest.strip_prefix('f')?.parse().ok().filter(|n| (1..=24).contains(n)).map(KeyCode::F)
            }),
        };
        code.map(|code| Key { code, modifiers }).ok_or_else(|| KeyError(text.to_owned()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("alt-")?;
        }
        match (NAMES.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(n)) => write!(f, "f{n}"),
            (None, other) => write!(f, "{other}"),
        }
    }
}

/// Two actions of one context on the same key, or a key that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// Not a key.
    #[error("the action {action}: {source}")]
    Key {
        /// Whose key it is.
        action: &'static str,
        /// Why it is none.
        source: KeyError,
    },
    /// Taken already.
    #[error("{keys} is bound twice ({})", context.title())]
    Conflict {
        /// The key or sequence.
        keys: String,
        /// Where.
        context: Context,
    },
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// It does this.
    Action(Action),
    /// It begins a sequence.
    Prefix,
    /// It means nothing here.
    Unbound,
}

/// The bindings.
#[derive(Debug, Default)]
pub struct Keymap {
    single: HashMap<(Context, Key), Action>,
    double: HashMap<(Context, Key, Key), Action>,
    pending: Option<Key>,
    /// An action's keys as they are written, the one to show first.
    shown: HashMap<Action, Vec<String>>,
}

impl Keymap {
    /// The table's default keys.
    pub fn defaults() -> Result<Keymap, KeymapError> {
        let mut keymap = Keymap::default();
        for entry in TABLE {
            for keys in entry.keys {
                keymap.bind(entry.context, keys, entry.action, entry.name)?;
            }
        }
        Ok(keymap)
    }

    fn bind(
        &mut self,
        context: Context,
        keys: &str,
        action: Action,
        name: &'static str,
    ) -> Result<(), KeymapError> {
        let key =
            |text: &str| text.parse::<Key>().map_err(|source| KeymapError::Key { action: name, source });
        let before = match keys.split_once(' ') {
            Some((first, second)) => self.double.insert((context, key(first)?, key(second)?), action),
            None => self.single.insert((context, key(keys)?), action),
        };
        match before {
            Some(_) => Err(KeymapError::Conflict { keys: keys.to_owned(), context }),
            None => {
                self.shown.entry(action).or_default().push(keys.to_owned());
                Ok(())
            }
        }
    }

    /// An action's keys as they are written; none for one that only the palette knows.
    pub fn keys(&self, action: Action) -> &[String] {
        self.shown.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The key to show for an action; empty if it has none.
    pub fn key(&self, action: Action) -> &str {
        self.keys(action).first().map_or("", String::as_str)
    }

    /// Takes a key: `contexts` are asked in their order.
    pub fn press(&mut self, contexts: &[Context], key: Key) -> Press {
        if let Some(first) = self.pending.take() {
            let found = contexts.iter().find_map(|context| self.double.get(&(*context, first, key)));
            if let Some(action) = found {
                return Press::Action(*action);
            }
        }
        for context in contexts {
            if let Some(action) = self.single.get(&(*context, key)) {
                return Press::Action(*action);
            }
            if self.double.keys().any(|(at, first, _)| at == context && *first == key) {
                self.pending = Some(key);
                return Press::Prefix;
            }
        }
        Press::Unbound
    }

    /// The sequence's first key, while the second is awaited.
    pub fn pending(&self) -> Option<Key> {
        self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(c: char, modifiers: KeyModifiers) -> Key {
        KeyEvent::new(KeyCode::Char(c), modifiers).into()
    }

    #[test]
    fn the_defaults_have_no_conflict_and_every_key_prints_as_it_is_written() {
        Keymap::defaults().unwrap();
        for key in TABLE.iter().flat_map(|entry| entry.keys).flat_map(|keys| keys.split(' ')) {
            assert_eq!(key.parse::<Key>().unwrap().to_string(), key);
        }
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
        assert!(["", "ctrl-", "hello", "f99"].iter().all(|text| text.parse::<Key>().is_err()));
    }

    #[test]
    fn sequences_wait_for_their_second_key_and_the_inner_context_wins() {
        let mut keymap = Keymap::defaults().unwrap();
        let contexts = [Context::Browse, Context::List, Context::Everywhere];
        let g: Key = "g".parse().unwrap();
        assert_eq!(keymap.press(&contexts, g), Press::Prefix);
        assert_eq!(keymap.press(&contexts, g), Press::Action(Action::Top));
        assert_eq!(keymap.press(&contexts, g), Press::Prefix);
        assert_eq!(keymap.press(&contexts, "j".parse().unwrap()), Press::Action(Action::Down));
        assert_eq!(keymap.press(&contexts, "enter".parse().unwrap()), Press::Action(Action::Descend));
        assert_eq!(
            keymap.press(&[Context::Jobs, Context::Everywhere], "enter".parse().unwrap()),
            Press::Action(Action::JobDetails)
        );
        assert_eq!(keymap.press(&[Context::Prompt], "z".parse().unwrap()), Press::Unbound);
    }
}

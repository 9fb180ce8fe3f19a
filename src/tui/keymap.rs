//! From keys to actions: the action table's default keys, or those that `config.yaml` gives instead, sequences of two
//! keys included.

mod key;

use std::collections::HashMap;

pub use self::key::{Key, KeyError};
use super::action::{Action, Context, Entry, TABLE};
use crate::config::{KeyBinding, KeyFault, Position, nearest};

/// Everything that is wrong with the bindings: keys that are none, two actions on one key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct KeymapError(pub Vec<KeyFault>);

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// It does this.
    Action(Action),
    /// It begins a sequence.
    Prefix,
    /// It ends a sequence that was begun, and does nothing else.
    Dropped,
    /// No sequence goes on from the first key with the second.
    NoSequence(Key, Key),
    /// It means nothing here.
    Unbound,
}

/// A key, or two that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Keys {
    first: Key,
    second: Option<Key>,
}

impl Keys {
    fn parse(text: &str) -> Result<Keys, String> {
        let mut keys = text.split(' ').filter(|key| !key.is_empty());
        let key = |text: &str| text.parse::<Key>().map_err(|error| error.to_string());
        let first = key(keys.next().unwrap_or_default())?;
        let second = keys.next().map(key).transpose()?;
        match keys.next() {
            Some(_) => Err(format!("{:?} is longer than two keys", crate::oci::printable(text, 40))),
            None => Ok(Keys { first, second }),
        }
    }

    /// Whether both cannot be told apart: they are the same, or one is how the other begins.
    fn clashes(&self, other: &Keys) -> bool {
        self.first == other.first
            && (self.second == other.second || self.second.is_none() || other.second.is_none())
    }
}

impl std::fmt::Display for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.second {
            Some(second) => write!(f, "{} {second}", self.first),
            None => write!(f, "{}", self.first),
        }
    }
}

/// One binding.
struct Bound {
    keys: Keys,
    entry: &'static Entry,
    /// Where the configuration has it.
    at: Option<Position>,
}

/// The bindings.
#[derive(Debug, Default)]
pub struct Keymap {
    single: HashMap<(Context, Key), Action>,
    /// Sequences in the table's order.
    double: Vec<(Context, Key, Key, Action)>,
    pending: Option<Key>,
    /// An action's keys as they are written, the one to show first.
    shown: HashMap<Action, Vec<String>>,
    /// What to call an action that has no key.
    called: HashMap<Action, String>,
    /// The actions whose keys the configuration says.
    rebound: Vec<Action>,
}

impl Keymap {
    /// The table's default keys.
    pub fn defaults() -> Result<Keymap, KeymapError> {
        Keymap::new(&[])
    }

    /// The table's keys, with what the configuration says instead. The error has every fault.
    pub fn new(bindings: &[KeyBinding]) -> Result<Keymap, KeymapError> {
        let mut faults = Vec::new();
        for binding in bindings {
            if TABLE.iter().all(|entry| entry.name != binding.action) {
                faults.push(KeyFault {
                    reason: unknown(&binding.action),
                    ..fault(&binding.action, binding.at)
                });
            }
        }
        let mut keymap = Keymap::default();
        let mut bound: Vec<Bound> = Vec::new();
        for entry in TABLE {
            let said = bindings.iter().find(|binding| binding.action == entry.name);
            let keys: Vec<(&str, Option<Position>)> = match said {
                Some(binding) => binding.keys.iter().map(|(keys, at)| (keys.as_str(), Some(*at))).collect(),
                None => entry.keys.iter().map(|keys| (*keys, None)).collect(),
            };
            if let Some(binding) = said {
                keymap.rebound.push(entry.action);
                if keys.is_empty() && entry.action.is_needed() {
                    let reason =
                        format!("{} needs a key: without one there is no way on or back", entry.name);
                    faults.push(KeyFault { reason, ..fault(entry.name, binding.at) });
                }
            }
            for (text, at) in keys {
                match Keys::parse(text).and_then(|keys| fits(entry, keys)) {
                    Ok(keys) => bound.push(Bound { keys, entry, at }),
                    Err(reason) => {
                        faults.push(KeyFault { action: entry.name.to_owned(), at, reason });
                    }
                }
            }
        }
        for (n, one) in bound.iter().enumerate() {
            let before =
                bound[..n].iter().find(|b| b.entry.context == one.entry.context && b.keys.clashes(&one.keys));
            match before {
                Some(before) => faults.push(clash(before, one)),
                None => keymap.bind(one),
            }
        }
        let keyless = TABLE.iter().filter(|entry| !keymap.shown.contains_key(&entry.action));
        keymap.called = keyless.map(|entry| (entry.action, format!(":{}", entry.name))).collect();
        match faults.is_empty() {
            true => Ok(keymap),
            false => Err(KeymapError(faults)),
        }
    }

    fn bind(&mut self, bound: &Bound) {
        let Bound { keys, entry, .. } = bound;
        match keys.second {
            Some(second) => self.double.push((entry.context, keys.first, second, entry.action)),
            None => drop(self.single.insert((entry.context, keys.first), entry.action)),
        }
        self.shown.entry(entry.action).or_default().push(keys.to_string());
    }

    /// An action's keys as they are written; none for one that only the palette knows.
    pub fn keys(&self, action: Action) -> &[String] {
        self.shown.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The key to show for an action; empty if it has none.
    pub fn key(&self, action: Action) -> &str {
        self.keys(action).first().map_or("", String::as_str)
    }

    /// What to press for an action: its key, or its name for the palette.
    pub fn way(&self, action: Action) -> &str {
        let called = || self.called.get(&action).map_or("", String::as_str);
        self.keys(action).first().map_or_else(called, String::as_str)
    }

    /// Whether the configuration says the action's keys.
    pub fn is_rebound(&self, action: Action) -> bool {
        self.rebound.contains(&action)
    }

    /// Takes a key: `contexts` are asked in their order.
    pub fn press(&mut self, contexts: &[Context], key: Key) -> Press {
        if let Some(first) = self.pending.take() {
            let found = self.continuations(contexts, first).into_iter().find(|(second, _)| *second == key);
            return match found {
                Some((_, action)) => Press::Action(action),
                None if key == Key::ESC => Press::Dropped,
                None => Press::NoSequence(first, key),
            };
        }
        for context in contexts {
            if let Some(action) = self.single.get(&(*context, key)) {
                return Press::Action(*action);
            }
            if self.double.iter().any(|(at, first, ..)| at == context && *first == key) {
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

    /// Forgets a sequence that was begun: what the keys were meant for is no longer there.
    pub fn drop_pending(&mut self) {
        self.pending = None;
    }

    /// The second keys that follow a first one, the innermost context's first.
    pub fn continuations(&self, contexts: &[Context], first: Key) -> Vec<(Key, Action)> {
        let mut found: Vec<(Key, Action)> = Vec::new();
        for context in contexts {
            for (at, begin, second, action) in &self.double {
                if at == context && *begin == first && found.iter().all(|(known, _)| known != second) {
                    found.push((*second, *action));
                }
            }
        }
        found
    }

    /// What a key does in another of these contexts.
    pub fn elsewhere(&self, contexts: &[Context], key: Key) -> Option<(Context, Action)> {
        contexts.iter().find_map(|context| Some((*context, *self.single.get(&(*context, key))?)))
    }
}

/// Every fault of the configuration's keys.
pub fn key_faults(bindings: &[KeyBinding]) -> Vec<KeyFault> {
    Keymap::new(bindings).err().map(|KeymapError(faults)| faults).unwrap_or_default()
}

fn fault(action: &str, at: Position) -> KeyFault {
    KeyFault { action: action.to_owned(), at: Some(at), reason: String::new() }
}

fn unknown(name: &str) -> String {
    let names: Vec<&str> = TABLE.iter().map(|entry| entry.name).collect();
    let shown = crate::oci::printable(name, 60);
    match nearest(name, &names) {
        Some(near) => format!("there is no action {shown:?}; the nearest is {near:?}"),
        None => format!("there is no action {shown:?}; the help and config.example.yaml have every name"),
    }
}

/// Where text is typed a key that types cannot mean anything else.
fn fits(entry: &Entry, keys: Keys) -> Result<Keys, String> {
    match entry.context {
        Context::Filter | Context::Prompt if keys.first.is_text() => Err(format!(
            "{keys} is text where {} is wanted: it needs ctrl, alt or a key with a name",
            entry.name
        )),
        _ => Ok(keys),
    }
}

/// Two bindings that cannot be told apart. The fault is where the configuration has one of them.
fn clash(one: &Bound, other: &Bound) -> KeyFault {
    let (bound, by) = if other.at >= one.at { (other, one) } else { (one, other) };
    let (name, taken, context) = (bound.entry.name, by.entry.name, bound.entry.context.title());
    let reason = match (bound.keys == by.keys, by.at.is_some()) {
        (true, _) if name == taken => format!("{} is there twice", bound.keys),
        (true, true) => format!("{} is {taken}'s, too ({context})", bound.keys),
        (true, false) => {
            format!(
                "{} is {taken}'s by default ({context}): give {taken} another key, or [] for none",
                bound.keys
            )
        }
        (false, _) => format!(
            "{} and {taken}'s {} cannot both be: one is how the other begins ({context})",
            bound.keys, by.keys
        ),
    };
    KeyFault { action: name.to_owned(), at: bound.at, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(line: usize, action: &str, keys: &[&str]) -> KeyBinding {
        let at = Position { line, column: 1 };
        KeyBinding {
            action: action.to_owned(),
            at,
            keys: keys.iter().map(|key| ((*key).to_owned(), at)).collect(),
        }
    }

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    const BROWSE: &[Context] = &[Context::Browse, Context::List, Context::Everywhere];

    #[test]
    fn the_defaults_have_no_conflict_and_every_key_prints_as_it_is_written() {
        Keymap::defaults().unwrap();
        for key in TABLE.iter().flat_map(|entry| entry.keys).flat_map(|keys| keys.split(' ')) {
            assert_eq!(key.parse::<Key>().unwrap().to_string(), key);
        }
    }

    #[test]
    fn sequences_wait_for_their_second_key_and_the_inner_context_wins() {
        let mut keymap = Keymap::defaults().unwrap();
        assert_eq!(keymap.press(BROWSE, key("g")), Press::Prefix);
        assert_eq!(keymap.press(BROWSE, key("g")), Press::Action(Action::Top));
        assert_eq!(keymap.press(BROWSE, key("g")), Press::Prefix);
        assert_eq!(keymap.press(BROWSE, key("j")), Press::NoSequence(key("g"), key("j")));
        assert_eq!(keymap.press(BROWSE, key("j")), Press::Action(Action::Down));
        assert_eq!(keymap.press(BROWSE, key("g")), Press::Prefix);
        assert_eq!((keymap.press(BROWSE, Key::ESC), keymap.pending()), (Press::Dropped, None));
        assert_eq!(keymap.press(BROWSE, key("enter")), Press::Action(Action::Descend));
        let jobs = [Context::Jobs, Context::Everywhere];
        assert_eq!(keymap.press(&jobs, key("enter")), Press::Action(Action::JobDetails));
        assert_eq!(keymap.press(&[Context::Prompt], key("z")), Press::Unbound);
    }

    #[test]
    fn continuations_of_all_contexts_are_offered() {
        let keymap = Keymap::new(&[
            binding(1, "add", &["g a", "insert"]),
            binding(2, "export", &["g space"]),
            binding(3, "start", &["g s"]),
        ])
        .unwrap();
        let found = keymap.continuations(BROWSE, key("g"));
        let want = [("a", Action::Add), ("space", Action::Export), ("g", Action::Top), ("s", Action::Start)];
        assert_eq!(found, want.map(|(text, action)| (key(text), action)));
        assert_eq!(keymap.keys(Action::Add), ["g a", "ins"]);
        assert!(keymap.is_rebound(Action::Add) && !keymap.is_rebound(Action::Top));
    }

    #[test]
    fn every_fault_is_found_at_once() {
        let bindings = [
            binding(1, "ad", &["a"]),
            binding(2, "diff", &["a"]),
            binding(3, "inspect", &["f17", "f17"]),
            binding(4, "sort", &["hello"]),
            binding(5, "quit", &[]),
            binding(6, "prompt-accept", &["x"]),
            binding(7, "down", &["g"]),
            binding(8, "undo", &["f18"]),
            binding(9, "redo", &["f18"]),
            binding(10, "zoom", &["a b c"]),
            binding(11, "start", &[]),
        ];
        let mut found = key_faults(&bindings);
        found.sort_by_key(|fault| fault.at);
        let found: Vec<String> =
            found.iter().map(|fault| format!("{}: {}", fault.action, fault.reason)).collect();
        let want = [
            "ad: there is no action \"ad\"; the nearest is \"add\"",
            "diff: a is add's by default (Browse): give add another key, or [] for none",
            "inspect: f17 is there twice",
            "sort: \"hello\" is no key; keys are written j, G, ctrl-d, alt-x, space, enter, S-tab, pgdn, f5",
            "quit: quit needs a key: without one there is no way on or back",
            "prompt-accept: x is text where prompt-accept is wanted: it needs ctrl, alt or a key with a name",
            "down: g and top's g g cannot both be: one is how the other begins (Lists)",
            "redo: f18 is undo's, too (Queue)",
            "zoom: \"a b c\" is longer than two keys",
        ];
        assert_eq!(found, want);
    }

    #[test]
    fn a_key_may_change_hands() {
        let keymap = Keymap::new(&[binding(1, "add", &["n"]), binding(2, "export", &["a"])]).unwrap();
        assert_eq!((keymap.key(Action::Add), keymap.key(Action::Export)), ("n", "a"));
        assert_eq!(
            keymap.elsewhere(&[Context::Queue, Context::Browse], key("a")),
            Some((Context::Browse, Action::Export))
        );
    }
}

//! `keys:` of `config.yaml`: an action's name with a key or a list of them. Which actions and keys there are, the
//! terminal UI knows: it is asked by whoever loads the file (see [`KeyRules`]).

use std::fmt;

use super::Config;
use super::document::{Position, Value};
use super::reader::{Field, Fields, Reader};
use crate::oci::printable;

/// The keys of one action, as the file has them; they replace its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBinding {
    /// The action's name.
    pub action: String,
    /// Where it is named.
    pub at: Position,
    /// Keys, or two that follow each other with a blank between; none for none.
    pub keys: Vec<(String, Position)>,
}

/// What is wrong with an action's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFault {
    /// The action's name.
    pub action: String,
    /// Where the file has it.
    pub at: Option<Position>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.reason)
    }
}

/// Finds every fault of the bindings.
pub type KeyRules<'a> = &'a dyn Fn(&[KeyBinding]) -> Vec<KeyFault>;

pub(super) fn read(reader: &mut Reader, fields: &mut Fields<'_>, config: &mut Config) {
    let Some(field) = fields.take(reader, "keys") else { return };
    let Some(actions) = reader.fields(&field) else { return };
    for (action, at, node) in actions.all() {
        let path = actions.path_of(&printable(action, 60));
        let keys = Field { path, node };
        let texts = match &node.value {
            Value::Null => continue,
            Value::List(_) => reader.list(&keys),
            _ => vec![keys],
        };
        let keys = texts.iter().filter_map(|field| Some((reader.text(field)?, field.node.at))).collect();
        config.keys.push(KeyBinding { action: action.to_owned(), at, keys });
    }
}

/// Notes what the rules find.
pub(super) fn check(reader: &mut Reader, bindings: &[KeyBinding], rules: KeyRules<'_>) {
    for KeyFault { action, at, reason } in rules(bindings) {
        let at = at.unwrap_or(Position { line: 1, column: 1 });
        reader.fault(at, &format!("keys.{}", printable(&action, 60)), reason);
    }
}

impl KeyBinding {
    /// The keys as a person would list them.
    pub(super) fn explain(&self) -> String {
        match &self.keys[..] {
            [] => "(none)".to_owned(),
            keys => keys.iter().map(|(keys, _)| keys.as_str()).collect::<Vec<_>>().join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_with_their_lines_and_what_the_rules_find_is_told_with_the_rest() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        let text = "keys:\n  add: [a, insert]\n  quit: Q\n  start: []\n  zoom:\n  focus-logs: 5\n";
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), None).unwrap().config;
        let shown: Vec<String> =
            config.keys.iter().map(|b| format!("{}={}", b.action, b.explain())).collect();
        assert_eq!(shown, ["add=a, insert", "quit=Q", "start=(none)", "focus-logs=5"]);
        let setting =
            |field: &str| config.explain().into_iter().find(|setting| setting.field == field).unwrap();
        assert_eq!((setting("keys.add").line, setting("keys.quit").value), (Some(2), "Q".to_owned()));
        std::fs::write(&file, format!("wokers: 3\n{text}  down: {{a: b}}\n  add: x\n")).unwrap();
        let rules = |bindings: &[KeyBinding]| {
            let fault = |b: &KeyBinding| KeyFault {
                action: b.action.clone(),
                at: b.keys.first().map(|key| key.1),
                reason: "no".to_owned(),
            };
            bindings.iter().filter(|b| b.action == "quit").map(fault).collect()
        };
        let faults = Config::load_checked(Some(&file), None, &rules).unwrap_err();
        let lines: Vec<(usize, &str)> =
            faults.faults().iter().map(|fault| (fault.at.unwrap().line, fault.field.as_str())).collect();
        assert_eq!(lines, [(1, "wokers"), (4, "keys.quit"), (8, "keys.down"), (9, "keys.add")]);
    }
}

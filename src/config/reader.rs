//! A small typed reader over [`super::document`]: it goes on after a fault, so that all of them are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::document::{Node, Position, Value};
use super::fault::Fault;
use crate::job::Rate;
use crate::oci::printable;

/// Reads one file's values and collects what is wrong with them.
#[derive(Debug)]
pub(super) struct Reader {
    file: PathBuf,
    faults: Vec<Fault>,
    /// Where each field that the file sets stands.
    pub set_at: BTreeMap<String, usize>,
    /// Every field that was asked for, list indexes left out: the schema, as far as it was walked.
    pub asked: BTreeSet<String>,
}

/// A value and where it belongs.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// `registries[0].url`
    pub path: String,
    /// The value.
    pub node: &'a Node,
}

/// A map's fields, taken one by one; what nobody took is unknown.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    path: String,
    /// Where the map begins.
    pub at: Position,
    entries: Vec<(&'a str, Position, &'a Node)>,
    known: Vec<&'static str>,
}

impl Reader {
    pub fn new(file: &Path) -> Reader {
        Reader { file: file.to_owned(), faults: Vec::new(), set_at: BTreeMap::new(), asked: BTreeSet::new() }
    }

    /// Notes a fault.
    pub fn fault(&mut self, at: Position, field: &str, reason: impl Display) {
        let fault = self.finding(at, field, reason);
        self.faults.push(fault);
    }

    /// A fault or warning that is not noted here.
    pub fn finding(&self, at: Position, field: &str, reason: impl Display) -> Fault {
        Fault { file: self.file.clone(), at: Some(at), field: field.to_owned(), reason: reason.to_string() }
    }

    /// The faults in the file's order.
    pub fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| fault.at);
        self.faults
    }

    /// A map's fields. Keys that come twice, and keys that are no text, are faults.
    pub fn fields<'a>(&mut self, field: &Field<'a>) -> Option<Fields<'a>> {
        let Value::Map(entries) = &field.node.value else {
            self.expected(field, "keys with values");
            return None;
        };
        let mut seen: Vec<(&'a str, Position, &'a Node)> = Vec::new();
        for (key, value) in entries {
            let Value::Scalar { text, .. } = &key.value else {
                self.fault(key.at, &field.path, "a key must be text");
                continue;
            };
            match seen.iter().find(|(name, ..)| name == text) {
                Some((_, first, _)) => {
                    let reason = format!("this key is there twice, first on line {}", first.line);
                    self.fault(key.at, &join(&field.path, &printable(text, 60)), reason);
                }
                None => seen.push((text, key.at, value)),
            }
        }
        Some(Fields { path: field.path.clone(), at: field.node.at, entries: seen, known: Vec::new() })
    }

    /// A list's items.
    pub fn list<'a>(&mut self, field: &Field<'a>) -> Vec<Field<'a>> {
        let Value::List(items) = &field.node.value else {
            self.expected(field, "a list (lines that begin with `- `)");
            return Vec::new();
        };
        let item = |(n, node)| Field { path: format!("{}[{n}]", field.path), node };
        items.iter().enumerate().map(item).collect()
    }

    /// Text. Numbers and the like are the text that they are written as.
    pub fn text(&mut self, field: &Field<'_>) -> Option<String> {
        match &field.node.value {
            Value::Scalar { text, .. } => Some(text.clone()),
            _ => {
                self.expected(field, "text");
                None
            }
        }
    }

    /// A whole number within limits.
    pub fn number(&mut self, field: &Field<'_>, limits: RangeInclusive<u64>) -> Option<u64> {
        let wanted = format!("a whole number from {} to {}", limits.start(), limits.end());
        match &field.node.value {
            Value::Scalar { text, plain: true } if text.parse::<u64>().is_ok_and(|n| limits.contains(&n)) => {
                text.parse().ok()
            }
            _ => {
                self.expected(field, &wanted);
                None
            }
        }
    }

    /// Bytes a second. What is wrong with a text is said with it: it is no secret's place.
    pub fn rate(&mut self, field: &Field<'_>) -> Option<Rate> {
        let text = self.text(field)?;
        match text.parse() {
            Ok(rate) => Some(rate),
            Err(reason) => {
                let reason: String = reason;
                self.fault(field.node.at, &field.path, reason);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        match &field.node.value {
            Value::Scalar { text, plain: true } if matches!(text.as_str(), "true" | "True" | "TRUE") => {
                Some(true)
            }
            Value::Scalar { text, plain: true } if matches!(text.as_str(), "false" | "False" | "FALSE") => {
                Some(false)
            }
            _ => {
                self.expected(field, "true or false");
                None
            }
        }
    }

    /// One of several words.
    pub fn choice<T: Copy>(&mut self, field: &Field<'_>, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let reason = format!(
            "{:?} is none of {}{}",
            printable(&text, 60),
            names.join(", "),
            did_you_mean(&text, &names)
        );
        self.fault(field.node.at, &field.path, reason);
        None
    }

    /// Faults for every key of the map that nobody asked for.
    pub fn finish(&mut self, fields: Fields<'_>) {
        for (key, at, _) in &fields.entries {
            if !fields.known.contains(key) {
                let shown = printable(key, 60);
                let advice = match nearest(key, &fields.known) {
                    Some(near) => format!("the nearest valid key is {near:?}"),
                    None => format!("valid keys here: {}", fields.known.join(", ")),
                };
                self.fault(*at, &join(&fields.path, &shown), format!("unknown key {shown:?}; {advice}"));
            }
        }
    }

    /// A field's value is of the wrong type. The value itself is not repeated: it may be a misplaced secret.
    fn expected(&mut self, field: &Field<'_>, wanted: &str) {
        let found = match &field.node.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar { plain: false, .. } => "text in quotes".to_owned(),
            Value::Scalar { text, .. } if text.parse::<f64>().is_ok() => printable(text, 40),
            Value::Scalar { .. } => "text".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys with values".to_owned(),
        };
        self.fault(field.node.at, &field.path, format!("{wanted} is needed, not {found}"));
    }
}

impl<'a> Fields<'a> {
    /// Every field, for a map whose keys are names.
    pub fn all(&self) -> impl Iterator<Item = (&'a str, Position, &'a Node)> + use<'a, '_> {
        self.entries.iter().copied()
    }

    /// The path of the field with this key.
    pub fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The field with this key; `None` if it is not there or has no value.
    pub fn take(&mut self, reader: &mut Reader, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let path = join(&self.path, key);
        reader.asked.insert(without_indexes(&path));
        let (_, at, node) = self.entries.iter().find(|(name, ..)| *name == key)?;
        if matches!(node.value, Value::Null) {
            return None;
        }
        reader.set_at.insert(path.clone(), at.line);
        Some(Field { path, node })
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn without_indexes(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// `; did you mean "…"?`, if one of the names is near.
pub(super) fn did_you_mean(text: &str, names: &[&str]) -> String {
    nearest(text, names).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default()
}

/// The name that `text` was probably meant to be.
pub fn nearest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase().replace('-', "_");
    let distance = |name: &str| strsim::damerau_levenshtein(&text, &name.to_lowercase());
    let (near, best) = names.iter().map(|name| (*name, distance(name))).min_by_key(|(_, d)| *d)?;
    // Half of the letters wrong is another word, not a slip.
    (best * 2 <= near.chars().count().max(2)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let keys = ["registries", "workers", "url", "workers_per_host"];
        for (text, want) in [
            ("regestries", Some("registries")),
            ("Workers", Some("workers")),
            ("ulr", Some("url")),
            ("workers-per-host", Some("workers_per_host")),
            ("elephant", None),
        ] {
            assert_eq!(nearest(text, &keys), want, "{text}");
        }
    }
}

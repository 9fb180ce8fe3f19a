//! A sync file for what is wanted: the inverse of [`super::sync_file`]. What most of the images share stands once, in
//! `defaults:`; an image that is nothing special is one line. Reading it gives the same images in the same order.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::{Prefix, RegistryEntry};
use super::wanted::{Wanted, WantedGoal};
use super::{FILE_LIMIT, item};
use crate::oci::{Location, Platforms, Reference, Tag, TagOrDigest, printable};

/// A sync file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// What no sync file can say: where it stands in what was wanted, and why. A comment in the text tells of it.
    pub left_out: Vec<(usize, String)>,
}

/// The keys that an image may share with others, in the order of the text, and what takes each back.
const SHARED: [(&str, &str); 12] = [
    ("to", "[]"),
    ("export", "[]"),
    ("platforms", "all"),
    ("platform_in_name", "false"),
    ("add_tags", "[]"),
    ("referrers", "false"),
    ("digest_tags", "false"),
    ("format", "keep"),
    ("foreign_layers", "false"),
    ("overwrite", "false"),
    ("keep_tags", "false"),
    ("priority", "0"),
];

/// One image as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    source: String,
    /// Its repository and tag, where it is called by one.
    tagged: Option<(String, Tag)>,
    /// Keys of its own, and what stands behind them.
    own: Vec<(&'static str, String)>,
    /// Keys that it may share.
    shared: HashMap<&'static str, String>,
}

/// Writes a sync file. `heading` stands above it as a comment, `directory` is what relative paths are relative to, and
/// `entries` are the configuration's, whose names a destination might be mistaken for. The error says why there can be
/// none.
pub fn write_sync_file(
    wanted: &[Wanted],
    heading: &[String],
    directory: &Path,
    entries: &[RegistryEntry],
) -> Result<Written, String> {
    let (mut lines, mut left_out) = (Vec::new(), Vec::new());
    for (n, wanted) in wanted.iter().enumerate() {
        match Line::of(&wanted.absolute(directory), entries) {
            Ok(line) => lines.push(line),
            Err(reason) => left_out.push((n, reason)),
        }
    }
    let mut text = String::new();
    for line in heading {
        text += format!("# {}", printable(line, 500)).trim_end();
        text.push('\n');
    }
    for (n, reason) in &left_out {
        let source = wanted.get(*n).map(|wanted| wanted.source.to_string()).unwrap_or_default();
        text += &format!("# - {}: {}\n", printable(&source, 300), printable(reason, 300));
    }
    let defaults = defaults(&lines);
    if !defaults.is_empty() {
        text += "defaults:\n";
        for (key, value) in &defaults {
            text += &format!("  {key}: {value}\n");
        }
        text.push('\n');
    }
    text += if lines.is_empty() { "sources: []\n" } else { "sources:\n" };
    let mut rest: Vec<(Line, Vec<(&str, String)>)> =
        lines.into_iter().map(|line| (line.clone(), line.differing(&defaults))).collect();
    rest.reverse();
    while let Some((line, keys)) = rest.pop() {
        if keys.is_empty() {
            text += &format!("  - {}\n", line.source);
            continue;
        }
        // Neighbours that differ in nothing but the tag are one entry.
        let mut tags = Vec::new();
        let one_name = keys.iter().any(|(key, _)| matches!(*key, "file" | "whole"));
        if let (Some((repository, tag)), false) = (&line.tagged, one_name) {
            tags.push(tag.clone());
            while let Some((next, same)) = rest.last()
                && let Some((other, tag)) = &next.tagged
                && other == repository
                && *same == keys
                && !tags.contains(tag)
            {
                tags.push(tag.clone());
                rest.pop();
            }
        }
        match (&line.tagged, &tags[..]) {
            (Some((repository, _)), [_, _, ..]) => {
                let tags: Vec<String> = tags.iter().map(|tag| scalar(tag.as_str())).collect();
                text += &format!("  - source: {repository}\n    tags: [{}]\n", tags.join(", "));
            }
            _ => text += &format!("  - source: {}\n", line.source),
        }
        for (key, value) in keys {
            text += &format!("    {}: {value}\n", if key == "whole" { "target" } else { key });
        }
    }
    match text.len() as u64 > FILE_LIMIT {
        true => Err(format!("it would be larger than {} MiB, which is not read", FILE_LIMIT >> 20)),
        false => Ok(Written { text, left_out }),
    }
}

impl Wanted {
    /// The same with paths that mean the same everywhere on this machine, and a tag or digest wherever there can be one:
    /// as a file says it.
    pub fn absolute(&self, directory: &Path) -> Wanted {
        let absolute = |path: &PathBuf| directory.join(path.strip_prefix("./").unwrap_or(path));
        let place = |place: &Location| match place.clone() {
            Location::OciLayout { path, reference } => {
                Location::OciLayout { path: absolute(&path), reference }
            }
            Location::OciArchive { path, reference } => {
                Location::OciArchive { path: absolute(&path), reference }
            }
            Location::DockerArchive { path, reference } => {
                Location::DockerArchive { path: absolute(&path), reference }
            }
            place => place,
        };
        let bare = item::has_tags(&self.source) && !item::names_image(&self.source);
        let source = match bare && self.choice.is_none() {
            true => item::with(&self.source, TagOrDigest::Tag(Tag::latest())),
            false => place(&self.source),
        };
        let goal = match &self.goal {
            WantedGoal::Copy(places) => {
                let called = super::resolve::called(&source);
                let named = |at: &Location| match item::has_tags(at) && !item::names_image(at) {
                    true => item::with(at, called.clone()),
                    false => place(at),
                };
                WantedGoal::Copy(places.iter().map(named).collect())
            }
            WantedGoal::Export { directory, file } => {
                WantedGoal::Export { directory: absolute(directory), file: file.clone() }
            }
        };
        Wanted { source, goal, ..self.clone() }
    }
}

impl Line {
    fn of(wanted: &Wanted, entries: &[RegistryEntry]) -> Result<Line, String> {
        let source = named(&wanted.source)?;
        let tagged = match &wanted.source {
            Location::Registry(Reference { tag: Some(tag), digest: None, .. }) => Some(tag),
            Location::Store { target: Some(TagOrDigest::Tag(tag)), .. } => Some(tag),
            _ => None,
        };
        let tagged = tagged.and_then(|tag| {
            let repository = source.strip_suffix(&format!(":{tag}"))?.to_owned();
            Some((scalar(&repository), tag.clone()))
        });
        let (mut own, mut shared) = (Vec::new(), HashMap::new());
        own.extend(wanted.choice.iter().map(|filter| ("tags", filter.to_yaml())));
        match &wanted.goal {
            WantedGoal::Copy(places) if places.is_empty() => {}
            WantedGoal::Copy(places) => {
                let prefixes: Option<Vec<String>> =
                    places.iter().map(|place| prefix(&wanted.source, place, entries)).collect();
                match prefixes {
                    Some(prefixes) => drop(shared.insert("to", one_or_list(&prefixes))),
                    None => match targets(&wanted.source, places)? {
                        ("whole", _) if wanted.choice.is_some() => {
                            return Err("several tags cannot go to the same name".to_owned());
                        }
                        targets => own.push(targets),
                    },
                }
            }
            WantedGoal::Export { directory, file } => {
                let Some(path) = directory.to_str().filter(|path| !path.is_empty()) else {
                    return Err("the directory's name is no UTF-8".to_owned());
                };
                shared.insert("export", scalar(path));
                own.extend(file.iter().map(|file| ("file", scalar(file))));
            }
        }
        let export = matches!(wanted.goal, WantedGoal::Export { .. });
        if let Platforms::Only(list) = &wanted.platforms {
            let names: Vec<String> = list.iter().map(|one| scalar(&one.to_string())).collect();
            shared.insert("platforms", format!("[{}]", names.join(", ")));
            // A platform that was chosen by hand may be one of several of the same tag.
            if export {
                shared.insert("platform_in_name", "true".to_owned());
            }
        }
        if !wanted.tags.is_empty() {
            let tags: Vec<String> = wanted.tags.iter().map(|tag| scalar(tag.as_str())).collect();
            shared.insert("add_tags", format!("[{}]", tags.join(", ")));
        }
        for (key, set) in [
            ("referrers", wanted.extras.referrers),
            ("digest_tags", wanted.extras.digest_tags),
            ("foreign_layers", wanted.extras.foreign_layers),
            ("overwrite", wanted.overwrite),
            ("keep_tags", wanted.keep_tags),
        ] {
            if set {
                shared.insert(key, "true".to_owned());
            }
        }
        if let Some(format) = wanted.extras.format {
            shared.insert("format", format.to_string());
        }
        if wanted.priority != 0 {
            shared.insert("priority", wanted.priority.to_string());
        }
        Ok(Line { source: scalar(&source), tagged, own, shared })
    }

    /// Whether it has whole names to go to.
    fn has_targets(&self) -> bool {
        self.own.iter().any(|(key, _)| matches!(*key, "target" | "whole"))
    }

    /// The keys that stand in its entry: what the defaults do not say of it.
    fn differing(&self, defaults: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let of_defaults = |key: &str| defaults.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        let mut keys: Vec<(&'static str, String)> = Vec::new();
        // One of these says where an image goes, and takes back what the defaults say of it.
        let goes = |key: &str| self.shared.get(key);
        let targets = self.has_targets();
        let is_choice = |(key, _): &&(&'static str, String)| *key == "tags";
        keys.extend(self.own.iter().filter(is_choice).cloned());
        match (goes("to"), goes("export")) {
            (Some(to), _) if of_defaults("to") != Some(to) => keys.push(("to", to.clone())),
            (_, Some(export)) if of_defaults("export") != Some(export) => {
                keys.push(("export", export.clone()));
            }
            (None, None) if !targets && (of_defaults("to").is_some() || of_defaults("export").is_some()) => {
                keys.push(("to", "[]".to_owned()));
            }
            _ => {}
        }
        keys.extend(self.own.iter().filter(|own| !is_choice(own)).cloned());
        for (key, unset) in SHARED.iter().skip(2) {
            match (self.shared.get(key), of_defaults(key)) {
                (Some(value), default) if default != Some(value) => keys.push((key, value.clone())),
                // It is of exports alone, and those of all platforms have no use for it.
                (None, Some(_)) if *key != "platform_in_name" => keys.push((key, (*unset).to_owned())),
                _ => {}
            }
        }
        keys
    }
}

/// What most images share of each key, if that is anything.
fn defaults(lines: &[Line]) -> Vec<(&'static str, String)> {
    let (places, others) = SHARED.split_at(2);
    // Images go to a place or into a directory. Those with names of their own have no use for either.
    let going: Vec<&Line> = lines.iter().filter(|line| !line.has_targets()).collect();
    let place = |line: &Line| places.iter().find_map(|(key, _)| Some((*key, line.shared.get(key)?.clone())));
    let mut found: Vec<(&'static str, String)> = most(&going, place).into_iter().collect();
    let all: Vec<&Line> = lines.iter().collect();
    for (key, _) in others {
        found.extend(most(&all, |line| line.shared.get(key).cloned()).map(|value| (*key, value)));
    }
    found
}

/// What most of them have, if that is anything; the first of equals, so that the same queue gives the same text.
fn most<T: Clone + Eq + std::hash::Hash>(lines: &[&Line], value: impl Fn(&Line) -> Option<T>) -> Option<T> {
    let mut counts: HashMap<Option<T>, usize> = HashMap::new();
    for line in lines {
        *counts.entry(value(line)).or_default() += 1;
    }
    let best = lines.iter().rev().max_by_key(|line| counts.get(&value(line)).copied().unwrap_or_default())?;
    value(best)
}

/// `HOST[/PATH]`, `store:[PATH]` or `oci:DIR` that the source's name goes below to become this place.
fn prefix(source: &Location, place: &Location, entries: &[RegistryEntry]) -> Option<String> {
    let path = match source {
        Location::Registry(reference) => reference.repository.as_str(),
        Location::Store { repository, .. } => repository.as_str(),
        _ => "",
    };
    let before = |name: &str| match name.strip_suffix(path)? {
        "" => Some(String::new()),
        before => before.strip_suffix('/').filter(|_| !path.is_empty()).map(|before| format!("/{before}")),
    };
    let text = match place {
        Location::Registry(reference) => {
            format!("{}{}", reference.registry, before(reference.repository.as_str())?)
        }
        Location::Store { repository, .. } => {
            format!("store:{}", before(repository.as_str())?.trim_start_matches('/'))
        }
        Location::OciLayout { path, .. } => {
            Location::OciLayout { path: path.clone(), reference: None }.to_string()
        }
        // By its entry's name.
        Location::DockerDaemon { host: Some(name), .. } => name.clone(),
        _ => return None,
    };
    let prefix = Prefix::parse(&text, entries).ok()?;
    (prefix.destination(source).as_ref() == Ok(place)).then_some(text)
}

/// `target:` and its places: without a tag where that is the source's.
fn targets(source: &Location, places: &[Location]) -> Result<(&'static str, String), String> {
    let called = super::resolve::called(source);
    let (mut names, mut whole) = (Vec::new(), false);
    for place in places {
        let text = target(place)?;
        let at = match place {
            Location::Registry(Reference { tag: Some(tag), digest: None, .. }) => Some(tag),
            Location::Store { target: Some(TagOrDigest::Tag(tag)), .. } => Some(tag),
            _ => None,
        };
        let short = at.filter(|tag| called == TagOrDigest::Tag((*tag).clone()));
        match short.and_then(|tag| text.strip_suffix(&format!(":{tag}"))) {
            Some(short) => names.push(short.to_owned()),
            None => {
                whole = true;
                names.push(text);
            }
        }
    }
    // Such a one is for one image alone.
    Ok((if whole { "whole" } else { "target" }, one_or_list(&names)))
}

/// A whole name, as `target:` reads it.
fn target(place: &Location) -> Result<String, String> {
    let text = place.to_string();
    let read = match place {
        Location::Registry(_) | Location::Store { .. } => match item::parse_place(&text)? {
            Some(super::Place::Named(read)) => Some(read),
            _ => None,
        },
        _ => text.parse().ok(),
    };
    match read.as_ref() == Some(place) && !place.is_standard_stream() {
        true => Ok(text),
        false => Err(format!("{text} cannot be written as a destination")),
    }
}

/// A source's whole name.
fn named(source: &Location) -> Result<String, String> {
    let text = source.to_string();
    match text.parse::<Location>().as_ref() == Ok(source) && !source.is_standard_stream() {
        true => Ok(text),
        false => Err("its name cannot be written in a file".to_owned()),
    }
}

fn one_or_list(texts: &[String]) -> String {
    match texts {
        [one] => scalar(one),
        several => format!("[{}]", several.iter().map(|text| scalar(text)).collect::<Vec<_>>().join(", ")),
    }
}

/// A text in YAML, in quotes where it could be anything else.
fn scalar(text: &str) -> String {
    let first = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_.:@+=-".contains(c);
    let is_null = matches!(text, "null" | "Null" | "NULL");
    if text.starts_with(first) && text.chars().all(plain) && !text.ends_with(':') && !is_null {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // What is not seen, or would not be read.
            c if printable(&format!("x{c}x"), 9) != format!("x{c}x") || c == '\u{feff}' => {
                quoted += &format!("\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

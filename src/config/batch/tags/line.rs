//! A filter of tags in one line: as a person types it, and as a sync file has it.

use std::fmt;
use std::str::FromStr;

use globset::GlobMatcher;
use regex::Regex;
use semver::{Comparator, Op};

use super::{TagFilter, glob, regex, versions};

impl TagFilter {
    /// What stands behind `tags:` in a sync file, on one line.
    pub fn to_yaml(&self) -> String {
        // A JSON text is a YAML text.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let list = |texts: &[String]| {
            format!("[{}]", texts.iter().map(|one| text(one)).collect::<Vec<_>>().join(", "))
        };
        let globs = texts(&self.globs, glob_text);
        if self.regexes.is_empty()
            && self.exclude.is_empty()
            && self.semver.is_none()
            && self.newest.is_none()
        {
            let named = self.named.iter().map(ToString::to_string);
            let listed: Vec<String> = named.chain(globs).collect();
            return if listed.is_empty() { text("*") } else { list(&listed) };
        }
        let mut keys = Vec::new();
        let regexes = texts(&self.regexes, regex_text);
        let exclude = texts(&self.exclude, glob_text);
        for (key, found) in [("glob", globs), ("regex", regexes), ("exclude", exclude)] {
            if !found.is_empty() {
                keys.push(format!("{key}: {}", list(&found)));
            }
        }
        keys.extend(self.semver.as_ref().map(|range| format!("semver: {}", text(&range.to_string()))));
        keys.extend(self.newest.map(|newest| format!("newest: {newest}")));
        format!("{{{}}}", keys.join(", "))
    }
}

fn texts<T>(patterns: &[T], text: fn(&T) -> String) -> Vec<String> {
    patterns.iter().map(text).collect()
}

fn glob_text(glob: &GlobMatcher) -> String {
    glob.glob().glob().to_owned()
}

/// Without the anchors that [`regex`] put around it.
fn regex_text(regex: &Regex) -> String {
    let text = regex.as_str();
    text.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(text).to_owned()
}

/// `1.2.*` would read as a glob.
fn comparator_text(comparator: &Comparator) -> String {
    let text = comparator.to_string();
    match comparator.op {
        Op::Wildcard => format!("={}", text.trim_end_matches(".*")),
        _ => text,
    }
}

impl PartialEq for TagFilter {
    fn eq(&self, other: &TagFilter) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for TagFilter {}

impl fmt::Display for TagFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = self.named.iter().map(ToString::to_string).collect();
        words.extend(texts(&self.globs, glob_text));
        words.extend(self.regexes.iter().map(|regex| format!("re:{}", regex_text(regex))));
        words.extend(self.exclude.iter().map(|glob| format!("!{}", glob_text(glob))));
        words.extend(self.semver.as_ref().map(|range| match range.comparators.is_empty() {
            true => ">=0".to_owned(),
            false => range.comparators.iter().map(comparator_text).collect::<Vec<_>>().join(" "),
        }));
        words.extend(self.newest.map(|newest| format!("newest {newest}")));
        f.write_str(&if words.is_empty() { "*".to_owned() } else { words.join(" ") })
    }
}

/// The error is a reason, for people.
impl FromStr for TagFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<TagFilter, String> {
        const OPERATORS: [char; 5] = ['>', '<', '=', '~', '^'];
        let mut filter = TagFilter::default();
        let mut range: Vec<String> = Vec::new();
        let mut words = text.split_whitespace().peekable();
        if words.peek().is_none() {
            return Err("a glob as in v1.*, re:REGEX, a range as in >=1.2 <2, or newest 5".to_owned());
        }
        while let Some(word) = words.next() {
            if let Some(pattern) = word.strip_prefix("re:") {
                filter.regexes.push(regex(pattern)?);
            } else if let Some(pattern) = word.strip_prefix('!') {
                filter.exclude.push(glob(pattern)?);
            } else if word.starts_with(OPERATORS) {
                let mut comparator = word.trim_end_matches(',').to_owned();
                if comparator.ends_with(OPERATORS) {
                    comparator += words.next().unwrap_or_default().trim_end_matches(',');
                }
                range.push(comparator);
            } else if word == "newest" {
                let count = words.next().unwrap_or_default();
                let known = count.parse().ok().filter(|n| (1..=10_000).contains(n));
                filter.newest = Some(known.ok_or("newest needs a number from 1 to 10000, as in newest 5")?);
            } else if word != "*" {
                filter.globs.push(glob(word)?);
            }
        }
        if !range.is_empty() {
            filter.semver = Some(versions(&range.join(", "))?);
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tags;
    use super::super::tests::{TAGS, chosen, read_text};
    use super::*;
    use crate::oci::Tag;

    #[test]
    fn a_typed_filter_chooses_is_written_again_and_goes_into_a_sync_file() {
        let all: Vec<Tag> = TAGS.iter().map(|tag| tag.parse().unwrap()).collect();
        for (text, line, want) in [
            ("*", "*", TAGS.to_vec()),
            ("1.2?  m*", "1.2? m*", vec!["1.26", "main"]),
            ("1.27.* !*-*", "1.27.* !*-*", vec!["1.27.0", "1.27.10", "1.27.9"]),
            ("re:1\\.2[67]", "re:1\\.2[67]", vec!["1.26"]),
            (">= 1.26.1 <2", ">=1.26.1 <2", vec!["1.26.1", "1.27.0", "1.27.10", "1.27.9"]),
            (">=1.26.1, <2 newest 1", ">=1.26.1 <2 newest 1", vec!["1.27.10"]),
            ("newest 2 1.*", "1.* newest 2", vec!["1.27.10", "1.27.9"]),
            ("latest", "latest", vec!["latest"]),
        ] {
            let filter: TagFilter = text.parse().unwrap();
            let names = |tags: Vec<Tag>| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(names(filter.choose(&all)), want, "{text}");
            assert_eq!(filter.to_string(), line);
            assert_eq!(line.parse::<TagFilter>().unwrap(), filter);
            let mut rows = chosen(&filter.to_yaml());
            let mut wanted: Vec<String> = want.iter().map(|tag| (*tag).to_owned()).collect();
            rows.sort();
            wanted.sort();
            assert_eq!(rows, wanted, "{}", filter.to_yaml());
        }
        for (text, want) in [
            ("  ", "a glob as in"),
            ("re:a(", "no regular expression"),
            ("a[", "no glob"),
            (">=what", "no range"),
            (">=", "no range"),
            ("newest", "newest needs a number"),
            ("newest 0", "newest needs a number"),
            ("!", "no glob"),
        ] {
            let reason = text.parse::<TagFilter>().unwrap_err();
            assert!(reason.contains(want), "{text}: {reason}");
        }
        // As a sync file has it.
        let (Some(Tags::Chosen(filter)), _) = read_text("[gone, 1.27.*]") else { panic!() };
        assert_eq!(
            (filter.to_string().as_str(), filter.to_yaml().as_str()),
            ("gone 1.27.*", r#"["gone", "1.27.*"]"#)
        );
    }
}

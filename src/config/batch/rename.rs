//! How an image is called at its destination: its own path, another one, what is left of its name below a level, or
//! what a rule makes of its path.

use regex::Regex;

use super::super::document::Value;
use super::super::reader::{Field, Reader};
use super::tags::regex;
use crate::oci::{Location, Repository, printable};

/// The path below a destination.
#[derive(Debug, Clone, Default)]
pub enum Rename {
    /// The source's.
    #[default]
    Keep,
    /// This one.
    Path(Repository),
    /// The source's full name, the host included, without its first parts.
    Level(usize),
    /// What the first rule that fits makes of the source's path; the path itself if none does.
    Rules(Vec<Rule>),
}

/// `from: REGEX` for the whole path, `to: TEXT` with `$1`.
#[derive(Debug, Clone)]
pub struct Rule {
    from: Regex,
    to: String,
}

impl Rename {
    /// A rule: what `from`, a regular expression for the whole path, becomes. The error is a reason, for people.
    pub fn rule(from: &str, to: &str) -> Result<Rename, String> {
        let pattern = regex(from)?;
        match unknown_group(&pattern, to) {
            Some(group) => Err(format!("the expression has no group {:?}", printable(&group, 40))),
            None => Ok(Rename::Rules(vec![Rule { from: pattern, to: to.to_owned() }])),
        }
    }

    /// The path for a source. The error is a reason, for people.
    pub(super) fn path(&self, source: &Location) -> Result<String, String> {
        let (host, path) = match source {
            Location::Registry(reference) => (reference.registry.as_str(), &reference.repository),
            Location::Store { repository, .. } => ("store", repository),
            _ => return Err("only images of registries and of store: have a name to be kept".to_owned()),
        };
        self.of_name(host, path)
    }

    /// The path for what is called `path` at `host`. The error is a reason, for people.
    pub(in crate::config) fn of_name(&self, host: &str, path: &Repository) -> Result<String, String> {
        match self {
            Rename::Keep => Ok(path.to_string()),
            Rename::Path(path) => Ok(path.to_string()),
            Rename::Level(level) => {
                let parts: Vec<&str> = std::iter::once(host).chain(path.as_str().split('/')).collect();
                match parts.get(*level..).filter(|rest| !rest.is_empty()) {
                    Some(rest) => Ok(rest.join("/")),
                    None => Err(format!("replace_level {level} leaves nothing of its {} parts", parts.len())),
                }
            }
            Rename::Rules(rules) => {
                let path = path.as_str();
                let found = rules.iter().find_map(|rule| {
                    let mut made = String::new();
                    rule.from.captures(path)?.expand(&rule.to, &mut made);
                    Some(made)
                });
                Ok(found.unwrap_or_else(|| path.to_owned()))
            }
        }
    }
}

/// `rename:`, a path or a list of rules.
pub(super) fn read(reader: &mut Reader, field: &Field<'_>) -> Option<Rename> {
    match &field.node.value {
        Value::List(_) => {
            let items = reader.list(field);
            let rules: Vec<Option<Rule>> = items.iter().map(|item| rule(reader, item)).collect();
            rules.into_iter().collect::<Option<Vec<Rule>>>().map(Rename::Rules)
        }
        Value::Map(_) => rule(reader, field).map(|rule| Rename::Rules(vec![rule])),
        _ => {
            let text = reader.text(field)?;
            match text.parse::<Repository>() {
                Ok(path) => Some(Rename::Path(path)),
                Err(e) => {
                    let reason =
                        format!("{:?} is no repository's path: {}", printable(&text, 100), e.reason());
                    reader.fault(field.node.at, &field.path, reason);
                    None
                }
            }
        }
    }
}

fn rule(reader: &mut Reader, item: &Field<'_>) -> Option<Rule> {
    let mut fields = reader.fields(item)?;
    let from = fields.take(reader, "from");
    let to = fields.take(reader, "to");
    reader.finish(fields);
    let (Some(from), Some(to)) = (from, to) else {
        reader.fault(item.node.at, &item.path, "a rule has both from and to");
        return None;
    };
    let (pattern, text) = (reader.text(&from), reader.text(&to));
    let pattern = regex(&pattern?).map_err(|reason| reader.fault(from.node.at, &from.path, reason)).ok();
    let (pattern, text) = (pattern?, text?);
    match unknown_group(&pattern, &text) {
        Some(group) => {
            let reason = format!("from has no group {:?}", printable(&group, 40));
            reader.fault(to.node.at, &to.path, reason);
            None
        }
        None => Some(Rule { from: pattern, to: text }),
    }
}

/// A group that a replacement names and the expression lacks: it would silently be nothing.
fn unknown_group(pattern: &Regex, text: &str) -> Option<String> {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once('$') {
        // `$$` is a `$`.
        if let Some(after) = behind.strip_prefix('$') {
            rest = after;
            continue;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => name,
            None => &behind[..behind.find(|c| !is_name(c)).unwrap_or(behind.len())],
        };
        let known = match name.parse::<usize>() {
            Ok(number) => number < pattern.captures_len(),
            Err(_) => pattern.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Some(name.to_owned());
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::document;
    use super::*;

    fn path(rename: &Rename, source: &str) -> Result<String, String> {
        rename.path(&source.parse().unwrap())
    }

    fn rules(text: &str) -> (Option<Rename>, Vec<String>) {
        let node = document::read(text).unwrap().unwrap();
        let mut reader = Reader::new("f".as_ref());
        let rename = read(&mut reader, &Field { path: "rename".to_owned(), node: &node });
        (rename, reader.into_faults().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_level_drops_parts_of_the_full_name() {
        for (level, source, want) in [
            (0, "nginx", "docker.io/library/nginx"),
            (1, "docker.io/library/nginx", "library/nginx"),
            (2, "docker.io/library/nginx", "nginx"),
            (3, "quay.io:8443/a/b/c/d", "c/d"),
            (1, "store:a/b", "a/b"),
        ] {
            assert_eq!(path(&Rename::Level(level), source).as_deref(), Ok(want));
        }
        let error = path(&Rename::Level(3), "nginx:1").unwrap_err();
        assert_eq!(error, "replace_level 3 leaves nothing of its 3 parts");
        assert!(path(&Rename::Level(usize::MAX), "nginx").is_err());
    }

    #[test]
    fn the_first_rule_that_fits_the_whole_path_counts() {
        let text =
            "[{from: 'library/(.*)', to: base/$1}, {from: '(?<team>[^/]+)/.*/(.+)', to: '${team}/$2'}]";
        let (rename, faults) = rules(text);
        assert_eq!(faults, Vec::<String>::new());
        let rename = rename.unwrap();
        for (source, want) in
            [("nginx", "base/nginx"), ("q.io/a/b/c/d", "a/d"), ("q.io/x", "x"), ("q.io/my/library/x", "my/x")]
        {
            assert_eq!(path(&rename, source).as_deref(), Ok(want), "{source}");
        }
        assert_eq!(path(&rules("base/web").0.unwrap(), "nginx").as_deref(), Ok("base/web"));
        assert_eq!(path(&rules("{from: nginx, to: a}").0.unwrap(), "q.io/nginx").as_deref(), Ok("a"));
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (text, want) in [
            ("UP", "f:1:1: rename: \"UP\" is no repository's path"),
            ("[{from: a}]", "f:1:2: rename[0]: a rule has both from and to"),
            ("[{from: 'a(', to: b}]", "rename[0].from: \"a(\" is no regular expression"),
            ("{from: '(a)', to: $2}", "rename.to: from has no group \"2\""),
            ("{from: '(a)', to: $1_x}", "rename.to: from has no group \"1_x\""),
            ("{from: '(a)', to: 'b$'}", "from has no group \"\""),
            ("{form: a, to: b}", "the nearest valid key is \"from\""),
        ] {
            let (_, faults) = rules(text);
            assert!(faults.iter().any(|fault| fault.contains(want)), "{text}: {faults:?}");
        }
        assert_eq!(rules("{from: '(a)', to: 'x-${1}$$'}").1, Vec::<String>::new());
    }
}

//! Which tags of a repository are wanted: named, or chosen by what is written in a batch file. Pure: what tags there
//! are is somebody else's question.

mod line;

use std::cmp::Reverse;

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};
use semver::{Prerelease, Version, VersionReq};

use super::super::document::Value;
use super::super::reader::{Field, Fields, Reader};
use crate::oci::order::{is_version, version_key};
use crate::oci::{Tag, printable};

/// Bytes that a compiled regular expression may take.
const REGEX_LIMIT: usize = 1 << 20;

/// The longest pattern, in bytes: a tag has 128 characters at most.
const PATTERN_LIMIT: usize = 1000;

/// The tags that an entry of a batch file asks for.
#[derive(Debug, Clone)]
pub(super) enum Tags {
    /// These; the repository's list need not be asked for.
    Named(Vec<Tag>),
    /// Those of the repository's that are chosen.
    Chosen(Box<TagFilter>),
}

/// Chooses tags, as a sync file's `tags:` does. All that is set must fit; of several globs, or several regular
/// expressions, one. Without anything it is every tag.
///
/// In one line, as [`std::str::FromStr`] reads it: globs, `re:REGEX`, `!GLOB` for what is left out, a range of versions (`>=1.2 <2`)
/// and `newest N`, with blanks between. `Display` writes that line, and two filters are equal where their lines are.
#[derive(Debug, Clone, Default)]
pub struct TagFilter {
    /// Taken whatever the rest says, even where the list lacks them: then the copy says that there is no such tag.
    named: Vec<Tag>,
    globs: Vec<GlobMatcher>,
    regexes: Vec<Regex>,
    exclude: Vec<GlobMatcher>,
    semver: Option<VersionReq>,
    newest: Option<usize>,
}

impl TagFilter {
    /// The tags of a repository that are wanted, in its order; with `newest` the newest first.
    pub fn choose(&self, tags: &[Tag]) -> Vec<Tag> {
        let chosen = self.choose_names(tags.iter().map(Tag::as_str)).into_iter().map(|n| &tags[n]);
        let mut all = self.named.clone();
        all.extend(chosen.filter(|tag| !self.named.contains(tag)).cloned());
        all
    }

    /// Where the names stand that are wanted of these, in their order; with `newest` the newest first.
    pub fn choose_names<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
        let fitting = names.into_iter().enumerate().filter(|(_, name)| self.fits(name));
        let Some(newest) = self.newest else { return fitting.map(|(n, _)| n).collect() };
        let mut chosen: Vec<(usize, &str)> = fitting.filter(|(_, name)| is_version(name)).collect();
        chosen.sort_by_cached_key(|(_, name)| Reverse(version_key(name)));
        chosen.truncate(newest);
        chosen.into_iter().map(|(n, _)| n).collect()
    }

    /// Every tag.
    pub fn all() -> TagFilter {
        TagFilter::default()
    }

    fn fits(&self, tag: &str) -> bool {
        (self.globs.is_empty() || self.globs.iter().any(|glob| glob.is_match(tag)))
            && (self.regexes.is_empty() || self.regexes.iter().any(|regex| regex.is_match(tag)))
            && !self.exclude.iter().any(|glob| glob.is_match(tag))
            && self.semver.as_ref().is_none_or(|wanted| version(tag).is_some_and(|v| wanted.matches(&v)))
    }
}

fn versions(text: &str) -> Result<VersionReq, String> {
    VersionReq::parse(text).map_err(|e| {
        format!("{:?} is no range of versions: {e}; write one as in >=1.20, <2", printable(text, 60))
    })
}

/// A tag as a semantic version, leniently: `v1.27` is 1.27.0, and what follows the numbers is a pre-release, which a
/// range leaves out unless it names one of the same numbers. `None` for what has more than three numbers.
fn version(tag: &str) -> Option<Version> {
    if !is_version(tag) {
        return None;
    }
    let plain = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
    let end = plain.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(plain.len());
    let numbers = plain[..end].trim_end_matches('.');
    let suffix = plain[numbers.len()..].trim_start_matches(['-', '_', '.']);
    let mut parts = numbers.split('.').map(|part| part.parse::<u64>().ok());
    let mut next = || parts.next().unwrap_or(Some(0));
    let (major, minor, patch) = (next()?, next()?, next()?);
    if parts.next().is_some() {
        return None;
    }
    // No zero may stand in front of a pre-release's number.
    let part = |part: &str| match part.bytes().all(|b| b.is_ascii_digit()) {
        true => Some(part.trim_start_matches('0')).filter(|rest| !rest.is_empty()).unwrap_or("0").to_owned(),
        false => part.replace('_', "-"),
    };
    let parts: Vec<String> = suffix.split('.').filter(|part| !part.is_empty()).map(part).collect();
    Some(Version { pre: Prerelease::new(&parts.join(".")).ok()?, ..Version::new(major, minor, patch) })
}

/// `tags:`, as text, a list of texts, or the keys of a filter. No tag at all, `*` and an empty list are all of them.
pub(super) fn read(reader: &mut Reader, field: &Field<'_>) -> Option<Tags> {
    match &field.node.value {
        Value::Map(_) => filter(reader, field).map(|filter| Tags::Chosen(Box::new(filter))),
        Value::List(_) => {
            let items = reader.list(field);
            listed(reader, &items)
        }
        _ => listed(reader, std::slice::from_ref(field)),
    }
}

/// Names, and globs among them.
fn listed(reader: &mut Reader, items: &[Field<'_>]) -> Option<Tags> {
    let mut filter = TagFilter::default();
    let mut sound = true;
    for item in items {
        let Some(text) = reader.text(item) else {
            sound = false;
            continue;
        };
        let fault = match text.contains(['*', '?', '[', '{']) {
            true => glob(&text).map(|glob| filter.globs.push(glob)),
            false => text.parse::<Tag>().map_err(|e| e.to_string()).map(|tag| {
                if !filter.named.contains(&tag) {
                    filter.named.push(tag);
                }
            }),
        };
        if let Err(reason) = fault {
            reader.fault(item.node.at, &item.path, reason);
            sound = false;
        }
    }
    match filter.globs.is_empty() && !items.is_empty() {
        _ if !sound => None,
        true => Some(Tags::Named(filter.named)),
        false => Some(Tags::Chosen(Box::new(filter))),
    }
}

fn filter(reader: &mut Reader, field: &Field<'_>) -> Option<TagFilter> {
    let mut fields = reader.fields(field)?;
    let globs = patterns(reader, &mut fields, "glob", glob);
    let regexes = patterns(reader, &mut fields, "regex", regex);
    let semver = fields.take(reader, "semver").map(|field| {
        let text = reader.text(&field)?;
        versions(&text).map_err(|reason| reader.fault(field.node.at, &field.path, reason)).ok()
    });
    let newest =
        fields.take(reader, "newest").map(|field| reader.number(&field, 1..=10_000).map(|n| n as usize));
    let exclude = patterns(reader, &mut fields, "exclude", glob);
    let nothing =
        globs.is_none() && regexes.is_none() && semver.is_none() && newest.is_none() && exclude.is_none();
    reader.finish(fields);
    if nothing {
        let reason = "one of glob, regex, semver, newest and exclude is needed; \"*\" instead is all tags";
        reader.fault(field.node.at, &field.path, reason);
        return None;
    }
    Some(TagFilter {
        named: Vec::new(),
        globs: globs.unwrap_or_default(),
        regexes: regexes.unwrap_or_default(),
        exclude: exclude.unwrap_or_default(),
        semver: semver.flatten(),
        newest: newest.flatten(),
    })
}

/// One pattern or a list of them.
fn patterns<T>(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    key: &'static str,
    parse: fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let field = fields.take(reader, key)?;
    let items = match &field.node.value {
        Value::List(_) => reader.list(&field),
        _ => vec![field],
    };
    let mut found = Vec::new();
    for item in items {
        let Some(text) = reader.text(&item) else { continue };
        match parse(&text) {
            Ok(pattern) => found.push(pattern),
            Err(reason) => reader.fault(item.node.at, &item.path, reason),
        }
    }
    Some(found)
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    let shown = printable(text, 60);
    if text.is_empty() || text.len() > PATTERN_LIMIT {
        return Err(format!("{shown:?} is no glob: it is empty or longer than {PATTERN_LIMIT} bytes"));
    }
    let glob = GlobBuilder::new(text).build();
    let glob =
        glob.map_err(|e| format!("{shown:?} is no glob: {}; write one as in 1.2* or v?.0", e.kind()))?;
    Ok(glob.compile_matcher())
}

/// A regular expression for a whole text.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    let shown = printable(text, 60);
    if text.is_empty() || text.len() > PATTERN_LIMIT {
        let reason = format!("it is empty or longer than {PATTERN_LIMIT} bytes");
        return Err(format!("{shown:?} is no regular expression: {reason}"));
    }
    // What it says of itself, not of the anchors around it.
    let plain = RegexBuilder::new(text).size_limit(REGEX_LIMIT).build();
    let whole =
        plain.and_then(|_| RegexBuilder::new(&format!("^(?:{text})$")).size_limit(REGEX_LIMIT).build());
    whole.map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => format!("{shown:?} is too large a regular expression"),
        // The last line says what; those above draw an arrow at it.
        e => {
            let told = e.to_string();
            let reason = told.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("{shown:?} is no regular expression: {}", printable(reason, 200))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::document;
    use super::*;

    pub(super) const TAGS: [&str; 14] = [
        "latest",
        "1",
        "1.26",
        "1.26.1",
        "1.26.1-alpine",
        "1.27.0",
        "1.27.0-rc1",
        "1.27.10",
        "1.27.9",
        "2.0.0-beta.01",
        "v2.0.0",
        "3.0.0.1",
        "deadbeef1",
        "main",
    ];

    pub(super) fn read_text(text: &str) -> (Option<Tags>, Vec<String>) {
        let node = document::read(text).unwrap().unwrap();
        let mut reader = Reader::new("f".as_ref());
        let tags = read(&mut reader, &Field { path: "tags".to_owned(), node: &node });
        (tags, reader.into_faults().iter().map(ToString::to_string).collect())
    }

    pub(super) fn chosen(text: &str) -> Vec<String> {
        let all: Vec<Tag> = TAGS.iter().map(|tag| tag.parse().unwrap()).collect();
        let (tags, faults) = read_text(text);
        assert_eq!(faults, Vec::<String>::new(), "{text}");
        let found = match tags.unwrap() {
            Tags::Named(named) => named,
            Tags::Chosen(filter) => filter.choose(&all),
        };
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_filter_chooses_what_it_says() {
        for (text, want) in [
            ("1.20", vec!["1.20"]),
            ("[1.20, \"1.20\", latest]", vec!["1.20", "latest"]),
            ("[gone, 1.27.*]", vec!["gone", "1.27.0", "1.27.0-rc1", "1.27.10", "1.27.9"]),
            ("'*'", TAGS.to_vec()),
            ("[]", TAGS.to_vec()),
            ("{glob: ['1.2?', 'm*']}", vec!["1.26", "main"]),
            ("{glob: '1.{26,27}.*', exclude: ['*-*']}", vec!["1.26.1", "1.27.0", "1.27.10", "1.27.9"]),
            ("{regex: '1\\.2[67]'}", vec!["1.26"]),
            ("{regex: ['main', '(?i)LATEST']}", vec!["latest", "main"]),
            ("{semver: '>=1.26.1, <2'}", vec!["1.26.1", "1.27.0", "1.27.10", "1.27.9"]),
            ("{semver: 2}", vec!["v2.0.0"]),
            ("{semver: '>=2.0.0-alpha, <3'}", vec!["2.0.0-beta.01", "v2.0.0"]),
            ("{newest: 3}", vec!["3.0.0.1", "v2.0.0", "2.0.0-beta.01"]),
            ("{semver: '*', newest: 3}", vec!["v2.0.0", "1.27.10", "1.27.9"]),
            ("{glob: '*-alpine', newest: 3}", vec!["1.26.1-alpine"]),
            ("{exclude: '[0-9v]*'}", vec!["latest", "deadbeef1", "main"]),
        ] {
            assert_eq!(chosen(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_told_in_full() {
        for (text, want) in [
            ("1.2/3", "f:1:1: tags:"),
            ("[a, -b, [c]]", "f:1:5: tags[1]:"),
            (
                "{glob: 'a[', semver: what, newest: 0, regex: ['a(', 3]}",
                "f:1:8: tags.glob: \"a[\" is no glob",
            ),
            ("{}", "one of glob, regex, semver, newest and exclude is needed"),
            ("{globs: a}", "the nearest valid key is \"glob\""),
            ("{regex: 'a{1000}{1000}'}", "too large"),
            ("{regex: '(?x) a # b'}", "no regular expression"),
            ("{semver: '>=1 <2'}", "no range of versions"),
        ] {
            let (_, faults) = read_text(text);
            assert!(faults.iter().any(|fault| fault.contains(want)), "{text}: {faults:?}");
        }
        assert_eq!(read_text("{glob: 'a[', semver: what, newest: 0, regex: ['a(', 3]}").1.len(), 4);
        assert_eq!(read_text("[a, -b, [c]]").1.len(), 2);
    }

    fn tag() -> impl Strategy<Value = Tag> {
        "[v]?[0-9]{1,3}(\\.[0-9]{1,3}){0,3}([-_.]?[a-z0-9.]{0,6})?|[a-z0-9_]{1,9}"
            .prop_filter_map("a tag", |text: String| text.parse().ok())
    }

    proptest! {
        #[test]
        fn a_choice_is_of_what_is_there_and_newest_is_a_bound(
            tags in proptest::collection::vec(tag(), 0..30), n in 1_usize..6, glob in "[a-z0-9.*?]{1,4}",
        ) {
            let (all, faults) = read_text(&format!("{{glob: '{glob}*', newest: {n}}}"));
            prop_assume!(faults.is_empty());
            let Some(Tags::Chosen(filter)) = all else { return Ok(()) };
            let found = filter.choose(&tags);
            prop_assert!(found.len() <= n && found.iter().all(|tag| tags.contains(tag)));
            // None that was left out is newer than one that was taken.
            let fits = |tag: &&Tag| filter.fits(tag.as_str()) && is_version(tag.as_str());
            for left in tags.iter().filter(fits).filter(|tag| !found.contains(tag)) {
                prop_assert!(found.len() == n && found.iter().all(|t| version_key(t.as_str()) >= version_key(left.as_str())));
            }
        }

        #[test]
        fn what_a_range_takes_is_a_version_in_it(tag in tag(), low in 0_u64..50, width in 1_u64..50) {
            let filter = TagFilter {
                semver: VersionReq::parse(&format!(">={low}, <{}", low + width)).ok(),
                ..TagFilter::default()
            };
            if !filter.choose(std::slice::from_ref(&tag)).is_empty() {
                let major = tag.as_str().trim_start_matches('v').split(|c: char| !c.is_ascii_digit()).next();
                let major: u64 = major.unwrap().parse().unwrap();
                prop_assert!((low..low + width).contains(&major), "{tag}");
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[ -~镜]{0,40}", tag in "[ -~]{0,20}") {
            let _ = (version(&tag), glob(&text), regex(&text));
            if let Ok(filter) = text.parse::<TagFilter>() {
                prop_assert_eq!(filter.to_string().parse::<TagFilter>(), Ok(filter));
            }
            if let Ok(Some(node)) = document::read(&text) {
                read(&mut Reader::new("f".as_ref()), &Field { path: String::new(), node: &node });
            }
        }
    }
}

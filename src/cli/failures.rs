//! Failures for people: those that say the same of different images stand together, once.

use std::collections::HashMap;

use super::error::failure_lines;
use crate::job::{Failure, JobSpec, Target};
use crate::oci::{Location, printable};

/// The failures as lines, in the order of the first of each kind. One alone is told in its own words.
pub(super) fn text(failed: &[(&JobSpec, &Failure)]) -> String {
    let mut groups: Vec<Vec<(&JobSpec, &Failure)>> = Vec::new();
    let mut at: HashMap<(String, Option<String>), usize> = HashMap::new();
    for (spec, failure) in failed {
        let key =
            (plain(&failure.message, spec), failure.hint.as_ref().map(|hint| plain(&hint.to_string(), spec)));
        let group = *at.entry(key).or_insert(groups.len());
        match groups.get_mut(group) {
            Some(group) => group.push((spec, failure)),
            None => groups.push(vec![(spec, failure)]),
        }
    }
    groups.iter().map(|group| told(group)).collect()
}

/// The first one's own words, and the names of the others.
fn told(group: &[(&JobSpec, &Failure)]) -> String {
    let Some(((_, failure), others)) = group.split_first() else { return String::new() };
    let lines = failure_lines(failure);
    let (error, hint) = lines.split_at(lines.find('\n').map_or(lines.len(), |end| end + 1));
    let head = match others.len() {
        0 => String::new(),
        1 => "    the same of 1 more image:\n".to_owned(),
        more => format!("    the same of {more} more images:\n"),
    };
    let name =
        |(spec, _): &(&JobSpec, &Failure)| format!("    {}\n", printable(&spec.source.to_string(), 500));
    format!("{error}{head}{}{hint}", others.iter().map(name).collect::<String>())
}

/// `text` without what is the image's own: its names, tags and digests.
fn plain(text: &str, spec: &JobSpec) -> String {
    let targets = spec.destinations.iter().filter_map(|target| match target {
        Target::Image(location) => Some(location),
        Target::ExportInto(_) => None,
    });
    let mut plain = text.to_owned();
    for location in std::iter::once(&spec.source).chain(targets) {
        let (name, repository, tag) = match location {
            Location::Registry(reference) => {
                let tag = reference.tag.as_ref().map(ToString::to_string);
                (reference.name(), reference.repository.to_string(), tag)
            }
            Location::Store { repository, target } => {
                let tag = target.as_ref().map(ToString::to_string);
                (format!("store:{repository}"), repository.to_string(), tag)
            }
            _ => continue,
        };
        // The tag goes with the name. Registries repeat both in what they answer.
        plain = plain.replace(&location.to_string(), "…").replace(&name, "…");
        plain = without_word(&without_word(&plain, &repository), tag.as_deref().unwrap_or_default());
    }
    without_digests(&plain)
}

/// `text` without the word, which may stand in brackets or quotes.
fn without_word(text: &str, word: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !is_part(c)) {
        let end = piece.trim_end_matches(|c| !is_part(c));
        let rest = piece.get(end.len()..).unwrap_or_default();
        out += if end == word && !word.is_empty() { "…" } else { end };
        out += rest;
    }
    out
}

fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let rest = part.get(hex..).unwrap_or_default();
        out += if hex == 64 { "sha256:…" } else { "sha256:" };
        out += if hex == 64 { rest } else { part };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Digest, ErrorClass};

    fn spec(name: &str) -> JobSpec {
        JobSpec::copy(format!("r.io/{name}").parse().unwrap(), format!("h.io/m/{name}").parse().unwrap())
    }

    fn failure(message: String, hint: Option<&str>) -> Failure {
        Failure { message, class: ErrorClass::Network, hint: hint.map(Into::into), exchange: None }
    }

    #[test]
    fn the_same_failure_is_told_once_with_its_images() {
        let specs: Vec<JobSpec> = ["a:1", "b/c:2", "d:3", "e:4", "f:5"].map(spec).to_vec();
        let digest = |n: u8| Digest::of(&[n]);
        let failures = [
            failure("get manifest r.io/a:1: connection refused".to_owned(), Some("check r.io/a")),
            failure("get manifest r.io/b/c:2: connection refused".to_owned(), Some("check r.io/b/c")),
            failure("get manifest r.io/d:3: 404: d has no 3".to_owned(), None),
            failure(format!("upload blob h.io/m/e {}: 403 DENIED", digest(1)), None),
            failure(format!("upload blob h.io/m/f {}: 403 DENIED", digest(2)), None),
        ];
        let pairs: Vec<_> = specs.iter().zip(&failures).collect();
        let want = "error: get manifest r.io/a:1: connection refused\n    the same of 1 more image:\n    r.io/b/c:2\n\
            hint: check r.io/a\nerror: get manifest r.io/d:3: 404: d has no 3\n"
            .to_owned()
            + &format!("error: {}\n    the same of 1 more image:\n    r.io/f:5\n", failures[3].message);
        assert_eq!(text(&pairs), want);
    }

    #[test]
    fn words_are_whole_words() {
        let spec = spec("team/app:1");
        let of = |text| plain(text, &spec);
        assert_eq!(of("team/app has no manifest 1 (map[Tag:1])"), "… has no manifest … (map[Tag:…])");
        assert_eq!(of("team/apps 1.2, 12 and team/app, at 10.0.0.1"), "team/apps 1.2, 12 and …, at 10.0.0.1");
    }

    #[test]
    fn what_is_no_digest_stays() {
        assert_eq!(without_digests("a sha256:12 b sha256:"), "a sha256:12 b sha256:");
        assert_eq!(without_digests(&format!("{}!", Digest::of(b""))), "sha256:…!");
    }
}

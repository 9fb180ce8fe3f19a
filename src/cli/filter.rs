//! Choosing names by a pattern: wildcards, or letters in their order as in the terminal UI's lists.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// A pattern for names.
pub(super) enum NameFilter {
    /// `team-*/api`: `*` stands for any text, `?` for one character.
    Wildcard(String),
    /// Everything else: letters in their order; `'text`, `^start`, `end$` and `!not` as fzf has them.
    Fuzzy(Box<(Pattern, Matcher)>),
}

impl NameFilter {
    /// Reads a pattern.
    pub(super) fn new(text: &str) -> NameFilter {
        match text.contains(['*', '?']) {
            true => NameFilter::Wildcard(text.to_owned()),
            false => {
                let pattern = Pattern::parse(text, CaseMatching::Smart, Normalization::Smart);
                NameFilter::Fuzzy(Box::new((pattern, Matcher::new(Config::DEFAULT))))
            }
        }
    }

    /// Whether a name fits.
    pub(super) fn fits(&mut self, name: &str) -> bool {
        match self {
            NameFilter::Wildcard(pattern) => wildcard(pattern, name),
            NameFilter::Fuzzy(fuzzy) => {
                let (pattern, matcher) = fuzzy.as_mut();
                pattern.score(Utf32Str::new(name, &mut Vec::new()), matcher).is_some()
            }
        }
    }
}

/// Whether the whole name fits: `*` stands for any text, `?` for one character. After a mismatch the last `*` takes one character more: never exponential.
pub(super) fn wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_whole_names_and_letters_fit_in_their_order() {
        for (pattern, name, want) in [
            ("*", "a/b", true),
            ("team-?/*", "team-a/api", true),
            ("team-?/*", "team-ab/api", false),
            ("*api", "team-a/api", true),
            ("*api", "team-a/apis", false),
            ("a*b*c", "a/b/bb/c", true),
            ("a*b*c", "a/b/bb/cd", false),
            ("**", "", true),
            ("?", "", false),
            ("tapi", "team-a/api", true),
            ("ipat", "team-a/api", false),
            ("'team", "a-team/x", true),
            ("^team", "a-team/x", false),
            ("api$", "team-a/api", true),
            ("!api", "team-a/api", false),
            ("", "anything", true),
        ] {
            assert_eq!(NameFilter::new(pattern).fits(name), want, "{pattern} {name}");
        }
        let long = "a".repeat(5_000);
        assert!(!NameFilter::new(&"*a".repeat(50)).fits(&format!("{long}b")));
    }
}

//! Failures in few words, and which of them are the same: what was attempted, where, and what came back, without what
//! tells one image from another.

use crate::job::Failure;

/// A failure's parts, as its message has them: `WHAT AT: ANSWER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// The host, or whatever else it happened at; empty where the message names nothing.
    pub at: String,
    /// What was attempted; may be empty.
    pub attempted: String,
    /// What came back.
    pub answer: String,
}

/// The words of an attempt at most: `get manifest`, `push manifest`, `upload blob`.
const ATTEMPT: usize = 4;

impl Brief {
    /// The parts of a message.
    pub fn of(message: &str) -> Brief {
        let words: Vec<&str> = message.split(' ').collect();
        let place = words.iter().take(ATTEMPT + 1).position(|word| word.len() > 1 && word.ends_with(':'));
        let Some(place) = place.filter(|place| *place + 1 < words.len()) else {
            return Brief { at: String::new(), attempted: String::new(), answer: message.to_owned() };
        };
        Brief {
            at: host(words[place].trim_end_matches(':')),
            attempted: words[..place].join(" "),
            answer: words[place + 1..].join(" "),
        }
    }

    /// In one line, what matters first: `401 dr-b: push manifest: UNAUTHORIZED: authentication required`.
    pub fn line(&self) -> String {
        let (status, answer) = match self.answer.split_once(' ') {
            Some((status, rest)) if is_status(status) => (Some(status), rest),
            None if is_status(&self.answer) => (Some(self.answer.as_str()), ""),
            _ => (None, self.answer.as_str()),
        };
        let parts = [self.at.as_str(), self.attempted.as_str(), answer];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let line = parts.join(": ");
        status.map_or_else(|| line.clone(), |status| format!("{status} {line}"))
    }
}

fn is_status(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A registry's host; of a file its directory; of what has neither all of it.
fn host(at: &str) -> String {
    let first = at.split('/').next().unwrap_or_default();
    let names_host = first.contains(['.', ':']) || first == "localhost";
    match at.rsplit_once('/') {
        Some(_) if names_host && !first.is_empty() && !at.starts_with('.') => first.to_owned(),
        Some((directory, _)) if at.starts_with(['/', '.']) => directory.to_owned(),
        _ => at.to_owned(),
    }
}

/// What identical failures have in common. Repositories, tags, digests, sessions and long numbers are left out.
pub fn shape(failure: &Failure) -> String {
    let brief = Brief::of(&failure.message);
    let answer: Vec<&str> = brief.answer.split(' ').map(plain).collect();
    format!("{} {} {} {}", failure.class, brief.at, brief.attempted, answer.join(" "))
}

/// A word, or an ellipsis where it is another one in every job.
fn plain(word: &str) -> &str {
    let inner = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let digits = inner.bytes().filter(u8::is_ascii_digit).count();
    let hex = inner.len() >= 12 && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let named = word.contains('/')
        || word.contains('@')
        || inner.starts_with("sha256:")
        || inner.starts_with("sha512:");
    if named || hex || digits >= 4 { "…" } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::ErrorClass;

    fn failure(message: &str) -> Failure {
        Failure { message: message.to_owned(), class: ErrorClass::Network, hint: None, exchange: None }
    }

    #[test]
    fn a_message_has_parts() {
        for (message, want) in [
            (
                "push manifest dr-b.example/mirror/db:2: 401 UNAUTHORIZED: authentication required",
                "401 dr-b.example: push manifest: UNAUTHORIZED: authentication required",
            ),
            ("upload blob localhost:5000/x: 429", "429 localhost:5000: upload blob"),
            ("docker.io/library/nginx:1: manifest not found", "docker.io: manifest not found"),
            ("write /mnt/out/a.tar: No space left on device", "/mnt/out: write: No space left on device"),
            ("get manifest h.io/a:1: connection refused", "h.io: get manifest: connection refused"),
            ("a fault in wharf", "a fault in wharf"),
            ("cancelled:", "cancelled:"),
            ("", ""),
        ] {
            assert_eq!(Brief::of(message).line(), want);
        }
    }

    #[test]
    fn what_tells_images_apart_does_not_tell_failures_apart() {
        let same = |a: &str, b: &str| shape(&failure(a)) == shape(&failure(b));
        for (a, b, want) in [
            ("push manifest h.io/a/b:1: 401 no", "push manifest h.io/c:2: 401 no", true),
            ("push manifest h.io/a:1: 401 no", "push manifest g.io/a:1: 401 no", false),
            ("push manifest h.io/a:1: 401 no", "push manifest h.io/a:1: 403 no", false),
            ("push manifest h.io/a:1: 401 no", "get manifest h.io/a:1: 401 no", false),
            ("get blob h.io/a: NAME_UNKNOWN: team/app", "get blob h.io/b: NAME_UNKNOWN: team/web", true),
            ("write /o/a.tar: No space left", "write /o/b.tar: No space left", true),
            ("write /o/a.tar: No space left", "write /p/a.tar: No space left", false),
            (
                "get blob h.io/a: expected 12345 bytes, got 777",
                "get blob h.io/a: expected 99999 bytes, got 777",
                true,
            ),
        ] {
            assert_eq!(same(a, b), want, "{a} | {b}");
        }
        let mut other = failure("push manifest h.io/a:1: 401 no");
        other.class = ErrorClass::Auth;
        assert_ne!(shape(&other), shape(&failure(&other.message)));
    }
}

//! Text of other programs, made fit to be shown: no secret that is known, and nothing that looks like one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::oci::printable;

/// What is shown of such a text, in characters.
const SHOWN: usize = 200;
/// Words that a secret follows.
const BEFORE: [&str; 8] =
    ["bearer", "basic", "password", "passwd", "secret", "token", "identitytoken", "registrytoken"];

/// The text on one line without these secrets, without the user names and passwords of URLs, and without the words
/// behind `password=`, `token:`, `Bearer`.
pub(super) fn redacted(text: &str, secrets: &[&SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…").replace(&STANDARD.encode(secret), "…");
    }
    let mut words: Vec<String> = Vec::new();
    let mut hide = false;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if hide && !bare.is_empty() {
            hide = BEFORE.contains(&bare.to_lowercase().as_str());
            words.push(if hide { word.to_owned() } else { "…".to_owned() });
            continue;
        }
        let (name, value) = match word.split_once(['=', ':']) {
            Some((name, value)) if !value.starts_with("//") => (name, Some(value)),
            _ => (word, None),
        };
        let name = name.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let is_before = BEFORE.contains(&name.as_str());
        let is_given = value.is_some_and(|value| value.contains(char::is_alphanumeric));
        // `token expired` is prose; `token: xyz` and `Bearer xyz` are not.
        hide = is_before && !is_given && (value.is_some() || matches!(name.as_str(), "bearer" | "basic"));
        words.push(match (is_before && is_given, word.split_once("://"), word.rsplit_once('@')) {
            (true, ..) => format!("{name}=…"),
            (_, Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
            _ => word.to_owned(),
        });
    }
    printable(&words.join(" "), SHOWN)
}

/// A line of wharf's own log or of a panic, for a report that is sent to others.
pub fn redacted_line(text: &str) -> String {
    redacted(text, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_the_rest_stays() {
        let known = SecretString::from("hunter2".to_owned());
        for (text, want) in [
            ("no bus\n  at /run/x", "no bus at /run/x"),
            ("cannot keep hunter2!", "cannot keep …!"),
            ("got aHVudGVyMg==", "got …"),
            ("password=other, sorry", "password=… sorry"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
            (r#"{"token": "abc", "x": 1}"#, r#"{"token": … "x": 1}"#),
            ("at https://u:p@h/x", "at https://…@h/x"),
            ("the token expired", "the token expired"),
            ("see https://h/x: no", "see https://h/x: no"),
        ] {
            assert_eq!(redacted(text, &[&known]), want);
        }
        assert!(redacted(&"x ".repeat(500), &[]).chars().count() <= SHOWN + 1);
    }
}

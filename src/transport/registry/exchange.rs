//! What is kept of an answer that was no success, for people: without anything that may be secret.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use super::header;
use crate::oci::{Exchange, printable};

/// Response headers that tell something; besides them those that begin with [`PREFIXES`].
const HEADERS: &[&str] = &[
    "content-type",
    "content-length",
    "retry-after",
    "server",
    "via",
    "www-authenticate",
    "x-request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-github-request-id",
    "cf-ray",
];
const PREFIXES: &[&str] = &["docker-", "ratelimit", "x-ratelimit", "x-ms-request", "oci-"];
/// Query values that name images and services, and nothing else.
const PLAIN: &[&str] = &[
    "digest",
    "mount",
    "from",
    "n",
    "last",
    "scope",
    "service",
    "artifacttype",
    "client_id",
    "offline_token",
];
/// Words in a name whose value is hidden.
const SECRET: &[&str] = &[
    "token",
    "password",
    "passwd",
    "secret",
    "authorization",
    "credential",
    "signature",
    "cookie",
    "api_key",
    "apikey",
];
/// Headers that are kept at most, and characters of one.
const HEADER_COUNT: usize = 24;
const VALUE_LIMIT: usize = 300;
/// Lines of the body that are kept, characters of one, and bytes that are looked at.
const LINES: usize = 20;
const LINE_LIMIT: usize = 240;
const BODY: usize = 16 << 10;
/// Stands for what is hidden.
const HIDDEN: &str = "…";

/// What is kept of an answer.
pub(super) fn record(
    method: &Method,
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Exchange {
    let told = |name: &str| HEADERS.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let kept = headers.iter().filter(|(name, _)| told(name.as_str())).filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        let value = match name.as_str() {
            "www-authenticate" => challenge(value),
            _ => without_secrets(value),
        };
        Some((name.as_str().to_owned(), printable(&value, VALUE_LIMIT)))
    });
    Exchange {
        method: method.as_str().to_owned(),
        url: shown(url),
        status: status.as_u16(),
        headers: kept.take(HEADER_COUNT).collect(),
        body: lines(headers, body),
        attempts: 1,
    }
}

/// A URL without user, password, fragment, and values of its query that may be secret: uploads and redirects are signed.
fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    // A URL that can be asked for has a host: these cannot fail.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_fragment(None);
    bare.set_query(None);
    let pair = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| match PLAIN
        .contains(&name.to_ascii_lowercase().as_str())
    {
        true => format!("{name}={value}"),
        false if value.is_empty() => name.into_owned(),
        false => format!("{name}={HIDDEN}"),
    };
    let query: Vec<String> = url.query_pairs().map(pair).collect();
    let text = match query.is_empty() {
        true => bare.to_string(),
        false => format!("{bare}?{}", query.join("&")),
    };
    printable(&text, 1000)
}

/// A challenge: of schemes that are known scheme, realm, service, scope and error, of others the name alone, for what
/// follows may be a ticket.
fn challenge(value: &str) -> String {
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    if !scheme.eq_ignore_ascii_case("bearer") && !scheme.eq_ignore_ascii_case("basic") {
        return scheme.to_owned();
    }
    let mut parts = Vec::new();
    for part in outside_quotes(rest) {
        let Some((name, value)) = part.trim().split_once('=') else { continue };
        let name = name.trim().to_ascii_lowercase();
        let value = value.trim().trim_matches('"');
        match name.as_str() {
            "realm" => parts.push(format!("realm=\"{}\"", without_secrets(value))),
            "service" | "scope" | "error" => parts.push(format!("{name}=\"{value}\"")),
            _ => {}
        }
    }
    format!("{scheme} {}", parts.join(",")).trim_end().to_owned()
}

/// The parts between commas that are not within quotes.
fn outside_quotes(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut quoted) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// The body's first lines; none of what is no text.
fn lines(headers: &HeaderMap, body: &[u8]) -> Vec<String> {
    let body = &body[..body.len().min(BODY)];
    let kind = header::text(headers, "content-type").unwrap_or_default().to_ascii_lowercase();
    let text = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(mut value) => {
            hide(&mut value);
            serde_json::to_string_pretty(&value).unwrap_or_default()
        }
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            // A character may be cut in half at the end.
            if kind.starts_with("image/") || text.trim_end_matches('\u{fffd}').contains(['\u{fffd}', '\0']) {
                return Vec::new();
            }
            text.lines().take(10 * LINES).map(without_secrets).collect::<Vec<_>>().join("\n")
        }
    };
    let lines = text.lines().map(|line| {
        // How deep it stands is kept: `printable` makes one blank of several.
        let indent = line.len() - line.trim_start().len();
        format!("{}{}", " ".repeat(indent.min(20)), printable(line.trim_start(), LINE_LIMIT))
    });
    lines.filter(|line| !line.trim().is_empty()).take(LINES).collect()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|secret| name.contains(secret))
}

/// Hides what a document's names say to be secret, and what looks so.
fn hide(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => *text = without_secrets(text),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match (is_secret(name), &*value) {
                    (true, Value::String(_) | Value::Number(_)) => *value = Value::String(HIDDEN.to_owned()),
                    _ => hide(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without tokens: what follows `Bearer` and `Basic`, JSON web tokens, `password=…`, and the users, passwords and
/// queries of URLs.
fn without_secrets(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut before = String::new();
    for word in text.split(char::is_whitespace) {
        let plain = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
        let told = match before.as_str() {
            // Not the word alone: an escape sequence may stand before it.
            scheme if plain.len() >= 6 && !is_parameter(word) && names_scheme(scheme) => HIDDEN.to_owned(),
            name if is_secret(name) && word.len() >= 6 && before.ends_with(':') => HIDDEN.to_owned(),
            _ => word_without_secrets(word),
        };
        before = match word.ends_with(':') {
            true => format!("{plain}:"),
            false => plain,
        };
        out.push(told);
    }
    out.join(" ")
}

fn names_scheme(word: &str) -> bool {
    word.ends_with("bearer") || word.ends_with("basic")
}

/// `realm="…"` behind a scheme's name.
fn is_parameter(word: &str) -> bool {
    word.split_once('=').is_some_and(|(_, value)| value.starts_with('"'))
}

fn word_without_secrets(word: &str) -> String {
    if let Some(at) = word.find("eyJ")
        && word.len() - at >= 20
    {
        return format!("{}{HIDDEN}", &word[..at]);
    }
    if let Some(at) = word.find("://") {
        let begin = word[..at].rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |quote| quote + 1);
        let end = word[at..].find(['"', '\'', '<', '>', ')', ',']).map_or(word.len(), |end| at + end);
        if let Ok(url) = word[begin..end].parse::<Url>() {
            return format!("{}{}{}", &word[..begin], shown(&url), &word[end..]);
        }
    }
    match word.split_once('=') {
        Some((name, value)) if is_secret(name) && !value.is_empty() => format!("{name}={HIDDEN}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        map
    }

    fn made(url: &str, pairs: &[(&'static str, &str)], body: &str) -> Exchange {
        let url: Url = url.parse().unwrap();
        record(&Method::PUT, &url, StatusCode::UNAUTHORIZED, &headers(pairs), body.as_bytes())
    }

    #[test]
    fn a_url_keeps_what_names_images_and_hides_the_rest() {
        for (url, want) in [
            ("https://r.io/v2/a/manifests/1", "https://r.io/v2/a/manifests/1"),
            (
                "https://r.io/v2/a/blobs/uploads/1?_state=c2VjcmV0&digest=sha256:00",
                "https://r.io/v2/a/blobs/uploads/1?_state=…&digest=sha256:00",
            ),
            (
                "https://me:pw@cdn.io/x?X-Amz-Signature=ab&Expires=1#f",
                "https://cdn.io/x?X-Amz-Signature=…&Expires=…",
            ),
            (
                "https://auth.io/t?service=r.io&scope=a:pull&account=me",
                "https://auth.io/t?service=r.io&scope=a:pull&account=…",
            ),
        ] {
            assert_eq!(made(url, &[], "").url, want);
        }
    }

    #[test]
    fn headers_that_tell_something_are_kept() {
        let made = made(
            "https://r.io/v2/",
            &[
                ("retry-after", "30"),
                (
                    "www-authenticate",
                    r#"Bearer realm="https://a.io/t?k=hunter2",service="r,io",scope="repository:a:pull",token="hunter2""#,
                ),
                ("www-authenticate", "Negotiate aHVudGVyMg=="),
                ("docker-distribution-api-version", "registry/2.0"),
                ("x-request-id", "abc"),
                ("ratelimit-remaining", "0;w=21600"),
                ("set-cookie", "session=hunter2"),
                ("authorization", "Bearer hunter2"),
            ],
            "",
        );
        let told: Vec<String> = made.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert!(!told.iter().any(|line| line.contains("hunter2") || line.contains("cookie")), "{told:?}");
        for want in [
            "retry-after: 30",
            r#"www-authenticate: Bearer realm="https://a.io/t?k=…",service="r,io",scope="repository:a:pull""#,
            "www-authenticate: Negotiate",
            "ratelimit-remaining: 0;w=21600",
            "x-request-id: abc",
        ] {
            assert!(told.iter().any(|line| line == want), "{want}: {told:?}");
        }
    }

    #[test]
    fn a_body_is_bounded_printable_and_without_secrets() {
        let body = r#"{"errors":[{"code":"DENIED","message":"no \u001b[31mBearer hunter2hunter2","detail":{"token":"hunter2"}}]}"#;
        let told = made("https://r.io/", &[], body).body.join("\n");
        assert!(
            told.contains("\"code\": \"DENIED\"") && !told.contains("hunter2") && !told.contains('\x1b'),
            "{told}"
        );
        for body in [
            "password=hunter2 is wrong",
            "Authorization: hunter2xyz",
            "see https://me:hunter2@a.io/x?sig=hunter2",
            "got eyJhbGciOiJIUzI1NiJ9.hunter2.hunter2",
            "it was Basic aHVudGVyMg==hunter2",
        ] {
            let told = made("https://r.io/", &[], body).body.join("\n");
            assert!(!told.contains("hunter2"), "{body}: {told}");
        }
        let long = "x ".repeat(100_000) + &"line\n".repeat(1000);
        let told = made("https://r.io/", &[], &long).body;
        assert!(told.len() <= LINES && told.iter().all(|line| line.chars().count() <= LINE_LIMIT + 20));
        assert!(made("https://r.io/", &[], "\0\u{1}binary").body.is_empty());
    }
}

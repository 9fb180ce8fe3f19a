//! What stands in response headers: links, ranges, waiting times, locations.

use std::time::{Duration, SystemTime};

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

use super::profile::RateLimit;
use crate::oci::Digest;

/// A header's text, if there is one and it is text.
pub(super) fn text(headers: &HeaderMap, name: impl AsRef<str>) -> Option<&str> {
    headers.get(name.as_ref())?.to_str().ok().map(str::trim)
}

/// `Docker-Content-Digest`, if it is there and a digest that can be verified.
pub(super) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    text(headers, "docker-content-digest")?.parse().ok()
}

/// A header's number.
pub(super) fn number(headers: &HeaderMap, name: impl AsRef<str>) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// The target of `Link: <target>; rel="next"`, in any of several headers and links.
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_of)
}

fn next_of(mut value: &str) -> Option<String> {
    while let Some(open) = value.find('<') {
        let rest = &value[open + 1..];
        let close = rest.find('>')?;
        let target = &rest[..close];
        let after = &rest[close + 1..];
        let end = after.find('<').unwrap_or(after.len());
        let next = after[..end].split([';', ',']).any(|parameter| {
            let Some((name, relation)) = parameter.split_once('=') else { return false };
            name.trim().eq_ignore_ascii_case("rel")
                && relation.trim().trim_matches('"').split(' ').any(|r| r.eq_ignore_ascii_case("next"))
        });
        if next {
            return Some(target.trim().to_owned());
        }
        value = &after[end..];
    }
    None
}

/// The first byte's offset in `Content-Range: bytes 100-199/200`.
pub(super) fn content_range_start(headers: &HeaderMap) -> Option<u64> {
    let value = text(headers, "content-range")?;
    let (unit, range) = value.split_once([' ', '='])?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    range.trim().split('-').next()?.parse().ok()
}

/// How many bytes an upload session holds, from `Range: 0-N` (both ends belong to it). docker-registry
/// answers `0-0` for an empty session, so that can mean none or one byte; none is the safe reading.
pub(super) fn session_length(headers: &HeaderMap) -> Option<u64> {
    let value = text(headers, "range")?;
    let range = value.strip_prefix("bytes=").unwrap_or(value);
    let (start, end) = range.split_once('-')?;
    match (start.trim().parse::<u64>().ok()?, end.trim().parse::<u64>().ok()?) {
        (0, 0) => Some(0),
        (0, end) => end.checked_add(1),
        _ => None,
    }
}

/// `Retry-After`, in seconds or as an HTTP date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, "retry-after")?;
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let at = SystemTime::from(date);
    Some(at.duration_since(now).unwrap_or_default())
}

/// Docker Hub's `RateLimit-Limit: 100;w=21600` and `RateLimit-Remaining: 76;w=21600`.
pub(super) fn rate_limit(headers: &HeaderMap) -> Option<RateLimit> {
    let read = |name: &str| {
        let value = text(headers, name)?;
        let mut parts = value.split(';').map(str::trim);
        let count: u64 = parts.next()?.parse().ok()?;
        let window = parts.find_map(|part| part.strip_prefix("w=")?.parse::<u64>().ok());
        Some((count, window))
    };
    let (limit, remaining) = (read("ratelimit-limit"), read("ratelimit-remaining"));
    if limit.is_none() && remaining.is_none() {
        return None;
    }
    Some(RateLimit {
        limit: limit.map(|(count, _)| count),
        remaining: remaining.map(|(count, _)| count),
        window: limit.and_then(|(_, window)| window).or(remaining.and_then(|(_, window)| window)),
    })
}

/// Where `location` points, seen from the request's URL: absolute, host-relative or path-relative; a
/// query stays. A registry behind a proxy that ends TLS often names itself `http://`: on the same host that
/// is put right instead of going on in the clear.
pub(super) fn join(from: &Url, location: &str) -> Option<Url> {
    let mut url = from.join(location).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    let same_host = url.host_str() == from.host_str();
    if same_host
        && from.scheme() == "https"
        && url.scheme() == "http"
        && (url.port().is_none() || url.port() == from.port())
    {
        url.set_scheme("https").ok()?;
        url.set_port(from.port()).ok()?;
    }
    // Credentials travel in headers, never in a URL that someone else wrote.
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    Some(url)
}

/// Whether what was meant for `home` may be shown to `to`: the same host and port, not from TLS to plain.
pub(super) fn same_origin(home: &Url, to: &Url) -> bool {
    let same_host = home.host_str() == to.host_str();
    let same_port =
        home.scheme() == to.scheme() && home.port_or_known_default() == to.port_or_known_default();
    let upgraded =
        home.scheme() == "http" && to.scheme() == "https" && home.port().is_none() && to.port().is_none();
    same_host && (same_port || upgraded)
}

/// `url` with `name=value` added to its query, whatever the query has already.
pub(super) fn with_query(url: &Url, name: &str, value: &str) -> Url {
    let mut url = url.clone();
    // The existing query is kept byte by byte: it may be signed.
    let added = form(name, value);
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{added}"),
        _ => added,
    };
    url.set_query(Some(&query));
    url
}

/// `name=value`, percent-encoded as far as a query needs it.
fn form(name: &str, value: &str) -> String {
    let mut out = String::with_capacity(name.len() + value.len() + 8);
    encode(name, &mut out);
    out.push('=');
    encode(value, &mut out);
    out
}

pub(super) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            // A digest's colon may stand in a query, and some registries read it literally.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b',' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
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

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        for (value, want) in [
            (r#"</v2/a/tags/list?n=2&last=b>; rel="next""#, Some("/v2/a/tags/list?n=2&last=b")),
            (r#"<https://r.io/v2/_catalog?last=x>; rel=next"#, Some("https://r.io/v2/_catalog?last=x")),
            (r#"<a>; rel="prev", <b>; title="x"; rel="first next""#, Some("b")),
            (r#"<a,b;c>; REL="NEXT""#, Some("a,b;c")),
            (r#"<a>; rel="prev""#, None),
            ("<a", None),
            ("", None),
        ] {
            assert_eq!(next_link(&headers(&[("link", value)])).as_deref(), want, "{value}");
        }
        let two = headers(&[("link", "<a>; rel=prev"), ("link", "<b>; rel=next")]);
        assert_eq!(next_link(&two).as_deref(), Some("b"));
    }

    #[test]
    fn ranges_are_read() {
        let start = |value: &str| content_range_start(&headers(&[("content-range", value)]));
        assert_eq!(start("bytes 100-199/200"), Some(100));
        assert_eq!(start("bytes 7-9/*"), Some(7));
        assert_eq!((start("bytes */200"), start("items 1-2/3"), start("x")), (None, None, None));
        let held = |value: &str| session_length(&headers(&[("range", value)]));
        assert_eq!((held("0-0"), held("0-9"), held("bytes=0-9")), (Some(0), Some(10), Some(10)));
        assert_eq!((held("5-9"), held("x"), held("0-18446744073709551615")), (None, None, None));
    }

    #[test]
    fn waiting_times_are_seconds_or_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 30);
        let wait = |value: &str| retry_after(&headers(&[("retry-after", value)]), now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sat, 06 Nov 1993 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!((wait("soon"), wait("-1")), (None, None));
    }

    #[test]
    fn locations_are_joined_and_digests_appended() {
        let from = url("https://r.io:8443/v2/a/blobs/uploads/?mount=x");
        let at = |location: &str| join(&from, location).map(String::from);
        assert_eq!(at("/u/1?_state=a%2Bb").as_deref(), Some("https://r.io:8443/u/1?_state=a%2Bb"));
        assert_eq!(at("1?s").as_deref(), Some("https://r.io:8443/v2/a/blobs/uploads/1?s"));
        assert_eq!(at("https://cdn.io/x").as_deref(), Some("https://cdn.io/x"));
        assert_eq!(at("http://r.io/x").as_deref(), Some("https://r.io:8443/x"));
        assert_eq!(at("http://r.io:80/x").as_deref(), Some("https://r.io:8443/x"));
        assert_eq!(at("https://me:pw@cdn.io/x#y").as_deref(), Some("https://cdn.io/x"));
        assert_eq!((at("ftp://r.io/x"), at("http://[")), (None, None));
        let digest = |to: &str| String::from(with_query(&url(to), "digest", "sha256:00"));
        assert_eq!(digest("http://r/u?_state=a%2Bb="), "http://r/u?_state=a%2Bb=&digest=sha256:00");
        assert_eq!(digest("http://r/u"), "http://r/u?digest=sha256:00");
        assert_eq!(with_query(&url("http://r/u?"), "a", "b c&d").as_str(), "http://r/u?a=b%20c%26d");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| same_origin(&url(a), &url(b));
        assert!(same("https://r.io/a", "https://r.io:443/b") && same("http://r.io", "https://r.io"));
        for other in ["http://r.io", "https://r.io:444", "https://s.r.io", "https://r.io.evil"] {
            assert!(!same("https://r.io", other), "{other}");
        }
        assert!(!same("http://r.io:5000", "https://r.io:5001"));
    }

    #[test]
    fn rate_limits_are_read() {
        let map = headers(&[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "76;w=21600")]);
        let want = RateLimit { limit: Some(100), remaining: Some(76), window: Some(21600) };
        assert_eq!(rate_limit(&map), Some(want));
        assert_eq!(rate_limit(&headers(&[("ratelimit-limit", "many")])), None);
    }
}

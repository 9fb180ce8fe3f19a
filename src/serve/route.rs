//! Paths: which endpoint a request is for. Pure.
//!
//! A repository's name holds slashes and may hold the endpoints' own words (`a/blobs`, `manifests/tags`), so paths
//! are read from the right, where every endpoint has its own shape.

use axum::http::Method;

/// An endpoint of the distribution specification, with its parts as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/NAME/tags/list`
    Tags { name: String },
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest { name: String, reference: String },
    /// `/v2/NAME/blobs/DIGEST`
    Blob { name: String, digest: String },
    /// `/v2/NAME/blobs/uploads/`
    Uploads { name: String },
    /// `/v2/NAME/blobs/uploads/ID`
    Upload { name: String, id: String },
    /// `/v2/NAME/referrers/DIGEST`
    Referrers { name: String, digest: String },
}

impl Endpoint {
    /// Reads a request's path.
    pub(super) fn parse(path: &str) -> Option<Endpoint> {
        let path = percent_decoded(path);
        let rest = match path.as_str() {
            "/v2" => "",
            path => path.strip_prefix("/v2/")?,
        };
        match rest {
            "" => return Some(Endpoint::Base),
            "_catalog" => return Some(Endpoint::Catalog),
            _ => {}
        }
        let parts: Vec<&str> = rest.split('/').collect();
        let name = |words: usize| parts[..parts.len() - words].join("/");
        Some(match parts.as_slice() {
            [_, .., "tags", "list"] => Endpoint::Tags { name: name(2) },
            [_, .., "manifests", reference] => {
                Endpoint::Manifest { name: name(2), reference: (*reference).to_owned() }
            }
            [_, .., "referrers", digest] => {
                Endpoint::Referrers { name: name(2), digest: (*digest).to_owned() }
            }
            [_, .., "blobs", "uploads", ""] => Endpoint::Uploads { name: name(3) },
            [_, .., "blobs", "uploads"] => Endpoint::Uploads { name: name(2) },
            [_, .., "blobs", "uploads", id] => Endpoint::Upload { name: name(3), id: (*id).to_owned() },
            [_, .., "blobs", digest] => Endpoint::Blob { name: name(2), digest: (*digest).to_owned() },
            _ => return None,
        })
    }

    /// The methods it knows.
    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Endpoint::Base | Endpoint::Catalog | Endpoint::Tags { .. } | Endpoint::Referrers { .. } => {
                &[Method::GET, Method::HEAD]
            }
            Endpoint::Manifest { .. } => &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE],
            Endpoint::Blob { .. } => &[Method::GET, Method::HEAD, Method::DELETE],
            Endpoint::Uploads { .. } => &[Method::POST],
            Endpoint::Upload { .. } => {
                &[Method::GET, Method::HEAD, Method::PATCH, Method::PUT, Method::DELETE]
            }
        }
    }
}

/// A query's parameters, in order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what is behind the question mark.
    pub(super) fn parse(text: Option<&str>) -> Query {
        let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (percent_decoded(key), percent_decoded(value))
                })
                .collect(),
        )
    }

    /// A parameter's value, the first if it is given twice.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

/// A plus sign stays one: no parameter of this API holds a space, but media types hold plus signs.
fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut n = 0;
    while n < bytes.len() {
        let code = (bytes[n] == b'%').then(|| text.get(n + 1..n + 3)).flatten();
        let code = code.filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                n += 3;
            }
            None => {
                out.push(bytes[n]);
                n += 1;
            }
        }
    }
    // What is not UTF-8 becomes a character that no name, tag or digest may hold.
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> String {
        match Endpoint::parse(path) {
            None => "none".to_owned(),
            Some(Endpoint::Base) => "base".to_owned(),
            Some(Endpoint::Catalog) => "catalog".to_owned(),
            Some(Endpoint::Tags { name }) => format!("tags {name}"),
            Some(Endpoint::Manifest { name, reference }) => format!("manifest {name} {reference}"),
            Some(Endpoint::Blob { name, digest }) => format!("blob {name} {digest}"),
            Some(Endpoint::Uploads { name }) => format!("uploads {name}"),
            Some(Endpoint::Upload { name, id }) => format!("upload {name} {id}"),
            Some(Endpoint::Referrers { name, digest }) => format!("referrers {name} {digest}"),
        }
    }

    #[test]
    fn paths_are_read_from_the_right() {
        for (path, want) in [
            ("/v2/", "base"),
            ("/v2", "base"),
            ("/v2/_catalog", "catalog"),
            ("/v2/a/tags/list", "tags a"),
            ("/v2/a/b/c/tags/list", "tags a/b/c"),
            ("/v2/a/manifests/latest", "manifest a latest"),
            ("/v2/a/manifests/sha256%3Aab", "manifest a sha256:ab"),
            ("/v2/a%2Fb/manifests/x", "manifest a/b x"),
            ("/v2/a/blobs/sha256:ab", "blob a sha256:ab"),
            ("/v2/a/blobs/uploads/", "uploads a"),
            ("/v2/a/blobs/uploads", "uploads a"),
            ("/v2/a/blobs/uploads/id", "upload a id"),
            ("/v2/a/referrers/sha256:ab", "referrers a sha256:ab"),
            // Repositories that are called like endpoints.
            ("/v2/a/blobs/blobs/sha256:ab", "blob a/blobs sha256:ab"),
            ("/v2/blobs/blobs/sha256:ab", "blob blobs sha256:ab"),
            ("/v2/a/manifests/manifests/v1", "manifest a/manifests v1"),
            ("/v2/manifests/tags/list", "tags manifests"),
            ("/v2/a/tags/manifests/list", "manifest a/tags list"),
            ("/v2/a/manifests/blobs/uploads/", "uploads a/manifests"),
            ("/v2/a/blobs/uploads/blobs/uploads/id", "upload a/blobs/uploads id"),
            ("/v2/a/blobs/uploads/manifests/v1", "manifest a/blobs/uploads v1"),
            ("/v2/a/manifests/uploads", "manifest a uploads"),
            ("/v2/a/referrers/blobs/sha256:ab", "blob a/referrers sha256:ab"),
            ("/v2/tags/list", "none"),
            ("/v2/manifests/latest", "none"),
            ("/v2/a", "none"),
            ("/v1/", "none"),
            ("/", "none"),
            ("", "none"),
        ] {
            assert_eq!(parsed(path), want, "{path}");
        }
    }

    #[test]
    fn queries_are_decoded_and_odd_ones_do_not_matter() {
        let query =
            Query::parse(Some("digest=sha256%3Aab&n=5&&x&artifactType=application/a+json&n=6&bad=%zz%4"));
        assert_eq!(query.get("digest"), Some("sha256:ab"));
        assert_eq!((query.get("n"), query.get("x"), query.get("y")), (Some("5"), Some(""), None));
        assert_eq!(query.get("artifactType"), Some("application/a+json"));
        assert_eq!(query.get("bad"), Some("%zz%4"));
        assert_eq!(percent_decoded("%ff%e4ü%"), "\u{fffd}\u{fffd}ü%");
    }
}

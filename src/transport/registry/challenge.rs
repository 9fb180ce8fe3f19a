//! `WWW-Authenticate`: what a registry wants to be shown.

use http_auth::ChallengeParser;
use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// How a registry lets clients in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scheme {
    /// User name and password with every request.
    Basic,
    /// A token from a token server.
    Bearer {
        /// Where the token is fetched.
        realm: Url,
        /// For which service, as the challenge names it.
        service: Option<String>,
    },
}

/// A challenge: the scheme, and the scopes it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub scheme: Scheme,
    pub scopes: Vec<String>,
    /// The token that was shown is good, but not for this.
    pub insufficient: bool,
}

/// The challenge to answer: Bearer before Basic, whatever their order; several may stand in one header or in
/// many. `from` is the URL that was asked, for a relative realm.
pub(super) fn read(headers: &HeaderMap, from: &Url) -> Option<Challenge> {
    let mut basic = None;
    for value in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
        // The parser stops at the first fault; what stood before it still counts.
        for challenge in ChallengeParser::new(value).map_while(Result::ok) {
            let parameter = |name: &str| {
                let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped()).filter(|value| !value.is_empty())
            };
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge { scheme: Scheme::Basic, scopes: Vec::new(), insufficient: false });
            } else if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let Some(realm) = parameter("realm").and_then(|realm| from.join(&realm).ok()) else {
                    continue;
                };
                if !matches!(realm.scheme(), "http" | "https") {
                    continue;
                }
                let scopes = parameter("scope").unwrap_or_default();
                let scopes = scopes.split_whitespace().map(str::to_owned).collect();
                return Some(Challenge {
                    scheme: Scheme::Bearer { realm, service: parameter("service") },
                    scopes,
                    insufficient: parameter("error").as_deref() == Some("insufficient_scope"),
                });
            }
        }
    }
    basic
}

/// Whether what `have` allows includes what `wanted` asks for: `repository:a:pull,push` includes
/// `repository:a:pull`.
pub(super) fn covers(have: &[String], wanted: &str) -> bool {
    let Some((resource, actions)) = wanted.rsplit_once(':') else {
        return have.iter().any(|scope| scope == wanted);
    };
    actions.split(',').all(|action| {
        have.iter().any(|scope| {
            scope.rsplit_once(':').is_some_and(|(other, allowed)| {
                other == resource && allowed.split(',').any(|allowed| allowed == action || allowed == "*")
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn challenge(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        read(&headers, &"https://r.io/v2/".parse().unwrap())
    }

    fn bearer(realm: &str, service: Option<&str>, scopes: &[&str]) -> Option<Challenge> {
        let scheme = Scheme::Bearer { realm: realm.parse().unwrap(), service: service.map(str::to_owned) };
        let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
        Some(Challenge { scheme, scopes, insufficient: false })
    }

    #[test]
    fn challenges_are_read() {
        let basic = Some(Challenge { scheme: Scheme::Basic, scopes: Vec::new(), insufficient: false });
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#;
        let want =
            bearer("https://auth.docker.io/token", Some("registry.docker.io"), &["repository:a/b:pull"]);
        assert_eq!(challenge(&[hub]), want);
        assert_eq!(challenge(&[r#"Basic realm="x""#, hub]), want);
        assert_eq!(challenge(&[&format!(r#"Basic realm="x, y", {hub}"#)]), want);
        assert_eq!(challenge(&["Basic realm=x"]), basic);
        assert_eq!(
            challenge(&[r#"bearer realm="/token", scope="a:b:pull  c:d:pull,push""#]),
            bearer("https://r.io/token", None, &["a:b:pull", "c:d:pull,push"])
        );
        assert_eq!(challenge(&["Negotiate", r#"basic realm="""#]), basic);
        assert_eq!(
            (challenge(&[]), challenge(&["Bearer"]), challenge(&[r#"Bearer realm="file:///x""#])),
            (None, None, None)
        );
        assert_eq!(
            challenge(&[r#"Bearer realm="https://t.io/a?b=c""#]),
            bearer("https://t.io/a?b=c", None, &[])
        );
    }

    #[test]
    fn scopes_cover_each_other() {
        let have = ["repository:a/b:pull,push".to_owned(), "registry:catalog:*".to_owned()];
        for covered in ["repository:a/b:pull", "repository:a/b:push,pull", "registry:catalog:*"] {
            assert!(covers(&have, covered), "{covered}");
        }
        for other in ["repository:a/c:pull", "repository:a/b:delete", "repository:a/b:*", "odd"] {
            assert!(!covers(&have, other), "{other}");
        }
    }
}

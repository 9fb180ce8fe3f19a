//! Addresses in the configuration: registries, container engines, proxies. A fault never repeats the text of an
//! address that may hold a password.

use std::fmt;
use std::str::FromStr;

use crate::oci::{Registry, Repository, printable};

/// A registry's address: `HOST[:PORT][/PREFIX]`, with `http://` or `https://` in front if somebody likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryUrl {
    /// Whether the scheme asks for plain HTTP; `None` without a scheme.
    pub plain: Option<bool>,
    /// Host and port.
    pub registry: Registry,
    /// The path that everything is below.
    pub prefix: Option<Repository>,
}

impl fmt::Display for RegistryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.plain {
            Some(true) => "http://",
            Some(false) => "https://",
            None => "",
        };
        let path = self.prefix.as_ref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
        write!(f, "{scheme}{}{path}", self.registry)
    }
}

impl FromStr for RegistryUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<RegistryUrl, String> {
        let (plain, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(true), rest),
            Some(("https", rest)) => (Some(false), rest),
            Some((scheme, _)) => {
                return Err(format!(
                    "{}:// is no scheme for a registry; write http://, https:// or none",
                    printable(scheme, 20)
                ));
            }
            None => (None, text),
        };
        check_plainness(rest)?;
        let rest = rest.trim_end_matches('/');
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        // What people copy from a client's log: the API's own root is no part of any name.
        let path = if matches!(path, "v1" | "v2") { "" } else { path };
        let registry = host.parse::<Registry>().map_err(|e| e.reason().to_owned())?;
        let prefix = match path {
            "" => None,
            path => Some(
                path.parse::<Repository>()
                    .map_err(|e| format!("the path behind the host: {}", e.reason()))?,
            ),
        };
        Ok(RegistryUrl { plain, registry, prefix })
    }
}

/// Checks a container engine's address: empty, a socket's path, or a URL.
pub(super) fn check_engine(text: &str) -> Result<(), String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return match text.is_empty() || text.starts_with('/') {
            true => Ok(()),
            false => Err(
                "an engine's address is unix:///PATH, tcp://HOST:PORT, ssh://USER@HOST, context://NAME or a socket's path"
                    .to_owned(),
            ),
        };
    };
    match scheme {
        _ if rest.is_empty() => Err(format!("nothing behind {}://", printable(scheme, 20))),
        "unix" | "ssh" | "context" => Ok(()),
        "npipe" => Err("npipe:// is Windows' own; write unix://, tcp:// or ssh://".to_owned()),
        "tcp" | "http" | "https" => {
            check_plainness(rest)?;
            let host = rest.trim_end_matches('/');
            host.parse::<Registry>().map(|_| ()).map_err(|e| e.reason().to_owned())
        }
        other => Err(format!(
            "{}:// is no scheme for a container engine (unix, tcp, ssh, http, https, context)",
            printable(other, 20)
        )),
    }
}

/// Checks a proxy's URL. It may hold a user name and password.
pub(super) fn check_proxy(text: &str) -> Result<(), String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !matches!(scheme, "http" | "https" | "socks5" | "socks5h") {
        return Err("a proxy's URL begins with http://, https://, socks5:// or socks5h://".to_owned());
    }
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
    match host.parse::<Registry>() {
        Ok(_) => Ok(()),
        Err(_) => Err("a proxy's URL is SCHEME://[USER:PASSWORD@]HOST:PORT; its host is no host".to_owned()),
    }
}

/// A URL without the user name and password that it may hold.
pub(super) fn redacted(url: &str) -> String {
    let shown = match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        (None, Some((_, host))) => format!("…@{host}"),
        _ => url.to_owned(),
    };
    printable(&shown, 200)
}

fn check_plainness(rest: &str) -> Result<(), String> {
    if rest.is_empty() {
        return Err("a host is missing".to_owned());
    }
    if rest.contains('@') {
        return Err(
            "user name and password do not belong in the address; write them as username and password"
                .to_owned(),
        );
    }
    match rest.chars().find(|c| matches!(c, '?' | '#') || c.is_whitespace() || c.is_control()) {
        Some(c) => Err(format!("{c:?} does not belong in the address")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_hosts_with_a_scheme_and_a_path_perhaps() {
        for (text, host, prefix, plain) in [
            ("ghcr.io", "ghcr.io", None, None),
            ("https://harbor.example.com:8443/", "harbor.example.com:8443", None, Some(false)),
            ("http://127.0.0.1:5000", "127.0.0.1:5000", None, Some(true)),
            ("https://index.docker.io/v1/", "docker.io", None, Some(false)),
            ("harbor.example.com/team/x", "harbor.example.com", Some("team/x"), None),
            ("[::1]:5000", "[::1]:5000", None, None),
            ("nas", "nas", None, None),
        ] {
            let url: RegistryUrl = text.parse().unwrap();
            assert_eq!(url.registry.as_str(), host, "{text}");
            assert_eq!(url.prefix.as_ref().map(Repository::as_str), prefix, "{text}");
            assert_eq!(url.plain, plain, "{text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_without_their_secrets() {
        for text in [
            "",
            "https://",
            "ftp://a",
            "a b",
            "https://u:hunter2@a",
            "a:99999",
            "https://a/?x=hunter2",
            "a/UP",
            "镜像",
        ] {
            let reason = text.parse::<RegistryUrl>().unwrap_err();
            assert!(!reason.contains("hunter2"), "{reason}");
        }
        for text in [
            "",
            "/var/run/docker.sock",
            "unix:///x",
            "tcp://10.0.0.1:2375",
            "ssh://me@host",
            "context://build",
        ] {
            assert_eq!(check_engine(text), Ok(()), "{text}");
        }
        for text in ["docker", "tcp://", "foo://x", "tcp://a b", "npipe:////./pipe/docker_engine"] {
            assert!(check_engine(text).is_err(), "{text}");
        }
        assert!(
            check_proxy("http://u:hunter2@proxy:3128").is_ok() && check_proxy("socks5h://p:1080").is_ok()
        );
        assert!(
            !check_proxy("http://u:hunter2@pro xy:1").unwrap_err().contains("hunter2")
                && check_proxy("ftp://x").is_err()
        );
        assert_eq!(redacted("http://u:hunter2@proxy:1"), "http://…@proxy:1");
    }
}

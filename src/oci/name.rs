//! The parts of a reference: registry, repository, tag, and what a manifest is asked for by.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::reference::ReferenceError;
use super::{Digest, printable};

/// A registry's host, with its port where one was written: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry(String);

/// A repository's path within its registry: `library/nginx`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(String);

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TagOrDigest {
    /// A name that may move.
    Tag(Tag),
    /// The content itself.
    Digest(Digest),
}

impl Registry {
    /// Docker Hub, the default.
    pub fn docker_hub() -> Registry {
        Registry("docker.io".to_owned())
    }

    /// `host[:port]` as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port, and without an IPv6 address's brackets.
    pub fn host(&self) -> &str {
        match self.0.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or(rest),
            None => self.0.rsplit_once(':').map_or(self.0.as_str(), |(host, _)| host),
        }
    }

    /// Whether this is Docker Hub, whose host on the wire is another one.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == "docker.io"
    }

    /// `host[:port]` to connect to.
    pub fn endpoint(&self) -> &str {
        if self.is_docker_hub() { "registry-1.docker.io" } else { &self.0 }
    }

    /// The key of this registry in `~/.docker/config.json`.
    pub fn credential_key(&self) -> &str {
        if self.is_docker_hub() { "https://index.docker.io/v1/" } else { &self.0 }
    }

    /// Whether a reference can begin with the host: `nas/a` is Docker Hub's `nas/a` wherever it is read.
    pub fn can_be_written(&self) -> bool {
        format!("{self}/a").parse::<super::Reference>().is_ok_and(|read| read.registry == *self)
    }

    /// Whether the host is this machine: `localhost`, `127.0.0.0/8` or `::1`.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host.eq_ignore_ascii_case("localhost")
            || host.to_ascii_lowercase().ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for Registry {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Registry, ReferenceError> {
        let host_port = |host: &str, port: Option<&str>| {
            if let Some(port) = port
                && (port.is_empty()
                    || port.len() > 5
                    || !port.bytes().all(|b| b.is_ascii_digit())
                    || port.parse::<u16>().is_err())
            {
                return Err(ReferenceError::new(text, format!("{} is no port", printable(port, 20))));
            }
            Ok(match host {
                "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
                _ => text.to_owned(),
            })
        };
        if let Some(rest) = text.strip_prefix('[') {
            let (address, after) = rest
                .split_once(']')
                .ok_or_else(|| ReferenceError::new(text, "an IPv6 host's bracket is not closed"))?;
            address.parse::<Ipv6Addr>().map_err(|_| {
                ReferenceError::new(text, format!("{} is no IPv6 address", printable(address, 60)))
            })?;
            let port = match after.strip_prefix(':') {
                Some(port) => Some(port),
                None if after.is_empty() => None,
                None => return Err(ReferenceError::new(text, "only a port may follow an IPv6 host")),
            };
            return host_port(address, port).map(Registry);
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let component = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        if host.is_empty() || !host.split('.').all(component) {
            return Err(ReferenceError::new(text, format!("{} is no host name", printable(host, 60))));
        }
        host_port(host, port).map(Registry)
    }
}

impl Repository {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Repository, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::new(text, "the repository's name is empty"));
        }
        if text.len() > 255 {
            return Err(ReferenceError::new(
                text,
                format!("the name is {} characters long; 255 are allowed", text.len()),
            ));
        }
        for part in text.split('/') {
            check_component(part).map_err(|reason| ReferenceError::new(text, reason))?;
        }
        Ok(Repository(text.to_owned()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn check_component(part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Err("a part of the name is empty".to_owned());
    }
    if let Some(c) =
        part.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(*c)))
    {
        return Err(match c.is_ascii_uppercase() {
            true => format!("the repository's name must be lower case; {:?} has {c:?}", printable(part, 60)),
            false => format!("{c:?} does not belong in a name"),
        });
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !part.starts_with(plain) || !part.ends_with(plain) {
        return Err(format!("{part:?} must begin and end with a letter or digit"));
    }
    let odd = part
        .split(plain)
        .filter(|run| !run.is_empty())
        .find(|run| !matches!(*run, "." | "_" | "__") && !run.bytes().all(|b| b == b'-'));
    match odd {
        Some(run) => Err(format!("{run:?} is no separator; use one of . _ __ or dashes")),
        None => Ok(()),
    }
}

impl Tag {
    /// `latest`.
    pub fn latest() -> Tag {
        Tag("latest".to_owned())
    }

    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Tag, ReferenceError> {
        let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if text.is_empty() {
            return Err(ReferenceError::new(text, "the tag is empty"));
        }
        if text.len() > 128 {
            return Err(ReferenceError::new(
                text,
                format!("the tag is {} characters long; 128 are allowed", text.len()),
            ));
        }
        if !text.bytes().next().is_some_and(first)
            || !text.bytes().all(|b| first(b) || b == b'.' || b == b'-')
        {
            return Err(ReferenceError::new(
                text,
                "a tag has letters, digits, _ . and -, and begins with none of the last two",
            ));
        }
        Ok(Tag(text.to_owned()))
    }
}

impl TagOrDigest {
    /// The tag or the digest as a URL's last part.
    pub fn as_str(&self) -> &str {
        match self {
            TagOrDigest::Tag(tag) => tag.as_str(),
            TagOrDigest::Digest(digest) => digest.as_str(),
        }
    }
}

impl FromStr for TagOrDigest {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<TagOrDigest, ReferenceError> {
        match text.contains(':') {
            true => {
                text.parse().map(TagOrDigest::Digest).map_err(|e| ReferenceError::new(text, format!("{e}")))
            }
            false => text.parse().map(TagOrDigest::Tag),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}
as_text!(Registry, Repository, Tag, TagOrDigest);

/// Written and read as text.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
pub(super) use serde_as_text;

serde_as_text!(Registry, Repository, Tag, TagOrDigest);

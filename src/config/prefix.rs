//! Where a batch goes: what takes the place of each source's host.

use std::fmt;

use super::reader::did_you_mean;
use super::url::RegistryUrl;
use super::{Config, RegistryType};
use crate::oci::{Location, Reference, Registry, Repository, TagOrDigest, printable};

/// What takes the place of a source's host: `docker.io/library/nginx:1` → `PREFIX/library/nginx:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// A registry, and the path that everything goes below.
    Registry(Registry, Option<Repository>),
    /// wharf's own image store, and the path that everything goes below.
    Store(Option<Repository>),
}

impl Config {
    /// Reads `HOST[:PORT][/PATH]`, `store:[PATH]`, or the name of a registries entry. The error is a reason, for
    /// people.
    pub fn prefix(&self, text: &str) -> Result<Prefix, String> {
        let text = text.trim();
        let shown = printable(text, 100);
        if let Some(entry) = self.entry(text) {
            return match (entry.kind, entry.registry()) {
                (RegistryType::Registry, Some(registry)) => {
                    Prefix::Registry(registry, entry.prefix()).checked()
                }
                (RegistryType::Store, _) => Ok(Prefix::Store(None)),
                (kind, _) => Err(format!(
                    "the entry {shown:?} is of type {}; images go to a registry or to store:",
                    kind.as_str()
                )),
            };
        }
        let path = |path: &str| match path.trim_matches('/') {
            "" => Ok(None),
            path => path.parse::<Repository>().map(Some).map_err(|e| format!("{shown:?}: {}", e.reason())),
        };
        if let Some(rest) = text.strip_prefix("store:") {
            return path(rest).map(Prefix::Store);
        }
        let address = text.strip_prefix("docker://").unwrap_or(text);
        let host = address.split('/').next().unwrap_or_default();
        // A bare word is a slip in an entry's name, and never a host that images should be sent to.
        if !address.contains("://") && host != "localhost" && !host.contains(['.', ':', '[']) {
            let names: Vec<&str> = self.registries.iter().map(|entry| entry.name.as_str()).collect();
            return Err(format!(
                "{shown:?} is neither a registries entry's name nor HOST[:PORT][/PATH]{}",
                did_you_mean(text, &names)
            ));
        }
        let url = address.parse::<RegistryUrl>().map_err(|reason| format!("{shown:?}: {reason}"))?;
        if url.plain.is_some() {
            let reason = "leave the scheme out; `tls` of a registries entry says how a host is spoken to";
            return Err(format!("{shown:?}: {reason}"));
        }
        Prefix::Registry(url.registry, url.prefix).checked()
    }
}

impl Prefix {
    /// Refuses a host that a reference cannot begin with.
    fn checked(self) -> Result<Prefix, String> {
        if let Prefix::Registry(registry, _) = &self
            && !registry.can_be_written()
        {
            return Err(format!(
                "no reference can begin with the host {registry}, which has neither a dot nor a port; write its port, as in {registry}:443"
            ));
        }
        Ok(self)
    }

    /// Where an image goes: the host is replaced, path, tag and digest stay. The error is a reason, for people.
    pub fn destination(&self, source: &Location) -> Result<Location, String> {
        let (path, at) = match source {
            Location::Registry(reference) => {
                // The digest decides what is read; the tag is what people call it by.
                let tag = reference.tag.clone().map(TagOrDigest::Tag);
                (&reference.repository, tag.unwrap_or_else(|| reference.target()))
            }
            Location::Store { repository, target } => {
                (repository, target.clone().unwrap_or_else(|| TagOrDigest::Tag(crate::oci::Tag::latest())))
            }
            _ => return Err("only images of registries and of store: have a name to be kept".to_owned()),
        };
        self.image(path.as_str(), at)
    }

    /// The image of this path below the prefix. The error is a reason, for people.
    pub(super) fn image(&self, path: &str, at: TagOrDigest) -> Result<Location, String> {
        let (Prefix::Registry(_, prefix) | Prefix::Store(prefix)) = self;
        let whole = match prefix {
            Some(prefix) => format!("{prefix}/{path}"),
            None => path.to_owned(),
        };
        let repository: Repository = whole.parse().map_err(|e: crate::oci::ReferenceError| {
            format!("it would become {}: {}", printable(&whole, 300), e.reason())
        })?;
        Ok(match self {
            Prefix::Registry(registry, _) => {
                let (tag, digest) = match at {
                    TagOrDigest::Tag(tag) => (Some(tag), None),
                    TagOrDigest::Digest(digest) => (None, Some(digest)),
                };
                Location::Registry(Reference { registry: registry.clone(), repository, tag, digest })
            }
            Prefix::Store(_) => Location::Store { repository, target: Some(at) },
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prefix::Registry(registry, None) => write!(f, "{registry}"),
            Prefix::Registry(registry, Some(path)) => write!(f, "{registry}/{path}"),
            Prefix::Store(None) => f.write_str("store:"),
            Prefix::Store(Some(path)) => write!(f, "store:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        let text = "registries:\n- {name: harbor, url: https://h.io:8443/team}\n- {name: files, type: local_file, url: d}\n\
            - {name: mine, type: store}\n- {name: nas, url: nas}\n";
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), None).unwrap().config
    }

    #[test]
    fn the_host_is_replaced_and_the_rest_stays() {
        let digest = crate::oci::Digest::of(b"x");
        let by_digest = format!("ghcr.io/o/r@{digest}");
        for (prefix, source, want) in [
            ("127.0.0.1:5000", "nginx:1", "127.0.0.1:5000/library/nginx:1".to_owned()),
            ("dr.io/mirror/", "ghcr.io/o/r:t", "dr.io/mirror/o/r:t".to_owned()),
            ("harbor", "nginx", "h.io:8443/team/library/nginx:latest".to_owned()),
            ("localhost", "store:a/b", "localhost/a/b:latest".to_owned()),
            ("store:", "nginx:1", "store:library/nginx:1".to_owned()),
            ("store:kept/here", "ghcr.io/o/r:t", "store:kept/here/o/r:t".to_owned()),
            ("mine", "ghcr.io/o/r:t", "store:o/r:t".to_owned()),
            ("[::1]:5000/x", &by_digest, format!("[::1]:5000/x/o/r@{digest}")),
            ("h.io", &format!("ghcr.io/o/r:t@{digest}"), "h.io/o/r:t".to_owned()),
        ] {
            let prefix = config().prefix(prefix).unwrap();
            let destination = prefix.destination(&source.parse().unwrap()).unwrap();
            assert_eq!(destination.to_string(), want);
            assert_eq!(destination.to_string().parse::<Location>().unwrap(), destination);
        }
    }

    #[test]
    fn what_is_no_place_for_images_is_refused() {
        for (text, want) in [
            ("", "neither"),
            ("habor", "did you mean \"harbor\"?"),
            ("files", "local_file"),
            ("nas", "nas:443"),
            ("https://h.io", "leave the scheme out"),
            ("h.io/UP", "lower case"),
            ("h.io:port", "no port"),
            ("u:hunter2@h.io", "user name and password"),
            ("store:UP", "lower case"),
        ] {
            let reason = config().prefix(text).unwrap_err();
            assert!(reason.contains(want), "{text}: {reason}");
        }
        let prefix = config().prefix("h.io").unwrap();
        assert!(prefix.destination(&"oci:dir".parse().unwrap()).is_err());
        let long = format!("{}/a", "x".repeat(250));
        let prefix = config().prefix(&format!("h.io/{long}")).unwrap();
        assert!(prefix.destination(&"ghcr.io/team/a:1".parse().unwrap()).unwrap_err().contains("255"));
    }
}

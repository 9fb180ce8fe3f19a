//! Where copies go: a registry with an optional prefix, or wharf's own store.

use crate::config::{RegistryEntry, RegistryType};
use crate::oci::{Location, Reference, Registry, Repository, TagOrDigest, printable};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyTarget {
    /// A registry, and a path in front of every repository.
    Registry(Registry, Option<Repository>),
    /// wharf's own image store.
    Store,
}

impl CopyTarget {
    /// Reads `HOST[/PREFIX]`, `store`, or the name of one of `entries`.
    pub fn parse(text: &str, entries: &[RegistryEntry]) -> Result<CopyTarget, String> {
        let text = text.trim().trim_end_matches('/');
        if text.is_empty() {
            return Err("a target is written HOST[/PREFIX], or as a registry's name".to_owned());
        }
        if let Some(entry) = entries.iter().find(|entry| entry.name == text) {
            return CopyTarget::of(entry);
        }
        if matches!(text, "store" | "store:") {
            return Ok(CopyTarget::Store);
        }
        let text = strip_scheme(text);
        let (host, prefix) = match text.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix)),
            None => (text, None),
        };
        let host = host.parse::<Registry>().map_err(|e| e.reason().to_owned())?;
        // Jobs are recorded as they are written, and read again by who resumes them.
        if !host.can_be_written() {
            return Err(format!(
                "write the port of {host} as well, as in {host}:443: without a dot it is no host"
            ));
        }
        let prefix =
            prefix.map(|p| p.parse::<Repository>().map_err(|e| e.reason().to_owned())).transpose()?;
        Ok(CopyTarget::Registry(host, prefix))
    }

    /// An entry of the configuration as the target.
    pub fn of(entry: &RegistryEntry) -> Result<CopyTarget, String> {
        let name = printable(&entry.name, 60);
        if entry.read_only {
            return Err(format!("{name} is read-only"));
        }
        match entry.kind {
            RegistryType::Registry => CopyTarget::parse(&entry.url, &[]),
            RegistryType::Store => Ok(CopyTarget::Store),
            RegistryType::LocalFile => Err(format!("{name} is a directory: exports go there")),
            RegistryType::Docker => Err(format!("{name} is a Docker engine: those come in a later version")),
        }
    }

    /// Where an image goes: the host is replaced, the path and the tag stay.
    pub fn destination(&self, source: &Location) -> Result<Location, String> {
        let (path, tag) = match source {
            Location::Registry(reference) => (reference.repository.as_str(), reference.tag.clone()),
            Location::Store { repository, target } => {
                let tag = match target {
                    Some(TagOrDigest::Tag(tag)) => Some(tag.clone()),
                    _ => None,
                };
                (repository.as_str(), tag)
            }
            other => return Err(format!("{other} cannot be copied from yet")),
        };
        match self {
            CopyTarget::Registry(registry, prefix) => {
                let path =
                    prefix.as_ref().map_or_else(|| path.to_owned(), |prefix| format!("{prefix}/{path}"));
                let repository = path.parse().map_err(|e| format!("{e}"))?;
                Ok(Location::Registry(Reference {
                    registry: registry.clone(),
                    repository,
                    tag,
                    digest: None,
                }))
            }
            CopyTarget::Store => {
                let repository = path.parse().map_err(|e| format!("{e}"))?;
                Ok(Location::Store { repository, target: tag.map(TagOrDigest::Tag) })
            }
        }
    }
}

impl std::fmt::Display for CopyTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CopyTarget::Registry(registry, None) => write!(f, "{registry}"),
            CopyTarget::Registry(registry, Some(prefix)) => write!(f, "{registry}/{prefix}"),
            CopyTarget::Store => f.write_str("store"),
        }
    }
}

/// A registry's URL without `http://` or `https://`.
pub fn strip_scheme(url: &str) -> &str {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_replaced_and_path_and_tag_stay() {
        for (target, source, want) in [
            ("dr-b:443/mirror", "nginx:1.27", "dr-b:443/mirror/library/nginx:1.27"),
            ("localhost:5001", "ghcr.io/o/r:t", "localhost:5001/o/r:t"),
            ("https://h.example/a/b/", "localhost:5/x", "h.example/a/b/x"),
            ("store", "ghcr.io/o/r:t", "store:o/r:t"),
            ("localhost:5001", "store:a/b:1", "localhost:5001/a/b:1"),
        ] {
            let target = CopyTarget::parse(target, &[]).unwrap();
            assert_eq!(target.destination(&source.parse().unwrap()).unwrap().to_string(), want);
        }
        for bad in ["", " / ", "a b", "dr-b/mirror", "h.example/UP", "h.example//x", "host:port/x"] {
            assert!(CopyTarget::parse(bad, &[]).is_err(), "{bad:?}");
        }
    }
}

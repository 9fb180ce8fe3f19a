//! Finding entries: by name, by registry, by what is to be written.

use std::path::Path;

use super::{Config, RegistryEntry, RegistryType};
use crate::job::Target;
use crate::oci::{Location, Reference, Registry, Repository};

impl Config {
    /// The entry with this name.
    pub fn entry(&self, name: &str) -> Option<&RegistryEntry> {
        self.registries.iter().find(|entry| entry.name == name)
    }

    /// The first entry for this registry.
    pub fn entry_for(&self, registry: &Registry) -> Option<&RegistryEntry> {
        self.registries.iter().find(|entry| entry.registry().as_ref() == Some(registry))
    }

    /// The entry that an image belongs to: of its registry, with the longest path that the image is below.
    pub fn entry_of(&self, reference: &Reference) -> Option<&RegistryEntry> {
        let fits = |entry: &&RegistryEntry| {
            entry.registry().as_ref() == Some(&reference.registry)
                && entry.prefix().is_none_or(|prefix| is_below(&reference.repository, &prefix))
        };
        let length = |entry: &&RegistryEntry| entry.prefix().map_or(0, |prefix| prefix.as_str().len());
        // The first of equals: max_by_key alone would take the last.
        self.registries.iter().rev().filter(fits).max_by_key(length)
    }

    /// The `read_only` entry that forbids writing to a destination, if there is one.
    pub fn forbids(&self, target: &Target) -> Option<&RegistryEntry> {
        self.guards(target, |entry| entry.read_only)
    }

    /// The `protected` entry that an image belongs to, if there is one: destructive acts need its name typed.
    pub fn protects(&self, location: &Location) -> Option<&RegistryEntry> {
        self.guards(&Target::Image(location.clone()), |entry| entry.protected)
    }

    /// The entry that a destination belongs to and that `is` so.
    fn guards(&self, target: &Target, is: fn(&RegistryEntry) -> bool) -> Option<&RegistryEntry> {
        let such = |kind| self.registries.iter().filter(move |entry| entry.kind == kind && is(entry));
        let directory = |path: &Path| {
            let path = std::path::absolute(path).ok()?;
            let holds = |dir: &Path| std::path::absolute(dir).is_ok_and(|dir| path.starts_with(dir));
            such(RegistryType::LocalFile).find(|entry| entry.directory().is_some_and(holds))
        };
        match target {
            Target::Image(Location::Registry(reference)) => {
                self.entry_of(reference).filter(|entry| is(entry))
            }
            Target::Image(Location::Store { .. }) => such(RegistryType::Store).next(),
            Target::Image(Location::DockerDaemon { host, .. }) => {
                let host = host.as_deref()?;
                such(RegistryType::Docker).find(|entry| entry.name == host)
            }
            Target::Image(
                Location::OciLayout { path, .. }
                | Location::OciArchive { path, .. }
                | Location::DockerArchive { path, .. },
            )
            | Target::ExportInto(path) => directory(path),
        }
    }
}

/// Whether a repository is `prefix` or in it.
pub(super) fn is_below(repository: &Repository, prefix: &Repository) -> bool {
    let rest = repository.as_str().strip_prefix(prefix.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_only_is_not_written() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.yaml");
        let text = "registries:\n- {name: a, url: h.io, read_only: true}\n- {name: b, url: h.io/team}\n\
            - {name: c, url: g.io}\n- {name: d, type: local_file, url: files, read_only: true}\n";
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file), None).unwrap().config;
        let forbids = |target: Target| config.forbids(&target).map(|entry| entry.name.clone());
        let image = |text: &str| Target::Image(text.parse().unwrap());
        for (text, want) in [
            ("h.io/x", Some("a")),
            ("h.io/team/x", None),
            ("h.io/teams/x", Some("a")),
            ("g.io/x", None),
            ("x", None),
            ("store:x", None),
        ] {
            assert_eq!(forbids(image(text)).as_deref(), want, "{text}");
        }
        assert_eq!(forbids(Target::ExportInto(home.path().join("files/sub"))).as_deref(), Some("d"));
        assert_eq!(forbids(Target::ExportInto(home.path().join("other"))), None);
    }
}

//! Where a batch goes: what takes the place of each source's host.

use std::fmt;
use std::path::{Path, PathBuf};

use super::reader::did_you_mean;
use super::url::RegistryUrl;
use super::{Config, RegistryEntry, RegistryType, Rename};
use crate::oci::{Location, Reference, Registry, Repository, Tag, TagOrDigest, printable, printable_name};

/// What takes the place of a source's host: `docker.io/library/nginx:1` → `PREFIX/library/nginx:1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// A registry, and the path that everything goes below.
    Registry(Registry, Option<Repository>),
    /// wharf's own image store, and the path that everything goes below.
    Store(Option<Repository>),
    /// An OCI layout's directory, in which images keep their whole names.
    Layout(PathBuf),
    /// A container engine by its entry's name, in which images keep their whole names.
    Engine(String),
}

impl Config {
    /// Reads a prefix as [`Prefix::parse`] does, with this configuration's entries.
    pub fn prefix(&self, text: &str) -> Result<Prefix, String> {
        Prefix::parse(text, &self.registries)
    }
}

impl Prefix {
    /// Reads `HOST[:PORT][/PATH]`, `store:[PATH]`, `oci:DIR`, or the name of one of `entries`. The error is a reason,
    /// for people.
    pub fn parse(text: &str, entries: &[RegistryEntry]) -> Result<Prefix, String> {
        let text = text.trim();
        let shown = printable_name(text, 100);
        if let Some(entry) = entries.iter().find(|entry| entry.name == text) {
            return Prefix::of(entry);
        }
        let path = |path: &str| match path.trim_matches('/') {
            "" => Ok(None),
            path => path.parse::<Repository>().map(Some).map_err(|e| format!("{shown:?}: {}", e.reason())),
        };
        if let Some(rest) = text.strip_prefix("store:") {
            return path(rest).map(Prefix::Store);
        }
        if text.starts_with("oci:") {
            return match text.parse::<Location>() {
                Ok(Location::OciLayout { path, reference: None }) => Ok(Prefix::Layout(path)),
                Ok(_) => Err(format!("{shown:?}: write oci:DIR alone; images keep their names in it")),
                Err(e) => Err(e.to_string()),
            };
        }
        let address = text.strip_prefix("docker://").unwrap_or(text);
        let host = address.split('/').next().unwrap_or_default();
        // A bare word is a slip in an entry's name, and never a host that images should be sent to.
        if !address.contains("://") && host != "localhost" && !host.contains(['.', ':', '[']) {
            let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
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

    /// An entry as the place that images go to.
    pub fn of(entry: &RegistryEntry) -> Result<Prefix, String> {
        match (entry.kind, entry.registry()) {
            (RegistryType::Registry, Some(registry)) => Prefix::Registry(registry, entry.prefix()).checked(),
            (RegistryType::Store, _) => Ok(Prefix::Store(None)),
            (RegistryType::Docker, _) if !entry.name.contains('/') => Ok(Prefix::Engine(entry.name.clone())),
            (kind, _) => Err(format!(
                "the entry {:?} is of type {}; images go to a registry, to an engine, to store: or to oci:DIR",
                printable(&entry.name, 100),
                kind.as_str()
            )),
        }
    }

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
    ///
    /// An image of a file that has only a tag there gets the file's name as its path.
    pub fn destination(&self, source: &Location) -> Result<Location, String> {
        let Named { host, path, at } = named(source)?;
        self.below(host, path.as_str(), at)
    }

    /// Where an image goes whose path is renamed. Dropped parts begin with the host, also in places that keep whole
    /// names. The error is a reason, for people.
    pub fn renamed(&self, source: &Location, rename: &Rename) -> Result<Location, String> {
        let Named { host, path, at } = named(source)?;
        let called = match (&host, source) {
            (Some(host), _) => host.as_str(),
            (None, Location::Store { .. }) => "store",
            (None, _) => "file",
        };
        let new = rename.of_name(called, &path)?;
        let host = host.filter(|_| !matches!(rename, Rename::Level(_)));
        self.below(host, &new, at)
    }

    /// The image of this path below the prefix. The error is a reason, for people.
    pub(super) fn image(&self, path: &str, at: TagOrDigest) -> Result<Location, String> {
        self.below(None, path, at)
    }

    /// `host` is the one that the path had, for places that keep whole names.
    fn below(&self, host: Option<Registry>, path: &str, at: TagOrDigest) -> Result<Location, String> {
        let below = |prefix: &Option<Repository>| -> Result<Repository, String> {
            let whole = match prefix {
                Some(prefix) => format!("{prefix}/{path}"),
                None => path.to_owned(),
            };
            whole.parse().map_err(|e: crate::oci::ReferenceError| {
                format!("it would become {}: {}", printable(&whole, 300), e.reason())
            })
        };
        Ok(match self {
            Prefix::Registry(registry, prefix) => {
                let repository = below(prefix)?;
                let (tag, digest) = match at {
                    TagOrDigest::Tag(tag) => (Some(tag), None),
                    TagOrDigest::Digest(digest) => (None, Some(digest)),
                };
                Location::Registry(Reference { registry: registry.clone(), repository, tag, digest })
            }
            Prefix::Store(prefix) => Location::Store { repository: below(prefix)?, target: Some(at) },
            Prefix::Engine(name) => {
                let TagOrDigest::Tag(tag) = at else {
                    return Err("it has no tag, by which an engine could list it".to_owned());
                };
                let registry = host.unwrap_or_else(Registry::docker_hub);
                let image = Reference::tagged(registry, below(&None)?, tag).familiar();
                Location::DockerDaemon { host: Some(name.clone()), image }
            }
            Prefix::Layout(directory) => {
                let TagOrDigest::Tag(tag) = at else {
                    return Err("it has no tag, by which a layout could list it".to_owned());
                };
                let host = host.map(|host| format!("{host}/")).unwrap_or_default();
                let reference = Some(format!("{host}{path}:{tag}"));
                Location::OciLayout { path: directory.clone(), reference }
            }
        })
    }
}

/// What an image is called where it is.
struct Named {
    host: Option<Registry>,
    path: Repository,
    at: TagOrDigest,
}

fn named(source: &Location) -> Result<Named, String> {
    let of_reference = |reference: &Reference| Named {
        host: Some(reference.registry.clone()),
        path: reference.repository.clone(),
        // The digest decides what is read; the tag is what people call it by.
        at: reference.tag.clone().map_or_else(|| reference.target(), TagOrDigest::Tag),
    };
    match source {
        Location::Registry(reference) | Location::DockerArchive { reference: Some(reference), .. } => {
            Ok(of_reference(reference))
        }
        Location::Store { repository, target } => {
            let at = target.clone().unwrap_or_else(|| TagOrDigest::Tag(Tag::latest()));
            Ok(Named { host: None, path: repository.clone(), at })
        }
        Location::OciLayout { path, reference } | Location::OciArchive { path, reference } => {
            let Some(name) = reference else { return of_file(path, TagOrDigest::Tag(Tag::latest())) };
            match (name.parse::<TagOrDigest>(), name.parse::<Reference>()) {
                (Ok(at), _) => of_file(path, at),
                (Err(_), Ok(reference)) => Ok(of_reference(&reference)),
                (Err(_), Err(e)) => Err(format!("{}: {}", printable(name, 200), e.reason())),
            }
        }
        Location::DockerArchive { path, reference: None } => of_file(path, TagOrDigest::Tag(Tag::latest())),
        Location::DockerDaemon { image, .. } if image.starts_with("sha256:") => {
            Err("an image's ID is no name that could be kept".to_owned())
        }
        Location::DockerDaemon { image, .. } => {
            let reference = image.parse::<Reference>();
            reference.map(|reference| of_reference(&reference)).map_err(|e| e.reason().to_owned())
        }
    }
}

/// What is called by its file, as far as a repository can be called so: `My Images.tar.gz` → `my-images`.
fn of_file(file: &Path, at: TagOrDigest) -> Result<Named, String> {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let endings = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"];
    let stem = endings.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
    let words: Vec<&str> = stem.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').collect();
    let plain = |word: &&str| !word.is_empty();
    let path = words
        .into_iter()
        .map(|word| word.trim_matches(['.', '_']))
        .filter(plain)
        .collect::<Vec<_>>()
        .join("-");
    let path = path.parse::<Repository>().map_err(|_| {
        format!("it has no name, and neither can {} give it one", printable(&file.display().to_string(), 200))
    })?;
    Ok(Named { host: None, path, at })
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prefix::Registry(registry, None) => write!(f, "{registry}"),
            Prefix::Registry(registry, Some(path)) => write!(f, "{registry}/{path}"),
            Prefix::Store(None) => f.write_str("store:"),
            Prefix::Store(Some(path)) => write!(f, "store:{path}"),
            Prefix::Layout(directory) => write!(f, "oci:{}", directory.display()),
            Prefix::Engine(name) => write!(f, "docker-daemon://{name}/"),
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
            - {name: mine, type: store}\n- {name: nas, url: nas}\n- {name: box, url: 'http://box'}\n- {name: build, type: docker}\n";
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
            ("h.io/m", "docker-archive:a.tar:ghcr.io/o/r:t", "h.io/m/o/r:t".to_owned()),
            ("h.io/m", "docker-archive:a.tar", "h.io/m/a:latest".to_owned()),
            ("h.io", "oci-archive:My Images_.tar.gz:v1", "h.io/my-images:v1".to_owned()),
            ("h.io", "oci:x/lay.out:docker.io/library/a:1", "h.io/library/a:1".to_owned()),
            ("h.io", &format!("oci:x/lay.out:{digest}"), format!("h.io/lay.out@{digest}")),
            ("nas", "nginx:1", "nas:443/library/nginx:1".to_owned()),
            ("box", "nginx:1", "box:80/library/nginx:1".to_owned()),
            ("store:", "docker-daemon:o/b:2", "store:o/b:2".to_owned()),
            ("build", "nginx:1", "docker-daemon://build/nginx:1".to_owned()),
            ("build", "ghcr.io/o/r:t", "docker-daemon://build/ghcr.io/o/r:t".to_owned()),
            ("build", "store:team/a:1", "docker-daemon://build/team/a:1".to_owned()),
            ("oci:d/e", "nginx:1", "oci:d/e:docker.io/library/nginx:1".to_owned()),
            ("oci:d/e", "oci-archive:a.tar:v1", "oci:d/e:a:v1".to_owned()),
        ] {
            let prefix = config().prefix(prefix).unwrap();
            let destination = prefix.destination(&source.parse().unwrap()).unwrap();
            assert_eq!(destination.to_string(), want);
            assert_eq!(destination.to_string().parse::<Location>().unwrap(), destination);
        }
    }

    #[test]
    fn names_are_changed_on_the_way() {
        let last = Rename::rule("(?:.*/)?([^/]+)", "$1").unwrap();
        for (prefix, rename, source, want) in [
            ("h.io/m", Rename::Keep, "nginx:1", "h.io/m/library/nginx:1"),
            ("h.io/m", Rename::Level(0), "nginx:1", "h.io/m/docker.io/library/nginx:1"),
            ("h.io/m", Rename::Level(2), "q.io/a/b/c:1", "h.io/m/b/c:1"),
            ("h.io/m", last.clone(), "q.io/a/b/c:1", "h.io/m/c:1"),
            ("h.io", last.clone(), "docker-archive:x.tar:q.io/a/b:1", "h.io/b:1"),
            ("h.io", Rename::Level(1), "store:a/b:1", "h.io/a/b:1"),
            ("h.io", Rename::Level(1), "docker-archive:x.tar", "h.io/x:latest"),
            ("oci:d", Rename::Level(2), "nginx:1", "oci:d:nginx:1"),
            ("oci:d", Rename::Keep, "nginx:1", "oci:d:docker.io/library/nginx:1"),
            ("oci:d", last, "q.io/a/b:1", "oci:d:q.io/b:1"),
        ] {
            let prefix = config().prefix(prefix).unwrap();
            let to = prefix.renamed(&source.parse().unwrap(), &rename).unwrap();
            assert_eq!(to.to_string(), want, "{source} {rename:?}");
        }
        let prefix = config().prefix("h.io").unwrap();
        assert!(prefix.renamed(&"nginx:1".parse().unwrap(), &Rename::Level(3)).is_err());
        assert!(Rename::rule("a(", "b").is_err() && Rename::rule("a", "$1").is_err());
    }

    #[test]
    fn what_is_no_place_for_images_is_refused() {
        for (text, want) in [
            ("", "neither"),
            ("habor", "did you mean \"harbor\"?"),
            ("files", "local_file"),
            ("https://h.io", "leave the scheme out"),
            ("h.io/UP", "lower case"),
            ("h.io:port", "no port"),
            ("u:hunter2@h.io", "user name and password"),
            ("store:UP", "lower case"),
            ("oci:", "path"),
            ("oci:dir:v1", "oci:DIR alone"),
        ] {
            let reason = config().prefix(text).unwrap_err();
            assert!(reason.contains(want), "{text}: {reason}");
        }
        let prefix = config().prefix("h.io").unwrap();
        assert!(prefix.destination(&"oci:镜像:v1".parse().unwrap()).unwrap_err().contains("镜像"));
        let nameless = format!("oci:d:{}", crate::oci::Digest::of(b"x")).parse().unwrap();
        assert!(Prefix::Layout("e".into()).destination(&nameless).unwrap_err().contains("no tag"));
        let long = format!("{}/a", "x".repeat(250));
        let prefix = config().prefix(&format!("h.io/{long}")).unwrap();
        assert!(prefix.destination(&"ghcr.io/team/a:1".parse().unwrap()).unwrap_err().contains("255"));
    }
}

//! Where an image lives, as it is written on the command line: skopeo's transports.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::holds_login;
use super::{Reference, ReferenceError, Repository, TagOrDigest, printable_name};

/// An image's place: DESIGN section 2 has the table of what is written and what it means. A colon in a path is written
/// `\:`, and a backslash `\\`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// `nginx:1.27`, `docker://ghcr.io/o/r:t`
    Registry(Reference),
    /// `oci:DIR[:REF]`
    OciLayout {
        /// The layout's directory.
        path: PathBuf,
        /// The image's name in the layout's index.
        reference: Option<String>,
    },
    /// `oci-archive:FILE[:REF]`
    OciArchive {
        /// The tar, or `-`.
        path: PathBuf,
        /// The image's name in the archive's index.
        reference: Option<String>,
    },
    /// `docker-archive:FILE[:REF]`
    DockerArchive {
        /// The tar, or `-`.
        path: PathBuf,
        /// The image's name in the archive, or the one it is to get.
        reference: Option<Reference>,
    },
    /// `docker-daemon:REF`, `docker-daemon://HOST/REF`
    DockerDaemon {
        /// A host's name in the configuration; the environment's engine if none.
        host: Option<String>,
        /// The image's name or ID there.
        image: String,
    },
    /// `store:REPO[:TAG|@DIGEST]`
    Store {
        /// The repository in wharf's own store.
        repository: Repository,
        /// What it is there; `None` where none was written.
        target: Option<TagOrDigest>,
    },
}

/// Why a text names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The reference in it is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A transport that needs a path got none.
    #[error("{text:?} names no file: {transport}: is followed by a path")]
    Path {
        /// What was given.
        text: String,
        /// The transport in front.
        transport: &'static str,
    },
    /// An engine without one of its images.
    #[error(
        "{text:?} names no image: docker-daemon: is followed by a name or an ID, docker-daemon://HOST/ too"
    )]
    Image {
        /// What was given.
        text: String,
    },
    /// skopeo has more transports than wharf.
    #[error(
        "{text:?}: wharf has no {transport}: transport (it has docker://, oci:, oci-archive:, docker-archive:, docker-daemon: and store:)"
    )]
    Transport {
        /// What was given.
        text: String,
        /// The transport in front.
        transport: String,
    },
}

/// Transports of skopeo's that would otherwise parse as a repository with an odd tag.
const FOREIGN: &[&str] =
    &["dir", "containers-storage", "ostree", "atomic", "sif", "tarball", "docker-tarball"];

impl Location {
    /// Whether it is `-`: standard input for a source, standard output for a destination.
    pub fn is_standard_stream(&self) -> bool {
        let (Location::OciArchive { path, .. } | Location::DockerArchive { path, .. }) = self else {
            return false;
        };
        path.as_os_str() == "-"
    }

    /// The registry reference, if it is in a registry.
    pub fn as_registry(&self) -> Option<&Reference> {
        match self {
            Location::Registry(reference) => Some(reference),
            _ => None,
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Location, LocationError> {
        let file =
            |rest: &str, transport: &'static str| -> Result<(PathBuf, Option<String>), LocationError> {
                let (path, reference) = path_and_name(rest);
                if path.is_empty() {
                    return Err(LocationError::Path { text: printable_name(text, 120), transport });
                }
                Ok((PathBuf::from(path), reference.filter(|r| !r.is_empty()).map(str::to_owned)))
            };
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(Location::Registry(text.parse()?));
        };
        match scheme {
            "docker" if rest.starts_with("//") => Ok(Location::Registry(rest[2..].parse()?)),
            "oci" => file(rest, "oci").map(|(path, reference)| Location::OciLayout { path, reference }),
            "oci-archive" => {
                file(rest, "oci-archive").map(|(path, reference)| Location::OciArchive { path, reference })
            }
            "docker-archive" => {
                let (path, reference) = file(rest, "docker-archive")?;
                let reference = reference.map(|r| r.parse::<Reference>()).transpose()?;
                Ok(Location::DockerArchive { path, reference })
            }
            "docker-daemon" => daemon(text, rest),
            "store" => {
                let (name, target) = match (rest.split_once('@'), rest.split_once(':')) {
                    (Some((name, digest)), _) => (name, Some(digest)),
                    (None, Some((name, tag))) => (name, Some(tag)),
                    (None, None) => (rest, None),
                };
                let target = target.map(|t| t.parse::<TagOrDigest>()).transpose()?;
                Ok(Location::Store { repository: name.parse()?, target })
            }
            foreign if FOREIGN.contains(&foreign) => Err(LocationError::Transport {
                text: printable_name(text, 120),
                transport: foreign.to_owned(),
            }),
            _ => Ok(Location::Registry(text.parse()?)),
        }
    }
}

/// `PATH[:NAME]`: the first colon ends the path, unless a backslash is before it. `\\\\` is a backslash, and one before
/// anything else is itself.
fn path_and_name(text: &str) -> (String, Option<&str>) {
    let mut path = String::with_capacity(text.len());
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let escaped = letters.next_if(|(_, next)| letter == '\\' && matches!(next, ':' | '\\'));
        match (letter, escaped) {
            (_, Some((_, escaped))) => path.push(escaped),
            (':', None) => return (path, Some(&text[at + 1..])),
            (letter, None) => path.push(letter),
        }
    }
    (path, None)
}

/// A path as [`path_and_name`] reads it: what is written of a location is read as the same one.
fn written(path: &Path) -> String {
    path.display().to_string().replace('\\', r"\\").replace(':', r"\:")
}

fn daemon(text: &str, rest: &str) -> Result<Location, LocationError> {
    let (host, image) = match rest.strip_prefix("//") {
        Some(rest) => match rest.split_once('/') {
            Some((host, image)) => (Some(host).filter(|h| !h.is_empty()).map(str::to_owned), image),
            None => (None, ""),
        },
        None => (None, rest),
    };
    if image.is_empty() {
        return Err(LocationError::Image { text: printable_name(text, 120) });
    }
    if host.as_deref().is_some_and(holds_login) {
        return Err(ReferenceError::new(text, "").into());
    }
    // An image's ID is no reference, but an engine takes it.
    if !image.starts_with("sha256:") {
        image.parse::<Reference>()?;
    }
    Ok(Location::DockerDaemon { host, image: image.to_owned() })
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |f: &mut fmt::Formatter<'_>, transport: &str, path: &PathBuf, reference: Option<&str>| {
            write!(f, "{transport}:{}", written(path))?;
            reference.map_or(Ok(()), |reference| write!(f, ":{reference}"))
        };
        match self {
            Location::Registry(reference) => write!(f, "{reference}"),
            Location::OciLayout { path, reference } => file(f, "oci", path, reference.as_deref()),
            Location::OciArchive { path, reference } => file(f, "oci-archive", path, reference.as_deref()),
            Location::DockerArchive { path, reference } => {
                file(f, "docker-archive", path, reference.as_ref().map(Reference::to_string).as_deref())
            }
            Location::DockerDaemon { host: Some(host), image } => write!(f, "docker-daemon://{host}/{image}"),
            Location::DockerDaemon { host: None, image } => write!(f, "docker-daemon:{image}"),
            Location::Store { repository, target } => match target {
                None => write!(f, "store:{repository}"),
                Some(TagOrDigest::Tag(tag)) => write!(f, "store:{repository}:{tag}"),
                Some(TagOrDigest::Digest(digest)) => write!(f, "store:{repository}@{digest}"),
            },
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Location, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_parses_and_prints() {
        for (text, want) in [
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("docker://ghcr.io/o/r:t", "ghcr.io/o/r:t"),
            ("oci:/a/b", "oci:/a/b"),
            ("oci:dir:v1", "oci:dir:v1"),
            ("oci-archive:a.tar:docker.io/library/a:1", "oci-archive:a.tar:docker.io/library/a:1"),
            ("docker-archive:a.tar", "docker-archive:a.tar"),
            ("docker-archive:a.tar:a:1", "docker-archive:a.tar:docker.io/library/a:1"),
            (r"docker-archive:a\:b.tar:a:1", r"docker-archive:a\:b.tar:docker.io/library/a:1"),
            (r"oci:c\:/d\e\\f\", r"oci:c\:/d\\e\\f\\"),
            (r"oci-archive:\::x", r"oci-archive:\::x"),
            ("docker-daemon:a:1", "docker-daemon:a:1"),
            ("docker-daemon://build/a:1", "docker-daemon://build/a:1"),
            ("store:team/a:1", "store:team/a:1"),
            ("store:team/a", "store:team/a"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!(location.to_string(), want, "{text}");
            assert_eq!(want.parse::<Location>().unwrap(), location, "{text}");
        }
    }

    #[test]
    fn any_path_is_read_as_it_was_written() {
        for path in ["a:b.tar", r"a\:b", r"\", r"a\\", ":", "a:", r"x\y:z", "/a b/:/c"] {
            for reference in [None, Some("v:1".to_owned())] {
                let location = Location::OciArchive { path: path.into(), reference };
                assert_eq!(location.to_string().parse::<Location>().unwrap(), location, "{location}");
            }
        }
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for text in [
            "oci:",
            "docker-archive:",
            "docker-archive::a",
            "dir:/x",
            "containers-storage:a",
            "store:A",
            "docker-daemon:",
            "docker://",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
        for text in ["docker-daemon:", "docker-daemon://build/", "docker-daemon://build"] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(error.contains("names no image"), "{error}");
        }
    }
}

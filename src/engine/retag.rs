//! New names for an image where it is. Within a repository nothing has to move: its manifest is put at each new tag, and
//! an ordinary job does it, so that history and overwritten tags are recorded as ever.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;

use super::{Inner, Result};
use crate::job::{JobSpec, Target};
use crate::oci::{Digest, Location};
use crate::transport;

/// Names that are looked up at the same time.
const AT_ONCE: usize = 8;

/// A name that stands for something and is to stand for something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagMove {
    /// The name, as it is written on the command line.
    pub location: String,
    /// What it stands for now.
    pub old: Digest,
    /// What it is to stand for.
    pub new: Digest,
}

impl Inner {
    /// The destinations of a copy of everything that stand for something else now. With one small request each.
    pub(super) async fn find_tag_moves(&self, spec: &JobSpec) -> Result<Vec<TagMove>> {
        let Some(new) = self.resolve_location(&spec.source).await?.map(|found| found.digest) else {
            let (what, at) = ("image".to_owned(), spec.source.to_string());
            return Err(transport::Error::NotFound { what, at }.into());
        };
        let images = spec.destinations.iter().filter_map(|target| match target {
            Target::Image(location) => Some(location.clone()),
            Target::ExportInto(_) => None,
        });
        let asked: Vec<_> = images
            .map(|location| async move {
                let old = self.resolve_location(&location).await?;
                Ok::<_, super::Error>((location, old.map(|found| found.digest)))
            })
            .collect();
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        let moves = answers.into_iter().filter_map(|(location, old)| {
            let old = old.filter(|old| *old != new)?;
            Some(TagMove { location: location.to_string(), old, new: new.clone() })
        });
        Ok(moves.collect())
    }
}

/// Whether every destination is the repository (or layout, or engine) that the image is in: it has everything already.
pub(super) fn is_in_place(spec: &JobSpec) -> bool {
    let same = |target: &Target| match (&spec.source, target) {
        (Location::Registry(a), Target::Image(Location::Registry(b))) => {
            a.registry == b.registry && a.repository == b.repository
        }
        (Location::Store { repository: a, .. }, Target::Image(Location::Store { repository: b, .. })) => {
            a == b
        }
        (Location::OciLayout { path: a, .. }, Target::Image(Location::OciLayout { path: b, .. })) => a == b,
        // An engine knows its images by their IDs, and any name will do.
        (Location::DockerDaemon { host: a, .. }, Target::Image(Location::DockerDaemon { host: b, .. })) => {
            a == b
        }
        _ => false,
    };
    !spec.destinations.is_empty() && spec.destinations.iter().all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place_is_one_repository() {
        for (source, destination, want) in [
            ("h.io/a:1", "h.io/a:2", true),
            ("h.io/a:1", "h.io/b:1", false),
            ("h.io/a:1", "g.io/a:1", false),
            ("store:a:1", "store:a:2", true),
            ("store:a:1", "store:b:1", false),
            ("oci:d:1", "oci:d:2", true),
            ("oci:d:1", "oci:e:1", false),
            ("docker-archive:f", "docker-archive:f", false),
            ("docker-daemon:a:1", "docker-daemon:b:2", true),
            ("docker-daemon:a:1", "docker-daemon://build/a:1", false),
        ] {
            let spec = JobSpec::copy(source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(is_in_place(&spec), want, "{spec}");
            let mut more = spec.clone();
            more.destinations.push(Target::ExportInto("d".into()));
            assert!(!is_in_place(&more));
        }
    }
}

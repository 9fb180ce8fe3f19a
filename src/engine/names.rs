//! Names in a container engine: an image that is there gets more of them or loses them, and nothing moves. With its
//! last name an image goes.

use std::time::Instant;

use futures_util::future::try_join_all;

use super::daemon::{asked, check_platform, described};
use super::door::DestinationDoor;
use super::planner::{destination_of, keeps_tags};
use super::{Deletion, Error, Inner, Result};
use crate::job::{JobSpec, Output, Plan, PlannedDestination, Report, Target};
use crate::oci::{Location, Reference, TagOrDigest};
use crate::transport::daemon::{Daemon, Inspected};

/// Whether a job copies within one engine: then its image gets names.
pub(super) fn in_engine(spec: &JobSpec) -> bool {
    spec.more.is_empty()
        && matches!(spec.source, Location::DockerDaemon { .. })
        && super::retag::is_in_place(spec)
}

/// What such a job is about, as the engine tells it.
struct Named {
    daemon: Daemon,
    there: Inspected,
    /// Each destination's repository.
    repositories: Vec<Reference>,
    doors: Vec<DestinationDoor>,
    planned: Vec<PlannedDestination>,
}

impl Inner {
    async fn look_for_names(&self, spec: &JobSpec) -> Result<Named> {
        let other = || Error::Internal(format!("{spec} is no job within one engine"));
        let Location::DockerDaemon { host, image } = &spec.source else { return Err(other()) };
        spec.destinations.iter().try_for_each(|target| self.refuse_forbidden(target))?;
        let daemon = self.daemons.open(host.as_deref())?;
        let there = daemon.inspect(&asked(image)?.0).await?;
        check_platform(&spec.source, &there, &spec.platforms)?;
        let (mut repositories, mut doors, mut planned) = (Vec::new(), Vec::new(), Vec::new());
        for target in &spec.destinations {
            let Target::Image(location @ Location::DockerDaemon { image, .. }) = target else {
                return Err(other());
            };
            let door = self.open_destination(location, &spec.source, &spec.tags, spec.overwrite)?;
            let now = try_join_all(door.at.iter().map(|at| door.destination.resolve(at))).await?;
            let now = now.into_iter().map(|found| found.map(|found| found.digest)).collect();
            let destination = destination_of(&door, now, &there.id)?;
            if spec.keep_tags {
                keeps_tags(&destination)?;
            }
            repositories.push(image.parse::<Reference>().map_err(|e| Error::Request(e.to_string()))?);
            doors.push(door);
            planned.push(destination);
        }
        Ok(Named { daemon, there, repositories, doors, planned })
    }

    /// Gives an image the names that a job within one engine asks for.
    pub(super) async fn name_in_engine(&self, spec: &JobSpec) -> Result<Report> {
        let began = Instant::now();
        let named = self.look_for_names(spec).await?;
        let mut outputs = Vec::new();
        for ((door, planned), repository) in named.doors.iter().zip(named.planned).zip(&named.repositories) {
            let mut overwritten = Vec::new();
            for change in planned.tags.iter().filter(|change| change.old.as_ref() != Some(&change.new)) {
                // By its ID: the name may be another image's by now.
                let name = repository.with_tag(change.tag.clone());
                named.daemon.tag_image(named.there.id.as_str(), &name).await?;
                overwritten.extend(change.old.clone().map(|old| (change.tag.clone(), old)));
            }
            outputs.push(Output {
                location: door.name.clone(),
                digest: named.there.id.clone(),
                was: None,
                path: None,
                up_to_date: planned.up_to_date,
                overwritten,
            });
        }
        let millis = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        Ok(Report { outputs, millis, ..Report::default() })
    }

    /// The plan of a job within one engine.
    pub(super) async fn preview_names(&self, spec: &JobSpec) -> Result<Plan> {
        let Named { there, planned, .. } = self.look_for_names(spec).await?;
        let found = described(&there);
        Ok(Plan {
            source: spec.source.to_string(),
            arrives: found.clone(),
            found,
            platforms: there.platform.into_iter().collect(),
            manifests: Vec::new(),
            blobs: Vec::new(),
            destinations: planned,
            notes: vec!["the engine has the image: it gets a name there, and nothing moves".to_owned()],
            images: Vec::new(),
            referrers: Vec::new(),
        })
    }

    /// Finds what is to be deleted in an engine: a name, or an image with all its names.
    pub(super) async fn find_in_engine(
        &self,
        location: &Location,
        (host, image): (Option<&str>, &str),
        by_digest: bool,
    ) -> Result<Deletion> {
        let (full, at) = asked(image)?;
        let there = self.daemons.open(host)?.inspect(&full).await?;
        let mut tags: Vec<String> = there.names.iter().map(|name| familiar(name)).collect();
        tags.sort();
        tags.dedup();
        let by_digest = by_digest || matches!(at, TagOrDigest::Digest(_));
        Ok(Deletion { location: location.clone(), digest: there.id, by_digest, tags })
    }

    /// Takes the names away that were found, and with the last one the image.
    pub(super) async fn delete_in_engine(
        &self,
        deletion: &Deletion,
        (host, image): (Option<&str>, &str),
    ) -> Result<()> {
        let daemon = self.daemons.open(host)?;
        if !deletion.by_digest {
            daemon.remove_image(&asked(image)?.0).await?;
            return Ok(());
        }
        // One after another: an engine does not remove an ID that has several names.
        for name in &deletion.tags {
            daemon.remove_image(&asked(name)?.0).await?;
        }
        if deletion.tags.is_empty() {
            daemon.remove_image(deletion.digest.as_str()).await?;
        }
        Ok(())
    }
}

/// Whether two images are in one repository, layout or engine.
fn same_place(a: &Location, b: &Location) -> bool {
    match (a, b) {
        (Location::Registry(a), Location::Registry(b)) => a.name() == b.name(),
        (Location::Store { repository: a, .. }, Location::Store { repository: b, .. }) => a == b,
        (Location::OciLayout { path: a, .. }, Location::OciLayout { path: b, .. }) => a == b,
        (Location::DockerDaemon { host: a, .. }, Location::DockerDaemon { host: b, .. }) => a == b,
        _ => false,
    }
}

/// A name as people write it.
fn familiar(name: &str) -> String {
    name.parse::<Reference>().map_or_else(|_| name.to_owned(), |reference| reference.familiar())
}

impl Deletion {
    /// Whether a tag (a layout's or an engine's name) is the one that was named.
    pub fn is_named_by(&self, tag: &str, location: &Location) -> bool {
        match location {
            Location::Registry(reference) => reference.digest.is_none() && reference.target().as_str() == tag,
            Location::Store { target, .. } => target.as_ref().map_or("latest", |t| t.as_str()) == tag,
            Location::OciLayout { reference, .. } => reference.as_deref() == Some(tag),
            Location::DockerDaemon { image, .. } => {
                asked(image).is_ok_and(|(full, _)| familiar(&full) == tag)
            }
            Location::OciArchive { .. } | Location::DockerArchive { .. } => false,
        }
    }

    /// Whether a location is this deletion's image by the name `tag`, in the same repository, layout or engine.
    pub fn is_in_place(&self, tag: &str, location: &Location) -> bool {
        same_place(&self.location, location) && self.is_named_by(tag, location)
    }

    /// Whether the manifest goes with this one, and with it whatever another one is to delete.
    pub fn covers(&self, other: &Deletion) -> bool {
        self.by_digest && self.digest == other.digest && same_place(&self.location, &other.location)
    }

    /// An engine's image goes with its last name: where all names of one are among `found`, it is the image that goes.
    pub fn with_last_names(mut found: Vec<Deletion>) -> Vec<Deletion> {
        let engine = |deletion: &Deletion| match &deletion.location {
            Location::DockerDaemon { host, .. } => Some(host.clone()),
            _ => None,
        };
        let goes = |deletion: &Deletion| {
            let Some(host) = engine(deletion) else { return false };
            let names = |tag: &String| {
                found.iter().any(|other| {
                    engine(other).as_ref() == Some(&host) && other.is_named_by(tag, &other.location)
                })
            };
            deletion.tags.iter().all(names)
        };
        let images: Vec<bool> = found.iter().map(goes).collect();
        for (deletion, goes) in found.iter_mut().zip(images) {
            deletion.by_digest |= goes;
        }
        found
    }

    /// Whether a name was given and the image goes with it, as it is the last one.
    pub fn is_last_name(&self) -> bool {
        let named = matches!(&self.location, Location::DockerDaemon { .. });
        named && self.by_digest && self.tags.iter().any(|tag| self.is_named_by(tag, &self.location))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    #[test]
    fn an_image_goes_with_the_last_of_its_names() {
        let found = |location: &str, id: &[u8], tags: &[&str]| Deletion {
            location: location.parse().unwrap(),
            digest: Digest::of(id),
            by_digest: false,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let both = ["a:latest", "b:1"];
        for (list, want) in [
            (vec![found("docker-daemon:a", b"x", &both)], vec![false]),
            (vec![found("docker-daemon:a", b"x", &both[..1])], vec![true]),
            (
                vec![found("docker-daemon:a", b"x", &both), found("docker-daemon:library/b:1", b"x", &both)],
                vec![true, true],
            ),
            (
                vec![found("docker-daemon:a", b"x", &both), found("docker-daemon://h/b:1", b"x", &both)],
                vec![false, false],
            ),
            (vec![found("h.io/a:1", b"x", &["1"])], vec![false]),
        ] {
            let found = Deletion::with_last_names(list);
            assert_eq!(found.iter().map(|d| d.by_digest).collect::<Vec<_>>(), want, "{found:?}");
            assert_eq!(found[0].is_last_name(), want[0]);
        }
    }
}

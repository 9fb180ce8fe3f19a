//! Container engines in wharf's terms: doors into them, what a plan says of them, what they answer to questions.

use futures_util::future::try_join_all;

use super::door::{DestinationDoor, SourceDoor, tag_of, written};
use super::options::EngineOptions;
use super::voice::JOB;
use super::{Error, Image, ImagePlatform, Inner, Result};
use crate::job::{AsideKind, JobSpec, Plan, PlannedBlob, PlannedDestination, Presence, TagChange, Target};
use crate::oci::{
    Descriptor, Digest, Document, Location, ManifestError, Platform, Platforms, RawManifest, Reference, Tag,
    TagOrDigest, media_type,
};
use crate::transport;
use crate::transport::archive::Spool;
use crate::transport::daemon::{Daemon, DaemonLoad, DaemonOptions, Inspected, Saved};

/// What is known of engines.
pub(super) struct Daemons {
    find: super::FindEngine,
    staging: std::path::PathBuf,
    spool: Spool,
    connect_timeout: std::time::Duration,
    stall_timeout: std::time::Duration,
}

impl Daemons {
    /// Engines as `options` say; what comes out of them is staged in `spool`, which counts it.
    pub(super) fn new(options: &EngineOptions, spool: Spool) -> Daemons {
        Daemons {
            find: options.daemons.find.clone(),
            staging: options.daemons.staging.clone(),
            spool,
            connect_timeout: options.client.connect_timeout,
            stall_timeout: options.client.stall_timeout,
        }
    }

    /// The engine of a name, or the usual one.
    pub(super) fn open(&self, host: Option<&str>) -> Result<Daemon> {
        Ok(Daemon::new(DaemonOptions {
            place: place(host),
            endpoint: (self.find)(host)?,
            connect_timeout: self.connect_timeout,
            stall_timeout: self.stall_timeout,
            staging: self.staging.clone(),
        })?)
    }
}

/// An engine as people write it, before an image's name.
pub(super) fn place(host: Option<&str>) -> String {
    host.map_or_else(|| "docker-daemon:".to_owned(), |host| format!("docker-daemon://{host}/"))
}

/// What is asked of an engine for an image's name or ID, and what a plan asks the source for.
pub(super) fn asked(image: &str) -> Result<(String, TagOrDigest)> {
    let wrong = |reason: String| Error::Request(format!("docker-daemon:{image}: {reason}"));
    if image.starts_with("sha256:") {
        let id: Digest =
            image.parse().map_err(|_| wrong("an image ID is sha256: and 64 hex digits".into()))?;
        return Ok((image.to_owned(), TagOrDigest::Digest(id)));
    }
    let reference: Reference = image.parse().map_err(|e| wrong(format!("{e}")))?;
    let at = reference.target();
    // Without its tag a name would stand for all of its tags.
    let full = match &at {
        TagOrDigest::Digest(digest) => format!("{}@{digest}", reference.name()),
        TagOrDigest::Tag(tag) => reference.with_tag(tag.clone()).to_string(),
    };
    Ok((full, at))
}

impl Inner {
    /// Opens an image of an engine. It is saved when something of it is asked for.
    pub(super) fn open_saved(
        &self,
        location: &Location,
        host: Option<&str>,
        image: &str,
    ) -> Result<SourceDoor> {
        let (full, at) = asked(image)?;
        let saved = Saved::new(self.daemons.open(host)?, full, self.daemons.spool.clone());
        if let Ok(entry) = JOB.try_with(|job| self.jobs.get(*job))
            && let Some(entry) = entry
        {
            entry.counters().set_aside(AsideKind::Saving, saved.moved());
        }
        let name = match image.parse::<Reference>() {
            // An ID reads as a repository with an odd tag.
            Ok(reference) if !image.starts_with("sha256:") => {
                place(host) + &Reference { tag: None, digest: None, ..reference }.familiar()
            }
            _ => location.to_string(),
        };
        Ok(SourceDoor { source: std::sync::Arc::new(saved), at, host: String::new(), repository: None, name })
    }

    /// Opens an engine for an image that is to get a name there.
    pub(super) fn open_load(
        &self,
        (host, image): (Option<&str>, &str),
        source: &Location,
        tags: &[Tag],
    ) -> Result<DestinationDoor> {
        let wrong = |reason: &str| Error::Request(format!("{}{image}: {reason}", place(host)));
        // It would read as a repository with an odd tag.
        let named = match image.starts_with("sha256:") {
            true => None,
            false => image.parse::<Reference>().ok(),
        };
        let named =
            named.ok_or_else(|| wrong("an image gets a name in an engine; its ID comes by itself"))?;
        if named.digest.is_some() {
            return Err(wrong("an image gets a name with a tag in an engine, not a digest"));
        }
        let first = named.tag.clone().unwrap_or_else(|| tag_of(source));
        let mut at = vec![TagOrDigest::Tag(first)];
        for tag in tags.iter().cloned().map(TagOrDigest::Tag) {
            if !at.contains(&tag) {
                at.push(tag);
            }
        }
        let plain = Reference { tag: None, ..named };
        let name = written(&(place(host) + &plain.familiar()), &at[0]);
        let destination = DaemonLoad::new(self.daemons.open(host)?, plain)?;
        Ok(DestinationDoor {
            destination: std::sync::Arc::new(destination),
            // Each is an archive of its own until it is sent: no blob is shared.
            host: format!("{name}#{}", self.next_serial()),
            registry: None,
            repository: None,
            at,
            name,
            single: true,
        })
    }

    /// The platforms that are meant where an engine is among the destinations and none was named: its own one.
    pub(super) async fn platforms_for_engines(
        &self,
        named: &[Option<DestinationDoor>],
        found: &RawManifest,
        platforms: &Platforms,
        notes: &mut Vec<String>,
    ) -> Result<Platforms> {
        let doors = || named.iter().flatten();
        let engines: Vec<_> = doors().filter_map(|door| Some((door, door.destination.daemon()?))).collect();
        let (Some((first, _)), Ok(Document::Index(index))) = (engines.first(), found.parse()) else {
            return Ok(platforms.clone());
        };
        match platforms {
            Platforms::Only(list) if list.len() > 1 => {
                let reason = format!("an engine takes one platform, and {} were named", list.len());
                return Err(Error::Request(format!("{}: {reason}", first.name)));
            }
            Platforms::Only(_) => return Ok(platforms.clone()),
            Platforms::All if !doors().all(|door| door.single) => {
                let reason = "an engine takes one platform, and other destinations take all";
                let advice = "name one with --platform, or copy apart";
                return Err(Error::Request(format!("{}: {reason}; {advice}", first.name)));
            }
            Platforms::All => {}
        }
        let available = index.platforms();
        let mut chosen = None;
        for (door, engine) in engines {
            engine.about().await?;
            let own = match (&available[..], engine.platform()) {
                ([only], _) => only.clone(),
                (_, Some(own)) => own.clone(),
                (_, None) => self.host_platform.clone(),
            };
            match &chosen {
                None => {
                    let why = if available.len() == 1 { "the only one there is" } else { "the engine's own" };
                    notes.push(format!(
                        "{own} was chosen, {why}, as no --platform was given: an engine takes one platform"
                    ));
                    chosen = Some(own);
                }
                Some(other) if *other == own => {}
                Some(other) => {
                    let reason = format!("{} is {own}, another engine is {other}", door.name);
                    return Err(Error::Request(format!("{reason}; name one with --platform, or copy apart")));
                }
            }
        }
        Ok(Platforms::from_list(chosen.into_iter().collect()))
    }

    /// What a job with an engine as its source would move, as far as the engine tells without saving the image;
    /// `None` for every other source.
    pub(super) async fn preview_saved(&self, spec: &JobSpec) -> Result<Option<Plan>> {
        let Location::DockerDaemon { host, image } = &spec.source else { return Ok(None) };
        if spec.destinations.is_empty() {
            return Err(Error::Request(format!("{}: no destination was named", spec.source)));
        }
        spec.destinations.iter().try_for_each(|target| self.refuse_forbidden(target))?;
        if super::names::in_engine(spec) {
            return self.preview_names(spec).await.map(Some);
        }
        let there = self.daemons.open(host.as_deref())?.inspect(&asked(image)?.0).await?;
        check_platform(&spec.source, &there, &spec.platforms)?;
        let open = |target: &Target| match target {
            Target::Image(to) => {
                let door = self.open_destination(to, &spec.source, &spec.tags, spec.overwrite);
                door.map(|door| (door.name.clone(), Some(door)))
            }
            Target::ExportInto(_) => Ok((target.to_string(), None)),
        };
        let mut destinations = Vec::new();
        for target in &spec.destinations {
            let (location, door) = open(target)?;
            let mut tags = Vec::new();
            let in_engine = door.as_ref().is_some_and(|door| door.destination.daemon().is_some());
            if let Some(door) = door.filter(|door| !door.single || door.destination.daemon().is_some()) {
                let now = try_join_all(door.at.iter().map(|at| door.destination.resolve(at))).await?;
                for (at, old) in door.at.iter().zip(now) {
                    let TagOrDigest::Tag(tag) = at else { continue };
                    let (tag, old) = (tag.clone(), old.map(|old| old.digest));
                    tags.push(TagChange { tag, old, new: there.id.clone() });
                }
            }
            // Only engines know an image by its ID.
            let is_there = |change: &TagChange| change.old.as_ref() == Some(&change.new);
            let up_to_date = in_engine && tags.iter().all(is_there);
            let presence = vec![Presence::Unasked];
            destinations.push(PlannedDestination {
                location,
                presence,
                tags,
                up_to_date,
                image_there: up_to_date,
                referrers: Vec::new(),
            });
        }
        let found = described(&there);
        let layers = there.diff_ids.len();
        let notes = vec![
            format!(
                "{}: {layers} {}; how many bytes will move is known once the engine has saved it: the size is what the engine says of them unpacked",
                spec.source,
                if layers == 1 { "layer" } else { "layers" }
            ),
            format!("{} is the image's ID; {}", there.id, SAVED),
        ];
        Ok(Some(Plan {
            source: spec.source.to_string(),
            arrives: found.clone(),
            platforms: there.platform.into_iter().collect(),
            manifests: Vec::new(),
            blobs: vec![PlannedBlob { descriptor: found.clone(), is_config: false }],
            found,
            destinations,
            notes,
            images: Vec::new(),
            referrers: Vec::new(),
        }))
    }

    /// What an image of an engine is made of, by what the engine tells: nothing is saved for a question.
    pub(super) async fn inspect_in_daemon(&self, location: &Location) -> Result<Option<Image>> {
        let Location::DockerDaemon { host, image } = location else { return Ok(None) };
        let there = self.daemons.open(host.as_deref())?.inspect(&asked(image)?.0).await?;
        let layer = |id: &Digest| Descriptor::new(media_type::OCI_LAYER, id.clone(), 0);
        let descriptor = described(&there);
        Ok(Some(Image {
            location: location.to_string(),
            size: there.size,
            annotations: Vec::new(),
            platforms: vec![ImagePlatform {
                platform: there.platform,
                digest: there.id.clone(),
                media_type: descriptor.media_type.clone(),
                config: there.id,
                layers: there.diff_ids.iter().map(layer).collect(),
                size: there.size,
                created: there.created,
                command: there.command,
                labels: there.labels,
                settings: Vec::new(),
                history: Vec::new(),
                annotations: Vec::new(),
                attests: None,
            }],
            descriptor,
        }))
    }

    /// An image's ID in an engine; `None` inside if there is no such image, outside if it is no engine's.
    pub(super) async fn resolve_in_daemon(&self, location: &Location) -> Result<Option<Option<Descriptor>>> {
        let Location::DockerDaemon { host, image } = location else { return Ok(None) };
        let there = self.daemons.open(host.as_deref())?.find(&asked(image)?.0).await?;
        Ok(Some(there.as_ref().map(described)))
    }

    /// What an engine calls itself: `Docker 28.0.1`.
    pub(super) async fn engine_version(&self, host: Option<&str>) -> Result<String> {
        let about = self.daemons.open(host)?.about().await?;
        let name = if about.is_podman { "podman" } else { "Docker" };
        Ok(format!("{name} {}", about.version))
    }

    /// The repositories of an engine's images, sorted, in the short form that people write; then the IDs of images
    /// without a name.
    pub(super) async fn daemon_repositories(&self, host: Option<&str>) -> Result<Vec<String>> {
        let images = self.daemons.open(host)?.images().await?;
        let names = images.iter().flat_map(|image| &image.names).filter_map(|name| name.parse().ok());
        let mut names: Vec<String> =
            names.map(|name: Reference| Reference { tag: None, digest: None, ..name }.familiar()).collect();
        names.sort();
        names.dedup();
        names.extend(images.into_iter().filter(|image| image.names.is_empty()).map(|image| image.id));
        Ok(names)
    }

    /// The tags of a repository in an engine, sorted.
    pub(super) async fn daemon_tags(
        &self,
        host: Option<&str>,
        repository: &Reference,
    ) -> Result<Vec<String>> {
        let daemon = self.daemons.open(host)?;
        let images = daemon.images().await?;
        let names = images.iter().flat_map(|image| &image.names).filter_map(|name| name.parse().ok());
        let ours = names.filter(|name: &Reference| name.name() == repository.name());
        let mut tags: Vec<String> = ours.filter_map(|name| Some(name.tag?.to_string())).collect();
        tags.sort();
        tags.dedup();
        match tags.is_empty() {
            true => {
                let at = daemon.place(&repository.familiar());
                Err(transport::Error::NotFound { what: "repository".to_owned(), at }.into())
            }
            false => Ok(tags),
        }
    }

    pub(super) async fn tag_in_daemon(
        &self,
        host: Option<&str>,
        image: &str,
        names: &[Reference],
    ) -> Result<()> {
        let (daemon, (image, _)) = (self.daemons.open(host)?, asked(image)?);
        for name in names {
            daemon.tag_image(&image, name).await?;
        }
        Ok(())
    }

    pub(super) async fn remove_from_daemon(&self, host: Option<&str>, image: &str) -> Result<Vec<String>> {
        Ok(self.daemons.open(host)?.remove_image(&asked(image)?.0).await?)
    }
}

impl SourceDoor {
    /// Saves an engine's image, and gives what a person should know of it then. An image of another platform is refused
    /// before that. Every other source is left alone.
    pub(super) async fn save_image(&self, spec: &JobSpec) -> Result<Vec<String>> {
        let Some(saved) = self.source.saved() else { return Ok(Vec::new()) };
        let there = saved.inspect().await?;
        check_platform(&spec.source, there, &spec.platforms)?;
        // Here, so that what comes next is not told of while the engine is at work.
        self.source.manifest(&self.at).await?;
        // Such an engine keeps what it was given.
        let kept = there.keeps_manifests;
        Ok(if kept { Vec::new() } else { vec![format!("{}: {SAVED}", spec.source)] })
    }
}

impl DestinationDoor {
    /// What its tags point at once an image is there: an engine knows images by their IDs.
    pub(super) fn known_as(&self, root: &RawManifest) -> Digest {
        self.destination.daemon().map_or_else(|| root.digest.clone(), |engine| engine.image_id(root))
    }

    /// Whether it has tags that point at something before the job.
    pub(super) fn has_tags(&self) -> bool {
        !self.single || self.destination.daemon().is_some()
    }
}

const SAVED: &str =
    "an engine keeps layers uncompressed, so what arrives has other digests than what it once pulled";

/// The image as a descriptor: its ID, and its size unpacked.
pub(super) fn described(there: &Inspected) -> Descriptor {
    let kind = if there.keeps_manifests { media_type::OCI_MANIFEST } else { media_type::OCI_CONFIG };
    Descriptor::new(kind, there.id.clone(), there.size)
}

/// Whether the image may be what was asked for, as far as the engine tells: podman tells no variant, and an engine with
/// containerd's store may hold more platforms than the one that it tells of.
pub(super) fn check_platform(at: &Location, there: &Inspected, platforms: &Platforms) -> Result<()> {
    let Platforms::Only(list) = platforms else { return Ok(()) };
    let own = there.platform.as_ref().filter(|_| !there.keeps_manifests);
    let may_be = |own: &Platform, wanted: &Platform| {
        let told = if own.variant.is_some() { wanted.variant.as_deref() } else { None };
        own.satisfies(&Platform::new(&wanted.os, &wanted.architecture, told))
    };
    let lacking = list.iter().find(|wanted| own.is_some_and(|own| !may_be(own, wanted)));
    lacking.map_or(Ok(()), |wanted| {
        let (wanted, available) = (Box::new(wanted.clone()), own.into_iter().cloned().collect());
        let source = ManifestError::Platform { wanted, available };
        Err(transport::Error::Manifest { at: at.to_string(), source }.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_refused_where_the_engine_tells_of_another() {
        let at: Location = "docker-daemon:a:1".parse().unwrap();
        let may = |own: Option<&str>, wanted: &str, keeps_manifests| {
            let there = Inspected {
                id: Digest::of(b"x"),
                keeps_manifests,
                platform: own.map(|own| own.parse().unwrap()),
                names: Vec::new(),
                size: 0,
                diff_ids: Vec::new(),
                created: None,
                command: Vec::new(),
                labels: Vec::new(),
            };
            check_platform(&at, &there, &Platforms::Only(vec![wanted.parse().unwrap()])).is_ok()
        };
        assert!(may(Some("linux/arm/v7"), "arm/v7", false) && may(Some("linux/arm/v7"), "arm", false));
        assert!(!may(Some("linux/arm/v7"), "arm/v6", false) && !may(Some("linux/amd64"), "arm64", false));
        // podman's answer to an image for arm/v7, and no answer at all.
        assert!(may(Some("linux/arm"), "arm/v7", false) && may(None, "arm64", false));
        assert!(may(Some("linux/amd64"), "arm64", true));
    }

    #[test]
    fn an_engine_is_asked_for_one_image() {
        let id = Digest::of(b"x").to_string();
        for (image, full) in [
            ("nginx", "docker.io/library/nginx:latest".to_owned()),
            ("h.io:5000/a:1", "h.io:5000/a:1".to_owned()),
            (&format!("a:1@{id}"), format!("docker.io/library/a@{id}")),
            (&id, id.clone()),
        ] {
            assert_eq!(asked(image).unwrap().0, full);
        }
        assert_eq!(asked("sha256:12").unwrap_err().class(), crate::oci::ErrorClass::Config);
        assert_eq!((place(None), place(Some("b"))), ("docker-daemon:".into(), "docker-daemon://b/".into()));
    }
}

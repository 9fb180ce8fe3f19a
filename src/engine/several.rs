//! Several images in one docker-archive. Each is chosen as if it were exported alone; their manifests and blobs are one
//! plan, in which what they share is once; and the archive has all of them or is not there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::arrival::{Arrival, Shape};
use super::door::{DestinationDoor, SourceDoor};
use super::planner::{Planned, export_reference};
use super::together::{Gathered, Image, Together};
use super::{Error, Inner, Result, foreign, tree};
use crate::job::{JobSpec, Plan, PlannedDestination, PlannedImage, PlannedManifest, Presence, Target};
use crate::oci::{Descriptor, Digest, Document, Location, Platforms, Reference, Tag, TagOrDigest};
use crate::transport::{self, archive::DockerArchive};

/// Images that are asked for at the same time.
const AT_ONCE: usize = 8;

/// One of the images, chosen.
struct Chosen<'a> {
    location: &'a Location,
    source: SourceDoor,
    arrival: Arrival,
    /// What `docker load` will call it; none where only a digest was named.
    name: Option<Reference>,
}

impl Inner {
    /// Plans a job of several images.
    pub(super) async fn plan_several(&self, spec: &JobSpec, probe: bool) -> Result<Planned> {
        let paths = spec.destinations.iter().map(archive_of).collect::<Result<Vec<_>>>()?;
        if !spec.tags.is_empty() {
            return Err(Error::Request("further tags are for one image, not for several".to_owned()));
        }
        let sources: Vec<_> =
            spec.sources().map(|location| self.choose_alone(location, &spec.platforms)).collect();
        let chosen: Vec<Chosen<'_>> = stream::iter(sources).buffered(AT_ONCE).try_collect().await?;
        let images = together(&chosen)?;
        let destinations = paths.into_iter().map(|location| self.open_together(location, spec, &images));
        let destinations = destinations.collect::<Result<Vec<_>>>()?;

        let wants_foreign = spec.extras.foreign_layers;
        let (mut manifests, mut of): (Vec<tree::Fetched>, HashMap<Digest, usize>) = Default::default();
        for (nth, one) in chosen.iter().enumerate() {
            let root = &one.arrival.root;
            if of.insert(root.digest.clone(), nth).is_none() {
                manifests.push((root.clone(), one.arrival.platforms.first().cloned()));
            }
            for blob in blobs_of(one, wants_foreign)? {
                of.entry(blob.digest).or_insert(nth);
            }
        }
        let mut source = gathered(spec, &chosen, of);
        let own = manifests.iter().map(|(raw, _)| raw);
        let mut blobs = tree::blobs(own, &[], wants_foreign, &source.name)?;
        source.source = foreign::with_urls(source.source, &self.client, &mut blobs);
        let presence = if probe { Presence::Absent } else { Presence::Unasked };
        let planned = |door: &DestinationDoor| PlannedDestination {
            location: door.name.clone(),
            presence: vec![presence.clone(); blobs.len()],
            tags: Vec::new(),
            up_to_date: false,
            image_there: false,
            referrers: Vec::new(),
        };
        let (mut platforms, mut notes) = (Vec::new(), Vec::new());
        for one in &chosen {
            add_new(&mut platforms, &one.arrival.platforms);
            add_new(&mut notes, &one.arrival.notes);
        }
        let plan = Plan {
            source: spec.sources_text(),
            found: chosen[0].arrival.found.descriptor(),
            arrives: chosen[0].arrival.root.descriptor(),
            platforms,
            manifests: manifests
                .iter()
                .map(|(raw, platform)| PlannedManifest {
                    descriptor: raw.descriptor(),
                    platform: platform.clone(),
                })
                .collect(),
            destinations: destinations.iter().map(planned).collect(),
            blobs,
            notes,
            images: chosen.iter().map(planned_image).collect(),
            referrers: Vec::new(),
        };
        let manifests = manifests.into_iter().map(|(raw, _)| raw).collect();
        Ok(Planned { plan, manifests, beside: Vec::new(), source, destinations })
    }

    /// What of one image goes into the archive.
    async fn choose_alone<'a>(&self, location: &'a Location, platforms: &Platforms) -> Result<Chosen<'a>> {
        let source = self.open_source(location).await?;
        let found = source.source.manifest(&source.at).await?;
        let arrival = self.choose(&source, found, platforms, Shape::One).await?;
        let name =
            export_reference(location).ok().and_then(|reference| match (&reference.tag, &reference.digest) {
                (None, Some(_)) => None,
                (Some(_), _) => Some(reference),
                (None, None) => Some(reference.with_tag(Tag::latest())),
            });
        Ok(Chosen { location, source, arrival, name })
    }

    /// The archive that takes all of them.
    fn open_together(
        &self,
        location: &Location,
        spec: &JobSpec,
        images: &[Image],
    ) -> Result<DestinationDoor> {
        let Location::DockerArchive { path, .. } = location else {
            return Err(Error::Internal(format!("{location} is no docker-archive")));
        };
        let naming = self.file_naming(location, path, spec.overwrite);
        let archive = DockerArchive::create(naming, None)?;
        let root = images.last().map(|image| TagOrDigest::Digest(image.manifest.digest.clone()));
        Ok(DestinationDoor {
            destination: Arc::new(Together { archive, images: images.to_vec() }),
            host: format!("file:{}", path.display()),
            registry: None,
            repository: None,
            at: root.into_iter().collect(),
            name: location.to_string(),
            single: true,
        })
    }
}

/// The docker-archive that a target is; nothing else takes several images.
fn archive_of(target: &Target) -> Result<&Location> {
    match target {
        Target::Image(location @ Location::DockerArchive { reference: None, .. }) => Ok(location),
        other => Err(Error::Request(format!(
            "{other}: several images go into one docker-archive, which gives each its own name"
        ))),
    }
}

/// What an image is made of, if all of it can be loaded. The error names the image.
fn blobs_of(one: &Chosen<'_>, wants_foreign: bool) -> Result<Vec<Descriptor>> {
    let at = || one.location.to_string();
    let document = one.arrival.root.parse();
    let document = document.map_err(|source| transport::Error::Manifest { at: at(), source })?;
    let Document::Image(image) = document else { return Ok(Vec::new()) };
    let mut blobs: Vec<Descriptor> = image.blobs().into_iter().cloned().collect();
    // What is fetched from where it lies is a blob as any other.
    blobs
        .iter_mut()
        .filter(|blob| wants_foreign && foreign::is_elsewhere(blob))
        .for_each(|blob| blob.urls.clear());
    if let Some(reason) = blobs.iter().find_map(DockerArchive::refuses) {
        return Err(transport::Error::Unsupported { at: at(), reason }.into());
    }
    Ok(blobs)
}

fn planned_image(one: &Chosen<'_>) -> PlannedImage {
    PlannedImage {
        source: one.location.to_string(),
        found: one.arrival.found.descriptor(),
        arrives: one.arrival.root.descriptor(),
    }
}

fn add_new<T: Clone + PartialEq>(list: &mut Vec<T>, more: &[T]) {
    for item in more {
        if !list.contains(item) {
            list.push(item.clone());
        }
    }
}

/// The images, each once with all its names. Two images cannot have one name.
fn together(chosen: &[Chosen<'_>]) -> Result<Vec<Image>> {
    let (mut images, mut named): (Vec<Image>, HashMap<Reference, &Chosen<'_>>) = Default::default();
    for one in chosen {
        let root = &one.arrival.root;
        let place = images.iter().position(|image| image.manifest.digest == root.digest);
        let place = place.unwrap_or_else(|| {
            images.push(Image { manifest: root.clone(), names: Vec::new() });
            images.len() - 1
        });
        let Some(name) = &one.name else { continue };
        match named.entry(name.clone()) {
            Entry::Vacant(free) => {
                free.insert(one);
                images[place].names.push(name.clone());
            }
            Entry::Occupied(taken) if taken.get().arrival.root.digest == root.digest => {}
            Entry::Occupied(taken) => {
                let (first, second) = (taken.get().location, one.location);
                return Err(Error::Request(format!("{first} and {second} would both be called {name}")));
            }
        }
    }
    Ok(images)
}

/// All sources as one. Where the images are at different hosts, the limits of the first one hold for all.
fn gathered(spec: &JobSpec, chosen: &[Chosen<'_>], of: HashMap<Digest, usize>) -> SourceDoor {
    let at_host = chosen.iter().map(|one| &one.source).find(|door| !door.host.is_empty());
    let sources = chosen.iter().map(|one| Arc::clone(&one.source.source)).collect();
    SourceDoor {
        source: Arc::new(Gathered { sources, of }),
        at: chosen[0].source.at.clone(),
        host: at_host.map(|door| door.host.clone()).unwrap_or_default(),
        repository: at_host.and_then(|door| door.repository.clone()),
        name: spec.sources_text(),
    }
}

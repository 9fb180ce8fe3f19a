//! Planning: from a job's specification to which manifests, which blobs, and what each destination needs.

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::arrival::{Arrival, Shape};
use super::door::{DestinationDoor, SourceDoor};
use super::referrers::{self, AllBeside, Beside};
use super::tree::{self, Tree};
use super::{Error, Inner, Result, foreign};
use crate::job::{
    ExportName, JobSpec, Plan, PlannedBlob, PlannedDestination, PlannedManifest, Presence, TagChange, Target,
};
use crate::oci::{Digest, Location, Platforms, RawManifest, TagOrDigest};
use crate::transport::{self, archive::Naming};

/// Blobs that one preview asks for at the same time.
const QUESTIONS: usize = 16;

/// A plan with what is needed to run it.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// The manifests' bytes, in the plan's order: the last one is the root.
    pub(super) manifests: Vec<RawManifest>,
    /// What travels beside it, in the plan's order.
    pub(super) beside: Vec<Beside>,
    pub(super) source: SourceDoor,
    pub(super) destinations: Vec<DestinationDoor>,
}

impl Inner {
    /// Plans a job. With `probe` the destinations are asked for every blob; without, the uploads will ask.
    pub(super) async fn make_plan(&self, spec: &JobSpec, probe: bool) -> Result<Planned> {
        if spec.destinations.is_empty() {
            return Err(Error::Request(format!("{}: no destination was named", spec.source)));
        }
        spec.destinations.iter().try_for_each(|target| self.refuse_forbidden(target))?;
        if !spec.more.is_empty() {
            return Box::pin(self.plan_several(spec, probe)).await;
        }
        let mut source = self.open_source(&spec.source).await?;
        let named = self.open_named(spec)?;
        let takes_one = |door: &Option<DestinationDoor>| door.as_ref().is_none_or(|door| door.single);
        let mut notes: Vec<String> = self.staged_note(&spec.source).await.into_iter().collect();
        notes.extend(source.save_image(spec).await?);
        let shape = match named.iter().filter(|door| takes_one(door)).count() {
            0 => Shape::Whole,
            all if all == named.len() => Shape::One,
            _ => Shape::Mixed,
        };
        if shape != Shape::One {
            source = self.gzip_layers(source, &mut notes).await?;
        }
        for registry in named.iter().flatten().filter_map(|door| door.registry.as_ref()) {
            self.learn_profile(registry).await;
        }
        let found = async { source.source.manifest(&source.at).await.map_err(Error::from) };
        // One request to each side, at the same time: a second copy of the same image ends here.
        let (found, tags_now) = tokio::try_join!(found, self.tags_now(&named))?;
        let platforms = self.platforms_for_engines(&named, &found, &spec.platforms, &mut notes).await?;
        let mut arrival = self.choose(&source, found, &platforms, shape).await?;
        arrival.notes.append(&mut notes);
        let mut made = self.reform(&source, spec.extras, &mut arrival).await?;
        let found_beside = self.beside(&source, spec.extras, shape, &arrival, &mut made).await?;
        let AllBeside { beside, notes } = found_beside;
        arrival.notes.extend(notes);
        let destinations = self.open_rest(spec, named, &arrival)?;

        let mut planned: Vec<PlannedDestination> = Vec::with_capacity(destinations.len());
        for (door, now) in destinations.iter().zip(tags_now) {
            planned.push(destination_of(door, now, &door.known_as(&arrival.root))?);
        }
        if spec.keep_tags {
            planned.iter().try_for_each(keeps_tags)?;
        }
        // Where the image is already, only its names are new.
        let in_place = arrival.root.digest == arrival.found.digest && super::retag::is_in_place(spec);
        let Tree { mut manifests, blobs: more } =
            match (in_place || planned.iter().all(|d| d.up_to_date), made) {
                (true, _) => Tree::default(),
                (false, Some(made)) => made.tree,
                (false, None) => tree::below(&*source.source, &arrival.entries).await?,
            };
        manifests.push((arrival.root.clone(), None));
        let wants_foreign = spec.extras.foreign_layers;
        let own = || manifests.iter().map(|(raw, _)| raw);
        let theirs = beside.iter().flat_map(|one| &one.manifests);
        let more: Vec<_> = beside.iter().flat_map(|one| one.blobs.clone()).chain(more).collect();
        let mut blobs = match in_place {
            true => Vec::new(),
            false => tree::blobs(own().chain(theirs), &more, wants_foreign, &source.name)?,
        };
        arrival.notes.extend(foreign::note(own()).filter(|_| !wants_foreign));
        source.source = foreign::with_urls(source.source, &self.client, &mut blobs);
        for (door, destination) in destinations.iter().zip(&mut planned) {
            self.learn_source(&source, door, &blobs);
            self.look_at(door, destination, &blobs, &beside, probe).await?;
        }
        let plan = Plan {
            source: spec.source.to_string(),
            found: arrival.found.descriptor(),
            arrives: arrival.root.descriptor(),
            platforms: arrival.platforms,
            manifests: manifests
                .iter()
                .map(|(raw, platform)| PlannedManifest {
                    descriptor: raw.descriptor(),
                    platform: platform.clone(),
                })
                .collect(),
            blobs,
            referrers: referrers::planned(&beside),
            destinations: planned,
            notes: arrival.notes,
            images: Vec::new(),
        };
        let manifests = manifests.into_iter().map(|(raw, _)| raw).collect();
        Ok(Planned { plan, manifests, beside, source, destinations })
    }

    /// Opens every destination that has a name already; an export is named once its digest is known.
    fn open_named(&self, spec: &JobSpec) -> Result<Vec<Option<DestinationDoor>>> {
        let open = |target: &Target| match target {
            Target::Image(location) => {
                self.open_destination(location, &spec.source, &spec.tags, spec.overwrite).map(Some)
            }
            Target::ExportInto(_) => Ok(None),
        };
        spec.destinations.iter().map(open).collect()
    }

    /// Opens the exports, now that their digest and platform are known.
    fn open_rest(
        &self,
        spec: &JobSpec,
        named: Vec<Option<DestinationDoor>>,
        arrival: &Arrival,
    ) -> Result<Vec<DestinationDoor>> {
        let open = |(door, target): (Option<DestinationDoor>, &Target)| match (door, target) {
            (Some(door), _) => Ok(door),
            (None, Target::Image(location)) => Err(Error::Internal(format!("{location} was not opened"))),
            (None, Target::ExportInto(directory)) => {
                let reference = export_reference(&spec.source)?;
                let digest = arrival.root.digest.clone();
                // The platform is part of the name only where the person chose one of several.
                let platform = match (&spec.platforms, &arrival.platforms[..]) {
                    (Platforms::Only(_), [one]) if spec.platform_in_name => Some(one.clone()),
                    _ => None,
                };
                let (names, time) = (reference.clone(), jiff::Zoned::now().datetime());
                let naming = Naming::Exclusive {
                    directory: directory.clone(),
                    name: Box::new(move |copy| {
                        ExportName { reference: &names, digest: &digest, platform: platform.as_ref(), time }
                            .file_name(copy)
                    }),
                };
                let path = directory.display().to_string();
                // Two exports into one directory are two files, so they never share a blob's claim.
                let unique = format!("{path}#{}", self.next_serial());
                self.docker_archive(naming, Some(&reference), &spec.tags, format!("{path}/"), &unique)
            }
        };
        named.into_iter().zip(&spec.destinations).map(open).collect()
    }

    /// What the destinations' tags point at now; archives have none.
    async fn tags_now(&self, named: &[Option<DestinationDoor>]) -> Result<Vec<Vec<Option<Digest>>>> {
        let mut asked = Vec::with_capacity(named.len());
        for door in named {
            let tags = door.iter().filter(|door| door.has_tags()).flat_map(|door| {
                let destination = &door.destination;
                door.at.iter().map(move |at| destination.resolve(at))
            });
            asked.push(try_join_all(tags));
        }
        let now = try_join_all(asked).await?;
        Ok(now.into_iter().map(|tags| tags.into_iter().map(|d| d.map(|d| d.digest)).collect()).collect())
    }

    /// Asks one destination for every blob that it needs; all others count as there.
    pub(super) async fn probe(
        &self,
        door: &DestinationDoor,
        blobs: &[PlannedBlob],
        needed: &[bool],
    ) -> Result<Vec<Presence>> {
        let known = self.known_places(door, blobs, false).await;
        let ask = |(blob, needed): (&PlannedBlob, &bool)| {
            let needed = *needed;
            let (known, blob) = (known.get(&blob.descriptor.digest).cloned(), blob.descriptor.clone());
            async move {
                if !needed || door.destination.has_blob(&blob).await? {
                    return Ok(Presence::Present);
                }
                Ok(known.map_or(Presence::Absent, Presence::Mount))
            }
        };
        let asked: Vec<_> = blobs.iter().zip(needed).map(ask).collect();
        stream::iter(asked).buffered(QUESTIONS).try_collect().await
    }
}

/// A destination's tags and whether it has everything.
pub(super) fn destination_of(
    door: &DestinationDoor,
    now: Vec<Option<Digest>>,
    arrives: &Digest,
) -> Result<PlannedDestination> {
    if let Some(TagOrDigest::Digest(asked)) = door.at.iter().find(|at| matches!(at, TagOrDigest::Digest(_)))
        && asked != arrives
        && !door.single
    {
        let reason = format!("what would arrive is {arrives}, not the digest that was named");
        return Err(transport::Error::Conflict { at: door.name.clone(), reason }.into());
    }
    let up_to_date = !now.is_empty() && now.iter().all(|old| old.as_ref() == Some(arrives));
    let tags = door.at.iter().zip(now).filter_map(|(at, old)| match at {
        TagOrDigest::Tag(tag) if door.has_tags() => {
            Some(TagChange { tag: tag.clone(), old, new: arrives.clone() })
        }
        _ => None,
    });
    Ok(PlannedDestination {
        location: door.name.clone(),
        presence: Vec::new(),
        tags: tags.collect(),
        image_there: up_to_date,
        referrers: Vec::new(),
        up_to_date,
    })
}

/// Refuses to move a tag that is there.
pub(super) fn keeps_tags(planned: &PlannedDestination) -> Result<()> {
    let Some(TagChange { tag, old: Some(old), new }) = planned.tags.iter().find(|tag| tag.overwrites())
    else {
        return Ok(());
    };
    let reason = format!(
        "the tag {tag} is there already, at {old}, and {new} would take its place; --force overwrites it"
    );
    Err(transport::Error::Conflict { at: planned.location.clone(), reason }.into())
}

/// The name that an exported file is made of.
pub(super) fn export_reference(source: &Location) -> Result<crate::oci::Reference> {
    let text = match source {
        Location::Registry(reference) => return Ok(reference.clone()),
        Location::Store { repository, target: None } => repository.to_string(),
        Location::Store { repository, target: Some(at) } => super::door::written(repository.as_str(), at),
        Location::OciLayout { path, reference } | Location::OciArchive { path, reference } => {
            let name = path.file_stem().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
            reference.as_ref().filter(|r| r.contains('/')).cloned().unwrap_or_else(|| match reference {
                Some(digest) if digest.parse::<Digest>().is_ok() => format!("{name}@{digest}"),
                Some(tag) => format!("{name}:{tag}"),
                None => name,
            })
        }
        Location::DockerArchive { reference: Some(reference), .. } => return Ok(reference.clone()),
        Location::DockerArchive { path, .. } => {
            path.file_stem().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default()
        }
        Location::DockerDaemon { image, .. } => image.clone(),
    };
    text.parse().map_err(|e| Error::Request(format!("{source} has no name that a file could get: {e}")))
}

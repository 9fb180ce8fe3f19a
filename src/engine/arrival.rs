//! What of the manifest that was found is to arrive: all of it, an index of some platforms, or one image.

use std::collections::HashSet;

use super::door::{SourceDoor, written};
use super::nested::Flat;
use super::{Error, Inner, Result, tree};
use crate::oci::{
    Descriptor, Digest, Document, ImageManifest, Index, ManifestError, Platform, Platforms, RawManifest,
    TagOrDigest, media_type,
};
use crate::transport;

/// What the destinations of a job take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Indexes and images alike.
    Whole,
    /// One image: docker-archives.
    One,
    /// Some one, some the other.
    Mixed,
}

/// What was found at the source and what of it is to arrive.
pub(super) struct Arrival {
    pub(super) found: RawManifest,
    pub(super) root: RawManifest,
    /// Entries of the root that are fetched as well; empty where the root is an image.
    pub(super) entries: Vec<Descriptor>,
    pub(super) platforms: Vec<Platform>,
    pub(super) notes: Vec<String>,
}

impl Inner {
    /// Decides what of the found manifest is to arrive. A platform that the image lacks is an error that lists those it
    /// has.
    pub(super) async fn choose(
        &self,
        source: &SourceDoor,
        found: RawManifest,
        platforms: &Platforms,
        shape: Shape,
    ) -> Result<Arrival> {
        match found.parse().map_err(|error| wrong(source, error))? {
            Document::Image(image) => choose_image(source, found, &image, platforms, shape).await,
            Document::Index(index) => {
                // Where all of it arrives nobody need look into the indexes within it.
                let flat = match (platforms, shape) {
                    (Platforms::All, Shape::Whole) => Flat::plain(*index),
                    _ => Flat::of(&*source.source, *index).await?,
                };
                if shape == Shape::Whole {
                    return choose_entries(source, found, &flat, platforms).await;
                }
                let (mut notes, index) = (Vec::new(), &flat.index);
                let wanted = self.one_platform(source, index, platforms, shape, &mut notes)?;
                let entry = choose_one(source, index, wanted.as_ref())?;
                one_image(source, found, entry, notes).await
            }
        }
    }

    /// The platform for destinations that take one. `None`: the index has but one image, which says nothing of its
    /// platform.
    fn one_platform(
        &self,
        source: &SourceDoor,
        index: &Index,
        platforms: &Platforms,
        shape: Shape,
        notes: &mut Vec<String>,
    ) -> Result<Option<Platform>> {
        let at = written(&source.name, &source.at);
        match (platforms, shape) {
            (Platforms::Only(list), _) => match &list[..] {
                [one] => Ok(Some(one.clone())),
                _ => Err(Error::Request(format!(
                    "{at}: a docker-archive holds one platform, and {} were named",
                    list.len()
                ))),
            },
            // The other destinations would silently get one platform as well.
            (Platforms::All, Shape::Mixed) => Err(Error::Request(format!(
                "{at}: a docker-archive holds one platform, and the other destinations take all; name one with --platform, or export apart"
            ))),
            (Platforms::All, _) => {
                let chosen = match (&images(index)[..], &index.platforms()[..]) {
                    ([only], _) => only.platform.clone().filter(|p| !p.is_unknown()),
                    (_, [only]) => Some(only.clone()),
                    _ => Some(self.host_platform.clone()),
                };
                if let Some(chosen) = &chosen {
                    notes.push(format!(
                        "{chosen} was chosen, as no --platform was given: a docker-archive holds one platform"
                    ));
                }
                Ok(chosen)
            }
        }
    }
}

/// An image by itself: it is what it is, or not what was asked for.
async fn choose_image(
    source: &SourceDoor,
    found: RawManifest,
    image: &ImageManifest,
    platforms: &Platforms,
    shape: Shape,
) -> Result<Arrival> {
    let asked = *platforms != Platforms::All || shape != Shape::Whole;
    let own = match asked && media_type::is_image_config(&image.config.media_type) {
        true => super::question::platform_of(&super::question::small_blob(source, &image.config).await?),
        false => None,
    };
    if let Platforms::Only(list) = platforms
        && let Some(wanted) =
            list.iter().find(|wanted| !own.as_ref().is_some_and(|own| own.satisfies(wanted)))
    {
        let (wanted, available) = (Box::new(wanted.clone()), own.into_iter().collect());
        return Err(wrong(source, ManifestError::Platform { wanted, available }));
    }
    let platforms = own.into_iter().collect();
    Ok(Arrival { root: found.clone(), found, entries: Vec::new(), platforms, notes: Vec::new() })
}

/// All entries of an index, or those of some platforms with their attestations. One image alone arrives as itself.
async fn choose_entries(
    source: &SourceDoor,
    found: RawManifest,
    flat: &Flat,
    platforms: &Platforms,
) -> Result<Arrival> {
    let chosen = flat.index.select(platforms).map_err(|error| wrong(source, error))?;
    let images: Vec<&Descriptor> = chosen.iter().copied().filter(|entry| entry.attests().is_none()).collect();
    if let ([one], Platforms::Only(_)) = (&images[..], platforms) {
        return one_image(source, found, one, Vec::new()).await;
    }
    let named = |entry: &&Descriptor| entry.platform.clone().filter(|p| !p.is_unknown());
    let platforms = images.iter().filter_map(named).collect();
    let keep: HashSet<Digest> = chosen.into_iter().map(|entry| entry.digest.clone()).collect();
    let (root, entries) = flat.keep(&found, &keep).map_err(|error| wrong(source, error))?;
    Ok(Arrival { found, root, entries, platforms, notes: Vec::new() })
}

/// The entry for a platform: the one that is exactly that, else the first that will do. Several will where they differ in
/// a variant or a Windows build that nobody named.
fn choose_one<'a>(
    source: &SourceDoor,
    index: &'a Index,
    wanted: Option<&Platform>,
) -> Result<&'a Descriptor> {
    let images = images(index);
    let Some(wanted) = wanted else {
        let lacking =
            || Error::Request(format!("{}: the index has no image", written(&source.name, &source.at)));
        return images.first().copied().ok_or_else(lacking);
    };
    let is = |entry: &&&Descriptor| entry.platform.as_ref() == Some(wanted);
    let will_do = |entry: &&&Descriptor| entry.platform.as_ref().is_some_and(|p| p.satisfies(wanted));
    let found = images.iter().find(is).or_else(|| images.iter().find(will_do)).copied();
    found.ok_or_else(|| {
        let (wanted, available) = (Box::new(wanted.clone()), index.platforms());
        wrong(source, ManifestError::Platform { wanted, available })
    })
}

/// An index's entries but for attestations, and for what is no manifest.
fn images(index: &Index) -> Vec<&Descriptor> {
    let is_image =
        |entry: &&Descriptor| entry.attests().is_none() && media_type::may_be_manifest(&entry.media_type);
    index.manifests.iter().filter(is_image).collect()
}

/// One image of an index, taken by itself.
async fn one_image(
    source: &SourceDoor,
    found: RawManifest,
    entry: &Descriptor,
    notes: Vec<String>,
) -> Result<Arrival> {
    let root = tree::fetch(&*source.source, entry).await?;
    if matches!(root.parse(), Ok(Document::Index(_))) {
        let at = written(&source.name, &TagOrDigest::Digest(entry.digest.clone()));
        let reason = format!("{at} is an index within an index; name one image of it by its digest");
        return Err(Error::Request(reason));
    }
    let platforms = entry.platform.clone().into_iter().collect();
    Ok(Arrival { found, root, entries: Vec::new(), platforms, notes })
}

fn wrong(source: &SourceDoor, error: ManifestError) -> Error {
    transport::Error::Manifest { at: written(&source.name, &source.at), source: error }.into()
}

//! What a plan has besides the image itself: another format, what refers to it, and what a destination lacks of all
//! that.

use std::collections::HashSet;

use super::arrival::{Arrival, Shape};
use super::convert::{self, Reformed};
use super::door::{DestinationDoor, SourceDoor};
use super::referrers::{AllBeside, Beside};
use super::{Error, Inner, Result, tree};
use crate::job::{Extras, PlannedBlob, PlannedDestination, Presence};
use crate::oci::media_type;

/// Why what refers to an image does not arrive with it.
const NO_PLACE: &str = "what Docker loads has no place for them";

impl Inner {
    /// Makes what arrives another format's, if that is asked for. The answer is what is below it then.
    pub(super) async fn reform(
        &self,
        source: &SourceDoor,
        extras: Extras,
        arrival: &mut Arrival,
    ) -> Result<Option<Reformed>> {
        let Some(format) = extras.format else { return Ok(None) };
        let tree = tree::below(&*source.source, &arrival.entries).await?;
        convert::to_format(format, arrival, tree, source).map(Some)
    }

    /// Finds what travels beside the image. `made` is what is below its root, where that is known already.
    pub(super) async fn beside(
        &self,
        source: &SourceDoor,
        extras: Extras,
        shape: Shape,
        arrival: &Arrival,
        made: &mut Option<Reformed>,
    ) -> Result<AllBeside> {
        if !extras.finds_referrers() {
            return Ok(AllBeside::default());
        }
        match shape {
            Shape::Whole => {}
            Shape::One => {
                let note = format!("referrers stay behind: {NO_PLACE}");
                return Ok(AllBeside { beside: Vec::new(), notes: vec![note] });
            }
            Shape::Mixed => {
                return Err(Error::Request(format!(
                    "{}: there are referrers, and {NO_PLACE}; copy to it apart, without --referrers and --digest-tags",
                    source.name
                )));
            }
        }
        if made.is_none() && arrival.entries.iter().any(|entry| media_type::is_index(&entry.media_type)) {
            let tree = tree::below(&*source.source, &arrival.entries).await?;
            *made = Some(Reformed { tree, gone: Vec::new() });
        }
        let mut subjects = vec![arrival.root.digest.clone()];
        let mut gone = match made {
            Some(Reformed { tree, gone }) => {
                subjects.extend(tree.manifests.iter().map(|(raw, _)| raw.digest.clone()));
                gone.clone()
            }
            None => {
                subjects.extend(arrival.entries.iter().map(|entry| entry.digest.clone()));
                Vec::new()
            }
        };
        if arrival.found.digest != arrival.root.digest && !gone.contains(&arrival.found.digest) {
            gone.push(arrival.found.digest.clone());
        }
        self.find_beside(source, extras, subjects, &gone).await
    }

    /// What a destination has: of the referrers, and of the blobs.
    pub(super) async fn look_at(
        &self,
        door: &DestinationDoor,
        destination: &mut PlannedDestination,
        blobs: &[PlannedBlob],
        beside: &[Beside],
        probe: bool,
    ) -> Result<()> {
        if !door.single {
            self.look_for_beside(door, destination, beside, probe).await?;
        }
        destination.up_to_date &= destination.referrers.iter().all(|there| *there == Presence::Present);
        let needed = needed(destination, blobs, beside, &door.name)?;
        let unasked = |needed: &bool| if *needed { Presence::Unasked } else { Presence::Present };
        destination.presence = match probe && !destination.up_to_date {
            true => self.probe(door, blobs, &needed).await?,
            false => needed.iter().map(unasked).collect(),
        };
        Ok(())
    }
}

/// Which blobs a destination needs: all but where it has the image and lacks only some referrers.
fn needed(
    destination: &PlannedDestination,
    blobs: &[PlannedBlob],
    beside: &[Beside],
    at: &str,
) -> Result<Vec<bool>> {
    if destination.up_to_date || !destination.image_there {
        return Ok(vec![true; blobs.len()]);
    }
    let mut digests = HashSet::new();
    for (one, presence) in beside.iter().zip(&destination.referrers) {
        if *presence != Presence::Present {
            let theirs = tree::blobs(one.manifests.iter(), &one.blobs, true, at)?;
            digests.extend(theirs.into_iter().map(|blob| blob.descriptor.digest));
        }
    }
    Ok(blobs.iter().map(|blob| digests.contains(&blob.descriptor.digest)).collect())
}

//! What is asked for as the cursor rests: the image it is on, and of the rows that are seen their digests and images.
//!
//! Registries count requests, so this is what is asked of them, and only 150 ms after the last move:
//!
//! - a HEAD for each row that is seen, and one for its name at the target: `= ≠ ∅`, and tags of one image. No registry counts
//!   these as pulls.
//! - everything about the cursor's image: an index, and a manifest and a configuration for each platform.
//! - the same for the other rows that are seen, each digest once, a few at a time; what is scrolled away is not asked for
//!   any more. Not at Docker Hub, which counts each of them as a pull, nor at a registry that has said 429.

use std::collections::HashSet;
use std::sync::Arc;

use crate::oci::{Digest, Location};
use crate::tui::effect::Effect;
use crate::tui::state::lookup::Known;
use crate::tui::state::popup::Popup;
use crate::tui::state::{DEBOUNCE, Pane, State};
use crate::tui::upkeep::Upkeep;
use crate::tui::view::layout::Layout;

/// Images that are asked for ahead of the cursor at the same time.
const AHEAD: usize = 4;

/// Asks for what the cursor rests on, and for what is seen around it.
pub(super) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    let at = state.browse.location();
    if at != state.at {
        (state.at, state.rested, state.details.top) = (at.clone(), state.now, 0);
    }
    let layout = state.layout();
    let area = layout.inner(Pane::Browse);
    let rows = crate::tui::view::browse::window(state, area).height as usize;
    let visible = state.visible(rows);
    share(state, &visible);
    let digests = unknown_digests(state, &visible);
    let referrers = unknown_referrers(state, &layout);
    let mut images: Vec<Location> = at.filter(|at| state.images.get(at).is_none()).into_iter().collect();
    // The cursor's first; the others once their digests say that they are not the same one.
    ahead(state, &visible, &mut images);
    state.unasked = !images.is_empty() || !digests.is_empty() || referrers.is_some();
    if !state.unasked || state.now < state.rested + DEBOUNCE {
        return;
    }
    state.unasked = false;
    for location in images {
        state.images.ask(&location);
        effects.push(Effect::Inspect(location));
    }
    for location in digests {
        state.digests.ask(&location);
        effects.push(Effect::Resolve(location));
    }
    if let Some((at, digest)) = referrers {
        state.referrers.ask(&digest);
        effects.push(Effect::Upkeep(Upkeep::Referrers(at, digest)));
    }
}

fn unknown_digests(state: &State, visible: &[Location]) -> Vec<Location> {
    let mut asked = HashSet::new();
    let own = visible.iter().filter(|at| !matches!(at, Location::DockerDaemon { .. })).cloned();
    let all = own.flat_map(|source| [state.destination(&source), Some(source)]).flatten();
    all.filter(|at| state.digests.get(at).is_none() && asked.insert(at.clone())).collect()
}

/// Rows of one digest are one image: what is known of one is known of all.
fn share(state: &mut State, visible: &[Location]) {
    for at in visible.iter().filter(|at| state.images.get(at).is_none()).cloned().collect::<Vec<_>>() {
        let Some(Some(digest)) = state.digests.value(&at) else { continue };
        let same = state.images.values().find(|image| image.descriptor.digest == *digest).map(Arc::clone);
        if let Some(image) = same {
            state.images.answer(&at, Ok(image));
        }
    }
}

fn ahead(state: &State, visible: &[Location], images: &mut Vec<Location>) {
    let mut room = AHEAD.saturating_sub(state.images.asked() + images.len());
    let asked = |at: &&Location| matches!(state.images.get(at), Some(Known::Asked));
    let digest = |at: &Location| state.digests.value(at).cloned().flatten();
    let mut waiting: HashSet<Digest> =
        visible.iter().filter(asked).chain(images.iter()).filter_map(digest).collect();
    for at in visible {
        if room == 0 {
            return;
        }
        let spared = match at {
            Location::Registry(reference) => {
                reference.registry.is_docker_hub() || state.browse.spared.contains(&reference.registry)
            }
            _ => false,
        };
        let new = match (at, digest(at)) {
            (Location::DockerDaemon { .. }, _) => true,
            (_, Some(digest)) => waiting.insert(digest),
            (_, None) => false,
        };
        if !spared && new && state.images.get(at).is_none() && !images.contains(at) {
            images.push(at.clone());
            room -= 1;
        }
    }
}

/// What refers to the cursor's image is asked for where it is shown.
fn unknown_referrers(state: &State, layout: &Layout) -> Option<(Location, Digest)> {
    let shown =
        layout.inner(Pane::Details).height > 0 || matches!(state.popups.last(), Some(Popup::Inspect(_)));
    let at = state.at.as_ref().filter(|_| shown)?;
    let digest = &state.images.value(at)?.descriptor.digest;
    let engine = matches!(at, Location::DockerDaemon { .. } | Location::DockerArchive { .. });
    (!engine && state.referrers.get(digest).is_none()).then(|| (at.clone(), digest.clone()))
}

//! The queue: adding, ordering, aiming, starting.

use std::collections::HashMap;
use std::path::PathBuf;

use tui_input::Input;

use crate::config::{Prefix, RegistryType, TagFilter};
use crate::engine::{ListedImages, Place};
use crate::job::Failure;
use crate::oci::{Location, Platform, Platforms};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::state::aim::Aim;
use crate::tui::state::browse::Level;
use crate::tui::state::marks::MarkKey;
use crate::tui::state::plan::{PlanChoice, PlanPreview};
use crate::tui::state::popup::{Ask, Popup, Prompt};
use crate::tui::state::queue::{Adding, Change, Draft, DraftId, Goal, Options, Wanted, with_its_tag};
use crate::tui::state::{Pane, State, Tone};

/// Adds what is marked, else the cursor's row.
pub(super) fn add(state: &mut State, export: bool, effects: &mut Vec<Effect>) {
    let Some(Chosen { images, whole }) = chosen(state) else { return };
    if images.is_empty() || enqueue(state, images, export) {
        state.marks.clear();
    }
    gather(state, whole, export, effects);
}

/// What is marked, else the cursor's row.
pub(super) struct Chosen {
    /// Images; and repositories, with the tags that they have when it begins.
    pub images: Vec<Wanted>,
    /// Files, with all of theirs.
    pub whole: Vec<Place>,
}

/// What is marked, else the cursor's row. Says why if there is nothing.
pub(super) fn chosen(state: &mut State) -> Option<Chosen> {
    super::browse::mark_range(state);
    let keys = match state.marks.is_empty() {
        false => state.marks.in_order(),
        true => state.browse.key_at(state.browse.list().cursor()).into_iter().collect(),
    };
    if keys.is_empty() {
        let text = match state.browse.level {
            Level::Repositories => state.words.nothing_marked_repository(),
            _ if !state.browse.list().is_empty() => state.words.no_name_here(),
            _ => state.words.nothing_to_add(),
        };
        state.say(Tone::Plain, text);
        return None;
    }
    let mut images: Vec<(Location, Option<Vec<Platform>>)> = Vec::new();
    let mut at: HashMap<Location, usize> = HashMap::new();
    let (mut whole, mut rules) = (Vec::new(), Vec::new());
    for key in keys {
        let (location, platform) = match key {
            MarkKey::Image { at, platform } => (at, platform),
            MarkKey::Whole(place) => {
                whole.push(place);
                continue;
            }
            MarkKey::Repository(at) => {
                rules.push(Wanted::rule(at, TagFilter::all()));
                continue;
            }
        };
        let there = at.get(&location).and_then(|n| images.get_mut(*n));
        match (there, platform) {
            // The whole image outdoes its parts.
            (Some((_, platforms)), None) => *platforms = None,
            (Some((_, Some(platforms))), Some(platform)) => platforms.push(platform),
            (Some((_, None)), Some(_)) => {}
            (None, platform) => {
                at.insert(location.clone(), images.len());
                images.push((location, platform.map(|platform| vec![platform])));
            }
        }
    }
    let wanted = |(source, only): (Location, Option<Vec<Platform>>)| {
        let platforms = only.map_or(Platforms::All, Platforms::from_list);
        Wanted { options: Options { platforms, ..Options::default() }, ..Wanted::all(source) }
    };
    let mut images: Vec<Wanted> = images.into_iter().map(wanted).collect();
    if !images.is_empty() && !state.browse.images.images.is_empty() {
        keep(state, state.browse.images.clone());
    }
    images.extend(rules);
    Some(Chosen { images, whole })
}

/// Asks for the images of files that go to the queue as a whole.
pub(super) fn gather(state: &mut State, places: Vec<Place>, export: bool, effects: &mut Vec<Effect>) {
    for place in places.into_iter().filter(|place| !state.gathering.contains(place)).collect::<Vec<_>>() {
        state.gathering.push(place.clone());
        effects.push(Effect::Gather { place, export });
    }
}

/// As [`gather`], and asks for their options before they are added.
pub(super) fn gather_for_options(state: &mut State, places: Vec<Place>, effects: &mut Vec<Effect>) {
    state.queue.optioned.extend(places.iter().cloned());
    gather(state, places, false, effects);
}

/// The images of a file: all of them are drafts.
pub(super) fn gathered(
    state: &mut State,
    place: &Place,
    export: bool,
    answer: Result<ListedImages, Failure>,
    effects: &mut Vec<Effect>,
) {
    state.gathering.retain(|waiting| waiting != place);
    let optioned = state.queue.optioned.contains(place);
    state.queue.optioned.retain(|waiting| waiting != place);
    match answer {
        Ok(listed) if listed.images.is_empty() => state.say(Tone::Bad, state.words.no_image_in(place)),
        Ok(listed) => {
            let wanted: Vec<Wanted> =
                listed.images.iter().map(|image| Wanted::all(image.location.clone())).collect();
            match optioned {
                true => super::options::open_new(state, wanted, effects),
                false => drop(enqueue(state, wanted, export)),
            }
            keep(state, listed);
        }
        Err(failure) => state.say(Tone::Bad, failure.message),
    }
}

/// Files that are kept open for their drafts: a compressed one would be unpacked again for the plan, and for the job.
const KEPT: usize = 16;

fn keep(state: &mut State, listed: ListedImages) {
    state.kept.truncate(KEPT - 1);
    state.kept.insert(0, listed);
}

/// Adds what was typed, pasted or imported; a file without an image's name is all its images.
pub(super) fn add_typed(state: &mut State, found: Vec<Wanted>, export: bool, effects: &mut Vec<Effect>) {
    let is_whole = |wanted: &Wanted| Place::of_whole(&wanted.source).is_some();
    let (whole, named): (Vec<_>, Vec<_>) = found.into_iter().partition(is_whole);
    gather(
        state,
        whole.iter().filter_map(|wanted| Place::of_whole(&wanted.source)).collect(),
        export,
        effects,
    );
    if !named.is_empty() {
        enqueue(state, named, export);
    }
}

/// Drafts that are made at once: a step of this many leaves a key waiting for no longer than a frame.
const STEP: usize = 500;

/// Adds drafts and says so; false if nothing could be added. Many are added in steps.
pub(super) fn enqueue(state: &mut State, wanted: Vec<Wanted>, export: bool) -> bool {
    // What came before is in the queue before.
    while state.adding.is_some() {
        add_some(state);
    }
    let many = wanted.len() > STEP;
    let count = wanted.len();
    state.adding =
        Some(Adding { todo: wanted.into_iter(), drafts: Vec::new(), count, export, refused: None });
    if many {
        return true;
    }
    add_some(state)
}

/// The next step of an addition; false if it ended and nothing could be added.
pub(super) fn add_some(state: &mut State) -> bool {
    let Some(mut adding) = state.adding.take() else { return true };
    for Wanted { source, tags, options, goal } in adding.todo.by_ref().take(STEP) {
        let goal = match (goal, adding.export) {
            (Some(goal), _) => Ok(goal),
            (None, true) => Ok(Goal::Export(state.downloads.clone())),
            (None, false) => state.goal(&source),
        };
        match goal {
            Ok(goal) => adding.drafts.push(Draft { tags, ..Draft::new(source, goal, options) }),
            Err(reason) => adding.refused = Some(reason),
        }
    }
    if adding.todo.len() > 0 {
        state.adding = Some(adding);
        return true;
    }
    let Adding { drafts, count, export, refused, .. } = adding;
    let words = state.words;
    let able = drafts.len();
    let aimless = drafts.iter().any(|draft| draft.goal == Goal::Copy(Vec::new()));
    let ruled = !drafts.is_empty() && drafts.iter().all(|draft| draft.tags.is_some());
    let added = state.queue.add(drafts);
    let text = match (ruled, export) {
        (true, _) if added == 1 => words.rule_added().to_owned(),
        (true, _) => words.rules_added(added),
        (false, true) => words.added_exports(added),
        (false, false) => words.added_copies(added),
    };
    match (added, refused) {
        (_, Some(reason)) if able < count && added == 0 => {
            let text = words.target_refuses(reason, state.key(Action::SetTarget));
            state.say(Tone::Bad, text);
            return false;
        }
        (_, Some(reason)) => state.say(Tone::Bad, words.added_but(text, reason)),
        (0, None) if ruled => state.say(Tone::Plain, words.rule_there()),
        (0, None) => state.say(Tone::Plain, words.queued_already()),
        (_, None) if ruled && !aimless => state.say(Tone::Good, text),
        (_, None) => say_added(state, &text, aimless),
    }
    true
}

/// Says what was added, and which key goes on from there.
fn say_added(state: &mut State, text: &str, aimless: bool) {
    let (words, start) = (state.words, state.key(Action::Start));
    let (tone, text) = match aimless {
        true => (Tone::Plain, words.added_where(text, state.key(Action::SetTarget), start)),
        false => (Tone::Good, words.added_start(text, start)),
    };
    state.say(tone, text);
}

pub(super) fn change(state: &mut State, action: Action) {
    let words = state.words;
    let text = match action {
        Action::RemoveDraft => {
            let chosen = state.queue.chosen();
            match state.queue.remove(&chosen) {
                0 => words.nothing_to_remove().to_owned(),
                1 => words.removed_draft(state.key(Action::Undo)),
                n => words.removed_drafts(n, state.key(Action::Undo)),
            }
        }
        Action::DraftDown | Action::DraftUp if state.queue.shift(action == Action::DraftDown) => return,
        Action::DraftDown | Action::DraftUp => words.nothing_to_move().to_owned(),
        Action::Undo => match state.queue.undo() {
            Some(change) => words.undone(named(state, change), state.key(Action::Redo)),
            None => words.nothing_to_undo().to_owned(),
        },
        _ => match state.queue.redo() {
            Some(change) => words.redone(named(state, change), state.key(Action::Undo)),
            None => words.nothing_to_redo().to_owned(),
        },
    };
    state.say(Tone::Plain, text);
}

/// A change in a few words.
fn named(state: &State, change: Change) -> String {
    let words = state.words;
    match change {
        Change::Add(n) => words.change_add(n),
        Change::Remove(n) => words.change_remove(n),
        Change::Move => words.change_move().to_owned(),
        Change::Options(n) => words.change_options(n),
        Change::Aim(n) => words.change_aim(n),
        Change::Edit => words.change_edit().to_owned(),
    }
}

/// The registries' cursor as the target; a directory takes the exports.
pub(super) fn use_as_target(state: &mut State) {
    let at = state.registries.cursor;
    let (Some(row), Some(entry)) = (state.registries.rows.get(at), state.registries.entries.get(at)) else {
        return;
    };
    if entry.read_only {
        let reason = state.words.place_read_only(&row.name);
        return state.say(Tone::Bad, reason);
    }
    if let (RegistryType::LocalFile, Ok(Place::Directory(directory))) = (row.kind, &row.place) {
        state.downloads = directory.clone();
        return state.say(Tone::Good, state.words.exports_go_to(state.downloads.display()));
    }
    match Prefix::of(entry) {
        Ok(target) => aim(state, Aim::at(target), false),
        Err(reason) => state.say(Tone::Bad, reason),
    }
}

/// Targets that are remembered.
const RECENT: usize = 8;

/// Sets the target, also for copies that wait for one; with `all` for every copy of the queue.
pub(super) fn aim(state: &mut State, target: Aim, all: bool) {
    for place in target.places().iter().rev() {
        let text = place.to_string();
        state.recent.retain(|known| *known != text);
        state.recent.insert(0, text);
    }
    state.recent.truncate(RECENT);
    let to = |source: &Location| {
        let places = target.destinations(source)?;
        let itself = with_its_tag(source);
        let elsewhere: Vec<Location> = places.into_iter().filter(|place| *place != itself).collect();
        if elsewhere.is_empty() { Err(String::new()) } else { Ok(elsewhere) }
    };
    let aimed = match all {
        false => state.queue.aim(to),
        true => {
            let ids: Vec<DraftId> = state.queue.drafts().iter().map(|draft| draft.id).collect();
            state.queue.change(&ids, Change::Aim, |draft| {
                if let (Goal::Copy(_), Ok(places)) = (&draft.goal, to(&draft.source)) {
                    draft.goal = Goal::Copy(places);
                }
            })
        }
    };
    let text = match aimed {
        0 => state.words.copies_go_to(&target),
        n => state.words.copies_aimed(&target, n, state.key(Action::Undo)),
    };
    state.say(Tone::Good, text);
    state.target = Some(target);
}

/// Shows the plan of the queue; without a target for its copies, asks for that first.
pub(super) fn start(state: &mut State, effects: &mut Vec<Effect>) {
    if state.queue.drafts().is_empty() {
        let text = state.words.queue_is_empty(state.key(Action::Add), state.key(Action::AddReference));
        return state.say(Tone::Plain, text);
    }
    let ready: Vec<_> =
        state.queue.drafts().iter().filter(|d| !state.queue.starting.contains(&d.id)).cloned().collect();
    let drafts: Vec<(DraftId, _)> =
        ready.iter().filter_map(|draft| Some((draft.id, draft.spec()?))).collect();
    if ready.iter().any(|draft| draft.lacks_target()) {
        return super::target::open(state, true);
    }
    if ready.is_empty() {
        return state.say(Tone::Plain, state.words.queue_starting());
    }
    state.plans += 1;
    let generation = state.plans;
    let mut directories: Vec<PathBuf> = Vec::new();
    for draft in &ready {
        if let Goal::Export(directory) = &draft.goal
            && !directories.contains(directory)
        {
            directories.push(directory.clone());
        }
    }
    let preview = PlanPreview::new(generation, super::rules::of(&ready), &drafts);
    if !directories.is_empty() {
        effects.push(Effect::Room { generation, directories });
    }
    match preview.rules.is_empty() {
        true => effects.push(Effect::Plan { generation, drafts }),
        false => super::rules::look(generation, &preview.rules, effects),
    }
    state.popups.push(Popup::Plan(preview));
}

/// Starts what an answer to the preview says.
pub(super) fn launch(state: &mut State, plan: &PlanPreview, choice: PlanChoice, effects: &mut Vec<Effect>) {
    let jobs = plan.jobs(choice);
    effects.push(Effect::DropPlans);
    super::rules::unfold(state, plan);
    state.queue.starting.extend(jobs.iter().map(|(draft, _)| *draft));
    state.focus = Pane::Jobs;
    // What begins is on top, and that is what a person wants to see now.
    state.jobs.move_to(0);
    effects.push(Effect::Submit(jobs));
}

/// A prompt's popup.
pub(super) fn prompt(ask: Ask, text: String, then_start: bool) -> Popup {
    Popup::Prompt(Prompt { ask, about: None, input: Input::new(text), error: None, then_start })
}

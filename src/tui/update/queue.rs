//! The queue: adding, ordering, aiming, starting.

use tui_input::Input;

use crate::config::{Prefix, RegistryType};
use crate::engine::{ListedImages, Place};
use crate::job::Failure;
use crate::oci::{Location, Platform, Platforms};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::state::browse::Level;
use crate::tui::state::marks::MarkKey;
use crate::tui::state::popup::{Ask, PlanPreview, PlanRow, PlanTotals, Popup, Prompt, Scroll};
use crate::tui::state::queue::{Change, Draft, DraftId, Goal, Options};
use crate::tui::state::{Pane, State, Tone};

/// Adds what is marked, else the cursor's row.
pub(super) fn add(state: &mut State, export: bool, effects: &mut Vec<Effect>) {
    super::browse::mark_range(state);
    let keys = match state.marks.is_empty() {
        false => state.marks.in_order(),
        true => state.browse.key_at(state.browse.list().cursor()).into_iter().collect(),
    };
    if keys.is_empty() {
        let text = match state.browse.level {
            Level::Repositories => state.words.nothing_marked_repository(),
            _ if !state.browse.list().is_empty() => state.words.nothing_marked_row(),
            _ => state.words.nothing_to_add(),
        };
        return state.say(Tone::Plain, text);
    }
    let mut wanted: Vec<(Location, Option<Vec<Platform>>)> = Vec::new();
    let (mut whole, mut rules) = (Vec::new(), Vec::new());
    for key in keys {
        let (location, platform) = match key {
            MarkKey::Image { at, platform } => (at, platform),
            MarkKey::Whole(place) => {
                whole.push(place);
                continue;
            }
            MarkKey::Repository(at) => {
                rules.push((at, crate::config::TagFilter::all()));
                continue;
            }
        };
        let there = wanted.iter_mut().find(|(at, _)| *at == location);
        match (there, platform) {
            // The whole image outdoes its parts.
            (Some((_, platforms)), None) => *platforms = None,
            (Some((_, Some(platforms))), Some(platform)) => platforms.push(platform),
            (Some((_, None)), Some(_)) => {}
            (None, platform) => wanted.push((location, platform.map(|platform| vec![platform]))),
        }
    }
    let wanted = wanted
        .into_iter()
        .map(|(at, only)| (at, of_platforms(only.map_or(Platforms::All, Platforms::from_list))))
        .collect::<Vec<_>>();
    if !wanted.is_empty() && !state.browse.images.images.is_empty() {
        keep(state, state.browse.images.clone());
    }
    let ruled = rules.is_empty() || super::rules::add(state, rules, export);
    if ruled && (wanted.is_empty() || enqueue(state, wanted, export)) {
        state.marks.clear();
    }
    gather(state, whole, export, effects);
}

/// Asks for the images of files that go to the queue as a whole.
fn gather(state: &mut State, places: Vec<Place>, export: bool, effects: &mut Vec<Effect>) {
    for place in places.into_iter().filter(|place| !state.gathering.contains(place)).collect::<Vec<_>>() {
        state.gathering.push(place.clone());
        effects.push(Effect::Gather { place, export });
    }
}

/// The images of a file: all of them are drafts.
pub(super) fn gathered(
    state: &mut State,
    place: &Place,
    export: bool,
    answer: Result<ListedImages, Failure>,
) {
    state.gathering.retain(|waiting| waiting != place);
    match answer {
        Ok(listed) if listed.images.is_empty() => state.say(Tone::Bad, state.words.no_image_in(place)),
        Ok(listed) => {
            let images = listed.images.iter();
            let wanted = images.map(|image| (image.location.clone(), Options::default())).collect();
            enqueue(state, wanted, export);
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

/// Adds what was typed or pasted; a file without an image's name is all its images.
pub(super) fn add_typed(state: &mut State, found: Vec<Location>, effects: &mut Vec<Effect>) {
    let (whole, named): (Vec<_>, Vec<_>) = found.into_iter().partition(|at| Place::of_whole(at).is_some());
    gather(state, whole.iter().filter_map(Place::of_whole).collect(), false, effects);
    if !named.is_empty() {
        enqueue(state, named.into_iter().map(|location| (location, Options::default())).collect(), false);
    }
}

fn of_platforms(platforms: Platforms) -> Options {
    Options { platforms, ..Options::default() }
}

/// Adds drafts and says so; false if nothing could be added.
pub(super) fn enqueue(state: &mut State, wanted: Vec<(Location, Options)>, export: bool) -> bool {
    let words = state.words;
    let (mut drafts, mut refused) = (Vec::new(), None);
    let count = wanted.len();
    for (source, options) in wanted {
        let goal = match export {
            true => Ok(Goal::Export(state.downloads.clone())),
            false => state.goal(&source),
        };
        match goal {
            Ok(goal) => drafts.push(Draft::new(source, goal, options)),
            Err(reason) => refused = Some(reason),
        }
    }
    let able = drafts.len();
    let added = state.queue.add(drafts);
    let text = if export { words.added_exports(added) } else { words.added_copies(added) };
    match (added, refused) {
        (_, Some(reason)) if able < count && added == 0 => {
            let text = words.target_refuses(reason, state.key(Action::SetTarget));
            state.say(Tone::Bad, text);
            return false;
        }
        (_, Some(reason)) => state.say(Tone::Bad, words.added_but(text, reason)),
        (0, None) => state.say(Tone::Plain, words.queued_already()),
        (_, None) => say_added(state, &text, export),
    }
    true
}

/// Says what was added, and which key goes on from there.
pub(super) fn say_added(state: &mut State, text: &str, export: bool) {
    let (words, start) = (state.words, state.key(Action::Start));
    let (tone, text) = match !export && state.target.is_none() {
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
        Change::Import(n) => words.change_import(n),
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
        let reason = state.words.read_only_place(&row.name);
        return state.say(Tone::Bad, reason);
    }
    if let (RegistryType::LocalFile, Ok(Place::Directory(directory))) = (row.kind, &row.place) {
        state.downloads = directory.clone();
        return state.say(Tone::Good, state.words.exports_go_to(state.downloads.display()));
    }
    match Prefix::of(entry) {
        Ok(target) => aim(state, target),
        Err(reason) => state.say(Tone::Bad, reason),
    }
}

/// Sets the target, also for copies that wait for one.
pub(super) fn aim(state: &mut State, target: Prefix) {
    state.queue.aim(|source| target.destination(source).map(|to| vec![to]));
    state.say(Tone::Good, state.words.copies_go_to(&target));
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
        return super::popups::ask_target(state, true);
    }
    if ready.is_empty() {
        return state.say(Tone::Plain, state.words.queue_starting());
    }
    state.plans += 1;
    let generation = state.plans;
    let (rows, rules) = (PlanRow::of(&drafts), super::rules::of(&ready));
    match rules.is_empty() {
        true => effects.push(Effect::Plan { generation, drafts }),
        false => super::rules::look(generation, &rules, effects),
    }
    state.popups.push(Popup::Plan(PlanPreview {
        generation,
        rules,
        rows,
        scroll: Scroll::default(),
        totals: PlanTotals::default(),
    }));
}

/// Starts what the preview shows.
pub(super) fn launch(state: &mut State, plan: &PlanPreview, effects: &mut Vec<Effect>) {
    let jobs: Vec<_> = plan.startable().map(|row| (row.draft, row.spec.clone())).collect();
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

//! Tags, deletions and comparisons of what the browser shows.

use crate::config::{Config, Language};
use crate::engine::{Deletion, Garbage, ImageDiff, TagMove};
use crate::job::{Failure, JobSpec, Target};
use crate::oci::{Location, printable};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::state::browse::Level;
use crate::tui::state::marks::MarkKey;
use crate::tui::state::popup::{Ask, Choice, Dialog, Popup, Prompt, Question, Scroll};
use crate::tui::state::removal::{Comparison, Removal, Stage};
use crate::tui::state::{State, Tone};
use crate::tui::upkeep::{Answer, Upkeep};
use crate::tui::view::text::bytes;

/// The configuration's rules about its entries.
fn rules(state: &State) -> Config {
    Config { registries: state.registries.entries.clone(), ..Config::default() }
}

/// Why nothing may be written there, if that is so.
fn forbidden(words: Language, rules: &Config, at: &Location) -> Option<String> {
    if let Location::OciArchive { .. } | Location::DockerArchive { .. } = at {
        return Some(words.archive_stays().to_owned());
    }
    let entry = rules.forbids(&Target::Image(at.clone()))?;
    Some(words.place_read_only(&entry.name))
}

/// The cursor's image, or why there is none.
fn image(state: &State) -> Result<Location, &'static str> {
    state.browse.location().ok_or(match state.browse.level {
        Level::Repositories => state.words.repository_first(),
        Level::Files => state.words.file_first(),
        _ => state.words.no_image_here(),
    })
}

pub(super) fn ask_tags(state: &mut State) {
    let source = match image(state) {
        Ok(source) => source,
        Err(reason) => return state.say(Tone::Plain, reason),
    };
    if let Some(reason) = forbidden(state.words, &rules(state), &source) {
        return state.say(Tone::Bad, reason);
    }
    let Popup::Prompt(prompt) = super::queue::prompt(Ask::Tags, String::new(), false) else { return };
    state.popups.push(Popup::Prompt(Prompt { about: Some(source), ..prompt }));
}

/// The names that were typed: asks whose they are now.
pub(super) fn tag(
    state: &mut State,
    source: &Location,
    text: &str,
    effects: &mut Vec<Effect>,
) -> Result<(), String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let names = words.map(|word| JobSpec::new_name(source, word)).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        return Err(state.words.tags_wanted().to_owned());
    }
    let rules = rules(state);
    if let Some(reason) = names.iter().find_map(|name| forbidden(state.words, &rules, name)) {
        return Err(reason);
    }
    effects.push(Effect::Upkeep(Upkeep::Look(JobSpec::renames(source, names))));
    Ok(())
}

fn looked(
    state: &mut State,
    specs: Vec<JobSpec>,
    answer: Result<Vec<TagMove>, Failure>,
    effects: &mut Vec<Effect>,
) {
    match answer {
        Err(failure) => state.say(Tone::Bad, failure.message),
        Ok(moves) if moves.is_empty() => effects.push(Effect::Upkeep(Upkeep::Tag(specs))),
        Ok(moves) => {
            let choices = vec![
                (Choice::Stay, state.words.tag_stay().to_owned()),
                (Choice::Overwrite, state.words.tag_move().to_owned()),
            ];
            let question = Question::Overwrite(specs, moves);
            state.popups.push(Popup::Dialog(Dialog { question, choices, cursor: 0 }));
        }
    }
}

pub(super) fn delete(state: &mut State, effects: &mut Vec<Effect>) {
    super::browse::mark_range(state);
    let keys = match state.marks.is_empty() {
        false => state.marks.in_order(),
        true => state.browse.key_at(state.browse.list().cursor()).into_iter().collect(),
    };
    let mut images = Vec::new();
    for key in keys {
        match key {
            MarkKey::Image { at, platform: None } => images.push(at),
            MarkKey::Image { .. } => {
                let text = state.words.one_platform_stays(state.key(Action::Ascend));
                return state.say(Tone::Plain, text);
            }
            MarkKey::Whole(place) => {
                return state.say(Tone::Plain, state.words.remove_with_rm(place));
            }
            MarkKey::Repository(_) => return state.say(Tone::Plain, state.words.repository_first()),
        }
    }
    if images.is_empty() {
        let reason = image(state).err().unwrap_or(state.words.no_name_here());
        return state.say(Tone::Plain, reason);
    }
    let rules = rules(state);
    let refused = images.iter().find_map(|at| Some((at, forbidden(state.words, &rules, at)?)));
    if let Some((at, reason)) = refused {
        return state.say(Tone::Bad, format!("{at}: {reason}"));
    }
    let mut guards: Vec<String> =
        images.iter().filter_map(|at| Some(rules.protects(at)?.name.clone())).collect();
    guards.sort();
    guards.dedup();
    state.plans += 1;
    let request = state.plans;
    state.popups.push(Popup::Removal(Box::new(Removal::new(request, images.clone(), guards))));
    effects.push(Effect::Upkeep(Upkeep::Find { request, images, by_digest: false }));
}

/// `enter` while a protected entry's name is typed.
pub(super) fn typed(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Popup::Removal(removal)) = state.popups.last_mut() else { return };
    let text = removal.typed.value().trim().to_owned();
    removal.typed = tui_input::Input::default();
    removal.mistyped = removal.guards.first() != Some(&text);
    if removal.mistyped {
        return;
    }
    removal.guards.remove(0);
    if removal.guards.is_empty() {
        begin(removal, effects);
    }
}

/// `enter` on one of the choices.
pub(super) fn chosen(state: &mut State, effects: &mut Vec<Effect>) {
    match state.popups.last_mut() {
        Some(Popup::Removal(removal)) if removal.chosen => begin(removal, effects),
        _ => drop(state.popups.pop()),
    }
}

fn begin(removal: &mut Removal, effects: &mut Vec<Effect>) {
    removal.stage = Stage::Deleting;
    effects.push(Effect::Upkeep(Upkeep::Delete(removal.found.clone())));
}

fn deleted(
    state: &mut State,
    done: Vec<(Deletion, Result<Option<crate::engine::Deleted>, Failure>)>,
    effects: &mut Vec<Effect>,
) {
    let (mut gone, mut failed, mut not_alone, mut notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (deletion, answer) in done {
        match answer {
            Ok(Some(deleted)) => {
                notes.extend(deleted.notes);
                gone.push(deletion);
            }
            Ok(None) => not_alone.push(deletion.location),
            Err(failure) => failed.push(failure),
        }
    }
    forget(state, &gone, effects);
    let open = state
        .popups
        .iter()
        .position(|popup| matches!(popup, Popup::Removal(removal) if removal.stage == Stage::Deleting));
    let before = open.map(|at| state.popups.remove(at));
    let already = match before {
        Some(Popup::Removal(removal)) => removal.gone,
        _ => 0,
    };
    let count = already + gone.len();
    if !not_alone.is_empty() {
        // The names of protected entries were typed already.
        state.plans += 1;
        let mut removal = Removal::new(state.plans, not_alone.clone(), Vec::new());
        (removal.by_digest, removal.gone, removal.failed) = (true, count, failed);
        state.popups.push(Popup::Removal(Box::new(removal)));
        let request = state.plans;
        return effects.push(Effect::Upkeep(Upkeep::Find { request, images: not_alone, by_digest: true }));
    }
    match (failed.first(), notes.first()) {
        (None, None) => state.say(Tone::Good, state.words.deleted_n(count)),
        (None, Some(note)) => state.say(Tone::Plain, state.words.deleted_note(count, note)),
        (Some(first), _) => {
            let text = state.words.deleted_failed(count, failed.len(), &first.message);
            state.say(Tone::Bad, text);
            if open.is_some() {
                let mut removal = Removal::new(0, Vec::new(), Vec::new());
                (removal.stage, removal.failed, removal.gone) = (Stage::Over, failed, count);
                state.popups.push(Popup::Removal(Box::new(removal)));
            }
        }
    }
}

/// What is gone is neither marked nor known any more, and the list is asked for again.
fn forget(state: &mut State, gone: &[Deletion], effects: &mut Vec<Effect>) {
    if gone.is_empty() {
        return;
    }
    let is_gone = |key: &MarkKey| match key.location() {
        Some(at) => gone.iter().any(|deletion| {
            deletion.location == *at
                || deletion.by_digest && deletion.tags.iter().any(|tag| deletion.is_in_place(tag, at))
        }),
        None => false,
    };
    let marked: Vec<MarkKey> = state.marks.in_order().into_iter().filter(|key| is_gone(key)).collect();
    marked.iter().for_each(|key| state.marks.unset(key));
    for deletion in gone {
        state.digests.forget(&deletion.location);
        state.images.forget(&deletion.location);
    }
    // The cursor goes to a row that stays.
    let cursor = state.browse.list().cursor();
    let stays = |at: &usize| state.browse.key_at(*at).is_some_and(|key| !is_gone(&key));
    let next = (cursor..state.browse.list().len()).find(stays).or_else(|| (0..cursor).rev().find(stays));
    if let Some(next) = next {
        state.browse.list_mut().move_to(next);
    }
    again(state, effects);
}

/// Asks for the images on the screen again.
fn again(state: &mut State, effects: &mut Vec<Effect>) {
    if state.browse.shows_images() {
        super::browse::refresh(state, effects);
    }
}

pub(super) fn compare(state: &mut State, effects: &mut Vec<Effect>) {
    let b = match image(state) {
        Ok(b) => b,
        Err(reason) => return state.say(Tone::Plain, reason),
    };
    let Some(target) = &state.target else {
        let text = state.words.no_target_to_compare(state.key(Action::SetTarget));
        return state.say(Tone::Plain, text);
    };
    let a = match target.destination(&b) {
        Ok(a) if a == b => return state.say(Tone::Plain, state.words.is_the_target()),
        Ok(a) => a,
        Err(reason) => return state.say(Tone::Bad, printable(&reason, 200)),
    };
    state.plans += 1;
    let request = state.plans;
    let comparison = Comparison {
        request,
        a: a.clone(),
        b: b.clone(),
        answer: None,
        absent: false,
        scroll: Scroll::default(),
    };
    state.popups.push(Popup::Diff(Box::new(comparison)));
    effects.push(Effect::Upkeep(Upkeep::Compare { request, a: Box::new(a), b: Box::new(b) }));
}

/// What came of it all.
pub(super) fn answered(state: &mut State, answer: Answer, effects: &mut Vec<Effect>) {
    match answer {
        Answer::Found { request, found } => {
            let mut popups = state.popups.iter_mut();
            let awaiting = popups.find_map(|popup| match popup {
                Popup::Removal(removal) if removal.request == request => Some(removal),
                _ => None,
            });
            if let Some(removal) = awaiting {
                removal.take(found);
            }
        }
        Answer::Deleted(done) => deleted(state, done, effects),
        Answer::Tags { request, found } => super::rules::found(state, request, found, effects),
        Answer::Moves(specs, answer) => looked(state, specs, answer, effects),
        Answer::Tagged(Err(failure)) => state.say(Tone::Bad, failure.message),
        Answer::Tagged(Ok(names)) => {
            for name in names.iter().filter_map(|name| name.parse::<Location>().ok()) {
                state.digests.forget(&name);
                state.images.forget(&name);
            }
            state.say(Tone::Good, state.words.tagged(names.join(", ")));
            again(state, effects);
        }
        Answer::Compared { request, answer } => compared(state, request, answer),
        Answer::Absent { request, at } => {
            state.digests.answer(&at, Ok(None));
            if let Some(comparison) = comparison(state, request) {
                comparison.absent = true;
            }
        }
        Answer::Referrers(digest, answer) => state.referrers.answer(&digest, answer),
        Answer::Garbage { dry_run, answer } => garbage(state, dry_run, answer),
    }
}

/// The comparison that waits for this answer.
fn comparison(state: &mut State, request: u64) -> Option<&mut Comparison> {
    state.popups.iter_mut().find_map(|popup| match popup {
        Popup::Diff(comparison) if comparison.request == request => Some(&mut **comparison),
        _ => None,
    })
}

/// What was read for the comparison is what the rows show from now on.
fn compared(state: &mut State, request: u64, answer: Result<Box<ImageDiff>, Failure>) {
    let Some(comparison) = comparison(state, request) else { return };
    let sides = [comparison.a.clone(), comparison.b.clone()];
    let digests =
        answer.as_ref().ok().map(|diff| [&diff.descriptor_a, &diff.descriptor_b].map(|d| d.digest.clone()));
    comparison.answer = Some(answer);
    for (side, digest) in sides.iter().zip(digests.into_iter().flatten()) {
        state.digests.answer(side, Ok(Some(digest)));
    }
}

/// Looks for what the store does not need; the question follows.
pub(super) fn ask_garbage(state: &mut State, effects: &mut Vec<Effect>) {
    state.say(Tone::Plain, state.words.gc_looking());
    effects.push(Effect::Upkeep(Upkeep::Garbage { dry_run: true }));
}

fn garbage(state: &mut State, dry_run: bool, answer: Result<Garbage, Failure>) {
    let words = state.words;
    let garbage = match answer {
        Ok(garbage) => garbage,
        Err(failure) => return state.say(Tone::Bad, failure.message),
    };
    let size = bytes(garbage.bytes);
    match (dry_run, garbage.blobs) {
        (false, blobs) => state.say(Tone::Good, words.gc_freed(size, blobs)),
        (true, 0) if garbage.recent > 0 => {
            state.say(Tone::Plain, words.gc_nothing_yet(bytes(garbage.recent)));
        }
        (true, 0) => state.say(Tone::Plain, words.gc_nothing()),
        (true, _) => {
            state.message = None;
            let choices =
                vec![(Choice::Stay, words.gc_keep().to_owned()), (Choice::Collect, words.gc_remove(size))];
            let question = Question::Garbage(garbage);
            state.popups.push(Popup::Dialog(Dialog { question, choices, cursor: 0 }));
        }
    }
}

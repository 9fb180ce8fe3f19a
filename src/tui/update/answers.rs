//! What comes back: lists, images, plans, jobs. An answer that nobody waits for any more is dropped.

use std::sync::Arc;

use jiff::civil::Time;

use crate::engine::{FileEntry, FoundRepository, Image, ListedImages, Place};
use crate::job::{Failure, Job, JobEvent, JobId, JobState, Plan, Target};
use crate::oci::{Digest, ErrorClass, Location, printable};
use crate::tui::effect::{Effect, Exit};
use crate::tui::state::browse::{Level, file_name};
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::DraftId;
use crate::tui::state::registries::Health;
use crate::tui::state::{Pane, State, Tone};

pub(super) fn page(state: &mut State, generation: u64, names: Vec<String>) {
    let Some(list) = state.browse.awaiting(generation) else { return };
    // A name that is not printable is no name either; what is left of it is shown, and refused when it is used.
    list.extend(names.iter().map(|name| printable(name, 300)));
    learn(state, &Health::Reached);
}

/// What a search found.
pub(super) fn found(state: &mut State, generation: u64, found: Vec<FoundRepository>) {
    let browse = &mut state.browse;
    if browse.repositories.generation != generation || browse.search.is_none() {
        return;
    }
    // As the browser's place lists them: without the registry's name.
    let name = |found: &FoundRepository| match found.name.parse::<Location>() {
        Ok(at) => Place::of_repository(&at).map(|(_, repository)| repository.to_string()),
        Err(_) => None,
    };
    let (names, found): (Vec<String>, Vec<_>) =
        found.into_iter().filter_map(|found| Some((name(&found)?, found))).unzip();
    browse.repositories.extend(names);
    if let Some(search) = &mut browse.search {
        search.found = found;
    }
    learn(state, &Health::Reached);
}

pub(super) fn files(state: &mut State, generation: u64, files: Vec<FileEntry>) {
    let Some(list) = state.browse.awaiting(generation) else { return };
    list.extend(files.iter().map(|file| printable(&file_name(file), 300)));
    state.browse.files = files;
}

/// The images of a file. Their digests are known with their names: nothing has to be asked to compare them.
pub(super) fn images(state: &mut State, generation: u64, listed: ListedImages) {
    let Some(list) = state.browse.awaiting(generation) else { return };
    list.extend(listed.images.iter().map(|image| {
        let name = image.name.as_deref().unwrap_or(image.descriptor.digest.as_str());
        printable(name, 300)
    }));
    let files = listed.images.iter().filter(|image| !matches!(image.location, Location::DockerDaemon { .. }));
    for image in files {
        state.digests.answer(&image.location, Ok(Some(image.descriptor.digest.clone())));
    }
    state.browse.images = listed;
}

pub(super) fn list_end(state: &mut State, generation: u64, failure: Option<Failure>) {
    let Some(list) = state.browse.awaiting(generation) else { return };
    list.end(failure.clone());
    let (total, whole) = (list.total(), failure.is_none());
    let first = total == 0 && state.browse.repositories.generation == generation;
    let searched = first && state.browse.search.is_some();
    if whole && state.browse.tags.generation == generation && !state.browse.repository.is_empty() {
        state.browse.counts.insert(state.browse.repository.clone(), total);
    }
    let Some(failure) = failure else { return learn(state, &Health::Reached) };
    let hub = matches!(&state.browse.place, Some(Place::Registry(registry)) if registry.is_docker_hub());
    // A registry that answers, but not with a catalog, is there all the same.
    let answered = !matches!(
        failure.class,
        ErrorClass::Network | ErrorClass::Tls | ErrorClass::Disk | ErrorClass::Config | ErrorClass::Daemon
    );
    let refused = failure.class;
    let health = match (answered, refused) {
        // Docker Hub lists nothing to anybody.
        (true, ErrorClass::Auth) if !hub => Health::Refused,
        (true, _) => Health::Reached,
        (false, _) => Health::Failed(failure.message),
    };
    learn(state, &health);
    let waiting = state.focus == Pane::Browse && state.popups.is_empty() && !state.browse.typing;
    // Who has to log in first is not asked for a name yet.
    let refused = refused == ErrorClass::Auth && !hub;
    if first && answered && !refused && !searched && waiting && state.browse.level == Level::Repositories {
        super::choosing::ask_repository(state, false);
    }
}

/// Notes how the browser's place answered; one file of a directory says nothing of it.
fn learn(state: &mut State, health: &Health) {
    if let (Some(place), None) = (&state.browse.place, &state.browse.file) {
        state.registries.learn(place, health);
    }
}

pub(super) fn inspected(state: &mut State, location: &Location, answer: Result<Arc<Image>, Failure>) {
    if let (Location::Registry(reference), Err(failure)) = (location, &answer)
        && failure.class == ErrorClass::RateLimit
    {
        state.browse.spared.insert(reference.registry.clone());
    }
    if let Ok(image) = &answer {
        state.digests.answer(location, Ok(Some(image.descriptor.digest.clone())));
    }
    let opening = state.opening.as_ref() == Some(location);
    if opening {
        state.opening = None;
        match &answer {
            Ok(image)
                if state.browse.shows_images() && state.browse.location().as_ref() == Some(location) =>
            {
                let tag = state.browse.list().current().unwrap_or_default().to_owned();
                state.browse.open_tag(&tag, location.clone(), image);
            }
            Ok(_) => {}
            Err(failure) => state.say(Tone::Bad, failure.message.clone()),
        }
    }
    state.images.answer(location, answer);
}

/// What is at a location; a registry that could say has been reached.
pub(super) fn resolved(state: &mut State, location: &Location, answer: Result<Option<Digest>, Failure>) {
    if let (Location::Registry(reference), Ok(_)) = (location, &answer) {
        state.registries.learn(&Place::Registry(reference.registry.clone()), &Health::Reached);
    }
    // The tag has moved: what was known of it is another image's.
    if let (Some(image), Ok(Some(digest))) = (state.images.value(location), &answer)
        && image.descriptor.digest != *digest
    {
        state.images.forget(location);
    }
    state.digests.answer(location, answer.map_err(|_| ()));
}

pub(super) fn planned(
    state: &mut State,
    generation: u64,
    draft: DraftId,
    outcome: Result<Box<Plan>, Failure>,
) {
    for popup in &mut state.popups {
        if let Popup::Plan(plan) = popup
            && plan.generation == generation
        {
            plan.answer(draft, outcome);
            return;
        }
    }
}

pub(super) fn submitted(
    state: &mut State,
    draft: DraftId,
    answer: Result<JobId, Failure>,
    effects: &mut Vec<Effect>,
) {
    match answer {
        Ok(job) => {
            let priority = state.queue.get(draft).map_or(0, |draft| draft.options.priority);
            if priority != 0 {
                effects.push(Effect::Prioritise(job, priority));
            }
            state.queue.taken(draft);
        }
        Err(failure) => {
            state.say(Tone::Bad, failure.message.clone());
            state.queue.refuse(draft, failure);
        }
    }
}

pub(super) fn sampled(state: &mut State, jobs: Vec<Arc<Job>>, effects: &mut Vec<Effect>) {
    state.jobs.sample(state.now, jobs);
    if super::may_leave(state) {
        effects.push(Effect::Exit(Exit::Quit));
    }
}

pub(super) fn event(state: &mut State, at: Time, event: &JobEvent) {
    let State { logs, jobs, digests, glyphs, words, record, now, .. } = state;
    let arrow = glyphs.arrow;
    let name = |id: JobId| match jobs.get(id) {
        Some(job) if job.spec.is_export() => format!("{} {arrow} tar", job.spec.source),
        Some(job) => job.spec.source.to_string(),
        None => String::new(),
    };
    logs.event(at, event, *words, name);
    jobs.event(*now, event);
    if let Some(job) = event.job() {
        record.touched(job);
    }
    // What a copy has changed is asked for again.
    if let JobEvent::Moved { job, to: JobState::Succeeded, .. } = event
        && let Some(job) = jobs.get(*job)
    {
        for target in &job.spec.destinations {
            if let Target::Image(location) = target {
                digests.forget(location);
            }
        }
    }
}

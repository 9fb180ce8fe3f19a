//! What a screen is as text: names, names with digests, and the headless commands that do the same. Pure: it looks at the
//! state, and asks nobody.

use std::collections::HashMap;

use super::state::browse::Level;
use super::state::marks::MarkKey;
use super::state::popup::{Dialog, Popup, Question};
use super::state::{Pane, State};
use crate::config::Prefix;
use crate::engine::Place;
use crate::job::{CommandLine, JobId, JobSpec, Target, commands_of, image_word, sync_command};
use crate::oci::{Digest, Location, Platform, Platforms, TagOrDigest};

/// So many copies that differ in their images only are one `wharf sync`.
const MANY: usize = 5;
/// Rows of a list that become commands at once.
const ROWS: usize = 5000;

/// What somebody wants to have the text of.
enum Subject<'a> {
    /// Images, or parts of them, or whole files of the browser.
    Rows(Vec<MarkKey>),
    /// Jobs, done or to be done.
    Jobs(Vec<&'a JobSpec>),
    /// Repositories of the browser's place.
    Repositories(Vec<String>),
    /// A place.
    Place(&'a Place),
    /// New names, which others may have.
    Renames(&'a [JobSpec]),
    /// Two images that are compared.
    Diff(&'a Location, &'a Location),
    /// Images that are to be deleted.
    Delete(&'a [Location], bool),
    /// One image that is looked at.
    Image(Location),
}

/// Texts that were made, and what there is to say about those that could not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// One a line; a command may have several.
    pub lines: Vec<String>,
    /// How many images are in it where it is one command.
    pub images: Option<usize>,
    /// Why something was left out.
    pub left_out: Vec<String>,
}

/// What the top popup is about, else the focused pane; with `all` its whole list instead of the marks or the row.
fn subject(state: &State, all: bool) -> Option<Subject<'_>> {
    if let Some(popup) = state.popups.last() {
        return Some(match popup {
            Popup::Plan(plan) => {
                Subject::Jobs(plan.rows.iter().filter(|row| !row.left_out).map(|row| &row.spec).collect())
            }
            Popup::Why(job, _) => Subject::Jobs(vec![&state.jobs.get(*job)?.spec]),
            Popup::Inspect(_) => Subject::Image(state.browse.location()?),
            Popup::Removal(removal) => Subject::Delete(&removal.images, removal.by_digest),
            Popup::Diff(comparison) => Subject::Diff(&comparison.a, &comparison.b),
            Popup::Dialog(Dialog { question: Question::Overwrite(specs, _), .. }) => Subject::Renames(specs),
            Popup::Dialog(Dialog { question: Question::Cancel(job), .. }) => {
                Subject::Jobs(vec![&state.jobs.get(*job)?.spec])
            }
            Popup::Paste(preview) => {
                let taken = preview.rows.iter().filter(|row| !row.left_out);
                Subject::Rows(taken.map(|row| MarkKey::image(row.wanted.source.clone())).collect())
            }
            _ => return None,
        });
    }
    Some(match state.focus {
        Pane::Registries => Subject::Place(state.registries.current()?.place.as_ref().ok()?),
        Pane::Details => Subject::Image(state.browse.location()?),
        Pane::Browse => {
            let list = state.browse.list();
            let rows = if all { 0..list.len().min(ROWS) } else { list.cursor()..list.cursor() + 1 };
            match state.browse.level {
                _ if !all && !state.marks.is_empty() => Subject::Rows(state.marks.in_order()),
                Level::Repositories => {
                    let names: Vec<String> = rows.filter_map(|at| list.text(at)).map(str::to_owned).collect();
                    (!names.is_empty()).then_some(Subject::Repositories(names))?
                }
                _ => {
                    let keys: Vec<MarkKey> = rows.filter_map(|at| state.browse.key_at(at)).collect();
                    (!keys.is_empty()).then_some(Subject::Rows(keys))?
                }
            }
        }
        // Drafts become jobs where they are needed.
        Pane::Queue | Pane::Logs => return None,
        Pane::Jobs if all => Subject::Jobs(state.jobs.rows().iter().map(|job| &job.spec).collect()),
        Pane::Jobs => Subject::Jobs(vec![&state.jobs.current()?.spec]),
    })
}

/// The queue's drafts that are meant.
fn drafts(state: &State, all: bool) -> Vec<&super::state::queue::Draft> {
    match (state.popups.is_empty(), state.focus, all) {
        (true, Pane::Queue, true) => state.queue.drafts().iter().map(|draft| &**draft).collect(),
        (true, Pane::Queue, false) => state.queue.current().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The names of what is marked, else of the row.
pub fn references(state: &State) -> Vec<String> {
    let mut names: Vec<String> = match subject(state, false) {
        Some(Subject::Repositories(names)) => {
            names.iter().filter_map(|name| repository(state, name)).collect()
        }
        Some(Subject::Place(place)) => vec![place.to_string()],
        Some(Subject::Rows(keys)) => keys.iter().map(name_of).collect(),
        _ => images(state).iter().map(Location::to_string).collect(),
    };
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn name_of(key: &MarkKey) -> String {
    match key {
        MarkKey::Image { at, .. } => at.to_string(),
        MarkKey::Whole(place) => place.to_string(),
        MarkKey::Repository(at) => at.to_string(),
    }
}

/// A repository of the browser's place, as a command takes it.
fn repository(state: &State, name: &str) -> Option<String> {
    match state.browse.place.as_ref()? {
        Place::Registry(registry) => Some(format!("{registry}/{name}")),
        Place::Store => Some(format!("store:{name}")),
        _ => None,
    }
}

/// The images that are meant, each once.
pub fn images(state: &State) -> Vec<Location> {
    let mut images: Vec<Location> = match subject(state, false) {
        Some(Subject::Rows(keys)) => keys.iter().filter_map(|key| key.location().cloned()).collect(),
        Some(Subject::Jobs(specs)) => specs.iter().flat_map(|spec| spec.sources().cloned()).collect(),
        Some(Subject::Renames(specs)) => specs.iter().flat_map(|spec| spec.locations().cloned()).collect(),
        Some(Subject::Diff(a, b)) => vec![a.clone(), b.clone()],
        Some(Subject::Delete(images, _)) => images.to_vec(),
        Some(Subject::Image(at)) => vec![at],
        Some(Subject::Place(_) | Subject::Repositories(_)) => Vec::new(),
        None => drafts(state, false).into_iter().map(|draft| draft.source.clone()).collect(),
    };
    let mut seen = std::collections::HashSet::new();
    images.retain(|at| seen.insert(at.clone()));
    images
}

/// What arrived by the job that is meant, with the digests it has there.
pub fn arrived(state: &State) -> Vec<String> {
    let job: Option<JobId> = match (state.popups.last(), state.focus) {
        (Some(Popup::Why(job, _)), _) => Some(*job),
        (None, Pane::Jobs) => state.jobs.current().map(|job| job.id),
        _ => None,
    };
    let report = job.and_then(|id| state.jobs.get(id)?.report.as_ref());
    let outputs = report.into_iter().flat_map(|report| &report.outputs);
    let named = outputs.filter(|output| output.path.is_none());
    named.filter_map(|output| Some(pinned(&output.location.parse().ok()?, &output.digest))).collect()
}

/// Platforms that are meant, whose digests are known with their image's.
pub fn known_platforms(state: &State) -> Vec<String> {
    let Some(Subject::Rows(keys)) = subject(state, false) else { return Vec::new() };
    let digest = |key: &MarkKey| match key {
        MarkKey::Image { at, platform: Some(platform) } => {
            let image = state.images.value(at)?;
            let is_it = |own: &Option<Platform>| own.as_ref() == Some(platform);
            let own = image.platforms.iter().find(|own| own.attests.is_none() && is_it(&own.platform))?;
            Some(pinned(at, &own.digest))
        }
        _ => None,
    };
    // All of them or none: an image that is marked as a whole is asked about.
    keys.iter().map(digest).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// An image's digest, as far as it is known.
pub fn digest_of(state: &State, at: &Location) -> Option<Digest> {
    if let Some(TagOrDigest::Digest(digest)) = named_digest(at) {
        return Some(digest);
    }
    let resolved = state.digests.value(at).cloned().flatten();
    let listed = || state.browse.images.images.iter().find(|image| image.location == *at);
    resolved
        .or_else(|| Some(state.images.value(at)?.descriptor.digest.clone()))
        .or_else(|| Some(listed()?.descriptor.digest.clone()))
}

fn named_digest(at: &Location) -> Option<TagOrDigest> {
    match at {
        Location::Registry(reference) => Some(reference.target()),
        Location::Store { target, .. } => target.clone(),
        _ => None,
    }
}

/// An image by its digest: `REPOSITORY@sha256:…` where there is a repository, else the digest alone.
pub fn pinned(at: &Location, digest: &Digest) -> String {
    match at {
        Location::Registry(reference) => format!("{}@{digest}", reference.name()),
        Location::Store { repository, .. } => format!("store:{repository}@{digest}"),
        _ => digest.to_string(),
    }
}

/// The commands that do what is meant.
pub fn commands(state: &State, all: bool) -> Texts {
    let mut texts = Texts::default();
    let made: Vec<CommandLine> = match subject(state, all) {
        Some(Subject::Jobs(specs)) => jobs(state, &specs, &mut texts),
        Some(Subject::Rows(keys)) => rows(state, &keys, &mut texts),
        Some(Subject::Repositories(names)) => {
            let names = names.iter().filter_map(|name| repository(state, name));
            names.map(|name| CommandLine::of(["tags".to_owned(), name])).collect()
        }
        Some(Subject::Place(place)) => vec![place_command(state, place)],
        Some(Subject::Image(at)) => image_words(state, &["inspect"], &[at], &[], &mut texts),
        Some(Subject::Diff(a, b)) => image_words(state, &["diff"], &[a.clone(), b.clone()], &[], &mut texts),
        // It asks by itself what is asked here.
        Some(Subject::Delete(images, by_digest)) => image_words(
            state,
            &["delete"],
            images,
            if by_digest { &["--by-digest"] } else { &[] },
            &mut texts,
        ),
        Some(Subject::Renames(specs)) => renames(state, specs, &mut texts),
        None => {
            let drafts = drafts(state, all);
            let specs: Vec<JobSpec> = drafts.iter().filter_map(|draft| draft.spec()).collect();
            if drafts.iter().any(|draft| draft.tags.is_some()) {
                let key = state.key(super::action::Action::SaveQueue);
                texts.left_out.push(state.words.rule_without_command(key));
            }
            if drafts.iter().any(|draft| draft.lacks_target()) {
                let key = state.key(super::action::Action::SetTarget);
                texts.left_out.push(state.words.no_target_for_command(key));
            }
            jobs(state, &specs.iter().collect::<Vec<_>>(), &mut texts)
        }
    };
    let program = state.clipboard.program();
    texts.lines = made.iter().map(|command| command.shell(&program)).collect();
    texts
}

/// A command of images, or why there is none.
fn image_words(
    state: &State,
    first: &[&str],
    images: &[Location],
    last: &[&str],
    texts: &mut Texts,
) -> Vec<CommandLine> {
    let mut words: Vec<String> = first.iter().map(|word| (*word).to_owned()).collect();
    for image in images {
        match image_word(&state.clipboard.absolute_at(image)) {
            Ok(word) => words.push(word),
            Err(reason) => texts.left_out.push(reason),
        }
    }
    if words.len() == first.len() || !texts.left_out.is_empty() {
        return Vec::new();
    }
    words.extend(last.iter().map(|word| (*word).to_owned()));
    vec![CommandLine::of(words)]
}

/// `--force`, because the question is open whether others lose their names; the names are one command's.
fn renames(state: &State, specs: &[JobSpec], texts: &mut Texts) -> Vec<CommandLine> {
    let Some(first) = specs.first() else { return Vec::new() };
    let mut images = vec![first.source.clone()];
    for target in specs.iter().flat_map(|spec| &spec.destinations) {
        if let Target::Image(at) = target {
            images.push(at.clone());
        }
    }
    image_words(state, &["tag"], &images, &["--force"], texts)
}

fn place_command(state: &State, place: &Place) -> CommandLine {
    match place {
        Place::Registry(_) | Place::Store | Place::Engine(_) => {
            CommandLine::of(["repos".to_owned(), place.to_string()])
        }
        Place::Directory(path) => {
            let path = state.clipboard.absolute(path);
            CommandLine::of(["files".to_owned(), path.to_string_lossy().into_owned()])
        }
        Place::Archive(_) | Place::Layout(_) => {
            let at = whole(place).map(|at| state.clipboard.absolute_at(&at).to_string());
            CommandLine::of(["inspect".to_owned(), at.unwrap_or_default()])
        }
    }
}

/// A file or layout as a location that names none of its images.
fn whole(place: &Place) -> Option<Location> {
    match place {
        Place::Archive(path) => Some(Location::DockerArchive { path: path.clone(), reference: None }),
        Place::Layout(path) => Some(Location::OciLayout { path: path.clone(), reference: None }),
        _ => None,
    }
}

/// The browser's rows: copies to the target, where there is one; else looks at them.
fn rows(state: &State, keys: &[MarkKey], texts: &mut Texts) -> Vec<CommandLine> {
    let mut made = Vec::new();
    // The platforms of one image are one copy, as in the queue.
    let mut order: Vec<&Location> = Vec::new();
    let mut wanted: HashMap<&Location, Option<Vec<Platform>>> = HashMap::new();
    for key in keys {
        match key {
            MarkKey::Image { at, platform } => match (wanted.get_mut(at), platform) {
                (Some(all), None) => *all = None,
                (Some(Some(list)), Some(platform)) => list.push(platform.clone()),
                (Some(None), Some(_)) => {}
                (None, platform) => {
                    order.push(at);
                    wanted.insert(at, platform.clone().map(|platform| vec![platform]));
                }
            },
            MarkKey::Whole(place) => made.extend(file(state, place, texts)),
            MarkKey::Repository(at) => made.extend(repository_command(state, at, texts)),
        }
    }
    let Some(target) = &state.target else {
        for at in order {
            made.extend(image_words(state, &["inspect"], std::slice::from_ref(at), &[], &mut *texts));
        }
        return made;
    };
    let mut specs = Vec::new();
    for at in order {
        match target.destinations(at) {
            Ok(to) => {
                let platforms = wanted.remove(at).flatten().map_or(Platforms::All, Platforms::from_list);
                let destinations: Vec<Target> = to.into_iter().map(Target::Image).collect();
                let Some(Target::Image(first)) = destinations.first() else { continue };
                let spec = JobSpec::copy(at.clone(), first.clone());
                specs.push(JobSpec { platforms, destinations, ..spec });
            }
            Err(reason) => texts.left_out.push(reason),
        }
    }
    made.extend(jobs(state, &specs.iter().collect::<Vec<_>>(), texts));
    made
}

/// All tags of a repository.
fn repository_command(state: &State, at: &Location, texts: &mut Texts) -> Option<CommandLine> {
    let Some(target) = &state.target else {
        return Some(CommandLine::of(["tags".to_owned(), at.to_string()]));
    };
    let words = target.destinations(at).and_then(|to| {
        let mut words = vec!["copy".to_owned(), "--all-tags".to_owned()];
        for place in std::iter::once(at).chain(&to) {
            let whole = image_word(&state.clipboard.absolute_at(place))?;
            words.push(whole.strip_suffix(":latest").unwrap_or(&whole).to_owned());
        }
        Ok(words)
    });
    words.map(CommandLine::of).map_err(|reason| texts.left_out.push(reason)).ok()
}

/// All images of a file.
fn file(state: &State, place: &Place, texts: &mut Texts) -> Option<CommandLine> {
    let word = image_word(&state.clipboard.absolute_at(&whole(place)?));
    let word = word.map_err(|reason| texts.left_out.push(reason)).ok()?;
    match state.target.as_ref().map(|aim| (aim.alone(), aim)) {
        None => Some(CommandLine::of(["inspect".to_owned(), word])),
        // The queue's copies move tags, so this does, too.
        Some((Some(target @ (Prefix::Registry(..) | Prefix::Store(_))), _)) => {
            Some(CommandLine::of(["import".to_owned(), word, target.to_string(), "--force".to_owned()]))
        }
        Some((_, target)) => {
            texts.left_out.push(state.words.import_does_not_write(place, target));
            None
        }
    }
}

/// Jobs: a line each, or one for many that differ in their images only.
fn jobs(state: &State, specs: &[&JobSpec], texts: &mut Texts) -> Vec<CommandLine> {
    if specs.len() >= MANY
        && let Some(command) = one_sync(state, specs)
    {
        texts.images = Some(specs.len());
        return vec![command];
    }
    let specs: Vec<JobSpec> = specs.iter().map(|spec| state.clipboard.absolute_job(spec)).collect();
    let (commands, reasons) = commands_of(&specs);
    texts.left_out.extend(reasons);
    commands
}

/// Copies that do nothing but replace hosts by the target, as one command.
fn one_sync(state: &State, specs: &[&JobSpec]) -> Option<CommandLine> {
    let target = state.target.as_ref()?.alone()?;
    let entries = &state.registries.entries;
    // A prefix is read by its text, or by the name of the entry that it is.
    let texts = std::iter::once(target.to_string()).chain(entries.iter().map(|entry| entry.name.clone()));
    let to = texts.into_iter().find(|text| Prefix::parse(text, entries).as_ref() == Ok(target))?;
    let replaced = |spec: &&JobSpec| {
        let expected = target.destination(&spec.source).ok();
        matches!((&spec.destinations[..], expected), ([Target::Image(at)], Some(to)) if *at == to)
    };
    if !specs.iter().all(replaced) {
        return None;
    }
    sync_command(specs, &to)
}

/// The error that is shown, whole, with its hint; else the log's lines on the screen.
pub fn error_text(state: &State) -> Option<Vec<String>> {
    let failure = match (state.popups.last(), state.focus) {
        (Some(Popup::Why(job, _)), _) => state.jobs.get(*job)?.failure.as_ref()?,
        (Some(Popup::Diff(comparison)), _) => comparison.answer.as_ref()?.as_ref().err()?,
        (Some(Popup::Plan(plan)), _) => {
            let failures = plan.rows.iter().filter_map(|row| row.outcome.as_ref()?.as_ref().err());
            let lines: Vec<String> = failures.flat_map(failure_lines).collect();
            return (!lines.is_empty()).then_some(lines);
        }
        (Some(Popup::Removal(removal)), _) => {
            let lines: Vec<String> = removal.failed.iter().flat_map(failure_lines).collect();
            return (!lines.is_empty()).then_some(lines);
        }
        (Some(_), _) => return None,
        (None, Pane::Jobs) => state.jobs.current()?.failure.as_ref()?,
        (None, Pane::Logs) => {
            let rows = usize::from(state.layout().inner(Pane::Logs).height);
            let window = state.logs.window(rows);
            let line = |(line, _): &(&super::state::logs::Line, bool)| {
                let level = state.words.log_level(line.level).to_uppercase();
                format!("{} {level} {}", line.at.strftime("%H:%M:%S"), line.text)
            };
            return (!window.is_empty()).then(|| window.iter().map(line).collect());
        }
        (None, Pane::Browse) => match &state.browse.list().load {
            super::state::listing::Load::Failed(failure) => failure,
            _ => return None,
        },
        (None, _) => return None,
    };
    Some(failure_lines(failure))
}

fn failure_lines(failure: &crate::job::Failure) -> Vec<String> {
    let mut lines = vec![format!("{} [{}]", failure.message, failure.class)];
    lines.extend(failure.hint.iter().map(|hint| format!("hint: {hint}")));
    lines
}

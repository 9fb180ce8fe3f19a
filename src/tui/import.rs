//! Files that name images, and long pastes, read outside the state: what is in them, and the tags that they choose from.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::mpsc;

use super::effect::within;
use super::event::Msg;
use super::state::paste::{Bad, Pasted};
use super::state::preview::Holding;
use super::state::queue::{Draft, Goal, Wanted};
use crate::config::credentials::Environment;
use crate::config::{Batch, BatchJobs, Config, ConfigFaults, Fault, Prefix, TagLists, Terms, paths};
use crate::engine::Engine;
use crate::job::Failure;
use crate::oci::{ErrorClass, Location, printable};

/// Something to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// A text that was pasted.
    Text {
        /// What the answer is marked with.
        request: u64,
        /// The text.
        text: String,
        /// Where images go that it gives no place.
        to: Option<Prefix>,
    },
    /// A file.
    File {
        /// What the answer is marked with.
        request: u64,
        /// Which.
        path: PathBuf,
        /// Where images go that it gives no place.
        to: Option<Prefix>,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Imported {
    /// So many repositories were asked for their tags, of so many.
    Asked(u64, usize, usize),
    /// What it holds, or why it cannot be read.
    Read(u64, Result<Box<Holding>, Failure>),
}

/// The largest file that is read, in bytes.
const LIMIT: u64 = 4 << 20;
/// Repositories that are asked at the same time.
const AT_ONCE: usize = 8;
/// How long one repository's tags may take.
const TAGS: Duration = Duration::from_secs(120);
/// A host that no image is sent to: it stands for the target as long as there is none.
const NOWHERE: &str = "target.invalid";

impl Import {
    /// Reads it. Messages tell how far it is; the last one has the answer.
    pub(super) async fn run(
        self,
        engine: Engine,
        config: Config,
        environment: Environment,
        messages: mpsc::Sender<Msg>,
    ) {
        let (request, name, to, read) = match self {
            Import::Text { request, text, to } => (request, None, to, Ok(text.into_bytes())),
            Import::File { request, path, to } => {
                let file = path.clone();
                let read = tokio::task::spawn_blocking(move || read(&file)).await;
                (request, Some(path), to, read.unwrap_or_else(|error| Err(error.to_string())))
            }
        };
        let shown = name.as_ref().map_or_else(String::new, |path| path.display().to_string());
        let answer = match read {
            Err(reason) => Err(Failure {
                message: format!("read {}: {}", printable(&shown, 300), printable(&reason, 300)),
                class: ErrorClass::Config,
                hint: None,
                exchange: None,
            }),
            Ok(bytes) => {
                let desk = Desk { engine, config, environment, messages: messages.clone(), request };
                Ok(Box::new(desk.read(name, bytes, to).await))
            }
        };
        let _ = messages.send(Msg::Imported(Imported::Read(request, answer))).await;
    }

    /// The answer of what nobody will do.
    pub(super) fn refused(self, failure: &Failure) -> Option<Imported> {
        match self {
            Import::Text { request, .. } | Import::File { request, .. } => {
                Some(Imported::Read(request, Err(failure.clone())))
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    match bytes.len() as u64 > LIMIT {
        true => Err(format!("it is larger than {} MiB", LIMIT >> 20)),
        false => Ok(bytes),
    }
}

/// What reads one of them.
struct Desk {
    engine: Engine,
    config: Config,
    environment: Environment,
    messages: mpsc::Sender<Msg>,
    request: u64,
}

impl Desk {
    async fn read(&self, name: Option<PathBuf>, bytes: Vec<u8>, to: Option<Prefix>) -> Holding {
        let environment = self.environment.clone();
        let parse = move || {
            let file = name.as_deref().unwrap_or(Path::new("paste"));
            // UTF-16 and the like are told of by who reads batch files.
            let batch = Batch::is_one(&bytes) || std::str::from_utf8(&bytes).is_err();
            match batch {
                true => {
                    let batch = Batch::parse(file, &bytes, false, &|name| environment.variable(name));
                    Err(Box::new(batch))
                }
                false => Ok(Holding::from(Pasted::read(&String::from_utf8_lossy(&bytes)))),
            }
        };
        match tokio::task::spawn_blocking(parse).await {
            Ok(Ok(holding)) => holding,
            Ok(Err(batch)) => self.batch(*batch, to).await,
            Err(error) => wrong(Bad { line: None, text: String::new(), reason: error.to_string() }),
        }
    }

    async fn batch(&self, batch: Batch, to: Option<Prefix>) -> Holding {
        let has_target = to.is_some();
        let to = match to.map_or_else(|| Prefix::parse(NOWHERE, &[]), Ok) {
            Ok(to) => to,
            Err(reason) => return wrong(Bad { line: None, text: NOWHERE.to_owned(), reason }),
        };
        let terms = Terms { to: Some(&to), ..Terms::of(&self.config) };
        let repositories = batch.repositories();
        // Every fault that can be known is told before anybody is asked.
        let jobs = match batch.jobs(&terms) {
            Ok(jobs) if repositories.is_empty() => Ok(jobs),
            Ok(_) => match self.tags(repositories).await {
                Ok(tags) => batch.jobs(&Terms { tags: Some(&tags), ..terms }),
                Err(bad) => return Holding { bad, refused: true, ..Holding::default() },
            },
            Err(faults) => Err(faults),
        };
        let words = self.config.language.unwrap_or_default();
        let mut notes: Vec<String> = batch.warnings().iter().map(fault_text).collect();
        let passwords = batch.credentials(&self.config, Some(&to)).is_ok_and(|given| !given.is_empty());
        if passwords {
            notes.push(words.note_passwords().to_owned());
        }
        if batch.proxy().is_some() {
            notes.push(words.note_proxy().to_owned());
        }
        match jobs {
            Err(faults) => {
                notes.push(faults.hint());
                Holding { bad: faults_of(&faults), notes, refused: true, ..Holding::default() }
            }
            Ok(jobs) => holding(jobs, notes, (!has_target).then(|| words.no_target_yet())),
        }
    }

    /// The tags of repositories, or everything that cannot be had.
    async fn tags(&self, repositories: Vec<Location>) -> Result<TagLists, Vec<Bad>> {
        let all = repositories.len();
        let ask = |repository: Location| async move {
            let tags = within(TAGS, &repository, async { self.engine.all_tags(&repository).await }).await;
            (repository, tags)
        };
        let mut answers = stream::iter(repositories).map(ask).buffer_unordered(AT_ONCE);
        let (mut lists, mut failed, mut asked) = (TagLists::new(), Vec::new(), 0);
        while let Some((repository, answer)) = answers.next().await {
            asked += 1;
            let _ = self.messages.send(Msg::Imported(Imported::Asked(self.request, asked, all))).await;
            match answer {
                Ok(tags) => drop(lists.insert(repository, tags)),
                Err(failure) => failed.push(Bad {
                    line: None,
                    text: repository.to_string(),
                    reason: printable(&failure.message, 300),
                }),
            }
        }
        if failed.is_empty() { Ok(lists) } else { Err(failed) }
    }
}

fn wrong(bad: Bad) -> Holding {
    Holding { bad: vec![bad], refused: true, ..Holding::default() }
}

fn fault_text(fault: &Fault) -> String {
    fault.to_string()
}

fn faults_of(faults: &ConfigFaults) -> Vec<Bad> {
    let bad = |fault: &Fault| Bad {
        line: fault.at.map(|at| at.line),
        text: fault.field.clone(),
        reason: printable(&fault.reason, 500),
    };
    faults.faults().iter().map(bad).collect()
}

/// A batch's jobs as drafts. What the file gives no place goes where the target says, with the target's names. Without
/// a target there is no place below it, for the reason `lacking`.
fn holding(jobs: BatchJobs, notes: Vec<String>, lacking: Option<&str>) -> Holding {
    let mut found = Holding { notes, ..Holding::default() };
    found.notes.extend(jobs.notes);
    let mut seen = HashSet::new();
    let placeless = jobs.placeless.into_iter().chain(std::iter::repeat(false));
    for (spec, placeless) in jobs.specs.iter().zip(placeless) {
        let Some(draft) = Draft::of_spec(spec) else { continue };
        let nowhere = |place: &Location| {
            place.as_registry().is_some_and(|reference| reference.registry.as_str() == NOWHERE)
        };
        let lost = matches!(&draft.goal, Goal::Copy(to) if to.iter().any(nowhere));
        if let (Some(reason), false, true) = (lacking, placeless, lost) {
            let (text, reason) = (draft.source.to_string(), reason.to_owned());
            found.bad.push(Bad { line: None, text, reason });
            continue;
        }
        let goal = (!placeless).then_some(draft.goal);
        let wanted = Wanted { source: draft.source, options: draft.options, goal };
        let key = (wanted.source.clone(), wanted.options.platforms.clone(), wanted.goal.clone());
        match seen.insert(key) {
            true => found.wanted.push(wanted),
            false => found.duplicates += 1,
        }
    }
    found
}

/// A path as a person types it: relative to where wharf was started; `~/` is the home.
pub(super) fn path_of(text: &str) -> PathBuf {
    let path = paths::resolve(text, Path::new(""), paths::home().as_deref());
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_keeps_its_places_and_what_has_none_goes_to_the_target() {
        let config = Config::default();
        let text = "sources:\n- {source: nginx, tags: [1, 2], platforms: [amd64]}\n- {source: redis, to: [h.io, 'store:'], export: d}\n";
        let batch = Batch::parse(Path::new("f"), text.as_bytes(), false, &|_| None);
        let to = Prefix::parse(NOWHERE, &[]).unwrap();
        let jobs = batch.jobs(&Terms { to: Some(&to), ..Terms::of(&config) }).unwrap();
        let found = holding(jobs, Vec::new(), Some("none"));
        assert_eq!((found.wanted.len(), found.bad.len()), (4, 0));
        assert_eq!(found.wanted[0].goal, None);
        assert!(matches!(&found.wanted[2].goal, Some(Goal::Copy(to)) if to.len() == 2));
        assert_eq!(found.wanted[3].goal, Some(Goal::Export("d".into())));
        let relative = "[{\"source\": \"nginx\", \"target\": \"a/b\"}]";
        let batch = Batch::parse(Path::new("f"), relative.as_bytes(), false, &|_| None);
        let jobs = batch.jobs(&Terms { to: Some(&to), ..Terms::of(&config) }).unwrap();
        let found = holding(jobs, Vec::new(), Some("none"));
        assert_eq!((found.wanted.len(), found.bad.len()), (0, 1));
    }
}

//! Files that name images, and long pastes, read outside the state: what is in them. Repositories whose tags a file
//! chooses stay rules, so that new tags are taken when they begin.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::event::Msg;
use super::state::paste::{Bad, Pasted};
use super::state::preview::Holding;
use super::state::queue::{Draft, Goal, Wanted};
use crate::config::credentials::Environment;
use crate::config::{Batch, Config, ConfigFaults, Fault, Prefix, Terms, WantedGoal, paths};
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
    /// What it holds, or why it cannot be read.
    Read(u64, Result<Box<Holding>, Failure>),
}

/// The largest file that is read, in bytes.
const LIMIT: u64 = 4 << 20;
/// A host that no image is sent to: it stands for the target as long as there is none.
const NOWHERE: &str = "target.invalid";

impl Import {
    /// Reads it. A message has the answer.
    pub(super) async fn run(self, config: Config, environment: Environment, messages: mpsc::Sender<Msg>) {
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
                let desk = Desk { config, environment };
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
    config: Config,
    environment: Environment,
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
            Ok(Err(batch)) => self.batch(&batch, to.as_ref()),
            Err(error) => wrong(Bad { line: None, text: String::new(), reason: error.to_string() }),
        }
    }

    /// What a batch file wants. Repositories whose tags it chooses are rules: they are asked when it begins.
    fn batch(&self, batch: &Batch, to: Option<&Prefix>) -> Holding {
        let words = self.config.language.unwrap_or_default();
        let mut notes: Vec<String> = batch.warnings().iter().map(fault_text).collect();
        if batch.credentials(&self.config, to).is_ok_and(|given| !given.is_empty()) {
            notes.push(words.note_passwords().to_owned());
        }
        if batch.proxy().is_some() {
            notes.push(words.note_proxy().to_owned());
        }
        match wanted(batch, &self.config, to) {
            Err(faults) => {
                notes.push(faults.hint());
                Holding { bad: faults_of(&faults), notes, refused: true, ..Holding::default() }
            }
            Ok((wanted, more)) => {
                notes.extend(more);
                holding(wanted, notes, words.no_target_yet())
            }
        }
    }
}

/// What a batch wants: each with the place that it has below the target, and below [`NOWHERE`].
type Both = Vec<(crate::config::Wanted, crate::config::Wanted)>;

/// What a batch wants, and what is to be known of it.
fn wanted(batch: &Batch, config: &Config, to: Option<&Prefix>) -> Result<(Both, Vec<String>), ConfigFaults> {
    let Ok(nowhere) = Prefix::parse(NOWHERE, &[]) else { return Ok(Default::default()) };
    let terms = |to| Terms { to: Some(to), ..Terms::of(config) };
    // What is wrong with its images together is told as `wharf sync` tells it.
    let jobs = batch.jobs(&terms(to.unwrap_or(&nowhere)))?;
    let here = batch.wanted(&terms(to.unwrap_or(&nowhere)))?;
    let there = batch.wanted(&terms(&nowhere))?;
    Ok((here.into_iter().zip(there).collect(), jobs.notes))
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

/// What a batch wants as drafts. What the file gives no place goes where the target says, with the target's names. Without
/// a target there is no place below it, for the reason `lacking`.
fn holding(wanted: Both, notes: Vec<String>, lacking: &str) -> Holding {
    let mut found = Holding { notes, ..Holding::default() };
    let nowhere = Prefix::parse(NOWHERE, &[]).ok();
    let is_nowhere = |place: &Location| {
        place.as_registry().is_some_and(|reference| reference.registry.as_str() == NOWHERE)
    };
    let mut seen = HashSet::new();
    for (here, there) in wanted {
        let plain = nowhere.as_ref().and_then(|nowhere| nowhere.destination(&here.source).ok());
        let placeless = matches!(&there.goal, WantedGoal::Copy(to) if to.iter().eq(&plain));
        let draft = Draft::of_wanted(here);
        let lost = matches!(&draft.goal, Goal::Copy(to) if to.iter().any(is_nowhere));
        if lost && !placeless {
            let (text, reason) = (draft.source.to_string(), lacking.to_owned());
            found.bad.push(Bad { line: None, text, reason });
            continue;
        }
        let filter = draft.tags.as_ref().map(ToString::to_string);
        let goal = (!placeless).then_some(draft.goal);
        let one = Wanted { source: draft.source, tags: draft.tags, options: draft.options, goal };
        let key = (
            one.source.clone(),
            filter,
            one.options.platforms.clone(),
            one.goal.clone(),
            one.options.file.clone(),
        );
        match seen.insert(key) {
            true => found.wanted.push(one),
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
        let read = |text: &str| {
            let batch = Batch::parse(Path::new("f"), text.as_bytes(), false, &|_| None);
            let (wanted, notes) = wanted(&batch, &config, None).unwrap();
            holding(wanted, notes, "none")
        };
        let text = "sources:\n- {source: nginx, tags: [1, 2], platforms: [amd64]}\n- {source: redis, to: [h.io, 'store:'], export: d}\n";
        let found = read(text);
        assert_eq!((found.wanted.len(), found.bad.len()), (4, 0));
        assert_eq!(found.wanted[0].goal, None);
        assert!(matches!(&found.wanted[2].goal, Some(Goal::Copy(to)) if to.len() == 2));
        assert_eq!(found.wanted[3].goal, Some(Goal::Export("d".into())));
        let relative = "[{\"source\": \"nginx\", \"target\": \"a/b\"}]";
        let found = read(relative);
        assert_eq!((found.wanted.len(), found.bad.len()), (0, 1));
    }

    #[test]
    fn rules_stay_rules_and_drafts_keep_what_a_file_says_of_them() {
        let config = Config::default();
        let to = Prefix::parse("h.io/m", &[]).unwrap();
        let text = "sources:\n- {source: a.io/x, tags: {semver: '>=1', newest: 3}, priority: 4}\n\
                    - {source: a.io/y, tags: '1.*', to: b.io, referrers: true}\n\
                    - {source: a.io/z:1, export: d, file: z.tar}\n- {source: a.io/w:1, target: p/w}\n\
                    - {source: a.io/v:1, rename: {from: 'v', to: 'n'}}\n";
        let batch = Batch::parse(Path::new("f"), text.as_bytes(), false, &|_| None);
        let (both, notes) = wanted(&batch, &config, Some(&to)).unwrap();
        let found = holding(both, notes, "none").wanted;
        let filters: Vec<String> =
            found.iter().map(|one| one.tags.as_ref().map(ToString::to_string).unwrap_or_default()).collect();
        assert_eq!(filters[1..], ["1.*", "", "", ""]);
        assert!(filters[0].contains("newest 3") && filters[0].contains(">=1"), "{}", filters[0]);
        assert_eq!((found[0].options.priority, &found[0].goal), (4, &None));
        assert!(found[1].options.extras.referrers);
        assert!(matches!(&found[1].goal, Some(Goal::Copy(to)) if to[0].to_string().starts_with("b.io/y")));
        assert_eq!(found[2].options.file.as_deref(), Some("z.tar"));
        let goes = |n: usize| match &found[n].goal {
            Some(Goal::Copy(to)) => to[0].to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!((goes(3), goes(4)), ("h.io/m/p/w:1".to_owned(), "h.io/m/n:1".to_owned()));
        assert!(wanted(&batch, &config, None).unwrap().0.len() == 5);
    }
}

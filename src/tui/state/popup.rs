//! The popups: a stack, of which the top one has the keys.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tui_input::Input;

use super::choosing::Choosing;
use super::history::History;
use super::login::LoginForm;
use super::marks::MarkKey;
use super::paste::Pasted;
use super::queue::{Draft, DraftId};
use super::removal::{Comparison, Removal, Stage};
use super::themes::ThemeChoice;
use crate::engine::{Garbage, TagMove};
use crate::job::{Failure, JobId, JobSpec, Plan, Presence, Target};
use crate::oci::{Digest, Location, Registry};
use crate::tui::action::{Action, Context};

/// One popup.
pub enum Popup {
    /// Every key.
    Help(Scroll),
    /// Actions by name.
    Palette(Palette),
    /// A line of text.
    Prompt(Prompt),
    /// What was pasted.
    Paste(Pasted, Scroll),
    /// What a start would do.
    Plan(PlanPreview),
    /// Everything about the cursor's image.
    Inspect(Scroll),
    /// A job whole, and why it failed.
    Why(JobId, Scroll),
    /// The jobs that are over.
    History(Box<History>),
    /// A question.
    Dialog(Dialog),
    /// A user name and a password.
    Login(Box<LoginForm>),
    /// What a deletion would take.
    Removal(Box<Removal>),
    /// What two images differ in.
    Diff(Box<Comparison>),
    /// Which theme.
    Themes(Box<ThemeChoice>),
    /// A line of text with two ways to take it.
    Choosing(Box<Choosing>),
    /// What is marked.
    Marked(Marked),
}

/// The list of what is marked, as it was when it was opened.
pub struct Marked {
    /// The marks that are left.
    pub keys: Vec<MarkKey>,
    /// The cursor's row.
    pub cursor: usize,
}

/// How far a popup is scrolled, in rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scroll {
    /// Rows above the window.
    pub top: usize,
}

/// What a line of text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// References for the queue.
    Reference,
    /// Where copies go.
    Target,
    /// Bytes a second; nothing for no limit.
    Bandwidth,
    /// New names for an image.
    Tags,
    /// Words of the jobs that are shown.
    Jobs,
    /// What is searched for in the log.
    SearchLog,
    /// The file that the log goes to.
    SaveLog,
}

/// A line of text.
pub struct Prompt {
    /// What for.
    pub ask: Ask,
    /// Which image, where it is about one.
    pub about: Option<Location>,
    /// The text.
    pub input: Input,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Show the plan once it is answered: the start was waiting for it.
    pub then_start: bool,
}

/// Actions by name.
#[derive(Default)]
pub struct Palette {
    /// The text.
    pub input: Input,
    /// What matches, the best first.
    pub hits: Vec<Action>,
    /// The choice.
    pub cursor: usize,
}

/// A draft in the preview.
pub struct PlanRow {
    /// Which draft.
    pub draft: DraftId,
    /// Its job.
    pub spec: JobSpec,
    /// Whether another draft's image goes to the same place: only one of them can stay there.
    pub clashes: bool,
    /// The answer, once it is there.
    pub outcome: Option<Result<Box<Plan>, Failure>>,
}

impl PlanRow {
    /// A row for each draft.
    pub fn of(drafts: &[(DraftId, JobSpec)]) -> Vec<PlanRow> {
        // An export finds a name of its own.
        let named = |target: &&Target| matches!(target, Target::Image(_));
        let mut sources: HashMap<&Target, HashSet<&Location>> = HashMap::new();
        for (_, spec) in drafts {
            for target in spec.destinations.iter().filter(named) {
                sources.entry(target).or_default().insert(&spec.source);
            }
        }
        let clashes = |spec: &JobSpec| {
            spec.destinations.iter().any(|target| sources.get(target).is_some_and(|all| all.len() > 1))
        };
        let row = |(draft, spec): &(DraftId, JobSpec)| PlanRow {
            draft: *draft,
            spec: spec.clone(),
            clashes: clashes(spec),
            outcome: None,
        };
        drafts.iter().map(row).collect()
    }
}

/// A rule in the preview.
pub struct PlanRule {
    /// The rule.
    pub draft: Arc<Draft>,
    /// The images that it comes to, once the tags are known.
    pub images: Option<Result<Vec<Draft>, Failure>>,
}

impl PlanRule {
    /// The images, if they are known.
    pub fn drafts(&self) -> Option<&[Draft]> {
        self.images.as_ref()?.as_deref().ok()
    }
}

/// What a start would do.
pub struct PlanPreview {
    /// The request that the answers belong to.
    pub generation: u64,
    /// The rules among the drafts; the images they come to are rows.
    pub rules: Vec<PlanRule>,
    /// A row for each draft.
    pub rows: Vec<PlanRow>,
    /// How far it is scrolled.
    pub scroll: Scroll,
    /// What is known of all of them together.
    pub totals: PlanTotals,
}

/// What plans come to together: jobs that share a blob send it to a registry once.
#[derive(Debug, Default)]
pub struct PlanTotals {
    /// Bytes that will travel.
    pub send: u64,
    /// Bytes that need no sending.
    pub reuse: u64,
    /// Bytes that more than one plan counts, and only one sends.
    pub shared: u64,
    sent: HashSet<(String, Digest)>,
}

impl PlanTotals {
    fn add(&mut self, spec: &JobSpec, plan: &Plan) {
        for (n, destination) in plan.destinations.iter().enumerate() {
            // Exports share nothing: each file holds all of it.
            let registry = match spec.destinations.get(n) {
                Some(Target::Image(Location::Registry(reference))) => Some(reference.registry.to_string()),
                Some(Target::Image(Location::Store { .. })) => Some("store:".to_owned()),
                Some(Target::Image(Location::OciLayout { path, .. })) => {
                    Some(format!("oci:{}", path.display()))
                }
                _ => None,
            };
            for (blob, presence) in plan.blobs.iter().zip(&destination.presence) {
                let size = blob.descriptor.size;
                let travels =
                    !destination.up_to_date && matches!(presence, Presence::Absent | Presence::Unasked);
                let mut first = || match &registry {
                    Some(registry) => self.sent.insert((registry.clone(), blob.descriptor.digest.clone())),
                    None => true,
                };
                match travels {
                    false => self.reuse += size,
                    true if first() => self.send += size,
                    true => {
                        self.reuse += size;
                        self.shared += size;
                    }
                }
            }
        }
    }
}

impl PlanPreview {
    /// Takes an answer; false if nobody waits for it.
    pub fn answer(&mut self, draft: DraftId, outcome: Result<Box<Plan>, Failure>) -> bool {
        let Some(row) = self.rows.iter_mut().find(|row| row.draft == draft && row.outcome.is_none()) else {
            return false;
        };
        if let Ok(plan) = &outcome {
            self.totals.add(&row.spec, plan);
        }
        row.outcome = Some(outcome);
        true
    }

    /// Whether answers are still to come.
    pub fn waiting(&self) -> bool {
        self.rules.iter().any(|rule| rule.images.is_none())
            || self.rows.iter().any(|row| row.outcome.is_none())
    }

    /// The drafts that a start takes: all but those that cannot work.
    pub fn startable(&self) -> impl Iterator<Item = &PlanRow> {
        self.rows.iter().filter(|row| !matches!(row.outcome, Some(Err(_))))
    }
}

/// A question's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Leave wharf?
    Quit,
    /// Cancel this running job?
    Cancel(JobId),
    /// Cancel these jobs?
    CancelJobs(Vec<JobId>),
    /// Forget the stored login of this registry?
    Logout(Registry),
    /// Take these names from other images?
    Overwrite(Vec<JobSpec>, Vec<TagMove>),
    /// Remove this from the store, which nothing there needs?
    Garbage(Garbage),
}

/// A question.
pub struct Dialog {
    /// About what.
    pub question: Question,
    /// What can be answered; the first is the safe one.
    pub choices: Vec<(Choice, String)>,
    /// The choice that enter takes.
    pub cursor: usize,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Leave everything as it is.
    Stay,
    /// Wait for the jobs, then quit.
    Finish,
    /// Leave the jobs running in the background, and quit.
    Leave,
    /// Stop the jobs and quit.
    Stop,
    /// Quit: nothing runs.
    Quit,
    /// Cancel the job.
    CancelJob,
    /// Forget the stored login.
    Logout,
    /// Take the names.
    Overwrite,
    /// Remove the garbage.
    Collect,
}

impl Popup {
    /// The popup's contexts for keys, the innermost first.
    pub fn contexts(&self) -> &'static [Context] {
        match self {
            Popup::Palette(_) | Popup::Prompt(_) | Popup::Login(_) | Popup::Choosing(_) => &[Context::Prompt],
            Popup::Dialog(_) | Popup::Themes(_) => &[Context::Dialog],
            Popup::Removal(removal) if removal.types() => &[Context::Prompt],
            Popup::Removal(removal) if removal.stage == Stage::Asking => &[Context::Dialog, Context::List],
            Popup::Removal(_) | Popup::Diff(_) | Popup::Marked(_) => &[Context::Popup, Context::List],
            Popup::History(history) if history.typing => &[Context::Prompt],
            Popup::History(_) | Popup::Why(..) => &[Context::Popup, Context::Jobs, Context::List],
            Popup::Help(_) | Popup::Paste(..) | Popup::Plan(_) | Popup::Inspect(_) => {
                &[Context::Popup, Context::List]
            }
        }
    }

    /// How far it is scrolled, if it scrolls.
    pub fn scroll_mut(&mut self) -> Option<&mut Scroll> {
        match self {
            Popup::Help(scroll)
            | Popup::Paste(_, scroll)
            | Popup::Inspect(scroll)
            | Popup::Why(_, scroll) => Some(scroll),
            Popup::Plan(plan) => Some(&mut plan.scroll),
            Popup::Removal(removal) => Some(&mut removal.scroll),
            Popup::Diff(comparison) => Some(&mut comparison.scroll),
            Popup::Palette(_) | Popup::Prompt(_) | Popup::Dialog(_) | Popup::Login(_) | Popup::History(_) => {
                None
            }
            Popup::Themes(_) | Popup::Choosing(_) | Popup::Marked(_) => None,
        }
    }
}

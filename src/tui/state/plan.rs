//! The plan's preview: a row for each draft, what all of it comes to, and the question before something is overwritten.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use tui_input::Input;

use super::listing::settled;
use super::queue::{Draft, DraftId};
use crate::job::{Failure, JobSpec, Plan, Presence, TagChange, Target};
use crate::oci::{Digest, Location};

/// A draft in the preview.
pub struct PlanRow {
    /// Which draft.
    pub draft: DraftId,
    /// Its job.
    pub spec: JobSpec,
    /// Whether another draft's image goes to the same place: only one of them can stay there.
    pub clashes: bool,
    /// The rule that it comes from, by its place among the plan's.
    pub rule: Option<usize>,
    /// It stays in the queue.
    pub left_out: bool,
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
            rule: None,
            left_out: false,
            outcome: None,
        };
        drafts.iter().map(row).collect()
    }
}

impl PlanRow {
    /// Its plan, if there is one.
    pub fn plan(&self) -> Option<&Plan> {
        self.outcome.as_ref()?.as_ref().ok().map(|plan| &**plan)
    }

    /// Whether a start takes it: it is not left out, and not known not to work.
    pub fn is_startable(&self) -> bool {
        !self.left_out && !matches!(self.outcome, Some(Err(_)))
    }

    /// The tags that would be taken from other images.
    pub fn overwritten(&self) -> impl Iterator<Item = &TagChange> {
        let destinations = self.plan().map(|plan| plan.destinations.as_slice()).unwrap_or_default();
        let changed = destinations.iter().filter(|destination| !destination.up_to_date);
        changed.flat_map(|destination| destination.tags.iter().filter(|tag| tag.overwrites()))
    }

    /// The files that it writes: whether it does at all, and the directory.
    pub fn directory(&self) -> Option<PathBuf> {
        self.spec.destinations.iter().find_map(|target| match target {
            Target::ExportInto(directory) => Some(directory.clone()),
            Target::Image(Location::DockerArchive { path, .. } | Location::OciArchive { path, .. }) => {
                path.parent().map(PathBuf::from)
            }
            Target::Image(_) => None,
        })
    }
}

/// A rule in the preview.
pub struct PlanRule {
    /// The rule.
    pub draft: Arc<Draft>,
    /// The images that it comes to, once the tags are known.
    pub images: Option<Result<Vec<Draft>, Failure>>,
    /// Whether its images are shown.
    pub is_open: bool,
}

impl PlanRule {
    /// The images, if they are known.
    pub fn drafts(&self) -> Option<&[Draft]> {
        self.images.as_ref()?.as_deref().ok()
    }
}

/// A line of the preview that the cursor can be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanEntry {
    /// A rule.
    Rule(usize),
    /// An image.
    Row(usize),
}

/// What follows `enter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlanStage {
    /// The plan is looked at.
    #[default]
    Looking,
    /// Something would be overwritten, or nobody knows yet: asked whether it may.
    Asking,
}

/// An answer to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanChoice {
    /// Back to the plan.
    Back,
    /// Start only what overwrites nothing.
    Harmless,
    /// Start everything.
    All,
}

/// What a start would do.
#[derive(Default)]
pub struct PlanPreview {
    /// The request that the answers belong to.
    pub generation: u64,
    /// The rules among the drafts; the images they come to are rows.
    pub rules: Vec<PlanRule>,
    /// A row for each draft.
    pub rows: Vec<PlanRow>,
    /// What is known of all of them together.
    pub totals: PlanTotals,
    /// The cursor's row.
    pub cursor: usize,
    /// First row of the window.
    pub offset: usize,
    /// What is asked.
    pub stage: PlanStage,
    /// The answer that enter takes.
    pub chosen: usize,
    /// Names of protected entries that are still to be typed.
    pub guards: Vec<String>,
    /// What was typed of the first.
    pub typed: Input,
    /// What was typed was another name.
    pub mistyped: bool,
    /// Bytes that there is room for in the directories that files are written into.
    pub room: Vec<(PathBuf, u64)>,
}

/// What plans come to together: jobs that share a blob send it to a registry once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
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
    /// A preview that waits for all of its answers.
    pub fn new(generation: u64, rules: Vec<PlanRule>, drafts: &[(DraftId, JobSpec)]) -> PlanPreview {
        PlanPreview { generation, rules, rows: PlanRow::of(drafts), ..PlanPreview::default() }
    }

    /// The rules' images are known: these are all jobs now.
    pub fn unfold(&mut self, drafts: &[(DraftId, JobSpec)]) {
        self.rows = PlanRow::of(drafts);
        let mut from: HashMap<DraftId, usize> = HashMap::new();
        for (n, rule) in self.rules.iter().enumerate() {
            from.extend(rule.drafts().unwrap_or_default().iter().map(|draft| (draft.id, n)));
        }
        self.rows.iter_mut().for_each(|row| row.rule = from.get(&row.draft).copied());
        // A few images are shown at once.
        for (n, rule) in self.rules.iter_mut().enumerate() {
            rule.is_open = self.rows.iter().filter(|row| row.rule == Some(n)).count() <= 5;
        }
    }

    /// What the cursor can be on, in order: images of their own, then each rule with its images, unless they are folded.
    pub fn entries(&self) -> Vec<PlanEntry> {
        let mut entries: Vec<PlanEntry> = Vec::with_capacity(self.rows.len() + self.rules.len());
        let of = |rule: Option<usize>| {
            let rows = self.rows.iter().enumerate().filter(move |(_, row)| row.rule == rule);
            rows.map(|(n, _)| PlanEntry::Row(n))
        };
        entries.extend(of(None));
        for (n, rule) in self.rules.iter().enumerate() {
            entries.push(PlanEntry::Rule(n));
            if rule.is_open {
                entries.extend(of(Some(n)));
            }
        }
        entries
    }

    /// Shows the images of the cursor's rule, or hides them; false where there is no rule.
    pub fn fold(&mut self) -> bool {
        let entries = self.entries();
        let rule = match entries.get(self.cursor) {
            Some(PlanEntry::Rule(rule)) => *rule,
            Some(PlanEntry::Row(row)) => match self.rows.get(*row).and_then(|row| row.rule) {
                Some(rule) => rule,
                None => return false,
            },
            None => return false,
        };
        let Some(folded) = self.rules.get_mut(rule) else { return false };
        folded.is_open = !folded.is_open;
        self.cursor = entries.iter().position(|entry| *entry == PlanEntry::Rule(rule)).unwrap_or(0);
        true
    }

    /// Takes an answer; false if nobody waits for it.
    pub fn answer(&mut self, draft: DraftId, outcome: Result<Box<Plan>, Failure>) -> bool {
        let Some(row) = self.rows.iter_mut().find(|row| row.draft == draft && row.outcome.is_none()) else {
            return false;
        };
        if let (Ok(plan), false) = (&outcome, row.left_out) {
            self.totals.add(&row.spec, plan);
        }
        row.outcome = Some(outcome);
        true
    }

    /// Leaves the cursor's row out, or takes it in again, and moves on; a rule is all its images.
    pub fn toggle(&mut self) {
        match self.entries().get(self.cursor) {
            Some(PlanEntry::Row(row)) => self.rows[*row].left_out ^= true,
            Some(PlanEntry::Rule(rule)) => {
                let mut rows: Vec<&mut PlanRow> =
                    self.rows.iter_mut().filter(|row| row.rule == Some(*rule)).collect();
                let all_out = rows.iter().all(|row| row.left_out);
                rows.iter_mut().for_each(|row| row.left_out = !all_out);
            }
            None => return,
        }
        self.move_by(1);
        self.count();
    }

    /// Adds everything up again: what one sends is another's to reuse.
    fn count(&mut self) {
        let mut totals = PlanTotals::default();
        for row in self.rows.iter().filter(|row| !row.left_out) {
            if let Some(plan) = row.plan() {
                totals.add(&row.spec, plan);
            }
        }
        self.totals = totals;
    }

    /// Whether answers are still to come.
    pub fn waiting(&self) -> bool {
        self.rules.iter().any(|rule| rule.images.is_none())
            || self.rows.iter().any(|row| row.outcome.is_none())
    }

    /// The drafts that a start takes.
    pub fn startable(&self) -> impl Iterator<Item = &PlanRow> {
        self.rows.iter().filter(|row| row.is_startable())
    }

    /// Tags that a start would take from other images, and images of which nobody knows that yet.
    pub fn risks(&self) -> (usize, usize) {
        let overwritten = self.startable().map(|row| row.overwritten().count()).sum();
        let unknown = self.startable().filter(|row| row.outcome.is_none()).count();
        (overwritten, unknown)
    }

    /// Whether a start of this row is known to overwrite nothing.
    fn is_harmless(row: &PlanRow) -> bool {
        row.plan().is_some() && row.overwritten().next().is_none()
    }

    /// What can be answered; the first is the safe one.
    pub fn choices(&self) -> Vec<PlanChoice> {
        let harmless = self.startable().any(PlanPreview::is_harmless);
        let some = harmless.then_some(PlanChoice::Harmless);
        [Some(PlanChoice::Back), some, Some(PlanChoice::All)].into_iter().flatten().collect()
    }

    /// The jobs of an answer.
    pub fn jobs(&self, choice: PlanChoice) -> Vec<(DraftId, JobSpec)> {
        let all = choice == PlanChoice::All;
        let rows = self.startable().filter(|row| all || PlanPreview::is_harmless(row));
        rows.map(|row| (row.draft, row.spec.clone())).collect()
    }

    /// Whether a name is to be typed.
    pub fn types(&self) -> bool {
        self.stage == PlanStage::Asking && !self.guards.is_empty()
    }

    /// Bytes that files of this plan will take in a directory.
    pub fn needed(&self, directory: &PathBuf) -> u64 {
        let here = self.startable().filter(|row| row.directory().as_ref() == Some(directory));
        here.filter_map(|row| Some(row.plan()?.bytes_to_send())).sum()
    }

    /// Moves the cursor.
    pub fn move_by(&mut self, rows: isize) {
        let last = self.entries().len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(rows).min(last);
    }

    /// Brings the window of so many lines to the cursor. Each entry takes as many lines as `lines` says, of which the
    /// cursor's may be more.
    pub fn settle(&mut self, height: usize, lines: impl Fn(&PlanPreview, PlanEntry, bool) -> usize) {
        let entries = self.entries();
        self.cursor = self.cursor.min(entries.len().saturating_sub(1));
        // By entries first: each takes a line at least.
        self.offset = settled(self.offset, self.cursor, entries.len(), height);
        let mut used = 0;
        for at in (self.offset..=self.cursor).rev() {
            let Some(entry) = entries.get(at) else { return };
            used += lines(self, *entry, at == self.cursor);
            if used > height {
                self.offset = (at + 1).min(self.cursor);
                return;
            }
        }
        // Room that is left below is given to entries above.
        for entry in entries.iter().skip(self.cursor + 1).take(height) {
            used += lines(self, *entry, false);
        }
        while self.offset > 0 {
            used += lines(self, entries[self.offset - 1], false);
            if used > height {
                return;
            }
            self.offset -= 1;
        }
    }
}

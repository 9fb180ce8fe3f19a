//! The queue: drafts of jobs, which the engine does not know yet, with marks, undo and redo.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use super::draft::{Draft, DraftId, Goal, Options, Wanted, with_its_tag, with_tag};
use crate::engine::Place;
use crate::job::Failure;
use crate::oci::Location;

/// What a change of the queue was, for who undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// So many were added.
    Add(usize),
    /// So many were taken out.
    Remove(usize),
    /// Another order.
    Move,
    /// Options of so many.
    Options(usize),
    /// Destinations of so many.
    Aim(usize),
    /// The whole queue, as a text.
    Edit,
}

/// A change, and the drafts as they were on its other side.
#[derive(Debug)]
struct Step {
    change: Change,
    drafts: Vec<Arc<Draft>>,
}

/// An addition under way: many are added in steps.
#[derive(Debug)]
pub struct Adding {
    /// What is still to be looked at.
    pub todo: std::vec::IntoIter<Wanted>,
    /// What became of the rest.
    pub drafts: Vec<Draft>,
    /// How many there were.
    pub count: usize,
    /// What says no goal of its own becomes a file.
    pub export: bool,
    /// Why some cannot go where the target says; the last of the reasons.
    pub refused: Option<String>,
}

/// Changes that can be undone.
const DEPTH: usize = 100;

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    drafts: Vec<Arc<Draft>>,
    past: Vec<Step>,
    future: Vec<Step>,
    next: u64,
    marks: HashSet<DraftId>,
    /// Where a range of rows began.
    range: Option<usize>,
    /// Places that different images go to: only one of them can stay there.
    clashing: HashSet<Location>,
    /// Drafts on their way to the engine.
    pub starting: Vec<DraftId>,
    /// Files whose images are asked for, and then for their options.
    pub optioned: Vec<Place>,
    /// Why the engine refused drafts.
    pub refused: Vec<(DraftId, Failure)>,
    /// The cursor's row.
    pub cursor: usize,
    /// First row of the window.
    pub offset: usize,
}

impl Queue {
    /// The drafts, in order.
    pub fn drafts(&self) -> &[Arc<Draft>] {
        &self.drafts
    }

    /// The cursor's draft.
    pub fn current(&self) -> Option<&Draft> {
        self.drafts.get(self.cursor).map(|draft| &**draft)
    }

    /// A draft.
    pub fn get(&self, id: DraftId) -> Option<&Draft> {
        self.drafts.iter().find(|draft| draft.id == id).map(|draft| &**draft)
    }

    /// Adds drafts as one change; the answer is how many were not there yet.
    pub fn add(&mut self, drafts: Vec<Draft>) -> usize {
        let drafts: Vec<Draft> = drafts.into_iter().flat_map(Draft::split).collect();
        let mut seen: HashSet<_> = self.drafts.iter().map(|draft| draft.work()).collect();
        let is_new: Vec<bool> = drafts.iter().map(|draft| seen.insert(draft.work())).collect();
        let before = self.drafts.clone();
        for draft in drafts.into_iter().zip(is_new).filter_map(|(draft, is_new)| is_new.then_some(draft)) {
            self.next += 1;
            self.drafts.push(Arc::new(Draft { id: DraftId(self.next), ..draft }));
        }
        let added = self.drafts.len() - before.len();
        self.remember(Change::Add(added), before);
        added
    }

    /// A number that no other draft has.
    pub fn number(&mut self) -> DraftId {
        self.next += 1;
        DraftId(self.next)
    }

    /// A rule begins: its images stand in its place, and no undo brings it back.
    pub fn unfold(&mut self, rule: DraftId, images: Vec<Draft>) {
        if let Some(at) = self.drafts.iter().position(|draft| draft.id == rule) {
            self.drafts.splice(at..=at, images.into_iter().map(Arc::new));
        }
        self.forget(rule);
    }

    /// Puts other drafts in place of all of them, as one change. Those with a number that is there keep it, the others
    /// get one; what is on its way to the engine stays. The answer is whether anything is different.
    pub fn replace(&mut self, change: Change, drafts: Vec<Draft>) -> bool {
        let before = self.drafts.clone();
        let known: HashSet<DraftId> = before.iter().map(|draft| draft.id).collect();
        let mut used = HashSet::new();
        let mut after: Vec<Arc<Draft>> = Vec::new();
        for draft in drafts.into_iter().flat_map(Draft::split) {
            let id = match known.contains(&draft.id) && used.insert(draft.id) {
                true => draft.id,
                false => {
                    self.next += 1;
                    DraftId(self.next)
                }
            };
            after.push(Arc::new(Draft { id, ..draft }));
        }
        let stays = |draft: &&Arc<Draft>| self.starting.contains(&draft.id) && !used.contains(&draft.id);
        after.extend(before.iter().filter(stays).cloned());
        self.drafts = after;
        self.remember(change, before)
    }

    /// Changes chosen drafts as one change; the answer is how many are different now.
    pub fn change(
        &mut self,
        ids: &[DraftId],
        kind: fn(usize) -> Change,
        mut with: impl FnMut(&mut Draft),
    ) -> usize {
        let ids: HashSet<DraftId> = ids.iter().copied().collect();
        let before = self.drafts.clone();
        let mut after: Vec<Arc<Draft>> = Vec::with_capacity(before.len());
        let mut changed = 0;
        for draft in &before {
            let mut new = (**draft).clone();
            if ids.contains(&draft.id) && !self.starting.contains(&draft.id) {
                with(&mut new);
            }
            if new == **draft {
                after.push(Arc::clone(draft));
                continue;
            }
            changed += 1;
            for (n, part) in new.split().into_iter().enumerate() {
                if n > 0 {
                    self.next += 1;
                }
                let id = if n == 0 { draft.id } else { DraftId(self.next) };
                after.push(Arc::new(Draft { id, ..part }));
            }
        }
        self.refused.retain(|(id, _)| !ids.contains(id));
        self.drafts = after;
        self.remember(kind(changed), before);
        changed
    }

    /// Takes drafts out as one change; the answer is how many.
    pub fn remove(&mut self, ids: &[DraftId]) -> usize {
        let ids: HashSet<&DraftId> = ids.iter().filter(|id| !self.starting.contains(id)).collect();
        let before = self.drafts.clone();
        // The cursor stays with its row, or goes to the next one that stays.
        let above = before.iter().take(self.cursor).filter(|draft| ids.contains(&draft.id)).count();
        self.drafts.retain(|draft| !ids.contains(&draft.id));
        self.cursor -= above;
        let removed = before.len() - self.drafts.len();
        self.remember(Change::Remove(removed), before);
        removed
    }

    /// Moves the chosen drafts by one row; whether there was room.
    pub fn shift(&mut self, down: bool) -> bool {
        let ids: HashSet<DraftId> = self.chosen().into_iter().collect();
        let before = self.drafts.clone();
        let last = before.len().saturating_sub(1);
        let mut rows: Vec<usize> = (0..before.len()).filter(|row| ids.contains(&before[*row].id)).collect();
        if down {
            rows.reverse();
        }
        for row in rows {
            let to = if down { row + 1 } else { row.wrapping_sub(1) };
            if to <= last && !ids.contains(&self.drafts[to].id) {
                self.drafts.swap(row, to);
            }
        }
        // The cursor stays with its draft.
        let at = before.get(self.cursor).map(|draft| draft.id);
        self.cursor = self.drafts.iter().position(|draft| Some(draft.id) == at).unwrap_or(self.cursor);
        self.remember(Change::Move, before)
    }

    /// Gives every copy that has no destination one; the answer is how many got one.
    pub fn aim(&mut self, destinations: impl Fn(&Location) -> Result<Vec<Location>, String>) -> usize {
        let waiting = |draft: &&Arc<Draft>| draft.goal == Goal::Copy(Vec::new());
        let ids: Vec<DraftId> = self.drafts.iter().filter(waiting).map(|draft| draft.id).collect();
        if ids.is_empty() {
            return 0;
        }
        self.change(&ids, Change::Aim, |draft| {
            if let Ok(to) = destinations(&draft.source) {
                draft.goal = Goal::Copy(to);
            }
        })
    }

    /// Whether a row is marked, or in the range that is being chosen.
    pub fn is_chosen(&self, row: usize) -> bool {
        let in_range = self.range().is_some_and(|(first, last)| (first..=last).contains(&row));
        in_range || self.drafts.get(row).is_some_and(|draft| self.marks.contains(&draft.id))
    }

    /// The rows of the range that is being chosen.
    pub fn range(&self) -> Option<(usize, usize)> {
        self.range.map(|from| (from.min(self.cursor), from.max(self.cursor)))
    }

    /// The drafts that a change is for: those marked and those in the range, else the cursor's.
    pub fn chosen(&self) -> Vec<DraftId> {
        let rows = 0..self.drafts.len();
        let mut ids: Vec<DraftId> =
            rows.filter(|row| self.is_chosen(*row)).map(|row| self.drafts[row].id).collect();
        if ids.is_empty() {
            ids.extend(self.current().map(|draft| draft.id));
        }
        ids
    }

    /// How many are marked.
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// Marks the cursor's draft, or takes its mark away, and moves on; with a range, marks all of that.
    pub fn mark(&mut self) {
        if self.range.is_some() {
            return self.toggle_range();
        }
        let Some(id) = self.current().map(|draft| draft.id) else { return };
        if !self.marks.remove(&id) {
            self.marks.insert(id);
        }
        self.cursor = (self.cursor + 1).min(self.drafts.len().saturating_sub(1));
    }

    /// Begins a range, or marks what the one under way holds.
    pub fn toggle_range(&mut self) {
        match self.range() {
            None => self.range = Some(self.cursor),
            Some((first, last)) => {
                self.marks.extend((first..=last).filter_map(|row| Some(self.drafts.get(row)?.id)));
                self.range = None;
            }
        }
    }

    /// Drops the range, else the marks; whether there were any.
    pub fn unmark(&mut self) -> bool {
        let dropped = self.range.take().is_some();
        dropped || !std::mem::take(&mut self.marks).is_empty()
    }

    fn remember(&mut self, change: Change, before: Vec<Arc<Draft>>) -> bool {
        let changed = before != self.drafts;
        if changed {
            self.past.push(Step { change, drafts: before });
            if self.past.len() > DEPTH {
                self.past.remove(0);
            }
            self.future.clear();
            self.find_clashes();
        }
        self.clamp();
        changed
    }

    /// Whether another draft's image goes to the same place.
    pub fn clashes(&self, draft: &Draft) -> bool {
        let goal = match &draft.goal {
            Goal::Copy(places) => places.as_slice(),
            Goal::Export(_) => &[],
        };
        !self.clashing.is_empty() && goal.iter().any(|place| self.clashing.contains(place))
    }

    fn find_clashes(&mut self) {
        let mut whose: HashMap<&Location, &Location> = HashMap::new();
        let mut clashing = HashSet::new();
        for draft in &self.drafts {
            let Goal::Copy(places) = &draft.goal else { continue };
            for place in places {
                if *whose.entry(place).or_insert(&draft.source) != &draft.source {
                    clashing.insert(place.clone());
                }
            }
        }
        self.clashing = clashing;
    }

    fn clamp(&mut self) {
        self.cursor = self.cursor.min(self.drafts.len().saturating_sub(1));
        if !self.marks.is_empty() {
            let there: HashSet<DraftId> = self.drafts.iter().map(|draft| draft.id).collect();
            self.marks.retain(|id| there.contains(id));
        }
        self.range = self.range.filter(|row| *row < self.drafts.len());
    }

    /// Whether there is a change to undo.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is an undone change to do again.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Undoes the last change, if there is one; the answer says which.
    pub fn undo(&mut self) -> Option<Change> {
        let Step { change, drafts } = self.past.pop()?;
        let drafts = std::mem::replace(&mut self.drafts, drafts);
        self.future.push(Step { change, drafts });
        self.find_clashes();
        self.clamp();
        Some(change)
    }

    /// Does the last undone change again, if there is one; the answer says which.
    pub fn redo(&mut self) -> Option<Change> {
        let Step { change, drafts } = self.future.pop()?;
        let drafts = std::mem::replace(&mut self.drafts, drafts);
        self.past.push(Step { change, drafts });
        self.find_clashes();
        self.clamp();
        Some(change)
    }

    /// The engine has taken the draft: it is a job now, and no undo brings it back.
    pub fn taken(&mut self, id: DraftId) {
        self.starting.retain(|starting| *starting != id);
        self.refused.retain(|(refused, _)| *refused != id);
        self.forget(id);
    }

    fn forget(&mut self, id: DraftId) {
        self.marks.remove(&id);
        let without = |drafts: &mut Vec<Arc<Draft>>| drafts.retain(|draft| draft.id != id);
        without(&mut self.drafts);
        self.past.iter_mut().chain(&mut self.future).for_each(|step| without(&mut step.drafts));
        // What differed only in that draft is no change any more.
        self.past.dedup_by(|later, earlier| later.drafts == earlier.drafts);
        while self.past.last().is_some_and(|step| step.drafts == self.drafts) {
            self.past.pop();
        }
        // What is gone makes no new clash: of ten thousand that start, not each looks at all the others.
        if !self.clashing.is_empty() {
            self.find_clashes();
        }
        self.clamp();
    }

    /// The engine has refused the draft.
    pub fn refuse(&mut self, id: DraftId, failure: Failure) {
        self.starting.retain(|starting| *starting != id);
        self.refused.retain(|(refused, _)| *refused != id);
        self.refused.push((id, failure));
    }

    /// Why the engine refused a draft.
    pub fn refusal(&self, id: DraftId) -> Option<&Failure> {
        self.refused.iter().find(|(refused, _)| *refused == id).map(|(_, failure)| failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Platforms;

    fn draft(name: &str) -> Draft {
        Draft::new(name.parse().unwrap(), Goal::Copy(Vec::new()), Options::default())
    }

    fn queue(names: &[&str]) -> Queue {
        let mut queue = Queue::default();
        queue.add(names.iter().map(|name| draft(name)).collect());
        queue
    }

    fn names(queue: &Queue) -> String {
        let name = |draft: &Arc<Draft>| draft.source.as_registry().unwrap().repository.name().to_owned();
        queue.drafts().iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn changes_are_undone_and_redone() {
        let mut queue = queue(&["a", "b", "c", "a"]);
        assert_eq!(names(&queue), "a b c", "the same work twice is one draft");
        queue.cursor = 2;
        assert!(queue.shift(false) && !queue.drafts().is_empty());
        assert_eq!((names(&queue).as_str(), queue.cursor), ("a c b", 1));
        assert_eq!(queue.remove(&queue.chosen()), 1);
        assert_eq!(names(&queue), "a b");
        assert_eq!((queue.undo(), queue.undo()), (Some(Change::Remove(1)), Some(Change::Move)));
        assert_eq!(names(&queue), "a b c");
        assert_eq!(queue.redo(), Some(Change::Move));
        assert_eq!(names(&queue), "a c b");
        queue.cursor = 0;
        assert!(!queue.shift(false));
        queue.remove(&queue.chosen());
        assert_eq!(queue.redo(), None, "a new change ends what could be redone");
        assert!(queue.undo().is_some() && queue.undo().is_some());
        assert_eq!((queue.undo(), queue.undo()), (Some(Change::Add(3)), None));
        assert!(names(&queue).is_empty());
    }

    #[test]
    fn what_the_engine_took_never_comes_back() {
        let mut queue = queue(&["a", "b"]);
        queue.remove(&queue.chosen());
        queue.undo();
        let id = queue.drafts()[0].id;
        queue.starting.push(id);
        assert_eq!(queue.remove(&[id]), 0, "what is on its way stays");
        queue.taken(id);
        assert_eq!(names(&queue), "b");
        while queue.undo().is_some() {
            assert!(!names(&queue).contains('a'));
        }
        while queue.redo().is_some() {}
        assert_eq!(names(&queue), "b");
    }

    #[test]
    fn a_rule_stands_for_the_tags_that_there_are_when_it_begins() {
        let mut queue = queue(&["z"]);
        let to = "h.example/p/a:latest".parse().unwrap();
        let rule = Draft::rule(
            "a".parse().unwrap(),
            "1.*".parse().unwrap(),
            Goal::Copy(vec![to]),
            Options::default(),
        );
        assert_eq!((queue.add(vec![rule.clone()]), queue.add(vec![rule])), (1, 0));
        let rule = queue.drafts()[1].clone();
        assert_eq!(rule.spec(), None, "a rule is no job");
        let tags: Vec<crate::oci::Tag> =
            ["0.9", "1.0", "1.1"].iter().map(|tag| tag.parse().unwrap()).collect();
        let images = rule.images(&tags, || queue.number());
        queue.unfold(rule.id, images);
        let specs: Vec<String> =
            queue.drafts()[1..].iter().map(|draft| draft.spec().unwrap().to_string()).collect();
        let want = |tag: &str| format!("docker.io/library/a:{tag} → h.example/p/a:{tag}");
        assert_eq!(specs, [want("1.0"), want("1.1")]);
        while queue.undo().is_some() {
            assert!(queue.get(rule.id).is_none());
        }
        for (at, want) in [
            ("docker-daemon:h.io:5000/a", "docker-daemon:h.io:5000/a:7"),
            ("store:a/b", "store:a/b:7"),
            ("oci:/d:a/b:1", "oci:/d:a/b:7"),
        ] {
            assert_eq!(with_tag(&at.parse().unwrap(), &"7".parse().unwrap()), want.parse().unwrap());
        }
    }

    #[test]
    fn copies_without_a_destination_get_the_target_once_it_is_set() {
        let mut queue = queue(&["a"]);
        assert_eq!(queue.drafts()[0].spec(), None);
        let to = |text: &'static str| move |_: &Location| Ok(vec![text.parse().unwrap()]);
        assert_eq!((queue.aim(to("h.example/x:1")), queue.aim(to("h.example/y:1"))), (1, 0));
        assert_eq!(queue.drafts()[0].spec().unwrap().to_string(), "docker.io/library/a → h.example/x:1");
        assert_eq!(queue.undo(), Some(Change::Aim(1)));
    }

    #[test]
    fn what_is_marked_moves_changes_and_goes_together() {
        let mut queue = queue(&["a", "b", "c", "d", "e"]);
        queue.cursor = 1;
        queue.mark();
        queue.mark();
        assert_eq!((queue.marked(), queue.cursor), (2, 3));
        assert!(queue.shift(true) && queue.shift(true) && !queue.shift(true));
        assert_eq!((names(&queue).as_str(), queue.cursor), ("a d e b c", 1), "the cursor's row moved, too");
        let ids = queue.chosen();
        assert_eq!(queue.change(&ids, Change::Options, |draft| draft.options.priority = 2), 2);
        assert_eq!(queue.undo(), Some(Change::Options(2)));
        assert!(queue.unmark() && !queue.unmark());
        queue.cursor = 0;
        queue.toggle_range();
        queue.cursor = 1;
        assert_eq!((queue.range(), queue.chosen().len()), (Some((0, 1)), 2));
        assert_eq!((queue.remove(&queue.chosen()), names(&queue).as_str()), (2, "e b c"));
        assert_eq!(
            (queue.cursor, queue.undo(), names(&queue).as_str()),
            (0, Some(Change::Remove(2)), "a d e b c")
        );
    }

    #[test]
    fn an_export_that_gets_several_platforms_becomes_several() {
        let mut queue = Queue::default();
        let export = Draft::new("a".parse().unwrap(), Goal::Export("d".into()), Options::default());
        queue.add(vec![export, draft("b")]);
        let two = Platforms::from_list(vec!["amd64".parse().unwrap(), "arm64".parse().unwrap()]);
        queue.change(&[queue.drafts()[0].id], Change::Options, |draft| draft.options.platforms = two.clone());
        assert_eq!(names(&queue), "a a b");
        let ids: HashSet<DraftId> = queue.drafts().iter().map(|draft| draft.id).collect();
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn a_whole_new_queue_is_one_change() {
        let mut queue = queue(&["a", "b"]);
        let (a, b) = ((*queue.drafts()[0]).clone(), (*queue.drafts()[1]).clone());
        queue.starting.push(b.id);
        assert!(queue.replace(Change::Edit, vec![draft("c"), a.clone(), a]));
        assert_eq!(names(&queue), "c a a b", "what is on its way stays");
        assert_eq!((queue.undo(), names(&queue).as_str()), (Some(Change::Edit), "a b"));
    }

    #[test]
    fn ten_thousand_are_added_at_once() {
        let drafts: Vec<Draft> = (0..10_000).map(|n| draft(&format!("team/a{n}:1"))).collect();
        let started = std::time::Instant::now();
        let mut queue = Queue::default();
        assert_eq!((queue.add(drafts.clone()), queue.add(drafts)), (10_000, 0));
        // Each against each would take minutes here.
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}

//! The queue: drafts of jobs, which the engine does not know yet, with undo and redo.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::TagFilter;
use crate::job::{Extras, Failure, JobSpec, Target};
use crate::oci::{Location, Platforms, Reference, Tag, TagOrDigest};

/// A draft's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DraftId(pub u64);

/// What a draft is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A copy; without a destination as long as no target was set.
    Copy(Option<Location>),
    /// A file for `docker load` in this directory.
    Export(PathBuf),
}

/// A job that is being put together; or a rule, which stands for the jobs of a repository's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its number.
    pub id: DraftId,
    /// What moves; of a rule the repository, without tag and digest.
    pub source: Location,
    /// Of a rule: which of the repository's tags. They are looked up when the plan is made, so that new ones are taken.
    pub tags: Option<TagFilter>,
    /// Which platforms of it.
    pub platforms: Platforms,
    /// Where to.
    pub goal: Goal,
}

impl Draft {
    /// Whether it waits for a target.
    pub fn lacks_target(&self) -> bool {
        self.goal == Goal::Copy(None)
    }

    /// A rule's drafts: one for each of its repository's tags that it chooses.
    pub fn images(&self, tags: &[Tag], mut number: impl FnMut() -> DraftId) -> Vec<Draft> {
        let chosen = self.tags.as_ref().map(|filter| filter.choose(tags)).unwrap_or_default();
        let one = |tag: &Tag| Draft {
            id: number(),
            source: with_tag(&self.source, tag),
            tags: None,
            platforms: self.platforms.clone(),
            goal: match &self.goal {
                Goal::Copy(to) => Goal::Copy(to.as_ref().map(|to| with_tag(to, tag))),
                export => export.clone(),
            },
        };
        chosen.iter().map(one).collect()
    }

    /// The job; `None` as long as there is no destination, and for a rule, which is no job of its own.
    pub fn spec(&self) -> Option<JobSpec> {
        if self.tags.is_some() {
            return None;
        }
        let destination = match &self.goal {
            Goal::Copy(to) => Target::Image(to.clone()?),
            Goal::Export(directory) => Target::ExportInto(directory.clone()),
        };
        Some(JobSpec {
            source: self.source.clone(),
            more: Vec::new(),
            destinations: vec![destination],
            platforms: self.platforms.clone(),
            tags: Vec::new(),
            overwrite: false,
            keep_tags: false,
            // A platform that was chosen by hand may be one of several of the same tag.
            platform_in_name: self.platforms != Platforms::All,
            extras: Extras::default(),
        })
    }

    fn same_work(&self, other: &Draft) -> bool {
        self.source == other.source
            && self.tags == other.tags
            && self.platforms == other.platforms
            && self.goal == other.goal
    }
}

/// The same place with this tag.
pub fn with_tag(at: &Location, tag: &Tag) -> Location {
    let renamed = |name: &str| match name.rsplit_once(':') {
        Some((before, last)) if !last.contains('/') => format!("{before}:{tag}"),
        _ => format!("{name}:{tag}"),
    };
    match at {
        Location::Registry(reference) => {
            Location::Registry(Reference { digest: None, ..reference.with_tag(tag.clone()) })
        }
        Location::Store { repository, .. } => {
            Location::Store { repository: repository.clone(), target: Some(TagOrDigest::Tag(tag.clone())) }
        }
        Location::DockerDaemon { host, image } => {
            Location::DockerDaemon { host: host.clone(), image: renamed(image) }
        }
        Location::OciLayout { path, reference } => {
            let reference = reference.as_deref().map(renamed).or_else(|| Some(tag.to_string()));
            Location::OciLayout { path: path.clone(), reference }
        }
        other => other.clone(),
    }
}

/// Changes that can be undone.
const DEPTH: usize = 100;

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    drafts: Vec<Arc<Draft>>,
    past: Vec<Vec<Arc<Draft>>>,
    future: Vec<Vec<Arc<Draft>>>,
    next: u64,
    /// Drafts on their way to the engine.
    pub starting: Vec<DraftId>,
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
    pub fn add(&mut self, drafts: Vec<(Location, Platforms, Goal)>) -> usize {
        self.add_all(drafts.into_iter().map(|(source, platforms, goal)| (source, None, platforms, goal)))
    }

    /// As [`Queue::add`]; one with a filter is a rule for the tags of the repository before it.
    pub fn add_all(
        &mut self,
        drafts: impl IntoIterator<Item = (Location, Option<TagFilter>, Platforms, Goal)>,
    ) -> usize {
        let before = self.drafts.clone();
        for (source, tags, platforms, goal) in drafts {
            let draft = Draft { id: DraftId(self.next + 1), source, tags, platforms, goal };
            if !self.drafts.iter().any(|there| there.same_work(&draft)) {
                self.next += 1;
                self.drafts.push(Arc::new(draft));
            }
        }
        let added = self.drafts.len() - before.len();
        self.remember(before);
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

    /// Takes the cursor's draft out.
    pub fn remove(&mut self) -> Option<Arc<Draft>> {
        if self.cursor >= self.drafts.len() {
            return None;
        }
        let before = self.drafts.clone();
        let gone = self.drafts.remove(self.cursor);
        self.remember(before);
        Some(gone)
    }

    /// Moves the cursor's draft by one row; whether there was room.
    pub fn shift(&mut self, down: bool) -> bool {
        let to = if down { self.cursor + 1 } else { self.cursor.wrapping_sub(1) };
        if self.cursor >= self.drafts.len() || to >= self.drafts.len() {
            return false;
        }
        let before = self.drafts.clone();
        self.drafts.swap(self.cursor, to);
        self.remember(before);
        self.cursor = to;
        true
    }

    /// Gives every copy that has no destination one.
    pub fn aim(&mut self, destination: impl Fn(&Location) -> Result<Location, String>) {
        let before = self.drafts.clone();
        for draft in &mut self.drafts {
            if draft.goal == Goal::Copy(None)
                && let Ok(to) = destination(&draft.source)
            {
                *draft = Arc::new(Draft { goal: Goal::Copy(Some(to)), ..(**draft).clone() });
            }
        }
        self.remember(before);
    }

    fn remember(&mut self, before: Vec<Arc<Draft>>) {
        if before != self.drafts {
            self.past.push(before);
            if self.past.len() > DEPTH {
                self.past.remove(0);
            }
            self.future.clear();
        }
        self.clamp();
    }

    fn clamp(&mut self) {
        self.cursor = self.cursor.min(self.drafts.len().saturating_sub(1));
    }

    /// Whether there is a change to undo.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is an undone change to do again.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Undoes the last change; whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        self.future.push(std::mem::replace(&mut self.drafts, before));
        self.clamp();
        true
    }

    /// Does the last undone change again; whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.drafts, after));
        self.clamp();
        true
    }

    /// The engine has taken the draft: it is a job now, and no undo brings it back.
    pub fn taken(&mut self, id: DraftId) {
        self.starting.retain(|starting| *starting != id);
        self.refused.retain(|(refused, _)| *refused != id);
        self.forget(id);
    }

    fn forget(&mut self, id: DraftId) {
        let without = |drafts: &mut Vec<Arc<Draft>>| drafts.retain(|draft| draft.id != id);
        without(&mut self.drafts);
        self.past.iter_mut().for_each(without);
        self.future.iter_mut().for_each(without);
        // What differed only in that draft is no change any more.
        self.past.dedup();
        while self.past.last() == Some(&self.drafts) {
            self.past.pop();
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

    fn queue(names: &[&str]) -> Queue {
        let mut queue = Queue::default();
        queue.add(
            names.iter().map(|name| (name.parse().unwrap(), Platforms::All, Goal::Copy(None))).collect(),
        );
        queue
    }

    fn names(queue: &Queue) -> Vec<String> {
        queue.drafts().iter().map(|d| d.source.as_registry().unwrap().repository.name().to_owned()).collect()
    }

    #[test]
    fn changes_are_undone_and_redone() {
        let mut queue = queue(&["a", "b", "c", "a"]);
        assert_eq!(names(&queue), ["a", "b", "c"], "the same work twice is one draft");
        queue.cursor = 2;
        assert!(queue.shift(false) && !queue.drafts().is_empty());
        assert_eq!((names(&queue), queue.cursor), (vec!["a".into(), "c".into(), "b".into()], 1));
        queue.remove();
        assert_eq!(names(&queue), ["a", "b"]);
        assert!(queue.undo() && queue.undo());
        assert_eq!(names(&queue), ["a", "b", "c"]);
        assert!(queue.redo());
        assert_eq!(names(&queue), ["a", "c", "b"]);
        queue.cursor = 0;
        assert!(!queue.shift(false));
        queue.remove();
        assert!(!queue.redo(), "a new change ends what could be redone");
        assert!(queue.undo() && queue.undo() && queue.undo() && !queue.undo());
        assert!(names(&queue).is_empty());
    }

    #[test]
    fn what_the_engine_took_never_comes_back() {
        let mut queue = queue(&["a", "b"]);
        queue.remove();
        queue.undo();
        let id = queue.drafts()[0].id;
        queue.starting.push(id);
        queue.taken(id);
        assert_eq!(names(&queue), ["b"]);
        while queue.undo() {
            assert!(!names(&queue).contains(&"a".to_owned()));
        }
        while queue.redo() {}
        assert_eq!(names(&queue), ["b"]);
    }

    #[test]
    fn a_rule_stands_for_the_tags_that_there_are_when_it_begins() {
        let mut queue = queue(&["z"]);
        let to = "h.example/p/a:latest".parse().unwrap();
        let rule = ("a".parse().unwrap(), Some("1.*".parse().unwrap()), Platforms::All, Goal::Copy(Some(to)));
        assert_eq!((queue.add_all([rule.clone()]), queue.add_all([rule])), (1, 0));
        let rule = queue.drafts()[1].clone();
        assert_eq!(rule.spec(), None, "a rule is no job");
        let tags: Vec<Tag> = ["0.9", "1.0", "1.1"].iter().map(|tag| tag.parse().unwrap()).collect();
        let images = rule.images(&tags, || queue.number());
        queue.unfold(rule.id, images);
        let specs: Vec<String> =
            queue.drafts()[1..].iter().map(|draft| draft.spec().unwrap().to_string()).collect();
        let want = |tag: &str| format!("docker.io/library/a:{tag} → h.example/p/a:{tag}");
        assert_eq!(specs, [want("1.0"), want("1.1")]);
        while queue.undo() {
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
        queue.aim(|_| "h.example/x:1".parse().map_err(|_| String::new()));
        queue.aim(|_| "h.example/y:1".parse().map_err(|_| String::new()));
        assert_eq!(queue.drafts()[0].spec().unwrap().to_string(), "docker.io/library/a → h.example/x:1");
    }
}

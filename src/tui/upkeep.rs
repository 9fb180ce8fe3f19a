//! Images changed and compared where they are: what is asked of the engine for that, and its answers.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};

use super::effect::within;
use super::state::queue::DraftId;
use crate::engine::{
    Collection, Deleted, Deletion, Engine, GARBAGE_AGE, Garbage, ImageDiff, Place, Referrer, TagMove,
};
use crate::job::{Failure, JobSpec};
use crate::oci::{Digest, Location, Platforms, Tag};

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upkeep {
    /// Find what a deletion would take.
    Find {
        /// What the answer is marked with.
        request: u64,
        /// What was named.
        images: Vec<Location>,
        /// Whether the tags' manifests are to go.
        by_digest: bool,
    },
    /// Delete.
    Delete(Vec<Deletion>),
    /// Ask which of the names are another image's.
    Look(Vec<JobSpec>),
    /// Give an image names.
    Tag(Vec<JobSpec>),
    /// Ask for the tags of the repositories of rules.
    Tags {
        /// What the answer is marked with.
        request: u64,
        /// The rules and their repositories.
        rules: Vec<(DraftId, Location)>,
    },
    /// Ask what refers to the image of this digest.
    Referrers(Location, Digest),
    /// Look for what the local store does not need, or remove it.
    Garbage {
        /// Nothing is removed.
        dry_run: bool,
    },
    /// Compare two images, as they are now.
    Compare {
        /// What the answer is marked with.
        request: u64,
        /// The first.
        a: Box<Location>,
        /// The second.
        b: Box<Location>,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum Answer {
    /// Of each image what was found, in their order.
    Found {
        /// The request it answers.
        request: u64,
        /// What was found.
        found: Vec<(Location, Result<Deletion, Failure>)>,
    },
    /// What became of each deletion; `None`: the registry deletes no tag alone.
    Deleted(Vec<(Deletion, Result<Option<Deleted>, Failure>)>),
    /// The names that are another image's, of these jobs.
    Moves(Vec<JobSpec>, Result<Vec<TagMove>, Failure>),
    /// The names that were set, or the first failure.
    Tagged(Result<Vec<String>, Failure>),
    /// The tags of the rules' repositories, in their order.
    Tags {
        /// The request it answers.
        request: u64,
        /// Of each rule the tags that there are.
        found: Vec<(DraftId, Result<Vec<Tag>, Failure>)>,
    },
    /// The comparison.
    Compared {
        /// The request it answers.
        request: u64,
        /// What the images differ in.
        answer: Result<Box<ImageDiff>, Failure>,
    },
    /// There is nothing to compare with: the first of the two is not there.
    Absent {
        /// The request it answers.
        request: u64,
        /// Where nothing is.
        at: Location,
    },
    /// What refers to the image of this digest.
    Referrers(Digest, Result<Vec<Referrer>, Failure>),
    /// What the local store does not need, or what went.
    Garbage {
        /// Whether it is still there.
        dry_run: bool,
        /// How much it is.
        answer: Result<Garbage, Failure>,
    },
}

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(60);
/// How long a deletion or a comparison may take: tags are looked up, an engine's image is saved.
const LONG: Duration = Duration::from_secs(600);

impl Upkeep {
    /// Does it. Boxed a kind: together they are too much for the compiler to see that they are `Send`.
    pub(super) fn run(self, engine: Engine) -> BoxFuture<'static, Answer> {
        match self {
            Upkeep::Find { request, images, by_digest } => Box::pin(find(engine, request, images, by_digest)),
            Upkeep::Delete(deletions) => Box::pin(delete(engine, deletions)),
            Upkeep::Look(specs) => Box::pin(look(engine, specs)),
            Upkeep::Tag(specs) => Box::pin(async move { Answer::Tagged(tag(engine, specs).await) }),
            Upkeep::Tags { request, rules } => Box::pin(tags(engine, request, rules)),
            Upkeep::Referrers(at, digest) => Box::pin(async move {
                let found = within(QUESTION, &at, async { engine.referrers(&at, &digest).await }).await;
                Answer::Referrers(digest, found)
            }),
            Upkeep::Garbage { dry_run } => Box::pin(async move {
                let how = Collection { dry_run, ..Collection::older_than(GARBAGE_AGE) };
                let answer = within(LONG, &"store:", async { engine.collect_garbage(how).await }).await;
                Answer::Garbage { dry_run, answer }
            }),
            Upkeep::Compare { request, a, b } => Box::pin(compare(engine, request, *a, *b)),
        }
    }

    /// The answer of what nobody will do.
    pub(super) fn refused(self, failure: &Failure) -> Answer {
        let failure = failure.clone();
        match self {
            Upkeep::Find { request, images, .. } => {
                let found = images.into_iter().map(|at| (at, Err(failure.clone()))).collect();
                Answer::Found { request, found }
            }
            Upkeep::Delete(deletions) => {
                Answer::Deleted(deletions.into_iter().map(|d| (d, Err(failure.clone()))).collect())
            }
            Upkeep::Look(specs) => Answer::Moves(specs, Err(failure)),
            Upkeep::Tag(_) => Answer::Tagged(Err(failure)),
            Upkeep::Tags { request, rules } => {
                let found = rules.into_iter().map(|(rule, _)| (rule, Err(failure.clone()))).collect();
                Answer::Tags { request, found }
            }
            Upkeep::Referrers(_, digest) => Answer::Referrers(digest, Err(failure)),
            Upkeep::Garbage { dry_run } => Answer::Garbage { dry_run, answer: Err(failure) },
            Upkeep::Compare { request, .. } => Answer::Compared { request, answer: Err(failure) },
        }
    }
}

async fn find(engine: Engine, request: u64, images: Vec<Location>, by_digest: bool) -> Answer {
    let mut found = Vec::new();
    for at in images {
        let answer = within(LONG, &at, async { engine.find_deletion(&at, by_digest, false).await }).await;
        found.push((at, answer));
    }
    Answer::Found { request, found }
}

async fn delete(engine: Engine, deletions: Vec<Deletion>) -> Answer {
    let mut done = Vec::new();
    for deletion in deletions {
        let deleted = within(LONG, &deletion.location, async { engine.delete(&deletion).await }).await;
        done.push((deletion, deleted));
    }
    Answer::Deleted(done)
}

async fn look(engine: Engine, specs: Vec<JobSpec>) -> Answer {
    let mut moves = Vec::new();
    for spec in &specs {
        match within(QUESTION, &spec.source, async { engine.tag_moves(spec).await }).await {
            Ok(found) => moves.extend(found),
            Err(failure) => return Answer::Moves(specs, Err(failure)),
        }
    }
    Answer::Moves(specs, Ok(moves))
}

/// Repositories whose tags are asked for at the same time.
const AT_ONCE: usize = 6;

async fn tags(engine: Engine, request: u64, rules: Vec<(DraftId, Location)>) -> Answer {
    let one = |(rule, at): (DraftId, Location)| {
        let engine = engine.clone();
        async move {
            let answer = match Place::of_repository(&at) {
                Some((place, repository)) => {
                    let pages = engine.tags(&place, &repository).try_collect::<Vec<_>>();
                    within(LONG, &at, pages).await
                }
                None => Ok(Vec::new()),
            };
            // What is no tag cannot be asked for.
            let tags =
                |pages: Vec<Vec<String>>| pages.iter().flatten().filter_map(|tag| tag.parse().ok()).collect();
            (rule, answer.map(tags))
        }
    };
    let found = futures_util::stream::iter(rules.into_iter().map(one)).buffered(AT_ONCE).collect().await;
    Answer::Tags { request, found }
}

async fn compare(engine: Engine, request: u64, a: Location, b: Location) -> Answer {
    // A target that has nothing there is no failure of the comparison.
    let there = within(QUESTION, &a, async { engine.resolve(&a).await }).await;
    match there {
        Ok(Some(_)) => {}
        Ok(None) => return Answer::Absent { request, at: a },
        Err(failure) => return Answer::Compared { request, answer: Err(failure) },
    }
    let answer = within(LONG, &b, async { engine.diff(&a, &b, &Platforms::All).await }).await;
    Answer::Compared { request, answer: answer.map(Box::new) }
}

/// Runs the jobs to their end: a tag is short work, and the list is to show it.
async fn tag(engine: Engine, specs: Vec<JobSpec>) -> Result<Vec<String>, Failure> {
    let ids = engine.submit_all(specs).await.map_err(|error| error.failure())?;
    let mut names = Vec::new();
    for id in ids {
        let Some(job) = engine.wait(id).await else { continue };
        if let Some(failure) = job.failure {
            return Err(failure);
        }
        names.extend(job.report.into_iter().flat_map(|report| report.outputs).map(|output| output.location));
    }
    Ok(names)
}

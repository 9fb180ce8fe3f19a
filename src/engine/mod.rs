//! The library API: everything wharf does, for every front end. The engine plans and runs jobs on one pool of
//! workers, and answers questions (repositories, tags, inspect), so that no front end touches a transport.
//!
//! It reads no environment, no home directory and no terminal: what it is to know comes with
//! [`EngineOptions`], what it wants to say is a [`JobEvent`].
//!
//! In the order of the flow:
//!
//! | file | story |
//! |---|---|
//! | `options` | what the engine is told at the start |
//! | `door` | a location's name → the source or destination behind it |
//! | `archives` | tars: opened once, staged where they are a stream |
//! | `daemon` | container engines: their doors, plans and answers |
//! | `accept` | a batch of specifications → jobs that run |
//! | `remaining` | what outlives a process, and taking it up again |
//! | `jobs` | states, and what drives a job |
//! | `turn` | how many jobs at once, and whose turn comes first |
//! | `planner` | a specification → what each destination needs |
//! | `tree`, `nested` | an index's manifests and their blobs; indexes within an index |
//! | `arrival` | which of an image's platforms arrive, as an index or as one image |
//! | `convert` | an image's manifests in the other format |
//! | `along` | what a plan has besides the image itself |
//! | `referrers` | what travels beside an image: signatures, SBOMs, cosign's tags |
//! | `foreign` | layers that lie outside of every registry |
//! | `several`, `together` | many images in one archive |
//! | `run` | one run: blobs through the pool, manifests in order, files ended |
//! | `pool`, `inflight` | how many at once; once per digest |
//! | `copy`, `reading` | one blob's way, read once and written wherever it lacks |
//! | `ranged`, `parts` | a huge blob over several connections, where that is faster |
//! | `throttle`, `bandwidth` | backing off from a host that says it is too much; how many bytes a second |
//! | `keep` | what stays of a job that failed |
//! | `lacking` | a manifest that is refused because what it names is not there |
//! | `progress`, `voice` | counters that are sampled; events |
//! | `diary`, `budget` | the jobs' logs in the ledger; how often a job may try again |
//! | `knowledge`, `remembered` | what outlives a job: where blobs are, how registries behave |
//! | `record`, `past` | everything that is recorded of one job; jobs that are over, page by page |
//! | `error`, `hint` | what went wrong, and what a person can do about it |
//!
//! And what is no job:
//!
//! | file | story |
//! |---|---|
//! | `place`, `question` | what can be browsed; what front ends ask of it |
//! | `image` | what an image is made of |
//! | `files` | image files, and the images in them |
//! | `search` | finding repositories by words |
//! | `registry_info`, `login` | how a registry answers; whether it takes a login |
//! | `diff`, `compare` | what two images differ in, as data; reading them for it |
//! | `retag`, `delete` | new names for an image where it is; deleting tags, manifests, images on this disk |
//! | `names` | an engine's images get names there, and lose them |
//! | `storage` | the local store as a whole, and image files |

mod accept;
mod along;
mod archives;
mod arrival;
mod ask;
mod bandwidth;
mod budget;
mod compare;
mod convert;
mod copy;
mod daemon;
mod delete;
mod diary;
mod diff;
mod door;
mod elsewhere;
mod error;
mod files;
mod foreign;
mod hint;
mod image;
mod inflight;
mod jobs;
mod keep;
mod keeping;
mod knowledge;
mod lacking;
mod login;
mod names;
mod nested;
mod options;
mod parts;
mod past;
mod place;
mod planner;
mod pool;
mod progress;
mod question;
mod ranged;
mod reading;
mod record;
mod referrers;
mod registry_info;
mod remaining;
mod remembered;
mod retag;
mod run;
mod search;
mod several;
mod storage;
mod throttle;
mod together;
mod tree;
mod turn;
mod voice;

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::stream::BoxStream;
use tokio::sync::{broadcast, watch};
use tokio_util::task::TaskTracker;

pub use delete::{Deleted, Deletion, Freed};
pub use diff::{Change, ImageDiff, LayerDiff, LayerLine, PlatformDiff, PlatformLine, Recompressed};
pub use elsewhere::{Remote, Remotes};
pub use error::{Error, Result};
pub use image::{Image, ImagePlatform, Referrer};
pub use login::CheckedLogin;
pub use options::{DaemonPlaces, EngineOptions, FindEngine, Forbids};
pub use place::{ArchiveImage, FileEntry, FileKind, Holds, ListedImage, ListedImages, Place};
pub use record::JobRecord;
pub use registry_info::RegistryInfo;
pub use remaining::Unfinished;
pub use retag::TagMove;
pub use search::FoundRepository;
pub use storage::{FileContents, Sum};

use crate::job::{Attempt, Job, JobEvent, JobId, JobSpec, JobState, Plan, Wish};
use crate::ledger::Ledger;
use crate::oci::{
    Descriptor, Digest, Location, Platform, Platforms, RawManifest, Reference, Registry, Repository, Tag,
};
use crate::transport::local::Store;
pub use crate::transport::local::{Collection, GARBAGE_AGE, Garbage, RepositoryUsage, Usage as StoreUsage};
use crate::transport::registry::{Client, ClientOptions};

/// Jobs that plan or run at the same time: enough that the pool always has blobs to choose from.
const TURNS: usize = 32;

/// The engine. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// What all clones share.
struct Inner {
    client: Client,
    store: Store,
    daemons: daemon::Daemons,
    archives: archives::Archives,
    ledger: Option<Ledger>,
    forbids: Forbids,
    /// Nothing is changed at all.
    read_only: AtomicBool,
    host_platform: Platform,
    standard_output: Option<std::path::PathBuf>,
    attempts: u32,
    first_wait: Duration,
    retries_per_job: u32,
    pool: Arc<pool::Pool>,
    bandwidth: bandwidth::Bandwidth,
    inflight: Arc<inflight::Inflight>,
    jobs: jobs::Jobs,
    /// Whose turn it is to plan and run: slots of a pool of their own, so that priorities hold there too.
    turns: Arc<pool::Pool>,
    tasks: TaskTracker,
    speaker: voice::Speaker,
    serial: AtomicI64,
    /// Whether somebody keeps the jobs in the ledger.
    sampling: AtomicBool,
    /// What is seen of other processes' jobs, once somebody looks.
    others: OnceLock<watch::Receiver<Remotes>>,
    /// Why jobs are not recorded, though they should be.
    unrecorded: OnceLock<String>,
    /// Whether what ends now is to be gone on with by another process.
    handing_over: AtomicBool,
    /// What was given to them.
    given: Mutex<Vec<(JobId, JobState)>>,
    /// How registries behave, as the ledger has it.
    profiles: Mutex<HashMap<Registry, remembered::Remembered>>,
}

impl Engine {
    /// An engine that knows what `options` say. Nothing is opened or asked yet.
    pub fn new(options: EngineOptions) -> Engine {
        let speaker = voice::Speaker::new(options.ledger.as_ref());
        let archives = archives::Archives::new(&options.spool);
        let daemons = daemon::Daemons::new(&options, archives.spool().clone());
        let pool = pool::Pool::new(options.workers, options.workers_per_host, options.host_limits);
        let observer = Arc::new(throttle::Ear { speaker: speaker.clone(), pool: Arc::clone(&pool) });
        Engine(Arc::new(Inner {
            first_wait: options.client.first_wait,
            daemons,
            client: Client::new(ClientOptions { observer, ..options.client }),
            store: Store::open(options.store),
            archives,
            ledger: options.ledger,
            forbids: options.forbids,
            read_only: AtomicBool::new(false),
            host_platform: options.host_platform,
            standard_output: options.standard_output,
            attempts: options.attempts.max(1),
            retries_per_job: options.retries_per_job,
            pool,
            bandwidth: bandwidth::Bandwidth::new(options.bandwidth, options.host_bandwidths),
            inflight: Arc::default(),
            jobs: jobs::Jobs::default(),
            turns: pool::Pool::new(TURNS, TURNS, HashMap::new()),
            tasks: TaskTracker::new(),
            speaker,
            serial: AtomicI64::new(1),
            sampling: AtomicBool::new(false),
            others: OnceLock::new(),
            unrecorded: OnceLock::new(),
            handing_over: AtomicBool::new(false),
            given: Mutex::default(),
            profiles: Mutex::default(),
        }))
    }

    /// From here on the engine answers and plans, and refuses whatever would change something: jobs, deletions, names.
    pub fn refuse_changes(&self) {
        self.0.read_only.store(true, Relaxed);
    }

    /// Accepts a job: it is queued, and runs as soon as there is room.
    pub async fn submit(&self, spec: JobSpec) -> Result<JobId> {
        self.0.may_change(&spec)?;
        let ids = self.0.accept(vec![spec]).await?;
        ids.first().copied().ok_or_else(|| Error::Internal("a job got no number".to_owned()))
    }

    /// Accepts a batch: all of it is queued at once, or refused before anything is. The numbers have the order of
    /// `specs`. A job that a process left unfinished when it went away is taken up again where its specification is
    /// equal.
    pub async fn submit_all(&self, specs: Vec<JobSpec>) -> Result<Vec<JobId>> {
        specs.iter().try_for_each(|spec| self.0.may_change(spec))?;
        self.0.accept(specs).await
    }

    /// What a job would move, asking the destinations what they have. Nothing is changed.
    pub async fn plan(&self, spec: &JobSpec) -> Result<Plan> {
        match self.0.preview_saved(spec).await? {
            Some(plan) => Ok(plan),
            None => Ok(self.0.make_plan(spec, true).await?.plan),
        }
    }

    /// Every job of this process, oldest first, with sampled progress.
    pub fn jobs(&self) -> Vec<Job> {
        self.samples().into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// As [`Engine::jobs`], for who looks often: jobs that are over are shared, not copied.
    pub fn samples(&self) -> Vec<Arc<Job>> {
        self.0.jobs.all().iter().map(|entry| entry.snapshot()).collect()
    }

    /// One job.
    pub fn job(&self, id: JobId) -> Option<Job> {
        self.0.jobs.get(id).map(|entry| Arc::unwrap_or_clone(entry.snapshot()))
    }

    /// Does what a person asks of a job: here, or where it is; what nobody has is done, or taken up, here. The error
    /// says why not.
    pub async fn ask(&self, id: JobId, wish: Wish) -> Result<()> {
        self.0.may_change(&format_args!("job {id}"))?;
        self.0.ask(id, wish).await
    }

    /// Cancels a job that is not over, and waits until nothing of it is at work.
    pub async fn cancel(&self, id: JobId) -> Result<()> {
        self.ask(id, Wish::Cancel).await
    }

    /// Queues a failed job again.
    pub async fn retry(&self, id: JobId) -> Result<()> {
        self.ask(id, Wish::Retry).await
    }

    /// Pauses a running job: no new blob starts, running ones finish.
    pub async fn pause(&self, id: JobId) -> Result<()> {
        self.ask(id, Wish::Pause).await
    }

    /// Lets a paused job go on, and takes up one that was interrupted.
    pub async fn resume(&self, id: JobId) -> Result<()> {
        self.ask(id, Wish::Resume).await
    }

    /// The jobs that are not this process's, from now on looked at as long as somebody listens: those that are not
    /// over, and what comes. What they say comes with [`Engine::subscribe`]. `None` where jobs are not recorded.
    pub fn others(&self) -> Option<watch::Receiver<Remotes>> {
        self.0.watch_others()
    }

    /// Whether jobs are recorded: others see them, and they outlive the process.
    pub fn is_recorded(&self) -> bool {
        self.0.ledger.is_some()
    }

    /// Why jobs are not recorded, though they should be.
    pub fn unrecorded(&self) -> Option<&str> {
        self.0.unrecorded.get().map(String::as_str)
    }

    /// Notes why jobs are not recorded; once.
    pub fn set_unrecorded(&self, reason: String) {
        let _ = self.0.unrecorded.set(reason);
    }

    /// Notes that nobody sits in front of this process any more, for whoever looks at its jobs.
    pub async fn left_alone(&self) {
        self.0.left_alone().await;
    }

    /// To be called when the process was stopped and goes on: jobs that another one has taken over are dropped.
    pub async fn check_leases(&self) {
        self.0.check_leases().await;
    }

    /// Stops all work, and leaves what is not over to whoever takes it up: the answer is those jobs, as they were,
    /// also when it is asked for again. Those that are
    /// not recorded are cancelled. Nothing can be begun any more.
    pub async fn hand_over(&self) -> Result<Vec<(JobId, JobState)>> {
        self.0.hand_over().await
    }

    /// Changes how many blobs move at the same time; at least one. More start at once, fewer as they end.
    pub fn set_workers(&self, workers: usize) {
        self.0.pool.set_workers(workers);
    }

    /// How many blobs may move at the same time.
    pub fn workers(&self) -> usize {
        self.0.pool.workers().0
    }

    /// Changes how many blobs move at the same time at one host (but those with a limit of their own); at least one.
    pub fn set_workers_per_host(&self, workers: usize) {
        self.0.pool.set_workers_per_host(workers);
    }

    /// How many blobs may move at the same time at one host.
    pub fn workers_per_host(&self) -> usize {
        self.0.pool.workers().1
    }

    /// Changes a job's priority: higher goes first, 0 is the usual one. Its blobs that wait are put in their new place
    /// at once.
    pub async fn set_priority(&self, id: JobId, priority: i32) -> Result<()> {
        self.ask(id, Wish::Priority(priority)).await
    }

    /// Limits the bytes a second that are moved in all, from now on; `None` is no limit. What counts is said in
    /// `config.example.yaml`.
    pub fn set_bandwidth(&self, rate: Option<NonZeroU64>) {
        self.0.bandwidth.all().set(rate);
    }

    /// The limit in bytes a second, if there is one.
    pub fn bandwidth(&self) -> Option<NonZeroU64> {
        self.0.bandwidth.all().get()
    }

    /// Events from now on. A receiver that lags misses some and should look at [`Engine::jobs`] again.
    pub fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        self.0.speaker.listen()
    }

    /// Waits until a job is over.
    pub async fn wait(&self, id: JobId) -> Option<Job> {
        self.0.wait_for(id).await
    }

    /// Waits until every job is over.
    pub async fn idle(&self) {
        self.0.wait_for_all().await;
    }

    /// Ends: cancels what still runs, waits for its end and closes the ledger.
    pub async fn shutdown(&self) {
        self.0.end().await;
        if let Some(ledger) = &self.0.ledger
            && let Err(error) = ledger.close().await
        {
            tracing::warn!("{error}");
        }
    }

    /// A place's repositories (a directory's image files, a file's images), page by page, as they come.
    pub fn repositories(&self, place: &Place) -> BoxStream<'static, Result<Vec<String>>> {
        self.0.list_repositories(place)
    }

    /// A repository's tags, page by page, as they come.
    pub fn tags(&self, place: &Place, repository: &Repository) -> BoxStream<'static, Result<Vec<String>>> {
        self.0.list_tags(place, repository)
    }

    /// All tags of a repository in a registry or in the store, what is no tag by the grammar left out. More than a
    /// bound is an error.
    pub async fn all_tags(&self, repository: &Location) -> Result<Vec<Tag>> {
        self.0.all_tags(repository).await
    }

    /// Bytes that may be written where `path` is or will be; `None` where nobody knows.
    pub async fn room_at(&self, path: &Path) -> Option<u64> {
        storage::room_at(path).await
    }

    /// The tags of a repository in an engine, by its name there, which may have a host in it; `None` is the usual engine.
    pub async fn daemon_tags(&self, host: Option<&str>, repository: &Reference) -> Result<Vec<String>> {
        self.0.daemon_tags(host, repository).await
    }

    /// Gives an engine's image more names there; a name that another image has is taken from it.
    pub async fn tag_in_daemon(&self, host: Option<&str>, image: &str, names: &[Reference]) -> Result<()> {
        self.0.may_change(&image)?;
        self.0.tag_in_daemon(host, image, names).await
    }

    /// Takes a name from an engine's image; with its last name the image goes. What went, an item a line.
    pub async fn remove_from_daemon(&self, host: Option<&str>, image: &str) -> Result<Vec<String>> {
        self.0.may_change(&image)?;
        self.0.remove_from_daemon(host, image).await
    }

    /// What an engine calls itself, with its version: whether it is there. `None` is the usual engine.
    pub async fn engine_version(&self, host: Option<&str>) -> Result<String> {
        self.0.engine_version(host).await
    }

    /// What a registry says when it is pinged, and what was learned of it. One that lets nobody in is an answer.
    pub async fn registry_info(&self, registry: &Registry) -> Result<RegistryInfo> {
        self.0.describe_registry(registry).await
    }

    /// What an image is made of.
    pub async fn inspect(&self, location: &Location) -> Result<Image> {
        self.0.inspect_image(location).await
    }

    /// What refers to the image of this digest at a location: signatures, SBOMs, attestations.
    pub async fn referrers(&self, location: &Location, subject: &Digest) -> Result<Vec<Referrer>> {
        self.0.find_referrers(location, subject).await
    }

    /// The manifest or index at a location, byte for byte.
    pub async fn raw_manifest(&self, location: &Location) -> Result<RawManifest> {
        self.0.raw_manifest(location).await
    }

    /// What is at a location: digest, type and size of its manifest, with one request; `None` if nothing is.
    pub async fn resolve(&self, location: &Location) -> Result<Option<Descriptor>> {
        self.0.resolve_location(location).await
    }

    /// The names among a copy's destinations that stand for something else now.
    pub async fn tag_moves(&self, spec: &JobSpec) -> Result<Vec<TagMove>> {
        self.0.find_tag_moves(spec).await
    }

    /// Finds what is to be deleted: the tag alone, or (`by_digest`, or a digest was named) its manifest with every tag
    /// of it. `ask_tags` tells of the manifest's other tags in any case; all tags of its repository are looked up.
    pub async fn find_deletion(
        &self,
        location: &Location,
        by_digest: bool,
        ask_tags: bool,
    ) -> Result<Deletion> {
        self.0.find_deletion(location, by_digest, ask_tags).await
    }

    /// Deletes what was found. `None` where the registry deletes no tag alone: nothing has happened then.
    pub async fn delete(&self, deletion: &Deletion) -> Result<Option<Deleted>> {
        self.0.may_change(&deletion.location)?;
        self.0.delete_image(deletion).await
    }

    /// What two images differ in; with platforms, only those.
    pub async fn diff(&self, a: &Location, b: &Location, platforms: &Platforms) -> Result<ImageDiff> {
        self.0.compare(a, b, platforms).await
    }

    /// The image files and layouts in a directory, newest first. A directory that does not exist holds none.
    pub async fn files(&self, directory: &Path) -> Result<Vec<FileEntry>> {
        files::list_files(directory).await
    }

    /// The images in an archive, a layout or an engine, by name.
    pub async fn images(&self, place: &Place) -> Result<ListedImages> {
        self.0.list_images(place).await
    }

    /// What is in an image file; with `verify` it is read whole and compared with the `.sha256` beside it.
    pub async fn file_contents(&self, path: &Path, verify: bool) -> Result<FileContents> {
        self.0.file_contents(path, verify).await
    }

    /// Repositories found by words, at most `limit`: in the place's list, else by the registry's own search.
    pub async fn search(&self, place: &Place, words: &str, limit: usize) -> Result<Vec<FoundRepository>> {
        self.0.search(place, words, limit).await
    }

    /// Where the local image store is and what it holds.
    pub async fn store_usage(&self) -> Result<StoreUsage> {
        self.0.store_usage().await
    }

    /// Removes from the local image store what no image needs.
    pub async fn collect_garbage(&self, how: Collection) -> Result<Garbage> {
        if !how.dry_run {
            self.0.may_change(&"the local image store")?;
        }
        self.0.collect_garbage(how).await
    }

    /// Jobs, newest first: those that this user's ledger remembers, or without one those of this process.
    pub async fn history(&self, limit: u32) -> Result<Vec<Job>> {
        match &self.0.ledger {
            Some(ledger) => Ok(ledger.history(limit).await?),
            None => Ok(self.jobs().into_iter().rev().take(limit as usize).collect()),
        }
    }

    /// The attempts at each of these jobs, as the ledger remembers them.
    pub async fn attempts(&self, ids: &[JobId]) -> Result<HashMap<JobId, Vec<Attempt>>> {
        self.0.list_attempts(ids).await
    }

    /// Everything that is recorded of one job.
    pub async fn record(&self, id: JobId) -> Result<JobRecord> {
        self.0.read_record(id).await
    }

    /// The jobs that are not over, of every process that uses this ledger, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>> {
        self.0.list_unfinished().await
    }

    /// Takes jobs up that were interrupted, failed, or left by a process that is gone, and runs them here: all of
    /// them, or none and why.
    pub async fn take_up(&self, ids: &[JobId]) -> Result<()> {
        ids.iter().try_for_each(|id| self.0.may_change(&format_args!("job {id}")))?;
        self.0.take_up(ids).await
    }

    /// Cancels jobs that no living process has: all of them, or none and why.
    pub async fn cancel_left(&self, ids: &[JobId]) -> Result<()> {
        ids.iter().try_for_each(|id| self.0.may_change(&format_args!("job {id}")))?;
        self.0.cancel_left(ids).await
    }
}

impl Inner {
    /// A number that no other call gets.
    fn next_serial(&self) -> i64 {
        self.serial.fetch_add(1, Relaxed)
    }
}

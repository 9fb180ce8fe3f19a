//! The library API: everything wharf does, for every front end. The engine plans and runs jobs on one pool of
//! workers, and answers questions (repositories, tags, inspect), so that no front end touches a transport.
//!
//! It reads no environment, no home directory and no terminal: what it is to know comes with
//! [`EngineOptions`], what it wants to say is a [`crate::job::JobEvent`].

mod error;
mod image;
mod place;

pub use error::{Error, Result};
pub use image::{Image, ImagePlatform};
pub use place::{FileEntry, Place};

use std::path::Path;

use futures_util::stream::BoxStream;
use tokio::sync::broadcast;

use crate::job::{Job, JobEvent, JobId, JobSpec, Plan};
use crate::oci::{Descriptor, Location, RawManifest, Repository};

/// The engine. Cheap to clone; every clone is the same engine.
#[derive(Clone)]
pub struct Engine {}

#[allow(unused_variables, missing_docs)]
impl Engine {
    /// Accepts a job: it is queued and runs as soon as there is room.
    pub async fn submit(&self, spec: JobSpec) -> Result<JobId> {
        Err(Error::not_yet())
    }
    /// What a job would move, asking the destinations what they have. Nothing is changed.
    pub async fn plan(&self, spec: &JobSpec) -> Result<Plan> {
        Err(Error::not_yet())
    }
    /// Every job of this process, oldest first, with sampled progress.
    pub fn jobs(&self) -> Vec<Job> {
        Vec::new()
    }
    /// One job.
    pub fn job(&self, id: JobId) -> Option<Job> {
        None
    }
    /// Cancels a job that is not over: its running blobs are dropped.
    pub async fn cancel(&self, id: JobId) -> Result<()> {
        Err(Error::not_yet())
    }
    /// Queues a failed job again.
    pub async fn retry(&self, id: JobId) -> Result<()> {
        Err(Error::not_yet())
    }
    /// Pauses a running job: no new blob starts, running ones finish.
    pub async fn pause(&self, id: JobId) -> Result<()> {
        Err(Error::not_yet())
    }
    /// Lets a paused job go on.
    pub async fn resume(&self, id: JobId) -> Result<()> {
        Err(Error::not_yet())
    }
    /// Events from now on. A receiver that lags misses some and should look at `jobs` again.
    pub fn subscribe(&self) -> broadcast::Receiver<JobEvent> {
        broadcast::channel(1).1
    }
    /// Waits until a job is over (or paused).
    pub async fn wait(&self, id: JobId) -> Option<Job> {
        None
    }
    /// Waits until no job is queued, planning or running.
    pub async fn idle(&self) {}
    /// Ends: cancels what still runs and waits for its end.
    pub async fn shutdown(&self) {}
    /// A place's repositories, page by page, unsorted as they come.
    pub fn repositories(&self, place: &Place) -> BoxStream<'static, Result<Vec<String>>> {
        Box::pin(futures_util::stream::empty())
    }
    /// A repository's tags, page by page, as they come.
    pub fn tags(&self, place: &Place, repository: &Repository) -> BoxStream<'static, Result<Vec<String>>> {
        Box::pin(futures_util::stream::empty())
    }
    /// What an image is made of.
    pub async fn inspect(&self, location: &Location) -> Result<Image> {
        Err(Error::not_yet())
    }
    /// The manifest or index at a location, byte for byte.
    pub async fn raw_manifest(&self, location: &Location) -> Result<RawManifest> {
        Err(Error::not_yet())
    }
    /// What is at a location: digest, type and size of its manifest, with one request; `None` if nothing is.
    pub async fn resolve(&self, location: &Location) -> Result<Option<Descriptor>> {
        Err(Error::not_yet())
    }
    /// The image files in a directory, newest first. A directory that does not exist is empty.
    pub async fn files(&self, directory: &Path) -> Result<Vec<FileEntry>> {
        Err(Error::not_yet())
    }
    /// Jobs that this user's ledger remembers, newest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<Job>> {
        Err(Error::not_yet())
    }
}

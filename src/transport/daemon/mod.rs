//! Container engines: Docker's and podman's, over the Docker Engine API, which bollard speaks. An image is taken out with
//! `docker save` and put in with `docker load`; nothing is pulled or pushed *by* an engine here.
//!
//! | file | story |
//! |---|---|
//! | `endpoint`, `context` | where an engine is; what Docker's own contexts say |
//! | `dial`, `ssh`, `connection` | connections, and bollard's requests over them |
//! | `image` | what images there are, what one is made of, names given and taken |
//! | `save` | an image out, as a source |
//! | `load` | an image in, as a destination |
//! | `error` | what went wrong, in wharf's words |
//!
//! What is known of bollard 0.21, and how it is lived with: its timeout ends a request whatever moves (a load is one
//! request), so it is set beyond any use and [`Daemon`] watches for silence itself; its addresses have no API version in
//! them, so the engine answers in its newest one, and what differs is told by the answers; it reads no contexts; its
//! registry-auth header matters to pulls and pushes by the engine, of which there are none (0.21.1 writes it URL-safe, as
//! Docker wants it).

mod connection;
mod context;
mod dial;
mod endpoint;
mod error;
mod image;
mod load;
mod save;
mod ssh;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bollard::Docker;

pub use context::{Contexts, tls_files};
pub use endpoint::Endpoint;
pub use error::Trouble;
pub use image::{About, DaemonImage, Inspected};
pub use load::DaemonLoad;
pub use save::Saved;

use super::{Error, Result};
use crate::oci::Reference;
use connection::Connections;

/// An engine may think longer than this many stalls before the first byte of a save, which it writes to its own disk
/// first, and while it unpacks what was loaded.
const THINKING: u32 = 10;

/// What a [`Daemon`] is told when it is made.
#[derive(Debug, Clone)]
pub struct DaemonOptions {
    /// How people write it, before an image's name: `docker-daemon:` or `docker-daemon://HOST/`.
    pub place: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long nothing may move before a transfer counts as dropped; an answer may take as long.
    pub stall_timeout: Duration,
    /// The directory for images on their way into it, this user's own; made if it is not there.
    pub staging: PathBuf,
}

/// One engine. Cheap to clone. Nothing is connected before something is asked.
#[derive(Clone)]
pub struct Daemon {
    docker: Docker,
    options: Arc<DaemonOptions>,
}

impl Daemon {
    /// An engine that was not asked anything yet.
    pub fn new(options: DaemonOptions) -> Result<Daemon> {
        // ssh's own connecting and logging in comes after its start.
        let connections = Connections::new(options.endpoint.clone(), options.connect_timeout);
        let transport = move |request| {
            let connections = Arc::clone(&connections);
            async move { connections.send(request).await }
        };
        let docker = Docker::connect_with_custom_transport(
            transport,
            Some("http://engine"),
            // Silence is watched for where bytes move; a load takes as long as it takes.
            u64::from(u32::MAX),
            bollard::API_DEFAULT_VERSION,
        );
        let docker = docker.map_err(|e| error::told("reach", &options.place, &options.endpoint, e))?;
        Ok(Daemon { docker, options: Arc::new(options) })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.options.endpoint
    }

    /// An image of it, as people write it; without an image the engine itself.
    pub fn place(&self, image: &str) -> String {
        if image.is_empty() {
            return self.options.place.trim_end_matches([':', '/']).to_owned();
        }
        let short = image.parse::<Reference>().map(|name| name.familiar());
        format!("{}{}", self.options.place, short.as_deref().unwrap_or(image))
    }

    /// Asks something small; an engine that says nothing for too long is given up.
    async fn ask<T>(
        &self,
        attempted: &'static str,
        image: &str,
        question: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T> {
        let at = self.place(image);
        // The first answer over ssh comes after its login.
        let limit = self.options.stall_timeout + self.options.connect_timeout;
        match tokio::time::timeout(limit, question).await {
            Ok(answer) => answer.map_err(|error| error::told(attempted, &at, self.endpoint(), error)),
            Err(_) => Err(self.silent(attempted, image, limit)),
        }
    }

    /// The error of an engine that said nothing for `limit`.
    fn silent(&self, attempted: &'static str, image: &str, limit: Duration) -> Error {
        Error::Daemon {
            attempted,
            at: self.place(image),
            reason: format!("{}: nothing came for {} s", self.endpoint(), limit.as_secs_f64()),
            trouble: Trouble::Broken,
        }
    }

    /// How long it may think without a byte.
    fn patience(&self) -> Duration {
        self.options.stall_timeout.saturating_mul(THINKING)
    }
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Bytes of an image on its way out of an engine or into it, as one stream.
#[derive(Debug, Default)]
pub struct Moved {
    done: AtomicU64,
    total: AtomicU64,
}

impl Moved {
    /// Bytes that moved so far.
    pub fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// About how many there will be; 0 where nobody knows yet.
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    fn begin(&self, total: u64) {
        self.done.store(0, Relaxed);
        self.total.store(total, Relaxed);
    }

    fn add(&self, bytes: usize) {
        self.done.fetch_add(bytes as u64, Relaxed);
    }
}

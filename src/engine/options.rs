//! What the engine is told when it is made. `app` fills it from the configuration.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use crate::job::Target;
use crate::ledger::Ledger;
use crate::oci::Platform;
use crate::transport::registry::ClientOptions;

/// What is forbidden to write to, and why: the configuration's rule, asked and not copied.
pub type Forbids = Arc<dyn Fn(&Target) -> Option<String> + Send + Sync>;

/// Everything the engine knows of the world.
pub struct EngineOptions {
    /// How registries are spoken to.
    pub client: ClientOptions,
    /// The local image store's directory.
    pub store: PathBuf,
    /// Blobs that move at the same time.
    pub workers: usize,
    /// Blobs that move at the same time to or from one host.
    pub workers_per_host: usize,
    /// Hosts with a limit of their own.
    pub host_limits: HashMap<String, usize>,
    /// Bytes a second that are moved in all (see `bandwidth` in `config.example.yaml`); `None` for no limit.
    pub bandwidth: Option<NonZeroU64>,
    /// Hosts with a limit of their own, in bytes a second.
    pub host_bandwidths: HashMap<String, NonZeroU64>,
    /// Says why nothing may be written to a destination, if that is so.
    pub forbids: Forbids,
    /// Attempts for a blob, the first included.
    pub attempts: u32,
    /// Retries of one job in one run, of its blobs and requests together.
    pub retries_per_job: u32,
    /// The platform of a docker-archive when none is named.
    pub host_platform: Platform,
    /// Where archives that go to standard output lie as long as they cannot go out; `None`: nothing may be written there.
    pub standard_output: Option<PathBuf>,
    /// The database that remembers; without it nothing outlives the process.
    pub ledger: Option<Ledger>,
}

//! What the engine is told when it is made. `app` fills it from the configuration.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use crate::job::Target;
use crate::ledger::Ledger;
use crate::oci::Platform;
use crate::transport;
use crate::transport::daemon::{Endpoint, Trouble};
use crate::transport::registry::ClientOptions;

/// What is forbidden to write to, and why: the configuration's rule, asked and not copied.
pub type Forbids = Arc<dyn Fn(&Target) -> Option<String> + Send + Sync>;

/// Where the engine of a name is; without a name the usual one. Asked when an engine is, not before.
pub type FindEngine = Arc<dyn Fn(Option<&str>) -> transport::Result<Endpoint> + Send + Sync>;

/// Container engines.
#[derive(Clone)]
pub struct DaemonPlaces {
    /// Where each of them is.
    pub find: FindEngine,
    /// The directory for images on their way into one or out of one.
    pub staging: PathBuf,
}

impl Default for DaemonPlaces {
    /// No engine at all.
    fn default() -> DaemonPlaces {
        let find = |host: Option<&str>| {
            Err(transport::Error::Daemon {
                attempted: "reach",
                at: super::daemon::place(host),
                reason: "no container engine is known".to_owned(),
                trouble: Trouble::Unknown,
            })
        };
        DaemonPlaces { find: Arc::new(find), staging: PathBuf::from("/var/tmp") }
    }
}

/// Everything the engine knows of the world.
pub struct EngineOptions {
    /// How registries are spoken to.
    pub client: ClientOptions,
    /// The local image store's directory.
    pub store: PathBuf,
    /// Where archives are staged that are compressed or come as a stream; made when it is needed.
    pub spool: PathBuf,
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
    /// Where container engines are, and where their images lie on the way.
    pub daemons: DaemonPlaces,
    /// The platform of a docker-archive when none is named.
    pub host_platform: Platform,
    /// Where archives that go to standard output lie as long as they cannot go out; `None`: nothing may be written there.
    pub standard_output: Option<PathBuf>,
    /// The database that remembers; without it nothing outlives the process.
    pub ledger: Option<Ledger>,
}

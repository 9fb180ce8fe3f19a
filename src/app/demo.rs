//! `wharf demo`: two registries of its own on loopback, one filled with invented images and one empty, and a downloads
//! directory. No network is needed, nothing of the user's is touched, and everything is removed at the end.

mod show;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::demo_images::{self, DemoImages};
use super::terminal::entry;
use super::{logging, options};
use crate::cli::{self, Args, Overrides};
use crate::config::{Config, RegistryEntry, RegistryType};
use crate::engine::{self, Engine};
use crate::ledger::{self, Ledger};
use crate::serve::{ServeOptions, Server};
use crate::transport;
use crate::transport::local::Store;

/// Bytes a second of each blob on the screen's demo: slow enough that the bars can be watched.
pub(super) const PACE: NonZeroU64 = NonZeroU64::new(3 << 20).unwrap();

/// What can go wrong with the demo.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{attempted} {}: {source}", path.display())]
    Directory { attempted: &'static str, path: PathBuf, source: io::Error },
    #[error("start a registry on loopback: {0}")]
    Listen(io::Error),
    #[error("fill the demo's registry: {0}")]
    Seed(#[from] transport::Error),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error("{0}")]
    Wrong(String),
}

/// The demo's directory and what serves from it.
#[derive(Clone)]
pub(super) struct Demo {
    path: PathBuf,
    stop: CancellationToken,
    servers: Arc<Mutex<Vec<tokio::task::JoinHandle<()>>>>,
    /// Shut down before anything is removed under its jobs.
    engines: Arc<Mutex<Vec<Engine>>>,
}

/// Where the demo's registries are.
#[derive(Clone, Copy)]
pub(super) struct Harbour {
    pub(super) filled: SocketAddr,
    pub(super) empty: SocketAddr,
}

/// The demo's registries with their ports, but neither filled nor answering yet.
pub(super) struct Bound {
    filled: (Store, Server),
    empty: Server,
}

impl Bound {
    /// Where they will be.
    pub(super) fn harbour(&self) -> Harbour {
        Harbour { filled: self.filled.1.addr(), empty: self.empty.addr() }
    }
}

impl Demo {
    /// A directory that nobody else can look into, and nothing in it yet.
    pub(super) fn create() -> Result<Demo, Error> {
        use std::os::unix::fs::DirBuilderExt;
        let base = std::env::temp_dir();
        for copy in 0..1000 {
            let path = base.join(format!("wharf-demo-{}-{copy}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    return Ok(Demo {
                        path,
                        stop: CancellationToken::new(),
                        servers: Arc::default(),
                        engines: Arc::default(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Directory { attempted: "create", path, source }),
            }
        }
        let source = io::Error::from(io::ErrorKind::AlreadyExists);
        Err(Error::Directory { attempted: "create", path: base.join("wharf-demo"), source })
    }

    /// The demo's directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where exports go.
    pub(super) fn downloads(&self) -> PathBuf {
        self.path.join("downloads")
    }

    /// Takes ports for the registries: what they are called is known before they are filled. `pace` limits every blob,
    /// in bytes a second.
    pub(super) async fn bind(&self, pace: Option<NonZeroU64>) -> Result<Bound, Error> {
        let (filled, empty) = (Store::open(self.path.join("harbor")), Store::open(self.path.join("mirror")));
        Ok(Bound { filled: (filled.clone(), bound(filled, pace).await?), empty: bound(empty, pace).await? })
    }

    /// Fills the first registry and lets both answer.
    async fn open(&self, bound: Bound) -> Result<Harbour, Error> {
        std::fs::create_dir_all(self.downloads()).map_err(|source| Error::Directory {
            attempted: "create",
            path: self.downloads(),
            source,
        })?;
        let harbour = bound.harbour();
        let (source, server) = bound.filled;
        let open = |repository: &crate::oci::Repository| -> Box<dyn transport::Destination> {
            Box::new(source.repository(repository))
        };
        demo_images::seed(DemoImages::full(), &open).await?;
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.extend([server, bound.empty].map(|server| tokio::spawn(server.run(self.stop.clone()))));
        Ok(harbour)
    }

    async fn engine(&self, config: &Config) -> Result<Engine, Error> {
        let ledger = Ledger::open(&self.path.join("ledger.db")).await?;
        let engine = Engine::new(options::engine_options(config, Overrides::default(), Some(ledger)));
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).push(engine.clone());
        Ok(engine)
    }

    /// The terminal UI's engine, once there is something for it to work on.
    pub(super) async fn ready(&self, bound: Bound, config: &Config) -> Result<Engine, Error> {
        self.open(bound).await?;
        self.engine(config).await
    }

    /// The demo's places.
    pub(super) fn registries(&self, harbour: Harbour) -> Vec<RegistryEntry> {
        vec![
            entry(
                "harbor",
                RegistryType::Registry,
                &harbour.filled.to_string(),
                "the demo's filled registry",
            ),
            entry("mirror", RegistryType::Registry, &harbour.empty.to_string(), "the demo's empty registry"),
            entry(
                "downloads",
                RegistryType::LocalFile,
                &self.downloads().display().to_string(),
                "exported files",
            ),
        ]
    }

    /// Stops the registries and removes everything.
    pub(super) async fn remove(&self) {
        let engines = std::mem::take(&mut *self.engines.lock().unwrap_or_else(PoisonError::into_inner));
        for engine in engines {
            engine.shutdown().await;
        }
        self.stop.cancel();
        let servers = std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        for server in servers {
            // A server that panicked is as gone as one that stopped.
            let _ = server.await;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!("remove {}: {error}", self.path.display());
        }
    }
}

/// Waits for a signal that asks for the end; the answer is the exit code. Everything is removed first.
async fn asked_to_end() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending::<()>().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => 130,
        () = wait(SignalKind::terminate()) => 143,
        () = wait(SignalKind::hangup()) => 129,
    }
}

async fn bound(store: Store, bandwidth: Option<NonZeroU64>) -> Result<Server, Error> {
    let options = ServeOptions { bandwidth, ..ServeOptions::default() };
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::bind(anywhere, store, options).await.map_err(Error::Listen)
}

/// `wharf demo --headless`: the main job, done and verified, told in a summary.
pub(super) async fn headless(args: &Args) -> u8 {
    logging::to_screen(args, &cli::Screen::stderr());
    let demo = match Demo::create() {
        Ok(demo) => demo,
        Err(error) => {
            eprintln!("error: {error}");
            return 1;
        }
    };
    let shown = tokio::select! {
        shown = show::run(&demo, args) => shown,
        code = asked_to_end() => Ok(code),
    };
    demo.remove().await;
    match shown {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            1
        }
    }
}

//! An OCI registry (distribution specification 1.1) over wharf's image store. `wharf serve`, the demo and the
//! tests run on it.
//!
//! A request is read into a `Call`, its path into an `Endpoint`, and the file named after the
//! noun answers it: a response or a `Refusal`. Bodies are streamed both ways; nothing is held in memory
//! but manifests. There is no TLS here: it listens on loopback or behind a proxy.

mod auth;
mod blob;
mod body;
mod call;
mod list;
mod manifest;
mod range;
mod referrer;
mod refusal;
mod route;
#[cfg(test)]
mod tests;
mod upload;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::BodyDataStream;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use axum::serve::ListenerExt;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::call::Call;
use self::refusal::{Answer, Code, Refusal};
use self::route::Endpoint;
use crate::oci::printable;
use crate::transport::local::Store;

/// How long requests that are under way may take to end once the server is to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Who answers, in every answer.
const SERVER: &str = concat!("wharf/", env!("CARGO_PKG_VERSION"));

/// How a server behaves. The default serves everybody, reading and writing, as fast as it can.
#[derive(Debug, Clone, Default)]
pub struct ServeOptions {
    /// Refuse everything that would change the store.
    pub read_only: bool,
    /// User name and password that every request must show.
    pub basic_auth: Option<(String, SecretString)>,
    /// Waited before every answer, to stand for a distant network.
    pub latency: Duration,
    /// Bytes a second of every blob's body, either way, to stand for a slow network.
    pub bandwidth: Option<NonZeroU64>,
    /// `OCI-Chunk-Min-Length` in bytes, told to those who begin an upload.
    pub chunk_min_length: Option<NonZeroU64>,
}

/// A registry that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    shared: Arc<Shared>,
}

/// What every request needs.
pub(super) struct Shared {
    store: Store,
    options: ServeOptions,
}

impl Server {
    /// Begins to listen; port 0 takes a free one.
    pub async fn bind(addr: SocketAddr, store: Store, options: ServeOptions) -> io::Result<Server> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Server { listener, addr, shared: Arc::new(Shared { store, options }) })
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers until `shutdown` is cancelled, then lets requests that are under way end, for ten seconds at most.
    pub async fn run(self, shutdown: CancellationToken) {
        tracing::info!(addr = %self.addr, store = %self.shared.store.root().display(), "serving");
        let listener = self.listener.tap_io(|connection| {
            if let Err(e) = connection.set_nodelay(true) {
                tracing::trace!(error = %e, "no TCP_NODELAY");
            }
        });
        let router = Router::new().fallback(answer).with_state(self.shared);
        let ended = shutdown.clone();
        let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
        let too_late = async {
            ended.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            served = serving.into_future() => if let Err(e) = served {
                tracing::error!(addr = %self.addr, error = %e, "the server stopped");
            },
            () = too_late => tracing::warn!(addr = %self.addr, "stopped with requests under way"),
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let began = Instant::now();
    if !shared.options.latency.is_zero() {
        tokio::time::sleep(shared.options.latency).await;
    }
    let path = printable(request.uri().path(), 300);
    let (call, mut body) = Call::new(shared, request);
    let mut response =
        dispatch(&call, &mut body).await.unwrap_or_else(|refusal| refusal.into_response(&path));
    // A client that is still sending would see a reset connection instead of the answer.
    body::drain(&call, &mut body).await;
    response
        .headers_mut()
        .insert("docker-distribution-api-version", HeaderValue::from_static("registry/2.0"));
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static(SERVER));
    let status = response.status().as_u16();
    tracing::debug!(method = %call.method, path, status, ms = began.elapsed().as_millis() as u64, "answered");
    response
}

async fn dispatch(call: &Call, body: &mut BodyDataStream) -> Answer {
    auth::check(call)?;
    let endpoint = Endpoint::parse(call.uri.path());
    let endpoint = endpoint.ok_or_else(|| Refusal::new(Code::NotFound, "there is nothing at this path"))?;
    let method = call.method.clone();
    let reads = matches!(method, Method::GET | Method::HEAD);
    if !endpoint.methods().contains(&method) {
        return Err(refusal::method_not_allowed(endpoint.methods()));
    }
    if call.shared.options.read_only && !reads {
        return Err(Refusal::new(Code::Unsupported, "this registry is read-only"));
    }
    match &endpoint {
        Endpoint::Base => Ok(list::base()),
        Endpoint::Catalog => list::catalog(call).await,
        Endpoint::Tags { name } => list::tags(call, &call::repository(name)?).await,
        Endpoint::Referrers { name, digest } => {
            referrer::list(call, &call::repository(name)?, &call::digest(digest)?).await
        }
        Endpoint::Manifest { name, reference } => {
            let name = call::repository(name)?;
            match method {
                Method::PUT => manifest::put(call, body, &name, reference).await,
                Method::DELETE => manifest::delete(call, &name, reference).await,
                _ => manifest::get(call, &name, reference).await,
            }
        }
        Endpoint::Blob { name, digest } => {
            let (name, digest) = (call::repository(name)?, call::digest(digest)?);
            match method {
                Method::DELETE => blob::delete(call, &name, &digest).await,
                _ => blob::get(call, &name, &digest).await,
            }
        }
        Endpoint::Uploads { name } => upload::begin(call, body, &call::repository(name)?).await,
        Endpoint::Upload { name, id } => {
            let name = call::repository(name)?;
            match method {
                Method::PATCH => upload::append(call, body, &name, id).await,
                Method::PUT => upload::finish(call, body, &name, id).await,
                Method::DELETE => upload::cancel(call, &name, id).await,
                _ => upload::status(call, &name, id).await,
            }
        }
    }
}

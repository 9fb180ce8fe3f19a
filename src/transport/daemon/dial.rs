//! Connections to an engine: a socket, a TCP port with or without TLS, or an `ssh` process.
//!
//! bollard has connectors of its own (its features `pipe`, `http`, `ssl`, `ssh`). They are not used: the TLS one wants
//! all three files or none and trusts every authority of the system beside the one that was named; the ssh one starts a
//! master process and a `docker` for every request and throws away what ssh says; none of them tells a refused
//! connection from a forbidden one, or limits how long connecting may take. What they stand on, hyper, is here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::error::{Trouble, plain_io};
use super::ssh::SshStream;
use super::{Endpoint, Error};
use crate::transport::registry::tls;

/// A way to an engine and back.
pub(super) enum Wire {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    Ssh(Box<SshStream>),
}

/// Why there is no connection: for [`Error::Daemon`], which says of what it is.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub(super) struct NoConnection {
    pub(super) reason: String,
    pub(super) trouble: Trouble,
}

/// Opens a connection; `limit` is how long that may take.
pub(super) async fn dial(endpoint: &Endpoint, limit: Duration) -> Result<Wire, NoConnection> {
    match tokio::time::timeout(limit, open(endpoint, limit)).await {
        Ok(opened) => opened,
        Err(_) => Err(NoConnection {
            reason: format!("no connection within {} s", limit.as_secs_f64().ceil()),
            trouble: Trouble::Broken,
        }),
    }
}

async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Wire, NoConnection> {
    match endpoint {
        Endpoint::Unix(path) => UnixStream::connect(path).await.map(Wire::Unix).map_err(refused),
        Endpoint::Tcp { host, port, tls } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(refused)?;
            // Small questions and answers must not wait for each other; that it failed would be no harm.
            let _ = stream.set_nodelay(true);
            match tls {
                None => Ok(Wire::Tcp(stream)),
                Some(options) => handshake(host, stream, options).await,
            }
        }
        Endpoint::Ssh { user, host, port, socket } => {
            SshStream::start(user.as_deref(), host, *port, socket.as_deref(), limit)
                .map(|ssh| Wire::Ssh(Box::new(ssh)))
                .map_err(|error| NoConnection {
                    reason: format!("start ssh: {}", plain_io(&error)),
                    trouble: Trouble::Ssh,
                })
        }
    }
}

fn refused(error: io::Error) -> NoConnection {
    let trouble = match error.kind() {
        io::ErrorKind::PermissionDenied => Trouble::Forbidden,
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Trouble::NotRunning,
        _ => Trouble::Broken,
    };
    NoConnection { reason: plain_io(&error), trouble }
}

async fn handshake(
    host: &str,
    stream: TcpStream,
    options: &crate::transport::registry::TlsOptions,
) -> Result<Wire, NoConnection> {
    let wrong = |reason: String| NoConnection { reason, trouble: Trouble::Tls };
    let options = options.clone();
    // It reads files, the system's authorities among them.
    let config = tokio::task::spawn_blocking(move || tls::configure(&options)).await;
    let config = config.map_err(|e| wrong(e.to_string()))?.map_err(wrong)?;
    let name = ServerName::try_from(host.to_owned()).map_err(|e| wrong(e.to_string()))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map(|stream| Wire::Tls(Box::new(stream))).map_err(|error| wrong(plain_io(&error)))
}

/// An error as what dialled, for [`super::error`] to find again behind hyper's and bollard's own.
impl From<NoConnection> for io::Error {
    fn from(error: NoConnection) -> io::Error {
        io::Error::other(error)
    }
}

impl NoConnection {
    /// The whole error: what was attempted, at which engine.
    pub(super) fn into_error(self, attempted: &'static str, at: String, endpoint: &Endpoint) -> Error {
        let reason = format!("{endpoint}: {}", self.reason);
        Error::Daemon { attempted, at, reason, trouble: self.trouble }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
            Wire::Ssh(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
            Wire::Ssh(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Unix(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
            Wire::Ssh(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
            Wire::Ssh(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}

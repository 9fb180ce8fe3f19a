//! The client against small servers on loopback whose answers are scripted, and (where it is installed)
//! against Debian's docker-registry.

mod auth;
mod lists;
mod peer;
mod pull;
mod push;
mod search;
mod throttle;
mod traps;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;

use super::*;
use crate::oci::{Descriptor, Digest, Registry, Repository, TagOrDigest};
use crate::transport::{ByteStream, Error, Result};

/// A request as the server saw it.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    /// Path and query.
    path: String,
    headers: Vec<(String, String)>,
    /// `None` if it broke off.
    body: Option<Bytes>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is(&self, method: &str, start: &str) -> bool {
        self.method == method && self.path.starts_with(start)
    }
}

/// A scripted answer.
#[derive(Default)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
}

fn reply(status: u16) -> Reply {
    Reply { status, ..Reply::default() }
}

impl Reply {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }

    fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }
}

fn coded(status: u16, code: &str) -> Reply {
    reply(status).body(format!(r#"{{"errors":[{{"code":"{code}","message":"said so"}}]}}"#))
}

struct Server {
    address: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (log, answer) = (seen.clone(), Arc::new(answer));
        let router = axum::Router::new().fallback(move |request: Request| {
            let (log, answer) = (log.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let headers = parts.headers.iter();
                let headers = headers
                    .map(|(k, v)| (k.to_string(), v.to_str().unwrap_or_default().to_owned()))
                    .collect();
                let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
                let body = to_bytes(body, usize::MAX).await.ok();
                let seen = Seen { method: parts.method.to_string(), path, headers, body };
                log.lock().unwrap().push(seen.clone());
                let reply = answer(&seen);
                tokio::time::sleep(reply.delay).await;
                let mut response = Response::builder().status(reply.status);
                for (name, value) in reply.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(reply.body)).unwrap()
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { address, seen }
    }

    fn registry(&self) -> Registry {
        self.address.to_string().parse().unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `METHOD path` of each request so far.
    fn log(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    fn count(&self, method: &str, start: &str) -> usize {
        self.seen().iter().filter(|seen| seen.is(method, start)).count()
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    retries: Mutex<Vec<RetryNotice>>,
    notes: Mutex<Vec<String>>,
}

impl Observer for Told {
    fn retry(&self, notice: &RetryNotice) {
        self.retries.lock().unwrap().push(notice.clone());
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.to_owned());
    }
}

struct Always(Credential);

impl Credentials for Always {
    fn find<'a>(
        &'a self,
        _: &'a Registry,
        _: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Option<Credential>, String>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }
}

fn password(text: &str) -> Arc<dyn Credentials> {
    Arc::new(Always(Credential::Basic { username: "me".to_owned(), password: text.to_owned().into() }))
}

fn repository(name: &str) -> Repository {
    name.parse().unwrap()
}

fn client_of(server: &Server) -> (Client, RepositoryClient) {
    client_with(server, ClientOptions::default())
}

fn client_with(server: &Server, options: ClientOptions) -> (Client, RepositoryClient) {
    let client = Client::new(options);
    let repository = client.repository(&server.registry(), &repository("a/b"));
    (client, repository)
}

fn tag(name: &str) -> TagOrDigest {
    name.parse().unwrap()
}

fn blob_of(bytes: &[u8]) -> Descriptor {
    Descriptor::new("application/octet-stream", Digest::of(bytes), bytes.len() as u64)
}

/// The bytes as a body of pieces.
fn body_of(bytes: &[u8]) -> ByteStream {
    let pieces: Vec<Result<Bytes>> =
        bytes.chunks(64 << 10).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces).boxed()
}

async fn read(mut stream: ByteStream) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

/// A server below HTTP: every connection gets `answer` after its request's head, and is then closed.
async fn raw(answer: &'static [u8]) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _ = socket.read(&mut head).await;
            let _ = socket.write_all(answer).await;
            let _ = socket.shutdown().await;
        }
    });
    address
}

//! The proxy: takes a request, asks the rules, passes it on.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, header};
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::chaos::Chaos;
use super::rule::{Fault, Kind, Rule};
use super::{body, refusal};

/// A header that axum has no name for.
const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const MIN_CHUNK: HeaderName = HeaderName::from_static("oci-chunk-min-length");
/// The query of a location that was given one; parsed and written anew it would be another.
const MARK: &str = "_fault=a%2Bb==";

/// A request that came to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub kind: Kind,
    /// Path and query.
    pub uri: String,
    /// It had an `Authorization` header.
    pub authorized: bool,
    /// Its `Range`.
    pub range: Option<String>,
}

struct Inner {
    address: SocketAddr,
    upstream: String,
    client: reqwest::Client,
    rules: RwLock<Vec<Arc<Rule>>>,
    chaos: RwLock<Option<Arc<Chaos>>>,
    /// Paths of upload sessions whose location was given a query.
    marked: Mutex<HashSet<String>>,
    seen: Mutex<Vec<Seen>>,
    answered: Mutex<Vec<Answered>>,
    /// Requests that are answered now, and how many were refused because there were too many.
    at_work: Arc<AtomicUsize>,
    crowded: AtomicUsize,
}

/// A request that is at work until its answer's body ended.
struct AtWork(Arc<AtomicUsize>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// An answer of the registry behind the proxy, which the client may not have lived to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub method: String,
    pub kind: Kind,
    /// Path and query.
    pub uri: String,
    pub status: u16,
}

/// A proxy in front of one registry. It ends when it is dropped.
pub struct Proxy {
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Starts it on a free loopback port, in front of `upstream` (`127.0.0.1:5000`, plain HTTP).
    pub async fn start(upstream: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let inner = Arc::new(Inner {
            address,
            upstream: upstream.to_owned(),
            client,
            rules: RwLock::default(),
            chaos: RwLock::default(),
            marked: Mutex::default(),
            seen: Mutex::default(),
            at_work: Arc::default(),
            crowded: AtomicUsize::default(),
            answered: Mutex::default(),
        });
        let app = axum::Router::new().fallback(handle).with_state(inner.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Proxy { inner, server }
    }

    /// Its address, as it stands in a reference.
    pub fn host(&self) -> String {
        self.inner.address.to_string()
    }

    /// Adds a rule; the answer tells how often it has applied. Where several apply to a request, each does its part.
    pub fn add(&self, rule: Rule) -> Arc<Rule> {
        let rule = Arc::new(rule);
        self.inner.rules.write().unwrap_or_else(PoisonError::into_inner).push(rule.clone());
        rule
    }

    /// Lets chance add its faults to those of the rules.
    pub fn unleash(&self, chaos: Arc<Chaos>) {
        *self.inner.chaos.write().unwrap_or_else(PoisonError::into_inner) = Some(chaos);
    }

    /// Takes all rules away, and chance.
    pub fn mend(&self) {
        self.inner.chaos.write().unwrap_or_else(PoisonError::into_inner).take();
        self.inner.rules.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Every request so far, in the order they came.
    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the registry has answered, in the order it did.
    pub fn answered(&self) -> Vec<Answered> {
        self.inner.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many requests of a method and kind came.
    pub fn count(&self, method: &str, kind: Kind) -> usize {
        self.seen().iter().filter(|seen| seen.method == method && seen.kind == kind).count()
    }

    /// How many were refused by [`Fault::Crowded`].
    pub fn crowded(&self) -> usize {
        self.inner.crowded.load(SeqCst)
    }

    /// How many of each came.
    pub fn counts(&self) -> BTreeMap<(String, Kind), usize> {
        let mut counts = BTreeMap::new();
        for seen in self.seen() {
            *counts.entry((seen.method, seen.kind)).or_default() += 1;
        }
        counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn handle(State(inner): State<Arc<Inner>>, request: Request) -> Response<Body> {
    let faults = inner.note(&request);
    let working = inner.at_work.fetch_add(1, SeqCst) + 1;
    let at_work = AtWork(Arc::clone(&inner.at_work));
    let (mut parts, body) = request.into_parts();
    let mut body = body.into_data_stream().map(|piece| piece.map_err(io::Error::other)).boxed();
    let announced = header_of(&parts.headers, header::CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok());
    for fault in &faults {
        match fault {
            Fault::Drop => cut(),
            Fault::Hang => std::future::pending().await,
            Fault::Status(status) => return refusal::refusal(*status),
            Fault::Crowded(most) if working > *most => {
                inner.crowded.fetch_add(1, SeqCst);
                return refusal::refusal(429);
            }
            Fault::StatusAfterBody(status) => {
                while let Some(Ok(_)) = body.next().await {}
                return refusal::refusal(*status);
            }
            Fault::GarbageError(status) => return refusal::garbage(*status),
            Fault::HugeError(status) => return refusal::huge(*status),
            Fault::TooManyRequests(seconds) => return refusal::too_many(*seconds),
            Fault::Challenge => return refusal::challenge(&inner.address.to_string()),
            Fault::TooLarge(limit) if announced.is_some_and(|n| n > *limit) => return refusal::refusal(413),
            Fault::SessionLost => {
                return refusal::refusal_saying(404, "BLOB_UPLOAD_UNKNOWN", "injected fault");
            }
            Fault::BlobUnknown => {
                return refusal::refusal_saying(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
            }
            Fault::Redirect => return refusal::redirect(inner.address.port(), &parts.uri),
            Fault::CutRequest(limit) => body = body::cut_after(body, *limit),
            Fault::IgnoreRange => drop(parts.headers.remove(header::RANGE)),
            Fault::RefuseMount => parts.uri = without(&parts.uri, &["mount=", "from="]),
            _ => {}
        }
    }
    if parts.uri.path() == refusal::TOKENS {
        return refusal::token();
    }
    if let Some(refused) = inner.take_mark(&mut parts.uri) {
        return refused;
    }
    let cuts_request = faults.iter().any(|fault| matches!(fault, Fault::CutRequest(_)));
    match inner.forward(&parts.method, &parts.uri, parts.headers, body).await {
        Ok(answer) if !cuts_request => inner.answer(answer, &faults, at_work),
        Err(e) if !cuts_request => {
            let message = format!("the proxy could not reach the registry: {e}");
            refusal::refusal_saying(502, "UNKNOWN", &message)
        }
        // Where the body was shorter than the cut, the registry has answered; that answer is lost all the same.
        _ => cut(),
    }
}

/// Ends the connection: hyper answers an HTTP/1 request in the connection's own task, which unwinds and drops the
/// socket. (Nothing is printed: the panic hook is not asked.)
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection was cut by a fault"))
}

impl Inner {
    /// Records a request; the faults that befall it.
    fn note(&self, request: &Request) -> Vec<Fault> {
        let header =
            |name| request.headers().get(name).and_then(|v: &HeaderValue| v.to_str().ok()).map(str::to_owned);
        let seen = Seen {
            method: request.method().to_string(),
            kind: Kind::of(request.uri().path()),
            uri: request.uri().to_string(),
            authorized: request.headers().contains_key(header::AUTHORIZATION),
            range: header(header::RANGE),
        };
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let mut faults: Vec<Fault> =
            rules.iter().filter_map(|rule| rule.befalls(&seen.method, seen.kind, &seen.uri)).collect();
        let chaos = self.chaos.read().unwrap_or_else(PoisonError::into_inner);
        faults.extend(chaos.as_ref().and_then(|chaos| chaos.befalls(&seen)));
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        faults
    }

    /// What marks an upload session whose location was given a query; taken off before the registry sees it. The
    /// answer is what a session gets that comes without its mark.
    fn take_mark(&self, uri: &mut Uri) -> Option<Response<Body>> {
        if Kind::of(uri.path()) != Kind::Upload {
            return None;
        }
        let marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let has_mark = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == MARK));
        if marked.contains(uri.path()) && !has_mark {
            return Some(refusal::refusal_saying(400, "BLOB_UPLOAD_INVALID", "the location's query is gone"));
        }
        *uri = without(uri, &[MARK]);
        None
    }

    async fn forward(
        &self,
        method: &Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: body::Stream,
    ) -> reqwest::Result<reqwest::Response> {
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        let path = path.strip_prefix(refusal::REDIRECTED).unwrap_or(path);
        let length = header_of(&headers, header::CONTENT_LENGTH).and_then(|v| v.parse::<u64>().ok());
        let has_body = headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|n| n > 0);
        remove_hop_headers(&mut headers);
        if header_of(&headers, header::AUTHORIZATION).is_some_and(|shown| shown.ends_with(refusal::TOKEN)) {
            headers.remove(header::AUTHORIZATION);
        }
        // The Host stays the proxy's, so that a Location made from it leads back here.
        let mut request =
            self.client.request(method.clone(), format!("http://{}{path}", self.upstream)).headers(headers);
        if has_body {
            request = request.body(reqwest::Body::wrap_stream(body));
        }
        let answer = request.send().await?;
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).push(Answered {
            method: method.to_string(),
            kind: Kind::of(uri.path()),
            uri: uri.to_string(),
            status: answer.status().as_u16(),
        });
        Ok(answer)
    }

    fn answer(&self, upstream: reqwest::Response, faults: &[Fault], at_work: AtWork) -> Response<Body> {
        let mut answer = Response::new(());
        *answer.status_mut() = upstream.status();
        *answer.headers_mut() = upstream.headers().clone();
        remove_hop_headers(answer.headers_mut());
        let mut body = upstream.bytes_stream().map(|piece| piece.map_err(io::Error::other)).boxed();
        let headers = answer.headers_mut();
        let length = header_of(headers, header::CONTENT_LENGTH).and_then(|n| n.parse::<u64>().ok());
        self.mark_location(headers, faults.contains(&Fault::LocationQuery));
        for fault in faults {
            match fault {
                Fault::LoseAnswer => cut(),
                Fault::StatusInstead(status) => return refusal::refusal(*status),
                Fault::CutResponse(limit) => body = body::cut_after(body, *limit),
                Fault::Flip(at) => body = body::flip(body, *at),
                Fault::Garble => body = body::garble(body),
                Fault::Shorten(less) => {
                    let length = length.unwrap_or(0).saturating_sub(*less);
                    body = body::end_after(body, length);
                    set_length(headers, length);
                }
                Fault::Lengthen(more) => {
                    body = body::lengthen(body, *more);
                    set_length(headers, length.unwrap_or(0) + more);
                }
                Fault::Trickle(size, pause) => body = body::trickle(body, *size, *pause),
                Fault::WrongRange(by) => shift_range(headers, *by),
                Fault::StripDigest => drop(headers.remove(DIGEST)),
                Fault::WrongDigest => {
                    let other = format!("sha256:{}", "0".repeat(64));
                    headers.insert(DIGEST, HeaderValue::from_str(&other).unwrap());
                }
                Fault::StripHeader(name) => drop(headers.remove(*name)),
                Fault::Header(name, value) => {
                    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
                }
                Fault::RelativeLocation => self.rewrite_location(headers, false),
                Fault::AbsoluteLocation => self.rewrite_location(headers, true),
                Fault::MinChunk(least) => drop(headers.insert(MIN_CHUNK, HeaderValue::from(*least))),
                Fault::DuplicateHeaders => duplicate(headers),
                _ => {}
            }
        }
        let body = body.inspect(move |_| {
            let _ = &at_work;
        });
        answer.map(|()| Body::from_stream(body))
    }

    /// Gives `Location` a query that has to come back byte for byte; a session that was given one has it for good.
    fn mark_location(&self, headers: &mut HeaderMap, new: bool) {
        let Some(location) = header_of(headers, header::LOCATION) else { return };
        let Some(path) = location.parse::<Uri>().ok().map(|uri| uri.path().to_owned()) else { return };
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        if !marked.contains(&path) && !new {
            return;
        }
        marked.insert(path);
        let join = if location.contains('?') { '&' } else { '?' };
        let location = format!("{location}{join}{MARK}");
        headers.insert(header::LOCATION, HeaderValue::from_str(&location).unwrap());
    }

    fn rewrite_location(&self, headers: &mut HeaderMap, absolute: bool) {
        let Some(location) = header_of(headers, header::LOCATION) else { return };
        let path = location.parse::<Uri>().ok().and_then(|uri| uri.path_and_query().map(|p| p.to_string()));
        let path = path.unwrap_or_else(|| location.to_owned());
        let location = if absolute { format!("http://{}{path}", self.address) } else { path };
        headers.insert(header::LOCATION, HeaderValue::from_str(&location).unwrap());
    }
}

fn header_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// A length that is announced; where none was, none is.
fn set_length(headers: &mut HeaderMap, length: u64) {
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn shift_range(headers: &mut HeaderMap, by: u64) {
    let Some(range) = header_of(headers, header::CONTENT_RANGE) else { return };
    // A range that was refused is `bytes */SIZE`.
    let Some((start, rest)) = range.trim_start_matches("bytes ").split_once('-') else { return };
    let shifted = format!("bytes {}-{rest}", start.parse::<u64>().unwrap() + by);
    headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(&shifted).unwrap());
}

/// Every header twice, but for those that say where the body ends.
fn duplicate(headers: &mut HeaderMap) {
    for (name, value) in headers.clone().iter().filter(|(name, _)| *name != header::CONTENT_LENGTH) {
        headers.append(name.clone(), value.clone());
    }
}

/// The URI without the query's pairs that begin so.
fn without(uri: &Uri, pairs: &[&str]) -> Uri {
    let query = uri.query().unwrap_or_default().split('&');
    let rest: Vec<&str> = query.filter(|pair| !pairs.iter().any(|start| pair.starts_with(start))).collect();
    let path = if rest.concat().is_empty() {
        uri.path().to_owned()
    } else {
        format!("{}?{}", uri.path(), rest.join("&"))
    };
    path.parse().unwrap()
}

/// Headers that are between two neighbours only (RFC 9110, section 7.6.1).
fn remove_hop_headers(headers: &mut HeaderMap) {
    for name in [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-connection",
    ] {
        headers.remove(HeaderName::from_static(name));
    }
}

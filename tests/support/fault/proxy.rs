//! The proxy: takes a request, asks the rules, passes it on.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::body;
use super::rule::{Fault, Kind, Rule};

/// Where [`Fault::Redirect`] leads.
pub(super) const REDIRECTED: &str = "/-redirected";

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

    /// Takes all rules away.
    pub fn mend(&self) {
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
    for fault in &faults {
        match fault {
            Fault::Drop => cut(),
            Fault::Hang => std::future::pending().await,
            Fault::Status(status) => return refusal(*status),
            Fault::Crowded(most) if working > *most => {
                inner.crowded.fetch_add(1, SeqCst);
                return refusal(429);
            }
            Fault::StatusAfterBody(status) => {
                while let Some(Ok(_)) = body.next().await {}
                return refusal(*status);
            }
            Fault::TooManyRequests(seconds) => {
                let mut answer = refusal(429);
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
                return answer;
            }
            Fault::Redirect => return inner.redirect(&parts.uri),
            Fault::CutRequest(limit) => body = body::cut_after(body, *limit),
            Fault::IgnoreRange => drop(parts.headers.remove(header::RANGE)),
            Fault::RefuseMount => parts.uri = without_mount(&parts.uri),
            _ => {}
        }
    }
    let cuts_request = faults.iter().any(|fault| matches!(fault, Fault::CutRequest(_)));
    match inner.forward(&parts.method, &parts.uri, parts.headers, body).await {
        Ok(answer) if !cuts_request => inner.answer(answer, &faults, at_work),
        Err(e) if !cuts_request => {
            refusal_saying(502, &format!("the proxy could not reach the registry: {e}"))
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
        let faults =
            rules.iter().filter_map(|rule| rule.befalls(&seen.method, seen.kind, &seen.uri)).collect();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        faults
    }

    async fn forward(
        &self,
        method: &Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: body::Stream,
    ) -> reqwest::Result<reqwest::Response> {
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        let path = path.strip_prefix(REDIRECTED).unwrap_or(path);
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse::<u64>().ok());
        let has_body = headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|n| n > 0);
        remove_hop_headers(&mut headers);
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
        for fault in faults {
            match fault {
                Fault::CutResponse(limit) => body = body::cut_after(body, *limit),
                Fault::Flip(at) => body = body::flip(body, *at),
                Fault::Trickle(size, pause) => body = body::trickle(body, *size, *pause),
                Fault::StripDigest => drop(answer.headers_mut().remove("docker-content-digest")),
                Fault::StripHeader(name) => drop(answer.headers_mut().remove(*name)),
                Fault::Header(name, value) => {
                    let value = HeaderValue::from_static(value);
                    answer.headers_mut().insert(HeaderName::from_static(name), value);
                }
                Fault::RelativeLocation => self.rewrite_location(answer.headers_mut(), false),
                Fault::AbsoluteLocation => self.rewrite_location(answer.headers_mut(), true),
                _ => {}
            }
        }
        let body = body.inspect(move |_| {
            let _ = &at_work;
        });
        answer.map(|()| Body::from_stream(body))
    }

    fn rewrite_location(&self, headers: &mut HeaderMap, absolute: bool) {
        let Some(location) = headers.get(header::LOCATION).and_then(|v| v.to_str().ok()) else { return };
        let path = location.parse::<Uri>().ok().and_then(|uri| uri.path_and_query().map(|p| p.to_string()));
        let path = path.unwrap_or_else(|| location.to_owned());
        let location = if absolute { format!("http://{}{path}", self.address) } else { path };
        headers.insert(header::LOCATION, HeaderValue::from_str(&location).unwrap());
    }

    /// `localhost` is another host than `127.0.0.1`, but the same proxy.
    fn redirect(&self, uri: &Uri) -> Response<Body> {
        let location = format!("http://localhost:{}{REDIRECTED}{uri}", self.address.port());
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        answer.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&location).unwrap());
        answer
    }
}

fn without_mount(uri: &Uri) -> Uri {
    let query = uri.query().unwrap_or_default().split('&');
    let rest: Vec<&str> =
        query.filter(|pair| !pair.starts_with("mount=") && !pair.starts_with("from=")).collect();
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

fn refusal(status: u16) -> Response<Body> {
    refusal_saying(status, "injected fault")
}

fn refusal_saying(status: u16, message: &str) -> Response<Body> {
    let code = match status {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        404 => "NAME_UNKNOWN",
        429 => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    };
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == 401 {
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"fault\""));
    }
    answer
}

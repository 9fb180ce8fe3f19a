//! One request and its answer: redirects, authentication, retries, and no read without a bound.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::time::{Instant, timeout};

use super::auth::Scopes;
use super::challenge;
use super::error::{self, Again, Failure};
use super::exchange;
use super::header;
use super::host::Host;
use super::options::RetryNotice;
use super::retry::Retry;
use super::scope;
use super::stream;
use super::throttle::is_throttling;
use crate::transport::{ByteStream, Error};

/// Redirects that are followed.
const HOPS: usize = 10;
/// How long the rest of an answer nobody needs is waited for.
const DRAIN: Duration = Duration::from_secs(2);

/// A request that can be sent again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// What is attempted, for errors: `get manifest`.
    pub attempted: &'static str,
    /// On what, for errors.
    pub at: String,
    pub method: Method,
    pub url: Url,
    /// What a token must allow.
    pub scopes: Scopes,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Attempts at most, if fewer than the client's.
    pub attempts: u32,
    /// How long the answer may take, if longer than the stall limit.
    pub patience: Duration,
    /// Sent again only where the registry asks for fewer requests; whoever sends it knows what else to do.
    pub once_heard: bool,
}

impl Call {
    /// A request without a body, sent as often as the client allows.
    pub(super) fn new(attempted: &'static str, at: String, method: Method, url: Url, scopes: Scopes) -> Call {
        Call {
            attempted,
            at,
            method,
            url,
            scopes,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            attempts: u32::MAX,
            patience: Duration::ZERO,
            once_heard: false,
        }
    }

    /// Adds a header; a value that cannot stand in one is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Call {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Call {
        self.body = body;
        self
    }

    pub(super) fn attempts(mut self, attempts: u32) -> Call {
        self.attempts = attempts;
        self
    }

    pub(super) fn once_heard(mut self) -> Call {
        self.once_heard = true;
        self
    }

    pub(super) fn patience(mut self, patience: Duration) -> Call {
        self.patience = patience;
        self
    }

    /// An error of this request without an answer.
    pub(super) fn unreachable(&self, reason: impl Into<String>) -> Failure {
        error::unreachable(self.attempted, &self.at, reason)
    }
}

/// An answer whose body has not been read yet.
pub(super) struct Answer {
    attempted: &'static str,
    at: String,
    method: Method,
    url: Url,
    response: Response,
    stall: Duration,
}

/// An answer that was read to its end.
pub(super) struct Whole {
    /// The URL that answered, after redirects.
    pub url: Url,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The URL that answered, after redirects.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The `Location`, joined with the URL that answered.
    pub(super) fn location(&self) -> Option<Url> {
        header::join(&self.url, header::text(self.headers(), "location")?)
    }

    /// The body as a stream that fails when nothing comes for the stall limit.
    pub(super) fn stream(self) -> ByteStream {
        let plain = self.url.scheme() == "http";
        let (attempted, at) = (self.attempted, self.at);
        let late =
            error::unreachable(attempted, &at, format!("nothing came for {} s", self.stall.as_secs_f32()))
                .error;
        let bytes = self
            .response
            .bytes_stream()
            .map(move |item| item.map_err(|e| error::broken(attempted, &at, plain, &e).error));
        stream::watched(bytes.boxed(), self.stall, late)
    }

    /// The whole body, which must not be longer than `limit` bytes.
    pub(super) async fn bytes(self, limit: usize) -> Result<Bytes, Failure> {
        let (attempted, at) = (self.attempted, self.at.clone());
        let too_long = || Error::Content {
            attempted,
            at: at.clone(),
            expected: format!("at most {} KiB", limit >> 10),
            found: "more".to_owned(),
        };
        if header::number(self.headers(), "content-length").is_some_and(|length| length > limit as u64) {
            return Err(too_long().into());
        }
        let mut stream = self.stream();
        let mut whole = BytesMut::new();
        while let Some(piece) = stream.next().await {
            whole.extend_from_slice(&piece?);
            if whole.len() > limit {
                return Err(too_long().into());
            }
        }
        Ok(whole.freeze())
    }

    /// Reads what is left, so that the connection can be used again.
    pub(super) async fn drain(self) {
        self.head(error::BODY_LIMIT).await;
    }

    /// As much of the body as comes soon, at most `limit` bytes.
    async fn head(self, limit: usize) -> BytesMut {
        let mut stream = self.stream();
        let mut head = BytesMut::new();
        // Dropping the connection costs less than waiting for a body that does not come.
        let _ = timeout(DRAIN, async {
            while let Some(Ok(piece)) = stream.next().await {
                head.extend_from_slice(&piece);
                if head.len() >= limit {
                    break;
                }
            }
        })
        .await;
        head.truncate(limit);
        head
    }

    /// The failure that this answer stands for.
    pub(super) async fn failure(self) -> Failure {
        let (attempted, at) = (self.attempted, self.at.clone());
        let (status, headers) = (self.status(), self.headers().clone());
        let (method, url) = (self.method.clone(), self.url.clone());
        let body = self.head(error::BODY_LIMIT).await;
        let told = exchange::record(&method, &url, status, &headers, &body);
        error::answered(attempted, &at, status, &headers, &body).told(told)
    }

    /// Itself, if it is a success.
    pub(super) async fn success(self) -> Result<Answer, Failure> {
        if self.status().is_success() { Ok(self) } else { Err(self.failure().await) }
    }
}

impl Host {
    /// Sends a request until it succeeds or there is no point in going on. The answer is a 2xx.
    pub(super) async fn call(&self, call: &Call) -> Result<Answer, Failure> {
        self.retried(call, |answer| std::future::ready(Ok(answer))).await
    }

    /// The same for a document of at most `limit` bytes: a body that breaks off is asked for again, too.
    pub(super) async fn read(&self, call: &Call, limit: usize) -> Result<Whole, Failure> {
        self.retried(call, |answer| async move {
            let (url, headers) = (answer.url.clone(), answer.headers().clone());
            Ok(Whole { url, headers, bytes: answer.bytes(limit).await? })
        })
        .await
    }

    async fn retried<T, F>(&self, call: &Call, take: impl Fn(Answer) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut retry = Retry::new(self.options.attempts.min(call.attempts), self.options.first_wait);
        loop {
            self.left_alone().await;
            let taken = match self.spoken(call).await {
                Ok(answer) => take(answer).await,
                Err(failure) => Err(failure),
            };
            let mut failure = match taken {
                Ok(taken) => return Ok(taken),
                Err(failure) => failure,
            };
            if self.is_silent(&failure) && self.speaks_tls().await {
                return Err(error::speaks_tls(call.attempted, &call.at).into());
            }
            // Who has answered is there, and comes back: a registry that is restarted in the middle of a job.
            if matches!(failure.again, Again::Quickly | Again::IfKnown) && self.is_known() {
                failure.again = Again::Later;
            }
            let status = failure.status().and_then(|status| StatusCode::from_u16(status).ok());
            let throttles = status.is_some_and(is_throttling);
            if call.once_heard && !throttles {
                return Err(failure);
            }
            let again = retry.after(&failure).filter(|_| self.options.observer.may_retry());
            let Some((delay, attempt, of)) = again else {
                return Err(failure.tried(retry.failed()));
            };
            let (reason, class) = (failure.error.to_string(), failure.error.class());
            self.options.observer.retry(&RetryNotice { reason, class, attempt, of, delay });
            match throttles {
                true => self.options.observer.hold_off(&self.registry, delay).await,
                false => tokio::time::sleep(delay).await,
            }
        }
    }

    /// One attempt, once more in plain HTTP where no TLS is spoken and the settings allow that.
    async fn spoken(&self, call: &Call) -> Result<Answer, Failure> {
        let failure = match self.authorized(call).await {
            Err(failure) if failure.unspoken && self.try_plain() => failure,
            result => return result,
        };
        let plainly = self.authorized(call).await;
        let spoken = !plainly.as_ref().is_err_and(|failure| failure.status().is_none());
        self.tried_plain(spoken);
        if spoken { plainly } else { Err(failure) }
    }

    /// One attempt, with as many requests as authentication takes: at most one token is fetched anew.
    async fn authorized(&self, call: &Call) -> Result<Answer, Failure> {
        let home = self.base()?;
        let mut pass = self.auth.pass(self, &call.scopes).await?;
        let mut rounds = 0;
        loop {
            let answer = self.follow(call, home, pass.as_ref().map(|pass| &pass.header)).await?;
            self.observe(answer.status(), answer.headers());
            if answer.status() != StatusCode::UNAUTHORIZED || !header::same_origin(home, answer.url()) {
                return answer.success().await;
            }
            let challenge = challenge::read(answer.headers(), answer.url());
            let failure = answer.failure().await;
            rounds += 1;
            let Some(challenge) = challenge else {
                return Err(failure);
            };
            let lacks = pass.as_ref().filter(|_| challenge.insufficient).and_then(|pass| {
                scope::missing(call.scopes.list(), pass.header.to_str().unwrap_or_default())
            });
            // Others that were refused at the same time may have had a new pass made meanwhile: then it takes two rounds.
            if rounds > 2 {
                return Err(error::lacking(failure, lacks));
            }
            match self.auth.challenged(self, &call.scopes, challenge, pass.as_ref()).await? {
                Some(next) => pass = Some(next),
                None => return Err(error::lacking(failure, lacks)),
            }
        }
    }

    /// Sends the request where redirects lead. `authorization` is for `home` alone: once another host has
    /// been gone to, it is not shown any more.
    pub(super) async fn follow(
        &self,
        call: &Call,
        home: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let mut authorization = authorization;
        let (mut url, mut method) = (self.at_home(&call.url), call.method.clone());
        for _ in 0..=HOPS {
            authorization = authorization.filter(|_| header::same_origin(home, &url));
            let answer = self.once(call, method.clone(), url, authorization).await?;
            let status = answer.status();
            let redirected = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(next) = answer.location().filter(|_| redirected) else {
                return Ok(answer);
            };
            if status == StatusCode::SEE_OTHER && method != Method::HEAD {
                method = Method::GET;
            }
            answer.drain().await;
            url = next;
        }
        Err(Error::Unreachable {
            attempted: call.attempted,
            at: call.at.clone(),
            reason: format!("more than {HOPS} redirects"),
            class: crate::oci::ErrorClass::Config,
        }
        .into())
    }

    async fn once(
        &self,
        call: &Call,
        method: Method,
        url: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let client = self.client(&url).await?;
        let mut request = client.request(method.clone(), url.clone()).headers(call.headers.clone());
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !matches!(method, Method::GET | Method::HEAD | Method::DELETE) {
            request = request.header(CONTENT_LENGTH, call.body.len()).body(call.body.clone());
        }
        let limit = call.patience.max(self.options.stall_timeout);
        let asked = Instant::now();
        match timeout(limit, request.send()).await {
            // Through a tunnel the proxy's own answers do not come this far.
            Ok(Ok(response)) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let proxy = self.proxy_to(&url).unwrap_or_else(|| "on the way".to_owned());
                Err(error::unwelcome(proxy, call))
            }
            Ok(Ok(response)) => {
                self.answered_in(asked.elapsed());
                Ok(Answer { method, ..self.answer(call, url, response) })
            }
            Ok(Err(e)) => Err(self.broken(call, &url, &e)),
            Err(_) => Err(call.unreachable(format!("no answer for {} s", limit.as_secs_f32()))),
        }
    }

    pub(super) fn answer(&self, call: &Call, url: Url, response: Response) -> Answer {
        let (attempted, at) = (call.attempted, call.at.clone());
        let method = call.method.clone();
        Answer { attempted, at, method, url, response, stall: self.options.stall_timeout }
    }
}

//! Blobs on their way into a registry: the writer of an upload session, which goes down the ladder of ways to fill
//! it. (`begin` asks and opens.)
//!
//! POST, then the whole blob in one PUT; where a registry refuses that, one streaming PATCH and a PUT; where
//! it refuses that, too, or asks for it, PATCHes of a bounded size (`chunk`). The rung is remembered in the
//! registry's profile.

use futures_util::future::BoxFuture;
use oci_client::errors::OciErrorCode;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Method, StatusCode, Url};

use super::auth::Scopes;
use super::challenge;
use super::client::RepositoryClient;
use super::error::Failure;
use super::header;
use super::http::{Answer, Call};
use super::profile::Rung;
use super::stream::Flow;
use crate::oci::{Descriptor, ErrorClass};
use crate::transport::{BlobWriter, ByteStream, Error, Result};

pub(super) const ATTEMPTED: &str = "upload blob";

/// An upload session: where it is now (every answer may move it), and the least a chunk must have.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub location: Url,
    pub min_chunk: Option<u64>,
    /// Whether bytes were sent into it.
    pub used: bool,
    /// Whether it looks like one of docker/distribution's (or of wharf's own registry): `begin` says why that counts.
    pub is_distribution: bool,
}

/// One blob's upload.
pub(super) struct Writer {
    pub to: RepositoryClient,
    pub blob: Descriptor,
    pub session: Option<Session>,
    /// What the session holds for certain.
    pub accepted: u64,
    /// Whether the registry has taken the whole blob under its digest.
    done: bool,
}

impl BlobWriter for Writer {
    fn accepted(&self) -> u64 {
        self.accepted
    }

    fn write(&mut self, from: u64, body: ByteStream) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.fill(from, body))
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            if !self.done {
                let reason = "the upload is not whole".to_owned();
                return Err(Error::Conflict { at: self.to.place_of(&self.blob.digest), reason });
            }
            let is_distribution = self.session.as_ref().is_some_and(|session| session.is_distribution);
            self.to.uploaded(&self.blob, is_distribution).await;
            Ok(())
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(session) = self.session.take().filter(|_| !self.done) else { return };
        // Best effort: a process that is ending has no runtime to do it with, and registries clean up.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (to, blob) = (self.to.clone(), self.blob.clone());
            runtime.spawn(async move { to.abandon(&blob, session).await });
        }
    }
}

impl Writer {
    pub(super) fn new(to: RepositoryClient, blob: Descriptor, session: Session) -> Writer {
        Writer { to, blob, session: Some(session), accepted: 0, done: false }
    }

    async fn fill(&mut self, from: u64, body: ByteStream) -> Result<()> {
        if from != 0 && from != self.accepted {
            let reason = format!("the upload stands at byte {}, not at {from}", self.accepted);
            return Err(Error::Conflict { at: self.to.place_of(&self.blob.digest), reason });
        }
        if from == 0 {
            self.accepted = 0;
            if let Some(old) = self.session.take_if(|session| session.used) {
                self.to.abandon(&self.blob, old).await;
            }
        }
        let session = match self.session.take() {
            Some(session) => session,
            None => self.to.open(&self.blob).await?,
        };
        let chunked = session.min_chunk.is_some();
        self.session = Some(Session { used: true, ..session });
        let rung = if chunked { Rung::Chunks } else { self.to.host.profile().upload };
        let outcome = match rung {
            Rung::Whole if from == 0 => self.whole(body).await,
            Rung::Whole | Rung::Stream => self.stream(from, body).await,
            Rung::Chunks => self.chunks(from, body).await,
        };
        let Err(failure) = outcome else {
            self.done = true;
            self.accepted = self.blob.size;
            return Ok(());
        };
        self.take_stock(rung, from, failure).await
    }

    /// After a failure: where the session stands, and which rung the next attempt takes.
    async fn take_stock(&mut self, rung: Rung, from: u64, failure: Failure) -> Result<()> {
        let lost = failure.code == Some(OciErrorCode::BlobUploadUnknown);
        // A 404 that names what is missing is about that; a bare one is a way that does not exist.
        let named =
            failure.status() == Some(404) && !matches!(failure.code, None | Some(OciErrorCode::Unsupported));
        let next = match (rung, failure.status()) {
            // That a rest is refused says nothing of a whole blob.
            _ if named || from > 0 => None,
            (Rung::Whole | Rung::Stream, Some(413)) => Some(Rung::Chunks),
            (Rung::Whole, Some(404 | 405 | 411 | 501)) => Some(Rung::Stream),
            (Rung::Stream, Some(404 | 405 | 411 | 416 | 501)) => Some(Rung::Chunks),
            _ => None,
        };
        if let Some(next) = next {
            self.accepted = 0;
            self.to.host.learn(|profile| profile.upload = next);
            let reason = format!("{}; trying another way to upload", failure.error);
            self.to.host.options.observer.note(&reason);
            return Err(Error::Detour {
                attempted: ATTEMPTED,
                at: self.to.place_of(&self.blob.digest),
                reason,
            });
        }
        if from > 0 && matches!(failure.status(), Some(404 | 405 | 411 | 413 | 416 | 501)) && !lost && !named
        {
            // Where the answer to what was sent before was lost, the session stands elsewhere; a registry that takes no
            // rest at all gets the blob from its start.
            let out_of_step = failure.status() == Some(416);
            self.accepted = if out_of_step { self.held().await.unwrap_or(0) } else { 0 };
            self.accepted = self.accepted.min(self.blob.size);
            return Err(self.later(failure.error.to_string()));
        }
        if rung == Rung::Chunks && matches!(failure.status(), Some(404 | 405 | 501)) && !lost {
            // The ladder has no further rung; the next upload begins at its top.
            self.to.host.learn(|profile| profile.upload = Rung::default());
        }
        if !lost && self.session.as_ref().is_some_and(|session| !session.used) {
            return Err(failure.error);
        }
        self.accepted = 0;
        if failure.error.is_retryable() && !lost {
            self.accepted = self.held().await.unwrap_or(0).min(self.blob.size);
        }
        if lost {
            self.session = None;
            return Err(self.later(format!("the registry has lost the upload session ({})", failure.error)));
        }
        Err(failure.error)
    }

    fn later(&self, reason: String) -> Error {
        let at = self.to.place_of(&self.blob.digest);
        // What it tells of is said once.
        let reason = reason.replace(&format!("{ATTEMPTED} {at}: "), "");
        Error::Unreachable { attempted: ATTEMPTED, at, reason, class: ErrorClass::Network }
    }

    pub(super) fn call(&self, method: Method) -> Result<Call> {
        let at = self.to.place_of(&self.blob.digest);
        let Some(session) = &self.session else {
            return Err(Error::Conflict { at, reason: "the upload has no session".to_owned() });
        };
        Ok(Call::new(ATTEMPTED, at, method, session.location.clone(), Scopes::push(&self.to.repository)))
    }

    /// Takes the latest location from an answer.
    pub(super) fn moved(&mut self, answer: &Answer) {
        if let (Some(session), Some(location)) = (&mut self.session, answer.location()) {
            session.location = location;
        }
    }

    /// Bytes that the session holds; `None` if it does not say, or is gone.
    pub(super) async fn held(&mut self) -> Option<u64> {
        let call = self.call(Method::GET).ok()?.attempts(1);
        let answer = self.to.host.call(&call).await.ok()?;
        self.moved(&answer);
        let held = header::session_length(answer.headers());
        answer.drain().await;
        held
    }

    /// The blob in one PUT.
    async fn whole(&mut self, body: ByteStream) -> Result<(), Failure> {
        let mut call = self.call(Method::PUT)?;
        call.url = header::with_query(&call.url, "digest", self.blob.digest.as_str());
        let answer = self.pour(call, self.blob.size, body).await?;
        self.closed(answer).await
    }

    /// The rest of the blob in one PATCH, then the PUT that closes.
    async fn stream(&mut self, from: u64, body: ByteStream) -> Result<(), Failure> {
        if from < self.blob.size {
            let mut call = self.call(Method::PATCH)?;
            if from > 0 {
                call = call.header(CONTENT_RANGE, &format!("{from}-{}", self.blob.size - 1));
            }
            let answer = self.pour(call, self.blob.size - from, body).await?;
            self.moved(&answer);
            answer.drain().await;
        }
        self.close().await
    }

    /// The PUT that ends a session whose bytes are there.
    pub(super) async fn close(&mut self) -> Result<(), Failure> {
        let mut call = self.call(Method::PUT)?.header(CONTENT_TYPE, "application/octet-stream");
        call.url = header::with_query(&call.url, "digest", self.blob.digest.as_str());
        let call = call.patience(self.to.patience());
        match self.to.host.call(&call).await {
            Ok(answer) => self.closed(answer).await,
            Err(failure) if failure.error.is_not_found() => {
                // The answer to an earlier attempt may have been lost.
                match self.to.ask_blob(&self.blob.digest, Scopes::push(&self.to.repository)).await {
                    Ok(true) => Ok(()),
                    _ => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    async fn closed(&self, answer: Answer) -> Result<(), Failure> {
        let given = header::content_digest(answer.headers());
        answer.drain().await;
        match given {
            Some(found) if found != self.blob.digest && found.algorithm() == self.blob.digest.algorithm() => {
                Err(Error::Content {
                    attempted: ATTEMPTED,
                    at: self.to.place_of(&self.blob.digest),
                    expected: self.blob.digest.to_string(),
                    found: found.to_string(),
                }
                .into())
            }
            _ => Ok(()),
        }
    }

    /// Sends `length` bytes of `body`, once: a stream cannot be sent again. What ended the body itself is the
    /// error, not what the connection made of that.
    async fn pour(&mut self, call: Call, length: u64, body: ByteStream) -> Result<Answer, Failure> {
        let host = self.to.host.clone();
        host.left_alone().await;
        let pass = host.auth.pass(&host, &call.scopes).await?;
        let client = host.client(&call.url).await?;
        let (flow, body) = Flow::new(body, length, &call.at);
        let mut request = client
            .request(call.method.clone(), call.url.clone())
            .headers(call.headers.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            .body(body);
        let home = header::same_origin(host.base()?, &call.url);
        if let Some(pass) = pass.as_ref().filter(|_| home) {
            request = request.header(AUTHORIZATION, &pass.header);
        }
        let sent = tokio::select! {
            sent = request.send() => sent.map_err(|e| host.broken(&call, &call.url, &e)),
            why = flow.stalled(host.options.stall_timeout, self.to.patience()) => Err(call.unreachable(why)),
        };
        if let Some(error) = flow.failed() {
            return Err(error.into());
        }
        let answer = host.answer(&call, call.url.clone(), sent?);
        host.observe(answer.status(), answer.headers());
        match answer.status() {
            status if status.is_success() && !flow.is_whole() => {
                Err(call.unreachable("the registry answered before it had everything"))
            }
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
                if answer.location().is_some() =>
            {
                self.moved(&answer);
                if let Some(session) = &mut self.session {
                    session.used = false;
                }
                let reason = "the registry sent the upload elsewhere".to_owned();
                Err(Error::Detour { attempted: call.attempted, at: call.at, reason }.into())
            }
            StatusCode::UNAUTHORIZED if home => {
                let challenge = challenge::read(answer.headers(), answer.url());
                let failure = answer.failure().await;
                let Some(challenge) = challenge else { return Err(failure) };
                // The token ended on the way, or none was asked for until now; the next attempt has a new one.
                match host.auth.challenged(&host, &call.scopes, challenge, pass.as_ref()).await? {
                    Some(_) => Err(call.unreachable(format!("a token was wanted ({})", failure.error))),
                    None => Err(failure),
                }
            }
            _ => answer.success().await,
        }
    }
}

//! A blob's first questions: is it there, can it be mounted, else where does its upload begin. As few requests as the
//! registry allows, because on a long link every one costs a round trip.
//!
//! `POST …/uploads/?mount=DIGEST&from=REPOSITORY` asks and opens in one: 201 says that the blob is there, 202 is the
//! upload's session. With no better repository known, the destination itself stands in `from`: that asks whether it
//! has the blob already. A registry that ignores mounts would answer 202 for what it has, and be sent it again. So
//!
//! - one that has shown that it honours them is believed, and one that has shown that it does not is asked with HEAD;
//! - one whose sessions look like docker/distribution's is believed for now, because that one honours them (measured on
//!   2.8.2), and is put to the proof as soon as there is a blob to do it with and more to send;
//! - any other is asked with HEAD after its 202: as many requests for a missing blob as asking first, and fewer for
//!   one that is there, whose 201 is the proof.
//!
//! A mount is no mere question. docker-registry 2.8.2 on a file system writes the link of a blob anew that is there
//! already, and truncates it first: whoever puts a manifest that names the blob at that moment hears 400 DIGEST_INVALID.
//! So what is known to be in the destination repository is asked for with HEAD, as many requests, and the proof is made
//! with a blob whose uploader has not said yet that it is there: no manifest is put that waits for it.

use std::sync::atomic::Ordering;

use reqwest::{Method, StatusCode};

use super::auth::Scopes;
use super::client::RepositoryClient;
use super::error::Failure;
use super::header;
use super::host::Host;
use super::http::{Answer, Call};
use super::upload::{ATTEMPTED, Session, Writer};
use crate::oci::{Descriptor, Repository};
use crate::transport::{Begin, Error, Result};

/// How the refusal of an upload begins that has no place.
pub const NO_LOCATION: &str = "the registry opened an upload without saying where";

/// What a request to mount came to.
enum Opened {
    /// The blob is there.
    There,
    /// It is not, or mounts are ignored: an upload was opened.
    Session(Box<Session>),
    /// The registry would not.
    Refused,
    /// Something went wrong that says nothing of mounts.
    Unclear,
}

impl RepositoryClient {
    /// Asks for a blob and opens its upload. `known` is a repository that is thought to have it.
    pub(super) async fn begin_blob(&self, blob: &Descriptor, known: Option<&Repository>) -> Result<Begin> {
        self.host.has_more.fetch_or(self.host.has_uploaded.load(Ordering::Acquire), Ordering::AcqRel);
        match self.host.profile().honours_self_mount {
            Some(false) => self.begin_asking(blob, known).await,
            _ if known == Some(&self.repository) => self.begin_asking(blob, None).await,
            proven => self.begin_mounting(blob, known, proven.is_some()).await,
        }
    }

    /// HEAD first.
    async fn begin_asking(&self, blob: &Descriptor, known: Option<&Repository>) -> Result<Begin> {
        if self.has(blob).await? {
            return Ok(Begin::Present);
        }
        if let Some(from) = known.filter(|from| **from != self.repository) {
            match self.mount(blob, from).await? {
                Opened::There => return Ok(Begin::Mounted),
                Opened::Session(session) => return Ok(self.writer(blob, *session)),
                // Whatever goes wrong with a mount, the plain upload that follows decides, and says why.
                Opened::Refused | Opened::Unclear => {}
            }
        }
        Ok(self.writer(blob, self.open(blob).await?))
    }

    /// A mount first; `proven` where the registry has shown that it honours those from the repository itself.
    async fn begin_mounting(
        &self,
        blob: &Descriptor,
        known: Option<&Repository>,
        proven: bool,
    ) -> Result<Begin> {
        let from = known.unwrap_or(&self.repository);
        let from_self = *from == self.repository;
        let opened = self.mount(blob, from).await?;
        let is_answer = !matches!(opened, Opened::Unclear);
        let session = match opened {
            Opened::There if from_self => {
                self.host.learn(|profile| profile.honours_self_mount = Some(true));
                return Ok(Begin::Present);
            }
            Opened::There => return Ok(Begin::Mounted),
            Opened::Session(session) => Some(*session),
            Opened::Refused | Opened::Unclear => None,
        };
        // That another repository lacks it says nothing of this one.
        let is_missing = session.as_ref().is_some_and(|s| from_self && (proven || s.is_distribution));
        if !is_missing && self.has(blob).await? {
            if from_self && is_answer && !proven {
                self.host.learn(|profile| profile.honours_self_mount = Some(false));
            }
            if let Some(session) = session {
                self.abandon(blob, session).await;
            }
            return Ok(Begin::Present);
        }
        match session {
            Some(session) => Ok(self.writer(blob, session)),
            None => Ok(self.writer(blob, self.open(blob).await?)),
        }
    }

    /// With the scopes of the POST that goes with it: one token for both. Some registries refuse to look into a
    /// repository that is not there yet: the POST tells.
    async fn has(&self, blob: &Descriptor) -> Result<bool> {
        match self.ask_blob(&blob.digest, Scopes::push(&self.repository)).await {
            Err(Error::Answered { status, .. }) if status < 500 && status != 429 => Ok(false),
            answer => answer,
        }
    }

    fn writer(&self, blob: &Descriptor, session: Session) -> Begin {
        Begin::Write(Box::new(Writer::new(self.clone(), blob.clone(), session)))
    }

    fn uploads(&self, blob: &Descriptor, scopes: Scopes) -> Result<Call> {
        let url = self.host.url(&format!("{}/blobs/uploads/", self.repository))?;
        Ok(Call::new(ATTEMPTED, self.place_of(&blob.digest), Method::POST, url, scopes))
    }

    /// Tries once, or until the registry has time for it: the only error is that it never has.
    async fn mount(&self, blob: &Descriptor, from: &Repository) -> Result<Opened, Failure> {
        let mut call = self.uploads(blob, Scopes::mount(&self.repository, from))?.once_heard();
        call.url = header::with_query(&call.url, "mount", blob.digest.as_str());
        call.url = header::with_query(&call.url, "from", from.as_str());
        let answer = match self.host.call(&call).await {
            Ok(answer) => answer,
            // Asking in another way would be one request more to one who wants fewer.
            Err(failure) if matches!(failure.status(), Some(429 | 503)) => return Err(failure),
            Err(failure) if failure.status().is_some_and(|status| status < 500) => {
                return Ok(Opened::Refused);
            }
            Err(_) => return Ok(Opened::Unclear),
        };
        let opened = match answer.status() {
            StatusCode::CREATED => match header::content_digest(answer.headers()) {
                Some(other) if other != blob.digest => Opened::Refused,
                _ => Opened::There,
            },
            StatusCode::ACCEPTED => {
                session(&answer).map_or(Opened::Refused, |session| Opened::Session(Box::new(session)))
            }
            _ => Opened::Refused,
        };
        answer.drain().await;
        Ok(opened)
    }

    pub(super) async fn open(&self, blob: &Descriptor) -> Result<Session> {
        let call = self.uploads(blob, Scopes::push(&self.repository))?;
        let answer = self.host.call(&call).await?;
        let session = session(&answer);
        answer.drain().await;
        session.ok_or_else(|| Error::Unsupported {
            at: call.at,
            reason: format!("{NO_LOCATION} (no usable Location)"),
        })
    }

    /// Ends an upload session that is not needed, if the registry cares to listen.
    pub(super) async fn abandon(&self, blob: &Descriptor, session: Session) {
        let place = self.place_of(&blob.digest);
        let scopes = Scopes::push(&self.repository);
        let call = Call::new("end upload of", place, Method::DELETE, session.location, scopes).attempts(1);
        if let Ok(answer) = self.host.call(&call).await {
            answer.drain().await;
        }
    }

    /// A blob was uploaded here, in a session of docker/distribution's or of another kind; nobody was told yet.
    pub(super) async fn uploaded(&self, blob: &Descriptor, is_distribution: bool) {
        if self.host.profile().honours_self_mount.is_some() {
            return;
        }
        self.host.has_uploaded.store(true, Ordering::Release);
        // Who is not believed costs a HEAD a blob: to be known of before this process ends.
        if !is_distribution || self.host.has_more.load(Ordering::Acquire) {
            self.prove_self_mounts(blob).await;
        }
    }

    /// Finds out, once, whether the registry honours mounts from the destination repository itself, with a blob that
    /// was just uploaded there.
    async fn prove_self_mounts(&self, blob: &Descriptor) {
        let host = &self.host;
        if host.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        // However this ends: somebody who is cancelled in it must not leave it to nobody.
        let _probing = Probing(host);
        let honoured = match self.mount(blob, &self.repository).await {
            Ok(Opened::There) => Some(true),
            Ok(Opened::Session(session)) => {
                self.abandon(blob, *session).await;
                Some(false)
            }
            Ok(Opened::Refused) => Some(false),
            Ok(Opened::Unclear) | Err(_) => None,
        };
        if honoured.is_some() {
            host.learn(|profile| profile.honours_self_mount = honoured);
        }
    }
}

/// Somebody finds out about self-mounts.
struct Probing<'a>(&'a Host);

impl Drop for Probing<'_> {
    fn drop(&mut self) {
        self.0.probing.store(false, Ordering::Release);
    }
}

fn session(answer: &Answer) -> Option<Session> {
    let min_chunk = header::number(answer.headers(), "oci-chunk-min-length").filter(|least| *least > 0);
    let location = answer.location()?;
    // Its state goes with the client, signed, in the session's location; wharf's own registry says its name.
    let is_distribution = location.query_pairs().any(|(name, _)| name == "_state")
        || header::text(answer.headers(), "server").is_some_and(|server| server.starts_with("wharf/"));
    Some(Session { location, min_chunk, used: false, is_distribution })
}

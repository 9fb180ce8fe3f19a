//! Which requests a fault befalls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::dice::Dice;

/// What a request to a registry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `/v2/`
    Ping,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/R/tags/list`
    Tags,
    /// `/v2/R/manifests/…`
    Manifest,
    /// `/v2/R/blobs/sha256:…`
    Blob,
    /// `/v2/R/blobs/uploads/…`, by any method; the method tells the step
    Upload,
    /// `/v2/R/referrers/…`
    Referrers,
    /// Where [`Fault::Redirect`] leads
    Redirected,
    /// Anything else, such as a token service
    Other,
}

impl Kind {
    /// The kind of a path, without its query.
    pub fn of(path: &str) -> Kind {
        if path.starts_with(super::refusal::REDIRECTED) {
            return Kind::Redirected;
        }
        let Some(rest) = path.strip_prefix("/v2") else { return Kind::Other };
        match rest.trim_matches('/') {
            "" => Kind::Ping,
            "_catalog" => Kind::Catalog,
            rest if rest.ends_with("/tags/list") => Kind::Tags,
            rest if rest.contains("/blobs/uploads") => Kind::Upload,
            rest if rest.contains("/blobs/") => Kind::Blob,
            rest if rest.contains("/manifests/") => Kind::Manifest,
            rest if rest.contains("/referrers/") => Kind::Referrers,
            _ => Kind::Other,
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Answers this status with an OCI error, without reading the body and without asking the registry.
    Status(u16),
    /// The same once the request's body was read.
    StatusAfterBody(u16),
    /// The registry does what was asked, and something on the way answers this status.
    StatusInstead(u16),
    /// The registry does what was asked, and the connection ends without its answer.
    LoseAnswer,
    /// This status, with a body that is called JSON and is none.
    GarbageError(u16),
    /// This status, with a megabyte of text.
    HugeError(u16),
    /// 429 with `Retry-After` in seconds.
    TooManyRequests(u64),
    /// 429, as long as more than so many requests are at work, this one among them. Put it before other rules.
    Crowded(usize),
    /// 401 with a challenge: the proxy's own token service gives who asks for one a token.
    Challenge,
    /// 413 where more than so many bytes are announced.
    TooLarge(u64),
    /// 404, the upload session is not known (any more).
    SessionLost,
    /// 400, the manifest names a blob that is not there.
    BlobUnknown,
    /// The answer's body ends after so many bytes, and the connection with it.
    CutResponse(u64),
    /// The connection ends once so many bytes of the request's body were passed on.
    CutRequest(u64),
    /// The connection ends without an answer.
    Drop,
    /// No answer ever comes.
    Hang,
    /// The answer's byte at this offset is another one.
    Flip(u64),
    /// The answer has as many bytes as it should, and all are others.
    Garble,
    /// The answer lacks so many bytes at its end, and its length says so.
    Shorten(u64),
    /// The answer has so many bytes more, and its length says so.
    Lengthen(u64),
    /// The whole is answered, with 200, whatever `Range` asks for.
    IgnoreRange,
    /// 206, and `Content-Range` begins so many bytes behind what is sent.
    WrongRange(u64),
    /// A mount is answered with an upload session (202).
    RefuseMount,
    /// The answer has no `Docker-Content-Digest`.
    StripDigest,
    /// The answer's `Docker-Content-Digest` is that of something else.
    WrongDigest,
    /// The answer has no header of this name.
    StripHeader(&'static str),
    /// The answer has this header, too.
    Header(&'static str, &'static str),
    /// `Location` has no scheme and host.
    RelativeLocation,
    /// `Location` has both.
    AbsoluteLocation,
    /// `Location` has a query, and what does not come back with it is refused (400).
    LocationQuery,
    /// The answer asks for chunks of at least so many bytes (`OCI-Chunk-Min-Length`).
    MinChunk(u64),
    /// Every header comes twice.
    DuplicateHeaders,
    /// The answer's body comes in pieces of so many bytes, with this pause after each.
    Trickle(usize, Duration),
    /// 307 to another host name, which serves what was asked for; `Seen::authorized` tells whether
    /// credentials went there.
    Redirect,
}

/// When a rule applies, counted in the requests that it is for, from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Always,
    Nth(u64),
    First(u64),
    After(u64),
    /// By a probability; the same seed gives the same requests.
    Chance(f64, u64),
}

/// A fault and the requests it befalls.
#[derive(Debug)]
pub struct Rule {
    method: Option<&'static str>,
    kind: Option<Kind>,
    path: Option<String>,
    when: When,
    fault: Fault,
    seen: AtomicU64,
    done: AtomicU64,
}

/// A rule for every request.
pub fn any() -> Rule {
    Rule {
        method: None,
        kind: None,
        path: None,
        when: When::Always,
        fault: Fault::Drop,
        seen: AtomicU64::new(0),
        done: AtomicU64::new(0),
    }
}

/// A rule for requests of a method and a kind.
pub fn on(method: &'static str, kind: Kind) -> Rule {
    Rule { method: Some(method), kind: Some(kind), ..any() }
}

impl Rule {
    /// Only requests with `part` in their path or query.
    pub fn path(mut self, part: &str) -> Rule {
        self.path = Some(part.to_owned());
        self
    }

    /// Only the `n`th of them, counted from 1.
    pub fn nth(mut self, n: u64) -> Rule {
        self.when = When::Nth(n);
        self
    }

    /// Only the first `n` of them.
    pub fn first(mut self, n: u64) -> Rule {
        self.when = When::First(n);
        self
    }

    /// All but the first `n` of them.
    pub fn after(mut self, n: u64) -> Rule {
        self.when = When::After(n);
        self
    }

    /// Each with this probability.
    pub fn chance(mut self, probability: f64, seed: u64) -> Rule {
        self.when = When::Chance(probability, seed);
        self
    }

    /// What goes wrong.
    pub fn then(mut self, fault: Fault) -> Rule {
        self.fault = fault;
        self
    }

    /// How often it has.
    pub fn happened(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// The fault, if it befalls this request; counts the request.
    pub(super) fn befalls(&self, method: &str, kind: Kind, uri: &str) -> Option<Fault> {
        let is_meant = self.method.is_none_or(|m| m == method)
            && self.kind.is_none_or(|k| k == kind)
            && self.path.as_ref().is_none_or(|part| uri.contains(part.as_str()));
        if !is_meant {
            return None;
        }
        let n = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let applies = match self.when {
            When::Always => true,
            When::Nth(nth) => n == nth,
            When::First(first) => n <= first,
            When::After(after) => n > after,
            When::Chance(probability, seed) => Dice::of(seed, &[n]).chance(probability),
        };
        if !applies {
            return None;
        }
        self.done.fetch_add(1, Ordering::SeqCst);
        Some(self.fault.clone())
    }
}

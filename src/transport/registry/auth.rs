//! Being let in: what the registry asked for is remembered, tokens are fetched once and kept.
//!
//! Nothing is asked before a registry challenges. After that every request carries its pass at once. Passes
//! are kept by scopes: for each of them one fetch is under way at a time, and all who wait for it share its
//! outcome, good or bad.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::challenge::{Challenge, Scheme, covers};
use super::error::{Again, Failure};
use super::header::{encode, with_query};
use super::host::Host;
use super::http::Call;
use super::options::Credential;
use crate::oci::{ErrorClass, Repository};
use crate::transport::Error;

/// What a token lives for when its server does not say, in seconds (distribution's token specification).
const LIFE: u64 = 60;
/// A token is renewed this long before its end, or a quarter of its life if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);
/// Bytes of a token server's answer that are read.
const TOKEN_LIMIT: usize = 1 << 20;
const ATTEMPTED: &str = "get a token for";

/// What a request needs to be allowed, and the repository whose credential decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Scopes {
    repository: Option<Repository>,
    list: Vec<String>,
}

impl Scopes {
    fn of(repository: &Repository, actions: &str) -> Scopes {
        let list = vec![format!("repository:{repository}:{actions}")];
        Scopes { repository: Some(repository.clone()), list }
    }

    /// Reading a repository.
    pub(super) fn pull(repository: &Repository) -> Scopes {
        Scopes::of(repository, "pull")
    }

    /// Writing to a repository.
    pub(super) fn push(repository: &Repository) -> Scopes {
        Scopes::of(repository, "pull,push")
    }

    /// Deleting in a repository.
    pub(super) fn delete(repository: &Repository) -> Scopes {
        Scopes::of(repository, "pull,push,delete")
    }

    /// Mounting a blob of `from` in `to`; the scope to push comes first, because some token servers decide by
    /// the first one.
    pub(super) fn mount(to: &Repository, from: &Repository) -> Scopes {
        let mut scopes = Scopes::push(to);
        if from != to {
            scopes.list.push(format!("repository:{from}:pull"));
        }
        scopes
    }

    /// As they are asked for.
    pub(super) fn list(&self) -> &[String] {
        &self.list
    }

    /// Listing repositories.
    pub(super) fn catalog() -> Scopes {
        Scopes { repository: None, list: vec!["registry:catalog:*".to_owned()] }
    }
}

/// What is sent as `Authorization`.
#[derive(Clone)]
pub(super) struct Pass {
    /// Marked sensitive, so that its `Debug` shows nothing.
    pub header: HeaderValue,
    until: Option<Instant>,
    serial: u64,
    /// Whether the one who holds it fetched it just now, rather than found it.
    fresh: bool,
}

/// The passes of one registry.
#[derive(Default)]
pub(super) struct Auth {
    /// What was asked for last. A std Mutex: never held across an await.
    scheme: Mutex<Option<Scheme>>,
    slots: Mutex<HashMap<Scopes, Arc<Slot>>>,
    serial: AtomicU64,
    /// Where a login is checked: the refresh token that its token server gave, if it gives any.
    refresh: Option<Mutex<Option<SecretString>>>,
}

/// One pass and its fetching.
#[derive(Default)]
struct Slot {
    /// Counts fetches, so that one who waited can tell whether another one's fetch went by meanwhile.
    fetches: AtomicU64,
    /// A tokio Mutex, held while the token is fetched: that is what makes the others wait.
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What these scopes were challenged with, where it is not what the registry asks elsewhere.
    scheme: Option<Scheme>,
    /// Scopes that the challenge named beyond those asked for.
    extra: Vec<String>,
    pass: Option<Pass>,
    failed: Option<(Error, Again)>,
}

impl Auth {
    /// For a check of a login: token servers are asked for a refresh token, too.
    pub(super) fn for_login() -> Auth {
        Auth { refresh: Some(Mutex::default()), ..Auth::default() }
    }

    /// The refresh token that came, where one was asked for.
    pub(super) fn refresh_token(&self) -> Option<SecretString> {
        self.refresh.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether anything was asked for so far.
    pub(super) fn was_asked(&self) -> bool {
        self.scheme().is_some()
    }

    /// Forgets every pass: the next request finds its credential anew. Requests under way keep theirs.
    pub(super) fn forget(&self) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn slot(&self, scopes: &Scopes) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scopes.clone()).or_default().clone()
    }

    fn scheme(&self) -> Option<Scheme> {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether user name and password themselves are what the registry asks for.
    pub(super) fn is_basic(&self) -> bool {
        self.scheme() == Some(Scheme::Basic)
    }

    /// The pass for `scopes`; `None` while nothing was asked for, and where there is nothing to show.
    pub(super) async fn pass(&self, host: &Host, scopes: &Scopes) -> Result<Option<Pass>, Failure> {
        if self.scheme().is_none() {
            return Ok(None);
        }
        let slot = self.slot(scopes);
        let before = slot.fetches.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        self.pass_of(host, scopes, &slot, &mut state, before).await
    }

    /// The pass after a 401 with `challenge`; `used` is the one that was refused. `None` if there is no
    /// point in asking again.
    pub(super) async fn challenged(
        &self,
        host: &Host,
        scopes: &Scopes,
        challenge: Challenge,
        used: Option<&Pass>,
    ) -> Result<Option<Pass>, Failure> {
        let slot = self.slot(scopes);
        let before = slot.fetches.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        let mut changed = state.scheme.as_ref() != Some(&challenge.scheme);
        for scope in challenge.scopes {
            let known: Vec<String> = scopes.list.iter().chain(&state.extra).cloned().collect();
            if !covers(&known, &scope) {
                state.extra.push(scope);
                changed = true;
            }
        }
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge.scheme.clone());
        state.scheme = Some(challenge.scheme);
        if let Some(used) = used {
            // A pass made just now for exactly this will not get better.
            if used.fresh && !changed {
                return Ok(None);
            }
            if state.pass.as_ref().is_some_and(|pass| pass.serial == used.serial) {
                state.pass = None;
            }
        }
        self.pass_of(host, scopes, &slot, &mut state, before).await
    }

    async fn pass_of(
        &self,
        host: &Host,
        scopes: &Scopes,
        slot: &Slot,
        state: &mut State,
        before: u64,
    ) -> Result<Option<Pass>, Failure> {
        let Some(scheme) = state.scheme.clone().or_else(|| self.scheme()) else { return Ok(None) };
        let now = Instant::now();
        if let Some(pass) = state.pass.as_ref().filter(|pass| pass.until.is_none_or(|until| now < until)) {
            return Ok(Some(Pass { fresh: false, ..pass.clone() }));
        }
        if let Some((error, again)) = &state.failed
            && slot.fetches.load(Ordering::Acquire) != before
        {
            return Err(Failure { error: error.clone(), code: None, again: *again, unspoken: false });
        }
        let fetched = self.fetch(host, scopes, &state.extra, &scheme).await;
        slot.fetches.fetch_add(1, Ordering::AcqRel);
        match fetched {
            Ok(pass) => {
                state.failed = None;
                state.pass.clone_from(&pass);
                Ok(pass)
            }
            Err(failure) => {
                state.pass = None;
                state.failed = Some((failure.error.clone(), failure.again));
                Err(failure)
            }
        }
    }

    async fn fetch(
        &self,
        host: &Host,
        scopes: &Scopes,
        extra: &[String],
        scheme: &Scheme,
    ) -> Result<Option<Pass>, Failure> {
        let credential = host.options.credentials.find(&host.registry, scopes.repository.as_ref()).await;
        let credential =
            credential.map_err(|reason| Error::Settings { at: host.registry.to_string(), reason })?;
        let credential = credential.map(identity_token);
        let (secret, life) = match (scheme, credential) {
            (_, Some(Credential::Bearer(token))) => (bearer(token.expose_secret()), None),
            (Scheme::Basic, Some(Credential::Basic { username, password })) => {
                (basic(&username, &password), None)
            }
            // The registry's own 401 says it best.
            (Scheme::Basic, _) => return Ok(None),
            (Scheme::Bearer { realm, service }, credential) => {
                let list: Vec<&str> = scopes.list.iter().chain(extra).map(String::as_str).collect();
                let begun = Instant::now();
                let offline = self.refresh.is_some();
                let token = token(host, realm, service.as_deref(), &list, credential, offline).await?;
                if let Some(kept) = &self.refresh {
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) = token.refresh;
                }
                let life = Duration::from_secs(token.life);
                (
                    bearer(token.secret.expose_secret()),
                    Some(begun + life.saturating_sub(MARGIN.min(life / 4))),
                )
            }
        };
        let mut header = secret.ok_or_else(|| refused(host, "the credential cannot stand in a header"))?;
        header.set_sensitive(true);
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Pass { header, until: life, serial, fresh: true }))
    }
}

/// Credential helpers give identity tokens as the password of the user `<token>`.
fn identity_token(credential: Credential) -> Credential {
    match credential {
        Credential::Basic { username, password } if username == "<token>" => {
            Credential::IdentityToken(password)
        }
        other => other,
    }
}

fn bearer(token: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("Bearer {token}")).ok()
}

fn basic(username: &str, password: &SecretString) -> Option<HeaderValue> {
    let pair = format!("{username}:{}", password.expose_secret());
    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).ok()
}

fn refused(host: &Host, reason: &str) -> Failure {
    let reason = reason.to_owned();
    let at = host.registry.to_string();
    Error::Unreachable { attempted: ATTEMPTED, at, reason, class: ErrorClass::Auth }.into()
}

struct Token {
    secret: SecretString,
    /// Seconds.
    life: u64,
    refresh: Option<SecretString>,
}

/// A token server's answer; `expires_in` is a number, but not everywhere.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

/// Asks the token server: by GET with user name and password or nothing, by POST with an identity token. `offline`
/// asks for a refresh token besides.
async fn token(
    host: &Host,
    realm: &Url,
    service: Option<&str>,
    scopes: &[&str],
    credential: Option<Credential>,
    offline: bool,
) -> Result<Token, Failure> {
    if credential.is_some() && realm.scheme() == "http" && host.base()?.scheme() == "https" {
        let name = realm.host_str().unwrap_or_default();
        return Err(refused(
            host,
            &format!("its token server {name} has no TLS; no password is sent in the clear"),
        ));
    }
    let at = host.registry.to_string();
    let (call, authorization) = match credential {
        Some(Credential::IdentityToken(refresh)) => {
            let form = refresh_form(service, scopes, &refresh);
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            let call = Call::new(ATTEMPTED, at, Method::POST, realm.clone(), Scopes::default());
            (Call { headers, body: Bytes::from(form), ..call }, None)
        }
        other => {
            let mut url = realm.clone();
            if let Some(service) = service {
                url = with_query(&url, "service", service);
            }
            for scope in scopes {
                url = with_query(&url, "scope", scope);
            }
            let authorization = match &other {
                Some(Credential::Basic { username, password }) => {
                    if offline {
                        url = with_query(&url, "offline_token", "true");
                        url = with_query(&with_query(&url, "client_id", "wharf"), "account", username);
                    }
                    basic(username, password)
                }
                _ => None,
            };
            (Call::new(ATTEMPTED, at, Method::GET, url, Scopes::default()), authorization)
        }
    };
    let authorization = authorization.map(|mut header| {
        header.set_sensitive(true);
        header
    });
    let answer = host
        .follow(&call, realm, authorization.as_ref())
        .await
        .map_err(|failure| name_server(failure, realm))?;
    let body = answer.success().await?.bytes(TOKEN_LIMIT).await?;
    let answer: TokenAnswer =
        serde_json::from_slice(&body).map_err(|_| refused(host, "the token server's answer is no token"))?;
    let usable = |token: &String| !token.is_empty();
    let secret =
        answer.token.filter(usable).or_else(|| answer.access_token.filter(usable)).map(SecretString::from);
    let secret = secret.ok_or_else(|| refused(host, "the token server's answer has no token in it"))?;
    let life = answer.expires_in.as_ref().and_then(seconds).filter(|life| *life > 0).unwrap_or(LIFE);
    let refresh = answer.refresh_token.filter(usable).map(SecretString::from);
    Ok(Token { secret, life, refresh })
}

fn seconds(value: &serde_json::Value) -> Option<u64> {
    let float = || value.as_f64().filter(|s| *s >= 0.0).map(|s| s as u64);
    value.as_u64().or_else(float).or_else(|| value.as_str()?.trim().parse().ok())
}

/// OAuth2 as the distribution's token specification has it; the scopes are one space-separated field.
fn refresh_form(service: Option<&str>, scopes: &[&str], refresh: &SecretString) -> String {
    let scope = scopes.join(" ");
    let fields = [
        ("grant_type", Some("refresh_token")),
        ("client_id", Some("wharf")),
        ("service", service),
        ("scope", Some(scope.as_str()).filter(|scope| !scope.is_empty())),
        ("refresh_token", Some(refresh.expose_secret())),
    ];
    let mut form = String::new();
    for (name, value) in fields {
        let Some(value) = value else { continue };
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        encode(value, &mut form);
    }
    form
}

/// Says which server could not be reached: it is often another one than the registry.
fn name_server(failure: Failure, realm: &Url) -> Failure {
    let error = match failure.error {
        Error::Unreachable { attempted, at, reason, class }
            if realm.host_str().is_some_and(|host| !at.starts_with(host)) =>
        {
            let reason = format!("{}: {reason}", realm.host_str().unwrap_or_default());
            Error::Unreachable { attempted, at, reason, class }
        }
        other => other,
    };
    Failure { error, ..failure }
}

//! One registry as the client knows it: where it is, its connections, its passes, what was learned of it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Proxy, StatusCode, Url, redirect};
use tokio::sync::OnceCell;

use super::auth::Auth;
use super::error::Failure;
use super::http::Call;
use super::mirror::Rest;
use super::options::{ClientOptions, RegistryOptions, TlsOptions};
use super::profile::{Profile, RateLimit};
use super::proxy::{self, Proxies};
use super::reserve::Seen;
use super::throttle::Gate;
use super::{error, header, tls};
use crate::oci::{ErrorClass, Registry};
use crate::transport::Error;

/// How long an unused connection is kept: less than most servers keep theirs.
const IDLE: Duration = Duration::from_secs(50);
/// How long a server may take to show that it speaks TLS.
const TLS_PATIENCE: Duration = Duration::from_secs(3);

// What is spoken to a registry that may be fallen back from: TLS, plain HTTP for now, plain HTTP for good.
const TLS: u8 = 0;
const TRYING: u8 = 1;
const PLAIN: u8 = 2;

/// A registry's state, shared by all who talk to it.
pub(super) struct Host {
    pub registry: Registry,
    pub options: Arc<ClientOptions>,
    pub auth: Auth,
    /// Settings that cannot work are told when the registry is used, not when the client is made.
    base: Result<Url, String>,
    /// The same in plain HTTP, where the settings allow to fall back on it.
    plain_base: Option<Url>,
    falling: AtomicU8,
    /// Whether it has ever answered.
    known: AtomicBool,
    /// The quickest answer so far, in milliseconds.
    quickest: AtomicU32,
    tls: TlsOptions,
    /// Settings that cannot work are told when they are needed, these too.
    proxies: Result<Proxies, String>,
    /// Whether a server that hung up on plain HTTP turned out to speak TLS.
    speaks_tls: OnceCell<Option<()>>,
    /// The client for `http://`, which loads no certificates, and the one for `https://`.
    clients: [OnceCell<reqwest::Client>; 2],
    /// Closed while the registry has asked to be left alone.
    pub gate: Gate,
    profile: Mutex<Profile>,
    rate_limit: Mutex<Option<Seen>>,
    /// As a mirror it is left alone for a while.
    rest: Rest,
    /// Whether somebody is finding out about self-mounts.
    pub probing: AtomicBool,
    /// Whether a blob was uploaded there.
    pub has_uploaded: AtomicBool,
    /// Whether another one was begun after that: then it is worth it to find out.
    pub has_more: AtomicBool,
}

impl Host {
    pub(super) fn new(registry: Registry, options: Arc<ClientOptions>) -> Host {
        let own = options.registries.iter().find(|own| own.registry == registry);
        let base = base_url(&registry, own);
        let tls = own.and_then(|own| own.tls.clone()).unwrap_or_default();
        let proxies = match own.and_then(|own| own.proxy.as_ref()) {
            Some(meant) => Proxies::new(meant, true),
            None => Proxies::new(&options.proxy, false),
        };
        let may_fall = tls.insecure && own.is_some_and(|own| own.url.is_none());
        let plain_base =
            base.as_ref().ok().filter(|base| may_fall && base.scheme() == "https").and_then(plain);
        Host {
            registry,
            options,
            auth: Auth::default(),
            base,
            plain_base,
            falling: AtomicU8::new(TLS),
            known: AtomicBool::new(false),
            quickest: AtomicU32::new(u32::MAX),
            tls,
            proxies,
            speaks_tls: OnceCell::new(),
            clients: [OnceCell::new(), OnceCell::new()],
            gate: Gate::default(),
            profile: Mutex::default(),
            rate_limit: Mutex::default(),
            rest: Rest::default(),
            probing: AtomicBool::new(false),
            has_uploaded: AtomicBool::new(false),
            has_more: AtomicBool::new(false),
        }
    }

    /// One that is let in with what these options say and nothing else, and asks token servers for refresh tokens.
    pub(super) fn for_login(registry: Registry, options: Arc<ClientOptions>) -> Host {
        Host { auth: Auth::for_login(), ..Host::new(registry, options) }
    }

    fn settings(&self, reason: String) -> Error {
        Error::Settings { at: self.registry.to_string(), reason }
    }

    /// `scheme://host[:port]/`.
    pub(super) fn base(&self) -> Result<&Url, Error> {
        if let Some(plain) = self.plain_base.as_ref().filter(|_| self.falling.load(SeqCst) != TLS) {
            return Ok(plain);
        }
        self.base.as_ref().map_err(|reason| self.settings(reason.clone()))
    }

    /// A URL of the registry's API: `path` is what follows `/v2/`.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        let base = self.base()?;
        base.join(&format!("/v2/{path}")).map_err(|e| self.settings(format!("{path}: {e}")))
    }

    /// A URL that was made for the registry in TLS, as it is now that plain HTTP is spoken to it.
    pub(super) fn at_home(&self, url: &Url) -> Url {
        match (&self.base, self.base()) {
            (Ok(tls), Ok(now)) if now.scheme() != tls.scheme() && header::same_origin(tls, url) => {
                plain(url).unwrap_or_else(|| url.clone())
            }
            _ => url.clone(),
        }
    }

    /// After no TLS session came about: goes on in plain HTTP, if the settings allow it.
    pub(super) fn try_plain(&self) -> bool {
        self.plain_base.is_some() && self.falling.compare_exchange(TLS, TRYING, SeqCst, SeqCst).is_ok()
    }

    /// Whether plain HTTP is what the registry speaks: remembered if so, else the next request is in TLS again.
    pub(super) fn tried_plain(&self, spoken: bool) {
        let then = if spoken { PLAIN } else { TLS };
        if self.falling.compare_exchange(TRYING, then, SeqCst, SeqCst).is_ok() && spoken {
            let registry = &self.registry;
            self.options.observer.note(&format!("{registry} does not speak TLS; plain HTTP is spoken to it"));
        }
    }

    /// Whether it has ever answered.
    pub(super) fn is_known(&self) -> bool {
        self.known.load(SeqCst)
    }

    /// Whether plain HTTP met with nothing but the end of the connection, from the first request on. OpenSSL does
    /// that to plain HTTP, and so do many servers that are just starting.
    pub(super) fn is_silent(&self, failure: &Failure) -> bool {
        let is_plain = self.base().is_ok_and(|base| base.scheme() == "http");
        let is_broken = matches!(failure.error, Error::Unreachable { class: ErrorClass::Network, .. });
        is_plain && is_broken && !failure.unspoken && !self.is_known()
    }

    /// Whether TLS is spoken on the port that plain HTTP is meant for: asked once, and nothing is sent but a
    /// request without credentials. A certificate that is not trusted is an answer, too.
    pub(super) async fn speaks_tls(&self) -> bool {
        let asked = self.speaks_tls.get_or_init(|| async {
            let mut url = self.base().ok()?.clone();
            url.port()?;
            url.set_scheme("https").ok()?;
            let request = self.client(&url).await.ok()?.head(url).send();
            match tokio::time::timeout(TLS_PATIENCE, request).await.ok()? {
                Ok(_) => Some(()),
                Err(e) => error::is_of_tls(&e).then_some(()),
            }
        });
        asked.await.is_some()
    }

    /// As a mirror it is in trouble: it is left alone for so long.
    pub(super) fn rest(&self, time: Duration) {
        self.rest.begin(time);
    }

    /// Whether it is left alone now.
    pub(super) fn rests(&self) -> bool {
        self.rest.goes_on()
    }

    /// The HTTP client for a URL; built at its first use.
    pub(super) async fn client(&self, url: &Url) -> Result<reqwest::Client, Failure> {
        let secure = url.scheme() == "https";
        let client = self.clients[usize::from(secure)].get_or_try_init(|| self.build(secure)).await;
        Ok(client.map_err(|reason| self.settings(reason))?.clone())
    }

    async fn build(&self, secure: bool) -> Result<reqwest::Client, String> {
        // A TLS proxy in front of a plain registry needs certificates, too.
        let proxies = self.proxies.clone()?;
        let any_tls = secure || proxies.need_tls();
        let config = match any_tls {
            false => tls::unused()?,
            true => {
                let options = self.tls.clone();
                // The system's certificates are files.
                let work = tokio::task::spawn_blocking(move || tls::configure(&options));
                work.await.map_err(|e| e.to_string())??
            }
        };
        let options = &self.options;
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(config)
            .redirect(redirect::Policy::none())
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(options.connect_timeout)
            .tcp_user_timeout(options.stall_timeout)
            .pool_idle_timeout(IDLE)
            .user_agent(options.user_agent.clone());
        if !proxies.is_empty() {
            builder = builder.proxy(Proxy::custom(move |url| proxies.to(url).cloned()));
        }
        // The error would name URLs.
        builder.build().map_err(|e| e.without_url().to_string())
    }

    /// The proxy on the way to a URL, as it is shown.
    pub(super) fn proxy_to(&self, url: &Url) -> Option<String> {
        self.proxies.as_ref().ok()?.to(url).map(proxy::shown)
    }

    /// A broken exchange; the proxy is named where it is what could not be reached, or would not let through.
    pub(super) fn broken(&self, call: &Call, url: &Url, error: &reqwest::Error) -> Failure {
        let failure = error::broken(call.attempted, &call.at, url.scheme() == "http", error);
        match self.proxy_to(url).filter(|_| error.is_connect()) {
            Some(proxy) => error::by_way_of(proxy, failure, error.is_dns()),
            None => failure,
        }
    }

    pub(super) fn profile(&self) -> Profile {
        self.profile.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn learn(&self, change: impl FnOnce(&mut Profile)) {
        change(&mut self.profile.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn rate_limit(&self) -> Option<RateLimit> {
        self.rate_limit_seen().map(|seen| seen.limit)
    }

    pub(super) fn rate_limit_seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.rate_limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer took so long.
    pub(super) fn answered_in(&self, time: Duration) {
        self.quickest.fetch_min(time.as_millis().try_into().unwrap_or(u32::MAX), Relaxed);
    }

    /// The time of the quickest answer so far.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        let quickest = self.quickest.load(Relaxed);
        (quickest < u32::MAX).then(|| Duration::from_millis(quickest.into()))
    }

    /// Reads what every answer may say.
    pub(super) fn observe(&self, status: StatusCode, headers: &HeaderMap) {
        self.known.store(true, SeqCst);
        self.heed(status, headers);
        if let Some(limit) = header::rate_limit(headers) {
            let mut seen = self.rate_limit_seen();
            *seen = Some(Seen::after(*seen, limit));
        }
    }
}

/// The URL in plain HTTP. A port that is written stays.
fn plain(url: &Url) -> Option<Url> {
    let mut url = url.clone();
    url.set_scheme("http").ok().map(|()| url)
}

/// Where a registry is: its `url`, else its name with the scheme that its settings or its host ask for.
fn base_url(registry: &Registry, own: Option<&RegistryOptions>) -> Result<Url, String> {
    if let Some(text) = own.and_then(|own| own.url.as_deref()) {
        let url: Url = text.parse().map_err(|e| format!("its url is none: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("its url must be http://host[:port] or https://host[:port]".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user name and password do not belong in its url".to_owned());
        }
        if !matches!(url.path(), "" | "/" | "/v2" | "/v2/") || url.query().is_some() {
            return Err(
                "its url has a path or a query; http://host[:port] or https://host[:port] is expected"
                    .to_owned(),
            );
        }
        return Ok(url);
    }
    let plain = match own.and_then(|own| own.tls.as_ref()) {
        Some(tls) => tls.plain,
        None => registry.is_loopback(),
    };
    let scheme = if plain { "http" } else { "https" };
    format!("{scheme}://{}/", registry.endpoint()).parse().map_err(|e| format!("no host to connect to: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(registry: &str, url: Option<&str>, tls: Option<TlsOptions>) -> Result<String, String> {
        let own = RegistryOptions {
            url: url.map(str::to_owned),
            tls,
            ..RegistryOptions::new(registry.parse().unwrap())
        };
        base_url(&own.registry, Some(&own)).map(String::from)
    }

    #[test]
    fn the_scheme_is_the_hosts_or_the_settings() {
        let plain = Some(TlsOptions { plain: true, ..TlsOptions::default() });
        let tls = Some(TlsOptions::default());
        for (registry, url, tls, want) in [
            ("127.0.0.1:5000", None, None, "http://127.0.0.1:5000/"),
            ("localhost", None, None, "http://localhost/"),
            ("[::1]:5000", None, None, "http://[::1]:5000/"),
            ("127.0.0.1:5000", None, tls.clone(), "https://127.0.0.1:5000/"),
            ("127.0.0.1:5000", Some("https://127.0.0.1:5000"), None, "https://127.0.0.1:5000/"),
            ("r.io", Some("http://10.0.0.1:80"), tls, "http://10.0.0.1/"),
            ("r.io", None, None, "https://r.io/"),
            ("r.io:5000", None, plain, "http://r.io:5000/"),
            ("docker.io", None, None, "https://registry-1.docker.io/"),
        ] {
            assert_eq!(base(registry, url, tls).as_deref(), Ok(want), "{registry} {url:?}");
        }
        for url in ["r.io", "ftp://r.io", "https://me:secret@r.io", "https://r.io/path", ""] {
            let reason = base("r.io", Some(url), None).unwrap_err();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}

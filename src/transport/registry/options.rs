//! What a [`Client`](super::Client) is told when it is made. It reads no environment and no files of its own
//! accord: proxies, credentials and TLS settings come in here.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::oci::{ErrorClass, Registry, Repository};

/// A client's options. `Debug` shows no secret.
#[derive(Clone)]
pub struct ClientOptions {
    /// Registries with settings of their own; every other one gets the defaults of its host.
    pub registries: Vec<RegistryOptions>,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Where user names, passwords and tokens come from.
    pub credentials: Arc<dyn Credentials>,
    /// Who is told of retries and remarks.
    pub observer: Arc<dyn Observer>,
    /// Proxies, as read from the environment.
    pub proxy: ProxySettings,
    /// Attempts for a request that can be sent again, the first included; at least 1.
    pub attempts: u32,
    /// The wait before the second attempt; every further one is about twice as long.
    pub first_wait: Duration,
    /// Pulls that are left alone of a registry's rate limit; 0 for none.
    pub rate_limit_reserve: u64,
    /// The same for registries of their own.
    pub rate_limit_reserves: HashMap<Registry, u64>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long nothing may move before a transfer counts as dropped.
    pub stall_timeout: Duration,
}

impl Default for ClientOptions {
    /// Anonymous, silent, without proxies; 5 attempts, the second after half a second; 5 s to connect, 30 s without
    /// a byte.
    fn default() -> ClientOptions {
        ClientOptions {
            registries: Vec::new(),
            user_agent: concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned(),
            credentials: Arc::new(Anonymous),
            observer: Arc::new(Silent),
            proxy: ProxySettings::default(),
            attempts: 5,
            first_wait: Duration::from_millis(500),
            rate_limit_reserve: 0,
            rate_limit_reserves: HashMap::new(),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("registries", &self.registries)
            .field("user_agent", &self.user_agent)
            .field("proxy", &self.proxy)
            .field("attempts", &self.attempts)
            .field("first_wait", &self.first_wait)
            .field("connect_timeout", &self.connect_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .finish_non_exhaustive()
    }
}

/// One registry's settings.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryOptions {
    /// Which registry.
    pub registry: Registry,
    /// `http://host[:port]` or `https://host[:port]` to connect to instead of the registry's own name.
    pub url: Option<String>,
    /// How TLS is spoken. `None`: plain HTTP to a loopback host, verified TLS to every other; a `url`'s scheme
    /// decides over both.
    pub tls: Option<TlsOptions>,
    /// Proxies on the way to it, instead of the client's; used for a loopback host, too.
    pub proxy: Option<ProxySettings>,
    /// Where its images are read first, in this order. Each has settings and credentials of its own.
    pub mirrors: Vec<RegistryPath>,
    /// Where its images are read in its stead. What is written goes to the registry itself.
    pub location: Option<RegistryPath>,
}

/// A registry, or a path of it that stands for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPath {
    /// The registry.
    pub registry: Registry,
    /// The path that everything is below.
    pub path: Option<Repository>,
}

impl RegistryPath {
    /// What a repository is called there; `None` if that would be too long for a name.
    pub(super) fn below(&self, repository: &Repository) -> Option<Repository> {
        match &self.path {
            None => Some(repository.clone()),
            Some(path) => format!("{path}/{repository}").parse().ok(),
        }
    }
}

impl RegistryOptions {
    /// The defaults for `registry`.
    pub fn new(registry: Registry) -> RegistryOptions {
        RegistryOptions { registry, url: None, tls: None, proxy: None, mirrors: Vec::new(), location: None }
    }
}

impl fmt::Debug for RegistryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may have been written with a password in it.
        let url = self.url.as_ref().map(|url| match url.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => url.clone(),
        });
        f.debug_struct("RegistryOptions")
            .field("registry", &self.registry)
            .field("url", &url)
            .field("tls", &self.tls)
            .field("proxy", &self.proxy)
            .field("mirrors", &self.mirrors)
            .field("location", &self.location)
            .finish()
    }
}

/// How TLS is spoken to a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Plain HTTP, no TLS at all.
    pub plain: bool,
    /// TLS without looking at the certificate; and where the server does not speak TLS, plain HTTP, unless a
    /// `url` asks for `https://` (skopeo's `--tls-verify=false`).
    pub insecure: bool,
    /// A PEM file of certificate authorities trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the client's certificate chain.
    pub cert_file: Option<PathBuf>,
    /// A PEM file with its key; `cert_file` if the key is in there.
    pub key_file: Option<PathBuf>,
}

/// Proxies, with the meaning of the environment variables of these names (`socks5://` and `socks5h://` as well). Those of
/// the environment are never used for loopback hosts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For `http://` URLs.
    pub http_proxy: Option<String>,
    /// For `https://` URLs.
    pub https_proxy: Option<String>,
    /// For both, where there is no other.
    pub all_proxy: Option<String>,
    /// Hosts, domains, addresses and networks that are connected to directly, comma-separated.
    pub no_proxy: Option<String>,
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proxy URLs carry passwords.
        let set = |value: &Option<String>| if value.is_some() { "set" } else { "none" };
        f.debug_struct("ProxySettings")
            .field("http_proxy", &set(&self.http_proxy))
            .field("https_proxy", &set(&self.https_proxy))
            .field("all_proxy", &set(&self.all_proxy))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

/// What a registry is shown to be let in.
#[derive(Clone)]
pub enum Credential {
    /// A user name and password (or access token in a password's place).
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// A refresh token, changed for an access token by POST.
    IdentityToken(SecretString),
    /// A registry token, sent as it is.
    Bearer(SecretString),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credential::Basic { .. } => "Credential(user name and password)",
            Credential::IdentityToken(_) => "Credential(identity token)",
            Credential::Bearer(_) => "Credential(bearer token)",
        })
    }
}

/// Where credentials come from.
pub trait Credentials: Send + Sync {
    /// The credential for a registry, and for a repository of it where they differ by path. It is asked
    /// when a registry wants one, and again when that one was refused. The error is one printable line: a secret that
    /// was asked for and cannot be had.
    fn find<'a>(
        &'a self,
        registry: &'a Registry,
        repository: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Option<Credential>, String>>;

    /// Somebody has logged in to a registry or out of it: what was remembered of it is to be found anew.
    fn forget<'a>(&'a self, registry: &'a Registry) -> BoxFuture<'a, ()> {
        let _ = registry;
        Box::pin(async {})
    }
}

/// No credentials at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

impl Credentials for Anonymous {
    fn find<'a>(
        &'a self,
        _: &'a Registry,
        _: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Option<Credential>, String>> {
        Box::pin(async { Ok(None) })
    }
}

/// A request failed and will be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryNotice {
    /// What was attempted, on what, and what came back.
    pub reason: String,
    /// Its class.
    pub class: ErrorClass,
    /// The coming attempt's number, from 2.
    pub attempt: u32,
    /// Attempts there are in all.
    pub of: u32,
    /// How long until then.
    pub delay: Duration,
}

/// Who is told what the client does on its own.
pub trait Observer: Send + Sync {
    /// Asked before each retry: whether there may be one. Where not, the failure stands.
    fn may_retry(&self) -> bool {
        true
    }

    /// A request failed and will be sent again.
    fn retry(&self, notice: &RetryNotice);

    /// Something worth a line in the log: one printable line.
    fn note(&self, text: &str) {
        let _ = text;
    }

    /// A registry said that it is too much (429) or that it cannot now (503), perhaps with how long to leave it alone.
    fn throttled(&self, registry: &Registry, retry_after: Option<Duration>) {
        let _ = (registry, retry_after);
    }

    /// Waits, at least for `delay`, before a request that was refused so is sent to the registry again.
    fn hold_off<'a>(&'a self, registry: &'a Registry, delay: Duration) -> BoxFuture<'a, ()> {
        let _ = registry;
        Box::pin(tokio::time::sleep(delay))
    }

    /// Something that the person should know now: one printable line.
    fn warn(&self, text: &str) {
        self.note(text);
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn retry(&self, _: &RetryNotice) {}
}

//! One entry of `registries:`.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::Secret;
use super::url::RegistryUrl;
use crate::job::Rate;
use crate::oci::{Registry, Repository};

/// One entry of `registries:`.
#[derive(Debug, Clone)]
pub struct RegistryEntry {
    /// How it is called on the screen and in `docker-daemon://NAME/`.
    pub name: String,
    /// What it is.
    pub kind: RegistryType,
    /// `registry`: host, or `http(s)://host`, with a path where everything is below one. `docker`: an engine's
    /// address, empty for the environment's. `local_file`, `store`: a directory, resolved against the file.
    pub url: String,
    /// User name; empty for none.
    pub username: String,
    /// Password or token, resolved when it is used.
    pub password: Option<Secret>,
    /// Shown beside the name.
    pub description: String,
    /// How TLS is spoken; `None` for the default of the host (plain on loopback, else verified).
    pub tls: Option<Tls>,
    /// Proxies, where this entry needs others than the environment's.
    pub proxy: Option<Proxy>,
    /// Registries that its images are read from first, in this order.
    pub mirrors: Vec<RegistryUrl>,
    /// Where its images are read in its stead.
    pub location: Option<RegistryUrl>,
    /// Transfers at the same time, if other than the general limit.
    pub concurrency: Option<usize>,
    /// Bytes a second from and to it, if they are limited.
    pub bandwidth: Option<Rate>,
    /// Pulls that are left alone of its rate limit, if other than the general number.
    pub rate_limit_reserve: Option<u64>,
    /// Destructive acts need the typed name.
    pub protected: bool,
    /// Nothing is ever written there.
    pub read_only: bool,
}

/// What a registry entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryType {
    /// An OCI distribution registry.
    Registry,
    /// A container engine.
    Docker,
    /// A directory of image files.
    LocalFile,
    /// A local image store.
    Store,
}

/// How TLS is spoken to a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// `plain`: HTTP, no TLS at all.
    pub plain: bool,
    /// `insecure`: TLS without looking at the certificate.
    pub insecure: bool,
    /// A PEM file of further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the client's certificate.
    pub cert_file: Option<PathBuf>,
    /// A PEM file with its key.
    pub key_file: Option<PathBuf>,
}

/// Proxies on the way to a registry. Their URLs may hold a password, so they are secrets.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// For plain HTTP.
    pub http_proxy: Option<SecretString>,
    /// For HTTPS.
    pub https_proxy: Option<SecretString>,
    /// Hosts that are spoken to directly, comma-separated.
    pub no_proxy: String,
}

/// Symbols of the terminal UI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symbols {
    /// Boxes, arrows and marks.
    #[default]
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

/// How the terminal UI tells that its jobs are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notify {
    /// The terminal's bell.
    #[default]
    Bell,
    /// A desktop notification of the terminal's (OSC 9).
    Osc9,
    /// Both.
    Both,
    /// Not at all.
    Off,
}

impl Notify {
    /// The values as the file has them.
    pub const NAMES: [(&'static str, Notify); 4] =
        [("bell", Notify::Bell), ("osc9", Notify::Osc9), ("both", Notify::Both), ("off", Notify::Off)];

    /// The value as the file has it.
    pub fn as_str(self) -> &'static str {
        Notify::NAMES.iter().find(|(_, notify)| *notify == self).map_or("", |(name, _)| name)
    }
}

/// A language of the terminal UI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文, simplified Chinese.
    Chinese,
}

impl Language {
    /// The languages as the file has them.
    pub const NAMES: [(&'static str, Language); 2] =
        [("en", Language::English), ("zh-CN", Language::Chinese)];

    /// The language as the file has it.
    pub fn as_str(self) -> &'static str {
        Language::NAMES.iter().find(|(_, language)| *language == self).map_or("", |(name, _)| name)
    }

    /// The language of a POSIX locale, as `LANG` has it: `zh_CN.UTF-8` is Chinese, what is not known English.
    pub fn of_locale(locale: &str) -> Language {
        match locale.split(['_', '-', '.', '@']).next() {
            Some("zh") => Language::Chinese,
            _ => Language::English,
        }
    }
}

impl RegistryEntry {
    /// An entry with nothing but these.
    pub fn plain(name: &str, kind: RegistryType, url: &str, description: &str) -> RegistryEntry {
        RegistryEntry {
            name: name.to_owned(),
            kind,
            url: url.to_owned(),
            username: String::new(),
            password: None,
            description: description.to_owned(),
            tls: None,
            proxy: None,
            concurrency: None,
            bandwidth: None,
            mirrors: Vec::new(),
            location: None,
            rate_limit_reserve: None,
            protected: false,
            read_only: false,
        }
    }

    /// The registry, if it is one. A host with neither a dot nor a port gets its port: no reference could begin with it
    /// otherwise.
    pub fn registry(&self) -> Option<Registry> {
        let registry = self.parsed()?.registry;
        if registry.can_be_written() {
            return Some(registry);
        }
        let plain = self.effective_tls().is_some_and(|tls| tls.plain);
        format!("{registry}:{}", if plain { 80 } else { 443 }).parse().ok()
    }

    /// The path that everything of this entry is below, if its url has one.
    pub fn prefix(&self) -> Option<Repository> {
        self.parsed()?.prefix
    }

    /// How TLS is spoken: the entry's `tls`, else what the url's scheme says, else `None` for the host's default.
    pub fn effective_tls(&self) -> Option<Tls> {
        match (&self.tls, self.parsed().and_then(|url| url.plain)) {
            (Some(tls), _) => Some(tls.clone()),
            (None, Some(plain)) => Some(Tls { plain, ..Tls::default() }),
            (None, None) => None,
        }
    }

    /// Whether its url says `https://`.
    pub fn wants_tls(&self) -> bool {
        self.parsed().is_some_and(|url| url.plain == Some(false))
    }

    /// The directory, if it is one.
    pub fn directory(&self) -> Option<&Path> {
        let is_directory = matches!(self.kind, RegistryType::LocalFile | RegistryType::Store);
        (is_directory && !self.url.is_empty()).then(|| Path::new(&self.url))
    }

    fn parsed(&self) -> Option<RegistryUrl> {
        match self.kind {
            RegistryType::Registry => self.url.parse().ok(),
            _ => None,
        }
    }
}

impl RegistryType {
    /// The types as the file has them.
    pub const NAMES: [(&'static str, RegistryType); 4] = [
        ("registry", RegistryType::Registry),
        ("docker", RegistryType::Docker),
        ("local_file", RegistryType::LocalFile),
        ("store", RegistryType::Store),
    ];

    /// The type as the file has it.
    pub fn as_str(self) -> &'static str {
        RegistryType::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

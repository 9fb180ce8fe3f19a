//! One entry of `registries:`.

use std::path::PathBuf;

/// One entry of `registries:`.
#[derive(Debug, Clone)]
pub struct RegistryEntry {
    /// How it is called on the screen and in `docker-daemon://NAME/`.
    pub name: String,
    /// What it is.
    pub kind: RegistryType,
    /// `registry`: host, or `http(s)://host`. `docker`: an engine's address. `local_file`, `store`: a directory.
    pub url: String,
    /// User name; empty for none.
    pub username: String,
    /// Password or token, resolved when it is used.
    pub password: Option<Secret>,
    /// Shown beside the name.
    pub description: String,
    /// How TLS is spoken; `None` for the default of the host (plain on loopback, else verified).
    pub tls: Option<Tls>,
    /// Transfers at the same time, if other than the general limit.
    pub concurrency: Option<usize>,
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

/// Symbols of the terminal UI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symbols {
    /// Boxes, arrows and marks.
    #[default]
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

/// A secret that is never shown: its `Debug` says nothing.
#[derive(Clone)]
pub enum Secret {
    /// Written in the file itself.
    Literal(secrecy::SecretString),
    /// `${NAME}`: an environment variable.
    Environment(String),
    /// `file:PATH`: the file's first line.
    File(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Secret::Literal(_) => "Secret(literal)",
            Secret::Environment(_) => "Secret(environment)",
            Secret::File(_) => "Secret(file)",
        })
    }
}

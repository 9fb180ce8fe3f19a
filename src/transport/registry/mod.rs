//! Registries: a client of the OCI distribution API, on reqwest. One file a noun.
//!
//! - `client`: [`Client`] and [`RepositoryClient`], which is a `Source` and a `Destination`
//! - `options`, `profile`: what it is told, and what it learns
//! - `host`: one registry's connections and state; `tls`, `proxy`: how it is reached
//! - `http`: a request and its answer, redirects, retries (`retry`); `stream`: bodies that may not stand still
//! - `throttle`: a registry that says it is too much
//! - `auth`: passes, single-flight; `challenge`: what a registry asks for; `scope`: what a token lacks
//! - `login`: a user name and a password, checked before they are kept
//! - `mirror`: a registry that is read by way of others
//! - `manifest`, `blob`, `begin` and `upload` (with `chunk`), `tag`, `referrers`, `search`: the API's nouns
//! - `header`, `error`: reading what comes back
//!
//! A request that can be sent again is retried here; a streamed body cannot, so a blob that breaks off in the
//! middle is an error that says whether trying again makes sense, and the engine opens the source anew.

mod auth;
mod begin;
mod blob;
mod challenge;
mod chunk;
mod client;
mod error;
mod exchange;
mod foreign;
mod header;
mod host;
mod http;
mod login;
mod manifest;
mod mirror;
mod options;
mod ping;
mod profile;
mod proxy;
mod referrers;
mod reserve;
mod retry;
mod scope;
mod search;
mod stream;
mod tag;
#[cfg(test)]
mod tests;
mod throttle;
pub(super) mod tls;
mod upload;

pub use begin::NO_LOCATION;
pub use client::{Client, RepositoryClient};
pub use login::CheckedLogin;
pub use manifest::NO_DELETION;
pub use mirror::MirroredRepository;
pub use options::{
    Anonymous, ClientOptions, Credential, Credentials, Observer, ProxySettings, RegistryOptions,
    RegistryPath, RetryNotice, Silent, TlsOptions,
};
pub use ping::{Asks, Ping};
pub use profile::{Profile, RateLimit, Rung};
pub use search::Found;

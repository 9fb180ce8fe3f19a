//! Asking a registry for nothing but itself: `GET /v2/`, what it wants to be shown, and whether that was enough.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};

use super::auth::Scopes;
use super::challenge::{self, Scheme};
use super::client::Client;
use super::http::Call;
use crate::oci::{ErrorClass, Registry};
use crate::transport::{Error, Result};

const ATTEMPTED: &str = "ping";

/// What a registry said of itself.
#[derive(Debug, Clone)]
pub struct Ping {
    /// The URL that was asked, with the scheme that is spoken.
    pub url: String,
    /// One answer's time over a connection that stands.
    pub latency: Duration,
    /// What it wants to be shown.
    pub asks: Asks,
    /// Whether there is a credential for it.
    pub has_credential: bool,
    /// Why it lets nobody in with what there is to show; `None` where it does.
    pub refused: Option<Error>,
}

/// What a registry wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// Nothing.
    Nothing,
    /// User name and password.
    Basic,
    /// A token of this host.
    Bearer(String),
    /// Something that wharf does not know.
    Unknown,
}

impl Client {
    /// Pings a registry, with the credential that there is for it and without. A registry that cannot be reached is an
    /// error; one that lets nobody in is an answer.
    pub async fn ping(&self, registry: &Registry) -> Result<Ping> {
        let host = self.host(registry);
        let call = || -> Result<Call> {
            let at = registry.to_string();
            Ok(Call::new(ATTEMPTED, at, Method::GET, host.url("")?, Scopes::default()).attempts(1))
        };
        let refused = match host.call(&call()?).await {
            Ok(answer) => {
                answer.drain().await;
                None
            }
            Err(failure) if failure.error.class() == ErrorClass::Auth => Some(failure.error),
            Err(failure) => return Err(failure.error),
        };
        // Once more without anything to show, for the challenge; by now it is known what is spoken.
        let call = call()?;
        let began = Instant::now();
        let answer = host.follow(&call, host.base()?, None).await?;
        let latency = began.elapsed();
        host.observe(answer.status(), answer.headers());
        let asks = match (answer.status(), challenge::read(answer.headers(), answer.url())) {
            (StatusCode::UNAUTHORIZED, Some(challenge)) => match challenge.scheme {
                Scheme::Basic => Asks::Basic,
                Scheme::Bearer { realm, .. } => Asks::Bearer(realm.host_str().unwrap_or_default().to_owned()),
            },
            (StatusCode::UNAUTHORIZED, None) => Asks::Unknown,
            _ => Asks::Nothing,
        };
        answer.drain().await;
        let found = host.options.credentials.find(registry, None).await;
        let has_credential = matches!(found, Ok(Some(_)));
        Ok(Ping { url: call.url.to_string(), latency, asks, has_credential, refused })
    }
}

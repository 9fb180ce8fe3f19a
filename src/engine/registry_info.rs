//! What is known of a registry: what it says when it is asked, and what was learned by using it.

use jiff::Timestamp;
use serde::Serialize;

use super::{Inner, Result};
use crate::job::Failure;
use crate::oci::Registry;
use crate::transport::registry::{Asks, Profile, RateLimit};

/// A registry as wharf knows it.
#[derive(Debug, Clone, Serialize)]
pub struct RegistryInfo {
    /// Which one.
    pub registry: String,
    /// The URL that was asked, with the scheme that is spoken.
    pub url: String,
    /// One answer's time in milliseconds.
    pub latency: u64,
    /// What it wants to be shown: `nothing`, `basic`, `bearer`, `unknown`.
    pub asks: &'static str,
    /// Whose tokens it takes.
    pub realm: Option<String>,
    /// Whether there is a credential for it.
    pub has_credential: bool,
    /// Why it lets nobody in with what there is to show.
    pub refused: Option<Failure>,
    /// What was learned of it.
    pub learned: Profile,
    /// Since when uploads take another way than the usual one.
    pub upload_since: Option<Timestamp>,
    /// What it last said of its rate limit.
    pub rate_limit: Option<RateLimit>,
    /// When it said so.
    pub rate_limit_at: Option<Timestamp>,
}

impl Inner {
    pub(super) async fn describe_registry(&self, registry: &Registry) -> Result<RegistryInfo> {
        self.learn_profile(registry).await;
        let ping = self.client.ping(registry).await?;
        let known = self.known_of(registry);
        let (asks, realm) = match ping.asks {
            Asks::Nothing => ("nothing", None),
            Asks::Basic => ("basic", None),
            Asks::Bearer(realm) => ("bearer", Some(realm)),
            Asks::Unknown => ("unknown", None),
        };
        let now = self.client.rate_limit(registry).map(|limit| (limit, Timestamp::now()));
        let (rate_limit, rate_limit_at) = now.or(known.rate_limit).unzip();
        Ok(RegistryInfo {
            registry: registry.to_string(),
            url: ping.url,
            latency: ping.latency.as_millis().try_into().unwrap_or(u64::MAX),
            asks,
            realm,
            has_credential: ping.has_credential,
            refused: ping.refused.map(|error| super::Error::from(error).failure()),
            learned: self.client.profile(registry),
            upload_since: known.upload_since,
            rate_limit,
            rate_limit_at,
        })
    }
}

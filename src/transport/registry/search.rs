//! Searching a registry by words: `GET /v1/search`, as `docker search` does. Docker Hub has it at index.docker.io, some
//! other registries (Nexus, Artifactory, Quay) at their own host; most have none.

use reqwest::{Method, Url};

use super::auth::Scopes;
use super::client::Client;
use super::host::Host;
use super::http::{Call, Whole};
use crate::oci::{Registry, Repository};
use crate::transport::{Error, Result};

/// Bytes of an answer at most: a hundred results take some twenty kilobytes.
const ANSWER_LIMIT: usize = 1 << 20;
/// Results that one answer has at most.
const MOST: usize = 100;
/// Where Docker Hub's is.
const HUB: &str = "https://index.docker.io/v1/search";

/// A repository that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name at the registry.
    pub repository: Repository,
    /// What its owner says of it. Not made safe to show.
    pub description: String,
    /// How many people starred it.
    pub stars: Option<u64>,
    /// Whether the registry itself vouches for it.
    pub official: bool,
}

impl Client {
    /// Repositories that a registry's own search finds for some words, its best first, at most `limit` (and at most 100).
    /// A registry without a search is `Unsupported`.
    pub async fn search(&self, registry: &Registry, words: &str, limit: usize) -> Result<Vec<Found>> {
        let host = self.host(registry);
        let at = registry.to_string();
        let mut url = search_url(&host)?;
        let number = limit.clamp(1, MOST);
        url.query_pairs_mut().append_pair("q", words).append_pair("n", &number.to_string());
        let absent =
            || Error::Unsupported { at: at.clone(), reason: "the registry has no search".to_owned() };
        let call = Call::new("search", at.clone(), Method::GET, url, Scopes::default());
        let Whole { bytes, .. } = match host.read(&call, ANSWER_LIMIT).await {
            Err(failure) if matches!(failure.status(), Some(400 | 404 | 405 | 410 | 501)) => {
                return Err(absent());
            }
            other => other?,
        };
        // A registry without one may answer 200 with a page of its own.
        let answer: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| absent())?;
        let results = answer.get("results").and_then(serde_json::Value::as_array).ok_or_else(absent)?;
        Ok(results.iter().filter_map(|result| found(registry, result)).take(number).collect())
    }
}

/// Where a registry's search is.
fn search_url(host: &Host) -> Result<Url> {
    let base = host.base()?;
    let hub = host.registry.is_docker_hub() && base.host_str() == Some(host.registry.endpoint());
    let wrong =
        |e| Error::Settings { at: host.registry.to_string(), reason: format!("no URL to search: {e}") };
    match hub {
        true => HUB.parse().map_err(wrong),
        false => base.join("/v1/search").map_err(wrong),
    }
}

/// One result; names that no reference can have are left out.
fn found(registry: &Registry, result: &serde_json::Value) -> Option<Found> {
    let name = result.get("name")?.as_str()?;
    let whole = match registry.is_docker_hub() && !name.contains('/') {
        true => format!("library/{name}"),
        false => name.to_owned(),
    };
    Some(Found {
        repository: whole.parse().ok()?,
        description: result.get("description").and_then(|d| d.as_str()).unwrap_or_default().to_owned(),
        stars: result.get("star_count").and_then(serde_json::Value::as_u64),
        official: result.get("is_official").and_then(serde_json::Value::as_bool).unwrap_or(false),
    })
}

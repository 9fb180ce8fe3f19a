//! Finding repositories by words: where a registry lists its repositories in the list, else by its own search.

use std::sync::Arc;

use futures_util::TryStreamExt;
use serde::Serialize;

use super::{Error, Inner, Place, Result};
use crate::oci::{Reference, Registry, Repository};
use crate::transport::{self, registry::Found};

/// A repository that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundRepository {
    /// Its name as it stands in a reference: `docker.io/library/nginx`, `store:o/r`.
    pub name: String,
    /// What its owner says of it; not made safe to show.
    pub description: String,
    /// How many people starred it, where the registry counts that.
    pub stars: Option<u64>,
    /// Whether the registry itself vouches for it.
    pub official: bool,
}

impl Inner {
    /// Repositories whose names hold all the words (or that the registry's own search finds), at most `limit`.
    pub(super) async fn search(
        self: &Arc<Inner>,
        place: &Place,
        words: &str,
        limit: usize,
    ) -> Result<Vec<FoundRepository>> {
        let Place::Registry(registry) = place else { return self.search_list(place, words, limit).await };
        if registry.is_docker_hub() {
            return self.search_words(registry, words, limit).await;
        }
        let unlisted = match self.search_list(place, words, limit).await {
            Err(Error::Transport(error @ transport::Error::Unsupported { .. })) => error,
            other => return other,
        };
        match self.search_words(registry, words, limit).await {
            Err(Error::Transport(transport::Error::Unsupported { .. })) => {
                let reason = match unlisted {
                    transport::Error::Unsupported { reason, .. } => format!("{reason}; and it has no search"),
                    other => other.to_string(),
                };
                Err(transport::Error::Unsupported { at: registry.to_string(), reason }.into())
            }
            other => other,
        }
    }

    /// Filters the list of all repositories, as far as it takes.
    async fn search_list(
        self: &Arc<Inner>,
        place: &Place,
        words: &str,
        limit: usize,
    ) -> Result<Vec<FoundRepository>> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let mut pages = self.list_repositories(place);
        let mut found = Vec::new();
        while let Some(page) = pages.try_next().await? {
            let hits = page.into_iter().filter(|name| words.iter().all(|word| name.contains(word.as_str())));
            found.extend(hits.take(limit - found.len()).map(|name| FoundRepository {
                name: match place {
                    Place::Registry(registry) => format!("{registry}/{name}"),
                    Place::Store => format!("store:{name}"),
                    Place::Engine(host) => super::daemon::place(host.as_deref()) + &name,
                    Place::Directory(_) | Place::Archive(_) | Place::Layout(_) => name,
                },
                description: String::new(),
                stars: None,
                official: false,
            }));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    async fn search_words(
        &self,
        registry: &Registry,
        words: &str,
        limit: usize,
    ) -> Result<Vec<FoundRepository>> {
        let name = |repository: Repository| {
            Reference { registry: registry.clone(), repository, tag: None, digest: None }.to_string()
        };
        let one = |found: Found| FoundRepository {
            name: name(found.repository),
            description: found.description,
            stars: found.stars,
            official: found.official,
        };
        Ok(self.client.search(registry, words, limit).await?.into_iter().map(one).collect())
    }
}

//! Lists that come in pages: a repository's tags, a registry's repositories.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{Method, Url};

use super::auth::Scopes;
use super::error::Failure;
use super::header;
use super::host::Host;
use super::http::{Call, Whole};
use crate::oci::{Repository, Tag};
use crate::transport::{Error, Result};

/// Entries asked for a page: as many as registries grant.
const PAGE: usize = 1000;
/// Pages of one list at most.
const PAGES: usize = 100_000;
/// Bytes of one page: some registries ignore the page size and send everything.
const PAGE_LIMIT: usize = 64 << 20;

/// A page, and the next one's URL.
struct Page {
    entries: Vec<String>,
    next: Option<Url>,
}

/// The tags of a repository, page by page, in the registry's order.
pub(super) fn tags(host: Arc<Host>, repository: Repository) -> BoxStream<'static, Result<Vec<String>>> {
    let place = format!("{}/{repository}", host.registry);
    let path = format!("{repository}/tags/list?n={PAGE}");
    let call =
        host.url(&path).map(|url| Call::new("list tags", place, Method::GET, url, Scopes::pull(&repository)));
    pages(call, move |call| {
        let host = host.clone();
        Box::pin(async move { Ok(page::<Tag>(&host, &call, "tags").await?) })
    })
}

/// The repositories of a registry, page by page.
pub(super) fn repositories(host: Arc<Host>) -> BoxStream<'static, Result<Vec<String>>> {
    let place = host.registry.to_string();
    let url = host.url(&format!("_catalog?n={PAGE}"));
    let call = url.map(|url| Call::new("list repositories", place, Method::GET, url, Scopes::catalog()));
    pages(call, move |call| {
        let host = host.clone();
        Box::pin(async move {
            match page::<Repository>(&host, &call, "repositories").await {
                Ok(page) => {
                    host.learn(|profile| profile.catalog = Some(true));
                    Ok(page)
                }
                Err(failure) => Err(no_catalog(&host, call, failure)),
            }
        })
    })
}

/// A registry that has no catalog, or shows it to nobody, says so in many ways. A wrong password is not
/// among them.
fn no_catalog(host: &Host, call: Call, failure: Failure) -> Error {
    let (Some(status), true) = (failure.status(), is_of(&failure.error, call.attempted)) else {
        return failure.into();
    };
    let absent = matches!(status, 404 | 405 | 501);
    if !absent && (!matches!(status, 401 | 403) || host.auth.is_basic()) {
        return failure.into();
    }
    if absent {
        host.learn(|profile| profile.catalog = Some(false));
    }
    let said = match &failure.error {
        Error::Answered { answer, .. } => answer.as_str(),
        _ => "",
    };
    Error::Unsupported {
        at: call.at,
        reason: format!("the registry does not list its repositories ({status} {said}); name a repository"),
    }
}

/// Whether the error is the request's own, not one of logging in.
fn is_of(error: &Error, attempted: &str) -> bool {
    matches!(error, Error::Answered { attempted: own, .. } if *own == attempted)
}

type PageFuture = futures_util::future::BoxFuture<'static, Result<Page>>;

/// Follows pages until there is no next one. A link that leads back is an error, not a circle.
fn pages(
    first: Result<Call>,
    fetch: impl Fn(Call) -> PageFuture + Send + Sync + 'static,
) -> BoxStream<'static, Result<Vec<String>>> {
    let first = match first {
        Ok(call) => call,
        Err(error) => return stream::iter([Err(error)]).boxed(),
    };
    let state = (Some(first), HashSet::new(), fetch);
    stream::unfold(state, |(call, mut seen, fetch)| async move {
        let call = call?;
        if !seen.insert(call.url.clone()) || seen.len() > PAGES {
            let reason = "its list of pages does not end".to_owned();
            return Some((Err(Error::Unsupported { at: call.at, reason }), (None, seen, fetch)));
        }
        match fetch(call.clone()).await {
            Ok(page) => {
                let next = page.next.map(|url| Call { url, ..call });
                Some((Ok(page.entries), (next, seen, fetch)))
            }
            Err(error) => Some((Err(error), (None, seen, fetch))),
        }
    })
    .boxed()
}

/// One page. Nulls, and names that no reference can have, are left out.
async fn page<T: FromStr>(host: &Host, call: &Call, key: &str) -> Result<Page, Failure> {
    let Whole { url, headers, bytes } = host.read(call, PAGE_LIMIT).await?;
    let next = header::next_link(&headers).and_then(|link| header::join(&url, &link));
    let list: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| Error::Content {
        attempted: call.attempted,
        at: call.at.clone(),
        expected: format!("JSON with {key}"),
        found: "something else".to_owned(),
    })?;
    let entries = list.get(key).and_then(serde_json::Value::as_array).into_iter().flatten();
    let entries = entries.filter_map(serde_json::Value::as_str).filter(|name| T::from_str(name).is_ok());
    Ok(Page { entries: entries.map(str::to_owned).collect(), next })
}

//! Lists by pages: the catalog and a repository's tags.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::call::{Call, response};
use super::refusal::{Answer, Code, Refusal};
use crate::oci::Repository;

const JSON: &str = "application/json";

/// `GET /v2/`
pub(super) fn base() -> Response {
    response(StatusCode::OK, &[(header::CONTENT_TYPE, JSON)], Body::from("{}"))
}

/// `GET /v2/_catalog`
pub(super) async fn catalog(call: &Call) -> Answer {
    let all = call.store().repositories().await.map_err(|e| Refusal::of(&e, Code::NameUnknown))?;
    let (page, link) = page(call, all.iter().map(Repository::as_str), "/v2/_catalog")?;
    Ok(listed(&json!({"repositories": page}), link))
}

/// `GET /v2/NAME/tags/list`
pub(super) async fn tags(call: &Call, name: &Repository) -> Answer {
    let all = call.store().tags(name).await.map_err(|e| Refusal::of(&e, Code::NameUnknown))?;
    let (page, link) = page(call, all.iter().map(|tag| tag.as_str()), &format!("/v2/{name}/tags/list"))?;
    Ok(listed(&json!({"name": name, "tags": page}), link))
}

/// The page that `n` and `last` ask for, and the link to the next one. Without `n` it is everything.
fn page<'a>(
    call: &Call,
    all: impl Iterator<Item = &'a str>,
    path: &str,
) -> Result<(Vec<&'a str>, Option<String>), Refusal> {
    let invalid = |_| Refusal::new(Code::PaginationInvalid, "n is the number of results to list");
    let count = call.query.get("n").map(|n| n.parse::<usize>()).transpose().map_err(invalid)?;
    let last = call.query.get("last").unwrap_or_default();
    // `last` need not be there any more: what follows it is what sorts behind it.
    let mut rest = all.filter(|name| last.is_empty() || *name > last);
    let page: Vec<&str> = rest.by_ref().take(count.unwrap_or(usize::MAX)).collect();
    let more = rest.next().is_some();
    let link = match (page.last(), count) {
        (Some(last), Some(count)) if more => Some(format!("<{path}?last={last}&n={count}>; rel=\"next\"")),
        _ => None,
    };
    Ok((page, link))
}

fn listed(list: &serde_json::Value, link: Option<String>) -> Response {
    let mut headers = vec![(header::CONTENT_TYPE, JSON)];
    headers.extend(link.as_deref().map(|link| (header::LINK, link)));
    response(StatusCode::OK, &headers, Body::from(list.to_string()))
}

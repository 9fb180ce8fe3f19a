//! One request, taken apart, and the small things that every endpoint does with it.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::json;

use super::refusal::{Code, Refusal};
use super::route::Query;
use super::{ServeOptions, Shared};
use crate::oci::{Digest, Repository};
use crate::transport::local::{Store, StoreRepository};

/// `Docker-Content-Digest`
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A request without its body, which only some endpoints take.
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) query: Query,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, request: Request) -> (Call, BodyDataStream) {
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query());
        let call = Call { shared, method: parts.method, uri: parts.uri, headers: parts.headers, query };
        (call, body.into_data_stream())
    }

    pub(super) fn store(&self) -> &Store {
        &self.shared.store
    }

    pub(super) fn options(&self) -> &ServeOptions {
        &self.shared.options
    }

    pub(super) fn repository(&self, name: &Repository) -> StoreRepository {
        self.store().repository(name)
    }

    /// A header's text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's announced length in bytes.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH)?.parse().ok()
    }

    /// Whether the client has this entity already (`If-None-Match`).
    pub(super) fn has(&self, etag: &str) -> bool {
        let known = self.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
        let mut tags = known.flat_map(|list| list.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    }
}

/// A repository's name from a path.
pub(super) fn repository(text: &str) -> Result<Repository, Refusal> {
    let invalid = |e: crate::oci::ReferenceError| {
        Refusal::new(Code::NameInvalid, e.reason())
            .with_detail(json!({"name": crate::oci::printable(text, 300)}))
    };
    Repository::from_str(text).map_err(invalid)
}

/// A digest from a path or a query.
pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    let invalid = |e: crate::oci::DigestError| {
        Refusal::new(Code::DigestInvalid, e.to_string())
            .with_detail(json!({"digest": crate::oci::printable(text, 200)}))
    };
    Digest::from_str(text).map_err(invalid)
}

/// A response with headers; one whose value cannot be written is left out.
pub(super) fn response(status: StatusCode, headers: &[(HeaderName, &str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A digest as an entity tag: content that never changes.
pub(super) fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

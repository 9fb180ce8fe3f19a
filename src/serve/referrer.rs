//! The referrers API: an index of the manifests that name another one as their subject.

use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use serde_json::json;

use super::call::{Call, response};
use super::refusal::{Answer, Code, Refusal};
use crate::oci::{Digest, Repository, media_type};

/// Bytes of one page's descriptors. Clients read no index of more than 4 MiB.
const PAGE: usize = 3 << 20;

/// `GET /v2/NAME/referrers/DIGEST`. What has no referrers, or is not there at all, has an empty list.
pub(super) async fn list(call: &Call, name: &Repository, subject: &Digest) -> Answer {
    let artifact_type = call.query.get("artifactType").filter(|t| !t.is_empty());
    let found = call.repository(name).referrers(subject, artifact_type).await;
    let found = found.map_err(|e| Refusal::of(&e, Code::NameUnknown))?;
    let last = call.query.get("last").unwrap_or_default();
    let (mut page, mut size, mut link) = (Vec::new(), 0, None);
    let mut before: Option<&Digest> = None;
    for descriptor in found.iter().filter(|d| d.digest.as_str() > last) {
        let value = descriptor.to_json();
        size += value.to_string().len();
        if let Some(before) = before.filter(|_| size > PAGE) {
            let filter = artifact_type.map(|t| format!("&artifactType={}", escaped(t))).unwrap_or_default();
            link = Some(format!("</v2/{name}/referrers/{subject}?last={before}{filter}>; rel=\"next\""));
            break;
        }
        page.push(value);
        before = Some(&descriptor.digest);
    }
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": page});
    let mut headers = vec![(header::CONTENT_TYPE, media_type::OCI_INDEX)];
    if artifact_type.is_some() {
        headers.push((HeaderName::from_static("oci-filters-applied"), "artifactType"));
    }
    headers.extend(link.as_deref().map(|link| (header::LINK, link)));
    Ok(response(StatusCode::OK, &headers, Body::from(index.to_string())))
}

/// A text for a query in a header: everything but plain characters percent-encoded.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

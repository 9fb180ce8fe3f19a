//! Manifests: pulled, pushed, deleted, with their bytes and media types kept.

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderName, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::call::{self, CONTENT_DIGEST, Call, etag, response};
use super::refusal::{Answer, Code, Refusal};
use crate::oci::{Descriptor, RawManifest, Repository, TagOrDigest, media_type, printable};
use crate::transport::{Destination, Error, Source};

/// The largest manifest that is taken, in bytes (distribution specification, "Pushing Manifests").
const LIMIT: usize = 4 << 20;

/// A reference from a path. A digest that is none is told apart from a tag that is none: the latter cannot be
/// there.
fn reference(text: &str, otherwise: Code) -> Result<TagOrDigest, Refusal> {
    if text.contains(':') {
        return call::digest(text).map(TagOrDigest::Digest);
    }
    let invalid = |e: crate::oci::ReferenceError| {
        Refusal::new(otherwise, e.reason()).with_detail(json!({"tag": printable(text, 200)}))
    };
    text.parse().map(TagOrDigest::Tag).map_err(invalid)
}

fn unknown(name: &Repository, at: &TagOrDigest) -> Refusal {
    Refusal::new(Code::ManifestUnknown, format!("{name} has no manifest {at}"))
}

/// `HEAD` and `GET /v2/NAME/manifests/REFERENCE`
pub(super) async fn get(call: &Call, name: &Repository, text: &str) -> Answer {
    let at = reference(text, Code::ManifestUnknown)?;
    let repository = call.repository(name);
    let failed = |e: Error| match e.is_not_found() {
        true => unknown(name, &at),
        // The server's own bytes are damaged: nothing the client sent is invalid.
        false if matches!(e, Error::Content { .. }) => {
            tracing::error!(error = %e, "a manifest is damaged");
            Refusal::new(Code::Unknown, "the manifest is damaged in the registry's storage")
        }
        false => Refusal::of(&e, Code::ManifestUnknown),
    };
    if call.method == Method::HEAD {
        let found = repository.head_manifest(&at).await.map_err(failed)?;
        return Ok(pulled(call, &found.ok_or_else(|| unknown(name, &at))?, None));
    }
    let manifest = repository.manifest(&at).await.map_err(failed)?;
    Ok(pulled(call, &manifest.descriptor(), Some(manifest.bytes)))
}

fn pulled(call: &Call, found: &Descriptor, bytes: Option<Bytes>) -> axum::response::Response {
    let tag = etag(&found.digest);
    let size = found.size.to_string();
    let same = [(CONTENT_DIGEST, found.digest.as_str()), (header::ETAG, tag.as_str())];
    if call.has(&tag) {
        return response(StatusCode::NOT_MODIFIED, &same, Body::empty());
    }
    let body = bytes.map_or_else(Body::empty, Body::from);
    let mut response = response(StatusCode::OK, &same, body);
    for (name, value) in [(header::CONTENT_TYPE, &found.media_type), (header::CONTENT_LENGTH, &size)] {
        response.headers_mut().extend(value.parse().ok().map(|value| (name, value)));
    }
    response
}

/// `PUT /v2/NAME/manifests/REFERENCE`
pub(super) async fn put(call: &Call, body: &mut BodyDataStream, name: &Repository, text: &str) -> Answer {
    let at = reference(text, Code::ManifestInvalid)?;
    let bytes = read(call, body).await?;
    let content_type = media_type::essence(call.header(header::CONTENT_TYPE).unwrap_or_default());
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|e| Refusal::new(Code::ManifestInvalid, format!("the manifest is not JSON: {e}")))?;
    check_type(&value, &content_type)?;
    let manifest = RawManifest::new(bytes, &content_type);
    let put = call.repository(name).put_manifest(&manifest, &at).await;
    let digest = put.map_err(|e| {
        let refusal = Refusal::of(&e, Code::ManifestBlobUnknown);
        match &e {
            Error::NotFound { what, .. } => {
                refusal.with_detail(json!({"missing": what.split(", ").collect::<Vec<_>>()}))
            }
            _ => refusal,
        }
    })?;
    let location = format!("/v2/{name}/manifests/{digest}");
    let subject = value.get("subject").and_then(|s| s.get("digest")).and_then(Value::as_str);
    let mut headers = vec![(header::LOCATION, location.as_str()), (CONTENT_DIGEST, digest.as_str())];
    headers.extend(subject.map(|subject| (HeaderName::from_static("oci-subject"), subject)));
    Ok(response(StatusCode::CREATED, &headers, Body::empty()))
}

async fn read(call: &Call, body: &mut BodyDataStream) -> Result<Bytes, Refusal> {
    let too_large = || {
        Refusal::new(Code::ManifestInvalid, format!("the manifest is larger than {} MiB", LIMIT >> 20))
            .with_status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    if call.content_length().is_some_and(|length| length > LIMIT as u64) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Refusal::new(Code::ManifestInvalid, "the body was cut short"))?;
        if bytes.len() + piece.len() > LIMIT {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// Refuses documents that can be read as two different things (CVE-2021-41190): those that say another type
/// than the header, and those that are manifest and index at once.
fn check_type(value: &Value, content_type: &str) -> Result<(), Refusal> {
    let invalid = |reason: String| Err(Refusal::new(Code::ManifestInvalid, reason));
    let own = value.get("mediaType").and_then(Value::as_str).map(media_type::essence);
    let telling = media_type::is_index(content_type) || media_type::is_image_manifest(content_type);
    if let Some(own) = own.filter(|own| telling && own != content_type) {
        return invalid(format!("the manifest says it is {own}, the Content-Type says {content_type}"));
    }
    let has = |key: &str| value.get(key).is_some_and(|v| !v.is_null());
    if has("manifests") && (has("layers") || has("config")) {
        return invalid("the document is a manifest and an index at once".to_owned());
    }
    Ok(())
}

/// `DELETE /v2/NAME/manifests/REFERENCE`: a tag alone, or a manifest with its tags.
pub(super) async fn delete(call: &Call, name: &Repository, text: &str) -> Answer {
    let at = reference(text, Code::ManifestUnknown)?;
    let deleted = call.repository(name).delete_manifest(&at).await;
    match deleted.map_err(|e| Refusal::of(&e, Code::ManifestUnknown))? {
        true => Ok(response(StatusCode::ACCEPTED, &[], Body::empty())),
        false => Err(unknown(name, &at)),
    }
}

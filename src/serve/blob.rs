//! Blobs: asked about, pulled whole or in part, deleted.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};

use super::body::paced;
use super::call::{CONTENT_DIGEST, Call, etag, response};
use super::range::{Wanted, wanted};
use super::refusal::{Answer, Code, Refusal};
use crate::oci::{Digest, Repository};
use crate::transport::Error;

fn unknown(error: &Error) -> Refusal {
    Refusal::of(error, Code::BlobUnknown)
}

/// `HEAD` and `GET /v2/NAME/blobs/DIGEST`, with `Range`.
pub(super) async fn get(call: &Call, name: &Repository, digest: &Digest) -> Answer {
    let repository = call.repository(name);
    let head = call.method == Method::HEAD;
    // Who only asks is often about to push a manifest with it.
    let size = match head && !call.options().read_only {
        true => repository.claim_blob(digest).await,
        false => repository.blob_size(digest).await,
    };
    let missing = || Refusal::new(Code::BlobUnknown, format!("{name} has no blob {digest}"));
    let size = size.map_err(|e| unknown(&e))?.ok_or_else(missing)?;
    let tag = etag(digest);
    let same = [(CONTENT_DIGEST, digest.as_str()), (header::ETAG, &tag), (header::ACCEPT_RANGES, "bytes")];
    if call.has(&tag) {
        return Ok(response(StatusCode::NOT_MODIFIED, &same, Body::empty()));
    }
    // A range that depends on other content than this one's does not count.
    let current = call.header(header::IF_RANGE).is_none_or(|known| known.trim() == tag);
    let (status, start, length) = match wanted(call.header(header::RANGE).filter(|_| current), size) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part { start, length } => (StatusCode::PARTIAL_CONTENT, start, length),
        Wanted::Nothing => {
            return Err(Refusal::new(Code::SizeInvalid, format!("the blob has {size} bytes"))
                .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
                .with_header(header::CONTENT_RANGE, &format!("bytes */{size}")));
        }
    };
    let body = match head {
        true => Body::empty(),
        false => {
            let opened = repository.open_blob(digest, start, Some(length)).await;
            let (_, stream) = opened.map_err(|e| unknown(&e))?;
            Body::from_stream(paced(stream, call.options().bandwidth))
        }
    };
    let mut response = response(status, &same, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let part = format!("bytes {start}-{}/{size}", start + length - 1);
        headers.extend(part.parse().ok().map(|part| (header::CONTENT_RANGE, part)));
    }
    Ok(response)
}

/// `DELETE /v2/NAME/blobs/DIGEST`
pub(super) async fn delete(call: &Call, name: &Repository, digest: &Digest) -> Answer {
    match call.repository(name).delete_blob(digest).await.map_err(|e| unknown(&e))? {
        true => Ok(response(StatusCode::ACCEPTED, &[(CONTENT_DIGEST, digest.as_str())], Body::empty())),
        false => Err(Refusal::new(Code::BlobUnknown, format!("{name} has no blob {digest}"))),
    }
}

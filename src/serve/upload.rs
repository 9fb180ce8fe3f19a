//! Upload sessions: begun, mounted instead, continued, finished, cancelled. What arrived before a connection was
//! lost stays in the session, and its status tells how much that is.

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;

use super::body::{exactly, incoming, take};
use super::call::{self, CONTENT_DIGEST, Call, response};
use super::range;
use super::refusal::{Answer, Code, Refusal};
use crate::oci::{Digest, Repository};
use crate::transport::Error;
use crate::transport::local::Upload;

fn unknown(error: &Error) -> Refusal {
    Refusal::of(error, Code::BlobUploadUnknown)
}

/// `POST /v2/NAME/blobs/uploads/`: a session, or with `mount` a blob of another repository, or with `digest` the
/// whole blob at once.
pub(super) async fn begin(call: &Call, body: &mut BodyDataStream, name: &Repository) -> Answer {
    let repository = call.repository(name);
    if let Some(mount) = call.query.get("mount") {
        let digest = call::digest(mount)?;
        let from = call.query.get("from").map(call::repository).transpose()?;
        if repository.mount(&digest, from.as_ref()).await.map_err(|e| unknown(&e))? {
            return Ok(created(name, &digest));
        }
    }
    let digest = call.query.get("digest").map(call::digest).transpose()?;
    let upload = repository.begin_upload(digest.as_ref()).await.map_err(|e| unknown(&e))?;
    if let Some(digest) = digest {
        if let Err(refusal) = receive(call, body, name, &upload, None).await {
            // The client was never told the session's name.
            let _ = upload.cancel().await;
            return Err(refusal);
        }
        return complete(name, upload, &digest).await;
    }
    let mut response = standing(StatusCode::ACCEPTED, name, &upload, 0);
    if let Some(least) = call.options().chunk_min_length {
        response.headers_mut().insert(HeaderName::from_static("oci-chunk-min-length"), least.get().into());
    }
    Ok(response)
}

/// `GET /v2/NAME/blobs/uploads/ID`
pub(super) async fn status(call: &Call, name: &Repository, id: &str) -> Answer {
    let upload = find(call, name, id).await?;
    let offset = upload.offset().await.map_err(|e| unknown(&e))?;
    Ok(standing(StatusCode::NO_CONTENT, name, &upload, offset))
}

/// `PATCH /v2/NAME/blobs/uploads/ID`, as one stream or chunk by chunk with `Content-Range`.
pub(super) async fn append(call: &Call, body: &mut BodyDataStream, name: &Repository, id: &str) -> Answer {
    let upload = find(call, name, id).await?;
    let chunk = chunk(call)?;
    let offset = receive(call, body, name, &upload, chunk).await?;
    Ok(standing(StatusCode::ACCEPTED, name, &upload, offset))
}

/// `PUT /v2/NAME/blobs/uploads/ID?digest=DIGEST`, with the last bytes or all of them, or without any.
pub(super) async fn finish(call: &Call, body: &mut BodyDataStream, name: &Repository, id: &str) -> Answer {
    let digest = call.query.get("digest");
    let digest = digest.ok_or_else(|| Refusal::new(Code::DigestInvalid, "the upload's digest is missing"))?;
    let digest = call::digest(digest)?;
    let upload = find(call, name, id).await?;
    let chunk = chunk(call)?;
    if call.content_length() != Some(0) {
        receive(call, body, name, &upload, chunk).await?;
    }
    complete(name, upload, &digest).await
}

/// `DELETE /v2/NAME/blobs/uploads/ID`
pub(super) async fn cancel(call: &Call, name: &Repository, id: &str) -> Answer {
    find(call, name, id).await?.cancel().await.map_err(|e| unknown(&e))?;
    Ok(response(StatusCode::NO_CONTENT, &[], Body::empty()))
}

async fn find(call: &Call, name: &Repository, id: &str) -> Result<Upload, Refusal> {
    call.repository(name).upload(id).await.map_err(|e| unknown(&e))
}

/// The first byte and the length of a chunk, if the request says them.
fn chunk(call: &Call) -> Result<Option<(u64, u64)>, Refusal> {
    let Some(header) = call.header(header::CONTENT_RANGE) else { return Ok(None) };
    // Docker's and some others' way to say nothing.
    if call.content_length() == Some(0) {
        return Ok(None);
    }
    let invalid = || Refusal::new(Code::BlobUploadInvalid, "Content-Range is FIRST-LAST, in bytes");
    let (first, last) = range::chunk(header).ok_or_else(invalid)?;
    let length = last - first + 1;
    if let Some(found) = call.content_length().filter(|found| *found != length) {
        let message = format!("the range has {length} bytes, the body {found}");
        return Err(Refusal::new(Code::SizeInvalid, message));
    }
    Ok(Some((first, length)))
}

/// Adds the body to a session. The answer is where the session stands then.
async fn receive(
    call: &Call,
    body: &mut BodyDataStream,
    name: &Repository,
    upload: &Upload,
    chunk: Option<(u64, u64)>,
) -> Result<u64, Refusal> {
    let at = chunk.map(|(first, _)| first);
    // Asked before the body is touched, so that it can be drained; the store asks again.
    let stands = upload.offset().await.map_err(|e| unknown(&e))?;
    if at.is_some_and(|at| at != stands) {
        return Err(out_of_order(name, upload, stands));
    }
    let mut body = incoming(take(body), call.options().bandwidth);
    if let Some((_, length)) = chunk {
        body = exactly(length, body);
    }
    // In a task of its own: when the connection is lost the server drops the request's future, but what has arrived
    // by then is to be kept.
    let writing = tokio::spawn({
        let upload = upload.clone();
        async move { upload.append(at, body).await }
    });
    let appended = writing.await.map_err(|e| {
        tracing::error!(error = %e, "an upload's task failed");
        Refusal::new(Code::Unknown, "the registry failed")
    })?;
    match appended {
        Ok(offset) => Ok(offset),
        Err(Error::Conflict { .. }) => {
            Err(out_of_order(name, upload, upload.offset().await.map_err(|e| unknown(&e))?))
        }
        Err(Error::Content { expected, found, .. }) => {
            Err(Refusal::new(Code::SizeInvalid, format!("expected {expected}, got {found}")))
        }
        Err(e) => Err(unknown(&e)),
    }
}

async fn complete(name: &Repository, upload: Upload, digest: &Digest) -> Answer {
    match upload.finish(digest).await {
        Ok(_) => Ok(created(name, digest)),
        Err(Error::Conflict { reason, .. }) => {
            Err(Refusal::new(Code::BlobUploadInvalid, reason).with_status(StatusCode::CONFLICT))
        }
        Err(e) => Err(unknown(&e)),
    }
}

fn created(name: &Repository, digest: &Digest) -> Response {
    let location = format!("/v2/{name}/blobs/{digest}");
    let headers = [(header::LOCATION, location.as_str()), (CONTENT_DIGEST, digest.as_str())];
    response(StatusCode::CREATED, &headers, Body::empty())
}

fn location(name: &Repository, upload: &Upload) -> String {
    format!("/v2/{name}/blobs/uploads/{}", upload.id().as_str())
}

/// What has arrived, as the specification writes it: the last byte is included. Nothing at all is `0-0` too, as
/// in every registry.
fn arrived(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}

fn standing(status: StatusCode, name: &Repository, upload: &Upload, offset: u64) -> Response {
    let (location, range) = (location(name, upload), arrived(offset));
    let headers = [
        (header::LOCATION, location.as_str()),
        (header::RANGE, &range),
        (HeaderName::from_static("docker-upload-uuid"), upload.id().as_str()),
    ];
    response(status, &headers, Body::empty())
}

fn out_of_order(name: &Repository, upload: &Upload, offset: u64) -> Refusal {
    Refusal::new(Code::BlobUploadInvalid, format!("the session stands at {offset} bytes"))
        .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
        .with_header(header::LOCATION, &location(name, upload))
        .with_header(header::RANGE, &arrived(offset))
}

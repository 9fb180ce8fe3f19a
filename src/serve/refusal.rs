//! Refusals: the specification's error codes in the OCI envelope.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::oci::printable;
use crate::transport::Error;

/// The answer to a call.
pub(super) type Answer = Result<Response, Refusal>;

/// An error code (distribution specification, "Error Codes", and the two that every registry adds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    NotFound,
    PaginationInvalid,
    SizeInvalid,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Code::BlobUnknown => "BLOB_UNKNOWN",
            Code::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Code::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Code::DigestInvalid => "DIGEST_INVALID",
            Code::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Code::ManifestInvalid => "MANIFEST_INVALID",
            Code::ManifestUnknown => "MANIFEST_UNKNOWN",
            Code::NameInvalid => "NAME_INVALID",
            Code::NameUnknown => "NAME_UNKNOWN",
            Code::NotFound => "NOT_FOUND",
            Code::PaginationInvalid => "PAGINATION_NUMBER_INVALID",
            Code::SizeInvalid => "SIZE_INVALID",
            Code::Unauthorized => "UNAUTHORIZED",
            Code::Unknown => "UNKNOWN",
            Code::Unsupported => "UNSUPPORTED",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Code::BlobUnknown
            | Code::BlobUploadUnknown
            | Code::ManifestUnknown
            | Code::NameUnknown
            | Code::NotFound => StatusCode::NOT_FOUND,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A no, with its reason.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Code,
    message: String,
    // Boxed: a refusal is small, and travels in every `Result` here.
    detail: Option<Box<Value>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal with its code's usual status.
    pub(super) fn new(code: Code, message: impl AsRef<str>) -> Refusal {
        let message = printable(message.as_ref(), 1000);
        Refusal { status: code.status(), code, message, detail: None, headers: Vec::new() }
    }

    /// With another status.
    pub(super) fn with_status(self, status: StatusCode) -> Refusal {
        Refusal { status, ..self }
    }

    /// With the specification's `detail`.
    pub(super) fn with_detail(self, detail: Value) -> Refusal {
        Refusal { detail: Some(Box::new(detail)), ..self }
    }

    /// With a header more. One that cannot be written is left out.
    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Refusal {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// What the store's error means to a client; `missing` is the code for what is not there.
    pub(super) fn of(error: &Error, missing: Code) -> Refusal {
        match error {
            _ if error.is_not_found() => Refusal::new(missing, error.to_string()),
            Error::Content { .. } => Refusal::new(Code::DigestInvalid, error.to_string()),
            Error::Manifest { source, .. } => Refusal::new(Code::ManifestInvalid, source.to_string()),
            Error::Conflict { reason, .. } => Refusal::new(Code::Unsupported, reason),
            Error::Unreachable { reason, .. } => Refusal::new(Code::BlobUploadInvalid, reason),
            Error::File { source, .. } => {
                use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
                // Paths of the server are for its own log.
                tracing::error!(%error, "the store failed");
                match source.kind() {
                    StorageFull | QuotaExceeded | FileTooLarge => {
                        Refusal::new(Code::Unknown, "the registry has no room left")
                            .with_status(StatusCode::INSUFFICIENT_STORAGE)
                    }
                    _ => Refusal::new(Code::Unknown, "the registry's storage failed"),
                }
            }
            _ => {
                tracing::error!(%error, "the store failed");
                Refusal::new(Code::Unknown, "the registry's storage failed")
            }
        }
    }

    /// The refusal on the wire.
    pub(super) fn into_response(self, path: &str) -> Response {
        tracing::debug!(
            path,
            status = self.status.as_u16(),
            code = self.code.as_str(),
            reason = self.message,
            "refused"
        );
        let mut error = json!({"code": self.code.as_str(), "message": self.message});
        if let Some(detail) = self.detail {
            error["detail"] = *detail;
        }
        let mut response = Response::new(Body::from(json!({"errors": [error]}).to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().extend(self.headers);
        response
    }
}

/// 405 with what is allowed.
pub(super) fn method_not_allowed(allowed: &[Method]) -> Refusal {
    let allowed = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    Refusal::new(Code::Unsupported, format!("only {allowed} here")).with_header(header::ALLOW, &allowed)
}

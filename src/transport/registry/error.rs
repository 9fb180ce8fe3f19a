//! From answers and broken connections to [`Error`]: what kind of no it was, and whether asking again helps.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use oci_client::errors::{OciEnvelope, OciErrorCode};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::header;
use super::http::Call;
use crate::oci::{ErrorClass, Exchange, printable};
use crate::transport::Error;

/// Bytes of an error's body that are read.
pub(super) const BODY_LIMIT: usize = 64 << 10;
/// Characters of an answer that are shown.
const ANSWER_LIMIT: usize = 200;

/// An error with what the public one does not carry.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: Error,
    /// The registry's own code.
    pub code: Option<OciErrorCode>,
    pub again: Again,
    /// No HTTP was spoken at all: no connection came about, or no TLS session on it.
    pub unspoken: bool,
}

/// Whether to send a request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Never,
    /// Once or twice, at once: nobody listens, or the name is not known. A person is waiting.
    Quickly,
    /// With growing delays, if the host has ever answered; else not at all: nobody may be there.
    IfKnown,
    /// With growing delays.
    Later,
}

impl Failure {
    /// With the request and the answer, for people.
    pub(super) fn told(mut self, told: Exchange) -> Failure {
        if let Error::Answered { exchange, .. } = &mut self.error {
            *exchange = Some(Arc::new(told));
        }
        self
    }

    /// With the number of times that the request was sent.
    pub(super) fn tried(mut self, times: u32) -> Failure {
        if let Error::Answered { exchange: Some(exchange), .. } = &mut self.error {
            Arc::make_mut(exchange).attempts = times;
        }
        self
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self.error {
            Error::Answered { status, .. } => Some(status),
            _ => None,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let again = if error.is_retryable() { Again::Later } else { Again::Never };
        Failure { error, code: None, again, unspoken: false }
    }
}

/// The failure that an answer which is no success stands for.
pub(super) fn answered(
    attempted: &'static str,
    at: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Failure {
    let first = serde_json::from_slice::<OciEnvelope>(body)
        .ok()
        .and_then(|envelope| envelope.errors.into_iter().next());
    let answer = match &first {
        Some(error) => told(error),
        None => plain_answer(status, headers, body),
    };
    if status == StatusCode::BAD_REQUEST && wants_tls(body) {
        return speaks_tls(attempted, at).into();
    }
    let code = first.map(|error| error.code);
    let class = class_of(status, code.as_ref());
    let retry_after = header::retry_after(headers, SystemTime::now());
    let error = Error::Answered {
        attempted,
        at: at.to_owned(),
        status: status.as_u16(),
        answer,
        class,
        retry_after,
        exchange: None,
    };
    let telling =
        matches!(class, ErrorClass::Auth | ErrorClass::NotFound | ErrorClass::Digest | ErrorClass::Reference);
    let again = if error.is_retryable() && !telling { Again::Later } else { Again::Never };
    Failure { error, code, again, unspoken: false }
}

/// `CODE: message`, with the detail where it is a text and says more (Docker Hub's limits).
fn told(error: &oci_client::errors::OciError) -> String {
    let code = serde_json::to_value(&error.code).ok();
    let code = code.as_ref().and_then(|code| code.as_str()).unwrap_or_default();
    let mut parts = vec![code];
    if !error.message.is_empty() && !error.message.eq_ignore_ascii_case(code) {
        parts.push(&error.message);
    }
    if let Some(detail) = error.detail.as_str()
        && !detail.is_empty()
        && detail != error.message
    {
        parts.push(detail);
    }
    printable(&parts.join(": "), ANSWER_LIMIT)
}

/// An answer that is no envelope: JSON of other shapes, text, or the status's own words for HTML and XML.
fn plain_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let reason = || status.canonical_reason().unwrap_or_default().to_owned();
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        let nested = value.pointer("/errors/0").unwrap_or(&value);
        let field = |key: &str| nested.get(key).and_then(|v| v.as_str()).filter(|text| !text.is_empty());
        let message = ["message", "error_description", "details", "detail", "error", "reason"]
            .into_iter()
            .find_map(field);
        return match (field("code"), message) {
            (Some(code), Some(message)) => printable(&format!("{code}: {message}"), ANSWER_LIMIT),
            (None, Some(text)) | (Some(text), None) => printable(text, ANSWER_LIMIT),
            (None, None) => reason(),
        };
    }
    let kind = header::text(headers, "content-type").unwrap_or_default().to_ascii_lowercase();
    let body = String::from_utf8_lossy(body);
    let body = body.trim();
    // A number of characters is no text; markup is nothing that a person wants to read in a terminal.
    if kind.contains("html") || kind.contains("xml") || body.starts_with('<') || body.contains('\u{fffd}') {
        return reason();
    }
    let text = printable(body, ANSWER_LIMIT);
    if text.is_empty() { reason() } else { text }
}

/// The registry's code decides over the status: some answer 400 or 500 for what is simply not there.
fn class_of(status: StatusCode, code: Option<&OciErrorCode>) -> ErrorClass {
    use OciErrorCode::*;
    match code {
        Some(Unauthorized | Denied) => return ErrorClass::Auth,
        Some(
            ManifestUnknown | NameUnknown | BlobUnknown | ManifestBlobUnknown | BlobUploadUnknown | NotFound,
        ) => {
            return ErrorClass::NotFound;
        }
        Some(DigestInvalid | SizeInvalid | ManifestInvalid | ManifestUnverified) => {
            return ErrorClass::Digest;
        }
        Some(NameInvalid | TagInvalid) => return ErrorClass::Reference,
        Some(Toomanyrequests) => return ErrorClass::RateLimit,
        _ => {}
    }
    match status.as_u16() {
        401 | 403 | 407 => ErrorClass::Auth,
        404 | 410 => ErrorClass::NotFound,
        405 | 501 => ErrorClass::Config,
        409 | 412 | 423 => ErrorClass::Conflict,
        429 => ErrorClass::RateLimit,
        _ => ErrorClass::Network,
    }
}

/// What TLS servers answer to plain HTTP (Go, nginx, Apache).
fn wants_tls(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    [
        "HTTP request to an HTTPS server",
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled",
    ]
    .iter()
    .any(|text| body.contains(text))
}

/// A refusal, with what the login does not allow where that is known.
pub(super) fn lacking(mut failure: Failure, lacks: Option<String>) -> Failure {
    if let (Error::Answered { answer, .. }, Some(lacks)) = (&mut failure.error, lacks) {
        *answer = format!("{answer} (the login does not allow {lacks})");
    }
    failure
}

/// Plain HTTP was spoken to a TLS server.
pub(super) fn speaks_tls(attempted: &'static str, at: &str) -> Error {
    Error::Unreachable {
        attempted,
        at: at.to_owned(),
        reason: "plain HTTP was spoken to a TLS server; give the registry an https:// url, or tls settings"
            .to_owned(),
        class: ErrorClass::Tls,
    }
}

/// A failure without an answer.
pub(super) fn unreachable(attempted: &'static str, at: &str, reason: impl Into<String>) -> Failure {
    let error = Error::Unreachable {
        attempted,
        at: at.to_owned(),
        reason: reason.into(),
        class: ErrorClass::Network,
    };
    Failure { error, code: None, again: Again::Later, unspoken: false }
}

/// The failure that a broken exchange stands for: its innermost cause, short, and without any URL.
pub(super) fn broken(attempted: &'static str, at: &str, plain: bool, source: &reqwest::Error) -> Failure {
    let (reason, class, again) = cause(plain, source);
    let error = Error::Unreachable { attempted, at: at.to_owned(), reason, class };
    Failure { error, code: None, again, unspoken: source.is_connect() }
}

/// The failure of a connection that was to go through a proxy.
pub(super) fn by_way_of(proxy: String, failure: Failure, is_dns: bool) -> Failure {
    // It may be the registry's name or the proxy's own.
    let looked_up_here = is_dns && (proxy.starts_with("socks5:") || proxy.starts_with("socks4:"));
    let error = match failure.error {
        Error::Unreachable { attempted, at, reason, class: ErrorClass::Network } if looked_up_here => {
            let reason =
                format!("{reason}; such a proxy's names are looked up here, with socks5h:// by the proxy");
            Error::Proxy { attempted, at, proxy, reason }
        }
        Error::Unreachable { attempted, at, reason, class: ErrorClass::Network } => {
            Error::Proxy { attempted, at, proxy, reason }
        }
        // A handshake with the registry itself, through the proxy.
        other => return Failure { error: other, ..failure },
    };
    // Plain HTTP would meet the same proxy.
    Failure { error, unspoken: false, ..failure }
}

/// A proxy that wants to know who asks.
pub(super) fn unwelcome(proxy: String, call: &Call) -> Failure {
    let reason = "it wants a user name and a password".to_owned();
    let error = Error::Proxy { attempted: call.attempted, at: call.at.clone(), proxy, reason };
    Failure { error, code: None, again: Again::Never, unspoken: false }
}

/// Whether the other side took part in a TLS handshake, and that is what failed.
pub(super) fn is_of_tls(error: &reqwest::Error) -> bool {
    let chain = chain_of(error);
    let tls = chain.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    tls.is_some_and(|tls| !matches!(tls, rustls::Error::InvalidMessage(_)))
}

fn cause(plain: bool, error: &reqwest::Error) -> (String, ErrorClass, Again) {
    let chain = chain_of(error);
    if let Some(tls) = chain.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return (tls_reason(tls), ErrorClass::Tls, Again::Never);
    }
    if error.is_dns() {
        let text = innermost(&chain);
        let reason = match text.contains("emporary failure") {
            true => "the host name cannot be resolved: temporary failure in name resolution".to_owned(),
            false => "no such host".to_owned(),
        };
        return (reason, ErrorClass::Network, Again::Quickly);
    }
    // hyper's error types for tunnels are not ours to name; their texts are stable.
    if let Some((reason, again)) = chain.iter().find_map(|cause| tunnel_reason(&cause.to_string())) {
        return (reason, ErrorClass::Network, again);
    }
    let kind = chain.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    let (reason, again) = match kind {
        Some(io::ErrorKind::ConnectionRefused) => ("connection refused".to_owned(), Again::Quickly),
        Some(
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted,
        ) => ("the connection was reset".to_owned(), Again::Later),
        Some(io::ErrorKind::HostUnreachable) => ("no route to the host".to_owned(), Again::Quickly),
        Some(io::ErrorKind::NetworkUnreachable) => ("the network is unreachable".to_owned(), Again::Quickly),
        Some(io::ErrorKind::UnexpectedEof) if error.is_connect() => (
            "the connection was closed during the TLS handshake; does the server speak TLS?".to_owned(),
            Again::Quickly,
        ),
        _ if error.is_timeout() && error.is_connect() => ("no connection in time".to_owned(), Again::IfKnown),
        _ if error.is_timeout() => ("no answer in time".to_owned(), Again::Later),
        _ => (innermost(&chain), Again::Later),
    };
    // hyper's error type is not ours to name; its text for bytes that are no HTTP is stable.
    if plain && reason.starts_with("invalid HTTP") {
        let reason =
            "the server does not answer in plain HTTP; if it wants TLS, give the registry an https:// url";
        return (reason.to_owned(), ErrorClass::Tls, Again::Never);
    }
    (reason, ErrorClass::Network, again)
}

/// What a proxy that lets nothing through says.
fn tunnel_reason(text: &str) -> Option<(String, Again)> {
    let (reason, again) = match (text.strip_prefix("tunnel error: "), text.strip_prefix("SOCKS error: ")) {
        (Some("proxy authorization required"), _) => ("it wants a user name and a password", Again::Never),
        (Some("unsuccessful"), _) => ("it does not connect to the registry", Again::Quickly),
        (_, Some("failed to create underlying connection")) => ("it cannot be reached", Again::Quickly),
        (_, Some(reason)) => (reason, Again::Quickly),
        _ => return None,
    };
    Some((printable(reason, ANSWER_LIMIT), again))
}

/// The causes from the outside in. An `io::Error` hides the error that it wraps from `source`, so it is opened.
fn chain_of<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut chain: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        chain.push(error);
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
        if chain.len() > 32 {
            break;
        }
    }
    chain
}

fn innermost(chain: &[&(dyn StdError + 'static)]) -> String {
    let text = chain.last().map(|cause| cause.to_string()).unwrap_or_default();
    let text = match text.as_str() {
        "connection closed before message completed" | "end of file before message length reached" => {
            "the connection was closed in the middle"
        }
        other => &other[..other.rfind(" (os error").unwrap_or(other.len())],
    };
    printable(text, ANSWER_LIMIT)
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError as Certificate};
    let why = match error {
        rustls::Error::InvalidMessage(_) => {
            return "TLS was spoken to a server that does not speak it; give the registry an http:// url, or tls: plain"
                .to_owned();
        }
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => {
                "its issuer is unknown (tls: ca_file names a further authority)".to_owned()
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => "it has expired".to_owned(),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "it is not valid yet".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "it is for another name".to_owned()
            }
            Certificate::Revoked => "it was revoked".to_owned(),
            other => printable(&other.to_string(), ANSWER_LIMIT),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown,
        ) => {
            return "the server wants a client certificate (tls: cert_file and key_file), or another one than it got"
                .to_owned();
        }
        other => return format!("TLS handshake: {}", printable(&other.to_string(), ANSWER_LIMIT)),
    };
    format!("the certificate is not trusted: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(status: u16, body: &str) -> Failure {
        answered(
            "get manifest",
            "r.io/a:1",
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            body.as_bytes(),
        )
    }

    #[test]
    fn an_answer_reads_as_it_was_given() {
        let body =
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"x":1}]}]}"#;
        assert_eq!(
            no(401, body).error.to_string(),
            "get manifest r.io/a:1: 401 UNAUTHORIZED: authentication required"
        );
        for (status, body, want) in [
            (502, "<html><h1>nginx</h1></html>", "502 Bad Gateway"),
            (404, "", "404 Not Found"),
            (404, "404 page\x1b[31m not found\n", "404 404 page[31m not found"),
            (403, r#"{"message":"no"}"#, "403 no"),
            (401, r#"{"details":"incorrect username or password"}"#, "401 incorrect username or password"),
            (400, r#"{"errors":[{"message":"odd"}]}"#, "400 odd"),
            (400, r#"{"errors":[]}"#, "400 Bad Request"),
            (404, r#"{"errors":[{"code":"X_Y","message":"z"}]}"#, "404 X_Y: z"),
        ] {
            assert_eq!(no(status, body).error.to_string(), format!("get manifest r.io/a:1: {want}"));
        }
        assert!(no(500, &"x".repeat(9000)).error.to_string().chars().count() < 260);
    }

    #[test]
    fn the_code_decides_over_the_status() {
        let coded = |status, code: &str| no(status, &format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#));
        for (status, code, class) in [
            (400, "MANIFEST_UNKNOWN", ErrorClass::NotFound),
            (500, "NAME_UNKNOWN", ErrorClass::NotFound),
            (400, "DIGEST_INVALID", ErrorClass::Digest),
            (404, "DENIED", ErrorClass::Auth),
            (400, "TOOMANYREQUESTS", ErrorClass::RateLimit),
            (400, "OWN", ErrorClass::Network),
        ] {
            let failure = coded(status, code);
            assert_eq!((failure.error.class(), failure.again), (class, Again::Never), "{code}");
        }
        for (status, class, again) in [
            (401, ErrorClass::Auth, Again::Never),
            (403, ErrorClass::Auth, Again::Never),
            (404, ErrorClass::NotFound, Again::Never),
            (429, ErrorClass::RateLimit, Again::Later),
            (500, ErrorClass::Network, Again::Later),
            (503, ErrorClass::Network, Again::Later),
        ] {
            let failure = no(status, "");
            assert_eq!((failure.error.class(), failure.again), (class, again), "{status}");
        }
    }

    #[test]
    fn a_tls_server_that_was_spoken_to_in_plain_is_named() {
        for body in [
            "Client sent an HTTP request to an HTTPS server.\n",
            "<html>400 The plain HTTP request was sent to HTTPS port",
        ] {
            let failure = no(400, body);
            assert_eq!((failure.error.class(), failure.again), (ErrorClass::Tls, Again::Never));
            assert!(failure.error.to_string().contains("https://"));
        }
    }
}

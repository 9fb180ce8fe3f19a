//! What went wrong with an engine, in wharf's words. bollard hands on whatever hyper, serde or the engine said; here it
//! becomes what was attempted, at which engine, what came back and what kind of trouble that is.

use std::error::Error as StdError;
use std::io;

use bollard::errors::Error as Bollard;

use super::dial::NoConnection;
use super::{Endpoint, Error};
use crate::oci::printable;

/// The kind of trouble with an engine: what a hint goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens there.
    NotRunning,
    /// The socket is not this user's to open.
    Forbidden,
    /// ssh did not get through.
    Ssh,
    /// Certificates and TLS handshakes.
    Tls,
    /// The connection broke, or nothing came for too long: another attempt may succeed.
    Broken,
    /// The engine answered, and the answer was no.
    Refused,
    /// There is no engine of that name.
    Unknown,
}

/// bollard's error, of something `attempted` on `at`.
pub(super) fn told(attempted: &'static str, at: &str, endpoint: &Endpoint, error: Bollard) -> Error {
    let at = at.to_owned();
    let daemon = |reason: String, trouble| Error::Daemon { attempted, at: at.clone(), reason, trouble };
    if let Some(found) = no_connection(&error) {
        return found.into_error(attempted, at, endpoint);
    }
    match error {
        Bollard::DockerResponseServerError { status_code: 404, message } if is_image(&message) => {
            Error::NotFound { what: "image".to_owned(), at: format!("{at} ({endpoint})") }
        }
        // What any other server says.
        Bollard::DockerResponseServerError { status_code: 404, message }
            if message.trim().ends_with("page not found") =>
        {
            daemon(
                format!("{endpoint}: 404 page not found: this is no container engine"),
                Trouble::NotRunning,
            )
        }
        Bollard::DockerResponseServerError { status_code, message } => daemon(
            format!("{endpoint}: {status_code} {}", said(message.trim_start_matches("404"))),
            Trouble::Refused,
        ),
        Bollard::DockerStreamError { error } => {
            daemon(format!("{endpoint}: {}", said(&error)), Trouble::Refused)
        }
        Bollard::IOError { err } => daemon(format!("{endpoint}: {}", plain_io(&err)), Trouble::Broken),
        Bollard::RequestTimeoutError => daemon(format!("{endpoint}: no answer in time"), Trouble::Broken),
        Bollard::JsonDataError { .. } | Bollard::JsonSerdeError { .. } | Bollard::StrParseError { .. } => {
            let reason = format!("{endpoint}: this is no answer of a container engine ({error})");
            daemon(printable(&reason, 300), Trouble::Refused)
        }
        other => daemon(format!("{endpoint}: {}", innermost(&other)), Trouble::Broken),
    }
}

/// Docker: `No such image: x`, `reference does not exist`; podman: `… no such image`. Another 404 is no engine's.
fn is_image(message: &str) -> bool {
    let message = message.to_lowercase();
    ["no such image", "does not exist", "image not known", "not found"].iter().any(|m| message.contains(m))
        && message.contains(|c: char| c.is_alphabetic())
        && message != "page not found"
        && message != "404 page not found\n"
}

/// The engine's own words, on one line and cut to length.
fn said(message: &str) -> String {
    let line: Vec<&str> = message.split_whitespace().collect();
    match line.is_empty() {
        true => "without a word".to_owned(),
        false => printable(&line.join(" "), 600),
    }
}

/// The connection that never was, behind whatever wraps it.
fn no_connection(error: &Bollard) -> Option<NoConnection> {
    let held_by = |error: &io::Error| error.get_ref()?.downcast_ref::<NoConnection>().cloned();
    // This variant's source skips the error that it holds.
    if let Bollard::IOError { err } = error {
        return held_by(err);
    }
    let mut at: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<io::Error>().and_then(held_by) {
            return Some(found);
        }
        at = error.source();
    }
    None
}

/// The cause that says most.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    match last.downcast_ref::<io::Error>() {
        Some(error) => plain_io(error),
        None => printable(&last.to_string(), 300),
    }
}

/// An I/O error as people know it, without `(os error 111)`.
pub(super) fn plain_io(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::UnexpectedEof => "the engine closed the connection".to_owned(),
        _ => error.to_string(),
    };
    let end = text.find(" (os error").unwrap_or(text.len());
    printable(&text[..end], 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::ErrorClass;

    fn shown(error: Bollard) -> (String, ErrorClass, bool) {
        let endpoint = Endpoint::Unix("/s".into());
        let error = told("inspect", "docker-daemon:a:1", &endpoint, error);
        (error.to_string(), error.class(), error.is_retryable())
    }

    #[test]
    fn every_answer_has_its_class() {
        let answered = |status_code, message: &str| {
            shown(Bollard::DockerResponseServerError { status_code, message: message.to_owned() })
        };
        for message in [
            "No such image: a:1",
            "failed to find image a:1: docker.io/library/a:1: No such image",
            "reference does not exist",
        ] {
            assert_eq!(answered(404, message).1, ErrorClass::NotFound, "{message}");
        }
        for message in ["page not found", "404 page not found\n"] {
            let (text, class, _) = answered(404, message);
            assert!(text.ends_with("this is no container engine") && class == ErrorClass::Daemon, "{text}");
        }
        let (text, class, again) = answered(500, "no space\nleft\u{1b} on device");
        assert_eq!(text, "inspect docker-daemon:a:1: unix:///s: 500 no space left on device");
        assert_eq!((class, again), (ErrorClass::Daemon, false));
        let none = NoConnection { reason: "connection refused".to_owned(), trouble: Trouble::NotRunning };
        let (text, class, again) = shown(Bollard::IOError { err: none.into() });
        assert_eq!(text, "inspect docker-daemon:a:1: unix:///s: connection refused");
        assert_eq!((class, again), (ErrorClass::Daemon, false));
        let reset = Bollard::IOError { err: io::ErrorKind::ConnectionReset.into() };
        let (text, class, again) = shown(reset);
        assert!(text.ends_with("the engine closed the connection"), "{text}");
        assert_eq!((class, again), (ErrorClass::Daemon, true));
    }
}

//! Advice: what a person can do about an error. Each hint is something that helps when it is followed.

use std::io::ErrorKind;

use super::Error;
use crate::job::Hint;
use crate::oci::{ErrorClass, Location, ManifestError, Registry};
use crate::transport;
use crate::transport::daemon::Trouble;
use crate::transport::registry::{NO_DELETION, NO_LOCATION};

/// Advice on an error, if there is any.
pub(super) fn of(error: &Error) -> Option<Hint> {
    match error {
        Error::Transport(error) => transport(error),
        Error::Login(error) if error.class() == ErrorClass::Auth => Some(Hint::CheckPassword),
        Error::Login(error) if matches!(**error, transport::Error::Content { .. }) => {
            Some(Hint::NoRegistry { host: error.at().unwrap_or_default().to_owned() })
        }
        Error::Login(error) => transport(error),
        Error::Ledger(error) => error.hint(),
        Error::Refused { .. } => Some(Hint::ForbiddenBy),
        Error::ReadOnly { .. } => Some(Hint::NotReadOnly),
        Error::Job { .. } | Error::Request(_) | Error::Cancelled | Error::Internal(_) => None,
    }
}

fn transport(error: &transport::Error) -> Option<Hint> {
    if let transport::Error::Daemon { at, reason, trouble, .. } = error {
        return daemon(at, reason, *trouble);
    }
    let at = error.at().unwrap_or_default();
    let host = at.split('/').next().unwrap_or_default().to_owned();
    if let transport::Error::Manifest { source, .. } = error
        && let Some(hint) = of_manifest(source)
    {
        return Some(hint);
    }
    if let transport::Error::Lacking { .. } = error {
        return Some(Hint::Lacking { host });
    }
    Some(match error.class() {
        ErrorClass::Auth => Hint::LogIn { host },
        ErrorClass::NotFound => return missing(error, at, &host),
        ErrorClass::Platform => Hint::Platforms,
        ErrorClass::RateLimit => Hint::Wait { host },
        ErrorClass::Tls => Hint::Tls { host },
        ErrorClass::Network => match error {
            transport::Error::Answered { status: 500.., .. } => Hint::ServerTrouble { host },
            transport::Error::Answered { .. } => Hint::Refuses { host },
            _ if host.is_empty() => return None,
            transport::Error::Proxy { .. } => Hint::Proxy { host },
            _ => Hint::Reach { host },
        },
        ErrorClass::Digest => match error {
            transport::Error::Content { .. } => Hint::Damaged,
            transport::Error::Answered { .. } => Hint::Refuses { host },
            _ => return None,
        },
        ErrorClass::Disk if is_broken_pipe(error) => Hint::BrokenPipe,
        ErrorClass::Disk if matches!(error, transport::Error::File { attempted: "stage in", .. }) => {
            Hint::Staging
        }
        ErrorClass::Disk => Hint::Directory,
        ErrorClass::Conflict => match error {
            transport::Error::File { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
                Hint::Exists
            }
            transport::Error::Answered { .. } => Hint::InTheWay { host },
            _ => return None,
        },
        ErrorClass::Reference => match error {
            transport::Error::Answered { .. } => Hint::NoSuchName { host },
            _ => return None,
        },
        ErrorClass::Config => match error {
            transport::Error::Settings { reason, .. } if reason.starts_with("credential file ") => {
                Hint::CredentialFile
            }
            transport::Error::Settings { .. } => Hint::Settings { host },
            transport::Error::Unsupported { reason, .. } if reason.starts_with(NO_DELETION) => {
                Hint::NoDeletion { host }
            }
            transport::Error::Unsupported { reason, .. } if reason.starts_with(NO_LOCATION) => {
                Hint::NoLocation { host }
            }
            transport::Error::Unsupported { .. } if at == "docker.io" => Hint::SearchHub,
            // A registry's own name: its catalog is what is missing.
            _ if at.parse::<Registry>().is_ok() => Hint::NoCatalog { registry: at.to_owned() },
            _ => return None,
        },
        _ => return None,
    })
}

fn is_broken_pipe(error: &transport::Error) -> bool {
    matches!(error, transport::Error::File { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}

/// An engine that cannot be reached, or that refused.
fn daemon(at: &str, reason: &str, trouble: Trouble) -> Option<Hint> {
    Some(match trouble {
        Trouble::NotRunning => Hint::EngineNotRunning,
        Trouble::Forbidden => Hint::EngineForbidden,
        Trouble::Ssh => {
            let host = reason.strip_prefix("ssh://").and_then(|rest| rest.split([':', '/']).next());
            let host = host.and_then(|host| host.rsplit('@').next()).unwrap_or("HOST");
            Hint::EngineSsh { host: host.to_owned() }
        }
        Trouble::Tls => Hint::EngineTls,
        Trouble::Unknown => Hint::EngineUnknown,
        Trouble::Broken => Hint::EngineBroken,
        Trouble::Refused if reason.contains("no space left") => Hint::EngineFull,
        Trouble::Refused if at.is_empty() => return None,
        Trouble::Refused => Hint::EngineLog,
    })
}

/// What helps where a document is what cannot be moved.
fn of_manifest(error: &ManifestError) -> Option<Hint> {
    match error {
        ManifestError::Schema1 { .. } => Some(Hint::Schema1),
        ManifestError::Format { .. } => Some(Hint::Format),
        _ => None,
    }
}

/// What is not there: the tag, the repository, or the file.
fn missing(error: &transport::Error, at: &str, host: &str) -> Option<Hint> {
    if let transport::Error::File { path, .. } = error {
        return Some(Hint::Path { path: path.display().to_string() });
    }
    let name = at.split(['@', ' ']).next().unwrap_or_default();
    let slash = name.rfind('/').map_or(0, |slash| slash + 1);
    let end = name.get(slash..)?.find(':').map_or(name.len(), |colon| slash + colon);
    let name = name.get(..end).filter(|_| slash > 0 || at.starts_with("store:")).unwrap_or(at);
    if let Some(rest) = at.strip_prefix("docker-daemon:") {
        let engine = rest.strip_prefix("//").and_then(|rest| rest.split('/').next());
        let engine = engine.map_or_else(String::new, |host| format!("//{host}"));
        return Some(Hint::EngineImages { engine });
    }
    match at.strip_prefix("store:") {
        Some(_) => return Some(Hint::StoreImages),
        None if !matches!(name.parse(), Ok(Location::Registry(_))) || !name.contains('/') => return None,
        None => {}
    }
    // A repository that is not there has no tags to list. (Codes are the specification's; `list tags` is this
    // client's own word.)
    let whole = match error {
        transport::Error::Answered { attempted, answer, .. } => {
            *attempted == "list tags" || answer.starts_with("NAME_UNKNOWN")
        }
        _ => false,
    };
    Some(match whole {
        true => Hint::Repositories { host: host.to_owned() },
        false => Hint::Tags { repository: name.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &Error) -> Option<String> {
        super::of(error).map(|hint| hint.to_string())
    }

    fn answered(
        attempted: &'static str,
        at: &str,
        status: u16,
        answer: &str,
        class: ErrorClass,
    ) -> Option<String> {
        let (at, answer) = (at.to_owned(), answer.to_owned());
        let error = transport::Error::Answered {
            attempted,
            at,
            status,
            answer,
            class,
            retry_after: None,
            exchange: None,
        };
        of(&error.into())
    }

    #[test]
    fn a_credential_file_is_not_mended_in_the_configuration() {
        let of = |reason: &str| {
            let (at, reason) = ("h.io".to_owned(), reason.to_owned());
            self::of(&transport::Error::Settings { at, reason }.into()).unwrap()
        };
        assert!(of("credential file /x: it does not exist").contains("--authfile"));
        assert!(of("/none.key: no private key").contains("config.yaml"));
        let (expected, found) = (String::new(), String::new());
        let error = transport::Error::Content { attempted: "log in to", at: "h.io".into(), expected, found };
        assert_eq!(
            self::of(&Error::Login(Box::new(error))).unwrap(),
            "h.io is no registry's address; nothing was stored"
        );
    }

    #[test]
    fn what_is_missing_is_looked_for_where_it_could_be() {
        let missing = |attempted, at: &str, answer: &str| {
            answered(attempted, at, 404, answer, ErrorClass::NotFound).unwrap_or_default()
        };
        let digest = crate::oci::Digest::of(b"x");
        let tags = "`wharf tags h.io:5000/a/b` lists what is there";
        assert_eq!(missing("get manifest", "h.io:5000/a/b:1", "MANIFEST_UNKNOWN: x"), tags);
        assert_eq!(missing("get blob", &format!("h.io:5000/a/b@{digest}"), ""), tags);
        assert_eq!(missing("read blob", &format!("h.io:5000/a/b {digest}"), ""), tags);
        let name = "check the name; `wharf repos h.io` lists what is there, if the registry tells";
        assert_eq!(missing("get manifest", "h.io/a:1", "NAME_UNKNOWN: repository name not known"), name);
        assert_eq!(missing("list tags", "h.io/a", ""), name);
        let at =
            |at: &str| of(&transport::Error::NotFound { what: "tag 1".to_owned(), at: at.to_owned() }.into());
        assert_eq!(at("store:a/b").unwrap(), "`wharf repos store:` lists what is there");
        assert_eq!(at("oci:/tmp/x"), None);
        let engine = |host: &str| Some(format!("`wharf repos docker-daemon:{host}` lists what is there"));
        assert_eq!(at("docker-daemon:nginx:1 (unix:///s)"), engine(""));
        assert_eq!(at("docker-daemon://build/nginx:1"), engine("//build"));
        assert_eq!(at("/tmp/x:1"), None);
    }

    #[test]
    fn each_fits_what_came_back() {
        let unsupported = |at: &str, reason: &str| {
            let error = transport::Error::Unsupported { at: at.to_owned(), reason: reason.to_owned() };
            of(&error.into())
        };
        assert!(unsupported("h.io:5000", "no catalog").is_some_and(|hint| hint.contains("h.io:5000/NAME")));
        assert_eq!(
            unsupported("oci-archive:x.tar", "which image is meant? write oci-archive:x.tar:NAME"),
            None
        );
        let nowhere = unsupported("h.io/a@sha256:12", &format!("{NO_LOCATION} (no usable Location)"));
        assert!(nowhere.is_some_and(|hint| hint.contains("in front of h.io ")));
        let (at, answer) = ("h.io/a:1".to_owned(), "MANIFEST_BLOB_UNKNOWN".to_owned());
        let (attempted, class) = ("put manifest", ErrorClass::NotFound);
        let lacking = transport::Error::Lacking { attempted, at, status: 400, answer, class, exchange: None };
        assert!(
            of(&lacking.into())
                .is_some_and(|hint| hint.contains("sent again") && hint.contains("h.io still"))
        );
        let full = std::io::Error::from(ErrorKind::StorageFull);
        let staging = transport::Error::file("stage in", "/tmp", full);
        assert!(of(&staging.into()).is_some_and(|hint| hint.contains("TMPDIR=")));
        let named = answered("put manifest", "h.io/a:1", 400, "NAME_INVALID", ErrorClass::Reference);
        assert!(named.is_some_and(|hint| hint.contains("no such name")));
    }

    #[test]
    fn who_answers_can_be_reached() {
        let of = |status, class| answered("put manifest", "h.io/a:1", status, "", class).unwrap_or_default();
        assert!(of(503, ErrorClass::Network).contains("trouble of its own"));
        assert!(!of(400, ErrorClass::Network).contains("reached"));
    }
}

//! Advice: what a person can do about an error. Each hint is something that helps when it is followed.

use std::io::ErrorKind;

use super::Error;
use crate::oci::{ErrorClass, Location, ManifestError, Registry};
use crate::transport;
use crate::transport::daemon::Trouble;
use crate::transport::registry::{NO_DELETION, NO_LOCATION};

/// Advice on an error, if there is any.
pub(super) fn of(error: &Error) -> Option<String> {
    match error {
        Error::Transport(error) => transport(error),
        Error::Login(error) if error.class() == ErrorClass::Auth => {
            Some("check the user name and the password (or token); nothing was stored".to_owned())
        }
        Error::Login(error) if matches!(**error, transport::Error::Content { .. }) => {
            Some(format!("{} is no registry's address; nothing was stored", error.at().unwrap_or_default()))
        }
        Error::Login(error) => transport(error),
        Error::Ledger(error) => error.hint(),
        Error::Refused { .. } => Some("`wharf config path` says which file forbids it".to_owned()),
        Error::Job { .. } | Error::Request(_) | Error::Cancelled | Error::Internal(_) => None,
    }
}

fn transport(error: &transport::Error) -> Option<String> {
    if let transport::Error::Daemon { at, reason, trouble, .. } = error {
        return daemon(at, reason, *trouble);
    }
    let at = error.at().unwrap_or_default();
    let host = at.split('/').next().unwrap_or_default();
    if let transport::Error::Manifest { source, .. } = error
        && let Some(hint) = of_manifest(source)
    {
        return Some(hint);
    }
    if let transport::Error::Lacking { .. } = error {
        return Some(format!(
            "what lacked there was sent again, and {host} still says so: who runs it can look at its storage (does a garbage collection run?)"
        ));
    }
    Some(match error.class() {
        ErrorClass::Auth => format!(
            "log in with `wharf login {host}`, or give --creds (for a copy --src-creds or --dest-creds)"
        ),
        ErrorClass::NotFound => return missing(error, at, host),
        ErrorClass::Platform => "give --platform one of those, or none for all".to_owned(),
        ErrorClass::RateLimit => {
            format!("wait, or log in with `wharf login {host}`: registries allow more to those they know")
        }
        ErrorClass::Tls => format!(
            "set `tls:` for {host} in config.yaml (ca_file, cert_file, insecure or plain), or give --tls-verify=false (for a copy --src-tls-verify=false or --dest-tls-verify=false)"
        ),
        ErrorClass::Network => match error {
            transport::Error::Answered { status: 500.., .. } => {
                format!("{host} has trouble of its own: try again later, or ask who runs it")
            }
            transport::Error::Answered { .. } => format!("who runs {host} knows why it refuses this"),
            _ if host.is_empty() => return None,
            transport::Error::Proxy { .. } => format!(
                "check `proxy:` of the entry for {host} in config.yaml, or HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment (its user name and password stand in its URL)"
            ),
            _ => format!("check the name, and that {host} can be reached from here"),
        },
        ErrorClass::Digest => match error {
            transport::Error::Content { .. } => {
                "it is damaged where it lies or on its way; try again, or take the image from elsewhere"
                    .to_owned()
            }
            transport::Error::Answered { .. } => format!("who runs {host} knows why it refuses this"),
            _ => return None,
        },
        ErrorClass::Disk if is_broken_pipe(error) => {
            "the program that reads it ended before it had all: what it said tells why".to_owned()
        }
        ErrorClass::Disk if matches!(error, transport::Error::File { attempted: "stage in", .. }) => {
            "check the directory's rights and free space, or name another one: TMPDIR=DIRECTORY wharf …"
                .to_owned()
        }
        ErrorClass::Disk => "check the directory's owner, its rights and the free space".to_owned(),
        ErrorClass::Conflict => match error {
            transport::Error::File { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
                "choose another name, or replace it with --overwrite".to_owned()
            }
            transport::Error::Answered { .. } => {
                format!("who runs {host} knows what is in the way: a tag that may not be moved, for instance")
            }
            _ => return None,
        },
        ErrorClass::Reference => match error {
            transport::Error::Answered { .. } => {
                format!("{host} takes no such name: check the repository's path and the tag")
            }
            _ => return None,
        },
        ErrorClass::Config => match error {
            transport::Error::Settings { reason, .. } if reason.starts_with("credential file ") => {
                "correct the file, or name another one with --authfile".to_owned()
            }
            transport::Error::Settings { .. } => {
                format!("correct the entry for {host} in config.yaml, or the environment's proxy variables")
            }
            transport::Error::Unsupported { reason, .. } if reason.starts_with(NO_DELETION) => format!(
                "who runs {host} can allow it (docker-registry: REGISTRY_STORAGE_DELETE_ENABLED=true), or delete it there"
            ),
            transport::Error::Unsupported { reason, .. } if reason.starts_with(NO_LOCATION) => format!(
                "does something in front of {host} take the header Location off its answers? who runs it can tell"
            ),
            transport::Error::Unsupported { .. } if at == "docker.io" => {
                "`wharf search WORD` finds repositories there, and `wharf tags NAME` lists one's tags"
                    .to_owned()
            }
            // A registry's own name: its catalog is what is missing.
            _ if at.parse::<Registry>().is_ok() => {
                format!("name a repository: `wharf tags {at}/NAME` lists its tags")
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn is_broken_pipe(error: &transport::Error) -> bool {
    matches!(error, transport::Error::File { source, .. } if source.kind() == ErrorKind::BrokenPipe)
}

/// An engine that cannot be reached, or that refused.
fn daemon(at: &str, reason: &str, trouble: Trouble) -> Option<String> {
    Some(match trouble {
        Trouble::NotRunning => {
            "is the engine running there? DOCKER_HOST, a Docker context or an entry of type docker in config.yaml say where it is"
                .to_owned()
        }
        Trouble::Forbidden => {
            "is this user in the group docker (`sudo usermod -aG docker $USER`, then log in again)? a rootless engine needs DOCKER_HOST"
                .to_owned()
        }
        Trouble::Ssh => {
            let host = reason.strip_prefix("ssh://").and_then(|rest| rest.split([':', '/']).next());
            let host = host.and_then(|host| host.rsplit('@').next()).unwrap_or("HOST");
            format!("`ssh {host} docker version` must work without a question: a key, a known host, docker there")
        }
        Trouble::Tls => {
            "check DOCKER_CERT_PATH and DOCKER_TLS_VERIFY, the context's certificates, or `tls:` of the entry in config.yaml"
                .to_owned()
        }
        Trouble::Unknown => {
            "`docker context ls` lists contexts; an entry of type docker in config.yaml gives an engine a name".to_owned()
        }
        Trouble::Broken => "try again; the engine's own log says more if it comes back".to_owned(),
        Trouble::Refused if reason.contains("no space left") => {
            "the engine's disk is full: `docker system df` shows what takes the room".to_owned()
        }
        Trouble::Refused if at.is_empty() => return None,
        Trouble::Refused => "the engine's own log says more".to_owned(),
    })
}

/// What helps where a document is what cannot be moved.
fn of_manifest(error: &ManifestError) -> Option<String> {
    match error {
        ManifestError::Schema1 { .. } => Some(
            "convert it first, with `skopeo copy --format v2s2`, or pull it with Docker and push it again (before 26, which no longer pulls it); then copy that"
                .to_owned(),
        ),
        ManifestError::Format { .. } => Some("leave --format out: it travels as it is then".to_owned()),
        _ => None,
    }
}

/// What is not there: the tag, the repository, or the file.
fn missing(error: &transport::Error, at: &str, host: &str) -> Option<String> {
    if let transport::Error::File { path, .. } = error {
        return Some(format!("check the path {}", path.display()));
    }
    let name = at.split(['@', ' ']).next().unwrap_or_default();
    let slash = name.rfind('/').map_or(0, |slash| slash + 1);
    let end = name.get(slash..)?.find(':').map_or(name.len(), |colon| slash + colon);
    let name = name.get(..end).filter(|_| slash > 0 || at.starts_with("store:")).unwrap_or(at);
    if let Some(rest) = at.strip_prefix("docker-daemon:") {
        let engine = rest.strip_prefix("//").and_then(|rest| rest.split('/').next());
        let engine = engine.map_or_else(String::new, |host| format!("//{host}"));
        return Some(format!("`wharf repos docker-daemon:{engine}` lists what is there"));
    }
    match at.strip_prefix("store:") {
        Some(_) => return Some("`wharf repos store:` lists what is there".to_owned()),
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
        true => format!("check the name; `wharf repos {host}` lists what is there, if the registry tells"),
        false => format!("`wharf tags {name}` lists what is there"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(
        attempted: &'static str,
        at: &str,
        status: u16,
        answer: &str,
        class: ErrorClass,
    ) -> Option<String> {
        let (at, answer) = (at.to_owned(), answer.to_owned());
        let error = transport::Error::Answered { attempted, at, status, answer, class, retry_after: None };
        of(&error.into())
    }

    #[test]
    fn a_credential_file_is_not_mended_in_the_configuration() {
        let of = |reason: &str| {
            let (at, reason) = ("h.io".to_owned(), reason.to_owned());
            super::of(&transport::Error::Settings { at, reason }.into()).unwrap()
        };
        assert!(of("credential file /x: it does not exist").contains("--authfile"));
        assert!(of("/none.key: no private key").contains("config.yaml"));
        let (expected, found) = (String::new(), String::new());
        let error = transport::Error::Content { attempted: "log in to", at: "h.io".into(), expected, found };
        assert_eq!(
            super::of(&Error::Login(Box::new(error))).unwrap(),
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
        let lacking = transport::Error::Lacking { attempted, at, status: 400, answer, class };
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

//! Image references: registry, repository, tag, digest, by the distribution reference grammar.

use std::fmt;
use std::str::FromStr;

use super::name::serde_as_text;
use super::text::holds_login;
use super::{Digest, Registry, Repository, Tag, TagOrDigest, printable, printable_name};

/// Why `USER:PASSWORD@HOST/NAME` is no reference.
const LOGIN: &str = "user name and password do not belong in a name (and a digest is written @sha256:…)";

/// A registry image: `registry/repository[:tag][@digest]`.
///
/// Short names mean what they mean to Docker: `nginx` is `docker.io/library/nginx`. With both a tag
/// and a digest, the digest decides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Where it lives.
    pub registry: Registry,
    /// Its path there.
    pub repository: Repository,
    /// The tag, if one was written.
    pub tag: Option<Tag>,
    /// The digest, if one was written.
    pub digest: Option<Digest>,
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no image reference: {reason}")]
pub struct ReferenceError {
    text: String,
    reason: String,
}

impl ReferenceError {
    pub(super) fn new(text: &str, reason: impl Into<String>) -> ReferenceError {
        // Neither may quote the password: not the text, and not the part of it that a reason names.
        let reason = if holds_login(text) { LOGIN.to_owned() } else { reason.into() };
        ReferenceError { text: printable_name(text, 120), reason }
    }

    /// Only the reason, for messages that name the text themselves.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Reference {
    /// A reference to a tag.
    pub fn tagged(registry: Registry, repository: Repository, tag: Tag) -> Reference {
        Reference { registry, repository, tag: Some(tag), digest: None }
    }

    /// What to ask the registry for: the digest, else the tag, else `latest`.
    pub fn target(&self) -> TagOrDigest {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => TagOrDigest::Digest(digest.clone()),
            (None, Some(tag)) => TagOrDigest::Tag(tag.clone()),
            (None, None) => TagOrDigest::Tag(Tag::latest()),
        }
    }

    /// The same repository with another tag and no digest.
    pub fn with_tag(&self, tag: Tag) -> Reference {
        Reference { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// `registry/repository`, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The short form that people write: `nginx:1.27` for `docker.io/library/nginx:1.27`. It always
    /// parses back to the same reference.
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let same = |short: &&str| short.parse::<Reference>().as_ref() == Ok(self);
        let short = full.strip_prefix("docker.io/");
        let shorter = short.and_then(|short| short.strip_prefix("library/"));
        shorter.filter(same).or(short.filter(same)).unwrap_or(&full).to_owned()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        let whole = |e: ReferenceError| ReferenceError::new(text, e.reason);
        if text.is_empty() {
            return Err(ReferenceError::new(text, "it is empty"));
        }
        if let Some(c) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(ReferenceError::new(text, format!("{c:?} does not belong in a name")));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::new(
                text,
                format!("a URL is no reference; leave {}:// out", printable(scheme, 20)),
            ));
        }
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(ReferenceError::new(
                text,
                "64 hex digits alone are an image ID; write NAME@sha256:… for a digest",
            ));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest =
                    digest.parse::<Digest>().map_err(|e| ReferenceError::new(text, e.to_string()))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        // A colon behind the last slash starts a tag; one before it belongs to a port.
        let after_slash = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[after_slash..].split_once(':') {
            Some((last, tag)) => {
                (&rest[..after_slash + last.len()], Some(tag.parse::<Tag>().map_err(whole)?))
            }
            None => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if is_host(first) => {
                (first.parse::<Registry>().map_err(whole)?, path.to_owned())
            }
            _ => (Registry::docker_hub(), name.to_owned()),
        };
        let path = match registry.is_docker_hub() && !path.contains('/') && !path.is_empty() {
            true => format!("library/{path}"),
            false => path,
        };
        let repository = path.parse::<Repository>().map_err(whole)?;
        Ok(Reference { registry, repository, tag, digest })
    }
}

/// Whether the part before the first slash names a host rather than the first part of a path.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':', '[']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

impl fmt::Display for Reference {
    /// The full form, `registry/repository[:tag][@digest]`; only what was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

serde_as_text!(Reference);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn full(text: &str) -> String {
        text.parse::<Reference>().map_or_else(|e| format!("error: {e}"), |r| r.to_string())
    }

    #[test]
    fn a_password_in_a_name_is_not_repeated() {
        let digest = format!("@sha256:{HEX}");
        for text in ["me:hunter2@h.io/x:1", "https://hunter2@h.io/x", "docker://me:hu@hunter2@h.io:5000/x"] {
            for text in [text.to_owned(), format!("{text}{digest}")] {
                let error = text.parse::<crate::oci::Location>().unwrap_err().to_string();
                assert!(!error.contains("hunter2") && error.contains("@h.io"), "{error}");
            }
        }
        let text = format!("docker-daemon://me:hunter2@h.io/x{digest}");
        assert!(!text.parse::<crate::oci::Location>().unwrap_err().to_string().contains("hunter2"));
        let error = "me:hunter2@h.io".parse::<Registry>().unwrap_err();
        assert!(!format!("{error} {}", error.reason()).contains("hunter2"), "{error}");
        // A digest with a slip in it is shown.
        let error = "nginx:1.27@sha256:zz".parse::<Reference>().unwrap_err().to_string();
        assert!(error.contains("nginx:1.27@sha256:zz"), "{error}");
    }

    #[test]
    fn names_are_completed_as_docker_does() {
        for (text, want) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("user/nginx:1.20", "docker.io/user/nginx:1.20"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
            ("ghcr.io/o/r:t", "ghcr.io/o/r:t"),
            ("localhost/a", "localhost/a"),
            ("localhost:5000/a/b/c:x", "localhost:5000/a/b/c:x"),
            ("127.0.0.1:5001/bench/big:1", "127.0.0.1:5001/bench/big:1"),
            ("[::1]:5000/a:1", "[::1]:5000/a:1"),
            ("[2001:db8::1]/a", "[2001:db8::1]/a"),
            ("Registry/a", "Registry/a"),
            ("a/b/c", "docker.io/a/b/c"),
            ("localhost:5000", "docker.io/library/localhost:5000"),
            ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f"),
            ("123", "docker.io/library/123"),
        ] {
            assert_eq!(full(text), want, "{text}");
        }
        assert_eq!(full(&format!("r:t@sha256:{HEX}")), format!("docker.io/library/r:t@sha256:{HEX}"));
    }

    #[test]
    fn a_digest_decides_over_a_tag() {
        let both: Reference = format!("r:t@sha256:{HEX}").parse().unwrap();
        assert!(matches!(both.target(), TagOrDigest::Digest(_)));
        assert_eq!("r".parse::<Reference>().unwrap().target().as_str(), "latest");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = format!("ghcr.io/{}", "a".repeat(256));
        let long_tag = format!("a:{}", "t".repeat(129));
        for text in [
            "",
            " ",
            "Nginx",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:b:c",
            "a@",
            "a@sha256:12",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "a b",
            "a\n",
            "https://ghcr.io/a",
            "ghcr.io/",
            "ghcr.io:99999/a",
            "ghcr.io:/a",
            "a:-t",
            "a:.t",
            "[::1/a",
            "[zz]:1/a",
            "a:ü",
            "exa_mple.com/a",
            HEX,
            &long,
            &long_tag,
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?} gave {}", full(text));
        }
        assert!(format!("a:{}", "t".repeat(128)).parse::<Reference>().is_ok());
        assert!(format!("ghcr.io/{}", "a".repeat(255)).parse::<Reference>().is_ok());
    }

    #[test]
    fn hosts_know_themselves() {
        let host = |text: &str| text.parse::<Registry>().unwrap();
        assert!(
            host("localhost:5000").is_loopback()
                && host("127.0.0.2").is_loopback()
                && host("[::1]:5").is_loopback()
        );
        assert!(!host("10.0.0.1:5000").is_loopback() && !host("localhost.example.com").is_loopback());
        assert_eq!(host("[::1]:5000").host(), "::1");
        assert_eq!(host("docker.io").endpoint(), "registry-1.docker.io");
        assert_eq!(host("index.docker.io").credential_key(), "https://index.docker.io/v1/");
    }

    #[test]
    fn the_familiar_form_is_what_people_write() {
        for text in ["nginx:1.27", "user/nginx", "ghcr.io/o/r:t", "docker.io/a.b/c", "library/a/b"] {
            assert_eq!(text.parse::<Reference>().unwrap().familiar(), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_without_a_panic(text in "\\PC{0,80}") {
            let _ = text.parse::<Reference>();
        }

        #[test]
        fn what_parses_prints_to_what_parses_the_same(
            text in "([a-zA-Z0-9.-]{1,12}(:[0-9]{1,5})?/)?[a-z0-9]{1,6}([._/-][a-z0-9]{1,6}){0,4}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,10})?"
        ) {
            if let Ok(reference) = text.parse::<Reference>() {
                let printed = reference.to_string();
                prop_assert_eq!(&printed.parse::<Reference>().unwrap(), &reference);
                prop_assert_eq!(&reference.familiar().parse::<Reference>().unwrap(), &reference);
            }
        }
    }
}

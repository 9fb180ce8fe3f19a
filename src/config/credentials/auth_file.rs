//! Docker's `config.json` and podman's `auth.json`: one format, several habits of writing its keys.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretString;
use serde::Deserialize;

use super::{CredentialError, FoundCredential, Login};
use crate::oci::{Registry, Repository};

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// `docker_credential` reads this format too, but knows no path-prefixed keys and no time limit for helpers.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AuthFile {
    auths: Option<BTreeMap<String, Option<Auth>>>,
    creds_store: Option<String>,
    cred_helpers: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl AuthFile {
    /// Reads a file; `None` if it is not there.
    pub fn read(path: &Path) -> Result<Option<AuthFile>, CredentialError> {
        let Some(text) = read_text(path)? else { return Ok(None) };
        if text.trim_ascii().is_empty() {
            return Ok(Some(AuthFile::default()));
        }
        // serde's message would quote values of the file; the place is enough.
        let file = serde_json::from_slice(&text);
        file.map(Some).map_err(|e: serde_json::Error| {
            let what = if e.is_data() { "a value has the wrong type" } else { "it is no JSON" };
            let reason = format!("{what}, line {} column {}", e.line(), e.column());
            CredentialError::File { path: path.to_owned(), reason }
        })
    }

    /// The registries that it has something for, whether here or with a helper.
    pub fn registries(&self) -> Vec<Registry> {
        let auths = self.auths.iter().flatten().map(|(key, _)| key);
        let helpers = self.cred_helpers.iter().flatten().map(|(key, _)| key);
        auths.chain(helpers).filter_map(|key| host_of(key).parse().ok()).collect()
    }

    /// The helper that answers for a registry, if there is one.
    pub fn helper(&self, registry: &Registry, repository: Option<&Repository>) -> Option<&str> {
        let helpers = self.cred_helpers.as_ref();
        let own = helpers.and_then(|h| best(h.iter(), registry, repository)).map(String::as_str);
        own.or(self.creds_store.as_deref()).filter(|name| !name.is_empty())
    }

    /// The keys with a path that fit, the longest first: what a helper may have for a part of the registry. (A helper
    /// has no list that could be asked for quickly; the empty entries of the file are its list.)
    pub fn parts(&self, registry: &Registry, repository: Option<&Repository>) -> Vec<&str> {
        let keys = self.auths.iter().flatten().map(|(key, _)| key.as_str());
        let fitting = keys.filter_map(|key| Some((fit(key, registry, repository)?.0, key)));
        let mut parts: Vec<_> = fitting.filter(|(length, _)| *length > 0).collect();
        parts.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        parts.into_iter().map(|(_, key)| key).collect()
    }

    /// The credential that the file itself has, the longest path prefix first. `part` leaves out what is for all of
    /// the registry.
    pub fn credential(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
        part: bool,
        path: &Path,
    ) -> Result<Option<FoundCredential>, CredentialError> {
        // Beside a credsStore there are empty entries; they say nothing.
        let auths = self.auths.iter().flatten().filter_map(|(key, auth)| Some((key, auth.as_ref()?)));
        let filled = auths.filter(|(_, auth)| !auth.is_empty());
        let wanted = filled
            .filter(|(key, _)| !part || fit(key, registry, repository).is_some_and(|(length, _)| length > 0));
        let Some(auth) = best(wanted, registry, repository) else { return Ok(None) };
        let login = auth.login().map_err(|reason| CredentialError::File {
            path: path.to_owned(),
            reason: format!("the entry for {registry}: {reason}"),
        })?;
        Ok(Some(FoundCredential { login, origin: path.display().to_string() }))
    }
}

/// A credential file's bytes; `None` if it is not there.
pub(super) fn read_text(path: &Path) -> Result<Option<Vec<u8>>, CredentialError> {
    let broken = |reason: String| CredentialError::File { path: path.to_owned(), reason };
    let mut text = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut text)) {
        Ok(_) if text.len() as u64 > FILE_LIMIT => Err(broken("it is larger than 1 MiB".to_owned())),
        Ok(_) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(broken(crate::config::load::plain(&e))),
    }
}

impl Auth {
    fn is_empty(&self) -> bool {
        let fields = [&self.auth, &self.username, &self.password, &self.identitytoken, &self.registrytoken];
        fields.into_iter().flatten().all(|text| text.is_empty())
    }

    fn login(&self) -> Result<Login, &'static str> {
        let filled = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
        let (user, password) = match filled(&self.auth) {
            Some(auth) => {
                let (user, password) = decode(&auth)?;
                (Some(user), Some(password))
            }
            None => (filled(&self.username), filled(&self.password)),
        };
        if let Some(token) = filled(&self.registrytoken) {
            return Ok(Login::RegistryToken(token.into()));
        }
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Login::IdentityToken(token.into()));
        }
        match (user, password) {
            (Some(user), Some(password)) if user == "<token>" => Ok(Login::IdentityToken(password.into())),
            (Some(user), Some(password)) => {
                Ok(Login::Password { user, password: SecretString::from(password) })
            }
            _ => Err("it has no password"),
        }
    }
}

/// `base64(USER:PASSWORD)`, as Docker and podman write it, padded or not.
fn decode(auth: &str) -> Result<(String, String), &'static str> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&STANDARD, config);
    let bytes = engine.decode(auth.trim()).map_err(|_| "its auth is no base64")?;
    let text = String::from_utf8(bytes).map_err(|_| "its auth is no text")?;
    let (user, password) = text.split_once(':').ok_or("its auth is not USER:PASSWORD")?;
    // Docker pads with zero bytes here and there.
    Ok((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

/// The value of the key that fits best.
fn best<'a, V: 'a>(
    entries: impl Iterator<Item = (&'a String, V)>,
    registry: &Registry,
    repository: Option<&Repository>,
) -> Option<V> {
    let fitting = entries.filter_map(|(key, value)| Some((fit(key, registry, repository)?, value)));
    // Equal fits (`ghcr.io` and `https://ghcr.io/v2/`): the plain spelling sorts behind and wins.
    fitting.max_by_key(|(fit, _)| *fit).map(|(_, value)| value)
}

/// What a key is for: its path, empty for all of the registry, and whether it is written as a URL. `None` if it is for
/// another registry.
fn path_of<'a>(key: &'a str, registry: &Registry) -> Option<(&'a str, bool)> {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let with_scheme = bare.is_some();
    let bare = bare.unwrap_or(key).trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    // A URL's path is the API's (`/v1/`, `/v2/`), never a repository's; podman's keys have no scheme.
    let path = if with_scheme || matches!(path, "v1" | "v2") { "" } else { path };
    (canonical(host) == canonical(registry.as_str())).then_some((path, with_scheme))
}

/// Whether a key is a spelling of this registry, or of this part of it.
pub(super) fn is_for(key: &str, registry: &Registry, part: Option<&Repository>) -> bool {
    path_of(key, registry).is_some_and(|(path, _)| path == part.map_or("", Repository::as_str))
}

/// How well a key fits: the length of its path, 0 for the host alone; `None` if it is for something else.
fn fit(key: &str, registry: &Registry, repository: Option<&Repository>) -> Option<(usize, bool)> {
    let (path, with_scheme) = path_of(key, registry)?;
    let below = |repository: &Repository| {
        let rest = repository.as_str().strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match path.is_empty() || repository.is_some_and(below) {
        true => Some((path.len(), !with_scheme)),
        false => None,
    }
}

/// The host of a key, as people write it.
fn host_of(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    canonical(bare.split('/').next().unwrap_or(bare))
}

fn canonical(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(key: &str, registry: &str, repository: &str) -> Option<usize> {
        let repository = repository.parse::<Repository>().ok();
        fit(key, &registry.parse().unwrap(), repository.as_ref()).map(|(length, _)| length)
    }

    #[test]
    fn keys_fit_in_every_spelling() {
        for (key, registry, repository, want) in [
            ("ghcr.io", "ghcr.io", "o/r", Some(0)),
            ("https://ghcr.io", "ghcr.io", "o/r", Some(0)),
            ("https://ghcr.io/v2/", "ghcr.io", "", Some(0)),
            ("ghcr.io/v1/", "ghcr.io", "", Some(0)),
            ("http://127.0.0.1:5000/", "127.0.0.1:5000", "", Some(0)),
            ("GHCR.io", "ghcr.io", "o/r", Some(0)),
            ("https://index.docker.io/v1/", "docker.io", "library/nginx", Some(0)),
            ("docker.io/user", "docker.io", "user/app", Some(4)),
            ("ghcr.io/o", "ghcr.io", "o/r", Some(1)),
            ("ghcr.io/o/r", "ghcr.io", "o/r", Some(3)),
            ("ghcr.io/o", "ghcr.io", "other/r", None),
            ("ghcr.io/o", "ghcr.io", "", None),
            ("ghcr.io:443", "ghcr.io", "o/r", None),
            ("quay.io", "ghcr.io", "o/r", None),
        ] {
            assert_eq!(fits(key, registry, repository), want, "{key}");
        }
    }

    #[test]
    fn entries_decode() {
        let auth = |text: &str| Auth { auth: Some(text.to_owned()), ..Auth::default() }.login();
        for text in ["dTpwOnc=", "dTpwOnc", "dTpwOncA"] {
            assert!(matches!(auth(text), Ok(Login::Password { user, .. }) if user == "u"), "{text}");
        }
        assert!(auth("!!").is_err() && auth("dQ==").is_err());
        let token = Auth { auth: Some("dTo=".into()), identitytoken: Some("t".into()), ..Auth::default() };
        assert!(matches!(token.login(), Ok(Login::IdentityToken(_))));
    }
}

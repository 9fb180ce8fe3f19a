//! Who wharf is to a registry. [`CredentialStore`] answers for a registry and repository, looking in order at:
//! the command line, the configuration's entries, `--authfile`, `REGISTRY_AUTH_FILE`, Docker's `config.json`
//! with its helpers, podman's `auth.json`. The first that has something wins; within one, the longest path.
//! [`LoginStore`] keeps and erases what `wharf login` is told, where `docker login` would.

mod auth_file;
mod environment;
mod helper;
mod login;
mod redact;
mod rewrite;

pub use environment::Environment;
pub use login::{Erased, LoginPlace, LoginStore, LoginTarget};
pub use redact::redacted_line;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use self::auth_file::AuthFile;
use self::helper::Helper;
use super::lookup::is_below;
use super::{Config, RegistryType, Secret, SecretError};
use crate::oci::{ErrorClass, Registry, Repository};

/// How long a helper's answer is kept: long enough for a batch, short enough for a login in another window.
const HELPER_ANSWER_KEPT: Duration = Duration::from_secs(60);

/// What proves who somebody is. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub enum Login {
    /// User name and password, or a token in a password's place.
    Password {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// An OAuth2 refresh token, to be exchanged at the token endpoint.
    IdentityToken(SecretString),
    /// A bearer token, used as it is.
    RegistryToken(SecretString),
}

/// A credential and where it was found.
#[derive(Debug, Clone)]
pub struct FoundCredential {
    /// The credential.
    pub login: Login,
    /// Where it was found, for people: `--src-creds`, a file, a helper.
    pub origin: String,
}

/// A credential that the command line or a batch file gives for one repository.
#[derive(Debug, Clone)]
pub struct ExplicitCredential {
    /// For this registry.
    pub registry: Registry,
    /// For this repository; for all of the registry's if none.
    pub repository: Option<Repository>,
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: SecretString,
    /// The option or the file's field that it came by: `--src-creds`, `source_auth`.
    pub option: &'static str,
}

/// Why a credential cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A credential file that cannot be read or understood.
    #[error("credential file {}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A credential file that cannot be written.
    #[error("write the credential file {}: {reason}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What came back.
        reason: String,
    },
    /// A helper that failed.
    #[error("{program} for {server}: {reason}")]
    Helper {
        /// The helper's program.
        program: String,
        /// The server it was asked for.
        server: String,
        /// What came back.
        reason: String,
    },
    /// A secret that the configuration refers to.
    #[error("the password of {entry:?} in the configuration: {source}")]
    Secret {
        /// The entry's name.
        entry: String,
        /// What is wrong.
        source: SecretError,
    },
}

impl CredentialError {
    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            CredentialError::Write { .. } => ErrorClass::Disk,
            _ => ErrorClass::Config,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            CredentialError::File { .. } => "correct the file, or name another one with --authfile",
            CredentialError::Write { .. } => "check the directory's owner, its rights and the free space",
            CredentialError::Helper { .. } => {
                "`credsStore` and `credHelpers` in Docker's config.json name the helpers; --authfile does without"
            }
            CredentialError::Secret { .. } => "`wharf config path` says which file it is",
        }
    }
}

/// Answers who wharf is to a registry. Files are read when asked, so that a login in another window counts.
#[derive(Debug)]
pub struct CredentialStore {
    explicit: Vec<ExplicitCredential>,
    entries: Vec<Entry>,
    authfile: Option<PathBuf>,
    environment: Environment,
    /// Answers of helpers by (helper, server). A tokio Mutex: it is held while a helper is asked, so that
    /// a hundred blobs do not start a hundred processes.
    helpers: tokio::sync::Mutex<HashMap<(String, String), HelperAnswer>>,
    /// What was warned of already.
    warned: Mutex<HashSet<String>>,
}

/// When a helper answered, and what.
type HelperAnswer = (Instant, Option<Login>);

#[derive(Debug)]
struct Entry {
    name: String,
    registry: Registry,
    prefix: Option<Repository>,
    user: String,
    password: Secret,
}

impl CredentialStore {
    /// A store over the configuration's entries, the command line's credentials and `--authfile`.
    pub fn new(
        config: &Config,
        explicit: Vec<ExplicitCredential>,
        authfile: Option<PathBuf>,
        environment: Environment,
    ) -> CredentialStore {
        let entry = |entry: &super::RegistryEntry| {
            Some(Entry {
                name: entry.name.clone(),
                registry: (entry.kind == RegistryType::Registry).then(|| entry.registry())??,
                prefix: entry.prefix(),
                user: entry.username.clone(),
                password: entry.password.clone()?,
            })
        };
        CredentialStore {
            explicit,
            entries: config.registries.iter().filter_map(entry).collect(),
            authfile,
            environment,
            helpers: tokio::sync::Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// The credential for a repository, or for the registry as a whole (its catalog); `None` is anonymous.
    ///
    /// A secret of the configuration that cannot be had, and an `--authfile` that cannot be read, are errors:
    /// somebody asked for these. What is wrong with the other files and helpers is warned of once, and the
    /// search goes on: an anonymous pull does not need them.
    pub async fn find(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<FoundCredential>, CredentialError> {
        if let Some(found) = self.explicit(registry, repository) {
            return Ok(Some(found));
        }
        if let Some(found) = self.configured(registry, repository)? {
            return Ok(Some(found));
        }
        if let Some(path) = &self.authfile {
            let missing =
                || CredentialError::File { path: path.clone(), reason: "it does not exist".to_owned() };
            let file = AuthFile::read(path)?.ok_or_else(missing)?;
            if let Some(found) = self.in_file(&file, path, registry, repository).await? {
                return Ok(Some(found));
            }
        }
        for path in self.environment.auth_files() {
            match AuthFile::read(&path) {
                Ok(None) => {}
                Ok(Some(file)) => match self.in_file(&file, &path, registry, repository).await {
                    Ok(None) => {}
                    Ok(found) => return Ok(found),
                    Err(e) => self.warn(&e),
                },
                Err(e) => self.warn(&e),
            }
        }
        Ok(None)
    }

    fn explicit(&self, registry: &Registry, repository: Option<&Repository>) -> Option<FoundCredential> {
        // The registry as a whole (its catalog) takes whatever was given for a part of it.
        let fits = |c: &&ExplicitCredential| {
            c.registry == *registry
                && (repository.is_none() || c.repository.is_none() || c.repository.as_ref() == repository)
        };
        let found = self.explicit.iter().find(fits)?;
        let login = Login::Password { user: found.user.clone(), password: found.password.clone() };
        Some(FoundCredential { login, origin: found.option.to_owned() })
    }

    fn configured(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<FoundCredential>, CredentialError> {
        let below = |prefix: &Repository| repository.is_some_and(|r| is_below(r, prefix));
        let fits = |e: &&Entry| e.registry == *registry && e.prefix.as_ref().is_none_or(below);
        let length = |e: &&Entry| e.prefix.as_ref().map_or(0, |p| p.as_str().len());
        // The first of equals: max_by_key alone would take the last.
        let Some(entry) = self.entries.iter().rev().filter(fits).max_by_key(length) else { return Ok(None) };
        let password = entry.password.resolve(&|name| self.environment.variable(name));
        let password =
            password.map_err(|source| CredentialError::Secret { entry: entry.name.clone(), source })?;
        let login = Login::Password { user: entry.user.clone(), password };
        Ok(Some(FoundCredential { login, origin: format!("the configuration's entry {:?}", entry.name) }))
    }

    async fn in_file(
        &self,
        file: &AuthFile,
        path: &Path,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<FoundCredential>, CredentialError> {
        let Some(helper) = file.helper(registry, repository) else {
            return file.credential(registry, repository, false, path);
        };
        // What is for a part of the registry wins over what is for all of it, wherever of the two it is.
        for server in file.parts(registry, repository) {
            if let Some(found) = self.ask_helper(helper, server).await {
                return Ok(Some(found));
            }
        }
        if let Some(found) = file.credential(registry, repository, true, path)? {
            return Ok(Some(found));
        }
        match self.ask_helper(helper, registry.credential_key()).await {
            Some(found) => Ok(Some(found)),
            None => file.credential(registry, repository, false, path),
        }
    }

    /// What a helper has; a helper that fails is warned of, and has nothing.
    async fn ask_helper(&self, helper: &str, server: &str) -> Option<FoundCredential> {
        let key = (helper.to_owned(), server.to_owned());
        let mut answers = self.helpers.lock().await;
        let kept = answers.get(&key).filter(|(at, _)| at.elapsed() < HELPER_ANSWER_KEPT);
        let login = match kept {
            Some((_, answer)) => answer.clone(),
            None => {
                let environment = &self.environment;
                let asked = Helper { name: helper, server, environment, limit: helper::TIME_LIMIT };
                let answer = asked.get().await.unwrap_or_else(|error| {
                    self.warn(&error);
                    None
                });
                // A failure is kept too: the next blob need not wait ten seconds for it again.
                answers.insert(key, (Instant::now(), answer.clone()));
                answer
            }
        };
        Some(FoundCredential { login: login?, origin: format!("docker-credential-{helper}") })
    }

    /// Forgets what helpers answered: somebody has logged in or out.
    pub async fn forget(&self) {
        self.helpers.lock().await.clear();
    }

    fn warn(&self, error: &CredentialError) {
        let text = error.to_string();
        // A poisoned lock only means that another thread died while it noted a warning.
        let mut warned = self.warned.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if warned.len() < 1000 && warned.insert(text.clone()) {
            tracing::warn!("{text}");
        }
    }
}

#[cfg(test)]
mod login_tests;
#[cfg(test)]
mod tests;

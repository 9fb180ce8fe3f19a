//! Where a login is kept: the helper that Docker's `config.json` names, else that file itself, or the file that
//! `--authfile` or `REGISTRY_AUTH_FILE` names.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use super::auth_file::{AuthFile, is_for};
use super::helper::{Helper, PERSON_LIMIT};
use super::rewrite::Rewritten;
use super::{CredentialError, Environment};
use crate::config::url::RegistryUrl;
use crate::config::{Config, RegistryType};
use crate::oci::{Registry, Repository, printable, printable_name};

/// Whom a login is for: a registry, or what is below a path of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginTarget {
    /// The registry.
    pub registry: Registry,
    /// The path that everything it is for is below; all of the registry if none.
    pub part: Option<Repository>,
}

impl LoginTarget {
    /// The key in a credential file: `https://index.docker.io/v1/`, `HOST[:PORT]`, `HOST[:PORT]/PATH`.
    pub fn key(&self) -> String {
        match &self.part {
            Some(part) => format!("{}/{part}", self.registry),
            None => self.registry.credential_key().to_owned(),
        }
    }
}

impl fmt::Display for LoginTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "{}/{part}", self.registry),
            None => write!(f, "{}", self.registry),
        }
    }
}

impl FromStr for LoginTarget {
    type Err = String;

    /// `HOST[:PORT][/PATH]`, with or without a scheme, as `docker login` takes it.
    fn from_str(text: &str) -> Result<LoginTarget, String> {
        let url: RegistryUrl = text.trim().parse()?;
        Ok(LoginTarget { registry: url.registry, part: url.prefix })
    }
}

impl Config {
    /// Reads `HOST[:PORT][/PATH]` or the name of a registries entry. The error is a reason, for people.
    pub fn login_target(&self, text: &str) -> Result<LoginTarget, String> {
        let shown = printable_name(text, 100);
        match self.entry(text) {
            None => text.parse().map_err(|reason| format!("{shown:?} is no registry: {reason}")),
            Some(entry) => match entry.registry() {
                Some(registry) => Ok(LoginTarget { registry, part: entry.prefix() }),
                None => Err(format!("the entry {shown:?} is of type {}", entry.kind.as_str())),
            },
        }
    }

    /// The entry whose password is used for `target`, whatever a login stores.
    pub fn password_before(&self, target: &LoginTarget) -> Option<&str> {
        let has = |entry: &&super::super::RegistryEntry| {
            entry.kind == RegistryType::Registry
                && entry.password.is_some()
                && entry.registry().as_ref() == Some(&target.registry)
                && entry.prefix().is_none_or(|prefix| {
                    target.part.as_ref().is_some_and(|part| crate::config::lookup::is_below(part, &prefix))
                })
        };
        self.registries.iter().find(has).map(|entry| entry.name.as_str())
    }
}

/// Where a login is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginPlace {
    /// The credential file: it has the login, or names the helper that has it.
    pub file: PathBuf,
    /// The helper that has it (`pass`, `secretservice`, `osxkeychain`).
    pub helper: Option<String>,
}

impl LoginPlace {
    /// Whether the password stands there as it is, for all who can read the file.
    pub fn is_unencrypted(&self) -> bool {
        self.helper.is_none()
    }
}

impl fmt::Display for LoginPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.helper {
            Some(helper) => write!(f, "docker-credential-{}", printable(helper, 60)),
            None => write!(f, "{}", self.file.display()),
        }
    }
}

/// What came of a logout.
#[derive(Debug, Default)]
pub struct Erased {
    /// Where something was erased.
    pub places: Vec<LoginPlace>,
    /// Where something may be left, and why.
    pub failures: Vec<CredentialError>,
}

/// Keeps logins and erases them.
#[derive(Debug, Clone)]
pub struct LoginStore {
    authfile: Option<PathBuf>,
    environment: Environment,
}

impl LoginStore {
    /// The home and the variables that it looks at.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// A store over `--authfile` and the environment's files.
    pub fn new(authfile: Option<PathBuf>, environment: Environment) -> LoginStore {
        LoginStore { authfile, environment }
    }

    /// The registries that there are logins for, sorted: what the files' lists say. No secret is read for it, no helper
    /// asked; a file that cannot be understood has none.
    pub fn known(&self) -> Vec<Registry> {
        let files = self.authfile.iter().cloned().chain(self.environment.auth_files());
        let mut known: Vec<Registry> = files
            .filter_map(|file| AuthFile::read(&file).ok().flatten())
            .flat_map(|file| file.registries())
            .collect();
        known.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        known.dedup();
        known
    }

    /// Where a login for `target` will be kept. A file that cannot be understood is an error: it is not written over.
    pub fn place(&self, target: &LoginTarget) -> Result<LoginPlace, CredentialError> {
        let file = self.authfile.clone().or_else(|| self.environment.auth_files().into_iter().next());
        let file = file.ok_or_else(|| CredentialError::File {
            path: PathBuf::from("~/.docker/config.json"),
            reason: "this user has no home directory; name a file with --authfile".to_owned(),
        })?;
        let content = AuthFile::read(&file)?.unwrap_or_default();
        let helper = content.helper(&target.registry, target.part.as_ref()).map(str::to_owned);
        Ok(LoginPlace { file, helper })
    }

    /// Keeps a login, whatever was there for the target before. An `identity_token` is kept in the password's place, as
    /// Docker does.
    pub async fn store(
        &self,
        target: &LoginTarget,
        user: &str,
        password: &SecretString,
        identity_token: Option<&SecretString>,
    ) -> Result<LoginPlace, CredentialError> {
        let place = self.place(target)?;
        let key = target.key();
        let mut file = Rewritten::read(&place.file)?;
        match &place.helper {
            Some(name) => {
                let helper = self.helper(name, &key);
                match identity_token {
                    Some(token) => helper.store("<token>", token).await?,
                    None => helper.store(user, password).await?,
                }
                // The file's empty entries are the list of what a helper has.
                file.note(&key, |other| is_for(other, &target.registry, target.part.as_ref()));
            }
            None => {
                let same = |other: &str| is_for(other, &target.registry, target.part.as_ref());
                let password = identity_token.map_or(password.expose_secret(), |_| "");
                file.set(&key, same, user, password, identity_token.map(ExposeSecret::expose_secret));
            }
        }
        let place_of = place.clone();
        write(file).await.map(|()| place_of)
    }

    /// Erases what there is for a target: with `--authfile` in that file, else in all the files and helpers that are
    /// asked for credentials.
    pub async fn erase(&self, target: &LoginTarget) -> Erased {
        let files = match &self.authfile {
            Some(file) => vec![file.clone()],
            None => self.environment.auth_files(),
        };
        let mut erased = Erased::default();
        for file in files {
            if let Err(failure) = self.erase_in(&file, target, &mut erased.places).await {
                erased.failures.push(failure);
            }
        }
        erased
    }

    async fn erase_in(
        &self,
        file: &std::path::Path,
        target: &LoginTarget,
        places: &mut Vec<LoginPlace>,
    ) -> Result<(), CredentialError> {
        let Some(content) = AuthFile::read(file)? else { return Ok(()) };
        let place = |helper| LoginPlace { file: file.to_owned(), helper };
        let helper = content.helper(&target.registry, target.part.as_ref()).map(str::to_owned);
        let mut failed = Ok(());
        if let Some(name) = &helper {
            let helper = self.helper(name, &target.key()).erase_known().await;
            match helper {
                Ok(true) => places.push(place(Some(name.clone()))),
                Ok(false) => {}
                Err(error) => failed = Err(error),
            }
        }
        let mut rewritten = Rewritten::read(file)?;
        let removed = rewritten.remove(|key| is_for(key, &target.registry, target.part.as_ref()));
        if removed.any {
            write(rewritten).await?;
        }
        if removed.a_secret {
            places.push(place(None));
        }
        failed
    }

    fn helper<'a>(&'a self, name: &'a str, server: &'a str) -> Helper<'a> {
        Helper { name, server, environment: &self.environment, limit: PERSON_LIMIT }
    }
}

impl Helper<'_> {
    /// Erases, and tells whether there was anything: some helpers erase what is not there without a word.
    async fn erase_known(&self) -> Result<bool, CredentialError> {
        if self.get().await?.is_none() {
            return Ok(false);
        }
        self.erase().await.map(|()| true)
    }
}

/// Writes where it does not hold up other tasks.
async fn write(file: Rewritten) -> Result<(), CredentialError> {
    let path = file.path().to_owned();
    let written = tokio::task::spawn_blocking(move || file.write()).await;
    written.unwrap_or_else(|e| Err(CredentialError::Write { path, reason: e.to_string() }))
}

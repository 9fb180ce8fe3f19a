//! Logging in and out, done outside the state: the registry is asked first, then the login is kept where `docker login`
//! would keep it, then the engine looks for it again.

use super::state::login::Password;
use crate::config::credentials::{CredentialError, LoginStore, LoginTarget};
use crate::config::{Config, Language};
use crate::engine::Engine;
use crate::job::Failure;
use crate::oci::printable;

/// Where logins are kept.
#[derive(Debug, Clone)]
pub struct Logins {
    /// The credential files and helpers.
    pub store: LoginStore,
    /// The configuration, whose own passwords are used before them.
    pub config: Config,
}

impl Logins {
    /// Checks a login and keeps it; the answer says where, for people.
    pub(super) async fn log_in(
        &self,
        engine: &Engine,
        target: &LoginTarget,
        user: &str,
        Password(password): Password,
    ) -> Result<String, Failure> {
        // A file that cannot be understood is found before the registry is asked.
        self.store.place(target).map_err(|error| failure(&error))?;
        let checked = engine.check_login(&target.registry, target.part.as_ref(), user, &password).await;
        let checked = checked.map_err(|error| error.failure())?;
        let token = checked.identity_token.as_ref();
        let place =
            self.store.store(target, user, &password, token).await.map_err(|error| failure(&error))?;
        engine.forget_login(&target.registry).await;
        let words = self.words();
        let mut told = words.login_done(target, &place);
        if place.is_unencrypted() {
            told += words.login_not_encrypted();
        }
        if !checked.was_asked {
            told = words.login_unasked(target, &place);
        }
        if let Some(entry) = self.config.password_before(target) {
            told += &words.login_hidden_by(format!("{entry:?}"));
        }
        Ok(told)
    }

    /// Forgets what is kept for a registry; the answer says what that was, for people.
    pub(super) async fn log_out(&self, engine: &Engine, target: &LoginTarget) -> Result<String, Failure> {
        let erased = self.store.erase(target).await;
        engine.forget_login(&target.registry).await;
        if let Some(error) = erased.failures.first() {
            return Err(failure(error));
        }
        let places: Vec<String> = erased.places.iter().map(ToString::to_string).collect();
        let words = self.words();
        let mut told = match places.is_empty() {
            true => words.logout_nothing(target),
            false => words.logout_done(target, places.join(", ")),
        };
        if let Some(entry) = self.config.password_before(target) {
            told += &words.logout_entry_stays(format!("{entry:?}"));
        }
        Ok(told)
    }

    /// The language of what is told.
    fn words(&self) -> Language {
        self.config.language.unwrap_or_default()
    }
}

fn failure(error: &CredentialError) -> Failure {
    Failure {
        message: printable(&error.to_string(), 2000),
        class: error.class(),
        hint: Some(error.hint().into()),
        exchange: None,
    }
}

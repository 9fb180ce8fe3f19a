//! Checking a user name and a password before they are kept, and forgetting what was known of a registry's logins.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;

use super::auth::Scopes;
use super::client::Client;
use super::host::Host;
use super::http::Call;
use super::options::{ClientOptions, Credential, Credentials};
use crate::oci::{Registry, Repository};
use crate::transport::{Error, Result};

/// Attempts where nobody answers: a person is waiting.
const ATTEMPTS: u32 = 2;

/// A login that was not refused.
#[derive(Debug, Clone)]
pub struct CheckedLogin {
    /// Whether the registry asked for a login at all. Where not, nothing was checked.
    pub was_asked: bool,
    /// A refresh token that stands for the password from now on, where the token server gives one.
    pub identity_token: Option<SecretString>,
}

/// One credential, for whoever asks.
struct Given {
    username: String,
    password: SecretString,
}

impl Credentials for Given {
    fn find<'a>(
        &'a self,
        _: &'a Registry,
        _: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Option<Credential>, String>> {
        let (username, password) = (self.username.clone(), self.password.clone());
        Box::pin(async { Ok(Some(Credential::Basic { username, password })) })
    }
}

impl Client {
    /// Whether a registry takes this user name and password: it is pinged with them, as it asks for it. `part` is where
    /// they are for, for errors. Nothing is remembered.
    pub async fn check_login(
        &self,
        registry: &Registry,
        part: Option<&Repository>,
        username: &str,
        password: &SecretString,
    ) -> Result<CheckedLogin> {
        let given = Given { username: username.to_owned(), password: password.clone() };
        let options = ClientOptions { credentials: Arc::new(given), ..self.options().clone() };
        let host = Host::for_login(registry.clone(), Arc::new(options));
        let at = part.map_or_else(|| registry.to_string(), |part| format!("{registry}/{part}"));
        let url = host.url("")?;
        let call = Call::new("log in to", at, Method::GET, url, Scopes::default()).attempts(ATTEMPTS);
        let answer = host.call(&call).await?;
        let is_page =
            answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        answer.drain().await;
        // Whoever answers everything with a page has checked nothing, and is sent no password later.
        if is_page && !host.auth.was_asked() {
            let (expected, found) = ("a registry's answer".to_owned(), "a web page".to_owned());
            return Err(Error::Content { attempted: "log in to", at: registry.to_string(), expected, found });
        }
        Ok(CheckedLogin { was_asked: host.auth.was_asked(), identity_token: host.auth.refresh_token() })
    }

    /// Somebody has logged in to a registry or out of it: requests from now on find their credential anew.
    pub async fn forget_login(&self, registry: &Registry) {
        self.options().credentials.forget(registry).await;
        self.host(registry).auth.forget();
    }
}

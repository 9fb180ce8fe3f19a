//! Logging in: whether a registry takes a user name and a password, and going on with what was stored since.

use secrecy::SecretString;

use super::{Engine, Error, Result};
use crate::oci::{Registry, Repository};
pub use crate::transport::registry::CheckedLogin;

impl Engine {
    /// Whether a registry takes this user name and password, asked of the registry itself. `part` is the path they are
    /// for, if they are not for all of it. Nothing is stored and nothing remembered. A wrong password is an error of
    /// class `auth`.
    pub async fn check_login(
        &self,
        registry: &Registry,
        part: Option<&Repository>,
        user: &str,
        password: &SecretString,
    ) -> Result<CheckedLogin> {
        let checked = self.0.client.check_login(registry, part, user, password).await;
        checked.map_err(|error| Error::Login(Box::new(error)))
    }

    /// Credentials for a registry have changed: running jobs and later questions look for them again.
    pub async fn forget_login(&self, registry: &Registry) {
        self.0.client.forget_login(registry).await;
    }
}

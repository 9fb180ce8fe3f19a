//! The configuration's credentials in the form that the registry client asks for.

use futures_util::future::BoxFuture;

use crate::config::credentials::{CredentialStore, FoundCredential, Login};
use crate::oci::{Registry, Repository};
use crate::transport::registry::{Credential, Credentials};

/// Adapts a [`CredentialStore`].
pub(super) struct StoredCredentials(pub(super) CredentialStore);

impl Credentials for StoredCredentials {
    fn find<'a>(
        &'a self,
        registry: &'a Registry,
        repository: Option<&'a Repository>,
    ) -> BoxFuture<'a, Result<Option<Credential>, String>> {
        Box::pin(async move {
            let found = self.0.find(registry, repository).await.map_err(|error| error.to_string())?;
            Ok(found.map(|FoundCredential { login, .. }| match login {
                Login::Password { user, password } => Credential::Basic { username: user, password },
                Login::IdentityToken(token) => Credential::IdentityToken(token),
                Login::RegistryToken(token) => Credential::Bearer(token),
            }))
        })
    }

    fn forget<'a>(&'a self, _: &'a Registry) -> BoxFuture<'a, ()> {
        Box::pin(self.0.forget())
    }
}

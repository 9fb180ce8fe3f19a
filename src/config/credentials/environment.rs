//! What credentials need to know of the process: its home and its variables, passed in so that tests can
//! make up their own.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Looks a variable up.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The home directory and the environment's variables.
#[derive(Clone)]
pub struct Environment {
    /// The home directory.
    pub home: Option<PathBuf>,
    variables: Arc<Lookup>,
}

impl Environment {
    /// This process's.
    pub fn of_process() -> Environment {
        Environment::new(crate::config::paths::home(), |name| std::env::var(name).ok())
    }

    /// One made up.
    pub fn new(
        home: Option<PathBuf>,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Environment {
        Environment { home, variables: Arc::new(variables) }
    }

    /// A variable's value; `None` where it is not set or empty.
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from)
    }

    /// The files that credentials are looked for in when nobody names one, first come first:
    /// `REGISTRY_AUTH_FILE`, Docker's, podman's of the session and podman's lasting one.
    pub fn auth_files(&self) -> Vec<PathBuf> {
        let below_home = |path: &str| self.home.as_ref().map(|home| home.join(path));
        let docker = self.path("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        let config = self.path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        [
            self.path("REGISTRY_AUTH_FILE"),
            docker.map(|dir| dir.join("config.json")),
            self.path("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
            config.map(|dir| dir.join("containers/auth.json")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("home", &self.home).finish_non_exhaustive()
    }
}

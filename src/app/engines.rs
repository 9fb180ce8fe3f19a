//! Where container engines are: the configuration's entries, Docker's environment and contexts, and the sockets that
//! engines usually have. Looked at when an engine is asked for, so that a command without one reads nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::options::tls_options;
use crate::config::credentials::Environment;
use crate::config::{Config, RegistryEntry, RegistryType};
use crate::engine::{DaemonPlaces, FindEngine};
use crate::transport::daemon::{Contexts, Endpoint, Trouble, tls_files};
use crate::transport::{Error, Result};

/// Engines as the engine wants them.
pub(super) fn places(config: &Config, environment: Environment, staging: PathBuf) -> DaemonPlaces {
    let search = Search {
        entries: config.registries.iter().filter(|e| e.kind == RegistryType::Docker).cloned().collect(),
        environment,
    };
    let find: FindEngine = Arc::new(move |name| search.find(name));
    DaemonPlaces { find, staging }
}

/// Where to look.
struct Search {
    entries: Vec<RegistryEntry>,
    environment: Environment,
}

impl Search {
    fn find(&self, name: Option<&str>) -> Result<Endpoint> {
        let at = name.map_or("docker-daemon".to_owned(), |name| format!("docker-daemon://{name}"));
        let wrong = |reason: String| unknown(at.clone(), reason);
        let Some(name) = name else { return self.usual(&at) };
        if let Some(entry) = self.entries.iter().find(|entry| entry.name == name) {
            return match (entry.url.as_str(), entry.url.strip_prefix("context://")) {
                ("", _) => self.usual(&at),
                (_, Some(context)) => self.context(context, &at),
                (url, None) => {
                    let tls = entry.tls.clone().filter(|tls| !tls.plain).map(tls_options);
                    Endpoint::parse(url, tls).map_err(wrong)
                }
            };
        }
        if name == "default" {
            return self.without_context(&at);
        }
        match self.contexts().map(|contexts| contexts.find(name)).transpose()?.flatten() {
            Some(endpoint) => Ok(endpoint),
            None => Err(wrong("no entry of type docker and no Docker context has this name".to_owned())),
        }
    }

    /// The engine that the docker command would speak to, else the first usual socket that is there.
    fn usual(&self, at: &str) -> Result<Endpoint> {
        if self.environment.variable("DOCKER_HOST").is_some() {
            return self.without_context(at);
        }
        let current = match self.environment.variable("DOCKER_CONTEXT") {
            Some(context) => Some(context).filter(|context| context != "default"),
            None => self.contexts().map(|contexts| contexts.current()).transpose()?.flatten(),
        };
        match current {
            Some(context) => self.context(&context, at),
            None => self.without_context(at),
        }
    }

    fn context(&self, name: &str, at: &str) -> Result<Endpoint> {
        if name == "default" {
            return self.without_context(at);
        }
        let found = self.contexts().map(|contexts| contexts.find(name)).transpose()?.flatten();
        let lacking = || unknown(at.to_owned(), format!("there is no Docker context {name:?}"));
        found.ok_or_else(lacking)
    }

    fn without_context(&self, at: &str) -> Result<Endpoint> {
        match self.environment.variable("DOCKER_HOST") {
            Some(host) => Endpoint::parse(&host, self.environment_tls())
                .map_err(|reason| unknown(at.to_owned(), format!("DOCKER_HOST: {reason}"))),
            None => Ok(Endpoint::Unix(self.socket())),
        }
    }

    /// `DOCKER_TLS_VERIFY` and `DOCKER_TLS`, with the files of `DOCKER_CERT_PATH`.
    fn environment_tls(&self) -> Option<crate::transport::registry::TlsOptions> {
        let verify = self.environment.variable("DOCKER_TLS_VERIFY").is_some();
        if !verify && self.environment.variable("DOCKER_TLS").is_none() {
            return None;
        }
        let directory = self.environment.variable("DOCKER_CERT_PATH").map(PathBuf::from);
        let directory = directory.or_else(|| self.docker_directory()).unwrap_or_default();
        Some(tls_files(&directory, !verify))
    }

    /// Docker's socket, the rootless one, podman's; Docker's if none is there.
    fn socket(&self) -> PathBuf {
        let session = self.environment.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let in_session = |name: &str| session.as_ref().map(|directory| directory.join(name));
        let usual = || Some(PathBuf::from("/var/run/docker.sock"));
        let podman = [in_session("podman/podman.sock"), Some(PathBuf::from("/run/podman/podman.sock"))];
        let all = [usual(), in_session("docker.sock")].into_iter().chain(podman).flatten();
        all.into_iter().find(|path| Path::exists(path)).or_else(usual).unwrap_or_default()
    }

    fn contexts(&self) -> Option<Contexts> {
        self.docker_directory().map(Contexts::new)
    }

    fn docker_directory(&self) -> Option<PathBuf> {
        let below_home = || self.environment.home.as_ref().map(|home| home.join(".docker"));
        self.environment.variable("DOCKER_CONFIG").map(PathBuf::from).or_else(below_home)
    }
}

fn unknown(at: String, reason: String) -> Error {
    Error::Daemon { attempted: "find", at, reason, trouble: Trouble::Unknown }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn search(home: &Path, config: &str, variables: &[(&str, &str)]) -> Search {
        let file = home.join("config.yaml");
        std::fs::write(&file, config).unwrap();
        let config = Config::load(Some(&file), None).unwrap().config;
        let variables: HashMap<String, String> =
            variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let environment = Environment::new(Some(home.to_owned()), move |name| variables.get(name).cloned());
        Search { entries: config.registries, environment }
    }

    #[test]
    fn the_engine_is_the_one_that_the_docker_command_would_take() {
        let home = tempfile::tempdir().unwrap();
        let meta = home.path().join(".docker/contexts/meta").join(crate::oci::Digest::of(b"far").hex());
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"far","Endpoints":{"docker":{"Host":"ssh://me@far"}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        let config = "registries:\n- {name: build, type: docker, url: 'tcp://10.0.0.1:2376', tls: {verify: true, ca_file: ca.pem}}\n\
            - {name: other, type: docker, url: 'context://far'}\n- {name: here, type: docker}\n";
        let found = |variables: &[(&str, &str)], name: Option<&str>| {
            search(home.path(), config, variables).find(name).map(|e| e.to_string())
        };
        let run = home.path().join("run");
        std::fs::create_dir_all(run.join("podman")).unwrap();
        std::fs::write(run.join("podman/podman.sock"), "").unwrap();
        let session = ("XDG_RUNTIME_DIR", run.to_str().unwrap());
        // This machine may have a socket of Docker's.
        let docker = Path::new("/var/run/docker.sock").exists();
        let usual = |path: &str| format!("unix://{}", if docker { "/var/run/docker.sock" } else { path });
        let podman = run.join("podman/podman.sock").display().to_string();
        for (variables, name, want) in [
            (&[][..], Some("build"), "tcp://10.0.0.1:2376".to_owned()),
            (&[], Some("other"), "ssh://me@far".to_owned()),
            (&[], Some("far"), "ssh://me@far".to_owned()),
            (&[("DOCKER_HOST", "tcp://h")], None, "tcp://h:2375".to_owned()),
            (&[("DOCKER_HOST", "tcp://h")], Some("here"), "tcp://h:2375".to_owned()),
            (&[("DOCKER_HOST", "tcp://h"), ("DOCKER_TLS_VERIFY", "1")], None, "tcp://h:2376".to_owned()),
            (&[("DOCKER_HOST", "tcp://h"), ("DOCKER_CONTEXT", "far")], None, "tcp://h:2375".to_owned()),
            (&[("DOCKER_CONTEXT", "far")], None, "ssh://me@far".to_owned()),
            (&[("DOCKER_CONTEXT", "far")], Some("default"), usual("/var/run/docker.sock")),
            (&[session], None, usual(&podman)),
        ] {
            assert_eq!(found(variables, name).unwrap(), want, "{variables:?} {name:?}");
        }
        std::fs::write(home.path().join(".docker/config.json"), r#"{"currentContext":"far"}"#).unwrap();
        assert_eq!(found(&[], None).unwrap(), "ssh://me@far");
        assert_eq!(found(&[("DOCKER_CONTEXT", "default"), session], None).unwrap(), usual(&podman));
        for (variables, name) in [
            (&[][..], Some("nobody")),
            (&[("DOCKER_CONTEXT", "gone")], None),
            (&[("DOCKER_HOST", "x")], None),
        ] {
            let error = search(home.path(), config, variables).find(name).unwrap_err();
            assert_eq!(error.class(), crate::oci::ErrorClass::Config, "{error}");
        }
        let tls = match search(home.path(), config, &[]).find(Some("build")).unwrap() {
            Endpoint::Tcp { tls, .. } => tls,
            other => panic!("{other}"),
        };
        assert_eq!(tls.unwrap().ca_file, Some(home.path().join("ca.pem")));
    }
}

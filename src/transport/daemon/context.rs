//! Docker contexts: what `docker context create` and `docker context use` write below Docker's configuration directory.
//! bollard reads none of it. Nothing is written here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::registry::TlsOptions;
use super::{Endpoint, Error, Result};
use crate::oci::{Digest, printable};

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// Docker's configuration directory, `~/.docker` or what `DOCKER_CONFIG` names.
#[derive(Debug, Clone)]
pub struct Contexts {
    directory: PathBuf,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext", default)]
    current: String,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Endpoints", default)]
    endpoints: std::collections::HashMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
struct MetaEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

impl Contexts {
    /// The contexts below `directory`; it need not be there.
    pub fn new(directory: PathBuf) -> Contexts {
        Contexts { directory }
    }

    /// The context that `docker context use` chose; `None` for Docker's default.
    pub fn current(&self) -> Result<Option<String>> {
        let path = self.directory.join("config.json");
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let file: ConfigFile = serde_json::from_slice(&bytes)
            .map_err(|_| Error::Format { path, reason: "this is no configuration of Docker's".to_owned() })?;
        Ok(Some(file.current).filter(|name| !name.is_empty() && name != "default"))
    }

    /// Where a context's engine is; `None` if there is no context of that name.
    pub fn find(&self, name: &str) -> Result<Option<Endpoint>> {
        let id = Digest::of(name.as_bytes()).hex().to_owned();
        let path = self.directory.join("contexts/meta").join(&id).join("meta.json");
        let Some(meta) = read_meta(&path)? else { return Ok(None) };
        let shown = printable(name, 80);
        let wrong = |reason: String| Error::Format { path: path.clone(), reason };
        let endpoint = meta.endpoints.get("docker");
        let endpoint =
            endpoint.ok_or_else(|| wrong(format!("the context {shown} has no docker endpoint")))?;
        let tls = self.tls(&id, endpoint.skip_tls_verify);
        let found = Endpoint::parse(&endpoint.host, tls)
            .map_err(|reason| wrong(format!("the context {shown}: {reason}")))?;
        Ok(Some(found))
    }

    /// The names of all contexts, sorted; files that cannot be read are passed over.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.join("contexts/meta"));
        let metas = entries.into_iter().flatten().flatten();
        let metas = metas.filter_map(|entry| read_meta(&entry.path().join("meta.json")).ok().flatten());
        let mut names: Vec<String> = metas.map(|meta| meta.name).filter(|name| !name.is_empty()).collect();
        names.sort();
        names
    }

    /// TLS is spoken where the context has files for it, or says that certificates are not to be looked at.
    fn tls(&self, id: &str, insecure: bool) -> Option<TlsOptions> {
        let directory = self.directory.join("contexts/tls").join(id).join("docker");
        let tls = tls_files(&directory, insecure);
        (insecure || tls.ca_file.is_some() || tls.cert_file.is_some()).then_some(tls)
    }
}

/// `ca.pem`, `cert.pem` and `key.pem` of a directory, as far as they are there: Docker's names for them.
pub fn tls_files(directory: &Path, insecure: bool) -> TlsOptions {
    let file = |name: &str| Some(directory.join(name)).filter(|path| path.is_file());
    TlsOptions {
        insecure,
        // Without verification nobody's authority is asked.
        ca_file: file("ca.pem").filter(|_| !insecure),
        cert_file: file("cert.pem").filter(|_| directory.join("key.pem").is_file()),
        key_file: file("key.pem"),
        ..TlsOptions::default()
    }
}

fn read_meta(path: &Path) -> Result<Option<Meta>> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let meta = serde_json::from_slice(&bytes).map_err(|_| Error::Format {
        path: path.to_owned(),
        reason: "this is no description of a Docker context".to_owned(),
    })?;
    Ok(Some(meta))
}

/// A small file; `None` if it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(Error::file("read", path, e)),
        Ok(there) if !there.is_file() || there.len() > FILE_LIMIT => {
            let reason = "this is no file that Docker wrote".to_owned();
            return Err(Error::Format { path: path.to_owned(), reason });
        }
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(|e| Error::file("read", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn contexts_are_found_by_their_names() {
        let home = tempfile::tempdir().unwrap();
        let contexts = Contexts::new(home.path().join(".docker"));
        assert_eq!((contexts.current().unwrap(), contexts.find("build").unwrap()), (None, None));
        assert!(contexts.names().is_empty());
        let meta = |name: &str, text: &str| {
            let id = Digest::of(name.as_bytes()).hex().to_owned();
            write(home.path().join(".docker/contexts/meta").join(&id).join("meta.json"), text);
            home.path().join(".docker/contexts/tls").join(id).join("docker")
        };
        // The docker command names the directory so.
        assert!(Digest::of(b"build").hex().starts_with("44575cf5b285"));
        meta(
            "build",
            r#"{"Name":"build","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@build","SkipTLSVerify":false}}}"#,
        );
        let tls = meta("far", r#"{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2376"}}}"#);
        meta("bare", r#"{"Name":"bare","Endpoints":{"kubernetes":{}}}"#);
        meta("broken", "{");
        assert_eq!(contexts.find("build").unwrap().unwrap().to_string(), "ssh://me@build");
        let far = || match contexts.find("far").unwrap() {
            Some(Endpoint::Tcp { tls, .. }) => tls,
            other => panic!("{other:?}"),
        };
        assert_eq!(far(), None);
        for name in ["ca.pem", "cert.pem", "key.pem"] {
            write(tls.join(name), "x");
        }
        assert_eq!(far().unwrap().cert_file, Some(tls.join("cert.pem")));
        assert!(matches!(contexts.find("bare"), Err(Error::Format { .. })));
        assert!(matches!(contexts.find("broken"), Err(Error::Format { .. })));
        assert_eq!(contexts.names(), ["bare", "build", "far"]);
        write(home.path().join(".docker/config.json"), r#"{"auths":{},"currentContext":"far"}"#);
        assert_eq!(contexts.current().unwrap().as_deref(), Some("far"));
        write(home.path().join(".docker/config.json"), r#"{"currentContext":"default"}"#);
        assert_eq!(contexts.current().unwrap(), None);
    }
}

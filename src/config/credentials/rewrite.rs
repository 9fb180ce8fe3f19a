//! A credential file that is changed in one place: all else in it stays as it is and where it is, whoever it is for.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json};

use super::CredentialError;
use super::auth_file::read_text;

/// Links that are followed from the file's name to the file.
const LINKS: usize = 16;

/// A credential file's content.
pub(super) struct Rewritten {
    path: PathBuf,
    root: Map<String, Value>,
}

/// What was removed.
pub(super) struct Removed {
    /// Whether anything was.
    pub any: bool,
    /// Whether it held a password or a token.
    pub a_secret: bool,
}

impl Rewritten {
    /// Reads a file; one that is not there or is empty has nothing in it.
    pub fn read(path: &Path) -> Result<Rewritten, CredentialError> {
        let broken =
            |reason: &str| CredentialError::File { path: path.to_owned(), reason: reason.to_owned() };
        let text = read_text(path)?.unwrap_or_default();
        let root = match text.trim_ascii().is_empty() {
            true => Map::new(),
            false => match serde_json::from_slice(&text) {
                Ok(Value::Object(root)) => root,
                // serde's message would quote values of the file.
                _ => return Err(broken("it is no JSON object")),
            },
        };
        match root.get("auths") {
            None | Some(Value::Null | Value::Object(_)) => Ok(Rewritten { path: path.to_owned(), root }),
            Some(_) => Err(broken("its auths are no JSON object")),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a login at `key`, and at every other spelling of it that has one (`same`): whoever reads that one is not
    /// left with what it was before.
    pub fn set(
        &mut self,
        key: &str,
        same: impl Fn(&str) -> bool,
        user: &str,
        password: &str,
        identity_token: Option<&str>,
    ) {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        self.each(key, same, |entry| {
            entry.insert("auth".to_owned(), auth.clone().into());
            if let Some(token) = identity_token {
                entry.insert("identitytoken".to_owned(), token.into());
            }
        });
    }

    /// Notes at `key` that a helper has the login. What stood there itself is gone.
    pub fn note(&mut self, key: &str, same: impl Fn(&str) -> bool) {
        self.each(key, same, |_| {});
    }

    fn each(&mut self, key: &str, same: impl Fn(&str) -> bool, fill: impl Fn(&mut Map<String, Value>)) {
        let auths = self.root.entry("auths").or_insert_with(|| json!({}));
        if auths.is_null() {
            *auths = json!({});
        }
        // `read` has seen to it that there is nothing else.
        let Some(auths) = auths.as_object_mut() else { return };
        if !auths.contains_key(key) {
            auths.insert(key.to_owned(), json!({}));
        }
        for (other, entry) in auths.iter_mut().filter(|(other, _)| *other == key || same(other)) {
            if other != key && !holds_secret(entry) {
                continue;
            }
            if !entry.is_object() {
                *entry = json!({});
            }
            if let Value::Object(entry) = entry {
                entry.retain(|field, _| !SECRETS.contains(&field.as_str()));
                fill(entry);
            }
        }
    }

    /// Removes the entries with these keys.
    pub fn remove(&mut self, is_one: impl Fn(&str) -> bool) -> Removed {
        let mut removed = Removed { any: false, a_secret: false };
        if let Some(Value::Object(auths)) = self.root.get_mut("auths") {
            auths.retain(|key, entry| {
                let goes = is_one(key);
                removed.any |= goes;
                removed.a_secret |= goes && holds_secret(entry);
                !goes
            });
        }
        removed
    }

    /// Writes the file: whole or not at all, for its owner alone. A link stays a link.
    pub fn write(&self) -> Result<(), CredentialError> {
        let written = self.text().and_then(|text| replace(&followed(&self.path)?, &text));
        written.map_err(|e| CredentialError::Write {
            path: self.path.clone(),
            reason: crate::config::load::plain(&e),
        })
    }

    /// As Docker and podman write it.
    fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let tabs = PrettyFormatter::with_indent(b"\t");
        self.root.serialize(&mut serde_json::Serializer::with_formatter(&mut text, tabs))?;
        text.push(b'\n');
        Ok(text)
    }
}

/// The fields of an entry that are a login.
const SECRETS: [&str; 5] = ["auth", "username", "password", "identitytoken", "registrytoken"];

fn holds_secret(entry: &Value) -> bool {
    SECRETS.iter().any(|field| entry.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty()))
}

/// The file that a name leads to; it need not be there yet.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            // A relative link is relative to where it lies.
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = directory.join(name);
    let written = write_beside(&partial, path, text).and_then(|()| std::fs::rename(&partial, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written?;
    // The name itself is kept by the directory; a file system that cannot do this has other ways.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

fn write_beside(partial: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    // One that a killed process with this number left is in nobody's use.
    let _ = std::fs::remove_file(partial);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(partial)?;
    if let (Ok(was), Ok(is)) = (std::fs::metadata(path), file.metadata())
        && (was.uid(), was.gid()) != (is.uid(), is.gid())
    {
        // Root who logs in for a user leaves that user the file.
        fchown(&file, Some(was.uid()), Some(was.gid()))?;
    }
    file.write_all(text)?;
    file.sync_all()
}

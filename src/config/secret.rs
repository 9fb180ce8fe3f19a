//! Secrets as a file names them: an environment variable, another file, or (reluctantly) literally.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::oci::printable;

/// The largest file that a secret is read from, in bytes.
const FILE_LIMIT: u64 = 64 << 10;

/// A secret that is never shown: its `Debug` says nothing.
#[derive(Clone)]
pub enum Secret {
    /// Written in the file itself.
    Literal(SecretString),
    /// `${NAME}`: an environment variable.
    Environment(String),
    /// `file:PATH`: the file's first line.
    File(PathBuf),
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment lacks the variable.
    #[error("the environment variable {name} is not set")]
    Unset {
        /// Its name.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read the secret in {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// The file has no text on its first line, or is no text at all.
    #[error("{} holds no secret: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Secret {
    /// Reads what the file has. `directory` is what a relative `file:` path is relative to, `home` what `~/`
    /// stands for. An error says what is wrong without repeating the text.
    pub(super) fn parse(text: &str, directory: &Path, home: Option<&Path>) -> Result<Secret, String> {
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            let mut letters = name.chars();
            let fits = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
            return match fits {
                true => Ok(Secret::Environment(name.to_owned())),
                false => Err("between ${ and } belongs the name of an environment variable".to_owned()),
            };
        }
        match text.strip_prefix("file:") {
            Some("") => Err("file: is followed by a path".to_owned()),
            Some(path) => Ok(Secret::File(super::paths::resolve(path, directory, home))),
            None => Ok(Secret::Literal(SecretString::from(text.to_owned()))),
        }
    }

    /// The secret itself. `env` looks up environment variables.
    pub fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<SecretString, SecretError> {
        match self {
            Secret::Literal(secret) => Ok(secret.clone()),
            Secret::Environment(name) => match env(name).filter(|value| !value.is_empty()) {
                Some(value) => Ok(SecretString::from(value)),
                None => Err(SecretError::Unset { name: name.clone() }),
            },
            Secret::File(path) => first_line(path),
        }
    }

    /// Where it comes from, for people: `(set, from ${NAME})`.
    pub fn explain(&self) -> String {
        match self {
            Secret::Literal(_) => "(set, written in the file)".to_owned(),
            Secret::Environment(name) => format!("(set, from ${{{name}}})"),
            Secret::File(path) => {
                format!("(set, from the file {})", printable(&path.to_string_lossy(), 4096))
            }
        }
    }
}

fn first_line(path: &Path) -> Result<SecretString, SecretError> {
    let content = |reason| SecretError::Content { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|source| SecretError::File { path: path.to_owned(), source })?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(content("it is larger than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| content("it is not UTF-8"))?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(SecretString::from(line.to_owned())),
        None => Err(content("its first line is empty")),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Secret::Literal(_) => "Secret(literal)",
            Secret::Environment(_) => "Secret(environment)",
            Secret::File(_) => "Secret(file)",
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn resolved(text: &str, directory: &Path) -> Result<String, String> {
        let env = |name: &str| (name == "TOKEN").then(|| "from-env".to_owned());
        let secret = Secret::parse(text, directory, None)?;
        assert!(!format!("{secret:?} {}", secret.explain()).contains("hunter2"));
        secret.resolve(&env).map(|s| s.expose_secret().to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn each_form_resolves() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hunter2\r\nsecond\n").unwrap();
        std::fs::write(home.path().join("empty"), "\n").unwrap();
        let at = |text| resolved(text, home.path());
        assert_eq!(at("hunter2").as_deref(), Ok("hunter2"));
        assert_eq!(at("pa${TOKEN}").as_deref(), Ok("pa${TOKEN}"));
        assert_eq!(at("${TOKEN}").as_deref(), Ok("from-env"));
        assert_eq!(at("file:token").as_deref(), Ok("hunter2"));
        assert_eq!(at("${NOPE}").unwrap_err(), "the environment variable NOPE is not set");
        for text in ["${}", "${1A}", "${A B}", "file:", "file:gone", "file:empty"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}

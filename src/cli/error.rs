//! How a command ends: an [`Outcome`] or an [`Error`], each with its exit code (DESIGN section 2).

use std::io;

use serde_json::json;

use super::args::OutputFormat;
use crate::config::ConfigFaults;
use crate::config::credentials::CredentialError;
use crate::engine;
use crate::job::{Failure, Job, JobState};
use crate::oci::{ErrorClass, printable};

/// How a command that ran to its end ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All done.
    Done,
    /// Some job failed.
    Failed,
    /// Some job failed, and every failure was authentication.
    Refused,
    /// Somebody interrupted it.
    Interrupted,
}

impl Outcome {
    /// What a batch of ended jobs comes to. `interrupted` tells that a signal asked for the end.
    pub fn of(jobs: &[Job], interrupted: bool) -> Outcome {
        let mut open = jobs.iter().filter(|job| job.state != JobState::Succeeded).peekable();
        if open.peek().is_none() {
            return Outcome::Done;
        }
        let refused = |job: &Job| job.failure.as_ref().is_some_and(|f| f.class == ErrorClass::Auth);
        match (interrupted, open.all(refused)) {
            (true, _) => Outcome::Interrupted,
            (false, true) => Outcome::Refused,
            (false, false) => Outcome::Failed,
        }
    }

    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::Failed => 1,
            Outcome::Refused => 3,
            Outcome::Interrupted => 130,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line makes no sense; all faults of it, one line each, at least one.
    #[error("{}", faults.join("\n"))]
    Usage {
        /// What kind of fault the first one is.
        class: ErrorClass,
        /// The faults.
        faults: Vec<String>,
        /// What to do.
        hint: Option<String>,
    },
    /// The configuration or a list of images has faults.
    #[error(transparent)]
    Config(#[from] ConfigFaults),
    /// The engine's error; boxed, since it is far larger than the others.
    #[error(transparent)]
    Engine(Box<engine::Error>),
    /// A credential file or helper.
    #[error(transparent)]
    Credentials(Box<CredentialError>),
    /// Something that exists is in the way.
    #[error("{what} exists")]
    Exists {
        /// What exists.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Names that are another image's; one line each, at least one.
    #[error("{}", names.join("\n"))]
    Taken {
        /// What each of them is.
        names: Vec<String>,
        /// What to do.
        hint: String,
    },
    /// The file system, or the terminal.
    #[error("{attempted}: {}", plain(source))]
    Io {
        /// What was attempted, and on what.
        attempted: String,
        /// What came back.
        source: io::Error,
    },
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Error {
        Error::Engine(Box::new(error))
    }
}

impl From<CredentialError> for Error {
    fn from(error: CredentialError) -> Error {
        Error::Credentials(Box::new(error))
    }
}

fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" (os error").unwrap_or(text.len());
    printable(text.get(..end).unwrap_or(&text), 200)
}

impl Error {
    /// A usage error of one fault.
    pub fn usage(fault: impl Into<String>) -> Error {
        Error::Usage { class: ErrorClass::Config, faults: vec![fault.into()], hint: None }
    }

    /// What kind of trouble this is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Usage { class, .. } => *class,
            Error::Config(faults) => faults.class(),
            Error::Engine(error) => error.class(),
            Error::Credentials(error) => error.class(),
            Error::Exists { .. } | Error::Taken { .. } => ErrorClass::Conflict,
            Error::Io { .. } => ErrorClass::Disk,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Usage { hint, .. } => hint.clone(),
            Error::Config(faults) => Some(faults.hint()),
            Error::Engine(error) => error.hint().map(|hint| hint.to_string()),
            Error::Credentials(error) => Some(error.hint().to_owned()),
            Error::Exists { hint, .. } | Error::Taken { hint, .. } => Some(hint.clone()),
            Error::Io { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied
                | io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists
                | io::ErrorKind::StorageFull
                | io::ErrorKind::ReadOnlyFilesystem => {
                    Some("check the path, its rights and the free space".to_owned())
                }
                _ => None,
            },
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match (self, self.class()) {
            (Error::Usage { .. } | Error::Config(_), _) => 2,
            (_, ErrorClass::Auth) => 3,
            (_, ErrorClass::Cancelled) => 130,
            (_, ErrorClass::Config | ErrorClass::Reference) => 2,
            _ => 1,
        }
    }

    /// The error as programs read it.
    pub fn to_json(&self) -> serde_json::Value {
        let mut error = json!({ "class": self.class(), "message": self.to_string(), "hint": self.hint() });
        if let (Error::Config(faults), Some(object)) = (self, error.as_object_mut()) {
            let fault = |f: &crate::config::Fault| {
                let file = f.file.to_string_lossy();
                let (line, column) = (f.at.map(|at| at.line), f.at.map(|at| at.column));
                json!({ "file": file, "line": line, "column": column, "field": f.field, "reason": f.reason })
            };
            object.insert("faults".to_owned(), faults.faults().iter().map(fault).collect());
        }
        json!({ "error": error })
    }
}

/// Several parse faults of one command line, collected until all is looked at.
#[derive(Debug, Default)]
pub(super) struct Faults {
    class: Option<ErrorClass>,
    faults: Vec<String>,
}

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, class: ErrorClass, fault: impl Into<String>) {
        self.class.get_or_insert(class);
        self.faults.push(fault.into());
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// A value, or its fault noted.
    pub fn take<T, E: std::fmt::Display>(&mut self, class: ErrorClass, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.add(class, e.to_string())).ok()
    }

    /// An error if anything was noted.
    pub fn finish(self, hint: impl Into<String>) -> Result<(), Error> {
        match self.class {
            None => Ok(()),
            Some(class) => Err(Error::Usage { class, faults: self.faults, hint: Some(hint.into()) }),
        }
    }
}

/// Tells of an error: text on standard error, and with JSON asked for an object on standard output.
pub fn report(error: &Error, output: OutputFormat) {
    let mut text = String::new();
    for line in error.to_string().lines() {
        text += &format!("error: {}\n", printable(line, 4000));
    }
    if let Some(hint) = error.hint() {
        text += &hint_lines(&hint);
    }
    super::output::complain(&text);
    if output == OutputFormat::Json {
        // Nobody is left to be told that standard output is closed.
        let _ = super::output::json(&error.to_json());
    }
}

/// A job's failure as text.
pub(super) fn failure_lines(failure: &Failure) -> String {
    let hint = failure.hint.as_ref().map(|hint| hint_lines(&hint.to_string())).unwrap_or_default();
    format!("error: {}\n{hint}", printable(&failure.message, 4000))
}

fn hint_lines(hint: &str) -> String {
    hint.lines().map(|line| format!("hint: {}\n", printable(line, 1000))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn failed(class: ErrorClass) -> Job {
        let mut job = sample::job(1, JobState::Failed);
        job.failure = Some(Failure { message: "m".to_owned(), class, hint: None, exchange: None });
        job
    }

    #[test]
    fn exit_codes_are_those_of_the_design() {
        let done = sample::job(1, JobState::Succeeded);
        let cancelled = sample::job(1, JobState::Cancelled);
        let (auth, network) = (failed(ErrorClass::Auth), failed(ErrorClass::Network));
        for (jobs, interrupted, want) in [
            (vec![done.clone()], false, 0),
            (vec![done.clone(), network.clone()], false, 1),
            (vec![auth.clone(), network.clone()], false, 1),
            (vec![done.clone(), auth.clone()], false, 3),
            (vec![cancelled.clone()], true, 130),
            (vec![cancelled.clone()], false, 1),
            (vec![done.clone()], true, 0),
            (vec![], false, 0),
        ] {
            assert_eq!(Outcome::of(&jobs, interrupted).exit_code(), want);
        }
        assert_eq!(Error::usage("x").exit_code(), 2);
        assert_eq!(Error::from(engine::Error::Request("x".to_owned())).exit_code(), 2);
        assert_eq!(Error::from(engine::Error::Cancelled).exit_code(), 130);
        assert_eq!(Error::Exists { what: "f".to_owned(), hint: String::new() }.exit_code(), 1);
    }

    #[test]
    fn errors_are_json_too() {
        let faults =
            crate::config::Config::load(Some(std::path::Path::new("/no/such.yaml")), None).unwrap_err();
        let json = Error::Config(faults).to_json();
        assert_eq!(json["error"]["class"], "config");
        assert_eq!(json["error"]["faults"][0]["file"], "/no/such.yaml");
        assert!(json["error"]["hint"].is_string());
    }
}

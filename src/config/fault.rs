//! What is wrong with a file, and where: all of it at once.

use std::fmt;
use std::path::{Path, PathBuf};

use super::document::Position;
use crate::oci::{ErrorClass, printable};

/// One thing wrong with a file, or one thing to warn of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Where in it; `None` where the file as a whole is at fault.
    pub at: Option<Position>,
    /// The field's path, `registries[0].url`; empty for the file as a whole.
    pub field: String,
    /// What is wrong with it. Never holds a secret.
    pub reason: String,
}

impl Fault {
    pub(super) fn whole(file: &Path, reason: impl Into<String>) -> Fault {
        Fault { file: file.to_owned(), at: None, field: String::new(), reason: reason.into() }
    }
}

impl fmt::Display for Fault {
    /// `FILE:LINE:COLUMN: FIELD: REASON`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", printable(&self.file.to_string_lossy(), 4096))?;
        if let Some(at) = self.at {
            write!(f, "{}:{}:", at.line, at.column)?;
        }
        if !self.field.is_empty() {
            write!(f, " {}:", self.field)?;
        }
        write!(f, " {}", self.reason)
    }
}

/// Everything that is wrong with a file, in its order. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults {
    faults: Vec<Fault>,
    hint: &'static str,
}

impl ConfigFaults {
    /// What is wrong with a `config.yaml`.
    pub(super) fn of_config(faults: Vec<Fault>) -> ConfigFaults {
        ConfigFaults { faults, hint: "`wharf config example` prints a file with every key and its meaning" }
    }

    /// What is wrong with a batch file.
    pub(super) fn of_batch(faults: Vec<Fault>, hint: &'static str) -> ConfigFaults {
        ConfigFaults { faults, hint }
    }

    /// The faults, at least one.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Always [`ErrorClass::Config`].
    pub fn class(&self) -> ErrorClass {
        ErrorClass::Config
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        self.hint.to_owned()
    }
}

impl fmt::Display for ConfigFaults {
    /// One line a fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if n == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}

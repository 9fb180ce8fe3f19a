//! What a person copies: on its way to the clipboard, or waiting for digests.

use std::path::{Path, PathBuf};

use crate::job::{JobSpec, Target};
use crate::oci::Location;
use crate::tui::terminal::TerminalKind;

/// A text for the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// The text, without control characters.
    pub text: String,
    /// What it is in a few words, for the message.
    pub what: String,
}

/// How far a text came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// To the clipboard.
    Clipboard,
    /// Into tmux's own buffer.
    Buffer,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Clipboard {
    /// What kind of terminal it is.
    pub terminal: TerminalKind,
    /// The words before every command: `wharf`, and what it was started with.
    pub program: Vec<String>,
    /// The directory that wharf was started in: what is copied is used elsewhere.
    pub here: PathBuf,
    /// Images whose digests are asked for, in the order in which they are copied.
    pub awaited: Vec<Location>,
    /// What was sent to the terminal last, which does not say whether it took it: the same again is shown.
    pub sent: Option<String>,
}

impl Clipboard {
    /// The words before every command.
    pub fn program(&self) -> Vec<String> {
        match self.program.is_empty() {
            true => vec!["wharf".to_owned()],
            false => self.program.clone(),
        }
    }

    /// A path that means the same wherever the command is typed.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        match path.as_os_str() == "-" {
            true => path.to_owned(),
            false => self.here.join(path.strip_prefix(".").unwrap_or(path)),
        }
    }

    /// A location that means the same wherever the command is typed.
    pub fn absolute_at(&self, at: &Location) -> Location {
        let mut at = at.clone();
        if let Location::OciLayout { path, .. }
        | Location::OciArchive { path, .. }
        | Location::DockerArchive { path, .. } = &mut at
        {
            *path = self.absolute(path);
        }
        at
    }

    /// A job that means the same wherever the command is typed.
    pub fn absolute_job(&self, spec: &JobSpec) -> JobSpec {
        let target = |target: &Target| match target {
            Target::Image(at) => Target::Image(self.absolute_at(at)),
            Target::ExportInto(directory) => Target::ExportInto(self.absolute(directory)),
        };
        JobSpec {
            source: self.absolute_at(&spec.source),
            more: spec.more.iter().map(|at| self.absolute_at(at)).collect(),
            destinations: spec.destinations.iter().map(target).collect(),
            ..spec.clone()
        }
    }
}

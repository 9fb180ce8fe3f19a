//! The first run: what was found on this machine, what can be done with it, and what `config.yaml` would be.

use std::path::PathBuf;

use crate::oci::Registry;

/// What is known of the beginning.
#[derive(Debug, Default)]
pub struct Setup {
    /// Where `config.yaml` is or would be; `None` where none is to be written.
    pub file: Option<PathBuf>,
    /// Whether it is there.
    pub configured: bool,
    /// Whether somebody chose the language here.
    pub spoke: bool,
    /// The engine that usually is there, once it was asked.
    pub engine: Option<Result<String, String>>,
    /// The registries with logins, once they were looked for.
    pub logins: Option<Vec<Registry>>,
    /// Images in wharf's own store.
    pub store: Option<u64>,
    /// Image files in the downloads.
    pub downloads: Option<u64>,
    /// An entry that was added by hand and is being tried: its name and url.
    pub tried: Option<(String, String)>,
}

/// The entry's name of the engine that usually is there.
pub const USUAL_ENGINE: &str = "docker";

/// What the welcome offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offered {
    /// Go on without a file.
    Look,
    /// The other language.
    Language,
    /// Another theme.
    Theme,
    /// A `config.yaml`.
    Write,
}

/// The welcome.
#[derive(Debug, Default)]
pub struct Welcome {
    /// The row that `enter` takes.
    pub cursor: usize,
}

impl Welcome {
    /// What is offered; a file only where there is none.
    pub fn choices(setup: &Setup) -> Vec<Offered> {
        let mut choices = vec![Offered::Look, Offered::Language, Offered::Theme];
        if setup.file.is_some() && !setup.configured {
            choices.push(Offered::Write);
        }
        choices
    }
}

/// A file that is to be written, shown first.
#[derive(Debug)]
pub struct Offer {
    /// Which file.
    pub file: PathBuf,
    /// What is in it now; `None` where there is none yet.
    pub before: Option<String>,
    /// What will be.
    pub content: String,
    /// Whether the cursor is on writing it; it begins on the way back.
    pub chosen: bool,
    /// Whether it is being written.
    pub writing: bool,
    /// Why it was not written.
    pub error: Option<String>,
}

impl Offer {
    /// The lines that are new: the whole of a first file, else what is added.
    pub fn lines(&self) -> Vec<&str> {
        let Some(before) = &self.before else { return self.content.lines().collect() };
        let same = before.lines().zip(self.content.lines()).take_while(|(a, b)| a == b).count();
        let more = self.content.lines().count().saturating_sub(before.lines().count());
        self.content.lines().skip(same).take(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_shows_what_is_new() {
        let offer = |before: Option<&str>, content: &str| Offer {
            file: "c".into(),
            before: before.map(str::to_owned),
            content: content.to_owned(),
            chosen: false,
            writing: false,
            error: None,
        };
        assert_eq!(offer(None, "a\nb\n").lines(), ["a", "b"]);
        assert_eq!(offer(Some("a\nz\n"), "a\nb\nc\nz\n").lines(), ["b", "c"]);
    }
}

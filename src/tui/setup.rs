//! What is looked for on this machine, whether a place answers, and writing `config.yaml`: done outside the state, one
//! answer each.

use std::path::PathBuf;

use super::effect::within;
use crate::config::credentials::LoginStore;
use crate::config::{Config, RegistryEntry, RegistryType, write};
use crate::engine::{Engine, Place};
use crate::job::Failure;
use crate::oci::{ErrorClass, Registry, printable};

/// How long a place has to answer before it counts as not there.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupWork {
    /// Does this place answer, and how?
    Ask(Place),
    /// The registries that Docker or podman have logins for.
    Logins,
    /// How `config.yaml` would be with an entry more.
    Draft {
        /// The file.
        file: PathBuf,
        /// The entry's name and its url.
        entry: (String, String),
    },
    /// Write a `config.yaml` where there is none.
    Write {
        /// The file.
        file: PathBuf,
        /// All of it.
        content: String,
    },
    /// Write one anew.
    Replace {
        /// The file.
        file: PathBuf,
        /// What must be in it still.
        before: String,
        /// What is to be in it.
        content: String,
    },
}

/// How a place answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A registry that lets wharf in, in so many milliseconds.
    Open(u64),
    /// A registry that asks for a login.
    Locked,
    /// An engine, and what it calls itself.
    Engine(String),
    /// A store with so many images, or a directory with so many files.
    Holds(u64),
}

/// What came of it.
#[derive(Debug)]
pub enum SetupAnswer {
    /// How a place answered, or why it did not.
    Asked(Place, Result<Reply, Failure>),
    /// The registries with logins. No secret, nobody's name.
    Logins(Vec<Registry>),
    /// A file's text, and with an entry more; or why not.
    Drafted(PathBuf, Result<(String, String), String>),
    /// A file was written, or why it was not.
    Written(PathBuf, Result<(), String>),
}

impl SetupWork {
    /// Whether it can be done before the engine is there.
    pub(super) fn is_local(&self) -> bool {
        !matches!(self, SetupWork::Ask(_))
    }

    /// Does what needs no engine.
    pub(super) fn run_here(self, logins: &LoginStore) -> SetupAnswer {
        let told = |error: std::io::Error| printable(&error.to_string(), 300);
        match self {
            SetupWork::Ask(place) => {
                let message = "there is no engine to ask it".to_owned();
                SetupAnswer::Asked(
                    place,
                    Err(Failure { message, class: ErrorClass::Internal, hint: None, exchange: None }),
                )
            }
            SetupWork::Logins => SetupAnswer::Logins(logins.known()),
            SetupWork::Draft { file, entry: (name, url) } => {
                let entry = RegistryEntry::plain(&name, RegistryType::Registry, &url, "");
                let drafted = std::fs::read_to_string(&file).map_err(told);
                let drafted = drafted.and_then(|text| Ok((text.clone(), Config::with_entry(&text, &entry)?)));
                SetupAnswer::Drafted(file, drafted)
            }
            SetupWork::Write { file, content } => {
                let written = write::write_new(&file, &content).map_err(told);
                SetupAnswer::Written(file, written)
            }
            SetupWork::Replace { file, before, content } => {
                let written = write::replace(&file, &before, &content).map_err(told);
                SetupAnswer::Written(file, written)
            }
        }
    }

    /// Asks a place.
    pub(super) async fn run(self, engine: Engine, logins: LoginStore) -> SetupAnswer {
        match self {
            SetupWork::Ask(place) => {
                let reply = within(PATIENCE, &place, ask(&engine, &place)).await;
                SetupAnswer::Asked(place, reply)
            }
            work => work.run_here(&logins),
        }
    }

    /// The answer where there is no engine.
    pub(super) fn refused(self, failure: &Failure) -> Option<SetupAnswer> {
        match self {
            SetupWork::Ask(place) => Some(SetupAnswer::Asked(place, Err(failure.clone()))),
            _ => None,
        }
    }
}

async fn ask(engine: &Engine, place: &Place) -> crate::engine::Result<Reply> {
    Ok(match place {
        Place::Registry(registry) => {
            let info = engine.registry_info(registry).await?;
            // Who hands out tokens may hand one out for what is public; a basic login is wanted for all of it.
            let locked = info.refused.is_some() && (info.has_credential || info.asks == "basic");
            if locked { Reply::Locked } else { Reply::Open(info.latency) }
        }
        Place::Engine(name) => Reply::Engine(engine.engine_version(name.as_deref()).await?),
        Place::Store => {
            let usage = engine.store_usage().await?;
            Reply::Holds(usage.repositories.iter().map(|repository| repository.tags).sum())
        }
        Place::Directory(directory) => Reply::Holds(engine.files(directory).await?.len() as u64),
        Place::Archive(_) | Place::Layout(_) => Reply::Holds(engine.images(place).await?.images.len() as u64),
    })
}

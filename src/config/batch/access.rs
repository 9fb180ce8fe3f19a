//! Credentials that a batch file gives, for all of it or for one image: they count for the repositories they are
//! given for, in this run, and nowhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use secrecy::{ExposeSecret, SecretString};

use super::super::Config;
use super::super::credentials::ExplicitCredential;
use super::super::document::Position;
use super::super::fault::Fault;
use super::super::prefix::Prefix;
use super::super::reader::{Field, Reader};
use super::super::registries::{password, text};
use super::{Batch, Surroundings};
use crate::oci::{Location, Reference, Registry, Repository};

/// `source_auth:` or `target_auth:`, its secret looked up. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub(super) struct Auth {
    /// Where it stands: an entry that takes it from the whole file's has the same place.
    at: Position,
    field: String,
    /// Only for images of this registry.
    registry: Option<Registry>,
    user: String,
    password: SecretString,
}

/// Reads `username`, `password` and perhaps `registry`. Without a user name it is none: anonymous.
pub(super) fn read(reader: &mut Reader, field: &Field<'_>, around: &mut Surroundings<'_>) -> Option<Auth> {
    let mut fields = reader.fields(field)?;
    let user = text(reader, &mut fields, "username");
    let secret = password(reader, &mut fields, around.places, around.warnings, &user);
    let registry = fields.take(reader, "registry").map(|field| {
        let parsed = reader.text(&field)?.parse::<Registry>();
        parsed.map_err(|e| reader.fault(field.node.at, &field.path, e.reason())).ok()
    });
    reader.finish(fields);
    if user.is_empty() {
        return None;
    }
    let at = field.node.at;
    let Some(secret) = secret else {
        reader.fault(at, &field.path, "a username needs a password");
        return None;
    };
    match secret.resolve(around.env) {
        Ok(password) => {
            Some(Auth { at, field: field.path.clone(), registry: registry.flatten(), user, password })
        }
        Err(e) => {
            reader.fault(at, &field.path, e);
            None
        }
    }
}

/// Whether an image is read with a credential, or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Source,
    Target,
}

/// What was given so far.
#[derive(Default)]
struct Given<'a> {
    by_repository: HashMap<(Registry, Repository), &'a Auth>,
    /// In the file's order.
    credentials: Vec<ExplicitCredential>,
    /// The registries that one credential would be shown, by its place and side, where it does not say which.
    shown: BTreeMap<(Position, Side), (&'a str, BTreeSet<Registry>)>,
    faults: Vec<(Position, &'a str, String)>,
}

impl Batch {
    /// The credentials that the file gives, each for one repository. The error has every fault: different ones for one
    /// repository, and one that several registries would be shown.
    pub fn credentials(
        &self,
        config: &Config,
        to: Option<&Prefix>,
    ) -> Result<Vec<ExplicitCredential>, Vec<Fault>> {
        let mut given = Given::default();
        for entry in &self.entries {
            if let (Some(auth), Location::Registry(source)) = (&entry.settings.source_auth, &entry.source) {
                given.add(auth, Side::Source, source);
            }
            let Some(auth) = &entry.settings.target_auth else { continue };
            for place in entry.destinations(config, to, &entry.sample()).iter().flatten() {
                if let Some(reference) = place.as_registry() {
                    given.add(auth, Side::Target, reference);
                }
            }
        }
        for ((at, _), (field, registries)) in given.shown.iter().filter(|(_, (_, seen))| seen.len() > 1) {
            let names: Vec<&str> = registries.iter().take(5).map(Registry::as_str).collect();
            let reason = format!(
                "one password is for one registry, and these images are of several ({}); name it with `registry`, \
                or give each image its own",
                names.join(", ")
            );
            given.faults.push((*at, *field, reason));
        }
        given.faults.sort();
        given.faults.dedup();
        match given.faults.is_empty() {
            true => Ok(given.credentials),
            false => {
                Err(given.faults.into_iter().map(|(at, field, why)| self.fault(at, field, why)).collect())
            }
        }
    }
}

impl<'a> Given<'a> {
    fn add(&mut self, auth: &'a Auth, side: Side, reference: &Reference) {
        let registry = &reference.registry;
        match &auth.registry {
            Some(only) if only != registry => return,
            Some(_) => {}
            None => {
                let (_, seen) =
                    self.shown.entry((auth.at, side)).or_insert_with(|| (&auth.field, BTreeSet::new()));
                seen.insert(registry.clone());
            }
        }
        let key = (registry.clone(), reference.repository.clone());
        match self.by_repository.get(&key) {
            Some(other) if other.is(auth) => {}
            Some(other) => {
                let reason =
                    format!("{} has another credential, on line {}", reference.name(), other.at.line);
                self.faults.push((auth.at, &auth.field, reason));
            }
            None => {
                self.by_repository.insert(key, auth);
                self.credentials.push(ExplicitCredential {
                    registry: registry.clone(),
                    repository: Some(reference.repository.clone()),
                    user: auth.user.clone(),
                    password: auth.password.clone(),
                    option: if side == Side::Source { "source_auth" } else { "target_auth" },
                });
            }
        }
    }
}

impl Auth {
    fn is(&self, other: &Auth) -> bool {
        self.user == other.user && self.password.expose_secret() == other.password.expose_secret()
    }
}

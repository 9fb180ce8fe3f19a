//! The first run, registries that are added by hand, and whether places answer. What is looked for comes as messages;
//! nothing here waits.

use crate::config::{Config, Language, RegistryEntry, RegistryType, RegistryUrl};
use crate::engine::Place;
use crate::job::Failure;
use crate::oci::{ErrorClass, Registry, printable};
use crate::tui::effect::Effect;
use crate::tui::setup::{Reply, SetupAnswer, SetupWork};
use crate::tui::state::popup::{Ask, Popup};
use crate::tui::state::registries::Health;
use crate::tui::state::welcome::{Offer, Offered, USUAL_ENGINE, Welcome};
use crate::tui::state::{State, Tone};

/// What is looked for at the start of a wharf without registries in its configuration; with `welcome` it is shown, too.
pub(crate) fn begin(state: &mut State, welcome: bool) -> Vec<Effect> {
    let mut effects = Vec::new();
    look(state, &mut effects);
    if welcome {
        open(state, &mut effects);
    }
    effects
}

/// What is near: logins, the usual engine, the store, the downloads.
fn look(state: &State, effects: &mut Vec<Effect>) {
    effects.push(Effect::Setup(SetupWork::Logins));
    effects.push(ask(Place::Engine(Some(USUAL_ENGINE.to_owned()))));
    effects.push(ask(Place::Store));
    effects.push(ask(Place::Directory(state.downloads.clone())));
}

fn ask(place: Place) -> Effect {
    Effect::Setup(SetupWork::Ask(place))
}

/// Opens the welcome, and asks the registries whether they are there.
pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    if state.setup.logins.is_none() && effects.is_empty() {
        look(state, effects);
    }
    for row in &state.registries.rows {
        if let (Ok(place @ Place::Registry(_)), Health::Unknown) = (&row.place, &row.health) {
            effects.push(ask(place.clone()));
        }
    }
    state.popups.push(Popup::Welcome(Welcome::default()));
}

/// `r` in the registries: asks all of them.
pub(super) fn refresh(state: &mut State, effects: &mut Vec<Effect>) {
    let places: Vec<Place> = state.registries.rows.iter().filter_map(|row| row.place.clone().ok()).collect();
    if places.is_empty() {
        return state.say(Tone::Plain, state.words.registries_nobody());
    }
    for place in &places {
        state.registries.asked(place);
    }
    state.say(Tone::Plain, state.words.registries_asked(places.len()));
    effects.extend(places.into_iter().map(ask));
}

/// Moves in the welcome or in an offer.
pub(super) fn choose(state: &mut State, step: isize) {
    let count = Welcome::choices(&state.setup).len().max(1) as isize;
    match state.popups.last_mut() {
        Some(Popup::Welcome(welcome)) => {
            welcome.cursor = (welcome.cursor as isize + step).rem_euclid(count) as usize;
        }
        Some(Popup::Offer(offer)) => offer.chosen = !offer.chosen,
        _ => {}
    }
}

/// `enter` in the welcome or in an offer.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    let choices = Welcome::choices(&state.setup);
    match state.popups.last_mut() {
        Some(Popup::Welcome(welcome)) => match choices.get(welcome.cursor) {
            Some(Offered::Language) => {
                state.words = match state.words {
                    Language::English => Language::Chinese,
                    Language::Chinese => Language::English,
                };
                state.setup.spoke = true;
            }
            Some(Offered::Theme) => super::themes::open(state, effects),
            Some(Offered::Write) => offer_first(state),
            Some(Offered::Look) | None => drop(state.popups.pop()),
        },
        Some(Popup::Offer(offer)) if offer.writing => {}
        Some(Popup::Offer(offer)) if offer.chosen && state.read_only => {
            offer.error = Some(state.words.offer_read_only().to_owned());
        }
        Some(Popup::Offer(offer)) if offer.chosen => {
            offer.writing = true;
            offer.error = None;
            let (file, content) = (offer.file.clone(), offer.content.clone());
            effects.push(Effect::Setup(match &offer.before {
                None => SetupWork::Write { file, content },
                Some(before) => SetupWork::Replace { file, before: before.clone(), content },
            }));
        }
        Some(Popup::Offer(_)) => drop(state.popups.pop()),
        _ => {}
    }
}

/// Shows the first file: the places that are on the screen, and how it looks. wharf's own store needs no entry.
fn offer_first(state: &mut State) {
    let Some(file) = state.setup.file.clone() else { return };
    let entries: Vec<RegistryEntry> =
        state.registries.entries.iter().filter(|entry| entry.kind != RegistryType::Store).cloned().collect();
    let language = state.setup.spoke.then_some(state.words);
    let content = Config::first_file(&state.theme.name, language, &entries);
    state.popups.push(offer(file, None, content));
}

fn offer(file: std::path::PathBuf, before: Option<String>, content: String) -> Popup {
    Popup::Offer(Box::new(Offer { file, before, content, chosen: false, writing: false, error: None }))
}

/// Asks for a registry to be added.
pub(super) fn ask_registry(state: &mut State) {
    state.popups.push(super::queue::prompt(Ask::Registry, String::new(), false));
}

/// A registry was typed: it is in the list for this session, and asked whether it is there.
pub(super) fn add(state: &mut State, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    let url: RegistryUrl = text.parse()?;
    let name = printable(text.trim_start_matches("https://").trim_start_matches("http://"), 60);
    if let Some(at) = state.registries.entries.iter().position(|entry| entry.name == name) {
        state.registries.cursor = at;
        return Err(state.words.registry_known(&name));
    }
    let entry = RegistryEntry::plain(&name, RegistryType::Registry, text, "");
    let place = Place::Registry(entry.registry().unwrap_or(url.registry));
    state.registries.cursor = state.registries.add(entry);
    state.registries.asked(&place);
    state.setup.tried = Some((name, text.to_owned()));
    state.focus = crate::tui::state::Pane::Registries;
    effects.push(ask(place));
    Ok(())
}

/// What came of it.
pub(super) fn answered(state: &mut State, answer: SetupAnswer, effects: &mut Vec<Effect>) {
    match answer {
        SetupAnswer::Asked(place, reply) => asked(state, &place, reply, effects),
        SetupAnswer::Logins(known) => logins(state, known),
        SetupAnswer::Drafted(file, Ok((before, content))) => {
            state.popups.push(offer(file, Some(before), content))
        }
        SetupAnswer::Drafted(file, Err(reason)) => {
            let told = state.words.with_reason(file.display(), reason);
            state.say(Tone::Plain, told);
        }
        SetupAnswer::Written(file, written) => {
            let at = state
                .popups
                .iter()
                .rposition(|popup| matches!(popup, Popup::Offer(offer) if offer.file == file));
            match written {
                Ok(()) => {
                    state.setup.configured = true;
                    if let Some(at) = at {
                        state.popups.remove(at);
                    }
                    state.popups.retain(|popup| !matches!(popup, Popup::Welcome(_)));
                    let told = state.words.offer_written(file.display());
                    state.say(Tone::Good, told);
                }
                Err(reason) => match at.and_then(|at| state.popups.get_mut(at)) {
                    Some(Popup::Offer(offer)) => (offer.error, offer.writing) = (Some(reason), false),
                    _ => state.say(Tone::Bad, format!("{}: {reason}", file.display())),
                },
            }
        }
    }
}

fn asked(state: &mut State, place: &Place, reply: Result<Reply, Failure>, effects: &mut Vec<Effect>) {
    match (place, &reply) {
        (Place::Engine(Some(name)), _) if name == USUAL_ENGINE => {
            let said = match &reply {
                Ok(Reply::Engine(version)) => Ok(version.clone()),
                Ok(_) => Ok(String::new()),
                // What was asked of which entry says nothing to a newcomer: where, and what came back, does.
                Err(failure) => {
                    let said = failure.message.split_once(&format!("{USUAL_ENGINE}: "));
                    Err(printable(said.map_or(failure.message.as_str(), |(_, said)| said), 300))
                }
            };
            let known = state.registries.rows.iter().any(|row| row.place.as_ref() == Ok(place));
            if said.is_ok() && !known {
                let description = state.words.welcome_engine_here();
                state.registries.add(RegistryEntry::plain(name, RegistryType::Docker, "", description));
            }
            state.setup.engine = Some(said);
        }
        (Place::Store, Ok(Reply::Holds(n))) => state.setup.store = Some(*n),
        (Place::Directory(path), Ok(Reply::Holds(n))) if *path == state.downloads => {
            state.setup.downloads = Some(*n);
        }
        _ => {}
    }
    let tried = match (&state.setup.tried, place) {
        (Some((name, url)), Place::Registry(registry)) if is_at(url, registry) => {
            Some((name.clone(), url.clone()))
        }
        _ => None,
    };
    let health = match &reply {
        Ok(Reply::Locked) => Health::Refused,
        Ok(_) => Health::Reached,
        Err(failure) if failure.class == ErrorClass::Auth => Health::Refused,
        Err(failure) => Health::Failed(printable(&failure.message, 600)),
    };
    state.registries.learn(place, &health);
    state.registries.replied(place, reply.ok());
    let Some((name, url)) = tried else { return };
    state.setup.tried = None;
    if let Health::Failed(reason) = health {
        let told = state.words.registry_not_there(&name, reason);
        return state.say(Tone::Bad, told);
    }
    match (&state.setup.file, state.setup.configured) {
        (Some(file), true) => {
            effects.push(Effect::Setup(SetupWork::Draft { file: file.clone(), entry: (name, url) }));
        }
        (Some(_), false) if state.popups.is_empty() => offer_first(state),
        _ => {
            let told = state.words.registry_added(&name);
            state.say(Tone::Good, told);
        }
    }
}

fn is_at(url: &str, registry: &Registry) -> bool {
    let entry = RegistryEntry::plain("", RegistryType::Registry, url, "");
    entry.registry().as_ref() == Some(registry)
}

/// Registries that somebody has logged in to belong into the list.
fn logins(state: &mut State, known: Vec<Registry>) {
    for registry in &known {
        let there = state
            .registries
            .rows
            .iter()
            .any(|row| matches!(&row.place, Ok(Place::Registry(place)) if place == registry));
        if !there && registry.can_be_written() {
            let description = state.words.welcome_login_here();
            let name = registry.to_string();
            state.registries.add(RegistryEntry::plain(&name, RegistryType::Registry, &name, description));
        }
    }
    state.setup.logins = Some(known);
}

//! Logging in: for the registry under the cursor or the one that refused, and what is tried again once it worked.

use tui_input::InputRequest;
use tui_input::backend::crossterm::EventHandler;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::config::credentials::LoginTarget;
use crate::engine::Place;
use crate::job::{Failure, JobState};
use crate::oci::{ErrorClass, Location, Registry, printable};
use crate::tui::effect::Effect;
use crate::tui::state::listing::Load;
use crate::tui::state::login::{Field, LoginForm, refusing};
use crate::tui::state::lookup::Known;
use crate::tui::state::plan::PlanPreview;
use crate::tui::state::popup::{Choice, Dialog, Popup, Question};
use crate::tui::state::registries::Health;
use crate::tui::state::{Pane, State, Tone};

/// Opens the form for the registry that is meant.
pub(super) fn open(state: &mut State) {
    let registry = meant(state);
    let user = registry.as_ref().and_then(|registry| state.registries.user_of(registry)).unwrap_or_default();
    let form = LoginForm::new(registry.as_ref(), user);
    state.popups.push(Popup::Login(Box::new(form)));
}

/// Asks whether the stored login of the registry under the cursor is to be forgotten.
pub(super) fn ask_logout(state: &mut State) {
    let Some(registry) = meant(state) else {
        return state.say(Tone::Plain, state.words.logout_where());
    };
    let choices = vec![
        (Choice::Stay, state.words.logout_stay().to_owned()),
        (Choice::Logout, state.words.logout_do(&registry)),
    ];
    state.popups.push(Popup::Dialog(Dialog { question: Question::Logout(registry), choices, cursor: 0 }));
}

/// The registry that a login would be for: the one that refused, else the one under the cursor.
fn meant(state: &State) -> Option<Registry> {
    if let Some(refusing) = wanted(state) {
        return Some(refusing);
    }
    let of = |location: &Location| location.as_registry().map(|reference| reference.registry.clone());
    let of_place = |place: Option<&Place>| match place {
        Some(Place::Registry(registry)) => Some(registry.clone()),
        _ => None,
    };
    match state.focus {
        Pane::Registries => of_place(state.registries.current()?.place.as_ref().ok()),
        Pane::Queue => of(&state.queue.current()?.source),
        Pane::Jobs => of(&state.jobs.current()?.spec.source),
        Pane::Browse | Pane::Details | Pane::Logs => of_place(state.browse.place.as_ref()),
    }
}

/// The registry that refused somebody, where that is what the popup or the cursor shows: logging in is what helps.
pub fn wanted(state: &State) -> Option<Registry> {
    match state.popups.last() {
        Some(Popup::Plan(plan)) => return refusers(plan).next(),
        Some(Popup::Diff(comparison)) => {
            let Some(Err(failure)) = &comparison.answer else { return None };
            return refusing(failure, [&comparison.a, &comparison.b]);
        }
        Some(Popup::Why(job, _)) => return of_job(state, *job),
        Some(Popup::Inspect(_)) | None => {}
        Some(_) => return None,
    }
    match state.focus {
        Pane::Jobs => of_job(state, state.jobs.current()?.id),
        Pane::Queue => {
            let draft = state.queue.current()?;
            let spec = draft.spec()?;
            refusing(state.queue.refusal(draft.id)?, spec.locations())
        }
        Pane::Registries => None,
        Pane::Browse | Pane::Details | Pane::Logs => {
            if let Load::Failed(failure) = &state.browse.list().load
                && let (ErrorClass::Auth, Some(Place::Registry(registry))) =
                    (failure.class, &state.browse.place)
            {
                return Some(registry.clone());
            }
            let at = state.at.as_ref()?;
            match state.images.get(at) {
                Some(Known::Failed(failure)) => refusing(failure, [at]),
                _ => None,
            }
        }
    }
}

/// The registries that refused something of a plan: an image, or the tags of a rule.
fn refusers(plan: &PlanPreview) -> impl Iterator<Item = Registry> + '_ {
    let rows = plan.rows.iter().filter_map(|row| match &row.outcome {
        Some(Err(failure)) => refusing(failure, row.spec.locations()),
        _ => None,
    });
    let rules = plan.rules.iter().filter_map(|rule| match &rule.images {
        Some(Err(failure)) => refusing(failure, [&rule.draft.source]),
        _ => None,
    });
    rows.chain(rules)
}

fn of_job(state: &State, job: crate::job::JobId) -> Option<Registry> {
    let job = state.jobs.get(job)?;
    let failure = job.failure.as_ref().filter(|_| job.state == JobState::Failed)?;
    refusing(failure, job.spec.locations())
}

/// All of a registry.
pub(super) fn whole(registry: &Registry) -> LoginTarget {
    LoginTarget { registry: registry.clone(), part: None }
}

/// A key for the form.
pub(super) fn text(form: &mut LoginForm, key: KeyEvent) {
    form.error = None;
    if let Some(input) = form.input() {
        input.handle_event(&Event::Key(key));
        return;
    }
    match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('u' | 'w'), true) => form.password.clear(),
        (KeyCode::Backspace, _) | (KeyCode::Char('h'), true) => form.password.pop(),
        (KeyCode::Char(c), false) => form.password.push(c),
        _ => {}
    }
}

/// A paste into the form.
pub(super) fn paste(form: &mut LoginForm, text: &str) {
    form.error = None;
    match form.input() {
        Some(input) => {
            for c in printable(text.trim(), 300).chars() {
                input.handle(InputRequest::InsertChar(c));
            }
        }
        // A line's end that was copied along is no part of a password.
        None => text.trim_end_matches(['\r', '\n']).chars().for_each(|c| form.password.push(c)),
    }
}

/// `enter`: the next empty line, or the question to the registry.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    let State { popups, plans, words, .. } = state;
    let Some(Popup::Login(form)) = popups.last_mut() else { return };
    if form.checking.is_some() {
        return;
    }
    let target = match form.registry.value().parse::<LoginTarget>() {
        Ok(target) => target,
        Err(reason) => {
            form.field = Field::Registry;
            form.error = Some(reason);
            return;
        }
    };
    let user = form.user.value().trim().to_owned();
    if user.is_empty() || form.password.is_empty() {
        let empty = if user.is_empty() { Field::User } else { Field::Password };
        // In the empty line itself `enter` has to say why nothing happens.
        if form.field == empty {
            form.error = Some(
                if user.is_empty() { words.login_needs_user() } else { words.login_needs_password() }
                    .to_owned(),
            );
        }
        form.field = empty;
        return;
    }
    *plans += 1;
    form.checking = Some(*plans);
    form.error = None;
    effects.push(Effect::Login { request: *plans, target, user, password: form.password.password() });
}

/// What the registry said to a login, and where it was stored.
pub(super) fn answered(
    state: &mut State,
    request: u64,
    target: &LoginTarget,
    answer: Result<String, Failure>,
    effects: &mut Vec<Effect>,
) {
    let waiting = state
        .popups
        .iter_mut()
        .position(|popup| matches!(popup, Popup::Login(form) if form.checking == Some(request)));
    let failure = match answer {
        Ok(told) => {
            if let Some(position) = waiting {
                state.popups.remove(position);
            }
            return logged_in(state, &target.registry, &told, effects);
        }
        Err(failure) => failure,
    };
    let Some(Popup::Login(form)) = waiting.and_then(|position| state.popups.get_mut(position)) else {
        return state.say(Tone::Bad, failure.message);
    };
    form.checking = None;
    form.password.clear();
    form.field = Field::Password;
    form.error = Some(printable(&failure.message, 600));
}

/// Everything that this registry refused is asked or done again.
fn logged_in(state: &mut State, registry: &Registry, told: &str, effects: &mut Vec<Effect>) {
    let here = |location: &Location| location.as_registry().is_some_and(|at| at.registry == *registry);
    state.images.forget_failures(|at, failure| here(at) && failure.class == ErrorClass::Auth);
    state.digests.forget_failures(|at, ()| here(at));
    let place = Place::Registry(registry.clone());
    state.registries.learn(&place, &Health::Unknown);
    let refused: Vec<_> = state
        .jobs
        .rows()
        .iter()
        .filter(|job| of_job(state, job.id).as_ref() == Some(registry))
        .map(|job| job.id)
        .collect();
    effects.extend(refused.iter().map(|job| Effect::Retry(*job)));
    state.queue.refused.retain(|(_, failure)| failure.class != ErrorClass::Auth);
    let unlisted =
        matches!(&state.browse.list().load, Load::Failed(failure) if failure.class == ErrorClass::Auth);
    if unlisted && state.browse.place.as_ref() == Some(&place) {
        super::browse::refresh(state, effects);
    }
    let waits = |plan: &PlanPreview| refusers(plan).any(|refuser| refuser == *registry);
    if matches!(state.popups.last(), Some(Popup::Plan(plan)) if waits(plan)) {
        state.popups.pop();
        super::queue::start(state, effects);
    }
    let retried = match refused.len() {
        0 => String::new(),
        1 => state.words.login_retries_one().to_owned(),
        n => state.words.login_retries(n),
    };
    state.say(Tone::Good, format!("{told}{retried}"));
}

/// What came of a logout.
pub(super) fn logged_out(state: &mut State, target: &LoginTarget, answer: Result<String, Failure>) {
    match answer {
        Ok(told) => state.say(Tone::Good, told),
        Err(failure) => state.say(Tone::Bad, state.words.logout_failed(target, failure.message)),
    }
}

//! The plan: answers, what is left out, and the question before something is overwritten.

use std::path::PathBuf;

use super::queue;
use crate::config::Config;
use crate::job::Target;
use crate::oci::Location;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::state::plan::{PlanChoice, PlanPreview, PlanStage};
use crate::tui::state::popup::Popup;
use crate::tui::state::{State, Tone};

/// `enter` in the plan: starts it, or asks first.
pub(super) fn accept(state: &mut State, mut plan: PlanPreview, effects: &mut Vec<Effect>) {
    // Its rules' tags are being asked for.
    if plan.rules.iter().any(|rule| rule.images.is_none()) {
        state.say(Tone::Plain, state.words.still_asking_tags());
        return state.popups.push(Popup::Plan(plan));
    }
    if plan.startable().next().is_none() {
        state.say(Tone::Bad, state.words.nothing_can_start());
        return state.popups.push(Popup::Plan(plan));
    }
    if state.read_only {
        state.popups.push(Popup::Plan(plan));
        return super::popups::refuse(state, Action::Start.entry().map_or("", |entry| entry.name));
    }
    if plan.risks() == (0, 0) {
        return queue::launch(state, &plan, PlanChoice::All, effects);
    }
    plan.stage = PlanStage::Asking;
    plan.chosen = 0;
    plan.guards = guards(state, &plan);
    state.popups.push(Popup::Plan(plan));
}

/// The protected entries in which something would be overwritten, or may be.
fn guards(state: &State, plan: &PlanPreview) -> Vec<String> {
    let rules = Config { registries: state.registries.entries.clone(), ..Config::default() };
    let risky = plan.startable().filter(|row| row.outcome.is_none() || row.overwritten().next().is_some());
    let places = risky.flat_map(|row| &row.spec.destinations).filter_map(|target| match target {
        Target::Image(place) => Some(place),
        Target::ExportInto(_) => None,
    });
    let mut names: Vec<String> =
        places.filter_map(|place: &Location| Some(rules.protects(place)?.name.clone())).collect();
    names.sort();
    names.dedup();
    names
}

/// `enter` on an answer.
pub(super) fn chosen(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Popup::Plan(mut plan)) = state.popups.pop() else { return };
    match plan.choices().get(plan.chosen) {
        None | Some(PlanChoice::Back) => {
            plan.stage = PlanStage::Looking;
            state.popups.push(Popup::Plan(plan));
        }
        Some(choice) => queue::launch(state, &plan, *choice, effects),
    }
}

/// `enter` while a protected entry's name is typed.
pub(super) fn typed(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Popup::Plan(plan)) = state.popups.last_mut() else { return };
    let text = plan.typed.value().trim().to_owned();
    plan.typed = tui_input::Input::default();
    plan.mistyped = plan.guards.first() != Some(&text);
    if plan.mistyped {
        return;
    }
    plan.guards.remove(0);
    if plan.guards.is_empty()
        && let Some(Popup::Plan(plan)) = state.popups.pop()
    {
        queue::launch(state, &plan, PlanChoice::All, effects);
    }
}

/// `esc` in the question goes back to the plan; whether there was one.
pub(super) fn back(state: &mut State) -> bool {
    match state.popups.last_mut() {
        Some(Popup::Plan(plan)) if plan.stage == PlanStage::Asking => {
            (plan.stage, plan.mistyped) = (PlanStage::Looking, false);
            plan.typed = tui_input::Input::default();
            true
        }
        _ => false,
    }
}

/// The room there is in directories that files are written into.
pub(super) fn room(state: &mut State, generation: u64, room: Vec<(PathBuf, u64)>) {
    for popup in &mut state.popups {
        if let Popup::Plan(plan) = popup
            && plan.generation == generation
        {
            plan.room = room;
            return;
        }
    }
}

/// `tab` in the plan: a rule's images are shown, or hidden.
pub(super) fn fold(state: &mut State) {
    let folded = match state.popups.last_mut() {
        Some(Popup::Plan(plan)) => plan.fold(),
        _ => false,
    };
    if !folded {
        state.say(Tone::Plain, state.words.nothing_to_fold());
    }
}

//! Rules of the queue: at the start their repositories' tags are looked up, and the plan shows the images they come to.

use std::sync::Arc;

use crate::job::Failure;
use crate::oci::Tag;
use crate::tui::effect::Effect;
use crate::tui::state::State;
use crate::tui::state::plan::{PlanPreview, PlanRule};
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::{Draft, DraftId};
use crate::tui::upkeep::Upkeep;

/// The rules among drafts that are to start.
pub(super) fn of(drafts: &[Arc<Draft>]) -> Vec<PlanRule> {
    let rules = drafts.iter().filter(|draft| draft.tags.is_some());
    rules.map(|draft| PlanRule { draft: Arc::clone(draft), images: None, is_open: false }).collect()
}

/// Asks for the tags that the rules choose from; the plans are asked for with the answer.
pub(super) fn look(request: u64, rules: &[PlanRule], effects: &mut Vec<Effect>) {
    let rules = rules.iter().map(|rule| (rule.draft.id, rule.draft.source.clone())).collect();
    effects.push(Effect::Upkeep(Upkeep::Tags { request, rules }));
}

/// The tags are there.
pub(super) fn found(
    state: &mut State,
    request: u64,
    found: Vec<(DraftId, Result<Vec<Tag>, Failure>)>,
    effects: &mut Vec<Effect>,
) {
    let State { popups, queue, .. } = state;
    let Some(plan) = popups.iter_mut().find_map(|popup| match popup {
        Popup::Plan(plan) if plan.generation == request => Some(plan),
        _ => None,
    }) else {
        return;
    };
    for (id, answer) in found {
        if let Some(rule) = plan.rules.iter_mut().find(|rule| rule.draft.id == id) {
            rule.images = Some(answer.map(|tags| rule.draft.images(&tags, || queue.number())));
        }
    }
    let images = plan.rules.iter().filter_map(PlanRule::drafts).flatten();
    let mut drafts: Vec<_> = plan.rows.iter().map(|row| (row.draft, row.spec.clone())).collect();
    drafts.extend(images.filter_map(|image| Some((image.id, image.spec()?))));
    plan.unfold(&drafts);
    effects.push(Effect::Plan { generation: request, drafts });
}

/// The plan begins: the images of its rules are drafts now, in the rules' places.
pub(super) fn unfold(state: &mut State, plan: &PlanPreview) {
    for rule in &plan.rules {
        // One that comes to nothing waits on.
        if let Some(images) = rule.drafts().filter(|images| !images.is_empty()) {
            state.queue.unfold(rule.draft.id, images.to_vec());
        }
    }
}

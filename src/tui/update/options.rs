//! The options' form: opened for what is added or for drafts of the queue, and answered.

use super::queue::{self, enqueue};
use crate::oci::{Location, Platform};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::state::lookup::Known;
use crate::tui::state::options::{OptionField, OptionsForm, Subject};
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::{Change, DraftId, Goal, Wanted};
use crate::tui::state::{State, Tone};

/// Opens the form for what is to be added.
pub(super) fn open_new(state: &mut State, wanted: Vec<Wanted>, effects: &mut Vec<Effect>) {
    let of: Vec<_> = wanted
        .iter()
        .map(|wanted| {
            let goal = wanted.goal.clone().or_else(|| state.goal(&wanted.source).ok());
            (wanted.source.clone(), goal.unwrap_or(Goal::Copy(Vec::new())), wanted.options.clone())
        })
        .collect();
    let rules = wanted.iter().filter(|one| one.tags.is_some()).map(|one| one.source.clone()).collect();
    open(state, OptionsForm::new(Subject::New(wanted), &of), rules, effects);
}

/// Opens the form for the drafts that are chosen in the queue.
pub(super) fn open_queued(state: &mut State, effects: &mut Vec<Effect>) {
    let starting = |id: &DraftId| state.queue.starting.contains(id);
    let ids: Vec<DraftId> = state.queue.chosen().into_iter().filter(|id| !starting(id)).collect();
    let of: Vec<_> = ids
        .iter()
        .filter_map(|id| state.queue.get(*id))
        .map(|draft| (draft.source.clone(), draft.goal.clone(), draft.options.clone()))
        .collect();
    if of.is_empty() {
        return state.say(Tone::Plain, state.words.no_draft());
    }
    let rules = ids.iter().filter_map(|id| state.queue.get(*id)).filter(|draft| draft.tags.is_some());
    let rules = rules.map(|draft| draft.source.clone()).collect();
    open(state, OptionsForm::new(Subject::Queued(ids), &of), rules, effects);
}

/// `rules` are sources that are repositories: no one image whose platforms could be asked for, nor of one file.
fn open(state: &mut State, mut form: OptionsForm, rules: Vec<Location>, effects: &mut Vec<Effect>) {
    form.sources.retain(|source| !rules.contains(source));
    if !rules.is_empty() {
        form.form.items.retain(|item| item.field != OptionField::File);
    }
    for source in &form.sources {
        if state.images.get(source).is_none() {
            state.images.ask(source);
            effects.push(Effect::Inspect(source.clone()));
        }
    }
    state.popups.push(Popup::Options(Box::new(form)));
    learned(state);
}

/// An image became known: its platforms can be chosen.
pub(super) fn learned(state: &mut State) {
    let State { popups, images, .. } = state;
    let Some(Popup::Options(form)) = popups.last_mut() else { return };
    let mut available: Vec<(Platform, u64)> = Vec::new();
    for image in form.sources.iter().filter_map(|source| images.value(source)) {
        for part in image.platforms.iter().filter(|part| part.attests.is_none()) {
            let Some(platform) = part.platform.as_ref().filter(|platform| !platform.is_unknown()) else {
                continue;
            };
            match available.iter_mut().find(|(there, _)| there == platform) {
                Some((_, size)) => *size += part.size,
                None => available.push((platform.clone(), part.size)),
            }
        }
    }
    form.learn(available);
}

/// Whether it is still being asked which platforms there are.
pub(crate) fn asking(state: &State, form: &OptionsForm) -> bool {
    form.sources.iter().any(|source| matches!(state.images.get(source), Some(Known::Asked)))
}

/// `enter`: changes the drafts, or adds what was to be added.
pub(super) fn accept(state: &mut State) {
    let Some(Popup::Options(form)) = state.popups.last_mut() else { return };
    let Some(entered) = form.entered(state.words) else { return };
    let Some(Popup::Options(form)) = state.popups.pop() else { return };
    match form.subject {
        Subject::New(mut wanted) => {
            let export = entered.export.unwrap_or(false);
            for one in &mut wanted {
                entered.write(&mut one.options);
                one.goal = entered.goal().or(one.goal.take());
            }
            if enqueue(state, wanted, export) {
                state.marks.clear();
            }
        }
        Subject::Queued(ids) => {
            let downloads = state.downloads.clone();
            let to: Vec<_> = ids
                .iter()
                .filter_map(|id| state.queue.get(*id))
                .map(|draft| (draft.source.clone(), state.goal(&draft.source)))
                .collect();
            let copy = |source: &crate::oci::Location| {
                let found = to.iter().find(|(at, _)| at == source);
                found.and_then(|(_, goal)| goal.clone().ok()).unwrap_or(Goal::Copy(Vec::new()))
            };
            let changed =
                state.queue.change(&ids, Change::Options, |draft| entered.apply(draft, &downloads, copy));
            let text = match changed {
                0 => state.words.options_same().to_owned(),
                n => state.words.options_changed(n, state.key(Action::Undo)),
            };
            state.say(Tone::Good, text);
        }
    }
}

/// `<` and `>` in the queue: which of the jobs is served first.
pub(super) fn prioritise(state: &mut State, step: i32) {
    let ids = state.queue.chosen();
    let changed = state.queue.change(&ids, Change::Options, |draft| {
        draft.options.priority = draft.options.priority.saturating_add(step);
    });
    let text = match (changed, state.queue.current()) {
        (0, _) | (_, None) => state.words.no_draft().to_owned(),
        (_, Some(draft)) => state.words.draft_priority(draft.options.priority),
    };
    state.say(Tone::Plain, text);
}

/// Marks in the queue.
pub(super) fn mark(state: &mut State, action: Action) {
    if state.queue.drafts().is_empty() {
        return state.say(Tone::Plain, state.words.no_draft());
    }
    match action {
        Action::MarkDraft => state.queue.mark(),
        _ => state.queue.toggle_range(),
    }
    match (state.queue.range(), state.queue.marked()) {
        (Some(_), _) => {
            let text = state.words.range_begun(state.key(Action::MarkDraftRange));
            state.say(Tone::Plain, text);
        }
        (None, 0) => {}
        (None, n) => state.say(Tone::Plain, state.words.marked_rows(n)),
    }
}

/// `A`: as `a`, with the form in between.
pub(super) fn add(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(queue::Chosen { images, whole }) = queue::chosen(state) else { return };
    if !images.is_empty() {
        open_new(state, images, effects);
    }
    queue::gather_for_options(state, whole, effects);
}

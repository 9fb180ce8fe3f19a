//! The target's form: what is proposed, and what becomes of the queue once it is answered.

use nucleo_matcher::Utf32Str;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};

use super::queue;
use crate::config::{Config, Prefix, RegistryType};
use crate::engine::FileKind;
use crate::job::Target;
use crate::oci::Location;
use crate::tui::effect::Effect;
use crate::tui::state::State;
use crate::tui::state::aim::Aim;
use crate::tui::state::popup::Popup;
use crate::tui::state::queue::Goal;
use crate::tui::state::target::{Proposal, TargetField, TargetForm};

/// Opens the form.
pub(super) fn open(state: &mut State, then_start: bool) {
    let aimed = |goal: &Goal| matches!(goal, Goal::Copy(to) if !to.is_empty());
    let queued = state.queue.drafts().iter().filter(|draft| aimed(&draft.goal)).count();
    let mut form = TargetForm::new(state.target.as_ref(), queued);
    (form.then_start, form.proposals, form.examples) = (then_start, proposals(state), examples(state));
    form.hits = (0..form.proposals.len()).collect();
    state.popups.push(Popup::Target(Box::new(form)));
}

/// Images that show what names become: of the queue, of the marks, under the cursor, or one that everybody knows.
fn examples(state: &State) -> Vec<Location> {
    let queued = state.queue.drafts().iter().map(|draft| draft.source.clone());
    let marked = state.marks.in_order().into_iter().filter_map(|key| key.location().cloned());
    let mut found: Vec<Location> = Vec::new();
    for source in queued.chain(marked).chain(state.browse.location()) {
        if found.len() < 3 && !found.contains(&source) {
            found.push(source);
        }
    }
    if found.is_empty() {
        found.extend(["nginx:1.27", "ghcr.io/owner/team/app:1"].iter().filter_map(|text| text.parse().ok()));
    }
    found
}

/// Places that could be meant: those used before, the configuration's, the store, layouts that were seen.
fn proposals(state: &State) -> Vec<Proposal> {
    let words = state.words;
    let recent = state.recent.iter().map(|text| (text.clone(), words.target_recent().to_owned()));
    let takes = |kind| matches!(kind, RegistryType::Registry | RegistryType::Store | RegistryType::Docker);
    let entries = state.registries.rows.iter().zip(&state.registries.entries);
    let entries = entries.filter(|(row, entry)| takes(row.kind) && !entry.read_only && row.place.is_ok());
    let entries = entries.map(|(row, entry)| {
        let note = match (entry.url.as_str(), row.description.as_str()) {
            (url, "") => crate::oci::printable(url, 60),
            (_, description) => description.to_owned(),
        };
        (entry.name.clone(), note)
    });
    let layouts = state.browse.files.iter().filter(|file| file.kind == FileKind::Layout);
    let layouts = layouts.map(|file| {
        let place = Location::OciLayout { path: file.path.clone(), reference: None };
        (place.to_string(), words.target_layout().to_owned())
    });
    let store = ("store:".to_owned(), words.target_store().to_owned());
    let mut found: Vec<Proposal> = Vec::new();
    for (text, note) in recent.chain(entries).chain([store]).chain(layouts) {
        if !found.iter().any(|there| there.text == text) {
            found.push(Proposal { text, note });
        }
    }
    found
}

/// Finds the proposals that fit what is typed.
pub(super) fn search(state: &mut State) {
    let State { popups, matcher, .. } = state;
    let Some(Popup::Target(form)) = popups.last_mut() else { return };
    form.fold();
    form.chosen = None;
    let Some(typed) = form.typed() else { return };
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut hits: Vec<(u32, usize)> = Vec::new();
    for (at, proposal) in form.proposals.iter().enumerate() {
        let text = format!("{} {}", proposal.text, proposal.note);
        if let Some(score) = pattern.score(Utf32Str::new(&text, &mut buffer), matcher) {
            hits.push((score, at));
        }
    }
    hits.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    form.hits = hits.into_iter().map(|(_, at)| at).collect();
}

/// `tab`: the next line, or the one before, with all proposals again.
pub(super) fn step(state: &mut State, forward: bool) {
    let Some(Popup::Target(form)) = state.popups.last_mut() else { return };
    form.form.step(forward);
    (form.chosen, form.hits) = (None, (0..form.proposals.len()).collect());
}

/// `enter`: takes the proposal, then the whole form.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    let entries = &state.registries.entries;
    let Some(Popup::Target(form)) = state.popups.last_mut() else { return };
    let further = form.form.current().is_some_and(|item| item.field == TargetField::More);
    if form.take() && further {
        form.hits = (0..form.proposals.len()).collect();
        return;
    }
    form.form.clear_errors();
    let rules = Config { registries: entries.clone(), ..Config::default() };
    let aim = form.aim(entries).and_then(|aim| match forbidden(&rules, &aim) {
        None => Ok(aim),
        Some((field, name)) => Err((field, state.words.place_read_only(name))),
    });
    let aim = match aim {
        Ok(aim) => aim,
        Err((field, reason)) => return form.form.refuse(field, &reason),
    };
    let (then_start, retargets) = (form.then_start, form.retargets());
    state.popups.pop();
    queue::aim(state, aim, retargets);
    // What waits may still not fit: a prefix that makes a name too long.
    if then_start {
        queue::start(state, effects);
    }
}

/// The line of a place that nothing may be written to, and the entry that says so.
fn forbidden(rules: &Config, aim: &Aim) -> Option<(TargetField, String)> {
    let sample = "wharf:1".parse::<Location>().ok()?;
    let guarded = |place: &Prefix| {
        let to = place.destination(&sample).ok()?;
        rules.forbids(&Target::Image(to)).map(|entry| entry.name.clone())
    };
    aim.places().iter().enumerate().find_map(|(n, place)| {
        Some((if n == 0 { TargetField::First } else { TargetField::More }, guarded(place)?))
    })
}

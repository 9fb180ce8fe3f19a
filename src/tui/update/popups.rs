//! Popups: opening, answering, closing; and leaving wharf.

use nucleo_matcher::Utf32Str;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};

use super::{login, queue};
use crate::config::Language;
use crate::oci::printable;
use crate::tui::action::{Action, Context, Entry, TABLE};
use crate::tui::effect::{Effect, Exit};
use crate::tui::state::paste::Pasted;
use crate::tui::state::popup::{Ask, Choice, Popup, Question, Scroll};
use crate::tui::state::queue::Wanted;
use crate::tui::state::{Leaving, Pane, State, Tone};
use crate::tui::upkeep::Upkeep;
use crate::tui::view::layout::Layout;
use crate::tui::view::{plan as plan_view, popup as popup_view};

pub(super) fn ask_reference(state: &mut State) {
    state.popups.push(queue::prompt(Ask::Reference, String::new(), false));
}

pub(super) fn ask_bandwidth(state: &mut State) {
    let text = state.limits.bandwidth.map(|rate| rate.to_string()).unwrap_or_default();
    state.popups.push(queue::prompt(Ask::Bandwidth, text, false));
}

pub(super) fn accept_prompt(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Popup::Login(_)) = state.popups.last() {
        return login::accept(state, effects);
    }
    if let Some(Popup::Removal(_)) = state.popups.last() {
        return super::upkeep::typed(state, effects);
    }
    match state.popups.last() {
        Some(Popup::Choosing(_)) => return super::choosing::accept(state, effects),
        Some(Popup::History(_)) => return super::past::enter(state),
        Some(Popup::Target(_)) => return super::target::accept(state, effects),
        Some(Popup::Options(_)) => return super::options::accept(state),
        Some(Popup::Plan(_)) => return super::plan::typed(state, effects),
        _ => {}
    }
    match state.popups.pop() {
        Some(Popup::Palette(palette)) => {
            let Some(action) = palette.hits.get(palette.cursor) else {
                return state.say(Tone::Plain, state.words.no_such_action());
            };
            go_where_it_acts(state, *action);
            super::act(state, *action, effects);
        }
        Some(Popup::Prompt(mut prompt)) => {
            let text = prompt.input.value().trim().to_owned();
            let answered = match &prompt.about {
                Some(image) => super::upkeep::tag(state, image, &text, effects),
                None => answer_prompt(state, prompt.ask, &text, effects),
            };
            match answered {
                Ok(()) if prompt.then_start => queue::start(state, effects),
                Ok(()) => {}
                Err(reason) => {
                    prompt.error = Some(printable(&reason, 200));
                    state.popups.push(Popup::Prompt(prompt));
                }
            }
        }
        Some(other) => state.popups.push(other),
        None => {}
    }
}

/// An action of another pane is done in that pane.
fn go_where_it_acts(state: &mut State, action: Action) {
    let Some(entry) = action.entry() else { return };
    if !state.focus.contexts().contains(&entry.context)
        && let Some(pane) = Pane::ALL.into_iter().find(|pane| pane.contexts().contains(&entry.context))
    {
        super::moves::focus(state, pane);
    }
}

fn answer_prompt(state: &mut State, ask: Ask, text: &str, effects: &mut Vec<Effect>) -> Result<(), String> {
    match ask {
        Ask::Import => super::paste::import(state, text, effects),
        Ask::Tags => Err(state.words.no_image_chosen().to_owned()),
        Ask::Bandwidth => super::jobs::limit(state, text, effects),
        Ask::Jobs => {
            super::jobs::filtered(state, text);
            Ok(())
        }
        Ask::SearchLog => {
            super::logs::search(state, text);
            Ok(())
        }
        Ask::SaveLog => super::logs::save(state, text, effects),
        Ask::SaveQueue => super::documents::save(state, text, effects),
        Ask::Registry => super::welcome::add(state, text, effects),
        Ask::Reference => {
            let pasted = Pasted::read(text);
            if let Some(bad) = pasted.bad.first() {
                return Err(format!("{}: {}", bad.text, bad.reason));
            }
            if pasted.found.is_empty() {
                return Err(state.words.reference_how().to_owned());
            }
            let wanted = pasted.found.into_iter().map(Wanted::all).collect();
            queue::add_typed(state, wanted, false, effects);
            Ok(())
        }
    }
}

/// `enter` in a popup that shows something.
pub(super) fn accept(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Popup::History(_)) = state.popups.last() {
        return super::past::enter(state);
    }
    match state.popups.pop() {
        Some(Popup::Faults(faults)) => super::documents::edit_again(state, *faults, effects),
        Some(Popup::Plan(plan)) => super::plan::accept(state, plan, effects),
        Some(Popup::Paste(preview)) => super::paste::accept(state, *preview, effects),
        // Its keys are for the question that follows.
        Some(Popup::Removal(removal)) if removal.waiting() => state.popups.push(Popup::Removal(removal)),
        _ => {}
    }
}

/// `tab` and `S-tab` where something is typed: another line of a form, a path that is completed, else a proposal.
pub(super) fn field(state: &mut State, forward: bool, effects: &mut Vec<Effect>) {
    if let Some(Popup::Options(form)) = state.popups.last_mut() {
        return form.form.step(forward);
    }
    match state.popups.last() {
        Some(Popup::Target(_)) => super::target::step(state, forward),
        _ if forward && super::documents::complete(state, effects) => {}
        _ => propose(state, if forward { 1 } else { -1 }),
    }
}

/// Brings the windows of popups that have a cursor to it.
pub(super) fn settle(state: &mut State, layout: &Layout) {
    let Some((_, height)) = popup_view::extent(state, layout) else { return };
    match state.popups.pop() {
        Some(Popup::Paste(mut preview)) => {
            preview.settle(height);
            state.popups.push(Popup::Paste(preview));
        }
        Some(Popup::Plan(mut plan)) => {
            plan.settle(height, |plan, entry, here| plan_view::height(state, layout, plan, entry, here));
            state.popups.push(Popup::Plan(plan));
        }
        Some(other) => state.popups.push(other),
        None => {}
    }
}

/// Nothing is changed with `--read-only`.
pub(super) fn refuse(state: &mut State, what: &str) {
    state.say(Tone::Bad, state.words.read_only_refuses(what));
}

pub(super) fn close(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Popup::Themes(_)) = state.popups.last() {
        return super::themes::take_back(state);
    }
    if super::plan::back(state) || super::past::unwind(state) {
        return;
    }
    match state.popups.pop() {
        Some(Popup::Plan(_)) => effects.push(Effect::DropPlans),
        Some(Popup::Faults(_)) => state.say(Tone::Plain, state.words.edit_dropped()),
        _ => {}
    }
}

pub(super) fn toggle_help(state: &mut State) {
    match state.popups.last() {
        Some(Popup::Help(_)) => drop(state.popups.pop()),
        _ => state.popups.push(Popup::Help(Scroll::default())),
    }
}

/// What the palette searches: the name, which stays the same, and the documentation in every language.
fn haystack(entry: &Entry) -> String {
    let docs = Language::NAMES.map(|(_, language)| language.doc_of(entry.action));
    format!("{} {}", entry.name, docs.join(" "))
}

/// Finds the palette's actions.
pub(super) fn search(state: &mut State) {
    let here = state.focus.contexts();
    // The other panes' actions are found too: doing one goes there first.
    let panes = Pane::ALL.iter().flat_map(|pane| pane.contexts()).copied().collect::<Vec<_>>();
    let State { popups, matcher, .. } = state;
    let Some(Popup::Palette(palette)) = popups.last_mut() else { return };
    let pattern = Pattern::parse(palette.input.value(), CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut hits: Vec<(u32, Action)> = TABLE
        .iter()
        .filter(|entry| panes.contains(&entry.context) && entry.action != Action::Palette)
        .filter_map(|entry| {
            let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), matcher);
            let all = score(&haystack(entry))?;
            // Who types a name means it: other actions' documentation may begin with the same word.
            Some((all + score(entry.name).unwrap_or(0), entry.action))
        })
        .collect();
    // In the pane's own actions first; stable.
    hits.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let distance = |action: &Action| match action.entry().map(|entry| entry.context) {
        Some(Context::Everywhere) => 1,
        Some(Context::List) => 3,
        Some(context) if here.contains(&context) => 0,
        _ => 2,
    };
    if palette.input.value().is_empty() {
        hits.sort_by_key(|(_, action)| distance(action));
    }
    palette.hits = hits.into_iter().map(|(_, action)| action).collect();
    palette.cursor = 0;
}

pub(super) fn propose(state: &mut State, step: isize) {
    if let Some(Popup::Removal(removal)) = state.popups.last_mut() {
        removal.scroll.top = removal.scroll.top.saturating_add_signed(step);
        return;
    }
    if let Some(Popup::Login(form)) = state.popups.last_mut() {
        return form.step(step > 0);
    }
    if let Some(Popup::Choosing(choosing)) = state.popups.last_mut() {
        return choosing.switch();
    }
    match state.popups.last_mut() {
        // Where nothing is proposed, the arrows go from line to line.
        Some(Popup::Target(form)) if form.typed().is_some() && !form.hits.is_empty() => {
            let before = form.chosen;
            form.propose(step > 0);
            if form.chosen == before {
                state.say(Tone::Plain, state.words.nothing_to_choose());
            }
        }
        Some(Popup::Target(form)) => form.form.step(step > 0),
        Some(Popup::Options(form)) => form.form.step(step > 0),
        Some(Popup::Plan(plan)) => plan.move_by(step),
        Some(Popup::Palette(palette)) if palette.hits.len() > 1 => {
            let count = palette.hits.len() as isize;
            palette.cursor = (palette.cursor as isize + step).rem_euclid(count) as usize;
        }
        _ => state.say(Tone::Plain, state.words.nothing_to_choose()),
    }
}

pub(super) fn choose(state: &mut State, step: isize, effects: &mut Vec<Effect>) {
    if let Some(Popup::Themes(_)) = state.popups.last() {
        return super::themes::choose(state, step, effects);
    }
    if let Some(Popup::Welcome(_) | Popup::Offer(_)) = state.popups.last() {
        return super::welcome::choose(state, step);
    }
    if let Some(Popup::Removal(removal)) = state.popups.last_mut() {
        removal.chosen = !removal.chosen;
        return;
    }
    if let Some(Popup::Plan(plan)) = state.popups.last_mut() {
        let count = plan.choices().len().max(1) as isize;
        plan.chosen = (plan.chosen as isize + step).rem_euclid(count) as usize;
        return;
    }
    if let Some(Popup::Dialog(dialog)) = state.popups.last_mut() {
        let count = dialog.choices.len().max(1) as isize;
        dialog.cursor = (dialog.cursor as isize + step).rem_euclid(count) as usize;
    }
}

pub(super) fn answer(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Popup::Removal(_)) = state.popups.last() {
        return super::upkeep::chosen(state, effects);
    }
    if let Some(Popup::Themes(_)) = state.popups.last() {
        return super::themes::accept(state, effects);
    }
    if let Some(Popup::Welcome(_) | Popup::Offer(_)) = state.popups.last() {
        return super::welcome::accept(state, effects);
    }
    if let Some(Popup::Plan(_)) = state.popups.last() {
        return super::plan::chosen(state, effects);
    }
    let Some(Popup::Dialog(dialog)) = state.popups.pop() else { return };
    let Some((choice, _)) = dialog.choices.get(dialog.cursor) else { return };
    match (choice, &dialog.question) {
        (Choice::Stay, Question::Quit) => {
            if state.leaving == Leaving::WhenDone {
                state.leaving = Leaving::No;
            }
        }
        (Choice::Finish, _) => {
            state.leaving = Leaving::WhenDone;
            if super::may_leave(state) {
                effects.push(Effect::Exit(Exit::Quit));
            }
        }
        (Choice::Leave, _) => super::others::leave(state, effects),
        (Choice::Stop, _) => {
            state.leaving = Leaving::Stopping;
            effects.push(Effect::Shutdown);
        }
        (Choice::Quit, _) => effects.push(Effect::Exit(Exit::Quit)),
        (Choice::CancelJob, Question::Cancel(job)) => super::jobs::cancel_jobs(state, &[*job], effects),
        (Choice::CancelJob, Question::CancelJobs(jobs)) => super::jobs::cancel_jobs(state, jobs, effects),
        (Choice::Logout, Question::Logout(registry)) => effects.push(Effect::Logout(login::whole(registry))),
        (Choice::Overwrite, Question::Overwrite(specs, _)) => {
            effects.push(Effect::Upkeep(Upkeep::Tag(specs.clone())));
        }
        (Choice::Collect, _) => effects.push(Effect::Upkeep(Upkeep::Garbage { dry_run: false })),
        (Choice::Replace, Question::Replace(save)) => effects.push(Effect::Save(save.clone())),
        (Choice::Stay | Choice::CancelJob | Choice::Logout | Choice::Overwrite | Choice::Replace, _) => {}
    }
}

/// `ctrl-c` in a question: the second one does not wait.
pub(super) fn abort(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(Popup::Themes(_)) = state.popups.last() {
        return super::themes::take_back(state);
    }
    if let Some(Popup::Dialog(dialog)) = state.popups.pop()
        && dialog.question == Question::Quit
    {
        effects.push(Effect::Exit(Exit::Stopped));
    }
}

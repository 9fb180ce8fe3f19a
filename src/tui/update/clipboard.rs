//! Yanking: what is meant becomes text, and the text goes by tmux, by the terminal, or is shown.

use crate::oci::{Location, printable, shown};
use crate::tui::action::Action;
use crate::tui::command;
use crate::tui::effect::Effect;
use crate::tui::state::clipboard::{Clip, Delivered};
use crate::tui::state::lookup::Known;
use crate::tui::state::popup::{Popup, Scroll};
use crate::tui::state::{State, Tone};
use crate::tui::terminal::ClipboardWay;

/// What a message shows of one short text.
const SHOWN: usize = 60;

pub(super) fn yank(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    state.clipboard.awaited.clear();
    match action {
        Action::YankReference => {
            let names = command::references(state);
            let words = state.words;
            copy_lines(state, &names, |n| words.so_many_references(n), words.no_name_to_copy(), effects);
        }
        Action::YankDigest => digests(state, effects),
        Action::YankText => {
            let lines = command::error_text(state).unwrap_or_default();
            let words = state.words;
            copy_lines(state, &lines, |n| words.n_lines(n), words.no_error_here(), effects);
        }
        _ => commands(state, action == Action::YankCommands, effects),
    }
}

fn commands(state: &mut State, all: bool, effects: &mut Vec<Effect>) {
    let texts = command::commands(state, all);
    let words = state.words;
    if texts.lines.is_empty() {
        return match texts.left_out.first() {
            Some(reason) => state.say(Tone::Plain, reason.clone()),
            None => state.say(Tone::Plain, words.no_command_here()),
        };
    }
    match texts.images {
        Some(images) if texts.lines.len() == 1 => {
            let clip = Clip { text: texts.lines.concat(), what: words.one_sync(images) };
            deliver(state, clip, effects);
        }
        _ => copy_lines(state, &texts.lines, |n| words.n_commands(n), "", effects),
    }
    if let (Some(reason), Some((tone, said))) = (texts.left_out.first(), &mut state.message) {
        let left_out = words.some_without_command(texts.left_out.len(), reason);
        (*tone, *said) = (Tone::Plain, printable(&format!("{said}; {left_out}"), 300));
    }
}

fn copy_lines(
    state: &mut State,
    lines: &[String],
    many: impl Fn(usize) -> String,
    none: &str,
    effects: &mut Vec<Effect>,
) {
    let what = match lines {
        [] => return state.say(Tone::Plain, none),
        [one] => printable(one, SHOWN),
        lines => many(lines.len()),
    };
    deliver(state, Clip { text: lines.join("\n"), what }, effects);
}

fn digests(state: &mut State, effects: &mut Vec<Effect>) {
    let words = state.words;
    let known = match command::arrived(state) {
        arrived if !arrived.is_empty() => arrived,
        _ => command::known_platforms(state),
    };
    if !known.is_empty() {
        return copy_lines(state, &known, |n| words.n_digests(n), "", effects);
    }
    let images = command::images(state);
    if images.is_empty() {
        return state.say(Tone::Plain, words.no_digest_here());
    }
    // An engine would save the whole image for it.
    let silent = |at: &&Location| matches!(at, Location::DockerDaemon { .. });
    let unknown: Vec<Location> =
        images.iter().filter(|at| command::digest_of(state, at).is_none()).cloned().collect();
    if let Some(at) = unknown.iter().find(silent) {
        return state.say(Tone::Plain, words.no_digest(at));
    }
    for at in &unknown {
        if !matches!(state.digests.get(at), Some(Known::Asked)) {
            state.digests.ask(at);
            effects.push(Effect::Resolve(at.clone()));
        }
    }
    if !unknown.is_empty() {
        state.say(Tone::Plain, words.asking_digests(unknown.len()));
    }
    state.clipboard.awaited = images;
}

/// Copies the digests that were awaited, once all of them are known, or says which cannot be.
pub(super) fn settle(state: &mut State, effects: &mut Vec<Effect>) {
    if state.clipboard.awaited.is_empty() {
        return;
    }
    let words = state.words;
    let mut lines = Vec::new();
    let images = std::mem::take(&mut state.clipboard.awaited);
    for at in &images {
        if let Some(digest) = command::digest_of(state, at) {
            lines.push(command::pinned(at, &digest));
            continue;
        }
        match state.digests.get(at) {
            Some(Known::Asked) => {
                state.clipboard.awaited = images;
                return;
            }
            Some(Known::Is(None)) => return state.say(Tone::Bad, words.digest_not_there(at)),
            _ => return state.say(Tone::Bad, words.no_digest(at)),
        }
    }
    copy_lines(state, &lines, |n| words.n_digests(n), "", effects);
}

/// Sends a text on the best way there is.
fn deliver(state: &mut State, clip: Clip, effects: &mut Vec<Effect>) {
    let clip = Clip { text: shown(&clip.text), what: printable(&clip.what, 80) };
    let ways = state.clipboard.terminal.clipboard();
    // A terminal does not say whether it took what it was sent: who asks again did not get it.
    if state.clipboard.sent.take().as_ref() == Some(&clip.text) {
        return by_hand(state, clip);
    }
    go(state, clip, &ways, effects);
}

fn go(state: &mut State, clip: Clip, ways: &[ClipboardWay], effects: &mut Vec<Effect>) {
    match ways {
        [] => by_hand(state, clip),
        [ClipboardWay::Tmux, ..] => effects.push(Effect::GiveToTmux(clip)),
        [way, rest @ ..] => match state.clipboard.terminal.copy(*way, &clip.text) {
            Some(sequence) => {
                effects.push(Effect::Send(sequence));
                state.say(Tone::Good, state.words.sent_to_terminal(&clip.what));
                state.clipboard.sent = Some(clip.text);
            }
            None => go(state, clip, rest, effects),
        },
    }
}

fn by_hand(state: &mut State, clip: Clip) {
    // Once is enough, however often it is asked for.
    state.popups.retain(|popup| !matches!(popup, Popup::ByHand(..)));
    state.say(Tone::Plain, state.words.shown_by_hand(&clip.what));
    state.popups.push(Popup::ByHand(clip, Scroll::default()));
}

/// tmux's answer; where it did not take the text, the next way is tried.
pub(super) fn delivered(
    state: &mut State,
    clip: Clip,
    answer: Result<Delivered, String>,
    effects: &mut Vec<Effect>,
) {
    match answer {
        Ok(Delivered::Clipboard) => state.say(Tone::Good, state.words.copied_by_tmux(&clip.what)),
        Ok(Delivered::Buffer) => state.say(Tone::Plain, state.words.copied_into_tmux(&clip.what)),
        Err(reason) => {
            tracing::warn!("{reason}");
            let ways = state.clipboard.terminal.clipboard();
            go(state, clip, ways.get(1..).unwrap_or_default(), effects);
            if state.popups.iter().any(|popup| matches!(popup, Popup::ByHand(..))) {
                state.say(Tone::Bad, state.words.tmux_refused(reason));
            }
        }
    }
}

//! The target's form, with examples of what names become, and proposals.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::form::{self, Shown};
use super::layout::Layout;
use super::popup;
use super::text::Pen;
use crate::tui::action::Action;
use crate::tui::state::State;
use crate::tui::state::target::{TargetField, TargetForm};

/// Proposals that are shown at the same time.
const PROPOSALS: usize = 6;

pub(super) fn draw(state: &State, layout: &Layout, target: &TargetForm, buffer: &mut Buffer) {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let columns = usize::from(popup::area(layout, true, 0).width).saturating_sub(2);
    let lines = form::rows(&target.form, columns);
    let examples = examples(state, target);
    let proposing = target.typed().is_some();
    let proposals = if proposing { target.hits.len().min(PROPOSALS) } else { 0 };
    let area = popup::area(layout, true, lines + 1 + examples.len() + 1 + proposals);
    let (next, enter, esc) =
        (state.key(Action::NextField), state.key(Action::PromptAccept), state.key(Action::PromptClose));
    let below = match proposing && !target.hits.is_empty() {
        true => words.target_below(state.key(Action::PromptDown), next, enter, esc),
        false => words.form_below(next, enter, esc),
    };
    let inner = popup::open(state, area, words.target_title(), &below, buffer);
    // With little room the form comes first, then what is proposed, then the examples.
    let rest = inner.height.saturating_sub(lines as u16);
    let part = Rect { height: inner.height.min(lines as u16), ..inner };
    let mut y = form::draw(state, (buffer, part), &target.form, |item| {
        let (label, note) = match item.field {
            TargetField::First => (words.target_first(), words.target_first_note()),
            TargetField::More => (words.target_more(), words.target_more_note()),
            TargetField::Names => (words.target_names(), ""),
            TargetField::From => (words.target_from(), words.target_from_note()),
            TargetField::To => (words.target_to(), "$1"),
            TargetField::Queue => (words.target_queue(), ""),
        };
        let empty = target.form.text(item.field).is_empty();
        let note = if empty && item.field != TargetField::Names { note } else { "" };
        Shown { label: label.to_owned(), value: value(state, target, item.field), note: note.to_owned() }
    });
    let shown = (rest.saturating_sub(proposals as u16 + 2) as usize).min(examples.len());
    if shown > 0 {
        y += 1;
        for (text, good) in examples.iter().take(shown) {
            let style = if *good { theme.text } else { theme.error };
            Pen::new(buffer, inner, y, glyphs.ellipsis).skip(1).put(text, style);
            y += 1;
        }
    }
    if proposals == 0 || y + 1 >= inner.height {
        return;
    }
    y += 1;
    let rows = usize::from(inner.height - y);
    let first = target.chosen.map_or(0, |at| (at + 1).saturating_sub(rows.min(PROPOSALS)));
    for (row, (at, hit)) in (y..inner.height).zip(target.hits.iter().enumerate().skip(first)) {
        let Some(proposal) = target.proposals.get(*hit) else { continue };
        let mut pen = Pen::new(buffer, inner, row, glyphs.ellipsis);
        let chosen = target.chosen == Some(at);
        pen.skip(1).put(if chosen { glyphs.cursor } else { " " }, theme.accent).skip(1);
        pen.column(&crate::oci::printable(&proposal.text, 200), 32, theme.text);
        pen.skip(1).put(&proposal.note, theme.dim);
        if chosen {
            buffer.set_style(Rect { y: inner.y + row, height: 1, ..inner }, theme.cursor);
        }
    }
}

fn value(state: &State, target: &TargetForm, field: TargetField) -> String {
    let words = state.words;
    let chosen = target.form.choice(field);
    let text = match (field, chosen) {
        (TargetField::Names, 0) => words.names_keep(),
        (TargetField::Names, 1) => words.names_whole(),
        (TargetField::Names, 2) => return words.names_drop(2),
        (TargetField::Names, 3) => return words.names_drop(3),
        (TargetField::Names, 4) => words.names_last(),
        (TargetField::Names, _) => words.names_rule(),
        (TargetField::Queue, 0) => words.queue_new_only(),
        (TargetField::Queue, _) => words.queue_all(),
        _ => "",
    };
    text.to_owned()
}

/// What images become; whether that is sound.
fn examples(state: &State, target: &TargetForm) -> Vec<(String, bool)> {
    let arrow = state.glyphs.arrow;
    let aim = match target.aim(&state.registries.entries) {
        Ok(aim) => aim,
        // Said once the form is taken; while it is typed every other letter is wrong.
        Err(_) => {
            return target.examples.iter().map(|source| (format!("{source} {arrow} ?"), true)).collect();
        }
    };
    let example = |source: &crate::oci::Location| match aim.destinations(source) {
        Ok(to) => {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            (format!("{source} {arrow} {}", to.join(", ")), true)
        }
        Err(reason) => (format!("{source} {arrow} {reason}"), false),
    };
    target.examples.iter().map(example).collect()
}

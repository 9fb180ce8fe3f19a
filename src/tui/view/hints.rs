//! The bottom line: what there is to say, and the keys that do something where the focus is, from the action table.

use ratatui::buffer::Buffer;

use super::layout::Layout;
use super::text::{Pen, width};
use crate::config::RegistryType;
use crate::job::JobState;
use crate::tui::action::{Action, TABLE};
use crate::tui::state::browse::Level;
use crate::tui::state::popup::Popup;
use crate::tui::state::{State, Tone};

pub(super) fn draw(state: &State, layout: &Layout, buffer: &mut Buffer) {
    let (theme, glyphs) = (&state.theme, &state.glyphs);
    let mut pen = Pen::new(buffer, layout.hints, 0, glyphs.ellipsis);
    pen.skip(1);
    if super::which::bottom(state, layout, &mut pen) {
        return;
    }
    if let Some((tone, text)) = &state.message {
        let (sign, style) = match tone {
            Tone::Good => (glyphs.done, theme.ok),
            Tone::Plain => (glyphs.dot, theme.text),
            Tone::Bad => (glyphs.failed, theme.error),
        };
        pen.put(sign, style).skip(1).put(text, style).skip(3);
    }
    let entries = state
        .contexts()
        .iter()
        .flat_map(|context| TABLE.iter().filter(move |entry| entry.context == *context));
    let mut first = true;
    if super::popup::extent(state, layout).is_some_and(|(rows, height)| rows > height) {
        let keys = super::popup::scroll_keys(state);
        if width(&keys) <= pen.room() {
            pen.put(&keys, theme.key);
            first = false;
        }
    }
    // What a nearer context has a key for does not get as far as this one.
    let mut taken: Vec<&str> = Vec::new();
    for entry in entries {
        let keys = state.keymap.keys(entry.action);
        let key = keys.iter().find(|key| !taken.contains(&key.as_str()));
        taken.extend(keys.iter().map(String::as_str));
        let Some((key, label)) = key.zip(label(state, entry.action)) else { continue };
        let separator = if first { String::new() } else { format!(" {} ", glyphs.dot) };
        if width(&separator) + width(key) + 1 + width(&label) > pen.room() {
            break;
        }
        pen.put(&separator, theme.dim).put(key, theme.key).put(&format!(" {label}"), theme.text);
        first = false;
    }
}

/// What the bar says of an action; `None` where it would do nothing now, or is no news.
fn label(state: &State, action: Action) -> Option<String> {
    let (words, hint) = (state.words, state.words.hint_of(action));
    if state.read_only && action.writes() {
        return None;
    }
    let browse = &state.browse;
    let rows = !browse.list().is_empty();
    let images = matches!(browse.level, Level::Tags | Level::Images | Level::Platforms) && rows;
    let addable = browse.place.is_some() && rows;
    let job = match state.popups.last() {
        Some(Popup::Why(id, _)) => super::why::job_of(state, *id),
        Some(Popup::History(history)) => history.current(),
        _ => state.jobs.current(),
    };
    let place = state.registries.current().is_some_and(|row| row.place.is_ok());
    let useful = match action {
        Action::Start => !state.queue.drafts().is_empty(),
        Action::UseAsTarget if state.registries.current()?.kind == RegistryType::LocalFile => {
            return place.then(|| words.hint_export_to().to_owned());
        }
        Action::OpenRegistry | Action::UseAsTarget => place,
        Action::Login | Action::PopupLogin => crate::tui::update::login::wanted(state).is_some(),
        Action::Mark | Action::MarkRange | Action::MarkPattern => addable,
        Action::Add | Action::Export => addable || !state.marks.is_empty(),
        Action::Inspect => images,
        Action::Delete => images || !state.marks.is_empty(),
        Action::Tag => images,
        Action::Diff => images && state.target.is_some(),
        Action::Filter | Action::Sort => browse.list().total() > 0,
        Action::Refresh | Action::Ascend => browse.place.is_some(),
        Action::Descend => browse.level != Level::Platforms && rows,
        Action::RemoveDraft | Action::EditDraft | Action::MarkDraft => !state.queue.drafts().is_empty(),
        Action::DraftDown => state.queue.cursor + 1 < state.queue.drafts().len(),
        Action::DraftUp => state.queue.cursor > 0,
        Action::Undo => state.queue.can_undo(),
        Action::Redo => state.queue.can_redo(),
        // A popup has its own for that key.
        Action::JobDetails if !state.popups.is_empty() => false,
        Action::SaveQueue => !state.queue.drafts().is_empty(),
        Action::JobDetails => {
            return job
                .map(|job| if job.state == JobState::Failed { words.hint_why() } else { hint }.to_owned());
        }
        Action::JobLayers => state.popups.is_empty() && job.is_some_and(|job| !job.progress.blobs.is_empty()),
        Action::RetryAll => state.jobs.counts.failed > 1 && state.popups.is_empty(),
        Action::CancelAll => state.jobs.counts.running + state.jobs.counts.waiting > 1,
        Action::ClearFinished => state.jobs.counts.succeeded > 0 && state.popups.is_empty(),
        Action::WhichJobs | Action::JobOrder | Action::FilterJobs | Action::MarkJob | Action::MarkJobs => {
            !state.jobs.rows().is_empty() && state.popups.is_empty()
        }
        Action::QueueAgain | Action::UndoTags => job.is_some_and(|job| job.state.is_final()),
        Action::LogNext | Action::LogPrevious => !state.logs.pattern().is_empty(),
        Action::CancelJob => job.is_some_and(|job| !job.state.is_final()),
        Action::RetryJob => job.is_some_and(|job| job.state == JobState::Failed),
        Action::PauseJob => {
            return match job?.state {
                JobState::Running => Some(hint.to_owned()),
                JobState::Paused | JobState::Interrupted => Some(words.hint_go_on().to_owned()),
                _ => None,
            };
        }
        Action::PopupAccept => return accept(state, state.popups.last()?),
        _ => true,
    };
    (useful && !hint.is_empty()).then(|| hint.to_owned())
}

/// What `enter` does in a popup that shows something; `None` if nothing.
pub(super) fn accept(state: &State, popup: &Popup) -> Option<String> {
    match popup {
        Popup::Plan(_) if state.read_only => None,
        Popup::Plan(plan) => match (plan.startable().count(), plan.rows.len()) {
            (0, _) => None,
            (able, all) if able < all => Some(state.words.hint_start_some(able, all)),
            _ => Some(state.words.hint_start().to_owned()),
        },
        Popup::Faults(_) => Some(state.words.below_edit_again().to_owned()),
        Popup::Paste(preview) if preview.taken() > 0 => Some(state.words.hint_add().to_owned()),
        _ => None,
    }
}

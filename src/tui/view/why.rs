//! A job whole: what it does, how far it is, and why it failed.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::advice;
use super::text::wrap;
use crate::job::JobId;
use crate::oci::printable;
use crate::tui::action::Action;
use crate::tui::state::State;

/// Everything about a failed job.
pub(super) fn lines(state: &State, id: JobId, columns: usize) -> Vec<Line<'static>> {
    let (theme, glyphs, words) = (&state.theme, &state.glyphs, state.words);
    let mut lines = Vec::new();
    let mut push = |text: &str, style: Style| {
        let wrapped = wrap(&printable(text, 4000), columns.saturating_sub(2));
        lines.extend(wrapped.into_iter().map(|line| Line::from(Span::styled(format!(" {line}"), style))));
    };
    let Some(job) = state.jobs.get(id) else {
        push(words.job_gone(), theme.dim);
        return lines;
    };
    let to: Vec<String> = job.spec.destinations.iter().map(ToString::to_string).collect();
    push(&format!("{} {} {}", job.spec.source, glyphs.arrow, to.join(", ")), theme.text);
    push(words.job_state(job.state), theme.dim);
    if let Some(failure) = &job.failure {
        push("", theme.text);
        push(&failure.message, theme.error);
        push(&advice::class(state, failure), theme.dim);
        for hint in advice::hints(state, failure) {
            push(&hint, theme.warn);
        }
        push("", theme.text);
        if let Some(text) = advice::mends(state, failure) {
            push(&text, theme.key);
        }
        push(&words.retry_tries_again(state.key(Action::RetryJob)), theme.dim);
    }
    let (settled, all) = job.progress.settled_blobs();
    if all > 0 {
        push(&words.blobs_settled(settled, all), theme.dim);
    }
    lines
}

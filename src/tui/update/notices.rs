//! Telling a person who looks elsewhere.

use crate::job::JobState;
use crate::tui::effect::Effect;
use crate::tui::state::State;
use crate::tui::state::notices::Notice;

/// Looks at the jobs as they were sampled.
pub(super) fn watch(state: &mut State, effects: &mut Vec<Effect>) {
    let counts = state.jobs.counts;
    let busy = state.jobs.busy();
    let Some(notice) = state.notices.watch(state.now, busy, counts.succeeded, counts.failed) else { return };
    let words = state.words;
    let text = match notice {
        Notice::Done { succeeded, failed: 0 } => words.notice_done(succeeded),
        Notice::Done { succeeded, failed } => words.notice_done_failed(succeeded, failed),
        Notice::Failed => {
            let failed = state.jobs.rows().iter().filter(|job| job.state == JobState::Failed);
            let latest = failed.max_by_key(|job| job.id);
            words.notice_failed(latest.map(|job| job.spec.sources_text()).unwrap_or_default())
        }
    };
    let sequence = state.clipboard.terminal.notice(state.notices.how, &text);
    if !sequence.is_empty() {
        effects.push(Effect::Send(sequence));
    }
}

//! What a person sees of wharf while another window is in front: the title.

use std::time::Duration;

use tokio::time::Instant;

use super::state::State;
use super::terminal::Screen;

/// The shortest time between two titles.
const PACE: Duration = Duration::from_secs(1);

/// The window's title as it was last set.
#[derive(Debug, Default)]
pub(super) struct Title {
    shown: String,
    at: Option<Instant>,
    /// When one that is waiting may be set.
    pub(super) due: Option<Instant>,
}

impl Title {
    /// Sets the title if it is another one, and the last is a while ago; else notes when it may be.
    pub(super) fn show(&mut self, state: &State, now: Instant, screen: &mut Screen) {
        let title = title(state);
        self.due = None;
        if title == self.shown {
            return;
        }
        match self.at.map(|at| at + PACE).filter(|next| *next > now) {
            Some(next) => self.due = Some(next),
            None => {
                screen.set_title(&title);
                (self.shown, self.at) = (title, Some(now));
            }
        }
    }
}

/// `wharf ▶4 ✓131 ✗1 64%`: what runs, what is done, what failed, and how much of all bytes is there.
fn title(state: &State) -> String {
    let (glyphs, jobs) = (&state.glyphs, &state.jobs);
    let mut out = String::from("wharf");
    for (sign, count) in [
        (glyphs.running, jobs.counts.running),
        (glyphs.done, jobs.counts.succeeded),
        (glyphs.failed, jobs.counts.failed),
    ] {
        if count > 0 {
            out += &format!(" {sign}{count}");
        }
    }
    let here = jobs.wire + jobs.reused;
    if jobs.busy() && here + jobs.rest > 0 {
        out += &format!(" {}%", u128::from(here) * 100 / u128::from(here + jobs.rest));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::tui::keymap::Keymap;
    use crate::tui::theme::Theme;

    #[test]
    fn the_title_counts() {
        let mut state = State::new(&Config::default(), Theme::mono(), Keymap::defaults().unwrap());
        assert_eq!(title(&state), "wharf");
        (state.jobs.counts.running, state.jobs.counts.succeeded) = (4, 131);
        state.jobs.counts.failed = 1;
        (state.jobs.wire, state.jobs.reused, state.jobs.rest) = (44, 20, 36);
        assert_eq!(title(&state), "wharf ▶4 ✓131 ✗1 64%");
        (state.jobs.counts.running, state.jobs.counts.failed) = (0, 0);
        assert_eq!(title(&state), "wharf ✓131");
    }
}

//! What is seen of wharf outside its screen: the window's title, and the state in the report of a panic.

use std::time::Duration;

use tokio::time::Instant;

use super::state::State;
use super::state::popup::Popup;
use super::terminal::Screen;
use crate::engine::Place;

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
    if jobs.counts.running > 0 && here + jobs.rest > 0 {
        out += &format!(" {}%", u128::from(here) * 100 / u128::from(here + jobs.rest));
    }
    out
}

/// How the screen stands, for the report of a panic: counts, names of panes and hosts, and nothing that was typed.
pub(super) fn summary(state: &State) -> String {
    let popups: Vec<&str> = state.popups.iter().map(popup_name).collect();
    let counts = state.jobs.counts;
    let hosts = state.registries.rows.iter().map(|row| match &row.place {
        Ok(Place::Registry(registry)) => registry.to_string(),
        _ => row.kind.as_str().to_owned(),
    });
    let list = state.browse.list();
    format!(
        "size {}x{}, focus {:?}, zoom {}, popups {popups:?}\nbrowse {:?}, {} of {} rows, cursor {}, marks {}\n\
         drafts {}, jobs {}: waiting {}, running {}, done {}, failed {}\nup for {} s, mouse {}, places: {}",
        state.size.0,
        state.size.1,
        state.focus,
        state.zoom,
        state.browse.level,
        list.len(),
        list.total(),
        list.cursor(),
        state.marks.len(),
        state.queue.drafts().len(),
        state.jobs.rows().len(),
        counts.waiting,
        counts.running,
        counts.succeeded,
        counts.failed,
        state.now.as_secs(),
        state.mouse.on,
        hosts.collect::<Vec<_>>().join(" "),
    )
}

/// A popup's name; never what is in it.
fn popup_name(popup: &Popup) -> &'static str {
    match popup {
        Popup::Help(_) => "help",
        Popup::Palette(_) => "palette",
        Popup::Prompt(_) => "prompt",
        Popup::Paste(..) => "paste",
        Popup::Plan(_) => "plan",
        Popup::Inspect(_) => "inspect",
        Popup::Why(..) => "why",
        Popup::Dialog(_) => "dialog",
        Popup::Login(_) => "login",
        Popup::Removal(_) => "removal",
        Popup::Diff(_) => "diff",
        // Others' popups come and go; a report needs no more than that there is one.
        #[allow(unreachable_patterns, reason = "a new popup need not be named here")]
        _ => "another",
    }
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
        assert!(summary(&state).contains("running 4, done 131, failed 1"), "{}", summary(&state));
        (state.jobs.counts.running, state.jobs.counts.failed) = (0, 0);
        assert_eq!(title(&state), "wharf ✓131");
    }
}

//! A job's states and the legal moves between them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a job stands (DESIGN section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Put down, not asked for yet.
    Draft,
    /// Waiting for its turn.
    Queued,
    /// Finding out what will move.
    Planning,
    /// Moving bytes.
    Running,
    /// Stopped by a person; goes on when asked.
    Paused,
    /// Its process went away in the middle.
    Interrupted,
    /// Everything is where it should be.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// A person ended it.
    Cancelled,
}

/// A move that the table does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {from} job cannot become {to}")]
pub struct IllegalMove {
    from: JobState,
    to: JobState,
}

impl JobState {
    /// Every state, in the order of a job's life.
    pub const ALL: [JobState; 9] = [
        JobState::Draft,
        JobState::Queued,
        JobState::Planning,
        JobState::Running,
        JobState::Paused,
        JobState::Interrupted,
        JobState::Succeeded,
        JobState::Failed,
        JobState::Cancelled,
    ];

    /// The state after the move, or why there is no such move. This is the only table of moves.
    pub fn become_(self, to: JobState) -> Result<JobState, IllegalMove> {
        use JobState::*;
        let legal = match self {
            Draft => matches!(to, Queued | Cancelled),
            Queued => matches!(to, Planning | Cancelled),
            // A plan may fail by itself, and a process may go away while it plans.
            Planning => matches!(to, Running | Failed | Interrupted | Cancelled),
            Running => matches!(to, Succeeded | Failed | Cancelled | Paused | Interrupted),
            Paused => matches!(to, Queued | Cancelled),
            Interrupted => matches!(to, Queued | Cancelled),
            Failed => to == Queued,
            Succeeded | Cancelled => false,
        };
        if legal { Ok(to) } else { Err(IllegalMove { from: self, to }) }
    }

    /// Whether nothing more happens by itself.
    pub fn is_final(self) -> bool {
        matches!(self, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
    }

    /// Whether a process is at work on it.
    pub fn is_active(self) -> bool {
        matches!(self, JobState::Planning | JobState::Running)
    }

    /// The state's name.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Draft => "draft",
            JobState::Queued => "queued",
            JobState::Planning => "planning",
            JobState::Running => "running",
            JobState::Paused => "paused",
            JobState::Interrupted => "interrupted",
            JobState::Succeeded => "succeeded",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }

    /// The state with that name.
    pub fn from_name(name: &str) -> Option<JobState> {
        JobState::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::JobState::*;
    use super::*;

    #[test]
    fn the_moves_are_those_of_the_design() {
        let mut table = String::new();
        for from in JobState::ALL {
            let to: Vec<_> =
                JobState::ALL.iter().filter(|to| from.become_(**to).is_ok()).map(|s| s.as_str()).collect();
            table += &format!("{from}: {}\n", to.join(" "));
        }
        let want = "draft: queued cancelled\nqueued: planning cancelled\n\
            planning: running interrupted failed cancelled\nrunning: paused interrupted succeeded failed cancelled\n\
            paused: queued cancelled\ninterrupted: queued cancelled\nsucceeded: \nfailed: queued\ncancelled: \n";
        assert_eq!(table, want);
    }

    #[test]
    fn names_are_found_again() {
        assert!(JobState::ALL.iter().all(|s| JobState::from_name(s.as_str()) == Some(*s)));
        assert_eq!(Running.become_(Queued).unwrap_err().to_string(), "a running job cannot become queued");
    }
}

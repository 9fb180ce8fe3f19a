//! What a person asks of a job, in a form that reaches the process that has it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something asked of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Start no new blob.
    Pause,
    /// Go on after a pause.
    Resume,
    /// End it.
    Cancel,
    /// Try again after a failure.
    Retry,
    /// Have this priority: higher goes first.
    Priority(i32),
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Pause => f.write_str("pause"),
            Wish::Resume => f.write_str("resume"),
            Wish::Cancel => f.write_str("cancel"),
            Wish::Retry => f.write_str("retry"),
            Wish::Priority(priority) => write!(f, "priority {priority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_again() {
        for wish in [Wish::Pause, Wish::Resume, Wish::Cancel, Wish::Retry, Wish::Priority(-3)] {
            let text = serde_json::to_string(&wish).unwrap();
            assert_eq!(serde_json::from_str::<Wish>(&text).unwrap(), wish, "{text}");
        }
        assert_eq!(serde_json::to_string(&Wish::Priority(2)).unwrap(), r#"{"priority":2}"#);
        // Another version's wish is an error that can be told, and no other wish.
        assert!(serde_json::from_str::<Wish>("\"explode\"").is_err());
    }
}

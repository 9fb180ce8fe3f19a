//! When a failed request is sent again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::error::{Again, Failure};

/// The longest wait, also where `Retry-After` asks for more: a person is watching.
const LONGEST: Duration = Duration::from_secs(60);
/// Waits after nobody listened, as parts of the first wait.
const QUICK: [f64; 2] = [0.4, 1.2];

/// The waits of one request.
pub(super) struct Retry {
    attempts: u32,
    failed: u32,
    quick: usize,
    first: Duration,
    growing: ExponentialBackoff,
}

impl Retry {
    /// For at most `attempts` attempts, the first included; `first` is the wait before the second.
    pub(super) fn new(attempts: u32, first: Duration) -> Retry {
        let attempts = attempts.max(1);
        let growing = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(LONGEST / 2)
            .with_max_times(attempts as usize)
            .with_jitter()
            .build();
        Retry { attempts, failed: 0, quick: 0, first, growing }
    }

    /// Attempts that failed.
    pub(super) fn failed(&self) -> u32 {
        self.failed
    }

    /// After one more failure: how long to wait before the next attempt, with its number and how many there
    /// are in all; `None` if that was the last.
    pub(super) fn after(&mut self, failure: &Failure) -> Option<(Duration, u32, u32)> {
        self.failed += 1;
        if self.failed >= self.attempts {
            return None;
        }
        let (delay, of) = match failure.again {
            Again::Never | Again::IfKnown => return None,
            Again::Quickly => {
                let delay = self.first.mul_f64(*QUICK.get(self.quick)?);
                self.quick += 1;
                (delay, self.attempts.min(self.failed + 1 + (QUICK.len() - self.quick) as u32))
            }
            Again::Later => {
                let own = self.growing.next()?;
                let asked = failure.error.retry_after().unwrap_or_default();
                (own.max(asked).min(LONGEST), self.attempts)
            }
        };
        Some((delay, self.failed + 1, of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::ErrorClass;
    use crate::transport::Error;

    const FIRST: Duration = Duration::from_millis(500);

    fn failure(again: Again, retry_after: Option<Duration>) -> Failure {
        let error = Error::Answered {
            attempted: "get manifest",
            at: "r.io/a:1".to_owned(),
            status: 429,
            answer: String::new(),
            class: ErrorClass::RateLimit,
            retry_after,
            exchange: None,
        };
        Failure { error, code: None, again, unspoken: false }
    }

    #[test]
    fn waits_grow_and_end() {
        let mut retry = Retry::new(5, FIRST);
        let waits: Vec<_> = std::iter::from_fn(|| retry.after(&failure(Again::Later, None))).collect();
        assert_eq!(
            waits.iter().map(|(_, n, of)| (*n, *of)).collect::<Vec<_>>(),
            [(2, 5), (3, 5), (4, 5), (5, 5)]
        );
        for (n, (wait, ..)) in waits.iter().enumerate() {
            let least = FIRST * (1 << n);
            assert!(*wait >= least && *wait <= least * 2, "{n}: {wait:?}");
        }
    }

    #[test]
    fn the_registry_says_how_long_within_reason() {
        let wait = |seconds| {
            Retry::new(5, FIRST)
                .after(&failure(Again::Later, Some(Duration::from_secs(seconds))))
                .map(|w| w.0)
        };
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert_eq!(wait(86_400), Some(LONGEST));
    }

    #[test]
    fn what_cannot_succeed_is_not_tried_again_and_nobody_listening_only_shortly() {
        assert!(Retry::new(5, FIRST).after(&failure(Again::Never, None)).is_none());
        assert!(Retry::new(1, FIRST).after(&failure(Again::Later, None)).is_none());
        let mut retry = Retry::new(5, FIRST);
        let waits: Vec<_> = std::iter::from_fn(|| retry.after(&failure(Again::Quickly, None))).collect();
        assert_eq!(waits, [(Duration::from_millis(200), 2, 3), (Duration::from_millis(600), 3, 3)]);
    }
}

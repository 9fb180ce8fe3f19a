//! Keeping some of a registry's rate limit: manifest reads ("pulls", to Docker Hub) wait before fewer than the reserve
//! would be left, until the window is over.

use std::time::Duration;

use tokio::time::Instant;

use super::host::Host;
use super::profile::RateLimit;

/// The window where a registry does not say it: Docker Hub's six hours.
const WINDOW: Duration = Duration::from_secs(6 * 60 * 60);

/// What a registry last said of its limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub limit: RateLimit,
    /// What is left of it, less what was asked for since.
    left: Option<u64>,
    /// When the window was first seen.
    since: Instant,
    /// Whether somebody was told of the waiting.
    told: bool,
}

impl Seen {
    /// After an answer: the same window as `before`, unless it is over or more is left than was.
    pub(super) fn after(before: Option<Seen>, limit: RateLimit) -> Seen {
        let now = Instant::now();
        let same = |seen: &Seen| now < seen.until() && limit.remaining <= seen.limit.remaining;
        match before.filter(same) {
            // Several ask at once: an answer may not know of those that are still on their way.
            Some(seen) => Seen { limit, left: seen.left.min(limit.remaining), ..seen },
            None => Seen { limit, left: limit.remaining, since: now, told: false },
        }
    }

    fn until(&self) -> Instant {
        self.since + self.limit.window.map_or(WINDOW, Duration::from_secs)
    }
}

impl Host {
    /// Waits until a pull leaves the reserve alone. Dropping the future ends the waiting.
    pub(super) async fn keep_reserve(&self) {
        let options = &self.options;
        let reserve = options.rate_limit_reserves.get(&self.registry).copied();
        let reserve = reserve.unwrap_or(options.rate_limit_reserve);
        if reserve == 0 {
            return;
        }
        while let Some((until, remaining)) = self.take_pull(reserve) {
            if let Some(remaining) = remaining {
                let wait = until.saturating_duration_since(Instant::now());
                let then = jiff::Timestamp::now() + jiff::SignedDuration::try_from(wait).unwrap_or_default();
                options.observer.warn(&format!(
                    "{}: {remaining} pulls are left and {reserve} are to be kept; going on at {}, when its window is over",
                    self.registry,
                    then.strftime("%H:%M:%S UTC")
                ));
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// Takes one of the pulls that are left; else until when to wait, and for the first who waits how many are left.
    fn take_pull(&self, reserve: u64) -> Option<(Instant, Option<u64>)> {
        let mut seen = self.rate_limit_seen();
        let now = seen.as_mut()?;
        let (left, until) = (now.left?, now.until());
        if Instant::now() >= until {
            // Nobody knows what is left; the next answer tells.
            *seen = None;
            return None;
        }
        if left > reserve {
            now.left = Some(left - 1);
            return None;
        }
        let told = std::mem::replace(&mut now.told, true);
        Some((until, (!told).then_some(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(remaining: u64) -> RateLimit {
        RateLimit { limit: Some(100), remaining: Some(remaining), window: Some(60) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_lasts_until_it_is_over_or_more_is_left() {
        let first = Seen::after(None, limit(50));
        tokio::time::advance(Duration::from_secs(20)).await;
        let later = Seen::after(Some(Seen { left: Some(40), told: true, ..first }), limit(45));
        assert_eq!((later.since, later.left, later.told), (first.since, Some(40), true));
        let refilled = Seen::after(Some(later), limit(99));
        assert_eq!((refilled.left, refilled.told), (Some(99), false));
        assert!(refilled.since > first.since);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(Seen::after(Some(refilled), limit(10)).left, Some(10));
    }
}

//! How fast bytes move: over the last ten seconds, and since when they do not.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What the rate is taken over.
const WINDOW: Duration = Duration::from_secs(10);
/// Before this much is known, a rate would be a guess.
const WARM_UP: Duration = Duration::from_secs(2);
/// Samples closer together than this say nothing new.
const STEP: Duration = Duration::from_millis(250);
/// Silence after which a transfer counts as stalled.
const STALL: Duration = Duration::from_secs(5);

/// A job's moving rate.
#[derive(Debug)]
pub(super) struct Rate {
    samples: VecDeque<(Instant, u64)>,
    /// When bytes last moved.
    moved: (Instant, u64),
}

impl Rate {
    pub fn new(now: Instant, bytes: u64) -> Rate {
        Rate { samples: VecDeque::from([(now, bytes)]), moved: (now, bytes) }
    }

    /// Notes how many bytes there are now.
    pub fn add(&mut self, now: Instant, bytes: u64) {
        if bytes < self.moved.1 {
            // A blob was started again: the old samples are of another attempt.
            *self = Rate::new(now, bytes);
            return;
        }
        if bytes > self.moved.1 {
            self.moved = (now, bytes);
        }
        match self.samples.back() {
            Some((last, _)) if now.duration_since(*last) < STEP => {}
            _ => self.samples.push_back((now, bytes)),
        }
        // One sample at or beyond the window's edge stays: the rate is taken from it.
        while self.samples.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second; `None` while that would be a guess.
    pub fn per_second(&self, now: Instant) -> Option<f64> {
        let (begin, bytes) = self.samples.front()?;
        let time = now.duration_since(*begin);
        (time >= WARM_UP).then(|| (self.moved.1 - bytes) as f64 / time.as_secs_f64())
    }

    /// Seconds until `left` bytes are moved.
    pub fn eta(&self, now: Instant, left: u64) -> Option<u64> {
        let rate = self.per_second(now).filter(|rate| *rate > 1.0)?;
        Some((left as f64 / rate).ceil() as u64)
    }

    /// How long nothing has moved, once that is worth saying.
    pub fn stalled(&self, now: Instant) -> Option<Duration> {
        let silence = now.duration_since(self.moved.0);
        (silence >= STALL).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_the_last_ten_seconds() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut rate = Rate::new(start, 0);
        for tick in 1..=300 {
            let seconds = f64::from(tick) / 10.0;
            // 1 MB/s for twenty seconds, then 3 MB/s.
            let bytes = if seconds <= 20.0 { seconds * 1e6 } else { 20e6 + (seconds - 20.0) * 3e6 };
            rate.add(at(seconds), bytes as u64);
            if tick == 10 {
                assert_eq!(rate.per_second(at(1.0)), None);
            }
            if tick == 200 {
                assert!((rate.per_second(at(20.0)).unwrap_or(0.0) - 1e6).abs() < 5e4);
            }
        }
        assert!((rate.per_second(at(30.0)).unwrap_or(0.0) - 3e6).abs() < 2e5);
        assert!(rate.samples.len() < 50);
        assert_eq!(rate.stalled(at(34.0)), None);
        assert_eq!(rate.stalled(at(42.0)), Some(Duration::from_secs(12)));
        assert!(rate.eta(at(30.0), 30_000_000).is_some_and(|s| (9..=11).contains(&s)));
        rate.add(at(43.0), 5);
        assert_eq!(rate.per_second(at(43.1)), None);
    }
}

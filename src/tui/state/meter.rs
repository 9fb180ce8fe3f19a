//! Rates: bytes over a moving window of ten seconds, and a minute of history.

use std::collections::VecDeque;
use std::time::Duration;

/// The window that a rate is taken over.
const WINDOW: Duration = Duration::from_secs(10);
/// How long a count must have been watched before a rate predicts anything.
const WARM: Duration = Duration::from_secs(3);
/// Silence after which a transfer is called stalled.
const STALLED: Duration = Duration::from_secs(5);

/// Watches one growing count.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    samples: VecDeque<(Duration, u64)>,
    began: Option<Duration>,
    grown: Duration,
}

impl Meter {
    /// Takes a sample.
    pub fn sample(&mut self, now: Duration, count: u64) {
        match self.samples.back() {
            // Begun again from the start.
            Some((_, last)) if count < *last => *self = Meter::default(),
            Some((_, last)) if count > *last => self.grown = now,
            _ => {}
        }
        if self.began.is_none() {
            (self.began, self.grown) = (Some(now), now);
        }
        while self.samples.len() > 1 && self.samples.get(1).is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.samples.pop_front();
        }
        // Several samples within a tenth of a second say no more than the last of them.
        match self.samples.back_mut() {
            Some(last) if now < last.0 + Duration::from_millis(90) && last.1 == count => {}
            _ => self.samples.push_back((now, count)),
        }
    }

    /// Bytes per second over the window.
    pub fn rate(&self, now: Duration) -> u64 {
        let (Some((first, before)), Some((_, after))) = (self.samples.front(), self.samples.back()) else {
            return 0;
        };
        let begin = (*first).max(now.saturating_sub(WINDOW));
        let seconds = now.saturating_sub(begin).as_secs_f64();
        if seconds < 0.2 { 0 } else { ((after - before) as f64 / seconds) as u64 }
    }

    /// Seconds until `rest` bytes are through; `None` in the first seconds, and while nothing flows.
    pub fn eta(&self, now: Duration, rest: u64) -> Option<Duration> {
        let warm = self.began.is_some_and(|began| now >= began + WARM);
        match self.rate(now) {
            0 => None,
            rate => warm.then(|| Duration::from_secs(rest.div_ceil(rate))),
        }
    }

    /// For how long nothing has come, once that is worth saying.
    pub fn stalled(&self, now: Duration) -> Option<Duration> {
        self.began?;
        Some(now.saturating_sub(self.grown)).filter(|silence| *silence >= STALLED)
    }
}

/// The total rate of the last minute, a value a second.
#[derive(Debug, Clone, Default)]
pub struct History {
    seconds: VecDeque<u64>,
    last: Option<(u64, u64)>,
    /// The newest total; what came since `last` is no value yet.
    newest: u64,
    /// The highest value seen.
    pub peak: u64,
}

impl History {
    /// Takes a sample of the total count.
    pub fn sample(&mut self, now: Duration, total: u64) {
        let second = now.as_secs();
        self.newest = total;
        let Some((at, before)) = self.last else {
            self.last = Some((second, total));
            return;
        };
        if second <= at {
            return;
        }
        // Jobs that left the list take their bytes with them. Where nobody looked for seconds, nothing ran:
        // what came since then came at the begin.
        let rate = total.saturating_sub(before);
        self.seconds.push_back(rate);
        self.seconds.extend((1..(second - at).min(60)).map(|_| 0));
        while self.seconds.len() > 60 {
            self.seconds.pop_front();
        }
        self.peak = self.peak.max(rate);
        self.last = Some((second, total));
    }

    /// Whether something has moved that is no value yet: a sample in the next second makes it one.
    pub fn lacks(&self) -> bool {
        self.last.is_some_and(|(_, total)| total < self.newest)
    }

    /// The rates of the last `n` seconds before `now`, oldest first.
    pub fn tail(&self, now: Duration, n: usize) -> Vec<u64> {
        // A second that is not over says nothing yet.
        let quiet = self.last.map_or(0, |(at, _)| now.as_secs().saturating_sub(at + 1)).min(60) as usize;
        let all = self.seconds.iter().copied().chain(std::iter::repeat_n(0, quiet));
        all.skip((self.seconds.len() + quiet).saturating_sub(n)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Duration {
        Duration::from_millis(tenths * 100)
    }

    #[test]
    fn a_rate_is_taken_over_ten_seconds_and_predicts_only_once_warm() {
        let mut meter = Meter::default();
        for tenth in 0..=20 {
            meter.sample(at(tenth), tenth * 100);
        }
        assert_eq!((meter.rate(at(20)), meter.eta(at(20), 5000)), (1000, None));
        for tenth in 21..=200 {
            meter.sample(at(tenth), 2000);
        }
        assert_eq!(meter.rate(at(200)), 0, "what is older than the window is forgotten");
        assert_eq!((meter.eta(at(200), 1), meter.stalled(at(200))), (None, Some(at(180))));
        meter.sample(at(201), 3000);
        assert!(meter.stalled(at(201)).is_none() && meter.rate(at(201)) >= 90);
        assert!(meter.eta(at(201), 5000).unwrap() >= Duration::from_secs(40));
        meter.sample(at(202), 10);
        assert_eq!((meter.rate(at(202)), meter.eta(at(202), 1)), (0, None), "a retry begins anew");
    }

    #[test]
    fn the_minute_has_sixty_values_and_a_peak() {
        let mut history = History::default();
        for second in 0..100 {
            history.sample(Duration::from_secs(second), second * 7);
        }
        assert_eq!(
            (history.tail(at(990), 100).len(), history.tail(at(990), 3), history.peak),
            (60, vec![7, 7, 7], 7)
        );
        assert_eq!(history.tail(at(1020), 4), [7, 7, 0, 0], "time passes, also when nothing is sampled");
        history.sample(Duration::from_secs(130), 99 * 7 + 5);
        let mut quick = History::default();
        quick.sample(at(3), 0);
        quick.sample(at(5), 900);
        assert!(quick.lacks() && quick.peak == 0);
        quick.sample(at(15), 900);
        assert_eq!((quick.lacks(), quick.peak), (false, 900), "a job that was over within a second");
        assert_eq!((history.tail(at(1300), 31)[0], history.tail(at(1300), 30)), (5, vec![0; 30]));
    }
}

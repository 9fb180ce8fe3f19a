//! A registry that says it is too much: who is told, and how long nothing is sent to it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, sleep_until};

use super::header;
use super::host::Host;

/// The longest that a registry is left alone, whatever it asks for: a person is watching.
const LONGEST: Duration = Duration::from_secs(60);
/// Requests that waited together are sent within this time, not all at once.
const SPREAD_MILLIS: u32 = 500;

/// Until when nothing is sent.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    fn close(&self, time: Duration) {
        let until = Instant::now() + time.min(LONGEST);
        let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *gate = Some(gate.map_or(until, |before| before.max(until)));
    }

    fn closed_until(&self) -> Option<Instant> {
        let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gate.is_some_and(|until| until <= Instant::now()) {
            *gate = None;
        }
        *gate
    }

    /// Waits until it is open.
    async fn pass(&self) {
        while let Some(until) = self.closed_until() {
            // The clock's own low digits are spread enough.
            let spread = jiff::Timestamp::now().subsec_nanosecond().unsigned_abs() / 1000 % SPREAD_MILLIS;
            sleep_until(until + Duration::from_millis(spread.into())).await;
        }
    }
}

/// Whether an answer's status asks for fewer requests.
pub(super) fn is_throttling(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

impl Host {
    /// Reads whether an answer asks for fewer requests, and tells of it.
    pub(super) fn heed(&self, status: StatusCode, headers: &HeaderMap) {
        if !is_throttling(status) {
            return;
        }
        let asked = header::retry_after(headers, SystemTime::now());
        if let Some(asked) = asked {
            self.gate.close(asked);
        }
        self.options.observer.throttled(&self.registry, asked);
    }

    /// Waits while the registry has asked to be left alone.
    pub(super) async fn left_alone(&self) {
        self.gate.pass().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_passes_until_it_is_open_and_then_not_all_at_once() {
        let gate = Gate::default();
        assert!(gate.pass().now_or_never().is_some());
        let start = Instant::now();
        gate.close(Duration::from_secs(7));
        gate.close(Duration::from_secs(2));
        gate.pass().await;
        let waited = start.elapsed().as_millis();
        assert!((7000..=7501).contains(&waited), "{waited}");
        gate.close(Duration::from_secs(86_400));
        let start = Instant::now();
        gate.pass().await;
        assert!(start.elapsed() < LONGEST + Duration::from_secs(1));
    }
}

//! What the ledger keeps of a registry: how it behaves, since when uploads must take another way, and its rate limit.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Inner, knowledge};
use crate::job::{JobEvent, JobId, Level};
use crate::oci::{Location, Registry};
use crate::transport::registry::{Profile, RateLimit, Rung};

/// How long a lower rung of the upload ladder is believed in. It may have been a proxy's passing trouble, which must
/// not slow the registry for ever.
const RUNG_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A registry as the ledger remembers it. What another version wrote and this one does not know is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Remembered {
    #[serde(flatten)]
    pub(super) profile: Profile,
    /// Since when uploads take another way than the usual one.
    pub(super) upload_since: Option<Timestamp>,
    /// What it last said of its rate limit, and when.
    pub(super) rate_limit: Option<(RateLimit, Timestamp)>,
}

impl Remembered {
    /// As it is believed now: after a week a better rung is tried again.
    pub(super) fn believed(mut self, now: Timestamp) -> Remembered {
        let life = SignedDuration::try_from(RUNG_LIFE).unwrap_or(SignedDuration::MAX);
        if self.upload_since.is_none_or(|since| now.duration_since(since) >= life) {
            (self.profile.upload, self.profile.chunk, self.upload_since) = (Rung::default(), None, None);
        }
        self
    }

    /// With what was learned since.
    pub(super) fn learned(&self, profile: Profile, now: Timestamp) -> Remembered {
        let usual = profile.upload == Rung::default() && profile.chunk.is_none();
        let same = (profile.upload, profile.chunk) == (self.profile.upload, self.profile.chunk);
        let upload_since = match (usual, same) {
            (true, _) => None,
            (false, true) => self.upload_since.or(Some(now)),
            (false, false) => Some(now),
        };
        Remembered { profile, upload_since, rate_limit: self.rate_limit }
    }
}

impl Inner {
    /// Says and remembers how much of its source's rate limit a job left.
    pub(super) async fn note_rate_limit(&self, job: JobId, source: &Location) {
        let Some(registry) = source.as_registry().map(|reference| &reference.registry) else { return };
        let Some(limit) = self.client.rate_limit(registry) else { return };
        if let (Some(all), Some(left)) = (limit.limit, limit.remaining)
            && left.saturating_mul(10) < all
        {
            let text = format!("{registry}: {left} of {all} pulls are left{}", window(&limit));
            self.speaker.say(JobEvent::Note { job: Some(job), level: Level::Info, text });
        }
        self.learn_profile(registry).await;
        let known = self.known_of(registry);
        if known.rate_limit.is_none_or(|(before, _)| before != limit) {
            let rate_limit = Some((limit, Timestamp::now()));
            if let Some(ledger) = &self.ledger
                && let Err(error) = self.save(ledger, registry, Remembered { rate_limit, ..known }).await
            {
                tracing::warn!("rate limit of {registry}: {error}");
            }
        }
    }

    /// Puts what is known of a registry down, if it is anything new.
    pub(super) async fn save(
        &self,
        ledger: &crate::ledger::Ledger,
        registry: &Registry,
        known: Remembered,
    ) -> knowledge::Saved {
        if self.profiles().insert(registry.clone(), known.clone()).as_ref() == Some(&known) {
            return Ok(());
        }
        match serde_json::to_value(&known) {
            Ok(value) => ledger.set_profile(registry, &value).await,
            Err(_) => Ok(()),
        }
    }
}

fn window(limit: &RateLimit) -> String {
    match limit.window {
        Some(seconds) if seconds >= 3600 => format!(" ({} h window)", seconds / 3600),
        Some(seconds) => format!(" ({seconds} s window)"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_rung_is_believed_in_for_a_week() {
        let begin: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let day = |n: i64| begin + SignedDuration::from_hours(24 * n);
        let stream = Profile { upload: Rung::Stream, catalog: Some(true), ..Profile::default() };
        let known = Remembered::default().learned(stream.clone(), begin).learned(stream.clone(), day(3));
        assert_eq!(known.upload_since, Some(begin), "the same again is not newer");
        assert_eq!(known.clone().believed(day(6)).profile.upload, Rung::Stream);
        let later = known.clone().believed(day(7));
        assert_eq!((later.profile.upload, later.upload_since), (Rung::Whole, None));
        assert_eq!(later.profile.catalog, Some(true));
        let chunks = Profile { upload: Rung::Chunks, chunk: Some(5), ..Profile::default() };
        assert_eq!(known.learned(chunks, day(2)).upload_since, Some(day(2)));
        // What an older wharf wrote has no time, and is not believed.
        let text = r#"{"honours_self_mount":true,"upload":"stream","what":1}"#;
        let old: Remembered = serde_json::from_str(text).unwrap();
        let old = old.believed(begin);
        assert_eq!((old.profile.honours_self_mount, old.profile.upload), (Some(true), Rung::Whole));
        let value = serde_json::to_value(&known).unwrap();
        assert_eq!(serde_json::from_value::<Remembered>(value).unwrap(), known);
    }
}

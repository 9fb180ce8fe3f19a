//! Noticing that the ledger changed, cheaply enough to ask four times a second for days.

use std::time::{Duration, SystemTime};

use super::{Ledger, Result};

/// A file's time is only as fine as the kernel's clock ticks: what was written within this time may be followed by more
/// that has the same time.
const FINE: Duration = Duration::from_secs(1);

/// One who looks whether the ledger changed since it last looked.
#[derive(Debug)]
pub struct Watch {
    ledger: Ledger,
    version: Option<i64>,
    /// The journal as it was then: its time and its length.
    stamp: Option<(SystemTime, u64)>,
}

impl Watch {
    /// Has not looked yet: the first time everything is new.
    pub fn new(ledger: &Ledger) -> Watch {
        Watch { ledger: ledger.clone(), version: None, stamp: None }
    }

    /// Whether anybody wrote since the last time, this process included. While nobody writes to the journal, only the
    /// file system is asked, and SQLite not at all.
    pub async fn changed(&mut self) -> Result<bool> {
        // Before the look: what is written after it has another stamp.
        let stamp = self.ledger.stamp();
        if self.version.is_some() && stamp.is_some() && stamp == self.stamp {
            return Ok(false);
        }
        let version = self.ledger.version().await?;
        let changed = self.version != Some(version);
        self.version = Some(version);
        self.stamp = stamp.filter(|(at, _)| at.elapsed().is_ok_and(|age| age > FINE));
        Ok(changed)
    }

    /// What changed could not be read: the next time it is new again.
    pub fn forget(&mut self) {
        (self.version, self.stamp) = (None, None);
    }
}

impl Ledger {
    /// The journal's time and length; `None` where commits go elsewhere, or cannot be seen so.
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let file = std::fs::metadata(self.inner.wal.as_ref()?).ok()?;
        Some((file.modified().ok()?, file.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{JobSpec, JobState};

    #[tokio::test]
    async fn every_write_is_noticed_however_soon_it_comes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("ledger.db");
        let (one, two) = (Ledger::open(&path).await.unwrap(), Ledger::open(&path).await.unwrap());
        let spec = JobSpec::copy("a.io/x".parse().unwrap(), "b.io/x".parse().unwrap());
        let mut watch = Watch::new(&two);
        assert!(watch.changed().await.unwrap(), "the first look");
        for pause in [0, 0, 0, 1, 3, 10, 0, 0] {
            assert!(!watch.changed().await.unwrap());
            one.add(&spec, JobState::Draft).await.unwrap();
            assert!(watch.changed().await.unwrap());
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        // Once the file is quiet, SQLite is not asked any more; and yet the next write is noticed.
        let quiet = std::time::Instant::now();
        while watch.stamp.is_none() {
            assert!(quiet.elapsed() < FINE * 5 && !watch.changed().await.unwrap());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(!watch.changed().await.unwrap());
        one.add(&spec, JobState::Draft).await.unwrap();
        assert!(watch.changed().await.unwrap());
        watch.forget();
        assert!(watch.changed().await.unwrap());
    }
}

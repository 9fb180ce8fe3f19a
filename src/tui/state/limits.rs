//! How much of the link wharf takes: workers and bandwidth, as they were last set here.

use crate::config::{Config, Language};
use crate::job::Rate;

/// The most workers that make sense; the configuration's bound.
const MOST: usize = 256;

/// Blobs that move at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    /// In all.
    pub in_all: usize,
    /// To or from one host.
    pub per_host: usize,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Blobs at the same time.
    pub workers: Workers,
    /// Bytes a second in all.
    pub bandwidth: Option<Rate>,
}

impl Limits {
    /// What the engine begins with.
    pub fn new(config: &Config) -> Limits {
        let workers = Workers { in_all: config.workers, per_host: config.workers_per_host };
        Limits { workers, bandwidth: config.bandwidth }
    }
}

impl Workers {
    /// One more, or one fewer, within bounds. The limit of a host moves along where it would be the one that holds.
    pub fn step(self, more: bool) -> Workers {
        let by = |n: usize| if more { (n + 1).min(MOST) } else { n.saturating_sub(1).max(1) };
        let in_all = by(self.in_all);
        let per_host = if self.per_host == self.in_all { in_all } else { self.per_host };
        Workers { in_all, per_host }
    }

    /// What is said of it.
    pub fn told(self, words: Language) -> String {
        let all = match self.in_all {
            1 => words.one_worker().to_owned(),
            n => words.workers(n),
        };
        match self.per_host < self.in_all {
            true => words.workers_at_host(all, self.per_host),
            false => all,
        }
    }
}

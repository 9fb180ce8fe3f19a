//! Which of the jobs are other processes', and what was said of those that nobody has.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::engine::Remote;
use crate::job::{JobId, Owner};

/// See the module.
#[derive(Debug, Default)]
pub struct Others {
    owners: HashMap<JobId, Option<Owner>>,
    /// Bytes of theirs that moved while they were looked at.
    pub(super) moved: u64,
    /// Their bytes when they were last looked at.
    pub(super) wire: HashMap<JobId, u64>,
    /// Jobs without a process that were offered already.
    offered: usize,
}

impl Others {
    /// Takes what is known of them now. The answer is how many jobs wait for somebody to take them up, where that is
    /// more than was last said.
    pub fn learn(&mut self, remotes: &[Remote]) -> Option<usize> {
        self.owners = remotes.iter().map(|remote| (remote.job.id, remote.owner.clone())).collect();
        let left = remotes.iter().filter(|remote| remote.is_left_behind()).count();
        let more = left > self.offered;
        self.offered = left;
        more.then_some(left)
    }

    /// Whether another process has a job.
    pub fn any(&self) -> bool {
        self.owners.values().any(Option::is_some)
    }

    /// Whether a job is not this process's.
    pub fn has(&self, job: JobId) -> bool {
        self.owners.contains_key(&job)
    }

    /// The living process that has a job which is not this one's.
    pub fn owner(&self, job: JobId) -> Option<&Owner> {
        self.owners.get(&job)?.as_ref()
    }

    /// Notes that a job's bytes were seen, and adds what came since the last time.
    pub(super) fn count(&mut self, job: JobId, wire: u64) {
        let before = self.wire.insert(job, wire).unwrap_or(wire);
        self.moved += wire.saturating_sub(before);
    }

    /// The processes that are at work on these jobs, each once: its number, and since when nobody sits in front of it.
    pub fn processes(&self, jobs: impl Iterator<Item = JobId>) -> Vec<(u32, Option<Timestamp>)> {
        let mut processes: Vec<(u32, Option<Timestamp>)> = Vec::new();
        for owner in jobs.filter_map(|job| self.owner(job)) {
            if !processes.iter().any(|(pid, _)| *pid == owner.pid) {
                processes.push((owner.pid, owner.alone));
            }
        }
        processes
    }
}

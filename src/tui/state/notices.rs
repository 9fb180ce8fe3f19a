//! When a person who looks elsewhere is told: long work is done, or something failed in it.

use std::time::Duration;

use crate::config::Notify;

/// Work that is shorter than this is watched, and needs no telling.
const LONG: Duration = Duration::from_secs(10);

/// Something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Nothing runs any more.
    Done {
        /// Jobs of this run that succeeded.
        succeeded: usize,
        /// Jobs of this run that failed.
        failed: usize,
    },
    /// The first job of this run failed.
    Failed,
}

/// One run: from the first job until nothing runs.
#[derive(Debug, Clone, Copy)]
struct Run {
    since: Duration,
    succeeded: usize,
    failed: usize,
    told: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Notices {
    /// How it is told.
    pub how: Notify,
    run: Option<Run>,
}

impl Notices {
    /// Tells in this way.
    pub fn new(how: Notify) -> Notices {
        Notices { how, run: None }
    }

    /// Looks at how things stand; the answer is what there is to tell, once.
    pub fn watch(&mut self, now: Duration, busy: bool, succeeded: usize, failed: usize) -> Option<Notice> {
        let Some(run) = &mut self.run else {
            self.run = busy.then_some(Run { since: now, succeeded, failed, told: false });
            return None;
        };
        let long = now.saturating_sub(run.since) >= LONG;
        if !busy {
            let done = Notice::Done {
                succeeded: succeeded.saturating_sub(run.succeeded),
                failed: failed.saturating_sub(run.failed),
            };
            self.run = None;
            return long.then_some(done);
        }
        if failed < run.failed {
            // Tried again.
            run.failed = failed;
        }
        let first = failed > run.failed && !run.told && long;
        run.told |= failed > run.failed && long;
        first.then_some(Notice::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_work_is_told_of_once() {
        let s = Duration::from_secs;
        let mut notices = Notices::new(Notify::Bell);
        assert_eq!(notices.watch(s(0), false, 3, 1), None, "what was there before is no news");
        assert_eq!(notices.watch(s(100), true, 3, 1), None);
        assert_eq!(notices.watch(s(105), true, 4, 2), None, "too early to have looked away");
        assert_eq!(notices.watch(s(111), true, 5, 2), Some(Notice::Failed));
        assert_eq!(notices.watch(s(112), true, 5, 3), None);
        assert_eq!(notices.watch(s(120), false, 9, 3), Some(Notice::Done { succeeded: 6, failed: 2 }));
        assert_eq!(notices.watch(s(121), false, 9, 3), None);
        assert_eq!(notices.watch(s(200), true, 9, 3), None);
        assert_eq!(notices.watch(s(203), false, 10, 3), None, "three seconds are watched");
    }
}

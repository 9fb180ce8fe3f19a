//! The retries that each job has: a registry that fails every other request must not be asked for ever by one job.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::job::{Failure, Hint, JobId};

/// One run's retries, of its blobs and of its requests alike.
#[derive(Debug)]
pub(super) struct Budget {
    all: u32,
    used: AtomicU32,
    /// Whether a retry was asked for that the job had no more.
    exceeded: AtomicBool,
}

impl Budget {
    fn new(all: u32) -> Budget {
        Budget { all, used: AtomicU32::new(0), exceeded: AtomicBool::new(false) }
    }

    /// Takes one, if one is left.
    fn take(&self) -> bool {
        let one_more = |used: u32| (used < self.all).then_some(used + 1);
        let taken = self.used.fetch_update(Relaxed, Relaxed, one_more).is_ok();
        if !taken {
            self.exceeded.store(true, Relaxed);
        }
        taken
    }

    /// How many were used.
    pub(super) fn used(&self) -> u32 {
        self.used.load(Relaxed)
    }

    /// A job's failure, with the reason why it was not tried again where that is this.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        if !self.exceeded.load(Relaxed) {
            return failure;
        }
        let retries = match self.all {
            0 => "a job is never tried again here".to_owned(),
            1 => "the job's one retry is used up".to_owned(),
            all => format!("the job's {all} retries are used up"),
        };
        let hint = failure.hint.map_or(Hint::Retries, |own| own.then(Hint::Retries));
        Failure { message: format!("{}; {retries}", failure.message), hint: Some(hint), ..failure }
    }
}

/// The budgets of the jobs that run.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<JobId, Arc<Budget>>>);

impl Budgets {
    /// Gives a job that begins so many retries.
    pub(super) fn begin(&self, job: JobId, retries: u32) {
        self.lock().insert(job, Arc::new(Budget::new(retries)));
    }

    /// Whether a job may try something again; who is no job may.
    pub(super) fn take(&self, job: JobId) -> bool {
        let budget = self.lock().get(&job).cloned();
        budget.is_none_or(|budget| budget.take())
    }

    /// The budget of a job that ends.
    pub(super) fn end(&self, job: JobId) -> Option<Arc<Budget>> {
        self.lock().remove(&job)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Arc<Budget>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::ErrorClass;

    #[test]
    fn what_is_used_up_is_said() {
        let (budgets, job) = (Budgets::default(), JobId(1));
        assert!(budgets.take(job), "no job has no limit");
        budgets.begin(job, 2);
        let failure = || Failure {
            message: "get blob: 500".to_owned(),
            class: ErrorClass::Network,
            hint: None,
            exchange: None,
        };
        assert!(budgets.take(job) && budgets.take(job));
        assert_eq!(budgets.lock()[&job].explain(failure()), failure());
        assert!(!budgets.take(job) && budgets.take(JobId(2)));
        let budget = budgets.end(job).unwrap();
        let told = budget.explain(failure());
        assert_eq!(told.message, "get blob: 500; the job's 2 retries are used up");
        assert!(told.hint == Some(Hint::Retries) && budget.used() == 2);
        assert!(budgets.end(job).is_none());
    }
}

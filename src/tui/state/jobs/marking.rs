//! Which jobs a key is for: the marks, the range, the group, the cursor.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Jobs, On, Row};
use crate::job::{Job, JobId};

impl Jobs {
    /// What a key is for: the marked jobs, else all of the cursor's group, else the cursor's job.
    pub fn chosen(&self) -> Vec<JobId> {
        if !self.marks.is_empty() || self.range.is_some() {
            let range = self.in_range();
            let marked = |job: &&Arc<Job>| self.marks.contains(&job.id) || range.contains(&job.id);
            return self.rows.iter().filter(marked).map(|job| job.id).collect();
        }
        match self.current_group() {
            Some(group) => {
                group.members.iter().filter_map(|at| self.rows.get(*at)).map(|job| job.id).collect()
            }
            None => self.current().map(|job| job.id).into_iter().collect(),
        }
    }

    /// A row's jobs.
    fn of_row(&self, row: usize) -> Vec<JobId> {
        match self.shown.get(row) {
            Some(Row::Group(at)) => {
                let members = self.groups.get(*at).map(|group| group.members.as_slice()).unwrap_or_default();
                members.iter().filter_map(|at| self.rows.get(*at)).map(|job| job.id).collect()
            }
            Some(Row::Job(at) | Row::Member(at)) => {
                self.rows.get(*at).map(|job| job.id).into_iter().collect()
            }
            None => Vec::new(),
        }
    }

    /// The jobs between the range's begin and the cursor.
    pub fn in_range(&self) -> HashSet<JobId> {
        let Some(begin) = self.range else { return HashSet::new() };
        // Where it went, the range is the cursor's row.
        let begin = self.find(&On::Job(begin)).unwrap_or(self.cursor);
        let (from, to) = (begin.min(self.cursor), begin.max(self.cursor));
        (from..=to).flat_map(|row| self.of_row(row)).collect()
    }

    /// Marks the cursor's row, or takes its marks away, and moves down.
    pub fn mark(&mut self) {
        let jobs = self.of_row(self.cursor);
        let all = !jobs.is_empty() && jobs.iter().all(|job| self.marks.contains(job));
        for job in jobs {
            if all {
                self.marks.remove(&job)
            } else {
                self.marks.insert(job)
            };
        }
        self.move_to(self.cursor + 1);
    }

    /// Begins a range, or marks what is in it.
    pub fn mark_range(&mut self) {
        match self.range {
            None => self.range = self.current().map(|job| job.id),
            Some(_) => {
                self.marks.extend(self.in_range());
                self.range = None;
            }
        }
    }

    /// Takes all marks away; whether there were any.
    pub fn unmark(&mut self) -> bool {
        let any = !self.marks.is_empty() || self.range.is_some();
        self.marks.clear();
        self.range = None;
        any
    }
}

//! `wharf jobs`: what is not over, whoever began it; and what can be asked of it.

use jiff::tz::TimeZone;
use serde_json::json;

use super::output::{self, size};
use super::question_args::{JobsArgs, JobsCommand};
use super::{Context, Error, Outcome, OutputFormat, interrupt, jobs_control, jobs_watch};
use crate::engine::Unfinished;
use crate::job::{JobId, Wish};
use crate::oci::printable;

/// Lists or watches jobs, or asks for something.
pub async fn run(args: &JobsArgs, context: &Context) -> Result<Outcome, Error> {
    if args.watch && args.command.is_some() {
        return Err(Error::usage("--watch shows all jobs: it goes without a command behind `wharf jobs`"));
    }
    match &args.command {
        None if args.watch => interrupt::ends(jobs_watch::watch(context)).await,
        None => interrupt::ends(list(context)).await,
        Some(JobsCommand::Resume { ids, .. }) => jobs_control::resume(&numbers(ids), context).await,
        Some(JobsCommand::Retry { ids }) => jobs_control::resume(&numbers(ids), context).await,
        Some(JobsCommand::Cancel { ids }) => {
            interrupt::ends(jobs_control::cancel(&numbers(ids), context)).await
        }
        Some(JobsCommand::Pause { ids }) => {
            interrupt::ends(jobs_control::ask(&numbers(ids), Wish::Pause, context)).await
        }
        Some(JobsCommand::Priority { priority, ids }) => {
            let wish = Wish::Priority(*priority);
            interrupt::ends(jobs_control::ask(&numbers(ids), wish, context)).await
        }
    }
}

/// The numbers, each once.
fn numbers(ids: &[i64]) -> Vec<JobId> {
    let mut numbers: Vec<JobId> = Vec::with_capacity(ids.len());
    for id in ids.iter().copied().map(JobId) {
        if !numbers.contains(&id) {
            numbers.push(id);
        }
    }
    numbers
}

async fn list(context: &Context) -> Result<Outcome, Error> {
    let jobs = context.engine.unfinished().await?;
    match context.output {
        OutputFormat::Json => {
            let object = |unfinished: &Unfinished| {
                let mut object = json!(unfinished.job);
                object["owner"] = json!(unfinished.owner);
                object
            };
            return output::json(&json!({ "jobs": jobs.iter().map(object).collect::<Vec<_>>() }))
                .map(output::done);
        }
        OutputFormat::Text if jobs.is_empty() => context.note("every job is over"),
        OutputFormat::Text => {
            output::text(&text(&jobs, &TimeZone::system()))?;
            match jobs.iter().filter(|job| job.is_left_behind()).count() {
                0 => {}
                left => context.note(&format!(
                    "{left} left by a process that is gone; `wharf jobs resume` finishes them"
                )),
            }
        }
    }
    Ok(Outcome::Done)
}

fn text(jobs: &[Unfinished], zone: &TimeZone) -> String {
    let row = |unfinished: &Unfinished| {
        let Unfinished { job, owner } = unfinished;
        let when = job.started.unwrap_or(job.created).to_zoned(zone.clone());
        let progress = &job.progress;
        let far = match progress.total {
            0 => String::new(),
            total => {
                let percent = (progress.fraction() * 100.0).floor();
                format!("{percent} % of {}", size(total))
            }
        };
        let process = match owner {
            Some(owner) => {
                let alone = if owner.alone.is_some() { ", no terminal" } else { "" };
                format!("{} on {}{alone}", owner.pid, printable(&owner.host, 60))
            }
            None => "none".to_owned(),
        };
        vec![
            job.id.to_string(),
            job.state.to_string(),
            when.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            far,
            process,
            printable(&job.spec.to_string(), 300),
        ]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    output::table(&["id", "state", "since", "done", "process", "what"], &rows, &[0, 3])
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::job::{JobState, Owner};

    #[test]
    fn what_is_not_over_is_listed_with_who_has_it() {
        let owner = Some(Owner { host: "jump".to_owned(), pid: 4242, alone: None });
        let mut interrupted = sample::running(12, 30_000_000, 15_000_000, 70_000_000);
        interrupted.state = JobState::Interrupted;
        let jobs = [
            Unfinished { job: sample::running(3, 1_000_000, 0, 200_000_000), owner },
            Unfinished { job: interrupted, owner: None },
            Unfinished { job: sample::job(13, JobState::Queued), owner: None },
        ];
        let want = "\
id  state        since                           done  process       what
 3  running      2026-11-21 04:05:06    0 % of 200 MB  4242 on jump  docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27
12  interrupted  2026-11-21 04:05:06  64 % of 70.0 MB  none          docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27
13  queued       2026-11-21 04:05:06                   none          docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27
";
        assert_eq!(text(&jobs, &TimeZone::UTC), want);
        assert_eq!(jobs.iter().filter(|job| job.is_left_behind()).count(), 2);
        assert_eq!(numbers(&[3, 4, 3]), [JobId(3), JobId(4)]);
    }
}

//! `wharf history`

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use super::output::{self, duration, size};
use super::question_args::HistoryArgs;
use super::{Context, Error, Outcome, OutputFormat, job_record};
use crate::job::{Attempt, Job, JobId};
use crate::oci::printable;

/// A job as programs read it.
#[derive(Serialize)]
struct Recorded {
    #[serde(flatten)]
    job: Job,
    attempts: Vec<Attempt>,
}

/// Shows earlier jobs, the newest first.
pub async fn run(args: &HistoryArgs, context: &Context) -> Result<Outcome, Error> {
    if let Some(id) = args.id {
        return job_record::run(JobId(id), context).await;
    }
    let jobs = context.engine.history(args.limit).await?;
    match context.output {
        OutputFormat::Json => {
            let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
            let mut attempts = context.engine.attempts(&ids).await?;
            let jobs = jobs
                .into_iter()
                .map(|job| Recorded { attempts: attempts.remove(&job.id).unwrap_or_default(), job });
            output::json(&json!({ "jobs": jobs.collect::<Vec<_>>() }))
        }
        OutputFormat::Text if jobs.is_empty() => {
            context.note("no jobs yet");
            return Ok(Outcome::Done);
        }
        OutputFormat::Text => output::text(&text(&jobs, &TimeZone::system())),
    }
    .map(output::done)
}

fn text(jobs: &[Job], zone: &TimeZone) -> String {
    let row = |job: &Job| {
        let when = job.started.unwrap_or(job.created).to_zoned(zone.clone());
        let (bytes, time) = match &job.report {
            Some(report) => (size(report.wire), duration(report.millis)),
            None => (size(job.progress.wire), elapsed(job).unwrap_or_default()),
        };
        let what = printable(&job.spec.to_string(), 300);
        vec![
            job.id.to_string(),
            job.state.to_string(),
            when.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            bytes,
            time,
            what,
        ]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    let table = output::table(&["id", "state", "when", "sent", "time", "what"], &rows, &[0, 3, 4]);
    // A failure stands below its job's line.
    let mut lines = table.lines();
    let mut out: String = lines.next().map(|head| format!("{head}\n")).unwrap_or_default();
    for (line, job) in lines.zip(jobs) {
        out += &format!("{line}\n");
        if let Some(failure) = &job.failure {
            out += &format!("    {}: {}\n", failure.class, printable(&failure.message, 1000));
        }
    }
    out
}

fn elapsed(job: &Job) -> Option<String> {
    let millis = job.finished?.as_millisecond() - job.started?.as_millisecond();
    u64::try_from(millis).ok().map(duration)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::job::{Failure, JobState, Report};
    use crate::oci::ErrorClass;

    #[test]
    fn jobs_and_their_failures_are_listed() {
        let mut done = sample::job(12, JobState::Succeeded);
        done.report = Some(Report { wire: 71_200_000, millis: 2_340, ..Report::default() });
        let mut failed = sample::job(3, JobState::Failed);
        failed.started = Some(failed.created);
        failed.finished = "2026-11-21T04:05:26Z".parse().ok();
        failed.failure = Some(Failure {
            message: "get manifest: 401".to_owned(),
            class: ErrorClass::Auth,
            hint: None,
            exchange: None,
        });
        let want = "\
id  state      when                    sent   time  what
12  succeeded  2026-11-21 04:05:06  71.2 MB  2.3 s  docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27
 3  failed     2026-11-21 04:05:06      0 B   20 s  docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27
    auth: get manifest: 401
";
        assert_eq!(text(&[done, failed], &TimeZone::UTC), want);
    }
}

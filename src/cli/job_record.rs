//! `wharf history ID`: one job whole.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::{self, duration, size};
use super::{Context, Error, Outcome, OutputFormat};
use crate::engine::JobRecord;
use crate::job::{JobId, Level};
use crate::oci::{Digest, Platforms, printable};

/// Shows everything that is recorded of a job.
pub(super) async fn run(id: JobId, context: &Context) -> Result<Outcome, Error> {
    let record = context.engine.record(id).await?;
    match context.output {
        OutputFormat::Json => output::json(&record),
        OutputFormat::Text => output::text(&text(&record, &TimeZone::system())),
    }
    .map(output::done)
}

fn text(record: &JobRecord, zone: &TimeZone) -> String {
    let time = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let job = &record.job;
    let mut out = format!("job {}  {}  {}\n", job.id, job.state, printable(&job.spec.to_string(), 500));
    let mut line = |name: &str, value: String| out += &format!("  {name:<11} {value}\n");
    if let Platforms::Only(platforms) = &job.spec.platforms {
        let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        line("platforms", platforms.join(", "));
    }
    if !job.spec.tags.is_empty() {
        let tags: Vec<&str> = job.spec.tags.iter().map(|tag| tag.as_str()).collect();
        line("tags", tags.join(", "));
    }
    line("created", time(job.created));
    if let Some(owner) = &record.owner {
        line("process", format!("{} on {}", owner.pid, printable(&owner.host, 60)));
    }
    match &job.report {
        Some(report) => {
            let (wire, reused, time) = (size(report.wire), size(report.reused), duration(report.millis));
            line("moved", format!("{wire} sent, {reused} reused, {time}, {} retries", report.retries));
            for output in &report.outputs {
                line("arrived", format!("{}@{}", printable(&output.location, 500), output.digest));
            }
        }
        None if job.progress.total > 0 => {
            let progress = &job.progress;
            let all = size(progress.total);
            line(
                "moved",
                format!("{} sent, {} reused, of {all}", size(progress.wire), size(progress.reused)),
            );
        }
        None => {}
    }
    for attempt in &record.attempts {
        let took = attempt.ended.map(|end| end.as_millisecond() - attempt.began.as_millisecond());
        let took = took.and_then(|millis| u64::try_from(millis).ok()).map(duration);
        let outcome = attempt.outcome.map_or("goes on", |outcome| outcome.as_str());
        let took = took.map(|took| format!(" after {took}")).unwrap_or_default();
        line(&format!("attempt {}", attempt.number), format!("{}  {outcome}{took}", time(attempt.began)));
    }
    let short = |digest: &Digest| format!("{}:{}…", digest.algorithm(), digest.short(12));
    for tag in &record.overwritten {
        let (registry, repository) = (&tag.registry, &tag.repository);
        let change = format!("{} → {}", short(&tag.old), short(&tag.new));
        line("overwritten", format!("{registry}/{repository}:{}  {change}", tag.tag));
    }
    for file in &record.files {
        line("file", format!("{}  {}", printable(&file.path.to_string_lossy(), 1000), size(file.size)));
    }
    if let Some(failure) = &job.failure {
        line("failed", format!("{}: {}", failure.class, printable(&failure.message, 2000)));
        failure.hint.iter().for_each(|hint| line("hint", printable(&hint.to_string(), 1000)));
        if let Some(exchange) = &failure.exchange {
            let times =
                if exchange.attempts > 1 { format!(" ({} times)", exchange.attempts) } else { String::new() };
            line("asked", format!("{} {}{times}", exchange.method, printable(&exchange.url, 1000)));
            line("answered", exchange.status.to_string());
            for (name, value) in &exchange.headers {
                line("", format!("{}: {}", printable(name, 100), printable(value, 300)));
            }
            exchange.body.iter().for_each(|text| line("", printable(text, 300)));
        }
    }
    for entry in &record.log {
        let level = match entry.level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        let (at, attempt, text) = (time(entry.at), entry.attempt, printable(&entry.text, 4000));
        out += &format!("{at}  {attempt}  {level:<5}  {text}\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::job::{Attempt, Failure, JobState};
    use crate::oci::ErrorClass;

    #[test]
    fn a_job_is_told_whole() {
        let mut job = sample::running(12, 30_000_000, 10_000_000, 70_000_000);
        job.state = JobState::Failed;
        job.failure = Some(Failure {
            message: "get blob: 500".to_owned(),
            class: ErrorClass::Network,
            hint: Some("try again later".into()),
            exchange: None,
        });
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let attempt = |number, began: &str, ended: &str, outcome| Attempt {
            number,
            began: at(began),
            ended: Some(at(ended)),
            outcome: Some(outcome),
            failure: None,
        };
        let attempts = vec![
            attempt(1, "2026-11-21T04:05:07Z", "2026-11-21T04:05:19Z", JobState::Interrupted),
            attempt(2, "2026-11-21T05:00:00Z", "2026-11-21T05:00:03Z", JobState::Failed),
        ];
        let record = JobRecord {
            job,
            owner: None,
            attempts,
            log: Vec::new(),
            overwritten: Vec::new(),
            files: Vec::new(),
        };
        let want = "\
job 12  failed  docker.io/library/nginx:1.27 → 127.0.0.1:5002/nginx:1.27
  created     2026-11-21 04:05:06
  moved       30.0 MB sent, 10.0 MB reused, of 70.0 MB
  attempt 1   2026-11-21 04:05:07  interrupted after 12 s
  attempt 2   2026-11-21 05:00:00  failed after 3.0 s
  failed      network: get blob: 500
  hint        try again later
";
        assert_eq!(text(&record, &TimeZone::UTC), want);
    }
}

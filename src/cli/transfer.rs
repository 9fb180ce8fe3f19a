//! Running jobs to their end: progress while they run, results when they are over, ctrl-c in between.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::interrupt::Interrupts;
use super::progress::Progress;
use super::summary::Summary;
use super::{Context, Error, Outcome, OutputFormat, failures, output};
use crate::engine;
use crate::job::{Job, JobEvent, JobId, JobSpec, JobState, Output};
use crate::oci::printable;

/// How often progress is sampled.
const TICK: Duration = Duration::from_millis(100);

/// Submits the jobs, shows how they go, and prints what came of them.
pub(super) async fn run(specs: Vec<JobSpec>, context: &Context) -> Result<Outcome, Error> {
    follow(context.engine.submit_all(specs), context).await
}

/// The same of jobs that are begun in another way; the answer of `begun` is their numbers.
pub(super) async fn follow(
    begun: impl Future<Output = engine::Result<Vec<JobId>>>,
    context: &Context,
) -> Result<Outcome, Error> {
    Ok(followed(begun, context).await?.0)
}

/// The same for who goes on with the jobs that are over; they have the order of their numbers' list.
pub(super) async fn followed(
    begun: impl Future<Output = engine::Result<Vec<JobId>>>,
    context: &Context,
) -> Result<(Outcome, Vec<Job>), Error> {
    let interrupts = Interrupts::listen()
        .map_err(|source| Error::Io { attempted: "listen for ctrl-c".to_owned(), source })?;
    let events = context.engine.subscribe();
    let began = Instant::now();
    let ids = begun.await?;
    let (jobs, interrupted) = watch(&ids, events, interrupts, context).await?;
    let outcome = Outcome::of(&jobs, interrupted);
    let millis = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    results(&jobs, &Summary::of(&jobs, millis), context)?;
    Ok((outcome, jobs))
}

/// Watches the jobs until all are over. The second part tells whether a signal asked for their end.
async fn watch(
    ids: &[JobId],
    mut events: tokio::sync::broadcast::Receiver<JobEvent>,
    mut interrupts: Interrupts,
    context: &Context,
) -> Result<(Vec<Job>, bool), Error> {
    if ids.is_empty() {
        return Ok((Vec::new(), false));
    }
    let engine = &context.engine;
    let mut waits: FuturesUnordered<_> =
        ids.iter().map(|id| async { (*id, engine.wait(*id).await) }).collect();
    let mut progress = Progress::new(context.progress, context.screen.clone(), context.config.symbols);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut jobs, mut interrupted, mut told) = (Vec::new(), false, true);
    // A batch may be long, and this is asked for every event and job ten times a second.
    let places: HashMap<JobId, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let ours = |event: &JobEvent| event.job().is_none_or(|id| places.contains_key(&id));
    let sample = || {
        let mut samples = engine.samples();
        samples.retain(|job| places.contains_key(&job.id));
        samples
    };
    loop {
        tokio::select! {
            () = interrupts.next() => {
                if interrupted {
                    progress.end();
                    // The person has asked twice: nothing is waited for.
                    std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
                }
                interrupted = true;
                context.screen.line("stopping; ctrl-c again leaves at once");
                for id in ids {
                    let (engine, id) = (engine.clone(), *id);
                    // Not awaited here: the second ctrl-c must be heard. A job that is over already refuses.
                    tokio::spawn(async move { engine.cancel(id).await });
                }
            }
            Some((id, ended)) = waits.next() => {
                let lost = || engine::Error::Internal(format!("job {id} is gone"));
                jobs.push(ended.or_else(|| engine.job(id)).ok_or_else(lost)?);
                if waits.is_empty() {
                    break;
                }
            }
            event = events.recv(), if told => match event {
                Ok(event) => if ours(&event) {
                    progress.event(&event);
                },
                // What was missed shows in the next sample.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => told = false,
            },
            _ = ticks.tick() => progress.sample(&sample(), Instant::now()),
        }
    }
    jobs.sort_by_key(|job| places.get(&job.id).copied());
    while let Ok(event) = events.try_recv() {
        if ours(&event) {
            progress.event(&event);
        }
    }
    progress.sample(&jobs, Instant::now());
    progress.end();
    // The signals stay taken over; whatever `app` still winds up, ctrl-c must end it.
    tokio::spawn(async move {
        interrupts.next().await;
        std::process::exit(i32::from(Outcome::Interrupted.exit_code()));
    });
    Ok((jobs, interrupted))
}

/// Prints what arrived on standard output, and what failed on standard error.
fn results(jobs: &[Job], summary: &Summary, context: &Context) -> Result<(), Error> {
    let (mut arrived, mut failed, mut ended) = (String::new(), Vec::new(), Vec::new());
    for job in jobs {
        match (job.state, &job.failure) {
            (JobState::Succeeded, _) => {
                arrived += &arrivals(job);
                rewritten(job).for_each(|note| context.note(&note));
            }
            (_, Some(failure)) => failed.push((&job.spec, failure)),
            (_, None) => ended.push(job),
        }
        for note in job.report.iter().flat_map(|report| &report.notes) {
            context.note(note);
        }
    }
    output::complain(&format!("{}{}", failures::text(&failed), ended_text(&ended)));
    if jobs.len() > 1 {
        context.note(&summary.text());
    }
    // Nothing but the archive goes where an archive goes.
    if jobs.iter().any(|job| job.spec.takes_standard_output()) {
        match context.output {
            OutputFormat::Json => output::complain(&format!("{}\n", as_json(jobs, summary))),
            OutputFormat::Text if context.quiet => {}
            OutputFormat::Text => output::complain(&arrived),
        }
        return Ok(());
    }
    // A closed standard output is no failure of the jobs.
    let _ = match context.output {
        OutputFormat::Json => output::json(&as_json(jobs, summary))?,
        OutputFormat::Text if context.quiet => output::Written::All,
        OutputFormat::Text => output::text(&arrived)?,
    };
    Ok(())
}

/// Jobs that somebody ended: named while they are few, for a ctrl-c ends all that are left of a batch.
fn ended_text(jobs: &[&Job]) -> String {
    let line = |job: &&Job| format!("error: {}: {}\n", printable(&job.spec.to_string(), 500), job.state);
    match jobs.len() {
        0..=3 => jobs.iter().map(line).collect(),
        all => format!("error: {all} images: {}\n", jobs[0].state),
    }
}

/// One line for each output: a file's path, or the place with the digest that arrived there.
fn arrivals(job: &Job) -> String {
    let outputs = job.report.iter().flat_map(|report| &report.outputs);
    let line = |output: &Output| match &output.path {
        Some(path) => format!("{}\n", path.display()),
        None => format!("{}@{}\n", printable(&output.location, 1000), output.digest),
    };
    outputs.map(line).collect()
}

/// What arrived as something else than was found: a platform, or an index of some of them.
fn rewritten(job: &Job) -> impl Iterator<Item = String> {
    let outputs = job.report.iter().flat_map(|report| &report.outputs).filter(|o| o.path.is_none());
    outputs.filter_map(|o| Some(format!("{}: {} → {}", o.location, o.was.as_ref()?, o.digest)))
}

fn as_json(jobs: &[Job], summary: &Summary) -> serde_json::Value {
    let failed = jobs.iter().filter(|job| job.state != JobState::Succeeded).count();
    let first = jobs.iter().find_map(|job| job.failure.as_ref());
    let mut value = json!({ "jobs": jobs, "summary": summary });
    if let (Some(failure), Some(object)) = (first, value.as_object_mut()) {
        let message = match jobs.len() {
            1 => failure.message.clone(),
            all => format!("{failed} of {all} jobs failed: {}", failure.message),
        };
        let error = json!({ "class": failure.class, "message": message, "hint": failure.hint });
        object.insert("error".to_owned(), error);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::job::{Failure, Report};
    use crate::oci::{Digest, ErrorClass};

    fn json(jobs: &[Job]) -> serde_json::Value {
        as_json(jobs, &Summary::of(jobs, 0))
    }

    #[test]
    fn what_arrived_is_a_name_or_a_file() {
        let mut job = sample::job(1, JobState::Succeeded);
        let output = |location: &str, path: Option<&str>| Output {
            location: location.to_owned(),
            digest: Digest::of(b"x"),
            was: None,
            path: path.map(Into::into),
            up_to_date: false,
            overwritten: Vec::new(),
        };
        let outputs = vec![output("h.io/a:1", None), output("docker-archive:/d/a.tar", Some("/d/a.tar"))];
        job.report = Some(Report { outputs, ..Report::default() });
        assert_eq!(arrivals(&job), format!("h.io/a:1@{}\n/d/a.tar\n", Digest::of(b"x")));
        assert!(json(&[job]).get("error").is_none());
    }

    #[test]
    fn a_failure_is_json_with_its_class() {
        let mut job = sample::job(1, JobState::Failed);
        job.failure = Some(Failure {
            message: "no".to_owned(),
            class: ErrorClass::NotFound,
            hint: None,
            exchange: None,
        });
        let value = json(&[job.clone()]);
        assert_eq!(
            (&value["error"]["class"], &value["error"]["message"]),
            (&"not-found".into(), &"no".into())
        );
        let two = json(&[job, sample::job(2, JobState::Succeeded)]);
        assert_eq!(two["error"]["message"], "1 of 2 jobs failed: no");
    }
}

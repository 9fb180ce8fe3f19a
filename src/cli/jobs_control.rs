//! `wharf jobs pause`, `resume`, `cancel`, `retry`, `priority`: asked of the process that has the job, whichever it is;
//! what nobody has is done, or taken up, here.

use serde_json::json;

use super::{Context, Error, Outcome, OutputFormat, output, transfer};
use crate::engine::Unfinished;
use crate::job::{JobId, Wish};
use crate::oci::printable;

/// Asks for one thing of each job. All of them are tried; the first refusal is the command's error.
pub(super) async fn ask(ids: &[JobId], wish: Wish, context: &Context) -> Result<Outcome, Error> {
    ask_more(Vec::new(), ids, wish, context).await
}

/// The same where it was done to some already.
async fn ask_more(
    mut done: Vec<JobId>,
    ids: &[JobId],
    wish: Wish,
    context: &Context,
) -> Result<Outcome, Error> {
    let asked = ids.iter().map(|id| async { (*id, context.engine.ask(*id, wish).await) });
    let mut refused = Vec::new();
    for (id, answer) in futures_util::future::join_all(asked).await {
        match answer {
            Ok(()) => done.push(id),
            Err(error) => refused.push(error),
        }
    }
    tell(&done, said(wish), context)?;
    let mut refused = refused.into_iter();
    let Some(first) = refused.next() else { return Ok(Outcome::Done) };
    for error in refused {
        output::complain(&format!("error: {}\n", printable(&error.to_string(), 1000)));
    }
    Err(first.into())
}

/// Cancels: what other processes have by asking them, the rest together, all of it or nothing.
pub(super) async fn cancel(ids: &[JobId], context: &Context) -> Result<Outcome, Error> {
    let owned = owned(context).await?;
    let (theirs, free): (Vec<JobId>, Vec<JobId>) = ids.iter().partition(|id| owned.contains(id));
    context.engine.cancel_left(&free).await?;
    ask_more(free, &theirs, Wish::Cancel, context).await
}

/// Lets go on what other processes have, and runs the rest to its end here.
pub(super) async fn resume(ids: &[JobId], context: &Context) -> Result<Outcome, Error> {
    let mut ids = ids.to_vec();
    if ids.is_empty() {
        let jobs = context.engine.unfinished().await?;
        ids.extend(jobs.iter().filter(|job| job.is_left_behind()).map(|job| job.job.id));
    }
    if ids.is_empty() {
        context.note("no job was interrupted");
        return Ok(Outcome::Done);
    }
    let owned = owned(context).await?;
    let (theirs, free): (Vec<JobId>, Vec<JobId>) = ids.iter().partition(|id| owned.contains(id));
    if !theirs.is_empty() {
        let asked = ask(&theirs, Wish::Resume, context).await?;
        if free.is_empty() {
            return Ok(asked);
        }
    }
    let begun = async {
        context.engine.take_up(&free).await?;
        Ok(free.clone())
    };
    transfer::follow(begun, context).await
}

/// The jobs that living processes have.
async fn owned(context: &Context) -> Result<Vec<JobId>, Error> {
    let jobs = context.engine.unfinished().await?;
    let owned = |unfinished: &Unfinished| unfinished.owner.as_ref().map(|_| unfinished.job.id);
    Ok(jobs.iter().filter_map(owned).collect())
}

fn tell(done: &[JobId], what: &'static str, context: &Context) -> Result<(), Error> {
    match (context.output, done.len()) {
        (OutputFormat::Json, _) => output::json(&json!({ what: done })).map(drop)?,
        (OutputFormat::Text, 0) => {}
        (OutputFormat::Text, 1) => context.note(&format!("1 job {what}")),
        (OutputFormat::Text, n) => context.note(&format!("{n} jobs {what}")),
    }
    Ok(())
}

/// What became of the jobs.
fn said(wish: Wish) -> &'static str {
    match wish {
        Wish::Pause => "paused",
        Wish::Resume => "resumed",
        Wish::Cancel => "cancelled",
        Wish::Retry => "queued",
        Wish::Priority(_) => "prioritised",
    }
}

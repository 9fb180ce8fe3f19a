//! `--dry-run` of a batch: one plan of all images. What travels is counted once a digest at the destination,
//! as the run will send it.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use serde_json::json;

use super::output::{self, size, table};
use super::{Context, Error, Outcome, OutputFormat, failures};
use crate::job::{Failure, JobSpec, Plan, Presence, TagChange};
use crate::oci::{Digest, ErrorClass, printable};

/// Images that are looked at at the same time.
const AT_ONCE: usize = 16;

/// Plans every job and prints the whole; those that cannot be planned do not stop the others.
pub(super) async fn run(specs: &[JobSpec], context: &Context) -> Result<Outcome, Error> {
    let plan = |spec| async move { context.engine.plan(spec).await.map_err(|error| error.failure()) };
    let planned: Vec<Result<Plan, Failure>> =
        stream::iter(specs.iter().map(plan)).buffered(AT_ONCE).collect().await;
    let (mut plans, mut failed) = (Vec::new(), Vec::new());
    for (spec, planned) in specs.iter().zip(planned) {
        match planned {
            Ok(plan) => plans.push(plan),
            Err(failure) => failed.push((spec, failure)),
        }
    }
    let totals = Totals::of(&plans, failed.len());
    let failed: Vec<(&JobSpec, &Failure)> = failed.iter().map(|(spec, failure)| (*spec, failure)).collect();
    output::complain(&failures::text(&failed));
    match context.output {
        OutputFormat::Json => {
            let failures: Vec<_> =
                failed.iter().map(|(spec, failure)| json!({ "spec": spec, "failure": failure })).collect();
            output::json(&json!({ "plans": plans, "failures": failures, "totals": totals }))?
        }
        OutputFormat::Text => output::text(&text(&plans, &totals))?,
    };
    Ok(match failed.iter().all(|(_, failure)| failure.class == ErrorClass::Auth) {
        _ if failed.is_empty() => Outcome::Done,
        true => Outcome::Refused,
        false => Outcome::Failed,
    })
}

/// What all plans come to. Bytes and blobs are of the destinations, each digest once.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Totals {
    images: usize,
    up_to_date: usize,
    failed: usize,
    tags_overwritten: usize,
    /// Blobs of the images that need anything.
    blobs: usize,
    bytes: u64,
    /// Blobs that no image finds at the destination.
    blobs_to_send: usize,
    bytes_to_send: u64,
}

impl Totals {
    fn of(plans: &[Plan], failed: usize) -> Totals {
        let mut totals = Totals { images: plans.len() + failed, failed, ..Totals::default() };
        // Whether some image finds the blob at the destination: then the others mount it.
        let mut blobs: HashMap<&Digest, (u64, bool)> = HashMap::new();
        for plan in plans {
            totals.up_to_date += usize::from(plan.is_up_to_date());
            for destination in plan.destinations.iter().filter(|destination| !destination.up_to_date) {
                totals.tags_overwritten += destination.tags.iter().filter(|tag| tag.overwrites()).count();
                for (blob, presence) in plan.blobs.iter().zip(&destination.presence) {
                    let descriptor = &blob.descriptor;
                    let (_, found) = blobs.entry(&descriptor.digest).or_insert((descriptor.size, false));
                    *found |= matches!(presence, Presence::Present | Presence::Mount(_));
                }
            }
        }
        for (size, found) in blobs.values() {
            totals.blobs += 1;
            totals.bytes += size;
            if !found {
                totals.blobs_to_send += 1;
                totals.bytes_to_send += size;
            }
        }
        totals
    }
}

fn text(plans: &[Plan], totals: &Totals) -> String {
    let mut out = String::new();
    if !plans.is_empty() {
        let rows: Vec<_> = plans.iter().map(row).collect();
        out += &table(&["image", "to send", "there", "tag", "destination"], &rows, &[1, 2]);
        out.push('\n');
    }
    for note in plans.iter().flat_map(|plan| plan.notes.iter().map(move |note| (plan, note))) {
        out += &format!("note: {}: {}\n", printable(&note.0.source, 300), printable(note.1, 1000));
    }
    out += &format!("images         {}", totals.images);
    for (count, what) in [(totals.up_to_date, "up to date"), (totals.failed, "failed")] {
        if count > 0 {
            out += &format!(", {count} {what}");
        }
    }
    let blobs = |n| if n == 1 { "1 blob".to_owned() } else { format!("{n} blobs") };
    out += &format!(
        "\nto send        {}, {} (each digest once)\n",
        blobs(totals.blobs_to_send),
        size(totals.bytes_to_send)
    );
    let there = totals.blobs - totals.blobs_to_send;
    out += &format!("there already  {}, {}\n", blobs(there), size(totals.bytes - totals.bytes_to_send));
    if totals.tags_overwritten > 0 {
        out += &format!("overwritten    {} tags\n", totals.tags_overwritten);
    }
    out
}

/// One image's line: what it would send if it were alone.
fn row(plan: &Plan) -> Vec<String> {
    let total = plan.total_bytes().saturating_mul(plan.destinations.len() as u64);
    let sent = plan.bytes_to_send();
    let tags: Vec<&TagChange> = plan.destinations.iter().flat_map(|d| &d.tags).collect();
    let tag = match (plan.is_up_to_date(), tags.iter().any(|tag| tag.overwrites()), tags.is_empty()) {
        (true, ..) => "up to date",
        (_, true, _) => "overwritten",
        (_, _, true) => "",
        _ => "new",
    };
    let places: Vec<&str> = plan.destinations.iter().map(|d| d.location.as_str()).collect();
    vec![
        printable(&plan.source, 300),
        size(sent),
        size(total.saturating_sub(sent)),
        tag.to_owned(),
        printable(&places.join(", "), 500),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn totals_count_a_digest_once() {
        // The sample's second destination has everything.
        let (one, mut two) = (sample::plan(), sample::plan());
        two.source = "docker.io/library/other:1".to_owned();
        two.destinations.truncate(1);
        // What is absent for both travels once; what one of them finds is mounted by the other.
        two.destinations[0].presence = vec![Presence::Absent; 3];
        let totals = Totals::of(&[one.clone(), two.clone()], 1);
        let want = Totals {
            images: 3,
            up_to_date: 0,
            failed: 1,
            tags_overwritten: 2,
            blobs: 3,
            bytes: 100_001_500,
            blobs_to_send: 1,
            bytes_to_send: 30_000_000,
        };
        assert_eq!(totals, want);
        let shown = text(&[one, two], &totals);
        let want = "\
image                         to send   there  tag          destination
docker.io/library/nginx:1.27  30.0 MB  170 MB  overwritten  127.0.0.1:5002/nginx:1.27, h.io/nginx:1.27
docker.io/library/other:1      100 MB     0 B  overwritten  127.0.0.1:5002/nginx:1.27

note: docker.io/library/nginx:1.27: something to know
note: docker.io/library/other:1: something to know
images         3, 1 failed
to send        1 blob, 30.0 MB (each digest once)
there already  2 blobs, 70.0 MB
overwritten    2 tags
";
        assert_eq!(shown, want);
    }
}

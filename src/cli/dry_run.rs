//! `--dry-run`: the plan as text, or as the data it is.

use super::output::{self, size};
use super::{Context, Error, Outcome, OutputFormat};
use crate::job::{JobSpec, Plan, PlannedDestination, Presence, TagChange};
use crate::oci::{Descriptor, Digest, printable};

/// Plans each job and prints the plans; with JSON one plan a line.
pub(super) async fn run(specs: &[JobSpec], context: &Context) -> Result<Outcome, Error> {
    for (n, spec) in specs.iter().enumerate() {
        let plan = context.engine.plan(spec).await?;
        let written = match context.output {
            OutputFormat::Json => output::json(&plan)?,
            OutputFormat::Text => {
                let gap = if n == 0 { "" } else { "\n" };
                output::text(&format!("{gap}{}", text(&plan)))?
            }
        };
        if written == output::Written::Closed {
            break;
        }
    }
    Ok(Outcome::Done)
}

fn text(plan: &Plan) -> String {
    let platforms: Vec<String> = plan.platforms.iter().map(ToString::to_string).collect();
    let platforms = if platforms.is_empty() { "none".to_owned() } else { platforms.join(", ") };
    let mut out = image_text(&plan.source, &plan.found, &plan.arrives);
    if !plan.images.is_empty() {
        out = plan.images.iter().map(|one| image_text(&one.source, &one.found, &one.arrives)).collect();
    }
    out += &format!("  platforms   {}\n", printable(&platforms, 2000));
    out += &format!("  blobs       {}, {}\n", plan.blobs.len(), size(plan.total_bytes()));
    for destination in &plan.destinations {
        out += &destination_text(plan, destination);
    }
    for note in &plan.notes {
        out += &format!("note: {}\n", printable(note, 1000));
    }
    if plan.destinations.len() > 1 {
        out += &format!("to send in all: {}\n", size(plan.bytes_to_send()));
    }
    out
}

fn image_text(source: &str, found: &Descriptor, arrives: &Descriptor) -> String {
    let mut out = format!("{}  {}\n", printable(source, 500), found.digest);
    if arrives.digest != found.digest {
        out += &format!("  arrives as  {}\n", arrives.digest);
    }
    out
}

fn destination_text(plan: &Plan, destination: &PlannedDestination) -> String {
    let mut out = format!("→ {}\n", printable(&destination.location, 500));
    if destination.up_to_date {
        out += "  everything is there already; nothing will be sent\n";
        return out;
    }
    let blobs = || plan.blobs.iter().zip(&destination.presence);
    let of = |is: &dyn Fn(&Presence) -> bool| {
        let found = blobs().filter(|(_, presence)| is(presence));
        found.fold((0, 0), |(n, bytes), (blob, _)| (n + 1, bytes + blob.descriptor.size))
    };
    let kinds = [
        ("present", of(&|p| *p == Presence::Present)),
        ("to mount", of(&|p| matches!(p, Presence::Mount(_)))),
        ("to send", of(&|p| matches!(p, Presence::Absent | Presence::Unasked))),
    ];
    for (name, (count, bytes)) in kinds {
        if count > 0 || name == "to send" {
            out += &format!(
                "  {name:<10}  {count} {}, {}\n",
                if count == 1 { "blob" } else { "blobs" },
                size(bytes)
            );
        }
    }
    let referrers = |is: &dyn Fn(&Presence) -> bool| destination.referrers.iter().filter(|p| is(p)).count();
    let (there, lacking) = (referrers(&|p| *p == Presence::Present), referrers(&|p| *p != Presence::Present));
    if there + lacking > 0 {
        out += &format!("  referrers   {lacking} to send, {there} present\n");
    }
    for change in &destination.tags {
        out += &format!("  tag         {}\n", tag_text(change));
    }
    out
}

fn tag_text(change: &TagChange) -> String {
    match &change.old {
        None => format!("{}  new", change.tag),
        Some(old) if change.overwrites() => {
            let short = |digest: &Digest| format!("{}:{}…", digest.algorithm(), digest.short(12));
            format!("{}  overwritten: {} → {}", change.tag, short(old), short(&change.new))
        }
        Some(_) => format!("{}  stays", change.tag),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;

    #[test]
    fn a_plan_reads_well() {
        let plan = sample::plan();
        let (found, old) = (&plan.found.digest, crate::oci::Digest::of(b"old"));
        let want = format!(
            "docker.io/library/nginx:1.27  {found}\n  platforms   linux/amd64, linux/arm/v7\n  blobs       3, 100 MB\n\
             → 127.0.0.1:5002/nginx:1.27\n  present     1 blob, 1.50 kB\n  to mount    1 blob, 70.0 MB\n  to send     1 blob, 30.0 MB\n  \
             tag         1.27  overwritten: sha256:{}… → sha256:{}…\n  tag         stable  new\n  tag         same  stays\n\
             → h.io/nginx:1.27\n  everything is there already; nothing will be sent\n\
             note: something to know\nto send in all: 30.0 MB\n",
            old.short(12),
            found.short(12),
        );
        assert_eq!(super::text(&plan), want);
    }
}

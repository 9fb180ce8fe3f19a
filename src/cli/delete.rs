//! `wharf delete REF…`

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};

use super::error::{Faults, failure_lines};
use super::output::{self, size};
use super::upkeep_args::DeleteArgs;
use super::{Context, Error, Outcome, OutputFormat, confirm, copy};
use crate::config::Config;
use crate::engine::{self, Deleted, Deletion};
use crate::job::{Failure, Target};
use crate::oci::{ErrorClass, Location, printable};

/// Images that are looked at, or deleted, at the same time.
const AT_ONCE: usize = 8;

/// What came of the images that were named, in the order in which it came.
#[derive(Default)]
struct Batch {
    deleted: Vec<Deleted>,
    failed: Vec<(Location, Failure)>,
}

/// Deletes what was named: all that can be, and tells of the rest.
pub async fn run(args: &DeleteArgs, context: &Context) -> Result<Outcome, Error> {
    let images = images(args, &context.config)?;
    confirmed(&images, args, &context.config).await?;
    let engine = &context.engine;
    let mut batch = Batch::default();
    let found = look(&images, args.by_digest, args.dry_run, context, &mut batch).await;
    let found = Deletion::with_last_names(found);
    if args.dry_run {
        return shown(&found, &batch, context);
    }
    let (mut by_digest, alone): (Vec<_>, Vec<_>) = found.into_iter().partition(|d| d.by_digest);
    let deletions = alone.into_iter().map(|deletion| async move {
        let deleted = engine.delete(&deletion).await;
        (deletion, deleted)
    });
    let mut answers = stream::iter(deletions).buffered(AT_ONCE);
    let mut not_alone = Vec::new();
    while let Some((deletion, deleted)) = answers.next().await {
        match deleted {
            Ok(None) => not_alone.push(deletion.location),
            other => batch.take(deletion.location, other, context)?,
        }
    }
    drop(answers);
    if let Some(first) = not_alone.first() {
        context.note(&format!("{first}: a tag cannot be deleted alone there; looking for other tags of it"));
        by_digest.extend(look(&not_alone, true, true, context, &mut batch).await);
    }
    let by_digest = merged(by_digest);
    for deletion in agreed(by_digest, &images, args, &mut batch).await? {
        let deleted = engine.delete(&deletion).await;
        batch.take(deletion.location, deleted, context)?;
    }
    batch.told(context)
}

/// The images, or all that is wrong with the names.
fn images(args: &DeleteArgs, config: &Config) -> Result<Vec<Location>, Error> {
    let mut faults = Faults::default();
    let mut images: Vec<Location> = Vec::new();
    for text in &args.images {
        let Some(location) = faults.take(ErrorClass::Reference, text.parse::<Location>()) else { continue };
        if !images.contains(&location) {
            copy::refuse_read_only(&Target::Image(location.clone()), config, &mut faults);
            images.push(location);
        }
    }
    faults.finish("`wharf delete --help` shows how names are written")?;
    Ok(images)
}

/// Makes sure of the protected entries: each name is given, or typed.
async fn confirmed(images: &[Location], args: &DeleteArgs, config: &Config) -> Result<(), Error> {
    let names: BTreeSet<&str> =
        images.iter().filter_map(|l| config.protects(l)).map(|e| e.name.as_str()).collect();
    for name in names {
        if args.dry_run || args.confirm.iter().any(|typed| typed == name) {
            continue;
        }
        let shown = printable(name, 100);
        let asked = confirm::can_ask();
        if asked
            && confirm::answer(&format!("{shown} is protected; type its name to delete there:")).await?
                == name
        {
            continue;
        }
        return Err(Error::Usage {
            class: ErrorClass::Conflict,
            faults: vec![format!("the configuration's entry {shown:?} is protected: nothing was deleted")],
            hint: Some(format!("--confirm {shown} deletes there")),
        });
    }
    Ok(())
}

/// Finds what is there; what is not is a failure of the batch.
async fn look(
    images: &[Location],
    by_digest: bool,
    ask_tags: bool,
    context: &Context,
    batch: &mut Batch,
) -> Vec<Deletion> {
    let engine = &context.engine;
    let asked = images.iter().map(|location| async move {
        (location.clone(), engine.find_deletion(location, by_digest, ask_tags).await)
    });
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut found = Vec::new();
    for (location, answer) in answers {
        match answer {
            Ok(deletion) => found.push(deletion),
            Err(error) => batch.failed.push((location, error.failure())),
        }
    }
    found
}

/// One deletion for each manifest, whatever tags of it were named.
fn merged(deletions: Vec<Deletion>) -> Vec<Deletion> {
    let mut merged: Vec<Deletion> = Vec::new();
    for deletion in deletions {
        let same = |other: &Deletion| {
            other.digest == deletion.digest && place(&other.location) == place(&deletion.location)
        };
        if !merged.iter().any(same) {
            merged.push(deletion);
        }
    }
    merged
}

/// Where an image is, without tag and digest.
fn place(location: &Location) -> String {
    match location {
        Location::Registry(reference) => reference.name(),
        Location::Store { repository, .. } => format!("store:{repository}"),
        Location::OciLayout { path, .. } => format!("oci:{}", path.display()),
        Location::DockerDaemon { host: None, .. } => "docker-daemon:".to_owned(),
        Location::DockerDaemon { host: Some(host), .. } => format!("docker-daemon://{host}/"),
        other => other.to_string(),
    }
}

/// What is deleted, and what it is called by: an engine has images with names.
fn words(location: &Location) -> (&'static str, &'static str) {
    match location {
        Location::DockerDaemon { .. } => ("image", "name"),
        _ => ("manifest", "tag"),
    }
}

/// The names of a manifest that nobody named.
fn unnamed(deletion: &Deletion, images: &[Location]) -> Vec<String> {
    let named = |tag: &str| {
        let same = |image: &Location| place(image) == place(&deletion.location);
        images.iter().any(|image| same(image) && deletion.is_named_by(tag, image))
    };
    deletion.tags.iter().filter(|tag| !named(tag)).cloned().collect()
}

/// Those that take no other tag along, and those that somebody agreed to.
async fn agreed(
    deletions: Vec<Deletion>,
    images: &[Location],
    args: &DeleteArgs,
    batch: &mut Batch,
) -> Result<Vec<Deletion>, Error> {
    let mut agreed = Vec::new();
    for deletion in deletions {
        let others = unnamed(&deletion, images);
        let what = || {
            let list: Vec<String> = others.iter().take(20).map(|tag| printable(tag, 128)).collect();
            let more = others.len().saturating_sub(20);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            if others.is_empty() {
                return format!(
                    "{}: with its last name goes the image {}",
                    deletion.location, deletion.digest
                );
            }
            let (manifest, tags) = words(&deletion.location);
            format!(
                "{}: with the {manifest} {} go the {tags}s {}{more}",
                deletion.location,
                deletion.digest,
                list.join(", ")
            )
        };
        let goes = (others.is_empty() && (args.by_digest || !deletion.is_last_name()))
            || args.yes
            || (confirm::can_ask()
                && confirm::agreed(&format!(
                    "{}; delete {}?",
                    what(),
                    if others.is_empty() { "it" } else { "them" }
                ))
                .await?);
        match goes {
            true => agreed.push(deletion),
            false => {
                let hint = Some(match others.is_empty() {
                    true => "--yes deletes it".into(),
                    false => "--yes deletes them, too".into(),
                });
                let failure = Failure { message: what(), class: ErrorClass::Conflict, hint, exchange: None };
                batch.failed.push((deletion.location, failure));
            }
        }
    }
    Ok(agreed)
}

/// What would go.
fn shown(found: &[Deletion], batch: &Batch, context: &Context) -> Result<Outcome, Error> {
    match context.output {
        OutputFormat::Json => {
            output::json(&json!({ "would_delete": found, "failed": batch.failures() }))?;
        }
        OutputFormat::Text => {
            let line = |d: &Deletion| {
                let others = d.tags.iter().filter(|tag| !d.is_named_by(tag, &d.location));
                let (manifest, tag) = words(&d.location);
                let others: Vec<String> = others.map(|tag| printable(tag, 128)).collect();
                let with = match (d.by_digest, others.is_empty()) {
                    (true, true) if d.is_last_name() => format!("the {manifest}, with its last {tag}"),
                    (true, true) => format!("the {manifest}"),
                    (true, false) => format!("the {manifest}, with the {tag}s {}", others.join(", ")),
                    (false, true) => format!("the {tag}, its {manifest}'s only one"),
                    (false, false) => format!("the {tag}; its {manifest} has {} too", others.join(", ")),
                };
                format!("{}  {}  {with}\n", printable(&d.location.to_string(), 500), d.digest)
            };
            output::text(&found.iter().map(line).collect::<String>())?;
        }
    }
    output::complain(&batch.complaints());
    Ok(batch.outcome())
}

impl Batch {
    /// Notes what came of one image, and prints it at once: whoever interrupts a long batch knows what is gone.
    fn take(
        &mut self,
        location: Location,
        deleted: engine::Result<Option<Deleted>>,
        context: &Context,
    ) -> Result<(), Error> {
        match deleted {
            Ok(Some(deleted)) => {
                if context.output == OutputFormat::Text {
                    output::text(&line(&deleted))?;
                }
                self.deleted.push(deleted);
            }
            Ok(None) => {
                let message = format!("{location}: the registry deletes no tag alone");
                self.failed.push((
                    location,
                    Failure { message, class: ErrorClass::Config, hint: None, exchange: None },
                ));
            }
            Err(error) => self.failed.push((location, error.failure())),
        }
        Ok(())
    }

    fn told(&self, context: &Context) -> Result<Outcome, Error> {
        for note in self.deleted.iter().flat_map(|deleted| &deleted.notes) {
            context.note(note);
        }
        output::complain(&self.complaints());
        let freed: u64 = self.deleted.iter().filter_map(|d| d.freed).map(|freed| freed.bytes).sum();
        let left: u64 = self.deleted.iter().filter_map(|d| d.freed).map(|freed| freed.left).sum();
        if left > 0 {
            context.note(&format!("{} more may be in use; `wharf store gc` takes them later", size(left)));
        }
        if self.deleted.len() + self.failed.len() > 1 {
            let (done, failed) = (self.deleted.len(), self.failed.len());
            context.note(&format!("{done} deleted, {failed} failed, {} freed", size(freed)));
        }
        if context.output == OutputFormat::Json {
            let (deleted, failed) = (self.deleted.len(), self.failed.len());
            let summary = json!({ "deleted": deleted, "failed": failed, "freed": freed });
            output::json(&json!({ "deleted": self.deleted, "failed": self.failures(), "summary": summary }))?;
        }
        Ok(self.outcome())
    }

    fn complaints(&self) -> String {
        self.failed.iter().map(|(_, failure)| failure_lines(failure)).collect()
    }

    fn failures(&self) -> Vec<Value> {
        let one = |(location, f): &(Location, Failure)| json!({ "location": location, "class": f.class, "message": f.message, "hint": f.hint });
        self.failed.iter().map(one).collect()
    }

    fn outcome(&self) -> Outcome {
        match self.failed.is_empty() {
            true => Outcome::Done,
            false
                if self.deleted.is_empty()
                    && self.failed.iter().all(|(_, f)| f.class == ErrorClass::Auth) =>
            {
                Outcome::Refused
            }
            false => Outcome::Failed,
        }
    }
}

/// One line for what was deleted.
fn line(deleted: &Deleted) -> String {
    let deletion = &deleted.deletion;
    let what = match deletion.by_digest {
        false => printable(&deletion.location.to_string(), 500),
        true => {
            let place = printable(&place(&deletion.location), 500);
            let at = if place.ends_with([':', '/']) { "" } else { "@" };
            format!("{place}{at}{}", deletion.digest)
        }
    };
    let tags: Vec<String> = deletion.tags.iter().map(|tag| printable(tag, 128)).collect();
    let with = match deletion.by_digest && !tags.is_empty() {
        true => format!("  with {}", tags.join(", ")),
        false => String::new(),
    };
    let freed = deleted.freed.map(|freed| format!("  {} freed", size(freed.bytes))).unwrap_or_default();
    format!("deleted {what}{with}{freed}\n")
}

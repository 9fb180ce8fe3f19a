//! `wharf inspect` of an archive or layout with several images, none of which was named: all of them.

use serde_json::json;

use super::import::telling;
use super::output::{self, size, table};
use super::{Context, Error, Outcome, OutputFormat};
use crate::engine::{ArchiveImage, Image, ListedImages, Place};
use crate::oci::{Location, printable};

/// The archive, if it has several images and the location names none.
pub(super) async fn several(location: &Location, context: &Context) -> Result<Option<ListedImages>, Error> {
    let Some(place) = Place::of_whole(location) else { return Ok(None) };
    let listed = telling(context.engine.images(&place), context).await?;
    Ok(Some(listed).filter(|listed| listed.merged().len() > 1))
}

/// Shows every image of an archive.
pub(super) async fn run(
    location: &Location,
    listed: &ListedImages,
    context: &Context,
) -> Result<Outcome, Error> {
    let entries = listed.merged();
    let mut images = Vec::with_capacity(entries.len());
    for entry in &entries {
        images.push((entry, context.engine.inspect(&entry.location).await?));
    }
    match context.output {
        OutputFormat::Json => {
            let image =
                |(entry, image): &(&ArchiveImage, Image)| json!({"names": entry.names, "image": image});
            let images: Vec<_> = images.iter().map(image).collect();
            output::json(&json!({"location": location, "images": images}))
        }
        OutputFormat::Text => output::text(&text(location, &images)),
    }
    .map(output::done)
}

fn text(location: &Location, images: &[(&ArchiveImage, Image)]) -> String {
    let mut rows = Vec::new();
    for (entry, image) in images {
        let platforms = image.platforms.iter().filter_map(|one| Some(one.platform.as_ref()?.to_string()));
        let platforms = platforms.collect::<Vec<_>>().join(", ");
        let digest = &entry.descriptor.digest;
        let mut names = entry.names.iter().map(|name| printable(name, 300));
        rows.push(vec![
            names.next().unwrap_or_else(|| "—".to_owned()),
            printable(&platforms, 100),
            size(image.size),
            format!("{}:{}", digest.algorithm(), digest.short(12)),
        ]);
        // Its other names, a line each.
        rows.extend(names.map(|name| vec![name, String::new(), String::new(), String::new()]));
    }
    let location = printable(&location.to_string(), 500);
    let table = table(&["image", "platform", "size", "digest"], &rows, &[2]);
    format!("archive  {location}\nimages   {}\n\n{table}", images.len())
}

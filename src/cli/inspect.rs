//! `wharf inspect IMAGE`

use super::import::telling;
use super::output::{self, size};
use super::question_args::InspectArgs;
use super::{Context, Error, Outcome, OutputFormat, archive_list, location, registry_info};
use crate::engine::{Image, ImagePlatform};
use crate::oci::printable;

/// Shows what an image is made of, or its manifest's bytes.
pub async fn run(args: &InspectArgs, context: &Context) -> Result<Outcome, Error> {
    let image = match (&args.registry, &args.image) {
        (Some(registry), _) => return registry_info::run(registry, context).await,
        (None, Some(image)) => image,
        (None, None) => return Err(Error::usage("an image is needed, or --registry")),
    };
    let location = location(image)?;
    if args.raw {
        return output::bytes(&telling(context.engine.raw_manifest(&location), context).await?.bytes)
            .map(output::done);
    }
    if let Some(archive) = archive_list::several(&location, context).await? {
        return archive_list::run(&location, &archive, context).await;
    }
    let image = telling(context.engine.inspect(&location), context).await?;
    match context.output {
        OutputFormat::Json => output::json(&image),
        OutputFormat::Text => output::text(&text(&image)),
    }
    .map(output::done)
}

fn text(image: &Image) -> String {
    let mut out = format!("reference   {}\n", printable(&image.location, 500));
    out += &format!("digest      {}\n", image.descriptor.digest);
    out += &format!("media type  {}\n", printable(&image.descriptor.media_type, 200));
    out += &format!("size        {} in all\n", size(image.size));
    let (attestations, images): (Vec<_>, Vec<_>) = image.platforms.iter().partition(|p| p.attests.is_some());
    if !images.is_empty() {
        let head = ["platform", "digest", "size", "layers", "created", "image id"];
        let rows: Vec<Vec<String>> = images.iter().map(|platform| row(platform)).collect();
        out.push('\n');
        out += &output::table(&head, &rows, &[2, 3]);
    }
    if !attestations.is_empty() {
        out += &format!("\nattestations  {}\n", attestations.len());
    }
    // One image alone leaves room for what it runs.
    if let [only] = images.as_slice() {
        if !only.command.is_empty() {
            out += &format!("\ncommand  {}\n", printable(&only.command.join(" "), 1000));
        }
        for (key, value) in &only.labels {
            out += &format!("label    {}={}\n", printable(key, 200), printable(value, 500));
        }
    }
    out
}

fn row(platform: &ImagePlatform) -> Vec<String> {
    let name = platform.platform.as_ref().map_or_else(|| "—".to_owned(), ToString::to_string);
    // Fractions of a second and the zone are more than a column needs.
    let created = platform.created.as_deref().map_or_else(
        || "—".to_owned(),
        |text| {
            let seconds = text.get(..19).unwrap_or(text).replace('T', " ");
            printable(&seconds, 19)
        },
    );
    vec![
        printable(&name, 60),
        format!("{}:{}", platform.digest.algorithm(), platform.digest.short(12)),
        size(platform.size),
        platform.layers.len().to_string(),
        created,
        platform.config.short(12).to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Descriptor, Digest, media_type};

    #[test]
    fn an_image_reads_well_and_shows_no_escapes() {
        let platform = |name: &str, layers: usize, attests| ImagePlatform {
            platform: name.parse().ok(),
            digest: Digest::of(name.as_bytes()),
            media_type: media_type::OCI_MANIFEST.to_owned(),
            config: Digest::of(b"config"),
            layers: vec![Descriptor::new("", Digest::of(b""), 10); layers],
            size: 71_000_000,
            created: Some("2026-11-02T10:11:12.123456789Z\u{1b}[31m".to_owned()),
            command: vec!["nginx".to_owned(), "\u{1b}]0;x".to_owned()],
            labels: vec![("a".to_owned(), "b\u{7}".to_owned())],
            settings: Vec::new(),
            history: Vec::new(),
            annotations: Vec::new(),
            attests,
        };
        let mut image = Image {
            location: "ghcr.io/o/r:1".to_owned(),
            descriptor: Descriptor::new(media_type::OCI_INDEX, Digest::of(b"index"), 5),
            platforms: vec![
                platform("amd64", 3, None),
                platform("arm/v7", 12, None),
                platform("", 1, Some(Digest::of(b""))),
            ],
            size: 283_000_000,
            annotations: Vec::new(),
        };
        let shown = text(&image);
        let table: Vec<&str> = shown.lines().skip(5).take(3).collect();
        assert!(table[0].starts_with("platform      digest               "), "{shown}");
        assert!(
            table[1].contains("71.0 MB       3  2026-11-02 10:11:12  ") && table[2].contains("      12  "),
            "{shown}"
        );
        assert!(shown.contains("attestations  1") && !shown.contains("command"));
        image.platforms.truncate(1);
        let shown = text(&image);
        assert!(
            shown.contains("command  nginx ]0;x\nlabel    a=b\n") && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }
}

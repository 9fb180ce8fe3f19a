//! `wharf files [DIR]`

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use super::output::{self, size};
use super::upkeep_args::FilesArgs;
use super::{Context, Error, Outcome, OutputFormat};
use crate::engine::{FileContents, FileEntry, Sum};
use crate::oci::printable;

/// A file as programs read it.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    file: FileEntry,
    #[serde(flatten)]
    contents: FileContents,
}

/// Lists a directory's image files with the images in each, the newest first.
pub async fn run(args: &FilesArgs, context: &Context) -> Result<Outcome, Error> {
    let directory = args.directory.as_deref().unwrap_or(&context.config.downloads);
    let mut listed = Vec::new();
    for file in context.engine.files(directory).await? {
        let contents = context.engine.file_contents(&file.path, args.verify).await?;
        listed.push(Listed { file, contents });
    }
    match context.output {
        OutputFormat::Json => output::json(&json!({ "files": listed }))?,
        OutputFormat::Text if listed.is_empty() => {
            context.note(&format!("no image files in {}", directory.display()));
            output::Written::All
        }
        OutputFormat::Text => output::text(&text(&listed, &TimeZone::system()))?,
    };
    let wrong = listed.iter().any(|listed| listed.contents.sum == Sum::Wrong);
    Ok(if wrong { Outcome::Failed } else { Outcome::Done })
}

fn text(listed: &[Listed], zone: &TimeZone) -> String {
    let row = |Listed { file, contents }: &Listed| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let written =
            file.modified.map(|at| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string());
        let sum = match contents.sum {
            Sum::None => "no sum",
            Sum::Unchecked => "not read",
            Sum::Right => "right",
            Sum::Wrong => "WRONG",
        };
        let images = match &contents.problem {
            Some(problem) => format!("({problem})"),
            None => contents.images.join(", "),
        };
        vec![
            printable(&name, 300),
            size(file.size),
            written.unwrap_or_default(),
            sum.to_owned(),
            printable(&images, 1000),
        ]
    };
    let rows: Vec<_> = listed.iter().map(row).collect();
    output::table(&["file", "size", "written", "sha256", "images"], &rows, &[1])
}

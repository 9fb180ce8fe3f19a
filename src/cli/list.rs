//! Lists that come in pages: printed one name a line as they come, or collected for JSON.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::output::{self, Written};
use super::{Context, Error, Outcome, OutputFormat};
use crate::engine;
use crate::oci::printable;

/// Prints the names; as JSON an object with one field, `key`.
pub(super) async fn print(
    mut pages: BoxStream<'static, engine::Result<Vec<String>>>,
    key: &str,
    context: &Context,
) -> Result<Outcome, Error> {
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page?;
        match context.output {
            OutputFormat::Json => all.extend(page),
            OutputFormat::Text => {
                let lines: String = page.iter().map(|name| format!("{}\n", printable(name, 1000))).collect();
                if output::text(&lines)? == Written::Closed {
                    break;
                }
            }
        }
    }
    match context.output {
        OutputFormat::Json => output::json(&serde_json::json!({ key: all })).map(output::done),
        OutputFormat::Text => Ok(Outcome::Done),
    }
}

//! What a batch file needs to be known of registries before its jobs are: the tags of repositories that it chooses
//! from.

use futures_util::StreamExt;
use futures_util::stream;

use super::error::failure_lines;
use super::{Context, Error, output};
use crate::config::{Batch, TagLists};
use crate::oci::Location;

/// Repositories that are asked at the same time.
const AT_ONCE: usize = 8;

/// Tells what there is to warn of in a batch file.
pub(super) fn warn(batch: &Batch, context: &Context) {
    if !context.quiet {
        batch.warnings().iter().for_each(|warning| context.screen.line(&format!("warning: {warning}")));
    }
}

/// Asks for the tags of every repository that the file chooses from. If some cannot be had all of these are told, and
/// nothing is begun.
pub(super) async fn tag_lists(repositories: Vec<Location>, context: &Context) -> Result<TagLists, Error> {
    let ask = |repository: Location| async {
        let tags = context.engine.all_tags(&repository).await;
        (repository, tags)
    };
    let answers: Vec<_> = stream::iter(repositories).map(ask).buffered(AT_ONCE).collect().await;
    let (mut lists, mut failed) = (TagLists::new(), Vec::new());
    for (repository, tags) in answers {
        match tags {
            Ok(tags) => drop(lists.insert(repository, tags)),
            Err(error) => failed.push(error),
        }
    }
    // The last one is this command's error; the others are told before it.
    let Some(last) = failed.pop() else { return Ok(lists) };
    for error in failed {
        output::complain(&failure_lines(&error.failure()));
    }
    Err(last.into())
}

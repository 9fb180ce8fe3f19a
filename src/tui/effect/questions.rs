//! Questions to the engine: each ends with an answer, or with a failure when its time is up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::{FILE, FOUND, GATHER, ListRequest, PLAN, QUESTION};
use crate::engine::Engine;
use crate::job::{Failure, JobSpec};
use crate::oci::ErrorClass;
use crate::tui::event::Msg;
use crate::tui::state::queue::DraftId;

/// The answer, or a failure once `limit` has passed.
pub(in crate::tui) async fn within<T>(
    limit: Duration,
    at: &impl std::fmt::Display,
    question: impl Future<Output = crate::engine::Result<T>>,
) -> Result<T, Failure> {
    match timeout(limit, question).await {
        Ok(answer) => answer.map_err(|error| error.failure()),
        Err(_) => Err(too_late(&at.to_string(), limit)),
    }
}

pub(super) fn too_late(at: &str, limit: Duration) -> Failure {
    Failure {
        message: format!("{at}: no answer within {} s", limit.as_secs()),
        class: ErrorClass::Network,
        hint: None,
        exchange: None,
    }
}

pub(super) async fn plans(
    engine: Engine,
    generation: u64,
    drafts: Vec<(DraftId, JobSpec)>,
    messages: mpsc::Sender<Msg>,
    planners: Arc<Semaphore>,
) {
    let each = drafts.into_iter().map(|(draft, spec)| {
        let (engine, messages, planners) = (engine.clone(), messages.clone(), planners.clone());
        async move {
            let Ok(_permit) = planners.acquire().await else { return };
            let outcome = within(PLAN, &spec.source, async { engine.plan(&spec).await }).await.map(Box::new);
            let _ = messages.send(Msg::Planned { generation, draft, outcome }).await;
        }
    });
    futures_util::stream::iter(each).buffer_unordered(4).collect::<Vec<()>>().await;
}

/// Sends a list's pages: the first at once, later ones gathered, so that ten thousand small pages do not draw
/// ten thousand times.
pub(super) async fn list(engine: Engine, generation: u64, request: ListRequest, messages: mpsc::Sender<Msg>) {
    let mut pages = match request {
        ListRequest::Repositories(place) => engine.repositories(&place),
        ListRequest::Tags(place, repository) => engine.tags(&place, &repository),
        ListRequest::Search(place, words) => {
            let search = async { engine.search(&place, &words, FOUND).await };
            let found = within(QUESTION, &place, search).await;
            return whole(found.map(|found| Msg::Found { generation, found }), generation, messages).await;
        }
        ListRequest::Files(directory) => {
            let files =
                within(QUESTION, &directory.display(), async { engine.files(&directory).await }).await;
            return whole(files.map(|files| Msg::Files { generation, files }), generation, messages).await;
        }
        ListRequest::Images(place) => {
            let images = within(FILE, &place, async { engine.images(&place).await }).await;
            return whole(images.map(|images| Msg::Images { generation, images }), generation, messages)
                .await;
        }
    };
    let mut gathered = Vec::new();
    let mut due = Instant::now();
    let failure = loop {
        match timeout(QUESTION, pages.next()).await {
            Ok(Some(Ok(page))) => {
                gathered.extend(page);
                if Instant::now() >= due && !gathered.is_empty() {
                    let names = std::mem::take(&mut gathered);
                    if messages.send(Msg::Page { generation, names }).await.is_err() {
                        return;
                    }
                    due = Instant::now() + GATHER;
                }
            }
            Ok(Some(Err(error))) => break Some(error.failure()),
            Ok(None) => break None,
            Err(_) => break Some(too_late("the list", QUESTION)),
        }
    };
    if !gathered.is_empty() {
        let _ = messages.send(Msg::Page { generation, names: gathered }).await;
    }
    let _ = messages.send(Msg::ListEnd { generation, failure }).await;
}

/// Sends a list that comes in one piece.
async fn whole(list: Result<Msg, Failure>, generation: u64, messages: mpsc::Sender<Msg>) {
    let failure = match list {
        Ok(rows) => {
            let _ = messages.send(rows).await;
            None
        }
        Err(failure) => Some(failure),
    };
    let _ = messages.send(Msg::ListEnd { generation, failure }).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Location;

    #[tokio::test]
    async fn a_question_without_an_answer_ends() {
        let location: Location = "localhost:5000/a:1".parse().unwrap();
        let silence = std::future::pending::<crate::engine::Result<()>>();
        let failure = within(Duration::from_millis(1), &location, silence).await.unwrap_err();
        assert_eq!(failure.message, "localhost:5000/a:1: no answer within 0 s");
    }
}

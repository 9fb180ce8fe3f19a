//! A registry that asks to be left alone is, by every request.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Instant;

use super::*;
use crate::oci::media_type;

/// Keeps who asked for fewer requests, and for how long.
#[derive(Default)]
struct Throttled(Mutex<Vec<(Registry, Option<Duration>)>>);

impl Observer for Throttled {
    fn retry(&self, _: &RetryNotice) {}

    fn throttled(&self, registry: &Registry, retry_after: Option<Duration>) {
        self.0.lock().unwrap().push((registry.clone(), retry_after));
    }
}

#[tokio::test]
async fn retry_after_holds_for_every_request_to_that_registry() {
    let asked = AtomicU32::new(0);
    let server = Server::start(move |seen| match seen.path.rsplit('/').next() {
        Some("busy") if asked.fetch_add(1, SeqCst) == 0 => {
            coded(429, "TOOMANYREQUESTS").with("retry-after", "1")
        }
        _ => reply(200).with("content-type", media_type::OCI_MANIFEST).body("{}"),
    })
    .await;
    let other = Server::start(|_| reply(200).body("{}")).await;
    let told = Arc::new(Throttled::default());
    let (client, repository) =
        client_with(&server, ClientOptions { observer: told.clone(), ..ClientOptions::default() });
    let start = Instant::now();
    let (busy, second) = (tag("busy"), tag("2"));
    let later = async {
        while told.0.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Another registry is not concerned.
        client
            .repository(&other.registry(), &super::repository("a/b"))
            .get_manifest(&tag("1"))
            .await
            .unwrap();
        assert!(start.elapsed() < Duration::from_millis(900));
        repository.get_manifest(&second).await.unwrap();
        start.elapsed()
    };
    let (first, later) = tokio::join!(repository.get_manifest(&busy), later);
    first.unwrap();
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&later), "{later:?}");
    assert_eq!(*told.0.lock().unwrap(), [(server.registry(), Some(Duration::from_secs(1)))]);
}

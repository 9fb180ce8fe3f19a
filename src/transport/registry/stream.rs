//! Bodies on the move, watched from both sides: a stream that stands still for too long is a dropped one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use crate::transport::{ByteStream, Error, Result};

/// A download that ends with `late` when nothing comes for `limit`. Only waiting for the other side counts: a
/// reader that takes its time is not the sender's stall.
pub(super) fn watched(inner: ByteStream, limit: Duration, late: Error) -> ByteStream {
    Watched { inner, limit, late: Some(late), waiting: None }.boxed()
}

struct Watched {
    inner: ByteStream,
    limit: Duration,
    /// Taken when it has been said.
    late: Option<Error>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Stream for Watched {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        if this.late.is_none() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(item) = this.inner.as_mut().poll_next(context) {
            this.waiting = None;
            return Poll::Ready(item);
        }
        let limit = this.limit;
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match waiting.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(this.late.take().map(Err)),
        }
    }
}

/// What is known of an upload's body from outside of the HTTP client that takes it.
#[derive(Clone)]
pub(super) struct Flow(Arc<Mutex<State>>);

struct State {
    /// Bytes that were to come in all, and how many were taken.
    length: u64,
    taken: u64,
    /// When the client last took something; `None` while it waits for the source.
    since: Option<Instant>,
    /// Why the body ended early. reqwest would only give it back wrapped.
    failed: Option<Error>,
}

impl Flow {
    /// A body of `length` bytes for reqwest, and the view on it. A body that is shorter or longer than that
    /// is an error: the request is broken off and nothing is committed.
    pub(super) fn new(body: ByteStream, length: u64, at: &str) -> (Flow, reqwest::Body) {
        let state = State { length, taken: 0, since: Some(Instant::now()), failed: None };
        let flow = Flow(Arc::new(Mutex::new(state)));
        let outgoing = Outgoing { body, flow: flow.clone(), at: at.to_owned(), ended: false };
        (flow, reqwest::Body::wrap_stream(outgoing))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the client has taken everything.
    pub(super) fn is_whole(&self) -> bool {
        self.with(|state| state.taken == state.length && state.failed.is_none())
    }

    /// The error that ended the body, if that is what ended it.
    pub(super) fn failed(&self) -> Option<Error> {
        self.with(|state| state.failed.take())
    }

    /// Ends when the client has taken nothing for `limit` though there was something, or when no answer came
    /// for `patience` after everything was taken. Says which.
    pub(super) async fn stalled(&self, limit: Duration, patience: Duration) -> String {
        loop {
            let (since, whole) = self.with(|state| (state.since, state.taken == state.length));
            let limit = if whole { patience } else { limit };
            let until = since.map(|since| since + limit);
            match until {
                Some(until) if until <= Instant::now() && whole => {
                    return format!("no answer for {} s after the last byte", limit.as_secs_f32());
                }
                Some(until) if until <= Instant::now() => {
                    return format!("nothing was taken for {} s", limit.as_secs_f32());
                }
                Some(until) => tokio::time::sleep_until(until).await,
                None => tokio::time::sleep(limit).await,
            }
        }
    }
}

/// The body as the HTTP client sees it.
struct Outgoing {
    body: ByteStream,
    flow: Flow,
    at: String,
    ended: bool,
}

impl Outgoing {
    fn fail(&mut self, error: Error) -> std::io::Error {
        self.ended = true;
        self.flow.with(|state| state.failed = Some(error));
        std::io::Error::other("the body ended early")
    }

    fn wrong_length(&self, taken: u64, more: bool) -> Error {
        let length = self.flow.with(|state| state.length);
        if more {
            let found = "more".to_owned();
            return Error::Content {
                attempted: "send",
                at: self.at.clone(),
                expected: format!("{length} bytes"),
                found,
            };
        }
        Error::Unreachable {
            attempted: "send",
            at: self.at.clone(),
            reason: format!("the source ended after {taken} of {length} bytes"),
            class: crate::oci::ErrorClass::Network,
        }
    }
}

impl Stream for Outgoing {
    type Item = std::io::Result<Bytes>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Bytes>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        // From here on the source is waited for, not the client.
        this.flow.with(|state| state.since = None);
        let item = match this.body.as_mut().poll_next(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(item) => item,
        };
        let (taken, length) = this.flow.with(|state| {
            state.since = Some(Instant::now());
            (state.taken, state.length)
        });
        match item {
            Some(Ok(piece)) if taken + piece.len() as u64 > length => {
                let error = this.wrong_length(taken, true);
                Poll::Ready(Some(Err(this.fail(error))))
            }
            Some(Ok(piece)) => {
                this.flow.with(|state| state.taken += piece.len() as u64);
                Poll::Ready(Some(Ok(piece)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(this.fail(error)))),
            None if taken < length => {
                let error = this.wrong_length(taken, false);
                Poll::Ready(Some(Err(this.fail(error))))
            }
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;
    use crate::oci::ErrorClass;

    fn late() -> Error {
        Error::Unreachable {
            attempted: "get blob",
            at: String::new(),
            reason: "late".to_owned(),
            class: ErrorClass::Network,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_that_stands_still_ends_and_a_slow_reader_does_not_count() {
        let limit = Duration::from_secs(30);
        let silent = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending()).boxed();
        let mut silent = watched(silent, limit, late());
        assert_eq!(silent.next().await.unwrap().unwrap(), "a");
        tokio::time::sleep(limit * 3).await;
        let start = Instant::now();
        assert!(silent.next().await.unwrap().is_err() && silent.next().await.is_none());
        assert_eq!(start.elapsed().as_secs(), 30);
        let slow = stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_secs(29)).await;
            (n < 4).then(|| (Ok(Bytes::from_static(b"a")), n + 1))
        });
        assert_eq!(
            watched(slow.boxed(), limit, late())
                .filter(|item| std::future::ready(item.is_ok()))
                .count()
                .await,
            4
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_stalls_only_when_the_client_takes_nothing() {
        let second = Duration::from_secs(1);
        let pieces = stream::iter([Ok(Bytes::from_static(b"a")), Ok(Bytes::from_static(b"b"))]);
        let slow = pieces.then(move |piece| async move {
            tokio::time::sleep(second * 100).await;
            piece
        });
        let flow = Flow(Arc::new(Mutex::new(State {
            length: 2,
            taken: 0,
            since: Some(Instant::now()),
            failed: None,
        })));
        let mut body = Outgoing { body: slow.boxed(), flow: flow.clone(), at: String::new(), ended: false };
        tokio::select! {
            _ = flow.stalled(second * 30, second * 300) => unreachable!("the source was slow, not the client"),
            _ = body.next() => {}
        }
        let start = Instant::now();
        assert!(flow.stalled(second * 30, second * 300).await.contains("nothing was taken"));
        assert_eq!(start.elapsed().as_secs(), 30);
        body.next().await;
        let start = Instant::now();
        assert!(flow.is_whole() && flow.stalled(second * 30, second * 300).await.contains("no answer"));
        assert_eq!(start.elapsed().as_secs(), 300);
    }

    #[tokio::test]
    async fn a_body_of_another_length_is_broken_off() {
        for (length, retryable) in [(1, false), (3, true)] {
            let body = stream::iter([Ok(Bytes::from_static(b"ab"))]).boxed();
            let flow = Flow(Arc::new(Mutex::new(State { length, taken: 0, since: None, failed: None })));
            let outgoing = Outgoing { body, flow: flow.clone(), at: String::new(), ended: false };
            assert!(outgoing.collect::<Vec<_>>().await.last().unwrap().is_err());
            assert!(!flow.is_whole());
            assert_eq!(flow.failed().unwrap().is_retryable(), retryable);
        }
    }
}

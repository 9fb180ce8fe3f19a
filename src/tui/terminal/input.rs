//! What comes from the terminal, read in a task of its own.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// Events that may wait to be seen: a paste is one of them.
const WAITING: usize = 256;

/// How long a reader may take to end.
const ENOUGH: Duration = Duration::from_secs(1);

/// The terminal's events.
///
/// crossterm's stream reads a terminal that has hung up for ever, within one poll: whoever polls it hears of nothing
/// else, the hang-up's own signal included. So a task of its own polls it, and [`super::Screen::hang_up`], which
/// puts an empty pipe in the terminal's place, sets that free.
pub struct Input {
    events: mpsc::Receiver<io::Result<Event>>,
    reader: JoinHandle<()>,
    /// Another program has the terminal: nothing is read, and nothing comes.
    paused: bool,
}

impl Input {
    /// Begins to read.
    pub fn open() -> Input {
        let (sender, events) = mpsc::channel(WAITING);
        let reader = tokio::spawn(async move {
            let mut stream = EventStream::new();
            while let Some(event) = stream.next().await {
                if sender.send(event).await.is_err() {
                    break;
                }
            }
        });
        Input { events, reader, paused: false }
    }

    /// Stops reading, so that another program gets every key; returns once nobody here reads any more. Keys that were
    /// typed and not looked at yet are dropped: they were not meant for what comes after.
    pub async fn pause(&mut self) {
        self.paused = true;
        self.reader.abort();
        // A reader of a terminal that hung up this moment does not end; then nobody is there to lose a key either.
        let _ = timeout(ENOUGH, &mut self.reader).await;
        self.events.close();
        // crossterm's own thread is woken when its stream goes, and holds a lock for as long as it still reads: a new
        // stream waits for that, and reads nothing unless it is polled.
        let _ = timeout(ENOUGH, spawn_blocking(|| drop(EventStream::new()))).await;
    }

    /// Reads again. What came before, and answers to what the other program asked the terminal, is dropped.
    pub async fn resume(&mut self) {
        let drain = || {
            while let Ok(true) = crossterm::event::poll(Duration::ZERO) {
                if crossterm::event::read().is_err() {
                    break;
                }
            }
        };
        let _ = timeout(ENOUGH, spawn_blocking(drain)).await;
        *self = Input::open();
    }

    /// The next event; `None` once the terminal has no more. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Option<io::Result<Event>> {
        if self.paused {
            return std::future::pending().await;
        }
        self.events.recv().await
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

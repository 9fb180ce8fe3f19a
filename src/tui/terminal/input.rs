//! What comes from the terminal, read in a task of its own.

use std::io;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Events that may wait to be seen: a paste is one of them.
const WAITING: usize = 256;

/// The terminal's events.
///
/// crossterm's stream reads a terminal that has hung up for ever, within one poll: whoever polls it hears of nothing
/// else, the hang-up's own signal included. So a task of its own polls it, and [`super::Screen::hang_up`], which
/// puts an empty pipe in the terminal's place, sets that free.
pub struct Input {
    events: mpsc::Receiver<io::Result<Event>>,
    reader: JoinHandle<()>,
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
        Input { events, reader }
    }

    /// The next event; `None` once the terminal has no more. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

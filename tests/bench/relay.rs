//! The long link of `tests/bench/run`: `relay DELAY_MS MBIT HOST:PORT`. It prints the address that it listens on, and
//! ends when its standard input does, so that none outlives the script. The delay is one way, the bandwidth is each
//! connection's own, each way.

#[path = "../support/relay.rs"]
#[allow(dead_code, unused_imports, missing_docs, clippy::unwrap_used, reason = "it is written for the tests")]
mod relay;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::AsyncReadExt;

/// What the command line asks for.
struct Link {
    delay: Duration,
    /// Bytes a second.
    bandwidth: u64,
    upstream: SocketAddr,
}

impl Link {
    fn parse(words: &[String]) -> Option<Link> {
        let [delay, mbit, upstream] = words else { return None };
        let bandwidth = mbit.parse::<u64>().ok()?.checked_mul(1_000_000 / 8)?;
        Some(Link {
            delay: Duration::from_millis(delay.parse().ok()?),
            bandwidth,
            upstream: upstream.parse().ok()?,
        })
    }
}

// One thread: the machine's other cores are for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(link) = Link::parse(&words) else {
        println!("relay DELAY_MS MBIT HOST:PORT: nothing to measure by itself; tests/bench/run starts it");
        // `cargo bench` starts every benchmark with this one word.
        return if words == ["--bench"] { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let relay = relay::Relay::start_long(link.upstream, link.delay, link.bandwidth).await;
    println!("{}", relay.host());
    let mut ignored = [0; 64];
    let mut input = tokio::io::stdin();
    while matches!(input.read(&mut ignored).await, Ok(1..)) {}
    let (up, down) = relay.carried();
    println!("{up} {down}");
    ExitCode::SUCCESS
}

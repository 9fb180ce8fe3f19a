//! A long link: a TCP relay with delay and bandwidth, in front of anything on loopback.
//!
//! The handshake itself is not delayed (the kernel answers it); everything sent afterwards is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What a direction holds back before it stops reading: a router's queue.
const QUEUE: Duration = Duration::from_millis(100);
const PIECE: usize = 16 * 1024;

/// One direction, shared by all connections.
#[derive(Debug)]
struct Lane {
    delay: Duration,
    /// Bytes a second; `None` is as fast as the machine.
    bandwidth: Option<u64>,
    free_at: Mutex<Instant>,
    bytes: AtomicU64,
}

/// A relay in front of one address. It ends, with its connections, when it is dropped.
pub struct Relay {
    address: SocketAddr,
    lanes: [Arc<Lane>; 2],
    cut: broadcast::Sender<()>,
    server: JoinHandle<()>,
}

impl Relay {
    /// Starts it on a free loopback port. `delay` is one way; `bandwidth` is in bytes a second, each way, over all
    /// connections.
    pub async fn start(upstream: SocketAddr, delay: Duration, bandwidth: Option<u64>) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lane = || {
            Arc::new(Lane { delay, bandwidth, free_at: Mutex::new(Instant::now()), bytes: AtomicU64::new(0) })
        };
        let lanes = [lane(), lane()];
        let (cut, _) = broadcast::channel(1);
        let server = tokio::spawn({
            let (lanes, cut) = (lanes.clone(), cut.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let mut end = cut.subscribe();
                    let lanes = lanes.clone();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = connect(client, upstream, lanes) => {}
                            _ = end.recv() => {}
                        }
                    });
                }
            }
        });
        Relay { address, lanes, cut, server }
    }

    /// Its address, as it stands in a reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Ends every connection there is; new ones are taken.
    pub fn cut(&self) {
        let _ = self.cut.send(());
    }

    /// Bytes carried so far: to the other side, and back.
    pub fn carried(&self) -> (u64, u64) {
        let [up, down] = &self.lanes;
        (up.bytes.load(Ordering::SeqCst), down.bytes.load(Ordering::SeqCst))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
        self.cut();
    }
}

async fn connect(client: TcpStream, upstream: SocketAddr, [up, down]: [Arc<Lane>; 2]) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(carry(from_client, to_server, &up), carry(from_server, to_client, &down));
}

async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, lane: &Lane) {
    let (sender, receiver) = mpsc::channel(1024);
    tokio::join!(take(from, sender, lane), deliver(to, receiver));
}

async fn take(mut from: OwnedReadHalf, to: mpsc::Sender<(Instant, Bytes)>, lane: &Lane) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        let Ok(n @ 1..) = from.read_buf(&mut buffer).await else { return };
        lane.bytes.fetch_add(n as u64, Ordering::SeqCst);
        let sent = lane.passes(n as u64);
        if to.send((sent + lane.delay, buffer.split().freeze())).await.is_err() {
            return;
        }
        tokio::time::sleep_until(sent.checked_sub(QUEUE).unwrap_or(sent)).await;
    }
}

async fn deliver(mut to: OwnedWriteHalf, mut from: mpsc::Receiver<(Instant, Bytes)>) {
    while let Some((at, bytes)) = from.recv().await {
        tokio::time::sleep_until(at).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

impl Lane {
    /// When `n` bytes that come now have all been put on the link.
    fn passes(&self, n: u64) -> Instant {
        let now = Instant::now();
        let Some(bandwidth) = self.bandwidth else { return now };
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = now.max(*free_at) + Duration::from_secs_f64(n as f64 / bandwidth as f64);
        *free_at
    }
}

mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn bytes_take_their_time_and_arrive_whole() {
        let relay = Relay::start(echo().await, Duration::from_millis(40), None).await;
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        let started = Instant::now();
        stream.write_all(b"there and back").await.unwrap();
        let mut back = [0; 14];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"there and back");
        assert!(started.elapsed() >= Duration::from_millis(80), "{:?}", started.elapsed());
        assert_eq!(relay.carried(), (14, 14));
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut back).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn bandwidth_is_shared_by_all_connections() {
        let relay = Relay::start(echo().await, Duration::ZERO, Some(1_000_000)).await;
        let started = Instant::now();
        let one = || async {
            let (mut read, mut write) = TcpStream::connect(relay.address).await.unwrap().into_split();
            let sent = vec![7; 100_000];
            let mut back = vec![0; 100_000];
            let (written, read) = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
            written.unwrap();
            read.unwrap();
            assert!(sent == back);
        };
        tokio::join!(one(), one());
        assert!(started.elapsed() >= Duration::from_millis(190), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn a_cut_ends_what_is_open_only() {
        let relay = Relay::start(echo().await, Duration::ZERO, None).await;
        let mut old = TcpStream::connect(relay.address).await.unwrap();
        old.write_all(b"x").await.unwrap();
        let mut byte = [0];
        old.read_exact(&mut byte).await.unwrap();
        relay.cut();
        assert!(matches!(old.read(&mut byte).await, Ok(0) | Err(_)));
        let mut new = TcpStream::connect(relay.address).await.unwrap();
        new.write_all(b"y").await.unwrap();
        new.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"y");
    }
}

//! A long link: a TCP relay with delay and bandwidth, in front of anything on loopback. The tests use it, and
//! `tests/bench/relay.rs` makes a program of it.
//!
//! Everything that is sent is delayed, but not the handshake, which the kernel answers: [`Relay::start_long`] makes up
//! for that, [`Relay::start`] does not. There is no slow start: a connection has its bandwidth at once.

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
/// The most that is read at once, in bytes.
const PIECE: usize = 64 * 1024;
/// Pieces a direction holds at most: 16 MiB, where a long fat link needs 3.5 (25 MB/s for 40 ms and the queue).
const PIECES: usize = 256;

/// One direction, of one connection or shared by all.
#[derive(Debug)]
struct Lane {
    delay: Duration,
    /// Bytes a second; `None` is as fast as the machine.
    bandwidth: Option<u64>,
    free_at: Mutex<Instant>,
    bytes: Arc<AtomicU64>,
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
        Relay::serve(upstream, delay, bandwidth, false).await
    }

    /// The same as hosts far apart see it: each connection has `bandwidth` to itself, and the first bytes of a new
    /// one wait for a round trip, as long as its handshake would take.
    pub async fn start_long(upstream: SocketAddr, delay: Duration, bandwidth: u64) -> Relay {
        Relay::serve(upstream, delay, Some(bandwidth), true).await
    }

    async fn serve(upstream: SocketAddr, delay: Duration, bandwidth: Option<u64>, long: bool) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lanes =
            [Lane::new(delay, bandwidth, Arc::default()), Lane::new(delay, bandwidth, Arc::default())];
        let (cut, _) = broadcast::channel(1);
        let server = tokio::spawn({
            let (lanes, cut) = (lanes.clone(), cut.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let mut end = cut.subscribe();
                    let (lanes, handshake) = match long {
                        true => ([lanes[0].another(), lanes[1].another()], 2 * delay),
                        false => (lanes.clone(), Duration::ZERO),
                    };
                    tokio::spawn(async move {
                        tokio::select! {
                            () = connect(client, upstream, lanes, handshake) => {}
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

async fn connect(client: TcpStream, upstream: SocketAddr, [up, down]: [Arc<Lane>; 2], handshake: Duration) {
    tokio::time::sleep(handshake).await;
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(carry(from_client, to_server, &up), carry(from_server, to_client, &down));
}

async fn carry(from: OwnedReadHalf, to: OwnedWriteHalf, lane: &Lane) {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::join!(take(from, sender, lane), deliver(to, receiver));
}

async fn take(mut from: OwnedReadHalf, to: mpsc::Sender<(Instant, Bytes)>, lane: &Lane) {
    let piece = lane.piece();
    let mut buffer = BytesMut::new();
    loop {
        // What a short read left is used up first.
        if buffer.capacity() < piece / 4 {
            buffer.reserve(piece);
        }
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
    fn new(delay: Duration, bandwidth: Option<u64>, bytes: Arc<AtomicU64>) -> Arc<Lane> {
        Arc::new(Lane { delay, bandwidth, free_at: Mutex::new(Instant::now()), bytes })
    }

    /// One like this for another connection; the bytes are counted together.
    fn another(&self) -> Arc<Lane> {
        Lane::new(self.delay, self.bandwidth, self.bytes.clone())
    }

    /// The most to read at once, in bytes: no more than passes in 4 ms, so that a slow link trickles.
    fn piece(&self) -> usize {
        self.bandwidth.map_or(PIECE, |bandwidth| ((bandwidth / 250) as usize).clamp(PIECE / 4, PIECE))
    }

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
    async fn on_a_long_link_each_connection_has_its_bandwidth_and_opening_one_takes_a_round_trip() {
        // 400 kB are on their way each way: a window smaller than bandwidth times delay would be seen.
        let relay = Relay::start_long(echo().await, Duration::from_millis(40), 10_000_000).await;
        let one = || async {
            let (mut read, mut write) = TcpStream::connect(relay.address).await.unwrap().into_split();
            let (sent, mut back) = (vec![7; 2_000_000], vec![0; 2_000_000]);
            let (written, read) = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
            written.unwrap();
            read.unwrap();
        };
        let started = Instant::now();
        tokio::join!(one(), one(), one(), one(), one(), one());
        let took = started.elapsed();
        // 200 ms for the bytes, 80 for the way, 80 to connect; all six over one such link would take 1360.
        assert!(took >= Duration::from_millis(355), "{took:?}");
        assert!(took < Duration::from_millis(1000), "{took:?}");
    }

    #[tokio::test]
    async fn an_end_arrives_after_all_that_was_sent() {
        let sink = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay =
            Relay::start_long(sink.local_addr().unwrap(), Duration::from_millis(20), 10_000_000).await;
        let mut client = TcpStream::connect(relay.address).await.unwrap();
        let (mut server, _) = sink.accept().await.unwrap();
        client.write_all(&vec![7; 1_000_000]).await.unwrap();
        drop(client);
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 1_000_000);
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

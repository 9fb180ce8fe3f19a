//! Proxies on the way to a registry: HTTP (forwarding and CONNECT) and SOCKS5. Whatever name they are asked for, they
//! connect to one registry, so that a name that nobody can resolve is reached through them and in no other way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Who the gateway lets in, if it asks.
pub const GUEST: (&str, &str) = ("guest", "hunter2-proxy");

/// See the module. It ends when it is dropped.
pub struct Gateway {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Gateway {
    /// One to the registry at `to` (`127.0.0.1:5000`) that everybody may use.
    pub async fn start(to: &str) -> Gateway {
        Gateway::with(to, false).await
    }

    /// One that lets in [`GUEST`] alone.
    pub async fn closed(to: &str) -> Gateway {
        Gateway::with(to, true).await
    }

    async fn with(to: &str, closed: bool) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked, to) = (listener.local_addr().unwrap(), Arc::default(), to.to_owned());
        let seen: Arc<Mutex<Vec<String>>> = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Who goes away in the middle is no matter.
                tokio::spawn(serve(stream, to.clone(), closed, Arc::clone(&seen)));
            }
        });
        Gateway { address, asked, task }
    }

    /// `HOST:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its URL, with [`GUEST`]'s name and password.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}:{}@{}", GUEST.0, GUEST.1, self.address)
    }

    /// What it was asked to connect to: `connect HOST:PORT`, `forward URL`, `socks HOST:PORT`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    to: String,
    closed: bool,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    let note = |text: String| asked.lock().unwrap().push(text);
    if first[0] == 5 {
        let Some(target) = socks(&mut stream, closed).await? else { return Ok(()) };
        note(format!("socks {target}"));
        let mut upstream = TcpStream::connect(to).await?;
        stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
        return copy_bidirectional(&mut stream, &mut upstream).await.map(drop);
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let mut words = text.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let pass = STANDARD.encode(format!("{}:{}", GUEST.0, GUEST.1));
    let shown =
        text.lines().any(|line| line.eq_ignore_ascii_case(&format!("proxy-authorization: basic {pass}")));
    if closed && !shown {
        note(format!("refused {target}"));
        let answer =
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return stream.write_all(answer).await;
    }
    if method == "CONNECT" {
        note(format!("connect {target}"));
        let mut upstream = TcpStream::connect(to).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        return copy_bidirectional(&mut stream, &mut upstream).await.map(drop);
    }
    note(format!("forward {target}"));
    let mut upstream = TcpStream::connect(to).await?;
    // What belongs to the proxy alone is not passed on.
    let own = |line: &&str| line.to_ascii_lowercase().starts_with("proxy-authorization:");
    let rest: String = text.split_inclusive("\r\n").filter(|line| !own(line)).collect();
    upstream.write_all(rest.as_bytes()).await?;
    copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
}

/// SOCKS5 up to the request (RFC 1928, 1929): where to, or nothing where it was refused.
async fn socks(stream: &mut TcpStream, closed: bool) -> std::io::Result<Option<String>> {
    let (_, methods) = (stream.read_u8().await?, stream.read_u8().await?);
    let mut offered = vec![0; usize::from(methods)];
    stream.read_exact(&mut offered).await?;
    let method = match (closed, offered.contains(&2), offered.contains(&0)) {
        (_, true, _) => 2,
        (false, false, true) => 0,
        _ => 0xff,
    };
    stream.write_all(&[5, method]).await?;
    if method == 0xff {
        return Ok(None);
    }
    if method == 2 {
        stream.read_u8().await?;
        let user = short_text(stream).await?;
        let password = short_text(stream).await?;
        let right = (user.as_str(), password.as_str()) == GUEST;
        stream.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(None);
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        3 => short_text(stream).await?,
        1 => std::net::Ipv4Addr::from(stream.read_u32().await?).to_string(),
        _ => std::net::Ipv6Addr::from(stream.read_u128().await?).to_string(),
    };
    Ok(Some(format!("{host}:{}", stream.read_u16().await?)))
}

async fn short_text(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

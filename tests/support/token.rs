//! A token server for docker-registry, over TLS with the tests' own authority: it signs JWTs as distribution's token
//! specification has them, and can be told to issue ones that are about to end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use rustls::{ServerConfig, ServerConnection, SignatureScheme, StreamOwned};
use serde_json::{Value, json};

/// Who the tokens are for, and who they are from.
pub const SERVICE: &str = "tests";
/// May pull and push.
pub const WRITER: (&str, &str) = ("writer", "hunter2-writes");
/// May pull.
pub const READER: (&str, &str) = ("reader", "hunter2-reads");
/// What stands for the writer's password, where the server gives one.
pub const REFRESH: &str = "hunter2-refreshes";

/// A file of the tests' own authority, valid for a hundred years: `ca.pem`, `server.pem` and `.key` (127.0.0.1, localhost),
/// `client.pem` and `.key`, `token.pem` and `.key`. The keys guard nothing but these tests.
pub fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls").join(name)
}

/// A token that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub user: String,
    pub scopes: Vec<String>,
    /// Whether it was asked for with the refresh token.
    pub by_refresh: bool,
}

/// See the module. It ends when it is dropped.
pub struct TokenServer {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    key: Arc<dyn SigningKey>,
    certificate: String,
    issued: Mutex<Vec<Issued>>,
    /// Seconds that a token is good for, while it says that it is good for five minutes.
    life: AtomicI64,
    refresh: AtomicBool,
    over: AtomicBool,
}

impl TokenServer {
    pub fn start() -> TokenServer {
        let certificate = CertificateDer::from_pem_file(pem("token.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(pem("token.key")).unwrap();
        let state = Arc::new(State {
            key: rustls::crypto::ring::sign::any_ecdsa_type(&key).unwrap(),
            certificate: STANDARD.encode(&certificate),
            issued: Mutex::default(),
            life: AtomicI64::new(300),
            refresh: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let chain = vec![CertificateDer::from_pem_file(pem("server.pem")).unwrap()];
        let server_key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
        let config = builder.unwrap().with_no_client_auth().with_single_cert(chain, server_key).unwrap();
        let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config));
        let (address, shared) = (listener.local_addr().unwrap(), Arc::clone(&state));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(SeqCst) {
                    break;
                }
                let (state, config) = (Arc::clone(&shared), Arc::clone(&config));
                // A client that goes away in the middle is no matter.
                std::thread::spawn(move || drop(serve(&state, config, stream)));
            }
        });
        TokenServer { address, state }
    }

    /// `HOST:PORT`, which speaks TLS.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Where tokens are fetched.
    pub fn realm(&self) -> String {
        format!("https://{}/token", self.address)
    }

    /// Tokens from now on end after so many seconds, without saying so.
    pub fn tokens_end_after(&self, seconds: i64) {
        self.state.life.store(seconds, SeqCst);
    }

    /// Gives refresh tokens from now on to those who ask for one.
    pub fn gives_refresh_tokens(&self) {
        self.state.refresh.store(true, SeqCst);
    }

    /// The tokens so far.
    pub fn issued(&self) -> Vec<Issued> {
        self.state.issued.lock().unwrap().clone()
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.state.over.store(true, SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(state: &State, config: Arc<ServerConfig>, stream: TcpStream) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let mut request = String::new();
    stream.read_line(&mut request)?;
    let (mut authorization, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let query = match request.split(' ').nth(1).and_then(|path| path.split_once('?')) {
        Some((_, query)) => query.to_owned(),
        None => String::from_utf8_lossy(&body).into_owned(),
    };
    let url: reqwest::Url = format!("http://x/?{query}").parse().unwrap();
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let (status, answer) = match state.answer(&fields, authorization.as_deref()) {
        Some(answer) => ("200 OK", answer),
        None => ("401 Unauthorized", json!({ "details": "incorrect username or password" })),
    };
    let answer = answer.to_string();
    let length = answer.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let stream = stream.get_mut();
    stream.write_all((head + &answer).as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

impl State {
    fn answer(&self, fields: &[(String, String)], authorization: Option<&str>) -> Option<Value> {
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let by_refresh = field("grant_type") == Some("refresh_token");
        let user = match authorization {
            _ if by_refresh => (field("refresh_token") == Some(REFRESH)).then_some(WRITER.0)?,
            None => "",
            Some(basic) => {
                let pair = STANDARD.decode(basic.strip_prefix("Basic ")?).ok()?;
                let known = |(user, password): &(&str, &str)| format!("{user}:{password}").as_bytes() == pair;
                [WRITER, READER].into_iter().find(known)?.0
            }
        };
        let asked = fields.iter().filter(|(key, _)| key == "scope");
        let scopes: Vec<String> = asked
            .flat_map(|(_, value)| value.split(' ').map(str::to_owned))
            .filter(|s| !s.is_empty())
            .collect();
        let may = |action: &&str| user == WRITER.0 || (user == READER.0 && *action == "pull");
        let access: Vec<Value> = scopes
            .iter()
            .filter_map(|scope| {
                let mut parts = scope.split(':');
                let (kind, name, actions) = (parts.next()?, parts.next()?, parts.next()?);
                let actions: Vec<&str> = actions.split(',').filter(may).collect();
                (!actions.is_empty()).then(|| json!({ "type": kind, "name": name, "actions": actions }))
            })
            .collect();
        self.issued.lock().unwrap().push(Issued { user: user.to_owned(), scopes, by_refresh });
        let mut answer = json!({ "token": self.token(user, &access), "expires_in": 300 });
        if by_refresh || (self.refresh.load(SeqCst) && field("offline_token") == Some("true")) {
            answer["refresh_token"] = REFRESH.into();
        }
        Some(answer)
    }

    fn token(&self, user: &str, access: &[Value]) -> String {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        // docker-registry allows clocks to differ by a minute.
        let ends = match self.life.load(SeqCst) {
            short if short < 60 => now + short - 60,
            long => now + long,
        };
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [self.certificate] });
        let claims = json!({
            "iss": SERVICE, "sub": user, "aud": SERVICE, "jti": format!("{now}-{}", self.issued.lock().unwrap().len()),
            "iat": now - 60, "nbf": now - 60, "exp": ends, "access": access,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signer = self.key.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]).unwrap();
        let signature = fixed(&signer.sign(signed.as_bytes()).unwrap());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A signature's two numbers in 32 bytes each, as a JWT has them, from their DER.
fn fixed(der: &[u8]) -> Vec<u8> {
    let number = |at: usize| {
        let length = usize::from(der[at + 1]);
        (&der[at + 2..at + 2 + length], at + 2 + length)
    };
    let (r, next) = number(2);
    let (s, _) = number(next);
    let mut out = Vec::new();
    for digits in [r, s] {
        let digits = &digits[digits.iter().take_while(|d| **d == 0).count()..];
        out.extend(std::iter::repeat_n(0, 32 - digits.len()));
        out.extend_from_slice(digits);
    }
    out
}

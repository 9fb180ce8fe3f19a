//! bollard's requests over our own connections. One that is idle is used again: over SSH a new one costs a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::BollardRequest;
use bollard::errors::Error as Bollard;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;

use super::Endpoint;
use super::dial::dial;

type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Connections to one engine.
pub(super) struct Connections {
    endpoint: Endpoint,
    /// How long one may take to come about.
    limit: Duration,
    /// The one that was used last. A std Mutex: it is held for moments, and never across an await.
    idle: Mutex<Option<SendRequest<Body>>>,
}

impl Connections {
    pub(super) fn new(endpoint: Endpoint, limit: Duration) -> Arc<Connections> {
        Arc::new(Connections { endpoint, limit, idle: Mutex::default() })
    }

    /// Sends a request and gives the head of the answer. Dropped, with the answer's body, it closes the connection.
    pub(super) async fn send(&self, request: BollardRequest) -> Result<Response<Incoming>, Bollard> {
        let mut request = self.addressed(request)?;
        if let Some(mut idle) = self.take_idle() {
            match idle.try_send_request(request).await {
                Ok(response) => return Ok(self.keep(idle, response)),
                Err(mut error) => match error.take_message() {
                    // It was closed meanwhile, and nothing of the request had gone out.
                    Some(again) => request = again,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let wire = dial(&self.endpoint, self.limit).await.map_err(std::io::Error::from)?;
        let (mut sender, connection) = handshake::<_, Body>(TokioIo::new(wire)).await?;
        // It ends when both the sender and the answer's body are dropped.
        let running = tokio::spawn(connection);
        match sender.send_request(request).await {
            Ok(response) => Ok(self.keep(sender, response)),
            // It broke before the request had its turn, and it alone knows why.
            Err(error) if error.is_canceled() || error.is_closed() => {
                drop(sender);
                match tokio::time::timeout(Duration::from_secs(1), running).await {
                    Ok(Ok(Err(why))) => Err(why.into()),
                    _ => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take_idle(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // While an answer is still being read it is not ready.
        match idle.as_ref() {
            Some(sender) if sender.is_ready() => idle.take(),
            Some(sender) if sender.is_closed() => {
                *idle = None;
                None
            }
            _ => None,
        }
    }

    fn keep(&self, sender: SendRequest<Body>, response: Response<Incoming>) -> Response<Incoming> {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        response
    }

    /// The request as it goes over the wire: bollard writes a whole URL, and for a load two content types.
    fn addressed(&self, request: BollardRequest) -> Result<Request<Body>, Bollard> {
        let mut request = request.map(BodyExt::boxed_unsync);
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = path.parse::<Uri>()?;
        if uri.path() == "/images/load" {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        }
        let host = match &self.endpoint {
            Endpoint::Tcp { .. } => self.endpoint.to_string().trim_start_matches("tcp://").to_owned(),
            // What the docker command says where there is no host.
            Endpoint::Unix(_) | Endpoint::Ssh { .. } => "api.moby.localhost".to_owned(),
        };
        let host = HeaderValue::from_str(&host).unwrap_or_else(|_| HeaderValue::from_static("docker"));
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = uri;
        Ok(request)
    }
}

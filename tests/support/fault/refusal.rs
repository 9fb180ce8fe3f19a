//! Answers that the proxy makes up.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};

/// Where [`Fault::Redirect`](super::Fault::Redirect) leads.
pub const REDIRECTED: &str = "/-redirected";
/// Where [`Fault::Challenge`](super::Fault::Challenge) sends for a token.
pub const TOKENS: &str = "/-token";
/// What it gives.
pub const TOKEN: &str = "a-token-of-the-proxy";
/// Bytes of a huge error.
const HUGE: usize = 1 << 20;

fn answer(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn with(mut answer: Response<Body>, name: header::HeaderName, value: &str) -> Response<Body> {
    answer.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    answer
}

/// An OCI error of this status.
pub fn refusal(status: u16) -> Response<Body> {
    let code = match status {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        404 => "NAME_UNKNOWN",
        429 => "TOOMANYREQUESTS",
        _ => "UNKNOWN",
    };
    let answer = refusal_saying(status, code, "injected fault");
    if status == 401 { with(answer, header::WWW_AUTHENTICATE, "Basic realm=\"fault\"") } else { answer }
}

/// An OCI error of this status, code and message.
pub fn refusal_saying(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
    answer(status, "application/json", body)
}

/// 429 that asks for a pause of so many seconds.
pub fn too_many(seconds: u64) -> Response<Body> {
    with(refusal(429), header::RETRY_AFTER, &seconds.to_string())
}

/// An error whose JSON is none.
pub fn garbage(status: u16) -> Response<Body> {
    answer(status, "application/json", "{\"errors\": [{\"code\": \u{1b}[31m\u{0}\u{fffd}, ]]}")
}

/// An error that is a megabyte long.
pub fn huge(status: u16) -> Response<Body> {
    answer(status, "text/plain", "no ".repeat(HUGE / 3))
}

/// 307 to another name of the same host (`localhost`), which serves the same below a path of its own.
pub fn redirect(port: u16, uri: &Uri) -> Response<Body> {
    with(answer(307, "text/html", ""), header::LOCATION, &format!("http://localhost:{port}{REDIRECTED}{uri}"))
}

/// 401 that names the proxy's token service.
pub fn challenge(host: &str) -> Response<Body> {
    let challenge = format!("Bearer realm=\"http://{host}{TOKENS}\",service=\"fault\"");
    let refusal = refusal_saying(401, "UNAUTHORIZED", "a token is needed");
    with(refusal, header::WWW_AUTHENTICATE, &challenge)
}

/// What the token service answers.
pub fn token() -> Response<Body> {
    let token = serde_json::json!({"token": TOKEN, "expires_in": 300}).to_string();
    answer(200, "application/json", token)
}

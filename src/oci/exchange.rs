//! An HTTP exchange that failed, as it may be shown and kept.

use serde::{Deserialize, Serialize};

/// A request and the answer that was no success. It is made without secrets: no `Authorization`, no values of a query
/// but those that name images, nothing of the request's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// `GET`, `PUT` …
    pub method: String,
    /// Where the request went after redirects; values that may be secret are `…`.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// The response's headers that tell something, in the order of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The first lines of the answer's body, printable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
    /// How often the request was sent before it was given up.
    #[serde(default = "once")]
    pub attempts: u32,
}

fn once() -> u32 {
    1
}

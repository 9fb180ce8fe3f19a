//! `docker-credential-NAME` processes: asked for one server's credential, with a time limit.

use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{CredentialError, Environment, Login};
use crate::oci::printable;

/// How long a helper may take.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: SecretText,
}

/// Text that goes straight into a secret.
struct SecretText(SecretString);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(|text| SecretText(text.into()))
    }
}

/// Asks `docker-credential-NAME get` for a server; `None` if the helper has nothing for it.
pub(super) async fn ask(
    name: &str,
    server: &str,
    environment: &Environment,
    limit: Duration,
) -> Result<Option<Login>, CredentialError> {
    let program = format!("docker-credential-{name}");
    let failed = |reason: String| CredentialError::Helper {
        program: printable(&program, 100),
        server: server.to_owned(),
        reason,
    };
    if name.contains(['/', '\\']) {
        return Err(failed("a helper is named, not given by its path".to_owned()));
    }
    match tokio::time::timeout(limit, exchange(&program, server, environment)).await {
        Err(_) => Err(failed(format!("no answer within {limit:?}"))),
        Ok(Err(e)) => Err(failed(crate::config::load::plain(&e))),
        Ok(Ok((true, answer))) => {
            // serde's message would quote the answer.
            let answer: Answer = serde_json::from_slice(&answer)
                .map_err(|_| failed("its answer is not what helpers answer".to_owned()))?;
            Ok(match answer.username.as_str() {
                "<token>" => Some(Login::IdentityToken(answer.secret.0)),
                "" => None,
                user => Some(Login::Password { user: user.to_owned(), password: answer.secret.0 }),
            })
        }
        Ok(Ok((false, answer))) => {
            let text = printable(&String::from_utf8_lossy(&answer), 200);
            let lower = text.to_lowercase();
            match lower.contains("credentials not found") || lower.contains("not found in native keychain") {
                true => Ok(None),
                false => Err(failed(if text.is_empty() {
                    "it failed and did not say why".to_owned()
                } else {
                    text
                })),
            }
        }
    }
}

/// Whether it succeeded, and its standard output. Dropping the future kills the process.
async fn exchange(
    program: &str,
    server: &str,
    environment: &Environment,
) -> std::io::Result<(bool, Vec<u8>)> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    if let Some(path) = environment.variable("PATH") {
        command.env("PATH", path);
    }
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input may answer all the same.
        let _ = input.write_all(format!("{server}\n").as_bytes()).await;
    }
    let mut answer = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(ANSWER_LIMIT).read_to_end(&mut answer).await?;
    }
    Ok((child.wait().await?.success(), answer))
}

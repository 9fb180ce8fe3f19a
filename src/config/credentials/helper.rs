//! `docker-credential-NAME` processes: asked for one server's credential, given one to keep, told to erase one. Each
//! has a time limit, and what is late is killed with its children. Nothing that it says is shown with a secret in it.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::redact::redacted;
use super::{CredentialError, Environment, Login};
use crate::oci::printable;

/// How long a helper may take to answer.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take where a person waits for it, who may have to unlock a keychain.
pub(super) const PERSON_LIMIT: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 << 10;
/// How long its output is listened to once the helper has ended: what it started may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(100);

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

/// One helper and the server it is asked about.
#[derive(Clone, Copy)]
pub(super) struct Helper<'a> {
    /// What follows `docker-credential-`.
    pub name: &'a str,
    /// The server, as the helper knows it.
    pub server: &'a str,
    pub environment: &'a Environment,
    pub limit: Duration,
}

impl Helper<'_> {
    /// What it has for the server; `None` if nothing.
    pub async fn get(&self) -> Result<Option<Login>, CredentialError> {
        let said = self.run("get", &format!("{}\n", self.server)).await?;
        if !said.succeeded {
            return if said.is_nothing_there() { Ok(None) } else { Err(self.failed(said.reason(&[]))) };
        }
        // serde's message would quote the answer.
        let answer: Answer = serde_json::from_slice(&said.output)
            .map_err(|_| self.failed("its answer is not what helpers answer".to_owned()))?;
        Ok(match answer.username.as_str() {
            "<token>" => Some(Login::IdentityToken(answer.secret.0)),
            "" => None,
            user => Some(Login::Password { user: user.to_owned(), password: answer.secret.0 }),
        })
    }

    /// Gives it a credential to keep.
    pub async fn store(&self, user: &str, secret: &SecretString) -> Result<(), CredentialError> {
        let login = serde_json::json!({
            "ServerURL": self.server, "Username": user, "Secret": secret.expose_secret()
        });
        let said = self.run("store", &login.to_string()).await?;
        if said.succeeded { Ok(()) } else { Err(self.failed(said.reason(&[secret]))) }
    }

    /// Lets it forget a server's credential. Not to have one is no error.
    pub async fn erase(&self) -> Result<(), CredentialError> {
        let said = self.run("erase", &format!("{}\n", self.server)).await?;
        match said.succeeded || said.is_nothing_there() {
            true => Ok(()),
            false => Err(self.failed(said.reason(&[]))),
        }
    }

    fn failed(&self, reason: String) -> CredentialError {
        CredentialError::Helper {
            program: printable(&format!("docker-credential-{}", self.name), 100),
            server: self.server.to_owned(),
            reason,
        }
    }

    async fn run(&self, verb: &str, input: &str) -> Result<Said, CredentialError> {
        if self.name.contains(['/', '\\']) {
            return Err(self.failed("a helper is named, not given by its path".to_owned()));
        }
        match timeout(self.limit, self.exchange(verb, input)).await {
            Err(_) => Err(self.failed(format!("no answer within {:?}", self.limit))),
            Ok(Err(e)) => Err(self.failed(match e.kind() {
                io::ErrorKind::NotFound => "the program is not installed (or not in PATH)".to_owned(),
                _ => crate::config::load::plain(&e),
            })),
            Ok(Ok(said)) => Ok(said),
        }
    }

    /// Dropping the future kills the process and what it started.
    async fn exchange(&self, verb: &str, input: &str) -> io::Result<Said> {
        let mut command = Command::new(format!("docker-credential-{}", self.name));
        command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        if let Some(path) = self.environment.variable("PATH") {
            command.env("PATH", path);
        }
        let mut child = command.spawn()?;
        let mut family = Family(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let stderr = child.stderr.take();
        let status = {
            let listening = async {
                if let Some(stderr) = stderr {
                    let _ = stderr.take(ANSWER_LIMIT).read_to_end(&mut errors).await;
                }
            };
            let working = async {
                if let Some(mut stdin) = child.stdin.take() {
                    // A helper that does not read its input may answer all the same.
                    let _ = stdin.write_all(input.as_bytes()).await;
                }
                let Some(stdout) = child.stdout.take() else { return child.wait().await };
                let mut stdout = stdout.take(ANSWER_LIMIT);
                let answering = stdout.read_to_end(&mut output);
                tokio::pin!(answering);
                // What it started (an agent) may hold standard output open as well: it has answered when it ends.
                let status = tokio::select! {
                    answered = &mut answering => return answered.map(drop).and(child.wait().await),
                    status = child.wait() => status,
                };
                let _ = timeout(LAST_WORDS, answering).await;
                status
            };
            tokio::pin!(listening, working);
            tokio::select! {
                status = &mut working => {
                    let _ = timeout(LAST_WORDS, &mut listening).await;
                    status?
                }
                () = &mut listening => working.await?,
            }
        };
        family.0 = None;
        Ok(Said { succeeded: status.success(), output, errors })
    }
}

/// A process and what it started, killed where it is dropped. A helper is often a script.
struct Family(Option<Pid>);

impl Drop for Family {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// What a helper said.
struct Said {
    succeeded: bool,
    /// By the helpers' protocol errors stand on standard output, too.
    output: Vec<u8>,
    errors: Vec<u8>,
}

impl Said {
    fn is_nothing_there(&self) -> bool {
        let text = String::from_utf8_lossy(&self.output).to_lowercase();
        text.contains("credentials not found") || text.contains("not found in native keychain")
    }

    /// Why it failed, for people.
    fn reason(&self, secrets: &[&SecretString]) -> String {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            // An answer in spite of the failure: nobody knows what of it is secret.
            if text.contains("\"Secret\"") { String::new() } else { redacted(text.trim(), secrets) }
        };
        match (text(&self.output), text(&self.errors)) {
            (output, errors) if output.is_empty() && errors.is_empty() => {
                "it failed and did not say why".to_owned()
            }
            (output, errors) if errors.is_empty() || errors == output => output,
            (output, errors) if output.is_empty() => errors,
            (output, errors) => format!("{output} ({errors})"),
        }
    }
}

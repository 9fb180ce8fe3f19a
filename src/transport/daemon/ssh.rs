//! An engine over SSH, as the docker command does it: `ssh HOST docker system dial-stdio`, whose standard input and
//! output are the connection. Keys, agents, jump hosts and names are ssh's own business.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::dial::NoConnection;
use super::error::Trouble;
use crate::oci::printable;

/// What ssh says that is kept, in bytes.
const SAID_LIMIT: u64 = 4096;

/// What ssh says.
enum Said {
    Listening(JoinHandle<String>),
    /// All of it.
    Text(String),
}

/// A running `ssh`. It is ended when this is dropped.
pub(super) struct SshStream {
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// What it says on standard error.
    said: Said,
    /// Whether anything came from the engine.
    answered: bool,
}

impl SshStream {
    /// Starts `ssh`; whether it gets through shows when something is read. `limit` is how long connecting may take.
    pub(super) fn start(
        user: Option<&str>,
        host: &str,
        port: Option<u16>,
        socket: Option<&str>,
        limit: Duration,
    ) -> io::Result<SshStream> {
        let mut command = Command::new("ssh");
        // Never a question: the terminal may be the TUI's, and nobody may be there.
        command.args(["-T", "-o", "BatchMode=yes", "-o"]);
        command.arg(format!("ConnectTimeout={}", limit.as_secs().max(1)));
        if let Some(user) = user {
            command.args(["-l", user]);
        }
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", host, "docker"]);
        if let Some(socket) = socket {
            command.args(["--host", &format!("unix://{socket}")]);
        }
        command.args(["system", "dial-stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: ctrl-c at the terminal is wharf's to hear, which then ends the job in order.
        let mut child = command.kill_on_drop(true).process_group(0).spawn()?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("no pipe to it"));
        };
        let said = tokio::spawn(async move {
            let (mut errors, mut text) = (errors, Vec::new());
            // The rest is read as well, or a talkative ssh would wait for a reader.
            let _ = (&mut errors).take(SAID_LIMIT).read_to_end(&mut text).await;
            let _ = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(SshStream { _child: child, input, output, said: Said::Listening(said), answered: false })
    }
}

impl SshStream {
    /// Waits until it has said all, and makes an error of it: it ended without an answer.
    fn poll_unanswered(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if let Said::Listening(said) = &mut self.said {
            let Poll::Ready(text) = Pin::new(said).poll(context) else { return Poll::Pending };
            self.said = Said::Text(text.unwrap_or_default());
        }
        match &self.said {
            Said::Text(text) => Poll::Ready(unanswered(text)),
            Said::Listening(_) => Poll::Pending,
        }
    }
}

/// The error of an ssh that ended without an answer.
fn unanswered(said: &str) -> io::Error {
    // The last words tell why; before them there may be a banner.
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(2)..].join("; ");
    let reason = match last.is_empty() {
        true => "ssh ended without a word".to_owned(),
        false => format!("ssh: {}", printable(&last, 400)),
    };
    NoConnection { reason, trouble: Trouble::Ssh }.into()
}

impl AsyncRead for SshStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.output).poll_read(context, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                this.answered = true;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) if !this.answered => this.poll_unanswered(context).map(Err),
            other => other,
        }
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.input).poll_write(context, bytes) {
            Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::BrokenPipe && !this.answered => {
                this.poll_unanswered(context).map(Err)
            }
            other => other,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().input).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().input).poll_shutdown(context)
    }
}

//! tmux's buffers, and through them the clipboard of the terminal that tmux is in.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::oci::printable;
use crate::tui::state::clipboard::Delivered;

/// How long tmux may take: it is a word to a server on this machine.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gives a text to the tmux that wharf runs in, which passes it on to the terminal outside. One before 3.2 keeps it in its
/// own buffer only. The error is a reason, for people.
pub async fn give_to_tmux(text: &[u8]) -> Result<Delivered, String> {
    match load(&["load-buffer", "-w", "-"], text).await {
        Ok(()) => Ok(Delivered::Clipboard),
        Err(first) => match load(&["load-buffer", "-"], text).await {
            Ok(()) => Ok(Delivered::Buffer),
            Err(_) => Err(first),
        },
    }
}

async fn load(arguments: &[&str], text: &[u8]) -> Result<(), String> {
    let work = async {
        let mut child = Command::new("tmux")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // One that does not want the text says why on its standard error.
            let _ = input.write_all(text).await;
        }
        child.wait_with_output().await
    };
    let ended: io::Result<_> = timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 3 s")));
    match ended {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = printable(&String::from_utf8_lossy(&output.stderr), 200);
            Err(format!("tmux {}: {}: {said}", arguments.join(" "), output.status))
        }
        Err(error) => Err(format!("tmux {}: {error}", arguments.join(" "))),
    }
}

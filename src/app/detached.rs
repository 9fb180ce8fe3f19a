//! Leaving jobs running: a wharf of its own, without a terminal, takes over what the terminal UI gives back.
//!
//! A process cannot leave its shell: the shell waits for it. So the UI starts `wharf jobs resume --detached ID…`, which
//! makes a session of its own (no hang-up and no ctrl-c of that terminal reaches it), takes the jobs up, says that it has
//! them, and lets go of the descriptors that it was given. Only then does the UI end.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use super::headless::open_ledger_at;
use super::{logging, options};
use crate::cli::Args;
use crate::config::{Loaded, paths};
use crate::engine::Engine;
use crate::job::{JobId, Rate};
use crate::tui::Background;
use crate::tui::terminal::let_go;

/// How long the new process may take until it has the jobs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the process says when it has the jobs.
const READY: &str = "ready";

/// How the terminal UI has jobs taken over; `globals` are the options that it was started with itself.
pub(super) fn background(globals: Vec<OsString>) -> Background {
    Arc::new(move |ids: Vec<JobId>, workers: usize, bandwidth: Option<Rate>| {
        let globals = globals.clone();
        async move {
            let begun = tokio::task::spawn_blocking(move || begin(&globals, &ids, workers, bandwidth));
            match timeout(PATIENCE, begun).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!("it did not answer within {} s", PATIENCE.as_secs())),
            }
        }
        .boxed()
    })
}

/// Starts the process and waits until it has the jobs: its number, or why not.
fn begin(
    globals: &[OsString],
    ids: &[JobId],
    workers: usize,
    bandwidth: Option<Rate>,
) -> Result<u32, String> {
    let program = std::env::current_exe().map_err(|e| format!("wharf does not find its own program: {e}"))?;
    let mut command = Command::new(program);
    command.args(globals).args([
        "jobs",
        "resume",
        "--detached",
        "--workers",
        &workers.clamp(1, 256).to_string(),
    ]);
    if let Some(rate) = bandwidth {
        command.args(["--bandwidth", &rate.to_string()]);
    }
    command.args(ids.iter().map(ToString::to_string));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("start wharf in the background: {e}"))?;
    let (mut said, mut complained) = (String::new(), String::new());
    // Both end when it lets go, or is gone. It says little: neither pipe can fill up while the other is read.
    let read = |from: Option<&mut dyn Read>, to: &mut String| {
        from.map_or(Ok(0), |from| from.read_to_string(to)).map_err(|e| e.to_string())
    };
    read(child.stdout.as_mut().map(|pipe| pipe as &mut dyn Read), &mut said)?;
    read(child.stderr.as_mut().map(|pipe| pipe as &mut dyn Read), &mut complained)?;
    match said.trim() == READY {
        true => Ok(child.id()),
        false => {
            let _ = child.wait();
            let first = complained.lines().find(|line| !line.is_empty()).unwrap_or("it ended without a word");
            Err(first.trim_start_matches("error: ").to_owned())
        }
    }
}

/// Runs jobs to their end without a terminal.
pub(super) async fn run(args: &Args, ids: &[JobId], loaded: Loaded) -> u8 {
    // Refused for a group's leader, which whoever starts it makes it or not: then it is at least deaf to hang-ups.
    if let Err(error) = rustix::process::setsid() {
        tracing::warn!("no session of its own: {error}");
    }
    let hang_up = signal(SignalKind::hangup());
    let data = paths::data_directory().unwrap_or_else(|| ".wharf".into());
    logging::to_file(&data.join("wharf.log"), args.global.verbose);
    let fail = |text: String| {
        eprintln!("error: {text}");
        1
    };
    let overrides = match args.overrides(&loaded.config) {
        Ok(overrides) => overrides,
        Err(error) => return super::outcome(Err(error), args.global.output),
    };
    let path = args.global.ledger.clone().unwrap_or_else(|| data.join("ledger.db"));
    let ledger = match open_ledger_at(&path).await {
        Ok(ledger) => ledger,
        Err(text) => return fail(text),
    };
    let engine = Engine::new(options::engine_options(&loaded.config, overrides, ledger));
    // Before they begin, so that nobody sees them in a process that seems to have a terminal.
    engine.left_alone().await;
    if let Err(error) = take_up(&engine, ids).await {
        return fail(error);
    }
    let told = writeln!(std::io::stdout(), "{READY}").and_then(|()| std::io::stdout().flush());
    // Also where who started it is gone already, and does not hear it.
    if let Err(error) = let_go().and(told) {
        tracing::warn!("in the background: {error}");
    }
    let ended = async {
        match signal(SignalKind::terminate()) {
            Ok(mut end) => drop(end.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    let code = tokio::select! {
        () = engine.idle() => 0,
        () = ended => {
            // What is not over goes on with whoever takes it up.
            if let Err(error) = engine.hand_over().await {
                tracing::warn!("{error}");
            }
            143
        }
    };
    drop(hang_up);
    engine.shutdown().await;
    code
}

/// All of the jobs; or, where somebody else was faster with some of them, the rest.
async fn take_up(engine: &Engine, ids: &[JobId]) -> Result<(), String> {
    let Err(error) = engine.take_up(ids).await else { return Ok(()) };
    let mut taken = 0;
    for id in ids {
        taken += usize::from(engine.take_up(&[*id]).await.is_ok());
    }
    if taken > 0 { Ok(()) } else { Err(error.to_string()) }
}

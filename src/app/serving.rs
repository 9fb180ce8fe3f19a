//! `wharf serve`: a store as a registry, until somebody stops it.

use std::net::SocketAddr;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{logging, options, outcome};
use crate::cli::upkeep_args::ServeArgs;
use crate::cli::{self, Args, OutputFormat};
use crate::config::{Loaded, RegistryType};
use crate::oci::ErrorClass;
use crate::serve::{ServeOptions, Server};
use crate::transport::local::Store;

/// Serves until ctrl-c, a termination or a hang-up; requests under way are seen through. The answer is the exit code.
pub(super) async fn run(args: &Args, serve: &ServeArgs, loaded: Loaded) -> u8 {
    let screen = cli::Screen::stderr();
    logging::to_screen(args, &screen);
    if let Err(error) = check(serve, &loaded) {
        return outcome(Err(error), args.global.output);
    }
    let read_only = serve.read_only || loaded.config.read_only;
    let directory = serve.store.clone().unwrap_or_else(|| options::store_directory(&loaded.config));
    let ended = ended();
    let served = ServeOptions { read_only, ..ServeOptions::default() };
    let server = match Server::bind(serve.listen, Store::open(&directory), served).await {
        Ok(server) => server,
        Err(source) => {
            let attempted = format!("listen on {}", serve.listen);
            return outcome(Err(cli::Error::Io { attempted, source }), args.global.output);
        }
    };
    let address = server.addr();
    match args.global.output {
        OutputFormat::Json => {
            println!("{}", json!({ "address": address, "store": directory, "read_only": read_only }));
        }
        OutputFormat::Text => println!("{address}"),
    }
    if !args.global.quiet {
        let how = if read_only { ", read only" } else { "" };
        screen.line(&format!("note: serving {}{how}, over plain HTTP; ctrl-c stops", directory.display()));
        let host = reachable(address);
        screen.line(&format!(
            "note: wharf repos {host}; docker pull {host}/REPO:TAG; wharf copy IMAGE {host}/REPO:TAG"
        ));
        if !address.ip().is_loopback() {
            let may = if read_only { "read" } else { "read, write and delete" };
            screen.line(&format!("warning: everybody who can reach {address} may {may}"));
        }
    }
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let serving = server.run(shutdown);
    tokio::pin!(serving);
    tokio::select! {
        // It ends by itself only when it cannot go on, and has said so.
        () = &mut serving => return 1,
        () = ended => stop.cancel(),
    }
    // Who asks twice does not wait for requests under way.
    let again = self::ended();
    tokio::select! {
        () = &mut serving => {}
        () = again => {}
    }
    0
}

/// What must not be: listening for strangers unasked, or changing what nothing is to be written to.
fn check(serve: &ServeArgs, loaded: &Loaded) -> Result<(), cli::Error> {
    let usage = |class, fault: String, hint: &str| cli::Error::Usage {
        class,
        faults: vec![fault],
        hint: Some(hint.to_owned()),
    };
    if !serve.listen.ip().is_loopback() && !serve.allow_remote {
        let fault = format!(
            "{} can be reached by other machines, and there is neither TLS nor a password",
            serve.listen
        );
        let hint =
            "--allow-remote does it all the same, best with --read-only; or put a proxy with TLS in front";
        return Err(usage(ErrorClass::Config, fault, hint));
    }
    let read_only = |e: &&crate::config::RegistryEntry| e.kind == RegistryType::Store && e.read_only;
    let entry = loaded.config.registries.iter().find(read_only);
    let writes = !serve.read_only && !loaded.config.read_only;
    match entry.filter(|_| serve.store.is_none() && writes) {
        Some(entry) => {
            let fault = format!("the store's entry {:?} in the configuration is read_only", entry.name);
            Err(usage(ErrorClass::Config, fault, "--read-only serves it"))
        }
        None => Ok(()),
    }
}

/// The address as one writes it in a reference on this machine.
fn reachable(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("127.0.0.1:{}", address.port()),
        false => address.to_string(),
    }
}

/// Waits for somebody to stop it. The signals are heard from this call on.
fn ended() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    async move {
        let waits = signals.into_iter().filter_map(Result::ok).map(|mut signal| {
            Box::pin(async move {
                signal.recv().await;
            })
        });
        let waits: Vec<_> = waits.collect();
        match waits.is_empty() {
            true => std::future::pending().await,
            false => drop(futures_util::future::select_all(waits).await),
        }
    }
}

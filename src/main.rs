//! The `wharf` program: installs the TLS provider, calls the application, and exits with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two providers in one process panic at the first connection; ring is the only one that is linked.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: a TLS provider was installed before wharf's own");
        return ExitCode::FAILURE;
    }
    ExitCode::from(wharf::app::main(std::env::args_os().collect()))
}

//! The `wharf` program: installs the TLS provider, calls the application, and exits with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    share_one_heap();
    // Two providers in one process panic at the first connection; ring is the only one that is linked.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: a TLS provider was installed before wharf's own");
        return ExitCode::FAILURE;
    }
    ExitCode::from(wharf::app::main(std::env::args_os().collect()))
}

/// glibc gives every thread a heap of its own, and what one has freed no other can use: with a dozen blobs on their way
/// that is a quarter of wharf's memory. One heap costs nothing measurable here, as blobs pass through few allocations.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library's only way to say it")]
fn share_one_heap() {
    // SAFETY: two integers go in, nothing is read or written through them, and no other thread runs yet. A refusal
    // changes nothing.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_one_heap() {}

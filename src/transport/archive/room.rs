//! Room on the disk.

use std::io;
use std::path::Path;

use super::super::{Error, Result};

/// What is left to others where something goes on that nobody knows the size of, in bytes.
const LEFT: u64 = 64 << 20;

/// Bytes that a user may write where `path` is; `None` where the file system does not know its size.
pub fn available(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(path).ok()?;
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}

/// As [`check`], with some room left behind it: a hundredth of the disk, at most 64 MiB.
pub(super) fn check_leaving(path: &Path, needed: u64) -> Result<()> {
    let whole = rustix::fs::statvfs(path).map_or(0, |system| system.f_blocks.saturating_mul(system.f_frsize));
    check(path, needed.saturating_add(LEFT.min(whole / 100))).map_err(|error| match error {
        Error::File { source, .. } => {
            let reason = format!("{source} (TMPDIR names another directory)");
            Error::file("stage in", path, io::Error::new(source.kind(), reason))
        }
        other => other,
    })
}

/// Says now that the disk is too full, and not after an hour: `needed` bytes where `path` is, a directory or a
/// file that is there.
pub(in crate::transport) fn check(path: &Path, needed: u64) -> Result<()> {
    let Ok(system) = rustix::fs::statvfs(path) else { return Ok(()) };
    let available = system.f_bavail.saturating_mul(system.f_frsize);
    // File systems that do not know their size say 0.
    if system.f_blocks == 0 || needed <= available {
        return Ok(());
    }
    let reason = format!("the disk is too full: {needed} bytes are needed, {available} are available");
    Err(Error::file("write", path, io::Error::new(io::ErrorKind::StorageFull, reason)))
}

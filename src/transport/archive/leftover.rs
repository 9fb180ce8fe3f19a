//! What dead writers left in a directory of exports. Their names hold the time they began, so the next export of
//! the same image looks for them by what is in them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::journal;
use super::outlet;
use super::partial::{self, Claim, Partial};
use super::tar_entry;

/// How long something that nobody goes on with is left lying.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a writer of ours began this file: every archive begins with the same block.
pub(super) fn is_ours(file: &File) -> io::Result<bool> {
    let first = tar_entry::directory_header(super::tar_layout::FIRST_DIRECTORY);
    let mut found = vec![0; first.len()];
    file.read_exact_at(&mut found, 0)?;
    Ok(found == first)
}

/// Finds a dead writer's archive that `fits` and claims it. Others that nobody has touched for a day are removed on
/// the way.
pub(super) fn find(directory: &Path, fits: &dyn Fn(&File) -> bool) -> Option<Partial> {
    for entry in fs::read_dir(directory).ok()?.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "partial") {
            continue;
        }
        // Looked at before it is locked: a lock for a moment would tell a writer who comes now that it is taken.
        let Some(file) = open(&path) else { continue };
        let fit = fits(&file);
        if !fit && !is_stale(&file) {
            continue;
        }
        let Ok(Claim::Ours(mut partial)) = partial::claim(&path, is_ours) else { continue };
        match (fit, is_stale(partial.file())) {
            (true, _) if fits(partial.file()) => return Some(partial),
            // Dropped, it is removed, with what was compressed of it.
            (false, true) => {
                tracing::info!("{} is a day old and removed", path.display());
                partial.comes_as(outlet::beside(&path));
            }
            _ => partial.stay(),
        }
    }
    None
}

fn open(path: &Path) -> Option<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().is_ok_and(|there| there.is_file()).then_some(file)
}

/// An unfinished archive of ours, and old.
fn is_stale(file: &File) -> bool {
    let age = || file.metadata().ok()?.modified().ok()?.elapsed().ok();
    age().is_some_and(|age| age > STALE)
        && is_ours(file).unwrap_or(false)
        && journal::is_in(file).unwrap_or(false)
}

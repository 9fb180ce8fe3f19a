//! What an archive is called: one exact path, or the first name of a series that nobody has.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::leftover;
use super::packing::Packing;
use super::partial::{self, Claim, Existing, Partial};
use crate::transport::{Error, Result};

/// Names that are tried before giving up.
const SERIES_LIMIT: u32 = 10_000;

/// How an archive gets its name. While it is written it is called `NAME.partial`.
pub enum Naming {
    /// This path and no other.
    Exact {
        /// The archive's path.
        path: PathBuf,
        /// Whether a file that is there may be replaced, when the new one is whole.
        overwrite: bool,
    },
    /// The first free name of a series: no file, partial file or checksum of anybody's is ever replaced.
    Exclusive {
        /// The directory; made if it is not there.
        directory: PathBuf,
        /// The name of copy 1, 2, 3, …
        name: Box<dyn Fn(u32) -> String + Send + Sync>,
    },
    /// Standard output.
    Stream {
        /// Where what cannot go out yet lies, in a file without a name; `None`: nothing may be written to standard
        /// output.
        spool: Option<PathBuf>,
    },
}

impl fmt::Debug for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Naming::Exact { path, overwrite } => {
                f.debug_struct("Exact").field("path", path).field("overwrite", overwrite).finish()
            }
            Naming::Exclusive { directory, .. } => {
                f.debug_struct("Exclusive").field("directory", directory).finish_non_exhaustive()
            }
            Naming::Stream { spool } => f.debug_struct("Stream").field("spool", spool).finish(),
        }
    }
}

/// A partial file and the copy's number whose name it is to get.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) partial: Partial,
    pub(super) copy: u32,
    /// It is a dead writer's of the same blobs: what is in it stays.
    pub(super) goes_on: bool,
}

impl Naming {
    /// The directory that the archive is in.
    pub(super) fn directory(&self) -> &Path {
        match self {
            Naming::Exact { path, .. } => partial::directory_of(path),
            Naming::Exclusive { directory, .. } => directory,
            Naming::Stream { spool } => spool.as_deref().unwrap_or(Path::new(".")),
        }
    }

    /// How the whole file is compressed.
    pub(super) fn packing(&self) -> Option<Packing> {
        match self {
            Naming::Exact { path, .. } => Packing::of(path),
            Naming::Exclusive { .. } | Naming::Stream { .. } => None,
        }
    }

    /// The archive for people, before its name is certain.
    pub(super) fn display(&self) -> String {
        match self {
            Naming::Exact { path, .. } => path.display().to_string(),
            Naming::Exclusive { directory, name } => directory.join(name(1)).display().to_string(),
            Naming::Stream { .. } => "standard output".to_owned(),
        }
    }

    /// Says at once what would say no in the end.
    pub(super) fn check(&self) -> Result<()> {
        let Naming::Exact { path, overwrite } = self else { return Ok(()) };
        if path.file_name().is_none() {
            return Err(conflict(path, "this is no file's name"));
        }
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(conflict(path, "this is a directory")),
            Ok(there) if !there.is_file() => Err(conflict(path, "this is no regular file")),
            Ok(_) if !overwrite => Err(exists(path)),
            _ => Ok(()),
        }
    }

    /// The final path of a copy.
    fn path(&self, copy: u32) -> PathBuf {
        match self {
            Naming::Exact { path, .. } => path.clone(),
            Naming::Exclusive { directory, name } => directory.join(name(copy)),
            Naming::Stream { .. } => PathBuf::from("standard output"),
        }
    }

    /// Claims the partial file. The directory is there. `fits` looks at what a dead writer left and says whether it
    /// is of the same blobs: then it goes on. In a series that may be any name's, as names hold the time.
    pub(super) fn claim(&self, fits: &dyn Fn(&File) -> bool) -> Result<Claimed> {
        if let Naming::Stream { spool } = self {
            let forbidden = || conflict(&self.path(1), "nothing may be written there");
            let partial = Partial::nameless(spool.as_deref().ok_or_else(forbidden)?)?;
            return Ok(Claimed { partial, copy: 1, goes_on: false });
        }
        if let Naming::Exclusive { directory, .. } = self
            && let Some(partial) = leftover::find(directory, fits)
        {
            return Ok(Claimed { partial, copy: 1, goes_on: true });
        }
        for copy in 1..=self.last() {
            let path = self.path(copy);
            if self.is_taken(&path) {
                continue;
            }
            match partial::claim(&beside(&path, ".partial"), leftover::is_ours)? {
                Claim::Ours(partial) => {
                    let goes_on = fits(partial.file());
                    if !goes_on {
                        partial.clear()?;
                    }
                    return Ok(Claimed { partial, copy, goes_on });
                }
                Claim::Busy if matches!(self, Naming::Exact { .. }) => {
                    return Err(conflict(&path, "somebody else is writing this file"));
                }
                Claim::Foreign if matches!(self, Naming::Exact { .. }) => {
                    return Err(conflict(
                        &beside(&path, ".partial"),
                        "a file that wharf did not write is in the way",
                    ));
                }
                Claim::Busy | Claim::Foreign => {}
            }
        }
        Err(self.all_taken())
    }

    /// Gives a whole archive its name, with its checksum beside it. The answer is the path it got.
    pub(super) fn persist(&self, claimed: &mut Claimed, hex: &str) -> Result<PathBuf> {
        let sum = OnTheWay(beside(claimed.partial.path(), ".sha256"));
        for copy in claimed.copy..=self.last() {
            let path = self.path(copy);
            // Another process may have taken the name while the archive was written.
            if self.is_taken(&path) {
                continue;
            }
            let beside_it = beside(&path, ".sha256");
            let existing = match self {
                Naming::Exact { overwrite: true, .. } => Existing::Replace,
                _ => Existing::Keep,
            };
            sum.write(hex, &path)?;
            if existing == Existing::Replace {
                // An old checksum must never stand beside a new file.
                remove(&beside_it)?;
            }
            match claimed.partial.persist(&path, existing) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match self {
                    Naming::Exclusive { .. } => continue,
                    _ => return Err(exists(&path)),
                },
                Err(e) => return Err(Error::file("rename", &path, e)),
            }
            fs::rename(&sum.0, &beside_it).map_err(|e| Error::file("write", &beside_it, e))?;
            partial::sync_directory(self.directory());
            return Ok(path);
        }
        Err(self.all_taken())
    }

    fn last(&self) -> u32 {
        match self {
            Naming::Exact { .. } | Naming::Stream { .. } => 1,
            Naming::Exclusive { .. } => SERIES_LIMIT,
        }
    }

    fn is_taken(&self, path: &Path) -> bool {
        let there = |path: &Path| fs::symlink_metadata(path).is_ok();
        matches!(self, Naming::Exclusive { .. }) && (there(path) || there(&beside(path, ".sha256")))
    }

    fn all_taken(&self) -> Error {
        conflict(self.directory(), &format!("{SERIES_LIMIT} names are taken, from {}", self.display()))
    }
}

fn exists(path: &Path) -> Error {
    Error::file("create", path, io::Error::new(io::ErrorKind::AlreadyExists, "the file exists already"))
}

fn conflict(path: &Path, reason: &str) -> Error {
    Error::Conflict { at: path.display().to_string(), reason: reason.to_owned() }
}

/// `path` with more behind its name.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(more);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path, e)),
        _ => Ok(()),
    }
}

/// A checksum file that has no name of its own yet; what is left of it is removed.
struct OnTheWay(PathBuf);

impl OnTheWay {
    /// `HEX  NAME`, as `sha256sum -c` reads it. The name's directory is left out: the two lie together.
    fn write(&self, hex: &str, path: &Path) -> Result<()> {
        use std::io::Write;
        use std::os::unix::ffi::OsStrExt;

        let name = path.file_name().unwrap_or_default().as_bytes();
        let mut line = Vec::with_capacity(hex.len() + name.len() + 4);
        // sha256sum's own escaping of names that would break the line.
        if name.iter().any(|b| matches!(b, b'\\' | b'\n' | b'\r')) {
            line.push(b'\\');
        }
        line.extend_from_slice(hex.as_bytes());
        line.extend_from_slice(b"  ");
        for byte in name {
            match byte {
                b'\\' => line.extend_from_slice(b"\\\\"),
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                byte => line.push(*byte),
            }
        }
        line.push(b'\n');
        remove(&self.0)?;
        let written = File::options().write(true).create_new(true).open(&self.0).and_then(|mut file| {
            file.write_all(&line)?;
            file.sync_all()
        });
        written.map_err(|e| Error::file("write", &self.0, e))
    }
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tar_entry;
    use super::*;

    fn never(_: &File) -> bool {
        false
    }

    fn series(directory: &Path) -> Naming {
        let name = |copy| if copy == 1 { "a.tar".to_owned() } else { format!("a-{copy}.tar") };
        Naming::Exclusive { directory: directory.to_owned(), name: Box::new(name) }
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_of_anybody_is_clobbered() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.tar"), b"x").unwrap();
        fs::write(dir.path().join("a-2.tar.partial"), b"a browser's").unwrap();
        fs::write(dir.path().join("a-3.tar.sha256"), b"x").unwrap();
        let live = series(dir.path()).claim(&never).unwrap();
        assert_eq!(live.copy, 4);
        let mut next = series(dir.path()).claim(&never).unwrap();
        assert_eq!(next.copy, 5);
        // The name is taken while the archive is written.
        fs::write(dir.path().join("a-5.tar"), b"x").unwrap();
        let path = series(dir.path()).persist(&mut next, "00").unwrap();
        assert_eq!(path, dir.path().join("a-6.tar"));
        assert_eq!(fs::read(dir.path().join("a-6.tar.sha256")).unwrap(), b"00  a-6.tar\n");
        drop((live, next));
        assert_eq!(
            names(dir.path()),
            ["a-2.tar.partial", "a-3.tar.sha256", "a-5.tar", "a-6.tar", "a-6.tar.sha256", "a.tar"]
        );
    }

    #[test]
    fn what_a_dead_writer_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let mut left = tar_entry::directory_header(super::super::tar_layout::FIRST_DIRECTORY);
        left.extend_from_slice(b"half of something");
        fs::write(dir.path().join("a.tar.partial"), left).unwrap();
        assert_eq!(series(dir.path()).claim(&never).unwrap().copy, 1);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn an_exact_name_is_all_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar");
        let exact = |overwrite| Naming::Exact { path: path.clone(), overwrite };
        let mut claimed = exact(false).claim(&never).unwrap();
        assert!(matches!(exact(true).claim(&never), Err(Error::Conflict { .. })));
        fs::write(&path, b"old").unwrap();
        let exists = |e: &Error| matches!(e, Error::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists);
        assert!(exact(false).check().is_err_and(|e| exists(&e)));
        assert!(exact(false).persist(&mut claimed, "00").is_err_and(|e| exists(&e)));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert!(exact(true).check().is_ok());
        exact(true).persist(&mut claimed, "11").unwrap();
        assert_eq!(names(dir.path()), ["a.tar", "a.tar.sha256"]);
        assert_eq!(fs::read(&path).unwrap(), b"");
        let directory = Naming::Exact { path: dir.path().to_owned(), overwrite: true };
        assert!(matches!(directory.check(), Err(Error::Conflict { .. })));
    }
}

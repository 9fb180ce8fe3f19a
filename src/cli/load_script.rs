//! The script beside exported files: it loads them into Docker, tags the images and pushes them, where wharf is not.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Error;
use crate::oci::{Platform, Reference, printable};

const HEAD: &str = "\
#!/bin/sh
# Made by `wharf export --script`: loads the files beside it, tags the images and pushes them.
# DOCKER=podman sh load.sh takes another program, PUSH=no sh load.sh only loads and tags.
set -eu
cd -- \"$(dirname -- \"$0\")\"
docker=${DOCKER:-docker}

load() { # FILE
  \"$docker\" load -i \"$1\"
}

send() { # NAME TARGET
  \"$docker\" tag \"$1\" \"$2\"
  [ \"${PUSH:-yes}\" = no ] || \"$docker\" push \"$2\"
}
";

/// How a script of ours begins.
const MARK: &str = "#!/bin/sh\n# Made by `wharf export --script`";

/// A file that was written, and what its image is to be called.
#[derive(Debug)]
pub(super) struct Loaded<'a> {
    /// The file, in the script's directory.
    pub file: &'a Path,
    /// The name that the image has once it is loaded.
    pub source: Option<&'a Reference>,
    /// The names that it is to get.
    pub targets: Vec<&'a Reference>,
    /// The platform, where the image's other platforms have files of their own.
    pub platform: Option<&'a Platform>,
}

/// Where the script of a directory is. A file of that name that is no script of ours stays, and is an error.
pub(super) fn path(directory: &Path) -> Result<PathBuf, Error> {
    let path = directory.join("load.sh");
    match fs::read(&path) {
        Ok(text) if text.starts_with(MARK.as_bytes()) => Ok(path),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(path),
        Ok(_) => {
            let hint = "it was not made by --script: move it, or export to another directory".to_owned();
            Err(Error::Exists { what: path.display().to_string(), hint })
        }
        Err(source) => Err(Error::Io { attempted: format!("read {}", path.display()), source }),
    }
}

/// Writes the script, whole or not at all.
pub(super) fn write(path: &Path, loaded: &[Loaded<'_>]) -> Result<(), Error> {
    let partial = path.with_extension("sh.partial");
    let write = || -> io::Result<()> {
        let mut file = fs::File::create(&partial)?;
        file.write_all(text(loaded).as_bytes())?;
        executable(&file)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|source| Error::Io { attempted: format!("write {}", path.display()), source })
}

#[cfg(unix)]
fn executable(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    // Who may read it may run it.
    file.set_permissions(fs::Permissions::from_mode(mode | ((mode & 0o444) >> 2)))
}

#[cfg(not(unix))]
fn executable(_: &fs::File) -> io::Result<()> {
    Ok(())
}

fn text(loaded: &[Loaded<'_>]) -> String {
    let mut out = HEAD.to_owned();
    for Loaded { file, source, targets, platform } in loaded {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        out += &format!("\nload {}\n", quoted(&format!("./{name}")));
        let Some(source) = source.filter(|source| source.tag.is_some()) else {
            for target in targets {
                let target = printable(&target.to_string(), 500);
                out += &format!("# {target}: it has no name until somebody tags what load says\n");
            }
            continue;
        };
        let source = Reference { digest: None, ..source.clone() }.to_string();
        for target in targets {
            match named(target, *platform) {
                Some(target) => out += &format!("send {} {}\n", quoted(&source), quoted(&target)),
                None => {
                    out += &format!("# {}: its tag would be too long\n", printable(&target.to_string(), 500))
                }
            }
        }
    }
    out
}

/// A target's name; with the platform in its tag where there are others that must not take its place.
fn named(target: &Reference, platform: Option<&Platform>) -> Option<String> {
    let Some(platform) = platform else { return Some(target.to_string()) };
    let tag = target.tag.as_ref().map_or("latest", |tag| tag.as_str());
    Some(target.with_tag(format!("{tag}-{}", platform.dashed()).parse().ok()?).to_string())
}

/// A word for a POSIX shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_loaded_and_its_image_sent() {
        let (source, digest): (Reference, Reference) = (
            "nginx:1.27".parse().unwrap(),
            format!("nginx@{}", crate::oci::Digest::of(b"")).parse().unwrap(),
        );
        let (one, two): (Reference, Reference) =
            ("h.io/x/nginx:1.27".parse().unwrap(), "g.io/nginx:1.27".parse().unwrap());
        let arm: Platform = "arm/v7".parse().unwrap();
        let of = |file, source, targets, platform| Loaded {
            file: Path::new(file),
            source: Some(source),
            targets,
            platform,
        };
        let shown = text(&[
            of("/d/a.tar", &source, vec![&one, &two], None),
            of("/d/it's.tar", &source, vec![&one], Some(&arm)),
            of("/d/c.tar", &digest, vec![&one], None),
            of("/d/e.tar", &source, vec![], None),
        ]);
        let want = "
load './a.tar'
send 'docker.io/library/nginx:1.27' 'h.io/x/nginx:1.27'
send 'docker.io/library/nginx:1.27' 'g.io/nginx:1.27'

load './it'\\''s.tar'
send 'docker.io/library/nginx:1.27' 'h.io/x/nginx:1.27-linux-arm-v7'

load './c.tar'
# h.io/x/nginx:1.27: it has no name until somebody tags what load says

load './e.tar'
";
        assert_eq!(shown.strip_prefix(HEAD), Some(want));
        assert!(shown.starts_with(MARK));
    }

    #[test]
    fn a_file_of_somebody_elses_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = path(home.path()).unwrap();
        write(&path, &[]).unwrap();
        assert_eq!(super::path(home.path()).unwrap(), path);
        fs::write(&path, "echo mine\n").unwrap();
        assert_eq!(super::path(home.path()).unwrap_err().exit_code(), 1);
    }
}

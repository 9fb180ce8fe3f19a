//! Image files: which ones a directory has, and which images are in one, or at an engine.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;

use super::place::{FileKind, ListedImage, ListedImages};
use super::{Error, FileEntry, Inner, Place, Result};
use crate::oci::{Descriptor, Digest, Location, Reference, media_type};
use crate::transport;
use crate::transport::archive::{LayoutImage, OciLayout};

/// How a file's name ends that may be an archive of images.
pub(super) const ENDINGS: [&str; 5] = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"];

/// Blobs of one layout whose sizes are added up: what is beyond is left out.
const COUNTED: usize = 20_000;

/// The image files and layouts in a directory, newest first; one that does not exist holds none. An image file, or a
/// directory that is a layout itself, is its own only entry.
pub(super) async fn list_files(directory: &Path) -> Result<Vec<FileEntry>> {
    let directory = directory.to_owned();
    let read = tokio::task::spawn_blocking(move || read_directory(&directory)).await;
    Ok(read.map_err(|e| Error::Internal(e.to_string()))??)
}

fn read_directory(directory: &Path) -> transport::Result<Vec<FileEntry>> {
    let wrong = |error| transport::Error::file("list", directory, error);
    if let Some(itself) = entry(directory) {
        return Ok(vec![itself]);
    }
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(wrong)?,
    };
    let mut files = Vec::new();
    for there in entries {
        files.extend(entry(&there.map_err(wrong)?.path()));
    }
    files.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
    Ok(files)
}

/// What is at a path, if it is a file or layout of images. What went away between the listing and the look is no error.
fn entry(path: &Path) -> Option<FileEntry> {
    let metadata = fs::metadata(path).ok()?;
    let modified = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    let path = path.to_owned();
    if metadata.is_dir() {
        let index = fs::metadata(path.join("index.json")).ok().filter(fs::Metadata::is_file)?;
        if !path.join("oci-layout").is_file() {
            return None;
        }
        let modified = index.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let size = blobs_size(&path);
        return Some(FileEntry { path, kind: FileKind::Layout, size, modified });
    }
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let image = metadata.is_file() && ENDINGS.iter().any(|end| name.ends_with(end));
    image.then_some(FileEntry { path, kind: FileKind::Archive, size: metadata.len(), modified })
}

fn blobs_size(layout: &Path) -> u64 {
    let algorithms = fs::read_dir(layout.join("blobs")).into_iter().flatten().flatten();
    let blobs =
        algorithms.flat_map(|algorithm| fs::read_dir(algorithm.path()).into_iter().flatten().flatten());
    blobs.take(COUNTED).filter_map(|blob| blob.metadata().ok()).map(|there| there.len()).sum()
}

impl Inner {
    /// The images in an archive or a layout, in its own order, or at an engine, by name; other places have none so.
    pub(super) async fn list_images(&self, place: &Place) -> Result<ListedImages> {
        let (images, tar) = match place {
            Place::Archive(path) => {
                let tar = self.open_archive(path).await?;
                (listed(place, tar.images(), tar.is_docker()), Some(tar))
            }
            Place::Layout(path) => (listed(place, OciLayout::images(path).await?, false), None),
            Place::Engine(host) => (self.daemon_images(host.as_deref()).await?, None),
            Place::Registry(_) | Place::Store | Place::Directory(_) => (Vec::new(), None),
        };
        check_names(place, &images)?;
        Ok(ListedImages { images, _tar: tar })
    }

    /// An engine's images, a row for each name, sorted; those without a name last.
    async fn daemon_images(&self, host: Option<&str>) -> Result<Vec<ListedImage>> {
        let mut listed = Vec::new();
        for image in self.daemons.open(host)?.images().await? {
            let Ok(id) = image.id.parse::<Digest>() else { continue };
            let descriptor = Descriptor::new(media_type::OCI_CONFIG, id, image.size);
            let location = |image: &str| Location::DockerDaemon {
                host: host.map(str::to_owned),
                image: image.to_owned(),
            };
            listed.extend(image.names.iter().map(|name| ListedImage {
                location: location(name),
                name: Some(name.clone()),
                descriptor: descriptor.clone(),
            }));
            if image.names.is_empty() {
                listed.push(ListedImage { location: location(&image.id), name: None, descriptor });
            }
        }
        listed.sort_by(|a, b| (a.name.is_none(), &a.name).cmp(&(b.name.is_none(), &b.name)));
        Ok(listed)
    }
}

/// A job is recorded as it is written, and read again by who resumes it: what would be read otherwise is refused.
fn check_names(place: &Place, listed: &[ListedImage]) -> Result<()> {
    let kept =
        |image: &ListedImage| image.location.to_string().parse().ok().as_ref() == Some(&image.location);
    match listed.iter().all(kept) {
        true => Ok(()),
        false => Err(Error::Request(format!(
            "{place}: its images cannot be named; an engine's name may have no slash, a path must be text"
        ))),
    }
}

/// `docker` archives are asked for by full names, where they have some.
fn listed(place: &Place, images: Vec<LayoutImage>, docker: bool) -> Vec<ListedImage> {
    // A name that several different images have chooses none of them: those go by their digests.
    let mut named: HashMap<String, HashSet<Digest>> = HashMap::new();
    for image in &images {
        if let Some(name) = image.names.first() {
            named.entry(name.clone()).or_default().insert(image.descriptor.digest.clone());
        }
    }
    let mut seen = HashSet::new();
    let mut listed = Vec::with_capacity(images.len());
    for LayoutImage { names, descriptor } in images {
        let name = names.into_iter().next().filter(|name| named.get(name).is_none_or(|all| all.len() == 1));
        // Referrers are listed beside the images that they refer to.
        if name.is_none() && descriptor.artifact_type.is_some() {
            continue;
        }
        let full = name.as_ref().filter(|_| docker).and_then(|name| name.parse::<Reference>().ok());
        let reference = Some(name.clone().unwrap_or_else(|| descriptor.digest.to_string()));
        let location = match (place, full) {
            (Place::Layout(path), _) => Location::OciLayout { path: path.clone(), reference },
            (Place::Archive(path), Some(full)) => {
                Location::DockerArchive { path: path.clone(), reference: Some(full) }
            }
            (Place::Archive(path), None) => Location::OciArchive { path: path.clone(), reference },
            _ => continue,
        };
        if seen.insert(location.clone()) {
            listed.push(ListedImage { location, name, descriptor });
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(names: &[&str], content: &[u8]) -> LayoutImage {
        let descriptor = Descriptor::new(media_type::OCI_MANIFEST, Digest::of(content), 7);
        LayoutImage { names: names.iter().map(|name| (*name).to_owned()).collect(), descriptor }
    }

    fn shown(place: &Place, images: Vec<LayoutImage>, docker: bool) -> Vec<String> {
        listed(place, images, docker).iter().map(|image| image.location.to_string()).collect()
    }

    #[test]
    fn images_are_asked_for_by_the_name_that_chooses_them() {
        let (archive, layout) = (Place::Archive("a.tar".into()), Place::Layout("d".into()));
        let digest = Digest::of(b"3");
        let images = || {
            vec![
                image(&["docker.io/library/a:1", "1"], b"1"),
                image(&["o/b:2", "2"], b"2"),
                image(&[], b"3"),
                image(&["docker.io/library/a:1", "1"], b"1"),
            ]
        };
        let by_digest = format!("oci-archive:a.tar:{digest}");
        let want = [
            "docker-archive:a.tar:docker.io/library/a:1",
            "docker-archive:a.tar:docker.io/o/b:2",
            &by_digest,
        ];
        assert_eq!(shown(&archive, images(), true), want);
        let want = ["oci-archive:a.tar:docker.io/library/a:1", "oci-archive:a.tar:o/b:2", &by_digest];
        assert_eq!(shown(&archive, images(), false), want);
        let by_digest = format!("oci:d:{digest}");
        assert_eq!(
            shown(&layout, images(), false),
            ["oci:d:docker.io/library/a:1", "oci:d:o/b:2", &by_digest]
        );
        let twice = listed(&layout, vec![image(&["v1"], b"1"), image(&["v1"], b"2")], false);
        assert!(twice.len() == 2 && twice.iter().all(|image| image.name.is_none()));
    }

    #[test]
    fn what_cannot_be_written_down_is_not_listed() {
        let check = |place: &Place| {
            let images = match place {
                Place::Engine(host) => vec![ListedImage {
                    location: Location::DockerDaemon { host: host.clone(), image: "a:1".to_owned() },
                    name: None,
                    descriptor: image(&[], b"1").descriptor,
                }],
                place => listed(place, vec![image(&["v1"], b"1"), image(&[], b"2")], false),
            };
            check_names(place, &images).map_err(|error| error.to_string())
        };
        for good in [
            Place::Layout("d/镜像 x".into()),
            Place::Layout("d:1".into()),
            Place::Archive("a:b.tar".into()),
            Place::Engine(Some("b".into())),
        ] {
            assert_eq!(check(&good), Ok(()));
        }
        let bad = Place::Engine(Some("a/b".into()));
        assert!(check(&bad).unwrap_err().contains("cannot be named"), "{bad}");
    }

    #[tokio::test]
    async fn files_and_layouts_are_told_from_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a.tar", "b.TAR.GZ", "c.txt", "d.tar.zst"] {
            fs::write(at(name), b"123").unwrap();
        }
        fs::create_dir_all(at("plain/blobs/sha256")).unwrap();
        fs::create_dir_all(at("layout/blobs/sha256")).unwrap();
        fs::write(at("layout/oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        fs::write(at("layout/index.json"), b"{}").unwrap();
        fs::write(at("layout/blobs/sha256/x"), b"12345").unwrap();
        let mut files = list_files(dir.path()).await.unwrap();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let told: Vec<_> =
            files.iter().map(|f| (f.path.file_name().unwrap().to_str().unwrap(), f.kind, f.size)).collect();
        let want = [
            ("a.tar", FileKind::Archive, 3),
            ("b.TAR.GZ", FileKind::Archive, 3),
            ("d.tar.zst", FileKind::Archive, 3),
            ("layout", FileKind::Layout, 5),
        ];
        assert_eq!(told, want);
        for itself in ["a.tar", "layout"] {
            assert_eq!(list_files(&at(itself)).await.unwrap()[0].path, at(itself));
        }
        assert_eq!(list_files(&at("nowhere")).await.unwrap(), []);
    }
}

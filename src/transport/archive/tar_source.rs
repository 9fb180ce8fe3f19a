//! Reading images out of a plain tar: OCI archives, and docker-archives that carry an OCI index (wharf's own,
//! and `docker save` since 25). The tar's headers are read once; after that every blob is read where it lies.
//!
//! Nothing is unpacked, so no entry can be written anywhere; links count only inside the archive.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Seek};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustix::fs::OFlags;

use super::oci_layout::index::{self, NoChoice};
use super::{LayoutImage, blocking, pieces};
use crate::oci::{Descriptor, Digest, MANIFEST_LIMIT, RawManifest, TagOrDigest, printable};
use crate::transport::{ByteStream, Error, Result, Source};

/// Entries that an archive may have: far more than any image needs, and little enough for memory.
const ENTRY_LIMIT: usize = 100_000;

/// Links that are followed from one name.
const LINK_LIMIT: usize = 16;

/// A tar with images in it, that is read.
#[derive(Debug)]
pub struct TarArchive {
    contents: Arc<Contents>,
    entries: Vec<Descriptor>,
    chosen: Descriptor,
}

/// What the tar's headers say.
#[derive(Debug)]
struct Contents {
    path: PathBuf,
    file: Arc<File>,
    entries: HashMap<String, Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    /// Content at an offset.
    File { at: u64, size: u64 },
    /// Another name's content.
    Link(String),
}

impl TarArchive {
    /// Opens the tar at `path`. `reference` chooses an image as in [`super::OciLayout::open`].
    pub async fn open(path: &Path, reference: Option<&str>) -> Result<TarArchive> {
        let (path, reference) = (path.to_owned(), reference.map(str::to_owned));
        blocking(move || {
            let contents = Contents::read(&path)?;
            let entries = contents.images()?;
            let at = contents.at();
            let chosen = index::select(&entries, reference.as_deref()).map_err(|no| match no {
                NoChoice::Unknown(there) => {
                    let name = reference.as_deref().map(|name| format!(" {}", printable(name, 200)));
                    Error::NotFound { what: format!("image{} ({there})", name.unwrap_or_default()), at }
                }
                NoChoice::Ambiguous(there) => Error::Unsupported {
                    reason: format!("which image is meant? {there}; write {at}:NAME"),
                    at,
                },
            })?;
            Ok(TarArchive { contents: Arc::new(contents), entries, chosen })
        })
        .await
    }

    /// The image that was chosen: its digest is what to ask [`Source::manifest`] for.
    pub fn chosen(&self) -> &Descriptor {
        &self.chosen
    }

    /// Every image of the tar at `path`, in its index's order.
    pub async fn images(path: &Path) -> Result<Vec<LayoutImage>> {
        let path = path.to_owned();
        let entries = blocking(move || Contents::read(&path)?.images()).await?;
        Ok(entries.into_iter().map(LayoutImage::from).collect())
    }
}

impl Contents {
    fn read(path: &Path) -> Result<Contents> {
        let failed = |e| Error::file("read", path, e);
        // Never waiting for the other end of a FIFO.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
        let there = file.metadata().map_err(failed)?;
        let contents = Contents { path: path.to_owned(), file: Arc::new(file), entries: HashMap::new() };
        if !there.is_file() {
            return Err(contents.wrong("this is no regular file".to_owned()));
        }
        let mut start = [0; 4];
        let _ = contents.file.read_at(&mut start, 0).map_err(failed)?;
        if start.starts_with(&[0x1f, 0x8b]) || start == [0x28, 0xb5, 0x2f, 0xfd] {
            let reason = "the archive is compressed; unpack it first (gunzip, zstd -d)".to_owned();
            return Err(Error::Unsupported { at: contents.at(), reason });
        }
        contents.scan(there.len())
    }

    /// Notes every entry. Of two with one name the last counts, as for tar.
    fn scan(mut self, length: u64) -> Result<Contents> {
        // The tar crate's words repeat the bytes at hand, which may be anything.
        let broken = |path: &Path, e: std::io::Error| Error::Format {
            path: path.to_owned(),
            reason: match e.kind() {
                std::io::ErrorKind::UnexpectedEof => "the tar ends in the middle of an entry".to_owned(),
                _ => "this is no tar that can be read".to_owned(),
            },
        };
        let path = self.path.clone();
        let mut reader = BufReader::new(self.file.as_ref());
        reader.rewind().map_err(|e| Error::file("read", &path, e))?;
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries_with_seek().map_err(|e| broken(&path, e))? {
            let entry = entry.map_err(|e| broken(&path, e))?;
            if self.entries.len() >= ENTRY_LIMIT {
                return Err(self.wrong(format!("it has more than {ENTRY_LIMIT} entries")));
            }
            let Some(name) = entry.path().ok().and_then(|path| inside(Path::new(""), &path)) else {
                continue;
            };
            let kind = entry.header().entry_type();
            let target = || entry.link_name().ok().flatten();
            let found = if kind.is_file() || kind.is_contiguous() {
                let (at, size) = (entry.raw_file_position(), entry.size());
                if at.checked_add(size).is_none_or(|end| end > length) {
                    return Err(
                        self.wrong(format!("it is cut short: {} is not whole", printable(&name, 200)))
                    );
                }
                Some(Entry::File { at, size })
            } else if kind.is_symlink() {
                let directory = Path::new(&name).parent().unwrap_or(Path::new(""));
                target().and_then(|target| inside(directory, &target)).map(Entry::Link)
            } else if kind.is_hard_link() {
                target().and_then(|target| inside(Path::new(""), &target)).map(Entry::Link)
            } else {
                None
            };
            match found {
                Some(found) => self.entries.insert(name, found),
                None => self.entries.remove(&name),
            };
        }
        Ok(self)
    }

    fn at(&self) -> String {
        self.path.display().to_string()
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Format { path: self.path.clone(), reason }
    }

    /// Where a name's content lies, through the archive's own links.
    fn find(&self, name: &str) -> Result<Option<(u64, u64)>> {
        let mut name = name;
        for _ in 0..LINK_LIMIT {
            match self.entries.get(name) {
                None => return Ok(None),
                Some(Entry::File { at, size }) => return Ok(Some((*at, *size))),
                Some(Entry::Link(target)) => name = target,
            }
        }
        Err(self.wrong(format!("the links from {} lead in a circle", printable(name, 200))))
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some((at, size)) = self.find(name)? else { return Ok(None) };
        if size > MANIFEST_LIMIT as u64 {
            return Err(self.wrong(format!("{name} is larger than {MANIFEST_LIMIT} bytes")));
        }
        let mut bytes = vec![0; size as usize];
        self.file.read_exact_at(&mut bytes, at).map_err(|e| Error::file("read", &self.path, e))?;
        Ok(Some(bytes))
    }

    fn images(&self) -> Result<Vec<Descriptor>> {
        match self.document("index.json")? {
            Some(bytes) => {
                index::entries(&bytes).map_err(|reason| self.wrong(format!("index.json: {reason}")))
            }
            None if self.entries.contains_key("manifest.json") => {
                let reason =
                    "this docker-archive has no OCI index (docker save before 25); wharf cannot read it yet";
                Err(Error::Unsupported { at: self.at(), reason: reason.to_owned() })
            }
            None => Err(self.wrong("there is no image in it: it has no index.json".to_owned())),
        }
    }

    fn manifest(&self, digest: &Digest, kind: &str) -> Result<RawManifest> {
        let Some(bytes) = self.document(&index::blob_path(digest))? else {
            return Err(Error::NotFound { what: format!("manifest {digest}"), at: self.at() });
        };
        if !digest.matches(&bytes) {
            let at = format!("{} {digest}", self.at());
            let (expected, found) = (digest.to_string(), Digest::of(&bytes).to_string());
            return Err(Error::Content { attempted: "read manifest", at, expected, found });
        }
        Ok(RawManifest::with_digest(bytes.into(), kind, digest.clone()))
    }
}

/// A name inside the archive, from its root; `None` if it leads out.
fn inside(directory: &Path, name: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.components().chain(name.components()) {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

impl Source for TarArchive {
    fn manifest<'a>(&'a self, at: &'a TagOrDigest) -> BoxFuture<'a, Result<RawManifest>> {
        Box::pin(async move {
            let (digest, kind) = index::look_up(&self.entries, &self.chosen, at)
                .ok_or_else(|| Error::NotFound { what: format!("tag {at}"), at: self.contents.at() })?;
            let contents = self.contents.clone();
            blocking(move || contents.manifest(&digest, &kind)).await
        })
    }

    fn blob<'a>(&'a self, blob: &'a Descriptor, from: u64) -> BoxFuture<'a, Result<(u64, ByteStream)>> {
        Box::pin(async move {
            let contents = &self.contents;
            let Some((at, size)) = contents.find(&index::blob_path(&blob.digest))? else {
                return Err(Error::NotFound { what: format!("blob {}", blob.digest), at: contents.at() });
            };
            if size != blob.size {
                let at = format!("{} {}", contents.at(), blob.digest);
                let (expected, found) = (format!("{} bytes", blob.size), format!("{size} bytes"));
                return Err(Error::Content { attempted: "read blob", at, expected, found });
            }
            let from = from.min(size);
            let (file, path) = (contents.file.clone(), contents.path.clone());
            Ok((from, pieces::read_range(file, path, at + from, at + size)))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use serde_json::json;

    use super::*;

    enum Item<'a> {
        File(&'a str, &'a [u8]),
        Link(&'a str, &'a str),
    }

    fn tar(dir: &tempfile::TempDir, items: &[Item<'_>]) -> PathBuf {
        let path = dir.path().join("a.tar");
        let mut builder = tar::Builder::new(File::create(&path).unwrap());
        for item in items {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            match item {
                Item::File(name, bytes) => {
                    header.set_size(bytes.len() as u64);
                    builder.append_data(&mut header, name, *bytes).unwrap();
                }
                Item::Link(name, target) => {
                    header.set_size(0);
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, name, target).unwrap();
                }
            }
        }
        builder.into_inner().unwrap().sync_all().unwrap();
        path
    }

    fn index(manifest: &Digest, size: usize) -> Vec<u8> {
        json!({"manifests": [{"mediaType": "", "digest": manifest, "size": size,
            "annotations": {"io.containerd.image.name": "docker.io/library/a:1"}}]})
        .to_string()
        .into_bytes()
    }

    #[tokio::test]
    async fn blobs_are_read_where_they_lie_and_links_followed_inside() {
        let dir = tempfile::tempdir().unwrap();
        let (layer, manifest) = (b"layer".as_slice(), br#"{"schemaVersion":2,"layers":[]}"#.as_slice());
        let (layer_at, manifest_at) =
            (index::blob_path(&Digest::of(layer)), index::blob_path(&Digest::of(manifest)));
        let real = index(&Digest::of(manifest), manifest.len());
        let path = tar(
            &dir,
            &[
                Item::File("index.json", b"an older one"),
                Item::File("x/layer.tar", layer),
                Item::Link(&layer_at, "../../x/layer.tar"),
                Item::File(&manifest_at, manifest),
                Item::File("./index.json", &real),
            ],
        );
        for reference in [None, Some("a:1")] {
            let archive = TarArchive::open(&path, reference).await.unwrap();
            let raw = archive.manifest(&TagOrDigest::Digest(archive.chosen().digest.clone())).await.unwrap();
            assert!(raw.bytes == manifest);
            let blob = Descriptor::new("", Digest::of(layer), 5);
            let (start, body) = archive.blob(&blob, 2).await.unwrap();
            let pieces: Vec<_> = body.map(|p| p.unwrap()).collect().await;
            assert_eq!((start, pieces.concat().as_slice()), (2, b"yer".as_slice()));
            assert!(archive.manifest(&"1".parse().unwrap()).await.is_ok());
        }
        assert!(TarArchive::open(&path, Some("b")).await.unwrap_err().is_not_found());
        assert_eq!(TarArchive::images(&path).await.unwrap()[0].names, ["docker.io/library/a:1"]);
    }

    #[tokio::test]
    async fn what_leads_out_or_in_circles_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = tar(&dir, &[Item::Link("index.json", "a"), Item::Link("a", "index.json")]);
        let error = TarArchive::open(&path, None).await.unwrap_err();
        assert!(error.to_string().contains("circle"), "{error}");
        for target in ["/etc/hostname", "../../../../etc/hostname"] {
            let path = tar(&dir, &[Item::Link("index.json", target)]);
            assert!(matches!(TarArchive::open(&path, None).await, Err(Error::Format { .. })));
        }
        std::fs::write(&path, b"not a tar at all").unwrap();
        assert!(matches!(TarArchive::open(&path, None).await, Err(Error::Format { .. })));
        std::fs::write(&path, b"\x1f\x8b\x08\x00").unwrap();
        assert!(matches!(TarArchive::open(&path, None).await, Err(Error::Unsupported { .. })));
        assert!(matches!(TarArchive::open(dir.path(), None).await, Err(Error::Format { .. })));
    }
}

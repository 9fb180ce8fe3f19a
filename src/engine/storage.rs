//! The local image store as a whole: what it holds, and giving back what nothing needs. And image files in directories:
//! what is in them, and whether they are whole.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Error, Inner, ListedImage, Place, Result};
use crate::job::Target;
use crate::oci::{Digest, Hasher, Location, printable};
use crate::transport;
use crate::transport::local::{Collection, Garbage, Usage};

/// Bytes that may be written where a path is or will be.
pub(super) async fn room_at(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    let look = move || path.ancestors().find(|path| path.exists()).and_then(transport::archive::available);
    tokio::task::spawn_blocking(look).await.ok().flatten()
}

/// Bytes read at once.
const READ: usize = 1 << 20;

/// What is in an image file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileContents {
    /// Its images' names, or the digest of one that has none.
    pub images: Vec<String>,
    /// Why it cannot be read as an archive of images.
    pub problem: Option<String>,
    /// Whether it is what the `.sha256` beside it says.
    pub sum: Sum,
}

/// A file and the `.sha256` beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sum {
    /// There is none.
    None,
    /// There is one; the file was not read.
    Unchecked,
    /// They agree.
    Right,
    /// They do not.
    Wrong,
}

impl Inner {
    pub(super) async fn store_usage(&self) -> Result<Usage> {
        Ok(self.store.usage().await?)
    }

    pub(super) async fn collect_garbage(&self, how: Collection) -> Result<Garbage> {
        // Any image of the store: what forbids writing there speaks of all.
        if let Ok(location) = "store:any".parse::<Location>()
            && !how.dry_run
        {
            self.refuse_forbidden(&Target::Image(location))?;
        }
        Ok(self.store.collect_garbage(how).await?)
    }

    /// What is in an image file; with `verify` the file is read whole.
    pub(super) async fn file_contents(&self, path: &Path, verify: bool) -> Result<FileContents> {
        let (images, problem) = match self.list_images(&Place::at(path)).await {
            Ok(images) => {
                let name =
                    |image: ListedImage| image.name.unwrap_or_else(|| image.descriptor.digest.to_string());
                (images.images.into_iter().map(name).collect(), None)
            }
            Err(error) => (Vec::new(), Some(printable(&error.to_string(), 500))),
        };
        let owned = path.to_owned();
        let sum = tokio::task::spawn_blocking(move || sum(&owned, verify));
        let sum = sum.await.map_err(|e| Error::Internal(e.to_string()))?;
        Ok(FileContents { images, problem, sum: sum.map_err(|e| transport::Error::file("read", path, e))? })
    }
}

/// Compares a file with its sum. Blocking.
fn sum(path: &Path, verify: bool) -> std::io::Result<Sum> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".sha256");
    let mut text = String::new();
    match File::open(PathBuf::from(beside)) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Sum::None),
        file => file?.take(4096).read_to_string(&mut text)?,
    };
    if !verify {
        return Ok(Sum::Unchecked);
    }
    let wanted =
        text.split_whitespace().next().and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
    let (mut file, mut hasher, mut piece) = (File::open(path)?, Hasher::sha256(), vec![0; READ]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => hasher.update(&piece[..length]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(if wanted == Some(hasher.finish()) { Sum::Right } else { Sum::Wrong })
}

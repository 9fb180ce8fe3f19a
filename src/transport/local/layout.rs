//! Where everything is on the disk: paths only, no I/O.

use std::path::{Path, PathBuf};

use super::UploadId;
use crate::oci::{Digest, Repository};

/// The directory of one repository's OCI layout. `_` cannot begin a repository's component, so no repository's
/// path ever meets it.
pub(super) const IMAGE: &str = "_image";

/// The paths under a store's root.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Layout {
        Layout { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// `ROOT/_blobs`: every blob once, whatever repositories have it.
    pub(super) fn shared(&self) -> PathBuf {
        self.root.join("_blobs")
    }

    pub(super) fn shared_blob(&self, digest: &Digest) -> PathBuf {
        within(self.shared(), digest)
    }

    /// `ROOT/_uploads`: what is being written.
    pub(super) fn uploads(&self) -> PathBuf {
        self.root.join("_uploads")
    }

    pub(super) fn upload(&self, id: &UploadId) -> PathBuf {
        self.uploads().join(id.as_str())
    }

    /// `ROOT/REPOSITORY`
    pub(super) fn repository(&self, repository: &Repository) -> PathBuf {
        self.root.join(repository.as_str())
    }

    /// `ROOT/REPOSITORY/_image`: a plain OCI image layout.
    pub(super) fn image(&self, repository: &Repository) -> PathBuf {
        self.repository(repository).join(IMAGE)
    }

    /// `ROOT/REPOSITORY/_image/blobs`
    pub(super) fn blobs(&self, repository: &Repository) -> PathBuf {
        self.image(repository).join("blobs")
    }

    pub(super) fn blob(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        within(self.blobs(repository), digest)
    }

    pub(super) fn index(&self, repository: &Repository) -> PathBuf {
        self.image(repository).join("index.json")
    }

    /// Locked shared by everyone who changes the store, exclusively by the garbage collection.
    pub(super) fn store_lock(&self) -> PathBuf {
        self.root.join("_lock")
    }

    /// Locked by who changes one repository. Beside the layout, so that the layout holds only what belongs there.
    pub(super) fn repository_lock(&self, repository: &Repository) -> PathBuf {
        self.repository(repository).join("_lock")
    }
}

fn within(blobs: PathBuf, digest: &Digest) -> PathBuf {
    blobs.join(digest.algorithm()).join(digest.hex())
}

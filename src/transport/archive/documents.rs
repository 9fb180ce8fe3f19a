//! What tells one kind of tar from another: which blobs it takes, and which documents end it.

use crate::oci::{Descriptor, Digest};

/// The documents of one archive, gathered while it is written.
pub(super) trait Documents: Default + Send + 'static {
    /// Whether zstd layers are compressed anew.
    const RECOMPRESSES: bool;

    /// Why a blob does not belong into such an archive.
    fn check_blob(blob: &Descriptor) -> Result<(), String>;

    /// Whether no image was put yet.
    fn is_empty(&self) -> bool;

    /// The layers of all images in their order, as the archive has them: those that were compressed anew are written
    /// behind the others.
    fn layers(&self) -> Vec<&Digest>;

    /// Every entry behind the blobs, in order: path and content.
    fn entries(&self) -> Vec<(String, Vec<u8>)>;

    /// The digest that an image has in the archive, where writing changed it.
    fn changed(&self) -> Option<Digest>;
}

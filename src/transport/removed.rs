//! What a deletion on this machine's disk took away.

/// What went with an image that was deleted from the store or from a layout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Manifests that are gone; none where other names still lead to the image.
    pub manifests: u64,
    /// Blobs that are gone from the repository or layout, manifests among them.
    pub blobs: u64,
    /// Bytes that became free on the disk.
    pub bytes: u64,
    /// Bytes that nothing needs any more but that were left alone: somebody may be writing an image of them.
    pub left: u64,
}

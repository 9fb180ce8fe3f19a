//! Images in files: OCI layout directories, tars of them, and archives that `docker load` takes.
//!
//! | file | story |
//! |---|---|
//! | `oci_layout` | directories, both ways |
//! | `tar_source` | tars that are read: their images and where their bytes lie |
//! | `staged`, `spool` | such a tar made of a stream or of a compressed file |
//! | `packed`, `gzip` | the plain layers of images that an engine saved, gzipped |
//! | `docker_archive`, `oci_archive` | tars that are written: what goes into them and which documents end them |
//! | `documents` | the seam between those two and what follows |
//! | `shared`, `tar_layout`, `tar_entry`, `blob_writer` | a tar that many write in place |
//! | `naming`, `partial`, `leftover`, `journal` | files that are whole or absent, and gone on with |
//! | `outlet`, `packing` | the way out of what is compressed whole, or goes to standard output |
//! | `in_place`, `pieces`, `recompress`, `sum`, `room` | blobs on their way into files |
//! | `referrer` | what stands beside the images of a layout |

mod blob_writer;
mod docker_archive;
mod documents;
mod gzip;
mod in_place;
mod journal;
mod leftover;
mod naming;
mod oci_archive;
mod oci_layout;
mod outlet;
mod packed;
mod packing;
mod partial;
mod pieces;
mod recompress;
mod referrer;
pub(super) mod room;
mod shared;
mod spool;
mod staged;
mod sum;
mod summed;
mod tar_entry;
mod tar_layout;
mod tar_source;

pub use docker_archive::DockerArchive;
pub use naming::Naming;
pub use oci_archive::OciArchiveWriter;
pub use oci_layout::{LayoutImage, OciLayout, OciLayoutWriter};
pub use room::available;
pub use spool::Spool;
pub use tar_source::{TarArchive, TarFile, WeakTarFile};

/// Standard input, for people.
pub const STDIN: &str = "standard input";

use super::{Error, Result};

/// Runs `work` where blocking is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Error::file("write", "archive", std::io::Error::other(e))),
    }
}

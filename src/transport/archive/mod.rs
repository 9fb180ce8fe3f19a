//! Images in files: OCI layout directories, tars of them, and archives that `docker load` takes.

mod docker_archive;
mod in_place;
mod journal;
mod oci_layout;
mod partial;
mod pieces;
mod room;
mod tar_entry;
mod tar_source;

pub use docker_archive::{DockerArchive, Naming};
pub use oci_layout::{LayoutImage, OciLayout, OciLayoutWriter};
pub use tar_source::TarArchive;

use super::{Error, Result};

/// Runs `work` where blocking is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Error::file("write", "archive", std::io::Error::other(e))),
    }
}

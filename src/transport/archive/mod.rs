//! Images in files: OCI layout directories, and archives that `docker load` takes.

mod docker_archive;
mod partial;
mod pieces;
mod tar_entry;

pub use docker_archive::{DockerArchive, Naming};

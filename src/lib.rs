//! wharf (map to come)
pub mod oci;

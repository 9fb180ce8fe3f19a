//! To come.

pub mod demo_images;

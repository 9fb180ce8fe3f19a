//! To come.

pub mod terminal;
pub mod theme;

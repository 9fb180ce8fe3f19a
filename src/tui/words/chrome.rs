//! The header, the bottom line, the help and the palette.

use crate::config::Language;

texts! {}

//! The log.

use crate::config::Language;

texts! {}

//! The first run, themes, and logins.

use crate::config::Language;

texts! {}

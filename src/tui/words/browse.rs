//! The browser, the details and the marks.

use crate::config::Language;

texts! {}

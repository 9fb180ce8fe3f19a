//! Tags, deletions, comparisons and searches.

use crate::config::Language;

texts! {}

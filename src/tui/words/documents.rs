//! The queue as a document: in an editor, saved, loaded.

use crate::config::Language;

texts! {}

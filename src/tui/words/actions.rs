//! What each action does: the languages of the action table.

use crate::config::Language;

texts! {}

//! What is yanked, the mouse, notices outside the screen, and reports of a panic.

use crate::config::Language;

texts! {}
